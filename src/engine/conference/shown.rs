//! What pages show of the people of a call: to each who is in it, what they are in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::party::{Part, Party, Stage};
use super::{Conference, Hears};
use crate::engine::live::{Roll, View, With};

impl Conference {
    /// Tells it as it is now.
    pub(super) fn show(&mut self) {
        let views = self
            .parties
            .iter()
            .filter_map(|party| Some((party.person.clone()?, self.view(party))));
        let views: BTreeMap<String, View> = views.collect();
        let agent = self
            .parties
            .iter()
            .find(|party| party.speaks())
            .map(|party| party.name.clone());
        let with = match (self.parked, &agent, &self.ticket) {
            (Some(_), ..) => With::Parked,
            (None, Some(_), _) => With::Agent,
            (None, None, Some(_)) => With::Queue,
            (None, None, None) => With::Bot,
        };
        let roll = Roll {
            with,
            agent,
            queue: self.ticket.as_ref().and_then(|ticket| ticket.queue.clone()),
            parties: self.parties.iter().map(|party| self.row(party)).collect(),
            views,
        };
        self.bot.live.people(self.number, roll);
    }

    fn view(&self, party: &Party) -> View {
        View {
            monitors: !party.part.speaks(),
            stage: self.stage(party),
            since: party.since,
            until: party.until,
            line: party.line_is(),
        }
    }

    fn stage(&self, party: &Party) -> &'static str {
        match (&party.stage, party.part) {
            (Stage::Ringing, _) => "ringing",
            (Stage::Briefed { .. }, _) => "brief",
            (Stage::Coming | Stage::Joined, Part::Listener) => "listening",
            (Stage::Coming | Stage::Joined, Part::Whisperer) => "whispering",
            (Stage::Coming, _) => "brief",
            (Stage::Joined, _) if self.held => "held",
            (Stage::Joined, Part::Guest) if party.person.is_some() && self.parties.len() > 1 => "barging",
            (Stage::Joined, _) => "talking",
        }
    }

    fn row(&self, party: &Party) -> Value {
        let kind = match (party.part, &party.person) {
            (Part::Listener | Part::Whisperer, _) => "monitor",
            (_, None) => "outside",
            (_, Some(_)) => "agent",
        };
        let on = match party.stage {
            Stage::Joined if self.hears == Hears::Music => "held",
            Stage::Joined => "talking",
            Stage::Ringing | Stage::Coming | Stage::Briefed { .. } => "ringing",
        };
        json!({"kind": kind, "name": party.name, "on": on})
    }
}
