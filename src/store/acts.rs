//! What the bot had done in a call, or wrote down for people to do, as rows.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, SqlitePool};

use super::records::time;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Act {
    pub at: Timestamp,
    pub kind: Kind,
    /// Of the tool; the type of the ticket.
    pub name: String,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    pub detail: serde_json::Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Tool,
    Ticket,
    Callback,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Tool => "tool",
            Kind::Ticket => "ticket",
            Kind::Callback => "callback",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Kind::Tool, Kind::Ticket, Kind::Callback]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

pub(super) async fn write(connection: &mut SqliteConnection, call: &str, acts: &[Act]) -> Result<(), sqlx::Error> {
    for (n, act) in acts.iter().enumerate() {
        sqlx::query("INSERT OR REPLACE INTO acts VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(call)
            .bind(n as i64)
            .bind(act.at.as_millisecond())
            .bind(act.kind.name())
            .bind(&act.name)
            .bind(&act.failure)
            .bind(act.detail.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn read(pool: &SqlitePool, call: &str) -> Result<Vec<Act>, sqlx::Error> {
    let rows = sqlx::query("SELECT * FROM acts WHERE call = ? ORDER BY n")
        .bind(call)
        .fetch_all(pool)
        .await?;
    rows.iter().filter_map(|row| act(row).transpose()).collect()
}

/// Nothing for a kind that a later version wrote.
fn act(row: &SqliteRow) -> Result<Option<Act>, sqlx::Error> {
    let (kind, detail): (String, String) = (row.try_get("kind")?, row.try_get("detail")?);
    let Some(kind) = Kind::from_name(&kind) else {
        return Ok(None);
    };
    Ok(Some(Act {
        at: time(row.try_get("at")?),
        kind,
        name: row.try_get("name")?,
        failure: row.try_get("failure")?,
        detail: serde_json::from_str(&detail).unwrap_or_default(),
    }))
}
