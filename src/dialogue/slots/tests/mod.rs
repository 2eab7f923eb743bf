//! Tables of what people say and what it means.

mod agreeing;
mod amounts;
mod answers;
mod naming;
mod numerals;

use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use super::{digits_in, extract, yes_or_no};
use crate::dialplan::{Choice, Slot, SlotKind, Value};
use crate::language::Language::{self, English, Mandarin};

/// A Saturday, ten in the morning.
fn now() -> DateTime {
    date(2026, 11, 21).at(10, 0, 0, 0)
}

fn slot(kind: SlotKind) -> Slot {
    Slot::plain("slot", kind)
}

/// Runs a table of words and values ("-": none), and tells all rows that are wrong at once.
fn check(kind: SlotKind, language: Language, rows: &[(&str, &str)]) {
    let slot = slot(kind);
    check_with(rows, |words| match extract(words, &slot, language, now())? {
        Value::Text(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(if yes { "yes" } else { "no" }.to_owned()),
        Value::Null => None,
    });
}

fn check_with(rows: &[(&str, &str)], read: impl Fn(&str) -> Option<String>) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(words, wanted)| (words, wanted, read(words).unwrap_or_else(|| "-".to_owned())))
        .filter(|(_, wanted, value)| value != *wanted)
        .map(|(words, wanted, value)| format!("{words:?}: {value}, not {wanted}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

fn choices(named: &[(&str, &[&str])]) -> SlotKind {
    SlotKind::Enum(
        named
            .iter()
            .map(|(value, says)| Choice {
                value: (*value).to_owned(),
                says: says.iter().map(|form| (*form).to_owned()).collect(),
            })
            .collect(),
    )
}

/// A recogniser that loops must not hold up the call.
#[test]
fn repetitions_do_not_take_for_ever() {
    for piece in [
        "对",
        "不",
        "week from ",
        "minus ",
        "负",
        "差五分",
        "double ",
        "no ",
        "three hundred ",
        "九千",
        "friday ",
    ] {
        every_kind(&piece.repeat(400));
    }
}

proptest! {
    #[test]
    fn any_words_give_a_value_or_none(words: String) {
        every_kind(&words);
    }

    /// Built of what the extractors look for, so that it reaches deep.
    #[test]
    fn any_heap_of_numerals_gives_a_value_or_none(heap in proptest::collection::vec(0..PIECES.len(), 0..12)) {
        let words: Vec<&str> = heap.iter().filter_map(|at| PIECES.get(*at).copied()).collect();
        every_kind(&words.join(" "));
        every_kind(&words.concat());
    }

    #[test]
    fn digits_spoken_one_by_one_come_back(digits in "[0-9]{4,12}") {
        let spoken = |names: [&str; 10], between: &str| {
            digits.bytes().map(|digit| names[usize::from(digit - b'0')]).collect::<Vec<_>>().join(between)
        };
        let english = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        let mandarin = ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"];
        prop_assert_eq!(&digits_in(&spoken(english, " "), English), &digits);
        prop_assert_eq!(&digits_in(&spoken(mandarin, ""), Mandarin), &digits);
    }
}

const PIECES: [&str; 46] = [
    "one",
    "twenty",
    "hundred",
    "thousand",
    "million",
    "9999999999999999999999",
    "3.5",
    "1,2",
    "12:61",
    "99/99",
    "point",
    "half",
    "and",
    "a",
    "double",
    "oh",
    "to",
    "at",
    "past",
    "quarter",
    "in",
    "days",
    "ago",
    "next",
    "friday",
    "february",
    "thirtieth",
    "of",
    "minus",
    "no",
    "不对",
    "二",
    "十",
    "百",
    "万",
    "亿",
    "点",
    "半",
    "年",
    "月",
    "号",
    "下",
    "周",
    "天后",
    "个",
    "差",
];

fn every_kind(words: &str) {
    let kinds = [
        SlotKind::Digits { min: 1, max: 8 },
        SlotKind::Number { min: None, max: None },
        SlotKind::Money { min: None, max: None },
        SlotKind::DateTime,
        SlotKind::Phone,
        SlotKind::Boolean,
        choices(&[("wrong_item", &["发错了"]), ("", &[])]),
        SlotKind::Date,
        SlotKind::Time,
        SlotKind::Name,
        SlotKind::Email,
        SlotKind::Text,
    ];
    for kind in kinds {
        for language in Language::ALL {
            let _ = extract(words, &slot(kind.clone()), language, now());
        }
    }
    let _ = (yes_or_no(words, English), yes_or_no(words, Mandarin));
}
