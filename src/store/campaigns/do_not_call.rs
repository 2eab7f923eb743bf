//! Numbers that are never called.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{bump, number, writing};
use crate::campaign::number::Number;
use crate::store::records::time;
use crate::store::{Error, Store};

/// The list of those who told us, which holds for every campaign.
pub const INTERNAL: &str = "internal";

const BATCH: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub list: String,
    #[serde(serialize_with = "super::attempts::told")]
    pub number: Number,
    pub at: Timestamp,
    pub why: String,
}

impl Store {
    /// The lists that a number is on.
    pub async fn do_not_call(&self, number: Number) -> Result<Vec<String>, Error> {
        let rows = sqlx::query("SELECT list FROM do_not_call WHERE number = ? ORDER BY list")
            .bind(number.to_string())
            .fetch_all(&self.pool)
            .await;
        let lists = rows.and_then(|rows| rows.iter().map(|row| row.try_get("list")).collect());
        lists.map_err(|e| self.wrong(e))
    }

    /// When it returns the number is on the list and on the disk. What is on it already stays as it was; false then.
    pub async fn add_do_not_call(&self, list: &str, number: Number, at: Timestamp, why: &str) -> Result<bool, Error> {
        let write = async {
            let mut transaction = writing(&self.journal).await?;
            let new = put(&mut transaction, list, number, at, why).await?;
            bump(&mut transaction).await?;
            transaction.commit().await?;
            Ok(new)
        };
        write.await.map_err(|e| self.wrong(e))
    }

    /// Many at once, as a list that is imported has them, 1,000 a transaction: how many are new.
    pub async fn import_do_not_call(
        &self,
        list: &str,
        numbers: &[Number],
        at: Timestamp,
        why: &str,
    ) -> Result<u64, Error> {
        let mut new = 0_u64;
        for batch in numbers.chunks(BATCH) {
            let write = async {
                let mut transaction = writing(&self.pool).await?;
                let batch: Vec<String> = batch.iter().map(ToString::to_string).collect();
                let query = "INSERT OR IGNORE INTO do_not_call (number, list, at, why) \
                             SELECT value, ?, ?, ? FROM json_each(?)";
                let done = sqlx::query(query)
                    .bind(list)
                    .bind(at.as_millisecond())
                    .bind(why)
                    .bind(json!(batch).to_string())
                    .execute(&mut *transaction)
                    .await?;
                bump(&mut transaction).await?;
                transaction.commit().await?;
                Ok(done.rows_affected())
            };
            new += write.await.map_err(|e| self.wrong(e))?;
        }
        Ok(new)
    }

    /// False: it was not on it.
    pub async fn remove_do_not_call(&self, list: &str, number: Number) -> Result<bool, Error> {
        let write = async {
            let mut transaction = writing(&self.journal).await?;
            let done = sqlx::query("DELETE FROM do_not_call WHERE number = ? AND list = ?")
                .bind(number.to_string())
                .bind(list)
                .execute(&mut *transaction)
                .await?;
            bump(&mut transaction).await?;
            transaction.commit().await?;
            Ok(done.rows_affected() > 0)
        };
        write.await.map_err(|e| self.wrong(e))
    }

    /// The numbers of a list in their order, from behind `after` on.
    pub async fn do_not_call_list(&self, list: &str, after: Option<Number>, most: u32) -> Result<Vec<Listed>, Error> {
        let read = async {
            let query = "SELECT * FROM do_not_call WHERE list = ? AND number > ? ORDER BY number LIMIT ?";
            let rows = sqlx::query(query)
                .bind(list)
                .bind(after.map(|number| number.to_string()).unwrap_or_default())
                .bind(most)
                .fetch_all(&self.pool)
                .await?;
            rows.iter()
                .map(|row| {
                    Ok(Listed {
                        list: row.try_get("list")?,
                        number: number(row)?,
                        at: time(row.try_get("at")?),
                        why: row.try_get("why")?,
                    })
                })
                .collect()
        };
        read.await.map_err(|e| self.wrong(e))
    }

    /// Every list that has numbers, and how many.
    pub async fn do_not_call_lists(&self) -> Result<Vec<(String, u64)>, Error> {
        let read = async {
            let rows = sqlx::query("SELECT list, COUNT(*) AS numbers FROM do_not_call GROUP BY list ORDER BY list")
                .fetch_all(&self.pool)
                .await?;
            rows.iter()
                .map(|row| {
                    let numbers: i64 = row.try_get("numbers")?;
                    Ok((row.try_get("list")?, numbers.unsigned_abs()))
                })
                .collect()
        };
        read.await.map_err(|e| self.wrong(e))
    }
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    list: &str,
    number: Number,
    at: Timestamp,
    why: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("INSERT OR IGNORE INTO do_not_call (number, list, at, why) VALUES (?, ?, ?, ?)")
        .bind(number.to_string())
        .bind(list)
        .bind(at.as_millisecond())
        .bind(why)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
