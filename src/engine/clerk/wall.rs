//! The desk in words of JSON: what somebody sees of themselves, of the others, and of the queues.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Clerk, Seen};
use crate::desk::{AgentRow, Doors, QueueRow, State, THRESHOLD};
use crate::language::Language;
use crate::store::people::Person;

impl Clerk {
    pub(super) fn me(&self, person: &Person, seen: &Seen) -> Value {
        let id = seen
            .people
            .iter()
            .find(|(_, one)| one.name == person.name)
            .map(|(id, _)| *id);
        let row = seen.board.agents.iter().find(|row| Some(row.agent) == id);
        let (state, reason) = row.map_or(("offline", None), |row| named(&row.state));
        json!({
            "name": person.name,
            "display": person.display,
            "role": person.role.name(),
            "state": state,
            "reason": reason,
            "since": row.map(|row| self.since(row, seen)),
            "phone": person.phone,
            "capacity": person.capacity,
        })
    }

    /// What there is to choose from.
    pub(super) fn desk_of(&self, seen: &Seen) -> Value {
        let script = self.bot.script();
        let plan = &script.plan;
        let flows = plan.flows.iter().map(|flow| {
            let title = |language| flow.title.as_ref().and_then(|title| title.fixed(language));
            json!({"name": flow.name, "title": {"en": title(Language::English), "zh": title(Language::Mandarin)}})
        });
        let colleagues = seen.people.iter().map(|(id, person)| {
            let row = seen.board.agents.iter().find(|row| row.agent == *id);
            let state = row.map_or("offline", |row| named(&row.state).0);
            json!({"name": person.name, "display": person.display, "state": state})
        });
        let ice =
            self.settings.browser.ice_servers.iter().map(
                |server| json!({"urls": server.urls, "username": server.username, "credential": server.credential}),
            );
        json!({
            "queues": plan.queues.keys().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            "flows": flows.collect::<Vec<_>>(),
            "colleagues": colleagues.collect::<Vec<_>>(),
            "dispositions": self.settings.dispositions,
            "pauses": self.settings.pauses,
            "ice": ice.collect::<Vec<_>>(),
        })
    }

    pub(super) fn wall_of(&self, seen: &Seen) -> Value {
        let agents = seen.people.iter().filter_map(|(id, person)| {
            let row = seen.board.agents.iter().find(|row| row.agent == *id)?;
            let (state, reason) = named(&row.state);
            let mut calls: Vec<u64> = row
                .with
                .iter()
                .filter_map(|ticket| seen.calls.get(ticket))
                .copied()
                .collect();
            calls.sort_unstable();
            calls.dedup();
            Some(json!({
                "name": person.name,
                "display": person.display,
                "state": state,
                "reason": reason,
                "since": self.since(row, seen),
                "calls": row.calls,
                "with": calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }))
        });
        json!({
            "queues": seen.board.queues.iter().map(queue).collect::<Vec<_>>(),
            "agents": agents.collect::<Vec<_>>(),
        })
    }

    fn since(&self, row: &AgentRow, seen: &Seen) -> i64 {
        let epoch = self.bot.live.epoch();
        let since = seen.at.checked_sub(row.since);
        epoch.milliseconds(since.unwrap_or(seen.at))
    }
}

/// As pages are told it, with the reason of a pause.
fn named(state: &State) -> (&'static str, Option<&str>) {
    match state {
        State::Offline => ("offline", None),
        State::Available => ("available", None),
        State::Ringing | State::Busy => ("busy", None),
        State::WrapUp => ("wrap_up", None),
        State::Paused { reason } => ("pause", Some(reason)),
    }
}

fn queue(row: &QueueRow) -> Value {
    let today = &row.today;
    json!({
        "name": row.name,
        "doors": match row.doors {
            Doors::Open => "open",
            Doors::Closed => "closed",
        },
        "waiting": row.waiting,
        "longest": row.longest.map(seconds),
        "wait": row.facts.wait.map(seconds),
        "agents": row.facts.agents,
        "callbacks": row.callbacks,
        "today": {
            "offered": today.offered,
            "answered": today.answered,
            "abandoned": today.abandoned,
            "overflowed": today.overflowed,
            "called_back": today.called_back,
            "service_level": today.service_level(),
            "threshold": THRESHOLD.as_millis() as u64,
        },
    })
}

/// In milliseconds, but whole seconds: what is told again where it changes.
fn seconds(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000)
}
