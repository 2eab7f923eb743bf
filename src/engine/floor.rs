//! The floor: where the desk meets calls and telephones.
//!
//! The desk decides ([`Desk`]); here its words are passed on to the calls that they are about, at once, and the time is told to it. A call that takes no
//! more words has lost them; what it was to do is then undone. Who has a telephone is at work while it is there, who has none while their page is and they say so.

mod seen;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, mpsc, watch};

pub(super) use self::seen::Seen;
use super::letters::Letter;
use crate::clock;
use crate::desk::{AgentId, Desk, Doors, GRACE, Output, Overflow, Profile, Refused, TicketId, Wish};
use crate::dialplan::Plan;
use crate::sip::UserAgent;
use crate::store::people::{Person, Role};
use crate::store::{self, Store};
use crate::web::State as Presence;

/// How often it is looked whether agents' telephones are there.
const LOOK: Duration = Duration::from_secs(2);

/// Who did not answer again and again is left alone for so long: at a telephone nobody says that they are back.
const AWAY: Duration = Duration::from_secs(300);

/// Somebody who takes calls.
struct Agent {
    person: Person,
    wants: Wants,
    /// Since when they have had no page open.
    pageless: Option<Instant>,
}

/// What they said of themselves at their page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// Nothing: they take calls if they have a telephone that is there.
    Nothing,
    Calls,
    None,
}

/// What the desk tells a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Ring this agent, until then at most.
    Ring {
        agent: AgentId,
        person: Box<Person>,
        until: Instant,
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
    /// An agent has accepted: call the customer back.
    Dial,
    StopDialling,
    /// The customer is called back no more.
    GiveUp,
}

pub struct Floor {
    state: Mutex<State>,
    people: Store,
    /// Whose page is there.
    present: watch::Receiver<BTreeSet<String>>,
    /// Something may be due sooner than before.
    changed: Notify,
    /// The board is not what it was when it was last looked at.
    stirred: AtomicBool,
}

struct State {
    desk: Desk,
    /// Whose queues they are.
    plan: Arc<Plan>,
    /// The day that is counted.
    day: Date,
    agents: BTreeMap<AgentId, Agent>,
    /// Whose page was there when it was last looked.
    present: BTreeSet<String>,
    /// The number of the call that a ticket is of, and its letter box.
    calls: HashMap<TicketId, (u64, mpsc::Sender<Letter>)>,
    /// Who did not answer, and since when they are left alone.
    away: BTreeMap<AgentId, Instant>,
    /// When it was last looked who is there.
    looked: Instant,
    next: u64,
}

impl Floor {
    /// Where `people` take the calls of the plan's queues; `present` tells whose page is there.
    pub async fn open(
        plan: &Arc<Plan>,
        people: Store,
        present: watch::Receiver<BTreeSet<String>>,
        sip: &UserAgent,
    ) -> Result<Self, store::Error> {
        let floor = Self {
            state: Mutex::new(State {
                desk: Desk::new(clock::now(), plan.queues.values()),
                plan: Arc::clone(plan),
                day: today(),
                agents: BTreeMap::new(),
                present: BTreeSet::new(),
                calls: HashMap::new(),
                away: BTreeMap::new(),
                looked: clock::now(),
                next: 1,
            }),
            people,
            present,
            changed: Notify::new(),
            stirred: AtomicBool::new(true),
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
        let mut present = self.present.clone();
        let (due, look) = {
            let state = self.lock();
            let look = if *present.borrow_and_update() == state.present {
                state.looked + LOOK
            } else {
                clock::now()
            };
            let due = state.desk.poll_timeout().map_or(look, |(at, _)| at.min(look));
            (due, look)
        };
        let came_or_went = tokio::select! {
            () = tokio::time::sleep_until(due.into()) => false,
            () = self.changed.notified() => return,
            Ok(()) = present.changed() => true,
        };
        let now = clock::now();
        if came_or_went || now >= look {
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
            .filter(|(_, agent)| at_work.iter().all(|one| one.name != agent.person.name));
        for id in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            state.agents.remove(&id);
            state.desk.sign_out(clock::now(), id);
        }
        let present = self.present.borrow().clone();
        for person in at_work {
            let registered = |phone: &String| {
                let elsewhere = phone.starts_with("sip:") || phone.starts_with("sips:");
                if elsewhere {
                    sip.name([phone.clone()]);
                }
                elsewhere || !sip.contacts(phone).is_empty()
            };
            let phone = person.phone.as_ref().map(registered);
            state.at_work(person, phone, present.contains(&person.name));
        }
        state.present = present;
        self.pass_on(&mut state);
        Ok(())
    }

    /// A caller wants a person. What the desk says of them goes to the letters of call `number`.
    pub(super) fn queue(&self, wish: Wish, number: u64, letters: &mpsc::Sender<Letter>) -> Result<TicketId, String> {
        let mut state = self.lock();
        if state.agents.is_empty() {
            return Err("nobody is there to take calls: `offhook people add` says who is".into());
        }
        let ticket = state.desk.enqueue(clock::now(), wish).map_err(|e| e.to_string())?;
        state.calls.insert(ticket, (number, letters.clone()));
        self.pass_on(&mut state);
        Ok(ticket)
    }

    /// Somebody is to be called back at `at`. What the desk says of them goes to the letters of call `number`.
    pub(super) fn book(
        &self,
        (wish, at): (Wish, Instant),
        number: u64,
        letters: &mpsc::Sender<Letter>,
    ) -> Result<TicketId, Refused> {
        let mut state = self.lock();
        let ticket = state.desk.book(clock::now(), wish, at)?;
        state.calls.insert(ticket, (number, letters.clone()));
        self.pass_on(&mut state);
        Ok(ticket)
    }

    /// The caller hangs up and keeps their place. What the desk says of the ticket goes to these letters from now on: first, who is rung for it.
    pub(super) fn call_back(&self, ticket: TicketId, letters: &mpsc::Sender<Letter>) -> Result<(), Refused> {
        let mut state = self.lock();
        let rung = state.desk.rung_for(ticket);
        state.desk.call_back(clock::now(), ticket)?;
        if let Some((_, box_of_ticket)) = state.calls.get_mut(&ticket) {
            *box_of_ticket = letters.clone();
        }
        for (agent, until) in rung {
            state.pass_on(Output::Ring { ticket, agent, until });
        }
        self.pass_on(&mut state);
        Ok(())
    }

    /// A ticket is of another call from now on.
    pub(super) fn is_of(&self, ticket: TicketId, number: u64) {
        if let Some((of, _)) = self.lock().calls.get_mut(&ticket) {
            *of = number;
        }
    }

    /// Who was called back has answered.
    pub(super) fn reached(&self, ticket: TicketId) {
        self.tell(|desk, now| desk.reached(now, ticket));
    }

    /// Who was called back has not.
    pub(super) fn not_reached(&self, ticket: TicketId) {
        self.tell(|desk, now| desk.not_reached(now, ticket));
    }

    /// Somebody is with a caller who came by no queue.
    pub(super) fn engage(&self, person: &str, number: u64, letters: &mpsc::Sender<Letter>) -> TicketId {
        let mut state = self.lock();
        let agent = state.number(person);
        let ticket = state.desk.engage(clock::now(), agent);
        state.calls.insert(ticket, (number, letters.clone()));
        self.pass_on(&mut state);
        ticket
    }

    /// Somebody takes a caller, whoever is rung for them or has them.
    pub(super) fn seize(&self, person: &str, ticket: TicketId) -> Result<AgentId, Refused> {
        let agent = self.lock().number(person);
        self.tell(|desk, now| desk.seize(now, agent, ticket)).map(|()| agent)
    }

    /// The agent who has the caller passes them on to `queue`, and there to `first` before others.
    pub(super) fn pass(&self, ticket: TicketId, queue: &str, first: Option<&str>) -> Result<(), Refused> {
        let first = first.map(|person| self.lock().number(person));
        self.tell(|desk, now| desk.requeue(now, ticket, queue, first))
    }

    /// Who has the caller, or is to.
    pub(super) fn agent_of(&self, ticket: TicketId) -> Option<AgentId> {
        self.lock().desk.agent_of(ticket)
    }

    /// By which the desk knows them.
    pub(super) fn number_of(&self, person: &str) -> AgentId {
        self.lock().number(person)
    }

    /// What somebody says of themselves.
    pub(super) fn says_of_themselves(&self, person: &str, state: &Presence) -> Result<(), String> {
        let now = clock::now();
        let mut floor = self.lock();
        let floor = &mut *floor;
        let known = floor.agents.iter_mut().find(|(_, agent)| agent.person.name == person);
        let (id, agent) = known.ok_or("you take no calls here: your role is another")?;
        let id = *id;
        floor.away.remove(&id);
        match state {
            Presence::Available => {
                agent.wants = Wants::Calls;
                if agent.person.phone.is_none() {
                    floor.desk.sign_in(now, id, profile(&agent.person));
                }
                floor.desk.resume(now, id);
            }
            Presence::Pause { reason } => {
                agent.wants = Wants::Calls;
                let profile = profile(&agent.person);
                if agent.person.phone.is_none() {
                    // Nobody is given to them between coming and pausing.
                    let capacity = 0;
                    floor.desk.sign_in(
                        now,
                        id,
                        Profile {
                            capacity,
                            ..profile.clone()
                        },
                    );
                }
                floor.desk.pause(now, id, reason);
                if agent.person.phone.is_none() {
                    floor.desk.sign_in(now, id, profile);
                }
            }
            Presence::Offline => {
                agent.wants = Wants::None;
                floor.desk.sign_out(now, id);
            }
        }
        self.pass_on(floor);
        Ok(())
    }

    /// They have written down what there was to write.
    pub(super) fn done(&self, person: &str) {
        let agent = self.lock().number(person);
        self.tell(|desk, now| desk.done(now, agent));
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
        self.stirred.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn profile(person: &Person) -> Profile {
    Profile {
        name: person.display.clone(),
        skills: person.skills.clone(),
        languages: person.languages.clone(),
        // A page has one sound.
        capacity: match person.phone {
            Some(_) => person.capacity as usize,
            None => person.capacity.min(1) as usize,
        },
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

    /// Whether `person` can be rung now: at their telephone, where they have one that is there or not, else at their page.
    fn at_work(&mut self, person: &Person, phone: Option<bool>, page: bool) {
        let now = clock::now();
        let id = self.number(&person.name);
        let agent = self.agents.entry(id).or_insert_with(|| Agent {
            person: person.clone(),
            wants: Wants::Nothing,
            pageless: None,
        });
        agent.person = person.clone();
        let left = !page && agent.pageless.is_none();
        agent.pageless = (!page).then(|| agent.pageless.unwrap_or(now));
        let long_gone = agent
            .pageless
            .is_some_and(|since| now.saturating_duration_since(since) >= GRACE);
        let here = match phone {
            Some(there) => there && agent.wants != Wants::None,
            None => {
                if long_gone {
                    agent.wants = Wants::Nothing;
                }
                agent.wants == Wants::Calls
            }
        };
        if here {
            let mut profile = profile(person);
            if phone.is_none() && !page {
                // They may be back in a moment; until then nothing would ring.
                profile.capacity = 0;
            }
            self.desk.sign_in(now, id, profile);
        } else {
            self.desk.sign_out(now, id);
        }
        if left && phone.is_none() {
            // What rings at a page that is closed rings at nobody.
            let board = self.desk.board(now);
            let rings = board
                .agents
                .iter()
                .find(|row| row.agent == id)
                .and_then(|row| row.ringing);
            if let Some(ticket) = rings {
                self.says(ticket, Told::StopRinging { agent: id });
                self.desk.lost(now, id, ticket);
            }
        }
    }

    /// By which the desk knows them.
    fn number(&mut self, name: &str) -> AgentId {
        let known = self
            .agents
            .iter()
            .find(|(_, agent)| agent.person.name == name)
            .map(|(id, _)| *id);
        known.unwrap_or_else(|| {
            let id = AgentId(self.next);
            self.next += 1;
            id
        })
    }

    fn pass_on(&mut self, output: Output) {
        let (ticket, told) = match output {
            Output::Ring { ticket, agent, until } => {
                let Some(rung) = self.agents.get(&agent) else {
                    return self.desk.lost(clock::now(), agent, ticket);
                };
                let person = Box::new(rung.person.clone());
                let told = Told::Ring { agent, person, until };
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
                // At a page they say themselves that they are back.
                if self
                    .agents
                    .get(&agent)
                    .is_some_and(|agent| agent.person.phone.is_some())
                {
                    self.away.insert(agent, clock::now());
                }
                let name = self.agents.get(&agent).map(|agent| agent.person.name.as_str());
                return tracing::warn!(agent = name, "does not answer, and is left alone for a while");
            }
            Output::Dial { ticket, .. } => (ticket, Told::Dial),
            Output::StopDialling { ticket } => (ticket, Told::StopDialling),
            Output::GiveUp { ticket } => {
                self.says(ticket, Told::GiveUp);
                self.calls.remove(&ticket);
                return;
            }
        };
        self.says(ticket, told);
    }

    /// Whether the call took it.
    fn says(&self, ticket: TicketId, told: Told) -> bool {
        let call = self.calls.get(&ticket);
        call.is_some_and(|(_, letters)| letters.try_send(Letter::Desk(ticket, told)).is_ok())
    }
}
