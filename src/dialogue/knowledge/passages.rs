//! From sections to passages: pieces that can be found by what they are about and of which an answer can be said.
//!
//! Paragraphs under one heading are put together up to a length, long ones parted at their sentences, and what stands there twice is kept once,
//! with both headings. It knows no scores.

use std::collections::BTreeMap;

use super::reading::Section;
use super::spoken::{length, sentences};
use crate::dialogue::words::{is_han, plain, tokens};
use crate::language::Language;

/// What a passage may be long, in letters: a question finds it by all of its words, so it has to be about one thing.
const LENGTH: usize = 700;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// What it answers; more than one where several headings have the same answer.
    pub headings: Vec<String>,
    /// The headings above the first, the outermost first.
    pub above: Vec<String>,
    pub text: String,
    /// `faq.md#opening-hours`
    pub source: String,
}

/// A document as it was read.
#[derive(Clone, Debug)]
pub struct Document {
    /// As sources name it: `kb/faq.md`.
    pub name: String,
    pub sections: Vec<Section>,
}

/// English pieces, and Mandarin ones.
pub(super) fn pieces(documents: Vec<Document>) -> [Vec<Piece>; 2] {
    let mut found: [Vec<Piece>; 2] = Default::default();
    for document in documents {
        let mut open: Option<(Section, Language)> = None;
        for section in document.sections {
            let language = language_of(&section.heading, &section.text);
            if let Some((before, of)) = &mut open
                && *of == language
                && before.heading == section.heading
                && before.above == section.above
                && length(&before.text) + length(&section.text) < LENGTH
            {
                let blank = !before.text.ends_with(is_wide);
                if blank && before.text.ends_with(char::is_alphanumeric) {
                    before.text.push('.');
                }
                if blank {
                    before.text.push(' ');
                }
                before.text.push_str(&section.text);
                continue;
            }
            close(&document.name, open.replace((section, language)), &mut found);
        }
        close(&document.name, open, &mut found);
    }
    found.map(once)
}

fn is_wide(c: char) -> bool {
    is_han(c) || matches!(c, '。' | '！' | '？' | '，' | '；' | '：' | '”' | '）')
}

fn close(name: &str, section: Option<(Section, Language)>, [english, mandarin]: &mut [Vec<Piece>; 2]) {
    let Some((section, language)) = section else { return };
    let shelf = match language {
        Language::English => english,
        Language::Mandarin => mandarin,
    };
    for text in parted(&section.text) {
        shelf.push(Piece {
            headings: vec![section.heading.clone()],
            above: section.above.clone(),
            text,
            source: format!("{name}{}", section.place),
        });
    }
}

/// A long text in pieces of whole sentences.
fn parted(text: &str) -> Vec<String> {
    if length(text) <= LENGTH {
        return vec![text.to_owned()];
    }
    let mut parts: Vec<String> = Vec::new();
    for sentence in sentences(text) {
        match parts
            .last_mut()
            .filter(|part| length(part) + length(sentence) <= LENGTH)
        {
            Some(part) => part.push_str(sentence),
            None => parts.push(sentence.to_owned()),
        }
    }
    parts
        .iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Words that two writings of one text may differ in. Numbers and denials are not among them.
const ARTICLES: [&str; 14] = [
    "a", "an", "the", "please", "our", "also", "just", "simply", "的", "了", "请", "也", "就", "您",
];

/// The same text under several headings is one piece with all of them; under one heading it is dropped.
fn once(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut kept: Vec<Piece> = Vec::new();
    for piece in pieces {
        let mut said = tokens(&plain(&piece.text));
        said.retain(|token| !ARTICLES.contains(&token.as_str()));
        if said.is_empty() {
            continue;
        }
        match known.get(&said).and_then(|at| kept.get_mut(*at)) {
            Some(first) => {
                let heading = piece
                    .headings
                    .into_iter()
                    .filter(|heading| !first.headings.iter().any(|known| plain(known) == plain(heading)));
                let new: Vec<String> = heading.collect();
                first.headings.extend(new);
            }
            None => {
                known.insert(said, kept.len());
                kept.push(piece);
            }
        }
    }
    kept
}

fn language_of(heading: &str, text: &str) -> Language {
    let letters = heading.chars().chain(text.chars()).filter(|c| c.is_alphabetic());
    let (han, all) = letters.fold((0_usize, 0_usize), |(han, all), c| {
        (han + usize::from(is_han(c)), all + 1)
    });
    // A Han character says as much as a short word.
    if han * 5 > all {
        Language::Mandarin
    } else {
        Language::English
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::knowledge::reading::markdown_sections;

    fn english(markdown: &str) -> Vec<Piece> {
        let document = Document {
            name: "a.md".into(),
            sections: markdown_sections(markdown),
        };
        let [english, _] = pieces(vec![document]);
        english
    }

    #[test]
    fn short_paragraphs_come_together_and_long_ones_apart() {
        let short = english("## Hours\nMonday to Friday.\n\nNot on Sundays.\n\n## Pay\nCash.\n");
        let texts: Vec<&str> = short.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, ["Monday to Friday. Not on Sundays.", "Cash."]);
        let long = english(&format!(
            "## Hours\n{}\n",
            (0..50)
                .map(|n| format!("We are open from day {n} to Friday. "))
                .collect::<String>()
        ));
        assert_eq!(long.len(), 3);
        assert!(
            long.iter()
                .all(|piece| length(&piece.text) <= LENGTH && piece.text.ends_with("Friday."))
        );
    }

    #[test]
    fn what_stands_twice_is_kept_once_with_both_headings() {
        let twice = english(
            "## How can I pay?\nBy the card.\n\n## Payment\nBy card!\n\n## How can I pay?\nBy card\n\n## Cash?\nNot by card.\n",
        );
        assert_eq!(twice.len(), 2);
        assert_eq!(twice[0].headings, ["How can I pay?", "Payment"]);
        assert_eq!(twice[1].text, "Not by card.");
    }
}
