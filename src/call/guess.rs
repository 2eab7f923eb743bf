//! What is begun in a pause, before it is known to be the end of the turn: the model is asked, and the voice of the first clause is made.
//!
//! When the turn ends with the same words the guess is kept, and what it has brought so far counts; else it is dropped without a trace.

use std::time::Instant;

use super::{ASKING, Asking, Call, Decode, Manager, Output, Question, Stage, Thought};
use crate::dialplan::{Command, Order, Outcome};
use crate::language::Language;

/// A question to the model that was asked early.
#[derive(Debug)]
pub(super) struct Guess {
    id: u64,
    /// What the answer depends on.
    of: Of,
    grounds: String,
    /// What the model has written so far.
    clauses: Vec<String>,
    outcome: Option<Result<Vec<Command>, String>>,
}

#[derive(Debug, PartialEq)]
struct Of {
    words: String,
    language: Language,
    style: Option<String>,
}

impl Call {
    /// Begins what will be needed if this pause is the end of the turn; `text`: the words so far.
    pub(super) fn guess(&mut self) {
        let Decode::Known { transcript } = &self.decode else {
            return;
        };
        let text = transcript.text.as_str();
        let free = self.stage == Stage::Dialogue && matches!(self.thought, Thought::None) && self.reply.is_none();
        let partly = self.digits_wanted().is_some() && !self.is_whole(text);
        if !free || partly || text.is_empty() || !self.playout.is_idle() || self.guess.is_some() {
            return;
        }
        let words = self.with_what_went_before(text);
        let question = match self.manager {
            Manager::Grounded => None,
            Manager::Model => self.question(&words),
        };
        match question {
            Some((question, grounds)) => self.ask_early(words, question, grounds),
            None => self.prepare_voice(words),
        }
    }

    /// The caller goes on, or something else came between.
    pub(super) fn drop_guess(&mut self) {
        if let Some(Guess { id, outcome: None, .. }) = self.guess.take() {
            self.outputs.push_back(Output::Unask { id });
        }
        self.drop_prepared();
    }

    /// What was prepared and is not what is said.
    pub(super) fn drop_prepared(&mut self) {
        if self.playout.unprepare() {
            self.outputs.push_back(Output::Unspeak);
        }
    }

    /// Whether `words` are those of the guess: then what it has brought so far counts.
    pub(super) fn keep_guess(&mut self, now: Instant, words: &str) -> bool {
        let of = self.now_of(words.to_owned());
        let Some(guess) = self.guess.take_if(|guess| guess.of == of) else {
            return false;
        };
        self.thought = Thought::Asking(Asking {
            id: guess.id,
            words: guess.of.words,
            grounds: guess.grounds,
            since: now,
            until: now + ASKING,
        });
        for text in guess.clauses {
            self.clause(now, guess.id, &text);
        }
        if let Some(result) = guess.outcome {
            self.understood(now, guess.id, result);
        }
        true
    }

    /// A part of an answer to the guess waits until the turn is over; tells whether it was one.
    pub(super) fn guessed_clause(&mut self, id: u64, text: &str) -> bool {
        let Some(guess) = self.guess.as_mut().filter(|guess| guess.id == id) else {
            return false;
        };
        if guess.clauses.is_empty() {
            self.playout.prepare(text);
        }
        guess.clauses.push(text.to_owned());
        true
    }

    /// The whole answer to the guess likewise; given back where it was none.
    pub(super) fn guessed(
        &mut self,
        id: u64,
        result: Result<Vec<Command>, String>,
    ) -> Option<Result<Vec<Command>, String>> {
        let Some(guess) = self.guess.as_mut().filter(|guess| guess.id == id) else {
            return Some(result);
        };
        let said = !guess.clauses.is_empty();
        let (words, commands) = (guess.of.words.clone(), result.as_ref().ok().cloned());
        guess.outcome = Some(result);
        if let Some(commands) = commands.filter(|_| !said) {
            self.prepare(words, commands);
        }
        None
    }

    fn ask_early(&mut self, words: String, question: Question, grounds: String) {
        let id = self.fresh();
        self.outputs.push_back(Output::Ask {
            id,
            question: Box::new(question),
        });
        self.guess = Some(Guess {
            id,
            of: self.now_of(words),
            grounds,
            clauses: Vec::new(),
            outcome: None,
        });
    }

    fn prepare_voice(&mut self, words: String) {
        let commands = self.understand_grounded(&words);
        self.prepare(words, commands);
    }

    /// Has the voice made of what the plan says to `commands`, up to where it needs anybody.
    fn prepare(&mut self, words: String, commands: Vec<Command>) {
        let mut walk = self.walk.clone();
        let mut order = walk.step(Outcome::Heard { words, commands });
        let text = loop {
            break match order {
                Order::Say { text, .. } => Some(text),
                Order::Listen { prompt, .. } => prompt,
                Order::Transfer { say, .. } | Order::Hangup { say } => say,
                Order::Answer { question } => {
                    let passage = self.grounded.answer(&question);
                    order = walk.step(Outcome::Answered(passage.map(|passage| passage.text)));
                    continue;
                }
                Order::Tool(_)
                | Order::Ticket(_)
                | Order::Callback { .. }
                | Order::Record { .. }
                | Order::HandOff { .. } => None,
            };
        };
        if let Some(text) = text {
            self.playout.prepare(&text);
        }
    }

    fn now_of(&self, words: String) -> Of {
        Of {
            words,
            language: self.language,
            style: self.walk.style().map(str::to_owned),
        }
    }
}
