//! Who goes: hangs up, is lost, or never came; and whom the caller is with then.

use std::time::{Duration, Instant};

use super::party::{Part, Party, Sound, Stage};
use super::{Conference, Effect, Hears};
use crate::call::Return;
use crate::sip::CallId;

/// A page that has no line after so long has none.
const PAGE: Duration = Duration::from_secs(10);
/// A telephone rings longer.
const TELEPHONE: Duration = Duration::from_secs(40);

impl Conference {
    /// Somebody's line is gone, or they have hung up.
    pub(super) fn left(&mut self, id: CallId, how: Return) {
        let Some(gone) = self.take(id) else { return };
        if !gone.part.speaks() {
            return;
        }
        let (part, name) = (gone.part, gone.name.clone());
        if !gone.speaks() {
            self.event(format!("{name} was gone before the caller was there"));
            let declines = how == Return::AgentLeft;
            let why = Return::NoAgent("they were gone before the caller was there".into());
            return self.stays_away(gone, declines, why);
        }
        let agent = gone.agent.zip(self.ticket());
        drop(gone);
        if part == Part::Agent {
            self.held = false;
        }
        if self.parties.iter().any(Party::speaks) {
            self.event(format!("{name} left the conference"));
            if part == Part::Agent {
                self.ticket = None;
            }
            return self.listen_anew();
        }
        if self.is_relieved(id) {
            self.event(format!("{name} is gone before who takes their place is there"));
            return self.waits();
        }
        let of_queue = self.ticket.as_ref().is_some_and(|ticket| ticket.queue.is_some());
        match (how, agent) {
            (Return::AgentLost, Some((agent, ticket))) if of_queue => {
                self.event(format!("the line of {name} broke"));
                self.waits();
                self.bot.floor.lost(agent, ticket);
            }
            (how, _) => self.back(how),
        }
    }

    /// The caller hears music, and waits for who comes.
    pub(super) fn waits(&mut self) {
        (self.held, self.hears) = (false, Hears::Own);
        self.effects.push_back(Effect::WaitsAgain);
    }

    /// Whether somebody is on their way in the place of `id`, who has gone.
    fn is_relieved(&mut self, id: CallId) -> bool {
        if let Some(next) = self.parties.iter_mut().find(|party| party.relieves == Some(id)) {
            next.relieves = None;
            self.ticket = None;
            return true;
        }
        let comes = |party: &Party| party.part == Part::Agent && matches!(party.stage, Stage::Coming);
        self.parties.iter().any(comes)
    }

    /// Somebody who was rung, or on their way, does not come: as they wished (`declines`), or not.
    pub(super) fn stays_away(&mut self, gone: Party, declines: bool, why: Return) {
        let (consulted, part, agent) = (gone.is_consulted(), gone.part, gone.agent);
        drop(gone);
        let left_alone = self.parties.iter().all(|party| !party.part.speaks());
        if consulted {
            return self.back(if declines { Return::Declined } else { why });
        }
        if part == Part::Guest {
            // Whoever had the caller has gone meanwhile.
            if left_alone && self.ticket.is_none() && self.parked.is_none() {
                self.back(why);
            }
            return;
        }
        let Some((agent, ticket)) = agent.zip(self.ticket()) else {
            return;
        };
        let of_queue = self.ticket.as_ref().is_some_and(|ticket| ticket.queue.is_some());
        let has = self
            .parties
            .iter()
            .find(|party| party.part == Part::Agent && party.speaks());
        if let Some((id, name)) = has.and_then(|party| Some((party.id, party.person.clone()?))) {
            // The caller stays with whom they are with.
            if let Ok(agent) = self.bot.floor.seize(&name, ticket) {
                self.bot.floor.bridged(ticket);
                if let Some(party) = self.party_mut(id) {
                    party.agent = Some(agent);
                }
            }
        } else if !of_queue {
            // The bot has them; or nobody, if who had them has gone meanwhile. Who is parked stays so.
            self.ticket = None;
            if self.hears == Hears::Own {
                self.back(why);
            }
        } else if declines {
            self.bot.floor.decline(agent, ticket);
        } else {
            self.bot.floor.lost(agent, ticket);
        }
    }

    /// Somebody goes, and the caller is with others.
    pub(super) fn free(&mut self, id: CallId) {
        let Some(gone) = self.take(id) else { return };
        if gone.part == Part::Agent {
            drop(gone);
            self.ticket = None;
            self.held = false;
        }
    }

    /// What does not come in time.
    pub(super) fn overdue(&mut self, now: Instant) {
        let late = |party: &&Party| match party.stage {
            Stage::Ringing => party.agent.is_none() && party.until.is_some_and(|until| now >= until),
            Stage::Coming | Stage::Briefed { .. } => {
                let longest = match party.sound {
                    Sound::Telephone { .. } => TELEPHONE,
                    Sound::Page { .. } => PAGE,
                };
                !party.is_up() && now.saturating_duration_since(party.since) >= longest
            }
            Stage::Joined => false,
        };
        if let Some(id) = self.parties.iter().find(late).map(|party| party.id) {
            self.left(id, Return::AgentLost);
        }
    }
}
