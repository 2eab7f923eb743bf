//! How long it will be: from how long callers keep agents, how many agents there are, and how many callers stand before.
//!
//! As long as all are busy, `n` agents who need `h` for each caller become free at a rate of `n / h`, and who has `k` before them is answered
//! after `k + 1` times (the queue M/M/n of the textbooks). Here agents differ in whom they can take, and callers hang up: so it is played
//! through as if callers were a fluid, each agent taking a little at a time of the first whom they can take.

use std::time::{Duration, Instant};

use super::agent::Agent;
use super::{AgentId, Desk, TicketId};

/// How long one caller keeps an agent, until it is known better.
pub(super) const HANDLING: Duration = Duration::from_secs(240);
/// From the ring to the first word, until it is known better.
pub(super) const ANSWERING: Duration = Duration::from_secs(8);
/// What is thought beforehand counts as so many calls.
const BELIEF: f64 = 3.0;
/// What each call leaves of those before it: the mean is of the last fifty.
const FADING: f64 = 0.98;
/// Of the time until the next of all agents becomes free: so finely it is played through.
const STEP: f64 = 0.25;
/// It takes no more of them than so many.
const STEPS: f64 = 1000.0;
/// Less of a caller than this is nothing.
const NEARLY: f64 = 1e-6;
/// Of an estimate, in seconds: longer than that nobody waits.
const LONGEST: f64 = 6.0 * 3600.0;

/// The mean of recent lengths of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    seconds: f64,
    count: f64,
}

impl Recent {
    pub fn of(belief: Duration) -> Self {
        Self {
            seconds: belief.as_secs_f64() * BELIEF,
            count: BELIEF,
        }
    }

    pub fn add(&mut self, length: Duration) {
        self.seconds = self.seconds * FADING + length.as_secs_f64();
        self.count = self.count * FADING + 1.0;
    }

    /// In seconds; a second at least.
    pub fn mean(&self) -> f64 {
        (self.seconds / self.count).max(1.0)
    }
}

/// How soon callers hang up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    waited: f64,
    gone: f64,
}

impl Patience {
    /// A wait is over.
    pub fn add(&mut self, waited: Duration, end: End) {
        self.waited = self.waited * FADING + waited.as_secs_f64();
        self.gone = self.gone * FADING + f64::from(u8::from(end == End::HungUp));
    }

    /// Of those who wait, how many hang up each second. Ten minutes of waiting in which nobody does are thought to have gone before.
    pub fn rate(&self) -> f64 {
        self.gone / (self.waited + 600.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    HungUp,
}

/// One who waits, as far as the estimate goes.
struct Waiting {
    /// How much of them is still there: 1 at first, less as agents become free for them or the chance grows that they have hung up.
    left: f64,
    /// Of those like them, so many hang up each second.
    leaving: f64,
    able: Vec<AgentId>,
}

/// An agent, as far as the estimate goes.
struct Server {
    agent: AgentId,
    /// How many callers they are done with each second.
    rate: f64,
    /// Those before this place they cannot take, or they are gone.
    at: usize,
}

impl Desk {
    /// How long a ticket has to wait from now on, that stands behind those of `ahead`; none where nobody is at work who may take it.
    pub(super) fn expected(&self, queue: &str, able: &[AgentId], ahead: &[TicketId]) -> Option<Duration> {
        let line = self.lines.get(queue)?;
        let mut waiting: Vec<Waiting> = ahead.iter().filter_map(|id| self.waiting(*id)).collect();
        waiting.push(Waiting {
            left: 1.0,
            leaving: 0.0,
            able: able.to_vec(),
        });
        let at_work = self.agents.iter().filter(|(_, agent)| agent.is_at_work());
        let mut servers: Vec<Server> = at_work
            .map(|(id, agent)| Server {
                agent: *id,
                rate: self.rate(agent, queue),
                at: 0,
            })
            .collect();
        if !servers.iter().any(|server| able.contains(&server.agent)) {
            return None;
        }
        let is_free = |server: &&mut Server| self.agents.get(&server.agent).is_some_and(Agent::is_free);
        for server in servers.iter_mut().filter(is_free) {
            server.take(1.0, &mut waiting);
        }
        if is_served(&waiting) {
            return Some(Duration::ZERO);
        }
        let rate: f64 = servers.iter().map(|server| server.rate).sum();
        let own = servers.iter().filter(|server| able.contains(&server.agent));
        let own: f64 = own.map(|server| server.rate).sum();
        // Those who may take it are never idle before they have: so it takes no longer than all of them would, one after the other.
        let longest = waiting.len() as f64 / own;
        let step = (STEP / rate).max(longest / STEPS);
        let mut seconds = 0.0;
        while !is_served(&waiting) && seconds < LONGEST {
            for server in &mut servers {
                server.take(server.rate * step, &mut waiting);
            }
            for one in &mut waiting {
                one.left *= 1.0 - (one.leaving * step).min(1.0);
            }
            seconds += step;
        }
        Duration::try_from_secs_f64(seconds.min(LONGEST) + line.answering.mean()).ok()
    }

    fn waiting(&self, id: TicketId) -> Option<Waiting> {
        let (ticket, line) = self.ticket(id)?;
        Some(Waiting {
            left: 1.0,
            leaving: if ticket.holds() { line.patience.rate() } else { 0.0 },
            able: self.able(id),
        })
    }

    /// How many callers an agent is done with each second, while they have what they have.
    fn rate(&self, agent: &Agent, queue: &str) -> f64 {
        let at = agent.with.keys().next().and_then(|ticket| self.tickets.get(ticket));
        let line = self.lines.get(at.map_or(queue, |ticket| ticket.wish.queue.as_str()));
        line.map_or(0.0, |line| agent.profile.capacity as f64 / line.handling.mean())
    }

    /// A caller has kept an agent since then.
    pub(super) fn handled(&mut self, calls: Vec<(String, Instant)>) {
        for (queue, since) in calls {
            let took = self.now.saturating_duration_since(since);
            if let Some(line) = self.lines.get_mut(&queue) {
                line.handling.add(took);
            }
        }
    }
}

impl Server {
    /// Becomes free for so many callers, and takes them in their order.
    fn take(&mut self, mut callers: f64, waiting: &mut [Waiting]) {
        while let Some(one) = waiting.get_mut(self.at) {
            if one.left > 0.0 && one.able.contains(&self.agent) {
                let taken = one.left.min(callers);
                one.left -= taken;
                callers -= taken;
                if callers <= 0.0 {
                    return;
                }
            }
            self.at += 1;
        }
    }
}

/// Whether the last of them, for whom all this is, has been taken.
fn is_served(waiting: &[Waiting]) -> bool {
    waiting.last().is_none_or(|one| one.left < NEARLY)
}
