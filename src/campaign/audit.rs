//! The record of what campaigns did and why, in which nothing can be changed unseen.
//!
//! Each entry has the hash of the one before it, so whoever changes one must change all that follow. That the last ones are gone only a [`Head`] shows that
//! was kept elsewhere. It knows no store.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// As it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps.
    pub n: u64,
    /// To the millisecond.
    pub at: Timestamp,
    /// JSON, with the keys of its objects in order.
    pub what: String,
    /// The hash of the entry before; of the first, 64 zeros.
    pub previous: String,
    /// SHA-256 of the entry's [`Entry::line`], in small hexadecimal digits.
    pub hash: String,
}

/// The end of a chain: enough to know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub n: u64,
    pub hash: String,
}

/// Where a chain is broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub n: u64,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An entry before it is missing, or stands twice.
    Gap,
    /// It does not follow from the one before it.
    Unchained,
    /// Its own words are not those that were sealed.
    Changed,
    /// The chain ends before what was kept of it.
    Short,
    /// The entry that was kept is another one.
    Rewritten,
}

/// What the first entry has for a hash before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Entry {
    /// As it is sealed and handed out: one line of JSON, whose SHA-256 anybody's tools can tell.
    pub fn line(&self) -> String {
        let Self {
            n, at, what, previous, ..
        } = self;
        format!(
            r#"{{"n":{n},"at":{},"previous":"{previous}","what":{what}}}"#,
            at.as_millisecond()
        )
    }

    pub fn head(&self) -> Head {
        Head {
            n: self.n,
            hash: self.hash.clone(),
        }
    }
}

/// The entry that follows `previous`, or the first.
pub fn seal(previous: Option<&Head>, at: Timestamp, what: &Value) -> Entry {
    let mut entry = Entry {
        n: previous.map_or(1, |head| head.n.saturating_add(1)),
        at: Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at),
        what: canonical(what),
        previous: previous.map_or_else(|| NOTHING.to_owned(), |head| head.hash.clone()),
        hash: String::new(),
    };
    entry.hash = hash(&entry.line());
    entry
}

/// The end of a chain that is whole; none of an empty one. `kept` is an end that it had once.
///
/// # Errors
/// The first place where it is broken.
pub fn verify(entries: impl IntoIterator<Item = Entry>, kept: Option<&Head>) -> Result<Option<Head>, Broken> {
    let mut last: Option<Head> = None;
    for entry in entries {
        let broken = |why| Err(Broken { n: entry.n, why });
        let (n, previous) = match &last {
            Some(head) => (head.n.saturating_add(1), head.hash.as_str()),
            None => (1, NOTHING),
        };
        if entry.n != n {
            return broken(Why::Gap);
        }
        if entry.previous != previous {
            return broken(Why::Unchained);
        }
        if entry.hash != hash(&entry.line()) {
            return broken(Why::Changed);
        }
        if kept.is_some_and(|kept| kept.n == n && kept.hash != entry.hash) {
            return broken(Why::Rewritten);
        }
        last = Some(entry.head());
    }
    let end = last.as_ref().map_or(0, |head| head.n);
    match kept {
        Some(kept) if kept.n > end => Err(Broken {
            n: end,
            why: Why::Short,
        }),
        Some(_) | None => Ok(last),
    }
}

fn hash(line: &str) -> String {
    format!("{:x}", Sha256::digest(line.as_bytes()))
}

/// JSON without spaces, the keys of objects in order, whatever the map keeps them in.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            let entries = entries.into_iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// `12:9f86d081…`, to be kept elsewhere.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.n, self.hash)
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.trim().split_once(':');
        let head = parts.and_then(|(n, hash)| Some((n.parse().ok().filter(|n| *n > 0)?, hash)));
        match head {
            Some((n, hash)) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(Self {
                n,
                hash: hash.to_ascii_lowercase(),
            }),
            _ => Err(format!(
                "`{text}` is no end of an audit record; it looks like 12:9f86d0… with 64 digits"
            )),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.n;
        match self.why {
            Why::Gap => write!(f, "before entry {n} at least one is missing, or it stands twice"),
            Why::Unchained => write!(f, "entry {n} does not follow from the one before it"),
            Why::Changed => write!(f, "entry {n} was changed"),
            Why::Short => write!(f, "entries after {n} are missing: what was kept is further on"),
            Why::Rewritten => write!(f, "entry {n} is not the one that was kept: the record was written anew"),
        }
    }
}

impl std::error::Error for Broken {}
