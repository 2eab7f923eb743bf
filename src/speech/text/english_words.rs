//! English text as it is read aloud.

use super::english_figures::{MONTHS, cardinal, clock, in_groups, money, number, ordinal, spelled, time, year};

/// Words before a number that make it a name and not a quantity: it is read digit by digit.
const NAMES: &[&str] = &[
    "order",
    "number",
    "code",
    "pin",
    "id",
    "reference",
    "account",
    "extension",
    "tracking",
    "ticket",
    "phone",
    "call",
];

const ABBREVIATIONS: &[(&str, &str)] = &[
    ("mr.", "mister"),
    ("mrs.", "missus"),
    ("ms.", "miz"),
    ("dr.", "doctor"),
    ("prof.", "professor"),
    ("st.", "street"),
    ("ave.", "avenue"),
    ("rd.", "road"),
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "et cetera"),
    ("vs.", "versus"),
    ("approx.", "approximately"),
    ("no.", "number"),
    ("inc.", "incorporated"),
    ("ltd.", "limited"),
    ("a.m.", "a m"),
    ("p.m.", "p m"),
    ("w/o", "without"),
    ("24/7", "twenty-four seven"),
];

const UNITS: &[(&str, &str, &str)] = &[
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("km", "kilometre", "kilometres"),
    ("m", "metre", "metres"),
    ("cm", "centimetre", "centimetres"),
    ("mm", "millimetre", "millimetres"),
    ("l", "litre", "litres"),
    ("ml", "millilitre", "millilitres"),
    ("gb", "gigabyte", "gigabytes"),
    ("mb", "megabyte", "megabytes"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("s", "second", "seconds"),
    ("°c", "degree Celsius", "degrees Celsius"),
    ("°f", "degree Fahrenheit", "degrees Fahrenheit"),
];

/// Capitals that are read as words.
const WORDS_IN_CAPITALS: &[&str] = &[
    "OK", "PIN", "SIM", "NASA", "UNO", "ASAP", "I", "A", "AM", "NO", "YES", "ON", "OFF", "NOT",
];

/// `text` in words. Words that are words already stay as they are.
pub(super) fn normalise(text: &str) -> String {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut out: Vec<String> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let before = at
            .checked_sub(1)
            .and_then(|at| tokens.get(at))
            .map_or("", |token| core(token).1);
        let after = tokens.get(at + 1).map_or("", |token| core(token).1);
        out.push(one(token, before, after));
    }
    out.retain(|word| !word.is_empty());
    out.join(" ")
}

/// A token without the punctuation around it: (before, core, after).
fn core(token: &str) -> (&str, &str, &str) {
    let inner = token.trim_start_matches(['(', '[', '"', '\'', '“', '‘', '¿']);
    let head = &token[..token.len() - inner.len()];
    let body = inner.trim_end_matches([',', '.', '!', '?', ';', ':', ')', ']', '"', '\'', '”', '’']);
    (head, body, &inner[body.len()..])
}

fn one(token: &str, before: &str, after: &str) -> String {
    let lower = token.to_lowercase();
    if let Some((_, words)) = ABBREVIATIONS
        .iter()
        .find(|(short, _)| lower.trim_end_matches([',', '?', '!', ';', ':']) == *short)
    {
        let tail: String = token.chars().rev().take_while(|c| ",?!;:".contains(*c)).collect();
        return format!("{words}{tail}");
    }
    let (_, body, tail) = core(token);
    let tail: String = tail.chars().filter(|c| ",.!?;:".contains(*c)).collect();
    let words = spoken(body, before, after).unwrap_or_else(|| body.to_owned());
    format!("{words}{tail}")
}

/// The words for `body`, if it is not simply read.
fn spoken(body: &str, before: &str, after: &str) -> Option<String> {
    sign(body)
        .or_else(|| address(body))
        .or_else(|| amount(body))
        .or_else(|| date(body))
        .or_else(|| hours(body, after))
        .or_else(|| figures(body, before, after))
        .or_else(|| range(body, before, after))
        .or_else(|| quantity(body))
        .or_else(|| capitals(body))
        .or_else(|| slashed(body))
}

fn sign(body: &str) -> Option<String> {
    let word = match body {
        "&" => "and",
        "+" => "plus",
        "=" => "equals",
        "@" => "at",
        "%" => "percent",
        "#" => "number",
        "–" | "—" | "-" => ",",
        "/" => "or",
        _ => return None,
    };
    Some(word.to_owned())
}

/// E-mail and web addresses.
fn address(body: &str) -> Option<String> {
    let bare = body
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mail = bare
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    let web = bare.len() != body.len() || bare.starts_with("www.");
    let site = bare.rsplit_once('.').is_some_and(|(name, end)| {
        ["com", "org", "net", "de", "uk", "io", "eu", "cn", "example"].contains(&end)
            && name.chars().any(char::is_alphabetic)
    });
    if !mail && !web && !site {
        return None;
    }
    let mut words = String::new();
    for c in bare.chars() {
        match c {
            '.' => words.push_str(" dot "),
            '@' => words.push_str(" at "),
            '-' => words.push_str(" dash "),
            '_' => words.push_str(" underscore "),
            '/' => words.push_str(" slash "),
            '0'..='9' => words.push_str(&format!(" {} ", spelled(c.encode_utf8(&mut [0; 4]))?)),
            other => words.push(other),
        }
    }
    let words = words
        .split_whitespace()
        .map(|word| if word == "www" { "w w w" } else { word });
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Money and percentages.
fn amount(body: &str) -> Option<String> {
    if let Some(figures) = body.strip_suffix('%') {
        return Some(format!("{} percent", number(figures)?));
    }
    let mut chars = body.chars();
    let (unit, part) = match chars.next()? {
        '$' => (("dollar", "dollars"), ("cent", "cents")),
        '€' => (("euro", "euros"), ("cent", "cents")),
        '£' => (("pound", "pounds"), ("penny", "pence")),
        '¥' => (("yuan", "yuan"), ("fen", "fen")),
        _ => return None,
    };
    money(chars.as_str(), unit, part)
}

/// `2026-11-21`, `21/11/2026`, `3rd`.
fn date(body: &str) -> Option<String> {
    let parts = |sign: char| -> Option<[u64; 3]> {
        let parts: Vec<u64> = body.split(sign).map(str::parse).collect::<Result<_, _>>().ok()?;
        parts.try_into().ok()
    };
    let dated = parts('-')
        .or_else(|| parts('/').map(|[d, m, y]| [y, m, d]))
        .or_else(|| parts('.').map(|[d, m, y]| [y, m, d]));
    if let Some([y, m @ 1..=12, d @ 1..=31]) = dated.filter(|[y, ..]| (1000..3000).contains(y)) {
        return Some(format!("{} {}, {}", MONTHS[m as usize - 1], ordinal(d), year(y)));
    }
    let digits = ["st", "nd", "rd", "th"]
        .into_iter()
        .find_map(|end| body.strip_suffix(end))?;
    digits.parse().ok().map(ordinal)
}

/// `14:30`, `9am`, `9:05pm`, `9:00-18:00`.
fn hours(body: &str, after: &str) -> Option<String> {
    if let Some((from, to)) = body.split_once(['-', '–']) {
        if from.contains(':') || to.contains(':') || to.ends_with('m') {
            return Some(format!("{} to {}", hours(from, "")?, hours(to, after)?));
        }
        return None;
    }
    let lower = body.to_lowercase();
    let half = ["am", "pm"].into_iter().find(|half| lower.ends_with(half));
    let bare = half.map_or(lower.as_str(), |half| lower.trim_end_matches(half));
    let (hour, minute) = match bare.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour.parse().ok()?, minute.parse().ok()?),
        Some(_) => return None,
        None if half.is_some() => (bare.parse().ok()?, 0),
        None => return None,
    };
    if hour > 24 || minute > 59 {
        return None;
    }
    match half {
        Some("am") => Some(format!("{} a m", clock(hour, minute))),
        Some(_) => Some(format!("{} p m", clock(hour, minute))),
        None if ["am", "pm", "a.m", "p.m", "o'clock"].contains(&after.to_lowercase().as_str()) => {
            Some(clock(hour, minute))
        }
        None => time(hour, minute),
    }
}

/// Plain numbers, years, order and telephone numbers.
fn figures(body: &str, before: &str, after: &str) -> Option<String> {
    if let Some(rest) = body.strip_prefix('#') {
        return Some(format!("number {}", figures(rest, "number", after)?));
    }
    if let Some(rest) = body.strip_prefix('+') {
        return Some(format!("plus {}", in_groups(&digits(rest)?)?));
    }
    let (plain, before) = (
        !body.is_empty() && body.bytes().all(|b| b.is_ascii_digit()),
        before.to_lowercase(),
    );
    if !plain {
        let hyphens = body.matches('-').count();
        if hyphens > 0 && digits(body)?.len() >= 6 {
            let groups: Option<Vec<String>> = body.split('-').map(spelled).collect();
            return Some(groups?.join(", "));
        }
        let fits = body.bytes().all(|b| b.is_ascii_digit() || b == b',' || b == b'.') && body.matches('.').count() <= 1;
        return if fits && body.starts_with(|c: char| c.is_ascii_digit()) {
            number(body)
        } else {
            None
        };
    }
    let month = |word: &str| {
        MONTHS
            .iter()
            .any(|m| m.eq_ignore_ascii_case(word) || (word.len() == 3 && m[..3].eq_ignore_ascii_case(word)))
    };
    if body.len() >= 5
        || (body.len() > 1 && body.starts_with('0'))
        || (body.len() >= 3 && NAMES.contains(&before.as_str()))
    {
        return in_groups(body);
    }
    let value: u64 = body.parse().ok()?;
    if (1..=31).contains(&value) && (month(&before) || month(after)) {
        return Some(ordinal(value));
    }
    let year_words = ["in", "since", "until", "year", "of", "by"];
    if (1900..2100).contains(&value) && (year_words.contains(&before.as_str()) || month(&before)) {
        return Some(year(value));
    }
    Some(cardinal(value))
}

/// `2-3`
fn range(body: &str, before: &str, after: &str) -> Option<String> {
    let (from, to) = body.split_once(['-', '–'])?;
    Some(format!(
        "{} to {}",
        figures(from, before, after)?,
        figures(to, before, after)?
    ))
}

/// `5kg`
fn quantity(body: &str) -> Option<String> {
    let at = body.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
    let (figures, unit) = body.split_at(at);
    let (_, one, many) = UNITS.iter().find(|(short, ..)| *short == unit.to_lowercase())?;
    Some(format!(
        "{} {}",
        number(figures)?,
        if figures == "1" { one } else { many }
    ))
}

/// `VIP` by its letters.
fn capitals(body: &str) -> Option<String> {
    let short = (2..=5).contains(&body.len()) && body.bytes().all(|b| b.is_ascii_uppercase());
    if !short || WORDS_IN_CAPITALS.contains(&body) {
        return None;
    }
    Some(body.chars().map(String::from).collect::<Vec<_>>().join(" "))
}

/// `and/or`
fn slashed(body: &str) -> Option<String> {
    let (a, b) = body.split_once('/')?;
    let words = |part: &str| !part.is_empty() && part.chars().all(char::is_alphabetic);
    (words(a) && words(b)).then(|| format!("{a} or {b}"))
}

/// The digits of a number with spaces, hyphens or brackets; nothing else may be in it.
fn digits(text: &str) -> Option<String> {
    let fine = text.chars().all(|c| c.is_ascii_digit() || "-().".contains(c));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (fine && !digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_read_as_a_person_reads() {
        for (text, read) in [
            ("How can I help?", "How can I help?"),
            ("0", "zero"),
            ("7", "seven"),
            ("13 apples", "thirteen apples"),
            ("21", "twenty-one"),
            ("100", "one hundred"),
            ("105", "one hundred and five"),
            ("999", "nine hundred and ninety-nine"),
            ("1,250 items", "one thousand two hundred and fifty items"),
            ("2001", "two thousand and one"),
            ("1,000,000", "one million"),
            ("3.14", "three point one four"),
            ("0.5", "zero point five"),
            ("in 2026", "in twenty twenty-six"),
            ("since 1984.", "since nineteen eighty-four."),
            ("in 2009", "in two thousand and nine"),
            ("in 1905", "in nineteen oh five"),
            ("in 1900", "in nineteen hundred"),
            ("2026 parcels", "two thousand and twenty-six parcels"),
            ("the 1st", "the first"),
            ("2nd floor", "second floor"),
            ("3rd", "third"),
            ("12th", "twelfth"),
            ("20th", "twentieth"),
            ("21st", "twenty-first"),
            ("$12.50", "twelve dollars and fifty cents"),
            ("$1", "one dollar"),
            ("$1.01", "one dollar and one cent"),
            ("$0.99", "ninety-nine cents"),
            ("€5", "five euros"),
            ("£3.20.", "three pounds and twenty pence."),
            ("£0.01", "one penny"),
            ("¥30", "thirty yuan"),
            ("$1,299.00", "one thousand two hundred and ninety-nine dollars"),
            ("€2.5", "two euros and fifty cents"),
            ("15%", "fifteen percent"),
            ("2.5%,", "two point five percent,"),
            ("2026-11-21", "November twenty-first, twenty twenty-six"),
            ("21/11/2026", "November twenty-first, twenty twenty-six"),
            ("21.11.2026", "November twenty-first, twenty twenty-six"),
            ("Nov 21", "Nov twenty-first"),
            ("November 3", "November third"),
            ("3 November", "third November"),
            ("May 2026", "May twenty twenty-six"),
            ("14:30", "two thirty p m"),
            ("9:05", "nine oh five a m"),
            ("00:00", "midnight"),
            ("12:00", "noon"),
            ("12:15", "twelve fifteen p m"),
            ("0:15", "twelve fifteen a m"),
            ("9am", "nine a m"),
            ("9:05pm", "nine oh five p m"),
            ("9:30 am", "nine thirty am"),
            ("9:00-18:00", "nine a m to six p m"),
            ("9:00–18:00.", "nine a m to six p m."),
            ("9am-5pm", "nine a m to five p m"),
            ("2-3 days", "two to three days"),
            ("12345678", "one two three four, five six seven eight"),
            ("order 4071", "order four zero seven one"),
            ("order 12345.", "order one two three, four five."),
            ("007", "zero zero seven"),
            ("code 123", "code one two three"),
            ("#42", "number forty-two"),
            ("+4930123456", "plus four nine three, zero one two, three four five six"),
            ("030-123456", "zero three zero, one two three four five six"),
            ("support@acme.com", "support at acme dot com"),
            (
                "help.me_now@acme.co.uk,",
                "help dot me underscore now at acme dot co dot uk,",
            ),
            ("www.acme.com", "w w w dot acme dot com"),
            ("https://acme.com/help", "acme dot com slash help"),
            ("acme.example", "acme dot example"),
            ("5kg", "five kilograms"),
            ("1kg", "one kilogram"),
            ("2.5km", "two point five kilometres"),
            ("16GB", "sixteen gigabytes"),
            ("20°C", "twenty degrees Celsius"),
            ("Mr. Smith", "mister Smith"),
            ("Dr. No", "doctor No"),
            ("5 Main St.", "five Main street"),
            ("e.g. this", "for example this"),
            ("and so on, etc.", "and so on, et cetera"),
            ("at 9 a.m.", "at nine a m"),
            ("VIP", "V I P"),
            ("an SMS.", "an S M S."),
            ("your PIN", "your PIN"),
            ("OK!", "OK!"),
            ("Tom & Jerry", "Tom and Jerry"),
            ("1 + 1", "one plus one"),
            ("and/or", "and or or"),
            ("24/7", "twenty-four seven"),
            ("(two)", "two"),
            ("\"quoted\"", "quoted"),
            ("wait - what", "wait , what"),
            ("well-known", "well-known"),
            ("", ""),
            (
                "99999999999999999999999",
                "nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine",
            ),
        ] {
            assert_eq!(normalise(text), read, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "\\PC{0,60}|[0-9.,:/%$@#+a-zA-Z -]{0,40}") { normalise(&text); }

        #[test]
        fn plain_words_stay(text in "[a-z]{1,8}( [a-z]{1,8}){0,6}[.?!]?") { prop_assert_eq!(normalise(&text), text); }
    }
}
