//! How well flows are chosen: measured on sayings of known intent.
//!
//! It reads tables, not plans: it shows what [`Similarity`] and the grounded manager's thresholds do with other
//! people's words.

use std::collections::BTreeMap;
use std::fmt;

use super::choosing::{Chosen, choose};
use super::similarity::Similarity;
use crate::language::Language;

/// The intent of sayings that no flow is for.
const OUT_OF_SCOPE: &str = "out_of_scope";

/// What came of a measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Utterances that belong to an intent.
    pub in_scope: usize,
    /// Of them, those for which that intent was chosen at once.
    pub right: usize,
    /// Of them, those for which a question between two intents would be asked, one being right.
    pub clarified: usize,
    /// Utterances that belong to none.
    pub out_of_scope: usize,
    /// Of them, those for which none was chosen.
    pub refused: usize,
    /// Of them, those for which a question between two intents would be asked.
    pub questioned: usize,
    /// What was taken for what, and how often: (intent, chosen instead; empty where refused).
    pub confusions: BTreeMap<(String, String), usize>,
}

impl Evaluation {
    /// The share of in-scope utterances for which the right intent was chosen at once, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.in_scope.max(1) as f64
    }

    /// The share of out-of-scope utterances for which none was chosen nor asked for, 0 to 1.
    pub fn refusal(&self) -> f64 {
        self.refused as f64 / self.out_of_scope.max(1) as f64
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            in_scope,
            right,
            clarified,
            out_of_scope,
            refused,
            questioned,
            ..
        } = self;
        writeln!(
            f,
            "in scope {right} of {in_scope} right ({:.1} %), {clarified} asked back",
            100.0 * self.accuracy()
        )?;
        writeln!(
            f,
            "out of scope {refused} of {out_of_scope} refused ({:.1} %), {questioned} asked back",
            100.0 * self.refusal()
        )?;
        for ((intent, chosen), count) in &self.confusions {
            writeln!(
                f,
                "  {count:3} {intent} → {}",
                if chosen.is_empty() { "none" } else { chosen }
            )?;
        }
        Ok(())
    }
}

/// Measures on a table of tab-separated intent, split (`example`: learnt from; else asked) and utterance, with a
/// heading.
pub fn evaluate(table: &str, language: Language) -> Evaluation {
    let rows = table.lines().skip(1).filter_map(|line| {
        let mut cells = line.splitn(3, '\t');
        Some((cells.next()?, cells.next()?, cells.next()?))
    });
    let (examples, asked): (Vec<_>, Vec<_>) = rows.partition(|(_, split, _)| *split == "example");
    let mut intents: Vec<&str> = examples.iter().map(|(intent, ..)| *intent).collect();
    intents.sort_unstable();
    intents.dedup();
    let sayings = examples
        .iter()
        .filter_map(|(intent, _, text)| Some((intents.iter().position(|i| i == intent)?, *text, 1.0)));
    let similarity = Similarity::new(language, sayings);
    let mut evaluation = Evaluation::default();
    for (intent, _, text) in asked {
        let chosen = choose(&similarity.scores(text));
        let name = |label: usize| intents.get(label).copied().unwrap_or_default();
        if intent == OUT_OF_SCOPE {
            evaluation.out_of_scope += 1;
            match chosen {
                Chosen::None => evaluation.refused += 1,
                Chosen::Either(..) => evaluation.questioned += 1,
                Chosen::One { .. } => {}
            }
        } else {
            evaluation.in_scope += 1;
            match chosen {
                Chosen::One { label, .. } if name(label) == intent => evaluation.right += 1,
                Chosen::Either(a, b) if name(a) == intent || name(b) == intent => evaluation.clarified += 1,
                Chosen::None | Chosen::One { .. } | Chosen::Either(..) => {}
            }
        }
        let taken = match chosen {
            Chosen::One { label, .. } => name(label).to_owned(),
            Chosen::Either(a, b) => format!("{} or {}", name(a), name(b)),
            Chosen::None => String::new(),
        };
        if taken != intent && !(taken.is_empty() && intent == OUT_OF_SCOPE) {
            *evaluation.confusions.entry((intent.to_owned(), taken)).or_default() += 1;
        }
    }
    evaluation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_right() {
        let table = "intent\tsplit\tutterance\n\
            order\texample\twhere is my order\nreturn\texample\tI want to return something\n\
            order\theldout\torder status\nreturn\theldout\tsing a song\nout_of_scope\theldout\twho won the game\nbroken line\n";
        let evaluation = evaluate(table, Language::English);
        assert_eq!(
            (
                evaluation.in_scope,
                evaluation.right,
                evaluation.out_of_scope,
                evaluation.refused
            ),
            (2, 1, 1, 1)
        );
        assert_eq!(
            evaluation.confusions,
            BTreeMap::from([(("return".to_owned(), String::new()), 1)])
        );
        assert!(evaluation.to_string().contains("50.0 %"), "{evaluation}");
    }

    /// Far below what is reached, so that only a break shows; the figures themselves belong to the benchmark.
    #[test]
    fn customers_are_understood() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/text/intents.tsv");
        let Ok(table) = std::fs::read_to_string(path) else {
            eprintln!("SKIPPED: there is no {path}");
            return;
        };
        let evaluation = evaluate(&table, Language::English);
        assert!(
            evaluation.accuracy() > 0.9 && evaluation.refusal() > 0.9,
            "{evaluation}"
        );
    }
}
