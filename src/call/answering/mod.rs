//! Who has answered a call that we placed: a person or something else, by the sound, the tones and the words of the first seconds.
//!
//! A short hello and then silence is a person; so is silence. Words that no person says are none, and so are the tones of machines. What cannot be told in
//! time is what the plan takes it for, and the verdict is reversed when more is heard. It knows neither the call nor who writes the words down; it says
//! when it wants them.

mod voice;
mod voicemail;

use std::time::{Duration, Instant};

pub use self::voice::{Heard, Voice};
pub use self::voicemail::{Then, Voicemail};
use crate::audio::detect::Tone;
use crate::campaign::outcome::AnsweredBy;
use crate::dialplan::campaign::Answered;

/// Silence after which the words so far are wanted.
const PAUSE: Duration = Duration::from_millis(100);
/// Shorter sounds hold no words.
const SHORTEST: Duration = Duration::from_millis(120);
/// Words are wanted before somebody has finished after so long, and again after half as much more each time.
const SOON: Duration = Duration::from_millis(1_200);
/// Less is a click or a breath.
const SAID: Duration = Duration::from_millis(160);
/// Speech up to this is a hello, and up to that the name of somebody. Asterisk's AMD takes 1500 ms for the longest greeting of a person.
const HELLO: Duration = Duration::from_millis(900);
const NAME: Duration = Duration::from_millis(1_900);
/// Speech after which one who still goes on may well be a machine.
const LONG: Duration = Duration::from_millis(2_000);
/// A tone so soon is the network's, as it connects.
const CONNECTED: Duration = Duration::from_millis(400);
/// How long the decision waits while it rings although the call is answered.
const RINGS: Duration = Duration::from_secs(60);
/// How often a verdict may change; more is nobody's.
const REVERSALS: u32 = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub by: AnsweredBy,
    /// 0 to 1. One half is what the plan says of what cannot be told.
    pub confidence: f32,
}

/// Words that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Of somebody who goes on.
    SoFar,
    /// Of somebody who pauses.
    All,
}

/// What is known of the words before the pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    Unknown,
    /// They may be anybody's.
    Plain,
    /// A person says them.
    OfPerson,
}

#[derive(Debug)]
pub struct Answering {
    decide_within: Duration,
    unsure: Answered,
    /// When the call was answered, or it rang last.
    began: Instant,
    answered: Instant,
    voice: Voice,
    words: Words,
    /// The pause whose words were wanted last: when the speech before it was heard last.
    paused: Option<Instant>,
    /// How much must be said before words are wanted again.
    next: Duration,
    verdict: Option<Verdict>,
    reversals: u32,
}

impl Answering {
    /// `decide_within` of the answer there is a verdict; `unsure`: what it is in doubt.
    pub fn new(now: Instant, decide_within: Duration, unsure: Answered) -> Self {
        Self {
            decide_within,
            unsure,
            began: now,
            answered: now,
            voice: Voice::default(),
            words: Words::Unknown,
            paused: None,
            next: SOON,
            verdict: None,
            reversals: 0,
        }
    }

    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    pub fn voice(&self) -> &Voice {
        &self.voice
    }

    /// 20 ms, with the `probability`, 0 to 1, that somebody speaks in them.
    pub fn hear(&mut self, now: Instant, probability: f32) {
        match self.voice.hear(now, probability) {
            Heard::Nobody => {}
            Heard::Begins => (self.words, self.next) = (Words::Unknown, SOON),
            Heard::GoesOn => self.words = Words::Unknown,
        }
        if self.verdict.is_none() {
            self.verdict = self.weigh(now);
        }
    }

    /// The words that are wanted now; they come by [`Answering::words`], or never.
    pub fn ask(&mut self, now: Instant) -> Option<Ask> {
        let (spoke, heard) = self.voice.under_way()?;
        let silent = now.saturating_duration_since(heard);
        if silent >= PAUSE {
            let asked = self.paused == Some(heard) || spoke < SHORTEST;
            self.paused = Some(heard);
            return (!asked).then_some(Ask::All);
        }
        if spoke < self.next {
            return None;
        }
        self.next = spoke + spoke / 2;
        Some(Ask::SoFar)
    }

    /// What was said is what `whom` says; nothing where it may be anybody. `asked`: what was wanted.
    pub fn words(&mut self, now: Instant, asked: Ask, whom: Option<AnsweredBy>) {
        match whom {
            Some(AnsweredBy::Human) | None => {
                let goes_on = self.voice.silent(now).is_none_or(|silent| silent < PAUSE);
                if asked == Ask::All && !goes_on {
                    self.words = if whom.is_some() { Words::OfPerson } else { Words::Plain };
                }
                if self.verdict.is_none() {
                    self.verdict = self.weigh(now);
                }
            }
            Some(by) => self.decide(by, 0.95),
        }
    }

    /// A tone was heard.
    pub fn tone(&mut self, now: Instant, tone: Tone) {
        match tone {
            Tone::FaxAnswering | Tone::FaxCalling => self.decide(AnsweredBy::Fax, 0.99),
            Tone::SpecialInformation => self.decide(AnsweredBy::Intercept, 0.95),
            Tone::Busy | Tone::Congestion if self.verdict.is_none() => self.decide(AnsweredBy::Intercept, 0.9),
            // It was not answered after all, not yet.
            Tone::RingBack if self.verdict.is_none() && now.saturating_duration_since(self.answered) < RINGS => {
                self.began = now;
            }
            Tone::Beep => {
                let unsure = self.verdict.is_none_or(|verdict| verdict.confidence <= 0.5);
                // A hello and a beep are a person with something that beeps.
                let spoke = self.voice.spoke();
                let spoke = spoke >= LONG || (self.verdict.is_none() && !(SAID..HELLO).contains(&spoke));
                if unsure && spoke && now.saturating_duration_since(self.answered) >= CONNECTED {
                    self.decide(AnsweredBy::Machine, 0.9);
                }
            }
            Tone::Busy | Tone::Congestion | Tone::RingBack => {}
        }
    }

    /// From now on it is `by`, unless it changes too often.
    pub fn decide(&mut self, by: AnsweredBy, confidence: f32) {
        if self.verdict.is_some_and(|verdict| verdict.by == by) {
            return;
        }
        if self.verdict.is_some() {
            self.reversals += 1;
        }
        if self.reversals <= REVERSALS {
            self.verdict = Some(Verdict { by, confidence });
        }
    }

    /// By how it was said, and what it was if that is known.
    fn weigh(&self, now: Instant) -> Option<Verdict> {
        let human = |confidence| {
            Some(Verdict {
                by: AnsweredBy::Human,
                confidence,
            })
        };
        let due = now.saturating_duration_since(self.began) >= self.decide_within;
        let spoke = self.voice.spoke();
        let Some(silent) = self.voice.silent(now).filter(|_| spoke >= SAID) else {
            // Nobody has said anything: a person who waits.
            return if due { human(0.7) } else { None };
        };
        let ms = Duration::from_millis;
        let (enough, confidence) = match self.words {
            Words::OfPerson => (ms(240), 0.95),
            Words::Plain if spoke <= NAME => (ms(460), 0.85),
            Words::Plain => (ms(800), 0.8),
            // They are on their way.
            Words::Unknown if spoke <= HELLO => (ms(500), 0.85),
            Words::Unknown if spoke <= NAME => (ms(900), 0.75),
            Words::Unknown => (ms(1_300), 0.6),
        };
        if silent >= enough {
            return human(confidence);
        }
        if !due {
            return None;
        }
        match self.unsure {
            Answered::Machine if spoke >= NAME => Some(Verdict {
                by: AnsweredBy::Machine,
                confidence: 0.5,
            }),
            Answered::Human | Answered::Machine => human(0.5),
        }
    }
}

#[cfg(test)]
mod tests;
