//! Who is to be called back, as rows: open until it is known how that went, so that nobody is forgotten when the program ends before.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use super::records::time;
use super::{Error, Store};

/// Open ones that are read at once: as many as find a place in queues.
const MOST: u32 = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Callback {
    /// In which it was asked for.
    pub call: String,
    /// Of the callbacks of that call, from 0.
    pub n: u32,
    /// From when on it may be made; it is also the place in line.
    pub at: Timestamp,
    pub number: String,
    /// By which the number is dialled.
    pub trunk: Option<String>,
    /// A SIP URI, where there is no trunk.
    pub address: Option<String>,
    pub queue: String,
    /// Its code.
    pub language: String,
    pub priority: i32,
    /// None: it is open.
    pub ended: Option<Timestamp>,
    /// How it ended, in words.
    pub outcome: Option<String>,
}

impl Store {
    /// Keeps one that is open. Where the call is not recorded there is nothing to keep it with.
    pub async fn keep_callback(&self, callback: &Callback) -> Result<(), Error> {
        let query = "INSERT OR IGNORE INTO callbacks (call, n, at, number, trunk, address, queue, language, priority) \
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS (SELECT 1 FROM calls WHERE id = ?1)";
        sqlx::query(query)
            .bind(&callback.call)
            .bind(callback.n)
            .bind(callback.at.as_millisecond())
            .bind(&callback.number)
            .bind(&callback.trunk)
            .bind(&callback.address)
            .bind(&callback.queue)
            .bind(&callback.language)
            .bind(callback.priority)
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(())
    }

    /// It is over, however it went.
    pub async fn end_callback(&self, call: &str, n: u32, at: Timestamp, outcome: &str) -> Result<(), Error> {
        let query = "UPDATE callbacks SET ended = ?, outcome = ? WHERE call = ? AND n = ? AND ended IS NULL";
        sqlx::query(query)
            .bind(at.as_millisecond())
            .bind(outcome)
            .bind(call)
            .bind(n)
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(())
    }

    /// Those that are still to be made, the first first. What was to be made before `since` is over at `now`: it is too late for that.
    pub async fn open_callbacks(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Callback>, Error> {
        self.read_open(since, now).await.map_err(|e| self.wrong(e))
    }

    async fn read_open(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Callback>, sqlx::Error> {
        sqlx::query("UPDATE callbacks SET ended = ?, outcome = ? WHERE ended IS NULL AND at < ?")
            .bind(now.as_millisecond())
            .bind("given up: it could not be made in time")
            .bind(since.as_millisecond())
            .execute(&self.pool)
            .await?;
        let rows = sqlx::query("SELECT * FROM callbacks WHERE ended IS NULL ORDER BY at, call, n LIMIT ?")
            .bind(MOST)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(callback).collect()
    }
}

pub(super) async fn read(pool: &SqlitePool, call: &str) -> Result<Vec<Callback>, sqlx::Error> {
    let rows = sqlx::query("SELECT * FROM callbacks WHERE call = ? ORDER BY n")
        .bind(call)
        .fetch_all(pool)
        .await?;
    rows.iter().map(callback).collect()
}

fn callback(row: &SqliteRow) -> Result<Callback, sqlx::Error> {
    Ok(Callback {
        call: row.try_get("call")?,
        n: row.try_get("n")?,
        at: time(row.try_get("at")?),
        number: row.try_get("number")?,
        trunk: row.try_get("trunk")?,
        address: row.try_get("address")?,
        queue: row.try_get("queue")?,
        language: row.try_get("language")?,
        priority: row.try_get("priority")?,
        ended: row.try_get::<Option<i64>, _>("ended")?.map(time),
        outcome: row.try_get("outcome")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Began;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn wanted(n: u32, second: i64) -> Callback {
        Callback {
            call: "abc".into(),
            n,
            at: at(second),
            number: "+4930123456".into(),
            trunk: Some("provider".into()),
            address: None,
            queue: "care".into(),
            language: "en".into(),
            priority: 10,
            ended: None,
            outcome: None,
        }
    }

    #[tokio::test]
    async fn what_is_open_is_found_again_until_it_is_over_or_too_late() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offhook.db");
        let store = Store::open(&path).await.expect("opened");
        store.keep_callback(&wanted(0, 100)).await.expect("without a call");
        assert!(store.open_callbacks(at(0), at(0)).await.expect("read").is_empty());
        let began = Began {
            id: "abc".into(),
            caller: "+4930123456".into(),
            callee: "100".into(),
            plan: "support".into(),
            plan_hash: "f00".into(),
            assistant: "mia".into(),
            at: at(90),
        };
        store.begin(&began).await.expect("begun");
        for callback in [wanted(0, 300), wanted(1, 100), wanted(2, 200)] {
            store.keep_callback(&callback).await.expect("kept");
        }
        let outcome = "called back, in call def";
        store.end_callback("abc", 2, at(400), outcome).await.expect("ended");
        // What is over stays as it was.
        store.end_callback("abc", 2, at(500), "twice").await.expect("nothing");
        store.close().await;
        let store = Store::open(&path).await.expect("opened again");
        let open = store.open_callbacks(at(100), at(600)).await.expect("read");
        assert_eq!(open, [wanted(1, 100), wanted(0, 300)]);
        let late = store.open_callbacks(at(101), at(600)).await.expect("read");
        assert_eq!(late, [wanted(0, 300)]);
        let record = store.show("abc").await.expect("read").expect("found");
        let ended: Vec<_> = record
            .callbacks
            .iter()
            .map(|callback| (callback.ended, callback.outcome.as_deref()))
            .collect();
        let too_late = "given up: it could not be made in time";
        assert_eq!(
            ended,
            [
                (None, None),
                (Some(at(600)), Some(too_late)),
                (Some(at(400)), Some(outcome))
            ]
        );
    }
}
