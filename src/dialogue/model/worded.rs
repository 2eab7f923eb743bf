//! Whether an answer only words what a passage says.
//!
//! A model may put a passage in other words; it may not add to it. Most words that carry a topic must stand in the passage or in the question;
//! numbers and addresses are the guard's. This finds invention, not every falsehood: a sentence turned round passes.

use crate::dialogue::features::{Kind, features};
use crate::language::Language;

/// The share of topical words of a clause that must be known from the passage or the question.
const SUPPORTED: f32 = 0.5;

/// Fewer topical words than this say too little to judge by: "You can do that".
const FEW: usize = 3;

/// Whether `clause` is about what `passage` and the question are about.
pub(super) fn worded_from(clause: &str, passage: &str, question: &str, language: Language) -> bool {
    supported(clause, &format!("{passage} {question}"), language)
}

fn supported(clause: &str, known: &str, language: Language) -> bool {
    let topical = |text: &str| -> Vec<String> {
        let topical = features(text, language).into_iter();
        topical
            .filter(|feature| match feature.kind {
                Kind::Word => feature.weight >= 0.4 && feature.name.parse::<f64>().is_err(),
                Kind::Concept => true,
                Kind::Pair | Kind::Sound => false,
            })
            .map(|feature| feature.name)
            .collect()
    };
    let (said, known) = (topical(clause), topical(known));
    if said.len() < FEW {
        return true;
    }
    let found = said.iter().filter(|name| known.contains(name)).count();
    found as f32 >= SUPPORTED * said.len() as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialogue::guard::Guard;

    const RETURNS: &str =
        "You can return anything within thirty days of receiving it, unused. Write to help@acme.example.";

    /// As it is judged: by the guard too.
    fn keeps(clause: &str, passage: &str, question: &str, language: Language) -> bool {
        Guard::new(&[], language).judge(clause, passage).is_ok() && worded_from(clause, passage, question, language)
    }

    fn within(clause: &str) -> bool {
        keeps(clause, RETURNS, "how long can I return a jacket", Language::English)
    }

    #[test]
    fn other_words_are_fine() {
        assert!(within("You have thirty days to return your jacket."));
        assert!(within("You have 30 days after you received it,"));
        assert!(within("and it must be unused."));
        assert!(within("Just write to help@acme.example."));
        assert!(within("Sure!"));
    }

    #[test]
    fn additions_are_not() {
        assert!(!within("You have sixty days to return it."));
        assert!(!within("You have 45 days."));
        assert!(!within("You have thirty five days."));
        assert!(!within("Write to refunds@acme.example."));
        assert!(!within("See www.bargains.example for returns."));
        assert!(!within("We also give a free bicycle to loyal members every summer."));
    }

    #[test]
    fn in_mandarin_too() {
        let within = |clause| {
            keeps(
                clause,
                "收到商品后三十天之内都可以退货。",
                "多久可以退货",
                Language::Mandarin,
            )
        };
        assert!(within("您可以在三十天内退货"));
        assert!(within("收到后30天内可以退货"));
        assert!(!within("您可以在六十天内退货"));
        assert!(!within("我们另外赠送一台自行车给老会员"));
    }

    proptest! {
        #[test]
        fn any_text_is_judged(clause: String, passage: String) {
            for language in Language::ALL {
                let _ = worded_from(&clause, &passage, "", language);
            }
        }

        #[test]
        fn the_passage_itself_is_fine(clause in "[a-z0-9 .@]{0,60}") {
            prop_assert!(keeps(&clause, &clause, "", Language::English));
        }
    }
}
