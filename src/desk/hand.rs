//! A ticket from hand to hand: it comes, is offered, taken, given back, called back, and goes.
//!
//! What an agent or a caller did is told here. What follows from it is for `settle` to say.

use std::mem;
use std::time::{Duration, Instant};

use super::estimate::End;
use super::ticket::{Declined, Reach, Stage, Ticket, Wish};
use super::{
    AgentId, CONNECTING, Desk, Doors, MOST_TICKETS, Output, Overflow, RETRY, Refused, Standing, Stop, TRIES, TicketId,
    later,
};

impl Desk {
    /// A caller wants a person. Where they cannot even wait, [`Output::Overflow`] says so.
    ///
    /// # Errors
    /// There is no such queue in the plan.
    pub fn enqueue(&mut self, now: Instant, wish: Wish) -> Result<TicketId, Refused> {
        self.advance(now);
        let now = self.now;
        let holding = self
            .tickets
            .values()
            .filter(|other| other.wish.queue == wish.queue && other.holds());
        let length = holding.count();
        let line = self.current(&wish.queue)?;
        let full = usize::try_from(line.rules.max_length).is_ok_and(|most| length >= most);
        let why = match line.doors {
            Doors::Closed => Some(Overflow::Closed),
            Doors::Open => full.then_some(Overflow::Full),
        };
        let announce = line.rules.announce_wait.map(|_| now);
        let offer = line.rules.offer_callback.map(|after| later(now, after));
        let ticket = Ticket {
            announce,
            offer,
            ..Ticket::new(wish, now, Reach::Holding, Stage::Waiting)
        };
        Ok(self.admit(ticket, why))
    }

    /// Somebody is to be called by an agent, at `at` or after it. They have the place of who comes then; one that is past, of who came then.
    ///
    /// # Errors
    /// There is no such queue in the plan.
    pub fn book(&mut self, now: Instant, wish: Wish, at: Instant) -> Result<TicketId, Refused> {
        self.advance(now);
        self.current(&wish.queue)?.tally.wish_callback();
        let reach = Reach::Away { since: at, tries: 0 };
        Ok(self.admit(Ticket::new(wish, at, reach, Stage::Resting { until: at }), None))
    }

    fn current(&mut self, queue: &str) -> Result<&mut super::Line, Refused> {
        let line = self.lines.get_mut(queue);
        line.filter(|line| line.standing == Standing::Current)
            .ok_or(Refused::NoSuchQueue)
    }

    fn admit(&mut self, ticket: Ticket, why: Option<Overflow>) -> TicketId {
        let id = TicketId(self.next);
        self.next = self.next.saturating_add(1);
        let why = why.or_else(|| (self.tickets.len() >= MOST_TICKETS).then_some(Overflow::Full));
        if let Some(line) = self.lines.get_mut(&ticket.wish.queue) {
            line.tally.offer();
        }
        self.tickets.insert(id, ticket);
        if let Some(why) = why {
            self.overflow(id, why);
        }
        self.settle(self.now);
        id
    }

    /// The caller has gone: from the line, which counts as abandoned, or from an agent, who may now write. One who was to be called back
    /// no longer wishes it.
    pub fn leave(&mut self, now: Instant, ticket: TicketId) {
        self.advance(now);
        if let Some(gone) = self.tickets.remove(&ticket) {
            let in_line = gone.is_in_line();
            let waited = self.now.saturating_duration_since(gone.since);
            let queue = gone.wish.queue;
            match gone.stage {
                Stage::Waiting | Stage::Resting { .. } => {}
                Stage::Ringing { agents, .. } => {
                    for agent in agents {
                        self.stop_ringing(ticket, agent, Stop::CallerGone);
                    }
                }
                Stage::Connecting { agent, .. } => {
                    if matches!(gone.reach, Reach::Away { .. }) {
                        self.say(Output::StopDialling { ticket });
                    }
                    self.release(ticket, agent);
                    self.say(Output::StopRinging {
                        ticket,
                        agent,
                        why: Stop::CallerGone,
                    });
                }
                Stage::Talking { agent } => self.close(ticket, agent, &queue, self.wrap_up(&queue)),
            }
            if let Some(line) = self.lines.get_mut(&queue).filter(|_| in_line) {
                match gone.reach {
                    Reach::Away { .. } => line.tally.give_up(),
                    Reach::Holding | Reach::Back => {
                        line.tally.abandon(waited);
                        line.patience.add(waited, End::HungUp);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// The agent takes the ticket; nobody else is rung for it from now on. Then connect them, or wait for [`Output::Dial`].
    ///
    /// # Errors
    /// They are not rung for it, or not any more.
    pub fn accept(&mut self, now: Instant, agent: AgentId, ticket: TicketId) -> Result<(), Refused> {
        self.advance(now);
        let until = later(self.now, CONNECTING);
        let taken = self.tickets.get_mut(&ticket).ok_or(Refused::NoSuchTicket)?;
        let (agents, since) = match &taken.stage {
            Stage::Ringing { agents, since, .. } if agents.contains(&agent) => (agents.clone(), *since),
            Stage::Waiting
            | Stage::Resting { .. }
            | Stage::Ringing { .. }
            | Stage::Connecting { .. }
            | Stage::Talking { .. } => return Err(Refused::NotRung),
        };
        taken.stage = Stage::Connecting { agent, since, until };
        let away = matches!(taken.reach, Reach::Away { .. });
        for other in agents.into_iter().filter(|other| *other != agent) {
            self.stop_ringing(ticket, other, Stop::Taken);
        }
        if let Some(known) = self.agents.get_mut(&agent) {
            known.ringing = None;
            known.missed = 0;
            known.with.insert(ticket, since);
        }
        if away {
            self.say(Output::Dial { ticket, agent });
        }
        self.settle(now);
        Ok(())
    }

    /// The plan has a way of its own for callers whom nobody wants: when an agent declines, and all who could take the ticket have been asked by
    /// then, it overflows.
    pub fn ends_when_declined(&mut self, ticket: TicketId) {
        if let Some(ticket) = self.tickets.get_mut(&ticket) {
            ticket.declined = Declined::Overflows;
        }
    }

    /// The agent, who was rung, or has accepted and hears what it is about, does not want it.
    pub fn decline(&mut self, now: Instant, agent: AgentId, ticket: TicketId) {
        self.advance(now);
        let declined = self.unring(ticket, agent) || self.unconnect(ticket, agent);
        if declined && let Some(known) = self.agents.get_mut(&agent) {
            known.missed = 0;
        }
        self.settle(now);
        if declined && self.is_unwanted(ticket) {
            self.overflow(ticket, Overflow::Declined);
        }
    }

    /// Whether nobody is left who could be asked, and the plan goes on then.
    fn is_unwanted(&self, id: TicketId) -> bool {
        self.tickets.get(&id).is_some_and(|ticket| {
            ticket.declined == Declined::Overflows
                && matches!(ticket.stage, Stage::Waiting)
                && ticket.holds()
                && self.able(id).iter().all(|able| ticket.passed.contains_key(able))
        })
    }

    /// The agent's line is gone, or could not be had: while they were rung, when they had accepted, or in the middle of the call. The caller
    /// goes on waiting where they stood.
    pub fn lost(&mut self, now: Instant, agent: AgentId, ticket: TicketId) {
        self.advance(now);
        if self.unring(ticket, agent) || self.unconnect(ticket, agent) {
            self.miss(agent);
        } else if self.untalk(ticket, agent) {
            let queue = self.tickets.get(&ticket).map(|ticket| ticket.wish.queue.clone());
            if let Some(queue) = queue {
                self.close(ticket, agent, &queue, Duration::ZERO);
                self.again(ticket, agent, &queue);
            }
        }
        self.settle(now);
    }

    /// The caller and the agent who accepted hear each other.
    pub fn bridged(&mut self, now: Instant, ticket: TicketId) {
        self.advance(now);
        let now = self.now;
        if let Some(taken) = self.tickets.get_mut(&ticket)
            && let Stage::Connecting { agent, since, .. } = taken.stage
        {
            taken.stage = Stage::Talking { agent };
            taken.alone = None;
            let reach = mem::replace(&mut taken.reach, Reach::Holding);
            if let Some(line) = self.lines.get_mut(&taken.wish.queue) {
                let waited = now.saturating_duration_since(taken.since);
                match reach {
                    Reach::Holding => {
                        line.tally.answer(waited);
                        line.patience.add(waited, End::Answered);
                        line.answering.add(now.saturating_duration_since(since));
                    }
                    Reach::Back | Reach::Away { .. } => line.tally.call_back(),
                }
            }
            if let Some(known) = self.agents.get_mut(&agent) {
                known.calls = known.calls.saturating_add(1);
            }
        }
        self.settle(now);
    }

    /// The caller wishes to be called back, and hangs up: they keep their place. A ring under way goes on.
    ///
    /// # Errors
    /// They are with an agent, or nearly, or not on the line.
    pub fn call_back(&mut self, now: Instant, ticket: TicketId) -> Result<(), Refused> {
        self.advance(now);
        let since = self.now;
        let waiting = self.tickets.get_mut(&ticket).ok_or(Refused::NoSuchTicket)?;
        if waiting.reach != Reach::Holding || !matches!(waiting.stage, Stage::Waiting | Stage::Ringing { .. }) {
            return Err(Refused::OutOfPlace);
        }
        waiting.reach = Reach::Away { since, tries: 0 };
        (waiting.announce, waiting.offer, waiting.alone) = (None, None, None);
        if let Some(line) = self.lines.get_mut(&waiting.wish.queue) {
            line.tally.wish_callback();
        }
        self.settle(now);
        Ok(())
    }

    /// The customer who was dialled has answered, and is on the line: should the agent be lost now, they wait as any caller does. To be told
    /// also where they answer too late to be wanted.
    pub fn reached(&mut self, now: Instant, ticket: TicketId) {
        self.advance(now);
        let now = self.now;
        if let Some(called) = self.tickets.get_mut(&ticket)
            && matches!(called.reach, Reach::Away { .. })
        {
            called.reach = Reach::Back;
            called.since = now;
            let line = self.lines.get(&called.wish.queue);
            called.announce = line.and_then(|line| line.rules.announce_wait).map(|_| now);
            if let Stage::Resting { .. } = called.stage {
                called.stage = Stage::Waiting;
            }
        }
        self.settle(now);
    }

    /// The customer who was dialled does not answer. The agent is free again.
    pub fn not_reached(&mut self, now: Instant, ticket: TicketId) {
        self.advance(now);
        self.unreached(ticket);
        self.settle(now);
    }

    /// The agent passes the caller on: to `queue`, and there to `preferred` first. They keep their place by when they came, and `agent`s who
    /// pass on may write, as after any call.
    ///
    /// # Errors
    /// There is no such queue in the plan, or the caller is not with an agent.
    pub fn requeue(
        &mut self,
        now: Instant,
        ticket: TicketId,
        queue: &str,
        preferred: Option<AgentId>,
    ) -> Result<(), Refused> {
        self.advance(now);
        self.current(queue)?;
        let passed = self.tickets.get_mut(&ticket).ok_or(Refused::NoSuchTicket)?;
        let Stage::Talking { agent } = passed.stage else {
            return Err(Refused::OutOfPlace);
        };
        passed.wish.preferred = preferred;
        let before = mem::replace(&mut passed.wish.queue, queue.to_owned());
        self.close(ticket, agent, &before, self.wrap_up(&before));
        self.again(ticket, agent, queue);
        self.settle(now);
        Ok(())
    }

    /// The agent takes a caller who is on the line, whoever is rung for them or has them: then [`Desk::bridged`], as for any who was rung.
    ///
    /// # Errors
    /// There is no such ticket, or the customer is not on the line.
    pub fn seize(&mut self, now: Instant, agent: AgentId, ticket: TicketId) -> Result<(), Refused> {
        self.advance(now);
        let since = self.now;
        let until = later(since, CONNECTING);
        let taken = self.tickets.get_mut(&ticket).ok_or(Refused::NoSuchTicket)?;
        if matches!(taken.reach, Reach::Away { .. }) {
            return Err(Refused::OutOfPlace);
        }
        let queue = taken.wish.queue.clone();
        match mem::replace(&mut taken.stage, Stage::Connecting { agent, since, until }) {
            Stage::Waiting | Stage::Resting { .. } => {}
            Stage::Ringing { agents, .. } => {
                for rung in agents {
                    self.stop_ringing(ticket, rung, Stop::Taken);
                }
            }
            Stage::Connecting { agent: before, .. } => {
                self.release(ticket, before);
                let why = Stop::Taken;
                self.say(Output::StopRinging {
                    ticket,
                    agent: before,
                    why,
                });
            }
            Stage::Talking { agent: before } => {
                self.close(ticket, before, &queue, self.wrap_up(&queue));
                if let Some(taken) = self.tickets.get_mut(&ticket) {
                    // They come anew.
                    taken.since = since;
                    taken.passed.clear();
                }
                if let Some(line) = self.lines.get_mut(&queue) {
                    line.tally.offer();
                }
            }
        }
        if let Some(known) = self.agents.get_mut(&agent) {
            known.with.insert(ticket, since);
        }
        self.settle(now);
        Ok(())
    }

    /// The agent is with somebody who came by no queue. The ticket is theirs until [`Desk::leave`]; no queue counts it.
    pub fn engage(&mut self, now: Instant, agent: AgentId) -> TicketId {
        self.advance(now);
        let wish = Wish {
            queue: String::new(),
            priority: 0,
            language: None,
            skills: Vec::new(),
            preferred: None,
        };
        let id = TicketId(self.next);
        self.next = self.next.saturating_add(1);
        let ticket = Ticket::new(wish, self.now, Reach::Holding, Stage::Talking { agent });
        self.tickets.insert(id, ticket);
        if let Some(known) = self.agents.get_mut(&agent) {
            known.with.insert(id, self.now);
        }
        self.settle(now);
        id
    }

    /// A ticket that was with `agent` waits in `queue` once more, in its old place.
    fn again(&mut self, ticket: TicketId, agent: AgentId, queue: &str) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(queue) else { return };
        line.tally.offer();
        let Some(ticket) = self.tickets.get_mut(&ticket) else {
            return;
        };
        ticket.since = now;
        ticket.stage = Stage::Waiting;
        ticket.announce = line.rules.announce_wait.map(|_| now);
        ticket.offer = line.rules.offer_callback.map(|after| later(now, after));
        ticket.passed.clear();
        ticket.passed.insert(agent, now);
    }

    /// Ends the waiting of one who is on the line.
    pub(super) fn overflow(&mut self, ticket: TicketId, why: Overflow) {
        let Some(gone) = self.tickets.remove(&ticket) else {
            return;
        };
        if let Some(line) = self.lines.get_mut(&gone.wish.queue) {
            line.tally.overflow();
        }
        self.say(Output::Overflow { ticket, why });
    }

    /// Nobody calls the customer back any more.
    pub(super) fn give_up(&mut self, ticket: TicketId) {
        let Some(gone) = self.tickets.remove(&ticket) else {
            return;
        };
        if let Some(line) = self.lines.get_mut(&gone.wish.queue) {
            line.tally.give_up();
        }
        self.say(Output::GiveUp { ticket });
    }

    /// As [`Desk::not_reached`].
    pub(super) fn unreached(&mut self, ticket: TicketId) {
        let until = later(self.now, RETRY);
        let Some(called) = self.tickets.get_mut(&ticket) else {
            return;
        };
        let (Stage::Connecting { agent, .. }, Reach::Away { tries, .. }) = (&called.stage, &mut called.reach) else {
            return;
        };
        *tries = tries.saturating_add(1);
        let (agent, tries) = (*agent, *tries);
        called.stage = Stage::Resting { until };
        self.release(ticket, agent);
        if tries >= TRIES {
            self.give_up(ticket);
        }
    }

    /// The agent no longer has anything to do with the ticket, and nothing to write about it.
    fn release(&mut self, ticket: TicketId, agent: AgentId) {
        if let Some(known) = self.agents.get_mut(&agent) {
            known.with.remove(&ticket);
        }
    }

    /// How long an agent may write after a call.
    fn wrap_up(&self, queue: &str) -> Duration {
        self.lines.get(queue).map(|line| line.rules.wrap_up).unwrap_or_default()
    }

    /// The agent's call is over, and to be written up for so long.
    fn close(&mut self, ticket: TicketId, agent: AgentId, queue: &str, wrap_up: Duration) {
        let now = self.now;
        if let Some(known) = self.agents.get_mut(&agent) {
            let over = known.close(ticket, queue, wrap_up, now);
            self.handled(over);
        }
    }

    /// The agent did not answer, or could not.
    pub(super) fn miss(&mut self, agent: AgentId) {
        if self.agents.get_mut(&agent).is_some_and(|known| known.miss()) {
            self.say(Output::Paused { agent });
        }
    }

    pub(super) fn stop_ringing(&mut self, ticket: TicketId, agent: AgentId, why: Stop) {
        if let Some(known) = self.agents.get_mut(&agent) {
            known.ringing = None;
        }
        self.say(Output::StopRinging { ticket, agent, why });
    }

    /// An agent who is rung did not take it. Whether they were rung.
    fn unring(&mut self, ticket: TicketId, agent: AgentId) -> bool {
        let now = self.now;
        let Some(rung) = self.tickets.get_mut(&ticket) else {
            return false;
        };
        let Stage::Ringing { agents, .. } = &mut rung.stage else {
            return false;
        };
        if !agents.remove(&agent) {
            return false;
        }
        if agents.is_empty() {
            rung.stage = Stage::Waiting;
        }
        rung.passed.insert(agent, now);
        if let Some(known) = self.agents.get_mut(&agent) {
            known.ringing = None;
        }
        true
    }

    /// An agent who had accepted is not there. Whether they had.
    pub(super) fn unconnect(&mut self, ticket: TicketId, agent: AgentId) -> bool {
        let now = self.now;
        let Some(taken) = self.tickets.get_mut(&ticket) else {
            return false;
        };
        if !matches!(taken.stage, Stage::Connecting { agent: with, .. } if with == agent) {
            return false;
        }
        taken.stage = Stage::Waiting;
        taken.passed.insert(agent, now);
        let away = matches!(taken.reach, Reach::Away { .. });
        self.release(ticket, agent);
        if away {
            self.say(Output::StopDialling { ticket });
        }
        true
    }

    /// Whether the caller talks to this agent.
    fn untalk(&self, ticket: TicketId, agent: AgentId) -> bool {
        let stage = self.tickets.get(&ticket).map(|ticket| &ticket.stage);
        matches!(stage, Some(Stage::Talking { agent: with }) if *with == agent)
    }
}
