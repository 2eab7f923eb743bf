//! What is read in the fields of messages, and what is written into them.

use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Headers, Request, Response, StatusCode, Uri};

use super::content::ACCEPT;
use super::grammar;
use crate::sip::Party;

/// The library escapes what it writes, but does not undo it in what it reads.
pub(super) fn undo_escapes(uri: &mut Uri) {
    if let Some(auth) = &mut uri.auth {
        auth.user = grammar::unescape(&auth.user);
    }
}

pub(in crate::sip) fn party_of(uri: &Uri) -> Party {
    let mut uri = uri.clone();
    undo_escapes(&mut uri);
    grammar::party_of_uri(&uri.to_string())
}

/// What an OPTIONS is told (RFC 3261 §11.2), beside Allow and Supported.
pub(in crate::sip) fn capabilities() -> Vec<Header> {
    vec![
        Header::Accept(ACCEPT.into()),
        Header::AcceptEncoding("identity".into()),
        Header::AcceptLanguage("en, zh".into()),
    ]
}

/// A header value from outside of this module, made harmless.
pub(in crate::sip) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// The status with the given phrase, or with the usual one.
pub(in crate::sip) fn status(code: u16, phrase: &str) -> StatusCode {
    match phrase.is_empty() {
        true => StatusCode::from(code),
        false => StatusCode::Other(code, one_line(phrase)),
    }
}

/// The phrase as it came, or the usual one.
pub(in crate::sip) fn phrase(response: &Response) -> String {
    let usual = || response.status_code.text().to_owned();
    response.wire_reason.clone().unwrap_or_else(usual)
}

/// In whole seconds; a date and a comment are not read.
pub(in crate::sip) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header_value("Retry-After")?;
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

/// Whole seconds, rounded up.
pub(in crate::sip) fn retry_after_header(wait: Duration) -> Header {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    Header::RetryAfter(seconds.to_string().into())
}

pub(in crate::sip) fn value_of(request: &Request, name: &str) -> String {
    request.header_value(name).unwrap_or_default()
}

/// A list that may stand in several headers of one name, as one.
pub(in crate::sip) fn list_of(headers: &Headers, name: &str) -> Option<String> {
    let named = headers.iter().filter(|header| header.name().eq_ignore_ascii_case(name));
    named
        .map(|header| header.value().to_owned())
        .reduce(|all, more| format!("{all}, {more}"))
}

/// Whether a list of option tags has `option`.
pub(in crate::sip) fn has_option(list: Option<String>, option: &str) -> bool {
    list.is_some_and(|list| list.split(',').any(|known| known.trim().eq_ignore_ascii_case(option)))
}
