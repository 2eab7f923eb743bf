//! JSON: a list of objects, or one object a line.

use std::io::{self, BufRead};

use serde_json::{Map, Value};

use super::Row;
use super::lines::{LONGEST, Lines};

/// One object a line.
pub(super) struct Objects<R> {
    lines: Lines<R>,
}

impl<R: BufRead> Objects<R> {
    pub fn new(source: R, line: u64) -> Self {
        Self {
            lines: Lines::new(source, line),
        }
    }

    pub fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(found) = self.lines.next()? else {
                return Ok(None);
            };
            let fields = match found.bytes {
                None => Err(format!("the line is longer than {LONGEST} bytes")),
                Some(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => continue,
                Some(bytes) => object(&bytes),
            };
            return Ok(Some(Row { line: found.n, fields }));
        }
    }
}

/// `[{…}, {…}]`. Elements are told apart by their brackets and then read one by one, so that one that is no JSON costs itself alone.
pub(super) struct List<R> {
    source: R,
    line: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first bracket.
    Begin,
    /// Between two.
    Elements,
    /// Behind the last bracket.
    End,
    /// Nothing more can be read.
    Lost,
}

impl<R: BufRead> List<R> {
    pub fn new(source: R, line: u64) -> Self {
        Self {
            source,
            line,
            state: State::Begin,
        }
    }

    pub fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(byte) = self.byte()? else {
                let cut = matches!(self.state, State::Begin | State::Elements);
                self.state = if cut { State::Lost } else { self.state };
                return Ok(cut.then(|| bad(self.line, "the list ends without a `]`: the file was cut off")));
            };
            let line = self.line;
            self.take();
            match (self.state, byte) {
                (State::Lost, _) => return Ok(None),
                (_, byte) if byte.is_ascii_whitespace() => {}
                (State::Begin, b'[') => self.state = State::Elements,
                (State::Elements, b',') => {}
                (State::Elements, b']') => self.state = State::End,
                (State::Elements, byte) => return self.element(line, byte).map(Some),
                (State::Begin | State::End, _) => {
                    self.state = State::Lost;
                    return Ok(Some(bad(
                        line,
                        "there is more behind the list; nothing from here on was read",
                    )));
                }
            }
        }
    }

    /// One that begins with `first`, which is taken already.
    fn element(&mut self, line: u64, first: u8) -> io::Result<Row> {
        let mut bytes = vec![first];
        let mut depth = u32::from(first == b'{' || first == b'[');
        let (mut text, mut escaped) = (first == b'"', false);
        loop {
            let Some(byte) = self.byte()? else {
                self.state = State::Lost;
                return Ok(bad(
                    line,
                    "a bracket or quote that opens here is not closed; nothing from here on was read",
                ));
            };
            // What is neither a list nor a map ends before the next comma.
            if depth == 0 && !text && matches!(byte, b',' | b']') {
                break;
            }
            self.take();
            bytes.push(byte);
            if bytes.len() > LONGEST {
                self.state = State::Lost;
                return Ok(bad(
                    line,
                    "what begins here is longer than a contact can be; nothing from here on was read",
                ));
            }
            if text {
                (text, escaped) = (byte != b'"' || escaped, byte == b'\\' && !escaped);
            } else {
                match byte {
                    b'"' => text = true,
                    b'{' | b'[' => depth = depth.saturating_add(1),
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            if depth == 0 && !text && matches!(byte, b'}' | b']') {
                break;
            }
        }
        Ok(Row {
            line,
            fields: object(&bytes),
        })
    }

    /// The next byte, which is left where it is.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn take(&mut self) {
        if let Ok(Some(byte)) = self.byte() {
            self.line += u64::from(byte == b'\n');
            self.source.consume(1);
        }
    }
}

fn bad(line: u64, why: &str) -> Row {
    let fields = Err(why.to_owned());
    Row { line, fields }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("it is no object: write {\"column\": \"value\", …}".into()),
        Err(e) => {
            let told = e.to_string();
            // Its place is counted from the element's beginning.
            let told = told.split(" at line ").next().unwrap_or_default();
            Err(format!("it is not JSON: {told}"))
        }
    }
}
