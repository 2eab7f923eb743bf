//! Who was dialled when, and what came of it: the journal that makes each attempt happen once.
//!
//! A row is on the disk before the network is asked, and its end, with all that follows from it, is one write. So a bot that ends at any instant leaves
//! attempts that are whole, or under way: those count as made, and [`Store::interrupted_attempts`] finds them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::do_not_call::{self, INTERNAL};
use super::{Told, bump, number, trail, writing};
use crate::campaign::number::Number;
use crate::campaign::outcome::{AnsweredBy, Reach};
use crate::store::records::time;
use crate::store::{Error, Store};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttempt {
    pub contact: i64,
    pub trunk: Option<String>,
    pub at: Timestamp,
    /// The id of its record.
    pub call: String,
    /// Why it may be made, for the audit trail: sealed with the same write.
    pub audit: Value,
}

/// It may be dialled now, this once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    pub id: i64,
    /// Which of the contact's attempts it is, from 1.
    pub n: u32,
    /// They asked to be called now.
    pub appointment: bool,
}

/// Why nobody may be dialled, though a moment ago somebody might.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    #[error("there is no such contact, it is closed or held out")]
    Closed,
    #[error("the contact is being dialled already")]
    UnderWay,
    #[error("the campaign does not run")]
    Stopped,
    #[error("the number wants no calls")]
    DoNotCall,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedAttempt {
    pub at: Timestamp,
    pub reach: Reach,
    pub answered: Option<Timestamp>,
    pub answered_by: Option<AnsweredBy>,
    /// In the plan's word.
    pub disposition: Option<String>,
    /// From the answer to the end, in seconds.
    pub seconds: f64,
    /// A person spoke, or was taken for one.
    pub human: bool,
    /// Whether it was whom the campaign asked for; none: it did not come to that.
    pub right_person: Option<bool>,
    /// A person answered, and nobody and nothing spoke with them in time.
    pub abandoned: bool,
    /// They want no more calls: their number is on the internal list with the same write.
    pub opted_out: bool,
    /// Why they did not do what the campaign is for, as a category.
    pub reason: Option<String>,
    /// In their own words.
    pub quote: Option<String>,
    /// What was collected, as it may be kept.
    pub slots: BTreeMap<String, String>,
    pub then: Then,
    pub told: Told,
}

/// What is to be done with the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Another attempt, not before.
    Again(Timestamp),
    /// They asked to be called at this time: that attempt does not count among the plan's.
    Appointment(Timestamp),
    /// Nothing more; why, in a word.
    Close(String),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptRow {
    pub id: i64,
    pub contact: i64,
    pub campaign: String,
    #[serde(serialize_with = "told")]
    pub number: Number,
    /// From 1.
    pub n: u32,
    /// They had asked for it.
    pub appointment: bool,
    pub trunk: Option<String>,
    pub dialled: Timestamp,
    pub answered: Option<Timestamp>,
    /// None: it is under way, or was when the program ended.
    pub ended: Option<Timestamp>,
    #[serde(serialize_with = "worded")]
    pub reach: Option<Reach>,
    #[serde(serialize_with = "worded")]
    pub answered_by: Option<AnsweredBy>,
    pub disposition: Option<String>,
    pub call: Option<String>,
    pub seconds: f64,
    pub human: bool,
    pub right_person: Option<bool>,
    pub abandoned: bool,
    pub opted_out: bool,
    pub reason: Option<String>,
    pub quote: Option<String>,
    pub slots: BTreeMap<String, String>,
}

impl Store {
    /// Writes that a contact is dialled now. When it returns `Ok(Ok(_))` that is on the disk, and the network may be asked, once. In the same write it
    /// is seen that the contact is open, nobody dials it, its campaign runs and its number is on no internal list.
    pub async fn begin_attempt(&self, attempt: &NewAttempt) -> Result<Result<Begun, NotBegun>, Error> {
        self.write_begin(attempt).await.map_err(|e| self.wrong(e))
    }

    async fn write_begin(&self, attempt: &NewAttempt) -> Result<Result<Begun, NotBegun>, sqlx::Error> {
        let mut transaction = writing(&self.journal).await?;
        if let Some(why) = obstacle(&mut transaction, attempt.contact).await? {
            return Ok(Err(why));
        }
        let query = "SELECT attempts + 1 AS n, appointment IS NOT NULL AS appointment FROM contacts WHERE id = ?";
        let row = sqlx::query(query)
            .bind(attempt.contact)
            .fetch_one(&mut *transaction)
            .await?;
        let (n, appointment): (u32, bool) = (row.try_get("n")?, row.try_get("appointment")?);
        let query =
            "UPDATE contacts SET attempts = ?, appointments = appointments + ?, appointment = NULL WHERE id = ?";
        sqlx::query(query)
            .bind(n)
            .bind(appointment)
            .bind(attempt.contact)
            .execute(&mut *transaction)
            .await?;
        let query = "INSERT INTO attempts (contact, campaign, number, n, appointment, trunk, call, dialled) \
                     SELECT id, campaign, number, ?, ?, ?, ?, ? FROM contacts WHERE id = ? RETURNING id";
        let row = sqlx::query(query)
            .bind(n)
            .bind(appointment)
            .bind(&attempt.trunk)
            .bind(&attempt.call)
            .bind(attempt.at.as_millisecond())
            .bind(attempt.contact)
            .fetch_one(&mut *transaction)
            .await?;
        let id = row.try_get("id")?;
        trail::put(&mut transaction, attempt.at, &attempt.audit).await?;
        transaction.commit().await?;
        Ok(Ok(Begun { id, n, appointment }))
    }

    /// Writes what came of it, what becomes of the contact, the opt-out and whom to tell, as one. An attempt ends once: false where it had ended.
    pub async fn end_attempt(&self, id: i64, end: &EndedAttempt) -> Result<bool, Error> {
        self.write_end_of_attempt(id, end).await.map_err(|e| self.wrong(e))
    }

    async fn write_end_of_attempt(&self, id: i64, end: &EndedAttempt) -> Result<bool, sqlx::Error> {
        let mut transaction = writing(&self.journal).await?;
        let query = "UPDATE attempts SET ended = ?, reach = ?, answered = ?, answered_by = ?, disposition = ?, seconds = ?, human = ?, \
                     right_person = ?, abandoned = ?, opted_out = ?, reason = ?, quote = ?, slots = ? \
                     WHERE id = ? AND ended IS NULL RETURNING contact, number";
        let row = sqlx::query(query)
            .bind(end.at.as_millisecond())
            .bind(end.reach.to_string())
            .bind(end.answered.map(|at| at.as_millisecond()))
            .bind(end.answered_by.map(|by| by.to_string()))
            .bind(&end.disposition)
            .bind(end.seconds)
            .bind(end.human)
            .bind(end.right_person)
            .bind(end.abandoned)
            .bind(end.opted_out)
            .bind(&end.reason)
            .bind(&end.quote)
            .bind(serde_json::to_string(&end.slots).unwrap_or_else(|_| "{}".into()))
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(false) };
        let (contact, number): (i64, Number) = (row.try_get("contact")?, number(&row)?);
        follow(&mut transaction, contact, end).await?;
        if end.opted_out {
            do_not_call::put(&mut transaction, INTERNAL, number, end.at, "opted out in a call").await?;
        }
        end.told.put(&mut transaction, end.at).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Those that were begun and have no end, the first first. When the bot starts, these were under way when it ended.
    pub async fn interrupted_attempts(&self) -> Result<Vec<AttemptRow>, Error> {
        let rows = sqlx::query("SELECT * FROM attempts WHERE ended IS NULL ORDER BY id")
            .fetch_all(&self.pool)
            .await;
        let rows = rows.and_then(|rows| rows.iter().map(attempt).collect());
        rows.map_err(|e| self.wrong(e))
    }

    /// The first first.
    pub async fn attempts_of(&self, contact: i64) -> Result<Vec<AttemptRow>, Error> {
        let rows = sqlx::query("SELECT * FROM attempts WHERE contact = ? ORDER BY n")
            .bind(contact)
            .fetch_all(&self.pool)
            .await;
        let rows = rows.and_then(|rows| rows.iter().map(attempt).collect());
        rows.map_err(|e| self.wrong(e))
    }

    /// All of a campaign, in the order of their ids, from behind `after` on, each with the key of its contact.
    pub async fn attempts_of_campaign(
        &self,
        campaign: &str,
        after: i64,
        most: u32,
    ) -> Result<Vec<(String, AttemptRow)>, Error> {
        self.access(async {
            // The `+` has it walk by ids: by an index each page would be sorted anew.
            let query = "SELECT a.*, c.key AS key FROM attempts a JOIN contacts c ON c.id = a.contact \
                         WHERE +a.campaign = ? AND a.id > ? ORDER BY a.id LIMIT ?";
            let rows = sqlx::query(query)
                .bind(campaign)
                .bind(after)
                .bind(most)
                .fetch_all(&self.pool)
                .await?;
            rows.iter()
                .map(|row| Ok((row.try_get("key")?, attempt(row)?)))
                .collect()
        })
        .await
    }

    /// Of the calls of a campaign since then that people answered: how many were abandoned, and how many there were.
    pub async fn abandoned_share(&self, campaign: &str, since: Timestamp) -> Result<(u64, u64), Error> {
        let query = "SELECT COALESCE(SUM(abandoned), 0) AS abandoned, COUNT(*) AS people FROM attempts \
                     WHERE campaign = ? AND dialled >= ? AND (human OR abandoned)";
        let row = sqlx::query(query)
            .bind(campaign)
            .bind(since.as_millisecond())
            .fetch_one(&self.pool)
            .await;
        let counts = row.and_then(|row| Ok((row.try_get::<i64, _>("abandoned")?, row.try_get::<i64, _>("people")?)));
        let (abandoned, people) = counts.map_err(|e| self.wrong(e))?;
        Ok((abandoned.unsigned_abs(), people.unsigned_abs()))
    }
}

/// What keeps a contact from being dialled; none: nothing.
async fn obstacle(connection: &mut SqliteConnection, contact: i64) -> Result<Option<NotBegun>, sqlx::Error> {
    let query = "SELECT EXISTS (SELECT 1 FROM attempts WHERE contact = contacts.id AND ended IS NULL) AS under_way, \
                 EXISTS (SELECT 1 FROM campaigns WHERE name = contacts.campaign AND state = 'running') AS running, \
                 EXISTS (SELECT 1 FROM do_not_call WHERE number = contacts.number AND list = ?) AS listed \
                 FROM contacts WHERE id = ? AND closed IS NULL AND held_out = 0";
    let row = sqlx::query(query)
        .bind(INTERNAL)
        .bind(contact)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(Some(NotBegun::Closed));
    };
    Ok(if row.try_get("under_way")? {
        Some(NotBegun::UnderWay)
    } else if !row.try_get::<bool, _>("running")? {
        Some(NotBegun::Stopped)
    } else if row.try_get("listed")? {
        Some(NotBegun::DoNotCall)
    } else {
        None
    })
}

/// What is closed meanwhile (they paid) stays closed, with the reason that it had.
async fn follow(connection: &mut SqliteConnection, contact: i64, end: &EndedAttempt) -> Result<(), sqlx::Error> {
    let revision = bump(connection).await?;
    let word = end.disposition.clone().unwrap_or_else(|| end.reach.to_string());
    let query = match &end.then {
        Then::Again(due) => {
            let query = "UPDATE contacts SET due = ?, outcome = ?, revision = ? WHERE id = ? AND closed IS NULL";
            sqlx::query(query).bind(due.as_millisecond()).bind(word)
        }
        Then::Appointment(due) => {
            let query = "UPDATE contacts SET due = ?1, appointment = ?1, outcome = ?2, revision = ?3 WHERE id = ?4 AND closed IS NULL";
            sqlx::query(query).bind(due.as_millisecond()).bind(word)
        }
        Then::Close(why) => {
            let query = "UPDATE contacts SET closed = ?, outcome = ?, revision = ? WHERE id = ? AND closed IS NULL";
            sqlx::query(query).bind(end.at.as_millisecond()).bind(why.clone())
        }
    };
    query.bind(revision).bind(contact).execute(connection).await?;
    Ok(())
}

pub(super) fn attempt(row: &SqliteRow) -> Result<AttemptRow, sqlx::Error> {
    let at = |name: &str| row.try_get::<Option<i64>, _>(name).map(|at| at.map(time));
    let (reach, by): (Option<String>, Option<String>) = (row.try_get("reach")?, row.try_get("answered_by")?);
    let slots: String = row.try_get("slots")?;
    let strange = |why: String| sqlx::Error::Decode(why.into());
    Ok(AttemptRow {
        id: row.try_get("id")?,
        contact: row.try_get("contact")?,
        campaign: row.try_get("campaign")?,
        number: number(row)?,
        n: row.try_get("n")?,
        appointment: row.try_get("appointment")?,
        trunk: row.try_get("trunk")?,
        dialled: time(row.try_get("dialled")?),
        answered: at("answered")?,
        ended: at("ended")?,
        reach: reach.map(|word| word.parse()).transpose().map_err(strange)?,
        answered_by: by.map(|word| word.parse()).transpose().map_err(strange)?,
        disposition: row.try_get("disposition")?,
        call: row.try_get("call")?,
        seconds: row.try_get("seconds")?,
        human: row.try_get("human")?,
        right_person: row.try_get("right_person")?,
        abandoned: row.try_get("abandoned")?,
        opted_out: row.try_get("opted_out")?,
        reason: row.try_get("reason")?,
        quote: row.try_get("quote")?,
        slots: serde_json::from_str(&slots).unwrap_or_default(),
    })
}

pub(super) fn told<S: serde::Serializer>(number: &Number, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn worded<T: std::fmt::Display, S: serde::Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
