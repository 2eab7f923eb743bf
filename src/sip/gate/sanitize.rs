//! The gate's judgement of one message from the wire: let in, put right; answered here; or dropped.
//!
//! A pure function of the bytes, the sender's address and the limits. What it lets in, the library's parser takes, and
//! routes: bytes that are no UTF-8, a missing Content-Length, blank space in odd places and unescaped user parts are
//! put right, and the fields a transaction needs are there. What it answers, it answers without state (RFC 3261
//! §8.2.7), so that a repetition gets the same answer. It knows no calls: whether a dialog exists is not asked here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use rsipstack::sip::SipMessage;
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};

use crate::sip::message::{self, Field, Raw, content_length, grammar};
use crate::sip::network::is_private;
use crate::sip::{ALLOW, Limits, SUPPORTED};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Verdict {
    Clean(Clean),
    /// To be sent back; the message goes no further.
    Reply(Reply),
    Drop(Why),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Clean {
    pub bytes: Vec<u8>,
    /// The same, to be read.
    pub raw: Raw,
    pub load: Load,
}

/// What letting it in may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Load {
    /// A request outside of any dialog: it may open a call.
    Opens,
    /// A request that names a dialog, though perhaps one that does not exist.
    Continues,
    /// A response, an ACK or a CANCEL: without a transaction it comes to nothing.
    Follows,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Reply {
    pub bytes: Vec<u8>,
    pub code: u16,
    /// RFC 3261 §18.2.2 and RFC 3581 §4. The address is always the sender's own, so that nobody else can be made a
    /// target.
    pub to: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Why {
    /// Blank space or zeros that hold a NAT binding open; not malformed.
    KeepAlive,
    /// No SIP, or nothing in it says where an answer should go.
    Unreadable,
    /// A response that no transaction could match, or an ACK that cannot be read: neither is ever answered.
    Unanswerable,
    TooLong,
}

/// What a message may be at most, and whether this is a registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Bounds {
    /// Bytes, before and after it was put right.
    pub message: usize,
    /// Header fields.
    pub fields: usize,
    /// Bytes of one header field.
    pub field: usize,
    /// Lines of a session description.
    pub session: usize,
    pub registers: bool,
    /// The methods that are taken.
    pub allow: &'static str,
}

impl From<Limits> for Bounds {
    fn from(limits: Limits) -> Bounds {
        Bounds {
            message: limits.message,
            fields: limits.headers,
            field: limits.header,
            session: limits.session_lines,
            registers: false,
            allow: ALLOW,
        }
    }
}

/// The usual bounds, but for the length of the message.
impl From<usize> for Bounds {
    fn from(message: usize) -> Bounds {
        Bounds {
            message,
            ..Limits::default().into()
        }
    }
}

pub(in crate::sip) fn sanitize(bytes: &[u8], source: SocketAddr, bounds: impl Into<Bounds>) -> Verdict {
    let bounds = bounds.into();
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Verdict::Drop(Why::KeepAlive);
    }
    let Some(mut raw) = Raw::read(bytes) else {
        return Verdict::Drop(Why::Unreadable);
    };
    // What is too long as a whole is told so.
    if bytes.len() <= bounds.message {
        let long = |field: &Field| field.value.len() > bounds.field;
        raw.broken |= raw.fields.len() > bounds.fields || raw.fields.iter().any(long);
    }
    if raw.is_response() {
        return response(raw, source, bytes.len(), bounds);
    }
    let ack = raw.start.starts_with("ACK ");
    match request(&mut raw, source, bytes.len(), bounds) {
        Ok((bytes, load)) => Verdict::Clean(Clean { bytes, raw, load }),
        Err(_) if ack => Verdict::Drop(Why::Unanswerable),
        Err(Fault::NotSip) => Verdict::Drop(Why::Unreadable),
        Err(Fault::Answer(answer)) => match reply(&raw, &answer, source) {
            Some(reply) => Verdict::Reply(reply),
            None => Verdict::Drop(Why::Unreadable),
        },
    }
}

/// An answer to a clean request, with these fields; also where it is not the gate's own judgement.
pub(super) fn answer(
    request: &Raw,
    source: SocketAddr,
    (code, phrase): (u16, &'static str),
    fields: Vec<(&'static str, String)>,
) -> Option<Reply> {
    reply(request, &Answer { code, phrase, fields }, source)
}

enum Fault {
    NotSip,
    Answer(Answer),
}

struct Answer {
    code: u16,
    phrase: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Answer {
    fn new(code: u16, phrase: &'static str) -> Answer {
        let fields = Vec::new();
        Answer { code, phrase, fields }
    }

    fn with(mut self, name: &'static str, value: &str) -> Answer {
        self.fields.push((name, value.to_owned()));
        self
    }
}

fn fault(code: u16, phrase: &'static str) -> Fault {
    Fault::Answer(Answer::new(code, phrase))
}

fn response(mut raw: Raw, source: SocketAddr, len: usize, bounds: Bounds) -> Verdict {
    let code = raw.start.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
    let fits = fit_body(&mut raw).is_ok();
    if raw.broken || !fits || !code.is_some_and(|code| (100..700).contains(&code)) || single_fields(&raw).is_err() {
        return Verdict::Drop(Why::Unanswerable);
    }
    tidy(&mut raw);
    // What a registrar lists is ours, and where a redirection leads is not the peer.
    let of = raw.first("CSeq").and_then(|cseq| cseq.split(' ').nth(1));
    if matches!(of, Some("INVITE" | "UPDATE")) && code.is_some_and(|code| code < 300) {
        reach(&mut raw, source);
    }
    let bytes = raw.write();
    if len.max(bytes.len()) > bounds.message {
        return Verdict::Drop(Why::TooLong);
    }
    let routed = match SipMessage::try_from(bytes.as_slice()) {
        Ok(SipMessage::Response(response)) => TransactionKey::from_response(&response, TransactionRole::Client).is_ok(),
        Ok(SipMessage::Request(_)) | Err(_) => false,
    };
    if !routed || raw.first("CSeq").and_then(sequence).is_none() {
        return Verdict::Drop(Why::Unanswerable);
    }
    Verdict::Clean(Clean {
        bytes,
        raw,
        load: Load::Follows,
    })
}

fn request(raw: &mut Raw, source: SocketAddr, len: usize, bounds: Bounds) -> Result<(Vec<u8>, Load), Fault> {
    if !raw.start.contains(" SIP/") && !raw.start.contains(" sip/") {
        return Err(Fault::NotSip);
    }
    let line = raw.start.clone();
    let mut words = line.split(' ');
    let (Some(method), Some(uri), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(fault(400, "Malformed Request-Line"));
    };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(fault(505, "Version Not Supported"));
    }
    if method.is_empty() || uri.is_empty() {
        return Err(fault(400, "Malformed Request-Line"));
    }
    if raw.broken {
        return Err(fault(400, "Malformed Header Field"));
    }
    single_fields(raw)?;
    sequence_of(raw, method)?;
    top_via(raw)?;
    fit_body(raw)?;
    let uri = request_uri(uri)?;
    let registers = bounds.registers && method == "REGISTER";
    if !registers && !bounds.allow.split(", ").any(|allowed| allowed == method) {
        let answer = Answer::new(405, "Method Not Allowed").with("Allow", bounds.allow);
        return Err(Fault::Answer(answer));
    }
    raw.start = format!("{method} {uri} SIP/2.0");
    tidy(raw);
    if method != "REGISTER" {
        reach(raw, source);
    }
    extensions(raw, method)?;
    content(raw, method, bounds.session)?;
    let bytes = raw.write();
    if len.max(bytes.len()) > bounds.message {
        return Err(fault(513, "Message Too Large"));
    }
    let in_dialog = parse(&bytes, method)?;
    let load = match (method, in_dialog) {
        ("ACK" | "CANCEL", _) => Load::Follows,
        (_, true) => Load::Continues,
        (_, false) => Load::Opens,
    };
    Ok((bytes, load))
}

/// Whether the library reads it as we do, so that nothing it drops in silence gets past. Says whether To has a tag.
fn parse(bytes: &[u8], method: &str) -> Result<bool, Fault> {
    let Ok(SipMessage::Request(request)) = SipMessage::try_from(bytes) else {
        return Err(fault(400, "Malformed Request"));
    };
    if request.top_via_header().and_then(|via| via.typed()).is_err() {
        return Err(fault(400, "Malformed Via"));
    }
    match request.from_header().and_then(|from| from.tag()) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(fault(400, "From Without Tag")),
        Err(_) => return Err(fault(400, "Malformed From")),
    }
    let to = request
        .to_header()
        .and_then(|to| to.tag())
        .map_err(|_| fault(400, "Malformed To"))?;
    if TransactionKey::from_request(&request, TransactionRole::Server).is_err() {
        return Err(fault(400, "Malformed Request"));
    }
    // The registrar reads its own, of which one may be a star.
    if method == "REGISTER" {
        return Ok(false);
    }
    let contacts = request
        .typed_contact_headers()
        .map_err(|_| fault(400, "Malformed Contact"))?;
    if method == "INVITE" && contacts.is_empty() {
        return Err(fault(400, "Missing Contact"));
    }
    Ok(to.is_some())
}

/// The fields of which there is one.
fn single_fields(raw: &Raw) -> Result<(), Fault> {
    const SINGLE: [(&str, &str, &str); 6] = [
        ("From", "Missing From", "Several From"),
        ("To", "Missing To", "Several To"),
        ("Call-ID", "Missing Call-ID", "Several Call-ID"),
        ("CSeq", "Missing CSeq", "Several CSeq"),
        ("Content-Length", "", "Several Content-Length"),
        ("Max-Forwards", "", "Several Max-Forwards"),
    ];
    for (name, missing, several) in SINGLE {
        let mut values = raw.all(name);
        match values.next() {
            None | Some("") if !missing.is_empty() => return Err(fault(400, missing)),
            None => {}
            Some(first) if values.any(|other| other != first) => return Err(fault(400, several)),
            Some(_) => {}
        }
    }
    for name in ["From", "To", "Contact", "Via"] {
        if raw.all(name).any(|value| !grammar::quotes_match(value)) {
            return Err(fault(400, "Unterminated Quotation"));
        }
    }
    Ok(())
}

/// The number of a CSeq: below 2^31 (RFC 3261 §8.1.1.5).
pub(super) fn sequence(cseq: &str) -> Option<u32> {
    let number = cseq.split_whitespace().next()?;
    number.parse().ok().filter(|number| *number < 1 << 31)
}

fn sequence_of(raw: &Raw, method: &str) -> Result<(), Fault> {
    let cseq = raw.first("CSeq").unwrap_or_default();
    if sequence(cseq).is_none() {
        return Err(fault(400, "Malformed CSeq"));
    }
    if cseq.split_whitespace().nth(1) != Some(method) {
        return Err(fault(400, "CSeq Method Does Not Match"));
    }
    Ok(())
}

/// Every hop in the topmost line; the lines below it are the business of others.
fn top_via(raw: &Raw) -> Result<(), Fault> {
    let via = grammar::squeeze(raw.first("Via").ok_or(Fault::NotSip)?, ";=,/:");
    let mut rest = via.as_str();
    while !rest.is_empty() {
        let (first, others) = grammar::first_item(rest);
        grammar::via_port(first).ok_or_else(|| fault(400, "Malformed Via"))?;
        rest = others;
    }
    Ok(())
}

/// Cuts the body to its Content-Length. Without one the body runs to the end of the datagram (RFC 3261 §18.3).
fn fit_body(raw: &mut Raw) -> Result<(), Fault> {
    let Some(value) = raw.first("Content-Length") else {
        return Ok(());
    };
    match content_length(value) {
        None => Err(fault(400, "Malformed Content-Length")),
        Some(length) if length > raw.body.len() => Err(fault(400, "Content-Length Exceeds Message")),
        Some(length) => {
            raw.body.truncate(length);
            Ok(())
        }
    }
}

fn request_uri(uri: &str) -> Result<String, Fault> {
    if uri.contains(['<', '>', '"']) {
        return Err(fault(400, "Malformed Request-URI"));
    }
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("sip" | "sips" | "tel") => {}
        Some(_) => return Err(fault(416, "Unsupported URI Scheme")),
        None => return Err(fault(400, "Malformed Request-URI")),
    }
    let uri = grammar::escape_user(uri);
    let headers = uri.rsplit('@').next().is_some_and(|host| host.contains('?'));
    if headers || !grammar::host_is_sound(&uri) {
        return Err(fault(400, "Malformed Request-URI"));
    }
    Ok(uri)
}

/// RFC 3261 §8.2.2.3: what is required beyond what is supported.
fn extensions(raw: &Raw, method: &str) -> Result<(), Fault> {
    let required: Vec<&str> = raw
        .all("Require")
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|option| !SUPPORTED.split(", ").any(|known| known.eq_ignore_ascii_case(option)))
        .collect();
    let required = required.join(", ");
    if required.is_empty() || matches!(method, "ACK" | "CANCEL") {
        return Ok(());
    }
    Err(Fault::Answer(
        Answer::new(420, "Bad Extension").with("Unsupported", &required),
    ))
}

/// RFC 3261 §8.2.3: a session is described in SDP, alone or as a part, or not at all; and the answer will be SDP.
fn content(raw: &Raw, method: &str, lines: usize) -> Result<(), Fault> {
    if !matches!(method, "INVITE" | "UPDATE") {
        return Ok(());
    }
    let kind = raw.first("Content-Type").unwrap_or("application/sdp");
    let coded = raw
        .first("Content-Encoding")
        .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if !raw.body.is_empty() && (coded || message::session(kind, &raw.body).is_none()) {
        let answer = Answer::new(415, "Unsupported Media Type").with("Accept", message::ACCEPT);
        return Err(Fault::Answer(answer));
    }
    if raw.body.iter().filter(|byte| **byte == b'\n').count() > lines {
        return Err(fault(413, "Session Description Too Long"));
    }
    let mut wanted = raw
        .all("Accept")
        .flat_map(|value| value.split(','))
        .map(grammar::media_type)
        .peekable();
    let any = wanted.peek().is_none_or(|first| first.is_empty());
    if !any
        && !wanted.any(|kind| {
            matches!(
                kind.as_str(),
                "application/sdp" | "application/*" | "*/*" | "multipart/mixed"
            )
        })
    {
        return Err(fault(406, "Not Acceptable"));
    }
    Ok(())
}

/// Takes out the blank space that the library's parsers stumble over.
fn tidy(raw: &mut Raw) {
    for field in &mut raw.fields {
        match field.name.as_str() {
            "Via" => field.value = grammar::squeeze(&field.value, ";=,/:"),
            "From" | "To" | "Route" | "Record-Route" => field.value = grammar::squeeze(&field.value, ";=,"),
            "Contact" => field.value = grammar::escape_contact(&grammar::squeeze(&field.value, ";=,")),
            "CSeq" => field.value = field.value.split_whitespace().collect::<Vec<_>>().join(" "),
            _ => {}
        }
    }
}

/// A peer behind NAT names an address of its own network as its Contact, where what we send would be lost: it becomes the one that the message came
/// from. Not where a proxy keeps itself in the path, whose business that is.
fn reach(raw: &mut Raw, source: SocketAddr) {
    if is_private(source.ip().to_canonical()) || raw.first("Record-Route").is_some() {
        return;
    }
    for field in raw.fields.iter_mut().filter(|field| field.name == "Contact") {
        if let Some(mended) = grammar::contact_from(&field.value, source) {
            field.value = mended;
        }
    }
}

/// `None` where the topmost Via does not say where answers go.
fn reply(raw: &Raw, answer: &Answer, source: SocketAddr) -> Option<Reply> {
    let mut vias = raw.all("Via");
    let via = grammar::squeeze(vias.next()?, ";=,/:");
    let (top, rest) = grammar::first_item(&via);
    let port = grammar::via_port(top)?;
    let top = grammar::via_seen_from(top, source);
    let rest = Some(rest).filter(|rest| !rest.is_empty());

    let mut lines = vec![
        format!("SIP/2.0 {} {}", answer.code, answer.phrase),
        format!("Via: {top}"),
    ];
    lines.extend(rest.map(|via| format!("Via: {via}")));
    lines.extend(vias.map(|via| format!("Via: {via}")));
    for name in ["From", "To", "Call-ID", "CSeq"] {
        if let Some(value) = raw.first(name) {
            let tag = if name == "To" && !grammar::has_tag(value) {
                to_tag(raw)
            } else {
                String::new()
            };
            lines.push(format!("{name}: {value}{tag}"));
        }
    }
    lines.extend(answer.fields.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push("Content-Length: 0\r\n\r\n".to_owned());
    Some(Reply {
        bytes: lines.join("\r\n").into_bytes(),
        code: answer.code,
        to: SocketAddr::new(source.ip(), port.unwrap_or(source.port())),
    })
}

/// The same for every repetition of the request (RFC 3261 §8.2.7).
fn to_tag(raw: &Raw) -> String {
    let mut hasher = DefaultHasher::new();
    for name in ["Call-ID", "From", "CSeq", "Via"] {
        raw.first(name).hash(&mut hasher);
    }
    format!(";tag={:016x}", hasher.finish())
}

#[cfg(test)]
mod tests;
