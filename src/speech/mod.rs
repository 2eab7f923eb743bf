//! Ears and voices: voice activity, speech to text, text to speech, the meaning of words, and the one scheduler that their work runs on.
//!
//! The only module that names an inference library. It knows no calls, no plans and no turns: sound in, words out, and back.

pub mod endpoint;
pub mod engines;
mod finish;
pub mod gate;
pub mod kokoro;
pub mod meaning;
pub mod onnx;
pub mod piper;
pub mod prompts;
mod quantised;
pub mod scheduler;
pub mod server;
pub mod text;
pub mod vad;
pub mod whisper;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use engines::{Engines, Hearing, Judging, Speaking};
pub use scheduler::{Cancel, Full, Priority, Scheduler};
pub use vad::Vad;

use crate::language::Language;
use crate::models::Missing;

/// Samples a second of all sound in this module: 16-bit, mono.
pub const RATE: u32 = 16_000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The file is there and cannot be used.
    #[error("cannot load the model {}: {reason}; `offhook models verify` checks it", path.display())]
    Model { path: PathBuf, reason: String },
    #[error("inference failed: {0}")]
    Inference(String),
    /// A program that a voice needs is absent or broken.
    #[error("{0}")]
    Program(String),
    #[error(transparent)]
    Full(#[from] Full),
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    fn model(path: &Path, reason: impl Display) -> Self {
        Self::Model {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn inference(reason: impl Display) -> Self {
        Self::Inference(reason.to_string())
    }
}

/// What the ear is told about the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    pub language: Language,
    /// Others that it may be; the likeliest of all is heard. It costs up to twice the time.
    pub or: Vec<Language>,
    /// Whether digits are expected: a single one needs the longer context.
    pub digits: Digits,
    pub care: Care,
    /// Names that are likely, with commas between; empty for none.
    pub names: Arc<str>,
}

/// How much time the words are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// One quick decode; whether it is in doubt is told.
    Quick,
    /// The slower one that those in doubt are worth.
    Careful,
    /// A quick one, and a careful one where it is in doubt.
    AsNeeded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    Expected,
    No,
}

/// Words, or none where nothing was said that passed the gates.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    pub text: String,
    /// What was heard as: the language that was asked for, or the likeliest.
    pub language: Language,
    /// Mean natural logarithm of the tokens' probabilities: 0 is certain, below −1 is doubtful.
    pub confidence: f32,
    /// Time on the inference thread, without the wait for it.
    pub took: Duration,
    /// A careful decode may give other words.
    pub doubtful: bool,
}

/// Speech to text. Blocks: runs on the scheduler.
pub trait Stt: Send + Sync {
    /// `samples`: one utterance, 16 kHz mono.
    fn transcribe(&self, samples: &[i16], listening: &Listening, cancel: &Cancel) -> Result<Transcript, Error>;

    /// Whether it is worth asking now.
    fn works(&self) -> bool {
        true
    }
}

/// Text to speech of one language. Blocks: runs on the scheduler.
pub trait Tts: Send + Sync {
    /// Speaks one clause as it is written in a plan (numbers and all): 16 kHz mono, speech at −20 dBFS, silence trimmed.
    fn speak(&self, clause: &str, cancel: &Cancel) -> Result<Vec<i16>, Error>;

    /// Names the voice and its model: what is cached under one name is not played under another.
    fn name(&self) -> &str;

    /// Whether it is worth asking now.
    fn works(&self) -> bool {
        true
    }
}
