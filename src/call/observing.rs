//! What a turn tells beside its meaning: the caller's language, their mood, what it is about, and that they want no more calls.

use std::time::Instant;

use super::{Call, Note};
use crate::audio::level::speech_level;
use crate::dialogue::guard::Guard;
use crate::dialogue::sentiment::{Loudness, mood};
use crate::dialogue::{tongue, topics};
use crate::dialplan::{Command, Outcome, Value};
use crate::language::Language;

/// Turns whose loudness is remembered.
const LEVELS: usize = 16;
/// A longer wish for another language is also about something else.
const ONLY_THAT: usize = 48;

/// Whether the caller's language is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Open,
    Locked,
}

impl Call {
    /// The languages that the caller may turn out to speak, beside the one that is spoken.
    pub(super) fn other_languages(&self) -> Vec<Language> {
        match self.tongue {
            Tongue::Open => self
                .understanding
                .keys()
                .copied()
                .filter(|one| *one != self.language)
                .collect(),
            Tongue::Locked => Vec::new(),
        }
    }

    /// Goes on in the language in which something was said, once that is plain.
    pub(super) fn follow_language(&mut self, heard_in: Language, text: &str) {
        if self.tongue == Tongue::Locked {
            return;
        }
        if heard_in != self.language {
            self.speak(heard_in);
        }
        if tongue::spoken(text) == Some(self.language) {
            self.tongue = Tongue::Locked;
        }
    }

    /// A wish for another language is granted; whether that was all, and what was asked is asked again in it.
    pub(super) fn grant_language(&mut self, now: Instant, text: &str) -> bool {
        let wanted = tongue::asked_for(text).filter(|wanted| self.understanding.contains_key(wanted));
        let Some(wanted) = wanted else { return false };
        self.tongue = Tongue::Locked;
        if wanted == self.language {
            return false;
        }
        self.speak(wanted);
        if text.len() > ONLY_THAT {
            return false;
        }
        let order = self.walk.step(Outcome::Heard {
            words: text.to_owned(),
            commands: vec![Command::Repeat],
        });
        self.perform(now, order);
        true
    }

    /// Voice, prompts, recogniser and understanding change together.
    fn speak(&mut self, language: Language) {
        let Some(grounded) = self.understanding.get(&language) else {
            return;
        };
        self.grounded = grounded.clone();
        self.language = language;
        self.guard = Guard::new(&self.plan.never, language);
        self.playout.speak(language);
        self.walk.speak(language);
        self.note(Note::Language(language));
    }

    /// Tells the plan how the caller feels and what it is about, for its policies.
    pub(super) fn observe(&mut self, text: &str, level: Option<f32>) {
        let loudness = match level {
            Some(level) => self.loudness(level),
            None => Loudness::Usual,
        };
        self.sentiment.turn(mood(text, self.language, loudness));
        let negative = Value::Number(f64::from(self.sentiment.negative_turns()));
        self.walk.observe("sentiment", "negative_turns", negative);
        self.walk
            .observe("sentiment", "score", Value::Number(f64::from(self.sentiment.score())));
        let topic = topics::topic(text, self.language);
        self.walk.observe(
            "topic",
            "",
            topic.map_or(Value::Null, |topic| Value::Text(topic.to_owned())),
        );
        if topics::opts_out(text, self.language) {
            self.wants_no_more_calls();
        }
    }

    /// Beside the caller's own turns before.
    fn loudness(&mut self, level: f32) -> Loudness {
        let usual = self.usual_level();
        if self.levels.len() < LEVELS {
            self.levels.push(level);
        }
        usual.map_or(Loudness::Usual, |usual| Loudness::of(level, usual))
    }

    /// Of the caller's turns so far, dBFS.
    pub(super) fn usual_level(&self) -> Option<f32> {
        let mut before = self.levels.clone();
        before.sort_by(f32::total_cmp);
        before.get(before.len() / 2).copied()
    }

    /// Of the utterance that was just heard, dBFS; `None` where its sound is gone.
    pub(super) fn utterance_level(&self) -> Option<f32> {
        let samples = self.utterance.samples();
        (!samples.is_empty()).then(|| speech_level(&samples))
    }
}
