//! Amounts read out: money, percentages, measures, fractions, ranges; and the numbers that are names and no amounts (orders, rooms).
//!
//! Knows which words stand around a figure. How a figure is called is [`numbers`](super::numbers)'.

use super::super::scan::{Figure, Said, before, digits_end, figure, run_end, skip_spaces, slice};
use super::numbers::{cardinal, dictated, number, ordinal, ordinal_of, plain, plural, spoken, year};
use super::{calendar, previous_word, telephone};

/// (sign, one, many, one part, many parts)
const CURRENCIES: [(&str, [&str; 4]); 13] = [
    ("$", ["dollar", "dollars", "cent", "cents"]),
    ("€", ["euro", "euros", "cent", "cents"]),
    ("£", ["pound", "pounds", "penny", "pence"]),
    ("¥", ["yuan", "yuan", "fen", "fen"]),
    ("￥", ["yuan", "yuan", "fen", "fen"]),
    ("元", ["yuan", "yuan", "fen", "fen"]),
    ("USD", ["dollar", "dollars", "cent", "cents"]),
    ("EUR", ["euro", "euros", "cent", "cents"]),
    ("GBP", ["pound", "pounds", "penny", "pence"]),
    ("CNY", ["yuan", "yuan", "fen", "fen"]),
    ("RMB", ["yuan", "yuan", "fen", "fen"]),
    ("dollars", ["dollar", "dollars", "cent", "cents"]),
    ("euros", ["euro", "euros", "cent", "cents"]),
];

const MAGNITUDES: [(&str, &str); 9] = [
    ("k", "thousand"),
    ("K", "thousand"),
    ("M", "million"),
    ("B", "billion"),
    ("bn", "billion"),
    ("thousand", "thousand"),
    ("million", "million"),
    ("billion", "billion"),
    ("mn", "million"),
];

/// (written, one, many); case counts, as it does for M and m.
const UNITS: [(&str, &str, &str); 58] = [
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("t", "ton", "tons"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Mb/s", "megabit per second", "megabits per second"),
    ("MB/s", "megabyte per second", "megabytes per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("kbps", "kilobit per second", "kilobits per second"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("sec", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("s", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("px", "pixel", "pixels"),
    ("m²", "square meter", "square meters"),
    ("m2", "square meter", "square meters"),
    ("sqft", "square foot", "square feet"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("℃", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
];

/// What follows a figure and is spoken with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    Percent,
    Unit(&'static str, &'static str),
    Magnitude(&'static str),
    Money([&'static str; 4]),
    Nothing,
}

/// The figure at `at` with all that belongs to it. `None` where no figure begins.
pub(super) fn quantity(text: &[char], at: usize) -> Option<Said> {
    if let Some(said) = dotted(text, at)
        .or_else(|| fraction(text, at))
        .or_else(|| ratio(text, at))
    {
        return Some(said);
    }
    let first = figure(text, at)?;
    if let Some(said) = ordinal_or_decade(text, &first) {
        return Some(said);
    }
    if is_named(text, at, &first)
        && let Some(said) = telephone::hyphenated(text, at)
    {
        return Some(said);
    }
    if let Some(said) = range(text, at, &first).or_else(|| dimensions(text, &first)) {
        return Some(said);
    }
    let (suffix, end) = suffix(text, first.end);
    // A television's, not four thousand.
    let resolution = matches!(first.whole.as_str(), "2" | "4" | "8") && text.get(first.end) == Some(&'K');
    if resolution && first.fraction.is_none() && end == first.end + 1 {
        return Some(Said {
            words: format!("{} K", spoken(&first)),
            end,
        });
    }
    if suffix != Suffix::Nothing {
        return Some(Said {
            words: with_suffix(first, suffix),
            end,
        });
    }
    if first.fraction.is_none() && !first.separated {
        if is_named(text, at, &first) || first.whole.len() >= 5 || is_padded(&first) {
            return Some(Said {
                words: dictated(&first.whole),
                end: first.end,
            });
        }
        if let Some(n) = year_in_context(text, at, &first) {
            return Some(Said {
                words: year(n),
                end: first.end,
            });
        }
        if let Some(said) = mixed(text, &first) {
            return Some(said);
        }
    }
    Some(Said {
        words: spoken(&first),
        end: first.end,
    })
}

/// `$12.50`, `€5`, `$5-10`, `$3 million`, `$5k`.
pub(super) fn priced(text: &[char], at: usize) -> Option<Said> {
    let sign = text.get(at)?.to_string();
    let (_, names) = CURRENCIES.iter().find(|(written, _)| *written == sign)?;
    let amount = |first: Figure| match suffix(text, first.end) {
        (Suffix::Magnitude(magnitude), end) => (format!("{} {magnitude} {}", spoken(&first.trimmed()), names[1]), end),
        _ => {
            let end = first.end;
            (money(first, names), end)
        }
    };
    let first = figure(text, skip_spaces(text, at + 1))?;
    let low = first.clone();
    let (mut words, mut end) = amount(first);
    let second = calendar::range_mark(text, end).and_then(|start| {
        let start = start + usize::from(text.get(start) == text.get(at));
        figure(text, start)
    });
    if let Some(second) = second.filter(|second| low.value() < second.value()) {
        let (more, after) = amount(second);
        words = format!("{words} to {more}");
        end = after;
    }
    // $5 USD
    let code = skip_spaces(text, end);
    let code_end = run_end(text, code, |c| c.is_alphanumeric());
    if ["USD", "EUR", "GBP", "CNY", "RMB", "元"].contains(&slice(text, code, code_end).as_str()) {
        end = code_end;
    }
    Some(Said { words, end })
}

/// Versions and addresses, `1.2.3`.
fn dotted(text: &[char], at: usize) -> Option<Said> {
    let mut parts = Vec::new();
    let mut start = at;
    let end = loop {
        let end = digits_end(text, start);
        let digits = slice(text, start, end);
        parts.push(if digits.len() > 2 {
            plain(&digits)
        } else {
            cardinal(&digits)
        });
        if end > start && text.get(end) == Some(&'.') && text.get(end + 1).is_some_and(char::is_ascii_digit) {
            start = end + 1;
        } else {
            break end;
        }
    };
    (parts.len() > 2).then(|| Said {
        words: parts.join(" point "),
        end,
    })
}

/// `1/2`, `24/7`, `5/5`.
fn fraction(text: &[char], at: usize) -> Option<Said> {
    let (above, below, end) = pair(text, at, '/')?;
    let words = match (above.as_str(), below.as_str()) {
        ("24", "7") => "twenty-four seven".to_owned(),
        ("50", "50") => "fifty-fifty".to_owned(),
        _ => fraction_of(above.parse().ok()?, below.parse().ok()?)
            .unwrap_or_else(|| format!("{} out of {}", cardinal(&above), cardinal(&below))),
    };
    Some(Said { words, end })
}

fn fraction_of(above: u32, below: u32) -> Option<String> {
    if above == 0 || above >= below || below > 20 {
        return None;
    }
    let part = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        _ => ordinal_of(below),
    };
    Some(format!(
        "{} {}",
        number(above.into()),
        if above == 1 { part } else { plural(&part) }
    ))
}

/// `3:1`; times of day were looked for before.
fn ratio(text: &[char], at: usize) -> Option<Said> {
    let (left, right, end) = pair(text, at, ':')?;
    Some(Said {
        words: format!("{} to {}", cardinal(&left), cardinal(&right)),
        end,
    })
}

/// Two whole numbers of one to three digits without leading zeros, joined by `by`, and nothing more of the kind after them.
fn pair(text: &[char], at: usize, by: char) -> Option<(String, String, usize)> {
    let first = figure(text, at)?;
    let second = figure(text, first.end + 1).filter(|_| text.get(first.end) == Some(&by))?;
    let plain = |f: &Figure| f.fraction.is_none() && f.whole.len() <= 3 && !is_padded(f);
    let goes_on = text
        .get(second.end)
        .is_some_and(|c| *c == by || c.is_alphanumeric() || *c == '%');
    (plain(&first) && plain(&second) && !goes_on).then_some((first.whole, second.whole, second.end))
}

/// `1 1/2`.
fn mixed(text: &[char], figure: &Figure) -> Option<Said> {
    let start = skip_spaces(text, figure.end);
    let (above, below, end) = pair(text, start, '/').filter(|_| start == figure.end + 1)?;
    let part = fraction_of(above.parse().ok()?, below.parse().ok()?)?;
    let part = part
        .strip_prefix("one ")
        .map_or(part.clone(), |name| format!("a {name}"));
    Some(Said {
        words: format!("{} and {part}", cardinal(&figure.whole)),
        end,
    })
}

/// `21st`, `1990s`.
fn ordinal_or_decade(text: &[char], figure: &Figure) -> Option<Said> {
    let end = run_end(text, figure.end, |c| c.is_alphanumeric());
    let letters = slice(text, figure.end, end).to_ascii_lowercase();
    if figure.fraction.is_some() || figure.separated {
        return None;
    }
    let start = figure.end - figure.whole.len();
    let era = before(text, start) == Some('\'')
        || ["the", "early", "late", "mid"].contains(&previous_word(text, start).as_str());
    let words = match (letters.as_str(), figure.whole.len()) {
        ("st" | "nd" | "rd" | "th", _) => ordinal(&figure.whole),
        ("s", 4) if figure.whole.ends_with('0') => plural(&year(figure.whole.parse().ok()?)),
        ("s", 2) if figure.whole.ends_with('0') && era => plural(&cardinal(&figure.whole)),
        _ => return None,
    };
    Some(Said { words, end })
}

/// `3-5 days`, `10%–20%`, `2-3kg`, `2020-2026`.
fn range(text: &[char], at: usize, first: &Figure) -> Option<Said> {
    let (own, after) = suffix(text, first.end);
    let own = if matches!(own, Suffix::Magnitude(_)) {
        Suffix::Nothing
    } else {
        own
    };
    let after = if own == Suffix::Nothing { first.end } else { after };
    let mark = skip_spaces(text, after);
    if !matches!(text.get(mark), Some('-' | '–' | '—' | '~')) {
        return None;
    }
    let second = figure(text, calendar::range_mark(text, after)?)?;
    let (shared, end) = suffix(text, second.end);
    let next = text.get(second.end + 1);
    let more = match text.get(second.end) {
        Some('-') => next.is_some_and(char::is_ascii_alphanumeric),
        Some('/') => next.is_some_and(char::is_ascii_digit),
        _ => false,
    };
    let letters = shared == Suffix::Nothing && text.get(second.end).is_some_and(|c| c.is_alphabetic());
    let too_long = |f: &Figure| f.whole.len() > 4 && !f.separated && shared == Suffix::Nothing;
    let wrong = is_padded(first) || is_padded(&second) || too_long(first) || too_long(&second) || more || letters;
    if wrong
        || (own != Suffix::Nothing && own != shared)
        || first.value() >= second.value()
        || is_named(text, at, first)
    {
        return None;
    }
    let years = [first, &second].map(|f| as_year(f).filter(|n| (1900..2100).contains(n)));
    let words = match (years, shared) {
        ([Some(from), Some(to)], Suffix::Nothing) => format!("{} to {}", year(from), year(to)),
        _ => format!("{} to {}", spoken(first), with_suffix(second, shared)),
    };
    Some(Said { words, end })
}

/// `10x20`, `3 × 4`, `2x`.
fn dimensions(text: &[char], first: &Figure) -> Option<Said> {
    let mark = skip_spaces(text, first.end);
    let sign = text.get(mark).copied().filter(|c| matches!(c, 'x' | 'X' | '×'))?;
    let next = skip_spaces(text, mark + 1);
    if text.get(next).is_some_and(char::is_ascii_digit) && (next == mark + 1) == (mark == first.end) {
        let words = if sign == '×' { "times" } else { "by" };
        return Some(Said {
            words: format!("{} {words} ", spoken(first)),
            end: next,
        });
    }
    let ends = mark == first.end && !text.get(mark + 1).is_some_and(|c| c.is_alphanumeric());
    ends.then(|| Said {
        words: format!("{} times", spoken(first)),
        end: mark + 1,
    })
}

/// A number right after one of these is a name: read digit by digit, if it has at least so many digits.
const NAMED: [(&str, usize); 31] = [
    ("order", 4),
    ("number", 3),
    ("no", 3),
    ("code", 3),
    ("pin", 3),
    ("id", 3),
    ("reference", 3),
    ("ref", 3),
    ("account", 3),
    ("extension", 3),
    ("ext", 3),
    ("tracking", 3),
    ("ticket", 3),
    ("case", 3),
    ("invoice", 3),
    ("booking", 3),
    ("reservation", 3),
    ("confirmation", 3),
    ("policy", 3),
    ("phone", 3),
    ("telephone", 3),
    ("call", 3),
    ("dial", 3),
    ("room", 3),
    ("flight", 3),
    ("zip", 3),
    ("card", 3),
    ("ending", 3),
    ("serial", 3),
    ("passcode", 3),
    ("password", 3),
];

/// Whether the words before say that the figure is a name: "order 4071", "code is: 482", "card ending in 8866", "#4071".
fn is_named(text: &[char], at: usize, figure: &Figure) -> bool {
    if figure.separated || figure.fraction.is_some() {
        return false;
    }
    let connects = |c: char| matches!(c, ' ' | ':' | '#' | '.');
    let mut end = at;
    for _ in 0..4 {
        while before(text, end).is_some_and(connects) {
            if before(text, end) == Some('#') {
                return figure.whole.len() >= 3;
            }
            end -= 1;
        }
        let word = previous_word(text, end);
        if let Some((_, least)) = NAMED.iter().find(|(name, _)| *name == word) {
            return figure.whole.len() >= *least;
        }
        if !matches!(word.as_str(), "is" | "in" | "number" | "with" | "the" | "are") {
            return false;
        }
        end = end.saturating_sub(word.chars().count());
    }
    false
}

/// Words that a year follows.
const BEFORE_YEARS: [&str; 18] = [
    "in", "since", "until", "till", "by", "of", "from", "year", "before", "after", "during", "early", "late", "mid",
    "summer", "winter", "spring", "autumn",
];

fn year_in_context(text: &[char], at: usize, figure: &Figure) -> Option<u32> {
    let n = as_year(figure)?;
    // Q3 2026
    let quarter = at.checked_sub(3).is_some_and(|start| text.get(start) == Some(&'Q'));
    let expected = (1900..2100).contains(&n) && (quarter || BEFORE_YEARS.contains(&previous_word(text, at).as_str()));
    expected.then_some(n)
}

fn as_year(figure: &Figure) -> Option<u32> {
    (figure.whole.len() == 4 && figure.fraction.is_none() && !figure.separated).then(|| figure.whole.parse().ok())?
}

pub(super) fn is_padded(figure: &Figure) -> bool {
    figure.whole.len() > 1 && figure.whole.starts_with('0') && figure.fraction.is_none()
}

fn suffix(text: &[char], end: usize) -> (Suffix, usize) {
    let start = skip_spaces(text, end);
    if text.get(start) == Some(&'%') {
        return (Suffix::Percent, start + 1);
    }
    if start > end + 1 {
        return (Suffix::Nothing, end);
    }
    let attached = start == end;
    let longest = |written: &str| {
        let after = start + written.chars().count();
        let here = text
            .iter()
            .skip(start)
            .take(written.chars().count())
            .copied()
            .eq(written.chars());
        let over = !text.get(after).is_some_and(|c| c.is_alphanumeric() || *c == '\'');
        (here && (over || !written.ends_with(char::is_alphanumeric))).then_some(after)
    };
    let unit = UNITS
        .iter()
        .filter_map(|(written, one, many)| Some((longest(written)?, Suffix::Unit(one, many))));
    let money = CURRENCIES
        .iter()
        .filter_map(|(written, names)| Some((longest(written)?, Suffix::Money(*names))));
    let magnitude = MAGNITUDES.iter().filter(|(written, _)| attached || written.len() > 3);
    let magnitude = magnitude.filter_map(|(written, name)| Some((longest(written)?, Suffix::Magnitude(name))));
    match unit.chain(money).chain(magnitude).max_by_key(|(after, _)| *after) {
        // "a 5 $10 notes": the sign belongs to what follows.
        Some((after, Suffix::Money(_))) if !attached && text.get(after).is_some_and(char::is_ascii_digit) => {
            (Suffix::Nothing, end)
        }
        Some((after, suffix)) => (suffix, after),
        None => (Suffix::Nothing, end),
    }
}

fn with_suffix(figure: Figure, suffix: Suffix) -> String {
    let single = figure.whole == "1" && figure.fraction.is_none();
    match suffix {
        Suffix::Percent => format!("{} percent", spoken(&figure)),
        Suffix::Unit(one, many) => format!("{} {}", spoken(&figure), if single { one } else { many }),
        Suffix::Magnitude(magnitude) => format!("{} {magnitude}", spoken(&figure)),
        Suffix::Money(names) => money(figure, &names),
        Suffix::Nothing => spoken(&figure),
    }
}

/// Twelve dollars and fifty cents.
fn money(figure: Figure, [one, many, part, parts]: &[&str; 4]) -> String {
    let cents: Option<u64> = match figure.fraction.as_deref() {
        None => Some(0),
        Some(tenths) if tenths.len() == 1 => tenths.parse::<u64>().ok().map(|tenths| tenths * 10),
        Some(cents) if cents.len() == 2 => cents.parse().ok(),
        Some(_) => None,
    };
    let counted =
        |words: String, single: bool, one: &str, many: &str| format!("{words} {}", if single { one } else { many });
    let whole = counted(cardinal(&figure.whole), figure.whole == "1", one, many);
    match cents {
        None => format!("{} {many}", spoken(&figure.trimmed())),
        Some(0) => whole,
        Some(cents) => {
            let cents = counted(number(cents), cents == 1, part, parts);
            if figure.is_zero() {
                cents
            } else {
                format!("{whole} and {cents}")
            }
        }
    }
}
