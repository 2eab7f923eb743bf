//! The passages of one language, and how well each answers a question.
//!
//! Three kinds of evidence: how near the question is to a heading, how much of it a passage covers (BM25), and, where there is an engine for it,
//! how near their meanings are. Each is made a chance that the passage answers, the same in both languages, and the chances become one score.

use std::collections::{BTreeMap, HashMap};

use super::passages::Piece;
use super::spoken::answer;
use super::terms::terms;
use crate::dialogue::features::{UNKNOWN_PAIR, is_pair};
use crate::dialogue::meaning::{Meaning, likeness};
use crate::dialogue::words::edits;
use crate::language::Language;

pub(super) struct Shelf {
    language: Language,
    pieces: Vec<Piece>,
    /// Of each passage, in words.
    lengths: Vec<f32>,
    mean_length: f32,
    headings: Vec<Heading>,
    terms: HashMap<String, Term>,
    /// Of each passage: what its headings mean, then what all of it means.
    meanings: Vec<Vec<Vec<f32>>>,
}

struct Heading {
    piece: usize,
    /// A heading above says less of a passage than its own.
    worth: f32,
    /// The root of the sum of its terms' squares.
    norm: f32,
}

#[derive(Default)]
struct Term {
    rarity: f32,
    /// Passages that have it, and how often.
    said: Vec<(usize, f32)>,
    /// Headings that have it, and its weight there before rarity.
    asked: Vec<(usize, f32)>,
}

/// What speaks for a passage, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Evidence {
    /// The question's likeness to the nearest heading.
    pub heading: f32,
    /// How much of the question the passage covers.
    pub covered: f32,
    /// How much nearer in meaning than other passages; `None` without an engine.
    pub meaning: Option<f32>,
}

/// BM25: how soon a word said often counts no more, and how much long passages are held back. The customary values.
const SATURATION: f32 = 1.2;
const LENGTH_SHARE: f32 = 0.75;
/// A word in the heading counts as this many in the text.
const HEADING_COUNT: f32 = 2.0;
/// What the heading above is worth.
const ABOVE: f32 = 0.6;
/// Passages that are found by meaning alone.
const NEAREST: usize = 20;

impl Shelf {
    pub fn new(language: Language, pieces: Vec<Piece>) -> Shelf {
        let mut shelf = Shelf {
            language,
            lengths: Vec::with_capacity(pieces.len()),
            mean_length: 0.0,
            headings: Vec::new(),
            terms: HashMap::new(),
            meanings: Vec::new(),
            pieces: Vec::new(),
        };
        for (at, piece) in pieces.iter().enumerate() {
            let mut said = counted(&piece.text, language);
            for heading in piece.above.iter().chain(&piece.headings) {
                for (name, count) in counted(heading, language) {
                    *said.entry(name).or_default() += HEADING_COUNT * count;
                }
            }
            shelf.lengths.push(said.values().sum());
            for (name, count) in said {
                shelf.terms.entry(name).or_default().said.push((at, count));
            }
            let above = piece.above.last().map(|above| (above, ABOVE));
            for (heading, worth) in piece.headings.iter().map(|heading| (heading, 1.0)).chain(above) {
                for (name, weight) in highest(heading, language) {
                    shelf
                        .terms
                        .entry(name)
                        .or_default()
                        .asked
                        .push((shelf.headings.len(), weight));
                }
                shelf.headings.push(Heading {
                    piece: at,
                    worth,
                    norm: 0.0,
                });
            }
        }
        let all = pieces.len() as f32;
        for term in shelf.terms.values_mut() {
            term.rarity = rarity(all, term.said.len() as f32);
            for (heading, weight) in &term.asked {
                if let Some(heading) = shelf.headings.get_mut(*heading) {
                    heading.norm += (weight * term.rarity).powi(2);
                }
            }
        }
        shelf
            .headings
            .iter_mut()
            .for_each(|heading| heading.norm = heading.norm.sqrt());
        shelf.mean_length = shelf.lengths.iter().sum::<f32>() / shelf.lengths.len().max(1) as f32;
        shelf.pieces = pieces;
        shelf
    }

    /// Lets passages be found by meaning too; `of` gives the vector of a text.
    pub fn understand(&mut self, of: &mut dyn FnMut(&str) -> Vec<f32>) {
        self.meanings = self
            .pieces
            .iter()
            .map(|piece| {
                let whole = format!("{}\n{}", piece.headings.first().map_or("", String::as_str), piece.text);
                let asked = piece.headings.iter().filter(|heading| !heading.is_empty());
                asked
                    .map(String::as_str)
                    .chain([whole.as_str()])
                    .map(&mut *of)
                    .collect()
            })
            .collect();
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Passages that have anything in common with the question, with their scores; the best first.
    pub fn found(&self, question: &str, meaning: Option<&dyn Meaning>) -> Vec<(f32, &Piece)> {
        let evidence = self.evidence(question, meaning);
        let mut found: Vec<(f32, usize)> = evidence
            .iter()
            .map(|(at, evidence)| (evidence.score(self.language), *at))
            .collect();
        found.sort_by(|(a, at), (b, bt)| b.total_cmp(a).then(at.cmp(bt)));
        found
            .into_iter()
            .filter_map(|(score, at)| Some((score, self.pieces.get(at)?)))
            .collect()
    }

    /// What speaks for each passage for which anything does.
    pub fn evidence(&self, question: &str, meaning: Option<&dyn Meaning>) -> BTreeMap<usize, Evidence> {
        let asked = self.forgiven(highest(question, self.language));
        let mut evidence = self.covered(&asked);
        for (at, near) in self.near_headings(&asked) {
            evidence.entry(at).or_default().heading = near;
        }
        let meaning = meaning.filter(|_| !self.meanings.is_empty());
        if let Some(asked) = meaning.map(|meaning| meaning.of(question))
            && !asked.is_empty()
        {
            let near: Vec<f32> = self
                .meanings
                .iter()
                .map(|vectors| {
                    vectors
                        .iter()
                        .map(|vector| likeness(&asked, vector))
                        .fold(0.0, f32::max)
                })
                .collect();
            // What passages have in common with any question says nothing.
            let common = near.iter().sum::<f32>() / near.len() as f32;
            let common = if near.len() < 8 { common.min(0.3) } else { common };
            let above = |near: f32| ((near - common) / (1.0 - common).max(0.1)).clamp(0.0, 1.0);
            let mut order: Vec<usize> = (0..near.len()).collect();
            order.sort_by(|a, b| near.get(*b).unwrap_or(&0.0).total_cmp(near.get(*a).unwrap_or(&0.0)));
            for at in order.into_iter().take(NEAREST) {
                evidence.entry(at).or_default();
            }
            for (at, evidence) in &mut evidence {
                evidence.meaning = near.get(*at).map(|near| above(*near));
            }
        }
        evidence
    }

    /// What of a passage is said to a question.
    pub fn said(&self, piece: &Piece, question: &str) -> String {
        let asked = self.forgiven(highest(question, self.language));
        answer(&piece.text, |sentence| {
            let said = highest(sentence, self.language);
            let shared = asked.iter().filter(|(name, _)| said.contains_key(*name));
            shared.map(|(name, weight)| weight * self.rarity(name)).sum()
        })
    }

    /// BM25 as a share of what a passage in which every asked term stands once would have, 0 to 1.
    fn covered(&self, asked: &BTreeMap<String, f32>) -> BTreeMap<usize, Evidence> {
        let mut sums: BTreeMap<usize, f32> = BTreeMap::new();
        let mut all = 0.0;
        for (name, weight) in asked {
            let rarity = weight * self.rarity(name);
            all += rarity;
            for &(at, count) in self
                .terms
                .get(name)
                .map(|term| term.said.as_slice())
                .unwrap_or_default()
            {
                *sums.entry(at).or_default() +=
                    rarity * count * (SATURATION + 1.0) / (count + SATURATION * self.share(at));
            }
        }
        let evidence = sums.into_iter().map(|(at, sum)| {
            let most = all * (SATURATION + 1.0) / (1.0 + SATURATION * self.share(at));
            let covered = if most > 0.0 { (sum / most).min(1.0) } else { 0.0 };
            (
                at,
                Evidence {
                    covered,
                    ..Evidence::default()
                },
            )
        });
        evidence.collect()
    }

    fn share(&self, piece: usize) -> f32 {
        let length = self.lengths.get(piece).copied().unwrap_or(self.mean_length);
        1.0 - LENGTH_SHARE + LENGTH_SHARE * length / self.mean_length.max(1.0)
    }

    /// The cosine of the question and each passage's nearest heading.
    fn near_headings(&self, asked: &BTreeMap<String, f32>) -> BTreeMap<usize, f32> {
        let mut dots: HashMap<usize, f32> = HashMap::new();
        let mut norm = 0.0;
        for (name, weight) in asked {
            let rarity = self.rarity(name);
            norm += (weight * rarity).powi(2);
            for &(heading, own) in self
                .terms
                .get(name)
                .map(|term| term.asked.as_slice())
                .unwrap_or_default()
            {
                *dots.entry(heading).or_default() += weight * own * rarity * rarity;
            }
        }
        let mut near = BTreeMap::new();
        for (heading, dot) in dots {
            let Some(heading) = self.headings.get(heading) else {
                continue;
            };
            let cosine = heading.worth * dot / (norm.sqrt() * heading.norm).max(1e-6);
            let best: &mut f32 = near.entry(heading.piece).or_default();
            *best = best.max(cosine.clamp(0.0, 1.0));
        }
        near
    }

    /// A term that no passage has weighs as one that one has.
    fn rarity(&self, name: &str) -> f32 {
        let all = self.pieces.len() as f32;
        match self.terms.get(name) {
            Some(term) => term.rarity,
            None if is_pair(name) => UNKNOWN_PAIR * rarity(all, 1.0),
            None => rarity(all, 1.0),
        }
    }

    /// English words that no passage has, made the known word that they are a slip of.
    fn forgiven(&self, asked: BTreeMap<String, f32>) -> BTreeMap<String, f32> {
        asked
            .into_iter()
            .map(|(name, weight)| match self.slip_of(&name) {
                Some(known) => (known.to_owned(), weight),
                None => (name, weight),
            })
            .collect()
    }

    fn slip_of(&self, name: &str) -> Option<&str> {
        let length = name.len();
        if !name.bytes().all(|byte| byte.is_ascii_lowercase()) || length < 6 || self.terms.contains_key(name) {
            return None;
        }
        let allowed = if length < 9 { 1 } else { 2 };
        let alike = self.terms.keys().filter(|known| {
            known.bytes().next() == name.bytes().next() && known.len().abs_diff(length) <= allowed && !is_pair(known)
        });
        let nearest = alike.map(|known| (edits(known, name, allowed), known.as_str())).min()?;
        (nearest.0 <= allowed).then_some(nearest.1)
    }
}

/// By how few of all passages have a term.
fn rarity(all: f32, holders: f32) -> f32 {
    (1.0 + (all - holders + 0.5).max(0.0) / (holders + 0.5)).ln()
}

impl Evidence {
    /// The chance that the passage answers, 0 to 1: 0.5 where as many right as wrong ones look so. The weights are fitted to the questions of
    /// the tests' table.
    pub fn score(&self, language: Language) -> f32 {
        let Evidence {
            heading,
            covered,
            meaning,
        } = *self;
        let lexical = match language {
            Language::English => -4.1 + 3.6 * heading + 4.8 * covered,
            Language::Mandarin => -3.0 + 2.2 * heading + 7.6 * covered,
        };
        let odds = match meaning {
            None => lexical,
            Some(meaning) => TOGETHER * (lexical + MEANT * (meaning - MEANT_HALF)),
        };
        1.0 / (1.0 + (-odds).exp())
    }
}

/// Words and meaning are no independent witnesses: each counts this much of what it would alone.
const TOGETHER: f32 = 0.6;
/// How fast the chance rises with the meaning's nearness, and the nearness at which it is even.
const MEANT: f32 = 14.0;
const MEANT_HALF: f32 = 0.35;

/// How often each term is said, weighted.
fn counted(text: &str, language: Language) -> BTreeMap<String, f32> {
    let mut counts = BTreeMap::new();
    for (name, weight) in terms(text, language) {
        *counts.entry(name).or_default() += weight;
    }
    counts
}

/// Each term once.
fn highest(text: &str, language: Language) -> BTreeMap<String, f32> {
    let mut weights: BTreeMap<String, f32> = BTreeMap::new();
    for (name, weight) in terms(text, language) {
        let known = weights.entry(name).or_default();
        *known = known.max(weight);
    }
    weights
}
