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
use crate::store::campaigns::{ContactRow, Event};

/// Events that are read at once.
const PAGE: u32 = 100;
/// How a contact is closed whose goal is reached.
const GOAL: &str = "goal";

impl Runner {
    /// Heeds all that were told and not heeded yet, the first first.
    pub(super) async fn heed_events(&mut self) -> Result<(), store::Error> {
        loop {
            let events = self.office.store.unhandled_events(PAGE).await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                let outcome = self.heed(&event).await?;
                self.office
                    .store
                    .event_handled(event.n, clock::wall(), &outcome)
                    .await?;
            }
        }
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
        let id = ContactId(contact.id);
        // First the store: whatever comes next, nobody dials them again.
        let closed = self
            .office
            .store
            .cancel_contact(contact.id, clock::wall(), &event.name)
            .await?;
        self.pacer.remove(&campaign.name, id);
        let told = self.open.get(&id).is_some_and(|open| {
            let letter = Letter::Event(event.name.clone());
            open.letters.try_send(letter).is_ok()
        });
        if closed {
            self.closed(campaign, &contact, "cancelled", &event.name).await?;
        }
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
        self.office.store.reach_goal(contact.id, event.at).await?;
        let cancels = campaign
            .trigger
            .iter()
            .any(|trigger| trigger.cancel_on.contains(&event.name));
        if let Some(open) = self.open.get(&ContactId(contact.id)).filter(|_| !cancels) {
            // Who is on the line may be told that it has come; what calls off is told there.
            open.letters.try_send(Letter::Event(event.name.clone())).ok();
        }
        let held_out = contact.held_out;
        let told = json!({"campaign": campaign.name, "contact": key, "event": event.name, "held_out": held_out});
        self.tell(Occasion::GoalReached, told).await?;
        if self.office.store.close_contact(contact.id, clock::wall(), GOAL).await? {
            self.pacer.remove(&campaign.name, ContactId(contact.id));
            self.closed(campaign, &contact, GOAL, &event.name).await?;
        }
        Ok(format!("`{key}` has reached the goal"))
    }

    /// Others and the audit trail are told that a contact was closed by an event.
    async fn closed(
        &mut self,
        campaign: &Campaign,
        contact: &ContactRow,
        outcome: &str,
        event: &str,
    ) -> Result<(), store::Error> {
        let told = json!({"campaign": campaign.name, "contact": contact.key, "outcome": outcome, "event": event});
        let mut sealed = told.clone();
        if let Value::Object(sealed) = &mut sealed {
            sealed.insert("what".into(), "close".into());
        }
        self.office.store.audit_append(clock::wall(), &sealed).await?;
        self.tell(Occasion::ContactClosed, told).await
    }
}
