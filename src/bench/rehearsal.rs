//! A call in its own time: the real [`Call`] and the real engines, with the clock moved by hand.
//!
//! What an engine gives is due as much later as it took, so a rehearsal tells what a call would have done on an idle machine, and takes
//! only the time of the engines.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::audio::clean::{Cleaner, Cleaning};
use crate::audio::{FRAME_DURATION, Frame};
use crate::call::{Call, Heard, Note, Output, Start};
use crate::clock;
use crate::language::Language;
use crate::speech::{Engines, Error, Full, Transcript, Vad};

/// What an engine has given.
enum Given {
    Transcribed(u64, Result<Transcript, String>),
    Judged(u64, Result<f32, String>),
    Voiced(u64, Result<Arc<[i16]>, String>),
}

/// One call. Times are counted from its beginning.
pub struct Rehearsal {
    engines: Arc<Engines>,
    call: Call,
    language: Language,
    vad: Vad,
    cleaner: Option<Cleaner>,
    began: Instant,
    now: Instant,
    due: Vec<(Instant, Given)>,
    /// What the bot sent, 20 ms each.
    pub sent: Vec<Option<Frame>>,
    pub notes: Vec<(Duration, Note)>,
    pub hung_up: bool,
    /// The chance that each decision by sound gave, and how long it took.
    pub judged: Vec<(Option<f32>, Duration)>,
}

impl Rehearsal {
    pub fn begin(engines: &Arc<Engines>, start: Start) -> Self {
        let now = clock::now();
        let mut rehearsal = Self {
            vad: engines.vad(),
            cleaner: None,
            language: start.language,
            call: Call::new(now, start),
            engines: Arc::clone(engines),
            began: now,
            now,
            due: Vec::new(),
            sent: Vec::new(),
            notes: Vec::new(),
            hung_up: false,
            judged: Vec::new(),
        };
        rehearsal.carry_out();
        rehearsal
    }

    /// With an echo canceller, say, before the call.
    pub fn cleaning(self, what: Cleaning) -> Self {
        Self {
            cleaner: Cleaner::new(what),
            ..self
        }
    }

    pub fn at(&self) -> Duration {
        self.now.saturating_duration_since(self.began)
    }

    /// 20 ms of the caller.
    pub fn tick(&mut self, frame: &Frame) -> Result<(), Error> {
        self.now += FRAME_DURATION;
        let now = self.now;
        let ready: Vec<Given> = self
            .due
            .extract_if(.., |(at, _)| *at <= now)
            .map(|(_, given)| given)
            .collect();
        for given in ready {
            match given {
                Given::Transcribed(id, result) => self.call.transcribed(now, id, result),
                Given::Judged(id, result) => self.call.judged(now, id, result),
                Given::Voiced(id, result) => self.call.voiced(now, id, result),
            }
            self.carry_out();
        }
        let line = frame;
        let cleaned = self.cleaner.as_mut().map(|cleaner| cleaner.clean(line));
        let frame = cleaned.as_ref().unwrap_or(line);
        let probability = self.vad.hear(frame.samples())?;
        let heard = Heard {
            frame,
            line,
            probability,
            arrived: now,
        };
        let sent = self.call.tick(now, heard);
        if let (Some(cleaner), Some(sent)) = (&mut self.cleaner, &sent) {
            cleaner.play(sent);
        }
        self.sent.push(sent);
        self.carry_out();
        Ok(())
    }

    /// Silence until the bot has been silent for `span`, for two minutes at most.
    pub fn await_silence(&mut self, span: Duration) -> Result<(), Error> {
        let frames = (span.as_millis() / FRAME_DURATION.as_millis()) as usize;
        for _ in 0..6_000 {
            self.tick(&Frame::silence())?;
            if self.sent.len() > frames && self.sent.iter().rev().take(frames).all(Option::is_none) {
                break;
            }
        }
        Ok(())
    }

    /// The words that the caller was heard to say, and when.
    pub fn heard(&self) -> Vec<(Duration, &str)> {
        let words = self.notes.iter().filter_map(|(at, note)| match note {
            Note::Heard { text, .. } => Some((*at, text.as_str())),
            _ => None,
        });
        words.collect()
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.call.poll() {
            match output {
                Output::Hear {
                    id,
                    samples,
                    listening,
                    priority,
                } => {
                    let (took, given) = timed(|done| self.engines.hear(0, priority, samples, listening, done));
                    self.due.push((self.now + took, Given::Transcribed(id, given)));
                }
                Output::Judge { id, samples } => {
                    let (took, given) = timed(|done| self.engines.judge(0, samples, done));
                    self.judged.push((given.as_ref().ok().copied(), took));
                    self.due.push((self.now + took, Given::Judged(id, given)));
                }
                Output::Speak(wanted) => {
                    let language = self.language;
                    let (took, given) =
                        timed(|done| self.engines.speak(0, wanted.priority, language, &wanted.clause, done));
                    self.due.push((self.now + took, Given::Voiced(wanted.id, given)));
                }
                Output::Unhear { id } => self
                    .due
                    .retain(|(_, given)| !matches!(given, Given::Transcribed(asked, _) if *asked == id)),
                Output::Note(note) => {
                    let at = self.at();
                    self.notes.push((at, note));
                }
                Output::Unjudge => self.due.retain(|(_, given)| !matches!(given, Given::Judged(..))),
                Output::Unspeak
                | Output::Ask { .. }
                | Output::Unask { .. }
                | Output::Use { .. }
                | Output::Keep { .. }
                | Output::Transfer { .. }
                | Output::Queue { .. }
                | Output::Said(_)
                | Output::Suggested(_)
                | Output::Minutes(_)
                | Output::Consult { .. }
                | Output::Release
                | Output::CallBack(_) => {}
                Output::Hangup => self.hung_up = true,
            }
        }
    }
}

type Done<T> = Box<dyn FnOnce(Result<T, Error>) + Send>;

/// What `ask` brings, and how long that took.
fn timed<T: Send + 'static, Job>(ask: impl FnOnce(Done<T>) -> Result<Job, Full>) -> (Duration, Result<T, String>) {
    let began = clock::now();
    let (gives, given) = mpsc::channel();
    let done: Done<T> = Box::new(move |result| drop(gives.send(result)));
    let result = match ask(done) {
        // Dropping the job would cancel it.
        Ok(_job) => match given.recv() {
            Ok(result) => result.map_err(|e| e.to_string()),
            Err(_) => Err("the engine gave nothing".to_owned()),
        },
        Err(full) => Err(full.to_string()),
    };
    (clock::now().saturating_duration_since(began), result)
}
