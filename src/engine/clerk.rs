//! Does what people ask for at their pages, and shows them the desk.
//!
//! What is about a call goes to its letters; the rest is done here. The desk is looked at ten times a second, where anything has stirred, and told to those
//! who see it otherwise than before.

mod wall;

use std::collections::BTreeMap;
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
use crate::browser;
use crate::clock;
use crate::store::people::{Person, Role};
use crate::web::{Act, Command, Request, Snapshot};

/// Between two looks at the desk.
const LOOK: Duration = Duration::from_millis(100);
/// What only time changes is told so often.
const TIME: Duration = Duration::from_secs(1);
/// Lines of pages that are being made at once.
const LINES: usize = 32;

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
    lines: JoinSet<()>,
    /// What was told last, to each by name.
    told: BTreeMap<String, Told>,
    looked: Instant,
}

/// What somebody's page shows of the desk.
#[derive(Clone, Default, PartialEq)]
struct Told {
    me: Value,
    desk: Value,
    wall: Value,
}

impl Clerk {
    pub fn new(bot: &Arc<Bot>, settings: Settings, requests: mpsc::Receiver<Request>) -> Self {
        Self {
            bot: Arc::clone(bot),
            settings,
            requests,
            lines: JoinSet::new(),
            told: BTreeMap::new(),
            looked: clock::now(),
        }
    }

    /// Until there are no pages any more. `present` tells whose page is there.
    pub async fn run(mut self, present: watch::Receiver<std::collections::BTreeSet<String>>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(Request::Snapshot { person, answer }) => self.snapshot(&person, answer),
                    Some(Request::Do { person, command, answer }) => self.command(person, command, answer),
                    None => return,
                },
                _ = look.tick() => {
                    let now = clock::now();
                    if self.bot.floor.has_stirred() || now.saturating_duration_since(self.looked) >= TIME {
                        self.looked = now;
                        self.look(&present.borrow().clone().into_iter().collect::<Vec<_>>());
                        self.bot.live.tidy(now);
                    }
                }
                Some(_) = self.lines.join_next() => {}
            }
        }
    }

    /// Tells those who are there what is otherwise than before.
    fn look(&mut self, present: &[String]) {
        let seen = self.bot.floor.board();
        self.bot.live.follow(seen.people.values());
        self.told.retain(|name, _| present.contains(name));
        let (desk, wall) = (self.desk(&seen), self.wall(&seen));
        for name in present {
            let me = seen.people.values().find(|person| person.name == *name);
            let now = Told {
                me: me.map(|person| self.me(person, &seen)).unwrap_or_default(),
                desk: desk.clone(),
                wall: wall.clone(),
            };
            let before = self.told.entry(name.clone()).or_default();
            let to = std::slice::from_ref(name);
            if before.me != now.me && !now.me.is_null() {
                self.bot.live.publish(to, "me", &now.me);
            }
            if before.desk != now.desk {
                self.bot.live.publish(to, "desk", &now.desk);
            }
            if before.wall != now.wall {
                self.bot.live.publish(to, "wall", &now.wall);
            }
            *before = now;
        }
    }

    fn snapshot(&self, person: &Person, answer: Snapshot) {
        let seen = self.bot.floor.board();
        self.bot.live.follow(seen.people.values());
        let rest = json!({
            "me": self.me(person, &seen),
            "desk": self.desk(&seen),
            "wall": self.wall(&seen),
        });
        self.bot.live.snapshot(person, rest, answer);
    }

    fn command(&mut self, by: Arc<Person>, command: Command, answer: Answer) {
        match command {
            Command::State(state) => {
                let done = self.bot.floor.says_of_themselves(&by.name, &state);
                answer.send(done.map(|()| json!({}))).ok();
            }
            Command::Call(number, Act::Note { text, disposition }) => {
                let wrap = self.bot.live.wrapped(number, &by.name);
                self.bot.floor.done(&by.name);
                let Some(wrap) = wrap else {
                    answer
                        .send(Err("there is nothing to be written of that call".into()))
                        .ok();
                    return;
                };
                tracing::info!(
                    call = wrap.call,
                    by = by.name,
                    disposition,
                    chars = text.chars().count(),
                    "written up"
                );
                answer.send(Ok(json!({}))).ok();
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

    /// Makes the sound of a page, which the call is given then.
    fn line(&mut self, number: u64, by: Arc<Person>, offer: String, answer: Answer) {
        if self.lines.len() >= LINES {
            return drop(answer.send(Err("too many lines are being made; try again".into())));
        }
        let Some(letters) = self.bot.live.letters(number) else {
            return drop(answer.send(Err(OVER.into())));
        };
        let settings = self.settings.browser.clone();
        self.lines.spawn(async move {
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
