//! What others see of the desk: facts for plans, and the wallboard.

use std::time::{Duration, Instant};

use super::agent::{Agent, State};
use super::ticket::{Needs, Reach, Stage};
use super::{AgentId, Desk, Doors, Line, Standing, Tally, TicketId};

/// What a plan may ask of a queue (`queue.NAME.wait`, `.length`, `.agents`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How long a caller without priority would wait who came now; none where nobody is at work who could take them.
    pub wait: Option<Duration>,
    /// Callers on the line who wait, and those who are to be called back and whose turn it could be.
    pub length: usize,
    /// Agents at work who have what the queue wants, busy or not.
    pub agents: usize,
}

/// The agents of some queues, as whoever has calls placed for them reckons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hands {
    /// Who could be rung this moment, and is needed for none of those who wait there already.
    pub free: usize,
    /// At work, and rung, with a caller or writing.
    pub busy: usize,
    /// Of those who wait there already, for how many nobody is free.
    pub short: usize,
}

/// The desk at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    pub queues: Vec<QueueRow>,
    pub agents: Vec<AgentRow>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct QueueRow {
    pub name: String,
    pub doors: Doors,
    /// Callers on the line who are not with an agent.
    pub waiting: usize,
    /// Of these, how long the one has waited who has waited longest.
    pub longest: Option<Duration>,
    /// Customers who are to be called back.
    pub callbacks: usize,
    pub facts: Facts,
    pub today: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    pub agent: AgentId,
    pub name: String,
    pub state: State,
    /// How long they have been doing that.
    pub since: Duration,
    /// Callers they were with today.
    pub calls: u32,
    /// What rings at them.
    pub ringing: Option<TicketId>,
    /// The tickets they have accepted.
    pub with: Vec<TicketId>,
}

impl Desk {
    /// What a plan may ask of a queue; none where there is no such queue.
    pub fn facts(&self, queue: &str) -> Option<Facts> {
        let line = self.lines.get(queue)?;
        let needs = Needs {
            language: None,
            skills: line.rules.skills.iter().map(String::as_str).collect(),
        };
        let agents = self.agents.iter();
        let able: Vec<AgentId> = agents
            .filter(|(_, agent)| agent.is_at_work() && agent.can(&needs))
            .map(|(id, _)| *id)
            .collect();
        let order = self.in_order();
        let ahead = order.iter().filter_map(|id| self.tickets.get(id));
        Some(Facts {
            wait: self.expected(queue, &able, &order),
            length: ahead.filter(|ticket| ticket.wish.queue == queue).count(),
            agents: able.len(),
        })
    }

    /// The agents who can take callers of any of these queues.
    pub fn hands(&self, queues: &[&str]) -> Hands {
        let rules = queues.iter().filter_map(|queue| self.lines.get(*queue));
        let needs: Vec<Needs<'_>> = rules
            .map(|line| Needs {
                language: None,
                skills: line.rules.skills.iter().map(String::as_str).collect(),
            })
            .collect();
        let at_work = self.agents.values().filter(|agent| agent.is_at_work());
        let able = at_work.filter(|agent| needs.iter().any(|needs| agent.can(needs)));
        let (free, busy): (Vec<&Agent>, Vec<&Agent>) = able.partition(|agent| agent.is_free());
        let order = self.in_order();
        let ahead = order.iter().filter_map(|id| self.tickets.get(id));
        let waiting = ahead.filter(|ticket| queues.contains(&ticket.wish.queue.as_str()));
        let (free, waiting) = (free.len(), waiting.count());
        Hands {
            free: free.saturating_sub(waiting),
            busy: busy.len(),
            short: waiting.saturating_sub(free),
        }
    }

    /// All of it at `now`.
    pub fn board(&self, now: Instant) -> Board {
        let queues = self
            .lines
            .iter()
            .filter_map(|(name, line)| self.queue_row(name, line, now));
        let agents = self.agents.iter().map(|(id, agent)| agent_row(*id, agent, now));
        Board {
            queues: queues.collect(),
            agents: agents.collect(),
        }
    }

    /// Where a ticket is, and with whom; none if it is not known any more.
    pub fn agent_of(&self, ticket: TicketId) -> Option<AgentId> {
        match self.tickets.get(&ticket)?.stage {
            Stage::Connecting { agent, .. } | Stage::Talking { agent } => Some(agent),
            Stage::Waiting | Stage::Resting { .. } | Stage::Ringing { .. } => None,
        }
    }

    /// Who is rung for a ticket, and until when.
    pub fn rung_for(&self, ticket: TicketId) -> Vec<(AgentId, Instant)> {
        match self.tickets.get(&ticket).map(|ticket| &ticket.stage) {
            Some(Stage::Ringing { agents, until, .. }) => agents.iter().map(|agent| (*agent, *until)).collect(),
            Some(Stage::Waiting | Stage::Resting { .. } | Stage::Connecting { .. } | Stage::Talking { .. }) | None => {
                Vec::new()
            }
        }
    }

    fn queue_row(&self, name: &str, line: &Line, now: Instant) -> Option<QueueRow> {
        let own: Vec<_> = self
            .tickets
            .values()
            .filter(|ticket| ticket.wish.queue == name)
            .collect();
        if line.standing == Standing::Retired && own.is_empty() {
            return None;
        }
        let holding = || own.iter().filter(|ticket| ticket.holds());
        let since = holding().map(|ticket| ticket.since).min();
        let away = own.iter().filter(|ticket| matches!(ticket.reach, Reach::Away { .. }));
        Some(QueueRow {
            name: name.to_owned(),
            doors: line.doors,
            waiting: holding().count(),
            longest: since.map(|since| now.saturating_duration_since(since)),
            callbacks: away.count(),
            facts: self.facts(name)?,
            today: line.tally.clone(),
        })
    }
}

fn agent_row(id: AgentId, agent: &Agent, now: Instant) -> AgentRow {
    let (state, since) = &agent.seen;
    AgentRow {
        agent: id,
        name: agent.profile.name.clone(),
        state: state.clone(),
        since: now.saturating_duration_since(*since),
        calls: agent.calls,
        ringing: agent.ringing,
        with: agent.with.keys().copied().collect(),
    }
}
