//! Server-sent events: bytes in, the data of each event out.
//!
//! As the WHATWG's HTML standard (section 9.2.6) has it, for what chat servers send: `data` lines; names, ids, retry
//! times and comments are skipped. It knows no JSON and no sockets; bytes may come in pieces of any size.

/// The longest event, in bytes. A chat server's are under a kilobyte.
const LONGEST: usize = 1 << 20;

/// An event was longer than a mebibyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is longer than a mebibyte")]
pub struct TooLong;

/// Reads one stream.
#[derive(Debug, Default)]
pub struct Parser {
    /// The line that is not yet ended.
    line: Vec<u8>,
    /// The data lines of the event that is not yet ended.
    data: Option<String>,
    /// The line before ended with a carriage return: a line feed now belongs to it.
    after_return: bool,
    /// A byte-order mark is only one at the very start.
    begun: bool,
}

impl Parser {
    /// Takes the next bytes; gives the data of every event that they end.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let second_half = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    events.extend(self.end_line()?);
                }
                byte => {
                    if self.line.len() >= LONGEST {
                        return Err(TooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(events)
    }

    /// The stream has ended: the data of a last event that lacks its empty line. The standard drops it; servers that
    /// end so mean it.
    pub fn finish(mut self) -> Result<Option<String>, TooLong> {
        if !self.line.is_empty()
            && let Some(event) = self.end_line()?
        {
            return Ok(Some(event));
        }
        Ok(self.data)
    }

    fn end_line(&mut self) -> Result<Option<String>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let value = match line.strip_prefix(b"data") {
            Some([]) => &[],
            Some([b':', value @ ..]) => value.strip_prefix(b" ").unwrap_or(value),
            Some(_) | None => return Ok(None),
        };
        let value = String::from_utf8_lossy(value);
        match &mut self.data {
            Some(data) if data.len() + value.len() >= LONGEST => return Err(TooLong),
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => self.data = Some(value.into_owned()),
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(bytes: &[u8]) -> Vec<String> {
        let mut parser = Parser::default();
        let mut events = parser.push(bytes).unwrap();
        events.extend(parser.finish().unwrap());
        events
    }

    #[test]
    fn data_lines_are_events() {
        assert_eq!(events(b"data: a\n\ndata:b\n\n"), ["a", "b"]);
        assert_eq!(events(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n"), ["a", "b", "c"]);
        assert_eq!(events(b"data: a\ndata: b\n\n"), ["a\nb"]);
        assert_eq!(events(b"data\n\n"), [""]);
    }

    #[test]
    fn all_else_is_skipped() {
        assert_eq!(
            events(b": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\ndatum: b\n\n"),
            ["a"]
        );
        assert_eq!(events(b"\xef\xbb\xbfdata: a\n\n"), ["a"]);
        assert!(events(b"\n\n\n").is_empty());
    }

    #[test]
    fn an_event_without_its_empty_line_counts_at_the_end() {
        assert_eq!(events(b"data: [DONE]"), ["[DONE]"]);
        assert_eq!(events(b"data: [DONE]\n"), ["[DONE]"]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; LONGEST / 2];
        assert!(parser.push(&piece).is_ok());
        assert!(parser.push(&piece).is_ok());
        assert_eq!(parser.push(&piece), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) { let _ = events(&bytes); }

        #[test]
        fn pieces_do_not_matter(bytes in "(data: ?[ab\u{e9}]{0,3}|[:x]|\r\n|\n|\r){0,20}", cuts: Vec<u8>) {
            let bytes = bytes.into_bytes();
            let mut parser = Parser::default();
            let mut found = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (piece, later) = rest.split_at(usize::from(cut % 7).min(rest.len()));
                found.extend(parser.push(piece).unwrap());
                rest = later;
            }
            found.extend(parser.push(rest).unwrap());
            found.extend(parser.finish().unwrap());
            prop_assert_eq!(found, events(&bytes));
        }
    }
}
