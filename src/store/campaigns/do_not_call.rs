//! Numbers that are never called.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{bump, number, trail, writing};
use crate::campaign::number::Number;
pub use crate::campaign::permit::INTERNAL;
use crate::store::records::time;
use crate::store::{Error, Store};

const BATCH: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub list: String,
    #[serde(serialize_with = "super::attempts::told")]
    pub number: Number,
    pub at: Timestamp,
    pub why: String,
}

/// A list, and how many are on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List {
    pub name: String,
    pub numbers: u64,
    /// When it was last imported; none of the internal one.
    pub imported: Option<Timestamp>,
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

    /// When it returns the number is on the list and on the disk, and the audit trail has it. What is on it already stays as it was; false then.
    pub async fn add_do_not_call(&self, list: &str, number: Number, at: Timestamp, why: &str) -> Result<bool, Error> {
        self.access(async {
            let mut transaction = writing(&self.journal).await?;
            let new = put(&mut transaction, list, number, at, why).await?;
            if new {
                let what = json!({"what": "do_not_call", "did": "add", "list": list, "number": number.to_string(), "why": why});
                trail::put(&mut transaction, at, &what).await?;
            }
            bump(&mut transaction).await?;
            transaction.commit().await?;
            Ok(new)
        })
        .await
    }

    /// Many at once, as a list that is imported has them, 1,000 a transaction: how many are new. The list is not
    /// there before [`Store::imported_do_not_call`] says so: campaigns that name it call nobody while half of it is missing.
    pub async fn import_do_not_call(
        &self,
        list: &str,
        numbers: &[Number],
        at: Timestamp,
        why: &str,
    ) -> Result<u64, Error> {
        let mut new = 0_u64;
        for batch in numbers.chunks(BATCH) {
            new += self
                .access(async {
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
                })
                .await?;
        }
        Ok(new)
    }

    /// All of an imported list is in, also where nobody is on it.
    pub async fn imported_do_not_call(&self, list: &str, at: Timestamp) -> Result<(), Error> {
        self.access(async {
            let mut transaction = writing(&self.journal).await?;
            sqlx::query("INSERT OR REPLACE INTO do_not_call_lists (list, at) VALUES (?, ?)")
                .bind(list)
                .bind(at.as_millisecond())
                .execute(&mut *transaction)
                .await?;
            bump(&mut transaction).await?;
            transaction.commit().await
        })
        .await
    }

    /// Takes a number off a list, which the audit trail keeps with `why`. False: it was not on it.
    pub async fn remove_do_not_call(
        &self,
        list: &str,
        number: Number,
        at: Timestamp,
        why: &str,
    ) -> Result<bool, Error> {
        self.access(async {
            let mut transaction = writing(&self.journal).await?;
            let done = sqlx::query("DELETE FROM do_not_call WHERE number = ? AND list = ?")
                .bind(number.to_string())
                .bind(list)
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() > 0 {
                let what = json!({"what": "do_not_call", "did": "remove", "list": list, "number": number.to_string(), "why": why});
                trail::put(&mut transaction, at, &what).await?;
            }
            bump(&mut transaction).await?;
            transaction.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// The numbers of a list in their order, from behind `after` on.
    pub async fn do_not_call_list(&self, list: &str, after: Option<Number>, most: u32) -> Result<Vec<Listed>, Error> {
        self.access(async {
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
        })
        .await
    }

    /// Every list that there is.
    pub async fn do_not_call_lists(&self) -> Result<Vec<List>, Error> {
        self.access(async {
            let query = "SELECT list, at, (SELECT COUNT(*) FROM do_not_call d WHERE d.list = l.list) AS numbers \
                         FROM do_not_call_lists l ORDER BY list";
            let rows = sqlx::query(query).fetch_all(&self.pool).await?;
            rows.iter()
                .map(|row| {
                    let (numbers, at): (i64, i64) = (row.try_get("numbers")?, row.try_get("at")?);
                    Ok(List {
                        name: row.try_get("list")?,
                        numbers: numbers.unsigned_abs(),
                        imported: (at > 0).then(|| time(at)),
                    })
                })
                .collect()
        })
        .await
    }

    /// The names of the lists that there are: cheap, however long they are.
    pub async fn do_not_call_names(&self) -> Result<Vec<String>, Error> {
        let rows = sqlx::query("SELECT list FROM do_not_call_lists ORDER BY list")
            .fetch_all(&self.pool)
            .await;
        let names = rows.and_then(|rows| rows.iter().map(|row| row.try_get("list")).collect());
        names.map_err(|e| self.wrong(e))
    }

    /// Which of `numbers` are on any of `lists`, with the first list that has them.
    pub async fn listed(&self, numbers: &[Number], lists: &[String]) -> Result<BTreeMap<Number, String>, Error> {
        self.access(async {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let query = "SELECT number, MIN(list) AS list FROM do_not_call WHERE number IN (SELECT value FROM json_each(?)) \
                         AND list IN (SELECT value FROM json_each(?)) GROUP BY number";
            let rows = sqlx::query(query)
                .bind(json!(numbers).to_string())
                .bind(json!(lists).to_string())
                .fetch_all(&self.pool)
                .await?;
            rows.iter()
                .map(|row| Ok((number(row)?, row.try_get("list")?)))
                .collect()
        })
        .await
    }

    /// Takes everybody off an imported list, and the list itself: how many there were. The internal one stays.
    pub async fn drop_do_not_call(&self, list: &str, at: Timestamp) -> Result<u64, Error> {
        if list == INTERNAL {
            return Ok(0);
        }
        self.access(async {
            let mut transaction = writing(&self.journal).await?;
            let done = sqlx::query("DELETE FROM do_not_call WHERE list = ?")
                .bind(list)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM do_not_call_lists WHERE list = ?")
                .bind(list)
                .execute(&mut *transaction)
                .await?;
            let numbers = done.rows_affected();
            let what = json!({"what": "do_not_call", "did": "drop", "list": list, "numbers": numbers});
            trail::put(&mut transaction, at, &what).await?;
            bump(&mut transaction).await?;
            transaction.commit().await?;
            Ok(numbers)
        })
        .await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[tokio::test]
    async fn who_is_on_a_list_stays_on_it_until_taken_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offhook.db");
        let store = Store::open(&path).await.expect("opened");
        let (ann, bob) = (number("+493023125000"), number("+493023125001"));
        assert_eq!(store.do_not_call_names().await.expect("read"), [INTERNAL]);
        let add = |list: &'static str, why: &'static str| store.add_do_not_call(list, ann, at(1), why);
        assert!(add(INTERNAL, "said so").await.expect("written"));
        assert!(!add(INTERNAL, "again").await.expect("nothing"));
        store.close().await;
        let store = Store::open(&path).await.expect("opened again");
        let numbers = [ann, bob, bob];
        let import = store.import_do_not_call("national", &numbers, at(2), "registry");
        assert_eq!(import.await.expect("written"), 2);
        // It is not there before all of it is.
        assert_eq!(store.do_not_call_names().await.expect("read"), [INTERNAL]);
        store.imported_do_not_call("national", at(2)).await.expect("written");
        store.imported_do_not_call("empty", at(3)).await.expect("written");
        assert_eq!(store.do_not_call(ann).await.expect("read"), [INTERNAL, "national"]);
        assert_eq!(
            store.do_not_call_names().await.expect("read"),
            ["empty", INTERNAL, "national"]
        );
        let lists = store.do_not_call_lists().await.expect("read");
        let told: Vec<_> = lists
            .iter()
            .map(|list| (list.name.as_str(), list.numbers, list.imported))
            .collect();
        assert_eq!(
            told,
            [
                ("empty", 0, Some(at(3))),
                (INTERNAL, 1, None),
                ("national", 2, Some(at(2)))
            ]
        );
        let wanted = ["national".to_owned()];
        let listed = store
            .listed(&[ann, bob, number("+493023125002")], &wanted)
            .await
            .expect("read");
        assert_eq!(listed.keys().copied().collect::<Vec<_>>(), [ann, bob]);
        let page = store.do_not_call_list("national", None, 1).await.expect("read");
        let rest = store
            .do_not_call_list("national", page.last().map(|row| row.number), 9)
            .await
            .expect("read");
        assert_eq!(
            [page, rest].concat().iter().map(|row| row.number).collect::<Vec<_>>(),
            [ann, bob]
        );
        // A list is dropped as a whole, but for the internal one.
        assert_eq!(store.drop_do_not_call("national", at(4)).await.expect("written"), 2);
        assert_eq!(store.drop_do_not_call(INTERNAL, at(4)).await.expect("nothing"), 0);
        assert_eq!(store.do_not_call(ann).await.expect("read"), [INTERNAL]);
        let remove = || store.remove_do_not_call(INTERNAL, ann, at(5), "asked to be called again");
        assert!(remove().await.expect("written"));
        assert!(!remove().await.expect("nothing"));
        assert!(store.do_not_call(ann).await.expect("read").is_empty());
        // Who was put on a list or taken off is sealed, what changed nothing is not.
        let trail = store.audit_rows(0, 10).await.expect("read");
        let did = trail
            .iter()
            .map(|entry| serde_json::from_str(&entry.what).expect("JSON"));
        let did: Vec<serde_json::Value> = did.map(|what: serde_json::Value| what["did"].clone()).collect();
        assert_eq!(did, ["add", "drop", "remove"]);
    }
}
