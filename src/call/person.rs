//! A caller on their way to a person, with one, and back: what they hear meanwhile, and what they may choose.
//!
//! It knows no desk: it says that somebody is wanted and is told how it goes. Until a person is there the caller stays with the bot.

use std::time::{Duration, Instant};

use super::{Call, Note, Output, Stage, Task};
use crate::audio::Frame;
use crate::audio::music::Music;
use crate::dialplan::queue::After;
use crate::dialplan::{Command, Expect, Outcome};

/// An offer to be called back holds for so long after it was said; there is no music meanwhile.
const OFFER: Duration = Duration::from_secs(6);
/// The key that takes it.
const TAKE: char = '1';

/// A caller who is put through to a person.
#[derive(Debug, PartialEq)]
pub(super) struct Person {
    queue: String,
    handoff: Option<String>,
    at: At,
    music: Music,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The bot has still to say that it puts them through.
    Leaving,
    /// They wait, and hear music.
    Waiting(Offer),
    /// They speak with a person.
    Bridged,
    /// They are to speak with a person who is away for a moment, and hear music.
    Held,
}

/// To be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    None,
    /// It is being said, and may be taken.
    Made,
    /// It may be taken until then.
    Open(Instant),
    Taken,
}

/// How the way to a person ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// Nobody took the call, and why.
    NoAgent(String),
    /// An agent did not want it.
    Declined,
    /// The agent gives the caller back, to a flow of the plan or to what follows.
    GivenBack { flow: Option<String> },
    /// The agent has hung up.
    AgentLeft,
    /// The agent was lost in the middle of it: their line broke.
    AgentLost,
}

impl Call {
    pub(super) fn hand_over(&mut self, queue: String, handoff: Option<String>, say: Option<String>) {
        self.say_last(say);
        self.stage = Stage::Person(Person {
            queue,
            handoff,
            at: At::Leaving,
            music: Music::default(),
        });
    }

    /// Which place in line the caller has, 1 for the first, and how long it should take where that is known.
    pub fn placed_in_line(&mut self, position: usize, wait: Option<Duration>) {
        if !self.waits_for_person() {
            return;
        }
        for text in self.walk.place_in_line(position, wait) {
            self.say(&text, false);
        }
    }

    /// The caller may choose to be called back, if it is known where.
    pub fn offer_callback(&mut self) {
        if self.walk.number().is_none() {
            return;
        }
        let Some(offer) = self.offer() else { return };
        if *offer == Offer::None {
            *offer = Offer::Made;
            let text = self.walk.offer_of_callback();
            self.say(&text, false);
            self.expect_next(Expect::Confirm);
        }
    }

    /// A person is there: the caller hears them alone from now on. That may be while they speak with the bot, which stops in the middle of it. Not
    /// when they are on their way out.
    pub fn bridged(&mut self, now: Instant, agent: &str) {
        match self.stage {
            Stage::Person(_) if !self.waits_for_person() => return,
            Stage::Person(_) => {}
            Stage::Dialogue | Stage::Using(_) | Stage::Taking(_) => self.taken_over(now),
            Stage::Transfer { .. } | Stage::Transferring { .. } | Stage::Goodbye { .. } | Stage::Over => return,
        }
        self.stop_listening(now);
        self.playout.forget();
        self.outputs.push_back(Output::Unspeak);
        if let Stage::Person(person) = &mut self.stage {
            person.at = At::Bridged;
        }
        self.note(Note::Bridged {
            agent: agent.to_owned(),
        });
    }

    /// The bot leaves what it was at.
    fn taken_over(&mut self, now: Instant) {
        self.stop_speaking(now);
        self.drop_reply();
        self.unanswered = None;
        self.stage = Stage::Person(Person {
            queue: String::new(),
            handoff: None,
            at: At::Bridged,
            music: Music::default(),
        });
    }

    /// Whether the person whom the caller speaks with is away for a moment.
    pub fn held_by_person(&mut self, held: bool) {
        if let Stage::Person(person) = &mut self.stage
            && matches!(person.at, At::Bridged | At::Held)
        {
            person.at = if held { At::Held } else { At::Bridged };
        }
    }

    /// The person is gone, and another is looked for.
    pub fn waits_again(&mut self) {
        if let Stage::Person(person) = &mut self.stage
            && matches!(person.at, At::Bridged | At::Held)
        {
            person.at = At::Waiting(Offer::None);
            self.note(Note::Returned(Return::AgentLost));
        }
    }

    /// It is the bot's turn again.
    pub fn returned_from_person(&mut self, now: Instant, how: Return) {
        let Stage::Person(person) = &self.stage else { return };
        if person.at == At::Waiting(Offer::Taken) {
            return;
        }
        let after = person.handoff.as_ref().and_then(|name| self.plan.handoffs.get(name));
        let after = after.map_or(After::Hangup, |handoff| handoff.after);
        self.stop_listening(now);
        self.stage = Stage::Dialogue;
        self.note(Note::Returned(how.clone()));
        let outcome = match how {
            Return::NoAgent(reason) => Outcome::Failed(reason),
            Return::AgentLost => Outcome::Failed("the agent's line broke".into()),
            Return::Declined => Outcome::Declined,
            Return::GivenBack { flow } => Outcome::GivenBack { flow },
            Return::AgentLeft => match after {
                After::Hangup => {
                    self.stage = Stage::Goodbye { drained: None };
                    return;
                }
                // What follows the transfer asks.
                After::Csat => Outcome::GivenBack { flow: None },
            },
        };
        let order = self.walk.step(outcome);
        self.perform(now, order);
    }

    /// While nothing is being said.
    pub(super) fn await_person(&mut self, now: Instant) {
        let Stage::Person(person) = &mut self.stage else { return };
        match person.at {
            At::Leaving => {
                person.at = At::Waiting(Offer::None);
                let (queue, handoff) = (person.queue.clone(), person.handoff.clone());
                let brief = Box::new(self.brief(handoff.as_deref()));
                self.note(Note::Queued { queue: queue.clone() });
                let tier = self.walk.tier();
                self.outputs.push_back(Output::Queue {
                    queue,
                    handoff,
                    tier,
                    brief,
                });
            }
            At::Waiting(Offer::Made) => {
                person.at = At::Waiting(Offer::Open(now + OFFER));
                self.turn.bot_is_busy();
            }
            At::Waiting(Offer::Open(until)) if now >= until => person.at = At::Waiting(Offer::None),
            At::Waiting(Offer::Taken) => self.stage = Stage::Goodbye { drained: None },
            At::Waiting(Offer::None | Offer::Open(_)) | At::Bridged | At::Held => {}
        }
    }

    /// What who waits hears between two announcements.
    pub(super) fn music(&mut self) -> Option<Frame> {
        match &mut self.stage {
            Stage::Person(Person {
                at: At::Waiting(Offer::None | Offer::Made) | At::Held,
                music,
                ..
            }) => Some(music.frame()),
            _ => None,
        }
    }

    /// A key of who waits.
    pub(super) fn key_of_who_waits(&mut self, now: Instant, key: char) {
        if key == TAKE {
            self.take_callback(now);
        }
    }

    /// What who waits said, while they were asked whether they want to be called back.
    pub(super) fn words_of_who_waits(&mut self, now: Instant, text: &str) {
        let meant = self.understand_grounded(text);
        if meant.contains(&Command::Affirm) {
            self.take_callback(now);
        }
    }

    /// Whether what they say is heard.
    pub(super) fn is_heard(&self) -> bool {
        match &self.stage {
            Stage::Person(person) => matches!(person.at, At::Waiting(Offer::Made | Offer::Open(_))),
            _ => true,
        }
    }

    /// Whether the caller speaks with a person.
    pub fn is_bridged(&self) -> bool {
        matches!(&self.stage, Stage::Person(person) if matches!(person.at, At::Bridged | At::Held))
    }

    fn take_callback(&mut self, now: Instant) {
        let Some(offer) = self.offer() else { return };
        if !matches!(offer, Offer::Made | Offer::Open(_)) {
            return;
        }
        *offer = Offer::Taken;
        self.stop_listening(now);
        self.stop_speaking(now);
        self.playout.forget();
        if let (Stage::Person(person), Some(number)) = (&self.stage, self.walk.number()) {
            let queue = Some(person.queue.clone());
            let at = self.at + self.since_answer(now);
            let at = at.strftime("%Y-%m-%dT%H:%M").to_string();
            self.note(Note::Task(Task::Callback { at, number, queue }));
        }
        self.outputs.push_back(Output::CallBack);
        let promise = self.walk.promise_of_callback();
        self.say_last(Some(promise));
    }

    fn offer(&mut self) -> Option<&mut Offer> {
        match &mut self.stage {
            Stage::Person(Person {
                at: At::Waiting(offer), ..
            }) => Some(offer),
            _ => None,
        }
    }

    fn waits_for_person(&self) -> bool {
        matches!(&self.stage, Stage::Person(person) if matches!(person.at, At::Waiting(offer) if offer != Offer::Taken))
    }

    /// Words under way are nobody's.
    fn stop_listening(&mut self, now: Instant) {
        self.drop_thought();
        self.turn.bot_is_busy();
        self.turn.dismiss(now);
        self.utterance.clear();
    }
}
