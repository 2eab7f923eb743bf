//! Sentences cut into the pieces of words that BERT's models know, by number.
//!
//! The cutting is WordPiece as BERT's uncased vocabulary has it: small letters without accents, punctuation apart, of each
//! word the longest known beginning, and so on with the rest. It knows no model.

use std::collections::HashMap;

use serde::Deserialize;

/// The known pieces.
pub struct Pieces {
    numbers: HashMap<String, i64>,
    begin: i64,
    end: i64,
    unknown: i64,
}

/// Pieces of a sentence, with those for its beginning and end: what the model was trained with.
const LONGEST: usize = 128;
/// A word of more letters than this is no word.
const LONGEST_WORD: usize = 100;

#[derive(Deserialize)]
struct File {
    model: Vocabulary,
}

#[derive(Deserialize)]
struct Vocabulary {
    vocab: HashMap<String, i64>,
}

impl Pieces {
    /// Reads a `tokenizer.json`: the object `model.vocab` gives each piece its number; one inside a word begins with `##`.
    pub fn parse(json: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let numbers = file.model.vocab;
        let special = |name: &str| numbers.get(name).copied().ok_or(format!("there is no piece `{name}`"));
        Ok(Self {
            begin: special("[CLS]")?,
            end: special("[SEP]")?,
            unknown: special("[UNK]")?,
            numbers,
        })
    }

    /// The numbers of the sentence's pieces, at most 128, the first and last of which stand for its beginning and end.
    pub fn of(&self, sentence: &str) -> Vec<i64> {
        let mut numbers = vec![self.begin];
        for word in words(sentence) {
            if numbers.len() >= LONGEST {
                break;
            }
            self.cut(&word, &mut numbers);
        }
        numbers.truncate(LONGEST - 1);
        numbers.push(self.end);
        numbers
    }

    fn cut(&self, word: &str, numbers: &mut Vec<i64>) {
        let before = numbers.len();
        let mut rest = word;
        let mut inside = String::new();
        if word.chars().count() > LONGEST_WORD {
            numbers.push(self.unknown);
            return;
        }
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
            let longest = ends.rev().find_map(|end| {
                let piece = rest.get(..end)?;
                let number = if rest.len() == word.len() {
                    self.numbers.get(piece)
                } else {
                    inside.clear();
                    inside.push_str("##");
                    inside.push_str(piece);
                    self.numbers.get(&inside)
                };
                Some((*number?, end))
            });
            let Some((number, end)) = longest else {
                numbers.truncate(before);
                numbers.push(self.unknown);
                return;
            };
            numbers.push(number);
            rest = rest.get(end..).unwrap_or_default();
        }
    }
}

/// Words and punctuation marks, in small letters without accents; every Han character is a word.
fn words(sentence: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in sentence.chars().flat_map(char::to_lowercase) {
        let c = plain(c);
        let alone = is_punctuation(c) || matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}');
        // A combining accent is left out; so is what cannot be seen.
        if matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\0' | '\u{fffd}') {
            continue;
        }
        if (alone || c.is_whitespace() || c.is_control()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if alone {
            words.push(c.to_string());
        } else if !c.is_whitespace() && !c.is_control() {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(
            c,
            '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}'
        )
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
        || matches!(c, '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
}

/// A small Latin letter without its accent.
fn plain(c: char) -> char {
    const ACCENTED: [(char, &str); 12] = [
        ('a', "àáâãäåāăą"),
        ('c', "çćĉċč"),
        ('e', "èéêëēĕėęě"),
        ('g', "ĝğġģ"),
        ('i', "ìíîïĩīĭį"),
        ('n', "ñńņň"),
        ('o', "òóôõöōŏő"),
        ('s', "śŝşš"),
        ('u', "ùúûüũūŭůűų"),
        ('y', "ýÿŷ"),
        ('z', "źżž"),
        ('r', "ŕŗř"),
    ];
    let found = ACCENTED.iter().find(|(_, accented)| accented.contains(c));
    found.map_or(c, |(plain, _)| *plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::models::{self, Cache};

    fn small() -> Pieces {
        let pieces = ["[CLS]", "[SEP]", "[UNK]", "track", "##ing", "my", "pin", ",", "cafe"];
        let vocab: Vec<String> = pieces
            .iter()
            .enumerate()
            .map(|(n, p)| format!("\"{p}\": {n}"))
            .collect();
        Pieces::parse(&format!("{{\"model\": {{\"vocab\": {{{}}}}}}}", vocab.join(","))).unwrap()
    }

    #[test]
    fn words_are_cut_where_they_must_be() {
        let small = small();
        for (sentence, numbers) in [
            ("Tracking my PIN", &[0, 3, 4, 5, 6, 1][..]),
            ("Café,my", &[0, 8, 7, 5, 1]),
            ("trackers pin", &[0, 2, 6, 1]),
            ("", &[0, 1]),
        ] {
            assert_eq!(small.of(sentence), numbers, "{sentence}");
        }
        assert_eq!(small.of(&"my ".repeat(500)).len(), LONGEST);
        assert!(Pieces::parse("{\"model\": {\"vocab\": {}}}").is_err());
        assert!(Pieces::parse("").is_err());
    }

    /// As the tokenizer that was published with the model cuts them.
    #[test]
    fn the_model_s_own_pieces() {
        let json = Cache::open()
            .path(models::MINILM_PIECES)
            .map_err(|error| error.to_string())
            .and_then(|path| std::fs::read_to_string(path).map_err(|error| error.to_string()));
        let pieces = match json {
            Ok(json) => Pieces::parse(&json).unwrap(),
            Err(error) => {
                eprintln!("SKIPPED: {error}");
                return;
            }
        };
        let long = "x".repeat(120);
        for (sentence, numbers) in [
            ("Where is my order?", &[101, 2073, 2003, 2026, 2344, 1029, 102][..]),
            (
                "I'd like to reset my PIN, please!",
                &[
                    101, 1045, 1005, 1040, 2066, 2000, 25141, 2026, 9231, 1010, 3531, 999, 102,
                ],
            ),
            ("Café über naïve", &[101, 7668, 19169, 15743, 102]),
            (
                "embeddings 12:30 $5.40",
                &[
                    101, 7861, 8270, 4667, 2015, 2260, 1024, 2382, 1002, 1019, 1012, 2871, 102,
                ],
            ),
            ("查订单 order", &[101, 100, 100, 100, 2344, 102]),
            (&long, &[101, 100, 102]),
        ] {
            assert_eq!(pieces.of(sentence), numbers, "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn any_sentence_is_cut(sentence: String) {
            let numbers = small().of(&sentence);
            prop_assert!((2..=LONGEST).contains(&numbers.len()));
        }

        #[test]
        fn any_file_is_read_or_refused(json: String) {
            let _ = Pieces::parse(&json);
        }
    }
}
