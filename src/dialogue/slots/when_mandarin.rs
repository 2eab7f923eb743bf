//! Days and times of day, as people name them in Mandarin: 明天下午三点, 下周五, 十一月二十一号.
//!
//! It shares its calendar with [`super::when`] and, like it, reads no clock.

use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};

use super::numerals::{han_cardinal, han_digit};
use super::when::{Named, Naming, Part, calendar, coming, in_days, of_week, on_clock, settle};

pub(super) fn date(plain: &str, today: Date) -> Option<Date> {
    let chars: Vec<char> = corrected(plain).chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match day_at(chars.get(at..).unwrap_or_default(), today) {
            Some((day, named, used)) => {
                found.push((day, named));
                at += used.max(1);
            }
            None => at += 1,
        }
    }
    settle(&found)
}

pub(super) fn time(plain: &str) -> Option<Time> {
    let chars: Vec<char> = corrected(plain).chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    let mut part = Part::Unsaid;
    let mut at = 0;
    while at < chars.len() {
        let rest = chars.get(at..).unwrap_or_default();
        if let Some((said, used)) = part_at(rest) {
            part = said;
            at += used;
        } else if let Some((time, used)) = time_at(rest, part) {
            found.push(time);
            at += used.max(1);
        } else {
            at += 1;
        }
    }
    found.dedup();
    match (found.as_slice(), part) {
        ([time], _) => Some(*time),
        ([], Part::Noon) => Some(Time::constant(12, 0, 0, 0)),
        ([], Part::Morning | Part::Afternoon | Part::Night | Part::Unsaid) | ([_, _, ..], _) => None,
    }
}

/// What follows a correction, where a day or a time still follows it.
fn corrected(plain: &str) -> &str {
    let mut rest = plain;
    for mark in ["不对", "不是", "错了", "改成", "应该是", "是"] {
        if let Some((before, later)) = rest.rsplit_once(mark)
            && !before.ends_with('还') // 还是 is "or"
            && later.chars().any(|c| "点天号周期拜:月".contains(c))
        {
            rest = later;
        }
    }
    rest
}

fn starts(chars: &[char], word: &str) -> bool {
    word.chars().enumerate().all(|(at, c)| chars.get(at) == Some(&c))
}

/// The first of `words` that `chars` begin with, and its length.
fn one_of<T: Copy>(chars: &[char], words: &[(&str, T)]) -> Option<(T, usize)> {
    words
        .iter()
        .find(|(word, _)| starts(chars, word))
        .map(|(word, value)| (*value, word.chars().count()))
}

fn count(chars: &[char]) -> Option<(i64, usize)> {
    let written = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    if let Some((value, used)) = han_cardinal(chars) {
        return Some((i64::try_from(value).ok()?, used));
    }
    if written > 0 {
        let digits: String = chars.iter().take(written).collect();
        return Some((digits.parse().ok()?, written));
    }
    chars
        .first()
        .and_then(|c| han_digit(*c))
        .map(|digit| (i64::from(digit), 1))
}

fn day_at(chars: &[char], today: Date) -> Option<Naming> {
    const NAMED: [(&str, i64); 19] = [
        ("大后天", 3),
        ("后天", 2),
        ("明天", 1),
        ("明日", 1),
        ("明儿", 1),
        ("明早", 1),
        ("明晚", 1),
        ("今天", 0),
        ("今日", 0),
        ("今儿", 0),
        ("今早", 0),
        ("今晚", 0),
        ("大前天", -3),
        ("前天", -2),
        ("昨天", -1),
        ("昨日", -1),
        ("昨晚", -1),
        ("当天", 0),
        ("现在", 0),
    ];
    if let Some((days, used)) = one_of(chars, &NAMED) {
        return Some((in_days(today, days), Named::Counted, used));
    }
    weekday_at(chars, today)
        .or_else(|| calendar_at(chars, today))
        .or_else(|| span_at(chars, today))
}

fn weekday_at(chars: &[char], today: Date) -> Option<Naming> {
    const LEADS: [(&str, i64); 10] = [
        ("下下个", 2),
        ("下下", 2),
        ("下个", 1),
        ("下", 1),
        ("这个", 0),
        ("这", 0),
        ("本", 0),
        ("上个", -1),
        ("上上", -2),
        ("上", -1),
    ];
    const WEEKS: [(&str, ()); 3] = [("星期", ()), ("礼拜", ()), ("周", ())];
    let (weeks, lead) = one_of(chars, &LEADS).map_or((None, 0), |(weeks, used)| (Some(weeks), used));
    let ((), week) = one_of(chars.get(lead..)?, &WEEKS)?;
    let weekday = match chars.get(lead + week)? {
        '一' | '1' => Weekday::Monday,
        '二' | '2' => Weekday::Tuesday,
        '三' | '3' => Weekday::Wednesday,
        '四' | '4' => Weekday::Thursday,
        '五' | '5' => Weekday::Friday,
        '六' | '6' => Weekday::Saturday,
        '日' | '天' | '7' => Weekday::Sunday,
        _ => return None,
    };
    let date = match weeks {
        Some(weeks) => of_week(today, weekday, weeks),
        None => coming(today, weekday),
    };
    Some((date, Named::Weekday, lead + week + 1))
}

/// 2026年11月21号, 十一月二十一日, 下个月五号, 21号, 2026-11-21, 11/21.
fn calendar_at(chars: &[char], today: Date) -> Option<Naming> {
    if let Some(found) = written_at(chars, today) {
        return Some(found);
    }
    let next_month = [("下个月", ()), ("下月", ())];
    if let Some(((), lead)) = one_of(chars, &next_month) {
        let (day, used) = count(chars.get(lead..)?)?;
        let mark = usize::from(matches!(chars.get(lead + used), Some('号' | '日')));
        let first = today.first_of_month().checked_add(1.month()).ok()?;
        let date = Date::new(first.year(), first.month(), i8::try_from(day).ok()?).ok();
        return Some((date, Named::Calendar, lead + used + mark));
    }
    let (year, lead) = year_at(chars);
    let (first, used) = count(chars.get(lead..)?)?;
    let at = lead + used;
    match chars.get(at)? {
        '月' => {
            let (day, more) = count(chars.get(at + 1..)?)?;
            let mark = usize::from(matches!(chars.get(at + 1 + more), Some('号' | '日')));
            let date = calendar(today, year, Some(i8::try_from(first).ok()?), i8::try_from(day).ok()?);
            Some((date, Named::Calendar, at + 1 + more + mark))
        }
        '号' | '日' if lead == 0 => Some((
            calendar(today, None, None, i8::try_from(first).ok()?),
            Named::Calendar,
            at + 1,
        )),
        _ => None,
    }
}

/// 2026年, 二零二六年, 今年, 明年.
fn year_at(chars: &[char]) -> (Option<i16>, usize) {
    let mark = chars.iter().take(5).position(|c| *c == '年');
    let Some(mark) = mark.filter(|mark| *mark == 4) else {
        return (None, 0);
    };
    let digits: Option<String> = chars
        .iter()
        .take(mark)
        .map(|c| {
            c.to_digit(10)
                .or(han_digit(*c).map(u32::from))
                .map(|digit| digit.to_string())
        })
        .collect();
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(year) => (Some(year), mark + 1),
        None => (None, 0),
    }
}

fn written_at(chars: &[char], today: Date) -> Option<Naming> {
    let width = chars
        .iter()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '/'))
        .count();
    let text: String = chars.iter().take(width).collect();
    let parts: Vec<i16> = text
        .split(['-', '/'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let date = match *parts.as_slice() {
        [year, month, day] if year > 1900 => Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok(),
        [month, day] => calendar(today, None, Some(i8::try_from(month).ok()?), i8::try_from(day).ok()?),
        _ => return None,
    };
    Some((date, Named::Calendar, width))
}

/// 三天后, 两个星期以后, 过五天, 三天前.
fn span_at(chars: &[char], today: Date) -> Option<Naming> {
    const UNITS: [(&str, i64); 8] = [
        ("个星期", 7),
        ("个礼拜", 7),
        ("星期", 7),
        ("礼拜", 7),
        ("周", 7),
        ("天", 1),
        ("日", 1),
        ("个周", 7),
    ];
    const AFTER: [(&str, i64); 9] = [
        ("以后", 1),
        ("之后", 1),
        ("后", 1),
        ("过后", 1),
        ("内", 1),
        ("以前", -1),
        ("之前", -1),
        ("前", -1),
        ("左右", 1),
    ];
    let lead = usize::from(chars.first() == Some(&'过'));
    let (number, used) = count(chars.get(lead..)?)?;
    let (unit, more) = one_of(chars.get(lead + used..)?, &UNITS)?;
    let end = lead + used + more;
    let (sign, closing) = match one_of(chars.get(end..)?, &AFTER) {
        Some((sign, closing)) => (sign, closing),
        None if lead > 0 => (1, 0),
        None => return None,
    };
    let days = number.checked_mul(unit)?.checked_mul(sign)?;
    Some((in_days(today, days), Named::Counted, end + closing))
}

fn part_at(chars: &[char]) -> Option<(Part, usize)> {
    const PARTS: [(&str, Part); 20] = [
        ("凌晨", Part::Morning),
        ("清晨", Part::Morning),
        ("早上", Part::Morning),
        ("早晨", Part::Morning),
        ("上午", Part::Morning),
        ("明早", Part::Morning),
        ("今早", Part::Morning),
        ("中午", Part::Noon),
        ("正午", Part::Noon),
        ("午后", Part::Afternoon),
        ("下午", Part::Afternoon),
        ("傍晚", Part::Afternoon),
        ("晚上", Part::Night),
        ("今晚", Part::Night),
        ("明晚", Part::Night),
        ("夜里", Part::Night),
        ("半夜", Part::Night),
        ("午夜", Part::Night),
        ("晚间", Part::Night),
        ("夜晚", Part::Night),
    ];
    one_of(chars, &PARTS)
}

/// 三点半, 三点一刻, 三点十五分, 差五分三点, 15:30, 15点.
fn time_at(chars: &[char], part: Part) -> Option<(Time, usize)> {
    if chars.first() == Some(&'差') {
        let (minutes, used) = quarter_or_minutes(chars.get(1..)?)?;
        let (time, more) = clock_at(chars.get(1 + used..)?, part)?;
        return Some((time.checked_sub(minutes.minutes()).ok()?, 1 + used + more));
    }
    clock_at(chars, part)
}

fn clock_at(chars: &[char], part: Part) -> Option<(Time, usize)> {
    let (hour, used) = count(chars)?;
    let hour = i8::try_from(hour).ok().filter(|hour| (0..=24).contains(hour))?;
    match chars.get(used)? {
        ':' => {
            let (minute, more) = count(chars.get(used + 1..)?)?;
            Some((on_clock(hour, i8::try_from(minute).ok()?, part)?, used + 1 + more))
        }
        '点' | '时' => {
            let mut at = used + 1;
            at += usize::from(matches!(chars.get(at), Some('钟' | '整')));
            let rest = chars.get(at..).unwrap_or_default();
            let (minute, more) = if rest.first() == Some(&'半') {
                (30, 1)
            } else {
                quarter_or_minutes(rest).unwrap_or((0, 0))
            };
            Some((on_clock(hour, i8::try_from(minute).ok()?, part)?, at + more))
        }
        _ => None,
    }
}

/// 一刻, 三刻, 十五分, 零五分, 十五; a single digit alone is no minute.
fn quarter_or_minutes(chars: &[char]) -> Option<(i64, usize)> {
    let zero = usize::from(matches!(chars.first(), Some('零' | '过')));
    let (number, used) = count(chars.get(zero..)?)?;
    let number = Some(number).filter(|number| *number < 60)?;
    match chars.get(zero + used) {
        Some('刻') => Some((Some(number * 15).filter(|minutes| *minutes < 60)?, zero + used + 1)),
        Some('分') => Some((
            number,
            zero + used + 1 + usize::from(chars.get(zero + used + 1) == Some(&'钟')),
        )),
        Some(_) | None => (number >= 10 || zero > 0).then_some((number, zero + used)),
    }
}
