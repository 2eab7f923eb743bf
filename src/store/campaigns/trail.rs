//! The audit trail as rows: each sealed onto the one before it, whichever process writes.

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::do_not_call::{self, INTERNAL};
use super::{bump, writing};
use crate::campaign::Number;
use crate::campaign::audit::{self, Entry, Head};
use crate::store::records::time;
use crate::store::{Error, Store};

impl Store {
    /// On the disk when it returns.
    pub async fn audit_append(&self, at: Timestamp, what: &Value) -> Result<Entry, Error> {
        self.access(async {
            let mut transaction = writing(&self.journal).await?;
            let entry = put(&mut transaction, at, what).await?;
            transaction.commit().await?;
            Ok(entry)
        })
        .await
    }

    /// Who has this number wants no calls, ever: it is on the internal list and in the audit trail with one write. Who was on it already stays as they were.
    pub async fn opt_out(&self, number: Number, at: Timestamp, why: &str) -> Result<(), Error> {
        let write = async {
            let mut transaction = writing(&self.journal).await?;
            if do_not_call::put(&mut transaction, INTERNAL, number, at, why).await? {
                let what = json!({"what": "opt_out", "number": number.to_string(), "why": why});
                put(&mut transaction, at, &what).await?;
                bump(&mut transaction).await?;
            }
            transaction.commit().await
        };
        write.await.map_err(|e| self.wrong(e))
    }

    /// In their order, from behind `after` on.
    pub async fn audit_rows(&self, after: u64, most: u32) -> Result<Vec<Entry>, Error> {
        self.access(async {
            let rows = sqlx::query("SELECT * FROM audit WHERE n > ? ORDER BY n LIMIT ?")
                .bind(i64::try_from(after).unwrap_or(i64::MAX))
                .bind(most)
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(entry).collect()
        })
        .await
    }

    /// The last; none where nothing was written yet.
    pub async fn audit_head(&self) -> Result<Option<Head>, Error> {
        self.access(async {
            let mut connection = self.pool.acquire().await?;
            head(&mut connection).await
        })
        .await
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, at: Timestamp, what: &Value) -> Result<Entry, sqlx::Error> {
    let head = head(connection).await?;
    let entry = audit::seal(head.as_ref(), at, what);
    sqlx::query("INSERT INTO audit (n, at, what, previous, hash) VALUES (?, ?, ?, ?, ?)")
        .bind(i64::try_from(entry.n).map_err(|e| sqlx::Error::Encode(e.into()))?)
        .bind(entry.at.as_millisecond())
        .bind(&entry.what)
        .bind(&entry.previous)
        .bind(&entry.hash)
        .execute(connection)
        .await?;
    Ok(entry)
}

async fn head(connection: &mut SqliteConnection) -> Result<Option<Head>, sqlx::Error> {
    let row = sqlx::query("SELECT * FROM audit ORDER BY n DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    let last = row.as_ref().map(entry).transpose()?;
    Ok(last.map(|Entry { n, hash, .. }| Head { n, hash }))
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let n: i64 = row.try_get("n")?;
    Ok(Entry {
        n: n.unsigned_abs(),
        at: time(row.try_get("at")?),
        what: row.try_get("what")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    })
}
