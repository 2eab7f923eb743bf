//! What this user agent adds to messages on their way out, and mends for the library on their way in.

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Headers, Method, Param, Request, Response, SipMessage, Uri};
use rsipstack::transaction::endpoint::MessageInspector;
use rsipstack::transport::SipAddr;

use super::fields::{has_option, list_of, undo_escapes};
use super::{digest, grammar, reason};
use crate::sip::SUPPORTED;

/// Stands at the library's door, on every message in either direction.
pub(in crate::sip) struct Inspector {
    /// The methods that are taken.
    pub allow: &'static str,
}

impl MessageInspector for Inspector {
    fn before_send(&self, message: SipMessage, _to: Option<&SipAddr>) -> SipMessage {
        match message {
            SipMessage::Request(request) => SipMessage::Request(complete_request(request, self.allow)),
            SipMessage::Response(response) => SipMessage::Response(complete_response(response, self.allow)),
        }
    }

    fn after_received(&self, message: SipMessage, _from: Option<&SipAddr>) -> SipMessage {
        match message {
            SipMessage::Response(mut response) => SipMessage::Response(match response.status_code.code() {
                401 | 407 => digest::choose_challenge(response),
                101..200 => {
                    hide_transport(&mut response.headers);
                    hide(response)
                }
                200..300 => {
                    hide_transport(&mut response.headers);
                    response
                }
                _ => response,
            }),
            SipMessage::Request(mut request) => {
                hide_transport(&mut request.headers);
                SipMessage::Request(with_a_way_back(request))
            }
        }
    }
}

/// The library's own PRACK knows no Record-Route and no Contact, and holds up the INVITE until it is answered. So the wish for one is taken from
/// what it sees: from here on an RSeq says it alone.
fn hide(mut response: Response) -> Response {
    let wants = has_option(list_of(&response.headers, "Require"), "100rel");
    let mut kept = Vec::new();
    for header in response.headers {
        match header {
            Header::Require(list) => {
                let rest: Vec<&str> = list.0.split(',').map(str::trim).collect();
                let rest: Vec<&str> = rest
                    .into_iter()
                    .filter(|one| !one.eq_ignore_ascii_case("100rel"))
                    .collect();
                if !rest.is_empty() {
                    kept.push(Header::Require(rest.join(", ").into()));
                }
            }
            header if !wants && header.name().eq_ignore_ascii_case("RSeq") => {}
            header => kept.push(header),
        }
    }
    response.headers = Headers::from(kept);
    response
}

/// The library puts an IPv6 address into `received` in two pairs of brackets, and cannot read it again to answer there. RFC
/// 3261 §25.1 has it without brackets.
fn with_a_way_back(mut request: Request) -> Request {
    if let Ok(via) = request.via_header_mut()
        && let Some(readable) = without_brackets(via.value())
    {
        via.replace(readable);
    }
    request
}

fn without_brackets(via: &str) -> Option<String> {
    let (before, rest) = via.split_once(";received=[")?;
    let (address, after) = rest.split_once(']')?;
    let (address, after) = (address.trim_start_matches('['), after.trim_start_matches(']'));
    Some(format!("{before};received={address}{after}"))
}

/// The library leaves `;transport=udp` out of every Contact it reads, though the target of a dialog is to be said as the peer said it (RFC 3261
/// §12.2.1.1). An escape hides it from the library.
fn hide_transport(headers: &mut Headers) {
    for header in headers.iter_mut() {
        if let Header::Contact(contact) = header
            && let Some(hidden) = with_hidden_transport(&contact.0)
        {
            contact.0 = hidden;
        }
    }
}

const HIDDEN: &str = "%74ransport";

fn with_hidden_transport(contact: &str) -> Option<String> {
    const SAID: &str = ";transport=udp";
    let (uri, _) = grammar::contact(contact).filter(|_| contact.contains('<'))?;
    let from = contact.find(uri)?;
    let at = from.checked_add(uri.to_ascii_lowercase().find(SAID)?)?;
    let (before, said) = contact.split_at_checked(at)?;
    let (said, after) = said.split_at_checked(SAID.len())?;
    let (_, value) = said.split_once('=')?;
    let ends = after.starts_with([';', '?', '>']);
    ends.then(|| format!("{before};{HIDDEN}={value}{after}"))
}

/// Undoes it in what is said to others.
pub(in crate::sip) fn show_transport(uri: &mut Uri) {
    let named = uri.params.iter().any(|param| matches!(param, Param::Transport(_)));
    let is_hidden = |param: &Param| matches!(param, Param::Other(name, Some(_)) if name.value() == HIDDEN);
    if named {
        uri.params.retain(|param| !is_hidden(param));
    }
    for param in uri.params.iter_mut().filter(|param| is_hidden(param)) {
        if let Param::Other(name, _) = param {
            *name = "transport".into();
        }
    }
}

/// Runs again on every retransmission, so what is there already stays.
fn complete_request(mut request: Request, allow: &'static str) -> Request {
    undo_escapes(&mut request.uri);
    digest::spell_proof(&mut request);
    show_transport(&mut request.uri);
    if matches!(request.method, Method::Invite | Method::Update | Method::Refer) {
        add_capabilities(&mut request.headers, allow);
    }
    if let Some(reason) = reason::of_request(request.method) {
        add_once(&mut request.headers, reason);
    }
    request
}

fn complete_response(mut response: Response, allow: &'static str) -> Response {
    let method = response.cseq_header().and_then(|cseq| cseq.method());
    let negotiates = matches!(method, Ok(Method::Invite | Method::Update | Method::Options));
    match response.status_code.code() {
        101..300 if negotiates => add_capabilities(&mut response.headers, allow),
        405 => add_once(&mut response.headers, Header::Allow(allow.into())),
        _ => {}
    }
    response
}

/// RFC 3261 §13.2.1, §13.3.1: Allow and Supported say what the dialog may be used for.
fn add_capabilities(headers: &mut Headers, allow: &'static str) {
    add_once(headers, Header::Allow(allow.into()));
    // The library may have said one of its own; several lines are one list.
    let said = |header: &Header| matches!(header, Header::Supported(list) if list.value() == SUPPORTED);
    if !headers.iter().any(said) {
        headers.push(Header::Supported(SUPPORTED.into()));
    }
}

fn add_once(headers: &mut Headers, header: Header) {
    let there = headers.iter().any(|other| other.name() == header.name());
    if !there {
        headers.push(header);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::typed;

    #[test]
    fn an_address_in_a_via_has_no_brackets() {
        let written =
            without_brackets("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;received=[[2001:db8::1]];rport=5061");
        let wanted = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;received=2001:db8::1;rport=5061";
        assert_eq!(written.as_deref(), Some(wanted));
        assert_eq!(without_brackets("SIP/2.0/UDP [2001:db8::1];received=192.0.2.1"), None);
    }

    #[test]
    fn a_target_stays_as_it_was_said() {
        for said in [
            "sip:a@192.0.2.1:5060;transport=UDP;line=1",
            "sip:a@192.0.2.1;transport=tcp",
            "sip:a@192.0.2.1;line=1;transport=udp",
        ] {
            let mut headers: Headers = vec![Header::Contact(format!("\"a\" <{said}>;expires=5").into())].into();
            hide_transport(&mut headers);
            let contact = headers.iter().next().unwrap().value().to_owned();
            let mut read = typed::Contact::parse(&contact).unwrap().uri;
            show_transport(&mut read);
            assert_eq!(read.to_string().replace("=TCP", "=tcp"), said);
        }
        assert_eq!(with_hidden_transport("<sip:a;transport=udpx>"), None);
        assert_eq!(
            with_hidden_transport("sip:a;transport=udp"),
            None,
            "the header's, not the URI's"
        );
    }

    #[test]
    fn the_library_sees_no_wish_for_a_prack_but_others() {
        let seen = |headers: &str| {
            let text =
                format!("SIP/2.0 183 X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{headers}Content-Length: 0\r\n\r\n");
            hide(Response::try_from(text).unwrap())
        };
        let both = seen("Require: timer , 100REL\r\nRSeq: 9\r\n");
        assert_eq!(both.header_value("Require").as_deref(), Some("timer"));
        assert_eq!(both.header_value("RSeq").as_deref(), Some("9"));
        assert_eq!(seen("Require: 100rel\r\nRSeq: 9\r\n").header_value("Require"), None);
        assert_eq!(seen("RSeq: 9\r\n").header_value("RSeq"), None);
    }
}
