//! Which wish an utterance is, by its words and by its meaning.
//!
//! [`Wishes`] is built of labelled sayings, as [`Similarity`] is. With a [`Meaning`] it also learns where the meanings of one
//! label end and those of another begin, and those of what people say to no business at all. It decides nothing:
//! [`super::choosing`] does, and the scale of its scores is the same with a meaning and without.

use std::sync::Arc;

use super::learnt::{Learnt, Lesson};
use super::meaning::{Meaning, likeness};
use super::similarity::{Score, Similarity};
use super::words::{plain, tokens};
use crate::language::Language;

/// Labelled sayings.
pub struct Wishes {
    words: Similarity,
    meanings: Option<Meanings>,
    by: By,
}

/// What an utterance is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Words,
    /// Its words only where the meaning cannot be told.
    Meaning,
    Both,
}

/// What a likeness is worth: a description tells what callers want, but not in their words.
pub(super) const EXAMPLE: f32 = 1.0;
pub(super) const TITLE: f32 = 0.9;
pub(super) const DESCRIPTION: f32 = 0.7;
pub(super) const NAME: f32 = 0.6;

/// Of a score by meaning: the learnt share, the plain likeness, and the likeness of words. Set on `fixtures/understanding`.
const LIKENESS: f32 = 1.5;
const WORDS: f32 = 0.3;
/// Brings the sum to the scale of words alone: what is 97 % sure to be no stranger's saying is at the same place.
const SCALE: f32 = 0.53;

impl Wishes {
    /// `sayings` as for [`Similarity::new`]. English is judged by its meaning too, where one can be told; there is no
    /// meaning for Mandarin.
    pub fn new(language: Language, sayings: &[(usize, String, f32)], meaning: Option<Arc<dyn Meaning>>) -> Self {
        let words = Similarity::new(
            language,
            sayings
                .iter()
                .map(|(label, text, worth)| (*label, text.as_str(), *worth)),
        );
        let meanings = match language {
            Language::English => meaning.and_then(|meaning| Meanings::new(meaning, sayings)),
            Language::Mandarin => None,
        };
        Self {
            words,
            meanings,
            by: By::Both,
        }
    }

    /// Judges by this from now on.
    pub fn by(self, by: By) -> Self {
        Self { by, ..self }
    }

    /// How near `words` are to each label, the nearest first; labels without sayings are left out.
    pub fn scores(&self, words: &str) -> Vec<Score> {
        let mut scores = self.words.scores(words);
        let judged = match (self.by, &self.meanings) {
            (By::Words, _) | (_, None) => None,
            (By::Meaning | By::Both, Some(meanings)) => meanings.judge(words),
        };
        let Some(judged) = judged else {
            return scores;
        };
        let share = match self.by {
            By::Both => WORDS,
            By::Words | By::Meaning => 0.0,
        };
        for score in &mut scores {
            let meant = judged.get(score.label).copied().unwrap_or(0.0);
            score.nearness = (SCALE * (meant + share * score.nearness)).clamp(0.0, 1.0);
        }
        scores.sort_by(|a, b| b.nearness.total_cmp(&a.nearness));
        scores
    }
}

/// The meanings of the sayings, and what was learnt of them.
struct Meanings {
    meaning: Arc<dyn Meaning>,
    /// Those of the sayings, then those of strangers.
    known: Vec<Known>,
    labels: usize,
    learnt: Learnt,
}

struct Known {
    direction: Vec<f32>,
    /// `None`: a stranger's.
    label: Option<usize>,
    worth: f32,
}

/// What people say to machines and to each other, and seldom to a business. One a line; none is from a benchmark.
const STRANGERS: &str = include_str!("strangers.txt");
/// A stranger's saying that is as like as this to one of the plan is none: a plan may well be about the weather.
const FAMILIAR: f32 = 0.65;
/// All strangers together weigh as much as so many labels.
const CROWD: f32 = 4.0;
/// Of the strangers the nearest count.
const NEAREST: usize = 3;

impl Meanings {
    /// `None` where there is nothing to learn from, or its meaning cannot be told. Asks for some 200 meanings: a second.
    fn new(meaning: Arc<dyn Meaning>, sayings: &[(usize, String, f32)]) -> Option<Self> {
        let labels = sayings.iter().map(|(label, ..)| label + 1).max()?;
        let mut known: Vec<Known> = sayings
            .iter()
            .map(|(label, text, worth)| Known {
                direction: meaning.of(asked(&said(text))),
                label: Some(*label),
                worth: *worth,
            })
            .filter(|known| !known.direction.is_empty() && known.worth > 0.0)
            .collect();
        let strangers: Vec<Vec<f32>> = STRANGERS
            .lines()
            .map(|text| meaning.of(text))
            .filter(|stranger| {
                known
                    .iter()
                    .all(|known| likeness(stranger, &known.direction) < FAMILIAR)
            })
            .collect();
        let own: f32 = known.iter().map(|known| known.worth).sum();
        let worth = CROWD * own / labels as f32 / strangers.len().max(1) as f32;
        known.extend(strangers.into_iter().map(|direction| Known {
            direction,
            label: None,
            worth,
        }));
        let table: Vec<Vec<f32>> = known
            .iter()
            .map(|a| known.iter().map(|b| likeness(&a.direction, &b.direction)).collect())
            .collect();
        let lessons: Vec<Lesson> = known
            .iter()
            .map(|known| Lesson {
                kind: known.label.unwrap_or(labels),
                weight: known.worth,
            })
            .collect();
        Some(Self {
            learnt: Learnt::new(&table, &lessons, labels + 1)?,
            meaning,
            known,
            labels,
        })
    }

    /// By label, from below 0 to some 2.5; `None` where the meaning of `words` cannot be told.
    fn judge(&self, words: &str) -> Option<Vec<f32>> {
        let direction = self.meaning.of(&said(words));
        if direction.is_empty() {
            return None;
        }
        let near: Vec<f32> = self
            .known
            .iter()
            .map(|known| likeness(&direction, &known.direction))
            .collect();
        let mut shares = self.learnt.shares(&near);
        shares.truncate(self.labels);
        let mut strangers: Vec<f32> = Vec::new();
        // Of each label: the sum of likenesses and of what they are worth, and the nearest.
        let mut labels = vec![(0.0, 0.0, f32::MIN); self.labels];
        for (known, near) in self.known.iter().zip(near) {
            match known.label.and_then(|label| labels.get_mut(label)) {
                Some((sum, worth, nearest)) => {
                    let weight = known.worth.powi(4);
                    *sum += near * weight;
                    *worth += weight;
                    *nearest = nearest.max(near * known.worth);
                }
                None => strangers.push(near),
            }
        }
        strangers.sort_by(|a, b| b.total_cmp(a));
        strangers.truncate(NEAREST);
        let strange = strangers.iter().sum::<f32>() / strangers.len().max(1) as f32;
        let judged = shares.into_iter().zip(labels).map(|(share, (sum, worth, nearest))| {
            if worth > 0.0 {
                share + LIKENESS * 0.5 * (sum / worth + nearest - strange)
            } else {
                0.0
            }
        });
        Some(judged.collect())
    }
}

/// What a description is of: all of them begin with "caller wants to", and no caller does.
fn asked(description: &str) -> &str {
    let mut rest = description.trim_start();
    for word in ["The ", "the ", "Caller ", "caller ", "wants ", "asks ", "to "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    if rest.is_empty() { description } else { rest }
}

/// What is said, without what means nothing: "um".
fn said(words: &str) -> String {
    const HESITATIONS: [&str; 8] = ["um", "umm", "uh", "uhm", "er", "erm", "hmm", "mm"];
    let tokens = tokens(&plain(words));
    let kept: Vec<&str> = tokens
        .iter()
        .map(String::as_str)
        .filter(|token| !HESITATIONS.contains(token))
        .collect();
    if kept.len() == tokens.len() {
        return words.to_owned();
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Knows what texts are about by a word in them.
    struct Topics;

    impl Meaning for Topics {
        fn of(&self, text: &str) -> Vec<f32> {
            let topics: [&[&str]; 4] = [
                &["order", "parcel", "stuff"],
                &["return", "back", "undo"],
                &["weather", "song", "joke", "game", "capital"],
                &["um"],
            ];
            let mut direction: Vec<f32> = topics
                .iter()
                .map(|words| f32::from(u8::from(words.iter().any(|word| text.contains(word)))))
                .collect();
            direction.push(0.3);
            let length = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
            direction.iter().map(|x| x / length).collect()
        }
    }

    /// Can tell nothing.
    struct Broken;

    impl Meaning for Broken {
        fn of(&self, _: &str) -> Vec<f32> {
            Vec::new()
        }
    }

    fn wishes(meaning: Option<Arc<dyn Meaning>>) -> Wishes {
        let sayings = [
            (0, "where is my order"),
            (0, "track a parcel"),
            (1, "I want to return it"),
            (1, "send it back"),
        ];
        let sayings: Vec<_> = sayings
            .iter()
            .map(|(label, text)| (*label, (*text).to_owned(), 1.0))
            .collect();
        Wishes::new(Language::English, &sayings, meaning)
    }

    #[test]
    fn what_words_do_not_tell_meaning_does() {
        let words = "when do I get my stuff";
        let best = |wishes: Wishes| wishes.scores(words)[0];
        assert!(best(wishes(None)).nearness < 0.24);
        let both = best(wishes(Some(Arc::new(Topics))));
        assert!(both.label == 0 && both.nearness > 0.45, "{both:?}");
        let stranger = wishes(Some(Arc::new(Topics))).scores("sing a song about the weather")[0];
        assert!(stranger.nearness < 0.24, "{stranger:?}");
    }

    #[test]
    fn without_a_meaning_words_are_all() {
        let (with, without) = (wishes(Some(Arc::new(Broken))), wishes(None));
        assert_eq!(with.scores("track my order"), without.scores("track my order"));
        let words = wishes(Some(Arc::new(Topics))).by(By::Words);
        assert_eq!(words.scores("track my order"), without.scores("track my order"));
        assert!(
            Wishes::new(Language::English, &[], Some(Arc::new(Topics)))
                .scores("order")
                .is_empty()
        );
    }

    #[test]
    fn hesitations_are_left_out() {
        assert_eq!(said("Um, where is, er, my order?"), "where is my order");
        assert_eq!(said("Where's my order?"), "Where's my order?");
    }

    proptest! {
        #[test]
        fn any_words_are_scored_from_0_to_1(words: String) {
            for score in wishes(Some(Arc::new(Topics))).scores(&words) {
                prop_assert!((0.0..=1.0).contains(&score.nearness));
            }
        }
    }
}
