//! Spoken forms turned to values: what a slot is filled with.
//!
//! A slot's kind says what is listened for; here the caller's words are searched for it, in English and Mandarin. It
//! knows no flows and no questions, and it does not guess: where two answers are possible there is none. Days are told
//! what day it is.

mod choice;
mod digits;
mod named;
mod number;
mod numerals;
mod when;
mod when_mandarin;
mod yesno;

#[cfg(test)]
mod tests;

use jiff::civil::DateTime;

pub(super) use digits::numerals_in;
pub use digits::{digits_in, telephone};
pub use named::is_address;
pub use number::money;
pub use when::date_and_time;
pub use yesno::yes_or_no;

use crate::dialplan::{Slot, SlotKind, Value};
use crate::language::Language;

/// The value that `words` give the slot; `None` where they give none, two, or one outside the slot's bounds.
///
/// Values are texts but for numbers and yes or no (booleans): digits as `"0412"`, a choice as its value, a day as
/// `"2026-11-21"`, a time as `"15:00"`, both as `"2026-11-21T15:00"`, a number to call as `"+4930123456"`. `now` is the time at the caller's place; "tomorrow" counts from it.
pub fn extract(words: &str, slot: &Slot, language: Language, now: DateTime) -> Option<Value> {
    if words.trim().is_empty() {
        return None;
    }
    match &slot.kind {
        SlotKind::Digits { min, max } => digits::within(words, *min, *max, language).map(Value::Text),
        SlotKind::Number { min, max } => bounded(number::number(words, language)?, *min, *max),
        SlotKind::Money { min, max } => bounded(money(words, language)?, *min, *max),
        SlotKind::Boolean => yes_or_no(words, language).map(Value::Boolean),
        SlotKind::Enum(choices) => choice::chosen(words, choices, language).map(Value::Text),
        SlotKind::Date => when::date(words, language, now.date()).map(|date| Value::Text(date.to_string())),
        SlotKind::Time => {
            when::time(words, language, now.date()).map(|time| Value::Text(time.strftime("%H:%M").to_string()))
        }
        SlotKind::DateTime => {
            let at = date_and_time(words, language, now)?;
            Some(Value::Text(at.strftime("%Y-%m-%dT%H:%M").to_string()))
        }
        SlotKind::Phone => telephone(words, language).map(Value::Text),
        SlotKind::Name => named::name(words, language).map(Value::Text),
        SlotKind::Email => named::email(words, language).map(Value::Text),
        SlotKind::Text => Some(Value::Text(words.trim().to_owned())),
    }
}

fn bounded(value: f64, min: Option<f64>, max: Option<f64>) -> Option<Value> {
    let fits = value.is_finite() && min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max);
    fits.then_some(Value::Number(value))
}
