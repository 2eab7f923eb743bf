//! One campaign, as far as its pace goes: its book, its calls under way, and what has become of those before.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::super::book::{Book, ContactId, Entry, Hours};
use super::super::outcome::Outcome;
use super::super::predict::{Habits, Scene};
use super::super::tally::{Abandonment, Share, Tally};
use super::trunk::{Rate, Taken};
use super::{Again, Mode, Progress, Rules, Tripped, World};
use crate::dialplan::Value;

pub(super) struct Pace<H> {
    pub rules: Rules,
    pub book: Book<H>,
    pub calls: BTreeMap<ContactId, Call<H>>,
    pub abandonment: Abandonment,
    pub rate: Rate,
    /// Counts whom it has named; after a time without anybody to name it goes on where the others are.
    pub turn: u64,
    pub habits: Habits,
    tally: Option<Tally>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Halted,
    /// It goes with its last call.
    Leaving,
}

/// Campaigns that share agents.
pub(super) struct Crowd {
    pub scene: Scene,
    pub shares: Vec<Share>,
    /// The least of theirs.
    pub cap: f64,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            scene: Scene::default(),
            shares: Vec::new(),
            cap: 1.0,
        }
    }
}

/// A call under way.
pub(super) struct Call<H> {
    /// The digits of E.164.
    pub number: u64,
    pub hours: H,
    pub dialled: Instant,
    pub at: Timestamp,
    pub motion: Motion,
    pub trunk: String,
    /// Of the campaign's rate and of the trunk's.
    pub taken: (Taken, Option<Taken>),
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    Dialled,
    /// A person has answered.
    Human,
    /// No person has: nobody need take it.
    Machine,
    WithAgent {
        since: Instant,
    },
}

impl<H: Hours + Clone + Eq + Hash> Pace<H> {
    pub fn new(rules: Rules) -> Self {
        Self {
            book: Book::default(),
            calls: BTreeMap::new(),
            abandonment: Abandonment::default(),
            rate: Rate::default(),
            turn: 0,
            tally: rules.breaker.as_ref().map(|breaker| Tally::new(breaker.window)),
            habits: Habits::default(),
            state: State::Halted,
            rules,
        }
    }

    pub fn set_rules(&mut self, rules: Rules) {
        if self.rules.breaker != rules.breaker {
            self.tally = rules.breaker.as_ref().map(|breaker| Tally::new(breaker.window));
        }
        self.rules = rules;
        if self.state == State::Leaving {
            self.state = State::Halted;
        }
    }

    pub fn start(&mut self) {
        if self.state == State::Halted {
            self.state = State::Running;
            if let Some(tally) = &mut self.tally {
                tally.clear();
            }
        }
    }

    pub fn halt(&mut self) {
        if self.state == State::Running {
            self.state = State::Halted;
        }
    }

    pub fn leave(&mut self) {
        self.state = State::Leaving;
        self.book.clear();
    }

    /// The hours are what they were when the call was dialled, though the plan is another by now: who dials asks for the permit.
    pub fn settle(&mut self, contact: ContactId, call: &Call<H>, again: Option<Again>) {
        let again = again
            .filter(|_| self.state != State::Leaving)
            .map(|Again { due, lane }| Entry {
                number: call.number,
                due,
                lane,
                hours: self.book.hours(&call.hours),
            });
        self.book.settle(contact, again);
    }

    /// Whether one call more is well, but for the rate, for whom, and for who takes it.
    pub fn is_able(&self, name: &str, world: &World) -> bool {
        self.state == State::Running && self.calls.len() < self.rules.max_calls as usize && !world.held.contains(name)
    }

    /// Adds its calls that want an agent, and its shares of each day that has calls under way, of today and of all days.
    pub fn join(&self, crowd: &mut Crowd, now: Timestamp) {
        if let Mode::Predictive { cap } = self.rules.mode {
            crowd.cap = crowd.cap.min(cap);
        }
        let mut days = BTreeSet::from([Abandonment::day(now)]);
        for call in self.calls.values() {
            match call.motion {
                Motion::Dialled => crowd.scene.dialled += 1,
                Motion::Human => crowd.scene.waiting += 1,
                Motion::Machine | Motion::WithAgent { .. } => {}
            }
            days.insert(Abandonment::day(call.at));
        }
        let of_days = days.into_iter().map(|day| self.abandonment.of_day(day));
        crowd.shares.extend(of_days.chain([self.abandonment.lately(now)]));
    }

    /// By which trunk it was dialled, and when, if it has been answered only now.
    pub fn told(&mut self, now: Instant, contact: ContactId, progress: Progress) -> Option<(String, Instant)> {
        let call = self.calls.get_mut(&contact)?;
        let before = call.motion;
        call.motion = match (before, progress) {
            (same @ Motion::WithAgent { .. }, Progress::WithAgent) => same,
            (_, Progress::Human) => Motion::Human,
            (_, Progress::Machine) => Motion::Machine,
            (_, Progress::WithAgent) => Motion::WithAgent { since: now },
        };
        if before != Motion::Dialled {
            return None;
        }
        if call.motion != Motion::Machine {
            self.habits.human(now.saturating_duration_since(call.dialled));
        }
        Some((call.trunk.clone(), call.dialled))
    }

    pub fn ended(&mut self, now: Instant, call: &Call<H>, outcome: &Outcome) -> Option<Tripped> {
        self.abandonment.add(call.at, outcome);
        match call.motion {
            Motion::Dialled if outcome.is_human() => self.habits.human(now.saturating_duration_since(call.dialled)),
            Motion::Dialled | Motion::Machine => self.habits.nobody(),
            Motion::Human => {}
            Motion::WithAgent { since } => self.habits.talked(now.saturating_duration_since(since)),
        }
        let (Some(breaker), Some(tally)) = (&self.rules.breaker, &mut self.tally) else {
            return None;
        };
        tally.add(now, outcome);
        let counts = tally.counts(now);
        let value = |name: &str| counts.rate(name).map_or(Value::Null, Value::Number);
        let is_bad = counts.calls >= u64::from(breaker.min_calls) && breaker.pause_if.holds(&value);
        if self.state != State::Running || !is_bad {
            return None;
        }
        let names = breaker.pause_if.names();
        let values = names
            .iter()
            .map(|name| format!("{name} is {:.2}", counts.rate(name).unwrap_or_default()));
        let why = format!(
            "`{}` holds over the last {} s: {}, of {} calls",
            breaker.pause_if.source(),
            breaker.window.as_secs(),
            values.collect::<Vec<_>>().join(" and "),
            counts.calls
        );
        self.state = State::Halted;
        Some(Tripped {
            why,
            alert: breaker.alert.clone(),
        })
    }

    /// Whether nothing of it is left.
    pub fn is_over(&self) -> bool {
        self.state == State::Leaving && self.calls.is_empty()
    }
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
