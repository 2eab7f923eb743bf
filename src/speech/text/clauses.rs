//! Text cut into clauses that a voice speaks one after the other: the first is heard while the next is made.

use std::time::Duration;

use crate::language::Language;

/// Characters beyond which a sentence is cut at a comma.
fn long(language: Language) -> usize {
    match language {
        Language::English => 90,
        Language::Mandarin => 30,
    }
}

/// A piece shorter than this is joined to the one before it.
fn short(language: Language) -> usize {
    match language {
        Language::English => 12,
        Language::Mandarin => 4,
    }
}

/// Abbreviations after which a full stop ends no sentence, in lower case.
const ABBREVIATIONS: &[&str] =
    &["mr", "mrs", "ms", "dr", "st", "prof", "no", "vs", "e.g", "i.e", "etc", "inc", "ltd", "p.m", "a.m", "approx"];

/// The clauses of `text`, in order, trimmed; none of them empty.
pub fn clauses(text: &str, language: Language) -> Vec<String> {
    let mut clauses: Vec<String> = Vec::new();
    for sentence in cut(text, |c, before, after| ends_sentence(c, before, after)) {
        if sentence.chars().count() <= long(language) {
            clauses.push(sentence);
            continue;
        }
        let mut parts: Vec<String> = Vec::new();
        for part in cut(&sentence, |c, _, after| pauses(c, after)) {
            match parts.last_mut() {
                Some(last) if too_short(last, language) || too_short(&part, language) => join(last, &part, language),
                _ => parts.push(part),
            }
        }
        clauses.extend(parts);
    }
    clauses
}

/// How long `text` takes to say, about.
pub fn spoken_length(text: &str, language: Language) -> Duration {
    let count = text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').count() as f64;
    let rate = match language {
        Language::English => 15.0,
        Language::Mandarin => 4.5,
    };
    Duration::from_secs_f64(count / rate)
}

/// Cuts behind every character that `ends` (given what stands before and after it).
fn cut(text: &str, ends: impl Fn(char, &str, &str) -> bool) -> Vec<String> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if ends(c, &text[start..at], &text[end..]) {
            keep(&mut parts, &text[start..end]);
            start = end;
        }
    }
    keep(&mut parts, &text[start..]);
    parts
}

fn keep(parts: &mut Vec<String>, part: &str) {
    let part = part.trim();
    if part.chars().any(char::is_alphanumeric) {
        parts.push(part.to_owned());
    } else if let Some(last) = parts.last_mut() {
        // "…": belongs to what it follows.
        last.push_str(part);
    }
}

fn ends_sentence(c: char, before: &str, after: &str) -> bool {
    match c {
        '。' | '！' | '？' | '；' | '\n' => true,
        '!' | '?' | ';' => !after.starts_with(['!', '?']),
        '.' => {
            let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
            let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
            let initial = bare.chars().count() == 1 && word.chars().all(char::is_uppercase);
            (after.is_empty() || after.starts_with(char::is_whitespace)) && !ABBREVIATIONS.contains(&bare.as_str()) && !initial
        }
        _ => false,
    }
}

fn pauses(c: char, after: &str) -> bool {
    match c {
        '，' | '、' | '：' => true,
        ',' | ':' | '–' => after.starts_with(char::is_whitespace),
        _ => false,
    }
}

fn too_short(part: &str, language: Language) -> bool {
    part.chars().count() < short(language)
}

fn join(last: &mut String, part: &str, language: Language) {
    if language == Language::English {
        last.push(' ');
    }
    last.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_at_sentences_and_only_long_ones_at_commas() {
        for (text, language, parts) in [
            ("Hello. How can I help?", Language::English, vec!["Hello.", "How can I help?"]),
            ("Mr. Smith paid $3.14 to a.b@c.de, e.g. yesterday.", Language::English, vec!["Mr. Smith paid $3.14 to a.b@c.de, e.g. yesterday."]),
            ("Well, yes, of course.", Language::English, vec!["Well, yes, of course."]),
            ("Really?! Yes...", Language::English, vec!["Really?!", "Yes..."]),
            (
                "Orders placed before two in the afternoon leave the same day, and they usually arrive within two or three working days.",
                Language::English,
                vec!["Orders placed before two in the afternoon leave the same day,", "and they usually arrive within two or three working days."],
            ),
            ("您好。请问有什么可以帮您？", Language::Mandarin, vec!["您好。", "请问有什么可以帮您？"]),
            ("", Language::English, vec![]),
            (" ... ", Language::English, vec![]),
        ] {
            assert_eq!(clauses(text, language), parts, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_is_lost(text in "\\PC{0,200}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            for language in Language::ALL {
                prop_assert_eq!(letters(&clauses(&text, language).concat()), letters(&text));
            }
        }
    }
}
