//! Quantities: how many, how much.
//!
//! It reads one number out of what is said. It knows no units but those of money, and no slots.

use super::digits::{after_correction, after_mandarin_correction};
use super::numerals::{cardinal, han_cardinal, han_digit};
use crate::dialogue::words::{plain, tokens};
use crate::language::Language;

/// The one number that is meant; `None` where none is, or several are ("two or three").
pub(super) fn number(words: &str, language: Language) -> Option<f64> {
    let plain = plain(words);
    match language {
        Language::English => english(after_correction(&tokens(&plain))),
        Language::Mandarin => mandarin(after_mandarin_correction(&plain)),
    }
}

/// An amount of money, in the unit that is named: "twenty dollars and fifty cents", "twelve ninety nine", `$12.50`,
/// 二十块五.
pub fn money(words: &str, language: Language) -> Option<f64> {
    let plain = plain(words);
    match language {
        Language::English => english_money(after_correction(&tokens(&plain))),
        Language::Mandarin => mandarin_money(after_mandarin_correction(&plain)),
    }
}

/// A number and the words it took.
type Phrase = (f64, usize);

fn english(tokens: &[String]) -> Option<f64> {
    let mut found: Vec<(usize, usize, f64)> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        match phrase(rest).filter(|_| !counts_nothing(tokens, at)) {
            Some((value, used)) => {
                found.push((at, at + used, value));
                at += used.max(1);
            }
            None => at += 1,
        }
    }
    // "One two three" and "twelve thirty four" are one number, told digit by digit.
    let together = found.len() > 1
        && found
            .windows(2)
            .all(|pair| pair[0].1 == pair[1].0 && pair[0].2.fract() == 0.0 && pair[1].2.fract() == 0.0);
    if together {
        let digits: String = found.iter().map(|(_, _, value)| format!("{}", value.abs())).collect();
        return digits.parse().ok();
    }
    let mut values: Vec<f64> = found.into_iter().map(|(_, _, value)| value).collect();
    values.dedup();
    match values.as_slice() {
        [value] => Some(*value),
        _ => None,
    }
}

/// A number at the start of `tokens`: "minus five", "two and a half", "one point five", "a dozen", `3.5`.
fn phrase(tokens: &[String]) -> Option<Phrase> {
    match tokens.split_first() {
        Some((sign, rest)) if matches!(sign.as_str(), "minus" | "negative") => {
            let (value, used) = unsigned(rest)?;
            Some((-value, used + 1))
        }
        Some(_) | None => unsigned(tokens),
    }
}

fn unsigned(tokens: &[String]) -> Option<Phrase> {
    let word = |at: usize| tokens.get(at).map_or("", String::as_str);
    match (word(0), word(1), word(2)) {
        ("half", "a", "dozen") => return Some((6.0, 3)),
        ("a", "dozen", _) => return Some((12.0, 2)),
        ("a", "couple", _) => return Some((2.0, 2)),
        ("a", "half", _) | ("half", "a" | "an", _) => return Some((0.5, 2)),
        ("none", ..) => return Some((0.0, 1)),
        ("half", ..) => return Some((0.5, 1)),
        _ => {}
    }
    let (value, used) = match written(word(0)) {
        Some(value) if value.fract() != 0.0 => (value, 1),
        Some(_) | None => {
            let (digits, used) = cardinal(tokens)?;
            (digits.parse::<f64>().ok()?, used)
        }
    };
    let rest = |at: usize| tokens.get(at..).unwrap_or_default();
    if word(used) == "point" {
        let mut digits = String::new();
        let mut at = used + 1;
        while let Some((more, width)) =
            cardinal(rest(at)).or_else(|| matches!(word(at), "oh" | "o").then(|| ("0".to_owned(), 1)))
        {
            digits.push_str(&more);
            at += width;
        }
        if !digits.is_empty() {
            return Some((format!("{value}.{digits}").parse().ok()?, at));
        }
    }
    match (word(used), word(used + 1), word(used + 2)) {
        ("and", "a", "half") => {
            let times = match word(used + 3) {
                "hundred" => 100.0,
                "thousand" => 1000.0,
                "million" => 1_000_000.0,
                _ => return Some((value + 0.5, used + 3)),
            };
            Some(((value + 0.5) * times, used + 4))
        }
        ("and", "a", "quarter") => Some((value + 0.25, used + 3)),
        ("dozen", ..) => Some((value * 12.0, used + 1)),
        _ => Some((value, used)),
    }
}

/// `3.5`, `1,200.50`; a comma before other than three digits is a decimal one.
fn written(word: &str) -> Option<f64> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match word.rsplit_once(',') {
        Some((whole, rest)) if rest.len() == 3 || rest.contains('.') => {
            format!("{}{rest}", whole.replace(',', "")).parse().ok()
        }
        Some((whole, rest)) => format!("{whole}.{rest}").parse().ok(),
        None => word.parse().ok(),
    }
}

/// "One moment", "that one": no quantity.
fn counts_nothing(tokens: &[String], at: usize) -> bool {
    let before = at
        .checked_sub(1)
        .and_then(|at| tokens.get(at))
        .map_or("", String::as_str);
    let after = tokens.get(at + 1).map_or("", String::as_str);
    tokens.get(at).is_some_and(|word| word == "one")
        && (matches!(
            before,
            "this" | "that" | "the" | "which" | "no" | "any" | "every" | "another"
        ) || matches!(after, "moment" | "second" | "sec" | "minute"))
}

fn english_money(tokens: &[String]) -> Option<f64> {
    let is_large = |word: &String| {
        matches!(
            word.as_str(),
            "dollar" | "dollars" | "euro" | "euros" | "pound" | "pounds" | "bucks" | "buck" | "yuan" | "quid"
        )
    };
    let is_small = |word: &String| matches!(word.as_str(), "cent" | "cents" | "pence" | "penny" | "p");
    if let Some(unit) = tokens.iter().position(is_large) {
        let before = tokens.get(..unit)?;
        let one = before.last().filter(|word| matches!(word.as_str(), "a" | "an"));
        let whole = english(before).or(one.map(|_| 1.0))?;
        let rest = tokens.get(unit + 1..)?;
        let cents = english(rest)
            .filter(|cents| (0.0..100.0).contains(cents) && (rest.iter().any(is_small) || rest.len() <= 3));
        return Some(whole + cents.unwrap_or(0.0) / 100.0);
    }
    if let Some(unit) = tokens.iter().position(is_small) {
        return Some(english(tokens.get(..unit)?)? / 100.0);
    }
    // "Twelve ninety nine" is a price.
    let start = (0..tokens.len()).find(|at| cardinal(tokens.get(*at..).unwrap_or_default()).is_some())?;
    let rest = tokens.get(start..)?;
    if let Some((whole, used)) = cardinal(rest)
        && let Some((cents, more)) = cardinal(rest.get(used..)?)
        && cents.len() == 2
        && used + more == rest.len()
    {
        return format!("{whole}.{cents}").parse().ok();
    }
    english(tokens)
}

fn mandarin(plain: &str) -> Option<f64> {
    let chars: Vec<char> = readable(plain);
    let mut found: Vec<(usize, usize, f64)> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match han_phrase(chars.get(at..).unwrap_or_default()) {
            Some((value, used)) => {
                found.push((at, at + used, value));
                at += used.max(1);
            }
            None => at += 1,
        }
    }
    let together = found.len() > 1 && found.windows(2).all(|pair| pair[0].1 == pair[1].0);
    if together {
        return found
            .iter()
            .map(|(_, _, value)| format!("{value}"))
            .collect::<String>()
            .parse()
            .ok();
    }
    let mut values: Vec<f64> = found.into_iter().map(|(_, _, value)| value).collect();
    values.dedup();
    match values.as_slice() {
        [value] => Some(*value),
        _ => None,
    }
}

/// The characters without white space and without words in which a numeral counts nothing.
fn readable(plain: &str) -> Vec<char> {
    let mut text = plain.to_owned();
    for prose in [
        "一下",
        "一些",
        "一样",
        "一点儿",
        "一直",
        "一起",
        "一共",
        "一定",
        "第一",
        "万一",
        "等一等",
        "千万别",
        "一般",
    ] {
        text = text.replace(prose, "|");
    }
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// 二十五, 三点五, 一个半, 半, 负五, 2.5万.
fn han_phrase(chars: &[char]) -> Option<Phrase> {
    match chars.split_first() {
        Some(('负', rest)) => {
            let (value, used) = han_unsigned(rest)?;
            Some((-value, used + 1))
        }
        Some(_) | None => han_unsigned(chars),
    }
}

fn han_unsigned(chars: &[char]) -> Option<Phrase> {
    if chars.first() == Some(&'半') {
        return Some((0.5, 1));
    }
    let (whole, used) = han_whole(chars)?;
    let after = |at: usize| chars.get(used + at).copied().unwrap_or(' ');
    if matches!(after(0), '点' | '.') {
        let decimals: String = chars
            .iter()
            .skip(used + 1)
            .map_while(|c| c.to_digit(10).or(han_digit(*c).map(u32::from)))
            .map(|digit| digit.to_string())
            .collect();
        if !decimals.is_empty() {
            let value: f64 = format!("{whole}.{decimals}").parse().ok()?;
            let end = used + 1 + decimals.chars().count();
            let unit = usize::from(chars.get(end) == Some(&'万'));
            return Some((if unit > 0 { value * 10_000.0 } else { value }, end + unit));
        }
    }
    if after(0) == '半' && after(1) != '天' || after(1) == '半' && "个天年斤块小".contains(after(0)) {
        let end = if after(0) == '半' { 1 } else { 2 };
        return Some((whole + 0.5, used + end));
    }
    Some((whole, used))
}

fn han_whole(chars: &[char]) -> Option<Phrase> {
    if let Some((value, used)) = han_cardinal(chars) {
        return Some((value as f64, used));
    }
    let width = chars.iter().take_while(|c| c.is_ascii_digit() || **c == ',').count();
    if width > 0 && chars.first().is_some_and(char::is_ascii_digit) {
        let written: String = chars.iter().take(width).filter(|c| **c != ',').collect();
        return Some((written.parse().ok()?, width));
    }
    chars
        .first()
        .and_then(|c| han_digit(*c))
        .map(|digit| (f64::from(digit), 1))
}

/// 二十块五, 三元, 十二块九毛九, ￥20.
fn mandarin_money(plain: &str) -> Option<f64> {
    let chars = readable(plain);
    let start = (0..chars.len()).find(|at| han_phrase(chars.get(*at..).unwrap_or_default()).is_some())?;
    let rest = chars.get(start..)?;
    let (whole, used) = han_phrase(rest)?;
    match rest.get(used) {
        Some('块' | '元') => {}
        Some('毛' | '角') => {
            let cents = han_whole(rest.get(used + 1..)?).map_or(0.0, |(cents, _)| cents);
            return Some(whole / 10.0 + cents / 100.0);
        }
        Some('分') => return Some(whole / 100.0),
        Some(_) | None => return mandarin(plain),
    }
    let mut used = used + 1 + usize::from(rest.get(used + 1) == Some(&'钱'));
    // 零五毛 is half a yuan, 零五 five hundredths of one.
    if rest.get(used) == Some(&'零') && matches!(rest.get(used + 2), Some('毛' | '角')) {
        used += 1;
    }
    let Some((tenths, more)) = han_whole(rest.get(used..)?) else {
        return Some(whole);
    };
    if tenths >= 10.0 {
        return Some(whole + tenths / 100.0);
    }
    let used = used + more + usize::from(matches!(rest.get(used + more), Some('毛' | '角')));
    let cents = han_whole(rest.get(used..)?).map_or(0.0, |(cents, _)| cents);
    Some(whole + tenths / 10.0 + cents / 100.0)
}
