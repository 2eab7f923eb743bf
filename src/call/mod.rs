//! One call: from the first word to the goodbye.
//!
//! [`Call`] owns everything that decides. It is stepped in time by a driver: frames and results go in, frames and wishes
//! come out. It knows no sockets, no SIP and no engine, reads no clock and waits for nothing, so a whole call runs in a test
//! in milliseconds.

mod acts;
pub mod answering;
mod assist;
mod barging;
mod beside;
pub mod brief;
mod driver;
mod guess;
pub mod keypad;
pub mod ledger;
mod listen;
mod meaning;
mod message;
mod observing;
mod opening;
mod pausing;
mod person;
mod placed;
pub mod playout;
mod reply;
pub mod scribe;
mod speak;
pub mod turn;
pub mod utterance;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::acts::Using;
pub use self::acts::{CallBack, Task};
use self::assist::Assist;
pub use self::driver::{Heard, Line, Manager, Note, Output, Question, Start, Suggestion};
use self::guess::Guess;
use self::keypad::Keypad;
use self::ledger::Moments;
use self::message::Message;
use self::observing::Tongue;
use self::pausing::Habit;
use self::person::Person;
pub use self::person::Return;
pub use self::placed::Opening;
use self::placed::Placed;
use self::playout::Playout;
use self::reply::Reply;
use self::turn::Turn;
use self::utterance::Utterance;
use jiff::civil::DateTime;

use crate::audio::Frame;
use crate::audio::echo::EchoDetector;
use crate::audio::music::Music;
use crate::audio::resample::Resampler;
use crate::dialogue::conversation::{Conversation, Privacy};
use crate::dialogue::grounded::{Grounded, Understanding};
use crate::dialogue::guard::{Deeds, Guard};
use crate::dialogue::knowledge::Knowledge;
use crate::dialogue::sentiment::Sentiment;
use crate::dialplan::{Expect, Order, Outcome, Plan, Value, Walk};
use crate::language::{Language, Voice};
use crate::speech::Transcript;

/// Where the call is between two things that the caller does.
#[derive(Debug, PartialEq)]
enum Stage {
    /// Who answered is being found out, or waited for.
    Opening,
    /// What is to be said is said, then the caller is listened to.
    Dialogue,
    /// A tool is awaited.
    Using(Using),
    /// A message is taken when all is said.
    Taking(Message),
    /// The caller is put through to a person, or is with one.
    Person(Person),
    /// When all is said the caller is transferred.
    Transfer {
        to: String,
    },
    /// The far end is being asked, until this moment. Whom it has not put on hold hears music.
    Transferring {
        until: Instant,
        music: Music,
    },
    /// When all is said, and the line has carried it, the call ends.
    Goodbye {
        drained: Option<Instant>,
    },
    Over,
}

/// The decode of what the caller is saying.
#[derive(Debug)]
enum Decode {
    None,
    /// Asked for; perhaps while the caller only pauses.
    Asked {
        id: u64,
    },
    /// There, and the caller has not finished yet.
    Known {
        transcript: Transcript,
    },
}

/// What happens after an utterance has ended.
#[derive(Debug)]
enum Thought {
    None,
    /// The words are awaited, until this moment.
    Hearing {
        until: Instant,
    },
    /// The model is awaited.
    Asking(Asking),
}

#[derive(Debug)]
struct Asking {
    id: u64,
    words: String,
    /// What an answer may be worded from, and what is known in this call.
    grounds: String,
    since: Instant,
    /// Then it has failed.
    until: Instant,
}

/// Whether the caller has been asked for patience in this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Unasked,
    Asked,
}

pub struct Call {
    plan: Arc<Plan>,
    assistant: String,
    /// What is known of who answered, where it was the bot that called.
    placed: Option<Box<Placed>>,
    /// Something happened that policies have not been asked about.
    news: bool,
    /// The call is over: what is still being heard is for the record alone.
    left: bool,
    language: Language,
    tongue: Tongue,
    sentiment: Sentiment,
    /// How loud the caller's turns were, dBFS.
    levels: Vec<f32>,
    walk: Walk,
    /// In the language of the moment.
    grounded: Arc<Grounded>,
    understanding: Understanding,
    manager: Manager,
    guard: Guard,
    /// What was done for the caller.
    deeds: Deeds,
    asked_patience: Patience,
    /// The model's answer that is being said while it is still being written.
    reply: Option<Reply>,
    conversation: Conversation,
    answered: Instant,
    /// At the bot's place, when the call began: "tomorrow" is counted from it.
    at: DateTime,
    turn: Turn,
    playout: Playout,
    /// What the telephone carries of the bot's sound, to know when it is heard.
    narrow: Resampler,
    utterance: Utterance,
    echo: EchoDetector,
    /// When the bot was last heard.
    sounded: Option<Instant>,
    keypad: Keypad,
    stage: Stage,
    /// Beside a person.
    assist: Assist,
    expect: Expect,
    /// The flows between which the caller was just asked to choose.
    offered: Vec<String>,
    /// Whether what is said and keyed now may be kept.
    privacy: Privacy,
    /// What the model was asked when the caller went on.
    unanswered: Option<String>,
    /// What they said last asks for a person.
    wants_person: bool,
    /// What was begun for the case that this pause is the end of the turn.
    guess: Option<Guess>,
    /// Sounds without words since the last words.
    empty_turns: u32,
    /// Digits of a number that is being said in several breaths.
    partial: String,
    decode: Decode,
    /// How the pause sounds is being asked.
    judging: Option<u64>,
    /// And how it did.
    judged: Option<f32>,
    /// When the caller's last turn ended.
    stopped: Option<Instant>,
    habit: Habit,
    thought: Thought,
    moments: Option<Moments>,
    /// Since when there is something to say and no voice for it.
    voiceless: Option<Instant>,
    outputs: VecDeque<Output>,
    next: u64,
}

/// An ear that takes longer than this has lost the words: nobody listens to more silence.
const HEARING: Duration = Duration::from_secs(6);
/// A model's own limits are shorter; this holds whatever becomes of them.
const ASKING: Duration = Duration::from_secs(20);
/// A clause whose voice takes longer is passed over.
const VOICE: Duration = Duration::from_secs(6);
/// The far end of a transfer has this long to answer.
const TRANSFER: Duration = Duration::from_secs(30);
/// Silence in which a tool or a model may answer before the caller is asked for patience.
const FILLER: Duration = Duration::from_millis(600);
/// After the last word: what the network and the caller's jitter buffer still hold. A goodbye is never clipped.
const TAIL: Duration = Duration::from_millis(300);
/// After a person has hung up: for the record of what they said last. The caller hears silence meanwhile.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

impl Call {
    /// Begins the conversation: the first prompt is wanted at once.
    pub fn new(now: Instant, start: Start) -> Self {
        let began = start.facts.at;
        let mut walk = Walk::waiting(
            Arc::clone(&start.plan),
            &start.assistant,
            start.language,
            start.facts,
            start.told,
        );
        if start.opening.is_some() {
            walk.called();
        }
        let flow = start.flow;
        let placed = start.opening.map(|opening| Placed::new(now, opening, flow.clone()));
        let zone = walk.zone().unwrap_or_else(jiff::tz::TimeZone::system);
        let at = began.to_zoned(zone).datetime();
        let guard = Guard::new(&start.plan.never, start.language);
        let grounded = start.understanding.get(&start.language).cloned();
        let grounded = grounded.unwrap_or_else(|| {
            let nothing = Arc::new(Knowledge::build([]));
            Arc::new(Grounded::new(
                &start.plan,
                &start.assistant,
                start.language,
                nothing,
                None,
            ))
        });
        let config = listen::turn_config(&start.plan, &start.assistant, start.manager);
        let mut call = Self {
            walk,
            placed: placed.map(Box::new),
            news: false,
            left: false,
            grounded,
            understanding: start.understanding,
            manager: start.manager,
            guard,
            deeds: Deeds::default(),
            asked_patience: Patience::Unasked,
            reply: None,
            conversation: Conversation::default(),
            answered: now,
            at,
            turn: Turn::new(now, config),
            playout: Playout::new(start.language),
            narrow: Resampler::narrowing(),
            utterance: Utterance::default(),
            echo: EchoDetector::default(),
            sounded: None,
            keypad: Keypad::default(),
            stage: Stage::Dialogue,
            assist: Assist::default(),
            expect: Expect::Anything,
            offered: Vec::new(),
            privacy: Privacy::Open,
            unanswered: None,
            wants_person: false,
            guess: None,
            empty_turns: 0,
            partial: String::new(),
            decode: Decode::None,
            judging: None,
            judged: None,
            stopped: None,
            habit: Habit::default(),
            thought: Thought::None,
            moments: None,
            voiceless: None,
            outputs: VecDeque::new(),
            next: 0,
            plan: start.plan,
            assistant: start.assistant,
            language: start.language,
            tongue: Tongue::Open,
            sentiment: Sentiment::default(),
            levels: Vec::new(),
        };
        call.open(now, &flow);
        call
    }

    /// Steps 20 ms: hears, and gives what to send. `None`: nothing is said now.
    pub fn tick(&mut self, now: Instant, heard: Heard<'_>) -> Option<Frame> {
        self.listen(now, &heard);
        let frame = self.sound(now);
        self.settle(now);
        frame
    }

    /// The caller pressed `key` (0-9, *, #, A-D).
    pub fn key(&mut self, now: Instant, key: char) {
        let noted = if self.privacy == Privacy::Withheld { '•' } else { key };
        self.note(Note::Key(noted));
        if self.opts_out_by_key(now, key) {
            return;
        }
        match &mut self.stage {
            Stage::Taking(message) => message.end(),
            Stage::Person(_) => self.key_of_who_waits(now, key),
            _ => {}
        }
        if self.stage != Stage::Dialogue {
            return;
        }
        self.stop_speaking(now);
        self.drop_thought();
        self.drop_reply();
        self.unanswered = None;
        self.turn.bot_is_busy();
        if !self.turn.caller_speaks() {
            self.utterance.clear();
        }
        let length = listen::keys_wanted(&self.expect);
        if let Some(keys) = self.keypad.press(now, key, length) {
            self.keyed(now, keys);
        }
    }

    /// The far end's answer to a transfer: a SIP status code.
    pub fn transferred(&mut self, now: Instant, code: u16) {
        if code < 200 || !(self.is_releasing() || matches!(self.stage, Stage::Transferring { .. })) {
            return;
        }
        if code < 300 {
            self.stage = Stage::Over;
            self.outputs.push_back(Output::Hangup);
            return;
        }
        let reason = format!("the far end answered {code}");
        if self.is_releasing() {
            return self.not_released(now, reason);
        }
        let outcome = match code {
            486 | 600 | 603 => Outcome::Declined,
            _ => Outcome::Failed(reason.clone()),
        };
        self.transfer_failed(now, reason, outcome);
    }

    /// What the driver is to do; drain it after every call of another function.
    pub fn poll(&mut self) -> Option<Output> {
        // What was cut is called off before anything new is asked for.
        self.outputs
            .pop_front()
            .or_else(|| self.playout.poll().map(Output::Speak))
    }

    /// The flows that the call went through, in order.
    pub fn path(&self) -> &[String] {
        self.walk.path()
    }

    /// How the call went, where the plan has said so.
    pub fn disposition(&self) -> Option<&str> {
        self.walk.disposition()
    }

    /// What was collected, as it may be kept: personal values are withheld.
    pub fn collected(&self) -> BTreeMap<String, String> {
        let kept = self.walk.slots().iter().filter(|(_, value)| **value != Value::Null);
        kept.map(|(name, value)| {
            let personal = self.plan.slots.get(name).is_some_and(|slot| slot.pii);
            let value = if personal {
                "[withheld]".to_owned()
            } else {
                value.to_string()
            };
            (name.clone(), value)
        })
        .collect()
    }

    /// What the caller said for what `slot` holds, in their own words, as it may be kept.
    pub fn quote(&self, slot: &str) -> Option<&str> {
        self.walk.quoted(slot)
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// Who speaks for the bot.
    pub fn voice(&self) -> Voice {
        self.plan.voice(&self.assistant, self.language)
    }

    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Carries out what the plan orders, up to where it needs the caller or the far end.
    fn perform(&mut self, now: Instant, mut order: Order) {
        self.turn.bot_is_busy();
        loop {
            match order {
                Order::Say { text, bargein } => {
                    self.say(&text, bargein);
                    order = self.walk.step(Outcome::Done);
                }
                Order::Answer { question } => {
                    let passage = self.grounded.answer(&question);
                    match &passage {
                        Some(passage) => self.note(Note::Answered {
                            source: passage.source.clone(),
                            score: Some(passage.score),
                        }),
                        None => self.unanswered(&question),
                    }
                    order = self.walk.step(Outcome::Answered(passage.map(|passage| passage.text)));
                }
                Order::Tool(call) => {
                    // The time that it takes is the dialogue's: nothing is decided yet.
                    return self.use_tool(now, call);
                }
                Order::Ticket(ticket) => order = self.hand_in(now, Task::Ticket(ticket)),
                Order::Callback { at, number, queue } => {
                    order = self.hand_in(now, Task::Callback { at, number, queue });
                }
                Order::Record { name, max } => {
                    self.take_message(name, max);
                    break;
                }
                Order::HandOff { to, handoff, say } => {
                    self.hand_over(to, handoff, say);
                    break;
                }
                Order::Listen {
                    prompt,
                    bargein,
                    expect,
                } => {
                    if let Some(prompt) = prompt {
                        self.say(&prompt, bargein);
                    }
                    self.expect_next(expect);
                    self.stage = Stage::Dialogue;
                    break;
                }
                Order::Transfer { to, say } => {
                    self.say_last(say);
                    self.stage = Stage::Transfer { to };
                    break;
                }
                Order::Hangup { say } => {
                    self.say_last(say);
                    self.stage = Stage::Goodbye { drained: None };
                    break;
                }
            }
        }
        if let Some(moments) = &mut self.moments {
            moments.decided.get_or_insert(now);
        }
    }

    /// Goes on when everything was said, or when what is awaited does not come.
    fn settle(&mut self, now: Instant) {
        self.give_up_waiting(now);
        self.write_down(now);
        self.bridge_silence(now);
        self.judge_news(now);
        if self.stage == Stage::Dialogue
            && let Some(keys) = self.keypad.poll(now)
        {
            self.keyed(now, keys);
        }
        if !self.playout.is_idle() {
            return;
        }
        match &self.stage {
            Stage::Opening => {}
            Stage::Dialogue if self.has_left_message() => self.hang_up_silently(),
            Stage::Dialogue => self.await_caller(now),
            Stage::Using(_) => self.await_tool(now),
            Stage::Taking(_) => self.await_message(now),
            Stage::Person(_) => self.await_person(now),
            Stage::Transfer { to } => {
                let to = to.clone();
                self.stage = Stage::Transferring {
                    until: now + TRANSFER,
                    music: Music::default(),
                };
                self.note(Note::Transferring { to: to.clone() });
                self.outputs.push_back(Output::Transfer { to });
            }
            Stage::Transferring { until, .. } if now >= *until => {
                let reason = format!("no answer in {} s", TRANSFER.as_secs());
                self.transfer_failed(now, reason.clone(), Outcome::Failed(reason));
            }
            Stage::Goodbye { drained: None } => self.stage = Stage::Goodbye { drained: Some(now) },
            Stage::Goodbye { drained: Some(at) } if now.saturating_duration_since(*at) >= self.tail() => {
                self.stage = Stage::Over;
                self.close_part();
                self.outputs.push_back(Output::Hangup);
            }
            Stage::Transferring { .. } | Stage::Goodbye { .. } | Stage::Over => {}
        }
    }

    /// How long the line is kept after the last word.
    fn tail(&self) -> Duration {
        if self.assist.awaits_last_words() {
            LAST_WORDS
        } else {
            TAIL
        }
    }

    fn transfer_failed(&mut self, now: Instant, reason: String, outcome: Outcome) {
        self.note(Note::TransferFailed { reason });
        self.stage = Stage::Dialogue;
        let order = self.walk.step(outcome);
        self.perform(now, order);
    }

    /// Nothing else is under way.
    pub fn is_in_dialogue(&self) -> bool {
        matches!(self.stage, Stage::Dialogue)
    }

    /// The far side is on hold: nothing is said, nobody is waited for.
    pub fn hold(&mut self, now: Instant) {
        self.turn.bot_is_busy();
        self.turn.hear(now, 0.0);
        self.follow_turn(now);
        match self.stage {
            // A line that is asked to go elsewhere holds meanwhile.
            Stage::Person(_) if self.is_releasing() => self.settle(now),
            // Who waits keeps their place.
            Stage::Opening | Stage::Dialogue | Stage::Over | Stage::Person(_) => {}
            // Nobody hears it; what comes after it must not wait for them.
            Stage::Using(_)
            | Stage::Taking(_)
            | Stage::Transfer { .. }
            | Stage::Transferring { .. }
            | Stage::Goodbye { .. } => {
                self.playout.forget();
                self.settle(now);
            }
        }
    }

    fn since_answer(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.answered)
    }

    fn note(&mut self, note: Note) {
        self.outputs.push_back(Output::Note(note));
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests;
