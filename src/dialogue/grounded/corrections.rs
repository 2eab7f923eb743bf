//! Corrections that name only what is wrong: "not seven, eight", "the last digit is nine", "no, the other one".
//!
//! It is given a value that is known and what the caller says to it, and gives the value that the caller meant. It decides
//! nothing about whether the words are a correction of that value: who calls it asks every value that is known.

use crate::dialogue::slots::digits_in;
use crate::dialogue::words::{plain, tokens};
use crate::dialplan::{Slot, SlotKind, Value};
use crate::language::Language;

/// `known` put right by `words`; `None` where they do not say what is wrong with it.
pub(super) fn corrected(words: &str, slot: &Slot, known: &Value, language: Language) -> Option<Value> {
    match (&slot.kind, known) {
        (SlotKind::Digits { min, max }, Value::Text(digits)) => {
            let digits = replaced(words, digits, language).or_else(|| placed(words, digits, language))?;
            (*min..=*max).contains(&digits.len()).then_some(Value::Text(digits))
        }
        (SlotKind::Enum(choices), Value::Text(chosen)) if is_the_other(words, language) => {
            let mut others = choices.iter().filter(|choice| choice.value != *chosen);
            // Of three, "the other one" is none in particular.
            let other = others.next().filter(|_| others.next().is_none())?;
            Some(Value::Text(other.value.clone()))
        }
        (_, _) => None,
    }
}

/// "Not seven, eight"; "eight, not seven"; "eight instead of seven"; 不是七是八; 是八不是七. What is wrong must stand in the digits
/// exactly once.
fn replaced(words: &str, known: &str, language: Language) -> Option<String> {
    let plain = plain(words);
    let (wrong, right) = match language {
        Language::English => english_pair(&plain)?,
        Language::Mandarin => mandarin_pair(&plain)?,
    };
    let (wrong, right) = (digits_in(&wrong, language), digits_in(&right, language));
    if wrong.is_empty() || right.is_empty() || wrong == right || known.matches(&wrong).count() != 1 {
        return None;
    }
    Some(known.replacen(&wrong, &right, 1))
}

/// What is wrong, and what is right.
fn english_pair(plain: &str) -> Option<(String, String)> {
    let cut = |separator: &str| {
        let (before, after) = plain.split_once(separator)?;
        Some((before.to_owned(), after.to_owned()))
    };
    if let Some((right, wrong)) = cut(" instead of ").or_else(|| cut(" rather than ")) {
        return Some((wrong, right));
    }
    let tokens = tokens(plain);
    let not = tokens
        .iter()
        .position(|token| matches!(token.as_str(), "not" | "isn't"))?;
    let (before, after) = (tokens.get(..not)?, tokens.get(not + 1..)?);
    let numbers = |tokens: &[String]| !digits_in(&tokens.join(" "), Language::English).is_empty();
    if numbers(before) {
        return Some((after.join(" "), before.join(" ")));
    }
    // "Not seven but eight", "not seven, it's eight", "not seven eight": half is wrong and half is right.
    let middle = after
        .iter()
        .position(|token| matches!(token.as_str(), "but" | "it's" | "it" | "is" | "that's"));
    if let Some(middle) = middle {
        return Some((after.get(..middle)?.join(" "), after.get(middle..)?.join(" ")));
    }
    let spoken: Vec<&String> = after
        .iter()
        .filter(|token| !digits_in(token, Language::English).is_empty())
        .collect();
    let half = spoken.len() / 2;
    if half == 0 || spoken.len() % 2 == 1 {
        return None;
    }
    let joined = |tokens: &[&String]| tokens.iter().map(|token| token.as_str()).collect::<Vec<_>>().join(" ");
    Some((joined(spoken.get(..half)?), joined(spoken.get(half..)?)))
}

fn mandarin_pair(plain: &str) -> Option<(String, String)> {
    let text: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    let (before, after) = text.split_once("不是")?;
    if !digits_in(before, Language::Mandarin).is_empty() {
        return Some((after.to_owned(), before.to_owned()));
    }
    let (wrong, right) = after.split_once("而是").or_else(|| after.split_once('是'))?;
    Some((wrong.to_owned(), right.to_owned()))
}

/// "The last digit is nine"; 第三位是四.
fn placed(words: &str, known: &str, language: Language) -> Option<String> {
    let plain = plain(words);
    let (place, right) = match language {
        Language::English => {
            let tokens = tokens(&plain);
            let of = |token: &String| {
                ENGLISH_PLACES
                    .iter()
                    .position(|places| places.split(' ').any(|place| place == token))
            };
            let at = tokens.iter().position(|token| of(token).is_some())?;
            let named = tokens
                .get(at + 1)
                .is_some_and(|next| matches!(next.as_str(), "digit" | "one" | "number" | "figure"));
            let is = tokens
                .iter()
                .skip(at)
                .position(|token| matches!(token.as_str(), "is" | "should" | "was"))?;
            let place = tokens.get(at).and_then(of).filter(|_| named)?;
            (place, tokens.get(at + is..)?.join(" "))
        }
        Language::Mandarin => {
            let place = MANDARIN_PLACES
                .iter()
                .position(|places| places.split(' ').any(|place| plain.contains(place)))?;
            let (_, right) = plain.rsplit_once(['是', '为'])?;
            (place, right.to_owned())
        }
    };
    let right = digits_in(&right, language);
    let mut digits: Vec<char> = known.chars().collect();
    let at = match place {
        0 => digits.len().checked_sub(1)?,
        place => place - 1,
    };
    let mut right = right.chars();
    *digits.get_mut(at)? = right.next()?;
    right.next().is_none().then(|| digits.into_iter().collect())
}

/// The last place, then from the first.
const ENGLISH_PLACES: [&str; 9] = [
    "last final",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
];
const MANDARIN_PLACES: [&str; 9] = [
    "最后一位 最后一个 末位 最后面",
    "第一位 第一个 首位",
    "第二位 第二个",
    "第三位 第三个",
    "第四位 第四个",
    "第五位 第五个",
    "第六位 第六个",
    "第七位 第七个",
    "第八位 第八个",
];

fn is_the_other(words: &str, language: Language) -> bool {
    let plain = plain(words);
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| plain.contains(phrase));
    match language {
        Language::English => any(&["the other", "the opposite", "the alternative"]) && tokens(&plain).len() <= 8,
        Language::Mandarin => any(&["另一个", "另外一个", "另外那个", "另一种", "另外一种"]),
    }
}

/// Which of two flows that were asked about is meant: the first or the second as they were named.
pub(super) fn one_of_two(words: &str, language: Language) -> Option<usize> {
    let plain = plain(words);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            let any = |words: &[&str]| tokens.iter().any(|token| words.contains(&token.as_str()));
            let (first, second) = (any(&["first", "former"]), any(&["second", "latter", "last"]));
            (tokens.len() <= 6 && first != second).then_some(usize::from(second))
        }
        Language::Mandarin => {
            let any = |phrases: &[&str]| phrases.iter().any(|phrase| plain.contains(phrase));
            let (first, second) = (
                any(&["第一", "前一个", "前者", "前面那个"]),
                any(&["第二", "后一个", "后者", "后面那个"]),
            );
            (plain.chars().count() <= 10 && first != second).then_some(usize::from(second))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialplan::Choice;
    use Language::{English, Mandarin};

    fn slot(kind: SlotKind) -> Slot {
        Slot::plain("slot", kind)
    }

    fn number(words: &str, known: &str, language: Language) -> Option<String> {
        let slot = slot(SlotKind::Digits { min: 4, max: 10 });
        match corrected(words, &slot, &Value::Text(known.to_owned()), language)? {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Boolean(_) | Value::Null => None,
        }
    }

    #[test]
    fn one_digit_is_put_right() {
        for (words, known, wanted) in [
            ("not seven, eight", "1273456", Some("1283456")),
            ("no, not seven, it's eight", "1273456", Some("1283456")),
            ("it's eight, not seven", "1273456", Some("1283456")),
            ("eight instead of seven", "1273456", Some("1283456")),
            ("not seven but eight", "1273456", Some("1283456")),
            ("not four five, five four", "12345678", Some("12354678")),
            ("the last digit is nine", "12345678", Some("12345679")),
            ("no, the first one should be two", "12345678", Some("22345678")),
            ("the third digit is 4", "12345678", Some("12445678")),
            // Twice in it, not in it, more than a digit, nothing said.
            ("not seven, eight", "1277456", None),
            ("not nine, eight", "1273456", None),
            ("the last digit is nine nine", "12345678", None),
            ("the twelfth digit is nine", "12345678", None),
            ("no", "12345678", None),
            ("no, it's one two three four", "12345678", None),
        ] {
            assert_eq!(number(words, known, English).as_deref(), wanted, "{words}");
        }
        for (words, wanted) in [
            ("不是七是八", Some("1283456")),
            ("不是七,是八", Some("1283456")),
            ("是八不是七", Some("1283456")),
            ("最后一位是九", Some("1273459")),
            ("第三位是八", Some("1283456")),
            ("不是", None),
            ("不是九是八", None),
        ] {
            assert_eq!(number(words, "1273456", Mandarin).as_deref(), wanted, "{words}");
        }
    }

    #[test]
    fn the_other_of_two() {
        let choice = |value: &str| Choice {
            value: value.to_owned(),
            says: Vec::new(),
        };
        let other = |words, choices: &[&str], language| {
            let slot = slot(SlotKind::Enum(choices.iter().map(|value| choice(value)).collect()));
            corrected(words, &slot, &Value::Text("left".to_owned()), language)
        };
        let right = Some(Value::Text("right".to_owned()));
        assert_eq!(other("no, the other one", &["left", "right"], English), right);
        assert_eq!(other("不对,另一个", &["left", "right"], Mandarin), right);
        assert_eq!(other("no, the other one", &["left", "right", "middle"], English), None);
        assert_eq!(other("no", &["left", "right"], English), None);
    }

    #[test]
    fn the_first_or_the_second() {
        for (words, language, wanted) in [
            ("the first one", English, Some(0)),
            ("the second, please", English, Some(1)),
            ("the latter", English, Some(1)),
            ("第一个", Mandarin, Some(0)),
            ("第二个吧", Mandarin, Some(1)),
            ("my first order did not arrive last week", English, None),
            ("the first or the second", English, None),
            ("yes", English, None),
        ] {
            assert_eq!(one_of_two(words, language), wanted, "{words}");
        }
    }

    proptest! {
        #[test]
        fn any_words_correct_or_do_not(words: String, known in "[0-9]{0,12}") {
            for language in Language::ALL {
                let digits = corrected(&words, &slot(SlotKind::Digits { min: 1, max: 12 }), &Value::Text(known.clone()), language);
                if let Some(Value::Text(digits)) = digits {
                    prop_assert!((1..=12).contains(&digits.len()));
                }
                let _ = one_of_two(&words, language);
            }
        }
    }
}
