//! Those who are called back: they have hung up, keep their place in line, and are dialled when an agent has accepted.
//!
//! One task for each, which sleeps while nobody is rung for them. Whom to ring and when to dial says the desk, who they are with the conference; here the customer's line is had and
//! lost. Each time that they are dialled is a call with a record of its own. There is no bot in it.

mod attempt;
mod customer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use self::attempt::{Attempt, Over};
use super::conference::Ticket;
use super::floor::Told;
use super::letters::{Letter, Letters, letter_box};
use super::live::Opening;
use super::{Bot, EVENTS, Wish};
use crate::audio::FRAME_DURATION;
use crate::call::brief::Brief;
use crate::clock;
use crate::desk::{self, CALLBACK_LIFE, Overflow, TRIES};
use crate::dialplan::Plan;
use crate::language::{Language, Voice};
use crate::sip::Event;
use crate::store::{self, Callback, Store};

/// A tick that comes later than this was held up by the machine, and those behind it are let go.
const LATE: Duration = Duration::from_millis(100);

/// Who is to be called back, with all that is needed for it.
pub(super) struct Wanted {
    pub place: Place,
    pub wish: desk::Wish,
    pub plan: Arc<Plan>,
    /// For the agent.
    pub brief: Brief,
    pub voice: Voice,
    /// What is known of the customer.
    pub opening: Opening,
    pub kept: Callback,
    pub letters: Letters,
}

/// In line.
pub(super) enum Place {
    /// The one that they had.
    Kept(Ticket),
    /// As of one who comes then.
    Booked(Instant),
}

/// Who was to be called back when the bot ended, and is still waiting for it.
pub(super) async fn open(store: &Store) -> Result<Vec<Callback>, store::Error> {
    let now = clock::wall();
    store
        .open_callbacks(now.checked_sub(CALLBACK_LIFE).unwrap_or(Timestamp::MIN), now)
        .await
}

/// One of them. Of their call nothing is known any more but what was kept.
pub(super) fn kept(plan: &Arc<Plan>, kept: Callback) -> Wanted {
    let language: Language = kept.language.parse().unwrap_or(Language::English);
    let wait = kept.at.duration_since(clock::wall());
    let now = clock::now();
    let at = match Duration::try_from(wait) {
        Ok(wait) => now.checked_add(wait),
        Err(_) => now.checked_sub(wait.unsigned_abs()),
    };
    let wrap_up = plan.queues.iter().map(|(name, queue)| (name.clone(), queue.wrap_up));
    Wanted {
        place: Place::Booked(at.unwrap_or(now)),
        wish: desk::Wish {
            queue: kept.queue.clone(),
            priority: kept.priority,
            language: Some(language),
            skills: Vec::new(),
            preferred: None,
        },
        plan: Arc::clone(plan),
        brief: Brief::of_callback(language),
        voice: language.into(),
        opening: Opening {
            id: kept.call.clone(),
            began: now,
            language: language.code().to_owned(),
            number: kept.number.clone(),
            name: None,
            tier: None,
            profile: Vec::new(),
            callback: true,
            wrap_up: wrap_up.collect(),
        },
        kept,
        letters: letter_box(),
    }
}

/// Sees to it that somebody is called back, until they were, they will not be, or the bot ends.
pub(super) async fn run(bot: Arc<Bot>, wanted: Wanted, mut wishes: watch::Receiver<Option<Wish>>) {
    let (call, n) = (wanted.kept.call.clone(), wanted.kept.n);
    let outcome = see_to(&bot, wanted, &mut wishes).await;
    // One that is still to be made is found when the bot starts again.
    if let Some(outcome) = outcome {
        tracing::info!(%call, "a callback is over: {outcome}");
        bot.outbox.called_back(&call, n, clock::wall(), outcome);
    }
}

/// How it ended; none where the bot does.
async fn see_to(bot: &Arc<Bot>, wanted: Wanted, wishes: &mut watch::Receiver<Option<Wish>>) -> Option<String> {
    let (telephones, mut of_telephones) = mpsc::channel(EVENTS);
    let (line, mut of_line) = mpsc::channel(EVENTS);
    let (voices, mut of_voices) = mpsc::channel(1);
    let Wanted {
        place,
        wish,
        letters: (letters, mut received),
        ..
    } = wanted;
    let ticket = match place {
        Place::Kept(ticket) => ticket,
        Place::Booked(at) => {
            let queue = wish.queue.clone();
            match bot.floor.book((wish, at), 0, &letters) {
                Ok(id) => Ticket::booked(bot, id, queue),
                Err(why) => return Some(format!("given up: {why}")),
            }
        }
    };
    let mut one = One {
        bot: Arc::clone(bot),
        plan: wanted.plan,
        brief: wanted.brief,
        voice: wanted.voice,
        opening: wanted.opening,
        kept: wanted.kept,
        letters,
        telephones,
        line,
        voices,
        ticket: Some(ticket),
        attempt: None,
        dialled: 0,
        wish: None,
    };
    let mut tick = tokio::time::interval(FRAME_DURATION);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let wished = *wishes.borrow_and_update();
    let mut over = one.wished(wished);
    loop {
        over = over.or_else(|| one.follow());
        if let Some(over) = over {
            return one.end(over);
        }
        let sleeps = one.attempt.is_none();
        over = tokio::select! {
            biased;
            Ok(()) = wishes.changed() => {
                let wished = *wishes.borrow_and_update();
                one.wished(wished)
            }
            Some(event) = of_line.recv() => one.signalled(event),
            Some(event) = of_telephones.recv() => { one.of_people(event); None }
            Some(letter) = received.recv() => {
                let over = one.letter(letter);
                if sleeps && one.attempt.is_some() {
                    // Nothing was missed while nobody was there.
                    tick.reset();
                }
                over
            }
            Some(voice) = of_voices.recv() => { one.voiced(voice); None }
            due = tick.tick(), if one.attempt.is_some() => {
                let now = clock::now();
                let late = now.saturating_duration_since(due.into_std());
                bot.ticked(now, late);
                if late > LATE {
                    tick.reset();
                }
                one.tick(now)
            }
        };
    }
}

/// Who is to be called back.
struct One {
    bot: Arc<Bot>,
    plan: Arc<Plan>,
    brief: Brief,
    voice: Voice,
    opening: Opening,
    kept: Callback,
    letters: mpsc::Sender<Letter>,
    telephones: mpsc::Sender<Event>,
    line: mpsc::Sender<Event>,
    voices: mpsc::Sender<attempt::Voiced>,
    /// While nobody is rung.
    ticket: Option<Ticket>,
    /// While somebody is.
    attempt: Option<Attempt>,
    /// How often they were dialled.
    dialled: u32,
    wish: Option<Wish>,
}

impl One {
    /// The owner of the bot wants it to end.
    fn wished(&mut self, wish: Option<Wish>) -> Option<Over> {
        self.wish = wish;
        let busy = self.attempt.as_ref().is_some_and(Attempt::is_under_way);
        match wish {
            Some(Wish::End) => Some(Over::Ends),
            Some(Wish::Drain) if !busy => Some(Over::Ends),
            Some(Wish::Drain) | None => None,
        }
    }

    fn letter(&mut self, letter: Letter) -> Option<Over> {
        match letter {
            Letter::Desk(ticket, told) => {
                // What is rung for them is the beginning of a call.
                if matches!(told, Told::Ring { .. })
                    && let Some(own) = self.ticket.take_if(|own| own.id() == ticket)
                {
                    self.attempt = Some(Attempt::begin(self, own));
                }
                return self.told(ticket, told);
            }
            Letter::Brief { to, voice } => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.people.whispered(to, voice);
                }
            }
            Letter::Page(order) => match &mut self.attempt {
                Some(attempt) => attempt.people.obey(order),
                None => drop(order.answer.send(Err("that call is over".into()))),
            },
            // Of campaigns: nobody is called back for one.
            Letter::Event(_) => {}
        }
        None
    }

    fn told(&mut self, ticket: desk::TicketId, told: Told) -> Option<Over> {
        let Some(attempt) = &mut self.attempt else {
            return match told {
                Told::GiveUp => Some(Over::Done(self.given_up())),
                Told::Overflow(why) => Some(Over::Done(format!("given up: {}", overflowed(why)))),
                Told::Ring { agent, .. } => {
                    self.bot.floor.lost(agent, ticket);
                    None
                }
                Told::StopRinging { .. } | Told::Place { .. } | Told::OfferCallback => None,
                Told::Dial | Told::StopDialling => None,
            };
        };
        match told {
            // Who has answered nevertheless is there already.
            Told::Dial if attempt.is_up() => None,
            Told::Dial => {
                self.dialled = self.dialled.saturating_add(1);
                attempt.dial(&self.kept, &self.line)
            }
            Told::StopDialling => {
                attempt.stop_dialling();
                None
            }
            Told::GiveUp => Some(Over::Done(self.given_up())),
            told => {
                attempt.people.told(ticket, told);
                None
            }
        }
    }

    fn of_people(&mut self, event: Event) {
        if let Some(attempt) = &mut self.attempt {
            attempt.people.signalled(event);
        }
    }

    fn signalled(&mut self, event: Event) -> Option<Over> {
        self.attempt.as_mut()?.signalled(event)
    }

    fn voiced(&mut self, voice: attempt::Voiced) {
        if let Some(attempt) = &mut self.attempt {
            attempt.voiced(voice);
        }
    }

    fn tick(&mut self, now: Instant) -> Option<Over> {
        self.attempt.as_mut()?.tick(now)
    }

    /// What the people of the call come to. Where nobody is left who is rung, the place in line is theirs again.
    fn follow(&mut self) -> Option<Over> {
        let attempt = self.attempt.as_mut()?;
        let over = attempt.follow();
        if over.is_some() || !attempt.is_over() {
            return over;
        }
        self.ticket = self.attempt.take().and_then(Attempt::give_up);
        if self.wish.is_some() {
            return Some(Over::Ends);
        }
        // Whoever has no ticket has no place: the desk has forgotten them.
        self.ticket.is_none().then(|| Over::Done(self.given_up()))
    }

    fn given_up(&self) -> String {
        if self.dialled >= TRIES {
            format!("given up: they were dialled {} times and did not answer", self.dialled)
        } else {
            "given up: nobody could call them in time".into()
        }
    }

    /// All is over.
    fn end(mut self, over: Over) -> Option<String> {
        let attempt = self.attempt.take();
        match over {
            Over::Done(outcome) => {
                drop(attempt.and_then(Attempt::give_up));
                Some(outcome)
            }
            Over::Hung { ending, outcome } => {
                if let Some(attempt) = attempt {
                    attempt.hang_up(&ending);
                }
                Some(outcome)
            }
            Over::Ends => attempt.and_then(|attempt| attempt.hang_up("the bot was shut down")),
        }
    }
}

fn overflowed(why: Overflow) -> &'static str {
    match why {
        Overflow::Full => "too many wait already",
        Overflow::Closed => "the queue is closed",
        Overflow::Waited | Overflow::NoAgents | Overflow::Declined => "nobody could call them",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan;

    #[test]
    fn who_was_to_be_called_back_before_the_start_has_the_place_of_then() {
        let plan = dialplan::load("fixtures/plans/callback.yaml".as_ref()).expect("a plan");
        let plan = Arc::new(plan);
        let booked = |at: Timestamp| {
            let callback = Callback {
                call: "abc".into(),
                n: 0,
                at,
                number: "4915".into(),
                trunk: None,
                address: None,
                queue: "care".into(),
                language: "zh".into(),
                priority: 3,
                ended: None,
                outcome: None,
            };
            let wanted = kept(&plan, callback);
            assert_eq!((wanted.wish.queue.as_str(), wanted.wish.priority), ("care", 3));
            assert_eq!(wanted.wish.language, Some(Language::Mandarin));
            assert!(wanted.opening.callback && wanted.brief.whisper.contains("回电"));
            match wanted.place {
                Place::Booked(at) => at,
                Place::Kept(_) => unreachable!("there is no desk"),
            }
        };
        let (now, hour) = (clock::now(), Duration::from_secs(3600));
        let second = Duration::from_secs(1);
        let ago = now - booked(clock::wall() - hour);
        assert!(ago > hour - second * 10 && ago < hour + second, "{ago:?}");
        let ahead = booked(clock::wall() + hour) - now;
        assert!(ahead > hour - second && ahead < hour + second * 10, "{ahead:?}");
    }
}
