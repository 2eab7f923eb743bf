//! What the plan has done by others while the caller waits: tools, and what is written down for people.
//!
//! It asks and waits; who does it, and how, is the driver's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::brief::Brief;
use super::message::Message;
use super::{Call, FILLER, Note, Output, Stage};
use crate::dialplan::tool::Effect;
use crate::dialplan::{Order, Outcome, Ticket, ToolCall, Value};

/// A tool's own limit is shorter; this holds whatever becomes of it.
const TOOL: Duration = Duration::from_secs(65);

/// A tool that is being used.
#[derive(Debug, PartialEq)]
pub(super) struct Using {
    id: u64,
    tool: String,
    /// As it is known among the deeds.
    key: String,
    since: Instant,
    /// Said when it takes a while.
    filler: Option<String>,
}

/// What people are to do about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    Ticket(Ticket),
    Callback {
        /// `2026-11-21T15:00`, at the caller's place.
        at: String,
        number: String,
        queue: Option<String>,
    },
}

/// Somebody whom an agent of a queue is to call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallBack {
    pub number: String,
    pub queue: String,
    /// What kind of customer they are, where it is known.
    pub tier: Option<String>,
    /// For the agent.
    pub brief: Box<Brief>,
    /// So long from now. None: in their turn; they give up the line and keep the place that they have in it, and their call is about to end.
    pub after: Option<Duration>,
}

impl Call {
    /// What tool `id` answered, by dotted names; or why it failed.
    pub fn returned(&mut self, now: Instant, id: u64, result: Result<BTreeMap<String, Value>, String>) {
        let Stage::Using(using) = &self.stage else { return };
        if using.id != id {
            return;
        }
        let (tool, took) = (using.tool.clone(), now.saturating_duration_since(using.since));
        match &result {
            Ok(values) => self.deeds.succeeded(&using.key, values.clone()),
            Err(_) => self.deeds.failed(&using.key),
        }
        self.stage = Stage::Dialogue;
        self.deed_over(now);
        let failure = result.as_ref().err().cloned();
        self.note(Note::Used { tool, took, failure });
        let order = self.walk.step(match result {
            Ok(values) => Outcome::Returned(values),
            Err(reason) => Outcome::Failed(reason),
        });
        self.perform(now, order);
    }

    pub(super) fn use_tool(&mut self, now: Instant, call: ToolCall) {
        let id = self.fresh();
        let reads = self
            .plan
            .tools
            .get(&call.tool)
            .is_some_and(|tool| tool.effect == Effect::Read);
        // Whoever reads has looked something up, and done nothing else.
        let words = if reads { "look up" } else { &call.tool };
        let key = format!("{} {:?}", call.tool, call.values);
        self.deeds.begin(&key, words);
        self.stage = Stage::Using(Using {
            id,
            tool: call.tool.clone(),
            key,
            since: now,
            filler: call.filler.clone(),
        });
        self.outputs.push_back(Output::Use {
            id,
            call: Box::new(call),
        });
    }

    /// While a tool is used, and nothing is being said.
    pub(super) fn await_tool(&mut self, now: Instant) {
        let Stage::Using(using) = &mut self.stage else { return };
        let waited = now.saturating_duration_since(using.since);
        if waited >= TOOL {
            let id = using.id;
            return self.returned(now, id, Err(format!("no answer in {} s", TOOL.as_secs())));
        }
        if waited >= FILLER
            && let Some(filler) = using.filler.take()
        {
            self.say(&filler, false);
        }
    }

    /// Writes down what people are to do, and has it done where a queue of the plan is named that calls back; the order that follows.
    pub(super) fn hand_in(&mut self, now: Instant, task: Task) -> Order {
        let booked = self.booked(now, &task);
        self.note(Note::Task(task));
        self.outputs
            .extend(booked.map(|wanted| Output::CallBack(Box::new(wanted))));
        self.walk.step(Outcome::Done)
    }

    /// Whom a queue is to call, and when.
    fn booked(&self, now: Instant, task: &Task) -> Option<CallBack> {
        let Task::Callback { at, number, queue } = task else {
            return None;
        };
        let queue = queue.clone().filter(|queue| self.plan.queues.contains_key(queue))?;
        let number = Some(number.clone()).filter(|number| number.chars().any(|c| c.is_ascii_digit()))?;
        let zone = self.walk.zone().unwrap_or_else(TimeZone::system);
        let here = |at: DateTime| at.to_zoned(zone.clone()).ok();
        let wait = here(at.parse().ok()?)?.duration_since(&here(self.at + self.since_answer(now))?);
        Some(CallBack {
            number,
            queue,
            tier: self.walk.tier(),
            brief: Box::new(self.brief(None)),
            // What is past is due.
            after: Some(Duration::try_from(wait).unwrap_or_default()),
        })
    }

    /// While a message is taken, and nothing is being said.
    pub(super) fn await_message(&mut self, now: Instant) {
        let Stage::Taking(message) = &mut self.stage else {
            return;
        };
        let Some(taken) = message.over(now) else { return };
        let name = message.name.clone();
        self.stage = Stage::Dialogue;
        let outcome = match taken {
            Ok(samples) => {
                self.outputs.push_back(Output::Keep { name, samples });
                Outcome::Done
            }
            Err(reason) => Outcome::Failed(reason.to_owned()),
        };
        let order = self.walk.step(outcome);
        self.perform(now, order);
    }

    pub(super) fn take_message(&mut self, name: String, longest: Duration) {
        self.stage = Stage::Taking(Message::new(name, longest));
    }
}
