//! The walk through a plan: told what happened, it says what is to be done next.
//!
//! A pure machine: the same outcomes give the same orders. It always ends or waits: a flow's operations lead forward, going from flow to
//! flow without the caller is bounded, and so are the turns of a call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::assistant::BelowScore;
use super::code::Op;
use super::next::Next;
use super::order::{Expect, Facts, Order, Outcome};
use super::plan::{Collect, Plan, Question, ToolUse, Value};
use super::prompt::Prompt;
use super::tool::ToolCall;
use super::values::aloud;
use super::walk_called::Side;
use crate::language::Language;

/// What the walk waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Waiting {
    Said,
    /// For whatever the caller wants, after this flow (an index in [`Plan::flows`]) asked for it.
    Open {
        flow: Option<usize>,
    },
    /// For an answer to "is there anything else?".
    AnythingElse,
    Slot {
        slot: String,
    },
    /// For a yes to a value that was read back.
    Confirm {
        slot: String,
        value: Value,
    },
    Knowledge {
        question: String,
        on_fail: Option<Next>,
    },
    /// For a yes to the use of a tool.
    Permission(ToolUse),
    Tool {
        call: ToolCall,
        on_error: Option<Next>,
    },
    /// For the end of a call that was handed over, or for news that it was not.
    Transfer {
        order: Order,
        on_fail: Option<Next>,
        on_decline: Option<Next>,
    },
    /// For a record, a ticket or a callback.
    Act {
        order: Order,
        on_error: Option<Next>,
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
    pub way: Way,
}

/// How a flow was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By a route, or when nothing else was under way.
    Begun,
    /// By the caller, in the middle of the flow under it.
    Wished,
    /// By the flow under it.
    Run,
}

/// What has gone wrong in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    pub silences: usize,
    pub misses: u32,
    pub strays: u32,
    pub repeats: u32,
    /// How often the plan's way out of silence or misunderstanding was taken.
    pub ways_out: u32,
}

#[derive(Clone, Debug)]
pub struct Walk {
    pub(super) plan: Arc<Plan>,
    /// What the assistant says first.
    pub(super) disclosure: Option<Prompt>,
    pub(super) side: Side,
    pub(super) language: Language,
    pub(super) facts: Facts,
    pub(super) bargein: bool,
    pub(super) frames: Vec<Frame>,
    pub(super) slots: BTreeMap<String, Value>,
    /// In which words the caller said them, by slot.
    pub(super) quotes: BTreeMap<String, String>,
    /// What tools answered and whoever carries the call observed, by dotted names.
    pub(super) known: BTreeMap<String, Value>,
    /// What was written already, by tool and key, and what was answered.
    pub(super) written: BTreeMap<(String, String), BTreeMap<String, Value>>,
    /// Where a question goes that the knowledge does not answer and whose step does not say.
    pub(super) below_score: Option<Next>,
    pub(super) disposition: Option<String>,
    /// Policies that held after the last turn (indices in [`Plan::policies`]).
    pub(super) holding: Vec<usize>,
    /// Values that were said before they were asked for and must be read back then.
    pub(super) proposed: BTreeMap<String, Value>,
    /// New values of slots that are filled: to be read back before anything else goes on.
    pub(super) corrections: VecDeque<(String, Value)>,
    /// Questions after a slot's first one.
    pub(super) failures: BTreeMap<String, u32>,
    pub(super) waiting: Waiting,
    /// To be done before the flow goes on.
    pub(super) queue: VecDeque<Order>,
    /// The last thing that was asked, to be said again.
    pub(super) asked: Option<String>,
    pub(super) last_words: String,
    pub(super) trouble: Trouble,
    /// What the caller said or keyed.
    pub(super) utterances: u32,
    /// Outcomes other than that something was said.
    turns: u32,
    /// Flows entered since the caller was last listened to.
    pub(super) entered: u32,
    /// The flow that ended last.
    ended: Option<usize>,
    path: Vec<String>,
}

/// Flows that may be entered without the caller saying anything in between; more is a circle.
const MOST_FLOWS: u32 = 32;
/// Flows that may lie under each other; more is a circle.
const DEEPEST: usize = 32;
/// An hour at seven seconds a turn; a call of more gets nowhere.
const MOST_TURNS: u32 = 500;
/// What the path of a call remembers.
const LONGEST_PATH: usize = 1000;

impl Walk {
    /// Begins in `flow`; the assistant's disclosure is said first.
    pub fn enter(plan: Arc<Plan>, assistant: &str, flow: &str, language: Language, facts: Facts) -> (Self, Order) {
        Self::enter_knowing(plan, assistant, flow, language, facts, BTreeMap::new())
    }

    /// As [`Walk::enter`], with what is known beside the facts, by dotted names: what tools at the start of the call answered, the columns of
    /// a contact, `campaign.…`.
    pub fn enter_knowing(
        plan: Arc<Plan>,
        assistant: &str,
        flow: &str,
        language: Language,
        facts: Facts,
        known: BTreeMap<String, Value>,
    ) -> (Self, Order) {
        let mut walk = Self::waiting(plan, assistant, language, facts, known);
        let order = walk.begin(flow);
        (walk, order)
    }

    /// Not in any flow yet: it waits for [`Walk::begin`].
    pub fn waiting(
        plan: Arc<Plan>,
        assistant: &str,
        language: Language,
        facts: Facts,
        known: BTreeMap<String, Value>,
    ) -> Self {
        let assistant = plan.assistants.get(assistant);
        let disclosure = assistant.and_then(|assistant| assistant.disclosure.clone());
        let bargein = assistant.is_none_or(|assistant| assistant.bargein.enabled);
        let bases = assistant.into_iter().flat_map(|assistant| &assistant.knowledge);
        let below_score = bases
            .filter_map(|base| plan.knowledge.get(base))
            .find_map(|base| match &base.below_score {
                BelowScore::Go(next) => Some(next.clone()),
                BelowScore::SayUnknown => None,
            });
        Self {
            plan,
            disclosure,
            side: Side::Caller,
            language,
            facts,
            bargein,
            frames: Vec::new(),
            slots: BTreeMap::new(),
            quotes: BTreeMap::new(),
            known,
            written: BTreeMap::new(),
            below_score,
            disposition: None,
            holding: Vec::new(),
            proposed: BTreeMap::new(),
            corrections: VecDeque::new(),
            failures: BTreeMap::new(),
            waiting: Waiting::Said,
            queue: VecDeque::new(),
            asked: None,
            last_words: String::new(),
            trouble: Trouble::default(),
            utterances: 0,
            turns: 0,
            entered: 0,
            ended: None,
            path: Vec::new(),
        }
    }

    /// What to do after `outcome`. An outcome that was not waited for changes nothing: the order is given again.
    pub fn step(&mut self, outcome: Outcome) -> Order {
        let waiting = self.waiting.clone();
        match waiting {
            Waiting::Over => return Order::Hangup { say: None },
            Waiting::Said => return self.next(),
            Waiting::Open { .. }
            | Waiting::AnythingElse
            | Waiting::Slot { .. }
            | Waiting::Confirm { .. }
            | Waiting::Permission(_)
            | Waiting::Knowledge { .. }
            | Waiting::Tool { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. } => self.turns += 1,
        }
        if self.turns > MOST_TURNS {
            tracing::warn!(turns = self.turns, "a call gets nowhere: it is ended");
            return self.goodbye();
        }
        match (waiting, outcome) {
            (Waiting::Knowledge { on_fail, .. }, Outcome::Answered(answer)) => self.answered(answer, on_fail),
            (Waiting::Knowledge { on_fail, .. }, Outcome::Failed(_)) => self.answered(None, on_fail),
            (Waiting::Tool { call, .. }, Outcome::Returned(values)) => self.returned(&call, values),
            (Waiting::Tool { on_error, .. }, Outcome::Failed(_)) => self.tool_failed(on_error),
            (Waiting::Act { .. }, Outcome::Done) => self.next(),
            (Waiting::Act { on_error, .. }, Outcome::Failed(_)) => self.act_failed(on_error),
            (Waiting::Transfer { on_fail, .. }, Outcome::Failed(_)) => self.not_taken(on_fail),
            (Waiting::Transfer { on_decline, .. }, Outcome::Declined) => self.not_taken(on_decline),
            (Waiting::Transfer { .. }, Outcome::GivenBack { flow }) => self.given_back(flow.as_deref()),
            (_, Outcome::GivenBack { flow: Some(flow) }) => self.given_back(Some(&flow)),
            (Waiting::Knowledge { question, .. }, _) => Order::Answer { question },
            (Waiting::Tool { call, .. }, _) => Order::Tool(call),
            (Waiting::Act { order, .. } | Waiting::Transfer { order, .. }, _) => order,
            (waiting, Outcome::Heard { words, commands }) => {
                (self.entered, self.utterances) = (0, self.utterances + 1);
                let order = self.heard(&waiting, words, commands);
                self.govern(order)
            }
            (waiting, Outcome::Keys(keys)) => {
                (self.entered, self.utterances) = (0, self.utterances + 1);
                let order = self.keys(&waiting, &keys);
                self.govern(order)
            }
            (waiting, Outcome::NoInput) => self.silent(&waiting),
            (_, Outcome::GivenBack { flow: None }) => {
                let asked = self.asked.clone();
                self.listen(asked)
            }
            (
                _,
                Outcome::Done | Outcome::Failed(_) | Outcome::Declined | Outcome::Answered(_) | Outcome::Returned(_),
            ) => self.listen(None),
        }
    }

    /// How long the caller may be silent before they are asked for it: as the question, the flow or the plan has it.
    pub fn patience(&self) -> Duration {
        self.events(&self.waiting).noinput.after
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

    /// What the caller has told, by slot: what is kept, and what waits for its yes.
    pub fn told(&self) -> BTreeMap<String, Value> {
        let mut told = self.slots.clone();
        if let Waiting::Confirm { slot, value } = &self.waiting {
            told.insert(slot.clone(), value.clone());
        }
        told
    }

    /// Carries on to the next thing that somebody else must do.
    pub(super) fn next(&mut self) -> Order {
        loop {
            if let Some(order) = self.queue.pop_front() {
                let last = matches!(order, Order::Hangup { .. });
                self.waiting = if last { Waiting::Over } else { Waiting::Said };
                return order;
            }
            if let Some((slot, value)) = self.corrections.pop_front() {
                return self.read_back(&slot, value);
            }
            let Some(frame) = self.frames.last().cloned() else {
                return self.flows_ended();
            };
            let plan = Arc::clone(&self.plan);
            let Some(op) = plan.flows.get(frame.flow).and_then(|flow| flow.code.get(frame.at)) else {
                self.pop();
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
                if text.trim().is_empty() {
                    return None;
                }
                self.asked = Some(text.clone());
                self.waiting = Waiting::Said;
                let bargein = bargein.unwrap_or(self.bargein);
                return Some(Order::Say { text, bargein });
            }
            Op::Collect(collect) => return self.question(collect),
            Op::Answer { question, on_fail } => {
                self.advance();
                let question = match question {
                    Question::LastWords => self.last_words.clone(),
                    Question::Text(prompt) => self.words(prompt),
                };
                self.waiting = Waiting::Knowledge {
                    question: question.clone(),
                    on_fail: on_fail.clone(),
                };
                return Some(Order::Answer { question });
            }
            Op::Set { slot, value } => {
                let value = value.evaluate(&|path| self.value(path));
                self.advance();
                self.set(slot, value);
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
            Op::GotoFlow(next) => return self.depart(next),
            Op::RunFlow(flow) => {
                self.advance();
                self.push(flow, Way::Run);
            }
            Op::Tool(used) => return self.tool(used),
            Op::Transfer(transfer) => return Some(self.transfer(transfer)),
            Op::Callback(callback) => return Some(self.callback(callback)),
            Op::Record(record) => return Some(self.record(record)),
            Op::Ticket(ticket) => return Some(self.ticket(ticket)),
            Op::Disposition(name) => {
                self.advance();
                self.disposition = Some(name.clone());
            }
            Op::Hangup { say } => {
                let say = say.as_ref().map(|say| self.words(say));
                return Some(self.end(say));
            }
        }
        None
    }

    /// Asks for a slot that is not filled.
    fn question(&mut self, collect: &Collect) -> Option<Order> {
        if self.slots.contains_key(&collect.slot) {
            self.advance();
            return None;
        }
        if let Some(value) = self.proposed.remove(&collect.slot) {
            return Some(self.read_back(&collect.slot, value));
        }
        let ask = self.words(&collect.ask);
        self.waiting = Waiting::Slot {
            slot: collect.slot.clone(),
        };
        Some(self.ask(ask))
    }

    /// What does not fit, or is not known, leaves the slot to be asked for.
    fn set(&mut self, slot: &str, value: Value) {
        if self.takes(slot, &value) {
            self.slots.insert(slot.to_owned(), value);
        } else {
            self.slots.remove(slot);
        }
    }

    /// Nothing waits: the caller is asked for more, or for the first wish.
    fn flows_ended(&mut self) -> Order {
        if self.utterances > 0 {
            self.waiting = Waiting::AnythingElse;
            let ask = self.words(&self.plan.patterns.anything_else.clone());
            return self.ask(ask);
        }
        self.waiting = Waiting::Open { flow: self.ended };
        self.listen(None)
    }

    /// Asks, and remembers it.
    pub(super) fn ask(&mut self, prompt: String) -> Order {
        self.asked = Some(prompt.clone());
        self.listen(Some(prompt))
    }

    /// Listens for what is waited for.
    pub(super) fn listen(&self, prompt: Option<String>) -> Order {
        let expect = match &self.waiting {
            Waiting::Slot { slot } => self
                .plan
                .slots
                .get(slot)
                .map_or(Expect::Anything, |slot| Expect::Slot(slot.clone())),
            Waiting::Confirm { .. } | Waiting::Permission(_) => Expect::Confirm,
            Waiting::Said
            | Waiting::Open { .. }
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Tool { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. }
            | Waiting::Over => Expect::Anything,
        };
        Order::Listen {
            prompt,
            bargein: self.bargein,
            expect,
        }
    }

    /// Nothing follows but hanging up.
    pub(super) fn end(&mut self, say: Option<String>) -> Order {
        self.waiting = Waiting::Over;
        Order::Hangup { say }
    }

    pub(super) fn goodbye(&mut self) -> Order {
        let words = self.words(&self.plan.patterns.goodbye.clone());
        self.end(Some(words))
    }

    /// Leaves the flow under way for `next`, and goes on.
    pub(super) fn leave(&mut self, next: &Next) -> Order {
        match self.depart(next) {
            Some(order) => order,
            None => self.next(),
        }
    }

    /// Leaves the flow under way for `next`; an order, if that is the end.
    pub(super) fn depart(&mut self, next: &Next) -> Option<Order> {
        match next {
            Next::Hangup => return Some(self.goodbye()),
            Next::Flow(flow) => {
                let way = self.frames.pop().map_or(Way::Begun, |frame| frame.way);
                if !self.return_to(flow) {
                    self.push(flow, way);
                }
            }
            Next::EndFlow => self.pop(),
            Next::ResumeFlow => match self.frames.iter().rposition(|frame| frame.way == Way::Wished) {
                Some(digression) => self.frames.truncate(digression),
                None => self.pop(),
            },
        }
        None
    }

    /// Leaves everything for `flow`.
    pub(super) fn start(&mut self, flow: &str) {
        self.frames.clear();
        self.push(flow, Way::Begun);
    }

    /// Goes back to `flow` where it waits under others, to where it was left: what the caller began since is dropped, what it runs itself
    /// stays. Says whether it did wait.
    pub(super) fn return_to(&mut self, flow: &str) -> bool {
        let name = |frame: &Frame| self.plan.flows.get(frame.flow).map(|flow| flow.name.as_str());
        let Some(at) = self.frames.iter().rposition(|frame| name(frame) == Some(flow)) else {
            return false;
        };
        let above = self
            .frames
            .iter()
            .skip(at + 1)
            .position(|frame| frame.way == Way::Wished);
        if let Some(above) = above {
            self.frames.truncate(at + 1 + above);
        }
        true
    }

    /// Enters `flow` on top of what is under way. A circle ends the call politely instead.
    pub(super) fn push(&mut self, flow: &str, way: Way) {
        self.entered += 1;
        let Some(at) = self.plan.flows.iter().position(|known| known.name == flow) else {
            return;
        };
        if self.entered > MOST_FLOWS || self.frames.len() >= DEEPEST {
            tracing::error!(flow, "flows lead in a circle: the call is ended");
            let goodbye = self.goodbye();
            self.queue.clear();
            self.queue.push_back(goodbye);
            return;
        }
        if self.path.len() < LONGEST_PATH {
            self.path.push(flow.to_owned());
        }
        self.frames.push(Frame { flow: at, at: 0, way });
    }

    fn pop(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.ended = Some(frame.flow);
        }
    }

    pub(super) fn advance(&mut self) {
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
        prompt.say(self.language, |path| Value::Text(self.aloud(path)))
    }

    /// The value of `path` as one says it; nothing for none.
    pub(super) fn aloud(&self, path: &str) -> String {
        let value = self.value(path);
        match self.plan.slots.get(path) {
            Some(slot) => slot.aloud(&value, self.language),
            None => aloud(&value, self.language),
        }
    }

    pub(super) fn value(&self, path: &str) -> Value {
        let known = self.slots.get(path).or_else(|| self.known.get(path));
        match known {
            Some(value) => value.clone(),
            None if path == "call.language" => Value::Text(self.language.code().to_owned()),
            None => self.facts.value(&self.plan, path),
        }
    }
}
