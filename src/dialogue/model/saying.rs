//! The `say` of a JSON object, letter by letter while the object is still being written.
//!
//! It follows the text of `{"commands": […], "say": "…"}` and gives out what the string under the outermost `say` has
//! grown by, its escapes resolved. It knows no commands and does not check the rest: whoever parses the whole does.

/// Follows one object. Whatever precedes its first brace (prose, a code fence) is skipped.
#[derive(Debug, Default)]
pub struct Saying {
    place: Place,
    /// Braces and brackets open at this place.
    depth: usize,
    /// The key last read at the outermost level.
    key: String,
    /// What an escape that is not yet whole began with; `\u` and its digits.
    escape: String,
    /// The first half of a surrogate pair.
    half: Option<u16>,
    /// Bytes read so far.
    read: usize,
    /// Where the `say` key begins.
    begins: Option<usize>,
    /// Where the last outermost key begins.
    key_begins: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the object.
    #[default]
    Before,
    /// Between tokens; at the outermost level, before a key or after a value.
    Between,
    /// In an outermost key.
    Key,
    /// After an outermost key and its colon.
    Value,
    /// In a string that nobody asked for, or one of a nested value.
    Other,
    /// In the string under `say`.
    Say,
    /// The string under `say` has ended, or is no string.
    After,
}

impl Saying {
    /// Reads on; gives what the `say` string has grown by.
    pub fn push(&mut self, text: &str) -> String {
        let mut grown = String::new();
        for c in text.chars() {
            let at = self.read;
            self.read += c.len_utf8();
            self.step(c, at, &mut grown);
        }
        grown
    }

    /// Where in the text the key `say` begins (its opening quote), in bytes; what stands before is whole then.
    pub fn begins(&self) -> Option<usize> {
        self.begins
    }

    /// Whether the string has ended.
    pub fn is_whole(&self) -> bool {
        self.place == Place::After
    }

    fn step(&mut self, c: char, at: usize, grown: &mut String) {
        match self.place {
            Place::Before => {
                if c == '{' {
                    (self.place, self.depth) = (Place::Between, 1);
                }
            }
            Place::Between => match c {
                '"' if self.depth == 1 => {
                    self.key.clear();
                    (self.place, self.key_begins) = (Place::Key, at);
                }
                '"' => self.place = Place::Other,
                '{' | '[' => self.depth += 1,
                '}' | ']' => self.depth = self.depth.saturating_sub(1),
                ':' if self.depth == 1 => self.place = Place::Value,
                _ => {}
            },
            Place::Value => match c {
                '"' if self.key == "say" => {
                    (self.place, self.begins) = (Place::Say, Some(self.key_begins));
                }
                '"' => self.place = Place::Other,
                '{' | '[' => (self.place, self.depth) = (Place::Between, self.depth + 1),
                c if c.is_whitespace() => {}
                _ => self.place = Place::Between,
            },
            Place::Key | Place::Other | Place::Say => self.in_string(c, grown),
            Place::After => {}
        }
    }

    fn in_string(&mut self, c: char, grown: &mut String) {
        if !self.escape.is_empty() {
            self.escape.push(c);
            if let Some(resolved) = self.resolved() {
                self.escape.clear();
                self.put(resolved, grown);
            }
            return;
        }
        match c {
            '\\' => self.escape.push(c),
            '"' => {
                self.half = None;
                self.place = if self.place == Place::Say {
                    Place::After
                } else {
                    Place::Between
                };
            }
            c => self.put(Unit::Char(c), grown),
        }
    }

    /// The escape, once it is whole.
    fn resolved(&self) -> Option<Unit> {
        let mut chars = self.escape.chars().skip(1);
        let unit = match chars.next()? {
            'n' | 'r' | 't' => Unit::Char(' '),
            'b' | 'f' => Unit::Nothing,
            'u' => {
                let digits: String = chars.collect();
                if digits.len() < 4 {
                    return None;
                }
                u16::from_str_radix(&digits, 16).map_or(Unit::Nothing, Unit::Code)
            }
            c => Unit::Char(c),
        };
        Some(unit)
    }

    fn put(&mut self, unit: Unit, grown: &mut String) {
        let c = match (unit, self.half.take()) {
            (Unit::Char(c), _) => Some(c),
            (Unit::Code(high @ 0xd800..=0xdbff), _) => {
                self.half = Some(high);
                None
            }
            (Unit::Code(low @ 0xdc00..=0xdfff), Some(high)) => {
                char::decode_utf16([high, low]).next().and_then(Result::ok)
            }
            (Unit::Code(code), _) => char::from_u32(u32::from(code)),
            (Unit::Nothing, _) => None,
        };
        let Some(c) = c else { return };
        match self.place {
            Place::Say => grown.push(c),
            Place::Key => self.key.push(c),
            Place::Before | Place::Between | Place::Value | Place::Other | Place::After => {}
        }
    }
}

enum Unit {
    Char(char),
    /// A UTF-16 code unit.
    Code(u16),
    Nothing,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_the_string_as_it_grows() {
        let mut saying = Saying::default();
        assert_eq!(saying.push("{\"commands\": [{\"say\": \"not this\"}], \"sa"), "");
        assert_eq!(saying.push("y\": \"We are o"), "We are o");
        assert_eq!(saying.push("pen.\\"), "pen.");
        assert_eq!(saying.push("\" she said"), "\" she said");
        assert!(!saying.is_whole());
        assert_eq!(saying.push("\", \"more\": \"x\"}"), "");
        assert!(saying.is_whole());
    }

    #[test]
    fn resolves_escapes() {
        let mut saying = Saying::default();
        assert_eq!(
            saying.push(r#"```json {"say":"a\n\u4e2d\ud83d\ude00\/\q"}"#),
            "a 中😀/q"
        );
        assert_eq!(saying.begins(), Some(9));
    }

    #[test]
    fn only_the_outermost_say_counts() {
        for text in [
            r#"{"a":"say","b":{"say":"x"}}"#,
            r#"{"say":["x"]}"#,
            r#"{"say":null,"a":"x"}"#,
            r#"["say","x"]"#,
            "say: x",
        ] {
            assert_eq!(Saying::default().push(text), "", "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_followed(text: String) { let _ = Saying::default().push(&text); }

        #[test]
        fn any_string_comes_back(said: String, cut: usize) {
            let text = serde_json::json!({ "commands": [{ "do": "{\"say\":" }], "say": said }).to_string();
            let mut saying = Saying::default();
            let at = (0..=cut % (text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let grown = saying.push(&text[..at]) + &saying.push(&text[at..]);
            let spoken: String = said.chars().filter(|c| !matches!(c, '\u{8}' | '\u{c}')).map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
            prop_assert_eq!(grown, spoken);
        }
    }
}
