//! A model's answer that is said while it is still being written.
//!
//! Its clauses pass the gate: what claims to be done and is not is not said. The plan goes on when the answer has ended. A caller who cuts in and
//! means it ends it; one who only agrees does not.

use std::time::Instant;

use super::{Asking, Call, Note, Output, Thought};
use crate::dialogue::guard::{Gate, Passed};
use crate::dialplan::{Command, Outcome};

#[derive(Debug)]
pub(super) struct Reply {
    asking: Asking,
    gate: Gate,
    /// It has ended while the caller talked over it.
    outcome: Option<Result<Vec<Command>, String>>,
}

impl Reply {
    pub(super) fn is(&self, id: u64) -> bool {
        self.asking.id == id
    }
}

impl Call {
    /// A part of the answer to question `id` that may be said now. All parts together are the text of the answer that [`Call::understood`] is told.
    pub fn clause(&mut self, now: Instant, id: u64, text: &str) {
        if self.guessed_clause(id, text) {
            return;
        }
        match std::mem::replace(&mut self.thought, Thought::None) {
            Thought::Asking(asking) if asking.id == id => {
                self.playout.drop_filler();
                self.reply = Some(Reply {
                    asking,
                    gate: Gate::new(self.language),
                    outcome: None,
                });
            }
            thought => self.thought = thought,
        }
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.is(id)) else {
            return;
        };
        let said = match reply.gate.pass(text, &reply.asking.grounds, &self.deeds) {
            Passed::Speak(text) => text,
            Passed::Instead(honest) => honest.to_owned(),
            Passed::Held | Passed::Dropped => return,
        };
        self.say_freely(now, &said);
    }

    /// A deed has succeeded or failed: what waited for it is said, or an honest sentence in its place.
    pub(super) fn deed_over(&mut self, now: Instant) {
        let Some(reply) = &mut self.reply else { return };
        let said = reply.gate.settle(&self.deeds);
        for text in said {
            self.say_freely(now, &text);
        }
        self.go_on(now);
    }

    /// The model has said all.
    pub(super) fn reply_ended(&mut self, now: Instant, result: Result<Vec<Command>, String>) {
        if let Some(reply) = &mut self.reply {
            reply.outcome = Some(result);
        }
        if !self.turn.caller_speaks() && !self.playout.is_paused() && matches!(self.thought, Thought::None) {
            self.go_on(now);
        }
    }

    /// The caller meant nothing by talking over the bot, or was asked for patience in vain: what was under way goes on.
    pub(super) fn go_on(&mut self, now: Instant) {
        if let Some(words) = self.unanswered.take() {
            return self.understand(now, words);
        }
        let ended = self
            .reply
            .take_if(|reply| reply.outcome.is_some() && !reply.gate.holds());
        let Some(Reply { asking, outcome, .. }) = ended else {
            return;
        };
        let commands = match outcome.unwrap_or_else(|| Ok(Vec::new())) {
            Ok(commands) => commands,
            Err(reason) => {
                self.note(Note::Problem(format!(
                    "the language model's answer was cut short: {reason}"
                )));
                vec![Command::Answer {
                    text: String::new(),
                    source: String::new(),
                }]
            }
        };
        self.keep_meant(&asking.words, &commands);
        let said = |command| match command {
            Command::Answer { source, .. } => Command::Answer {
                text: String::new(),
                source,
            },
            other => other,
        };
        let commands = commands.into_iter().map(said).collect();
        let order = self.walk.step(Outcome::Heard {
            words: asking.words,
            commands,
        });
        self.perform(now, order);
    }

    /// A model that breaks off is not waited for.
    pub(super) fn give_up_reply(&mut self, now: Instant) {
        let Some(reply) = &self.reply else { return };
        if now < reply.asking.until {
            return;
        }
        let id = reply.asking.id;
        match reply.outcome {
            None => {
                self.outputs.push_back(Output::Unask { id });
                self.reply_ended(now, Err("it did not come to an end".to_owned()));
            }
            // What it waits for is over by now, or never will be.
            Some(_) if reply.gate.holds() => self.drop_reply(),
            Some(_) => {}
        }
    }

    pub(super) fn drop_reply(&mut self) {
        if let Some(reply) = self.reply.take() {
            self.outputs.push_back(Output::Unask { id: reply.asking.id });
        }
    }

    /// An answer that came whole, as far as it is true.
    pub(super) fn kept_true(&self, command: Command, grounds: &str) -> Command {
        let Command::Answer { text, source } = command else {
            return command;
        };
        let mut gate = Gate::new(self.language);
        let mut said = Vec::new();
        for sentence in text.split_inclusive(['.', '!', '?', '。', '！', '？']) {
            match gate.pass(sentence, grounds, &self.deeds) {
                Passed::Speak(text) => said.push(text),
                Passed::Instead(honest) => said.push(honest.to_owned()),
                Passed::Held | Passed::Dropped => {}
            }
        }
        let text = said.concat();
        Command::Answer { text, source }
    }

    fn say_freely(&mut self, now: Instant, text: &str) {
        if let Some(moments) = &mut self.moments {
            moments.decided.get_or_insert(now);
        }
        let bargein = self
            .plan
            .assistants
            .get(&self.assistant)
            .is_none_or(|assistant| assistant.bargein.enabled);
        self.say(text, bargein);
    }
}
