//! Numerals as people say them: the words and characters of which numbers and digit strings are built, in both
//! languages.
//!
//! It knows values, not what they are for: [`super::digits`] reads them one after the other, [`super::number`] as
//! quantities.

/// An English word or a numeral of the recogniser's, by what it does in a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Numeral {
    /// 0 to 9.
    Unit(u64),
    /// 10 to 19.
    Teen(u64),
    /// 20 to 90.
    Tens(u64),
    /// Written in digits, perhaps with leading zeros.
    Written(String),
    /// 100, 1,000 or 1,000,000 of what stands before.
    Scale(u64),
}

pub(super) fn numeral(word: &str) -> Option<Numeral> {
    let numeral = match word {
        "zero" | "nought" | "naught" | "null" => Numeral::Unit(0),
        "one" => Numeral::Unit(1),
        "two" => Numeral::Unit(2),
        "three" => Numeral::Unit(3),
        "four" => Numeral::Unit(4),
        "five" | "fife" => Numeral::Unit(5),
        "six" => Numeral::Unit(6),
        "seven" => Numeral::Unit(7),
        "eight" => Numeral::Unit(8),
        "nine" | "niner" => Numeral::Unit(9),
        "ten" => Numeral::Teen(10),
        "eleven" => Numeral::Teen(11),
        "twelve" => Numeral::Teen(12),
        "thirteen" => Numeral::Teen(13),
        "fourteen" => Numeral::Teen(14),
        "fifteen" => Numeral::Teen(15),
        "sixteen" => Numeral::Teen(16),
        "seventeen" => Numeral::Teen(17),
        "eighteen" => Numeral::Teen(18),
        "nineteen" => Numeral::Teen(19),
        "twenty" => Numeral::Tens(20),
        "thirty" => Numeral::Tens(30),
        "forty" | "fourty" => Numeral::Tens(40),
        "fifty" => Numeral::Tens(50),
        "sixty" => Numeral::Tens(60),
        "seventy" => Numeral::Tens(70),
        "eighty" => Numeral::Tens(80),
        "ninety" => Numeral::Tens(90),
        "hundred" => Numeral::Scale(100),
        "thousand" => Numeral::Scale(1_000),
        "million" => Numeral::Scale(1_000_000),
        word => return written(word).map(Numeral::Written),
    };
    Some(numeral)
}

/// The digits of a word that is written in them, its separators dropped: `12`, `1,200`, `1-2-3`, `#123`; not `12th` or
/// `3pm`.
fn written(word: &str) -> Option<String> {
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let rest = word.trim_matches(|c: char| !c.is_alphabetic());
    let spoken_for = matches!(
        rest,
        "st" | "nd" | "rd" | "th" | "am" | "pm" | "k" | "kg" | "cm" | "s" | "min" | "h"
    );
    (!digits.is_empty() && !spoken_for).then_some(digits)
}

/// A whole number said in words at the start of `tokens`, as its digits and the count of words used: `twenty five` →
/// `25`, `two hundred and six` → `206`, `0042` → `0042`. Longer sequences ("twelve thirty four") are several of these.
pub(super) fn cardinal(tokens: &[String]) -> Option<(String, usize)> {
    let (mut spoken, mut used) = hundreds(tokens)?;
    let mut part = spoken.parse::<u64>().ok();
    let (mut total, mut bound) = (0_u64, u64::MAX);
    while let (Some(value), Some(Numeral::Scale(scale))) = (part, word_numeral(tokens, used))
        && value < 1_000
        && (1_000..bound).contains(&scale)
    {
        total = total.saturating_add(value * scale);
        (used, bound, part) = (used + 1, scale, None);
        let rest_at = used + usize::from(tokens.get(used).is_some_and(|word| word == "and"));
        if let Some((rest, more)) = hundreds(tokens.get(rest_at..).unwrap_or_default())
            && rest.len() <= 3
        {
            part = rest.parse().ok();
            used = rest_at + more;
        }
        spoken = total.saturating_add(part.unwrap_or(0)).to_string();
    }
    Some((spoken, used))
}

/// A number below a thousand, or one written in digits.
fn hundreds(tokens: &[String]) -> Option<(String, usize)> {
    let indefinite = tokens.first().is_some_and(|word| word == "a" || word == "an")
        && matches!(word_numeral(tokens, 1), Some(Numeral::Scale(_)));
    let (small, used) = if indefinite {
        ("1".to_owned(), 1)
    } else {
        below_hundred(tokens)?
    };
    let Some(Numeral::Scale(100)) = word_numeral(tokens, used) else {
        return Some((small, used));
    };
    let Some(base) = small.parse::<u64>().ok().filter(|value| *value < 100) else {
        return Some((small, used));
    };
    let (base, used) = (base * 100, used + 1);
    let rest_at = used + usize::from(tokens.get(used).is_some_and(|word| word == "and"));
    if let Some((rest, more)) = below_hundred(tokens.get(rest_at..).unwrap_or_default())
        && rest.len() <= 2
        && !matches!(word_numeral(tokens, rest_at + more), Some(Numeral::Scale(100)))
    {
        let rest: u64 = rest.parse().unwrap_or(0);
        return Some(((base + rest).to_string(), rest_at + more));
    }
    Some((base.to_string(), used))
}

fn below_hundred(tokens: &[String]) -> Option<(String, usize)> {
    match word_numeral(tokens, 0)? {
        Numeral::Unit(value) | Numeral::Teen(value) => Some((value.to_string(), 1)),
        Numeral::Tens(tens) => match word_numeral(tokens, 1) {
            Some(Numeral::Unit(unit)) if unit > 0 => Some(((tens + unit).to_string(), 2)),
            Some(_) | None => Some((tens.to_string(), 1)),
        },
        Numeral::Written(digits) => Some((digits, 1)),
        Numeral::Scale(_) => None,
    }
}

fn word_numeral(tokens: &[String], at: usize) -> Option<Numeral> {
    tokens.get(at).and_then(|word| numeral(word))
}

/// The digit that a Han character says, 0 to 9: 零〇幺两 and the others.
pub(super) fn han_digit(c: char) -> Option<u8> {
    let digit = match c {
        '零' | '〇' | '○' => 0,
        '一' | '幺' | '壹' => 1,
        '二' | '两' | '贰' | '俩' => 2,
        '三' | '叁' | '仨' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    };
    Some(digit)
}

/// What a Han character multiplies by: 十百千万亿.
pub(super) fn han_unit(c: char) -> Option<u64> {
    match c {
        '十' | '拾' => Some(10),
        '百' => Some(100),
        '千' => Some(1_000),
        '万' => Some(10_000),
        '亿' => Some(100_000_000),
        _ => None,
    }
}

pub(super) fn is_han_numeral(c: char) -> bool {
    han_digit(c).is_some() || han_unit(c).is_some()
}

/// A whole number with units (十百千万亿) at the start of `chars`, and the count of characters used: 二十五 → 25, 一百零二 → 102,
/// 一千五 → 1500, 12万 → 120000. `None` where the characters only name digits.
pub(super) fn han_cardinal(chars: &[char]) -> Option<(u64, usize)> {
    let (mut total, mut section, mut used) = (0_u64, 0_u64, 0_usize);
    let mut above = u64::MAX;
    let mut any = false;
    loop {
        let rest = chars.get(used..).unwrap_or_default();
        let zeros = usize::from(any && rest.first().is_some_and(|c| han_digit(*c) == Some(0)));
        let rest = rest.get(zeros..).unwrap_or_default();
        let (count, width) = han_count(rest);
        match rest.get(width).copied().and_then(han_unit) {
            Some(unit @ (10_000 | 100_000_000)) if any || width > 0 => {
                let part = section.saturating_add(count.unwrap_or(0));
                total = match total {
                    // 一亿两千万 adds, 两万亿 multiplies.
                    before if before >= unit => before.saturating_add(part.saturating_mul(unit)),
                    before => before.saturating_add(part).saturating_mul(unit),
                };
                (section, above, any) = (0, unit, true);
                used += zeros + width + 1;
            }
            Some(unit) if unit < above && unit < 10_000 && (width > 0 || unit == 10) => {
                section = section.saturating_add(count.unwrap_or(1).saturating_mul(unit));
                (above, any) = (unit, true);
                used += zeros + width + 1;
            }
            Some(_) | None => {
                if let Some(count) = count.filter(|_| any && width == 1) {
                    // 一千五 is 1500 and 一万二 is 12000; with a zero between, 一千零五, it is 1005.
                    let place = if zeros > 0 || above <= 10 { 1 } else { above / 10 };
                    section = section.saturating_add(count.saturating_mul(place));
                    used += zeros + width;
                }
                return any.then_some((total.saturating_add(section), used));
            }
        }
    }
}

/// One digit, or ASCII digits written together, at the start of `chars`.
fn han_count(chars: &[char]) -> (Option<u64>, usize) {
    if let Some(digit) = chars.first().and_then(|c| han_digit(*c)) {
        return (Some(u64::from(digit)), 1);
    }
    let width = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    let written: String = chars.iter().take(width).collect();
    (written.parse().ok(), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        crate::dialogue::words::tokens(text)
    }

    #[test]
    fn english_cardinals() {
        for (text, value, used) in [
            ("twenty five", "25", 2),
            ("a hundred and two", "102", 4),
            ("two hundred three hundred", "200", 2),
            ("twelve thirty four", "12", 1),
            ("five thousand two hundred and six items", "5206", 6),
            ("forty one hundred", "4100", 3),
            ("one million two hundred thousand", "1200000", 5),
            ("0042", "0042", 1),
            ("5 hundred", "500", 2),
            ("nine thousand", "9000", 2),
        ] {
            assert_eq!(cardinal(&words(text)), Some((value.to_owned(), used)), "{text}");
        }
        assert_eq!(cardinal(&words("the hundred")), None);
    }

    #[test]
    fn mandarin_cardinals() {
        for (text, value) in [
            ("二十五", 25),
            ("十二", 12),
            ("十", 10),
            ("一百零二", 102),
            ("两百五", 250),
            ("一千零五", 1005),
            ("一千五", 1500),
            ("一万二", 12_000),
            ("三千四百五十六", 3456),
            ("十二万", 120_000),
            ("12万", 120_000),
            ("一亿两千万", 120_000_000),
        ] {
            let chars: Vec<char> = text.chars().collect();
            assert_eq!(han_cardinal(&chars), Some((value, chars.len())), "{text}");
        }
        assert_eq!(han_cardinal(&['一', '二', '三']), None);
    }
}
