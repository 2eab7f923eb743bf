//! English words for figures.

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

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// "one hundred and five"
pub(super) fn cardinal(n: u64) -> String {
    for (scale, name) in SCALES {
        if n >= scale {
            let rest = n % scale;
            let head = format!("{} {name}", cardinal(n / scale));
            return match rest {
                0 => head,
                1..100 => format!("{head} and {}", cardinal(rest)),
                _ => format!("{head} {}", cardinal(rest)),
            };
        }
    }
    match n {
        0..20 => ONES[n as usize].to_owned(),
        20..100 if n.is_multiple_of(10) => TENS[n as usize / 10].to_owned(),
        20..100 => format!("{}-{}", TENS[n as usize / 10], ONES[n as usize % 10]),
        _ if n.is_multiple_of(100) => format!("{} hundred", ONES[n as usize / 100]),
        _ => format!("{} hundred and {}", ONES[n as usize / 100], cardinal(n % 100)),
    }
}

/// "twenty-first"
pub(super) fn ordinal(n: u64) -> String {
    let words = cardinal(n);
    let at = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at(at);
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

/// "nineteen eighty-four", "two thousand and nine", "twenty twenty-six"
pub(super) fn year(n: u64) -> String {
    let (century, rest) = (n / 100, n % 100);
    match rest {
        _ if (2000..2010).contains(&n) => cardinal(n),
        0 => format!("{} hundred", cardinal(century)),
        1..10 => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// "three point one four"; `text` is digits with at most one full stop, and perhaps commas between thousands.
pub(super) fn number(text: &str) -> Option<String> {
    let plain = text.replace(',', "");
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let words = cardinal(whole.parse().ok()?);
    if part.is_empty() {
        return Some(words);
    }
    let digits = spelled(part)?;
    Some(format!("{words} point {digits}"))
}

/// "one two three"
pub(super) fn spelled(digits: &str) -> Option<String> {
    let words: Option<Vec<&str>> = digits
        .chars()
        .map(|c| ONES.get(c.to_digit(10)? as usize).copied())
        .collect();
    words.map(|words| words.join(" "))
}

/// Digit by digit in groups, with a breath between: "one two three four, five six seven eight".
pub(super) fn in_groups(digits: &str) -> Option<String> {
    let size = if digits.len().is_multiple_of(4) { 4 } else { 3 };
    let mut groups: Vec<&str> = Vec::new();
    let mut rest = digits;
    while rest.len() > size + 1 {
        let (group, tail) = rest.split_at_checked(size)?;
        groups.push(group);
        rest = tail;
    }
    groups.push(rest);
    let words: Option<Vec<String>> = groups.into_iter().map(spelled).collect();
    words.map(|words| words.join(", "))
}

/// "nine o'clock" is "nine", "fourteen thirty" is "two thirty p m".
pub(super) fn time(hour: u64, minute: u64) -> Option<String> {
    if hour > 24 || minute > 59 {
        return None;
    }
    match (hour, minute) {
        (0 | 24, 0) => return Some("midnight".into()),
        (12, 0) => return Some("noon".into()),
        _ => {}
    }
    let half = if hour % 24 < 12 { "a m" } else { "p m" };
    Some(format!(
        "{} {half}",
        clock(if hour.is_multiple_of(12) { 12 } else { hour % 12 }, minute)
    ))
}

/// "nine", "nine oh five", "nine thirty"
pub(super) fn clock(hour: u64, minute: u64) -> String {
    match minute {
        0 => cardinal(hour),
        1..10 => format!("{} oh {}", cardinal(hour), cardinal(minute)),
        _ => format!("{} {}", cardinal(hour), cardinal(minute)),
    }
}

/// "twelve dollars and fifty cents"
pub(super) fn money(text: &str, unit: (&str, &str), part: (&str, &str)) -> Option<String> {
    let plain = text.replace(',', "");
    let (whole, cents) = plain.split_once('.').unwrap_or((&plain, ""));
    let whole: u64 = whole.parse().ok()?;
    let cents: u64 = match cents.len() {
        0 => 0,
        1 => cents.parse::<u64>().ok()? * 10,
        2 => cents.parse().ok()?,
        _ => return Some(format!("{} {}", number(text)?, unit.1)),
    };
    let counted = |n: u64, names: (&str, &str)| format!("{} {}", cardinal(n), if n == 1 { names.0 } else { names.1 });
    Some(match (whole, cents) {
        (_, 0) => counted(whole, unit),
        (0, _) => counted(cents, part),
        _ => format!("{} and {}", counted(whole, unit), counted(cents, part)),
    })
}
