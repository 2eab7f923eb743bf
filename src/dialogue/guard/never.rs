//! What a plan forbids in words, and whether a clause does it.

use crate::dialogue::features::{Kind, features};
use crate::dialogue::words::is_han;
use crate::language::Language;

/// One prohibition: "promise a refund amount", "ask for a full card number".
#[derive(Clone, Debug)]
pub(super) struct Forbidden {
    words: String,
    /// What a clause must be about, all or most of it.
    topics: Vec<Topic>,
}

#[derive(Clone, Debug)]
enum Topic {
    /// A stem, a character or a thing of many names.
    Named(String),
    /// Any sum or figure.
    Figure,
}

/// How saying is called: a clause does not say that it says.
const SAYING: &str = "promise promises ask asks say says tell tells mention mentions give gives offer offers quote quotes state states name names \
    reveal reveals read discuss claim claims talk speak make never don't not any full exact specific caller customer 承诺 询问 说 告诉 提到 提供";
const FIGURES: &str = "amount amounts sum sums price prices figure figures percentage 金额 数额 价格 多少钱";

/// The share of its topics that a clause must have to break it.
const BROKEN: f32 = 0.66;

impl Forbidden {
    pub(super) fn new(words: &str) -> Forbidden {
        // A plan in English may be spoken in Mandarin, and the other way round.
        let language = if words.chars().any(is_han) {
            Language::Mandarin
        } else {
            Language::English
        };
        let mut rest = words.to_lowercase();
        let mut topics = Vec::new();
        for han in SAYING.split_whitespace().filter(|word| !word.is_ascii()) {
            rest = rest.replace(han, " ");
        }
        for figure in FIGURES.split_whitespace() {
            let stands = if figure.is_ascii() {
                rest.split_whitespace().any(|word| word == figure)
            } else {
                rest.contains(figure)
            };
            if stands {
                rest = rest.replace(figure, " ");
                topics.push(Topic::Figure);
                break;
            }
        }
        let kept: Vec<&str> = rest
            .split_whitespace()
            .filter(|word| !SAYING.split_whitespace().any(|saying| saying == *word))
            .collect();
        let named = topical(&kept.join(" "), language);
        topics.extend(named.into_iter().map(Topic::Named));
        Forbidden {
            words: words.to_owned(),
            topics,
        }
    }

    pub(super) fn words(&self) -> &str {
        &self.words
    }

    pub(super) fn is_in(&self, clause: &str, language: Language) -> bool {
        if self.topics.is_empty() {
            return false;
        }
        let said = topical(clause, language);
        let has = |topic: &&Topic| match topic {
            Topic::Named(name) => said.contains(name),
            Topic::Figure => has_figure(clause, language),
        };
        self.topics.iter().filter(has).count() as f32 >= BROKEN * self.topics.len() as f32
    }
}

fn has_figure(clause: &str, language: Language) -> bool {
    clause.contains(['$', '€', '£', '¥', '%']) || !super::numbers(clause, language).is_empty()
}

/// What a text is about: things of many names, and other words that carry a topic where no such thing covers them.
fn topical(text: &str, language: Language) -> Vec<String> {
    let mut names: Vec<String> = features(text, language)
        .into_iter()
        .filter(|feature| match feature.kind {
            Kind::Concept => true,
            Kind::Word => feature.weight > if language == Language::Mandarin { 0.45 } else { 0.6 },
            Kind::Pair | Kind::Sound => false,
        })
        .map(|feature| feature.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
