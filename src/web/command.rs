//! What pages ask for, in words of JSON, and what the engine is handed of it.
//!
//! `{"resume": 17, "of": "…"}` comes first, with the number and the feed that were seen last, or `{}` where nothing was. Then commands come:
//! `{"id": 3, "do": "state", "with": {"state": "available"}}`, answered `{"re": 3, "ok": …}` or `{"re": 3, "error": "…"}`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::feeds::Snapshot;
use crate::store::people::Person;

/// What the engine is asked.
pub enum Request {
    /// All that `person`'s page is to show now.
    Snapshot { person: Arc<Person>, answer: Snapshot },
    Do {
        person: Arc<Person>,
        command: Command,
        /// What the page is answered, or why not, in words for `person`.
        answer: oneshot::Sender<Result<Value, String>>,
    },
}

/// What a person does at their page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `{"do": "state", "with": {"state": "pause", "reason": "lunch"}}`
    State(State),
}

/// What somebody says of themselves; that they are busy shows by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    Available,
    Pause { reason: String },
    Offline,
}

const COMMANDS: &str = "state";

impl Command {
    fn read(name: &str, with: Value) -> Result<Self, String> {
        let wrong = |e: serde_json::Error| format!("`{name}`: {e}");
        match name {
            "state" => serde_json::from_value(with).map(Command::State).map_err(wrong),
            _ => Err(format!("there is no `{name}`; there is {COMMANDS}")),
        }
    }
}

/// The first words of a page.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Hello {
    /// The number of the message it saw last.
    pub resume: Option<u64>,
    /// The feed that it was of.
    pub of: Option<String>,
}

impl Hello {
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| format!("first comes {{\"resume\": …}}: {e}"))
    }
}

/// A command, or why it is none, and the number that its answer has.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    pub id: u64,
    pub command: Result<Command, String>,
}

impl Asked {
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Written {
            id: u64,
            #[serde(rename = "do")]
            name: String,
            #[serde(default)]
            with: Value,
        }
        let written: Written =
            serde_json::from_str(text).map_err(|e| format!("a command is {{\"id\": …, \"do\": …}}: {e}"))?;
        Ok(Self {
            id: written.id,
            command: Command::read(&written.name, written.with),
        })
    }
}

/// What the page is told of its command `id`.
pub fn answer(id: u64, answer: Result<Value, String>) -> String {
    let answer = match answer {
        Ok(ok) => json!({"re": id, "ok": ok}),
        Err(error) => json!({"re": id, "error": error}),
    };
    answer.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_read_or_the_page_is_told_why_not() {
        let read = |text: &str| Asked::read(text).map(|asked| (asked.id, asked.command));
        let state = |state| Ok((3, Ok(Command::State(state))));
        assert_eq!(
            read(r#"{"id": 3, "do": "state", "with": {"state": "available"}}"#),
            state(State::Available)
        );
        let lunch = State::Pause { reason: "lunch".into() };
        assert_eq!(
            read(r#"{"id":3,"do":"state","with":{"state":"pause","reason":"lunch"}}"#),
            state(lunch)
        );
        for (text, told) in [
            (r#"{"id": 4, "do": "dance"}"#, "there is no `dance`; there is state"),
            (r#"{"id": 4, "do": "state"}"#, "`state`: "),
            (
                r#"{"id": 4, "do": "state", "with": {"state": "rich"}}"#,
                "unknown variant `rich`, expected one of `available`",
            ),
            (
                r#"{"id": 4, "do": "state", "with": {"state": "pause"}}"#,
                "missing field `reason`",
            ),
        ] {
            let (id, command) = read(text).expect("a command's number");
            let error = command.expect_err(text);
            assert!(id == 4 && error.contains(told), "{text}: {error}");
        }
        for text in [
            "",
            "[]",
            "{}",
            r#"{"id": -1, "do": "state"}"#,
            r#"{"do": "state"}"#,
            r#"{"id": 1}"#,
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains("a command is"), "{text}: {error}");
        }
    }

    #[test]
    fn a_page_says_what_it_saw_last() {
        let seen = Hello {
            resume: Some(17),
            of: Some("a".into()),
        };
        assert_eq!(Hello::read(r#"{"resume": 17, "of": "a"}"#), Ok(seen));
        assert_eq!(Hello::read("{}"), Ok(Hello::default()));
        assert_eq!(Hello::read(r#"{"resume": null}"#), Ok(Hello::default()));
        assert!(Hello::read(r#"{"resume": "all"}"#).is_err());
    }

    #[test]
    fn answers_have_the_number_of_their_question() {
        let read = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");
        assert_eq!(read(answer(3, Ok(json!({"a": 1})))), json!({"re": 3, "ok": {"a": 1}}));
        assert_eq!(
            read(answer(4, Err("no \"such\"".into()))),
            json!({"re": 4, "error": "no \"such\""})
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", with in "[\\[\\]{}\",:a-z0-9]{0,64}") {
            let _ = (Asked::read(&text), Hello::read(&text), Hello::read(&with));
            let _ = Asked::read(&format!(r#"{{"id":1,"do":"state","with":{with}}}"#));
        }
    }
}
