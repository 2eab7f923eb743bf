//! An agent: what they can do, whether they are at work, and what they are at.
//!
//! It knows no queue and no caller: tickets are numbers here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ticket::Needs;
use super::{AgentId, MISSED, TicketId};
use crate::language::Language;

/// Who an agent is, and what they can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub skills: Vec<String>,
    pub languages: Vec<Language>,
    /// Calls at once; of those who can take none, nobody is rung.
    pub capacity: usize,
}

/// What an agent is doing, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Offline,
    Available,
    Ringing,
    /// With a caller.
    Busy,
    /// Writing down what the last call was.
    WrapUp,
    Paused {
        reason: String,
    },
}

/// What the agent has said of themself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Offline,
    Available,
    Paused { reason: String },
}

/// Why somebody is paused who said nothing.
const AWAY: &str = "did not answer";

#[derive(Debug)]
pub(super) struct Agent {
    pub profile: Profile,
    pub presence: Presence,
    pub ringing: Option<TicketId>,
    /// The tickets they have accepted, and since when each of them has kept them: since it rang.
    pub with: BTreeMap<TicketId, Instant>,
    pub wrap_up: Option<WrapUp>,
    /// Since when they have had nothing to do.
    pub idle: Instant,
    /// Callers they were with today.
    pub calls: u32,
    /// Tickets in a row that they left unanswered.
    pub missed: u32,
    /// What they were last seen doing, and since when.
    pub seen: (State, Instant),
}

/// After a call, until the agent is done or it has taken too long.
#[derive(Debug)]
pub(super) struct WrapUp {
    pub until: Instant,
    /// The calls that are being written up: of which queue, and since when they have kept the agent.
    pub of: Vec<(String, Instant)>,
}

impl Agent {
    pub fn new(profile: Profile, now: Instant) -> Self {
        Self {
            profile,
            presence: Presence::Offline,
            ringing: None,
            with: BTreeMap::new(),
            wrap_up: None,
            idle: now,
            calls: 0,
            missed: 0,
            seen: (State::Offline, now),
        }
    }

    pub fn state(&self) -> State {
        if !self.with.is_empty() {
            return State::Busy;
        }
        match &self.presence {
            Presence::Offline => State::Offline,
            Presence::Available if self.ringing.is_some() => State::Ringing,
            Presence::Available | Presence::Paused { .. } if self.wrap_up.is_some() => State::WrapUp,
            Presence::Available => State::Available,
            Presence::Paused { reason } => State::Paused { reason: reason.clone() },
        }
    }

    /// Signed in, paused or not.
    pub fn is_signed_in(&self) -> bool {
        self.presence != Presence::Offline
    }

    /// Taking calls, now or after the one they are in.
    pub fn is_at_work(&self) -> bool {
        self.presence == Presence::Available && self.profile.capacity > 0
    }

    /// Could be rung this moment.
    pub fn is_free(&self) -> bool {
        self.is_at_work() && self.ringing.is_none() && self.wrap_up.is_none() && self.with.len() < self.profile.capacity
    }

    pub fn can(&self, needs: &Needs<'_>) -> bool {
        let speaks = needs
            .language
            .is_none_or(|language| self.profile.languages.contains(&language));
        speaks
            && needs
                .skills
                .iter()
                .all(|skill| self.profile.skills.iter().any(|own| own == skill))
    }

    /// They did not answer, or could not. Whether that was once too often: they are paused.
    pub fn miss(&mut self) -> bool {
        self.missed = self.missed.saturating_add(1);
        let away = self.missed >= MISSED && self.is_at_work();
        if away {
            self.missed = 0;
            self.presence = Presence::Paused {
                reason: AWAY.to_owned(),
            };
        }
        away
    }

    /// A call that they were in is over, and to be written up for so long. The calls that are done with it: of which queue, and since when
    /// they had kept the agent.
    pub fn close(&mut self, ticket: TicketId, queue: &str, wrap_up: Duration, now: Instant) -> Vec<(String, Instant)> {
        let Some(since) = self.with.remove(&ticket) else {
            return Vec::new();
        };
        self.idle = now;
        let call = (queue.to_owned(), since);
        if wrap_up.is_zero() || !self.is_signed_in() {
            return vec![call];
        }
        let until = super::later(now, wrap_up);
        let writing = self.wrap_up.get_or_insert(WrapUp { until, of: Vec::new() });
        writing.until = writing.until.max(until);
        writing.of.push(call);
        Vec::new()
    }

    /// The writing is done. What was written up, as [`Agent::close`] has it.
    pub fn done(&mut self, now: Instant) -> Vec<(String, Instant)> {
        let Some(wrap_up) = self.wrap_up.take() else {
            return Vec::new();
        };
        self.idle = now;
        wrap_up.of
    }
}

/// The one who comes after `last` in the order of their numbers, and the first after the last.
pub(super) fn next_in_turn(agents: &[AgentId], last: Option<AgentId>) -> Option<AgentId> {
    let after = agents
        .iter()
        .copied()
        .filter(|agent| last.is_none_or(|last| *agent > last));
    after.min().or_else(|| agents.iter().copied().min())
}
