//! What a campaign came to, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{CampaignState, State};
use crate::campaign::report::share::Share;
use crate::campaign::report::{Attempts, Contacts, Figures, Goal, Reason};
use crate::store::{Error, Store};

/// Quotes that are told of a reason: the newest.
const QUOTES: u32 = 3;

/// A campaign as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    #[serde(flatten)]
    pub state: CampaignState,
    #[serde(flatten)]
    pub standing: Standing,
}

/// How far a campaign has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub contacts: u64,
    pub held_out: u64,
    /// Who may be dialled, now or later.
    pub open: u64,
    /// Of those: who are due.
    pub due: u64,
    pub dialled: u64,
    pub closed: u64,
    pub attempts: u64,
    /// Calls in progress.
    pub under_way: u64,
}

impl Store {
    /// Of the contacts that were added since `since`, and their calls, at one instant: `goal` is the event and how long after a contact was added it
    /// counts; who has neither had it nor run out of time at `now` is pending.
    pub async fn figures(
        &self,
        campaign: &str,
        since: Option<Timestamp>,
        goal: Option<(&str, Duration)>,
        now: Timestamp,
    ) -> Result<Figures, Error> {
        self.access(async {
            // One transaction, so that the parts are of one instant and add up.
            let mut transaction = self.survey.begin().await?;
            let since = since.map_or(i64::MIN, |since| since.as_millisecond());
            let figures = Figures {
                contacts: contacts(&mut transaction, campaign, since).await?,
                attempts: attempts(&mut transaction, campaign, since).await?,
                goal: match goal {
                    Some((event, within)) => reached(&mut transaction, campaign, since, event, within, now).await?,
                    None => Goal::default(),
                },
                reasons: reasons(&mut transaction, campaign, since).await?,
            };
            transaction.commit().await?;
            Ok(figures)
        })
        .await
    }

    /// Each of `names`, which are the plan's, and every other campaign of which something is kept, by name. What was never started is stopped since 1970.
    pub async fn campaign_status(
        &self,
        names: impl IntoIterator<Item = &str> + Send,
        now: Timestamp,
    ) -> Result<Vec<Status>, Error> {
        let mut standings = self.standings(now).await?;
        let mut states: BTreeMap<String, CampaignState> = BTreeMap::new();
        for state in self.campaign_states().await? {
            states.insert(state.name.clone(), state);
        }
        for name in names.into_iter().map(str::to_owned).chain(standings.keys().cloned()) {
            states.entry(name.clone()).or_insert(CampaignState {
                name,
                state: State::Stopped,
                why: None,
                changed: Timestamp::UNIX_EPOCH,
            });
        }
        let status = states.into_values().map(|state| Status {
            standing: standings.remove(&state.name).unwrap_or_default(),
            state,
        });
        Ok(status.collect())
    }

    /// How far each campaign that has contacts has got at `now`.
    pub async fn standings(&self, now: Timestamp) -> Result<BTreeMap<String, Standing>, Error> {
        self.access(async {
            let query = "SELECT campaign, COUNT(*) AS contacts, SUM(held_out) AS held_out, SUM(closed IS NULL AND NOT held_out) AS open, \
                         SUM(closed IS NULL AND NOT held_out AND due <= ?) AS due, SUM(attempts > 0) AS dialled, \
                         SUM(closed IS NOT NULL AND NOT held_out) AS closed, SUM(attempts) AS attempts FROM contacts GROUP BY campaign";
            let rows = sqlx::query(query)
                .bind(now.as_millisecond())
                .fetch_all(&self.survey)
                .await?;
            let mut standings = BTreeMap::new();
            for row in &rows {
                let standing = Standing {
                    contacts: count(row, "contacts")?,
                    held_out: count(row, "held_out")?,
                    open: count(row, "open")?,
                    due: count(row, "due")?,
                    dialled: count(row, "dialled")?,
                    closed: count(row, "closed")?,
                    attempts: count(row, "attempts")?,
                    under_way: 0,
                };
                standings.insert(row.try_get::<String, _>("campaign")?, standing);
            }
            let query = "SELECT campaign, COUNT(*) AS under_way FROM attempts WHERE ended IS NULL GROUP BY campaign";
            for row in &sqlx::query(query).fetch_all(&self.survey).await? {
                if let Some(standing) = standings.get_mut(&row.try_get::<String, _>("campaign")?) {
                    standing.under_way = count(row, "under_way")?;
                }
            }
            Ok(standings)
        })
        .await
    }
}

async fn contacts(connection: &mut SqliteConnection, campaign: &str, since: i64) -> Result<Contacts, sqlx::Error> {
    // Somebody who is held out and was dialled all the same would be a fault; they are counted as dialled, so that it shows.
    let query = "WITH own AS ( \
                   SELECT c.*, c.attempts > 0 AS dialled, \
                   (SELECT MAX(human) FROM attempts WHERE contact = c.id) AS reached, \
                   (SELECT MAX(right_person) FROM attempts WHERE contact = c.id) AS right_one, \
                   (SELECT MAX(opted_out) FROM attempts WHERE contact = c.id) AS opted_out \
                   FROM contacts c WHERE campaign = ? AND added >= ?) \
                 SELECT COUNT(*) AS contacts, COALESCE(SUM(held_out AND NOT dialled), 0) AS held_out, \
                 COALESCE(SUM(NOT held_out AND NOT dialled AND closed IS NOT NULL AND cancelled IS NOT NULL), 0) AS called_off, \
                 COALESCE(SUM(NOT held_out AND NOT dialled AND closed IS NULL), 0) AS waiting, COALESCE(SUM(dialled), 0) AS dialled, \
                 COALESCE(SUM(dialled AND closed IS NULL), 0) AS again, COALESCE(SUM(dialled AND reached), 0) AS reached, \
                 COUNT(right_one) AS asked, COALESCE(SUM(dialled AND reached AND right_one), 0) AS right_person, \
                 COALESCE(SUM(opted_out), 0) AS opted_out FROM own";
    let row = sqlx::query(query)
        .bind(campaign)
        .bind(since)
        .fetch_one(&mut *connection)
        .await?;
    let refused = "SELECT COALESCE(outcome, 'closed') AS name, COUNT(*) AS count FROM contacts WHERE campaign = ? AND added >= ? \
                   AND NOT held_out AND attempts = 0 AND closed IS NOT NULL AND cancelled IS NULL GROUP BY 1";
    let outcomes = "SELECT COALESCE(a.disposition, a.reach, 'under way') AS name, COUNT(*) AS count FROM contacts c \
                    JOIN attempts a ON a.contact = c.id AND a.n = c.attempts WHERE c.campaign = ? AND c.added >= ? GROUP BY 1";
    Ok(Contacts {
        all: count(&row, "contacts")?,
        held_out: count(&row, "held_out")?,
        called_off: count(&row, "called_off")?,
        refused: counts(connection, refused, campaign, since).await?,
        waiting: count(&row, "waiting")?,
        dialled: count(&row, "dialled")?,
        again: count(&row, "again")?,
        reached: count(&row, "reached")?,
        right_person: (count(&row, "asked")? > 0).then_some(count(&row, "right_person")?),
        outcomes: counts(connection, outcomes, campaign, since).await?,
        opted_out: count(&row, "opted_out")?,
    })
}

async fn attempts(connection: &mut SqliteConnection, campaign: &str, since: i64) -> Result<Attempts, sqlx::Error> {
    let query = "SELECT COUNT(*) AS attempts, COALESCE(SUM(a.ended IS NULL), 0) AS under_way, COALESCE(SUM(a.human), 0) AS human, \
                 COALESCE(SUM(a.abandoned), 0) AS abandoned, TOTAL(a.seconds) AS seconds \
                 FROM attempts a JOIN contacts c ON c.id = a.contact WHERE c.campaign = ? AND c.added >= ?";
    let row = sqlx::query(query)
        .bind(campaign)
        .bind(since)
        .fetch_one(&mut *connection)
        .await?;
    let reach = "SELECT a.reach AS name, COUNT(*) AS count FROM attempts a JOIN contacts c ON c.id = a.contact \
                 WHERE c.campaign = ? AND c.added >= ? AND a.reach IS NOT NULL GROUP BY 1";
    let answered_by = "SELECT a.answered_by AS name, COUNT(*) AS count FROM attempts a JOIN contacts c ON c.id = a.contact \
                       WHERE c.campaign = ? AND c.added >= ? AND a.answered_by IS NOT NULL GROUP BY 1";
    Ok(Attempts {
        all: count(&row, "attempts")?,
        under_way: count(&row, "under_way")?,
        reach: counts(connection, reach, campaign, since).await?,
        answered_by: counts(connection, answered_by, campaign, since).await?,
        human: count(&row, "human")?,
        abandoned: count(&row, "abandoned")?,
        seconds: row.try_get("seconds")?,
    })
}

async fn reached(
    connection: &mut SqliteConnection,
    campaign: &str,
    since: i64,
    event: &str,
    within: Duration,
    now: Timestamp,
) -> Result<Goal, sqlx::Error> {
    let within = i64::try_from(within.as_millis()).unwrap_or(i64::MAX / 2);
    let query = "SELECT held_out, COUNT(*) AS contacts, COALESCE(SUM(goal IS NOT NULL AND goal <= added + ?3), 0) AS hits, \
                 COALESCE(SUM(goal IS NULL AND added + ?3 > ?4), 0) AS pending \
                 FROM contacts WHERE campaign = ?1 AND added >= ?2 GROUP BY held_out";
    let rows = sqlx::query(query)
        .bind(campaign)
        .bind(since)
        .bind(within)
        .bind(now.as_millisecond())
        .fetch_all(connection)
        .await?;
    let mut goal = Goal {
        event: Some(event.to_owned()),
        ..Goal::default()
    };
    for row in &rows {
        let group = Share {
            hits: count(row, "hits")?,
            of: count(row, "contacts")?,
        };
        if row.try_get("held_out")? {
            goal.held_out = group;
        } else {
            goal.called = group;
        }
        goal.pending += count(row, "pending")?;
    }
    Ok(goal)
}

async fn reasons(connection: &mut SqliteConnection, campaign: &str, since: i64) -> Result<Vec<Reason>, sqlx::Error> {
    let query = "SELECT a.reason AS name, COUNT(*) AS count FROM attempts a JOIN contacts c ON c.id = a.contact \
                 WHERE c.campaign = ? AND c.added >= ? AND a.reason IS NOT NULL GROUP BY 1";
    let mut reasons = Vec::new();
    for (reason, calls) in counts(connection, query, campaign, since).await? {
        let query = "SELECT a.quote AS quote FROM attempts a JOIN contacts c ON c.id = a.contact \
                     WHERE c.campaign = ? AND c.added >= ? AND a.reason = ? AND a.quote IS NOT NULL GROUP BY 1 ORDER BY MAX(a.id) DESC LIMIT ?";
        let rows = sqlx::query(query)
            .bind(campaign)
            .bind(since)
            .bind(&reason)
            .bind(QUOTES)
            .fetch_all(&mut *connection)
            .await?;
        let quotes = rows.iter().map(|row| row.try_get("quote")).collect::<Result<_, _>>()?;
        reasons.push(Reason { reason, calls, quotes });
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.calls));
    Ok(reasons)
}

/// Names to counts, of a query that has the two columns.
async fn counts(
    connection: &mut SqliteConnection,
    query: &'static str,
    campaign: &str,
    since: i64,
) -> Result<BTreeMap<String, u64>, sqlx::Error> {
    let rows = sqlx::query(query)
        .bind(campaign)
        .bind(since)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("name")?, count(row, "count")?)))
        .collect()
}

fn count(row: &SqliteRow, name: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(name)?.unsigned_abs())
}
