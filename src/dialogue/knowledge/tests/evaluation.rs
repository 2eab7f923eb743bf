//! How good the finding is: questions as callers put them, with and without an answer, in both languages.
//!
//! The weights of [`Evidence::score`](super::shelf::Evidence::score) are fitted to the questions about the shops; those about the water company and the
//! library are held out.

use super::{Knowledge, LEAST_SCORE};
use crate::language::Language;

/// Rows of a base, a question, and the anchor of the passage that answers it; empty: none does.
const QUESTIONS: &str = include_str!("../../../../fixtures/knowledge/questions.tsv");

struct Base {
    name: &'static str,
    language: Language,
    markdown: &'static str,
    /// Percent of the answerable whose passage has to be the first.
    first: f64,
}

const BASES: [Base; 4] = [
    Base {
        name: "shop",
        language: Language::English,
        markdown: include_str!("../../../../dialplans/kb/shop.md"),
        first: 70.0,
    },
    Base {
        name: "shop-zh",
        language: Language::Mandarin,
        markdown: include_str!("../../../../dialplans/kb/shop-zh.md"),
        first: 65.0,
    },
    Base {
        name: "water",
        language: Language::English,
        markdown: include_str!("../../../../fixtures/knowledge/water.md"),
        first: 88.0,
    },
    Base {
        name: "library-zh",
        language: Language::Mandarin,
        markdown: include_str!("../../../../fixtures/knowledge/library-zh.md"),
        first: 85.0,
    },
];

impl Base {
    fn table(&self) -> impl Iterator<Item = (&str, &str)> {
        QUESTIONS.lines().skip(1).filter_map(|row| {
            let mut cells = row.split('\t');
            (cells.next()? == self.name).then_some(())?;
            Some((cells.next()?, cells.next()?))
        })
    }

    fn knowledge(&self) -> Knowledge {
        Knowledge::build([("kb.md".to_owned(), self.markdown.to_owned())])
    }
}

/// As counted over a table at the least score.
#[derive(Default)]
struct Figures {
    answerable: usize,
    /// The right passage is the first, whatever its score.
    first: usize,
    /// The right passage is the first, and good enough.
    answered: usize,
    /// Another is the first, and good enough.
    wrong: usize,
    unanswerable: usize,
    refused: usize,
}

fn measure(base: &Base) -> Figures {
    let knowledge = base.knowledge();
    let mut figures = Figures::default();
    for (question, anchor) in base.table() {
        let found = knowledge.ask(question, base.language);
        let score = found.as_ref().map_or(0.0, |passage| passage.score);
        let source = found.map(|passage| passage.source).unwrap_or_default();
        let right = source == format!("kb.md#{anchor}");
        let good = score >= LEAST_SCORE;
        if anchor.is_empty() {
            figures.unanswerable += 1;
            figures.refused += usize::from(!good);
        } else {
            figures.answerable += 1;
            figures.first += usize::from(right);
            figures.answered += usize::from(right && good);
            figures.wrong += usize::from(!right && good);
        }
        let as_wished = if anchor.is_empty() { !good } else { right && good };
        if !as_wished {
            println!("  {}: {question}: {source} {score:.2}, not #{anchor}", base.name);
        }
    }
    figures
}

#[test]
fn questions_find_their_passages_and_strange_ones_none() {
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    for base in &BASES {
        let f = measure(base);
        println!(
            "{}: right passage first {}/{} ({:.1} %), answered {}, wrongly {}; refused {}/{} ({:.1} %)",
            base.name,
            f.first,
            f.answerable,
            share(f.first, f.answerable),
            f.answered,
            f.wrong,
            f.refused,
            f.unanswerable,
            share(f.refused, f.unanswerable)
        );
        assert!(
            share(f.first, f.answerable) >= base.first,
            "{}: too few first",
            base.name
        );
        assert!(
            share(f.refused, f.unanswerable) >= 90.0,
            "{}: too few refused",
            base.name
        );
        assert!(share(f.wrong, f.answerable) <= 20.0, "{}: too many wrong", base.name);
    }
}

/// A score is a chance: what scores about a half is right about half the time, in both languages.
#[test]
fn a_score_means_the_same_in_both_languages() {
    for language in Language::ALL {
        let mut bands = [(0_usize, 0.0_f32, 0_usize); 3];
        for base in BASES.iter().filter(|base| base.language == language) {
            let knowledge = base.knowledge();
            for (question, anchor) in base.table() {
                let Some(passage) = knowledge.ask(question, language) else {
                    continue;
                };
                let band = &mut bands[((passage.score * 3.0) as usize).min(2)];
                band.0 += 1;
                band.1 += passage.score;
                band.2 += usize::from(!anchor.is_empty() && passage.source == format!("kb.md#{anchor}"));
            }
        }
        for (count, scores, right) in bands {
            let (expected, seen) = (scores / count as f32, right as f32 / count as f32);
            println!("{language:?}: {count} questions score {expected:.2}, {seen:.2} of them right");
            assert!(
                count < 8 || (expected - seen).abs() < 0.3,
                "{language:?}: {expected:.2} is {seen:.2}"
            );
        }
    }
}
