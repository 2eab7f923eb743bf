//! Who is told of what, as rows of the store: whoever sends them does so later, and nobody waits.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Runner;
use crate::clock;
use crate::config::campaigns::{Occasion, Webhook};
use crate::store;
use crate::store::campaigns::{Hook, Told};

/// The webhooks of the configuration.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Hooks(pub Vec<Webhook>);

impl Hooks {
    /// One for each that wants to know.
    pub fn rows(&self, occasion: Occasion, at: Timestamp, data: &Value) -> Vec<Hook> {
        let wanted = self.0.iter().filter(|hook| hook.on.contains(&occasion));
        let body = json!({"event": occasion.name(), "at": at, "data": data}).to_string();
        wanted
            .map(|hook| Hook {
                endpoint: hook.name.clone(),
                body: body.clone(),
            })
            .collect()
    }
}

impl Runner {
    /// Has others told.
    pub(super) async fn tell(&self, occasion: Occasion, data: Value) -> Result<(), store::Error> {
        let at = clock::wall();
        let rows = self.office.hooks.rows(occasion, at, &data);
        if rows.is_empty() {
            return Ok(());
        }
        self.office.store.queue_webhooks(&rows, at).await
    }

    /// Nobody calls a contact any more, and it was no call that led to it: others are told, and the audit trail.
    pub(super) fn told_closed(
        &self,
        campaign: &str,
        key: &str,
        outcome: &str,
        event: Option<&str>,
        at: Timestamp,
    ) -> Told {
        let mut told = json!({"campaign": campaign, "contact": key, "outcome": outcome});
        if let (Value::Object(fields), Some(event)) = (&mut told, event) {
            fields.insert("event".into(), event.into());
        }
        let hooks = self.office.hooks.rows(Occasion::ContactClosed, at, &told);
        if let Value::Object(fields) = &mut told {
            fields.insert("what".into(), "close".into());
        }
        Told {
            hooks,
            audit: Some(told),
        }
    }
}
