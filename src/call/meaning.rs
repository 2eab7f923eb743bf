//! From words to what they mean, with a language model and without.
//!
//! Whatever goes wrong with the model, the grounded manager answers in the same turn.

use std::time::Instant;

use super::{ASKING, Asking, Call, FILLER, Manager, Note, Output, Patience, Question, Stage, Thought};
use crate::dialogue::conversation::Privacy;
use crate::dialogue::grounded::Moment;
use crate::dialogue::model::{Allowed, Asked, Leave, Prompt};
use crate::dialogue::slots::digits_in;
use crate::dialplan::{Command, Outcome};
use crate::language::Language;

/// A value of fewer letters stands inside other words by chance.
const SHORT: usize = 4;
/// Passages that a model may answer from.
const PASSAGES: usize = 3;

impl Call {
    /// What the model took the words to mean, or why it did not.
    pub fn understood(&mut self, now: Instant, id: u64, result: Result<Vec<Command>, String>) {
        if self.reply.as_ref().is_some_and(|reply| reply.is(id)) {
            return self.reply_ended(now, result);
        }
        let Some(result) = self.guessed(id, result) else {
            return;
        };
        let Thought::Asking(asking) = &self.thought else {
            return;
        };
        if asking.id != id {
            return;
        }
        let (words, grounds) = (asking.words.clone(), asking.grounds.clone());
        self.thought = Thought::None;
        self.playout.drop_filler();
        match result {
            Ok(commands) => {
                let commands = commands
                    .into_iter()
                    .map(|command| self.kept_true(command, &grounds))
                    .collect();
                self.meant(now, words, commands);
            }
            Err(reason) => {
                self.note(Note::Problem(format!("the language model did not answer: {reason}")));
                let commands = self.understand_grounded(&words);
                self.meant(now, words, commands);
            }
        }
    }

    pub(super) fn understand(&mut self, now: Instant, words: String) {
        if self.keep_guess(now, &words) {
            return;
        }
        let question = match self.manager {
            Manager::Grounded => None,
            Manager::Model => self.question(&words),
        };
        let Some((question, grounds)) = question else {
            let commands = self.understand_grounded(&words);
            return self.meant(now, words, commands);
        };
        let id = self.fresh();
        self.outputs.push_back(Output::Ask {
            id,
            question: Box::new(question),
        });
        self.thought = Thought::Asking(Asking {
            id,
            words,
            grounds,
            since: now,
            until: now + ASKING,
        });
    }

    /// Asks the caller for patience, once a turn, where the model takes its time and nothing else is being said.
    pub(super) fn bridge_silence(&mut self, now: Instant) {
        let Thought::Asking(Asking { since, .. }) = &self.thought else {
            return;
        };
        let due = now.saturating_duration_since(*since) >= FILLER && self.stage == Stage::Dialogue;
        if due && self.asked_patience == Patience::Unasked && self.playout.is_idle() && !self.turn.caller_speaks() {
            self.asked_patience = Patience::Asked;
            self.playout.fill(match self.language {
                Language::English => "One moment.",
                Language::Mandarin => "请稍等。",
            });
        }
    }

    pub(super) fn meant(&mut self, now: Instant, words: String, commands: Vec<Command>) {
        self.keep_meant(&words, &commands);
        let order = self.walk.step(Outcome::Heard { words, commands });
        self.perform(now, order);
        self.drop_prepared();
    }

    pub(super) fn keep_meant(&mut self, words: &str, commands: &[Command]) {
        let vague = |command: &Command| matches!(command, Command::OutOfScope | Command::Clarify { .. });
        if commands.iter().any(|command| !vague(command)) {
            self.talks_sense();
        }
        self.note(Note::Meant(commands.to_vec()));
        for command in commands {
            self.trace(words, command);
        }
        self.wants_person = commands.contains(&Command::HandOver);
        self.offered = commands.iter().find_map(Command::offered).unwrap_or_default().to_vec();
    }

    pub(super) fn understand_grounded(&self, words: &str) -> Vec<Command> {
        let told = self.walk.told();
        let moment = Moment {
            expect: &self.expect,
            flow: self.walk.flow(),
            now: self.at,
            told: &told,
            offered: &self.offered,
        };
        self.grounded.understand(words, moment)
    }

    /// Keeps where an answer came from, and questions that had none.
    fn trace(&mut self, words: &str, command: &Command) {
        match command {
            Command::Answer { text, source } => {
                let nearest = self.grounded.nearest(words);
                let score = nearest.filter(|passage| passage.source == *source && passage.text == *text);
                self.note(Note::Answered {
                    source: source.clone(),
                    score: score.map(|passage| passage.score),
                });
            }
            Command::OutOfScope => self.unanswered(words),
            Command::StartFlow(_)
            | Command::Set { .. }
            | Command::Affirm
            | Command::Deny
            | Command::Cancel
            | Command::Clarify { .. }
            | Command::Repeat
            | Command::HandOver
            | Command::Goodbye => {}
        }
    }

    /// Keeps a question without an answer; not what may not be kept.
    pub(super) fn unanswered(&mut self, question: &str) {
        if self.privacy == Privacy::Withheld || question.trim().is_empty() || self.has_private(question) {
            return;
        }
        let nearest = self.grounded.nearest(question);
        self.note(Note::Unanswered {
            question: question.to_owned(),
            language: self.language,
            nearest: nearest.map(|passage| (passage.source, passage.score)),
        });
    }

    /// Whether the value of a private slot stands in `text`, however it is spaced; a short one as a word of its own.
    pub(super) fn has_private(&self, text: &str) -> bool {
        let bare = |text: &str| {
            text.to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric())
                .collect::<String>()
        };
        let (whole, digits) = (bare(text), digits_in(text, self.language));
        let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(bare).collect();
        let private = self
            .walk
            .slots()
            .iter()
            .filter(|(name, _)| self.plan.slots.get(*name).is_some_and(|slot| slot.pii));
        private.map(|(_, value)| bare(&value.to_string())).any(|value| {
            if value.is_ascii() && value.len() < SHORT {
                return words.contains(&value) && !value.is_empty();
            }
            whole.contains(&value) || digits.contains(&value)
        })
    }

    /// What the language model is asked, what it may answer, and what its words may rest on; nothing where the words are not for it.
    pub(super) fn question(&self, words: &str) -> Option<(Question, String)> {
        let passages = self.grounded.passages(words, PASSAGES);
        let prompt = Prompt::build(&Asked {
            plan: &self.plan,
            assistant: &self.assistant,
            language: self.language,
            style: self.walk.style(),
            flow: self.walk.flow(),
            expect: &self.expect,
            passages: &passages,
            history: &self.conversation,
            words,
        })?;
        let known = self.known();
        let texts = passages.iter().map(|passage| passage.whole.as_str());
        let grounds = texts.chain([known.as_str()]).collect::<Vec<_>>().join(" ");
        let allowed = Allowed {
            words: words.to_owned(),
            leave: if self.walk.asks_leave() {
                Leave::Asked
            } else {
                Leave::NotAsked
            },
            heard: format!("{} {words}", self.conversation.all_from_caller()),
            known,
            ..Allowed::by_plan(&self.plan, self.guard.clone(), passages, self.language, self.at)
        };
        Some((Question { prompt, allowed }, grounds))
    }

    /// What this call knows and may say: values of slots that are not personal, and what was answered to deeds.
    fn known(&self) -> String {
        let open = |name: &String| self.plan.slots.get(name).is_none_or(|slot| !slot.pii);
        let slots = self
            .walk
            .slots()
            .iter()
            .filter(|(name, _)| open(name))
            .map(|(_, value)| value);
        let known = slots.chain(self.deeds.results());
        known.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}
