//! One of a few named things, told in words of the caller's own: a reason, a colour, a department.
//!
//! It compares what is said with each choice's value and the forms that it is said in, forgives a recogniser's slips
//! (letters in English, sounds in Mandarin) and minds refusals ("not the red one, the blue one"). It knows no slots and
//! no questions.

use crate::dialogue::words::{clauses, edits, is_han, plain, syllable, tokens};
use crate::dialplan::Choice;
use crate::language::Language;

/// The value of the one choice that is named; `None` where none is, or two are and neither is refused.
pub(super) fn chosen(words: &str, choices: &[Choice], language: Language) -> Option<String> {
    let plain = plain(words);
    let utterance = units(&plain, language);
    let named: Vec<Naming> = choices
        .iter()
        .enumerate()
        .flat_map(|(index, choice)| namings(index, choice, &utterance, language))
        .collect();
    let wanted: Vec<&Naming> = named
        .iter()
        .filter(|one| one.stance == Stance::Wanted && !hidden(one, &named))
        .collect();
    if named.is_empty() {
        return by_place(&plain, choices, language);
    }
    let best = wanted.iter().map(|one| one.quality).max()?;
    let mut picked: Vec<&Naming> = wanted.into_iter().filter(|one| one.quality == best).collect();
    picked.sort_by_key(|one| one.start);
    let last = picked.last()?;
    let one = picked.iter().all(|other| other.choice == last.choice);
    // "The red one, no, the blue one": what is said after a refusal stands.
    let corrected = || {
        picked
            .iter()
            .all(|other| other.choice == last.choice || corrects(&utterance, other.end, last.start))
    };
    if one || corrected() {
        choices.get(last.choice).map(|choice| choice.value.clone())
    } else {
        None
    }
}

/// A choice named somewhere in the utterance.
struct Naming {
    choice: usize,
    start: usize,
    end: usize,
    quality: Quality,
    stance: Stance,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stance {
    Wanted,
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Quality {
    /// With slips, or with words between.
    Near,
    /// Word for word.
    Exact,
}

/// Whether a longer naming of another choice covers this one: "wrong colour" does not name "colour".
fn hidden(one: &Naming, all: &[Naming]) -> bool {
    all.iter().any(|other| {
        other.choice != one.choice
            && other.start <= one.start
            && other.end >= one.end
            && other.end - other.start > one.end - one.start
            && other.quality >= one.quality
    })
}

fn namings(index: usize, choice: &Choice, utterance: &[String], language: Language) -> Vec<Naming> {
    let mut found = Vec::new();
    for form in std::iter::once(&choice.value).chain(&choice.says) {
        let form = units(&plain(&form.replace('_', " ")), language);
        if form.is_empty() || form.len() > utterance.len() + 1 {
            continue;
        }
        for start in 0..utterance.len() {
            let rest = utterance.get(start..).unwrap_or_default();
            let Some((width, quality)) = fits(rest, &form) else {
                continue;
            };
            let before = utterance.get(..start).unwrap_or_default();
            let stance = if refused(before, language) {
                Stance::Refused
            } else {
                Stance::Wanted
            };
            found.push(Naming {
                choice: index,
                start,
                end: start + width,
                quality,
                stance,
            });
        }
    }
    found
}

/// Whether `form` stands at the start of `rest`, and in how many words: word for word, or with slips and at most one
/// word in between.
fn fits(rest: &[String], form: &[String]) -> Option<(usize, Quality)> {
    let mut quality = Quality::Exact;
    let mut at = 0;
    for (index, wanted) in form.iter().enumerate() {
        let here = rest.get(at)?;
        if here == wanted {
            at += 1;
        } else if alike(here, wanted) {
            quality = Quality::Near;
            at += 1;
        } else if index > 0 && rest.get(at + 1).is_some_and(|next| next == wanted) {
            quality = Quality::Near;
            at += 2;
        } else {
            return None;
        }
    }
    Some((at, quality))
}

/// Whether two words are one, slips and endings aside. Short words have too many neighbours to be forgiven anything.
fn alike(a: &str, b: &str) -> bool {
    if let (Some(x), Some(y)) = (only_char(a), only_char(b)) {
        return is_han(x) && is_han(y) && syllable(x).is_some() && syllable(x) == syllable(y);
    }
    let (a, b) = (stem(a), stem(b));
    let length = a.chars().count().min(b.chars().count());
    let allowed = match length {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    // "defected", "defective"
    let shared = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let akin = shared >= 5 && shared * 3 >= a.chars().count().max(b.chars().count()) * 2;
    a == b || akin || (allowed > 0 && a.chars().next() == b.chars().next() && edits(a, b, allowed) <= allowed)
}

fn only_char(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// A word without its plural, past or progressive ending.
fn stem(word: &str) -> &str {
    for ending in ["ing", "ed", "es", "s"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 3
        {
            return stem;
        }
    }
    word
}

/// Whether what stands before a naming refuses it.
fn refused(before: &[String], language: Language) -> bool {
    let near = |count: usize| before.get(before.len().saturating_sub(count)..).unwrap_or_default();
    match language {
        Language::English => {
            // "No the blue one" corrects and refuses nothing.
            let near = if before.len() <= 4 && before.first().is_some_and(|word| word == "no") {
                before.get(1..).unwrap_or_default()
            } else {
                near(4)
            };
            let mark = near.iter().rposition(|word| {
                matches!(
                    word.as_str(),
                    "not"
                        | "no"
                        | "isn't"
                        | "wasn't"
                        | "don't"
                        | "didn't"
                        | "aren't"
                        | "never"
                        | "neither"
                        | "nor"
                        | "without"
                        | "than"
                        | "of"
                )
            });
            let turned = near
                .iter()
                .rposition(|word| matches!(word.as_str(), "it's" | "but" | "rather" | "is" | "|"));
            let instead = near
                .windows(2)
                .any(|pair| pair == ["instead", "of"] || pair == ["rather", "than"]);
            let only = near.windows(2).any(|pair| pair == ["not", "only"]);
            match mark {
                Some(mark) if near.get(mark).is_some_and(|word| word == "of" || word == "than") => instead,
                Some(mark) => !only && turned.is_none_or(|turned| turned < mark),
                None => false,
            }
        }
        Language::Mandarin => {
            let near = near(3).concat();
            let near = near.rsplit('|').next().unwrap_or_default();
            ["不是", "不要", "没有", "不想", "并非", "别", "没"]
                .iter()
                .any(|mark| near.contains(mark))
        }
    }
}

/// Whether a correction is said between two places.
fn corrects(utterance: &[String], from: usize, to: usize) -> bool {
    let between = utterance.get(from..to).unwrap_or_default();
    let joined = between.concat();
    between
        .iter()
        .any(|word| matches!(word.as_str(), "no" | "sorry" | "actually" | "wait" | "rather"))
        || ["不对", "不是", "错了", "应该", "imean"]
            .iter()
            .any(|mark| joined.contains(mark))
}

/// "The second one", "option two", 第二个: the choice by its place.
fn by_place(plain: &str, choices: &[Choice], language: Language) -> Option<String> {
    const ENGLISH: &[&[&str]] = &[
        &["first", "number one", "option one", "option 1"],
        &["second one", "number two", "option two", "option 2"],
        &["third", "number three", "option three", "option 3"],
        &["fourth", "number four", "option four", "option 4"],
        &["fifth", "number five", "option five", "option 5"],
        &["sixth", "number six", "option six", "option 6"],
    ];
    const MANDARIN: &[&[&str]] = &[
        &["第一", "第1"],
        &["第二", "第2"],
        &["第三", "第3"],
        &["第四", "第4"],
        &["第五", "第5"],
        &["第六", "第6"],
    ];
    let last = match language {
        Language::English => plain.contains("the last one") || plain.contains("the latter"),
        Language::Mandarin => plain.contains("最后一"),
    };
    if last {
        return choices.last().map(|choice| choice.value.clone());
    }
    let places = match language {
        Language::English => ENGLISH,
        Language::Mandarin => MANDARIN,
    };
    let mut said = places
        .iter()
        .zip(choices)
        .filter(|(forms, _)| forms.iter().any(|form| plain.contains(form)));
    let (_, choice) = said.next()?;
    said.next().is_none().then(|| choice.value.clone())
}

/// Words of English and characters of Mandarin, with a bar between clauses.
fn units(plain: &str, language: Language) -> Vec<String> {
    let mut units = Vec::new();
    for clause in clauses(plain) {
        if !units.is_empty() {
            units.push("|".to_owned());
        }
        units.extend(tokens(clause));
    }
    match language {
        Language::English => units.retain(|unit| !matches!(unit.as_str(), "a" | "an" | "the" | "um" | "uh")),
        Language::Mandarin => units.retain(|unit| !matches!(unit.as_str(), "了" | "的" | "呃" | "嗯")),
    }
    units
}
