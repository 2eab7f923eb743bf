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

/// What a person does at their page. `call` is the number of a call, as the page was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `{"do": "state", "with": {"state": "pause", "reason": "lunch"}}`
    State(State),
    /// Of one call: `{"do": "hold", "with": {"call": "17", "on": true}}`
    Call(u64, Act),
}

/// What somebody says of themselves; that they are busy shows by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    Available,
    Pause { reason: String },
    Offline,
}

/// What is done with a call; by its name in `do`, and what belongs to it in `with`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", content = "with", rename_all = "snake_case")]
pub enum Act {
    /// The page's own sound (WebRTC): its session description. Answered with ours.
    Line {
        offer: String,
    },
    /// Takes the call that rings; while one hears what it is about: the caller now.
    Accept {},
    Decline {},
    /// Ends it, or leaves a conference, or listens no more.
    HangUp {},
    /// The caller hears music.
    Hold {
        on: bool,
    },
    /// A key towards the caller.
    Key {
        digit: char,
    },
    /// The caller is the bot's again.
    GiveBack {
        #[serde(default)]
        flow: Option<String>,
    },
    /// The caller goes on to others, and the agent is free.
    Transfer {
        to: To,
    },
    /// One more is called, and joins.
    Invite {
        to: To,
    },
    /// The caller hears music, and the agent is free.
    Park {},
    Retrieve {},
    /// What is written of the call afterwards.
    Note {
        #[serde(default)]
        text: String,
        #[serde(default)]
        disposition: Option<String>,
    },
    /// Nothing is written of it, or no more.
    Done {},
    Listen {},
    /// The agent alone hears it.
    Whisper {},
    Barge {},
    /// From the bot, or from an agent.
    TakeOver {},
}

/// Whom a caller goes to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum To {
    Queue(String),
    /// By the name they sign in with.
    Person(String),
    /// A telephone number or SIP URI.
    Number(String),
}

impl Command {
    fn read(name: &str, mut with: Value) -> Result<Self, String> {
        let wrong = |e: serde_json::Error| format!("`{name}`: {e}");
        if name == "state" {
            return serde_json::from_value(with).map(Command::State).map_err(wrong);
        }
        let call = with.as_object_mut().and_then(|with| with.remove("call"));
        let act = serde_json::from_value(json!({"do": name, "with": with})).map_err(wrong)?;
        let number = call.as_ref().and_then(Value::as_str).and_then(|call| call.parse().ok());
        let number = number.ok_or_else(|| format!("`{name}`: `call` says which, such as \"17\""))?;
        Ok(Command::Call(number, act))
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
        let call = |act| Ok((3, Ok(Command::Call(17, act))));
        for (text, act) in [
            (r#"{"id":3,"do":"accept","with":{"call":"17"}}"#, Act::Accept {}),
            (
                r#"{"id":3,"do":"hold","with":{"call":"17","on":true}}"#,
                Act::Hold { on: true },
            ),
            (
                r##"{"id":3,"do":"key","with":{"call":"17","digit":"#"}}"##,
                Act::Key { digit: '#' },
            ),
            (
                r#"{"id":3,"do":"give_back","with":{"call":"17"}}"#,
                Act::GiveBack { flow: None },
            ),
            (
                r#"{"id":3,"do":"transfer","with":{"call":"17","to":{"queue":"billing"}}}"#,
                Act::Transfer {
                    to: To::Queue("billing".into()),
                },
            ),
            (r#"{"id":3,"do":"take_over","with":{"call":"17"}}"#, Act::TakeOver {}),
        ] {
            assert_eq!(read(text), call(act), "{text}");
        }
        let lunch = State::Pause { reason: "lunch".into() };
        assert_eq!(
            read(r#"{"id":3,"do":"state","with":{"state":"pause","reason":"lunch"}}"#),
            state(lunch)
        );
        for (text, told) in [
            (
                r#"{"id": 4, "do": "dance"}"#,
                "unknown variant `dance`, expected one of",
            ),
            (r#"{"id": 4, "do": "accept"}"#, "`accept`: "),
            (r#"{"id": 4, "do": "accept", "with": {}}"#, "`call` says which"),
            (
                r#"{"id": 4, "do": "accept", "with": {"call": "-1"}}"#,
                "`call` says which",
            ),
            (
                r#"{"id": 4, "do": "hold", "with": {"call": "1"}}"#,
                "missing field `on`",
            ),
            (
                r#"{"id": 4, "do": "transfer", "with": {"call": "1", "to": {"planet": "mars"}}}"#,
                "unknown variant `planet`",
            ),
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
