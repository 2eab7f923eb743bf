//! The desk as a supervisor's page shows it: who is free to be rung, and how many tickets there are.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::page::Account;
use crate::simulate::page::{Error, Page, Told};

/// Before a feed that broke off is opened again.
const AGAIN: Duration = Duration::from_millis(500);

/// At one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wall {
    /// Who is at work and has nothing to do.
    pub free: BTreeSet<String>,
    /// Who is at work and has.
    pub busy: BTreeSet<String>,
    /// Callers who wait, who are to be called back, or who are with somebody.
    pub tickets: usize,
}

impl Wall {
    fn read(body: &Value) -> Self {
        let rows = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let count = |row: &Value, name: &str| row.get(name).and_then(Value::as_u64).unwrap_or_default() as usize;
        let mut wall = Self::default();
        for queue in rows("queues") {
            wall.tickets += count(&queue, "waiting") + count(&queue, "callbacks");
        }
        for agent in rows("agents") {
            wall.tickets += agent.get("with").and_then(Value::as_array).map_or(0, Vec::len);
            let name = agent.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            match agent.get("state").and_then(Value::as_str) {
                Some("available") => drop(wall.free.insert(name)),
                Some("offline") | None => {}
                Some(_) => drop(wall.busy.insert(name)),
            }
        }
        wall
    }

    /// Whether `wanted` are free, and none of `others` is at work.
    pub fn has(&self, wanted: &[String], others: &[String]) -> bool {
        let here = |name: &String| self.free.contains(name) || self.busy.contains(name);
        wanted.iter().all(|name| self.free.contains(name)) && !others.iter().any(here)
    }
}

/// Shows it from now on; nothing while the page is not there. To be dropped when it is enough.
pub async fn show(account: Account, shown: watch::Sender<Option<Wall>>) {
    loop {
        let ended = follow(&account, &shown).await;
        shown.send_replace(None);
        if let Err(e) = ended {
            tracing::warn!("the page that watches the desk: {e}");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(account: &Account, shown: &watch::Sender<Option<Wall>>) -> Result<(), Error> {
    let mut page = Page::sign_in(account.web, &account.name, &account.password).await?;
    page.open().await?;
    loop {
        match page.next().await?.1 {
            Told::Message { topic, body, .. } if topic == "wall" => {
                shown.send_replace(Some(Wall::read(&body)));
            }
            Told::Reset { body, .. } => {
                shown.send_replace(body.get("wall").map(Wall::read));
            }
            Told::Message { .. } | Told::Resumed { .. } | Told::Answer { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_read_as_pages_are_told_it() {
        let wall = Wall::read(&json!({
            "queues": [{"name": "a", "waiting": 2, "callbacks": 1}, {"name": "b", "waiting": 0, "callbacks": 0}],
            "agents": [
                {"name": "ann", "state": "available", "with": []},
                {"name": "zoe", "state": "busy", "with": ["17"]},
                {"name": "eve", "state": "offline", "with": []},
            ],
        }));
        assert_eq!(wall.tickets, 4);
        let has = |wanted: &[&str], others: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
            wall.has(&owned(wanted), &owned(others))
        };
        assert!(has(&["ann"], &["eve"]) && !has(&["zoe"], &[]) && !has(&["ann"], &["zoe"]));
    }
}
