//! The engines of a running bot behind one face: ask, and the answer comes to the function that was given.
//!
//! Asking never waits. The work is done on the scheduler's threads; dropping what [`Engines::hear`] or [`Engines::speak`]
//! returned cancels it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::endpoint::SmartTurn;
use super::kokoro::Kokoro;
use super::onnx::Onnx;
use super::piper::Piper;
use super::prompts::Prompts;
use super::vad::Silero;
use super::whisper::Whisper;
use super::{Cancel, Error, Full, Listening, Priority, Scheduler, Stt, Transcript, Tts, Vad};
use crate::language::Language;
use crate::models::{self, Cache};

/// A decode under way; dropping it cancels.
#[must_use = "dropping it cancels the decode"]
#[derive(Debug)]
pub struct Hearing(Cancel);

/// A decision about a pause under way; dropping it cancels.
#[must_use = "dropping it cancels the decision"]
#[derive(Debug)]
pub struct Judging(Cancel);

/// A clause being spoken; dropping it cancels.
#[must_use = "dropping it cancels the voice"]
#[derive(Debug)]
pub struct Speaking(Cancel);

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// What to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Jobs of inference at once; each has one thread, so the number of cores.
    pub threads: usize,
    /// Languages that will be spoken: each needs its voice.
    pub languages: Vec<Language>,
    /// Where rendered prompts are kept between runs.
    pub prompts: PathBuf,
}

pub struct Engines {
    scheduler: Arc<Scheduler>,
    stt: Arc<dyn Stt>,
    voices: BTreeMap<Language, Arc<dyn Tts>>,
    silero: Arc<Silero>,
    smart_turn: Option<Arc<SmartTurn>>,
    prompts: Arc<Prompts>,
}

impl Engines {
    /// Loads every model that `config` asks for; takes some seconds of one core.
    pub fn load(cache: &Cache, config: &Config) -> Result<Self, Error> {
        let threads = config.threads.max(1);
        let onnx = Onnx::load(&cache.path(models::ONNXRUNTIME)?)?;
        let silero = Arc::new(Silero::new(onnx.session(&cache.path(models::SILERO_VAD)?)?));
        let smart_turn = cache
            .path(models::SMART_TURN)
            .map_err(Error::from)
            .and_then(|model| Ok(Arc::new(SmartTurn::new(onnx.session(&model)?))))
            .inspect_err(|e| tracing::warn!("the end of a turn is told by silence alone: {e}"))
            .ok();
        let mut voices: BTreeMap<Language, Arc<dyn Tts>> = BTreeMap::new();
        for &language in &config.languages {
            let voice: Arc<dyn Tts> = match language {
                Language::English => Arc::new(Piper::load(&onnx, cache, threads)?),
                Language::Mandarin => Arc::new(Kokoro::load(&onnx, cache)?),
            };
            voices.insert(language, voice);
        }
        let stt = Arc::new(Whisper::load(&cache.path(models::WHISPER)?, threads)?);
        let scheduler =
            Arc::new(Scheduler::new(threads).map_err(|e| Error::Program(format!("no threads for inference: {e}")))?);
        let prompts = Arc::new(Prompts::open(config.prompts.clone()));
        Ok(Self {
            scheduler,
            stt,
            voices,
            silero,
            smart_turn,
            prompts,
        })
    }

    /// A new caller's ear for speech.
    pub fn vad(&self) -> Vad {
        Vad::new(Arc::clone(&self.silero))
    }

    /// Transcribes `samples` (16 kHz mono, one utterance) and gives the words to `done`, on another thread.
    pub fn hear(
        &self,
        call: u64,
        samples: Vec<i16>,
        listening: Listening,
        done: impl FnOnce(Result<Transcript, Error>) + Send + 'static,
    ) -> Result<Hearing, Full> {
        let cancel = Cancel::default();
        let (stt, token) = (Arc::clone(&self.stt), cancel.clone());
        self.scheduler.submit(call, Priority::Turn, &cancel, move || {
            done(stt.transcribe(&samples, &listening, &token))
        })?;
        Ok(Hearing(cancel))
    }

    /// Tells `done` the chance that the caller has finished, from the utterance (16 kHz mono); on another thread.
    pub fn judge(
        &self,
        call: u64,
        samples: Vec<i16>,
        done: impl FnOnce(Result<f32, Error>) + Send + 'static,
    ) -> Result<Judging, Full> {
        let cancel = Cancel::default();
        let Some(judge) = self.smart_turn.clone() else {
            done(Err(Error::Program(
                "smart-turn is not loaded; `offhook models pull smart-turn` gets it".to_owned(),
            )));
            return Ok(Judging(cancel));
        };
        self.scheduler
            .submit(call, Priority::Turn, &cancel, move || done(judge.finished(&samples)))?;
        Ok(Judging(cancel))
    }

    /// Speaks `clause` and gives the sound (16 kHz mono) to `done`: at once when it was spoken before, else on another thread.
    pub fn speak(
        &self,
        call: u64,
        priority: Priority,
        language: Language,
        clause: &str,
        done: impl FnOnce(Result<Arc<[i16]>, Error>) + Send + 'static,
    ) -> Result<Speaking, Full> {
        let cancel = Cancel::default();
        let Some(voice) = self.voices.get(&language).cloned() else {
            done(Err(Error::Program(format!(
                "no voice was loaded for language `{language}`"
            ))));
            return Ok(Speaking(cancel));
        };
        if let Some(sound) = self.prompts.get(voice.name(), clause) {
            done(Ok(sound));
            return Ok(Speaking(cancel));
        }
        let (token, clause) = (cancel.clone(), clause.to_owned());
        self.scheduler.submit(call, priority, &cancel, move || {
            done(voice.speak(&clause, &token).map(Arc::from));
        })?;
        Ok(Speaking(cancel))
    }

    /// Renders `clause` and keeps it, so that speaking it later costs nothing; `done` is told how it went.
    pub fn render(
        &self,
        language: Language,
        clause: &str,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), Full> {
        let Some(voice) = self.voices.get(&language).cloned() else {
            done(Err(Error::Program(format!(
                "no voice was loaded for language `{language}`"
            ))));
            return Ok(());
        };
        if self.prompts.load(voice.name(), clause) {
            done(Ok(()));
            return Ok(());
        }
        let (prompts, clause) = (Arc::clone(&self.prompts), clause.to_owned());
        self.scheduler.submit(0, Priority::Ahead, &Cancel::default(), move || {
            done(
                voice
                    .speak(&clause, &Cancel::default())
                    .map(|sound| prompts.keep(voice.name(), &clause, sound)),
            );
        })
    }

    /// Those that have a voice.
    pub fn languages(&self) -> Vec<Language> {
        self.voices.keys().copied().collect()
    }

    /// The pool that all this runs on.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}
