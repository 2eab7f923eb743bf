//! The plainest plan there is, for calls of which only the hearing is measured: it says something and listens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::recordings::Error;
use crate::call::{Manager, Start};
use crate::clock;
use crate::dialplan::assistant::Endpointing;
use crate::dialplan::{Facts, parse};
use crate::language::Language;

const PLAN: &str = r#"
version: 1
routes:
  - {name: all, match: any, assistant: bot, flow: welcome}
assistants:
  bot:
    languages: [LANGUAGE]
    disclosure: "…"
flows:
  welcome: {steps: [{say: WORDS}]}
  other:
    use_when: "caller wants something"
    examples: ["I want something.", "我想要一个东西。"]
    steps: [{say: "…"}]
"#;

/// A call that begins with `words`, and tells the end of a turn by `endpointing`.
pub fn start(words: &str, language: Language, endpointing: Endpointing) -> Result<Start, Error> {
    // A brace would begin a value of the plan.
    let quoted = serde_json::Value::from(words.replace(['{', '}'], "")).to_string();
    let text = PLAN.replace("LANGUAGE", language.code()).replace("WORDS", &quoted);
    let mut plan = parse(&text, "plain").map_err(Error::Plan)?;
    for assistant in plan.assistants.values_mut() {
        assistant.endpointing = endpointing;
    }
    Ok(Start {
        plan: Arc::new(plan),
        assistant: "bot".into(),
        flow: "welcome".into(),
        language,
        facts: Facts::of_nobody(clock::wall()),
        told: BTreeMap::new(),
        opening: None,
        understanding: BTreeMap::new(),
        manager: Manager::Grounded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_words_can_be_said() {
        for (words, language) in [
            ("\"Well\": {a} [b] # c", Language::English),
            ("您好！", Language::Mandarin),
        ] {
            let start = start(words, language, Endpointing::default()).expect("a plan");
            let said = words.replace(['{', '}'], "");
            assert!(start.plan.prompts().iter().any(|prompt| prompt.text == said));
        }
    }
}
