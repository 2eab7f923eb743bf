//! Calls in progress as pages show them, and who is told of which.
//!
//! Calls tell how they stand; whoever is in one, or rung for it, sees all of it, and supervisors see a row of each. What is published is published under one lock, and
//! so is all of the present handed out: a page misses nothing and hears nothing twice.

mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::entry::Entry;
pub(super) use self::entry::{Known, Opening, Roll, View, With, Wrap};
use super::letters::Letter;
use crate::call::Line;
use crate::clock;
use crate::dialogue::minutes::Minutes;
use crate::store::people::{Person, Role};
use crate::web::{Feeds, Snapshot};

pub struct Live {
    /// None: there are no pages.
    feeds: Option<Feeds>,
    errands: mpsc::Sender<Errand>,
    state: Mutex<State>,
    epoch: Epoch,
}

/// What is looked up or drafted for pages beside a call. One that finds no room is not done: the call goes on without it.
pub(super) enum Errand {
    /// The calls of this number before.
    History(u64, String),
    /// Notes after the call.
    Draft(u64, Box<Minutes>),
}

/// Errands that wait.
const ERRANDS: usize = 256;

/// A moment by both clocks.
#[derive(Clone, Copy)]
pub(super) struct Epoch(Instant, Timestamp);

impl Epoch {
    fn now() -> Self {
        Self(clock::now(), clock::wall())
    }

    /// In milliseconds of the Unix epoch, the same for the same moment.
    pub fn milliseconds(&self, at: Instant) -> i64 {
        let whole = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let since = whole(at.saturating_duration_since(self.0)) - whole(self.0.saturating_duration_since(at));
        self.1.as_millisecond().saturating_add(since)
    }
}

#[derive(Default)]
struct State {
    calls: BTreeMap<u64, Entry>,
    /// Who sees all calls.
    supervisors: BTreeSet<String>,
    /// Everybody who takes calls.
    people: BTreeSet<String>,
}

impl Live {
    /// And where errands come out.
    pub(super) fn new(feeds: Option<Feeds>) -> (Self, mpsc::Receiver<Errand>) {
        let (errands, taken) = mpsc::channel(ERRANDS);
        let live = Self {
            feeds,
            errands,
            state: Mutex::default(),
            epoch: Epoch::now(),
        };
        (live, taken)
    }

    fn send(&self, errand: Errand) {
        self.errands.try_send(errand).ok();
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Who is to be told of calls.
    pub(super) fn follow<'a>(&self, people: impl Iterator<Item = &'a Person>) {
        let mut state = self.lock();
        (state.supervisors, state.people) = (BTreeSet::new(), BTreeSet::new());
        for person in people {
            if person.role == Role::Supervisor {
                state.supervisors.insert(person.name.clone());
            }
            state.people.insert(person.name.clone());
        }
    }

    /// A call has begun; letters reach it until it is closed.
    pub(super) fn open(&self, number: u64, opening: Opening, letters: mpsc::Sender<Letter>) {
        self.send(Errand::History(number, opening.number.clone()));
        let mut state = self.lock();
        state.calls.insert(number, Entry::new(opening, letters));
        self.tell_row(&mut state, number);
    }

    /// It is over. Who was with the caller may still write of it.
    pub(super) fn close(&self, number: u64) {
        let mut state = self.lock();
        let Some(entry) = state.calls.get_mut(&number) else {
            return;
        };
        if self.feeds.is_none() {
            // Nobody writes of it.
            entry.views.clear();
        }
        let was_open = entry.letters.take().is_some();
        if !was_open {
            return;
        }
        let row = json!({"id": number.to_string(), "gone": true});
        let watching = state.watching(number);
        self.publish(&watching, "live", &row);
        self.forget(&mut state, number);
    }

    /// Who is in it, and with whom the caller is.
    pub(super) fn people(&self, number: u64, roll: Roll) {
        let mut state = self.lock();
        let Some(entry) = state.calls.get_mut(&number) else {
            return;
        };
        let before: BTreeSet<String> = entry.views.keys().cloned().collect();
        let gone = entry.enrol(roll, clock::now());
        let new: Vec<String> = entry
            .views
            .keys()
            .filter(|person| !before.contains(*person))
            .cloned()
            .collect();
        let words: Value = entry.words.iter().cloned().collect();
        for person in &gone {
            self.publish(
                std::slice::from_ref(person),
                "gone",
                &json!({"call": number.to_string()}),
            );
        }
        self.tell_row(&mut state, number);
        self.tell_viewers(&mut state, number);
        if !new.is_empty() {
            self.publish(&new, "words", &json!({"call": number.to_string(), "words": words}));
        }
        self.forget(&mut state, number);
    }

    /// Somebody said something, or what was said is known better.
    pub(super) fn said(&self, number: u64, line: Line) {
        let mut state = self.lock();
        let Some(entry) = state.calls.get_mut(&number) else {
            return;
        };
        let line = entry.say(line);
        // Who only writes of it has left.
        let there = entry.views.iter().filter(|(_, view)| view.stage != entry::WRAP_UP);
        let viewers: Vec<String> = there.map(|(person, _)| person.clone()).collect();
        let body = json!({"call": number.to_string(), "words": [line]});
        self.publish(&viewers, "words", &body);
    }

    /// Something else is known of it.
    pub(super) fn know(&self, number: u64, known: Known) {
        let mut state = self.lock();
        let Some(entry) = state.calls.get_mut(&number) else {
            return;
        };
        let drafted = matches!(known, Known::Draft(_));
        entry.know(known);
        self.tell_row(&mut state, number);
        self.tell(&mut state, number, |view| drafted || view.stage != entry::WRAP_UP);
    }

    /// What notes of it are drafted from: at once from what was said, and then as well as can be.
    pub(super) fn minutes(&self, number: u64, minutes: Box<Minutes>) {
        self.know(number, Known::Draft(minutes.draft()));
        self.send(Errand::Draft(number, minutes));
    }

    /// Where letters reach the call.
    pub(super) fn letters(&self, number: u64) -> Option<mpsc::Sender<Letter>> {
        self.lock().calls.get(&number)?.letters.clone()
    }

    /// What is known of the caller, for a call of its own.
    pub(super) fn opening(&self, number: u64) -> Option<Opening> {
        self.lock().calls.get(&number).map(Entry::opening)
    }

    /// Whether somebody is in a call, or about to be, other than the call `number`.
    pub(super) fn is_engaged(&self, person: &str, number: u64) -> bool {
        let state = self.lock();
        let others = state.calls.iter().filter(|(other, _)| **other != number);
        let mut views = others.filter_map(|(_, entry)| entry.views.get(person));
        views.any(|view| view.stage != entry::WRAP_UP)
    }

    /// What is to be written of the call by somebody who was with the caller.
    pub(super) fn wrap(&self, number: u64, person: &str) -> Option<Wrap> {
        let state = self.lock();
        let entry = state.calls.get(&number)?;
        let writes = entry.views.get(person)?.stage == entry::WRAP_UP;
        writes.then(|| entry.wrap())
    }

    /// It is written, or will not be: they see the call no more.
    pub(super) fn wrapped(&self, number: u64, person: &str) {
        let mut state = self.lock();
        let Some(entry) = state.calls.get_mut(&number) else {
            return;
        };
        if entry.views.get(person).is_some_and(|view| view.stage == entry::WRAP_UP) {
            entry.views.remove(person);
            self.publish(&[person.to_owned()], "gone", &json!({"call": number.to_string()}));
            self.forget(&mut state, number);
        }
    }

    /// Gives somebody's page all of the present; `rest` is what is not of calls.
    pub(super) fn snapshot(&self, person: &Person, mut rest: Value, answer: Snapshot) {
        let state = self.lock();
        let sees = |entry: &Entry| person.role == Role::Supervisor || entry.is_parked();
        let open = state.calls.iter().filter(|(_, entry)| entry.letters.is_some());
        let rows: Vec<Value> = open
            .filter(|(_, entry)| sees(entry))
            .map(|(n, entry)| entry.row(*n, self.epoch))
            .collect();
        let calls: Vec<Value> = state
            .calls
            .iter()
            .filter_map(|(number, entry)| {
                let mut call = entry.shown_to(*number, &person.name, self.epoch)?;
                call["words"] = entry.words.iter().cloned().collect();
                Some(call)
            })
            .collect();
        rest["live"] = rows.into();
        rest["calls"] = calls.into();
        answer.give(&rest);
    }

    /// Tells `people`'s pages something that is not of a call.
    pub(super) fn publish(&self, people: &[String], topic: &str, body: &Value) {
        if let Some(feeds) = &self.feeds {
            feeds.publish(people.iter().map(String::as_str), topic, body);
        }
    }

    /// The row of a call, where it is another than before.
    fn tell_row(&self, state: &mut State, number: u64) {
        let Some(entry) = state.calls.get_mut(&number).filter(|entry| entry.letters.is_some()) else {
            return;
        };
        let row = entry.row(number, self.epoch);
        if entry.told == row {
            return;
        }
        let was_parked = entry.told["with"] == "parked";
        entry.told = row.clone();
        let parked = entry.is_parked();
        self.publish(&state.watching(number), "live", &row);
        if was_parked && !parked {
            // Who is no supervisor saw it while it was.
            let others: Vec<String> = state.people.difference(&state.supervisors).cloned().collect();
            self.publish(&others, "live", &json!({"id": number.to_string(), "gone": true}));
        }
    }

    fn tell_viewers(&self, state: &mut State, number: u64) {
        self.tell(state, number, |_| true);
    }

    /// Those whose view is such.
    fn tell(&self, state: &mut State, number: u64, such: impl Fn(&View) -> bool) {
        let Some(entry) = state.calls.get(&number) else { return };
        for (person, _) in entry.views.iter().filter(|(_, view)| such(view)) {
            if let Some(call) = entry.shown_to(number, person, self.epoch) {
                self.publish(std::slice::from_ref(person), "call", &call);
            }
        }
    }

    /// What nobody can see any more.
    fn forget(&self, state: &mut State, number: u64) {
        let over = |entry: &Entry| entry.letters.is_none() && entry.views.is_empty();
        if state.calls.get(&number).is_some_and(over) {
            state.calls.remove(&number);
        }
    }

    /// What has been left unwritten for long is written no more.
    pub(super) fn tidy(&self, now: Instant) {
        let mut state = self.lock();
        let numbers: Vec<u64> = state.calls.keys().copied().collect();
        for number in numbers {
            let Some(entry) = state.calls.get_mut(&number) else {
                continue;
            };
            let gone = entry.tidy(now);
            self.publish(&gone, "gone", &json!({"call": number.to_string()}));
            self.forget(&mut state, number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who sees the row of a call: supervisors, and everybody while it is parked.
    fn watching(&self, number: u64) -> Vec<String> {
        let parked = self.calls.get(&number).is_some_and(Entry::is_parked);
        let watching = if parked { &self.people } else { &self.supervisors };
        watching.iter().cloned().collect()
    }
}
