//! What is wished of each campaign, and whether anything has changed.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{bump, writing};
use crate::store::records::time;
use crate::store::{Error, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody is called until somebody starts it. What is not in the table is stopped.
    Stopped,
    Running,
    /// Goes on where it was; calls in progress end as they would.
    Paused,
}

/// What somebody may want of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Start,
    Pause,
    Resume,
    Stop,
}

impl Order {
    /// What a campaign that is `state` becomes by it.
    ///
    /// # Errors
    /// Why that makes no sense, in words.
    pub fn of(self, state: State) -> Result<State, String> {
        match (self, state) {
            (Order::Start, _) | (Order::Resume, State::Paused) => Ok(State::Running),
            (Order::Stop, _) => Ok(State::Stopped),
            (Order::Pause, State::Running) => Ok(State::Paused),
            (Order::Pause, State::Stopped | State::Paused) => {
                Err(format!("it is {state}, so there is nothing to pause"))
            }
            (Order::Resume, State::Running) => Err("it runs already".into()),
            (Order::Resume, State::Stopped) => Err("it is stopped; start it".into()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CampaignState {
    pub name: String,
    pub state: State,
    /// Why it is as it is, where somebody or something said so.
    pub why: Option<String>,
    pub changed: Timestamp,
}

const STATES: [(State, &str); 3] = [
    (State::Stopped, "stopped"),
    (State::Running, "running"),
    (State::Paused, "paused"),
];

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = STATES.iter().find(|(state, _)| state == self);
        f.write_str(found.map_or("", |(_, word)| word))
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STATES.iter().find(|(_, word)| *word == text);
        found
            .map(|(state, _)| *state)
            .ok_or_else(|| format!("`{text}` is none of stopped, running, paused"))
    }
}

impl Store {
    /// Goes up with each write that the running bot must notice, whichever process made it. Cheap: one row.
    pub async fn change_counter(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT n FROM changes").fetch_one(&self.pool).await;
        let n: i64 = row.and_then(|row| row.try_get("n")).map_err(|e| self.wrong(e))?;
        Ok(n.unsigned_abs())
    }

    /// Of every campaign that was ever started, paused or stopped, by name. A state of a later version reads as stopped.
    pub async fn campaign_states(&self) -> Result<Vec<CampaignState>, Error> {
        self.read_states().await.map_err(|e| self.wrong(e))
    }

    async fn read_states(&self) -> Result<Vec<CampaignState>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM campaigns ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let state: String = row.try_get("state")?;
                Ok(CampaignState {
                    name: row.try_get("name")?,
                    state: state.parse().unwrap_or(State::Stopped),
                    why: row.try_get("why")?,
                    changed: time(row.try_get("changed")?),
                })
            })
            .collect()
    }

    /// Wishes `state` of it from `at` on.
    pub async fn set_campaign_state(
        &self,
        name: &str,
        state: State,
        why: Option<&str>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.access(async {
            let mut transaction = writing(&self.pool).await?;
            put(&mut transaction, name, state, why, at).await?;
            transaction.commit().await
        })
        .await
    }

    /// Wishes of it what `order` makes of it, or says why that makes no sense. One write, so of two who order at once the second is told.
    pub async fn order_campaign(
        &self,
        name: &str,
        order: Order,
        why: Option<&str>,
        at: Timestamp,
    ) -> Result<Result<State, String>, Error> {
        self.access(async {
            let mut transaction = writing(&self.pool).await?;
            let row = sqlx::query("SELECT state FROM campaigns WHERE name = ?")
                .bind(name)
                .fetch_optional(&mut *transaction)
                .await?;
            let state: Option<String> = row.map(|row| row.try_get("state")).transpose()?;
            let state = state.and_then(|word| word.parse().ok()).unwrap_or(State::Stopped);
            let after = match order.of(state) {
                Ok(after) => after,
                Err(why) => return Ok(Err(why)),
            };
            put(&mut transaction, name, after, why, at).await?;
            transaction.commit().await?;
            Ok(Ok(after))
        })
        .await
    }
}

async fn put(
    connection: &mut SqliteConnection,
    name: &str,
    state: State,
    why: Option<&str>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO campaigns (name, state, why, changed) VALUES (?, ?, ?, ?)")
        .bind(name)
        .bind(state.to_string())
        .bind(why)
        .bind(at.as_millisecond())
        .execute(&mut *connection)
        .await?;
    bump(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_is_seen_by_another_process_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offhook.db");
        // Two stores of one file, as the running bot and a command have.
        let bot = Store::open(&path).await.expect("opened");
        let command = Store::open(&path).await.expect("opened twice");
        let before = bot.change_counter().await.expect("read");
        assert!(bot.campaign_states().await.expect("read").is_empty());
        let at = Timestamp::from_second(100).expect("a time");
        let start = command.set_campaign_state("unpaid", State::Running, None, at);
        start.await.expect("written");
        let pause = command.set_campaign_state("unpaid", State::Paused, Some("too many failed"), at);
        pause.await.expect("written");
        assert_eq!(bot.change_counter().await.expect("read"), before + 2);
        let wished = CampaignState {
            name: "unpaid".into(),
            state: State::Paused,
            why: Some("too many failed".into()),
            changed: at,
        };
        assert_eq!(bot.campaign_states().await.expect("read"), [wished]);
        // What makes no sense changes nothing.
        let again = command
            .order_campaign("unpaid", Order::Pause, None, at)
            .await
            .expect("read");
        assert!(again.is_err_and(|why| why.contains("nothing to pause")));
        assert_eq!(bot.change_counter().await.expect("read"), before + 2);
        let resume = command.order_campaign("unpaid", Order::Resume, None, at).await;
        assert_eq!(resume.expect("written"), Ok(State::Running));
        let resume = command.order_campaign("other", Order::Resume, None, at).await;
        assert!(resume.expect("read").is_err_and(|why| why.contains("start it")));
        let stop = command.order_campaign("unpaid", Order::Stop, None, at).await;
        assert_eq!(stop.expect("written"), Ok(State::Stopped));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for (state, _) in STATES {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert!("going".parse::<State>().is_err());
    }
}
