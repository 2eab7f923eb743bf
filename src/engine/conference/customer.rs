//! A conference whose caller is called back: they have hung up, and there is no bot to give them to. Who accepts them hears what it is about, and
//! then how their telephone rings; as soon as they answer the two are together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::party::Stage;
use super::{Conference, Ticket};
use crate::audio::tone::ring_back;
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::call::brief::Brief;
use crate::desk::TicketId;
use crate::engine::Bot;
use crate::engine::letters::Letter;
use crate::language::Voice;

/// One ring and the silence after it.
const RING: Duration = Duration::from_secs(6);

/// Where the caller is.
#[derive(Debug)]
pub(super) enum Caller {
    /// On the line; the bot has them when no person has.
    WithBot,
    /// To be called, and not on the line yet.
    Awaited { ring: Arc<[i16]>, at: usize },
    /// They were called back, and are on the line.
    Back,
}

impl Caller {
    fn awaited() -> Self {
        Self::Awaited {
            ring: ring_back(RING).into(),
            at: 0,
        }
    }

    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Awaited { .. })
    }

    /// The next 20 ms of what is heard of their telephone; nothing when they are there.
    pub fn rings(&mut self) -> Option<Frame> {
        let Self::Awaited { ring, at } = self else { return None };
        let frame = Frame::from_slice(ring.get(*at..).unwrap_or_default());
        *at = if *at + FRAME_SAMPLES < ring.len() {
            *at + FRAME_SAMPLES
        } else {
            0
        };
        Some(frame)
    }
}

impl Ticket {
    pub fn id(&self) -> TicketId {
        self.id
    }

    /// A ticket that was booked.
    pub fn booked(bot: &Arc<Bot>, id: TicketId, queue: String) -> Self {
        Self {
            bot: Arc::clone(bot),
            id,
            queue: Some(queue),
        }
    }
}

impl Conference {
    /// The caller hangs up and keeps their place: whoever has the ticket, and reads these letters, has them called. Who rings is rung by them. None: they are with
    /// somebody already, or not in line any more.
    pub fn hand_on(&mut self, letters: &mpsc::Sender<Letter>) -> Option<Ticket> {
        let ticket = self.ticket.take();
        self.leave();
        let ticket = ticket?;
        self.bot.floor.call_back(ticket.id, letters).ok()?;
        Some(ticket)
    }

    /// In which the caller waits.
    pub fn queue_name(&self) -> Option<String> {
        self.ticket.as_ref()?.queue.clone()
    }

    /// The caller of this ticket is to be called; agents are told `brief`, by `voice`.
    pub fn adopt(&mut self, ticket: Ticket, brief: Brief, voice: Voice) {
        (self.brief, self.voice) = (brief, voice);
        self.bot.floor.is_of(ticket.id, self.number);
        self.ticket = Some(ticket);
        self.caller = Caller::awaited();
        self.changed = true;
    }

    /// Gives the ticket back, whom nobody is rung for now.
    pub fn disown(&mut self) -> Option<Ticket> {
        let ticket = self.ticket.take();
        self.leave();
        ticket
    }

    /// Whether nobody is rung or speaks.
    pub fn is_deserted(&self) -> bool {
        self.parties.iter().all(|party| !party.part.speaks())
    }

    /// Whether somebody has accepted.
    pub fn is_accepted(&self) -> bool {
        self.parties
            .iter()
            .any(|party| party.part.speaks() && !matches!(party.stage, Stage::Ringing))
    }

    /// The customer is on the line: who has accepted is with them at once, whatever they still hear.
    pub fn arrived(&mut self) {
        self.caller = Caller::Back;
        if let Some(ticket) = self.ticket() {
            self.bot.floor.reached(ticket);
        }
        let mut ready = Vec::new();
        for party in self.parties.iter_mut().filter(|party| party.part.speaks()) {
            if matches!(party.stage, Stage::Coming | Stage::Briefed { .. }) {
                party.stage = Stage::Coming;
                ready.extend(party.is_up().then_some(party.id));
            }
        }
        for id in ready {
            self.join(id);
        }
    }

    /// The customer is not called after all: nobody waits for them any more, whoever is rung.
    pub fn dismiss(&mut self) {
        self.parties
            .retain(|party| !party.part.speaks() || matches!(party.stage, Stage::Ringing));
        self.changed = true;
    }

    /// The customer does not answer: who waits for them is free again.
    pub fn unreached(&mut self) {
        self.parties.retain(|party| !party.part.speaks());
        self.changed = true;
        if let Some(ticket) = self.ticket() {
            self.bot.floor.not_reached(ticket);
        }
    }

    /// Whether somebody of a page may have them go on with a bot.
    pub(super) fn has_bot(&self) -> Result<(), String> {
        match self.caller {
            Caller::WithBot => Ok(()),
            Caller::Awaited { .. } | Caller::Back => {
                Err("the customer was called back: there is no bot to give them to".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_accepted_hears_it_ring_until_the_customer_is_there() {
        let mut caller = Caller::awaited();
        let heard: Vec<bool> = (0..600)
            .map(|_| caller.rings().expect("it rings").level() > -30.0)
            .collect();
        // Two seconds of every six, without a gap between one cycle and the next.
        assert!(heard[1..99].iter().all(|loud| *loud) && heard[301..399].iter().all(|loud| *loud));
        assert!(heard[101..299].iter().all(|loud| !loud) && heard[401..599].iter().all(|loud| !loud));
        assert!(Caller::Back.rings().is_none() && Caller::WithBot.rings().is_none());
    }
}
