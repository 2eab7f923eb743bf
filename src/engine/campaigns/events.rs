//! What other systems tell: who is to be called for it, who no longer is, whose goal is reached.
//!
//! What an event means [`trigger`] says. It may be heeded twice, where the bot ended in the middle of it: that does no harm.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Runner;
use crate::campaign::book::ContactId;
use crate::campaign::contact;
use crate::campaign::trigger::{self, Meaning};
use crate::clock;
use crate::config::campaigns::Occasion;
use crate::dialplan::campaign::Campaign;
use crate::engine::letters::Letter;
use crate::store;
use crate::store::campaigns::{Event, Told};

/// Events that are read at once.
const PAGE: u32 = 100;
/// How a contact is closed whose goal is reached, and one that was called off.
const GOAL: &str = "goal";
const CANCELLED: &str = "cancelled";

impl Runner {
    /// Heeds what was told and not heeded yet, the first first; whether that was all. A burst is heeded in parts, and people are dialled between them.
    pub(super) async fn heed_events(&mut self) -> Result<bool, store::Error> {
        let events = self.office.store.unhandled_events(PAGE).await?;
        let all = events.len() < PAGE as usize;
        for event in events {
            let outcome = self.heed(&event).await?;
            self.office
                .store
                .event_handled(event.n, clock::wall(), &outcome)
                .await?;
        }
        Ok(all)
    }

    /// In words, what came of it.
    async fn heed(&mut self, event: &Event) -> Result<String, store::Error> {
        let told = trigger::Event {
            name: event.name.clone(),
            subject: event.subject.clone(),
            at: event.at,
            data: match serde_json::from_str(&event.body) {
                Ok(Value::Object(data)) => data,
                Ok(_) | Err(_) => Map::new(),
            },
        };
        let plan = std::sync::Arc::clone(&self.script.plan);
        let mut outcomes = Vec::new();
        for campaign in plan.campaigns.values() {
            for meaning in trigger::meanings(campaign, &told) {
                let outcome = match meaning {
                    Meaning::Call { row, due } => self.add(campaign, &row, due, event).await?,
                    Meaning::Cancel { key } => self.cancel(campaign, &key, event).await?,
                    Meaning::Goal { key } => self.reach(campaign, &key, event).await?,
                };
                outcomes.push(format!("{}: {outcome}", campaign.name));
            }
        }
        if outcomes.is_empty() {
            return Ok("no campaign waits for it".to_owned());
        }
        Ok(outcomes.join("; "))
    }

    /// Somebody is to be called from `due` on.
    async fn add(
        &mut self,
        campaign: &Campaign,
        row: &Map<String, Value>,
        due: Timestamp,
        event: &Event,
    ) -> Result<String, store::Error> {
        let new = match contact::read(campaign, row, self.office.region, due) {
            Ok(new) => new,
            Err(faults) => {
                let faults = faults.join("; ");
                tracing::warn!(
                    campaign = campaign.name,
                    event = event.key,
                    "nobody is called for it: {faults}"
                );
                return Ok(format!("nobody can be called: {faults}"));
            }
        };
        let key = new.key.clone();
        let store = &self.office.store;
        let added = store.add_contacts(&campaign.name, &[new], clock::wall()).await?;
        // What calls it off may have been told before: systems do not tell in order.
        let calls_off = campaign.trigger.iter().flat_map(|trigger| &trigger.cancel_on);
        for name in calls_off {
            if let Some(earlier) = store
                .event_about(name, (&campaign.contacts.key, &key), event.at)
                .await?
            {
                self.cancel(campaign, &key, &earlier).await?;
                return Ok(format!("`{key}` was called off before by `{name}`"));
            }
        }
        if added.added == 0 {
            return Ok(format!("`{key}` is known already"));
        }
        Ok(format!("`{key}` is to be called from {due} on"))
    }

    /// Who waits waits no longer, and whoever is on the line is told.
    async fn cancel(&mut self, campaign: &Campaign, key: &str, event: &Event) -> Result<String, store::Error> {
        let Some(contact) = self.office.store.contact_by_key(&campaign.name, key).await? else {
            return Ok(format!("nobody is known as `{key}`"));
        };
        let (id, at) = (ContactId(contact.id), clock::wall());
        // First the store: whatever comes next, nobody dials them again.
        let told = self.told_closed(&campaign.name, key, CANCELLED, Some(&event.name), at);
        let store = &self.office.store;
        let closed = store.cancel_contact(contact.id, at, &event.name, &told).await?;
        self.pacer.remove(&campaign.name, id);
        let told = self.open.get_mut(&id).is_some_and(|open| {
            if closed {
                open.closed = Some(CANCELLED);
            }
            let letter = Letter::Event(event.name.clone());
            open.letters.try_send(letter).is_ok()
        });
        Ok(match (closed, told) {
            (_, true) => format!("`{key}` is on the line, and the call is told"),
            (true, false) => format!("`{key}` is not called any more"),
            (false, false) => format!("`{key}` was closed already"),
        })
    }

    async fn reach(&mut self, campaign: &Campaign, key: &str, event: &Event) -> Result<String, store::Error> {
        let Some(contact) = self.office.store.contact_by_key(&campaign.name, key).await? else {
            return Ok(format!("nobody is known as `{key}`"));
        };
        if contact.goal.is_some() && contact.closed.is_some() {
            return Ok(format!("`{key}` had reached the goal"));
        }
        let (id, at) = (ContactId(contact.id), clock::wall());
        let told =
            json!({"campaign": campaign.name, "contact": key, "event": event.name, "held_out": contact.held_out});
        let told = Told {
            hooks: self.office.hooks.rows(Occasion::GoalReached, at, &told),
            audit: None,
        };
        self.office.store.reach_goal(contact.id, event.at, &told).await?;
        let told = self.told_closed(&campaign.name, key, GOAL, Some(&event.name), at);
        let closed = self.office.store.close_contact(contact.id, at, GOAL, &told).await?;
        self.pacer.remove(&campaign.name, id);
        let cancels = campaign
            .trigger
            .iter()
            .any(|trigger| trigger.cancel_on.contains(&event.name));
        if let Some(open) = self.open.get_mut(&id) {
            if closed {
                open.closed = Some(GOAL);
            }
            // Who is on the line may be told that it has come; what calls off is told there.
            if !cancels {
                open.letters.try_send(Letter::Event(event.name.clone())).ok();
            }
        }
        Ok(format!("`{key}` has reached the goal"))
    }
}
