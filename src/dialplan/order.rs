//! What a walk through a plan orders, and what it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::{Plan, Priority, Value};
use super::queue::{Destination, Load};
use super::slot::Slot;
use super::tool::ToolCall;

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
    /// Say the filler if it takes a while, and carry it out; then [`Outcome::Returned`] or [`Outcome::Failed`]. Given again after an outcome
    /// that was not waited for; whoever carries it out does it once.
    Tool(ToolCall),
    /// Say `say`, and transfer the caller to the SIP URI `to`; then [`Outcome::Failed`], or the call is gone.
    Transfer { to: String, say: Option<String> },
    /// Say `say`, and let the caller wait for a person; then [`Outcome::Failed`], [`Outcome::Declined`], [`Outcome::GivenBack`], or the call is
    /// gone. Who has no people answers at once that it failed.
    HandOff {
        to: Destination,
        handoff: Option<String>,
        say: Option<String>,
    },
    /// Keep what the caller says, `max` at most, as `name`; then [`Outcome::Done`] or [`Outcome::Failed`].
    Record { name: String, max: Duration },
    /// Then [`Outcome::Done`] or [`Outcome::Failed`].
    Ticket(Ticket),
    /// See that somebody calls `number` at `at`; then [`Outcome::Done`] or [`Outcome::Failed`].
    Callback {
        /// `2026-11-21T15:00`, at the caller's place.
        at: String,
        number: String,
        queue: Option<String>,
    },
    /// Say `say`, and end the call.
    Hangup { say: Option<String> },
}

/// Something that people are to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub kind: String,
    pub priority: Priority,
    pub subject: String,
    pub note: String,
    pub queue: Option<String>,
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
    /// An agent did not want the call.
    Declined,
    /// An agent has spoken with the caller and gives them back: to this flow, or to what comes after the transfer.
    GivenBack {
        flow: Option<String>,
    },
    /// What a tool answered: values by dotted names, as [`super::Tool::taken`] gives them.
    Returned(BTreeMap<String, Value>),
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
    /// The caller wants to leave what is under way: "never mind".
    Cancel,
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

impl Command {
    /// The flows that the caller is asked to choose between.
    pub fn offered(&self) -> Option<&[String]> {
        match self {
            Command::Clarify { flows } => Some(flows),
            Command::StartFlow(_)
            | Command::Set { .. }
            | Command::Affirm
            | Command::Deny
            | Command::Cancel
            | Command::Answer { .. }
            | Command::Repeat
            | Command::HandOver
            | Command::Goodbye
            | Command::OutOfScope => None,
        }
    }
}

/// What is known when a call begins.
#[derive(Clone, Debug)]
pub struct Facts {
    pub at: jiff::Timestamp,
    /// `caller.…`
    pub caller: BTreeMap<String, Value>,
    /// `call.…`
    pub call: BTreeMap<String, Value>,
    /// `queue.…`
    pub queues: BTreeMap<String, Load>,
}

impl Order {
    /// What is ordered, without a word of what callers said: for logs.
    pub fn name(&self) -> String {
        match self {
            Order::Say { .. } => "words".to_owned(),
            Order::Listen { .. } => "a question".to_owned(),
            Order::Answer { .. } => "an answer".to_owned(),
            Order::Tool(call) => format!("tool `{}`", call.tool),
            Order::Transfer { to, .. } => format!("a transfer to {to}"),
            Order::HandOff { to, .. } => match to {
                Destination::Queue(queue) => format!("a transfer to queue `{queue}`"),
                Destination::Outside(to) => format!("a transfer to {to}"),
            },
            Order::Record { name, .. } => format!("record `{name}`"),
            Order::Ticket(ticket) => format!("a ticket `{}`", ticket.kind),
            Order::Callback { .. } => "a callback".to_owned(),
            Order::Hangup { .. } => "the end".to_owned(),
        }
    }
}

impl Facts {
    /// Of a call of which only the time is known.
    pub fn of_nobody(at: jiff::Timestamp) -> Self {
        Self {
            at,
            caller: BTreeMap::new(),
            call: BTreeMap::new(),
            queues: BTreeMap::new(),
        }
    }

    /// The value of a name of the caller, the call, the hours or a queue; [`Value::Null`] for all others.
    pub fn value(&self, plan: &Plan, path: &str) -> Value {
        let known = match path.split_once('.') {
            Some(("caller", name)) => self.caller.get(name).cloned(),
            Some(("call", name)) => self.call.get(name).cloned(),
            Some(("hours", rest)) => {
                let hours = rest.strip_suffix(".open").and_then(|name| plan.hours.get(name));
                hours.map(|hours| Value::Boolean(hours.open_at(self.at)))
            }
            Some(("queue", rest)) => rest
                .split_once('.')
                .and_then(|(queue, fact)| self.queues.get(queue)?.value(fact)),
            Some(_) | None => None,
        };
        known.unwrap_or(Value::Null)
    }
}
