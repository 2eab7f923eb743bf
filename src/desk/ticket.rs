//! A ticket: somebody who wants a person, where they stand, and whom they have been offered to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::{AgentId, REST, TURN, TicketId, later};
use crate::dialplan::queue::Queue;
use crate::language::Language;

/// What a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub queue: String,
    /// Points; see [`Queue::priority_of`].
    pub priority: i32,
    /// An agent must speak it.
    pub language: Option<Language>,
    /// What an agent must have beside what the queue says.
    pub skills: Vec<String>,
    /// Asked first, whatever their skills are.
    pub preferred: Option<AgentId>,
}

#[derive(Debug)]
pub(super) struct Ticket {
    pub wish: Wish,
    /// When they came: that is their place, whatever happens.
    pub senior: Instant,
    /// Since when they have waited this time. Another than `senior` if they have been with an agent, or away, since they came.
    pub since: Instant,
    pub reach: Reach,
    pub stage: Stage,
    /// Agents who did not take it, and when they last did not.
    pub passed: BTreeMap<AgentId, Instant>,
    /// When to tell the caller next how long it will be.
    pub announce: Option<Instant>,
    /// When to offer to call them back.
    pub offer: Option<Instant>,
    /// Since when nobody who could take it has been signed in.
    pub alone: Option<Instant>,
    /// What follows when nobody wants it.
    pub declined: Declined,
}

/// What follows when an agent has declined, and all the others who could take the ticket did not either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declined {
    /// It waits until they may be asked again.
    Waits,
    Overflows,
}

/// How the one who waits is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// They are on the line.
    Holding,
    /// They are to be called back, as was said then; so often it was tried in vain.
    Away { since: Instant, tries: u32 },
    /// They were called back, and are on the line.
    Back,
}

#[derive(Debug)]
pub(super) enum Stage {
    Waiting,
    /// Out of the line until then: to be called back later.
    Resting {
        until: Instant,
    },
    Ringing {
        agents: BTreeSet<AgentId>,
        since: Instant,
        until: Instant,
    },
    /// An agent has accepted; they are being connected.
    Connecting {
        agent: AgentId,
        since: Instant,
        until: Instant,
    },
    Talking {
        agent: AgentId,
    },
}

/// What an agent must have.
pub(super) struct Needs<'a> {
    pub language: Option<Language>,
    pub skills: Vec<&'a str>,
}

/// Where a ticket stands: the least is the first.
pub(super) type Place = (Reverse<i128>, Instant, TicketId);

const NANOS_A_MINUTE: i128 = 60_000_000_000;

impl Ticket {
    /// Of one who comes at `senior`.
    pub fn new(wish: Wish, senior: Instant, reach: Reach, stage: Stage) -> Self {
        Self {
            wish,
            senior,
            since: senior,
            reach,
            stage,
            passed: BTreeMap::new(),
            announce: None,
            offer: None,
            alone: None,
            declined: Declined::Waits,
        }
    }

    /// The priority and what waiting has added, exactly: in points times the nanoseconds of a minute.
    pub fn place(&self, id: TicketId, rules: &Queue, now: Instant) -> Place {
        let waited = now.saturating_duration_since(self.senior).as_nanos();
        let waited = i128::try_from(waited).unwrap_or(i128::MAX);
        let given = i128::from(self.wish.priority).saturating_mul(NANOS_A_MINUTE);
        let weight = given.saturating_add(waited.saturating_mul(i128::from(rules.ageing)));
        (Reverse(weight), self.senior, id)
    }

    /// What an agent must have now.
    pub fn needs<'a>(&'a self, rules: &'a Queue, now: Instant) -> Needs<'a> {
        let over = |after| later(self.since, after) <= now;
        self.without(rules, |skill| {
            rules.widen.iter().any(|step| step.drop == skill && over(step.after))
        })
    }

    /// What an agent must have however long it waits.
    pub fn least_needs<'a>(&'a self, rules: &'a Queue) -> Needs<'a> {
        self.without(rules, |skill| rules.widen.iter().any(|step| step.drop == skill))
    }

    fn without<'a>(&'a self, rules: &'a Queue, dropped: impl Fn(&str) -> bool) -> Needs<'a> {
        let skills = rules.skills.iter().chain(&self.wish.skills).map(String::as_str);
        Needs {
            language: self.wish.language,
            skills: skills.filter(|skill| !dropped(skill)).collect(),
        }
    }

    /// Whether to ask an agent, who is one of `able`: again only after a rest, and when the others were asked since, or could not be for long.
    pub fn may_ask(&self, agent: AgentId, able: &[AgentId], now: Instant) -> bool {
        let Some(last) = self.passed.get(&agent) else {
            return true;
        };
        let others = || {
            able.iter()
                .all(|other| self.passed.get(other).is_some_and(|other| other >= last))
        };
        later(*last, REST) <= now && (later(*last, TURN) <= now || others())
    }
    /// Whether the caller is on the line and not with an agent.
    pub fn holds(&self) -> bool {
        !matches!(self.reach, Reach::Away { .. }) && self.is_in_line()
    }

    /// Whether the caller is to be told something by now.
    pub fn is_told(&self, now: Instant) -> bool {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        self.holds() && (is_due(self.announce) || is_due(self.offer))
    }

    /// Whether it is not yet told how the waiting ends.
    pub fn is_in_line(&self) -> bool {
        match self.stage {
            Stage::Waiting | Stage::Resting { .. } | Stage::Ringing { .. } | Stage::Connecting { .. } => true,
            Stage::Talking { .. } => false,
        }
    }
}
