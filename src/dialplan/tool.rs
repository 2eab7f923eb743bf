//! What a flow may ask other systems for or have them do: HTTP requests, text messages, e-mails.
//!
//! A [`Tool`] is what the plan says of one; a [`ToolCall`] is one use of it, with every value that it needs. Nothing here sends anything, reads
//! the environment or waits: whoever carries a call out fills [`Template`]s with secrets, and hands the answer to [`Tool::taken`].

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::Value;
use super::prompt::Prompt;
use super::template::{Template, Unfilled, Url, to_json};
use crate::document::Place;
use crate::language::Language;

#[derive(Clone, Debug)]
pub struct Tool {
    pub name: String,
    pub request: Request,
    pub effect: Effect,
    pub when: When,
    /// From 100 ms to 60 s; then it has failed. Of all attempts together.
    pub timeout: Duration,
    /// Attempts after the first; 0 for whatever writes.
    pub retries: u32,
    /// Said while it runs.
    pub filler: Option<Prompt>,
    pub confirm: Permission,
    /// The same key does the thing once. Every writing tool has one.
    pub idempotency: Option<Template>,
    /// Its answer is known under this name: `order` for `order.status`.
    pub sets: String,
    pub private_targets: PrivateTargets,
    /// Whether slots with `pii: true` may be sent.
    pub pii: Pii,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub enum Request {
    Http {
        method: Method,
        url: Url,
        /// Names are valid header names.
        headers: Vec<(String, Template)>,
        body: Body,
        /// What is kept of the answer, and where it stands there; empty: all its scalars.
        take: Vec<(String, Pointer)>,
    },
    Sms {
        /// A telephone number; `{caller.number}` unless the plan says otherwise.
        to: Template,
        text: Prompt,
    },
    Email {
        to: Template,
        subject: Prompt,
        text: Prompt,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// May be done again.
    Read,
    /// Is done once.
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Where a `tool` step names it.
    Step,
    /// Before the call is routed.
    CallStart,
}

/// Whether the caller is asked before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Asked,
    NotNeeded,
}

/// Whether the request may go to loopback, private, link-local and other addresses that are not of the public network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateTargets {
    Refused,
    Allowed,
    /// Only these hosts, as they stand in the address.
    Only(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pii {
    Refused,
    Allowed,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    None,
    /// What the flow under way has collected: [`ToolCall::slots`].
    Slots,
    Json(Json),
}

/// A JSON value with places for values in its texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Boolean(bool),
    Number(f64),
    Text(Template),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

/// A place in a JSON value: `/items/0/title` (RFC 6901) or `items.0.title`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

/// One use of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Its name in the plan.
    pub tool: String,
    /// Every value that its templates name and that has one.
    pub values: BTreeMap<String, Value>,
    /// What the flow under way has collected; personal values only where the tool may have them.
    pub slots: BTreeMap<String, Value>,
    /// The words of a text message or e-mail, in the language of the call.
    pub message: Option<Message>,
    /// Of a tool that has one, where all its values are known. A walk gives no writing tool away without.
    pub idempotency: Option<String>,
    /// Said while it runs.
    pub filler: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Empty for a text message.
    pub subject: String,
    pub text: String,
}

/// How much of an answer is kept.
const MOST_VALUES: usize = 256;
const LONGEST_VALUE: usize = 2000;
const DEEPEST: usize = 8;

impl Tool {
    /// One use of it, with what `known` says of the names that it has.
    pub(super) fn call(
        &self,
        known: &impl Fn(&str) -> Value,
        slots: BTreeMap<String, Value>,
        language: Language,
    ) -> ToolCall {
        let values = self.names().into_iter().map(|name| (name.to_owned(), known(name)));
        let words = |prompt: &Prompt| prompt.say(language, known);
        ToolCall {
            tool: self.name.clone(),
            values: values.filter(|(_, value)| *value != Value::Null).collect(),
            slots,
            message: match &self.request {
                Request::Http { .. } => None,
                Request::Sms { text, .. } => Some(Message {
                    subject: String::new(),
                    text: words(text),
                }),
                Request::Email { subject, text, .. } => Some(Message {
                    subject: words(subject),
                    text: words(text),
                }),
            },
            idempotency: self
                .idempotency
                .as_ref()
                .and_then(|key| key.line(&|_| None, known).ok()),
            filler: self.filler.as_ref().map(words).filter(|words| !words.trim().is_empty()),
        }
    }

    /// The names of all values that it sends or that its words name.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.sent();
        names.extend(self.filler.iter().flat_map(Prompt::names));
        names.extend(self.idempotency.iter().flat_map(Template::names));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names of all values that leave this program with it.
    pub fn sent(&self) -> Vec<&str> {
        match &self.request {
            Request::Http { url, headers, body, .. } => {
                let mut names: Vec<&str> = url.template().names().collect();
                names.extend(headers.iter().flat_map(|(_, template)| template.names()));
                if let Body::Json(json) = body {
                    json.each(&mut |template| names.extend(template.names()));
                }
                names
            }
            Request::Sms { to, text } => to.names().chain(text.names()).collect(),
            Request::Email { to, subject, text } => to.names().chain(subject.names()).chain(text.names()).collect(),
        }
    }

    /// The environment variables that it needs.
    pub fn secrets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.request {
            Request::Http { url, headers, body, .. } => {
                let mut names: Vec<&str> = url.template().secrets().collect();
                names.extend(headers.iter().flat_map(|(_, template)| template.secrets()));
                if let Body::Json(json) = body {
                    json.each(&mut |template| names.extend(template.secrets()));
                }
                names
            }
            Request::Sms { to, .. } | Request::Email { to, .. } => to.secrets().collect(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What is kept of an answer, by dotted names below [`Tool::sets`]. What the answer does not have is not there.
    pub fn taken(&self, answer: &serde_json::Value) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        match &self.request {
            Request::Http { take, .. } if !take.is_empty() => {
                for (name, pointer) in take {
                    if let Some(value) = pointer.find(answer).and_then(scalar) {
                        values.insert(name.clone(), value);
                    }
                }
            }
            Request::Http { .. } | Request::Sms { .. } | Request::Email { .. } => {
                flatten(answer, "", DEEPEST, &mut values);
            }
        }
        values
    }
}

impl Body {
    /// The body of `call`; `None` where there is none. Do not log it: secrets may be in it.
    pub fn fill(
        &self,
        call: &ToolCall,
        secret: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<serde_json::Value>, Unfilled> {
        match self {
            Body::None => Ok(None),
            Body::Slots => {
                let slots = call.slots.iter().map(|(name, value)| (name.clone(), to_json(value)));
                Ok(Some(serde_json::Value::Object(slots.collect())))
            }
            Body::Json(json) => json.fill(secret, &|name| call.value(name)).map(Some),
        }
    }
}

impl ToolCall {
    /// [`Value::Null`] where it has none.
    pub fn value(&self, name: &str) -> Value {
        self.values.get(name).cloned().unwrap_or(Value::Null)
    }
}

impl Json {
    fn each<'a>(&'a self, see: &mut impl FnMut(&'a Template)) {
        match self {
            Json::Text(template) => see(template),
            Json::List(items) => items.iter().for_each(|item| item.each(see)),
            Json::Map(entries) => entries.iter().for_each(|(_, item)| item.each(see)),
            Json::Null | Json::Boolean(_) | Json::Number(_) => {}
        }
    }

    fn fill(
        &self,
        secret: &impl Fn(&str) -> Option<String>,
        value: &impl Fn(&str) -> Value,
    ) -> Result<serde_json::Value, Unfilled> {
        Ok(match self {
            Json::Null => serde_json::Value::Null,
            Json::Boolean(value) => (*value).into(),
            Json::Number(number) => to_json(&Value::Number(*number)),
            Json::Text(template) => template.json(secret, value)?,
            Json::List(items) => items
                .iter()
                .map(|item| item.fill(secret, value))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Json::Map(entries) => {
                let filled = entries
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), item.fill(secret, value)?)));
                serde_json::Value::Object(filled.collect::<Result<_, Unfilled>>()?)
            }
        })
    }
}

impl Pointer {
    /// Parses `/items/0/title` or `items.0.title`.
    pub fn parse(source: &str) -> Result<Self, String> {
        let steps: Vec<String> = match source.strip_prefix('/') {
            Some(rest) => rest
                .split('/')
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect(),
            None => source.split('.').map(str::to_owned).collect(),
        };
        if steps.iter().any(String::is_empty) || steps.len() > DEEPEST {
            return Err(format!(
                "`{source}` is no place in an answer; write `/items/0/title` or `items.0.title`"
            ));
        }
        Ok(Self(steps))
    }

    pub fn find<'a>(&self, answer: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        self.0.iter().try_fold(answer, |value, step| match value {
            serde_json::Value::Object(entries) => entries.get(step),
            serde_json::Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        })
    }
}

fn scalar(value: &serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::Bool(value) => Some(Value::Boolean(*value)),
        serde_json::Value::Number(number) => number.as_f64().map(Value::Number),
        serde_json::Value::String(text) => Some(Value::Text(text.chars().take(LONGEST_VALUE).collect())),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

fn flatten(value: &serde_json::Value, path: &str, depth: usize, values: &mut BTreeMap<String, Value>) {
    if values.len() >= MOST_VALUES || depth == 0 {
        return;
    }
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        serde_json::Value::Object(entries) => {
            entries
                .iter()
                .for_each(|(name, value)| flatten(value, &below(name), depth - 1, values));
        }
        serde_json::Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, value)| flatten(value, &below(&at.to_string()), depth - 1, values));
        }
        scalars => {
            if let Some(value) = scalar(scalars).filter(|_| !path.is_empty()) {
                values.insert(path.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(take: &[(&str, &str)]) -> Tool {
        let take = take
            .iter()
            .map(|(name, at)| ((*name).to_owned(), Pointer::parse(at).expect(at)));
        Tool {
            name: "find_order".into(),
            request: Request::Http {
                method: Method::Post,
                url: Url::parse("${CRM}/orders/{order_id}").expect("a URL"),
                headers: vec![("X".into(), Template::parse("${KEY} {call.id}").expect("a line"))],
                body: Body::Json(Json::Map(vec![
                    ("n".into(), Json::Text(Template::parse("{n}").expect("a text"))),
                    (
                        "list".into(),
                        Json::List(vec![Json::Number(1.0), Json::Null, Json::Boolean(true)]),
                    ),
                ])),
                take: take.collect(),
            },
            effect: Effect::Read,
            when: When::Step,
            timeout: Duration::from_secs(2),
            retries: 1,
            filler: None,
            confirm: Permission::NotNeeded,
            idempotency: None,
            sets: "order".into(),
            private_targets: PrivateTargets::Refused,
            pii: Pii::Refused,
            place: Place::default(),
        }
    }

    #[test]
    fn tells_what_it_sends_and_needs() {
        let tool = tool(&[]);
        assert_eq!(tool.names(), ["call.id", "n", "order_id"]);
        assert_eq!(tool.secrets(), ["CRM", "KEY"]);
    }

    #[test]
    fn an_answer_is_taken_whole_or_in_part() {
        let answer = serde_json::json!({"a": {"b": [1, {"c": "x"}]}, "paid": true, "none": null});
        let all = tool(&[]).taken(&answer);
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.b.0", "a.b.1.c", "paid"]);
        let some = tool(&[("c", "/a/b/1/c"), ("n", "a.b.0"), ("nothing", "a.z"), ("list", "a.b")]).taken(&answer);
        assert_eq!(
            some,
            BTreeMap::from([("c".into(), Value::Text("x".into())), ("n".into(), Value::Number(1.0))])
        );
        assert!(tool(&[]).taken(&serde_json::json!([])).is_empty());
    }

    #[test]
    fn a_body_keeps_types_and_its_slots_are_those_of_the_flow() {
        let call = ToolCall {
            tool: "find_order".into(),
            values: BTreeMap::from([("n".into(), Value::Number(3.0))]),
            slots: BTreeMap::from([("reason".into(), Value::Text("damaged".into()))]),
            message: None,
            idempotency: None,
            filler: None,
        };
        let Request::Http { body, .. } = tool(&[]).request else {
            panic!()
        };
        let none = |_: &str| None;
        assert_eq!(
            body.fill(&call, &none),
            Ok(Some(serde_json::json!({"n": 3, "list": [1, null, true]})))
        );
        assert_eq!(
            Body::Slots.fill(&call, &none),
            Ok(Some(serde_json::json!({"reason": "damaged"})))
        );
        assert_eq!(Body::None.fill(&call, &none), Ok(None));
    }
}
