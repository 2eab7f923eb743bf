//! Whom campaigns call, as rows: open until nothing more is to be tried.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Told, bump, number, writing};
use crate::campaign::contact::NewContact;
use crate::campaign::number::Number;
use crate::store::records::time;
use crate::store::{Error, Store};

/// Added in one transaction: so long others wait to write, some 10 ms.
const BATCH: usize = 1_000;

/// What became of rows that were to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub added: u64,
    /// Rows whose keys the campaign had already, or that stood in a row before; what was there is left as it is.
    pub known: Vec<Earlier>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its place among the rows, from 0.
    pub row: usize,
    /// When that key was added.
    pub since: Timestamp,
}

/// All of a contact.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContactRow {
    pub id: i64,
    pub campaign: String,
    pub key: String,
    #[serde(serialize_with = "super::attempts::told")]
    pub number: Number,
    pub zone: Option<String>,
    pub proof: Option<String>,
    pub vars: Map<String, Value>,
    pub held_out: bool,
    pub due: Timestamp,
    /// The moment that they asked to be called at, until an attempt was made for it.
    pub appointment: Option<Timestamp>,
    /// All that were made.
    pub attempts: u32,
    /// Those of them that were made because they asked for them.
    pub appointments: u32,
    /// From when on nothing more is tried.
    pub closed: Option<Timestamp>,
    /// Why it is closed, in a word; before that of the last attempt.
    pub outcome: Option<String>,
    /// When it did what the campaign is for.
    pub goal: Option<Timestamp>,
    /// The event that called it off.
    pub cancelled: Option<String>,
    pub added: Timestamp,
}

/// What is needed to put contacts in order: light, since there may be a million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: i64,
    pub revision: i64,
    pub number: Number,
    /// Of the IANA database, where a column told it.
    pub zone: Option<String>,
    pub held_out: bool,
    pub due: Timestamp,
    pub appointment: Option<Timestamp>,
    /// All that were made.
    pub attempts: u32,
    /// Those of them that were made because they asked for them.
    pub appointments: u32,
    pub closed: bool,
}

/// How far somebody has read a campaign's changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    revision: i64,
    id: i64,
}

impl Mark {
    /// Behind all that was changed up to this count of [`Store::change_counter`].
    pub fn at(changes: u64) -> Self {
        let revision = i64::try_from(changes).unwrap_or(i64::MAX);
        Self { revision, id: i64::MAX }
    }

    /// Behind `row`.
    pub fn behind(row: &Waiting) -> Self {
        let Waiting { id, revision, .. } = *row;
        Self { revision, id }
    }
}

const LIGHT: &str = "id, revision, number, zone, held_out, due, appointment, attempts, appointments, closed";
const ALL: &str = "id, campaign, key, number, zone, proof, vars, held_out, due, appointment, attempts, appointments, closed, outcome, goal, cancelled, added";

impl Store {
    /// Adds those whose keys the campaign does not have yet, 1,000 a transaction; of two rows with one key the first.
    pub async fn add_contacts(&self, campaign: &str, rows: &[NewContact], at: Timestamp) -> Result<Added, Error> {
        let mut all = Added::default();
        for (n, batch) in rows.chunks(BATCH).enumerate() {
            let added = self.add_batch(campaign, batch, at).await.map_err(|e| self.wrong(e))?;
            all.added += added.added;
            all.known.extend(added.known.into_iter().map(|known| Earlier {
                row: known.row + n * BATCH,
                ..known
            }));
        }
        Ok(all)
    }

    /// Which of `keys` the campaign has, by their places, as [`Store::add_contacts`] would tell.
    pub async fn known_keys(&self, campaign: &str, keys: &[&str]) -> Result<Vec<Earlier>, Error> {
        let keys: Vec<(usize, &str)> = keys.iter().copied().enumerate().collect();
        self.access(async {
            let mut connection = self.pool.acquire().await?;
            since(&mut connection, campaign, &keys).await
        })
        .await
    }

    /// The batch goes as one JSON text: one statement, not a thousand.
    async fn add_batch(&self, campaign: &str, rows: &[NewContact], at: Timestamp) -> Result<Added, sqlx::Error> {
        let batch: Vec<Value> = rows.iter().map(fields).collect();
        let mut transaction = writing(&self.pool).await?;
        let revision = bump(&mut transaction).await?;
        let query = "INSERT INTO contacts (campaign, key, number, zone, proof, vars, held_out, due, added, revision) \
                     SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value -> 4, value ->> 5, value ->> 6, ?2, ?3 \
                     FROM json_each(?4) WHERE TRUE ON CONFLICT (campaign, key) DO NOTHING RETURNING key";
        let added = sqlx::query(query)
            .bind(campaign)
            .bind(at.as_millisecond())
            .bind(revision)
            .bind(Value::Array(batch).to_string())
            .fetch_all(&mut *transaction)
            .await?;
        let mut new: BTreeSet<String> = added.iter().map(|row| row.try_get("key")).collect::<Result<_, _>>()?;
        // What is taken out was the first row with that key.
        let known = rows.iter().enumerate().filter(|(_, row)| !new.remove(&row.key));
        let known: Vec<(usize, &str)> = known.map(|(at, row)| (at, row.key.as_str())).collect();
        let known = since(&mut transaction, campaign, &known).await?;
        transaction.commit().await?;
        let added = added.len() as u64;
        Ok(Added { added, known })
    }

    /// Those that may still be called, in the order of their ids, from behind `after` on.
    pub async fn open_contacts(&self, campaign: &str, after: i64, most: u32) -> Result<Vec<Waiting>, Error> {
        // The `+` has it walk by ids: by an index each page would be sorted anew.
        let query = format!(
            "SELECT {LIGHT} FROM contacts WHERE +campaign = ? AND closed IS NULL AND held_out = 0 AND id > ? ORDER BY id LIMIT ?"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(campaign)
            .bind(after)
            .bind(most)
            .fetch_all(&self.pool)
            .await;
        let rows = rows.and_then(|rows| rows.iter().map(waiting).collect());
        rows.map_err(|e| self.wrong(e))
    }

    /// Those that were added, closed, postponed or otherwise changed since `after`, in the order of the changes, whoever made them.
    pub async fn changed_contacts(&self, campaign: &str, after: Mark, most: u32) -> Result<Vec<Waiting>, Error> {
        let query = format!(
            "SELECT {LIGHT} FROM contacts WHERE campaign = ?1 AND (revision, id) > (?2, ?3) ORDER BY revision, id LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(campaign)
            .bind(after.revision)
            .bind(after.id)
            .bind(most)
            .fetch_all(&self.pool)
            .await;
        let rows = rows.and_then(|rows| rows.iter().map(waiting).collect());
        rows.map_err(|e| self.wrong(e))
    }

    pub async fn contact(&self, id: i64) -> Result<Option<ContactRow>, Error> {
        let query = format!("SELECT {ALL} FROM contacts WHERE id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(id)
            .fetch_optional(&self.pool)
            .await;
        let row = row.and_then(|row| row.as_ref().map(contact).transpose());
        row.map_err(|e| self.wrong(e))
    }

    pub async fn contact_by_key(&self, campaign: &str, key: &str) -> Result<Option<ContactRow>, Error> {
        let query = format!("SELECT {ALL} FROM contacts WHERE campaign = ? AND key = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(campaign)
            .bind(key)
            .fetch_optional(&self.pool)
            .await;
        let row = row.and_then(|row| row.as_ref().map(contact).transpose());
        row.map_err(|e| self.wrong(e))
    }

    /// All of a campaign, in the order of their ids, from behind `after` on: for what goes through every one.
    pub async fn contacts_of(&self, campaign: &str, after: i64, most: u32) -> Result<Vec<ContactRow>, Error> {
        // As above.
        let query = format!("SELECT {ALL} FROM contacts WHERE +campaign = ? AND id > ? ORDER BY id LIMIT ?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(campaign)
            .bind(after)
            .bind(most)
            .fetch_all(&self.pool)
            .await;
        let rows = rows.and_then(|rows| rows.iter().map(contact).collect());
        rows.map_err(|e| self.wrong(e))
    }

    /// Nothing more is tried, and `told` is written with it. What is closed stays as it was; whether it was open is told.
    pub async fn close_contact(&self, id: i64, at: Timestamp, outcome: &str, told: &Told) -> Result<bool, Error> {
        let query = "UPDATE contacts SET closed = ?1, outcome = ?2, appointment = NULL, revision = ?3 WHERE id = ?4 AND closed IS NULL";
        self.mark(id, at, outcome, query, told).await
    }

    /// An event called it off, as [`Store::close_contact`].
    pub async fn cancel_contact(&self, id: i64, at: Timestamp, event: &str, told: &Told) -> Result<bool, Error> {
        let query = "UPDATE contacts SET closed = ?1, outcome = 'cancelled', cancelled = ?2, appointment = NULL, revision = ?3 \
                     WHERE id = ?4 AND closed IS NULL";
        self.mark(id, at, event, query, told).await
    }

    /// It did what the campaign is for, and `told` is written with it. The first time counts; held out ones reach it too.
    pub async fn reach_goal(&self, id: i64, at: Timestamp, told: &Told) -> Result<bool, Error> {
        let query = "UPDATE contacts SET goal = ?1, revision = ?3 WHERE id = ?4 AND goal IS NULL";
        self.mark(id, at, "", query, told).await
    }

    /// `query` with the time, a word, the revision and the id. Nothing else is written where it changes nothing.
    async fn mark(&self, id: i64, at: Timestamp, word: &str, query: &'static str, told: &Told) -> Result<bool, Error> {
        self.access(async {
            let mut transaction = writing(&self.journal).await?;
            let revision = bump(&mut transaction).await?;
            let done = sqlx::query(query)
                .bind(at.as_millisecond())
                .bind(word)
                .bind(revision)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            told.put(&mut transaction, at).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Not before `due`. Nothing for what is closed.
    #[cfg(test)]
    pub async fn postpone(&self, id: i64, due: Timestamp) -> Result<(), Error> {
        let query = "UPDATE contacts SET due = ?1, revision = ?3 WHERE id = ?4 AND closed IS NULL";
        self.mark(id, due, "", query, &Told::default()).await.map(drop)
    }
}

/// When each of these keys was added.
async fn since(
    connection: &mut SqliteConnection,
    campaign: &str,
    known: &[(usize, &str)],
) -> Result<Vec<Earlier>, sqlx::Error> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let query = "SELECT value ->> 0 AS place, added FROM json_each(?) JOIN contacts ON campaign = ? AND contacts.key = value ->> 1 ORDER BY 1";
    let rows = sqlx::query(query)
        .bind(json!(known).to_string())
        .bind(campaign)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let place: i64 = row.try_get("place")?;
            Ok(Earlier {
                row: usize::try_from(place).unwrap_or_default(),
                since: time(row.try_get("added")?),
            })
        })
        .collect()
}

/// In the order in which the statement takes them.
fn fields(row: &NewContact) -> Value {
    json!([
        row.key,
        row.number.to_string(),
        row.zone,
        row.proof,
        row.vars,
        i64::from(row.held_out),
        row.due.as_millisecond(),
    ])
}

fn waiting(row: &SqliteRow) -> Result<Waiting, sqlx::Error> {
    Ok(Waiting {
        id: row.try_get("id")?,
        revision: row.try_get("revision")?,
        number: number(row)?,
        zone: row.try_get("zone")?,
        held_out: row.try_get("held_out")?,
        due: time(row.try_get("due")?),
        appointment: row.try_get::<Option<i64>, _>("appointment")?.map(time),
        attempts: row.try_get("attempts")?,
        appointments: row.try_get("appointments")?,
        closed: row.try_get::<Option<i64>, _>("closed")?.is_some(),
    })
}

fn contact(row: &SqliteRow) -> Result<ContactRow, sqlx::Error> {
    let vars: String = row.try_get("vars")?;
    let at = |name: &str| row.try_get::<Option<i64>, _>(name).map(|at| at.map(time));
    Ok(ContactRow {
        id: row.try_get("id")?,
        campaign: row.try_get("campaign")?,
        key: row.try_get("key")?,
        number: number(row)?,
        zone: row.try_get("zone")?,
        proof: row.try_get("proof")?,
        vars: serde_json::from_str(&vars).map_err(|e| sqlx::Error::Decode(e.into()))?,
        held_out: row.try_get("held_out")?,
        due: time(row.try_get("due")?),
        appointment: at("appointment")?,
        attempts: row.try_get("attempts")?,
        appointments: row.try_get("appointments")?,
        closed: at("closed")?,
        outcome: row.try_get("outcome")?,
        goal: at("goal")?,
        cancelled: row.try_get("cancelled")?,
        added: time(row.try_get("added")?),
    })
}
