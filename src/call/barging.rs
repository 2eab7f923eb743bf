//! Whether who talks over the bot wants the turn.
//!
//! The bot falls silent at the onset. A cough, "mm-hm" or its own echo lets it go on at the word where it stopped; words end what it says.

use std::time::{Duration, Instant};

use super::{Call, Decode, Heard, Note};
use crate::dialplan::assistant::{Bargein, Interruption, Resume};
use crate::dialplan::{Expect, SlotKind};
use crate::language::Language;

/// "I am listening", said over a bot that should go on: words, alone or a few in a row, in lower case without punctuation.
const BACKCHANNEL: &[&str] = &[
    "mhm", "mmhm", "mm", "mmm", "mmhmm", "hm", "hmm", "uh", "huh", "uhhuh", "ah", "aha", "oh", "okay", "ok", "right",
    "yeah", "yep", "yes", "sure", "alright",
];
/// The same in several words.
const BACKCHANNELS: &[&str] = &["i see", "got it", "all right", "go on", "of course"];
const MANDARIN_BACKCHANNEL: &str = "嗯哦噢啊好的对是行";
/// As many words, or characters, at most.
const A_FEW: usize = 4;
/// Words in a row that are the bot's own, from which on they are its echo: fewer are said by callers who repeat what they were offered.
const OWN_WORDS: usize = 4;
/// As much as that in characters.
const OWN_CHARACTERS: usize = 6;
/// Speech over the bot this much softer than the caller's own turns is somebody else's, in dB.
const BACKGROUND_DB: f32 = 12.0;

/// After this the line holds nothing of the bot any more.
const ECHO: Duration = Duration::from_secs(1);
/// Softer than this nobody cuts in, in dBFS; the remains of an echo do.
const FAINT: f32 = -47.0;
/// The least that counts as speech anywhere.
const PERHAPS_SPEECH: f32 = 0.3;

impl Call {
    /// The caller is heard over the bot.
    pub(super) fn yield_turn(&mut self, now: Instant) {
        match self.bargein().mode {
            Interruption::Pause => self.playout.pause(),
            Interruption::Stop => {
                self.stop_speaking(now);
                self.drop_reply();
            }
        }
    }

    /// Whether a sound over the bot that was too short for most words means nothing, heard as `text`.
    pub(super) fn is_noise(&self, text: &str) -> bool {
        self.playout.is_paused()
            && self.partial.is_empty()
            && self.turn.spoke() < self.bargein().min_speech
            && self.means_nothing(text)
    }

    /// The bot goes on after such a sound, as soon as it is known to be one. Tells whether it did.
    pub(super) fn pass_over_noise(&mut self, now: Instant) -> bool {
        let known = match &self.decode {
            Decode::Known { transcript } => Some(transcript.text.as_str()),
            Decode::None | Decode::Asked { .. } => None,
        };
        let passed = known.is_some_and(|text| self.is_noise(text));
        if passed {
            self.drop_decode();
            self.forget_pause();
            self.utterance.close();
            self.utterance.clear();
            self.turn.dismiss(now);
            self.go_on_speaking(now);
        }
        passed
    }

    pub(super) fn go_on_speaking(&mut self, now: Instant) {
        self.moments = None;
        self.note(Note::Resumed);
        self.playout.resume();
        self.go_on(now);
    }

    /// Whether a sound is the bot's own, come back, or a voice behind the caller: much softer than they have spoken so far.
    pub(super) fn is_not_the_caller(&mut self, now: Instant, heard: &Heard<'_>) -> bool {
        self.echo.hear(heard.line);
        if heard.probability < PERHAPS_SPEECH {
            return false;
        }
        let recent = |at: Instant| now.saturating_duration_since(at) < ECHO;
        let speaking = self.sounded.is_some_and(recent) && !self.turn.caller_speaks();
        if speaking && (heard.frame.level() < FAINT || self.echo.is_echo()) {
            return true;
        }
        let usual = self.usual_level();
        usual.is_some_and(|usual| heard.frame.level() < usual - BACKGROUND_DB) && self.turn.is_interrupting()
    }

    /// Whether `text`, said over the bot, was no attempt to take the turn.
    pub(super) fn means_nothing(&self, text: &str) -> bool {
        let answers = matches!(&self.expect, Expect::Confirm)
            || matches!(&self.expect, Expect::Slot(slot) if matches!(slot.kind, SlotKind::Boolean));
        let bare = bare(text);
        let bargein = self.bargein();
        if bare.is_empty() {
            return bargein.resumes_on(Resume::Noise);
        }
        if !answers && listens(&bare, self.language) {
            return bargein.resumes_on(Resume::Backchannel);
        }
        bargein.resumes_on(Resume::Echo) && echoes(&bare, &self.playout.saying(), self.language)
    }

    fn bargein(&self) -> Bargein {
        let assistant = self.plan.assistants.get(&self.assistant);
        assistant.map_or_else(Bargein::default, |assistant| assistant.bargein.clone())
    }
}

/// In lower case, letters and digits only.
fn bare(text: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            ' '
        }
    };
    let spaced: String = text.chars().filter(|c| *c != '\'' && *c != '’').map(kept).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `heard` (bare) says no more than that somebody listens.
fn listens(heard: &str, language: Language) -> bool {
    match language {
        Language::English => {
            let words = heard.split(' ');
            let each = || words.clone().all(|word| BACKCHANNEL.contains(&word));
            BACKCHANNELS.contains(&heard) || (words.clone().count() <= A_FEW && each())
        }
        Language::Mandarin => heard.chars().count() <= A_FEW && heard.chars().all(|c| MANDARIN_BACKCHANNEL.contains(c)),
    }
}

/// Whether `heard` (bare) is, but for a word in ten, what the bot `said`, in that order.
fn echoes(heard: &str, said: &str, language: Language) -> bool {
    let said = bare(said);
    let (heard, said, enough): (Vec<&str>, Vec<&str>, _) = match language {
        Language::English => (heard.split(' ').collect(), said.split(' ').collect(), OWN_WORDS),
        Language::Mandarin => (characters(heard), characters(&said), OWN_CHARACTERS),
    };
    heard.len() >= enough && in_order(&heard, &said) * 10 >= heard.len() * 9
}

fn characters(text: &str) -> Vec<&str> {
    let all = text.split("").filter(|c| !c.trim().is_empty());
    all.collect()
}

/// How many of `some` are in `all` in the same order.
fn in_order(some: &[&str], all: &[&str]) -> usize {
    let mut row = vec![0; all.len() + 1];
    for one in some {
        let mut diagonal = 0;
        for (at, other) in all.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if one == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[all.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_words_only_show_that_somebody_listens() {
        for (heard, language, so) in [
            ("mm hmm", Language::English, true),
            ("okay okay", Language::English, true),
            ("yeah i see", Language::English, false),
            ("i see", Language::English, true),
            ("yes yes yes yes yes", Language::English, false),
            ("okay stop", Language::English, false),
            ("嗯嗯", Language::Mandarin, true),
            ("好的好的", Language::Mandarin, true),
            ("好贵", Language::Mandarin, false),
        ] {
            assert_eq!(listens(heard, language), so, "{heard}");
        }
    }

    #[test]
    fn the_bots_own_words_are_told_from_a_choice_between_them() {
        let said = "We're open Monday to Friday, nine to five. Would you like a refund or an exchange?";
        for (heard, echo) in [
            ("were open monday to friday", true),
            ("would you like a refund", true),
            ("an exchange", false),
            ("i would like a refund", false),
            ("open monday to fri", false),
            ("were open money to friday nine to five would you", true),
        ] {
            assert_eq!(echoes(heard, said, Language::English), echo, "{heard}");
        }
        assert!(echoes(
            "我们的营业时间",
            "您好，我们的营业时间是九点到五点。",
            Language::Mandarin
        ));
        assert!(!echoes("退货", "您要退货还是换货？", Language::Mandarin));
    }
}
