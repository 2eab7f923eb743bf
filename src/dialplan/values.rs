//! What fits a slot, what keys stand for, and how a value is said.

use super::plan::{Slot, SlotKind, Value};
use crate::language::Language;

impl Slot {
    /// Whether the slot can hold `value`. Days are `2026-11-21`, times `15:00`.
    pub fn fits(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            (SlotKind::Digits { min, max }, Value::Text(digits)) => {
                digits.bytes().all(|byte| byte.is_ascii_digit()) && (*min..=*max).contains(&digits.len())
            }
            (SlotKind::Number { min, max }, Value::Number(number)) => {
                number.is_finite() && min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max)
            }
            (SlotKind::Boolean, Value::Boolean(_)) => true,
            (SlotKind::Enum(choices), Value::Text(value)) => choices.iter().any(|choice| choice.value == *value),
            (SlotKind::Date, Value::Text(text)) => text.parse::<jiff::civil::Date>().is_ok(),
            (SlotKind::Time, Value::Text(text)) => text.parse::<jiff::civil::Time>().is_ok(),
            (SlotKind::Email, Value::Text(text)) => {
                text.split_once('@')
                    .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
                    && !text.contains(char::is_whitespace)
            }
            (SlotKind::Name | SlotKind::Text, Value::Text(text)) => !text.trim().is_empty(),
            (
                SlotKind::Digits { .. }
                | SlotKind::Number { .. }
                | SlotKind::Boolean
                | SlotKind::Enum(_)
                | SlotKind::Date
                | SlotKind::Time
                | SlotKind::Email
                | SlotKind::Name
                | SlotKind::Text,
                Value::Text(_) | Value::Number(_) | Value::Boolean(_) | Value::Null,
            ) => false,
        }
    }

    /// The value that keys stand for: the digits themselves, 1 for yes and 2 for no, or the number of a choice.
    pub(super) fn keyed(&self, keys: &str) -> Option<Value> {
        if !self.dtmf || !keys.bytes().all(|key| key.is_ascii_digit()) {
            return None;
        }
        let value = match &self.kind {
            SlotKind::Digits { .. } => Value::Text(keys.to_owned()),
            SlotKind::Number { .. } => Value::Number(keys.parse().ok()?),
            SlotKind::Boolean => match keys {
                "1" => Value::Boolean(true),
                "2" => Value::Boolean(false),
                _ => return None,
            },
            SlotKind::Enum(choices) => {
                let at: usize = keys.parse().ok()?;
                Value::Text(choices.get(at.checked_sub(1)?)?.value.clone())
            }
            SlotKind::Date | SlotKind::Time | SlotKind::Name | SlotKind::Email | SlotKind::Text => return None,
        };
        self.fits(&value).then_some(value)
    }

    /// The value that `written` in a plan stands for, if the slot can hold it.
    pub(super) fn read(&self, written: &str) -> Option<Value> {
        let value = match &self.kind {
            SlotKind::Number { .. } => Value::Number(written.parse().ok()?),
            SlotKind::Boolean => Value::Boolean(written.parse().ok()?),
            SlotKind::Digits { .. }
            | SlotKind::Enum(_)
            | SlotKind::Date
            | SlotKind::Time
            | SlotKind::Name
            | SlotKind::Email
            | SlotKind::Text => Value::Text(written.to_owned()),
        };
        self.fits(&value).then_some(value)
    }

    /// The value as one says it: a choice in the first of its words.
    pub(super) fn aloud(&self, value: &Value, language: Language) -> String {
        match (&self.kind, value) {
            (SlotKind::Enum(choices), Value::Text(text)) => {
                let says = choices
                    .iter()
                    .find(|choice| choice.value == *text)
                    .and_then(|choice| choice.says.first());
                says.cloned().unwrap_or_else(|| text.replace('_', " "))
            }
            _ => aloud(value, language),
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
        (Value::Text(_) | Value::Number(_) | Value::Null, Language::English | Language::Mandarin) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::{Choice, Confirm};

    fn slot(kind: SlotKind) -> Slot {
        Slot {
            name: "s".into(),
            kind,
            confirm: Confirm::No,
            dtmf: true,
            pii: false,
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
        let keyed = |kind: SlotKind, keys: &str| slot(kind).keyed(keys);
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
    fn values_are_said_as_people_do() {
        let (english, mandarin) = (Language::English, Language::Mandarin);
        assert_eq!(slot(reasons()).aloud(&text("damaged"), english), "broken");
        assert_eq!(slot(reasons()).aloud(&text("changed_mind"), english), "changed mind");
        assert_eq!(slot(SlotKind::Boolean).aloud(&Value::Boolean(true), english), "yes");
        assert_eq!(slot(SlotKind::Boolean).aloud(&Value::Boolean(false), mandarin), "否");
        assert_eq!(slot(SlotKind::Text).aloud(&text("a_b"), english), "a_b");
    }
}
