//! What campaigns are to do, and what they have done.
//!
//! Campaigns are commanded through here: a command, a page or another system writes a wish, a contact, an event or a number that is never to be called,
//! and the running bot, which looks at [`Store::change_counter`], follows. So two processes write at once: each write is one transaction that takes the
//! lock when it begins. It knows no plan: whether somebody may be called is decided elsewhere, from what is read here.

mod attempts;
mod contacts;
mod do_not_call;
mod events;
mod known;
mod states;
mod sums;
mod trail;
mod webhooks;
#[cfg(test)]
mod tests;

pub use attempts::{AttemptRow, Begun, EndedAttempt, NewAttempt, NotBegun, Then};
pub use contacts::{Added, ContactRow, Earlier, Mark, Waiting};
pub use do_not_call::{INTERNAL, List, Listed};
pub use events::Event;
pub use known::Known;
pub use states::{CampaignState, Order, State};
pub use sums::{Standing, Status};
pub use webhooks::{Hook, Webhook};

use jiff::Timestamp;
use serde_json::Value;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Row, Transaction};

use crate::campaign::number::Number;

/// Who is told of a change, in the write that makes it: neither is there without the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub hooks: Vec<Hook>,
    /// For the audit trail.
    pub audit: Option<Value>,
}

impl Told {
    async fn put(&self, connection: &mut SqliteConnection, at: Timestamp) -> Result<(), sqlx::Error> {
        for hook in &self.hooks {
            webhooks::put(connection, hook, at).await?;
        }
        if let Some(audit) = &self.audit {
            trail::put(connection, at, audit).await?;
        }
        Ok(())
    }
}

/// One transaction that writes, from its first statement on: no other process comes between what it reads and what it writes.
async fn writing(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

/// Adds one to what the running bot looks at; the new count is the revision of what this transaction changes.
async fn bump(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let row = sqlx::query("UPDATE changes SET n = n + 1 RETURNING n")
        .fetch_one(connection)
        .await?;
    row.try_get("n")
}

/// The number that a row has; rows are written by nobody else, so it is one.
fn number(row: &SqliteRow) -> Result<Number, sqlx::Error> {
    let text: String = row.try_get("number")?;
    text.parse()
        .map_err(|why| sqlx::Error::Decode(format!("`{text}` is no number: {why}").into()))
}
