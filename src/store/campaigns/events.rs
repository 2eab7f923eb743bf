//! What other systems told: once each, until a campaign has taken notice.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{bump, writing};
use crate::store::records::time;
use crate::store::{Error, Store};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// In the order in which they came.
    pub n: i64,
    /// Theirs.
    pub key: String,
    pub at: Timestamp,
    /// `payment.abandoned`.
    pub name: String,
    /// Whom it is about: a contact's key; empty where `body` tells.
    pub subject: String,
    /// JSON.
    pub body: String,
    /// When a campaign took notice, and what it did, in words.
    pub handled: Option<Timestamp>,
    pub outcome: Option<String>,
}

impl Store {
    /// On the disk when it returns. False: it was here already, and nothing is done.
    pub async fn take_event(
        &self,
        key: &str,
        name: &str,
        subject: &str,
        body: &str,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let write = async {
            let mut transaction = writing(&self.journal).await?;
            let query = "INSERT OR IGNORE INTO events (key, at, name, subject, body) VALUES (?, ?, ?, ?, ?)";
            let done = sqlx::query(query)
                .bind(key)
                .bind(at.as_millisecond())
                .bind(name)
                .bind(subject)
                .bind(body)
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            bump(&mut transaction).await?;
            transaction.commit().await?;
            Ok(true)
        };
        write.await.map_err(|e| self.wrong(e))
    }

    /// Those that no campaign has taken notice of, in the order in which they came.
    pub async fn unhandled_events(&self, most: u32) -> Result<Vec<Event>, Error> {
        let read = async {
            let rows = sqlx::query("SELECT * FROM events WHERE handled IS NULL ORDER BY n LIMIT ?")
                .bind(most)
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(event).collect::<Result<_, sqlx::Error>>()
        };
        read.await.map_err(|e| self.wrong(e))
    }

    /// The first of this name that happened at `since` or later and is about the contact `key`: by its subject, or by the column of its body.
    pub async fn event_about(
        &self,
        name: &str,
        (column, key): (&str, &str),
        since: Timestamp,
    ) -> Result<Option<Event>, Error> {
        let query = "SELECT * FROM events WHERE name = ?1 AND at >= ?2 \
                     AND (subject = ?3 OR (subject = '' AND CAST(body ->> ?4 AS TEXT) = ?3)) ORDER BY at, n LIMIT 1";
        let row = sqlx::query(query)
            .bind(name)
            .bind(since.as_millisecond())
            .bind(key)
            .bind(column)
            .fetch_optional(&self.pool)
            .await;
        let found = row.and_then(|row| row.as_ref().map(event).transpose());
        found.map_err(|e| self.wrong(e))
    }

    /// The one that came with this key.
    pub async fn event(&self, key: &str) -> Result<Option<Event>, Error> {
        let row = sqlx::query("SELECT * FROM events WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await;
        let found = row.and_then(|row| row.as_ref().map(event).transpose());
        found.map_err(|e| self.wrong(e))
    }

    /// A campaign took notice; `outcome` says what it did, in words. Written after what it did, which must do no harm when it is done again.
    pub async fn event_handled(&self, n: i64, at: Timestamp, outcome: &str) -> Result<(), Error> {
        sqlx::query("UPDATE events SET handled = ?, outcome = ? WHERE n = ? AND handled IS NULL")
            .bind(at.as_millisecond())
            .bind(outcome)
            .bind(n)
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(())
    }
}

fn event(row: &SqliteRow) -> Result<Event, sqlx::Error> {
    let handled: Option<i64> = row.try_get("handled")?;
    Ok(Event {
        n: row.try_get("n")?,
        key: row.try_get("key")?,
        at: time(row.try_get("at")?),
        name: row.try_get("name")?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        handled: handled.map(time),
        outcome: row.try_get("outcome")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[tokio::test]
    async fn what_is_told_twice_happens_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
        let take = |key: &'static str, name: &'static str| store.take_event(key, name, "4711", "{}", at(1));
        assert!(take("a", "payment.abandoned").await.expect("written"));
        assert!(take("b", "payment.succeeded").await.expect("written"));
        let changes = store.change_counter().await.expect("read");
        assert!(!take("a", "order.cancelled").await.expect("nothing"));
        assert_eq!(store.change_counter().await.expect("read"), changes);
        let names = |events: &[Event]| events.iter().map(|event| event.name.clone()).collect::<Vec<_>>();
        let events = store.unhandled_events(10).await.expect("read");
        assert_eq!(names(&events), ["payment.abandoned", "payment.succeeded"]);
        let first = events.first().expect("one").n;
        store
            .event_handled(first, at(2), "a contact was added")
            .await
            .expect("written");
        let events = store.unhandled_events(10).await.expect("read");
        assert_eq!(names(&events), ["payment.succeeded"]);
        let past = store.event("a").await.expect("read").expect("known");
        assert_eq!(
            (past.name.as_str(), past.handled, past.outcome.as_deref()),
            ("payment.abandoned", Some(at(2)), Some("a contact was added"))
        );
        assert_eq!(store.event("c").await.expect("read"), None);
        // It is known though it is handled.
        assert!(!take("a", "payment.abandoned").await.expect("nothing"));
    }

    #[tokio::test]
    async fn what_was_told_of_a_contact_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
        for (key, subject, body, second) in [
            ("a", "4711", "{}", 10),
            ("b", "", r#"{"order_id": "4712"}"#, 20),
            ("c", "", r#"{"order_id": 4713}"#, 30),
            ("d", "4714", r#"{"order_id": "4715"}"#, 40),
        ] {
            let taken = store
                .take_event(key, "payment.succeeded", subject, body, at(second))
                .await;
            assert!(taken.expect("written"));
        }
        for (contact, since, found) in [
            ("4711", 10, Some("a")),
            ("4711", 11, None),
            ("4712", 0, Some("b")),
            ("4713", 0, Some("c")),
            ("4714", 0, Some("d")),
            ("4715", 0, None),
        ] {
            let about = store
                .event_about("payment.succeeded", ("order_id", contact), at(since))
                .await;
            let key = about.expect("read").map(|event| event.key);
            assert_eq!(key.as_deref(), found, "{contact} since {since}");
        }
        let other = store.event_about("order.cancelled", ("order_id", "4711"), at(0)).await;
        assert_eq!(other.expect("read"), None);
    }
}
