//! How near words are to sayings of known meaning: to the examples of flows, to the headings of a knowledge base.
//!
//! [`Similarity`] is built of labelled sayings and tells for each label how near an utterance is. It weighs words by
//! how few labels share them, counts words that belong to no label against all of them, and forgives a recogniser's
//! slips. It knows no flows, no thresholds and no decisions; who calls it sees only [`Score`]s, whatever they are
//! blended of.

use std::collections::BTreeMap;

use super::features::{Feature, Kind, UNKNOWN_PAIR, features, is_pair};
use super::words::edits;
use crate::language::Language;

/// What a saying stands for, and how near an utterance is to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// As given to [`Similarity::new`].
    pub label: usize,
    /// 0 (nothing in common) to 1 (a known saying, word for word).
    pub nearness: f32,
}

/// Sayings by label, weighed.
pub struct Similarity {
    language: Language,
    /// How many labels have a feature, by its name.
    known: BTreeMap<String, usize>,
    labels: usize,
    sayings: Vec<Saying>,
    /// All sayings of a label together.
    topics: Vec<Vector>,
}

/// One saying.
struct Saying {
    label: usize,
    vector: Vector,
    letters: Vec<String>,
    /// 1 for an example; less for a description, which is not how callers talk.
    worth: f32,
}

/// Features and their weights, the sum of squares one.
type Vector = BTreeMap<String, f32>;

impl Similarity {
    /// `sayings` are labels (counted from 0), texts, and what a perfect likeness to them is worth (1 for an example of
    /// what callers say).
    pub fn new<'a>(language: Language, sayings: impl IntoIterator<Item = (usize, &'a str, f32)>) -> Similarity {
        let sayings: Vec<(usize, Vec<Feature>, f32)> = sayings
            .into_iter()
            .map(|(label, text, worth)| (label, features(text, language), worth))
            .collect();
        let labels = sayings.iter().map(|(label, ..)| label + 1).max().unwrap_or(0);
        let mut holders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (label, features, _) in &sayings {
            for feature in features {
                let holders = holders.entry(feature.name.clone()).or_default();
                if !holders.contains(label) {
                    holders.push(*label);
                }
            }
        }
        let known = holders
            .into_iter()
            .map(|(name, holders)| (name, holders.len()))
            .collect();
        let mut similarity = Similarity {
            language,
            known,
            labels,
            sayings: Vec::new(),
            topics: vec![Vector::new(); labels],
        };
        for (label, features, worth) in sayings {
            let vector = similarity.vector(&features);
            if let Some(topic) = similarity.topics.get_mut(label) {
                for (name, weight) in &vector {
                    *topic.entry(name.clone()).or_default() += weight * worth;
                }
            }
            let letters = letters(&features);
            similarity.sayings.push(Saying {
                label,
                vector,
                letters,
                worth,
            });
        }
        for topic in &mut similarity.topics {
            // The fiftieth saying with a word adds less than the second.
            topic.values_mut().for_each(|weight| *weight = weight.sqrt());
            normalise(topic);
        }
        similarity
    }

    /// How near `words` are to each label, the nearest first; labels without sayings are left out.
    pub fn scores(&self, words: &str) -> Vec<Score> {
        let said = self.forgiven(features(words, self.language));
        let vector = self.vector(&said);
        let spelled = letters(&said);
        let mut parts: Vec<Option<Parts>> = vec![None; self.labels];
        for saying in &self.sayings {
            let Some(part) = parts.get_mut(saying.label) else {
                continue;
            };
            let part = part.get_or_insert_default();
            part.words = part.words.max(dot(&vector, &saying.vector) * saying.worth);
            part.letters = part.letters.max(overlap(&spelled, &saying.letters) * saying.worth);
        }
        let mut scores: Vec<Score> = parts
            .into_iter()
            .enumerate()
            .filter_map(|(label, part)| {
                let mut part = part?;
                part.topic = self.topics.get(label).map_or(0.0, |topic| dot(&vector, topic));
                Some(Score {
                    label,
                    nearness: part.blend(),
                })
            })
            .collect();
        scores.sort_by(|a, b| b.nearness.total_cmp(&a.nearness));
        scores
    }

    /// Words that no label knows, made the known word that they are a slip of.
    fn forgiven(&self, mut said: Vec<Feature>) -> Vec<Feature> {
        for feature in &mut said {
            if feature.kind != Kind::Word || self.known.contains_key(&feature.name) {
                continue;
            }
            let length = feature.name.chars().count();
            let allowed = match length {
                0..=5 => 0,
                6..=8 => 1,
                _ => 2,
            };
            if allowed == 0 {
                continue;
            }
            let nearest = self
                .known
                .keys()
                .filter(|known| !known.contains(' ') && known.chars().next() == feature.name.chars().next())
                .map(|known| (edits(known, &feature.name, allowed), known))
                .filter(|(edits, _)| *edits <= allowed)
                .min();
            if let Some((_, known)) = nearest {
                feature.name.clone_from(known);
            }
        }
        said
    }

    fn vector(&self, features: &[Feature]) -> Vector {
        let mut vector = Vector::new();
        for feature in features {
            let weight = feature.weight * self.rarity(&feature.name);
            let entry = vector.entry(feature.name.clone()).or_default();
            *entry = entry.max(weight);
        }
        normalise(&mut vector);
        vector
    }

    /// The weight of a feature by the labels that have it: high where few do. One that none has weighs as one that one
    /// has.
    fn rarity(&self, name: &str) -> f32 {
        let labels = self.labels as f32;
        let known = self.known.get(name).map(|holders| *holders as f32);
        let holders = known.unwrap_or(1.0);
        let share = if known.is_none() && is_pair(name) {
            UNKNOWN_PAIR
        } else {
            1.0
        };
        share * (1.0 + (labels - holders + 0.5) / (holders + 0.5)).ln().max(0.05)
    }
}

/// What a score is blended of, each from 0 to 1. Another kind of likeness, one by meaning, would be one more part.
#[derive(Clone, Copy, Default)]
struct Parts {
    /// To the nearest saying, by words.
    words: f32,
    /// To all sayings together.
    topic: f32,
    /// To the nearest saying, by letters or sounds: forgives slips.
    letters: f32,
}

impl Parts {
    fn blend(self) -> f32 {
        (0.45 * self.words + 0.35 * self.topic + 0.2 * self.letters).clamp(0.0, 1.0)
    }
}

fn normalise(vector: &mut Vector) {
    let length = vector.values().map(|weight| weight * weight).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.values_mut().for_each(|weight| *weight /= length);
    }
}

fn dot(a: &Vector, b: &Vector) -> f32 {
    a.iter().filter_map(|(name, weight)| Some(weight * b.get(name)?)).sum()
}

/// The trigrams of the content words, sorted, each once.
fn letters(features: &[Feature]) -> Vec<String> {
    let mut grams = Vec::new();
    for feature in features
        .iter()
        .filter(|feature| matches!(feature.kind, Kind::Word | Kind::Sound))
    {
        if feature.weight < 0.5 {
            continue;
        }
        if feature.kind == Kind::Sound {
            grams.push(feature.name.clone());
            continue;
        }
        let padded: Vec<char> = std::iter::once('^')
            .chain(feature.name.chars())
            .chain(std::iter::once('$'))
            .collect();
        grams.extend(padded.windows(3).map(|gram| gram.iter().collect::<String>()));
    }
    grams.sort();
    grams.dedup();
    grams
}

/// Dice's coefficient of two sorted lists.
fn overlap(a: &[String], b: &[String]) -> f32 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let shared = a.iter().filter(|gram| b.binary_search(gram).is_ok()).count();
    2.0 * shared as f32 / (a.len() + b.len()) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nearest(similarity: &Similarity, words: &str) -> Option<usize> {
        similarity
            .scores(words)
            .first()
            .filter(|score| score.nearness > 0.2)
            .map(|score| score.label)
    }

    fn english() -> Similarity {
        Similarity::new(
            Language::English,
            [
                (0, "where is my order", 1.0),
                (0, "track a parcel", 1.0),
                (1, "I want to return something", 1.0),
                (1, "send a parcel back", 1.0),
                (2, "reset my password", 1.0),
            ],
        )
    }

    #[test]
    fn a_known_saying_is_nearest_to_itself() {
        let scores = english().scores("I want to return something");
        assert_eq!(scores[0].label, 1);
        assert!(scores[0].nearness > 0.8, "{scores:?}");
        assert!(scores[1].nearness < 0.3, "{scores:?}");
    }

    #[test]
    fn endings_slips_and_other_names_are_forgiven() {
        let english = english();
        assert_eq!(nearest(&english, "returning it"), Some(1));
        assert_eq!(nearest(&english, "tracking the package"), Some(0));
        assert_eq!(nearest(&english, "my passwort"), Some(2));
        assert_eq!(nearest(&english, "I forgot my login"), Some(2));
    }

    #[test]
    fn strange_words_count_against_all() {
        let english = english();
        assert_eq!(nearest(&english, "who won the football game"), None);
        assert_eq!(nearest(&english, "what do you want"), None);
        assert!(english.scores("").iter().all(|score| score.nearness == 0.0));
        assert!(Similarity::new(Language::English, []).scores("order").is_empty());
    }

    #[test]
    fn mandarin_is_compared_by_characters_and_sounds() {
        let mandarin = Similarity::new(
            Language::Mandarin,
            [
                (0, "我的订单到哪了", 1.0),
                (1, "我要退货", 1.0),
                (2, "你们几点开门", 1.0),
            ],
        );
        assert_eq!(nearest(&mandarin, "查一下订单"), Some(0));
        assert_eq!(nearest(&mandarin, "我想退货"), Some(1));
        assert_eq!(nearest(&mandarin, "我要推货"), Some(1));
        assert_eq!(nearest(&mandarin, "世界杯谁赢了"), None);
    }

    proptest! {
        #[test]
        fn any_words_are_scored_from_0_to_1(words: String) {
            for score in english().scores(&words) {
                prop_assert!((0.0..=1.0).contains(&score.nearness));
            }
        }
    }
}
