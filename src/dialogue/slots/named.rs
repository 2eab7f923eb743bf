//! Names of people and e-mail addresses, told or spelled.
//!
//! It takes what the recogniser wrote; whether such a person or address exists it cannot know.

use super::digits::digits_in;
use super::numerals::{Numeral, han_digit, numeral};
use crate::dialogue::words::{clauses, is_han, plain, tokens};
use crate::language::Language;

/// The longest name taken, in English words or Mandarin characters; more is a sentence.
const LONGEST_NAME: usize = 4;

/// A person's name: "my name is John Smith", "it's J-O-H-N", 我叫王小明, or the name alone.
pub(super) fn name(words: &str, language: Language) -> Option<String> {
    match language {
        Language::English => english_name(words),
        Language::Mandarin => mandarin_name(words).or_else(|| english_name(words).filter(|name| name.is_ascii())),
    }
}

fn english_name(words: &str) -> Option<String> {
    const LEADS: [&[&str]; 16] = [
        &["my", "full", "name", "is"],
        &["my", "name", "is"],
        &["my", "name's"],
        &["the", "name", "is"],
        &["name", "is"],
        &["you", "can", "call", "me"],
        &["call", "me"],
        &["this", "is"],
        &["i", "am"],
        &["i'm"],
        &["it's", "under"],
        &["it", "is"],
        &["it's"],
        &["that's"],
        &["under"],
        &["speaking", "with"],
    ];
    const STOPS: [&str; 16] = [
        "and", "but", "speaking", "here", "please", "calling", "from", "i", "thanks", "thank", "so", "with", "because",
        "about", "spelled", "that's",
    ];
    const NOT_NAMES: [&str; 34] = [
        "yes", "no", "yeah", "okay", "ok", "sure", "what", "why", "who", "the", "a", "an", "my", "your", "not",
        "don't", "sorry", "help", "order", "return", "hello", "hi", "want", "need", "looking", "trying", "where",
        "how", "when", "is", "it", "can", "person", "human",
    ];
    let plain = plain(words);
    let all = tokens(&plain);
    let all: Vec<String> = all.into_iter().skip_while(|word| is_filler(word)).collect();
    let lead = LEADS
        .iter()
        .filter_map(|lead| Some(crate::dialogue::words::find(&all, lead)? + lead.len()))
        .max();
    let rest = all.get(lead.unwrap_or(0)..).unwrap_or_default();
    let is_letter = |word: &String| word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    let spelled = rest
        .chunk_by(|a, b| is_letter(a) && is_letter(b))
        .find(|run| run.len() >= 2);
    if let Some(spelled) = spelled {
        return Some(capitalised(&spelled.concat()));
    }
    let name: Vec<&String> = rest
        .iter()
        .filter(|word| !is_filler(word) && !is_title(word))
        .take_while(|word| !STOPS.contains(&word.as_str()))
        .collect();
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name
            .iter()
            .all(|word| word.chars().all(|c| c.is_alphabetic() || c == '\'') && !NOT_NAMES.contains(&word.as_str()));
    let numbers = name.iter().any(|word| numeral(word).is_some());
    (fits && !numbers && !name.iter().all(|word| word.chars().count() == 1)).then(|| {
        name.into_iter()
            .map(|word| capitalised(word))
            .collect::<Vec<_>>()
            .join(" ")
    })
}

fn mandarin_name(words: &str) -> Option<String> {
    let plain = plain(words);
    for clause in clauses(&plain) {
        let mut rest = clause.trim_start_matches(['嗯', '呃', '哦', '啊', ' ']);
        let mut led = false;
        for lead in [
            "我的名字叫",
            "我的名字是",
            "我名字叫",
            "名字叫",
            "名字是",
            "我姓名是",
            "你可以叫我",
            "叫我",
            "我叫",
            "我姓",
            "免贵姓",
            "姓",
            "我是",
            "这是",
            "是",
        ] {
            if let Some((_, after)) = rest.split_once(lead) {
                (rest, led) = (after, true);
                break;
            }
        }
        let name = rest.trim_end_matches(['啊', '呀', '吧', '哦', '的']);
        let chars = name.chars().filter(|c| !c.is_whitespace()).count();
        let han = name.chars().all(|c| is_han(c) || c == '·');
        let sentence = name
            .chars()
            .any(|c| "吗么呢不没想要我你您在了这那哪怎货单退谁查".contains(c));
        let least = if led { 1 } else { 2 };
        if han && !sentence && (least..=LONGEST_NAME).contains(&chars) && !name.chars().all(|c| han_digit(c).is_some())
        {
            return Some(name.to_owned());
        }
    }
    None
}

fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "um" | "uh"
            | "er"
            | "erm"
            | "hmm"
            | "well"
            | "oh"
            | "so"
            | "sure"
            | "yes"
            | "yeah"
            | "hi"
            | "hello"
            | "okay"
            | "ok"
            | "of"
            | "course"
    )
}

fn is_title(word: &str) -> bool {
    matches!(word, "mr" | "mrs" | "ms" | "miss" | "mister" | "doctor" | "dr")
}

fn capitalised(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut start = true;
    for c in word.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = c == '\'' && word.starts_with("o'");
    }
    out
}

/// An e-mail address, written ("john@example.com"), told ("john dot smith at example dot com") or spelled ("j as in
/// Juliet, o …").
pub(super) fn email(words: &str, language: Language) -> Option<String> {
    let plain = plain(words);
    let told = match language {
        Language::English => plain,
        Language::Mandarin => han_marks(&plain),
    };
    let parts: Vec<&str> = told
        .split_whitespace()
        .map(|word| {
            if word == "." {
                word
            } else {
                word.trim_matches([',', '.', '!', '?', ';', '。'])
            }
        })
        .filter(|word| !word.is_empty())
        .collect();
    if let Some(written) = parts.iter().find(|part| is_address(part)) {
        return Some((*written).to_owned());
    }
    let parts = spelled(&parts);
    let at = parts.iter().rposition(|part| part == "@")?;
    let local = local_part(parts.get(..at)?);
    let domain: String = parts
        .get(at + 1..)?
        .iter()
        .take_while(|part| !ends_address(part))
        .map(String::as_str)
        .collect();
    let address = format!("{local}@{}", domain.trim_matches('.'));
    is_address(&address).then_some(address)
}

/// Words turned to what they stand for in an address; "m as in Mike" and "m for Mike" are m.
fn spelled(parts: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let words: Vec<&str> = parts
        .iter()
        .flat_map(|part| part.split('-').filter(|piece| !piece.is_empty() || *part == "-"))
        .collect();
    let mut at = 0;
    while let Some(&word) = words.get(at) {
        let here = at;
        let next = |more: usize| words.get(here + more).copied().unwrap_or_default();
        at += 1;
        let letter = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
        if letter && next(1) == "as" && next(2) == "in" {
            out.push(word.to_owned());
            at += 3;
            continue;
        }
        if letter && (next(1) == "for" || next(1) == "like") && next(2).starts_with(word) {
            out.push(word.to_owned());
            at += 2;
            continue;
        }
        if word == "double" && next(1).chars().count() == 1 {
            out.push(next(1).repeat(2));
            at += 1;
            continue;
        }
        let mark = match word {
            "at" | "@" => "@",
            "dot" | "point" | "." => ".",
            "underscore" | "_" => "_",
            "dash" | "hyphen" | "minus" | "-" => "-",
            "plus" | "+" => "+",
            "um" | "uh" | "er" | "all" | "lowercase" | "then" => continue,
            word => word,
        };
        let digits = match numeral(mark) {
            Some(Numeral::Unit(_) | Numeral::Teen(_) | Numeral::Tens(_)) => digits_in(mark, Language::English),
            Some(Numeral::Written(_) | Numeral::Scale(_)) | None => mark.to_owned(),
        };
        out.push(digits);
    }
    out
}

/// What stands before the @, without the sentence before it ("my e-mail is …").
fn local_part(parts: &[String]) -> String {
    const LEADS: [&str; 11] = [
        "is", "it's", "its", "email", "mail", "address", "to", "under", "that's", "me", "yes",
    ];
    let from = parts
        .iter()
        .rposition(|part| LEADS.contains(&part.as_str()))
        .map_or(0, |at| at + 1);
    parts.get(from..).unwrap_or_default().concat()
}

fn ends_address(word: &str) -> bool {
    matches!(word, "and" | "please" | "thanks" | "thank" | "that's" | "okay" | "i")
}

/// Mandarin's names for the marks of an address, and its digits, made those of English.
fn han_marks(plain: &str) -> String {
    let mut text = plain.to_owned();
    for (said, mark) in [
        ("艾特", " @ "),
        ("圈a", " @ "),
        ("小老鼠", " @ "),
        ("下划线", " _ "),
        ("中划线", " - "),
        ("横杠", " - "),
        ("减号", " - "),
        ("杠", " - "),
        ("点", " . "),
    ] {
        text = text.replace(said, mark);
    }
    let marked = text.chars().map(|c| match han_digit(c) {
        Some(digit) => char::from(b'0' + digit),
        None if is_han(c) => ' ',
        None => c,
    });
    marked.collect()
}

/// Whether `text` is an address that mail could be sent to, as far as its form tells.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let named = |part: &str, marks: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
    };
    let labels: Vec<&str> = domain.split('.').collect();
    local.len() <= 64
        && named(local, "._-+")
        && !local.starts_with('.')
        && !local.ends_with('.')
        && labels.len() >= 2
        && labels
            .iter()
            .all(|label| named(label, "-") && !label.starts_with('-') && !label.ends_with('-'))
        && labels
            .last()
            .is_some_and(|label| label.len() >= 2 && label.chars().all(|c| c.is_ascii_alphabetic()))
}
