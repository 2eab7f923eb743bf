//! English words for numbers: `1204` as one thousand two hundred four, as twelve oh four (a year), or digit by digit.
//!
//! Knows digits and what they are called, not what they count. American, like the voice: no "and" after the hundreds.

use super::super::scan::{Figure, group_sizes};

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
const SCALES: [(u64, &str); 4] = [
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1000, "thousand"),
];

/// Longer than this and nobody says it as one number (999 trillion).
const LONGEST_CARDINAL: usize = 15;

/// One thousand two hundred four; digit by digit where it is too long for that.
pub(super) fn cardinal(digits: &str) -> String {
    let significant = digits.trim_start_matches('0');
    if significant.len() > LONGEST_CARDINAL {
        return plain(digits);
    }
    // Nothing is left of zeros.
    number(significant.parse().unwrap_or(0))
}

pub(super) fn number(n: u64) -> String {
    for (scale, name) in SCALES {
        if n >= scale {
            let head = format!("{} {name}", number(n / scale));
            return join(head, ' ', n % scale);
        }
    }
    let word = |words: &[&str], index: u64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| words.get(index).copied())
            .unwrap_or_default()
            .to_owned()
    };
    match n {
        0..20 => word(&ONES, n),
        20..100 => join(word(&TENS, n / 10), '-', n % 10),
        _ => join(format!("{} hundred", word(&ONES, n / 100)), ' ', n % 100),
    }
}

fn join(head: String, by: char, rest: u64) -> String {
    if rest == 0 {
        head
    } else {
        format!("{head}{by}{}", number(rest))
    }
}

/// Three point one four, point five.
pub(super) fn spoken(figure: &Figure) -> String {
    match &figure.fraction {
        None => cardinal(&figure.whole),
        Some(fraction) => format!("{} point {}", cardinal(&figure.whole), plain(fraction)),
    }
}

/// Twenty-first.
pub(super) fn ordinal(digits: &str) -> String {
    let words = cardinal(digits);
    let at = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at_checked(at).unwrap_or(("", &words));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        other => other
            .strip_suffix('y')
            .map_or_else(|| format!("{other}th"), |stem| format!("{stem}ieth")),
    };
    format!("{head}{last}")
}

pub(super) fn ordinal_of(n: u32) -> String {
    ordinal(&n.to_string())
}

/// Nineteen eighty-four, two thousand nine, twenty twenty-six.
pub(super) fn year(n: u32) -> String {
    let (century, rest) = (u64::from(n / 100), u64::from(n % 100));
    match rest {
        _ if !(1100..10_000).contains(&n) || (2000..2010).contains(&n) => number(n.into()),
        0 => format!("{} hundred", number(century)),
        1..10 => format!("{} oh {}", number(century), number(rest)),
        _ => format!("{} {}", number(century), number(rest)),
    }
}

/// Nineteen nineties.
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// One two three.
pub(super) fn plain(digits: &str) -> String {
    let words: Vec<&str> = digits
        .chars()
        .filter_map(|c| c.to_digit(10))
        .filter_map(|digit| ONES.get(usize::try_from(digit).ok()?).copied())
        .collect();
    words.join(" ")
}

/// One two three four, five six seven eight: in groups, with a breath between that can be written down.
pub(super) fn dictated(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_digit).collect();
    let mut rest = digits.as_slice();
    let mut groups = Vec::new();
    for size in group_sizes(digits.len()) {
        let (group, tail) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        groups.push(plain(&group.iter().collect::<String>()));
        rest = tail;
    }
    groups.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_named() {
        for (digits, words) in [
            ("0", "zero"),
            ("000", "zero"),
            ("7", "seven"),
            ("13", "thirteen"),
            ("20", "twenty"),
            ("99", "ninety-nine"),
            ("100", "one hundred"),
            ("105", "one hundred five"),
            ("1000", "one thousand"),
            ("1204", "one thousand two hundred four"),
            ("10000", "ten thousand"),
            ("1000001", "one million one"),
            (
                "999999999999999",
                "nine hundred ninety-nine trillion nine hundred ninety-nine billion nine hundred ninety-nine million nine hundred ninety-nine thousand nine hundred ninety-nine",
            ),
            (
                "1234567890123456",
                "one two three four five six seven eight nine zero one two three four five six",
            ),
        ] {
            assert_eq!(cardinal(digits), words, "{digits}");
        }
        for (digits, words) in [
            ("1", "first"),
            ("12", "twelfth"),
            ("20", "twentieth"),
            ("33", "thirty-third"),
            ("100", "one hundredth"),
        ] {
            assert_eq!(ordinal(digits), words, "{digits}");
        }
        for (n, words) in [
            (1905, "nineteen oh five"),
            (1900, "nineteen hundred"),
            (1984, "nineteen eighty-four"),
            (2000, "two thousand"),
            (2009, "two thousand nine"),
            (2026, "twenty twenty-six"),
            (800, "eight hundred"),
        ] {
            assert_eq!(year(n), words, "{n}");
        }
    }

    #[test]
    fn dictation_breathes() {
        assert_eq!(dictated("12345678"), "one two three four, five six seven eight");
        assert_eq!(dictated("5551234"), "five five five, one two three four");
        assert_eq!(dictated(""), "");
    }
}
