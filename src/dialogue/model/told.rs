//! Whether a value that a model gives was told by the caller.
//!
//! Numbers, days and times must come out of the caller's own words by the same reading that the grounded manager uses; addresses must be spelled in
//! them. What a person understands and no rule reads (a choice, a yes, a name) is the model's to understand.

use jiff::civil::DateTime;

use crate::dialogue::guard::{addresses, numbers};
use crate::dialogue::slots::extract;
use crate::dialogue::words::{is_han, plain};
use crate::dialplan::{Slot, SlotKind, Value};
use crate::language::Language;

/// Words (characters in Mandarin) of what was heard that are searched, from the end.
const SEARCHED: usize = 60;
/// The longest wording of one value, in words or characters.
const LONGEST: usize = 10;

pub(super) fn is_told(value: &Value, slot: &Slot, heard: &str, language: Language, now: DateTime) -> bool {
    match &slot.kind {
        // A number that is told digit by digit is compared with all digits that were told.
        SlotKind::Digits { .. } | SlotKind::Phone | SlotKind::Boolean | SlotKind::Enum(_) => true,
        SlotKind::Number { .. } | SlotKind::Money { .. } => {
            let said = value.to_string();
            let article = said == "1" || said == "2";
            article || numbers(heard, language).contains(&said) || is_read(value, slot, heard, language, now)
        }
        SlotKind::Date | SlotKind::Time | SlotKind::DateTime => is_read(value, slot, heard, language, now),
        SlotKind::Email => is_spelled(&value.to_string(), heard),
        SlotKind::Name | SlotKind::Text => {
            let text = value.to_string();
            let (known, links) = (numbers(heard, language), addresses(heard));
            numbers(&text, language).iter().all(|number| known.contains(number))
                && addresses(&text).iter().all(|address| links.contains(address))
        }
    }
}

/// Whether some of the words read as this value.
fn is_read(value: &Value, slot: &Slot, heard: &str, language: Language, now: DateTime) -> bool {
    let reads = |words: &str| extract(words, slot, language, now).as_ref() == Some(value);
    if reads(heard) {
        return true;
    }
    let (units, between): (Vec<String>, &str) = match language {
        Language::English => (heard.split_whitespace().map(str::to_owned).collect(), " "),
        Language::Mandarin => (plain(heard).chars().map(String::from).collect(), ""),
    };
    let units = units.get(units.len().saturating_sub(SEARCHED)..).unwrap_or_default();
    (0..units.len()).any(|from| {
        let most = LONGEST.min(units.len() - from);
        (1..=most).any(|count| {
            units
                .get(from..from + count)
                .is_some_and(|words| reads(&words.join(between)))
        })
    })
}

/// Whether the parts of an address stand in what was heard, letter by letter if need be. Providers' endings (com) are often swallowed.
fn is_spelled(address: &str, heard: &str) -> bool {
    let squeezed = |text: &str| -> String {
        plain(text)
            .chars()
            .filter(|c| c.is_alphanumeric() && !is_han(*c))
            .collect()
    };
    let heard = squeezed(heard);
    let address = plain(address);
    let Some((name, host)) = address.split_once('@') else {
        return false;
    };
    let host = host.split('.').next().unwrap_or_default();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    words.iter().chain([&host]).all(|word| heard.contains(&squeezed(word)))
}
