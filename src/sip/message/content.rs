//! What is read in the bodies of messages: keys, the progress of a transfer, the one session description among several parts. It does not
//! know what a session description says.

use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request, Response};

use super::grammar;
use super::raw::Raw;

/// What an INVITE may carry, and what is sent in answer.
pub(in crate::sip) const ACCEPT: &str = "application/sdp";

pub(in crate::sip) fn session_type() -> Header {
    Header::ContentType(ACCEPT.into())
}

/// The session description of a request, where it has one.
pub(in crate::sip) fn session_of(request: &Request) -> Option<Vec<u8>> {
    let kind = request
        .header_value("Content-Type")
        .unwrap_or_else(|| ACCEPT.to_owned());
    session(&kind, &request.body)
}

pub(in crate::sip) fn session_of_response(response: &Response) -> Option<Vec<u8>> {
    let kind = response
        .header_value("Content-Type")
        .unwrap_or_else(|| ACCEPT.to_owned());
    session(&kind, &response.body)
}

/// The body, where it is a session description; or the part of it that is one (RFC 5621 §3).
pub(in crate::sip) fn session(kind: &str, body: &[u8]) -> Option<Vec<u8>> {
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
        let part = Raw::read(&framed)?;
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
pub(in crate::sip) fn key(kind: &str, body: &[u8]) -> Option<(char, Duration)> {
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
pub(in crate::sip) fn fragment_code(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.trim_start().strip_prefix("SIP/2.0 ")?.split_whitespace().next()?;
    code.parse().ok().filter(|code| (100..700).contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let _ = (key("application/dtmf", &body), key("application/dtmf-relay", &body));
        }
    }
}
