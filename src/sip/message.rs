//! What this user agent adds to messages, and what it reads in their bodies: keys, the progress of a transfer, the one
//! session description among several parts. It does not know what a session description says.

use std::net::SocketAddr;
use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Headers, Method, Param, Request, Response, SipMessage, StatusCode, Uri};
use rsipstack::transaction::endpoint::MessageInspector;
use rsipstack::transport::{SipAddr, SipConnection};

use super::{Party, SUPPORTED, digest, early, grammar, reason};

/// What an INVITE may carry, and what is sent in answer.
pub(super) const ACCEPT: &str = "application/sdp";

/// Stands at the library's door, on every message in either direction.
pub(super) struct Inspector {
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
                    early::hide(response)
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
pub(super) fn show_transport(uri: &mut Uri) {
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

/// The library escapes what it writes, but does not undo it in what it reads.
fn undo_escapes(uri: &mut Uri) {
    if let Some(auth) = &mut uri.auth {
        auth.user = grammar::unescape(&auth.user);
    }
}

pub(super) fn party_of(uri: &Uri) -> Party {
    let mut uri = uri.clone();
    undo_escapes(&mut uri);
    grammar::party_of_uri(&uri.to_string())
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

/// What an OPTIONS is told (RFC 3261 §11.2), beside Allow and Supported.
pub(super) fn capabilities() -> Vec<Header> {
    vec![
        Header::Accept(ACCEPT.into()),
        Header::AcceptEncoding("identity".into()),
        Header::AcceptLanguage("en, zh".into()),
    ]
}

pub(super) fn session_type() -> Header {
    Header::ContentType(ACCEPT.into())
}

/// A header value from outside of this module, made harmless.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// The status with the given phrase, or with the usual one.
pub(super) fn status(code: u16, phrase: &str) -> StatusCode {
    match phrase.is_empty() {
        true => StatusCode::from(code),
        false => StatusCode::Other(code, one_line(phrase)),
    }
}

/// The phrase as it came, or the usual one.
pub(super) fn phrase(response: &Response) -> String {
    let usual = || response.status_code.text().to_owned();
    response.wire_reason.clone().unwrap_or_else(usual)
}

/// In whole seconds; a date and a comment are not read.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header_value("Retry-After")?;
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

/// Whole seconds, rounded up.
pub(super) fn retry_after_header(wait: Duration) -> Header {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    Header::RetryAfter(seconds.to_string().into())
}

pub(super) fn source(connection: Option<&SipConnection>) -> Option<SocketAddr> {
    connection?.get_remote_addr()?.get_socketaddr().ok()
}

pub(super) fn value_of(request: &Request, name: &str) -> String {
    request.header_value(name).unwrap_or_default()
}

/// A list that may stand in several headers of one name, as one.
pub(super) fn list_of(headers: &Headers, name: &str) -> Option<String> {
    let named = headers.iter().filter(|header| header.name().eq_ignore_ascii_case(name));
    named
        .map(|header| header.value().to_owned())
        .reduce(|all, more| format!("{all}, {more}"))
}

/// The session description of a request, where it has one.
pub(super) fn session_of(request: &Request) -> Option<Vec<u8>> {
    let kind = request
        .header_value("Content-Type")
        .unwrap_or_else(|| ACCEPT.to_owned());
    session(&kind, &request.body)
}

pub(super) fn session_of_response(response: &Response) -> Option<Vec<u8>> {
    let kind = response
        .header_value("Content-Type")
        .unwrap_or_else(|| ACCEPT.to_owned());
    session(&kind, &response.body)
}

/// The body, where it is a session description; or the part of it that is one (RFC 5621 §3).
pub(super) fn session(kind: &str, body: &[u8]) -> Option<Vec<u8>> {
    if body.is_empty() {
        return None;
    }
    match grammar::media_type(kind).as_str() {
        "application/sdp" => Some(body.to_vec()),
        "multipart/mixed" | "multipart/alternative" => {
            let parts = kind.split(';').skip(1).find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                let named = name.trim().eq_ignore_ascii_case("boundary");
                named
                    .then(|| value.trim().trim_matches('"').to_owned())
                    .filter(|boundary| !boundary.is_empty())
            })?;
            session_part(&format!("--{parts}"), body)
        }
        _ => None,
    }
}

fn session_part(delimiter: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut starts: Vec<usize> = Vec::new();
    for at in 0..body.len() {
        let line_start = at == 0 || body.get(at.wrapping_sub(1)) == Some(&b'\n');
        if line_start
            && body
                .get(at..)
                .is_some_and(|rest| rest.starts_with(delimiter.as_bytes()))
        {
            starts.push(at);
        }
    }
    let mut pairs = starts.windows(2);
    pairs.find_map(|pair| {
        let &[from, to] = pair else { return None };
        let part = body.get(from + delimiter.len()..to)?;
        // The part's head reads like a message without its start line: the rest of the delimiter's line stands for one.
        let mut framed = b"part".to_vec();
        framed.extend_from_slice(part);
        let part = super::raw::Raw::read(&framed)?;
        let is_session = part.first("Content-Type").map(grammar::media_type).as_deref() == Some(ACCEPT);
        let content = part
            .body
            .strip_suffix(b"\r\n")
            .or(part.body.strip_suffix(b"\n"))
            .unwrap_or(&part.body);
        is_session.then(|| content.to_vec())
    })
}

/// A key told by INFO; `None` where the body is not of that kind. Both forms are folklore, first written down by Cisco.
pub(super) fn key(kind: &str, body: &[u8]) -> Option<(char, Duration)> {
    let text = std::str::from_utf8(body).ok()?;
    match grammar::media_type(kind).as_str() {
        "application/dtmf" => Some((digit(text.trim())?, DEFAULT_KEY)),
        "application/dtmf-relay" => {
            let value = |name: &str| {
                let mut pairs = text.lines().filter_map(|line| line.split_once('='));
                let named = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                named.map(|(_, value)| value.trim())
            };
            let duration = value("Duration").and_then(|duration| duration.parse::<u16>().ok());
            let duration = duration.map_or(DEFAULT_KEY, |duration| Duration::from_millis(duration.into()));
            Some((digit(value("Signal")?)?, duration))
        }
        _ => None,
    }
}

/// For senders that do not say how long.
const DEFAULT_KEY: Duration = Duration::from_millis(250);

/// A key by its letter, or by its number of RFC 4733 §3.2.
fn digit(text: &str) -> Option<char> {
    let keys = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
    ];
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Some(letter.to_ascii_uppercase()).filter(|letter| keys.contains(letter)),
        _ => keys.get(text.parse::<usize>().ok()?).copied(),
    }
}

/// The code of `SIP/2.0 200 OK`, the body of a NOTIFY that reports a transfer (RFC 3515 §2.4.5).
pub(super) fn fragment_code(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.trim_start().strip_prefix("SIP/2.0 ")?.split_whitespace().next()?;
    code.parse().ok().filter(|code| (100..700).contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rsipstack::sip::typed;

    #[test]
    fn finds_the_session_among_parts() {
        let body = b"preamble\r\n--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--x--\r\n";
        assert_eq!(
            session("multipart/mixed; boundary=\"x\"", body).as_deref(),
            Some(b"v=0\r\n".as_slice())
        );
        assert_eq!(session("multipart/mixed; boundary=y", body), None);
        assert_eq!(
            session("Application/SDP ; charset=utf-8", b"v=0").as_deref(),
            Some(b"v=0".as_slice())
        );
        assert_eq!(session("text/plain", b"v=0"), None);
    }

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
    fn reads_keys() {
        let ms = Duration::from_millis;
        assert_eq!(
            key("application/dtmf-relay", b"Signal= 5\r\nDuration=160\r\n"),
            Some(('5', ms(160)))
        );
        assert_eq!(key("application/dtmf-relay", b"Signal=10"), Some(('*', ms(250))));
        assert_eq!(key("application/dtmf", b"#\r\n"), Some(('#', ms(250))));
        assert_eq!(key("application/dtmf", b"d"), Some(('D', ms(250))));
        assert_eq!(key("application/dtmf", b"16"), None);
        assert_eq!(key("text/plain", b"5"), None);
    }

    #[test]
    fn reads_the_progress_of_a_transfer() {
        assert_eq!(fragment_code(b"SIP/2.0 180 Ringing\r\n"), Some(180));
        assert_eq!(fragment_code(b"SIP/2.0 200"), Some(200));
        assert_eq!(fragment_code(b"SIP/2.0 20000 OK"), None);
        assert_eq!(fragment_code(b"hello"), None);
    }

    proptest! {
        #[test]
        fn any_body_is_read(kind: String, body: Vec<u8>) {
            let _ = (session("multipart/mixed;boundary=a", &body), session(&kind, &body), fragment_code(&body));
            let _ = (key("application/dtmf", &body), key("application/dtmf-relay", &body), one_line(&kind));
        }
    }
}
