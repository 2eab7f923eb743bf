//! Whether a pause is the end of a turn: how it sounded, and what has been understood so far.
//!
//! While a number is read out neither counts: see [`Call::hurry`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Call, Decode, Manager, Output};
use crate::dialogue::slots::extract;
use crate::dialplan::Expect;
use crate::dialplan::assistant::{Detector, Endpointing};
use crate::language::Language;

/// Silence after words that did not, where the plan does not say.
const WENT_ON: Duration = Duration::from_millis(1400);
/// Pauses between words, and those after which something else is said, are no habit.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(1500);
/// Of the caller's pauses so many count, the last ones.
const REMEMBERED: usize = 8;
/// A usual pause may be a little longer the next time.
const MARGIN: Duration = Duration::from_millis(80);
/// The chance from which a caller has finished; the model's authors' own.
const FINISHED: f32 = 0.5;
/// The chance below which more is likely to come, but after a whole sentence. Above it the plan's `silence` decides, and more of it the smaller
/// the chance is.
const UNFINISHED_BELOW: f32 = 0.1;

/// Words after which more follows.
const UNFINISHED: [&[&str]; 2] = [
    &[
        "and", "but", "or", "so", "because", "the", "a", "an", "my", "to", "of", "for", "with", "is", "um", "uh", "er",
        "it's", "i'm", "that", "at", "on", "in", "well", "sorry", "wait",
    ],
    &[
        "和", "但是", "因为", "所以", "然后", "我的", "就是", "那个", "嗯", "呃", "还有", "或者", "是",
    ],
];

impl Call {
    /// Asks how the pause sounds, where the plan wants that.
    pub(super) fn judge_pause(&mut self) {
        self.judged = None;
        if self.endpointing().detector != Detector::SmartTurn || self.digits_wanted().is_some() {
            return;
        }
        let id = self.fresh();
        self.judging = Some(id);
        self.outputs.push_back(Output::Judge {
            id,
            samples: self.utterance.samples(),
        });
    }

    /// The chance, 0 to 1, that the caller had finished when `id` was asked; or why it is not known.
    pub fn judged(&mut self, now: Instant, id: u64, result: Result<f32, String>) {
        if self.judging != Some(id) {
            return;
        }
        self.judging = None;
        self.judged = result.ok();
        self.weigh_pause();
        self.follow_turn(now);
    }

    /// The caller goes on: what was thought of the pause is nothing.
    pub(super) fn forget_pause(&mut self) {
        self.judged = None;
        if self.judging.take().is_some() {
            self.outputs.push_back(Output::Unjudge);
        }
    }

    /// How long the pause may be, by its sound and by the words before it. Before the words are known no pause is cut short:
    /// nothing could be answered anyway.
    pub(super) fn weigh_pause(&mut self) {
        let text = match &self.decode {
            Decode::Known { transcript } => Some(transcript.text.as_str()),
            Decode::None | Decode::Asked { .. } => None,
        };
        let Some(chance) = self.judged else {
            // A model needs its time: words that end a sentence are put to it before it is known how they sounded.
            let worth = self.manager == Manager::Model && text.is_some_and(closed);
            if self.judging.is_none() || worth {
                self.guess();
            }
            return;
        };
        let answers = |text: &str| match &self.expect {
            Expect::Slot(slot) => extract(text, slot, self.language, self.at).is_some(),
            Expect::Confirm | Expect::Anything => false,
        };
        let Endpointing { min_wait, silence, .. } = self.endpointing();
        let wait = match text {
            Some(text) if unfinished(text, self.language) => return self.turn.wait(self.longest_pause()),
            // "Yes" sounds like an end, and "that's right" follows.
            Some(_) if self.expect == Expect::Confirm => silence,
            Some(_) if chance >= FINISHED => min_wait,
            Some(text) if answers(text) => silence,
            Some(text) if chance >= UNFINISHED_BELOW || closed(text) || self.is_clear(text) => {
                in_doubt(chance, silence)
            }
            None if chance >= UNFINISHED_BELOW => return,
            Some(_) | None => return self.turn.wait(self.longest_pause()),
        };
        let wait = self.at_least_as_usual(wait);
        self.turn.wait(wait);
        self.guess();
    }

    /// A caller who pauses longer than `wait` in their sentences is waited for longer.
    fn at_least_as_usual(&self, wait: Duration) -> Duration {
        wait.max(self.habit.usual()).min(self.longest_pause())
    }

    fn longest_pause(&self) -> Duration {
        let endpointing = self.endpointing();
        endpointing.max_wait.unwrap_or(WENT_ON).max(endpointing.silence)
    }
}

/// The less a pause sounds like an end the longer it may be, up to half as much again as the silence that decides.
fn in_doubt(chance: f32, silence: Duration) -> Duration {
    let doubt = (FINISHED - chance) / (FINISHED - UNFINISHED_BELOW);
    silence.mul_f32(1.0 + doubt.clamp(0.0, 1.0) / 2.0)
}

/// Whether the recogniser, which puts the marks, took it for a sentence.
fn closed(text: &str) -> bool {
    text.trim_end().ends_with(['.', '?', '!', '。', '？', '！'])
}

/// How long the caller pauses in the middle of what they say.
#[derive(Debug, Default)]
pub(super) struct Habit {
    last: VecDeque<Duration>,
}

impl Habit {
    /// They went on after a pause of `span`.
    pub fn pauses(&mut self, span: Duration) {
        if (SHORT..=LONG).contains(&span) {
            self.last.push_back(span);
        }
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
    }

    /// What most of their pauses stay under. One alone is no habit.
    pub fn usual(&self) -> Duration {
        let mut sorted: Vec<Duration> = self.last.iter().copied().collect();
        sorted.sort_unstable();
        let usual = sorted.len().checked_sub(2).and_then(|at| sorted.get(at).copied());
        usual.map_or(Duration::ZERO, |usual| usual + MARGIN)
    }
}

/// Whether `text` ends with a word after which more follows.
fn unfinished(text: &str, language: Language) -> bool {
    let text = text.trim().to_lowercase();
    let Some(end) = text.chars().next_back() else {
        return false;
    };
    if matches!(end, '?' | '？') {
        return false;
    }
    let bare = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let [english, mandarin] = UNFINISHED;
    match language {
        Language::English => bare.rsplit(' ').next().is_some_and(|last| english.contains(&last)),
        Language::Mandarin => mandarin.iter().any(|last| bare.ends_with(last) && bare != *last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_pause_is_no_habit_and_two_are() {
        let ms = Duration::from_millis;
        let mut habit = Habit::default();
        habit.pauses(ms(700));
        assert_eq!(habit.usual(), Duration::ZERO);
        for pause in [100, 600, 5000] {
            habit.pauses(ms(pause));
        }
        assert_eq!(habit.usual(), ms(680));
        for _ in 0..REMEMBERED {
            habit.pauses(ms(250));
        }
        assert_eq!(habit.usual(), ms(330), "what was long ago is forgotten");
    }

    #[test]
    fn the_less_it_sounds_like_an_end_the_longer_is_waited() {
        let ms = Duration::from_millis;
        for (chance, wait) in [(0.5, ms(400)), (0.3, ms(500)), (0.1, ms(600)), (0.0, ms(600))] {
            let given = in_doubt(chance, ms(400));
            assert!(given.abs_diff(wait) < ms(1), "{chance}: {given:?}");
        }
    }

    #[test]
    fn some_words_promise_more() {
        for (text, language, more) in [
            ("I'd like to return the", Language::English, true),
            ("My number is...", Language::English, true),
            ("Where is my order?", Language::English, false),
            ("It came broken, and", Language::English, true),
            ("Yes.", Language::English, false),
            ("", Language::English, false),
            ("我想退货，因为", Language::Mandarin, true),
            ("我想退货。", Language::Mandarin, false),
        ] {
            assert_eq!(unfinished(text, language), more, "{text}");
        }
    }
}
