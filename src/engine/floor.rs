//! The floor: where the desk meets calls and telephones.
//!
//! The desk decides ([`Desk`]); here its words are passed on to the calls that they are about, at once, and the time is told to it. A call that takes no
//! more words has lost them; what it was to do is then undone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, mpsc};

use crate::clock;
use crate::desk::{AgentId, Desk, Doors, Facts, Output, Overflow, Profile, Refused, TicketId, Wish};
use crate::dialplan::Plan;
use crate::dialplan::queue::Load;
use crate::sip::UserAgent;
use crate::store::people::{Person, Role};
use crate::store::{self, Store};

/// Words of the desk that may wait for one call.
const WORDS: usize = 32;
/// How often it is looked whether agents' telephones are there.
const LOOK: Duration = Duration::from_secs(2);

/// Who did not answer again and again is left alone for so long: at a telephone nobody says that they are back.
const AWAY: Duration = Duration::from_secs(300);

/// Somebody who takes calls on a telephone.
struct Agent {
    name: String,
    profile: Profile,
    /// A SIP URI, or the name of a user who registers here.
    phone: String,
}

/// What the desk tells a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Ring this agent.
    Ring {
        agent: AgentId,
        name: String,
        phone: String,
    },
    /// No longer.
    StopRinging {
        agent: AgentId,
    },
    Place {
        position: usize,
        wait: Option<Duration>,
    },
    OfferCallback,
    Overflow(Overflow),
}

pub struct Floor {
    state: Mutex<State>,
    people: Store,
    /// Something may be due sooner than before.
    changed: Notify,
}

struct State {
    desk: Desk,
    /// Whose queues they are.
    plan: Arc<Plan>,
    /// The day that is counted.
    day: Date,
    agents: BTreeMap<AgentId, Agent>,
    calls: HashMap<TicketId, mpsc::Sender<Told>>,
    /// Who did not answer, and since when they are left alone.
    away: BTreeMap<AgentId, Instant>,
    /// When it was last looked who is there.
    looked: Instant,
    next: u64,
}

impl Floor {
    /// Where `people` take the calls of the plan's queues.
    pub async fn open(plan: &Arc<Plan>, people: Store, sip: &UserAgent) -> Result<Self, store::Error> {
        let floor = Self {
            state: Mutex::new(State {
                desk: Desk::new(clock::now(), plan.queues.values()),
                plan: Arc::clone(plan),
                day: today(),
                agents: BTreeMap::new(),
                calls: HashMap::new(),
                away: BTreeMap::new(),
                looked: clock::now(),
                next: 1,
            }),
            people,
            changed: Notify::new(),
        };
        floor.look(sip).await?;
        Ok(floor)
    }

    /// The queues of the plan from now on.
    pub fn follow(&self, plan: &Arc<Plan>) {
        let mut state = self.lock();
        state.plan = Arc::clone(plan);
        state.desk.set_queues(clock::now(), plan.queues.values());
        state.open_and_close();
        self.pass_on(&mut state);
    }

    /// Waits until something is due, and does it: the desk is told the time, and who can be rung. It may be dropped while it waits.
    pub(super) async fn turn(&self, sip: &UserAgent) {
        let (due, look) = {
            let state = self.lock();
            let look = state.looked + LOOK;
            let due = state.desk.poll_timeout().map_or(look, |(at, _)| at.min(look));
            (due, look)
        };
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = self.changed.notified() => return,
        }
        let now = clock::now();
        if now >= look {
            self.lock().looked = now;
            if let Err(e) = self.look(sip).await {
                tracing::error!("who takes calls cannot be read: {e}");
            }
        }
        self.tell(Desk::handle_timeout);
    }

    /// Who takes calls, as the store has it now. Whose telephone is registered here is at work while it is; one that is elsewhere always is.
    async fn look(&self, sip: &UserAgent) -> Result<(), store::Error> {
        let people = self.people.people().await?;
        let mut state = self.lock();
        state.open_and_close();
        let takes = |person: &&Person| !person.disabled && person.role != Role::Ops;
        let at_work: Vec<&Person> = people.iter().filter(takes).collect();
        let gone = state
            .agents
            .iter()
            .filter(|(_, agent)| at_work.iter().all(|one| one.name != agent.name));
        for id in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            state.agents.remove(&id);
            state.desk.sign_out(clock::now(), id);
        }
        for person in at_work {
            let Some(phone) = &person.phone else { continue };
            let id = state.number(&person.name);
            let profile = Profile {
                name: person.display.clone(),
                skills: person.skills.clone(),
                languages: person.languages.clone(),
                capacity: person.capacity as usize,
            };
            let elsewhere = phone.starts_with("sip:") || phone.starts_with("sips:");
            if elsewhere {
                sip.name([phone.clone()]);
            }
            if elsewhere || !sip.contacts(phone).is_empty() {
                state.desk.sign_in(clock::now(), id, profile.clone());
            } else {
                state.desk.sign_out(clock::now(), id);
            }
            let (name, phone) = (person.name.clone(), phone.clone());
            state.agents.insert(id, Agent { name, profile, phone });
        }
        self.pass_on(&mut state);
        Ok(())
    }

    /// How these queues stand now.
    pub(super) fn loads(&self, queues: &[String]) -> BTreeMap<String, Load> {
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

    /// A caller wants a person. What the desk says of them comes by the receiver.
    pub(super) fn queue(&self, wish: Wish) -> Result<(TicketId, mpsc::Receiver<Told>), String> {
        let (words, receiver) = mpsc::channel(WORDS);
        let mut state = self.lock();
        if state.agents.is_empty() {
            return Err("nobody is there to take calls: `offhook people add` says who is".into());
        }
        let ticket = state.desk.enqueue(clock::now(), wish).map_err(|e| e.to_string())?;
        state.calls.insert(ticket, words);
        self.pass_on(&mut state);
        Ok((ticket, receiver))
    }

    /// The plan has a way of its own for callers whom nobody wants.
    pub(super) fn ends_when_declined(&self, ticket: TicketId) {
        self.lock().desk.ends_when_declined(ticket);
    }

    /// The caller is gone, or the agent has hung up on them.
    pub(super) fn leave(&self, ticket: TicketId) {
        self.tell(|desk, now| desk.leave(now, ticket));
        self.lock().calls.remove(&ticket);
    }

    pub(super) fn accept(&self, agent: AgentId, ticket: TicketId) -> Result<(), Refused> {
        self.tell(|desk, now| desk.accept(now, agent, ticket))
    }

    pub(super) fn decline(&self, agent: AgentId, ticket: TicketId) {
        self.tell(|desk, now| desk.decline(now, agent, ticket));
    }

    pub(super) fn lost(&self, agent: AgentId, ticket: TicketId) {
        self.tell(|desk, now| desk.lost(now, agent, ticket));
    }

    pub(super) fn bridged(&self, ticket: TicketId) {
        self.tell(|desk, now| desk.bridged(now, ticket));
    }

    /// Tells the desk something, and passes on what it says.
    fn tell<T>(&self, what: impl FnOnce(&mut Desk, Instant) -> T) -> T {
        let mut state = self.lock();
        let told = what(&mut state.desk, clock::now());
        self.pass_on(&mut state);
        told
    }

    fn pass_on(&self, state: &mut State) {
        while let Some(output) = state.desk.poll() {
            state.pass_on(output);
        }
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn today() -> Date {
    clock::wall().to_zoned(TimeZone::system()).date()
}

impl State {
    /// Queues have their hours, and what is counted its days.
    fn open_and_close(&mut self) {
        let now = clock::now();
        for queue in self.plan.queues.values() {
            let hours = queue.hours.as_ref().and_then(|name| self.plan.hours.get(name));
            let open = hours.is_none_or(|hours| hours.open_at(clock::wall()));
            let doors = if open { Doors::Open } else { Doors::Closed };
            self.desk.set_doors(now, &queue.name, doors);
        }
        for (agent, _) in self
            .away
            .extract_if(.., |_, since| now.saturating_duration_since(*since) >= AWAY)
        {
            self.desk.resume(now, agent);
        }
        let day = today();
        if day != self.day {
            self.day = day;
            self.desk.begin_day(now);
        }
    }

    /// By which the desk knows them.
    fn number(&mut self, name: &str) -> AgentId {
        let known = self
            .agents
            .iter()
            .find(|(_, agent)| agent.name == name)
            .map(|(id, _)| *id);
        known.unwrap_or_else(|| {
            let id = AgentId(self.next);
            self.next += 1;
            id
        })
    }

    fn pass_on(&mut self, output: Output) {
        let (ticket, told) = match output {
            Output::Ring { ticket, agent, .. } => {
                let Some(rung) = self.agents.get(&agent) else {
                    return self.desk.lost(clock::now(), agent, ticket);
                };
                let told = Told::Ring {
                    agent,
                    name: rung.profile.name.clone(),
                    phone: rung.phone.clone(),
                };
                if !self.says(ticket, told) {
                    self.desk.lost(clock::now(), agent, ticket);
                }
                return;
            }
            Output::StopRinging { ticket, agent, .. } => (ticket, Told::StopRinging { agent }),
            Output::Announce { ticket, position, wait } => (ticket, Told::Place { position, wait }),
            Output::OfferCallback { ticket } => (ticket, Told::OfferCallback),
            Output::Overflow { ticket, why } => {
                self.says(ticket, Told::Overflow(why));
                self.calls.remove(&ticket);
                return;
            }
            Output::Paused { agent } => {
                self.away.insert(agent, clock::now());
                let name = self.agents.get(&agent).map(|agent| agent.profile.name.as_str());
                return tracing::warn!(agent = name, "does not answer, and is left alone for a while");
            }
            // Nobody is called back by the desk yet.
            Output::Dial { .. } | Output::StopDialling { .. } | Output::GiveUp { .. } => return,
        };
        self.says(ticket, told);
    }

    /// Whether the call took it.
    fn says(&self, ticket: TicketId, told: Told) -> bool {
        self.calls.get(&ticket).is_some_and(|call| call.try_send(told).is_ok())
    }
}
