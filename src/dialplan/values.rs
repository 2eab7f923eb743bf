//! What fits a slot, what keys stand for, and how a value is said.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use super::plan::Value;
use super::slot::{Slot, SlotKind};
use crate::language::Language;

impl Slot {
    /// Whether the slot can hold `value`. Days are `2026-11-21`, times `15:00`.
    pub fn fits(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            (SlotKind::Digits { min, max }, Value::Text(digits)) => {
                digits.bytes().all(|byte| byte.is_ascii_digit()) && (*min..=*max).contains(&digits.len())
            }
            (SlotKind::Money { .. }, Value::Number(number)) if (number * 100.0).fract().abs() > 1e-6 => false,
            (SlotKind::Number { min, max } | SlotKind::Money { min, max }, Value::Number(number)) => {
                number.is_finite() && min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max)
            }
            (SlotKind::Boolean, Value::Boolean(_)) => true,
            (SlotKind::Enum(choices), Value::Text(value)) => choices.iter().any(|choice| choice.value == *value),
            (SlotKind::Date, Value::Text(text)) => text.parse::<Date>().is_ok(),
            (SlotKind::Time, Value::Text(text)) => text.parse::<Time>().is_ok(),
            (SlotKind::DateTime, Value::Text(text)) => text.contains('T') && text.parse::<DateTime>().is_ok(),
            (SlotKind::Phone, Value::Text(text)) => {
                let digits = text.strip_prefix('+').unwrap_or(text);
                (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
            }
            (SlotKind::Email, Value::Text(text)) => {
                text.split_once('@')
                    .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
                    && !text.contains(char::is_whitespace)
            }
            (SlotKind::Name | SlotKind::Text, Value::Text(text)) => !text.trim().is_empty(),
            (
                SlotKind::Digits { .. }
                | SlotKind::Number { .. }
                | SlotKind::Money { .. }
                | SlotKind::Boolean
                | SlotKind::Enum(_)
                | SlotKind::Date
                | SlotKind::Time
                | SlotKind::DateTime
                | SlotKind::Phone
                | SlotKind::Email
                | SlotKind::Name
                | SlotKind::Text,
                Value::Text(_) | Value::Number(_) | Value::Boolean(_) | Value::Null,
            ) => false,
        }
    }

    /// The value that keys stand for: the digits themselves, 1 for yes and 2 for no, the number of a choice, `12*50` for 12.50, day and month
    /// with or without the year, hour and minute, or all of these one after the other. A day without a year is the next such one after `now`;
    /// `00` before a number to call is its `+`.
    pub(super) fn keyed(&self, keys: &str, now: Timestamp) -> Option<Value> {
        let star = matches!(
            self.kind,
            SlotKind::Money { .. } | SlotKind::Number { .. } | SlotKind::Phone
        );
        let allowed = |key: u8| key.is_ascii_digit() || (key == b'*' && star);
        if !self.dtmf || keys.is_empty() || !keys.bytes().all(allowed) {
            return None;
        }
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let value = match &self.kind {
            SlotKind::Digits { .. } => Value::Text(keys.to_owned()),
            SlotKind::Number { .. } | SlotKind::Money { .. } => Value::Number(keys.replacen('*', ".", 1).parse().ok()?),
            SlotKind::Boolean => match keys {
                "1" => Value::Boolean(true),
                "2" => Value::Boolean(false),
                _ => return None,
            },
            SlotKind::Enum(choices) => {
                let at: usize = keys.parse().ok()?;
                Value::Text(choices.get(at.checked_sub(1)?)?.value.clone())
            }
            SlotKind::Date => Value::Text(keyed_day(keys, today)?.to_string()),
            SlotKind::Time => Value::Text(keyed_time(keys)?.strftime("%H:%M").to_string()),
            SlotKind::DateTime => {
                let (day, time) = keys.split_at_checked(keys.len().checked_sub(4)?)?;
                let at = keyed_day(day, today)?.to_datetime(keyed_time(time)?);
                Value::Text(at.strftime("%Y-%m-%dT%H:%M").to_string())
            }
            SlotKind::Phone => {
                let rest = keys.strip_prefix('*').or_else(|| keys.strip_prefix("00"));
                Value::Text(rest.map_or_else(|| keys.to_owned(), |rest| format!("+{rest}")))
            }
            SlotKind::Name | SlotKind::Email | SlotKind::Text => return None,
        };
        self.fits(&value).then_some(value)
    }

    /// The value that `written` in a plan stands for, if the slot can hold it.
    pub(super) fn read(&self, written: &str) -> Option<Value> {
        let value = match &self.kind {
            SlotKind::Number { .. } | SlotKind::Money { .. } => Value::Number(written.parse().ok()?),
            SlotKind::Boolean => Value::Boolean(written.parse().ok()?),
            SlotKind::Digits { .. }
            | SlotKind::Enum(_)
            | SlotKind::Date
            | SlotKind::Time
            | SlotKind::DateTime
            | SlotKind::Phone
            | SlotKind::Name
            | SlotKind::Email
            | SlotKind::Text => Value::Text(written.to_owned()),
        };
        self.fits(&value).then_some(value)
    }

    /// The value as one says it: a choice in the first of its words.
    pub fn aloud(&self, value: &Value, language: Language) -> String {
        match (&self.kind, value) {
            (SlotKind::Enum(choices), Value::Text(text)) => {
                let says = choices
                    .iter()
                    .find(|choice| choice.value == *text)
                    .and_then(|choice| choice.says.first());
                says.cloned().unwrap_or_else(|| text.replace('_', " "))
            }
            (SlotKind::Money { .. }, Value::Number(amount)) if amount.fract() != 0.0 => format!("{amount:.2}"),
            (SlotKind::Date, Value::Text(text)) => match text.parse::<Date>() {
                Ok(date) => match language {
                    Language::English => date.strftime("%B %-d, %Y").to_string(),
                    Language::Mandarin => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
                },
                Err(_) => text.clone(),
            },
            (SlotKind::Time, Value::Text(text)) => match text.parse::<Time>() {
                Ok(time) => named_time(time, language),
                Err(_) => text.clone(),
            },
            _ => aloud(value, language),
        }
    }
}

/// Four digits of hour and minute, or one or two of the hour.
fn keyed_time(keys: &str) -> Option<Time> {
    let (hour, minute) = match keys.len() {
        1 | 2 => (keys, "0"),
        3 | 4 => keys.split_at_checked(keys.len() - 2)?,
        _ => return None,
    };
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Day and month, two digits each, with or without the four of the year.
fn keyed_day(keys: &str, today: Date) -> Option<Date> {
    let part = |range: std::ops::Range<usize>| keys.get(range)?.parse::<i16>().ok();
    let (day, month) = (part(0..2)? as i8, part(2..4)? as i8);
    match keys.len() {
        8 => Date::new(part(4..8)?, month, day).ok(),
        4 => {
            let mut years = (0..8).filter_map(|ahead| Date::new(today.year() + ahead, month, day).ok());
            years.find(|date| *date >= today)
        }
        _ => None,
    }
}

/// "Wednesday, November 25", 11月25日星期三. Without the year: an appointment is near.
fn named_day(date: Date, language: Language) -> String {
    match language {
        Language::English => date.strftime("%A, %B %-d").to_string(),
        Language::Mandarin => {
            let day = ["一", "二", "三", "四", "五", "六", "日"];
            let at = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
            format!(
                "{}月{}日星期{}",
                date.month(),
                date.day(),
                day.get(at).copied().unwrap_or_default()
            )
        }
    }
}

/// "2:30 PM", 下午2点30分.
fn named_time(time: Time, language: Language) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    match (language, minute) {
        (Language::English, 0) => format!("{twelve} {}", if hour < 12 { "AM" } else { "PM" }),
        (Language::English, _) => format!("{twelve}:{minute:02} {}", if hour < 12 { "AM" } else { "PM" }),
        (Language::Mandarin, _) => {
            let part = match hour {
                0..=5 => "凌晨",
                6..=11 => "上午",
                12 => "中午",
                13..=17 => "下午",
                _ => "晚上",
            };
            let minutes = if minute == 0 {
                String::new()
            } else {
                format!("{minute}分")
            };
            format!("{part}{twelve}点{minutes}")
        }
    }
}

/// A value as one says it; nothing for none.
pub(super) fn aloud(value: &Value, language: Language) -> String {
    match (value, language) {
        (Value::Boolean(true), Language::English) => "yes".to_owned(),
        (Value::Boolean(false), Language::English) => "no".to_owned(),
        (Value::Boolean(true), Language::Mandarin) => "是".to_owned(),
        (Value::Boolean(false), Language::Mandarin) => "否".to_owned(),
        (Value::Text(text), _) if text.contains('T') && text.parse::<DateTime>().is_ok() => {
            let at: DateTime = text.parse().unwrap_or_default();
            let (day, time) = (named_day(at.date(), language), named_time(at.time(), language));
            match language {
                Language::English => format!("{day} at {time}"),
                Language::Mandarin => format!("{day}{time}"),
            }
        }
        (Value::Text(_) | Value::Number(_) | Value::Null, Language::English | Language::Mandarin) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::Choice;

    fn slot(kind: SlotKind) -> Slot {
        Slot {
            dtmf: true,
            ..Slot::plain("s", kind)
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn reasons() -> SlotKind {
        let choice = |value: &str, says: &[&str]| Choice {
            value: value.into(),
            says: says.iter().map(|says| (*says).into()).collect(),
        };
        SlotKind::Enum(vec![
            choice("damaged", &["broken", "torn"]),
            choice("changed_mind", &[]),
        ])
    }

    #[test]
    fn days_and_times_are_said_as_people_say_them() {
        use Language::{English, Mandarin};
        let said = |kind, value: &str, language| slot(kind).aloud(&text(value), language);
        for (kind, value, english, mandarin) in [
            (
                SlotKind::DateTime,
                "2026-11-25T14:30",
                "Wednesday, November 25 at 2:30 PM",
                "11月25日星期三下午2点30分",
            ),
            (SlotKind::Date, "1980-02-03", "February 3, 1980", "1980年2月3日"),
            (SlotKind::Time, "00:00", "12 AM", "凌晨12点"),
            (SlotKind::Time, "12:05", "12:05 PM", "中午12点5分"),
            (SlotKind::Time, "09:00", "9 AM", "上午9点"),
        ] {
            assert_eq!(said(kind.clone(), value, English), english);
            assert_eq!(said(kind, value, Mandarin), mandarin);
        }
        assert_eq!(aloud(&text("2026-11-27T15:00"), English), "Friday, November 27 at 3 PM");
        assert_eq!(aloud(&text("Tuesday"), English), "Tuesday");
    }

    #[test]
    fn values_fit_their_kind() {
        let number = |number| Value::Number(number);
        for (kind, value, fits) in [
            (SlotKind::Digits { min: 4, max: 4 }, text("1234"), true),
            (SlotKind::Digits { min: 4, max: 4 }, text("123"), false),
            (SlotKind::Digits { min: 4, max: 4 }, text("banana"), false),
            (SlotKind::Digits { min: 4, max: 4 }, number(1234.0), false),
            (
                SlotKind::Number {
                    min: Some(1.0),
                    max: Some(9.0),
                },
                number(9.0),
                true,
            ),
            (
                SlotKind::Number {
                    min: Some(1.0),
                    max: Some(9.0),
                },
                number(10.0),
                false,
            ),
            (SlotKind::Number { min: None, max: None }, number(f64::NAN), false),
            (SlotKind::Number { min: None, max: None }, text("3"), false),
            (SlotKind::Boolean, Value::Boolean(false), true),
            (SlotKind::Boolean, text("yes"), false),
            (reasons(), text("damaged"), true),
            (reasons(), text("broken"), false),
            (SlotKind::Date, text("2026-11-21"), true),
            (SlotKind::Date, text("2026-13-21"), false),
            (SlotKind::Time, text("15:00"), true),
            (SlotKind::Time, text("noon"), false),
            (SlotKind::Email, text("a@example.com"), true),
            (SlotKind::Email, text("a at b"), false),
            (SlotKind::Name, text(" "), false),
            (SlotKind::Text, text("words"), true),
            (SlotKind::Text, Value::Null, false),
        ] {
            assert_eq!(slot(kind.clone()).fits(&value), fits, "{kind:?} {value:?}");
        }
    }

    #[test]
    fn keys_stand_for_values() {
        let keyed =
            |kind: SlotKind, keys: &str| slot(kind).keyed(keys, "2026-11-21T10:00:00Z".parse().expect("a time"));
        assert_eq!(keyed(SlotKind::Digits { min: 4, max: 4 }, "0012"), Some(text("0012")));
        assert_eq!(keyed(SlotKind::Digits { min: 4, max: 4 }, "12#"), None);
        assert_eq!(
            keyed(
                SlotKind::Number {
                    min: None,
                    max: Some(9.0)
                },
                "7"
            ),
            Some(Value::Number(7.0))
        );
        assert_eq!(
            keyed(
                SlotKind::Number {
                    min: None,
                    max: Some(9.0)
                },
                "77"
            ),
            None
        );
        assert_eq!(keyed(SlotKind::Boolean, "2"), Some(Value::Boolean(false)));
        assert_eq!(keyed(reasons(), "2"), Some(text("changed_mind")));
        assert_eq!(keyed(reasons(), "0"), None);
        assert_eq!(keyed(reasons(), "3"), None);
        assert_eq!(keyed(SlotKind::Text, "1"), None);
    }

    #[test]
    fn keys_stand_for_money_days_times_and_numbers_to_call() {
        let keyed =
            |kind: SlotKind, keys: &str| slot(kind).keyed(keys, "2026-11-21T10:00:00Z".parse().expect("a time"));
        let money = || SlotKind::Money {
            min: None,
            max: Some(99.0),
        };
        for (kind, keys, value) in [
            (money(), "12*50", Some(Value::Number(12.5))),
            (money(), "12", Some(Value::Number(12.0))),
            (money(), "12*505", None),
            (money(), "1*2*3", None),
            (money(), "100", None),
            (SlotKind::Date, "2511", Some(text("2026-11-25"))),
            (SlotKind::Date, "0101", Some(text("2027-01-01"))),
            (SlotKind::Date, "2902", Some(text("2028-02-29"))),
            (SlotKind::Date, "25112027", Some(text("2027-11-25"))),
            (SlotKind::Date, "3002", None),
            (SlotKind::Date, "25", None),
            (SlotKind::Time, "1530", Some(text("15:30"))),
            (SlotKind::Time, "930", Some(text("09:30"))),
            (SlotKind::Time, "9", Some(text("09:00"))),
            (SlotKind::Time, "2500", None),
            (SlotKind::DateTime, "25111530", Some(text("2026-11-25T15:30"))),
            (SlotKind::DateTime, "251120271530", Some(text("2027-11-25T15:30"))),
            (SlotKind::DateTime, "1530", None),
            (SlotKind::Phone, "0172334567", Some(text("0172334567"))),
            (SlotKind::Phone, "004930123456", Some(text("+4930123456"))),
            (SlotKind::Phone, "*4930123456", Some(text("+4930123456"))),
            (SlotKind::Phone, "12", None),
            (SlotKind::Name, "12", None),
        ] {
            assert_eq!(keyed(kind.clone(), keys), value, "{kind:?} {keys}");
        }
    }

    #[test]
    fn values_are_said_as_people_do() {
        let (english, mandarin) = (Language::English, Language::Mandarin);
        assert_eq!(slot(reasons()).aloud(&text("damaged"), english), "broken");
        assert_eq!(slot(reasons()).aloud(&text("changed_mind"), english), "changed mind");
        assert_eq!(slot(SlotKind::Boolean).aloud(&Value::Boolean(true), english), "yes");
        assert_eq!(slot(SlotKind::Boolean).aloud(&Value::Boolean(false), mandarin), "否");
        assert_eq!(slot(SlotKind::Text).aloud(&text("a_b"), english), "a_b");
    }
}
