//! A SIP message as lines: start line, header fields, body, and where one ends in a stream.
//!
//! Reads what is on the wire leniently (folded lines, compact names, bare LF, Latin-1) and writes it strictly. It does
//! not know what a field means, but for Content-Length.

use std::fmt::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Field {
    /// In full, in the usual letters where it is one that matters here.
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Raw {
    pub start: String,
    pub fields: Vec<Field>,
    /// All that follows the empty line.
    pub body: Vec<u8>,
    /// A line was no header field, or no empty line ended the head.
    pub broken: bool,
}

impl Raw {
    /// `None` where there is no start line.
    pub fn read(bytes: &[u8]) -> Option<Raw> {
        let bytes = skip_line_ends(bytes);
        let found = Head::find(bytes);
        let unended = found.is_none();
        let head = found.unwrap_or(Head {
            len: bytes.len(),
            body: bytes.len(),
        });
        let mut lines = bytes.get(..head.len)?.split(|byte| *byte == b'\n').map(text);
        let start = lines.next()?;
        if start.is_empty() {
            return None;
        }
        let mut raw = Raw {
            start,
            fields: Vec::new(),
            body: bytes.get(head.body..)?.to_vec(),
            broken: unended,
        };
        for line in lines {
            raw.push(&line);
        }
        Some(raw)
    }

    fn push(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            match self.fields.last_mut() {
                Some(field) => {
                    field.value.push(' ');
                    field.value.push_str(line.trim());
                }
                None => self.broken = true,
            }
            return;
        }
        if line.is_empty() {
            return;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() && !name.trim().contains([' ', '\t']) => {
                self.fields.push(Field {
                    name: full_name(name.trim()),
                    value: value.trim().to_owned(),
                });
            }
            Some(_) | None => self.broken = true,
        }
    }

    pub fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        let named = self.fields.iter().filter(move |field| field.name == name);
        named.map(|field| field.value.trim())
    }

    pub fn first(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.value.trim())
    }

    /// The method of a request; nothing for a response.
    pub fn method(&self) -> &str {
        let first = self.start.split(' ').next().unwrap_or_default();
        if self.is_response() { "" } else { first }
    }

    pub fn is_response(&self) -> bool {
        let begins = |start: &str| start.eq_ignore_ascii_case("SIP/");
        self.start.len() > 4 && self.start.get(..4).is_some_and(begins)
    }

    /// Strict SIP, with a Content-Length that is true.
    pub fn write(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.start);
        for field in self.fields.iter().filter(|field| field.name != "Content-Length") {
            head.push_str(&field.name);
            head.push_str(": ");
            head.push_str(field.value.trim());
            head.push_str("\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One message in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Frame {
    /// The first so many bytes are one message.
    Message(usize),
    /// The first so many bytes are line ends: a keep-alive to answer (RFC 5626 §3.5.1) where they are four or more.
    LineEnds(usize),
    Incomplete,
    /// No telling where the message ends; its head is the first so many bytes.
    Broken(usize),
}

/// What the buffered bytes of a stream begin with. `limit` bounds a message, in bytes.
pub(in crate::sip) fn frame(buffer: &[u8], limit: usize) -> Frame {
    let line_ends = buffer.len() - skip_line_ends(buffer).len();
    if line_ends > 0 && line_ends < 4 && line_ends == buffer.len() {
        // An answer to a keep-alive of ours, or the first half of the peer's.
        return Frame::Incomplete;
    }
    if line_ends > 0 {
        return Frame::LineEnds(line_ends);
    }
    let Some(head) = Head::find(buffer) else {
        return if buffer.len() > limit {
            Frame::Broken(buffer.len())
        } else {
            Frame::Incomplete
        };
    };
    let Some(raw) = buffer.get(..head.body).and_then(Raw::read) else {
        return Frame::Broken(head.body);
    };
    let mut lengths = raw.all("Content-Length");
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => 0,
        (Some(one), None) => match content_length(one) {
            Some(length) => length,
            None => return Frame::Broken(head.body),
        },
        (Some(_), Some(_)) => return Frame::Broken(head.body),
    };
    match head.body.checked_add(length) {
        Some(whole) if whole > limit => Frame::Broken(head.body),
        Some(whole) if whole <= buffer.len() => Frame::Message(whole),
        Some(_) => Frame::Incomplete,
        None => Frame::Broken(head.body),
    }
}

/// A Content-Length; `None` where it is no number.
pub(in crate::sip) fn content_length(value: &str) -> Option<usize> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok())?
}

struct Head {
    /// Up to the line end of its last line.
    len: usize,
    body: usize,
}

impl Head {
    /// The first empty line ends it, whether lines end in CRLF or in LF.
    fn find(bytes: &[u8]) -> Option<Head> {
        let mut from = 0;
        loop {
            let line_end = from + bytes.get(from..)?.iter().position(|byte| *byte == b'\n')?;
            let rest = bytes.get(line_end + 1..)?;
            let gap = if rest.starts_with(b"\n") {
                1
            } else if rest.starts_with(b"\r\n") {
                2
            } else {
                from = line_end + 1;
                continue;
            };
            return Some(Head {
                len: line_end,
                body: line_end + 1 + gap,
            });
        }
    }
}

fn skip_line_ends(bytes: &[u8]) -> &[u8] {
    let from = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    from.and_then(|from| bytes.get(from..)).unwrap_or_default()
}

/// A line: UTF-8, or else Latin-1, which every byte string is. A CR inside would be a line end to others: it becomes a
/// space.
fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => line.iter().map(|byte| char::from(*byte)).collect(),
    };
    text.replace('\r', " ")
}

/// RFC 3261 §7.3.3 and §20, RFC 6665 §8.2, RFC 3515 §2.1, RFC 4028 §4: the compact names, and one spelling of each.
fn full_name(name: &str) -> String {
    const COMPACT: [(&str, &str); 13] = [
        ("b", "Referred-By"),
        ("c", "Content-Type"),
        ("e", "Content-Encoding"),
        ("f", "From"),
        ("i", "Call-ID"),
        ("k", "Supported"),
        ("l", "Content-Length"),
        ("m", "Contact"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("s", "Subject"),
        ("t", "To"),
        ("v", "Via"),
    ];
    const USUAL: [&str; 10] = [
        "Accept",
        "CSeq",
        "Max-Forwards",
        "Require",
        "Route",
        "Record-Route",
        "Proxy-Require",
        "Content-Disposition",
        "Authorization",
        "Proxy-Authorization",
    ];
    let compact = COMPACT
        .iter()
        .find(|(short, long)| name.eq_ignore_ascii_case(short) || name.eq_ignore_ascii_case(long));
    let usual = USUAL.iter().find(|usual| name.eq_ignore_ascii_case(usual));
    match (compact, usual) {
        (Some((_, long)), _) => (*long).to_owned(),
        (None, Some(usual)) => (*usual).to_owned(),
        (None, None) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_folded_compact_and_latin_1() {
        let raw = Raw::read(b"\r\nINVITE sip:a@b SIP/2.0\r\nf :\r\n J\xfcrgen\r\n  <sip:j@b>;tag=1\r\nl: 2\r\n\r\nhi")
            .unwrap();
        assert_eq!(raw.start, "INVITE sip:a@b SIP/2.0");
        assert_eq!(raw.first("From"), Some("Jürgen <sip:j@b>;tag=1"));
        assert_eq!(raw.body, b"hi");
        assert!(!raw.broken);
    }

    #[test]
    fn writes_a_content_length_that_is_true() {
        let raw = Raw::read(b"OPTIONS sip:a SIP/2.0\nVia: x\nContent-Length: 77\n\nabc").unwrap();
        assert_eq!(
            raw.write(),
            b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\nContent-Length: 3\r\n\r\nabc"
        );
    }

    #[test]
    fn frames_a_stream() {
        let message = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(frame(message, 100), Frame::Message(message.len()));
        assert_eq!(frame(&message[..message.len() - 1], 100), Frame::Incomplete);
        assert_eq!(frame(b"\r\n\r\nOPT", 100), Frame::LineEnds(4));
        assert_eq!(frame(b"\r\nOPT", 100), Frame::LineEnds(2));
        assert_eq!(frame(b"\r\n", 100), Frame::Incomplete);
        assert_eq!(frame(message, 20), Frame::Broken(message.len() - 2));
        for bad in ["-1", "99999999999999999999999", "18446744073709551615", "abc", ""] {
            let message = format!("OPTIONS sip:a SIP/2.0\r\nl: {bad}\r\n\r\n");
            assert_eq!(frame(message.as_bytes(), 1000), Frame::Broken(message.len()), "{bad}");
        }
        assert_eq!(frame(&[b'x'; 101], 100), Frame::Broken(101));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, limit in 0usize..4096) {
            match frame(&bytes, limit) {
                Frame::Message(len) | Frame::LineEnds(len) => prop_assert!(len > 0 && len <= bytes.len()),
                Frame::Broken(len) => prop_assert!(len <= bytes.len()),
                Frame::Incomplete => {}
            }
            if let Some(raw) = Raw::read(&bytes) {
                let again = Raw::read(&raw.write());
                prop_assert!(again.is_some() || raw.start.trim().is_empty());
            }
        }
    }
}
