//! How well flows are chosen: measured on sayings of known intent.
//!
//! It reads tables, not plans: it shows what [`Wishes`] and the grounded manager's thresholds do with other people's words.
//! It reads no clock and asks nobody: who measures brings the words, as they were written or as they were heard.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::choosing::Chosen;
use super::meaning::Meaning;
use super::wishes::{By, DESCRIPTION, EXAMPLE, NAME, Wishes};
use crate::language::Language;

/// The intent of sayings that no flow is for.
const OUT_OF_SCOPE: &str = "out_of_scope";

/// Sayings by intent: those that are learnt from, and those that are asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    intents: Vec<String>,
    /// As [`Wishes::new`] takes them.
    learnt: Vec<(usize, String, f32)>,
    pub asked: Vec<Asked>,
}

/// An utterance, and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// `None`: out of scope.
    intent: Option<usize>,
    pub words: String,
}

impl Table {
    /// Reads rows of tab-separated intent, split and utterance under a heading; other lines are passed over. The split
    /// `example` is learnt from, `use_when` is the intent's description, and any other is asked. An intent without an
    /// example is out of scope. The intents' names are learnt from too, as those of flows are.
    pub fn parse(text: &str) -> Self {
        let rows: Vec<(&str, &str, &str)> = text
            .lines()
            .skip(1)
            .filter_map(|line| {
                let mut cells = line.splitn(3, '\t');
                Some((cells.next()?, cells.next()?, cells.next()?))
            })
            .collect();
        let mut intents: Vec<String> = rows
            .iter()
            .filter(|(intent, split, _)| *split == "example" && *intent != OUT_OF_SCOPE)
            .map(|(intent, ..)| (*intent).to_owned())
            .collect();
        intents.sort_unstable();
        intents.dedup();
        let mut table = Self::default();
        for (at, intent) in intents.iter().enumerate() {
            table.learnt.push((at, intent.replace('_', " "), NAME));
        }
        for (intent, split, words) in rows {
            let at = intents.iter().position(|name| name == intent);
            match (split, at) {
                ("example", Some(at)) => table.learnt.push((at, words.to_owned(), EXAMPLE)),
                ("use_when", Some(at)) => table.learnt.push((at, words.to_owned(), DESCRIPTION)),
                ("example" | "use_when", None) => {}
                (_, intent) => table.asked.push(Asked {
                    intent,
                    words: words.to_owned(),
                }),
            }
        }
        Self { intents, ..table }
    }

    /// The same without the intents' descriptions; `None` where there are none.
    pub fn undescribed(&self) -> Option<Self> {
        let mut table = self.clone();
        table.learnt.retain(|(.., worth)| *worth != DESCRIPTION);
        (table.learnt.len() < self.learnt.len()).then_some(table)
    }

    /// Every so many of the utterances, so that at most `count` are asked, of every intent about as many.
    pub fn sample(&mut self, count: usize) {
        let all = self.asked.len();
        if count >= all {
            return;
        }
        let kept = |at: usize| (at + 1) * count / all > at * count / all;
        let mut at = 0;
        self.asked.retain(|_| {
            at += 1;
            kept(at - 1)
        });
    }

    /// What is known after reading the table's examples.
    pub fn wishes(&self, language: Language, meaning: Option<Arc<dyn Meaning>>, by: By) -> Wishes {
        Wishes::new(language, &self.learnt, meaning).by(by)
    }

    fn name(&self, intent: usize) -> &str {
        self.intents.get(intent).map(String::as_str).unwrap_or_default()
    }
}

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
    /// Counts what was chosen for an utterance of `table`.
    pub fn count(&mut self, table: &Table, asked: &Asked, chosen: Chosen) {
        let is = |label: usize| asked.intent == Some(label);
        let (total, one, either) = match asked.intent {
            Some(_) => (&mut self.in_scope, &mut self.right, &mut self.clarified),
            None => (&mut self.out_of_scope, &mut self.refused, &mut self.questioned),
        };
        *total += 1;
        match chosen {
            Chosen::One { label, .. } if is(label) => *one += 1,
            Chosen::None if asked.intent.is_none() => *one += 1,
            Chosen::Either(a, b) if asked.intent.is_none() || is(a) || is(b) => *either += 1,
            Chosen::None | Chosen::One { .. } | Chosen::Either(..) => {}
        }
        let taken = match chosen {
            Chosen::One { label, .. } => table.name(label).to_owned(),
            Chosen::Either(a, b) => format!("{} or {}", table.name(a), table.name(b)),
            Chosen::None => String::new(),
        };
        let intent = asked.intent.map_or(OUT_OF_SCOPE, |intent| table.name(intent));
        if taken != intent && !(taken.is_empty() && asked.intent.is_none()) {
            *self.confusions.entry((intent.to_owned(), taken)).or_default() += 1;
        }
    }

    /// The share of in-scope utterances for which the right intent was chosen at once, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.in_scope.max(1) as f64
    }

    /// The share of out-of-scope utterances for which none was chosen nor asked for, 0 to 1.
    pub fn refusal(&self) -> f64 {
        self.refused as f64 / self.out_of_scope.max(1) as f64
    }

    /// The share of all utterances for which a question between two intents would be asked, 0 to 1.
    pub fn asked_back(&self) -> f64 {
        let either = self.confusions.iter().filter(|((_, taken), _)| taken.contains(" or "));
        let count: usize = either.map(|(_, count)| count).sum();
        count as f64 / (self.in_scope + self.out_of_scope).max(1) as f64
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::choosing::choose;

    /// By words alone.
    fn evaluate(text: &str) -> Evaluation {
        let table = Table::parse(text);
        let wishes = table.wishes(Language::English, None, By::Words);
        let mut evaluation = Evaluation::default();
        for asked in &table.asked {
            evaluation.count(&table, asked, choose(&wishes.scores(&asked.words)));
        }
        evaluation
    }

    const TABLE: &str = "intent\tsplit\tutterance\n\
        order\texample\twhere is my order\nreturn\texample\tI want to return something\n\
        return\tuse_when\tcaller wants to send something back\n\
        order\theldout\torder status\nreturn\theldout\tsing a song\nout_of_scope\theldout\twho won the game\nbroken line\n";

    #[test]
    fn counts_what_was_right() {
        let evaluation = evaluate(TABLE);
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
        assert_eq!(evaluation.asked_back(), 0.0);
        assert!(evaluation.to_string().contains("50.0 %"), "{evaluation}");
    }

    #[test]
    fn a_table_is_read_sampled_and_stripped() {
        let mut table = Table::parse(TABLE);
        assert_eq!(table.asked.len(), 3);
        let stripped = table.undescribed().unwrap();
        assert_eq!(table.learnt.len(), stripped.learnt.len() + 1);
        assert_eq!(stripped.undescribed(), None);
        table.sample(7);
        assert_eq!(table.asked.len(), 3);
        table.sample(2);
        assert_eq!(table.asked.len(), 2);
        assert_eq!(Table::parse(""), Table::default());
    }

    /// Far below what is reached, so that only a break shows; the figures themselves belong to the benchmark.
    #[test]
    fn customers_are_understood() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/text/intents.tsv");
        let Ok(table) = std::fs::read_to_string(path) else {
            eprintln!("SKIPPED: there is no {path}");
            return;
        };
        let evaluation = evaluate(&table);
        assert!(
            evaluation.accuracy() > 0.9 && evaluation.refusal() > 0.9,
            "{evaluation}"
        );
    }
}
