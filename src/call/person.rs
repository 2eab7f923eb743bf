//! A caller on their way to a person, with one, and back: what they hear meanwhile, and what they may choose.
//!
//! It knows no desk: it says that somebody is wanted and is told how it goes. Until a person is there the caller stays with the bot. Where the plan
//! says `mode: replaces`, the caller's line is then asked to go on with that person alone; until it does, or if it cannot, the bot stays between the two.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Call, CallBack, Note, Output, Stage, TRANSFER, Task};
use crate::audio::Frame;
use crate::audio::music::Music;
use crate::dialplan::queue::{After, Destination, Handoff, Load, Mode};
use crate::dialplan::{Command, Expect, Outcome};

/// An offer to be called back holds for so long after it was said; there is no music meanwhile.
const OFFER: Duration = Duration::from_secs(6);
/// The key that takes it.
const TAKE: char = '1';
/// What became of a line that was asked to go elsewhere is told within this time after the person's own line is gone; else they have hung up.
const ALONE: Duration = Duration::from_secs(4);
/// How long somebody elsewhere is rung, where the plan does not say.
const RING: Duration = Duration::from_secs(20);

/// A caller who is put through to a person.
#[derive(Debug, PartialEq)]
pub(super) struct Person {
    to: Destination,
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
    Bridged(Release),
    /// They are to speak with a person who is away for a moment, and hear music.
    Held,
}

/// Whether the caller's line is to go on with the person alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// It goes by the bot.
    None,
    /// It is asked to, until then.
    Asked { until: Instant },
    /// The person's line to the bot is gone: replaced, as will be told by then, or not.
    Alone { until: Instant, gone: Gone },
}

/// How the person's line went, if it was not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    HungUp,
    Lost,
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
    pub(super) fn hand_over(&mut self, to: Destination, handoff: Option<String>, say: Option<String>) {
        self.say_last(say);
        self.stage = Stage::Person(Person {
            to,
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

    /// How the queues stand; to be told at least every second, where the plan asks ([`crate::dialplan::Plan::asked_queues`]).
    pub fn queues_stand(&mut self, queues: BTreeMap<String, Load>) {
        self.walk.queues_stand(queues);
    }

    /// Whether the plan has a way of its own for callers whom agents do not want.
    pub fn minds_declining(&self) -> bool {
        self.handoff().is_some_and(|handoff| handoff.agent_declines.is_some())
    }

    /// A person is there: the caller hears them alone from now on. That may be while they speak with the bot, which stops in the middle of it. Not
    /// when they are on their way out.
    pub fn bridged(&mut self, now: Instant, agent: &str) {
        match self.stage {
            Stage::Person(Person { at: At::Leaving, .. }) => self.taken_over(now),
            Stage::Person(_) if !self.waits_for_person() => return,
            Stage::Person(_) => {}
            Stage::Dialogue | Stage::Using(_) | Stage::Taking(_) => self.taken_over(now),
            Stage::Opening
            | Stage::Transfer { .. }
            | Stage::Transferring { .. }
            | Stage::Goodbye { .. }
            | Stage::Over => return,
        }
        self.stop_listening(now);
        self.playout.forget();
        self.outputs.push_back(Output::Unspeak);
        let replaces = self.handoff().is_some_and(|handoff| handoff.mode == Mode::Replaces);
        let release = if replaces {
            Release::Asked { until: now + TRANSFER }
        } else {
            Release::None
        };
        if let Stage::Person(person) = &mut self.stage {
            person.at = At::Bridged(release);
        }
        self.note(Note::Bridged {
            agent: agent.to_owned(),
        });
        if replaces {
            self.note(Note::Releasing);
            self.outputs.push_back(Output::Release);
        }
    }

    /// Whether a person may take the caller now: not when they are on their way elsewhere, or out.
    pub fn can_be_taken_over(&self) -> bool {
        match &self.stage {
            Stage::Dialogue | Stage::Using(_) | Stage::Taking(_) | Stage::Person(_) => true,
            Stage::Opening
            | Stage::Transfer { .. }
            | Stage::Transferring { .. }
            | Stage::Goodbye { .. }
            | Stage::Over => false,
        }
    }

    /// The bot leaves what it was at.
    fn taken_over(&mut self, now: Instant) {
        self.stop_speaking(now);
        self.drop_reply();
        self.unanswered = None;
        self.stage = Stage::Person(Person {
            to: Destination::Queue(String::new()),
            handoff: None,
            at: At::Bridged(Release::None),
            music: Music::default(),
        });
    }

    /// Whether the person whom the caller speaks with is away for a moment.
    pub fn held_by_person(&mut self, held: bool) {
        if let Stage::Person(person) = &mut self.stage
            && matches!(person.at, At::Bridged(Release::None) | At::Held)
        {
            person.at = if held { At::Held } else { At::Bridged(Release::None) };
        }
    }

    /// The person is gone, and another is looked for.
    pub fn waits_again(&mut self) {
        if let Stage::Person(person) = &mut self.stage
            && matches!(person.at, At::Bridged(_) | At::Held)
        {
            person.at = At::Waiting(Offer::None);
            self.note(Note::Returned(Return::AgentLost));
        }
    }

    /// It is the bot's turn again.
    pub fn returned_from_person(&mut self, now: Instant, how: Return) {
        let Stage::Person(person) = &mut self.stage else {
            return;
        };
        match person.at {
            At::Waiting(Offer::Taken) => return,
            At::Bridged(Release::Asked { .. }) => {
                let gone = match how {
                    Return::AgentLeft => Some(Gone::HungUp),
                    Return::AgentLost => Some(Gone::Lost),
                    Return::NoAgent(_) | Return::Declined | Return::GivenBack { .. } => None,
                };
                if let Some(gone) = gone {
                    let until = now + ALONE;
                    person.at = At::Bridged(Release::Alone { until, gone });
                    return;
                }
            }
            At::Leaving | At::Waiting(_) | At::Bridged(_) | At::Held => {}
        }
        let after = self.handoff().map_or(After::Hangup, |handoff| handoff.after);
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
                let (to, handoff) = (person.to.clone(), person.handoff.clone());
                self.want(to, handoff);
            }
            At::Waiting(Offer::Made) => {
                person.at = At::Waiting(Offer::Open(now + OFFER));
                self.turn.bot_is_busy();
            }
            At::Waiting(Offer::Open(until)) if now >= until => person.at = At::Waiting(Offer::None),
            At::Waiting(Offer::Taken) => self.stage = Stage::Goodbye { drained: None },
            At::Bridged(Release::Asked { until } | Release::Alone { until, .. }) if now >= until => {
                self.not_released(now, "no word of how it went".into());
            }
            At::Waiting(Offer::None | Offer::Open(_)) | At::Bridged(_) | At::Held => {}
        }
    }

    /// Has somebody asked to take the caller.
    fn want(&mut self, to: Destination, handoff: Option<String>) {
        let brief = Box::new(self.brief(handoff.as_deref()));
        let output = match to {
            Destination::Queue(queue) => {
                self.note(Note::Queued { queue: queue.clone() });
                Output::Queue {
                    queue,
                    handoff,
                    tier: self.walk.tier(),
                    brief,
                }
            }
            Destination::Outside(to) => {
                self.note(Note::Transferring { to: to.clone() });
                Output::Consult {
                    to,
                    ring: self.handoff().map_or(RING, |handoff| handoff.ring),
                    brief,
                }
            }
        };
        self.outputs.push_back(output);
    }

    /// The caller's line does not go elsewhere: the two go on by the bot, unless the person has gone.
    pub(super) fn not_released(&mut self, now: Instant, reason: String) {
        let Stage::Person(person) = &mut self.stage else {
            return;
        };
        let At::Bridged(release) = &mut person.at else { return };
        let before = std::mem::replace(release, Release::None);
        self.note(Note::TransferFailed { reason });
        match before {
            Release::Alone { gone: Gone::HungUp, .. } => self.returned_from_person(now, Return::AgentLeft),
            Release::Alone { gone: Gone::Lost, .. } => self.returned_from_person(now, Return::AgentLost),
            Release::None | Release::Asked { .. } => {}
        }
    }

    /// Whether the caller's line is asked to go on without the bot.
    pub(super) fn is_releasing(&self) -> bool {
        let Stage::Person(person) = &self.stage else {
            return false;
        };
        matches!(person.at, At::Bridged(Release::Asked { .. } | Release::Alone { .. }))
    }

    /// What the plan says of how the caller is handed over.
    fn handoff(&self) -> Option<&Handoff> {
        let Stage::Person(person) = &self.stage else {
            return None;
        };
        self.plan.handoffs.get(person.handoff.as_ref()?)
    }

    /// What who waits hears between two announcements.
    pub(super) fn music(&mut self) -> Option<Frame> {
        match &mut self.stage {
            Stage::Person(Person {
                at: At::Waiting(Offer::None | Offer::Made) | At::Held | At::Bridged(Release::Alone { .. }),
                music,
                ..
            })
            | Stage::Transferring { music, .. } => Some(music.frame()),
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

    /// Whether anything is made of what they say now: not while they only wait.
    pub fn heeds_speech(&self) -> bool {
        self.is_heard() || self.is_bridged()
    }

    /// Whether the caller speaks with a person.
    pub fn is_bridged(&self) -> bool {
        let bridged = |at| matches!(at, At::Held | At::Bridged(Release::None | Release::Asked { .. }));
        matches!(&self.stage, Stage::Person(person) if bridged(person.at))
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
            // Somebody elsewhere has no queue that could offer it.
            let queue = match &person.to {
                Destination::Queue(queue) => queue.clone(),
                Destination::Outside(_) => String::new(),
            };
            let brief = Box::new(self.brief(person.handoff.as_deref()));
            let at = self.at + self.since_answer(now);
            let at = at.strftime("%Y-%m-%dT%H:%M").to_string();
            let tier = self.walk.tier();
            self.note(Note::Task(Task::Callback {
                at,
                number: number.clone(),
                queue: Some(queue.clone()),
            }));
            self.outputs.push_back(Output::CallBack(Box::new(CallBack {
                number,
                queue,
                tier,
                brief,
                after: None,
            })));
        }
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
