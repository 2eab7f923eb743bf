//! Names that callers are likely to say, for the recogniser to expect: those of the plan, and those that stand in its knowledge.
//!
//! A name is a word that is written with a capital within a sentence; Mandarin has no such mark, so there it is what may be chosen
//! from.

use std::collections::BTreeMap;

use super::Knowledge;
use super::words::is_han;
use crate::dialplan::{Plan, SlotKind};
use crate::language::Language;

/// A recogniser that is told more of them hears them everywhere.
const MOST: usize = 24;
/// Written with a capital, and known to any recogniser.
const NO_NAMES: [&str; 19] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "English",
];

/// At most two dozen, the most frequent first, with commas between; nothing where there is none.
pub(crate) fn names(plan: &Plan, knowledge: &Knowledge, language: Language) -> String {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |name: &str| *counted.entry(name.to_owned()).or_default() += 1;
    for slot in plan.slots.values() {
        if let SlotKind::Enum(choices) = &slot.kind {
            let values = choices.iter().map(|choice| choice.value.as_str());
            values.filter(|value| is_of(value, language)).for_each(&mut count);
        }
    }
    if language == Language::English {
        let prompts = plan.prompts();
        let prompts = prompts.iter().filter(|prompt| prompt.language == language);
        let texts = prompts
            .map(|prompt| prompt.text.as_str())
            .chain(knowledge.answers(language));
        texts.for_each(|text| capitalised(text, &mut count));
    }
    let mut names: Vec<(String, usize)> = counted.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let names: Vec<String> = names.into_iter().take(MOST).map(|(name, _)| name).collect();
    names.join(", ")
}

fn is_of(value: &str, language: Language) -> bool {
    let letters = || value.chars().filter(|c| c.is_alphabetic());
    letters().next().is_some()
        && match language {
            Language::English => !value.contains('_') && letters().all(|c| c.is_ascii()),
            Language::Mandarin => letters().all(is_han),
        }
}

/// The words of `text` with a capital that does not come from where they stand.
fn capitalised(text: &str, found: &mut impl FnMut(&str)) {
    let mut begins = true;
    for written in text.split_whitespace() {
        let word = written.trim_matches(|c: char| !c.is_alphanumeric());
        let word = word.strip_suffix("'s").unwrap_or(word);
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        let name = capital && word.chars().count() > 2 && word.chars().all(char::is_alphanumeric);
        if name && !begins && !NO_NAMES.contains(&word) {
            found(word);
        }
        begins = written.ends_with(['.', '!', '?', ':', '"', '”']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_capitals_within_a_sentence() {
        let mut found = Vec::new();
        let text =
            "Our shop is at twelve Market Street in Berlin. We open on Monday! Ask Mia, Acme's assistant, or Dr. X.";
        capitalised(text, &mut |name| found.push(name.to_owned()));
        assert_eq!(found, ["Market", "Street", "Berlin", "Mia", "Acme"]);
    }

    #[test]
    fn what_may_be_chosen_is_expected_in_its_language() {
        assert!(is_of("small", Language::English) && !is_of("small", Language::Mandarin));
        assert!(is_of("退货", Language::Mandarin) && !is_of("wrong_size", Language::English));
    }
}
