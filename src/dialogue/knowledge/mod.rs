//! What the assistant may answer from: passages of Markdown, found by what is asked and spoken as they are written.
//!
//! It scores how well a passage's heading and words cover a question, and would rather have no answer than a wrong one.
//! It knows no files (it is given texts) and no calls, and words nothing itself.

pub mod reading;

use std::collections::BTreeMap;

use super::features::{Kind, UNKNOWN_PAIR, features, is_pair};
use super::similarity::Similarity;
use super::words::is_han;
use crate::language::Language;

/// Documents, cut into passages. English questions are answered from English passages and Mandarin ones from Mandarin.
pub struct Knowledge {
    english: Shelf,
    mandarin: Shelf,
}

/// An answer, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// To be spoken.
    pub text: String,
    /// Where it stands: `faq.md#opening-hours`.
    pub source: String,
    /// 0 to 1: how well it fits the question.
    pub score: f32,
}

/// A passage that scores less answers something else. The least that [`Knowledge::ask`] gives; a plan may ask for more.
pub const LEAST_SCORE: f32 = 0.4;

impl Knowledge {
    /// `documents` are their names (`faq.md`) and their Markdown.
    pub fn build(documents: impl IntoIterator<Item = (String, String)>) -> Knowledge {
        let mut entries: [Vec<Entry>; 2] = Default::default();
        for (source, markdown) in documents {
            for section in reading::markdown_sections(&markdown) {
                let language = language_of(&section.heading, &section.text);
                let [english, mandarin] = &mut entries;
                let shelf = match language {
                    Language::English => english,
                    Language::Mandarin => mandarin,
                };
                let source = if section.place.is_empty() {
                    source.clone()
                } else {
                    format!("{source}{}", section.place)
                };
                shelf.push(Entry {
                    text: section.text,
                    heading: section.heading,
                    above: section.above,
                    source,
                    said: Counts::new(),
                    length: 0.0,
                });
            }
        }
        let [english, mandarin] = entries;
        Knowledge {
            english: Shelf::new(Language::English, english),
            mandarin: Shelf::new(Language::Mandarin, mandarin),
        }
    }

    /// The passage that answers `question`; `None` where none does.
    pub fn ask(&self, question: &str, language: Language) -> Option<Passage> {
        self.best(question, language, 1).pop()
    }

    /// At most `count` passages that may answer `question`, the best first; none scores less than [`LEAST_SCORE`].
    pub fn best(&self, question: &str, language: Language, count: usize) -> Vec<Passage> {
        let shelf = match language {
            Language::English => &self.english,
            Language::Mandarin => &self.mandarin,
        };
        let mut passages = shelf.passages(question);
        passages.retain(|passage| passage.score >= LEAST_SCORE);
        passages.truncate(count);
        passages
    }

    /// What the passages of a language answer, each with its source.
    pub fn questions(&self, language: Language) -> impl Iterator<Item = (&str, &str)> {
        let shelf = match language {
            Language::English => &self.english,
            Language::Mandarin => &self.mandarin,
        };
        shelf
            .entries
            .iter()
            .map(|entry| (entry.source.as_str(), entry.heading.as_str()))
    }

    /// Every answer, as it is written.
    pub fn answers(&self, language: Language) -> impl Iterator<Item = &str> {
        let shelf = match language {
            Language::English => &self.english,
            Language::Mandarin => &self.mandarin,
        };
        shelf.entries.iter().map(|entry| entry.text.as_str())
    }

    /// How many passages there are.
    pub fn len(&self) -> usize {
        self.english.entries.len() + self.mandarin.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn language_of(heading: &str, text: &str) -> Language {
    let letters = heading.chars().chain(text.chars()).filter(|c| c.is_alphabetic());
    let (han, all) = letters.fold((0_usize, 0_usize), |(han, all), c| {
        (han + usize::from(is_han(c)), all + 1)
    });
    // A Han character says as much as a short word.
    if han * 5 > all {
        Language::Mandarin
    } else {
        Language::English
    }
}

/// The weight of each feature in a passage.
type Counts = BTreeMap<String, f32>;

struct Entry {
    heading: String,
    above: Vec<String>,
    text: String,
    source: String,
    said: Counts,
    length: f32,
}

/// The passages of one language.
struct Shelf {
    language: Language,
    entries: Vec<Entry>,
    /// How many passages have a feature.
    holders: BTreeMap<String, u32>,
    mean_length: f32,
    headings: Similarity,
}

/// BM25: how soon a word said often counts no more, and how much long passages are held back. The customary values.
const SATURATION: f32 = 1.2;
const LENGTH_SHARE: f32 = 0.75;

/// A word in the heading counts as this many in the text.
const HEADING_COUNT: f32 = 2.0;

impl Shelf {
    fn new(language: Language, mut entries: Vec<Entry>) -> Shelf {
        let mut holders: BTreeMap<String, u32> = BTreeMap::new();
        for entry in &mut entries {
            let mut said = counts(&entry.text, language);
            for heading in entry.above.iter().chain([&entry.heading]) {
                for (name, count) in counts(heading, language) {
                    *said.entry(name).or_default() += HEADING_COUNT * count;
                }
            }
            entry.length = said.values().sum();
            for name in said.keys() {
                *holders.entry(name.clone()).or_default() += 1;
            }
            entry.said = said;
        }
        let mean_length = entries.iter().map(|entry| entry.length).sum::<f32>() / entries.len().max(1) as f32;
        let sayings = entries.iter().enumerate().flat_map(|(label, entry)| {
            let above = entry.above.last().map(|above| (label, above.as_str(), 0.6));
            std::iter::once((label, entry.heading.as_str(), 1.0)).chain(above)
        });
        let headings = Similarity::new(language, sayings);
        Shelf {
            language,
            holders,
            mean_length,
            headings,
            entries,
        }
    }

    /// All passages that have anything in common with the question, the best first.
    fn passages(&self, question: &str) -> Vec<Passage> {
        let asked = counts(question, self.language);
        let near: BTreeMap<usize, f32> = self
            .headings
            .scores(question)
            .into_iter()
            .map(|score| (score.label, score.nearness))
            .collect();
        let mut passages: Vec<Passage> = self
            .entries
            .iter()
            .enumerate()
            .map(|(label, entry)| {
                let heading = near.get(&label).copied().unwrap_or(0.0);
                let covered = self.covered(&asked, entry);
                let score = (0.5 * heading + 0.6 * covered).clamp(0.0, 1.0);
                Passage {
                    text: entry.text.clone(),
                    source: entry.source.clone(),
                    score,
                }
            })
            .filter(|passage| passage.score > 0.0)
            .collect();
        passages.sort_by(|a, b| b.score.total_cmp(&a.score));
        passages
    }

    /// BM25 as a share of what a passage in which every asked word stands once would have, 0 to 1.
    fn covered(&self, asked: &Counts, entry: &Entry) -> f32 {
        let (mut score, mut most) = (0.0, 0.0);
        for (name, weight) in asked {
            let rarity = weight * self.rarity(name);
            let count = entry.said.get(name).copied().unwrap_or(0.0);
            let share = 1.0 - LENGTH_SHARE + LENGTH_SHARE * entry.length / self.mean_length.max(1.0);
            score += rarity * count * (SATURATION + 1.0) / (count + SATURATION * share);
            most += rarity * (SATURATION + 1.0) / (1.0 + SATURATION * share);
        }
        if most > 0.0 { (score / most).min(1.0) } else { 0.0 }
    }

    fn rarity(&self, name: &str) -> f32 {
        let all = self.entries.len() as f32;
        let known = self.holders.get(name).map(|holders| *holders as f32);
        let holders = known.unwrap_or(1.0);
        let share = if known.is_none() && is_pair(name) {
            UNKNOWN_PAIR
        } else {
            1.0
        };
        share * (1.0 + (all - holders + 0.5).max(0.0) / (holders + 0.5)).ln()
    }
}

fn counts(text: &str, language: Language) -> Counts {
    let mut counts = Counts::new();
    for feature in features(text, language) {
        let weight = match feature.kind {
            Kind::Word | Kind::Concept => feature.weight,
            Kind::Pair => 0.5 * feature.weight,
            Kind::Sound => continue,
        };
        *counts.entry(feature.name).or_default() += weight;
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENGLISH: &str = "# Shop\n\n\
        ## When are you open?\nMonday to Friday, from eight to six.\n\n\
        ## How long do I have to return something?\nThirty days, if it is **unused**.\n\n\
        ## What does shipping cost?\nFour euros ninety. It is free from fifty euros.\n\n\
        ## Which ways to pay are there?\nCredit card, bank transfer and invoice.\n";
    const MANDARIN: &str = "# 商店\n\n## 营业时间是什么时候？\n周一到周五早上八点到晚上六点。\n\n## 多久之内可以退货？\n三十天之内。\n\n## 运费多少？\n八元。\n";

    fn knowledge() -> Knowledge {
        let document = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        Knowledge::build([document("faq.md", ENGLISH), document("faq-zh.md", MANDARIN)])
    }

    fn source(question: &str, language: Language) -> Option<String> {
        knowledge().ask(question, language).map(|passage| passage.source)
    }

    #[test]
    fn answers_are_as_written_with_their_source() {
        let passage = knowledge()
            .ask("how many days do I have to return it", Language::English)
            .unwrap();
        assert_eq!(passage.text, "Thirty days, if it is unused.");
        assert_eq!(passage.source, "faq.md#how-long-do-i-have-to-return-something");
        assert!((LEAST_SCORE..=1.0).contains(&passage.score));
        assert_eq!(knowledge().len(), 7);
    }

    #[test]
    fn a_heading_asked_word_for_word_is_sure() {
        let knowledge = knowledge();
        for language in Language::ALL {
            for (source, heading) in knowledge.questions(language) {
                let passage = knowledge.ask(heading, language).unwrap();
                assert_eq!(passage.source, source);
                assert!(passage.score > 0.9, "{heading}: {}", passage.score);
            }
        }
    }

    #[test]
    fn other_words_find_it_too() {
        for (question, anchor) in [
            ("what are your opening hours", "when-are-you-open"),
            ("how much is shipping", "what-does-shipping-cost"),
            ("can I pay by credit card", "which-ways-to-pay-are-there"),
        ] {
            assert_eq!(
                source(question, Language::English),
                Some(format!("faq.md#{anchor}")),
                "{question}"
            );
        }
        for (question, anchor) in [
            ("你们几点开门", "营业时间是什么时候"),
            ("运费怎么算", "运费多少"),
            ("多长时间内可以退", "多久之内可以退货"),
        ] {
            assert_eq!(
                source(question, Language::Mandarin),
                Some(format!("faq-zh.md#{anchor}")),
                "{question}"
            );
        }
    }

    #[test]
    fn nonsense_is_not_answered() {
        for question in [
            "who won the world cup",
            "tell me a joke",
            "what is the meaning of life",
            "how do vaccines work",
            "",
            "uh",
        ] {
            assert_eq!(source(question, Language::English), None, "{question}");
        }
        for question in ["今天天气怎么样", "讲个笑话", "你几岁了", "嗯"] {
            assert_eq!(source(question, Language::Mandarin), None, "{question}");
        }
        assert!(
            Knowledge::build([])
                .ask("when are you open", Language::English)
                .is_none()
        );
        assert!(Knowledge::build([]).is_empty());
    }

    #[test]
    fn languages_do_not_mix() {
        assert_eq!(source("营业时间是什么时候", Language::English), None);
        assert_eq!(source("when are you open", Language::Mandarin), None);
    }

    proptest! {
        #[test]
        fn any_document_is_kept_and_any_question_asked(text: String, question: String) {
            let knowledge = Knowledge::build([("a.md".to_owned(), text)]);
            for language in Language::ALL {
                let passages = knowledge.best(&question, language, 3);
                prop_assert!(passages.iter().all(|passage| (0.0..=1.0).contains(&passage.score)));
            }
        }
    }
}
