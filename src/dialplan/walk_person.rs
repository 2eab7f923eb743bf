//! The walk beside a person: what the caller is told while they wait for one, what would come next, and where it goes on when they come back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::order::{Expect, Order, Outcome};
use super::plan::Value;
use super::queue::Load;
use super::walk::{Waiting, Walk};
use super::walk_caller::collects;
use crate::language::Language;

const MINUTE: u64 = 60;
/// Orders that are looked ahead.
const FAR: usize = 16;

/// What comes next in a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// A slot is asked for, in these words.
    Ask { slot: String, prompt: String },
    /// A tool is used.
    Use { tool: String },
    /// This is said.
    Say(String),
}

impl Walk {
    /// What kind of customer the caller is, where somebody has told.
    pub fn tier(&self) -> Option<String> {
        self.told_of_caller("caller.tier")
    }

    /// Where they can be called back.
    pub fn number(&self) -> Option<String> {
        self.told_of_caller("caller.number")
            .filter(|number| number.chars().any(|c| c.is_ascii_digit()))
    }

    fn told_of_caller(&self, name: &str) -> Option<String> {
        match self.value(name) {
            Value::Text(text) => Some(text).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// How the queues stand from now on, as far as the plan asks ([`super::Plan::asked_queues`]).
    pub fn queues_stand(&mut self, queues: BTreeMap<String, Load>) {
        self.facts.queues = queues;
    }

    /// Which place in line the caller has, 1 for the first, and how long it will take where that is known.
    pub fn place_in_line(&self, position: usize, wait: Option<Duration>) -> Vec<String> {
        let patterns = &self.plan.patterns;
        let say = |prompt: &super::Prompt, own: &str, value: String| {
            prompt.say(self.language, |name| {
                Value::Text(if name == own { value.clone() } else { self.aloud(name) })
            })
        };
        let place = say(&patterns.queue_position, "position", position.to_string());
        let wait = wait.map(|wait| say(&patterns.queue_wait, "wait", minutes(wait, self.language)));
        [place].into_iter().chain(wait).collect()
    }

    /// The question whether the caller wants to be called back: by the key 1, or by saying so.
    pub fn offer_of_callback(&self) -> String {
        self.words(&self.plan.patterns.offer_callback)
    }

    /// They do.
    pub fn promise_of_callback(&self) -> String {
        self.words(&self.plan.patterns.callback_promise)
    }

    /// While the caller is with a person: what the plan would do if they were given back now, or else what it wanted to know and was not
    /// told.
    pub fn ahead(&self) -> Option<Ahead> {
        if !matches!(self.waiting, Waiting::Transfer { .. }) {
            return None;
        }
        let mut walk = self.clone();
        let mut order = walk.step(Outcome::GivenBack { flow: None });
        let mut said = None;
        for _ in 0..FAR {
            order = match order {
                Order::Listen {
                    prompt: Some(prompt),
                    expect: Expect::Slot(slot),
                    ..
                } => {
                    let slot = slot.name;
                    return Some(Ahead::Ask { slot, prompt });
                }
                Order::Tool(call) => return Some(Ahead::Use { tool: call.tool }),
                Order::Say { text, .. } => {
                    said.get_or_insert(text);
                    walk.step(Outcome::Done)
                }
                Order::Ticket(_) | Order::Callback { .. } => walk.step(Outcome::Done),
                Order::Listen { prompt, .. } => {
                    // That there may be something else is no step of a flow.
                    let asks = !matches!(walk.waiting, Waiting::AnythingElse);
                    said = said.or(prompt.filter(|_| asks));
                    break;
                }
                Order::Answer { .. }
                | Order::Record { .. }
                | Order::HandOff { .. }
                | Order::Transfer { .. }
                | Order::Hangup { .. } => break,
            };
        }
        self.unanswered().or(said.map(Ahead::Say))
    }

    /// What the last flow that collects anything was not told.
    fn unanswered(&self) -> Option<Ahead> {
        let flows = self.path().iter().rev();
        let mut flows = flows.filter_map(|name| self.plan.flows.iter().find(|flow| flow.name == *name));
        let questions = flows.find_map(|flow| Some(collects(flow)).filter(|questions| !questions.is_empty()))?;
        let open = questions
            .into_iter()
            .find(|question| !self.slots.contains_key(&question.slot))?;
        Some(Ahead::Ask {
            slot: open.slot.clone(),
            prompt: self.words(&open.ask),
        })
    }

    /// The caller comes back from a person: to the beginning of `flow`, where the plan has it, else to what follows the transfer. What was
    /// collected stays, and is not asked for again.
    pub(super) fn given_back(&mut self, flow: Option<&str>) -> Order {
        let known = flow.filter(|flow| self.plan.flows.iter().any(|one| one.name == **flow));
        if let Some(flow) = known {
            self.start(flow);
        }
        self.next()
    }
}

/// As one tells it: whole minutes, rounded up.
fn minutes(wait: Duration, language: Language) -> String {
    let count = wait.as_secs().div_ceil(MINUTE).max(1);
    match (language, count) {
        (Language::English, 1) => "a minute".into(),
        (Language::English, count) => format!("{count} minutes"),
        (Language::Mandarin, count) => format!("{count}分钟"),
    }
}
