//! What others see of the floor: how queues stand, who could take a caller, and the board.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Floor;
use crate::clock;
use crate::desk::{AgentId, Board, Facts, Hands, TicketId};
use crate::dialplan::queue::Load;
use crate::store::people::Person;

/// The desk as others see it.
pub(in crate::engine) struct Seen {
    pub at: Instant,
    pub board: Board,
    pub people: BTreeMap<AgentId, Person>,
    /// The call that a ticket is of.
    pub calls: HashMap<TicketId, u64>,
}

impl Floor {
    /// How these queues stand now.
    pub(in crate::engine) fn loads(&self, queues: &[String]) -> BTreeMap<String, Load> {
        if queues.is_empty() {
            return BTreeMap::new();
        }
        let state = self.lock();
        let load = |queue: &String| {
            let Facts { wait, length, agents } = state.desk.facts(queue)?;
            Some((queue.clone(), Load { wait, length, agents }))
        };
        queues.iter().filter_map(load).collect()
    }

    /// The agents who can take callers of any of these queues.
    pub(in crate::engine) fn hands(&self, queues: &[&str]) -> Hands {
        self.lock().desk.hands(queues)
    }

    /// Whether anything on the board may have changed since this was asked last.
    pub(in crate::engine) fn has_stirred(&self) -> bool {
        self.stirred.swap(false, Ordering::Relaxed)
    }

    /// What others see of the desk, when it was so, and whom and which calls it speaks of.
    pub(in crate::engine) fn board(&self) -> Seen {
        let state = self.lock();
        let at = clock::now();
        Seen {
            at,
            board: state.desk.board(at),
            people: state
                .agents
                .iter()
                .map(|(id, agent)| (*id, agent.person.clone()))
                .collect(),
            calls: state
                .calls
                .iter()
                .map(|(ticket, (number, _))| (*ticket, *number))
                .collect(),
        }
    }

    /// Who takes calls by that name.
    pub(in crate::engine) fn person(&self, name: &str) -> Option<Person> {
        let state = self.lock();
        let mut agents = state.agents.values();
        agents
            .find(|agent| agent.person.name == name)
            .map(|agent| agent.person.clone())
    }
}
