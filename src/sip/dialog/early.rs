//! What is heard of a call that we placed before it is answered: each branch of a fork is a dialog of its own (RFC 3261
//! section 12.1), and a provisional response that wants to be sure of its arrival gets its PRACK (RFC 3262 section 4).
//!
//! The library's own PRACK is not for that: [`message::Inspector`] keeps such responses from it.

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Response};
use tracing::debug;

use super::apart::Leg;
use super::call::{Call, Done, Phase, Side};
use crate::sip::{Event, message};

/// Early dialogs of one call; of more nothing is heard until one of them answers.
const BRANCHES: usize = 16;

#[derive(Default)]
pub(super) struct Early {
    branches: Vec<Branch>,
}

/// One early dialog.
struct Branch {
    tag: String,
    /// The CSeq number of the INVITE, each of which counts anew.
    invite: u32,
    /// The last RSeq in order.
    reliable: Option<u32>,
    told: Option<(u16, Vec<u8>)>,
    /// Our offer was answered, and the peer knows that we know.
    settled: bool,
    answer: Option<Vec<u8>>,
}

/// What to do about a provisional response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// The RAck of a PRACK to send.
    pub acknowledge: Option<String>,
    /// It says what was not said before.
    pub news: bool,
}

const NOTHING: Heard = Heard {
    acknowledge: None,
    news: false,
};

impl Early {
    /// A provisional response, as the inspector left it.
    pub fn heard(&mut self, response: &Response) -> Heard {
        let Some((tag, invite)) = tag_of(response).zip(number_of(response)) else {
            return NOTHING;
        };
        let (code, sequence) = (response.status_code.code(), sequence_of(response));
        let session = message::session_of_response(response);
        let known = self
            .branches
            .iter()
            .position(|branch| branch.tag == tag && branch.invite == invite);
        let at = match known {
            Some(at) => at,
            None => {
                // The INVITE before this one is over.
                self.branches.retain(|branch| branch.tag != tag);
                if self.branches.len() >= BRANCHES {
                    return NOTHING;
                }
                self.branches.push(Branch {
                    tag,
                    invite,
                    reliable: None,
                    told: None,
                    settled: false,
                    answer: None,
                });
                self.branches.len().saturating_sub(1)
            }
        };
        let Some(branch) = self.branches.get_mut(at) else {
            return NOTHING;
        };
        match (sequence, branch.reliable) {
            // Sent again, and our PRACK is under way; or one before it is missing, which will be sent again.
            (Some(now), Some(last)) if now != last.wrapping_add(1) => return NOTHING,
            (Some(_), _) => branch.reliable = sequence,
            (None, _) => {}
        }
        let said = (code, session.clone().unwrap_or_default());
        let news = branch.told.as_ref() != Some(&said);
        branch.told = Some(said);
        branch.settled |= sequence.is_some() && session.is_some();
        branch.answer = session.or(branch.answer.take());
        Heard {
            acknowledge: sequence.map(|sequence| format!("{sequence} {invite} INVITE")),
            news,
        }
    }

    /// Whether the branch that this request comes from has answered our offer reliably.
    pub fn is_settled(&self, request: &Request) -> bool {
        let tag = request.from_header().ok().and_then(|from| from.tag().ok().flatten());
        tag.is_some_and(|tag| {
            self.branches
                .iter()
                .any(|branch| branch.settled && branch.tag == tag.value())
        })
    }

    /// The session that the branch was given before it answered: a 200 need not say it again (RFC 3262 section 5).
    pub fn answer(&self, response: &Response) -> Option<Vec<u8>> {
        let tag = tag_of(response)?;
        let answers = self.branches.iter().filter(|branch| branch.tag == tag);
        answers.filter_map(|branch| branch.answer.clone()).next_back()
    }
}

pub(super) fn tag_of(response: &Response) -> Option<String> {
    Some(response.to_header().ok()?.tag().ok()??.value().to_owned())
}

fn number_of(response: &Response) -> Option<u32> {
    response.cseq_header().ok()?.seq().ok()
}

fn sequence_of(response: &Response) -> Option<u32> {
    response.header_value("RSeq")?.parse().ok()
}

impl Call {
    /// A provisional response to the INVITE of ours, or to a re-INVITE.
    pub async fn on_provisional(&mut self, response: &Response) {
        let ringing = match (&self.side, self.phase) {
            (Side::Caller, Phase::Ringing) => true,
            (_, Phase::Up) => false,
            // Our own.
            (_, Phase::Ringing | Phase::Accepted | Phase::Over | Phase::OweBye) => return,
        };
        self.patience = None;
        let heard = self.early.heard(response);
        if let Some(acknowledge) = heard.acknowledge {
            self.acknowledge(response, acknowledge, ringing);
        }
        if heard.news && ringing {
            let (call, code) = (self.id, response.status_code.code());
            let body = message::session_of_response(response);
            self.tell(Event::Progressed { call, code, body }).await;
        }
    }

    fn acknowledge(&mut self, response: &Response, acknowledge: String, ringing: bool) {
        let leg = match ringing {
            true => Leg::of_response(&self.dialog.snapshot(), response),
            false => Some(Leg::of_call(self)),
        };
        let Some(mut leg) = leg else {
            return debug!(call = %self.id, "a reliable provisional response without a Contact");
        };
        leg.sequence = self.inner.increment_local_seq();
        (leg.credential, leg.flow) = (self.credential.clone(), self.flow.clone());
        let (core, inner) = (self.core.clone(), self.inner.clone());
        let headers = vec![Header::RAck(acknowledge.into())];
        self.work.spawn(async move {
            leg.send(&core, Method::PRack, headers, || inner.increment_local_seq())
                .await;
            Done::Said
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rsipstack::sip::SipMessage;
    use rsipstack::transaction::endpoint::MessageInspector;

    use super::*;

    fn response(code: u16, tag: &str, headers: &str) -> Response {
        let text = format!(
            "SIP/2.0 {code} X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1@h>;tag={tag}\r\n\
             Call-ID: c\r\nCSeq: 7 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        let received = SipMessage::Response(Response::try_from(text).expect("a response"));
        let allow = crate::sip::ALLOW;
        match (message::Inspector { allow }).after_received(received, None) {
            SipMessage::Response(response) => response,
            SipMessage::Request(request) => panic!("{request}"),
        }
    }

    fn reliable(sequence: u32) -> String {
        format!("Require: 100rel\r\nRSeq: {sequence}\r\n")
    }

    #[test]
    fn each_is_acknowledged_once_and_in_order() {
        let mut early = Early::default();
        let mut heard = |tag: &str, sequence| early.heard(&response(183, tag, &reliable(sequence)));
        assert_eq!(
            heard("a", 41).acknowledge.as_deref(),
            Some("41 7 INVITE"),
            "any number begins"
        );
        assert_eq!(heard("a", 41), NOTHING, "sent again");
        assert_eq!(heard("a", 43), NOTHING, "42 is missing");
        assert_eq!(heard("a", 42).acknowledge.as_deref(), Some("42 7 INVITE"));
        assert_eq!(heard("a", 43).acknowledge.as_deref(), Some("43 7 INVITE"));
        assert_eq!(
            heard("b", 1).acknowledge.as_deref(),
            Some("1 7 INVITE"),
            "another branch counts for itself"
        );
    }

    #[test]
    fn what_is_not_reliable_is_not_acknowledged() {
        let mut early = Early::default();
        let heard = early.heard(&response(183, "a", "RSeq: 1\r\n"));
        assert_eq!((heard.acknowledge, heard.news), (None, true));
        assert_eq!(early.heard(&response(183, "a", "")), NOTHING, "nothing new");
        assert!(early.heard(&response(180, "a", "")).news && early.heard(&response(180, "b", "")).news);
    }

    #[test]
    fn a_branch_keeps_the_answer_that_came_early() {
        let mut early = Early::default();
        let mut with_answer = response(183, "a", "");
        with_answer.body = b"v=0\r\n".to_vec();
        early.heard(&with_answer);
        early.heard(&response(180, "a", ""));
        assert_eq!(
            early.answer(&response(200, "a", "")).as_deref(),
            Some(b"v=0\r\n".as_slice())
        );
        assert_eq!(early.answer(&response(200, "b", "")), None);
    }

    #[test]
    fn a_branch_is_one_however_often_it_is_invited() {
        let mut early = Early::default();
        for number in 1..100 {
            let mut again = response(183, "a", &reliable(1));
            again.headers.retain(|header| !matches!(header, Header::CSeq(_)));
            again.headers.push(Header::CSeq(format!("{number} INVITE").into()));
            assert_eq!(early.heard(&again).acknowledge, Some(format!("1 {number} INVITE")));
        }
        assert_eq!(early.branches.len(), 1);
    }

    proptest! {
        #[test]
        fn branches_are_bounded(tags in prop::collection::vec("[a-z]{1,3}", 0..64), sequence: u32) {
            let mut early = Early::default();
            for tag in &tags {
                let _ = early.heard(&response(183, tag, &reliable(sequence)));
            }
            prop_assert!(early.branches.len() <= BRANCHES);
        }
    }
}
