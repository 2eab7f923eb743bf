//! Dates and times of day, read out: `2026-11-21` as November twenty-first, twenty twenty-six; `14:30` as two thirty P.M.
//!
//! Knows how they are written and said; no calendar, no time zone and no clock. What is no date is refused, not guessed at.
//! Of `3/4/2026` the month comes first, as with the voice's countrymen; of `3.4.2026` the day.

use super::super::scan::{Said, before, digits_end, run_end, skip_spaces, slice, small};
use super::numbers::{number, ordinal_of, year};
use super::{next_word, previous_word};

const MONTHS: [(&str, &str); 12] = [
    ("jan", "January"),
    ("feb", "February"),
    ("mar", "March"),
    ("apr", "April"),
    ("may", "May"),
    ("jun", "June"),
    ("jul", "July"),
    ("aug", "August"),
    ("sep", "September"),
    ("oct", "October"),
    ("nov", "November"),
    ("dec", "December"),
];

const WEEKDAYS: [(&str, &str); 11] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("tues", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("thur", "Thursday"),
    ("thurs", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
    ("weds", "Wednesday"),
];

/// Words after which `11/21` is a day and no fraction.
const BEFORE_DATES: [&str; 11] = [
    "on", "by", "until", "till", "before", "after", "from", "since", "due", "date", "dated",
];

/// Any date that begins at `at`.
pub(super) fn date(text: &[char], at: usize) -> Option<Said> {
    year_first(text, at)
        .or_else(|| year_last(text, at))
        .or_else(|| day_and_month(text, at))
        .or_else(|| month_name(text, at))
        .or_else(|| day_then_month_name(text, at))
        .or_else(|| weekday(text, at))
}

/// `2026-11-21`, `2026/11/21`, `2026.11.21`, `2026-11`.
fn year_first(text: &[char], at: usize) -> Option<Said> {
    let (year, after_year) = small(text, at, 4, 4).filter(|(year, _)| (1800..2200).contains(year))?;
    let separator = text.get(after_year).copied().filter(|c| matches!(c, '-' | '/' | '.'))?;
    let (month, after_month) = small(text, after_year + 1, 1, 2).filter(|(month, _)| (1..=12).contains(month))?;
    if text.get(after_month) != Some(&separator) {
        let is_month = separator == '-' && after_month - after_year == 3 && ends_here(text, after_month);
        return is_month.then(|| Said {
            words: month_of(month, year),
            end: after_month,
        });
    }
    let (day, end) = small(text, after_month + 1, 1, 2).filter(|(day, _)| (1..=31).contains(day))?;
    // The T of RFC 3339 before a time.
    let joined = text.get(end).is_some_and(|c| matches!(c, 'T' | 't')) && time(text, end + 1).is_some();
    if !joined && !ends_here(text, end) {
        return None;
    }
    Some(Said {
        words: day_of(day, month, Some(year)) + if joined { " " } else { "" },
        end: end + usize::from(joined),
    })
}

/// `21/11/2026`, `11/21/26`, `21.11.2026`, `21-11-2026`.
fn year_last(text: &[char], at: usize) -> Option<Said> {
    let (first, after_first) = small(text, at, 1, 2)?;
    let separator = text
        .get(after_first)
        .copied()
        .filter(|c| matches!(c, '-' | '/' | '.'))?;
    let (second, after_second) = small(text, after_first + 1, 1, 2)?;
    if text.get(after_second) != Some(&separator) {
        return None;
    }
    let long = small(text, after_second + 1, 4, 4).filter(|(year, _)| (1800..2200).contains(year));
    let short = || {
        small(text, after_second + 1, 2, 2)
            .filter(|_| separator == '/')
            .map(|(year, end)| (2000 + year, end))
    };
    let (year, end) = long.or_else(short)?;
    let (day, month) = match (first, second) {
        (1..=12, 1..=12) if separator == '.' => (first, second),
        (1..=12, 1..=31) => (second, first),
        (1..=31, 1..=12) => (first, second),
        _ => return None,
    };
    ends_here(text, end).then(|| Said {
        words: day_of(day, month, Some(year)),
        end,
    })
}

/// `on 11/21`.
fn day_and_month(text: &[char], at: usize) -> Option<Said> {
    let (first, slash) = small(text, at, 1, 2)?;
    let (second, end) = small(text, slash + 1, 1, 2).filter(|_| text.get(slash) == Some(&'/'))?;
    let (day, month) = match (first, second) {
        (1..=12, 1..=31) => (second, first),
        (1..=31, 1..=12) => (first, second),
        _ => return None,
    };
    let expected = BEFORE_DATES.contains(&previous_word(text, at).as_str());
    (expected && ends_here(text, end)).then(|| Said {
        words: day_of(day, month, None),
        end,
    })
}

/// `Nov 21`, `November 21st, 2026`, `Nov. 21-23`, `November 2026`.
fn month_name(text: &[char], at: usize) -> Option<Said> {
    let (name, end) = month(text, at)?;
    let start = skip_spaces(text, end);
    if let Some((year, end)) =
        small(text, start, 4, 4).filter(|(year, end)| (1800..2200).contains(year) && ends_here(text, *end))
    {
        return Some(Said {
            words: format!("{name} {}", self::year(year)),
            end,
        });
    }
    let Some((day, mut end)) = day(text, start) else {
        let written_short = slice(text, at, end).trim_end_matches('.').len() < name.len();
        // "Mar" and "Jan" are names, "may" and "march" words.
        let sure = matches!(
            name,
            "February" | "April" | "August" | "September" | "October" | "November" | "December"
        );
        return (written_short && sure).then(|| Said {
            words: name.to_owned(),
            end,
        });
    };
    let mut words = format!("{name} {}", ordinal_of(day));
    if let Some((last, after)) = range_mark(text, end).and_then(|start| self::day(text, start)) {
        words = format!("{words} to {}", ordinal_of(last));
        end = after;
    }
    let (words, end) = with_year(text, words, end);
    Some(Said { words, end })
}

/// `21 November 2026`, `21st of Nov`.
fn day_then_month_name(text: &[char], at: usize) -> Option<Said> {
    let (day, end) = day(text, at)?;
    let start = skip_spaces(text, end);
    let of = next_word(text, end) == "of";
    let (name, end) = month(text, if of { skip_spaces(text, start + 2) } else { start })?;
    let article = if previous_word(text, at) == "the" { "" } else { "the " };
    let (words, end) = with_year(text, format!("{article}{} of {name}", ordinal_of(day)), end);
    Some(Said { words, end })
}

/// `Tue`, `Mon-Fri`, `Sat.`, `Sun, Nov 21`.
fn weekday(text: &[char], at: usize) -> Option<Said> {
    let (name, mut end) = short_weekday(text, at)?;
    let next = text.get(end).copied();
    let stop = next == Some('.') && !super::ends_sentence(text, end);
    let date_at = skip_spaces(text, end + usize::from(stop || next == Some(',')));
    let when = || day(text, date_at).is_some() || month(text, date_at).is_some() || time(text, date_at).is_some();
    let followed = stop || matches!(next, Some('-' | '–' | '/')) || when();
    let preceded = before(text, at).is_some_and(|c| matches!(c, '-' | '–' | '/'));
    // "Sat" and "Sun" are words too.
    if matches!(name, "Monday" | "Saturday" | "Sunday") && !followed && !preceded {
        return None;
    }
    end += usize::from(stop);
    let Some((last, after)) = range_mark(text, end).and_then(|start| short_weekday(text, start)) else {
        return Some(Said {
            words: name.to_owned(),
            end,
        });
    };
    Some(Said {
        words: format!("{name} to {last}"),
        end: after,
    })
}

fn short_weekday(text: &[char], at: usize) -> Option<(&'static str, usize)> {
    let end = run_end(text, at, |c| c.is_alphabetic());
    let word = slice(text, at, end);
    let capital = word.starts_with(|c: char| c.is_ascii_uppercase());
    let (_, name) = WEEKDAYS
        .iter()
        .find(|(short, _)| capital && short.eq_ignore_ascii_case(&word))?;
    Some((name, end))
}

/// The month named at `at`, and where its name (and the full stop of its abbreviation) ends.
fn month(text: &[char], at: usize) -> Option<(&'static str, usize)> {
    let end = run_end(text, at, |c| c.is_alphabetic());
    let word = slice(text, at, end);
    if !word.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let (short, name) = MONTHS.iter().find(|(short, name)| {
        word.eq_ignore_ascii_case(short)
            || word.eq_ignore_ascii_case(name)
            || (*short == "sep" && word.eq_ignore_ascii_case("sept"))
    })?;
    let stop = word.len() < name.len() && text.get(end) == Some(&'.') && *short != "may";
    Some((name, end + usize::from(stop && !super::ends_sentence(text, end))))
}

/// `21`, `21st`: a day of a month, and where it ends.
fn day(text: &[char], at: usize) -> Option<(u32, usize)> {
    let (day, end) = small(text, at, 1, 2).filter(|(day, _)| (1..=31).contains(day))?;
    let suffix = run_end(text, end, |c| c.is_ascii_alphabetic());
    let end = match slice(text, end, suffix).to_ascii_lowercase().as_str() {
        "" => end,
        "st" | "nd" | "rd" | "th" => suffix,
        _ => return None,
    };
    let goes_on = matches!(text.get(end), Some(':' | '%' | '/'))
        || (matches!(text.get(end), Some('.' | ',')) && digits_end(text, end + 1) > end + 1);
    (!goes_on).then_some((day, end))
}

/// Adds a year that stands behind, with or without a comma.
fn with_year(text: &[char], words: String, end: usize) -> (String, usize) {
    let comma = text.get(end) == Some(&',');
    let start = skip_spaces(text, end + usize::from(comma));
    let year = small(text, start, 4, 4).filter(|(year, after)| (1900..2100).contains(year) && ends_here(text, *after));
    match year {
        Some((year, after)) if start > end => (format!("{words}, {}", self::year(year)), after),
        _ => (words, end),
    }
}

fn day_of(day: u32, month: u32, year: Option<u32>) -> String {
    let year = year.map(|year| format!(", {}", self::year(year))).unwrap_or_default();
    format!("{} {}{year}", named(month), ordinal_of(day))
}

fn month_of(month: u32, year: u32) -> String {
    format!("{} {}", named(month), self::year(year))
}

fn named(month: u32) -> &'static str {
    usize::try_from(month)
        .ok()
        .and_then(|month| MONTHS.get(month.checked_sub(1)?))
        .map_or("", |(_, name)| name)
}

/// No letter or digit, and no sign that would make it part of something longer.
fn ends_here(text: &[char], end: usize) -> bool {
    let next = text.get(end).copied();
    let after = text.get(end + 1).copied();
    match next {
        Some(c) if c.is_alphanumeric() => false,
        Some('-' | '/' | '.' | ':') => !after.is_some_and(|c| c.is_ascii_alphanumeric()),
        _ => true,
    }
}

/// `14:30`, `9am`, `9:05 p.m.`, `9:00–18:00`, `9-11am`.
pub(super) fn time(text: &[char], at: usize) -> Option<Said> {
    let first = clock(text, at)?;
    let second = range_mark(text, first.end).and_then(|start| clock(text, start));
    let Some(second) = second.filter(|second| second.is_time() || first.is_time()) else {
        return first.is_time().then(|| Said {
            words: first.spoken(Day::of(&[&first])),
            end: first.end,
        });
    };
    let day = Day::of(&[&first, &second]);
    // 9-11am: the second half holds for both.
    let first_words = if first.half.is_none() && second.half.is_some() {
        first.bare()
    } else {
        first.spoken(day)
    };
    Some(Said {
        words: format!("{first_words} to {}", second.spoken(day)),
        end: second.end,
    })
}

/// After `-`, `–` or `—`, spaces or not, or the word "to".
pub(super) fn range_mark(text: &[char], at: usize) -> Option<usize> {
    let start = skip_spaces(text, at);
    match text.get(start)? {
        '-' | '–' | '—' | '~' => Some(skip_spaces(text, start + 1)),
        't' if start > at && next_word(text, at) == "to" => Some(skip_spaces(text, start + 2)),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
}

/// How the hours of a day are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Day {
    /// Twice to twelve, or nobody knows.
    Twelve,
    /// To 24: it can be told which half is meant.
    TwentyFour,
}

impl Day {
    fn of(clocks: &[&Clock]) -> Self {
        let known = clocks
            .iter()
            .any(|clock| clock.half.is_none() && (clock.hour == 0 || clock.hour > 12 || clock.padded));
        if known { Day::TwentyFour } else { Day::Twelve }
    }
}

struct Clock {
    /// 0 to 24
    hour: u32,
    /// Only where it is written.
    minute: Option<u32>,
    second: u32,
    half: Option<Half>,
    /// Written with a zero in front.
    padded: bool,
    end: usize,
}

fn clock(text: &[char], at: usize) -> Option<Clock> {
    let (hour, colon) = small(text, at, 1, 2).filter(|(hour, _)| *hour <= 24)?;
    let padded = text.get(at) == Some(&'0') && colon - at == 2;
    let (mut minute, mut second, mut end) = (None, 0, colon);
    if text.get(colon) == Some(&':') {
        let (written, after) = small(text, colon + 1, 2, 2).filter(|(minute, _)| *minute < 60)?;
        (minute, end) = (Some(written), after);
        if let Some((written, after)) =
            small(text, end + 1, 2, 2).filter(|(second, _)| *second < 60 && text.get(end) == Some(&':'))
        {
            (second, end) = (written, after);
        }
    }
    if hour == 24 && (minute.unwrap_or(0), second) != (0, 0) {
        return None;
    }
    let half = half(text, end);
    if half.is_none()
        && text
            .get(end)
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, ':' | '%'))
    {
        return None;
    }
    // 2.30 and 9,000 are no hours.
    let decimal = matches!(text.get(end), Some('.' | ',')) && text.get(end + 1).is_some_and(char::is_ascii_digit);
    if half.is_none() && decimal {
        return None;
    }
    let (half, end) = half.map_or((None, end), |(half, end)| (Some(half), end));
    Some(Clock {
        hour,
        minute,
        second,
        half,
        padded,
        end,
    })
}

/// `am`, `PM`, `a.m.`, with a space before it or not; the full stop that also ends a sentence is left to it.
fn half(text: &[char], at: usize) -> Option<(Half, usize)> {
    let start = skip_spaces(text, at);
    let end = run_end(text, start, |c| c.is_ascii_alphabetic() || c == '.');
    let word = slice(text, start, end).to_ascii_lowercase();
    let half = match word.trim_end_matches('.') {
        "am" | "a.m" => Half::Am,
        "pm" | "p.m" => Half::Pm,
        _ => return None,
    };
    let stops = word.len() - word.trim_end_matches('.').len();
    let dotted = word.starts_with("a.m.") || word.starts_with("p.m.");
    let kept = if dotted && stops == 1 && !super::ends_sentence(text, end - 1) {
        0
    } else {
        stops
    };
    Some((half, end - kept))
}

impl Clock {
    /// Not only a small number.
    fn is_time(&self) -> bool {
        self.minute.is_some() || self.half.is_some()
    }

    /// Nine, nine oh five, nine thirty.
    fn bare(&self) -> String {
        let hour = match self.hour {
            0 | 24 => 12,
            13.. => self.hour - 12,
            hour => hour,
        };
        let mut words = number(hour.into());
        match self.minute.unwrap_or(0) {
            0 => {}
            minute @ 1..10 => words.push_str(&format!(" oh {}", number(minute.into()))),
            minute => words.push_str(&format!(" {}", number(minute.into()))),
        }
        if self.second > 0 {
            let unit = if self.second == 1 { "second" } else { "seconds" };
            words.push_str(&format!(" and {} {unit}", number(self.second.into())));
        }
        words
    }

    fn spoken(&self, day: Day) -> String {
        let sharp = self.minute.unwrap_or(0) == 0 && self.second == 0;
        match (self.half, day) {
            (Some(Half::Am), _) => format!("{} A.M", self.bare()),
            (Some(Half::Pm), _) => format!("{} P.M", self.bare()),
            (None, Day::TwentyFour) => match self.hour {
                0 | 24 if sharp => "midnight".to_owned(),
                12 if sharp => "noon".to_owned(),
                0..12 | 24.. => format!("{} A.M", self.bare()),
                12..24 => format!("{} P.M", self.bare()),
            },
            (None, Day::Twelve) if sharp && self.minute.is_some() => format!("{} o'clock", self.bare()),
            (None, Day::Twelve) => self.bare(),
        }
    }
}
