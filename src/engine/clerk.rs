//! Does what people ask for at their pages, and shows them the desk.
//!
//! What is about a call goes to its letters; the rest is done here. The desk is looked at ten times a second, where anything has stirred, and told to those
//! who see it otherwise than before.

mod wall;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Bot;
use super::floor::Seen;
use super::letters::{Answer, Letter, Order, What};
use super::live::{Errand, Known};
use crate::browser;
use crate::clock;
use crate::dialogue::model::noted;
use crate::store::people::{Person, Role};
use crate::store::{Note, Store};
use crate::web::{Act, Command, Request, Snapshot};

/// Between two looks at the desk.
const LOOK: Duration = Duration::from_millis(100);
/// What only time changes is told so often.
const TIME: Duration = Duration::from_secs(1);
/// What is under way at once.
const TASKS: usize = 64;
/// Earlier calls that are shown.
const HISTORY: u32 = 5;

/// What pages are made with.
pub struct Settings {
    pub browser: browser::Settings,
    pub dispositions: Vec<String>,
    pub pauses: Vec<String>,
}

pub(super) struct Clerk {
    bot: Arc<Bot>,
    settings: Settings,
    requests: mpsc::Receiver<Request>,
    errands: mpsc::Receiver<Errand>,
    store: Store,
    /// Lines of pages that are being made, and what is looked up, drafted and kept.
    tasks: JoinSet<()>,
    /// What was told last, to each by name.
    told: BTreeMap<String, Told>,
    desk: Arc<Value>,
    wall: Arc<Value>,
    looked: Instant,
}

/// What somebody's page shows of the desk.
#[derive(Default)]
struct Told {
    me: Value,
    desk: Arc<Value>,
    wall: Arc<Value>,
}

impl Clerk {
    pub fn new(
        bot: &Arc<Bot>,
        settings: Settings,
        (requests, errands): (mpsc::Receiver<Request>, mpsc::Receiver<Errand>),
        store: Store,
    ) -> Self {
        Self {
            bot: Arc::clone(bot),
            settings,
            requests,
            errands,
            store,
            tasks: JoinSet::new(),
            told: BTreeMap::new(),
            desk: Arc::default(),
            wall: Arc::default(),
            looked: clock::now(),
        }
    }

    /// Until there are no pages any more. `present` tells whose page is there.
    pub async fn run(mut self, present: watch::Receiver<BTreeSet<String>>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(Request::Snapshot { person, answer }) => self.snapshot(&person, answer),
                    Some(Request::Do { person, command, answer }) => self.command(person, command, answer),
                    None => break,
                },
                Some(errand) = self.errands.recv(), if self.tasks.len() < TASKS / 2 => self.run_errand(errand),
                _ = look.tick() => {
                    let now = clock::now();
                    if self.bot.floor.has_stirred() || now.saturating_duration_since(self.looked) >= TIME {
                        self.looked = now;
                        // Not while it is borrowed: who publishes and who joins would wait for each other.
                        let there: Vec<String> = present.borrow().iter().cloned().collect();
                        self.look(&there);
                        self.bot.live.tidy(now);
                    }
                }
                Some(_) = self.tasks.join_next() => {}
            }
        }
        // What is being kept is kept.
        while self.tasks.join_next().await.is_some() {}
    }

    /// Tells those who are there what is otherwise than before.
    fn look(&mut self, present: &[String]) {
        let seen = self.bot.floor.board();
        self.bot.live.follow(seen.people.values());
        self.told.retain(|name, _| present.contains(name));
        self.see(&seen);
        for name in present {
            let Some(person) = seen.people.values().find(|person| person.name == *name) else {
                continue;
            };
            let me = self.me(person, &seen);
            let told = self.told.entry(name.clone()).or_default();
            if told.me != me {
                self.bot.live.publish(std::slice::from_ref(name), "me", &me);
                told.me = me;
            }
        }
        // What is the same for all is written once.
        for (topic, now, of) in [
            (
                "desk",
                &self.desk,
                (|told| &mut told.desk) as fn(&mut Told) -> &mut Arc<Value>,
            ),
            ("wall", &self.wall, |told| &mut told.wall),
        ] {
            let mut behind = Vec::new();
            for (name, told) in &mut self.told {
                let told = of(told);
                if !Arc::ptr_eq(told, now) {
                    *told = Arc::clone(now);
                    behind.push(name.clone());
                }
            }
            if !behind.is_empty() {
                self.bot.live.publish(&behind, topic, now);
            }
        }
    }

    /// Remembers how the desk stands, as it is shown.
    fn see(&mut self, seen: &Seen) {
        let (desk, wall) = (self.desk_of(seen), self.wall_of(seen));
        if *self.desk != desk {
            self.desk = Arc::new(desk);
        }
        if *self.wall != wall {
            self.wall = Arc::new(wall);
        }
    }

    fn snapshot(&mut self, person: &Person, answer: Snapshot) {
        let seen = self.bot.floor.board();
        self.bot.live.follow(seen.people.values());
        self.see(&seen);
        let told = Told {
            me: self.me(person, &seen),
            desk: Arc::clone(&self.desk),
            wall: Arc::clone(&self.wall),
        };
        let rest = json!({"me": told.me, "desk": *told.desk, "wall": *told.wall});
        if person.role == Role::Ops {
            // They take no calls, and see none.
            return answer.give(&json!({"me": told.me, "live": [], "calls": []}));
        }
        self.bot.live.snapshot(person, rest, answer);
        // Other pages of theirs may not know it yet: they are told again what they have.
        match self.told.entry(person.name.clone()) {
            Entry::Vacant(new) => drop(new.insert(told)),
            Entry::Occupied(mut known) => known.get_mut().me = Value::Null,
        }
    }

    fn command(&mut self, by: Arc<Person>, command: Command, answer: Answer) {
        // As they are now, and not when their page was opened.
        let Some(by) = self.bot.floor.person(&by.name).map(Arc::new) else {
            return drop(answer.send(Err("you take no calls here: your role is another".into())));
        };
        match command {
            Command::State(state) => {
                let done = self.bot.floor.says_of_themselves(&by.name, &state);
                answer.send(done.map(|()| json!({}))).ok();
            }
            Command::Call(number, Act::Note { text, disposition }) => {
                self.note(number, &by, (text, disposition), answer)
            }
            Command::Call(number, Act::Done {}) => {
                self.bot.live.wrapped(number, &by.name);
                self.bot.floor.done(&by.name);
                answer.send(Ok(json!({}))).ok();
            }
            Command::Call(number, Act::Line { offer }) => self.line(number, by, offer, answer),
            Command::Call(number, act) => match self.permitted(number, &by, &act) {
                Ok(()) => self.post(
                    number,
                    Order {
                        by,
                        what: What::Act(act),
                        answer,
                    },
                ),
                Err(why) => drop(answer.send(Err(why))),
            },
        }
    }

    /// What only supervisors may, and what only who is in no other call can.
    fn permitted(&self, number: u64, by: &Person, act: &Act) -> Result<(), String> {
        let supervises = matches!(act, Act::Listen {} | Act::Whisper {} | Act::Barge {} | Act::TakeOver {});
        if supervises && by.role != Role::Supervisor {
            return Err("that is for supervisors".into());
        }
        let takes = supervises || matches!(act, Act::Retrieve {} | Act::Accept {});
        if takes && by.phone.is_none() && self.bot.live.is_engaged(&by.name, number) {
            return Err("you are in another call: end it first".into());
        }
        Ok(())
    }

    /// Keeps what somebody writes of a call.
    fn note(&mut self, number: u64, by: &Person, (text, disposition): (String, Option<String>), answer: Answer) {
        let Some(wrap) = self.bot.live.wrap(number, &by.name) else {
            return drop(answer.send(Err("there is nothing to be written of that call".into())));
        };
        let drafted = (wrap.draft.as_str(), text.as_str());
        let note = Note::new(&wrap.call, clock::wall(), &by.name, drafted, disposition.as_deref());
        let (bot, store, name) = (Arc::clone(&self.bot), self.store.clone(), by.name.clone());
        self.tasks.spawn(async move {
            let kept = store.keep_note(&note).await;
            if kept.is_ok() {
                bot.live.wrapped(number, &name);
                bot.floor.done(&name);
            }
            let told = kept
                .map(|()| json!({}))
                .map_err(|e| format!("the note was not kept: {e}"));
            answer.send(told).ok();
        });
    }

    fn run_errand(&mut self, errand: Errand) {
        let (bot, store) = (Arc::clone(&self.bot), self.store.clone());
        match errand {
            Errand::History(number, caller) => self.tasks.spawn(async move {
                match store.history(&caller, HISTORY).await {
                    Ok(past) if past.is_empty() => {}
                    Ok(past) => bot.live.know(number, Known::History(past)),
                    Err(e) => tracing::warn!("a caller's earlier calls cannot be read: {e}"),
                }
            }),
            Errand::Draft(number, minutes) => self.tasks.spawn(async move {
                let draft = noted(bot.model.as_deref(), &minutes).await;
                bot.live.know(number, Known::Draft(draft));
            }),
        };
    }

    /// Makes the sound of a page, which the call is given then.
    fn line(&mut self, number: u64, by: Arc<Person>, offer: String, answer: Answer) {
        if self.tasks.len() >= TASKS {
            return drop(answer.send(Err("the desk has too much to do; try again".into())));
        }
        let Some(letters) = self.bot.live.letters(number) else {
            return drop(answer.send(Err(OVER.into())));
        };
        let settings = self.settings.browser.clone();
        self.tasks.spawn(async move {
            match browser::Line::answer(&offer, &settings, rand::random(), clock::now).await {
                Ok((line, ours)) => {
                    let what = What::Line(Box::new(line), ours);
                    deliver(&letters, Order { by, what, answer });
                }
                Err(e) => drop(answer.send(Err(e.to_string()))),
            }
        });
    }

    fn post(&self, number: u64, order: Order) {
        match self.bot.live.letters(number) {
            Some(letters) => deliver(&letters, order),
            None => drop(order.answer.send(Err(OVER.into()))),
        }
    }
}

const OVER: &str = "that call is over";

/// What the call cannot take is refused.
fn deliver(letters: &mpsc::Sender<Letter>, order: Order) {
    let (refused, why) = match letters.try_send(Letter::Page(order)) {
        Ok(()) => return,
        Err(TrySendError::Full(letter)) => (letter, "the call has too much to do; try again"),
        Err(TrySendError::Closed(letter)) => (letter, OVER),
    };
    if let Letter::Page(order) = refused {
        order.answer.send(Err(why.into())).ok();
    }
}
