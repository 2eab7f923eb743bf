//! The engines of a running bot behind one face: ask, and the answer comes to the function that was given.
//!
//! Asking never waits. The work is done on the scheduler's threads; dropping what [`Engines::hear`] or [`Engines::speak`]
//! returned cancels it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::SmartTurn;
use super::kokoro::{self, Kokoro};
use super::onnx::Onnx;
use super::piper::Piper;
use super::prompts::Prompts;
use super::server::{Ear, Mouth, Server};
use super::vad::Silero;
use super::whisper::Whisper;
use super::{Cancel, Error, Full, Listening, Priority, Scheduler, Stt, Transcript, Tts, Vad};
use crate::language::{Language, Voice};
use crate::models::{self, Cache};

/// In which answers are needed: a pause lasts until the words of it are there, and its sound is asked about first; a clause is waited for in
/// silence.
const HEAR: Duration = Duration::from_millis(200);
const JUDGE: Duration = Duration::from_millis(100);
const SPEAK: Duration = Duration::ZERO;

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
    /// Jobs of inference at once; each has one thread but a voice, which takes what is free: so the number of cores.
    pub threads: usize,
    /// Those that will speak.
    pub voices: Vec<Voice>,
    /// Where rendered prompts are kept between runs.
    pub prompts: PathBuf,
    /// Recognisers and voices that are asked before the local ones.
    pub ears: Vec<Server>,
    pub mouths: Vec<(Server, BTreeMap<Language, String>)>,
}

/// That speak as one voice, in the order of asking; the last one is local.
type Voices = Arc<[Arc<dyn Tts>]>;

pub struct Engines {
    scheduler: Arc<Scheduler>,
    /// In the order of asking; the last one is local.
    ears: Arc<[Arc<dyn Stt>]>,
    voices: BTreeMap<Voice, Voices>,
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
        let mut voices: BTreeMap<Voice, Voices> = BTreeMap::new();
        let mut kokoro = None;
        for &voice in &config.voices {
            let mut known: Vec<Arc<dyn Tts>> = Vec::new();
            for (server, names) in &config.mouths {
                if let Some(name) = names.get(&voice.language()) {
                    known.push(Arc::new(Mouth::new(server.clone(), name)?));
                }
            }
            let local: Arc<dyn Tts> = match styles(voice) {
                None => Arc::new(Piper::load(&onnx, cache, threads)?),
                Some(styles) => {
                    let model = match &kokoro {
                        Some(model) => Arc::clone(model),
                        None => Arc::clone(kokoro.insert(Arc::new(kokoro::Model::load(&onnx, cache, threads)?))),
                    };
                    Arc::new(Kokoro::load(model, cache, styles, voice.language())?)
                }
            };
            known.push(local);
            voices.insert(voice, known.into());
        }
        let mut ears: Vec<Arc<dyn Stt>> = Vec::new();
        for server in &config.ears {
            ears.push(Arc::new(Ear::new(server.clone())?));
        }
        ears.push(Arc::new(Whisper::load(&cache.path(models::WHISPER)?, threads)?));
        let scheduler =
            Arc::new(Scheduler::new(threads).map_err(|e| Error::Program(format!("no threads for inference: {e}")))?);
        let prompts = Arc::new(Prompts::open(config.prompts.clone()));
        for (voice, voices) in &voices {
            warm(&scheduler, voice.language(), voices);
        }
        Ok(Self {
            scheduler,
            ears: ears.into(),
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
        priority: Priority,
        samples: Vec<i16>,
        listening: Listening,
        done: impl FnOnce(Result<Transcript, Error>) + Send + 'static,
    ) -> Result<Hearing, Full> {
        let cancel = Cancel::default();
        let (ears, token) = (Arc::clone(&self.ears), cancel.clone());
        self.scheduler.submit(call, (priority, HEAR), &cancel, move || {
            let asked = working(&ears, |ear| ear.works());
            let heard = first(asked, |ear| ear.transcribe(&samples, &listening, &token));
            done(heard.map(|(_, transcript)| transcript))
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
        self.scheduler.submit(call, (Priority::Turn, JUDGE), &cancel, move || {
            done(judge.finished(&samples))
        })?;
        Ok(Judging(cancel))
    }

    /// Speaks `clause` and gives the sound (16 kHz mono) to `done`: at once when it was spoken before, else on another thread.
    pub fn speak(
        &self,
        call: u64,
        priority: Priority,
        voice: impl Into<Voice>,
        clause: &str,
        done: impl FnOnce(Result<Arc<[i16]>, Error>) + Send + 'static,
    ) -> Result<Speaking, Full> {
        let cancel = Cancel::default();
        let voices = match self.of(voice.into()) {
            Ok(voices) => voices,
            Err(e) => {
                done(Err(e));
                return Ok(Speaking(cancel));
            }
        };
        let due = working(&voices, |voice| voice.works()).next();
        if let Some(sound) = due.and_then(|voice| self.prompts.get(voice.name(), clause)) {
            done(Ok(sound));
            return Ok(Speaking(cancel));
        }
        let (token, clause) = (cancel.clone(), clause.to_owned());
        self.scheduler.submit(call, (priority, SPEAK), &cancel, move || {
            let asked = working(&voices, |voice| voice.works());
            done(first(asked, |voice| voice.speak(&clause, &token)).map(|(_, sound)| Arc::from(sound)));
        })?;
        Ok(Speaking(cancel))
    }

    /// Renders `clause` and keeps it, so that speaking it later costs nothing; `done` is told how it went.
    pub fn render(
        &self,
        voice: impl Into<Voice>,
        clause: &str,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), Full> {
        let voices = match self.of(voice.into()) {
            Ok(voices) => voices,
            Err(e) => {
                done(Err(e));
                return Ok(());
            }
        };
        let due = working(&voices, |voice| voice.works()).next();
        if due.is_some_and(|voice| self.prompts.load(voice.name(), clause)) {
            done(Ok(()));
            return Ok(());
        }
        let (prompts, clause) = (Arc::clone(&self.prompts), clause.to_owned());
        self.scheduler
            .submit(0, (Priority::Ahead, SPEAK), &Cancel::default(), move || {
                let asked = working(&voices, |voice| voice.works());
                let spoken = first(asked, |voice| voice.speak(&clause, &Cancel::default()));
                done(spoken.map(|(voice, sound)| prompts.keep(voice.name(), &clause, sound)));
            })
    }

    /// Who speaks as `voice`, or else whoever speaks its language.
    fn of(&self, voice: Voice) -> Result<Voices, Error> {
        let alike = || {
            self.voices
                .iter()
                .find(|(other, _)| other.language() == voice.language())
        };
        let voices = self.voices.get(&voice).or_else(|| alike().map(|(_, voices)| voices));
        voices.cloned().ok_or_else(|| {
            Error::Program(format!(
                "no voice is loaded for the language `{}`: start again, so that the voices of the plan as it is now are loaded",
                voice.language().code()
            ))
        })
    }

    pub fn voices(&self) -> Vec<Voice> {
        self.voices.keys().copied().collect()
    }

    /// The pool that all this runs on.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

/// The file of Kokoro's styles for `voice`; Piper has one voice only.
fn styles(voice: Voice) -> Option<&'static str> {
    match voice {
        Voice::Joe => None,
        Voice::Heart => Some(models::KOKORO_AF_HEART),
        Voice::Xiaoxiao => Some(models::KOKORO_ZF_XIAOXIAO),
        Voice::Yunxi => Some(models::KOKORO_ZM_YUNXI),
    }
}

/// The first words of a voice take three times as long as the next: they are said before anybody listens.
fn warm(scheduler: &Scheduler, language: Language, voices: &Voices) {
    let Some(local) = voices.last().cloned() else { return };
    let words = match language {
        Language::English => "One.",
        Language::Mandarin => "一。",
    };
    let said = move || drop(local.speak(words, &Cancel::default()));
    scheduler
        .submit(0, (Priority::Ahead, SPEAK), &Cancel::default(), said)
        .ok();
}

/// Those of `engines` that are worth asking, and the last one, which is local.
fn working<T: ?Sized>(engines: &[Arc<T>], works: impl Fn(&T) -> bool) -> impl Iterator<Item = &Arc<T>> {
    let last = engines.len().saturating_sub(1);
    let asked = engines.iter().enumerate();
    asked
        .filter(move |(at, engine)| *at == last || works(engine))
        .map(|(_, engine)| engine)
}

/// What the first engine gives that does not fail, and which it was.
fn first<'a, T: ?Sized + 'a, R>(
    engines: impl Iterator<Item = &'a Arc<T>>,
    mut ask: impl FnMut(&T) -> Result<R, Error>,
) -> Result<(&'a T, R), Error> {
    let mut failed = Error::Program("there is no engine".to_owned());
    for engine in engines {
        match ask(engine) {
            Ok(given) => return Ok((engine, given)),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(e) => {
                tracing::warn!("{e}");
                failed = e;
            }
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Works, or says that it does not, or fails.
    struct Engine(bool, Result<&'static str, &'static str>);

    fn asked(engines: [Engine; 3]) -> Result<&'static str, String> {
        let engines = engines.map(Arc::new);
        let given = first(working(&engines, |engine| engine.0), |engine| {
            engine.1.map_err(Error::inference)
        });
        given.map(|(_, given)| given).map_err(|e| e.to_string())
    }

    #[test]
    fn the_first_engine_that_works_is_asked_and_the_local_one_in_any_case() {
        let local = || Engine(false, Ok("local"));
        assert_eq!(
            asked([Engine(true, Ok("far")), Engine(true, Ok("farther")), local()]),
            Ok("far")
        );
        assert_eq!(
            asked([Engine(false, Ok("far")), Engine(true, Ok("farther")), local()]),
            Ok("farther")
        );
        assert_eq!(
            asked([Engine(true, Err("down")), Engine(false, Ok("rests")), local()]),
            Ok("local")
        );
        let all = asked([
            Engine(true, Err("one")),
            Engine(true, Err("two")),
            Engine(true, Err("three")),
        ]);
        assert!(all.is_err_and(|reason| reason.contains("three")));
    }
}
