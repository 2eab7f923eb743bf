//! What the assistant may answer from: passages of documents, found by what is asked and spoken as they are written.
//!
//! [`reading`] makes sections of files, passages are made of those, and [`Knowledge`] scores how well each answers a question: it would rather have
//! no answer than a wrong one. What is said is a passage's own sentences. It knows no plans and no calls, and words nothing itself.

#[cfg(test)]
#[path = "tests/evaluation.rs"]
mod evaluation;
pub mod gathering;
pub mod likeness;
mod passages;
pub mod reading;
mod shelf;
mod spoken;
mod terms;
pub mod vectors;

use std::sync::Arc;

pub use passages::Document;
use shelf::Shelf;

use super::meaning::Meaning;
use crate::language::Language;

/// Documents, cut into passages. English questions are answered from English passages and Mandarin ones from Mandarin. It is built whole and never
/// changed: new documents make a new one.
pub struct Knowledge {
    english: Shelf,
    mandarin: Shelf,
    meaning: Option<Arc<dyn Meaning>>,
}

/// An answer, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// To be spoken: what of it answers the question.
    pub text: String,
    /// All of it.
    pub whole: String,
    /// Where it stands: `faq.md#opening-hours`, `manual.pdf#page=3`.
    pub source: String,
    /// 0 to 1: the chance that it answers the question. It means the same in both languages.
    pub score: f32,
}

/// Where a plan does not say how good an answer has to be.
pub const LEAST_SCORE: f32 = 0.4;

/// Answers that are known ahead of any question, in the order of the documents: more would take hours to render.
const KNOWN_ANSWERS: usize = 400;

impl Knowledge {
    /// `documents` are their names (`faq.md`) and their Markdown.
    pub fn build(documents: impl IntoIterator<Item = (String, String)>) -> Knowledge {
        let documents = documents.into_iter().map(|(name, markdown)| Document {
            name,
            sections: reading::markdown_sections(&markdown),
        });
        Knowledge::of(documents.collect())
    }

    /// Found by words alone, until [`Knowledge::understanding`].
    pub fn of(documents: Vec<Document>) -> Knowledge {
        let [english, mandarin] = passages::pieces(documents);
        Knowledge {
            english: Shelf::new(Language::English, english),
            mandarin: Shelf::new(Language::Mandarin, mandarin),
            meaning: None,
        }
    }

    /// Lets English passages be found by what they mean, too: the meaning of Mandarin is not known here. `of` gives a passage's vector, from a cache or from `meaning` itself.
    pub fn understanding(mut self, meaning: Arc<dyn Meaning>, of: &mut dyn FnMut(&str) -> Vec<f32>) -> Knowledge {
        self.english.understand(of);
        self.meaning = Some(meaning);
        self
    }

    /// The passage that answers `question` best, as it is to be spoken; `None` where none has anything to do with it. Whether its score is enough is
    /// the asker's business.
    pub fn ask(&self, question: &str, language: Language) -> Option<Passage> {
        let shelf = self.shelf(language);
        let (score, piece) = shelf.found(question, self.meaning.as_deref()).into_iter().next()?;
        Some(Passage {
            text: shelf.said(piece, question),
            whole: piece.text.clone(),
            source: piece.source.clone(),
            score,
        })
    }

    /// At most `count` passages that may answer `question`, the best first.
    pub fn best(&self, question: &str, language: Language, count: usize) -> Vec<Passage> {
        let shelf = self.shelf(language);
        let found = shelf.found(question, self.meaning.as_deref());
        let passages = found.into_iter().take(count).map(|(score, piece)| Passage {
            text: shelf.said(piece, question),
            whole: piece.text.clone(),
            source: piece.source.clone(),
            score,
        });
        passages.collect()
    }

    /// What the passages of a language answer, each with its source.
    pub fn questions(&self, language: Language) -> impl Iterator<Item = (&str, &str)> {
        let pieces = self.shelf(language).pieces().iter();
        pieces.flat_map(|piece| {
            piece
                .headings
                .iter()
                .map(|heading| (piece.source.as_str(), heading.as_str()))
        })
    }

    /// The answers that are spoken whole, whatever is asked: those of questions and answers, not those of books.
    pub fn answers(&self, language: Language) -> impl Iterator<Item = &str> {
        let texts = self.shelf(language).pieces().iter().map(|piece| piece.text.as_str());
        texts
            .filter(|text| spoken::length(text) <= spoken::LENGTH)
            .take(KNOWN_ANSWERS)
    }

    /// How many passages there are.
    pub fn len(&self) -> usize {
        self.english.pieces().len() + self.mandarin.pieces().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shelf(&self, language: Language) -> &Shelf {
        match language {
            Language::English => &self.english,
            Language::Mandarin => &self.mandarin,
        }
    }
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
        let passage = knowledge().ask(question, language);
        passage
            .filter(|passage| passage.score >= LEAST_SCORE)
            .map(|passage| passage.source)
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

    /// As an engine would: what is one thing by many names is one direction.
    struct Double;

    impl Meaning for Double {
        fn of(&self, text: &str) -> Vec<f32> {
            let text = text.to_lowercase();
            let any = |words: &[&str]| {
                if words.iter().any(|word| text.contains(word)) {
                    1.0
                } else {
                    0.0
                }
            };
            let mut vector = vec![
                any(&["open", "hours", "lunch break"]),
                any(&["return", "does not suit me"]),
                any(&["shipping", "postage"]),
                any(&["pay", "visa"]),
                0.1,
            ];
            let length = vector.iter().map(|n: &f32| n * n).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|n| *n /= length);
            vector
        }
    }

    #[test]
    fn what_is_meant_is_found_where_no_word_is_shared() {
        let engine: Arc<dyn Meaning> = Arc::new(Double);
        let plain = knowledge();
        let knowing = knowledge().understanding(Arc::clone(&engine), &mut |text| engine.of(text));
        for (question, anchor) in [
            ("postage?", "what-does-shipping-cost"),
            ("visa?", "which-ways-to-pay-are-there"),
        ] {
            let score = |knowledge: &Knowledge| {
                knowledge
                    .ask(question, Language::English)
                    .map_or(0.0, |passage| passage.score)
            };
            let source = knowing.ask(question, Language::English).map(|passage| passage.source);
            assert_eq!(source, Some(format!("faq.md#{anchor}")));
            assert!(
                score(&knowing) > LEAST_SCORE && score(&plain) < LEAST_SCORE,
                "{question}"
            );
        }
        let strange = knowing.ask("who won the world cup", Language::English);
        assert!(strange.is_none_or(|passage| passage.score < LEAST_SCORE));
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
