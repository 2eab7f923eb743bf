//! The listening half of a call: from sound to words.
//!
//! A decode begins at each pause, so that the words are there when the turn ends; when the caller goes on it is dropped.

use std::time::{Duration, Instant};

use super::keypad::Keypad;
use super::ledger::Moments;
use super::turn::{Act, Config, Interruption};
use super::{ASKING, Asking, Call, Decode, HEARING, Heard, Manager, Note, Output, Patience, Stage, Thought};
use crate::dialogue::conversation::{Privacy, Speaker};
use crate::dialogue::slots::{digits_in, extract};
use crate::dialplan::{Command, Endpointing, Expect, Outcome, Plan, SlotKind};
use crate::language::Language;
use crate::speech::{Care, Digits, Listening, Priority, Transcript};

/// Silence that ends a turn while a number is being read out: people breathe between groups for 1.5 s.
const BETWEEN_GROUPS: Duration = Duration::from_millis(1600);
/// Silence after a part of a number in which the rest is awaited: then the caller believes that it was all.
const NEXT_GROUP: Duration = Duration::from_secs(3);
/// A pause after which a decode begins that a model waits for: more of them are for nothing.
const SOONER: Duration = Duration::from_millis(40);
/// Sounds without words, one after the other, that count as silence.
const EMPTY_TURNS: u32 = 3;

/// `manager`: a model's time is waited for, so what it is asked with is wanted sooner.
pub(super) fn turn_config(plan: &Plan, assistant: &str, manager: Manager) -> Config {
    let standard = match manager {
        Manager::Grounded => Config::default(),
        Manager::Model => Config {
            pause: SOONER,
            ..Config::default()
        },
    };
    plan.assistants.get(assistant).map_or(standard, |assistant| Config {
        silence: assistant.endpointing.silence,
        ..standard
    })
}

/// How many keys make an answer; `None`: any number.
pub(super) fn keys_wanted(expect: &Expect) -> Option<usize> {
    match expect {
        Expect::Anything => None,
        Expect::Confirm => Some(1),
        Expect::Slot(slot) => match &slot.kind {
            SlotKind::Digits { max, .. } => Some(*max),
            SlotKind::Boolean | SlotKind::Enum(_) => Some(1),
            SlotKind::DateTime => Some(12),
            SlotKind::Number { .. }
            | SlotKind::Money { .. }
            | SlotKind::Date
            | SlotKind::Time
            | SlotKind::Phone
            | SlotKind::Name
            | SlotKind::Email
            | SlotKind::Text => None,
        },
    }
}

impl Call {
    /// The words of decode `id`, or why there are none.
    pub fn transcribed(&mut self, now: Instant, id: u64, result: Result<Transcript, String>) {
        if self.assist.awaits(id) {
            return self.told_words(id, result);
        }
        if self.told_who(now, id, &result) {
            return;
        }
        if !matches!(self.decode, Decode::Asked { id: asked } if asked == id) {
            return;
        }
        let transcript = result.unwrap_or_else(|reason| {
            self.note(Note::Problem(format!("the caller could not be heard: {reason}")));
            Transcript {
                text: String::new(),
                language: self.language,
                confidence: 0.0,
                took: Duration::ZERO,
                doubtful: false,
            }
        });
        if self.left {
            self.decode = Decode::Known { transcript };
            return;
        }
        if self.reverses(now, &transcript) {
            return;
        }
        if transcript.doubtful && !self.is_clear(&transcript.text) && !self.is_noise(&transcript.text) {
            return self.ask_for_words(transcript.language, Vec::new(), Care::Careful);
        }
        match self.thought {
            Thought::Hearing { .. } => self.words(now, transcript),
            Thought::None | Thought::Asking(_) => {
                self.hurry(now, &transcript.text);
                self.decode = Decode::Known { transcript };
                if !self.pass_over_noise(now) {
                    self.weigh_pause();
                    self.follow_turn(now);
                }
            }
        }
    }

    pub(super) fn listen(&mut self, now: Instant, heard: &Heard<'_>) {
        if self.stage == Stage::Opening {
            let other = self.is_not_the_caller(now, heard);
            return self.watch_opening(now, heard, if other { 0.0 } else { heard.probability });
        }
        if let Stage::Taking(message) = &mut self.stage
            && self.playout.is_idle()
        {
            message.hear(now, heard.frame, heard.probability);
        }
        if self.is_bridged() {
            self.caller_said(now, heard);
        }
        self.utterance.hear(heard.frame, heard.arrived);
        // The detector takes some time to believe in a pause; the level tells it at once where the line is quiet.
        let paused = self.turn.caller_speaks() && self.utterance.pauses();
        let other = paused || !self.is_heard() || self.is_not_the_caller(now, heard);
        let probability = if other { 0.0 } else { heard.probability };
        self.turn.hear(now, probability);
        self.follow_turn(now);
        self.watch_opening(now, heard, probability);
    }

    pub(super) fn follow_turn(&mut self, now: Instant) {
        while let Some(act) = self.turn.poll() {
            match act {
                Act::Begin => self.caller_begins(now),
                Act::Yield => self.yield_turn(now),
                Act::Pause => self.begin_decode(),
                Act::Consider => {
                    if !self.pass_over_noise(now) {
                        self.judge_pause();
                    }
                }
                Act::Resume { after } => {
                    self.habit.pauses(after);
                    self.drop_decode();
                    self.drop_guess();
                    self.forget_pause();
                    self.turn.wait(self.silence());
                }
                Act::Answer => self.caller_ended(now),
                Act::Prompt => self.nobody_spoke(now),
            }
        }
    }

    /// The bot is silent and the caller is to speak: how long it waits depends on what it asked.
    pub(super) fn await_caller(&mut self, now: Instant) {
        match self.thought {
            Thought::None if !self.keypad.is_open() && self.reply.is_none() => {
                let patience = if self.partial.is_empty() {
                    self.walk.patience()
                } else {
                    self.walk.patience().min(NEXT_GROUP)
                };
                let silence = self.silence();
                if self.turn.caller_speaks() {
                    return;
                }
                self.turn.bot_listens(now, Some(patience), silence);
            }
            Thought::None | Thought::Hearing { .. } | Thought::Asking(_) => self.turn.bot_is_busy(),
        }
    }

    pub(super) fn expect_next(&mut self, expect: Expect) {
        self.privacy = match &expect {
            Expect::Slot(slot) if slot.pii => Privacy::Withheld,
            Expect::Slot(_) | Expect::Anything => Privacy::Open,
            // The value that was told is being read back.
            Expect::Confirm => self.privacy,
        };
        self.expect = expect;
        self.partial.clear();
        self.turn.wait(self.silence());
    }

    /// `text` as it may be kept.
    pub(super) fn for_the_record(&self, text: &str) -> String {
        self.privacy.shown(text).to_owned()
    }

    /// Sound that was no words. A television must not keep the call open: it counts as silence when it goes on.
    fn nothing_said(&mut self, now: Instant) {
        self.moments = None;
        self.empty_turns += 1;
        if self.empty_turns >= EMPTY_TURNS {
            self.empty_turns = 0;
            self.nobody_spoke(now);
        }
    }

    pub(super) fn keyed(&mut self, now: Instant, keys: String) {
        self.drop_thought();
        let order = self.walk.step(Outcome::Keys(keys));
        self.perform(now, order);
    }

    /// An engine that does not answer is treated as one that failed.
    pub(super) fn give_up_waiting(&mut self, now: Instant) {
        match (&self.thought, &self.decode) {
            (Thought::Hearing { until }, Decode::Asked { id }) if now >= *until => {
                let id = *id;
                self.outputs.push_back(Output::Unhear { id });
                self.transcribed(now, id, Err(format!("no words in {} s", HEARING.as_secs())));
            }
            (Thought::Asking(Asking { until, id, .. }), _) if now >= *until => {
                let id = *id;
                self.outputs.push_back(Output::Unask { id });
                self.understood(now, id, Err(format!("nothing in {} s", ASKING.as_secs())));
            }
            _ => {}
        }
        self.give_up_reply(now);
    }

    /// Forgets what was being made of the caller's last words.
    pub(super) fn drop_thought(&mut self) {
        self.drop_decode();
        self.drop_guess();
        if let Thought::Asking(Asking { id, .. }) = std::mem::replace(&mut self.thought, Thought::None) {
            self.outputs.push_back(Output::Unask { id });
        }
        self.moments = None;
    }

    fn caller_begins(&mut self, now: Instant) {
        if matches!(self.thought, Thought::Hearing { .. }) && self.utterance.is_long() {
            // Somebody who talks without a pause: what they have said is being heard, what comes is another utterance.
            return self.utterance.open_anew();
        }
        if let Some(stopped) = self
            .stopped
            .filter(|stopped| self.sounded.is_none_or(|sounded| sounded < *stopped))
        {
            // The turn was taken from them too early.
            self.habit.pauses(now.saturating_duration_since(stopped));
        }
        // They had not finished after all: what they said and what they say now belongs together.
        if let Thought::Asking(Asking { words, .. }) = &self.thought {
            self.unanswered = Some(words.clone());
        }
        // An answer that is being said goes on, if this turns out to mean nothing.
        self.drop_thought();
        self.utterance.open();
        if self.interruption() == Interruption::Allowed {
            self.playout.pause();
        }
    }

    pub(super) fn begin_decode(&mut self) {
        let or = self.other_languages();
        // A number or a name is nothing but itself: nothing around it tells whether it was heard right.
        let care = match &self.expect {
            Expect::Slot(slot) if !matches!(slot.kind, SlotKind::Boolean | SlotKind::Enum(_)) => Care::AsNeeded,
            Expect::Slot(_) | Expect::Confirm | Expect::Anything => Care::Quick,
        };
        self.ask_for_words(self.language, or, care);
    }

    fn ask_for_words(&mut self, language: Language, or: Vec<Language>, care: Care) {
        self.drop_decode();
        let id = self.fresh();
        let digits = if self.digits_wanted().is_some() {
            Digits::Expected
        } else {
            Digits::No
        };
        let listening = Listening {
            language,
            or,
            digits,
            care,
            names: self
                .understanding
                .get(&language)
                .map_or_else(|| "".into(), |known| known.names()),
        };
        self.outputs.push_back(Output::Hear {
            id,
            samples: self.utterance.samples(),
            listening,
            priority: Priority::Turn,
        });
        self.decode = Decode::Asked { id };
    }

    /// Whether what was heard means something here: then it need not be heard more carefully.
    pub(super) fn is_clear(&self, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        if self.playout.is_paused() && self.means_nothing(text) {
            return true;
        }
        let vague = |command: &Command| matches!(command, Command::OutOfScope | Command::Clarify { .. });
        let meant = self.understand_grounded(&self.with_what_went_before(text));
        !meant.is_empty() && !meant.iter().any(vague)
    }

    pub(super) fn drop_decode(&mut self) {
        if let Decode::Asked { id } = std::mem::replace(&mut self.decode, Decode::None) {
            self.outputs.push_back(Output::Unhear { id });
        }
    }

    fn caller_ended(&mut self, now: Instant) {
        self.asked_patience = Patience::Unasked;
        self.forget_pause();
        self.utterance.close();
        let stopped = self.utterance.last_sound().unwrap_or(now);
        self.stopped = Some(stopped);
        self.moments = Some(Moments {
            stopped,
            ended: now,
            heard: None,
            decided: None,
            voiced: None,
        });
        match std::mem::replace(&mut self.decode, Decode::None) {
            Decode::Known { transcript } => self.words(now, transcript),
            Decode::Asked { id } => {
                self.decode = Decode::Asked { id };
                self.thought = Thought::Hearing { until: now + HEARING };
            }
            Decode::None => {
                self.begin_decode();
                self.thought = Thought::Hearing { until: now + HEARING };
            }
        }
    }

    fn nobody_spoke(&mut self, now: Instant) {
        if self.stage != Stage::Dialogue {
            return;
        }
        self.moments = None;
        let order = if self.partial.is_empty() {
            self.note(Note::Silence);
            self.walk.step(Outcome::NoInput)
        } else {
            let words = std::mem::take(&mut self.partial);
            self.walk.step(Outcome::Heard {
                words,
                commands: Vec::new(),
            })
        };
        self.perform(now, order);
    }

    /// The turn is over and its words are known.
    fn words(&mut self, now: Instant, transcript: Transcript) {
        (self.decode, self.thought) = (Decode::None, Thought::None);
        let level = self.utterance_level();
        if !self.turn.caller_speaks() {
            self.utterance.clear();
        }
        let text = transcript.text;
        if self.playout.is_paused() || self.reply.is_some() {
            if self.means_nothing(&text) {
                return self.go_on_speaking(now);
            }
            self.stop_speaking(now);
            self.drop_reply();
        }
        if self.stage != Stage::Dialogue {
            self.moments = None;
            if self.is_heard() {
                self.words_of_who_waits(now, &text);
            }
            return;
        }
        let whole = self.with_what_went_before(&text);
        let before = self.unanswered.take();
        if text.is_empty() {
            return match before {
                Some(words) => self.understand(now, words),
                None => self.nothing_said(now),
            };
        }
        self.follow_language(transcript.language, &text);
        self.empty_turns = 0;
        self.keypad = Keypad::default();
        if let Some(moments) = &mut self.moments {
            moments.heard = Some(now);
        }
        let (privacy, at, said) = (self.privacy, self.since_answer(now), text.clone());
        let noted = self.for_the_record(&text);
        self.note(Note::Heard {
            text: noted,
            confidence: transcript.confidence,
        });
        self.observe(&said, level);
        self.tell(Speaker::Caller, None, privacy.shown(&said).to_owned(), at);
        if self.grant_language(now, &whole) {
            self.moments = None;
        } else if let Some(text) = self.join_digits(whole) {
            self.understand(now, text);
        } else {
            self.moments = None;
        }
        self.drop_guess();
        // What is asked about is no history yet.
        self.conversation.caller_said(at, at, &said, privacy);
    }

    /// What was said before the caller went on belongs to `text`.
    pub(super) fn with_what_went_before(&self, text: &str) -> String {
        match &self.unanswered {
            Some(before) => format!("{before} {text}"),
            None => text.to_owned(),
        }
    }

    /// The shortest and longest number that is expected.
    pub(super) fn digits_wanted(&self) -> Option<(usize, usize)> {
        match &self.expect {
            Expect::Slot(slot) => match slot.kind {
                SlotKind::Digits { min, max } => Some((min, max)),
                _ => None,
            },
            Expect::Anything | Expect::Confirm => None,
        }
    }

    pub(super) fn endpointing(&self) -> Endpointing {
        let assistant = self.plan.assistants.get(&self.assistant);
        assistant.map_or_else(Endpointing::default, |assistant| assistant.endpointing)
    }

    fn silence(&self) -> Duration {
        let Endpointing {
            silence,
            while_spelling,
            ..
        } = self.endpointing();
        if self.digits_wanted().is_some() {
            while_spelling.unwrap_or(BETWEEN_GROUPS).max(silence)
        } else {
            silence
        }
    }

    /// While a number is being said: a complete one ends the turn at its pause, and what is no number waits no longer than usual.
    fn hurry(&mut self, now: Instant, text: &str) {
        let Some((min, max)) = self.digits_wanted() else { return };
        let digits = digits_in(text, self.language);
        let count = self.partial.len() + digits.len();
        let whole = min == max && self.partial.is_empty() && self.is_whole(text);
        if count >= max || whole {
            self.turn.complete(now);
        } else if digits.is_empty() || count >= min {
            self.turn.wait(self.endpointing().silence);
        }
    }

    /// Whether a number that is expected can be read from `text`, with what a recogniser takes digits for.
    pub(super) fn is_whole(&self, text: &str) -> bool {
        matches!(&self.expect, Expect::Slot(slot) if extract(text, slot, self.language, self.at).is_some())
    }

    /// A number said in several breaths becomes one text; `None` while it is incomplete.
    fn join_digits(&mut self, text: String) -> Option<String> {
        let Some((min, max)) = self.digits_wanted() else {
            return Some(text);
        };
        let digits = digits_in(&text, self.language);
        if self.partial.is_empty() && self.is_whole(&text) {
            return Some(text);
        }
        if digits.is_empty() || (self.partial.is_empty() && digits.len() >= min) || digits.len() > max {
            self.partial.clear();
            return Some(text);
        }
        self.partial.push_str(&digits);
        if self.partial.len() < min {
            return None;
        }
        Some(std::mem::take(&mut self.partial))
    }
}
