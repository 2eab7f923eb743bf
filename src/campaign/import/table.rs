//! CSV (RFC 4180), with comma, semicolon, tab or bar.
//!
//! A row is put together from lines first, so that its place is known, and a quote that is never closed costs one line and not the rest of the file.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;
use serde_json::{Map, Value};

use super::lines::{LONGEST, Line, Lines};
use super::{Row, Unusable};

/// Lines of one row, where a value has several.
const MOST_LINES: usize = 64;
const MOST_COLUMNS: usize = 1_000;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) struct Table<R> {
    lines: Lines<R>,
    parser: Parser,
    columns: Vec<String>,
}

impl<R: BufRead> Table<R> {
    pub fn new(source: R, line: u64) -> Result<Self, Unusable> {
        let mut lines = Lines::new(source, line);
        let first = lines.next()?.ok_or(Unusable::Empty)?;
        let bytes = first.bytes.ok_or_else(|| Unusable::Header("is far too long".into()))?;
        let count = |delimiter: u8| bytes.iter().filter(|byte| **byte == delimiter).count();
        // Of equals the first counts.
        let delimiter = DELIMITERS
            .into_iter()
            .rev()
            .max_by_key(|delimiter| count(*delimiter))
            .unwrap_or(b',');
        let mut parser = Parser::new(delimiter);
        let read = parser.fields(&bytes).map_err(Unusable::Header)?;
        let columns: Vec<String> = read.iter().map(|name| name.trim().to_owned()).collect();
        for (at, name) in columns.iter().enumerate() {
            if !name.is_empty() && columns.iter().take(at).any(|other| other == name) {
                return Err(Unusable::Header(format!("has `{name}` twice")));
            }
        }
        Ok(Self { lines, parser, columns })
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(first) = self.lines.next()? else {
                return Ok(None);
            };
            let line = first.n;
            let Some(bytes) = first.bytes else {
                let fields = Err(format!("the line is longer than {LONGEST} bytes"));
                return Ok(Some(Row { line, fields }));
            };
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let fields = match self.whole(bytes)? {
                Some(bytes) => self.named(&bytes),
                None => Err(format!(
                    "a quote opens in this line and does not close a value within {MOST_LINES} lines: double a quote that belongs to a value"
                )),
            };
            return Ok(Some(Row { line, fields }));
        }
    }

    /// The row that begins with `first`; none where a quote stays open, or what closes it lines later is none that closes a value. Then the lines after it
    /// are yet to be read.
    fn whole(&mut self, first: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        let mut quote = self.parser.quote(Quote::Before, &first);
        let mut row = first;
        let mut taken: Vec<Line> = Vec::new();
        while quote == Quote::Inside && taken.len() < MOST_LINES && row.len() <= LONGEST {
            let Some(line) = self.lines.next()? else { break };
            if let Some(bytes) = &line.bytes {
                quote = self.parser.quote(quote, bytes);
                row.push(b'\n');
                row.extend_from_slice(bytes);
            } else {
                quote = Quote::Stray;
            }
            taken.push(line);
        }
        let is_closed = match quote {
            Quote::Inside => false,
            // In one line the parser makes something of it.
            Quote::Stray => taken.is_empty(),
            Quote::Before | Quote::Plain | Quote::Behind => true,
        };
        if is_closed {
            return Ok(Some(row));
        }
        taken.into_iter().rev().for_each(|line| self.lines.give_back(line));
        Ok(None)
    }

    fn named(&mut self, bytes: &[u8]) -> Result<Map<String, Value>, String> {
        let fields = self.parser.fields(bytes)?;
        if fields.len() != self.columns.len() {
            return Err(format!(
                "it has {} fields, and there are {} columns: put quotes around a value that has the separator in it",
                fields.len(),
                self.columns.len()
            ));
        }
        let named = self.columns.iter().cloned().zip(fields.into_iter().map(Value::String));
        Ok(named.filter(|(name, _)| !name.is_empty()).collect())
    }
}

/// Where in a value a line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    /// At its beginning, where a quote opens it.
    Before,
    /// In one without quotes.
    Plain,
    Inside,
    /// Behind a quote, which closed it or stands for one.
    Behind,
    /// Something follows the quote that closed it.
    Stray,
}

struct Parser {
    delimiter: u8,
    core: csv_core::Reader,
    /// Each is used again for the next row.
    row: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Parser {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            row: Vec::new(),
            text: Vec::new(),
            ends: vec![0; MOST_COLUMNS],
        }
    }

    /// How things stand behind `line`, as the parser sees quotes.
    fn quote(&self, before: Quote, line: &[u8]) -> Quote {
        // A line's end within quotes is a character as any other.
        line.iter().fold(before, |state, byte| match (state, *byte) {
            (Quote::Before, b'"') => Quote::Inside,
            (Quote::Inside, b'"') => Quote::Behind,
            (Quote::Behind, b'"') | (Quote::Inside, _) => Quote::Inside,
            (Quote::Stray, _) => Quote::Stray,
            (Quote::Before | Quote::Plain | Quote::Behind, byte) if byte == self.delimiter => Quote::Before,
            (Quote::Before | Quote::Plain, _) => Quote::Plain,
            (Quote::Behind, _) => Quote::Stray,
        })
    }

    /// The values of one row.
    fn fields(&mut self, row: &[u8]) -> Result<Vec<String>, String> {
        self.core.reset();
        self.row.clear();
        self.row.extend_from_slice(row);
        self.row.push(b'\n');
        self.text.resize(self.row.len(), 0);
        let (result, read, _, count) = self.core.read_record(&self.row, &mut self.text, &mut self.ends);
        match result {
            ReadRecordResult::Record if read == self.row.len() => {}
            ReadRecordResult::Record => {
                return Err("it has a carriage return in the middle; save the table again".into());
            }
            ReadRecordResult::OutputEndsFull => return Err(format!("it has {MOST_COLUMNS} fields or more")),
            ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull | ReadRecordResult::End => {
                return Err("its quotes are not in order".into());
            }
        }
        let mut begin = 0;
        let mut fields = Vec::with_capacity(count);
        for end in self.ends.iter().take(count) {
            let field = self.text.get(begin..*end).unwrap_or_default();
            let field =
                std::str::from_utf8(field).map_err(|_| "it is not UTF-8: save the table as CSV UTF-8".to_owned())?;
            fields.push(field.to_owned());
            begin = *end;
        }
        Ok(fields)
    }
}
