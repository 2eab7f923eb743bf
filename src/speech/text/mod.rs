//! Text on its way to a voice: spelled out as it is spoken, cut into clauses, turned into phonemes.
//!
//! Knows no model and no sound.

mod chinese;
pub mod clauses;
pub mod english;
pub mod espeak;
pub mod mandarin;
mod scan;

pub use clauses::{Clauses, clauses, spoken_length};

use crate::language::Language;

/// `text` as it is to be read aloud: figures, signs and abbreviations in words.
pub fn normalise(text: &str, language: Language) -> String {
    match language {
        Language::English => english::normalise(text),
        Language::Mandarin => chinese::normalise(text),
    }
}
