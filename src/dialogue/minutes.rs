//! What a caller and a person said to each other, brought down to what is noted after a call.
//!
//! [`Minutes`] are the turns with what was known; [`Minutes::draft`] finds in them, by their own words, what was asked, answered and left open.
//! Words that are withheld are not in it. It knows no model ([`super::model::noted`] asks one), no store, and not what becomes of a draft.

use super::conversation::{Speaker, Turn};
use super::words::{find, plain, tokens};
use crate::language::Language;

/// Sentences of one kind that are noted, the first ones.
const MOST: usize = 4;
/// The longest sentence that is noted whole, in characters.
const LONGEST: usize = 200;
/// Words without which nothing is asked; of Mandarin characters.
const LEAST: usize = 3;
/// Sentences of one answer.
const OF_AN_ANSWER: usize = 2;

/// All that notes are drafted from.
#[derive(Clone, Debug, PartialEq)]
pub struct Minutes {
    pub language: Language,
    /// Why there was a person needed, as a sentence.
    pub reason: String,
    /// What flows of the call were about, as people know them.
    pub about: Vec<String>,
    /// What was collected, as it may be kept: name and value.
    pub known: Vec<(String, String)>,
    /// Of the part that a person had.
    pub turns: Vec<Turn>,
}

/// Notes by their parts; what is empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub reason: String,
    pub asked: Vec<String>,
    pub answered: Vec<String>,
    /// What somebody has still to do.
    pub open: Vec<String>,
}

impl Minutes {
    /// In the words of those who spoke.
    pub fn draft(&self) -> String {
        self.written(&self.found())
    }

    /// As notes are written: a line a part.
    pub(super) fn written(&self, parts: &Parts) -> String {
        let known: Vec<String> = self
            .known
            .iter()
            .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
            .collect();
        let (names, comma) = match self.language {
            Language::English => (["Reason: ", "Asked: ", "Answered: ", "Known: ", "Open: "], ", "),
            Language::Mandarin => (["原因：", "询问：", "答复：", "已知：", "待办："], "，"),
        };
        let texts = [
            parts.reason.clone(),
            self.together(&parts.asked),
            self.together(&parts.answered),
            known.join(comma),
            self.together(&parts.open),
        ];
        let lines = names.iter().zip(texts).filter(|(_, text)| !text.is_empty());
        lines
            .map(|(name, text)| format!("{name}{text}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Why the call came to a person.
    pub(super) fn why(&self) -> String {
        let mut told = vec![self.reason.clone()];
        if !self.about.is_empty() {
            told.push(match self.language {
                Language::English => format!("It is about {}.", self.about.join(", ")),
                Language::Mandarin => format!("涉及：{}。", self.about.join("、")),
            });
        }
        self.together(&told)
    }

    fn together(&self, sentences: &[String]) -> String {
        sentences.join(match self.language {
            Language::English => " ",
            Language::Mandarin => "",
        })
    }

    fn found(&self) -> Parts {
        let mut parts = Parts {
            reason: self.why(),
            ..Parts::default()
        };
        // Questions that nobody has said anything to yet.
        let mut pending: Vec<String> = Vec::new();
        for turn in &self.turns {
            let sentences = sentences(turn.shown());
            match turn.speaker {
                Speaker::Caller => {
                    for question in sentences.iter().filter(|sentence| asks(sentence, self.language)) {
                        note(&mut parts.asked, question);
                        note(&mut pending, question);
                    }
                }
                Speaker::Agent => {
                    let answers = if pending.is_empty() { 0 } else { OF_AN_ANSWER };
                    pending.clear();
                    for (n, sentence) in sentences.iter().enumerate() {
                        if promises(sentence, self.language) {
                            note(&mut parts.open, sentence);
                        } else if (n < answers && !asks(sentence, self.language)) || done(sentence, self.language) {
                            note(&mut parts.answered, sentence);
                        }
                    }
                }
                Speaker::Bot(_) => {}
            }
        }
        pending.iter().for_each(|question| note(&mut parts.open, question));
        parts
    }
}

fn note(part: &mut Vec<String>, sentence: &str) {
    let sentence = short(sentence);
    if part.len() < MOST && !part.contains(&sentence) {
        part.push(sentence);
    }
}

/// Not longer than is noted; what is cut ends with dots.
fn short(sentence: &str) -> String {
    match sentence.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", sentence.get(..end).unwrap_or_default()),
        None => sentence.to_owned(),
    }
}

/// With what ends them; a point between digits ends none.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(sentence) = sentences.last_mut() {
            sentence.push(c);
        }
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => chars.peek().is_none_or(|next| next.is_whitespace()),
            _ => false,
        };
        if ends {
            sentences.push(String::new());
        }
    }
    let trimmed = sentences.iter().map(|sentence| sentence.trim().to_owned());
    trimmed.filter(|sentence| !sentence.is_empty()).collect()
}

const AUXILIARIES: &[&str] = &[
    "do", "does", "did", "is", "are", "was", "were", "can", "could", "will", "would", "should", "may", "have", "has",
];
const SUBJECTS: &[&str] = &[
    "i", "you", "we", "they", "it", "he", "she", "there", "this", "that", "the", "my", "your", "anybody", "anyone",
    "somebody", "someone",
];
const WH: &[&str] = &["what", "when", "where", "which", "who", "why", "how"];
/// What may stand before a question.
const BEFORE: &[&str] = &[
    "and", "so", "but", "or", "um", "uh", "well", "okay", "ok", "also", "then", "oh", "yes", "no",
];
const INDIRECT: &[&[&str]] = &[
    &["like", "to", "know"],
    &["want", "to", "know"],
    &["wanted", "to", "know"],
    &["wanted", "to", "ask"],
    &["wondering"],
    &["tell", "me"],
];

/// Whether a sentence asks something; recognisers do not always write its mark.
fn asks(sentence: &str, language: Language) -> bool {
    let plain = plain(sentence);
    // "Hello?"
    if tokens(&plain).len() < LEAST {
        return false;
    }
    if plain.ends_with('?') {
        return true;
    }
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            let mut words = tokens
                .iter()
                .map(String::as_str)
                .skip_while(|word| BEFORE.contains(word));
            let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            (AUXILIARIES.contains(&first) && SUBJECTS.contains(&second))
                || (WH.contains(&first) && AUXILIARIES.contains(&second))
                || (first == "how" && matches!(second, "much" | "long" | "many" | "often" | "far" | "soon"))
                || INDIRECT.iter().any(|phrase| find(&tokens, phrase).is_some())
        }
        Language::Mandarin => [
            "吗",
            "什么",
            "怎么",
            "多少",
            "哪",
            "为啥",
            "能不能",
            "可不可以",
            "是不是",
            "有没有",
            "多久",
            "几点",
            "几天",
            "想问",
            "请问",
            "想知道",
        ]
        .iter()
        .any(|word| plain.contains(word)),
    }
}

/// Whether who speaks has still to do something.
fn promises(sentence: &str, language: Language) -> bool {
    said(
        sentence,
        language,
        &[
            &["i'll"],
            &["we'll"],
            &["i", "will"],
            &["we", "will"],
            &["you'll", "get"],
            &["you'll", "receive"],
            &["you", "will", "get"],
            &["you", "will", "receive"],
            &["i'm", "going", "to"],
            &["we're", "going", "to"],
        ],
        &[
            "我会",
            "我们会",
            "我来",
            "稍后",
            "回头",
            "会给您",
            "会联系",
            "会通知",
            "会尽快",
            "您会收到",
        ],
    )
}

/// Whether something has been done or agreed.
fn done(sentence: &str, language: Language) -> bool {
    said(
        sentence,
        language,
        &[
            &["i've"],
            &["we've"],
            &["i", "have", "just"],
            &["has", "been"],
            &["have", "been"],
            &["is", "done"],
            &["agreed"],
        ],
        &["已经", "办好", "好了，", "已为您", "帮您改", "给您改"],
    )
}

fn said(sentence: &str, language: Language, english: &[&[&str]], mandarin: &[&str]) -> bool {
    let plain = plain(sentence);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            english.iter().any(|phrase| find(&tokens, phrase).is_some())
        }
        Language::Mandarin => mandarin
            .iter()
            .any(|phrase| plain.contains(&super::words::plain(phrase))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::conversation::Privacy;
    use super::*;
    use Language::{English, Mandarin};

    pub fn minutes(language: Language, said: &[(Speaker, &str)]) -> Minutes {
        let turns = said.iter().zip(1..).map(|((speaker, words), n)| Turn {
            speaker: *speaker,
            words: (*words).to_owned(),
            from: Duration::from_secs(n),
            to: Duration::from_secs(n),
            privacy: Privacy::Open,
        });
        Minutes {
            language,
            reason: match language {
                English => "The caller asks for a person.".into(),
                Mandarin => "客户要求人工服务。".into(),
            },
            about: vec!["sending something back".into()],
            known: vec![("order_id".into(), "4071".into())],
            turns: turns.collect(),
        }
    }

    #[test]
    fn a_draft_tells_what_was_asked_answered_and_left_open() {
        let minutes = minutes(
            English,
            &[
                (Speaker::Agent, "Hello, this is Ann. How can I help?"),
                (
                    Speaker::Caller,
                    "I bought a lamp. Can I still return it after 3.5 weeks",
                ),
                (Speaker::Agent, "Yes, within thirty days. I'll send you a label today."),
                (Speaker::Caller, "Great. And who pays for that?"),
                (Speaker::Agent, "We do."),
                (Speaker::Caller, "Is the shop open tomorrow?"),
                (Speaker::Caller, "Hello?"),
            ],
        );
        assert_eq!(
            minutes.draft(),
            "Reason: The caller asks for a person. It is about sending something back.\n\
             Asked: Can I still return it after 3.5 weeks And who pays for that? Is the shop open tomorrow?\n\
             Answered: Yes, within thirty days. We do.\n\
             Known: order id 4071\n\
             Open: I'll send you a label today. Is the shop open tomorrow?"
        );
    }

    #[test]
    fn in_mandarin_too() {
        let minutes = Minutes {
            about: Vec::new(),
            known: Vec::new(),
            ..minutes(
                Mandarin,
                &[
                    (Speaker::Caller, "你好。我想退货，运费多少？"),
                    (Speaker::Agent, "八元。我会给您寄一个标签。"),
                ],
            )
        };
        assert_eq!(
            minutes.draft(),
            "原因：客户要求人工服务。\n询问：我想退货，运费多少？\n答复：八元。\n待办：我会给您寄一个标签。"
        );
    }

    #[test]
    fn where_nothing_was_said_the_reason_stands_alone() {
        let silent = minutes(English, &[]);
        assert_eq!(
            silent.draft(),
            "Reason: The caller asks for a person. It is about sending something back.\nKnown: order id 4071"
        );
    }

    #[test]
    fn withheld_words_are_not_in_it() {
        let mut told = minutes(English, &[(Speaker::Caller, "Is 4111 1111 my card?")]);
        told.turns[0].privacy = Privacy::Withheld;
        assert!(!told.draft().contains("4111"), "{}", told.draft());
    }

    #[test]
    fn questions_are_told_from_statements() {
        for (sentence, language, question) in [
            ("Can you help me", English, true),
            ("and how long does it take", English, true),
            ("I wanted to ask about my order", English, true),
            ("What a pity", English, false),
            ("When it came it was broken.", English, false),
            ("I can do that.", English, false),
            ("这个能不能退", Mandarin, true),
            ("我要退货", Mandarin, false),
        ] {
            assert_eq!(asks(sentence, language), question, "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn any_turns_are_drafted(words: Vec<(bool, String)>) {
            for language in Language::ALL {
                let said: Vec<(Speaker, &str)> = words
                    .iter()
                    .map(|(agent, words)| (if *agent { Speaker::Agent } else { Speaker::Caller }, words.as_str()))
                    .collect();
                prop_assert!(minutes(language, &said).draft().chars().count() < 4 * MOST * (LONGEST + 2) + 400);
            }
        }
    }
}
