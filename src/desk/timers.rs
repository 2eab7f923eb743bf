//! When something is due next, and what.

use std::time::Instant;

use super::ticket::{Reach, Stage, Ticket};
use super::{CALLBACK_LIFE, Desk, GRACE, Line, PREFERENCE, REST, TURN, later};

impl Desk {
    /// When [`Desk::handle_timeout`] is to be called at the latest, and what for; always later than the last time that was told. None: nothing
    /// will happen by itself.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let writing = self.agents.values().filter_map(|agent| agent.wrap_up.as_ref());
        let writing = writing.map(|wrap_up| (wrap_up.until, "wrap-up"));
        let tickets = self.tickets.values().filter_map(|ticket| {
            let line = self.lines.get(&ticket.wish.queue)?;
            self.next_of(ticket, line)
        });
        writing.chain(tickets).filter(|(at, _)| *at > self.now).min()
    }

    /// Whether nothing is due until then: the desk is where it was settled, whatever is told of it that it knows.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        // Who is rung for is told as well, and that alone wakes nobody.
        let told = self.tickets.values().any(|ticket| ticket.is_told(now));
        !told && self.settled == self.now && self.poll_timeout().is_none_or(|(at, _)| at > now)
    }

    /// Time passes in which nothing is due.
    pub(super) fn pass(&mut self, now: Instant) {
        self.advance(now);
        self.settled = self.now;
    }

    fn next_of(&self, ticket: &Ticket, line: &Line) -> Option<(Instant, &'static str)> {
        let mut due = Vec::new();
        match &ticket.stage {
            Stage::Ringing { until, .. } => due.push((*until, "ring")),
            Stage::Connecting { until, .. } => due.push((*until, "connection")),
            Stage::Talking { .. } => {}
            Stage::Resting { until } => due.push((*until, "callback")),
            Stage::Waiting => {
                let widen = line.rules.widen.iter();
                due.extend(widen.map(|step| (later(ticket.since, step.after), "skills widen")));
                let again = ticket.passed.values();
                due.extend(again.flat_map(|last| [REST, TURN].map(|after| (later(*last, after), "asked again"))));
                if ticket.wish.preferred.is_some() {
                    due.push((later(ticket.since, PREFERENCE), "preferred agent"));
                }
                if ticket.holds() {
                    due.push((later(ticket.since, line.rules.max_wait), "overflow"));
                    due.extend(ticket.alone.map(|since| (later(since, GRACE), "nobody signed in")));
                    due.extend(ticket.announce.map(|at| (at, "announcement")));
                    due.extend(ticket.offer.map(|at| (at, "offer of a callback")));
                }
            }
        }
        if let (Stage::Waiting | Stage::Resting { .. }, Reach::Away { since, .. }) = (&ticket.stage, ticket.reach) {
            due.push((later(since, CALLBACK_LIFE), "callback given up"));
        }
        due.into_iter().filter(|(at, _)| *at > self.now).min()
    }
}
