//! What a model may ask for, and what of its text is that.
//!
//! A model answers with JSON: `{"commands": [{"do": "start_flow", "flow": "return_item"}], "say": ""}`. Its text is
//! read with patience (code fences, prose around, a bare list, thoughts in front) and taken with none: a flow, slot,
//! value or source that does not exist is refused, each for itself. Pure; it knows no servers.

use jiff::civil::DateTime;
use serde_json::{Map, Value as Json};

use super::told::is_told;
use super::worded::worded_from;
use crate::dialogue::guard::Guard;
use crate::dialogue::knowledge::Passage;
use crate::dialogue::slots::{digits_in, extract, is_address, yes_or_no};
use crate::dialplan::{Command, Plan, Slot, SlotKind, Value};
use crate::language::Language;

/// All that exists for the model in this turn.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// Flows that may be entered, by name.
    pub flows: Vec<String>,
    /// Slots that may be filled.
    pub slots: Vec<Slot>,
    /// What an answer may be worded from.
    pub passages: Vec<Passage>,
    /// What the caller says now.
    pub words: String,
    /// Whether a yes lets something be done: then only one that the rules can read is one.
    pub leave: Leave,
    /// What the caller has said in this call up to and with that; a number that a slot is filled with must have been told in it.
    pub heard: String,
    /// Values of slots and answers of tools, in words: an answer may hold them.
    pub known: String,
    pub guard: Guard,
    pub language: Language,
    /// At the caller's place.
    pub now: DateTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Asked,
    NotAsked,
}

/// A model's text, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// In the order of the text; never one that is not allowed.
    pub commands: Vec<Command>,
    /// What else was asked for, and why it was refused. For logs; it may hold the caller's words.
    pub refused: Vec<String>,
}

/// Why a text has no commands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("the model's text holds no JSON object with commands")]
    NotJson,
    #[error("all that the model asked for was refused: {0}")]
    Refused(String),
}

/// More commands than this in a turn are none that a caller meant.
const MOST: usize = 8;

impl Allowed {
    /// What `plan` allows: the flows that callers can wish for, and all slots. The rest is the turn's.
    pub fn by_plan(plan: &Plan, guard: Guard, passages: Vec<Passage>, language: Language, now: DateTime) -> Allowed {
        let wished = plan.flows.iter().filter(|flow| flow.use_when.is_some());
        Allowed {
            flows: wished.map(|flow| flow.name.clone()).collect(),
            slots: plan.slots.values().cloned().collect(),
            passages,
            words: String::new(),
            leave: Leave::NotAsked,
            heard: String::new(),
            known: String::new(),
            guard,
            language,
            now,
        }
    }

    /// Reads a whole text.
    pub fn read(&self, text: &str) -> Result<Read, Unusable> {
        let (listed, say) = listed(text).ok_or(Unusable::NotJson)?;
        let mut read = Read::default();
        for one in listed.iter().take(MOST) {
            match self.command(one, &say) {
                Ok(command) if read.commands.contains(&command) => {}
                Ok(command) => read.commands.push(command),
                Err(reason) => read.refused.push(reason),
            }
        }
        if read.commands.is_empty() && !read.refused.is_empty() {
            return Err(Unusable::Refused(read.refused.join("; ")));
        }
        Ok(read)
    }

    /// The passage that may be answered from, where that is all that the commands in `text`, the beginning of an
    /// object, ask for.
    pub(super) fn answered_from(&self, text: &str) -> Option<&Passage> {
        let start = text.find('{')?;
        let whole = format!("{}}}", text.get(start..)?.trim_end().trim_end_matches(','));
        let (listed, _) = listed(&whole)?;
        let [Json::Object(one)] = listed.as_slice() else {
            return None;
        };
        if verb(one)? != "answer" {
            return None;
        }
        self.passage(one)
    }

    /// The whole object that `text` begins, where its commands are all there and none of them is said in words of the model's own: what it
    /// might add counts for nothing.
    pub(super) fn decided(text: &str) -> Option<String> {
        let text = text.trim_start();
        let listed = text.get(..=text.rfind(']')?)?;
        let whole = format!("{listed}}}");
        let object: Map<String, Json> = serde_json::from_str(&whole).ok()?;
        let commands = object.get("commands")?.as_array()?;
        let wordless = |one: &Json| one.as_object().and_then(verb).is_some_and(|verb| verb != "answer");
        (!commands.is_empty() && commands.iter().all(wordless)).then_some(whole)
    }

    fn command(&self, one: &Json, say: &str) -> Result<Command, String> {
        let empty = Map::new();
        let (verb, one) = match one {
            Json::String(verb) => (Some(verb.clone()), &empty),
            Json::Object(one) => (verb(one), one),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => (None, &empty),
        };
        let verb = verb.ok_or("a command without a verb")?;
        match verb.as_str() {
            "start_flow" => Ok(Command::StartFlow(self.flow(one.get("flow").or(one.get("name")))?)),
            // A correction sets a slot that is filled.
            "set" | "set_slot" | "correct" => self.set(one),
            "cancel" => Ok(Command::Cancel),
            "affirm" => self.agreed(true).map(|()| Command::Affirm),
            "deny" => self.agreed(false).map(|()| Command::Deny),
            "repeat" => Ok(Command::Repeat),
            "hand_over" => Ok(Command::HandOver),
            "goodbye" => Ok(Command::Goodbye),
            "out_of_scope" => Ok(Command::OutOfScope),
            "clarify" => {
                let named = one
                    .get("flows")
                    .and_then(Json::as_array)
                    .ok_or("clarify without flows")?;
                let mut flows = named
                    .iter()
                    .map(|flow| self.flow(Some(flow)))
                    .collect::<Result<Vec<_>, _>>()?;
                flows.dedup();
                match flows.len() {
                    2..=3 => Ok(Command::Clarify { flows }),
                    count => Err(format!("clarify between {count} flows")),
                }
            }
            "answer" => self.answer(one, say),
            other => Err(format!("no command `{}`", excerpt(other))),
        }
    }

    /// A plain yes or no is not turned round.
    fn agreed(&self, yes: bool) -> Result<(), String> {
        match yes_or_no(&self.words, self.language) {
            Some(said) if said != yes => Err("the opposite of what the caller said".to_owned()),
            None if yes && self.leave == Leave::Asked => {
                Err("a leave that the caller did not give in words".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn flow(&self, name: Option<&Json>) -> Result<String, String> {
        let name = name.and_then(Json::as_str).ok_or("a flow without a name")?;
        let known = self.flows.iter().find(|flow| *flow == name).cloned();
        known.ok_or_else(|| format!("no flow `{}`", excerpt(name)))
    }

    fn set(&self, one: &Map<String, Json>) -> Result<Command, String> {
        let name = one
            .get("slot")
            .or(one.get("name"))
            .and_then(Json::as_str)
            .ok_or("set without a slot")?;
        let slot = self
            .slots
            .iter()
            .find(|slot| slot.name == name)
            .ok_or_else(|| format!("no slot `{}`", excerpt(name)))?;
        let value = one.get("value").ok_or("set without a value")?;
        let value = self
            .value(slot, value)
            .ok_or_else(|| format!("no value for `{name}`"))?;
        if !is_told(&value, slot, &self.heard, self.language, self.now) {
            return Err(format!("a value for `{name}` that nobody told"));
        }
        Ok(Command::Set {
            slot: name.to_owned(),
            value,
        })
    }

    /// The slot's value, where the model's fits its kind. What it gives as people say it is read like the caller's
    /// words.
    fn value(&self, slot: &Slot, value: &Json) -> Option<Value> {
        let text = match value {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            Json::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            Json::Null | Json::Array(_) | Json::Object(_) => return None,
        };
        let spoken = || extract(&text, slot, self.language, self.now);
        match &slot.kind {
            SlotKind::Digits { .. } => {
                let Some(Value::Text(digits)) = spoken() else {
                    return None;
                };
                digits_in(&self.heard, self.language)
                    .contains(&digits)
                    .then_some(Value::Text(digits))
            }
            SlotKind::Phone => match spoken() {
                Some(Value::Text(number)) => digits_in(&self.heard, self.language)
                    .contains(number.trim_start_matches('+'))
                    .then_some(Value::Text(number)),
                Some(_) | None => None,
            },
            SlotKind::Number { min, max } | SlotKind::Money { min, max } => match text.parse::<f64>() {
                Ok(number) => {
                    let fits = number.is_finite()
                        && min.is_none_or(|min| number >= min)
                        && max.is_none_or(|max| number <= max);
                    fits.then_some(Value::Number(number))
                }
                Err(_) => spoken(),
            },
            SlotKind::Boolean => match text.to_lowercase().as_str() {
                "true" | "yes" => Some(Value::Boolean(true)),
                "false" | "no" => Some(Value::Boolean(false)),
                _ => spoken(),
            },
            SlotKind::Enum(choices) => {
                let exact = choices
                    .iter()
                    .find(|choice| choice.value == text)
                    .map(|choice| Value::Text(choice.value.clone()));
                exact.or_else(spoken)
            }
            SlotKind::Date => text
                .parse::<jiff::civil::Date>()
                .map(|date| Value::Text(date.to_string()))
                .ok()
                .or_else(spoken),
            SlotKind::Time => {
                let time = text.parse::<jiff::civil::Time>().ok();
                time.map(|time| Value::Text(time.strftime("%H:%M").to_string()))
                    .or_else(spoken)
            }
            SlotKind::DateTime => {
                let at = text.parse::<jiff::civil::DateTime>().ok();
                at.map(|at| Value::Text(at.strftime("%Y-%m-%dT%H:%M").to_string()))
                    .or_else(spoken)
            }
            SlotKind::Email => is_address(&text).then(|| Value::Text(text.clone())).or_else(spoken),
            SlotKind::Name | SlotKind::Text => short(&text).map(Value::Text),
        }
    }

    fn answer(&self, one: &Map<String, Json>, say: &str) -> Result<Command, String> {
        let passage = self.passage(one).ok_or("an answer without a source that was given")?;
        let worded = one
            .get("text")
            .and_then(Json::as_str)
            .filter(|text| !text.trim().is_empty())
            .unwrap_or(say);
        let text = self.kept_to(worded, passage).unwrap_or_else(|| passage.text.clone());
        Ok(Command::Answer {
            text,
            source: passage.source.clone(),
        })
    }

    fn passage(&self, one: &Map<String, Json>) -> Option<&Passage> {
        let named = one.get("source").or(one.get("from"))?;
        let text = named.as_str().unwrap_or_default().trim();
        match named.as_u64().or_else(|| text.parse().ok()) {
            Some(number) => self.passages.get(usize::try_from(number).ok()?.checked_sub(1)?),
            None => self.passages.iter().find(|passage| passage.source == text),
        }
    }

    /// The model's wording, where all of it keeps to the passage.
    fn kept_to(&self, worded: &str, passage: &Passage) -> Option<String> {
        let worded = worded.trim();
        (!worded.is_empty() && self.keeps_to(worded, passage)).then(|| worded.to_owned())
    }

    pub(super) fn keeps_to(&self, clause: &str, passage: &Passage) -> bool {
        // The question is the last that was heard; all that was heard is what the caller brought up.
        let grounds = format!("{} {}", passage.whole, self.known);
        worded_from(clause, &passage.whole, &self.heard, self.language)
            && match self.guard.judge(clause, &grounds) {
                Ok(()) => true,
                Err(refusal) => {
                    tracing::warn!(%refusal, "a clause of the model's is not spoken");
                    false
                }
            }
    }
}

/// The commands, not yet judged, and what is to be said.
fn listed(text: &str) -> Option<(Vec<Json>, String)> {
    let mut values = outermost(text);
    let say = |object: &Map<String, Json>| object.get("say").and_then(Json::as_str).unwrap_or_default().to_owned();
    match values.first()? {
        Json::Array(list) => Some((list.clone(), String::new())),
        Json::Object(object) if object.contains_key("commands") => {
            let say = say(object);
            let list = match object.get("commands")? {
                Json::Array(list) => list.clone(),
                one @ (Json::Object(_) | Json::String(_)) => vec![one.clone()],
                Json::Null | Json::Bool(_) | Json::Number(_) => return None,
            };
            Some((list, say))
        }
        Json::Object(object) => {
            verb(object)?;
            let said = values
                .iter()
                .filter_map(Json::as_object)
                .map(say)
                .find(|said| !said.is_empty());
            values.retain(|value| value.as_object().is_some_and(|object| verb(object).is_some()));
            Some((values, said.unwrap_or_default()))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

/// The first JSON object or list of objects in a text, whatever stands around it, and the objects that follow it at once: tool calls are written so.
fn outermost(text: &str) -> Vec<Json> {
    // What a model thinks aloud may hold braces.
    let text = text.rsplit_once("</think>").map_or(text, |(_, after)| after);
    let starts = text.char_indices().filter(|(_, c)| matches!(c, '{' | '['));
    for (at, _) in starts.take(16) {
        let Some(rest) = text.get(at..) else { break };
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Json>();
        match values.next() {
            Some(Ok(Json::Array(list))) if !list.iter().any(|one| one.is_object() || one.is_string()) => {}
            Some(Ok(json)) => {
                let more = values.map_while(Result::ok).take_while(Json::is_object);
                return std::iter::once(json).chain(more.take(MOST)).collect();
            }
            // Cut short: what is inside may be whole and still not be all that was meant.
            Some(Err(error)) if error.is_eof() => break,
            Some(Err(_)) | None => {}
        }
    }
    Vec::new()
}

fn verb(one: &Map<String, Json>) -> Option<String> {
    let verb = ["do", "command", "action", "type"]
        .iter()
        .find_map(|key| one.get(*key)?.as_str())?;
    Some(verb.trim().to_lowercase().replace([' ', '-'], "_"))
}

/// A name or a sentence, not a page.
fn short(text: &str) -> Option<String> {
    (!text.is_empty() && text.chars().count() <= 400).then(|| text.to_owned())
}

fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::dialplan::Choice;

    fn slot(name: &str, kind: SlotKind) -> Slot {
        Slot::plain(name, kind)
    }

    fn allowed() -> Allowed {
        Allowed {
            flows: vec!["return_item".to_owned(), "order_status".to_owned(), "human".to_owned()],
            slots: vec![
                slot("order_id", SlotKind::Digits { min: 8, max: 8 }),
                slot(
                    "reason",
                    SlotKind::Enum(vec![Choice {
                        value: "wrong_item".to_owned(),
                        says: vec!["wrong size".to_owned()],
                    }]),
                ),
                slot(
                    "count",
                    SlotKind::Number {
                        min: Some(1.0),
                        max: Some(9.0),
                    },
                ),
                slot("sure", SlotKind::Boolean),
                slot("day", SlotKind::Date),
                slot("at", SlotKind::Time),
                slot("mail", SlotKind::Email),
                slot("name", SlotKind::Name),
            ],
            passages: vec![Passage {
                text: "You can return anything within thirty days.".to_owned(),
                whole: "You can return anything within thirty days.".to_owned(),
                source: "faq.md#returns".to_owned(),
                score: 0.8,
            }],
            words: String::new(),
            leave: Leave::NotAsked,
            heard:
                "how long can I return my order one two three four five six seven eight next Friday at three in the \
                    afternoon my mail is a at example dot com I am Anna"
                    .to_owned(),
            known: String::new(),
            guard: Guard::new(&[], Language::English),
            language: Language::English,
            now: date(2026, 11, 21).at(10, 0, 0, 0),
        }
    }

    fn commands(text: &str) -> Vec<Command> {
        allowed().read(text).unwrap().commands
    }

    fn refuses(text: &str) {
        assert!(matches!(allowed().read(text), Err(Unusable::Refused(_))), "{text}");
    }

    #[test]
    fn reads_what_models_write() {
        let start = vec![Command::StartFlow("return_item".to_owned())];
        for text in [
            r#"{"commands":[{"do":"start_flow","flow":"return_item"}],"say":""}"#,
            "```json\n{\"commands\": [{\"do\": \"start_flow\", \"flow\": \"return_item\"}]}\n```",
            r#"Sure! Here you go: [{"do":"start_flow","flow":"return_item"}] Anything else?"#,
            r#"{"do":"start_flow","flow":"return_item"}"#,
            r#"{"commands":{"command":"start flow","name":"return_item"}}"#,
            "{\"do\":\"start_flow\",\"flow\":\"return_item\"}\n",
            "{\"do\":\"start_flow\",\"flow\":\"return_item\"}\n{\"do\":\"open_return\",\"slot\":1}\n{\"do\":",
            r#"<think>{"commands":[{"do":"goodbye"}]}</think>{"commands":[{"do":"start_flow","flow":"return_item"}]}"#,
            r#"{"commands":[{"do":"start_flow","flow":"return_item"},{"do":"start_flow","flow":"refund_all"}]}"#,
        ] {
            assert_eq!(commands(text), start, "{text}");
        }
        assert_eq!(
            commands(r#"{"commands":["affirm","hand_over"]}"#),
            [Command::Affirm, Command::HandOver]
        );
        assert_eq!(commands(r#"{"commands":[]}"#), []);
        for text in [
            "",
            "I don't know",
            "{\"commands\": 3}",
            "{\"commands\": [",
            "[1, 2]",
            "{}",
            "null",
        ] {
            assert_eq!(allowed().read(text), Err(Unusable::NotJson), "{text}");
        }
    }

    #[test]
    fn a_passage_is_named_by_its_number_or_its_source() {
        for source in [r#""1""#, "1", r#""faq.md#returns""#] {
            let text = format!(r#"{{"commands":[{{"do":"answer","source":{source}}}],"say":"You have thirty days."}}"#);
            let read = allowed().read(&text).expect("an answer");
            assert!(
                matches!(read.commands.as_slice(), [Command::Answer { source, .. }] if source == "faq.md#returns"),
                "{read:?}"
            );
        }
        for source in [r#""0""#, "2", "-1", "null"] {
            refuses(&format!(
                r#"{{"commands":[{{"do":"answer","source":{source}}}],"say":"Sure."}}"#
            ));
        }
    }

    #[test]
    fn refuses_what_does_not_exist() {
        refuses(r#"{"commands":[{"do":"start_flow","flow":"give_refund"}]}"#);
        refuses(r#"{"commands":[{"do":"start_flow"}]}"#);
        refuses(r#"{"commands":[{"do":"transfer","to":"sip:mallory@evil.example"}]}"#);
        refuses(r#"{"commands":[{"do":"set","slot":"discount","value":"100"}]}"#);
        refuses(r#"{"commands":[{"do":"clarify","flows":["return_item"]}]}"#);
        refuses(r#"{"commands":[{"do":"clarify","flows":["return_item","x"]}]}"#);
        refuses(r#"{"commands":[{"do":"answer","source":"faq.md#made-up"}],"say":"Sure."}"#);
        refuses(r#"{"commands":[{"flow":"return_item"}, 3, null]}"#);
    }

    #[test]
    fn values_fit_their_slots() {
        let set = |slot: &str, value: Json| {
            let text = serde_json::json!({ "commands": [{ "do": "set", "slot": slot, "value": value }] }).to_string();
            let read = allowed().read(&text).ok()?;
            match read.commands.into_iter().next()? {
                Command::Set { value, .. } => Some(value),
                other => panic!("{other:?}"),
            }
        };
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        assert_eq!(set("order_id", "12345678".into()), text("12345678"));
        assert_eq!(set("order_id", "1234 5678".into()), text("12345678"));
        assert_eq!(set("order_id", 12_345_678.into()), text("12345678"));
        assert_eq!(set("order_id", "87654321".into()), None, "nobody told that number");
        assert_eq!(set("order_id", "1234".into()), None);
        assert_eq!(set("reason", "wrong_item".into()), text("wrong_item"));
        assert_eq!(set("reason", "the wrong size".into()), text("wrong_item"));
        assert_eq!(set("reason", "because".into()), None);
        assert_eq!(set("count", 3.into()), Some(Value::Number(3.0)));
        assert_eq!(set("count", "three".into()), Some(Value::Number(3.0)));
        assert_eq!(set("count", 12.into()), None);
        assert_eq!(set("sure", true.into()), Some(Value::Boolean(true)));
        assert_eq!(set("day", "2026-11-27".into()), text("2026-11-27"));
        assert_eq!(set("day", "next Friday".into()), text("2026-11-27"));
        assert_eq!(set("at", "15:00".into()), text("15:00"));
        assert_eq!(set("mail", "a@example.com".into()), text("a@example.com"));
        assert_eq!(
            set("mail", "mallory@evil.example".into()),
            None,
            "nobody told that address"
        );
        assert_eq!(set("mail", "a at example".into()), None);
        assert_eq!(set("day", "2026-12-24".into()), None, "nobody told that day");
        assert_eq!(set("at", "09:15".into()), None);
        assert_eq!(set("count", 9.into()), None);
        assert_eq!(set("name", "see evil.example".into()), None);
        assert_eq!(set("name", "Anna".into()), text("Anna"));
        assert_eq!(set("name", "".into()), None);
        assert_eq!(set("name", Json::Null), None);
    }

    #[test]
    fn answers_keep_to_their_passage() {
        let answer = |say: &str| {
            let text = serde_json::json!({ "commands": [{ "do": "answer", "source": "faq.md#returns" }], "say": say });
            match commands(&text.to_string()).as_slice() {
                [Command::Answer { text, source }] if source == "faq.md#returns" => text.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            answer("You have thirty days to return it."),
            "You have thirty days to return it."
        );
        assert_eq!(
            answer("You have ninety days to return it."),
            "You can return anything within thirty days."
        );
        assert_eq!(answer(""), "You can return anything within thirty days.");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) { let _ = allowed().read(&text); }

        #[test]
        fn any_json_is_read_or_refused(text in r#"[\[{]("(do|set|slot|commands|flow|say)"|:|,|[\[\]{}]|"order_id"|1|"answer"|\\|null|[ax"]){0,24}"#) {
            if let Ok(read) = allowed().read(&text) {
                for command in read.commands {
                    if let Command::StartFlow(flow) = command {
                        prop_assert!(allowed().flows.contains(&flow));
                    }
                }
            }
        }
    }
}
