//! The walk beside a person: what the caller is told while they wait for one, and where it goes on when they come back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::order::Order;
use super::plan::Value;
use super::queue::Load;
use super::walk::Walk;
use crate::language::Language;

const MINUTE: u64 = 60;

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
