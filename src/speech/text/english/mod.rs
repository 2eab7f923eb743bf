//! English on its way to the voice: text as it is read aloud, and Piper's numbers for its phonemes.
//!
//! Reads American English, as the voice does. Knows how things are written and said, not what is meant; whatever comes in,
//! something that can be spoken comes out.

mod amounts;
mod calendar;
mod kokoro;
mod numbers;
mod piper;
mod telephone;
mod words;

pub use kokoro::kokoro_phonemes;
pub use piper::{Identified, identify, piper_phoneme_ids};

use pinyin::ToPinyin;

use super::chinese::is_hanzi;
use super::scan::{Said, before, run_end, skip_spaces, slice};

/// The text with nothing left in it but words, the letters of acronyms (V.I.P), and `,.!?;:`.
pub(super) fn normalise(text: &str) -> String {
    let text = text.trim();
    let goes_on = text.ends_with(',');
    let text = plain_characters(text);
    let mut spoken = String::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let said = read(&text, at, c);
        spoken.push_str(&said.words);
        // Every reading consumes something, so the loop ends.
        at = said.end.max(at + 1);
    }
    tidy(&spoken) + if goes_on && !spoken.is_empty() { "," } else { "" }
}

/// What begins at `at`: a figure or a word with all that belongs to it, or one sign.
fn read(text: &[char], at: usize, c: char) -> Said {
    let starts = !before(text, at).is_some_and(|b| is_letter(b) && !c.is_ascii_digit() || b.is_ascii_digit());
    let digit_follows = text.get(at + 1).is_some_and(char::is_ascii_digit);
    let said = match c {
        _ if !starts => None,
        '$' | '€' | '£' | '¥' | '￥' => amounts::priced(text, at),
        '+' | '(' if digit_follows => telephone::telephone(text, at),
        '-' => negative(text, at),
        '.' if digit_follows => {
            let end = run_end(text, at + 1, |c| c.is_ascii_digit());
            Some(Said {
                words: format!("point {}", numbers::plain(&slice(text, at + 1, end))),
                end,
            })
        }
        '0'..='9' => calendar::date(text, at)
            .or_else(|| calendar::time(text, at))
            .or_else(|| words::address(text, at))
            .or_else(|| telephone::telephone(text, at))
            .or_else(|| figure_or_code(text, at)),
        _ if c.is_ascii_alphabetic() => words::address(text, at)
            .or_else(|| calendar::date(text, at))
            .or_else(|| words::slashed(text, at))
            .or_else(|| words::abbreviation(text, at))
            .or_else(|| words::code(text, at))
            .or_else(|| words::acronym(text, at))
            .or_else(|| words::lone_letter(text, at)),
        _ => None,
    };
    said.unwrap_or_else(|| match run_end(text, at, |c| is_letter(c) || c == '\'') {
        end if end > at && c != '\'' => Said {
            words: word(text, at, end),
            end,
        },
        _ => Said {
            words: sign(text, at, c),
            end: at + 1,
        },
    })
}

/// A figure, unless letters follow that are no unit: then it is a code, as is 1-800-FLOWERS.
fn figure_or_code(text: &[char], at: usize) -> Option<Said> {
    let run = slice(text, at, run_end(text, at, |c| c.is_ascii_alphanumeric() || c == '-'));
    let hyphen_and_letter = run
        .split('-')
        .skip(1)
        .any(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
    if hyphen_and_letter && let Some(said) = words::code(text, at) {
        return Some(said);
    }
    let said = amounts::quantity(text, at)?;
    let torn = text.get(said.end).is_some_and(|c| c.is_alphanumeric()) && !said.words.ends_with(' ');
    if torn {
        words::code(text, at).or(Some(said))
    } else {
        Some(said)
    }
}

/// A minus sign, where nothing stands before it that it could join to the number.
fn negative(text: &[char], at: usize) -> Option<Said> {
    let free = before(text, at).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '"' | ':' | '='));
    let next = text.get(at + 1).filter(|_| free)?;
    let said = match next {
        c if c.is_ascii_digit() => amounts::quantity(text, at + 1)?,
        _ => amounts::priced(text, at + 1)?,
    };
    Some(Said {
        words: format!("minus {}", said.words),
        end: said.end,
    })
}

/// Letters that the voice can say.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && (c < '\u{250}' || ('\u{1e00}'..'\u{1f00}').contains(&c))
}

fn word(text: &[char], start: usize, end: usize) -> String {
    slice(text, start, end).trim_matches('\'').to_owned()
}

/// What a price or a rate is for: $9.99/month.
const PERIODS: [&str; 16] = [
    "month", "mo", "day", "week", "year", "hour", "night", "person", "user", "item", "minute", "min", "second", "unit",
    "piece", "call",
];

/// One sign by itself.
fn sign(text: &[char], at: usize, c: char) -> String {
    let (previous, next) = (before(text, at), text.get(at + 1).copied());
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let key = matches!(
        previous_word(text, at).as_str(),
        "press" | "hit" | "the" | "dial" | "or" | "and" | "by"
    ) || matches!(next_word(text, at + 1).as_str(), "key" | "sign");
    let word = match c {
        ',' | '.' | '!' | '?' | ';' | ':' => return c.to_string(),
        '\n' => "\n",
        '&' => " and ",
        '+' => " plus ",
        '=' => " equals ",
        '%' => " percent ",
        '°' => " degrees ",
        '@' => " at ",
        '€' => " euros ",
        '£' => " pounds ",
        '$' => " dollars ",
        '¥' | '￥' | '元' => " yuan ",
        '×' => " times ",
        '÷' => " divided by ",
        '±' => " plus or minus ",
        '≥' => " at least ",
        '≤' => " at most ",
        '>' if digit(next) || digit(text.get(at + 2).copied()) => " more than ",
        '<' if digit(next) || digit(text.get(at + 2).copied()) => " less than ",
        '~' | '≈' if digit(next) => " about ",
        '½' => fraction_sign(previous, "a half", "one half"),
        '¼' => fraction_sign(previous, "a quarter", "one quarter"),
        '¾' => fraction_sign(previous, "three quarters", "three quarters"),
        '#' if digit(next) => " number ",
        '#' if letter(next) => " hashtag ",
        '#' if key => " pound ",
        '*' if key && !letter(next) && !letter(previous) => " star ",
        '/' if PERIODS.contains(&next_word(text, at + 1).as_str()) => " per ",
        '/' if letter(previous) && letter(next) => " or ",
        '/' if digit(previous) || digit(next) => " slash ",
        '-' if letter(previous) && letter(next)
            || digit(previous) && letter(next)
            || letter(previous) && digit(next) =>
        {
            return c.to_string();
        }
        '\'' if previous.is_some_and(is_letter) && letter(next) => return c.to_string(),
        // 6'2
        '\'' if digit(previous) && digit(next) => " ",
        '\'' => "",
        '0'..='9' => return format!(" {} ", numbers::plain(&c.to_string())),
        '-' if digit(previous) && digit(next) => " ",
        '-' | '–' | '—' | '…' | '(' | ')' | '[' | ']' | '|' | '→' | '•' | '·' | '{' | '}' => " , ",
        '、' => ", ",
        '。' => ". ",
        // A name in Chinese writing: the voice gets as near as it can.
        _ if is_hanzi(c) => {
            return c
                .to_pinyin()
                .map(|pinyin| format!(" {} ", pinyin.plain()))
                .unwrap_or_default();
        }
        _ => " ",
    };
    word.to_owned()
}

fn fraction_sign(previous: Option<char>, after_number: &'static str, alone: &'static str) -> &'static str {
    let after_number_too = previous.is_some_and(|c| c.is_ascii_digit());
    match (after_number_too, after_number) {
        (true, "a half") => " and a half ",
        (true, "a quarter") => " and a quarter ",
        (true, _) => " and three quarters ",
        (false, _) => alone,
    }
}

/// The lower-case word before `at`, spaces between or not; empty where there is none.
fn previous_word(text: &[char], at: usize) -> String {
    let head = text.get(..at).unwrap_or_default();
    let word: Vec<char> = head
        .iter()
        .rev()
        .skip_while(|c| **c == ' ')
        .take_while(|c| c.is_alphabetic())
        .copied()
        .collect();
    word.into_iter().rev().collect::<String>().to_lowercase()
}

/// The lower-case word behind `at`, spaces between or not; empty where there is none.
fn next_word(text: &[char], at: usize) -> String {
    let start = skip_spaces(text, at);
    slice(text, start, run_end(text, start, char::is_alphabetic)).to_lowercase()
}

/// Whether the full stop at `stop` ends a sentence: nothing follows, or a new line, or a word with a capital.
fn ends_sentence(text: &[char], stop: usize) -> bool {
    let closed = run_end(text, stop + 1, |c| matches!(c, '"' | ')'));
    let next = skip_spaces(text, closed);
    match text.get(next) {
        None | Some('\n') => true,
        Some(c) => next > closed && c.is_uppercase(),
    }
}

/// Typographic variants as plain ones, and quotation marks, which nobody says, away; words that shout are calmed.
fn plain_characters(text: &str) -> Vec<char> {
    let shouting = text.split_whitespace().count() > 3 && !text.contains(char::is_lowercase);
    let plain = text.chars().filter_map(|c| match c {
        '’' | '‘' | '`' | '´' | 'ʼ' => Some('\''),
        '"'
        | '“'
        | '”'
        | '„'
        | '«'
        | '»'
        | '\r'
        | '\u{200b}'..='\u{200f}'
        | '\u{feff}'
        | '\u{ad}'
        | '®'
        | '™'
        | '©' => None,
        '−' | '‐' | '‑' | '‒' => Some('-'),
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => Some(' '),
        // ！ to ～ are as wide as 汉字, but for those that keep their own form.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        _ if shouting => Some(c.to_ascii_lowercase()),
        _ => Some(c),
    });
    plain.collect()
}

/// One pause where several meet (the strongest), none at the head, one space between words, a full stop at the end of a line.
fn tidy(spoken: &str) -> String {
    let strength = |c: char| ",:;.!?".find(c);
    let mut tidy = String::new();
    let mut space = false;
    for c in spoken.trim().chars() {
        let last = tidy.chars().last();
        match (last.map(strength), strength(c)) {
            (Some(Some(0)), _) if c == '\n' => {
                tidy.pop();
                tidy.push('.');
                space = true;
            }
            (Some(None), _) if c == '\n' => {
                tidy.push('.');
                space = true;
            }
            _ if c.is_whitespace() => space = true,
            (None, Some(_)) => {}
            (Some(Some(weak)), Some(strong)) if strong <= weak => {}
            (Some(Some(_)), Some(_)) => {
                tidy.pop();
                tidy.push(c);
            }
            (Some(None), Some(_)) => {
                tidy.push(c);
                space = false;
            }
            (last, None) => {
                if space && last.is_some() {
                    tidy.push(' ');
                }
                tidy.push(c);
                space = false;
            }
        }
    }
    tidy.trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests;
