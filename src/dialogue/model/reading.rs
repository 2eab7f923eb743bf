//! A model's answer while it is being written: what of it may be spoken already, and what it comes to.
//!
//! Clauses of an answer from a passage are given out as soon as they are whole and keep to the passage; all else waits
//! for the end. Pure; it is fed text and knows no server.

use super::commands::{Allowed, Read, Unusable};
use super::saying::Saying;
use crate::dialogue::knowledge::Passage;
use crate::dialplan::Command;

/// Reads one answer.
#[derive(Debug)]
pub struct Reading {
    allowed: Allowed,
    text: String,
    saying: Saying,
    state: State,
    /// Of `say`, not yet a whole clause.
    pending: String,
    /// What has been given out.
    given: String,
    decided: bool,
}

#[derive(Debug)]
enum State {
    /// It is not known yet what is asked for.
    Waiting,
    /// An answer from this passage.
    Open(Passage),
    /// Nothing (more) is given out before the end.
    Closed,
}

/// What an answer came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The text of a [`Command::Answer`] in it is all that was given out, or else all that is to be said.
    pub read: Read,
    /// What is still to be said of it: empty where clauses were given out, for those were all that may be said.
    pub rest: String,
}

/// A model that writes more than this, in bytes, has lost its way; the rest is not read.
const LONGEST: usize = 32 * 1024;

/// A comma ends a clause that is worth a breath: at least this many bytes.
const WORTH_A_BREATH: usize = 16;

impl Reading {
    pub fn new(allowed: Allowed) -> Reading {
        Reading {
            allowed,
            text: String::new(),
            saying: Saying::default(),
            state: State::Waiting,
            pending: String::new(),
            given: String::new(),
            decided: false,
        }
    }

    /// Whether what is still to come counts for nothing.
    pub fn is_decided(&self) -> bool {
        self.decided
    }

    /// Takes the next piece of the text; gives what may be spoken now, often nothing.
    pub fn push(&mut self, piece: &str) -> String {
        if self.decided || self.text.len() + piece.len() > LONGEST {
            return String::new();
        }
        self.text.push_str(piece);
        if piece.contains(']')
            && let Some(whole) = Allowed::decided(&self.text)
        {
            (self.text, self.decided) = (whole, true);
            return String::new();
        }
        let grown = self.saying.push(piece);
        if matches!(self.state, State::Waiting)
            && let Some(begins) = self.saying.begins()
        {
            let before = self.text.get(..begins).unwrap_or_default();
            let aloud = !before.contains("<think>");
            let passage = self.allowed.answered_from(before).filter(|_| aloud).cloned();
            self.state = passage.map_or(State::Closed, State::Open);
        }
        self.pending.push_str(&grown);
        let State::Open(passage) = &self.state else {
            return String::new();
        };
        let mut out = String::new();
        while let Some(end) = clause_end(&self.pending, self.saying.is_whole()) {
            let rest = self.pending.split_off(end);
            let clause = std::mem::replace(&mut self.pending, rest);
            if !self.allowed.keeps_to(&clause, passage) {
                tracing::warn!("a clause of the model's does not keep to its passage and is not spoken");
                self.state = State::Closed;
                break;
            }
            out.push_str(&clause);
        }
        self.given.push_str(&out);
        out
    }

    /// The text has ended, whole or not.
    pub fn finish(self) -> Result<Finished, Unusable> {
        let mut read = match self.allowed.read(&self.text) {
            Ok(read) => read,
            // What has been spoken was an answer, however the rest was lost.
            Err(_) if !self.given.is_empty() => Read::default(),
            Err(unusable) => return Err(unusable),
        };
        if self.given.is_empty() {
            let rest = read.commands.iter().find_map(|command| match command {
                Command::Answer { text, .. } => Some(text.clone()),
                Command::StartFlow(_)
                | Command::Set { .. }
                | Command::Affirm
                | Command::Deny
                | Command::Cancel
                | Command::Clarify { .. }
                | Command::Repeat
                | Command::HandOver
                | Command::Goodbye
                | Command::OutOfScope => None,
            });
            return Ok(Finished {
                read,
                rest: rest.unwrap_or_default(),
            });
        }
        let before = self
            .saying
            .begins()
            .and_then(|begins| self.text.get(..begins))
            .unwrap_or_default();
        let source = self
            .allowed
            .answered_from(before)
            .map(|passage| passage.source.clone())
            .unwrap_or_default();
        // What was told beside the question counts; any other deed does not go with an answer.
        read.commands.retain(|command| matches!(command, Command::Set { .. }));
        read.commands.push(Command::Answer {
            text: self.given.trim().to_owned(),
            source,
        });
        Ok(Finished {
            read,
            rest: String::new(),
        })
    }
}

/// Where the first clause ends, in bytes; the whole of it where no more will come.
fn clause_end(text: &str, whole: bool) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let next = chars.peek().map(|(_, c)| *c);
        let ends = match c {
            '。' | '！' | '？' | '；' => true,
            '，' | '：' => end >= WORTH_A_BREATH,
            // Followed by white space, so that neither 3.5 nor an address is cut; what comes next may not have come
            // yet.
            '.' | '!' | '?' | ';' => next.is_some_and(char::is_whitespace),
            ',' | ':' => end >= WORTH_A_BREATH && next.is_some_and(char::is_whitespace),
            _ => false,
        };
        if ends {
            return Some(end);
        }
    }
    (whole && !text.trim().is_empty()).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::super::Leave;
    use super::*;
    use crate::dialogue::guard::Guard;
    use crate::language::Language;

    fn reading() -> Reading {
        let passage = |text: &str, source: &str| Passage {
            text: text.to_owned(),
            whole: text.to_owned(),
            source: source.to_owned(),
            score: 0.8,
        };
        Reading::new(Allowed {
            flows: vec!["return_item".to_owned()],
            slots: Vec::new(),
            passages: vec![passage(
                "You can return anything within thirty days, unused and in its packaging.",
                "faq.md#returns",
            )],
            words: "how long can I return a jacket".to_owned(),
            leave: Leave::NotAsked,
            heard: "how long can I return a jacket".to_owned(),
            known: String::new(),
            guard: Guard::new(&[], Language::English),
            language: Language::English,
            now: date(2026, 11, 21).at(10, 0, 0, 0),
        })
    }

    const ANSWER: &str = r#"{"commands":[{"do":"answer","source":"faq.md#returns"}],"say":"#;

    fn answer(text: &str) -> Vec<Command> {
        vec![Command::Answer {
            text: text.to_owned(),
            source: "faq.md#returns".to_owned(),
        }]
    }

    #[test]
    fn clauses_are_spoken_as_they_come() {
        let mut reading = reading();
        assert_eq!(reading.push(ANSWER), "");
        assert_eq!(reading.push("\"You have thirty days"), "");
        assert_eq!(reading.push(" to return it. It"), "You have thirty days to return it.");
        assert_eq!(reading.push(" must be unused"), "");
        assert_eq!(reading.push("."), "");
        assert_eq!(reading.push("\"}"), " It must be unused.");
        let finished = reading.finish().unwrap();
        assert_eq!(
            finished.read.commands,
            answer("You have thirty days to return it. It must be unused.")
        );
        assert_eq!(finished.rest, "");
    }

    #[test]
    fn an_answer_by_tool_call_is_spoken_too() {
        let mut reading = reading();
        assert_eq!(reading.push(r#"{"do":"answer","source":"faq.md#returns","#), "");
        assert_eq!(
            reading.push(r#""say":"You have thirty days. It"#),
            "You have thirty days."
        );
        assert_eq!(reading.push(" must be unused.\"}\n"), " It must be unused.");
        assert_eq!(reading.push("{\"do\":\"goodbye\"}\n"), "");
        assert_eq!(
            reading.finish().unwrap().read.commands,
            answer("You have thirty days. It must be unused.")
        );
    }

    #[test]
    fn inventions_are_not_spoken() {
        let mut reading = reading();
        reading.push(ANSWER);
        assert_eq!(
            reading.push("\"You have thirty days. Call 555 1234 "),
            "You have thirty days."
        );
        assert_eq!(reading.push("for ninety more. And so on.\"}"), "");
        assert_eq!(reading.finish().unwrap().read.commands, answer("You have thirty days."));
    }

    #[test]
    fn an_invention_at_once_is_replaced_by_the_passage() {
        let mut reading = reading();
        assert_eq!(reading.push(ANSWER) + &reading.push("\"You have ninety days.\"}"), "");
        let finished = reading.finish().unwrap();
        assert_eq!(
            finished.rest,
            "You can return anything within thirty days, unused and in its packaging."
        );
        assert_eq!(finished.read.commands, answer(&finished.rest));
    }

    #[test]
    fn nothing_is_said_for_other_commands() {
        for text in [
            r#"{"commands":[{"do":"start_flow","flow":"return_item"}],"say":"Done, it is returned. "}"#,
            r#"{"say":"You have thirty days. ","commands":[{"do":"start_flow","flow":"return_item"}]}"#,
            r#"<think>{"commands":[{"do":"answer","source":"faq.md#returns"}],"say":"You have thirty days. "}</think>{"commands":[{"do":"start_flow","flow":"return_item"}]}"#,
        ] {
            let mut reading = reading();
            assert_eq!(reading.push(text), "", "{text}");
            let finished = reading.finish().unwrap();
            assert_eq!(finished.read.commands, [Command::StartFlow("return_item".to_owned())]);
            assert_eq!(finished.rest, "");
        }
    }

    #[test]
    fn commands_without_words_are_carried_out_before_the_model_ends() {
        let mut reading = reading();
        reading.push(r#"{"commands":[{"do":"start_flow","flow":"return_item""#);
        assert!(!reading.is_decided());
        reading.push("}]");
        assert!(reading.is_decided());
        assert_eq!(reading.push(r#","say":"Let me think about that"#), "");
        let finished = reading.finish().unwrap();
        assert_eq!(finished.read.commands, [Command::StartFlow("return_item".to_owned())]);
        for undecided in [
            ANSWER,
            r#"{"commands":[]"#,
            r#"<think>{"commands":[{"do":"affirm"}]"#,
            r#"{"say":"a]"#,
        ] {
            let mut reading = super::tests::reading();
            reading.push(undecided);
            assert!(!reading.is_decided(), "{undecided}");
        }
    }

    #[test]
    fn a_cut_answer_is_what_was_spoken() {
        let mut reading = reading();
        reading.push(ANSWER);
        reading.push("\"You have thirty days. It mus");
        assert_eq!(reading.finish().unwrap().read.commands, answer("You have thirty days."));
        let mut silent = super::tests::reading();
        silent.push(ANSWER);
        assert_eq!(silent.finish(), Err(Unusable::NotJson));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts: Vec<u8>) {
            let text = format!("{ANSWER}\"You have thirty days: unused, and in its packaging. Fine!\"}}");
            let mut whole = reading();
            let spoken = whole.push(&text);
            let mut pieces = reading();
            let mut given = String::new();
            let mut rest = text.as_str();
            for cut in cuts {
                let (piece, later) = rest.split_at(usize::from(cut % 9).min(rest.len()));
                given.push_str(&pieces.push(piece));
                rest = later;
            }
            given.push_str(&pieces.push(rest));
            prop_assert_eq!(&given, &spoken);
            prop_assert_eq!(pieces.finish(), whole.finish());
        }

        #[test]
        fn any_text_is_read(text: String) {
            let mut reading = reading();
            reading.push(&text);
            let _ = reading.finish();
        }
    }
}
