//! `api`: which programs may ask this one for something, and for what.

use super::Reader;
use crate::dialogue::model::Secret;
use crate::document::{Fields, Node, read};

/// What a program proves who it is with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What the log calls it.
    pub name: String,
    pub key: Secret,
    pub may: Vec<May>,
}

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// See campaigns and what comes of them.
    Read,
    /// Add contacts.
    Contacts,
    /// Start, pause, resume and stop campaigns.
    Command,
    /// Add numbers that are never called.
    DoNotCall,
}

const POWERS: [(&str, May); 4] = [
    ("read", May::Read),
    ("contacts", May::Contacts),
    ("command", May::Command),
    ("do_not_call", May::DoNotCall),
];

impl May {
    /// As it is written: `do_not_call`.
    pub fn name(self) -> &'static str {
        let known = POWERS.iter().find(|(_, own)| *own == self);
        known.map_or("", |(name, _)| name)
    }
}

/// Letters of a key: nobody tries 2^128 of them.
const SHORTEST: usize = 32;

/// Of the whole configuration.
pub(super) fn read(all: &Fields<'_>, reader: &mut Reader<'_>) -> Vec<ApiKey> {
    let fields = all.get("api").and_then(|node| {
        needs_web(all, node, "api", reader);
        Fields::of(node, "`api`", &["keys"], reader.problems)
    });
    let node = fields.and_then(|fields| fields.need("keys", "`api`", reader.problems));
    node.map(|node| keys(node, reader)).unwrap_or_default()
}

/// What is asked for over HTTP comes to where people sign in.
pub(super) fn needs_web(all: &Fields<'_>, node: &Node, what: &str, reader: &mut Reader<'_>) {
    if all.get("web").is_none() {
        let message = format!("`{what}` needs `web`, whose address is asked; write `web: {{}}` for 127.0.0.1:8080");
        reader.problems.error(node.place, message);
    }
}

fn keys(node: &Node, reader: &mut Reader<'_>) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = Vec::new();
    for node in read::list(node, "keys", reader.problems) {
        let Some(key) = key(node, reader) else { continue };
        let same = |other: &&ApiKey| other.name == key.name || other.key == key.key;
        if let Some(other) = keys.iter().find(same) {
            let message = format!(
                "the keys `{}` and `{}` should differ in `name` and `key`: what each did is told apart by them",
                other.name, key.name
            );
            reader.problems.error(node.place, message);
        }
        keys.push(key);
    }
    keys
}

fn key(node: &Node, reader: &mut Reader<'_>) -> Option<ApiKey> {
    let fields = Fields::of(node, "a key", &["name", "key", "may"], reader.problems)?;
    for name in ["name", "key", "may"] {
        fields.need(name, "a key", reader.problems);
    }
    let name = fields.text("name", reader.problems);
    let may = fields.some_of("may", &POWERS, reader.problems);
    let key = fields.text("key", reader.problems)?;
    let key = reader.secret(&key, fields.place());
    if (1..SHORTEST).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "a key should have {SHORTEST} letters or more, none of them a space; `openssl rand -hex 32` draws one"
        );
        reader.problems.error(fields.place(), message);
    }
    Some(ApiKey {
        name: name?,
        key: Secret::new(key),
        may,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_key_is_good_for_what_it_says() {
        assert!(parse("web: {}").expect("a configuration").api.is_empty());
        let text = format!("web: {{}}\napi: {{keys: [{{name: shop, key: {LONG}, may: [contacts, do_not_call]}}]}}");
        let keys = parse(&text).expect("a configuration").api;
        let key = ApiKey {
            name: "shop".into(),
            key: Secret::new(LONG),
            may: vec![May::Contacts, May::DoNotCall],
        };
        assert!(!format!("{keys:?}").contains(LONG), "it is not shown");
        assert_eq!(keys, [key]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let one = format!("{{name: a, key: {LONG}, may: read}}");
        for (keys, told) in [
            ("{name: a, key: short, may: read}".to_owned(), "32 letters or more"),
            (
                format!("{{name: a, key: \"{LONG} \\n\", may: read}}"),
                "none of them a space",
            ),
            (format!("{{name: a, key: {LONG}}}"), "needs `may`"),
            (format!("{{name: a, key: {LONG}, may: write}}"), "`may` is `write`"),
            ("{name: a, key: \"${NOWHERE}\", may: read}".to_owned(), "`NOWHERE`"),
            (format!("{one}, {one}"), "should differ"),
        ] {
            let problems = parse(&format!("web: {{}}\napi: {{keys: [{keys}]}}\n")).expect_err(&keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
        let problems = parse(&format!("api: {{keys: [{one}]}}")).expect_err("nowhere to ask");
        assert!(problems[0].contains("needs `web`"), "{problems:?}");
    }
}
