//! A desk on a clock of whole seconds, and what it said when.

mod day;
mod model;
mod offering;
mod random;
mod standing;
mod taking;
mod waiting;

use std::time::{Duration, Instant};

use super::*;
use crate::clock;
use crate::dialplan::queue::{Queue, Strategy, Widening};
use crate::language::Language;

/// What can happen. Tickets and agents are numbers.
#[derive(Clone, Debug)]
enum Event {
    SignIn(u64, Profile),
    SignOut(u64),
    Pause(u64),
    Resume(u64),
    Done(u64),
    Enqueue(Wish),
    /// So many seconds from now.
    Book(Wish, u64),
    Leave(u64),
    Accept(u64, u64),
    Decline(u64, u64),
    Lost(u64, u64),
    Bridged(u64),
    Reached(u64),
    NotReached(u64),
    CallBack(u64),
    Requeue(u64, &'static str, Option<u64>),
    Doors(&'static str, Doors),
}

/// What was said, and at which second.
type Log = Vec<(u64, String)>;

struct Room {
    desk: Desk,
    start: Instant,
    /// Seconds since then.
    now: u64,
    log: Log,
}

impl Room {
    fn new(queues: &[Queue]) -> Self {
        let start = clock::now();
        Self {
            desk: Desk::new(start, queues),
            start,
            now: 0,
            log: Vec::new(),
        }
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_secs(self.now)
    }

    /// Lets time pass until `second`: the desk is woken when it wants to be, and else left alone.
    fn until(&mut self, second: u64) {
        let end = self.start + Duration::from_secs(second);
        let mut wakes = 0;
        while let Some((at, what)) = self.desk.poll_timeout().filter(|(at, _)| *at <= end) {
            assert!(at > self.instant(), "{what} was due already");
            let passed = at - self.start;
            assert_eq!(passed.subsec_nanos(), 0, "{what} is due between two seconds");
            self.now = passed.as_secs();
            self.desk.handle_timeout(at);
            self.note();
            wakes += 1;
            assert!(wakes < 100_000, "it never rests: {what}");
        }
        self.now = second;
        self.desk.handle_timeout(self.instant());
        self.note();
    }

    fn tell(&mut self, event: &Event) {
        let now = self.instant();
        let desk = &mut self.desk;
        match event {
            Event::SignIn(agent, profile) => desk.sign_in(now, AgentId(*agent), profile.clone()),
            Event::SignOut(agent) => desk.sign_out(now, AgentId(*agent)),
            Event::Pause(agent) => desk.pause(now, AgentId(*agent), "lunch"),
            Event::Resume(agent) => desk.resume(now, AgentId(*agent)),
            Event::Done(agent) => desk.done(now, AgentId(*agent)),
            Event::Enqueue(wish) => {
                let _ = desk.enqueue(now, wish.clone());
            }
            Event::Book(wish, after) => {
                let _ = desk.book(now, wish.clone(), now + Duration::from_secs(*after));
            }
            Event::Leave(ticket) => desk.leave(now, TicketId(*ticket)),
            Event::Accept(agent, ticket) => {
                let _ = desk.accept(now, AgentId(*agent), TicketId(*ticket));
            }
            Event::Decline(agent, ticket) => desk.decline(now, AgentId(*agent), TicketId(*ticket)),
            Event::Lost(agent, ticket) => desk.lost(now, AgentId(*agent), TicketId(*ticket)),
            Event::Bridged(ticket) => desk.bridged(now, TicketId(*ticket)),
            Event::Reached(ticket) => desk.reached(now, TicketId(*ticket)),
            Event::NotReached(ticket) => desk.not_reached(now, TicketId(*ticket)),
            Event::CallBack(ticket) => {
                let _ = desk.call_back(now, TicketId(*ticket));
            }
            Event::Requeue(ticket, queue, preferred) => {
                let _ = desk.requeue(now, TicketId(*ticket), queue, preferred.map(AgentId));
            }
            Event::Doors(queue, doors) => desk.set_doors(now, queue, *doors),
        }
        self.note();
    }

    fn note(&mut self) {
        while let Some(output) = self.desk.poll() {
            self.log.push((self.now, written(&output, self.start)));
        }
    }

    fn state(&self, agent: u64) -> State {
        self.desk.agents[&AgentId(agent)].state()
    }

    fn tally(&self, queue: &str) -> Tally {
        self.desk.lines[queue].tally.clone()
    }
}

fn written(output: &Output, start: Instant) -> String {
    match output {
        Output::Ring { ticket, agent, until } => {
            format!("ring {} at {} until {}", ticket.0, agent.0, (*until - start).as_secs())
        }
        Output::StopRinging { ticket, agent, why } => format!("stop {} at {}: {why:?}", ticket.0, agent.0),
        Output::Dial { ticket, agent } => format!("dial {} for {}", ticket.0, agent.0),
        Output::StopDialling { ticket } => format!("stop dialling {}", ticket.0),
        Output::Announce { ticket, position, .. } => format!("announce {} at {position}", ticket.0),
        Output::OfferCallback { ticket } => format!("offer callback {}", ticket.0),
        Output::Overflow { ticket, why } => format!("overflow {}: {why:?}", ticket.0),
        Output::GiveUp { ticket } => format!("give up {}", ticket.0),
        Output::Paused { agent } => format!("paused {}", agent.0),
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// One who can do all of `skills`, in English, one call at a time.
fn profile(skills: &[&str]) -> Profile {
    Profile {
        name: "Ann".to_owned(),
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        languages: vec![Language::English],
        capacity: 1,
    }
}

fn wish(queue: &str) -> Wish {
    Wish {
        queue: queue.to_owned(),
        priority: 0,
        language: None,
        skills: Vec::new(),
        preferred: None,
    }
}

/// Runs `events`, each at its second, and then until `end`: what was said.
fn told(queue: Queue, events: &[(u64, Event)], end: u64) -> Log {
    room(queue, events, end).log
}

fn room(queue: Queue, events: &[(u64, Event)], end: u64) -> Room {
    let mut room = Room::new(&[queue]);
    for (at, event) in events {
        room.until(*at);
        room.tell(event);
    }
    room.until(end);
    room
}

#[track_caller]
fn check(queue: Queue, events: &[(u64, Event)], expected: &[(u64, &str)]) {
    let end = expected.iter().map(|(at, _)| *at).max().unwrap_or(0);
    let end = end.max(events.iter().map(|(at, _)| *at).max().unwrap_or(0));
    let found = told(queue, events, end);
    let found: Vec<(u64, &str)> = found.iter().map(|(at, what)| (*at, what.as_str())).collect();
    assert_eq!(found, expected);
}

fn care() -> Queue {
    Queue::named("care")
}

fn sign_in(agent: u64) -> Event {
    Event::SignIn(agent, profile(&[]))
}

fn call() -> Event {
    Event::Enqueue(wish("care"))
}

fn urgent(priority: i32) -> Event {
    Event::Enqueue(Wish {
        priority,
        ..wish("care")
    })
}
