//! Who is told of what, as rows of the store: whoever sends them does so later, and nobody waits.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Runner;
use crate::clock;
use crate::config::campaigns::{Occasion, Webhook};
use crate::store;
use crate::store::campaigns::Hook;

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
}
