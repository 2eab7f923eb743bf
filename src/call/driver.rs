//! What a call and its driver tell each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acts::{CallBack, Task};
use super::brief::Brief;
use super::ledger::Ledger;
use super::person::Return;
use super::placed::Opening;
use super::playout::{Ending, Wanted};
use crate::audio::Frame;
use crate::campaign::outcome::AnsweredBy;
use crate::dialogue::conversation::Speaker;
use crate::dialogue::grounded::Understanding;
use crate::dialogue::minutes::Minutes;
use crate::dialogue::model::{Allowed, Prompt};
use crate::dialplan::{Command, Facts, Plan, ToolCall, Value};
use crate::language::Language;
use crate::speech::{Listening, Priority};

/// Everything a call starts with.
pub struct Start {
    pub plan: Arc<Plan>,
    pub assistant: String,
    pub flow: String,
    pub language: Language,
    pub facts: Facts,
    /// What other systems told before the call, by dotted names.
    pub told: BTreeMap<String, Value>,
    /// In each language that the assistant speaks.
    pub understanding: Understanding,
    pub manager: Manager,
    /// Of a call that we placed; who rings us needs none.
    pub opening: Option<Opening>,
}

/// Who decides what the caller meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Similarity, extractors and the knowledge as written.
    Grounded,
    /// A language model, and the grounded manager when it is late, wrong or down.
    Model,
}

/// 20 ms of the caller.
pub struct Heard<'a> {
    pub frame: &'a Frame,
    /// The same as it came over the line, where an echo or noise was taken out of `frame`.
    pub line: &'a Frame,
    /// 0 to 1: this is speech.
    pub probability: f32,
    /// When the frame arrived on the wire, before the jitter buffer.
    pub arrived: Instant,
}

/// A question to the language model.
#[derive(Debug)]
pub struct Question {
    pub prompt: Prompt,
    /// What its answer is held to.
    pub allowed: Allowed,
}

/// What the driver is to do.
#[derive(Debug)]
pub enum Output {
    /// Transcribe; answer with [`super::Call::transcribed`].
    Hear {
        id: u64,
        samples: Vec<i16>,
        listening: Listening,
        priority: Priority,
    },
    /// Tell whether the caller has finished, by the sound of the utterance, 16 kHz mono; answer with [`super::Call::judged`].
    Judge {
        id: u64,
        samples: Vec<i16>,
    },
    /// What was to be told of a pause is not needed any more.
    Unjudge,
    /// The transcript of `id` is not needed any more.
    Unhear {
        id: u64,
    },
    /// Make a voice for a clause; answer with [`super::Call::voiced`].
    Speak(Wanted),
    /// What was asked of voices before is not needed any more.
    Unspeak,
    /// Ask the language model; answer with [`super::Call::clause`] for what may be said before all is known, and with [`super::Call::understood`].
    Ask {
        id: u64,
        question: Box<Question>,
    },
    Unask {
        id: u64,
    },
    /// Use a tool; answer with [`super::Call::returned`].
    Use {
        id: u64,
        call: Box<ToolCall>,
    },
    /// Keep a message that the caller left, 16 kHz mono.
    Keep {
        name: String,
        samples: Vec<i16>,
    },
    /// Transfer the caller to a SIP URI; answer with [`super::Call::transferred`].
    Transfer {
        to: String,
    },
    /// The caller wants a person of `queue`; tell [`super::Call::placed_in_line`], [`super::Call::offer_callback`], [`super::Call::bridged`] and
    /// [`super::Call::returned_from_person`].
    Queue {
        queue: String,
        handoff: Option<String>,
        /// Of the caller, where it is known.
        tier: Option<String>,
        brief: Box<Brief>,
    },
    /// Something was said, by whoever: for the people who see the call as it goes on.
    Said(Line),
    /// An answer from the knowledge, for the agent who speaks with the caller.
    Suggested(Suggestion),
    /// A person has had the caller, and what they said is known: for the notes after the call. A call that ends before is asked by
    /// [`super::Call::minutes`].
    Minutes(Box<Minutes>),
    /// Call somebody elsewhere for the caller, `ring` at most, and tell who answers what it is about; then as with [`Output::Queue`].
    Consult {
        /// A SIP URI.
        to: String,
        ring: Duration,
        brief: Box<Brief>,
    },
    /// Ask the caller's line to take the bot's place with whom it is bridged to (Replaces); answer with [`super::Call::transferred`].
    Release,
    /// Somebody is to be called back; the caller themselves, who wait no longer, or at a time that they named. A task says the same for the record.
    CallBack(Box<CallBack>),
    /// All was said: end the call.
    Hangup,
    /// For the record.
    Note(Note),
}

/// One utterance, as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Of the lines of a call, from 1; in the order in which they became known.
    pub n: u64,
    pub speaker: Speaker,
    /// Of an agent.
    pub name: Option<String>,
    pub text: String,
    /// When it began, since the call was answered; of what was said with the bot, when it was known.
    pub at: Duration,
    /// How the caller felt then, -1 to 0.5; of others nothing is known.
    pub mood: Option<f32>,
}

/// What an agent may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Of the suggestions of a call, from 1.
    pub n: u64,
    /// As the caller put it.
    pub question: String,
    pub answer: String,
    /// Where it stands: `faq.md#opening-hours`.
    pub source: String,
}

/// Something worth keeping.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Words that the caller heard.
    Said {
        text: String,
        ending: Ending,
    },
    /// Words that the caller said.
    Heard {
        text: String,
        confidence: f32,
    },
    /// Words that a person said who had the call.
    AgentSaid {
        agent: String,
        text: String,
    },
    /// What they were taken to mean.
    Meant(Vec<Command>),
    /// What is said came from the knowledge. The score, 0 to 1, is not known of what a language model chose.
    Answered {
        source: String,
        score: Option<f32>,
    },
    /// The knowledge has no answer to a question; `nearest` is the source of the passage that came nearest, and its score.
    Unanswered {
        question: String,
        language: Language,
        nearest: Option<(String, f32)>,
    },
    /// From now on the call is held in this language.
    Language(Language),
    Key(char),
    /// The caller said nothing for as long as was allowed.
    Silence,
    /// The caller talked over the bot and meant nothing by it; the bot went on.
    Resumed,
    Turn(Ledger),
    /// A tool was used.
    Used {
        tool: String,
        took: Duration,
        /// Why it failed, if it did.
        failure: Option<String>,
    },
    Task(Task),
    Transferring {
        to: String,
    },
    TransferFailed {
        reason: String,
    },
    /// The caller waits for a person.
    Queued {
        queue: String,
    },
    /// A person has them.
    Bridged {
        agent: String,
    },
    /// The caller's line is asked to go on with that person alone.
    Releasing,
    /// The bot has them again, or it is over.
    Returned(Return),
    /// Who answered the call that we placed; the last one counts, for a verdict may be reversed.
    AnsweredBy(AnsweredBy),
    /// They want no more calls: to be honoured at once.
    OptedOut,
    /// The call goes on without something.
    Problem(String),
}
