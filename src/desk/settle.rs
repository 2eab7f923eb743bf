//! What follows: what is due ends, free agents are rung, callers are told.
//!
//! After every input the desk is settled: no ticket waits that a free agent may be rung for, and nothing is due that has not happened.

use std::time::{Duration, Instant};

use super::agent::{State, next_in_turn};
use super::ticket::{Reach, Stage, Ticket};
use super::{AgentId, CALLBACK_LIFE, Desk, Doors, GRACE, Line, Output, Overflow, PREFERENCE, Stop, TicketId, later};
use crate::dialplan::queue::Strategy;

/// What has become of a ticket by itself.
enum Due {
    Unanswered,
    NotConnected,
    NotReached,
    BackInLine,
    GivenUp,
    Overflow(Overflow),
}

impl Desk {
    /// Brings everything to where it is at `now`; a time that is past is taken for the latest known.
    pub(super) fn settle(&mut self, now: Instant) {
        self.advance(now);
        self.expire();
        self.ring();
        self.tell();
        self.watch();
        self.settled = self.now;
    }

    fn expire(&mut self) {
        let now = self.now;
        let mut written = Vec::new();
        for agent in self.agents.values_mut() {
            if agent.wrap_up.as_ref().is_some_and(|wrap_up| wrap_up.until <= now) {
                written.extend(agent.done(now));
            }
        }
        self.handled(written);
        let ids: Vec<TicketId> = self.tickets.keys().copied().collect();
        for id in ids {
            // A ring that ends may end the waiting too; no ticket has more ends than that.
            for _ in 0..3 {
                let Some(due) = self.due(id) else { break };
                self.end(id, due);
            }
        }
    }

    /// What is due of a ticket. Notes since when nobody is there for it.
    fn due(&mut self, id: TicketId) -> Option<Due> {
        let now = self.now;
        let alone = self.is_alone(id);
        let ticket = self.tickets.get_mut(&id)?;
        let line = self.lines.get(&ticket.wish.queue)?;
        match (&ticket.stage, ticket.reach) {
            (Stage::Ringing { until, .. }, _) => (*until <= now).then_some(Due::Unanswered),
            (Stage::Connecting { until, .. }, Reach::Away { .. }) => (*until <= now).then_some(Due::NotReached),
            (Stage::Connecting { until, .. }, Reach::Holding | Reach::Back) => {
                (*until <= now).then_some(Due::NotConnected)
            }
            (Stage::Talking { .. }, _) => None,
            (Stage::Waiting | Stage::Resting { .. }, Reach::Away { since, .. })
                if later(since, CALLBACK_LIFE) <= now =>
            {
                Some(Due::GivenUp)
            }
            (Stage::Resting { until }, _) => (*until <= now).then_some(Due::BackInLine),
            (Stage::Waiting, Reach::Away { .. }) => None,
            (Stage::Waiting, Reach::Holding | Reach::Back) => {
                ticket.alone = alone.then(|| ticket.alone.unwrap_or(now));
                if later(ticket.since, line.rules.max_wait) <= now {
                    return Some(Due::Overflow(Overflow::Waited));
                }
                let late = ticket.alone.is_some_and(|since| later(since, GRACE) <= now);
                late.then_some(Due::Overflow(Overflow::NoAgents))
            }
        }
    }

    fn end(&mut self, id: TicketId, due: Due) {
        match due {
            Due::Unanswered => self.unanswered(id),
            Due::NotConnected => self.not_connected(id),
            Due::NotReached => {
                self.say(Output::StopDialling { ticket: id });
                self.unreached(id);
            }
            Due::BackInLine => {
                if let Some(ticket) = self.tickets.get_mut(&id) {
                    ticket.stage = Stage::Waiting;
                }
            }
            Due::GivenUp => self.give_up(id),
            Due::Overflow(why) => self.overflow(id, why),
        }
    }

    fn unanswered(&mut self, id: TicketId) {
        let now = self.now;
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        let Stage::Ringing { agents, .. } = std::mem::replace(&mut ticket.stage, Stage::Waiting) else {
            return;
        };
        for agent in &agents {
            ticket.passed.insert(*agent, now);
        }
        for agent in agents {
            self.stop_ringing(id, agent, Stop::Unanswered);
            self.miss(agent);
        }
    }

    fn not_connected(&mut self, id: TicketId) {
        let stage = self.tickets.get(&id).map(|ticket| &ticket.stage);
        let Some(Stage::Connecting { agent, .. }) = stage else {
            return;
        };
        let agent = *agent;
        self.unconnect(id, agent);
        self.say(Output::StopRinging {
            ticket: id,
            agent,
            why: Stop::NotConnected,
        });
        self.miss(agent);
    }

    /// Whether nobody is signed in who could take it, however long it waits.
    fn is_alone(&self, id: TicketId) -> bool {
        let Some((ticket, line)) = self.ticket(id) else {
            return false;
        };
        let needs = ticket.least_needs(&line.rules);
        let mut signed_in = self.agents.iter().filter(|(_, agent)| agent.is_signed_in());
        !signed_in.any(|(id, agent)| ticket.wish.preferred == Some(*id) || agent.can(&needs))
    }

    /// A ticket and its queue.
    pub(super) fn ticket(&self, id: TicketId) -> Option<(&Ticket, &Line)> {
        let ticket = self.tickets.get(&id)?;
        Some((ticket, self.lines.get(&ticket.wish.queue)?))
    }

    /// The tickets for whom agents are wanted, the first first.
    pub(super) fn in_order(&self) -> Vec<TicketId> {
        let waiting = self
            .tickets
            .iter()
            .filter(|(_, ticket)| matches!(ticket.stage, Stage::Waiting));
        let mut places: Vec<_> = waiting
            .filter_map(|(id, ticket)| Some(ticket.place(*id, &self.lines.get(&ticket.wish.queue)?.rules, self.now)))
            .collect();
        places.sort();
        places.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Who is at work and may take a ticket as long as it has waited by now, in the order of their numbers.
    pub(super) fn able(&self, id: TicketId) -> Vec<AgentId> {
        let Some((ticket, line)) = self.ticket(id) else {
            return Vec::new();
        };
        let needs = ticket.needs(&line.rules, self.now);
        let at_work = self.agents.iter().filter(|(_, agent)| agent.is_at_work());
        at_work
            .filter(|(id, agent)| ticket.wish.preferred == Some(**id) || agent.can(&needs))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Rings for each ticket in turn whoever is free. What one ticket is given, or refused, never makes an agent free for one before it.
    fn ring(&mut self) {
        for id in self.in_order() {
            if !self.agents.values().any(|agent| agent.is_free()) {
                return;
            }
            let chosen = self.choose(id);
            if chosen.is_empty() {
                continue;
            }
            let (now, mut until) = (self.now, self.now);
            if let Some(ticket) = self.tickets.get_mut(&id)
                && let Some(line) = self.lines.get_mut(&ticket.wish.queue)
            {
                until = later(now, line.rules.ring);
                line.last = chosen.last().copied();
                ticket.alone = None;
                ticket.stage = Stage::Ringing {
                    agents: chosen.iter().copied().collect(),
                    since: now,
                    until,
                };
            }
            for agent in chosen {
                if let Some(known) = self.agents.get_mut(&agent) {
                    known.ringing = Some(id);
                }
                let ticket = id;
                self.say(Output::Ring { ticket, agent, until });
            }
        }
    }

    /// Whom a ticket rings now.
    pub(super) fn choose(&self, id: TicketId) -> Vec<AgentId> {
        let able = self.able(id);
        let now = self.now;
        let Some((ticket, line)) = self.ticket(id) else {
            return Vec::new();
        };
        if matches!(ticket.reach, Reach::Away { .. }) && line.doors == Doors::Closed {
            return Vec::new();
        }
        let first = ticket.wish.preferred.filter(|first| {
            let waits = now < later(ticket.since, PREFERENCE);
            waits && able.contains(first) && !ticket.passed.contains_key(first)
        });
        let asked = able.iter().copied().filter(|agent| {
            let theirs = first.is_none_or(|first| first == *agent) && ticket.may_ask(*agent, &able, now);
            theirs && self.agents.get(agent).is_some_and(|agent| agent.is_free())
        });
        let mut free: Vec<AgentId> = asked.collect();
        if line.rules.strategy != Strategy::RingAll {
            // Who was never asked goes first, then who was asked longest ago.
            let longest = free.iter().map(|agent| ticket.passed.get(agent)).min().flatten();
            free.retain(|agent| ticket.passed.get(agent) == longest);
        }
        let known = |agent: &AgentId| self.agents.get(agent);
        let one = match line.rules.strategy {
            Strategy::RingAll => return free,
            Strategy::RoundRobin => next_in_turn(&free, line.last),
            Strategy::LongestIdle => free
                .into_iter()
                .min_by_key(|agent| (known(agent).map(|agent| (agent.with.len(), agent.idle)), *agent)),
            Strategy::FewestCalls => free
                .into_iter()
                .min_by_key(|agent| (known(agent).map(|agent| (agent.calls, agent.idle)), *agent)),
        };
        one.into_iter().collect()
    }

    /// Tells those who wait how long it will be, and offers to call them back.
    fn tell(&mut self) {
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if !self.tickets.values().any(|ticket| ticket.is_told(now)) {
            return;
        }
        let order = self.in_order();
        for (at, id) in order.iter().copied().enumerate() {
            let Some(ticket) = self.tickets.get_mut(&id).filter(|ticket| ticket.is_told(now)) else {
                continue;
            };
            let again = self
                .lines
                .get(&ticket.wish.queue)
                .and_then(|line| line.rules.announce_wait);
            let announced = is_due(ticket.announce);
            if announced {
                ticket.announce = again.map(|every| later(now, every.max(Duration::from_secs(1))));
            }
            let offered = is_due(ticket.offer);
            if offered {
                ticket.offer = None;
            }
            let queue = ticket.wish.queue.clone();
            let ahead = order.get(..at).unwrap_or_default();
            if announced {
                let others = ahead.iter().filter_map(|other| self.tickets.get(other));
                let position = others.filter(|other| other.wish.queue == queue).count() + 1;
                let wait = self.expected(&queue, &self.able(id), ahead);
                self.say(Output::Announce {
                    ticket: id,
                    position,
                    wait,
                });
            }
            if offered {
                self.say(Output::OfferCallback { ticket: id });
            }
        }
    }

    /// Notes since when each agent does what they do.
    fn watch(&mut self) {
        for agent in self.agents.values_mut() {
            let state: State = agent.state();
            if state != agent.seen.0 {
                agent.seen = (state, self.now);
            }
        }
    }
}
