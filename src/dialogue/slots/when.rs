//! Days and times of day, as people name them in English.
//!
//! It is told what day it is and reads no clock. Times are those of the callers' own place. Mandarin is in
//! [`super::when_mandarin`]; what both share is here.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::digits::after_correction;
use super::numerals::cardinal;
use crate::dialogue::words::{plain, tokens};
use crate::language::Language;

/// The one day that is meant; `None` where none is, or several are. A day without a year is the next one, `today`
/// included; a weekday alone the next one after `today`; "next Friday" that of the next week, weeks beginning on
/// Mondays.
pub(super) fn date(words: &str, language: Language, today: Date) -> Option<Date> {
    let plain = plain(words);
    match language {
        Language::English => english_date(&mut tokens(&plain), today),
        Language::Mandarin => super::when_mandarin::date(&plain, today),
    }
}

/// The one time of day that is meant. Without "a.m." or the like, one to six o'clock are in the afternoon and seven to
/// twelve before it: people who ring an office mean its hours.
pub(super) fn time(words: &str, language: Language, today: Date) -> Option<Time> {
    let plain = plain(words);
    match language {
        Language::English => {
            let mut tokens = tokens(&plain);
            let _ = english_date(&mut tokens, today);
            english_time(&tokens)
        }
        Language::Mandarin => super::when_mandarin::time(&plain),
    }
}

/// A day and a time; a time alone is the next such one after `now`.
pub fn date_and_time(words: &str, language: Language, now: DateTime) -> Option<DateTime> {
    let time = time(words, language, now.date())?;
    let day = date(words, language, now.date());
    let day = match day {
        Some(day) => day,
        None if names_day(words, language, now.date()) => return None,
        None if time > now.time() => now.date(),
        None => now.date().tomorrow().ok()?,
    };
    Some(day.to_datetime(time))
}

/// Whether a day is named, be it one that does not exist.
fn names_day(words: &str, language: Language, today: Date) -> bool {
    let plain = plain(words);
    match language {
        Language::English => {
            let mut tokens = tokens(&plain);
            let _ = english_date(&mut tokens, today);
            tokens.iter().any(|word| word == "|")
        }
        Language::Mandarin => ["号", "月", "周", "星期", "礼拜"]
            .iter()
            .any(|word| plain.contains(word)),
    }
}

/// How sure a naming of a day is: "Friday the 13th" means the 13th.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    Weekday,
    Counted,
    Calendar,
}

/// A naming of a day and how many words it took; no day where it names one that does not exist ("February thirtieth").
pub(super) type Naming = (Option<Date>, Named, usize);

/// The one day among the most exact namings.
pub(super) fn settle(found: &[(Option<Date>, Named)]) -> Option<Date> {
    let best = found.iter().map(|(_, named)| *named).max()?;
    let mut days: Vec<Option<Date>> = found
        .iter()
        .filter(|(_, named)| *named == best)
        .map(|(day, _)| *day)
        .collect();
    days.dedup();
    match days.as_slice() {
        [day] => *day,
        _ => None,
    }
}

pub(super) fn in_days(today: Date, days: i64) -> Option<Date> {
    today.checked_add(days.checked_rem(1_000_000)?.days()).ok()
}

/// The weekday `weeks` after the week of `today`; weeks begin on Mondays.
pub(super) fn of_week(today: Date, weekday: Weekday, weeks: i64) -> Option<Date> {
    let ahead = i64::from(weekday.to_monday_zero_offset()) - i64::from(today.weekday().to_monday_zero_offset());
    in_days(today, ahead + 7 * weeks)
}

/// The next such weekday after `today`.
pub(super) fn coming(today: Date, weekday: Weekday) -> Option<Date> {
    let ahead = i64::from(today.weekday().until(weekday));
    in_days(today, if ahead == 0 { 7 } else { ahead })
}

/// The next such day on or after `today`, or that of `year`.
pub(super) fn calendar(today: Date, year: Option<i16>, month: Option<i8>, day: i8) -> Option<Date> {
    match (year, month) {
        (Some(year), Some(month)) => Date::new(year, month, day).ok(),
        (None, Some(month)) => {
            let years = [today.year(), today.year().checked_add(1)?];
            years
                .into_iter()
                .filter_map(|year| Date::new(year, month, day).ok())
                .find(|date| *date >= today)
        }
        (_, None) => {
            let mut first = today.first_of_month();
            for _ in 0..3 {
                if let Ok(date) = Date::new(first.year(), first.month(), day)
                    && date >= today
                {
                    return Some(date);
                }
                first = first.checked_add(1.month()).ok()?;
            }
            None
        }
    }
}

/// What part of the day a time was said to be in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Noon,
    Afternoon,
    Night,
    Unsaid,
}

/// The time on a clock of twelve or twenty-four hours, put into its part of the day.
pub(super) fn on_clock(hour: i8, minute: i8, part: Part) -> Option<Time> {
    let hour = match (part, hour) {
        (Part::Morning, 12) | (Part::Night, 12) => 0,
        (Part::Noon, 1..=3) | (Part::Afternoon, 1..=11) | (Part::Night, 5..=11) => hour + 12,
        (Part::Unsaid, 1..=6) => hour + 12,
        (Part::Morning | Part::Noon | Part::Afternoon | Part::Night | Part::Unsaid, hour) => hour,
    };
    Time::new(if hour == 24 { 0 } else { hour }, minute, 0, 0).ok()
}

/// Finds the day, and strikes the words that name it out of `tokens`, so that no time is read from them.
fn english_date(tokens: &mut [String], today: Date) -> Option<Date> {
    let skipped = tokens.len() - corrected(tokens, today).len();
    let mut found = Vec::new();
    let mut at = skipped;
    while at < tokens.len() {
        let Some((day, named, used)) = day_at(tokens.get(at..).unwrap_or_default(), today) else {
            at += 1;
            continue;
        };
        found.push((day, named));
        tokens
            .iter_mut()
            .skip(at)
            .take(used)
            .for_each(|word| "|".clone_into(word));
        at += used.max(1);
    }
    settle(&found)
}

/// What follows the last correction after which a day is still named.
fn corrected(tokens: &[String], today: Date) -> &[String] {
    let mut rest = tokens;
    while let Some(mark) = rest
        .iter()
        .position(|word| matches!(word.as_str(), "no" | "sorry" | "actually" | "wait" | "rather" | "not"))
    {
        let later = rest.get(mark + 1..).unwrap_or_default();
        let refused = rest.get(mark).is_some_and(|word| word == "not");
        let named =
            |from: usize| (from..later.len()).any(|at| day_at(later.get(at..).unwrap_or_default(), today).is_some());
        let from = if refused {
            day_at(later, today).map_or(0, |(_, _, used)| used)
        } else {
            0
        };
        if !named(from) {
            break;
        }
        rest = later.get(from..).unwrap_or_default();
    }
    rest
}

/// The day named at the start of `tokens`, and in how many words.
fn day_at(tokens: &[String], today: Date) -> Option<Naming> {
    let word = |at: usize| tokens.get(at).map_or("", String::as_str);
    let counted = |days: i64, used: usize| Some((in_days(today, days), Named::Counted, used));
    match (word(0), word(1), word(2)) {
        ("day", "after", "tomorrow") => return counted(2, 3),
        ("day", "before", "yesterday") => return counted(-2, 3),
        ("today" | "tonight", _, _) | ("this", "morning" | "afternoon" | "evening", _) => {
            return counted(0, if word(0) == "this" { 2 } else { 1 });
        }
        ("tomorrow", _, _) => return counted(1, 1),
        ("yesterday", _, _) => return counted(-1, 1),
        ("week", "from", "today") => return counted(7, 3),
        ("week", "from", "tomorrow") => return counted(8, 3),
        ("week", "from", _) => {
            let (day, named, used) = weekday_at(tokens.get(2..)?, today)?;
            return Some((day.and_then(|day| in_days(day, 7)), named, used + 2));
        }
        _ => {}
    }
    weekday_at(tokens, today)
        .or_else(|| span_at(tokens, today))
        .or_else(|| calendar_at(tokens, today))
}

fn weekday_at(tokens: &[String], today: Date) -> Option<Naming> {
    let first = tokens.first()?;
    let (lead, at) = if weekday(first).is_some() {
        ("", 0)
    } else {
        (first.as_str(), 1)
    };
    let day = weekday(tokens.get(at)?)?;
    let date = match lead {
        "" => coming(today, day),
        "this" | "coming" => of_week(today, day, 0)
            .filter(|date| *date >= today)
            .or_else(|| coming(today, day)),
        "next" => of_week(today, day, 1),
        "last" => of_week(today, day, 0)
            .filter(|date| *date < today)
            .or_else(|| of_week(today, day, -1)),
        _ => return None,
    };
    Some((date, Named::Weekday, at + 1))
}

/// "In three days", "two weeks from now", "ten days ago".
fn span_at(tokens: &[String], today: Date) -> Option<Naming> {
    let leads = usize::from(tokens.first().is_some_and(|word| word == "in"));
    let rest = tokens.get(leads..)?;
    let (count, used) = match rest.first()?.as_str() {
        "a" if rest.get(1).is_some_and(|word| word == "couple") => {
            (2, 2 + usize::from(rest.get(2).is_some_and(|word| word == "of")))
        }
        "a" | "an" => (1, 1),
        _ => {
            let (digits, used) = cardinal(rest)?;
            (digits.parse::<i64>().ok().filter(|count| *count < 1_000)?, used)
        }
    };
    let days = match rest.get(used)?.as_str() {
        "day" | "days" => count,
        "week" | "weeks" => count * 7,
        _ => return None,
    };
    let after = |at: usize| rest.get(used + at).map_or("", String::as_str);
    let (days, more) = match (after(1), after(2)) {
        ("from", "now" | "today") => (days, 2),
        ("later", _) => (days, 1),
        ("ago", _) => (-days, 1),
        _ if leads > 0 => (days, 0),
        _ => return None,
    };
    Some((in_days(today, days), Named::Counted, leads + used + 1 + more))
}

/// "November 21st", "the 21st of November 2026", "the 21st", `11/21`, `2026-11-21`, `21.11.`.
fn calendar_at(tokens: &[String], today: Date) -> Option<Naming> {
    let named = |date: Option<Date>, used: usize| Some((date, Named::Calendar, used));
    if let Some(date) = tokens.first().and_then(|word| written_date(word, today)) {
        return named(Some(date), 1);
    }
    let the = |at: usize| usize::from(tokens.get(at).is_some_and(|word| word == "the"));
    if let Some(month) = tokens.first().and_then(|word| month(word)) {
        let at = 1 + the(1);
        let (day, used) = day_of_month(tokens.get(at..)?, Ordinal::OrCardinal)?;
        let (year, more) = year_at(tokens.get(at + used..).unwrap_or_default());
        return named(calendar(today, year, Some(month), day), at + used + more);
    }
    let at = the(0);
    let (day, used) = day_of_month(tokens.get(at..)?, Ordinal::OrCardinal)?;
    let at = at + used;
    let of = usize::from(tokens.get(at).is_some_and(|word| word == "of"));
    if let Some(month) = tokens.get(at + of).and_then(|word| month(word)) {
        let (year, more) = year_at(tokens.get(at + of + 1..).unwrap_or_default());
        return named(calendar(today, year, Some(month), day), at + of + 1 + more);
    }
    let (day, used) = day_of_month(tokens.get(the(0)..)?, Ordinal::Only)?;
    if the(0) == 0 && matches!(tokens.first().map(String::as_str), Some("first" | "second")) {
        return None; // "one second"
    }
    named(calendar(today, None, None, day), the(0) + used)
}

fn written_date(word: &str, today: Date) -> Option<Date> {
    let parts: Vec<&str> = word.split(['/', '-', '.']).collect();
    let numbers: Vec<i16> = parts.iter().map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let narrow = |n: i16| i8::try_from(n).ok();
    let year = |n: i16| if n < 100 { n + 2000 } else { n };
    match *numbers.as_slice() {
        [y, m, d] if y >= 1900 => Date::new(y, narrow(m)?, narrow(d)?).ok(),
        // The dot is a European's, who says the day first; so is a month above twelve.
        [d, m, y] if word.contains('.') || m <= 12 && d > 12 => Date::new(year(y), narrow(m)?, narrow(d)?).ok(),
        [m, d, y] => Date::new(year(y), narrow(m)?, narrow(d)?).ok(),
        [m, d] if word.contains('/') && m <= 12 => calendar(today, None, Some(narrow(m)?), narrow(d)?),
        [d, m] if word.contains('/') => calendar(today, None, Some(narrow(m)?), narrow(d)?),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ordinal {
    Only,
    OrCardinal,
}

fn day_of_month(tokens: &[String], ordinal: Ordinal) -> Option<(i8, usize)> {
    const ORDINALS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let place = |word: &str| {
        ORDINALS
            .iter()
            .position(|ordinal| *ordinal == word)
            .and_then(|at| i8::try_from(at + 1).ok())
    };
    let first = tokens.first()?;
    let suffixed = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|suffix| first.strip_suffix(suffix))
        .and_then(|n| n.parse().ok());
    let found = match (first.as_str(), tokens.get(1).and_then(|word| place(word))) {
        ("twenty", Some(unit @ 1..=9)) => Some((20 + unit, 2)),
        ("thirty", Some(1)) => Some((31, 2)),
        ("thirtieth", _) => Some((30, 1)),
        (word, _) => suffixed.or_else(|| place(word)).map(|day| (day, 1)),
    };
    found
        .or_else(|| {
            let (digits, used) = cardinal(tokens).filter(|_| ordinal == Ordinal::OrCardinal)?;
            Some((digits.parse().ok()?, used))
        })
        .filter(|(day, _)| (1..=31).contains(day))
}

/// A year of four digits, said whole or in pairs.
fn year_at(tokens: &[String]) -> (Option<i16>, usize) {
    let Some((first, used)) = cardinal(tokens) else {
        return (None, 0);
    };
    let pair = cardinal(tokens.get(used..).unwrap_or_default());
    let (digits, used) = match pair {
        Some((second, more)) if first.len() == 2 && second.len() == 2 => (first + &second, used + more),
        Some(_) | None => (first, used),
    };
    match digits.parse::<i16>() {
        Ok(year @ 1900..=2199) => (Some(year), used),
        Ok(_) | Err(_) => (None, 0),
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    let weekday = match word {
        "monday" | "mon" | "mondays" => Weekday::Monday,
        "tuesday" | "tue" | "tues" => Weekday::Tuesday,
        "wednesday" | "wed" | "wensday" => Weekday::Wednesday,
        "thursday" | "thu" | "thur" | "thurs" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    };
    Some(weekday)
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let place = MONTHS.iter().position(|month| {
        *month == word || (word.len() >= 3 && month.get(..3) == Some(word)) || word == "sept" && *month == "september"
    })?;
    i8::try_from(place + 1).ok()
}

fn english_time(tokens: &[String]) -> Option<Time> {
    let tokens = english_time_corrected(tokens);
    let mut found: Vec<Time> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match time_at(tokens, at) {
            Some((time, used)) => {
                found.push(time);
                at += used.max(1);
            }
            None => at += 1,
        }
    }
    if found.is_empty() {
        // "Three", to the question at what time.
        let numbers: Vec<i8> = (0..tokens.len())
            .filter_map(|at| cardinal(tokens.get(at..)?))
            .filter_map(|(digits, _)| digits.parse().ok())
            .collect();
        if let &[hour @ 0..=23] = numbers.as_slice() {
            found.extend(on_clock(hour, 0, part_of(tokens)));
        }
    }
    found.dedup();
    match found.as_slice() {
        [time] => Some(*time),
        _ => None,
    }
}

/// "At three, no, at four": a correction by numbers.
fn english_time_corrected(tokens: &[String]) -> &[String] {
    after_correction(tokens)
}

/// The time named at `at`, and in how many words.
fn time_at(tokens: &[String], at: usize) -> Option<(Time, usize)> {
    let word = |more: usize| tokens.get(at + more).map_or("", String::as_str);
    let rest = |more: usize| tokens.get(at + more..).unwrap_or_default();
    match word(0) {
        "noon" | "midday" => return Some((Time::constant(12, 0, 0, 0), 1)),
        "midnight" => return Some((Time::midnight(), 1)),
        _ => {}
    }
    // "half past three", "quarter to four", "ten (minutes) past three"
    let (minutes, used) = match word(0) {
        "half" => (30, 1),
        "quarter" => (15, 1),
        _ => cardinal(rest(0))
            .and_then(|(digits, used)| Some((digits.parse::<i8>().ok()?, used)))
            .unwrap_or((-1, 0)),
    };
    let used = used + usize::from(word(used) == "minutes" && used > 0);
    let direction = word(used);
    if (1..60).contains(&minutes) && matches!(direction, "past" | "after" | "to" | "before" | "of" | "till") {
        let (hour, more) =
            cardinal(rest(used + 1)).and_then(|(digits, more)| Some((digits.parse::<i8>().ok()?, more)))?;
        let end = used + 1 + more;
        let (part, marks) = part_at(tokens, at + end);
        let time = match direction {
            "past" | "after" => on_clock(hour, minutes, part)?,
            _ => on_clock(hour, 0, part)?
                .checked_sub(i64::from(minutes).minutes())
                .ok()?,
        };
        return Some((time, end + marks));
    }
    clock_at(tokens, at)
}

/// `3:30`, `3pm`, "three thirty", "three o'clock", "at three".
fn clock_at(tokens: &[String], at: usize) -> Option<(Time, usize)> {
    let word = tokens.get(at)?;
    let rest = tokens.get(at..)?;
    if let Some((hour, minute)) = word.split_once([':', '.']) {
        let glued = minute.trim_start_matches(|c: char| c.is_ascii_digit());
        let part = match glued {
            "am" => Part::Morning,
            "pm" => Part::Afternoon,
            "" => part_at(tokens, at + 1).0,
            _ => return None,
        };
        let minute = minute.strip_suffix(glued)?;
        let (hour, minute) = (hour.parse().ok()?, (minute.len() == 2).then(|| minute.parse().ok())??);
        let part = if word.starts_with('0') && part == Part::Unsaid {
            Part::Morning
        } else {
            part
        };
        return Some((on_clock(hour, minute, part)?, 1 + part_at(tokens, at + 1).1));
    }
    for (suffix, part) in [("am", Part::Morning), ("pm", Part::Afternoon)] {
        if let Some(hour) = word.strip_suffix(suffix).and_then(|hour| hour.parse().ok()) {
            return Some((on_clock(hour, 0, part)?, 1));
        }
    }
    let (digits, used) = cardinal(rest)?;
    let hour: i8 = digits
        .parse()
        .ok()
        .filter(|hour| (0..=24).contains(hour) && digits.len() <= 2)?;
    let oh = usize::from(rest.get(used).is_some_and(|word| word == "oh" || word == "o"));
    let minute = cardinal(rest.get(used + oh..)?)
        .and_then(|(digits, more)| Some((digits.parse::<i8>().ok()?, more, digits.len())));
    if let Some((minute @ 0..60, more, width)) = minute
        && (width == 2) != (oh == 1)
    {
        let end = used + oh + more;
        let (part, marks) = part_at(tokens, at + end);
        return Some((on_clock(hour, minute, part)?, end + marks));
    }
    let sharp = usize::from(rest.get(used).is_some_and(|word| word == "o'clock" || word == "oclock"));
    let (part, marks) = part_at(tokens, at + used + sharp);
    let led = at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|word| {
        matches!(
            word.as_str(),
            "at" | "around" | "about" | "by" | "before" | "after" | "from" | "until" | "till" | "say"
        )
    });
    let said = sharp > 0
        || marks > 0
        || (led
            && !rest
                .get(used)
                .is_some_and(|word| word.starts_with("day") || word.starts_with("week")));
    if !said {
        return None;
    }
    Some((on_clock(hour, 0, part)?, used + sharp + marks))
}

/// The part of the day that is said right after a time, and in how many words; else the one said anywhere ("tomorrow
/// afternoon at three").
fn part_at(tokens: &[String], at: usize) -> (Part, usize) {
    let word = |more: usize| tokens.get(at + more).map_or("", String::as_str);
    match (word(0), word(1), word(2)) {
        ("am", ..) => (Part::Morning, 1),
        ("pm", ..) => (Part::Afternoon, 1),
        ("a", "m", _) => (Part::Morning, 2),
        ("p", "m", _) => (Part::Afternoon, 2),
        ("in", "the", "morning") => (Part::Morning, 3),
        ("in", "the", "afternoon") => (Part::Afternoon, 3),
        ("in", "the", "evening") => (Part::Night, 3),
        ("at", "night", _) => (Part::Night, 2),
        _ => (part_of(tokens), 0),
    }
}

fn part_of(tokens: &[String]) -> Part {
    let said = |words: &[&str]| tokens.iter().any(|token| words.contains(&token.as_str()));
    if said(&["morning"]) {
        Part::Morning
    } else if said(&["afternoon", "pm"]) {
        Part::Afternoon
    } else if said(&["evening", "tonight", "night"]) {
        Part::Night
    } else {
        Part::Unsaid
    }
}
