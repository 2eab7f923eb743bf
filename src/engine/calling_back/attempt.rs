//! One time that somebody is called back: from the first agent who is rung until nobody is, or all is said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::One;
use super::customer::{Customer, News, way};
use crate::audio::music::Music;
use crate::audio::tone::Key;
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::call::Return;
use crate::clock;
use crate::dialplan::Plan;
use crate::engine::Bot;
use crate::engine::conference::{Conference, Effect, Ticket};
use crate::engine::journal::{Journal, Outcome, Record};
use crate::engine::live::{Known, Opening};
use crate::language::{Language, Voice};
use crate::sip::Event;
use crate::speech::{Priority, Speaking};
use crate::store::{Began, Callback};

/// What happens before the customer is dialled, and is told by the record, is this much at most.
const BEFORE: usize = 50;
/// Last words that have no voice after so long are not said.
const VOICE: Duration = Duration::from_secs(6);
/// What the customer's telephone still holds of them.
const TAIL: Duration = Duration::from_millis(300);

/// Of last words.
pub(super) type Voiced = Result<Arc<[i16]>, String>;

/// Why nothing more is to be done for the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Without them on the line: how it went.
    Done(String),
    /// They are to be hung up on, or have hung up: how the call ended, and with that all of it.
    Hung { ending: String, outcome: String },
    /// The bot ends.
    Ends,
}

pub(super) struct Attempt {
    bot: Arc<Bot>,
    plan: Arc<Plan>,
    number: u64,
    /// Of its record.
    id: String,
    /// Their voice and language, for last words.
    voice: Voice,
    language: Language,
    voices: mpsc::Sender<Voiced>,
    pub people: Conference,
    customer: Option<Customer>,
    /// From when on they were dialled.
    journal: Option<Journal>,
    before: Vec<String>,
    music: Music,
    /// They have been with a person.
    bridged: bool,
    /// Why they were not reached.
    missed: Option<String>,
    farewell: Option<Farewell>,
}

/// Last words to who was called back and finds nobody there.
struct Farewell {
    sound: Option<Arc<[i16]>>,
    at: usize,
    until: Instant,
    /// How the call ends then.
    ending: String,
    _speaking: Option<Speaking>,
}

impl Farewell {
    /// What is heard of it; nothing where its voice is still awaited.
    fn frame(&mut self, now: Instant) -> Option<Frame> {
        let sound = self.sound.as_ref()?;
        let rest = sound.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Some(Frame::silence());
        }
        self.at += FRAME_SAMPLES;
        self.until = now + TAIL;
        Some(Frame::from_slice(rest.get(..FRAME_SAMPLES).unwrap_or(rest)))
    }
}

impl Attempt {
    /// Somebody is about to be rung for the customer of this ticket.
    pub fn begin(one: &One, ticket: Ticket) -> Self {
        let bot = &one.bot;
        let Record { number, id } = bot.next_record();
        let opening = Opening {
            id: id.clone(),
            began: clock::now(),
            callback: true,
            ..one.opening.clone()
        };
        bot.live.open(number, opening, one.letters.clone());
        bot.live.know(number, Known::Brief(Box::new(one.brief.clone())));
        let channels = (one.letters.clone(), one.telephones.clone());
        let mut people = Conference::new(bot, &one.plan, number, channels);
        people.adopt(ticket, one.brief.clone(), one.voice);
        Self {
            bot: Arc::clone(bot),
            plan: Arc::clone(&one.plan),
            number,
            id,
            voice: one.voice,
            language: one.kept.language.parse().unwrap_or(Language::English),
            voices: one.voices.clone(),
            people,
            customer: None,
            journal: None,
            before: Vec::new(),
            music: Music::default(),
            bridged: false,
            missed: None,
            farewell: None,
        }
    }

    fn event(&mut self, text: impl Into<String>) {
        match &mut self.journal {
            Some(journal) => journal.event(text),
            None if self.before.len() < BEFORE => self.before.push(text.into()),
            None => {}
        }
    }

    /// Whether the customer is on the line.
    pub fn is_up(&self) -> bool {
        self.customer.as_ref().is_some_and(Customer::is_up)
    }

    /// Whether it is for anybody yet: the customer is dialled, or somebody has accepted them.
    pub fn is_under_way(&self) -> bool {
        self.customer.is_some() || self.people.is_accepted()
    }

    /// Whether nobody is there any more.
    pub fn is_over(&self) -> bool {
        self.customer.is_none() && self.people.is_deserted()
    }

    /// Somebody has accepted: the customer is called.
    pub fn dial(&mut self, callback: &Callback, told: &mpsc::Sender<Event>) -> Option<Over> {
        if self.journal.is_none() {
            self.record(callback);
        }
        let way = match way(callback, &self.bot) {
            Ok(way) => way,
            Err(why) => {
                let why = format!("the customer cannot be called: {why}");
                tracing::warn!(call = %self.id, "{why}");
                self.event(why.clone());
                return Some(Over::Hung {
                    ending: why.clone(),
                    outcome: format!("given up: {why}"),
                });
            }
        };
        let by = way
            .trunk
            .as_ref()
            .map(|trunk| format!(" by {trunk}"))
            .unwrap_or_default();
        self.event(format!("{} is called{by}", callback.number));
        match Customer::dial(&self.bot, way, told) {
            Ok(customer) => self.customer = Some(customer),
            Err(why) => self.not_reached(&why),
        }
        None
    }

    /// This is a call from now on, whoever is reached by it.
    fn record(&mut self, callback: &Callback) {
        let began = Began {
            id: self.id.clone(),
            caller: callback.number.clone(),
            callee: callback.queue.clone(),
            plan: self.plan.name.clone(),
            plan_hash: self.plan.hash.clone(),
            assistant: String::new(),
            at: clock::wall(),
        };
        let mut journal = Journal::begin(self.bot.outbox.clone(), began, &self.bot.recordings);
        journal.event(format!("a callback, asked for in call {}", callback.call));
        for event in self.before.drain(..) {
            journal.event(event);
        }
        self.journal = Some(journal);
    }

    /// The agent is gone before the customer was there, or it took too long.
    pub fn stop_dialling(&mut self) {
        // Who has answered meanwhile waits like any caller.
        if self.customer.take_if(|customer| !customer.is_up()).is_some() {
            self.event("the customer is not called after all");
            self.people.dismiss();
        }
    }

    pub fn signalled(&mut self, event: Event) -> Option<Over> {
        let news = self.customer.as_mut()?.signalled(event)?;
        self.came(news)
    }

    fn came(&mut self, news: News) -> Option<Over> {
        match news {
            News::Rings => self.event("the customer's telephone rings"),
            News::Answered => {
                if let Some(journal) = &mut self.journal {
                    journal.answered();
                }
                self.event("the customer answered");
                self.people.arrived();
            }
            News::NotReached(why) => self.not_reached(&why),
            News::Gone(why) => return Some(self.hung(why)),
        }
        None
    }

    /// Nobody waits for them any more; the desk says whether it is tried again.
    fn not_reached(&mut self, why: &str) {
        self.customer = None;
        let why = format!("the customer was not reached: {why}");
        self.event(why.clone());
        self.missed = Some(why);
        self.people.unreached();
    }

    /// The call ends so, and they were called back.
    fn hung(&self, ending: String) -> Over {
        let outcome = self.outcome();
        Over::Hung { ending, outcome }
    }

    /// Of a customer who has answered.
    fn outcome(&self) -> String {
        let nobody = if self.bridged {
            ""
        } else {
            ", and nobody was there for them"
        };
        format!("called back, in call {}{nobody}", self.id)
    }

    /// 20 ms.
    pub fn tick(&mut self, now: Instant) -> Option<Over> {
        let (heard, news) = match &mut self.customer {
            Some(customer) => customer.tick(now),
            None => (Frame::silence(), None),
        };
        let of_people = self.people.tick(now, &heard, None, |_, _, _| {});
        let mut said = of_people.unwrap_or_else(|| self.music.frame());
        let mut over = None;
        if let Some(farewell) = &mut self.farewell {
            said = farewell.frame(now).unwrap_or(said);
            over = (now >= farewell.until).then(|| farewell.ending.clone());
        }
        if let Some(customer) = &mut self.customer {
            customer.send(now, &said);
        }
        match (over, news) {
            (Some(ending), _) => Some(self.hung(ending)),
            (None, Some(news)) => self.came(news),
            (None, None) => None,
        }
    }

    /// What the people of the call come to.
    pub fn follow(&mut self) -> Option<Over> {
        while let Some(effect) = self.people.poll() {
            match effect {
                Effect::Event(text) => self.event(text),
                Effect::Bridged(name) => {
                    self.bridged = true;
                    self.farewell = None;
                    self.event(format!("speaks with {name}"));
                }
                Effect::WaitsAgain => self.event("the customer waits for another person"),
                Effect::Key(digit) => {
                    if let Some((customer, key)) = self.customer.as_mut().zip(Key::from_symbol(digit)) {
                        customer.send_key(key);
                    }
                }
                Effect::Back(how) => {
                    let over = self.back(how);
                    if over.is_some() {
                        return over;
                    }
                }
                // They have been called back already, and hear music.
                Effect::Place(..) | Effect::OfferCallback | Effect::Held(_) => {}
            }
        }
        None
    }

    /// No person has the customer, and none will.
    fn back(&mut self, how: Return) -> Option<Over> {
        let left = matches!(how, Return::AgentLeft);
        let why = match how {
            Return::AgentLeft | Return::GivenBack { .. } => "the agent hung up".to_owned(),
            Return::NoAgent(why) => format!("no person took the call: {why}"),
            Return::Declined => "no person took the call".to_owned(),
            Return::AgentLost => "the agent's line broke".to_owned(),
        };
        self.event(why.clone());
        if !self.is_up() {
            return Some(Over::Done(format!("given up: {why}")));
        }
        if left {
            return Some(self.hung(why));
        }
        self.take_leave(why);
        None
    }

    /// Says that nobody is there, and hangs up.
    fn take_leave(&mut self, ending: String) {
        let words = self.plan.patterns.no_person.fixed(self.language).unwrap_or_default();
        let voices = self.voices.clone();
        let then = move |voice: Result<Arc<[i16]>, crate::speech::Error>| {
            voices.try_send(voice.map_err(|e| e.to_string())).ok();
        };
        let asked = (!words.is_empty()).then(|| {
            let engines = &self.bot.engines;
            engines.speak(self.number, Priority::Turn, self.voice, words, then)
        });
        let speaking = asked.and_then(Result::ok);
        let wait = if speaking.is_some() { VOICE } else { Duration::ZERO };
        self.farewell = Some(Farewell {
            sound: None,
            at: 0,
            until: clock::now() + wait,
            ending,
            _speaking: speaking,
        });
    }

    /// The sound of the last words.
    pub fn voiced(&mut self, voice: Voiced) {
        let Some(farewell) = &mut self.farewell else { return };
        match voice {
            Ok(sound) => farewell.sound = Some(sound),
            Err(why) => {
                tracing::warn!(call = %self.id, "last words have no voice: {why}");
                farewell.until = clock::now();
            }
        }
    }

    /// Nobody is there any more: the place in line is the customer's again.
    pub fn give_up(mut self) -> Option<Ticket> {
        let ticket = self.people.disown();
        let ending = self.missed.take();
        self.finish(ending.as_deref().unwrap_or("the customer was not called after all"));
        ticket
    }

    /// All is over. How they were called back, if they were on the line.
    pub fn hang_up(mut self, ending: &str) -> Option<String> {
        let outcome = self.is_up().then(|| self.outcome());
        self.finish(ending);
        outcome
    }

    fn finish(&mut self, ending: &str) {
        let quality = self.customer.as_ref().and_then(Customer::quality);
        self.customer = None;
        self.people.leave();
        while let Some(effect) = self.people.poll() {
            if let Effect::Event(text) = effect {
                self.event(text);
            }
        }
        self.bot.live.close(self.number);
        if let Some(journal) = self.journal.take() {
            journal.end(Outcome {
                quality,
                ..Outcome::of_nothing(ending.to_owned())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone;

    #[test]
    fn last_words_are_heard_to_their_end() {
        let mut now = clock::now();
        let mut farewell = Farewell {
            sound: None,
            at: 0,
            until: now + VOICE,
            ending: String::new(),
            _speaking: None,
        };
        assert!(farewell.frame(now).is_none(), "the voice is awaited");
        farewell.sound = Some(tone::sine(300.0, -20.0, Duration::from_millis(990)).into());
        let mut sounded = 0;
        while now < farewell.until {
            let frame = farewell.frame(now).expect("it has a voice");
            sounded += usize::from(frame.level() > -40.0);
            now += Duration::from_millis(20);
        }
        assert_eq!(sounded, 50);
    }
}
