//! Text on its way to a voice: spelled out as it is spoken, cut into clauses, turned into phonemes.
//!
//! Knows no model and no sound.

mod chinese;
pub mod clauses;
pub mod english;
mod english_figures;
mod english_words;
pub mod espeak;
pub mod mandarin;

pub use clauses::{Clauses, clauses, spoken_length};

use crate::language::Language;

/// `text` as it is to be read aloud: figures, signs and abbreviations in words.
pub fn normalise(text: &str, language: Language) -> String {
    match language {
        Language::English => english_words::normalise(text),
        Language::Mandarin => chinese::normalise(text),
    }
}
