//! The walk through a plan: told what happened, it says what is to be done next.
//!
//! A pure machine: the same outcomes give the same orders. It always ends or waits: a flow's operations lead forward, and
//! going from flow to flow without the caller is bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::code::Op;
use super::patterns::Next;
use super::plan::{Plan, Question, Slot, Value};
use super::prompt::Prompt;
use crate::language::Language;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Say it; then [`Outcome::Done`].
    Say { text: String, bargein: bool },
    /// Say `prompt`, and listen; then [`Outcome::Heard`], [`Outcome::Keys`] or [`Outcome::NoInput`].
    Listen {
        prompt: Option<String>,
        bargein: bool,
        expect: Expect,
    },
    /// Look it up in the knowledge; then [`Outcome::Answered`].
    Answer { question: String },
    /// Say `say`, and transfer the caller to the SIP URI `to`; then [`Outcome::Failed`], or the call is gone.
    Transfer { to: String, say: Option<String> },
    /// Say `say`, and end the call.
    Hangup { say: Option<String> },
}

/// What the caller is expected to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    Anything,
    Slot(Slot),
    /// Yes or no.
    Confirm,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done,
    Failed(String),
    /// The caller said `words`, taken to mean `commands`; none: not understood.
    Heard {
        words: String,
        commands: Vec<Command>,
    },
    Keys(String),
    NoInput,
    /// What the knowledge says, if anything.
    Answered(Option<String>),
}

/// What the caller meant: all that a dialogue manager, with a model or without, may tell the walk.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    StartFlow(String),
    Set {
        slot: String,
        value: Value,
    },
    Affirm,
    Deny,
    /// An answer from the knowledge, and where it stands there.
    Answer {
        text: String,
        source: String,
    },
    /// It may be any of these flows.
    Clarify {
        flows: Vec<String>,
    },
    Repeat,
    /// The caller wants a person.
    HandOver,
    Goodbye,
    OutOfScope,
}

/// What is known when a call begins.
#[derive(Clone, Debug)]
pub struct Facts {
    pub at: jiff::Timestamp,
    /// `caller.…`
    pub caller: BTreeMap<String, Value>,
    /// `call.…`
    pub call: BTreeMap<String, Value>,
}

/// What the walk waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Waiting {
    Said,
    /// For whatever the caller wants.
    Open,
    /// For an answer to "is there anything else?".
    AnythingElse,
    Slot {
        slot: String,
        failures: u32,
    },
    /// For a yes to a value that was read back.
    Confirm {
        slot: String,
        value: Value,
        failures: u32,
    },
    Knowledge {
        on_fail: Option<String>,
    },
    Transfer {
        on_fail: Option<String>,
    },
    Over,
}

/// A place in a flow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    /// Index in [`Plan::flows`].
    pub flow: usize,
    /// Index in its code.
    pub at: usize,
}

#[derive(Clone, Debug)]
pub struct Walk {
    pub(super) plan: Arc<Plan>,
    pub(super) language: Language,
    facts: Facts,
    pub(super) bargein: bool,
    pub(super) frames: Vec<Frame>,
    pub(super) slots: BTreeMap<String, Value>,
    /// Values that were said before they were asked for and must be read back.
    pub(super) proposed: BTreeMap<String, Value>,
    pub(super) waiting: Waiting,
    /// To be done before the flow goes on.
    pub(super) queue: VecDeque<Order>,
    /// The last thing that was asked, to be said again.
    pub(super) asked: Option<String>,
    pub(super) last_words: String,
    pub(super) silences: u32,
    pub(super) misses: u32,
    pub(super) strays: u32,
    /// Flows entered since the caller was last listened to.
    entered: u32,
    path: Vec<String>,
}

/// Flows that may be entered without the caller saying anything in between; more is a circle.
const MOST_FLOWS: u32 = 32;
/// Flows that may lie under each other; more is a circle.
const DEEPEST: usize = 32;
/// What the path of a call remembers.
const LONGEST_PATH: usize = 1000;

impl Walk {
    /// Begins in `flow`; the assistant's disclosure is said first.
    pub fn enter(plan: Arc<Plan>, assistant: &str, flow: &str, language: Language, facts: Facts) -> (Self, Order) {
        let assistant = plan.assistants.get(assistant);
        let disclosure = assistant.and_then(|assistant| assistant.disclosure.clone());
        let bargein = assistant.is_none_or(|assistant| assistant.bargein.enabled);
        let mut walk = Self {
            plan,
            language,
            facts,
            bargein,
            frames: Vec::new(),
            slots: BTreeMap::new(),
            proposed: BTreeMap::new(),
            waiting: Waiting::Said,
            queue: VecDeque::new(),
            asked: None,
            last_words: String::new(),
            silences: 0,
            misses: 0,
            strays: 0,
            entered: 0,
            path: Vec::new(),
        };
        if let Some(disclosure) = disclosure {
            let text = walk.words(&disclosure);
            walk.queue.push_back(Order::Say { text, bargein: false });
        }
        walk.push(flow);
        let order = walk.next();
        (walk, order)
    }

    /// What to do after `outcome`. An outcome that was not waited for changes nothing: the order is given again.
    pub fn step(&mut self, outcome: Outcome) -> Order {
        match (self.waiting.clone(), outcome) {
            (Waiting::Over, _) => Order::Hangup { say: None },
            (Waiting::Said, _) => self.next(),
            (Waiting::Knowledge { on_fail }, Outcome::Answered(answer)) => self.answered(answer, on_fail),
            (Waiting::Knowledge { on_fail }, Outcome::Failed(_)) => self.answered(None, on_fail),
            (Waiting::Transfer { on_fail }, Outcome::Failed(_)) => {
                match on_fail {
                    Some(flow) => self.replace(&flow),
                    None => self.queue_words(&self.plan.patterns.no_person.clone()),
                }
                self.next()
            }
            (Waiting::Knowledge { .. } | Waiting::Transfer { .. }, _) => self.again(),
            (waiting, Outcome::Heard { words, commands }) => {
                self.entered = 0;
                self.heard(&waiting, words, commands)
            }
            (waiting, Outcome::Keys(keys)) => {
                self.entered = 0;
                self.keys(&waiting, &keys)
            }
            (_, Outcome::NoInput) => self.silent(),
            (_, Outcome::Done | Outcome::Failed(_) | Outcome::Answered(_)) => self.again(),
        }
    }

    /// The flows that were entered, in order.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The flow under way.
    pub fn flow(&self) -> Option<&str> {
        let frame = self.frames.last()?;
        Some(self.plan.flows.get(frame.flow)?.name.as_str())
    }

    pub fn slots(&self) -> &BTreeMap<String, Value> {
        &self.slots
    }

    /// Carries on to the next thing that somebody else must do.
    pub(super) fn next(&mut self) -> Order {
        loop {
            if let Some(order) = self.queue.pop_front() {
                self.waiting = Waiting::Said;
                return order;
            }
            let Some(frame) = self.frames.last().cloned() else {
                return self.flows_ended();
            };
            let plan = Arc::clone(&self.plan);
            let Some(op) = plan.flows.get(frame.flow).and_then(|flow| flow.code.get(frame.at)) else {
                self.frames.pop();
                continue;
            };
            if let Some(order) = self.operate(op) {
                return order;
            }
        }
    }

    /// One operation; an order, if it needs somebody.
    fn operate(&mut self, op: &Op) -> Option<Order> {
        match op {
            Op::Say { prompt, bargein } => {
                self.advance();
                let text = self.words(prompt);
                self.waiting = Waiting::Said;
                return Some(Order::Say {
                    text,
                    bargein: bargein.unwrap_or(self.bargein),
                });
            }
            Op::Collect(collect) => {
                if self.slots.contains_key(&collect.slot) {
                    self.advance();
                    return None;
                }
                if let Some(value) = self.proposed.remove(&collect.slot) {
                    return Some(self.read_back(&collect.slot, value, 0));
                }
                let ask = self.words(&collect.ask);
                self.waiting = Waiting::Slot {
                    slot: collect.slot.clone(),
                    failures: 0,
                };
                return Some(self.ask(ask));
            }
            Op::Answer { question, on_fail } => {
                self.advance();
                let question = match question {
                    Question::LastWords => self.last_words.clone(),
                    Question::Text(prompt) => self.words(prompt),
                };
                self.waiting = Waiting::Knowledge {
                    on_fail: on_fail.clone(),
                };
                return Some(Order::Answer { question });
            }
            Op::Set { slot, value } => {
                let value = value.evaluate(&|path| self.value(path));
                self.advance();
                self.slots.insert(slot.clone(), value);
            }
            Op::Unless { condition, otherwise } => {
                if condition.holds(&|path| self.value(path)) {
                    self.advance();
                } else {
                    self.jump(*otherwise);
                }
            }
            Op::Jump(to) => self.jump(*to),
            Op::Switch { on, cases, default } => {
                let value = on.evaluate(&|path| self.value(path)).to_string();
                let case = cases
                    .iter()
                    .find(|(case, _)| *case == value)
                    .map_or(*default, |(_, at)| *at);
                self.jump(case);
            }
            Op::GotoFlow(flow) => self.replace(flow),
            Op::RunFlow(flow) => {
                self.advance();
                self.push(flow);
            }
            Op::Transfer { to, say, on_fail } => {
                self.advance();
                let say = say.as_ref().map(|say| self.words(say));
                self.waiting = Waiting::Transfer {
                    on_fail: on_fail.clone(),
                };
                return Some(Order::Transfer { to: to.clone(), say });
            }
            Op::Hangup { say } => {
                let say = say.as_ref().map(|say| self.words(say));
                return Some(self.end(say));
            }
        }
        None
    }

    /// Nothing waits: the caller is asked for more, or for the first wish.
    fn flows_ended(&mut self) -> Order {
        let wished = self.path.len() > 1 || !self.last_words.is_empty();
        if wished {
            self.waiting = Waiting::AnythingElse;
            let ask = self.words(&self.plan.patterns.anything_else.clone());
            return self.ask(ask);
        }
        self.waiting = Waiting::Open;
        self.listen(None)
    }

    fn answered(&mut self, answer: Option<String>, on_fail: Option<String>) -> Order {
        match (answer, on_fail) {
            (Some(text), _) => self.queue.push_back(Order::Say {
                text,
                bargein: self.bargein,
            }),
            (None, Some(flow)) => self.replace(&flow),
            (None, None) => self.queue_words(&self.plan.patterns.unknown.clone()),
        }
        self.next()
    }

    /// Asks, and remembers it.
    pub(super) fn ask(&mut self, prompt: String) -> Order {
        self.asked = Some(prompt.clone());
        self.listen(Some(prompt))
    }

    /// Listens for what is waited for.
    pub(super) fn listen(&self, prompt: Option<String>) -> Order {
        let expect = match &self.waiting {
            Waiting::Slot { slot, .. } => self
                .plan
                .slots
                .get(slot)
                .map_or(Expect::Anything, |slot| Expect::Slot(slot.clone())),
            Waiting::Confirm { .. } => Expect::Confirm,
            Waiting::Said
            | Waiting::Open
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Transfer { .. }
            | Waiting::Over => Expect::Anything,
        };
        Order::Listen {
            prompt,
            bargein: self.bargein,
            expect,
        }
    }

    fn again(&mut self) -> Order {
        match &self.waiting {
            Waiting::Knowledge { .. } => Order::Answer {
                question: self.last_words.clone(),
            },
            Waiting::Over | Waiting::Transfer { .. } => self.end(None),
            Waiting::Said | Waiting::Open | Waiting::AnythingElse | Waiting::Slot { .. } | Waiting::Confirm { .. } => {
                self.listen(None)
            }
        }
    }

    pub(super) fn end(&mut self, say: Option<String>) -> Order {
        self.waiting = Waiting::Over;
        Order::Hangup { say }
    }

    pub(super) fn goodbye(&mut self) -> Order {
        let words = self.words(&self.plan.patterns.goodbye.clone());
        self.end(Some(words))
    }

    pub(super) fn follow(&mut self, next: &Next) -> Order {
        match next {
            Next::Hangup => self.goodbye(),
            Next::Flow(flow) => {
                self.start(flow);
                self.next()
            }
        }
    }

    /// Leaves everything for `flow`.
    pub(super) fn start(&mut self, flow: &str) {
        self.frames.clear();
        self.push(flow);
    }

    /// Leaves the flow under way for `flow`.
    fn replace(&mut self, flow: &str) {
        self.frames.pop();
        self.push(flow);
    }

    /// Enters `flow` on top of what is under way. A circle ends the call politely instead.
    pub(super) fn push(&mut self, flow: &str) {
        self.entered += 1;
        let Some(at) = self.plan.flows.iter().position(|known| known.name == flow) else {
            return;
        };
        if self.entered > MOST_FLOWS || self.frames.len() >= DEEPEST {
            tracing::error!(flow, "flows lead in a circle: the call is ended");
            self.frames.clear();
            let words = self.words(&self.plan.patterns.goodbye.clone());
            self.queue.push_back(Order::Hangup { say: Some(words) });
            return;
        }
        if self.path.len() < LONGEST_PATH {
            self.path.push(flow.to_owned());
        }
        self.frames.push(Frame { flow: at, at: 0 });
    }

    fn advance(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at += 1;
        }
    }

    fn jump(&mut self, to: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at = to;
        }
    }

    pub(super) fn queue_words(&mut self, prompt: &Prompt) {
        let text = self.words(prompt);
        self.queue.push_back(Order::Say {
            text,
            bargein: self.bargein,
        });
    }

    pub(super) fn words(&self, prompt: &Prompt) -> String {
        prompt.say(self.language, |path| self.value(path))
    }

    fn value(&self, path: &str) -> Value {
        if let Some(value) = self.slots.get(path) {
            return value.clone();
        }
        let known = match path.split_once('.') {
            Some(("caller", name)) => self.facts.caller.get(name).cloned(),
            Some(("call", name)) => self.facts.call.get(name).cloned(),
            Some(("hours", rest)) => {
                let hours = rest.strip_suffix(".open").and_then(|name| self.plan.hours.get(name));
                hours.map(|hours| Value::Boolean(hours.open_at(self.facts.at)))
            }
            Some(_) | None => None,
        };
        known.unwrap_or(Value::Null)
    }
}
