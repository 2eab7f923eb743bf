//! The lines of a file, numbered, none longer than a row may be.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// Bytes of a line.
pub(super) const LONGEST: usize = 1 << 20;

/// One line, without its end.
pub(super) struct Line {
    /// From 1.
    pub n: u64,
    /// None: it is longer than [`LONGEST`].
    pub bytes: Option<Vec<u8>>,
}

pub(super) struct Lines<R> {
    source: R,
    /// Of the next line that is read.
    n: u64,
    /// Read already, and given back.
    back: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    /// `n` is the number of the first.
    pub fn new(source: R, n: u64) -> Self {
        Self {
            source,
            n,
            back: VecDeque::new(),
        }
    }

    pub fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.back.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.source)
            .take(LONGEST as u64 + 1)
            .read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        let n = self.n;
        self.n += 1;
        if bytes.len() > LONGEST && !bytes.ends_with(b"\n") {
            self.skip()?;
            return Ok(Some(Line { n, bytes: None }));
        }
        if bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        Ok(Some(Line { n, bytes: Some(bytes) }))
    }

    /// To be read again, before all others.
    pub fn give_back(&mut self, line: Line) {
        self.back.push_front(line);
    }

    /// The rest of a line, a piece at a time.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let piece = self.source.fill_buf()?;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(piece.len(), |at| at + 1);
            if length == 0 {
                return Ok(());
            }
            self.source.consume(length);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}
