//! What agents say of themselves: that they are here, pause, are done, or go.
//!
//! It takes effect at once on what rings, and after it on a call that they are in: no caller loses an agent by a key on a page.

use std::time::Instant;

use super::agent::{Agent, Presence, Profile};
use super::ticket::{Stage, Ticket};
use super::{AgentId, Desk, Output, Stop};

impl Desk {
    /// The agent is here and takes calls. Who is here already only has another profile now: a pause goes on, and so does a call.
    pub fn sign_in(&mut self, now: Instant, agent: AgentId, profile: Profile) {
        let known = self.agents.get(&agent);
        let same = known.is_some_and(|known| known.is_signed_in() && known.profile == profile);
        if same && self.is_settled(now) {
            return self.pass(now);
        }
        self.advance(now);
        let now = self.now;
        let tickets = &self.tickets;
        let known = self.agents.entry(agent).or_insert_with(|| {
            let mut new = Agent::new(profile.clone(), now);
            // They may have taken somebody before.
            let has = |ticket: &Ticket| matches!(ticket.stage, Stage::Connecting { agent: with, .. } | Stage::Talking { agent: with } if with == agent);
            new.with.extend(tickets.iter().filter(|(_, ticket)| has(ticket)).map(|(id, _)| (*id, now)));
            new
        });
        known.profile = profile;
        if !known.is_signed_in() {
            known.presence = Presence::Available;
            known.idle = now;
            known.missed = 0;
        }
        self.settle(now);
    }

    /// The agent is here no longer. What rings goes to the next one; a call that they are in goes on until it is over, or [`Desk::lost`].
    pub fn sign_out(&mut self, now: Instant, agent: AgentId) {
        let known = self.agents.get(&agent);
        let gone =
            known.is_none_or(|known| !known.is_signed_in() && known.wrap_up.is_none() && known.ringing.is_none());
        if gone && self.is_settled(now) {
            return self.pass(now);
        }
        self.advance(now);
        if let Some(known) = self.agents.get_mut(&agent) {
            known.presence = Presence::Offline;
            let written = known.done(self.now);
            self.handled(written);
            self.withdraw(agent);
        }
        self.settle(now);
    }

    /// The agent takes no more calls for a while; what rings goes to the next one.
    pub fn pause(&mut self, now: Instant, agent: AgentId, reason: &str) {
        self.advance(now);
        if let Some(known) = self.agents.get_mut(&agent)
            && known.is_signed_in()
        {
            known.presence = Presence::Paused {
                reason: reason.to_owned(),
            };
            self.withdraw(agent);
        }
        self.settle(now);
    }

    /// The pause is over.
    pub fn resume(&mut self, now: Instant, agent: AgentId) {
        self.advance(now);
        if let Some(known) = self.agents.get_mut(&agent)
            && matches!(known.presence, Presence::Paused { .. })
        {
            known.presence = Presence::Available;
            known.idle = self.now;
            known.missed = 0;
        }
        self.settle(now);
    }

    /// The agent has written down what there was to write.
    pub fn done(&mut self, now: Instant, agent: AgentId) {
        self.advance(now);
        if let Some(known) = self.agents.get_mut(&agent) {
            let written = known.done(self.now);
            self.handled(written);
        }
        self.settle(now);
    }

    /// What rings at an agent no longer does.
    fn withdraw(&mut self, agent: AgentId) {
        let Some(ticket) = self.agents.get_mut(&agent).and_then(|known| known.ringing.take()) else {
            return;
        };
        self.say(Output::StopRinging {
            ticket,
            agent,
            why: Stop::Withdrawn,
        });
        if let Some(rung) = self.tickets.get_mut(&ticket)
            && let Stage::Ringing { agents, .. } = &mut rung.stage
        {
            agents.remove(&agent);
            if agents.is_empty() {
                rung.stage = Stage::Waiting;
            }
        }
    }
}
