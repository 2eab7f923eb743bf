//! What other systems are to be told, until they were.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{bump, writing};
use crate::store::{Error, Store};

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name in the configuration.
    pub endpoint: String,
    /// JSON.
    pub body: String,
}

/// Something that is still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: i64,
    pub endpoint: String,
    pub body: String,
    pub made: Timestamp,
    /// Times that it was tried in vain.
    pub tries: u32,
}

impl Store {
    pub async fn queue_webhooks(&self, hooks: &[Hook], at: Timestamp) -> Result<(), Error> {
        let write = async {
            let mut transaction = writing(&self.pool).await?;
            for hook in hooks {
                put(&mut transaction, hook, at).await?;
            }
            bump(&mut transaction).await?;
            transaction.commit().await
        };
        write.await.map_err(|e| self.wrong(e))
    }

    /// Those of `endpoint` to be told at `now`, the oldest first.
    pub async fn due_webhooks(&self, endpoint: &str, now: Timestamp, most: u32) -> Result<Vec<Webhook>, Error> {
        let read = async {
            let query =
                "SELECT * FROM webhooks WHERE done IS NULL AND endpoint = ? AND due <= ? ORDER BY due, id LIMIT ?";
            let rows = sqlx::query(query)
                .bind(endpoint)
                .bind(now.as_millisecond())
                .bind(most)
                .fetch_all(&self.pool)
                .await?;
            rows.iter()
                .map(|row| {
                    Ok(Webhook {
                        id: row.try_get("id")?,
                        endpoint: row.try_get("endpoint")?,
                        body: row.try_get("body")?,
                        made: crate::store::records::time(row.try_get("made")?),
                        tries: row.try_get("tries")?,
                    })
                })
                .collect::<Result<_, sqlx::Error>>()
        };
        read.await.map_err(|e| self.wrong(e))
    }

    /// Gives up what is for others than `endpoints`: how many there were.
    pub async fn abandon_webhooks(&self, endpoints: &[&str], at: Timestamp, why: &str) -> Result<u64, Error> {
        let query = "UPDATE webhooks SET done = ?, why = ? \
                     WHERE done IS NULL AND endpoint NOT IN (SELECT value FROM json_each(?))";
        let done = sqlx::query(query)
            .bind(at.as_millisecond())
            .bind(why)
            .bind(serde_json::json!(endpoints).to_string())
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(done.rows_affected())
    }

    /// It was told.
    pub async fn webhook_done(&self, id: i64, at: Timestamp) -> Result<(), Error> {
        sqlx::query("UPDATE webhooks SET done = ?, why = NULL WHERE id = ? AND done IS NULL")
            .bind(at.as_millisecond())
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(())
    }

    /// It was not; it is tried again at `again`, or given up where there is none.
    pub async fn webhook_failed(
        &self,
        id: i64,
        at: Timestamp,
        why: &str,
        again: Option<Timestamp>,
    ) -> Result<(), Error> {
        let query = "UPDATE webhooks SET tries = tries + 1, why = ?, due = COALESCE(?, due), done = ? WHERE id = ? AND done IS NULL";
        sqlx::query(query)
            .bind(why)
            .bind(again.map(|at| at.as_millisecond()))
            .bind(again.is_none().then_some(at.as_millisecond()))
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(())
    }

    /// Forgets what was done with before `before`.
    pub async fn forget_webhooks(&self, before: Timestamp) -> Result<u64, Error> {
        let done = sqlx::query("DELETE FROM webhooks WHERE done < ?")
            .bind(before.as_millisecond())
            .execute(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        Ok(done.rows_affected())
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, hook: &Hook, at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO webhooks (endpoint, body, made, due) VALUES (?1, ?2, ?3, ?3)")
        .bind(&hook.endpoint)
        .bind(&hook.body)
        .bind(at.as_millisecond())
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[tokio::test]
    async fn each_is_due_until_it_was_told_or_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
        let hook = |body: &str| Hook {
            endpoint: "shop".into(),
            body: body.into(),
        };
        let hooks = [hook("1"), hook("2"), hook("3")];
        store.queue_webhooks(&hooks, at(10)).await.expect("written");
        assert!(store.due_webhooks("shop", at(9), 10).await.expect("read").is_empty());
        let due = store.due_webhooks("shop", at(10), 10).await.expect("read");
        let [told, refused, hopeless] = due.as_slice() else {
            panic!("{due:?}");
        };
        store.webhook_done(told.id, at(11)).await.expect("written");
        let again = store.webhook_failed(refused.id, at(11), "503", Some(at(20)));
        again.await.expect("written");
        let given_up = store.webhook_failed(hopeless.id, at(11), "gone", None);
        given_up.await.expect("written");
        assert!(store.due_webhooks("shop", at(19), 10).await.expect("read").is_empty());
        let due = store.due_webhooks("shop", at(20), 10).await.expect("read");
        let told: Vec<_> = due
            .iter()
            .map(|hook| (hook.body.as_str(), hook.tries, hook.made))
            .collect();
        assert_eq!(told, [("2", 1, at(10))]);
        assert_eq!(store.forget_webhooks(at(12)).await.expect("deleted"), 2);
        assert_eq!(store.due_webhooks("shop", at(20), 10).await.expect("read").len(), 1);
        assert!(store.due_webhooks("crm", at(20), 10).await.expect("read").is_empty());
        let gone = "no webhook is called so any more";
        assert_eq!(
            store.abandon_webhooks(&["shop"], at(21), gone).await.expect("written"),
            0
        );
        assert_eq!(
            store.abandon_webhooks(&["crm"], at(21), gone).await.expect("written"),
            1
        );
        assert!(store.due_webhooks("shop", at(30), 10).await.expect("read").is_empty());
    }
}
