//! A plan as it is after reading: everything resolved, nothing optional that is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::assistant::{Assistant, KnowledgeBase};
use super::campaign::Campaign;
use super::code::Op;
use super::expression::Expression;
use super::hours::Hours;
use super::next::Next;
use super::order::Facts;
use super::patterns::{Events, Patterns};
use super::policy::{Policy, WrapUp};
use super::prompt::{FixedPrompt, Prompt};
use super::queue::{Destination, Handoff, Queue};
use super::route::Route;
use super::scenario::Scenario;
use super::slot::Slot;
use super::tool::{Tool, ToolCall, When};
use crate::document::{Node, Place};
use crate::language::{Language, Voice};

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
    pub queues: BTreeMap<String, Queue>,
    pub handoffs: BTreeMap<String, Handoff>,
    pub campaigns: BTreeMap<String, Campaign>,
    pub policies: Vec<Policy>,
    /// What is never said or done, in words: for a model's prompt and for whoever looks at its replies.
    pub never: Vec<String>,
    pub wrap_up: Option<WrapUp>,
    pub tests: Vec<Scenario>,
    /// Slots and tools that were declared and could not be read: using one is not another mistake.
    pub(super) broken: Vec<String>,
    /// The queues whose facts (`queue.NAME.…`) are written somewhere in it.
    pub asked_queues: Vec<String>,
    /// The plan as it was written, to be compared with another.
    pub(super) written: Node,
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
    Tool(ToolUse),
    Transfer(Transfer),
    Callback(Callback),
    Record(Record),
    Ticket(Ticket),
    /// How the call went; the last one counts.
    Disposition(String),
    Hangup {
        say: Option<Prompt>,
    },
}

/// A tool, used by a step.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse {
    pub tool: String,
    /// What the caller is asked first, where the tool wants it.
    pub confirm_say: Option<Prompt>,
    /// Where a caller who does not want it goes.
    pub on_no: Next,
    pub on_error: Option<Next>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct Transfer {
    pub to: Target,
    pub say: Option<Prompt>,
    /// Nobody took the call; what the handoff or queue says, where the step does not.
    pub on_fail: Option<Next>,
    /// An agent did not want it; as [`Transfer::on_fail`] where nothing says.
    pub on_decline: Option<Next>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A SIP URI that the caller's line is asked to call.
    Uri(String),
    /// The bot sees to it that somebody is there, as the handoff says.
    Person { to: Destination, handoff: Option<String> },
}

/// Somebody calls back.
#[derive(Clone, Debug)]
pub struct Callback {
    /// A slot of the type datetime.
    pub at: String,
    /// A slot of the type phone; the caller's own number where there is none.
    pub number: Option<String>,
    pub queue: Option<String>,
    pub on_error: Option<Next>,
}

/// The caller leaves a message.
#[derive(Clone, Debug)]
pub struct Record {
    pub name: String,
    pub max: Duration,
    pub on_error: Option<Next>,
}

#[derive(Clone, Debug)]
pub struct Ticket {
    pub kind: String,
    pub priority: Priority,
    pub subject: Option<Prompt>,
    pub note: Option<Prompt>,
    pub queue: Option<String>,
    pub on_error: Option<Next>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Priority {
    /// As it is written in plans.
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
    }
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
    /// How good an answer of `assistant`, by name, has to be, 0 to 1: the least that one of its knowledge bases asks for.
    pub fn min_score(&self, assistant: &str) -> Option<f32> {
        let bases = self
            .assistants
            .get(assistant)
            .into_iter()
            .flat_map(|assistant| &assistant.knowledge);
        bases
            .filter_map(|base| self.knowledge.get(base)?.min_score)
            .reduce(f32::min)
    }

    /// The first route that takes a call with these facts: `call.to`, `caller.number`, and whatever else its conditions name.
    pub fn route(&self, facts: &Facts) -> Option<&Route> {
        self.routes
            .iter()
            .find(|route| route.matches.takes(self, facts).is_ok())
    }

    /// The tools to be used before a call with these facts is routed. What they answer belongs into [`Facts::caller`], where they set
    /// `caller`, or else into [`super::Walk::observe`].
    pub fn call_start(&self, facts: &Facts, told: &BTreeMap<String, Value>) -> Vec<ToolCall> {
        let tools = self.tools.values().filter(|tool| tool.when == When::CallStart);
        tools
            .map(|tool| {
                let known = |name: &str| told.get(name).cloned().unwrap_or_else(|| facts.value(self, name));
                tool.call(
                    &known,
                    BTreeMap::new(),
                    self.languages().first().copied().unwrap_or(Language::English),
                )
            })
            .collect()
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
        prompts.extend(self.inherited_prompts());
        prompts.extend(self.tools.values().filter_map(|tool| tool.filler.as_ref()));
        prompts.extend(self.policies.iter().filter_map(Policy::prompt));
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

    /// The SIP URIs that it transfers to, or has the bot call.
    pub fn destinations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for flow in &self.flows {
            super::flows::each(&flow.steps, &mut |step| {
                if let Action::Transfer(Transfer {
                    to:
                        Target::Uri(to)
                        | Target::Person {
                            to: Destination::Outside(to),
                            ..
                        },
                    ..
                }) = &step.action
                    && !found.contains(to)
                {
                    found.push(to.clone());
                }
            });
        }
        found
    }

    /// The queues that a call which begins in `flow` may come to by what the plan says, each once.
    pub fn queues_from<'a>(&'a self, flow: &'a str) -> Vec<&'a str> {
        let (mut open, mut seen, mut found) = (vec![flow], BTreeSet::new(), BTreeSet::new());
        while let Some(name) = open.pop() {
            let Some(flow) = self.flow(name).filter(|flow| seen.insert(flow.name.as_str())) else {
                continue;
            };
            open.extend(super::lint::leads_to(self, flow));
            super::flows::each(&flow.steps, &mut |step| {
                if let Action::Transfer(Transfer {
                    to:
                        Target::Person {
                            to: Destination::Queue(queue),
                            ..
                        },
                    ..
                }) = &step.action
                {
                    found.insert(queue.as_str());
                }
            });
        }
        found.into_iter().collect()
    }

    /// The prompts that every flow inherits.
    pub(super) fn inherited_prompts(&self) -> impl Iterator<Item = &Prompt> {
        let Patterns {
            noinput,
            nomatch,
            out_of_scope,
            correction,
            ..
        } = &self.patterns;
        let say = [&noinput.say, &nomatch.say, &out_of_scope.say];
        say.into_iter().flatten().chain(&correction.say)
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

    /// Who speaks `language` for `assistant`.
    pub fn voice(&self, assistant: &str, language: Language) -> Voice {
        let assistant = self.assistants.get(assistant);
        assistant.map_or(language.into(), |assistant| assistant.voice(language))
    }

    /// All voices that an assistant speaks with.
    pub fn voices(&self) -> Vec<Voice> {
        let assistants = self.assistants.values();
        let mut voices: Vec<Voice> = assistants
            .flat_map(|a| a.languages.iter().map(|&language| a.voice(language)))
            .collect();
        voices.sort_unstable();
        voices.dedup();
        voices
    }
}
