//! Dates and times of day, read out: `2026-11-21` as 二零二六年十一月二十一日, `14:30` as 下午两点半.
//!
//! Knows how they are written and said; no calendar, no time zone and no clock. What is no date is refused, not guessed at.

use super::super::scan::{Said, skip_spaces, small};
use super::figures::{Two, cardinal_of, plain};

/// The words that already say which half of the day it is, so that ours is left out.
const PERIODS: [&str; 16] = [
    "上午", "下午", "早上", "晚上", "中午", "凌晨", "傍晚", "清晨", "早晨", "夜里", "夜间", "今晚", "明晚", "今早",
    "明早", "半夜",
];

/// `2026-11-21`, `2026/11/21`, `2026.11.21`, `2026年11月21日`, `2026-11`, `2026年`.
pub(super) fn date(text: &[char], at: usize) -> Option<Said> {
    let (year, after_year) = small(text, at, 4, 4)?;
    let separator = *text.get(after_year)?;
    let spoken_year = format!("{}年", plain(&format!("{year:04}")));
    match separator {
        '年' => Some(Said {
            words: spoken_year,
            end: after_year + 1,
        }),
        '-' | '/' | '.' if (1900..2100).contains(&year) => {
            let (month, after_month) = small(text, after_year + 1, 1, 2).filter(|(m, _)| (1..=12).contains(m))?;
            let year_and_month = format!("{spoken_year}{}月", cardinal_of(month, Two::Er));
            if text.get(after_month) == Some(&separator) {
                let (day, end) = small(text, after_month + 1, 1, 2).filter(|(d, _)| (1..=31).contains(d))?;
                if text.get(end) == Some(&separator) && text.get(end + 1).is_some_and(char::is_ascii_digit) {
                    return None;
                }
                // The T of RFC 3339 before a time.
                let joined = text.get(end).is_some_and(|c| matches!(c, 'T' | 't')) && time(text, end + 1).is_some();
                let end = if joined { end + 1 } else { end };
                return Some(Said {
                    words: format!("{year_and_month}{}日", cardinal_of(day, Two::Er)),
                    end,
                });
            }
            let is_month = separator == '-' && after_month - after_year == 3;
            let is_followed = text.get(after_month).is_some_and(|c| c.is_ascii_alphanumeric());
            (is_month && !is_followed).then_some(Said {
                words: year_and_month,
                end: after_month,
            })
        }
        _ => None,
    }
}

/// `14:30`, `9:00-18:00`, `2:30 PM`: the hours of the day as people say them.
pub(super) fn time(text: &[char], at: usize) -> Option<Said> {
    let first = clock(text, at)?;
    let given = says_period(text, at);
    let mut words = first.spoken(if given || first.half.is_some() {
        None
    } else {
        Some(first.period())
    });
    if let Some(half) = first.half {
        words = format!("{}{words}", half_of(half, first.hour));
    }
    let Some(second) = range_mark(text, first.end).and_then(|start| clock(text, start)) else {
        return Some(Said { words, end: first.end });
    };
    let period = match second.half {
        Some(half) => Some(half_of(half, second.hour)),
        // 下午2:00-5:00: the word before counts for both.
        None if given && second.hour <= 12 => None,
        None if !given && first.period() == second.period() => None,
        None => Some(second.period()),
    };
    Some(Said {
        words: format!("{words}到{}", second.spoken(period)),
        end: second.end,
    })
}

/// After `-`, `~`, `—`, `到` or `至`, spaces or not.
pub(super) fn range_mark(text: &[char], at: usize) -> Option<usize> {
    let at = skip_spaces(text, at);
    let mark = text.get(at)?;
    let end = if matches!(mark, '-' | '~' | '–' | '—' | '到' | '至' | '～') {
        at + 1
    } else {
        return None;
    };
    let end = if text.get(end) == Some(&'—') { end + 1 } else { end };
    Some(skip_spaces(text, end))
}

#[derive(Clone, Copy)]
enum Half {
    Am,
    Pm,
}

struct Clock {
    /// 0 to 24
    hour: u32,
    minute: u32,
    second: u32,
    half: Option<Half>,
    end: usize,
}

fn clock(text: &[char], at: usize) -> Option<Clock> {
    let (hour, colon) = small(text, at, 1, 2).filter(|(hour, _)| *hour <= 24)?;
    if text.get(colon) != Some(&':') {
        return None;
    }
    let (minute, mut end) = small(text, colon + 1, 2, 2).filter(|(minute, _)| *minute < 60)?;
    let mut second = 0;
    if text.get(end) == Some(&':') {
        (second, end) = small(text, end + 1, 2, 2).filter(|(second, _)| *second < 60)?;
    }
    if hour == 24 && (minute, second) != (0, 0) {
        return None;
    }
    let mark = skip_spaces(text, end);
    let letters: String = text
        .iter()
        .skip(mark)
        .take_while(|c| c.is_ascii_alphabetic())
        .take(3)
        .collect();
    let half = match letters.to_ascii_lowercase().as_str() {
        "am" => Some(Half::Am),
        "pm" => Some(Half::Pm),
        _ => None,
    };
    let end = if half.is_some() { mark + 2 } else { end };
    Some(Clock {
        hour,
        minute,
        second,
        half,
        end,
    })
}

impl Clock {
    /// Boundaries as the broadcasters' conventions have them, with 18:00 still an afternoon: shops close then.
    fn period(&self) -> &'static str {
        match self.hour {
            0..=4 => "凌晨",
            5..=8 => "早上",
            9..=11 => "上午",
            12 => "中午",
            13..=18 => "下午",
            _ => "晚上",
        }
    }

    fn spoken(&self, period: Option<&str>) -> String {
        let hour = if self.hour > 12 { self.hour - 12 } else { self.hour };
        let mut words = format!("{}{}点", period.unwrap_or_default(), cardinal_of(hour, Two::Liang));
        match (self.minute, self.second) {
            (0, 0) => {}
            (30, 0) => words.push('半'),
            (minute, second) => {
                words.push_str(&two_places(minute));
                words.push('分');
                if second > 0 {
                    words.push_str(&two_places(second));
                    words.push('秒');
                }
            }
        }
        words
    }
}

fn two_places(number: u32) -> String {
    let zero = if (1..10).contains(&number) { "零" } else { "" };
    format!("{zero}{}", cardinal_of(number, Two::Er))
}

fn half_of(half: Half, hour: u32) -> &'static str {
    match (half, hour) {
        (Half::Am, 0..=4 | 12) => "凌晨",
        (Half::Am, _) => "上午",
        (Half::Pm, 12) => "中午",
        (Half::Pm, 1..=6 | 13..=18) => "下午",
        (Half::Pm, _) => "晚上",
    }
}

fn says_period(text: &[char], at: usize) -> bool {
    let Some(before) = text.get(..at) else { return false };
    let end = before.iter().rposition(|c| *c != ' ').map_or(0, |last| last + 1);
    let last_two: String = before.iter().skip(end.saturating_sub(2)).take(2).collect();
    PERIODS.contains(&last_two.as_str())
}
