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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn chain(length: u64) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for n in 0..length {
            let at = Timestamp::from_millisecond(1_795_000_000_123 + n as i64).expect("a time");
            let what = json!({"what": "dial", "contact": n, "allowed": n % 3 == 0, "told": "it's \"late\"\n"});
            let head = entries.last().map(Entry::head);
            entries.push(seal(head.as_ref(), at, &what));
        }
        entries
    }

    fn broken(entries: Vec<Entry>, kept: Option<&Head>) -> (u64, Why) {
        let Broken { n, why } = verify(entries, kept).expect_err("broken");
        (n, why)
    }

    #[test]
    fn a_chain_is_whole_until_it_is_touched() {
        let whole = chain(9);
        let end = whole[8].head();
        assert_eq!(verify(whole.clone(), None), Ok(Some(end.clone())));
        assert_eq!(verify(whole.clone(), Some(&whole[4].head())), Ok(Some(end.clone())));
        assert_eq!(verify([], None), Ok(None));

        let mut changed = whole.clone();
        changed[4].what = changed[4].what.replace("false", "true");
        assert_eq!(broken(changed, None), (5, Why::Changed));
        let mut sealed_again = whole.clone();
        sealed_again[4].what = sealed_again[4].what.replace("false", "true");
        sealed_again[4].hash = hash(&sealed_again[4].line());
        assert_eq!(broken(sealed_again, None), (6, Why::Unchained));
        let mut moved = whole.clone();
        moved[3].at = moved[4].at;
        assert_eq!(broken(moved, None), (4, Why::Changed));
        let mut without = whole.clone();
        without.remove(3);
        assert_eq!(broken(without, None), (5, Why::Gap));
        let mut swapped = whole.clone();
        swapped.swap(3, 4);
        assert_eq!(broken(swapped, None), (5, Why::Gap));
        assert_eq!(broken(whole[1..].to_vec(), None), (2, Why::Gap));
    }

    #[test]
    fn an_end_that_was_kept_shows_what_is_gone_and_what_was_written_anew() {
        let whole = chain(9);
        let end = whole[8].head();
        assert_eq!(broken(whole[..7].to_vec(), Some(&end)), (7, Why::Short));
        assert_eq!(broken(Vec::new(), Some(&end)), (0, Why::Short));
        let other = seal(None, Timestamp::UNIX_EPOCH, &json!("forged"));
        let forged = std::iter::successors(Some(other), |entry| {
            Some(seal(Some(&entry.head()), entry.at, &json!("forged")))
        });
        let forged: Vec<Entry> = forged.take(12).collect();
        assert!(verify(forged.clone(), None).is_ok(), "nobody can tell");
        assert_eq!(broken(forged, Some(&end)), (9, Why::Rewritten));
    }

    #[test]
    fn an_end_is_written_and_read() {
        let end = chain(2)[1].head();
        assert_eq!(end.to_string().parse(), Ok(end.clone()));
        assert_eq!(format!(" {end}\n").to_uppercase().parse(), Ok(end));
        for wrong in ["", "2", "2:", "0:", ":abc", "2:abc", "x:00"] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
        assert!(format!("0:{NOTHING}").parse::<Head>().is_err());
    }

    #[test]
    fn a_line_is_json_that_anybody_can_hash() {
        let what = json!({"z": [1, {"b": null, "a": "ü"}], "a": 1.5});
        let entry = seal(None, "2026-11-22T10:00:00.1234Z".parse().expect("a time"), &what);
        assert_eq!(
            entry.line(),
            format!(
                r#"{{"n":1,"at":1795341600123,"previous":"{NOTHING}","what":{{"a":1.5,"z":[1,{{"a":"ü","b":null}}]}}}}"#
            )
        );
        let read: Value = serde_json::from_str(&entry.line()).expect("JSON");
        assert_eq!(read["what"], what);
        // As `printf '%s' LINE | sha256sum` has it.
        assert_eq!(
            entry.hash,
            "b1f59aa120af5e6acf3a0aef049f320842828003d7bed2389a415d5ab776f480"
        );
    }

    proptest! {
        #[test]
        fn any_change_of_a_line_is_seen(at in 0usize..6, byte in any::<prop::sample::Index>(), to in 32u8..127) {
            let mut entries = chain(6);
            let mut what = entries[at].what.clone().into_bytes();
            let byte = byte.index(what.len());
            prop_assume!(what[byte] != to);
            what[byte] = to;
            entries[at].what = String::from_utf8(what).expect("ASCII");
            prop_assert_eq!(broken(entries, None), (at as u64 + 1, Why::Changed));
        }
    }
}
