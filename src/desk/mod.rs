//! The desk: agents, queues, and the callers who wait for a person (an automatic call distributor).
//!
//! [`Desk`] is told the time and what happened. It says whom to ring, what to announce, whom to call back, and who has waited too
//! long. It knows no calls, no sound and no clock: a caller is a ticket, an agent a name with skills.
//!
//! The rules. Tickets stand in one order: by priority with what their waiting has added, then by who came first. The first of them that a
//! free agent may take rings that agent; so an agent is never rung by a later ticket that an earlier one could have had. An agent is rung
//! by one ticket at a time, and has no more than their capacity. Who did not take a ticket is asked again when the others have been. A caller waits, or is rung for, until they are with an agent: whatever fails before puts them back where they stood.
//!
//! Who is called back keeps their place. When it is their turn an agent is rung first, and the customer dialled once that agent has
//! accepted: the other way round a person who answers could find nobody there. It costs the agent the time that the customer's phone rings.

mod agent;
mod board;
mod estimate;
mod hand;
mod settle;
mod sign;
mod tally;
#[cfg(test)]
mod tests;
mod ticket;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use agent::Agent;
pub use agent::{Profile, State};
pub use board::{AgentRow, Board, Facts, Hands, QueueRow};
use estimate::{Patience, Recent};
pub use tally::Tally;
use ticket::Ticket;
pub use ticket::Wish;

use crate::dialplan::queue::Queue;

/// Nobody who could take a caller is signed in: after this long there is no use in waiting. A page that is loaded again is back in less.
pub const GRACE: Duration = Duration::from_secs(15);
/// A caller waits for the agent they prefer for this long at most, and then for anybody.
pub const PREFERENCE: Duration = Duration::from_secs(30);
/// Before an agent is asked again about a ticket that they did not take. A telephone that is out of order declines at once.
pub const REST: Duration = Duration::from_secs(15);
/// Before they are asked again though others, who are busy, were not asked yet.
pub const TURN: Duration = Duration::from_secs(60);
/// From an agent's yes until they and the caller hear each other, the brief included.
pub const CONNECTING: Duration = Duration::from_secs(90);
/// So many tickets in a row an agent may leave unanswered; then they are taken to be away.
pub const MISSED: u32 = 2;
/// How often a customer is dialled who wants to be called back.
pub const TRIES: u32 = 3;
/// From one of these to the next.
pub const RETRY: Duration = Duration::from_secs(15 * 60);
/// A customer who was not called back by then no longer waits for it. Three days: from the end of a week to its beginning.
pub const CALLBACK_LIFE: Duration = Duration::from_secs(72 * 3600);
/// A caller answered within this time counts as served well: of 80/20, the 20 (seconds).
pub const THRESHOLD: Duration = Duration::from_secs(20);
/// Tickets in all queues, callbacks among them.
pub const MOST_TICKETS: usize = 10_000;

/// An agent, by the number of their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub u64);

/// One who waits for a person, or is with one. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Offer the ticket to the agent, until then at most.
    Ring {
        ticket: TicketId,
        agent: AgentId,
        until: Instant,
    },
    /// The agent is no longer asked, or no longer connected to the caller.
    StopRinging {
        ticket: TicketId,
        agent: AgentId,
        why: Stop,
    },
    /// The agent has accepted: call the customer back, and connect the two. Then [`Desk::bridged`] or [`Desk::not_reached`].
    Dial { ticket: TicketId, agent: AgentId },
    /// Do not call the customer after all.
    StopDialling { ticket: TicketId },
    /// Tell the caller their place, 1 being the next, and how long it will be, if anybody can know.
    Announce {
        ticket: TicketId,
        position: usize,
        wait: Option<Duration>,
    },
    /// Ask the caller whether to call them back: [`Desk::call_back`] if they want it.
    OfferCallback { ticket: TicketId },
    /// The caller waits no longer. The desk has forgotten the ticket.
    Overflow { ticket: TicketId, why: Overflow },
    /// The customer is called back no more. The desk has forgotten the ticket.
    GiveUp { ticket: TicketId },
    /// The agent did not answer again and again, and is paused.
    Paused { agent: AgentId },
}

/// Why an agent is no longer rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Another agent took it.
    Taken,
    /// They did not answer in time.
    Unanswered,
    /// The caller has gone.
    CallerGone,
    /// They have paused or signed out meanwhile.
    Withdrawn,
    /// They accepted, and the connection did not come about in time.
    NotConnected,
}

/// Why a caller waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overflow {
    /// The queue's `max_wait` is over.
    Waited,
    /// Nobody who could take them is signed in.
    NoAgents,
    /// The queue is outside its hours.
    Closed,
    /// So many wait already that nobody else may.
    Full,
    /// Agents did not want them, and nobody is left to ask: see [`Desk::ends_when_declined`].
    Declined,
}

/// Why something cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("no such queue")]
    NoSuchQueue,
    #[error("no such ticket, or not any more")]
    NoSuchTicket,
    /// Another took it, or it was withdrawn.
    #[error("the agent is not rung for this ticket")]
    NotRung,
    /// The ticket is not where this can be done: a caller with an agent is not called back.
    #[error("the ticket is past that, or not yet there")]
    OutOfPlace,
}

/// Whether a queue takes callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    Open,
    /// Outside its hours. Who waits goes on waiting, and nobody is called back.
    Closed,
}

/// One queue: its rules, and what became of those who came.
#[derive(Debug)]
struct Line {
    rules: Queue,
    standing: Standing,
    doors: Doors,
    /// Who was rung last, for taking turns.
    last: Option<AgentId>,
    tally: Tally,
    /// How long one caller keeps an agent, the ringing and the writing included.
    handling: Recent,
    /// From the ring to the first word.
    answering: Recent,
    patience: Patience,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Of the plan.
    Current,
    /// No longer of the plan: those who are in it go on.
    Retired,
}

#[derive(Debug)]
pub struct Desk {
    /// The latest that was told: it never goes back.
    now: Instant,
    /// Up to when all that was due has happened. What is refused leaves it behind.
    settled: Instant,
    lines: BTreeMap<String, Line>,
    agents: BTreeMap<AgentId, Agent>,
    tickets: BTreeMap<TicketId, Ticket>,
    /// The number of the next ticket.
    next: u64,
    outputs: VecDeque<Output>,
}

impl Desk {
    pub fn new<'a>(now: Instant, queues: impl IntoIterator<Item = &'a Queue>) -> Self {
        let mut desk = Self {
            now,
            settled: now,
            lines: BTreeMap::new(),
            agents: BTreeMap::new(),
            tickets: BTreeMap::new(),
            next: 1,
            outputs: VecDeque::new(),
        };
        desk.set_queues(now, queues);
        desk
    }

    /// The queues of the plan from now on. Who waits in one that is no longer among them goes on by the rules that it had.
    pub fn set_queues<'a>(&mut self, now: Instant, queues: impl IntoIterator<Item = &'a Queue>) {
        for line in self.lines.values_mut() {
            line.standing = Standing::Retired;
        }
        for rules in queues {
            match self.lines.get_mut(&rules.name) {
                Some(line) => {
                    line.rules = rules.clone();
                    line.standing = Standing::Current;
                }
                None => {
                    self.lines.insert(rules.name.clone(), Line::new(rules.clone()));
                }
            }
        }
        self.settle(now);
    }

    /// Whether the hours of a queue have begun or are over.
    pub fn set_doors(&mut self, now: Instant, queue: &str, doors: Doors) {
        let same = self.lines.get(queue).is_none_or(|line| line.doors == doors);
        if same && self.is_settled(now) {
            return self.pass(now);
        }
        if let Some(line) = self.lines.get_mut(queue) {
            line.doors = doors;
        }
        self.settle(now);
    }

    /// All that is counted by the day begins anew; agents who are not here are forgotten until they sign in again.
    pub fn begin_day(&mut self, now: Instant) {
        let tickets = &self.tickets;
        self.lines.retain(|name, line| {
            let open = tickets.values().filter(|ticket| ticket.wish.queue == *name);
            line.tally = Tally::of(open.filter(|ticket| ticket.is_in_line()).count());
            line.standing == Standing::Current || tickets.values().any(|ticket| ticket.wish.queue == *name)
        });
        self.agents.retain(|_, agent| agent.state() != State::Offline);
        for agent in self.agents.values_mut() {
            agent.calls = 0;
        }
        self.settle(now);
    }

    /// Time has passed: what is due happens.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.settle(now);
    }

    /// What is to be done next; to be called until there is nothing, whenever something was told.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

impl Line {
    fn new(rules: Queue) -> Self {
        Self {
            rules,
            standing: Standing::Current,
            doors: Doors::Open,
            last: None,
            tally: Tally::default(),
            handling: Recent::of(estimate::HANDLING),
            answering: Recent::of(estimate::ANSWERING),
            patience: Patience::default(),
        }
    }
}

/// `at` and so much later; `at` where the system's clock cannot tell that.
fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or(at)
}
