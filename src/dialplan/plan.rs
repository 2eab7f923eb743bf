//! A plan as it is after reading: everything resolved, nothing optional that is needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::code::Op;
use super::expression::Expression;
use super::hours::Hours;
use super::next::Next;
use super::patterns::{Events, Patterns};
use super::prompt::{FixedPrompt, Prompt};
use super::tool::Tool;
use crate::document::Place;
use crate::language::Language;

#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the file without its ending.
    pub name: String,
    /// Of the content, 12 hexadecimal digits: a call keeps the version that it began with.
    pub hash: String,
    pub routes: Vec<Route>,
    pub hours: BTreeMap<String, Hours>,
    pub assistants: BTreeMap<String, Assistant>,
    pub knowledge: BTreeMap<String, KnowledgeBase>,
    pub slots: BTreeMap<String, Slot>,
    pub tools: BTreeMap<String, Tool>,
    /// In the order of the file.
    pub flows: Vec<Flow>,
    pub patterns: Patterns,
}

/// Which calls go where. The first that matches wins.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: String,
    pub matches: Match,
    pub then: Then,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Any,
    /// Numbers or names, with `*` for any rest.
    Numbers {
        to: Option<String>,
        from: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    Answer {
        assistant: String,
        flow: String,
    },
    /// A SIP status code from 400 to 699.
    Reject(u16),
}

#[derive(Clone, Debug)]
pub struct Assistant {
    pub name: String,
    /// At least one; the first is spoken unless something says otherwise.
    pub languages: Vec<Language>,
    pub persona: String,
    /// Said first, and always to its end.
    pub disclosure: Option<Prompt>,
    pub bargein: Bargein,
    pub endpointing: Endpointing,
    pub knowledge: Vec<String>,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bargein {
    pub enabled: bool,
    /// How long the caller must talk over the bot to stop it.
    pub min_speech: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpointing {
    /// Silence that ends a caller's turn.
    pub silence: Duration,
}

#[derive(Clone, Debug)]
pub struct KnowledgeBase {
    /// Markdown files, relative to the plan's folder until loaded.
    pub sources: Vec<PathBuf>,
    /// 0 to 1: below it a passage is no answer.
    pub min_score: Option<f32>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub name: String,
    pub kind: SlotKind,
    pub confirm: Confirm,
    /// Whether keys are taken for it.
    pub dtmf: bool,
    /// Personal: kept out of logs.
    pub pii: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SlotKind {
    /// How many.
    Digits {
        min: usize,
        max: usize,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    Boolean,
    Enum(Vec<Choice>),
    Date,
    Time,
    Name,
    Email,
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    /// Other ways of saying it.
    pub says: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    No,
    /// Taken for right; what follows shows what was heard.
    Implicit,
    /// Read back and asked for a yes.
    Readback,
}

#[derive(Clone, Debug)]
pub struct Flow {
    pub name: String,
    /// What it is called in a question to the caller.
    pub title: Option<Prompt>,
    pub use_when: Option<String>,
    pub examples: Vec<String>,
    pub steps: Vec<Step>,
    /// What happens in it when the caller is silent or not understood.
    pub events: Events,
    pub(super) code: Vec<Op>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub place: Place,
    pub action: Action,
}

#[derive(Clone, Debug)]
pub enum Action {
    Say {
        prompt: Prompt,
        bargein: Option<bool>,
    },
    Collect(Collect),
    Answer {
        question: Question,
        on_fail: Option<Next>,
    },
    Set(Vec<(String, Expression)>),
    If {
        condition: Expression,
        then: Vec<Step>,
        otherwise: Vec<Step>,
    },
    Switch {
        on: Expression,
        cases: Vec<(String, Vec<Step>)>,
        default: Vec<Step>,
    },
    GotoFlow(Next),
    RunFlow(String),
    Transfer {
        to: String,
        say: Option<Prompt>,
        on_fail: Option<Next>,
    },
    Hangup {
        say: Option<Prompt>,
    },
}

#[derive(Clone, Debug)]
pub struct Collect {
    pub slot: String,
    pub ask: Prompt,
    /// Questions after the first.
    pub retries: u32,
    pub on_fail: Option<Next>,
    /// What happens at this question when the caller is silent or not understood.
    pub events: Events,
}

#[derive(Clone, Debug)]
pub enum Question {
    /// What the caller said last.
    LastWords,
    Text(Prompt),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Number(f64),
    Boolean(bool),
    Null,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Number(number) => write!(f, "{number}"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Null => Ok(()),
        }
    }
}

impl Plan {
    /// The first route that takes a call from `from` to `to`.
    pub fn route(&self, from: &str, to: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.matches.takes(from, to))
    }

    pub fn flow(&self, name: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.name == name)
    }

    /// Every prompt whose words are known at load, in the languages of the assistants.
    pub fn prompts(&self) -> Vec<FixedPrompt> {
        let mut prompts: Vec<&Prompt> = self.assistants.values().filter_map(|a| a.disclosure.as_ref()).collect();
        for flow in &self.flows {
            super::flows::each_prompt(flow, &mut |prompt| prompts.push(prompt));
        }
        prompts.extend(self.patterns.prompts());
        let events = self.patterns.events();
        prompts.extend(events.prompts());
        let mut fixed = Vec::new();
        for language in self.languages() {
            for prompt in &prompts {
                if let Some(text) = prompt.fixed(language) {
                    let prompt = FixedPrompt {
                        language,
                        text: text.to_owned(),
                    };
                    if !fixed.contains(&prompt) {
                        fixed.push(prompt);
                    }
                }
            }
        }
        fixed
    }

    /// All languages that an assistant speaks.
    pub fn languages(&self) -> Vec<Language> {
        let mut languages: Vec<Language> = self
            .assistants
            .values()
            .flat_map(|a| a.languages.iter().copied())
            .collect();
        languages.sort_unstable();
        languages.dedup();
        languages
    }
}

impl Match {
    fn takes(&self, caller: &str, called: &str) -> bool {
        match self {
            Match::Any => true,
            Match::Numbers { to, from } => fits(to.as_deref(), called) && fits(from.as_deref(), caller),
        }
    }
}

/// `*` at the end stands for any rest.
fn fits(pattern: Option<&str>, number: &str) -> bool {
    match pattern {
        None => true,
        Some(pattern) => pattern
            .strip_suffix('*')
            .map_or(pattern == number, |start| number.starts_with(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_match_numbers_whole_or_by_their_beginning() {
        let by = |to: Option<&str>, from: Option<&str>| Match::Numbers {
            to: to.map(str::to_owned),
            from: from.map(str::to_owned),
        };
        assert!(Match::Any.takes("", ""));
        assert!(by(Some("+49*"), None).takes("1", "+4930"));
        assert!(!by(Some("+49*"), None).takes("1", "+4330"));
        assert!(by(None, Some("100")).takes("100", "x"));
        assert!(!by(Some("1"), Some("100")).takes("100", "2"));
    }
}
