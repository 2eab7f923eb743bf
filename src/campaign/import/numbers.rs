//! Lists of numbers, as registries hand them out: one a line, or the column of a table that is named for it.

use std::io::{self, BufRead};

use super::lines::{LONGEST, Lines};
use crate::campaign::number::{Number, Region};

/// Names of the column, in small letters.
const NAMES: [&str; 8] = [
    "phone",
    "number",
    "phone_number",
    "telephone",
    "msisdn",
    "rufnummer",
    "telefon",
    "电话",
];

/// The numbers of a file, each with the line it stands in, from 1, or what is wrong there. Empty lines and comments (`#`) are passed over.
pub struct Numbers<R> {
    lines: Lines<R>,
    home: Option<Region>,
    /// Which value of a line it is, from 0.
    column: usize,
    began: bool,
}

impl<R: BufRead> Numbers<R> {
    /// Numbers without a country's code are of `home`.
    pub fn new(source: R, home: Option<Region>) -> Self {
        Self {
            lines: Lines::new(source, 1),
            home,
            column: 0,
            began: false,
        }
    }

    fn read(&mut self, line: &[u8]) -> Option<Result<Number, String>> {
        let Ok(text) = std::str::from_utf8(line) else {
            return Some(Err("it is not UTF-8".into()));
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        let mut values = text
            .split([',', ';', '\t'])
            .map(|value| value.trim().trim_matches('"').trim());
        if !self.began {
            self.began = true;
            let named = values
                .clone()
                .position(|value| NAMES.contains(&value.to_lowercase().as_str()));
            if let Some(column) = named {
                self.column = column;
                return None;
            }
        }
        let Some(value) = values.nth(self.column) else {
            return Some(Err(format!("it has no value {}", self.column + 1)));
        };
        Some(Number::parse(value, self.home).map_err(|why| why.to_string()))
    }
}

/// After an error of the file nothing more is read.
impl<R: BufRead> Iterator for Numbers<R> {
    type Item = io::Result<(u64, Result<Number, String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next() {
                Ok(line) => line?,
                Err(e) => return Some(Err(e)),
            };
            let told = match &line.bytes {
                Some(bytes) => self.read(bytes),
                None => Some(Err(format!("the line is longer than {LONGEST} bytes"))),
            };
            if let Some(told) = told {
                return Some(Ok((line.n, told)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, String)> {
        let home = "DE".parse().ok();
        let told = Numbers::new(text.as_bytes(), home).map(|line| {
            let (line, number) = line.expect("read");
            (line, number.map_or_else(|why| why, |number| number.to_string()))
        });
        told.collect()
    }

    #[test]
    fn a_list_is_read_with_a_header_and_without() {
        let plain = read("\u{feff}+493023125000\n\n# of today\n030 23125001\nnobody\n");
        let lines: Vec<(u64, &str)> = plain.iter().map(|(line, told)| (*line, told.as_str())).collect();
        assert!(
            matches!(lines[..], [(1, "+493023125000"), (4, "+493023125001"), (5, _)]),
            "{lines:?}"
        );
        let table = read("name;Phone\n\"Ann\";\"+493023125000\"\nBob\n");
        assert!(
            matches!(&table[..], [(2, number), (3, why)] if number == "+493023125000" && why.contains("no value 2")),
            "{table:?}"
        );
        assert!(read("").is_empty());
    }
}
