//! Tables of contacts, read row by row: CSV as spreadsheets and databases write it, JSON as a list or one object a line.
//!
//! A row is a line number and its fields, or what is wrong with it: a row that cannot be read costs that row, and never passes unseen. What is held is one
//! row, so a million take no more memory than one. It knows no campaign.

mod json;
mod lines;
pub mod loading;
pub mod numbers;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};

use serde_json::{Map, Value};

/// What is told of a file that is no table: the cure is in it.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("it is empty")]
    Empty,
    #[error("it is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")]
    Utf16,
    #[error("its first line, which names the columns, {0}")]
    Header(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    /// Or what is wrong with it.
    pub fields: Result<Map<String, Value>, String>,
}

/// The rows of a file, one after the other.
pub struct Rows<R> {
    kind: Kind<R>,
}

enum Kind<R> {
    Table(Box<table::Table<R>>),
    Objects(json::Objects<R>),
    List(json::List<R>),
}

impl<R: BufRead> Rows<R> {
    /// Tells by its first sign what the file is, and reads the names of its columns where it is a table.
    pub fn new(mut source: R) -> Result<Self, Unusable> {
        let start = source.fill_buf()?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(Unusable::Utf16);
        }
        if start.starts_with("\u{feff}".as_bytes()) {
            source.consume(3);
        }
        let mut line = 1;
        let first = loop {
            let byte = source.fill_buf()?.first().copied();
            match byte {
                None => return Err(Unusable::Empty),
                Some(byte) if byte.is_ascii_whitespace() => {
                    line += u64::from(byte == b'\n');
                    source.consume(1);
                }
                Some(byte) => break byte,
            }
        };
        let kind = match first {
            b'[' => Kind::List(json::List::new(source, line)),
            b'{' => Kind::Objects(json::Objects::new(source, line)),
            _ => Kind::Table(Box::new(table::Table::new(source, line)?)),
        };
        Ok(Self { kind })
    }

    /// The names of a table's columns; none where every row has its own.
    pub fn columns(&self) -> Option<&[String]> {
        match &self.kind {
            Kind::Table(table) => Some(table.columns()),
            Kind::Objects(_) | Kind::List(_) => None,
        }
    }
}

/// After an error of the file nothing more is read.
impl<R: BufRead> Iterator for Rows<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<io::Result<Row>> {
        match &mut self.kind {
            Kind::Table(table) => table.next().transpose(),
            Kind::Objects(objects) => objects.next().transpose(),
            Kind::List(list) => list.next().transpose(),
        }
    }
}
