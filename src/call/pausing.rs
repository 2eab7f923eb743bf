//! Whether a pause is the end of a turn: how it sounded, and what has been understood so far.
//!
//! While a number is read out neither counts: see [`Call::hurry`].

use std::time::{Duration, Instant};

use super::{Call, Decode, Output};
use crate::dialogue::slots::{extract, yes_or_no};
use crate::dialplan::Expect;
use crate::dialplan::assistant::Detector;
use crate::language::Language;

/// Silence after words that did not, where the plan does not say.
const WENT_ON: Duration = Duration::from_millis(1400);
/// The chance from which a caller has finished; the model's authors' own.
const FINISHED: f32 = 0.5;
/// The chance below which more is likely to come. Between the two the plan's `silence` decides.
const UNFINISHED_BELOW: f32 = 0.1;

/// Words after which more follows.
const UNFINISHED: [&[&str]; 2] = [
    &[
        "and", "but", "or", "so", "because", "the", "a", "an", "my", "to", "of", "for", "with", "is", "um", "uh", "er",
        "it's", "i'm", "that", "at", "on", "in", "well",
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
        let Some(chance) = self.judged else { return };
        let text = match &self.decode {
            Decode::Known { transcript } => Some(transcript.text.as_str()),
            Decode::None | Decode::Asked { .. } => None,
        };
        let answers = |text: &str| match &self.expect {
            Expect::Confirm => yes_or_no(text, self.language).is_some(),
            Expect::Slot(slot) => extract(text, slot, self.language, self.at).is_some(),
            Expect::Anything => false,
        };
        let wait = match text {
            Some(text) if unfinished(text, self.language) => self.longest_pause(),
            Some(_) if chance >= FINISHED => self.endpointing().min_wait,
            Some(text) if chance >= UNFINISHED_BELOW || answers(text) => self.endpointing().silence,
            None if chance >= UNFINISHED_BELOW => return,
            Some(_) | None => self.longest_pause(),
        };
        self.turn.wait(wait);
    }

    fn longest_pause(&self) -> Duration {
        let endpointing = self.endpointing();
        endpointing.max_wait.unwrap_or(WENT_ON).max(endpointing.silence)
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
