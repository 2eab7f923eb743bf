//! Where a call that we place is tried next: another address of its server (RFC 3263 section 4.3), a place that it was
//! redirected to (RFC 3261 section 8.1.3.4), or the same place with a longer session (RFC 4028 section 7.3).
//!
//! It decides only. It resolves no name and sends nothing.

use std::collections::VecDeque;
use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Response, Scheme, Uri, typed};
use rsipstack::transport::SipAddr;

use super::session_timer;
use crate::sip::{Redirects, Trunk, message};

/// Places a call is redirected to, at most.
const PLACES: usize = 5;

/// Of one call.
pub(super) struct Attempts {
    policy: Policy,
    /// Addresses of the present place that are left.
    addresses: VecDeque<SipAddr>,
    /// Places that it was redirected to and that are left, the best first.
    places: VecDeque<Uri>,
    /// Every place that it was ever to be tried at.
    known: Vec<Uri>,
    /// It was tried with a session as long as the peer wanted.
    lengthened: bool,
}

/// Where a callee may send a call. It is our money: a redirection is worth no more than the word of who sent it.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// Whose redirections they are; without one none is followed.
    pub trunk: Option<Trunk>,
    /// The user part that was dialled.
    pub user: String,
}

/// How an attempt ended.
pub(super) enum Met<'a> {
    /// Not a word, or it could not be sent.
    Silence,
    Refusal(&'a Response),
}

#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// The same place at another address.
    Address(SipAddr),
    /// Another place.
    Place(Uri),
    /// The same place and address, with a session of at least this.
    Longer(Duration),
    /// It is refused.
    Nothing,
}

impl Attempts {
    pub fn new(place: Uri, policy: Policy) -> Attempts {
        Attempts {
            policy,
            addresses: VecDeque::new(),
            places: VecDeque::new(),
            known: vec![place],
            lengthened: false,
        }
    }

    /// What the present place has beside the address that is tried.
    pub fn at(&mut self, addresses: VecDeque<SipAddr>) {
        self.addresses = addresses;
    }

    /// The addresses of the present place that are left; they are taken.
    pub fn left(&mut self) -> VecDeque<SipAddr> {
        std::mem::take(&mut self.addresses)
    }

    /// Whether silence need not be waited out.
    pub fn has_more(&self) -> bool {
        !self.addresses.is_empty() || !self.places.is_empty()
    }

    pub fn after(&mut self, met: &Met<'_>) -> Next {
        let Met::Refusal(response) = met else {
            return self.elsewhere();
        };
        match response.status_code.code() {
            300..400 => {
                self.redirected(response);
                self.next_place()
            }
            422 if !self.lengthened => {
                self.lengthened = true;
                session_timer::least(response).map_or_else(|| self.next_place(), Next::Longer)
            }
            503 => self.elsewhere(),
            // Everywhere (RFC 3261 section 21.6).
            600.. => Next::Nothing,
            _ => self.next_place(),
        }
    }

    fn elsewhere(&mut self) -> Next {
        match self.addresses.pop_front() {
            Some(address) => Next::Address(address),
            None => self.next_place(),
        }
    }

    fn next_place(&mut self) -> Next {
        self.addresses.clear();
        self.places.pop_front().map_or(Next::Nothing, Next::Place)
    }

    fn redirected(&mut self, response: &Response) {
        let lines = response.contact_headers().into_iter();
        let lists = lines.filter_map(|line| typed::Contact::parse_header_list(line.value()).ok());
        let mut contacts: Vec<typed::Contact> = lists.flatten().collect();
        // Stable: among equals, as they stand.
        contacts.sort_by_key(|contact| std::cmp::Reverse(thousandths(contact.q())));
        for contact in contacts {
            let mut uri = contact.uri;
            // Headers of a URI would let the callee write our INVITE.
            uri.headers = Vec::new();
            // The first place is ours.
            if self.known.len() <= PLACES && !self.known.contains(&uri) && self.policy.permits(&uri) {
                self.known.push(uri.clone());
                self.places.push_back(uri);
            }
        }
    }
}

impl Policy {
    fn permits(&self, uri: &Uri) -> bool {
        let Some(trunk) = &self.trunk else { return false };
        matches!(uri.scheme, Some(Scheme::Sip | Scheme::Sips))
            && match trunk.redirects {
                Redirects::Never => false,
                Redirects::Trunk => message::party_of(uri).user == self.user && trunk.owns(&uri.host_with_port.host),
                Redirects::Anywhere => true,
            }
    }
}

/// `0.5` is 500; without a value, or with one that is none, 1 (RFC 3261 section 20.10 has no default; 1 is HTTP's).
fn thousandths(q: Option<f32>) -> u32 {
    (q.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rsipstack::sip::Header;

    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::try_from(text).expect("a URI")
    }

    fn address(port: u16) -> SipAddr {
        SipAddr::try_from(&uri(&format!("sip:127.0.0.1:{port}"))).expect("an address")
    }

    fn response(status: &str, headers: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1@h>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Response::try_from(text).expect("a response")
    }

    fn attempts(redirects: Redirects) -> Attempts {
        let trunk = Trunk {
            server: "gw.example".to_owned(),
            addresses: vec!["192.0.2.0/24".parse().expect("a net")],
            redirects,
            ..Trunk::default()
        };
        let policy = Policy {
            trunk: Some(trunk),
            user: "100".to_owned(),
        };
        Attempts::new(uri("sip:100@gw.example"), policy)
    }

    fn refused(attempts: &mut Attempts, status: &str, headers: &str) -> Next {
        attempts.after(&Met::Refusal(&response(status, headers)))
    }

    #[test]
    fn the_next_address_is_tried_after_silence_and_503_alone() {
        let mut all = attempts(Redirects::Never);
        all.at([address(1), address(2)].into());
        assert!(all.has_more());
        assert_eq!(all.after(&Met::Silence), Next::Address(address(1)));
        assert_eq!(
            refused(&mut all, "503 Service Unavailable", ""),
            Next::Address(address(2))
        );
        assert_eq!(all.after(&Met::Silence), Next::Nothing);
        all.at([address(3)].into());
        assert_eq!(refused(&mut all, "486 Busy Here", ""), Next::Nothing);
        assert!(!all.has_more(), "who is busy here is busy there");
    }

    #[test]
    fn redirections_are_followed_by_preference_and_each_once() {
        let mut all = attempts(Redirects::Anywhere);
        let contacts = "Contact: <sip:a@x>;q=0.2, <sip:b@x?Subject=x>\r\nContact: <mailto:c@x>\r\nContact: <sip:d@x>;q=0.7, <sip:100@gw.example>\r\n";
        assert_eq!(
            refused(&mut all, "302 Moved Temporarily", contacts),
            Next::Place(uri("sip:b@x"))
        );
        assert_eq!(refused(&mut all, "404 Not Found", ""), Next::Place(uri("sip:d@x")));
        let again = "Contact: <sip:b@x>, <sip:e@x>;q=0.1\r\n";
        assert_eq!(
            refused(&mut all, "300 Multiple Choices", again),
            Next::Place(uri("sip:a@x"))
        );
        assert_eq!(all.after(&Met::Silence), Next::Place(uri("sip:e@x")));
        assert_eq!(refused(&mut all, "603 Decline", ""), Next::Nothing);
    }

    #[test]
    fn a_callee_cannot_send_the_call_where_it_likes() {
        let elsewhere = "Contact: <sip:100@evil.example>, <sip:+88216@gw.example>, <sip:100@GW.example:5070>\r\n";
        let moved = |redirects| refused(&mut attempts(redirects), "302 Moved", elsewhere);
        assert_eq!(moved(Redirects::Never), Next::Nothing);
        assert_eq!(moved(Redirects::Trunk), Next::Place(uri("sip:100@GW.example:5070")));
        let gateway = "Contact: <sip:100@192.0.3.1>, <sip:100@192.0.2.9>\r\n";
        assert_eq!(
            refused(&mut attempts(Redirects::Trunk), "302 Moved", gateway),
            Next::Place(uri("sip:100@192.0.2.9"))
        );
    }

    #[test]
    fn five_places_are_enough() {
        let mut all = attempts(Redirects::Anywhere);
        let mut places = 0;
        for round in 0..20 {
            let contact = format!("Contact: <sip:{round}@x>\r\n");
            match refused(&mut all, "302 Moved", &contact) {
                Next::Place(_) => places += 1,
                other => assert_eq!(other, Next::Nothing),
            }
        }
        assert_eq!(places, PLACES);
    }

    #[test]
    fn a_session_is_made_longer_once() {
        let mut all = attempts(Redirects::Never);
        let short = "Min-SE: 1800\r\n";
        let longer = Next::Longer(Duration::from_secs(1800));
        assert_eq!(refused(&mut all, "422 Session Interval Too Small", short), longer);
        assert_eq!(
            refused(&mut all, "422 Session Interval Too Small", short),
            Next::Nothing
        );
        let mut all = attempts(Redirects::Never);
        assert_eq!(refused(&mut all, "422 Session Interval Too Small", ""), Next::Nothing);
    }

    proptest! {
        #[test]
        fn any_refusal_is_survived(code in 300u16..700, contact: String) {
            let mut refusal = response("302 Moved", "");
            refusal.status_code = code.into();
            refusal.headers.push(Header::Contact(contact.into()));
            let mut all = attempts(Redirects::Anywhere);
            let _ = all.after(&Met::Refusal(&refusal));
            prop_assert!(all.places.len() <= PLACES);
        }
    }
}
