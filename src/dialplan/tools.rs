//! Tools, read.

use std::time::Duration;

use super::prompt::Prompt;
use super::schema::{Shape, Table, keys};
use super::slot::is_name;
use super::template::{Template, Url};
use super::tool::{Body, Effect, Json, Method, Permission, Pii, Pointer, PrivateTargets, Request, Tool, When};
use crate::document::problem::suggest;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Problems, Tree, read};

pub(super) const TOOL: Table = &[
    ("http", Shape::Text),
    ("headers", Shape::Named(&Shape::Text)),
    ("body", Shape::Any),
    ("take", Shape::Named(&Shape::Text)),
    ("sms", Shape::Prompt),
    ("email", Shape::Map(EMAIL)),
    ("to", Shape::Text),
    ("effect", Shape::OneOf(&["read", "write"])),
    ("when", Shape::OneOf(&["step", "call_start"])),
    ("timeout", Shape::Duration),
    ("retries", Shape::Count),
    ("filler", Shape::Prompt),
    ("confirm", Shape::Boolean),
    ("idempotency", Shape::Text),
    ("sets", Shape::Text),
    ("allow_private", Shape::Either(&[Shape::Boolean, Shape::Texts])),
    ("pii_ok", Shape::Boolean),
];
pub(super) const EMAIL: Table = &[("to", Shape::Text), ("subject", Shape::Prompt), ("text", Shape::Prompt)];

const METHODS: [(&str, Method); 5] = [
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];

const STANDARD_TIMEOUT: Duration = Duration::from_secs(5);

impl Tool {
    pub(super) fn read(key: &Key, node: &Node, problems: &mut Problems) -> Option<Self> {
        let what = format!("tool `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(TOOL), problems)?;
        let request = request(&fields, &what, problems);
        let effect = fields.need("effect", &what, problems);
        let effect = effect.and_then(|node| {
            read::one_of(
                node,
                "effect",
                &[("read", Effect::Read), ("write", Effect::Write)],
                problems,
            )
        });
        let when = fields.one_of(
            "when",
            &[("step", When::Step), ("call_start", When::CallStart)],
            problems,
        );
        let timeout = fields.span(
            "timeout",
            Duration::from_millis(100)..=Duration::from_secs(60),
            problems,
        );
        let idempotency = fields
            .get("idempotency")
            .and_then(|node| template(node, "idempotency", problems));
        if let (Some(key), Some(node)) = (&idempotency, fields.get("idempotency"))
            && key.secrets().next().is_some()
        {
            problems.error(
                node.place,
                "`idempotency` is sent and kept: no secret may be in it; write names of values",
            );
        }
        if effect == Some(Effect::Write) {
            writing(key, &what, &fields, when, problems);
        }
        let asked = match (effect, fields.boolean("confirm", problems)) {
            (_, Some(true)) | (Some(Effect::Write), None) => Permission::Asked,
            (_, Some(false)) | (Some(Effect::Read) | None, None) => Permission::NotNeeded,
        };
        let retries = fields.count("retries", 0..=5, problems);
        if let (Some(Effect::Write), Some(1..), Some(node)) = (effect, retries, fields.get("retries")) {
            problems.error(
                node.place,
                format!("{what} writes, and is never tried again: take `retries` out"),
            );
        }
        let sets = fields.text("sets", problems).unwrap_or_else(|| answer_name(&key.name));
        if !is_name(&sets) || ["call", "hours", "queue", "sentiment", "topic", "campaign"].contains(&sets.as_str()) {
            let place = fields.get("sets").map_or(key.place, |node| node.place);
            problems.error(
                place,
                format!("{what} cannot set `{sets}`: write `sets:` with a name that means nothing else"),
            );
        }
        Some(Self {
            name: key.name.clone(),
            request: request?,
            effect: effect?,
            when: when.unwrap_or(When::Step),
            timeout: timeout.unwrap_or(STANDARD_TIMEOUT),
            retries: match effect? {
                Effect::Read => retries.unwrap_or(1),
                Effect::Write => 0,
            },
            filler: fields
                .get("filler")
                .and_then(|node| Prompt::read(node, "filler", problems)),
            confirm: asked,
            idempotency,
            sets,
            private_targets: private(&fields, problems),
            pii: match fields.boolean("pii_ok", problems) {
                Some(true) => Pii::Allowed,
                Some(false) | None => Pii::Refused,
            },
            place: key.place,
        })
    }
}

/// What a tool that writes must say.
fn writing(key: &Key, what: &str, fields: &Fields<'_>, when: Option<When>, problems: &mut Problems) {
    if fields.get("idempotency").is_none() {
        let message = format!(
            "{what} writes and has no `idempotency`: the same thing may be done twice; write a key such as \
             `\"{{call.id}}/{{slot}}\"`"
        );
        problems.error(key.place, message);
    }
    if fields.get("confirm").is_none() {
        let message = format!(
            "{what} writes and has no `confirm`: the caller is asked first; write `confirm: true`, or `confirm: false` where \
             they have just asked for it"
        );
        problems.warn(key.place, message);
    }
    if when == Some(When::CallStart) {
        let place = fields.get("when").map_or(key.place, |node| node.place);
        problems.error(
            place,
            format!("{what} writes: nothing is written before the caller has spoken; take `when` out"),
        );
    }
}

/// The last word of a tool's name that is not `now`: `order` for `find_order`, `order_now`.
fn answer_name(tool: &str) -> String {
    let word = tool.rsplit('_').find(|word| !word.is_empty() && *word != "now");
    word.unwrap_or(tool).to_owned()
}

fn request(fields: &Fields<'_>, what: &str, problems: &mut Problems) -> Option<Request> {
    let (http, sms, email) = (fields.get("http"), fields.get("sms"), fields.get("email"));
    let kinds = [http, sms, email].into_iter().flatten().count();
    if kinds != 1 {
        let message = format!("{what} is one of `http`, `sms` and `email`; write one of them");
        problems.error(fields.place(), message);
        return None;
    }
    if http.is_none() {
        for name in ["headers", "body", "take"] {
            if let Some(node) = fields.get(name) {
                problems.error(node.place, format!("`{name}` belongs to `http`; take it out"));
            }
        }
    }
    if let (None, Some(node)) = (sms, fields.get("to")) {
        problems.error(node.place, "`to` belongs to `sms`; take it out");
    }
    if let Some(node) = sms {
        let to = match fields.get("to") {
            Some(node) => template(node, "to", problems)?,
            None => Template::parse("{caller.number}").ok()?,
        };
        let text = Prompt::read(node, "sms", problems)?;
        return Some(Request::Sms { to, text });
    }
    if let Some(node) = email {
        let fields = Fields::of(node, "`email`", &keys(EMAIL), problems)?;
        let to = fields.need("to", "`email`", problems);
        let subject = fields.need("subject", "`email`", problems);
        let text = fields.need("text", "`email`", problems);
        return Some(Request::Email {
            to: template(to?, "to", problems)?,
            subject: Prompt::read(subject?, "subject", problems)?,
            text: Prompt::read(text?, "text", problems)?,
        });
    }
    request_by_http(http?, fields, problems)
}

/// `"GET ${CRM}/orders/{order_id}"`, with `headers`, `body` and `take` beside it.
fn request_by_http(node: &Node, fields: &Fields<'_>, problems: &mut Problems) -> Option<Request> {
    let written = read::text(node, "http", problems)?;
    let Some((method, url)) = written.split_once(' ') else {
        problems.error(
            node.place,
            "`http` is a method and an address, such as `GET https://host/path/{slot}`",
        );
        return None;
    };
    let found = METHODS.iter().find(|(name, _)| *name == method);
    if found.is_none() {
        let near = suggest(method, METHODS.iter().map(|(name, _)| *name));
        problems.error(
            node.place,
            format!("`{method}` is no method of HTTP that is spoken here{near}"),
        );
    }
    let url = Url::parse(url.trim())
        .map_err(|reason| problems.error(node.place, reason))
        .ok();
    let mut headers = Vec::new();
    if let Some(node) = fields.get("headers") {
        for (key, node) in read::named(node, "headers", problems) {
            if !key
                .name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
                || key.name.is_empty()
            {
                problems.error(
                    key.place,
                    format!("`{}` is no name of a header; write one like `X-Api-Key`", key.name),
                );
            } else if FORBIDDEN_HEADERS.contains(&key.name.to_lowercase().as_str()) {
                problems.error(
                    key.place,
                    format!("`{}` is set by the program itself; take it out", key.name),
                );
            } else if let Some(template) = template(node, &key.name, problems) {
                headers.push((key.name.clone(), template));
            }
        }
    }
    let mut take = Vec::new();
    if let Some(node) = fields.get("take") {
        for (key, node) in read::named(node, "take", problems) {
            let Some(source) = read::text(node, &key.name, problems) else {
                continue;
            };
            match Pointer::parse(&source) {
                Ok(pointer) => take.push((key.name.clone(), pointer)),
                Err(reason) => problems.error(node.place, reason),
            }
        }
    }
    let &(_, method) = found?;
    let body = match (fields.get("body"), method) {
        (Some(node), Method::Get | Method::Delete) => {
            problems.error(node.place, format!("{method} has no body; take `body` out"));
            Body::None
        }
        (Some(node), Method::Post | Method::Put | Method::Patch) => Body::Json(json(node, problems)?),
        (None, Method::Post | Method::Put | Method::Patch) => Body::Slots,
        (None, Method::Get | Method::Delete) => Body::None,
    };
    Some(Request::Http {
        method,
        url: url?,
        headers,
        body,
        take,
    })
}

/// Headers that say how long a request is and where it goes.
const FORBIDDEN_HEADERS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "idempotency-key",
    "upgrade",
];

fn json(node: &Node, problems: &mut Problems) -> Option<Json> {
    Some(match &node.value {
        Tree::Null => Json::Null,
        Tree::Boolean(value) => Json::Boolean(*value),
        Tree::Number(number) => Json::Number(*number),
        Tree::Text(text) if text.is_empty() => Json::Text(Template::parse("").ok()?),
        Tree::Text(_) => Json::Text(template(node, "body", problems)?),
        Tree::List(items) => Json::List(items.iter().filter_map(|item| json(item, problems)).collect()),
        Tree::Map(entries) => Json::Map(
            entries
                .iter()
                .filter_map(|(key, node)| Some((key.name.clone(), json(node, problems)?)))
                .collect(),
        ),
    })
}

fn template(node: &Node, name: &str, problems: &mut Problems) -> Option<Template> {
    let source = read::text(node, name, problems)?;
    let template = Template::parse(&source).map_err(|reason| problems.error(node.place, reason));
    template.ok()
}

fn private(fields: &Fields<'_>, problems: &mut Problems) -> PrivateTargets {
    let Some(node) = fields.get("allow_private") else {
        return PrivateTargets::Refused;
    };
    match &node.value {
        Tree::Boolean(true) => PrivateTargets::Allowed,
        Tree::Boolean(false) => PrivateTargets::Refused,
        Tree::Null | Tree::Number(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
            PrivateTargets::Only(read::texts(node, "allow_private", problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_named_after_what_is_asked_for() {
        for (tool, name) in [
            ("find_order", "order"),
            ("order_now", "order"),
            ("open_return", "return"),
            ("crm", "crm"),
            ("now", "now"),
        ] {
            assert_eq!(answer_name(tool), name, "{tool}");
        }
    }
}
