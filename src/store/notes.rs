//! What agents note after a call, with what was drafted for them; and what is known of a caller's calls before.
//!
//! Whether a draft was accepted, edited or rejected follows from what was left of it. Notes go with their call when that is deleted.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use super::records::time;
use super::{Error, Store};

/// Characters that are kept of a draft and of a note: a page of text. The work to compare them grows with both.
const LONGEST: usize = 4_000;
/// And of a disposition.
const WORD: usize = 100;
/// Of a summary in a list.
const GLANCE: usize = 200;
/// Calls of one caller that are listed at once.
const MOST: u32 = 100;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    pub call: String,
    pub at: Timestamp,
    /// Who signed in when they wrote it.
    pub author: String,
    pub draft: String,
    /// As the agent left it.
    pub text: String,
    pub decision: Decision,
    /// Characters that were put in, taken out or replaced to make `text` of `draft` (Levenshtein).
    pub distance: usize,
    /// How the call went, in the agent's word.
    pub disposition: Option<String>,
}

/// What an agent made of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It was left as it was.
    Accepted,
    Edited,
    /// Nothing is left of it.
    Rejected,
}

/// A call of somebody who calls again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Past {
    pub call: String,
    pub at: Timestamp,
    /// The disposition of an agent, else of the plan, else how the call ended, in words.
    pub outcome: String,
    /// What an agent noted, else what the caller said at most length; may be empty.
    pub summary: String,
}

impl Decision {
    pub fn name(self) -> &'static str {
        match self {
            Decision::Accepted => "accepted",
            Decision::Edited => "edited",
            Decision::Rejected => "rejected",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Decision::Accepted, Decision::Edited, Decision::Rejected]
            .into_iter()
            .find(|decision| decision.name() == name)
    }
}

impl Note {
    /// Of call `call`, as `author` leaves it, who was given `draft`; an empty `text` rejects it. White space around them does not count. Of both
    /// 4,000 characters are kept.
    pub fn new(
        call: &str,
        at: Timestamp,
        author: &str,
        (draft, text): (&str, &str),
        disposition: Option<&str>,
    ) -> Self {
        let [draft, text] = [draft, text].map(|text| beginning(text.trim(), LONGEST));
        let decision = if text == draft {
            Decision::Accepted
        } else if text.is_empty() {
            Decision::Rejected
        } else {
            Decision::Edited
        };
        let disposition = disposition.map(|word| beginning(word.trim(), WORD));
        Self {
            call: call.to_owned(),
            at,
            author: author.to_owned(),
            distance: strsim::levenshtein(draft, text),
            decision,
            draft: draft.to_owned(),
            text: text.to_owned(),
            disposition: disposition.filter(|word| !word.is_empty()).map(str::to_owned),
        }
    }
}

impl Store {
    /// Keeps a note beside those that the call has.
    ///
    /// # Errors
    /// Where there is no such call.
    pub async fn keep_note(&self, note: &Note) -> Result<(), Error> {
        let kept = sqlx::query(
            "INSERT INTO notes (call, n, at, author, draft, text, decision, distance, disposition) \
             SELECT ?1, (SELECT COUNT(*) FROM notes WHERE call = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8",
        )
        .bind(&note.call)
        .bind(note.at.as_millisecond())
        .bind(&note.author)
        .bind(&note.draft)
        .bind(&note.text)
        .bind(note.decision.name())
        .bind(i64::try_from(note.distance).unwrap_or(i64::MAX))
        .bind(&note.disposition)
        .execute(&self.pool)
        .await;
        kept.map(drop).map_err(|e| self.wrong(e))
    }

    /// What was noted of a call, by its whole id; the oldest first.
    pub async fn notes_of(&self, call: &str) -> Result<Vec<Note>, Error> {
        read(&self.pool, call).await.map_err(|e| self.wrong(e))
    }

    /// The calls that came from `number` and are over, the newest first; at most `limit`, and 100. The number is compared as the line told it; who
    /// withholds theirs has no history.
    pub async fn history(&self, number: &str, limit: u32) -> Result<Vec<Past>, Error> {
        if !number.chars().any(|c| c.is_ascii_digit()) {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT id, began, ending, disposition, \
             (SELECT notes.disposition FROM notes WHERE notes.call = id AND notes.disposition IS NOT NULL ORDER BY n DESC LIMIT 1) AS word, \
             (SELECT text FROM notes WHERE notes.call = id AND text != '' ORDER BY n DESC LIMIT 1) AS noted, \
             (SELECT text FROM lines WHERE lines.call = id AND speaker = 'caller' AND text != '[withheld]' \
              ORDER BY length(text) DESC, n LIMIT 1) AS said \
             FROM calls WHERE caller = ? AND ended IS NOT NULL ORDER BY began DESC, rowid DESC LIMIT ?",
        )
        .bind(number)
        .bind(limit.min(MOST))
        .fetch_all(&self.pool)
        .await;
        let rows = rows.map_err(|e| self.wrong(e))?;
        rows.iter()
            .map(past)
            .collect::<Result<_, _>>()
            .map_err(|e| self.wrong(e))
    }
}

pub(super) async fn read(pool: &SqlitePool, call: &str) -> Result<Vec<Note>, sqlx::Error> {
    let rows = sqlx::query("SELECT * FROM notes WHERE call = ? ORDER BY n")
        .bind(call)
        .fetch_all(pool)
        .await?;
    rows.iter().filter_map(|row| note(row).transpose()).collect()
}

/// Nothing where a later version wrote it.
fn note(row: &SqliteRow) -> Result<Option<Note>, sqlx::Error> {
    let decision: String = row.try_get("decision")?;
    let Some(decision) = Decision::from_name(&decision) else {
        return Ok(None);
    };
    Ok(Some(Note {
        call: row.try_get("call")?,
        at: time(row.try_get("at")?),
        author: row.try_get("author")?,
        draft: row.try_get("draft")?,
        text: row.try_get("text")?,
        decision,
        distance: usize::try_from(row.try_get::<i64, _>("distance")?).unwrap_or_default(),
        disposition: row.try_get("disposition")?,
    }))
}

fn past(row: &SqliteRow) -> Result<Past, sqlx::Error> {
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let outcome = text("word")?.or(text("disposition")?).or(text("ending")?);
    let summary = text("noted")?.or(text("said")?).unwrap_or_default();
    let short = beginning(&summary, GLANCE);
    Ok(Past {
        call: row.try_get("id")?,
        at: time(row.try_get("began")?),
        outcome: outcome.unwrap_or_default(),
        summary: if short.len() < summary.len() {
            format!("{short}…")
        } else {
            summary
        },
    })
}

/// At most so many characters of it.
fn beginning(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::{Began, Ended, Line, Speaker};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    async fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
        (folder, store)
    }

    async fn begin(store: &Store, id: &str, caller: &str, ms: i64) {
        let began = Began {
            id: id.into(),
            caller: caller.into(),
            callee: "100".into(),
            plan: "p".into(),
            plan_hash: "h".into(),
            assistant: "mia".into(),
            at: at(ms),
        };
        store.begin(&began).await.expect("begun");
    }

    async fn end(store: &Store, id: &str, disposition: Option<&str>, said: &[(Speaker, &str)]) {
        let line = |(speaker, text): &(Speaker, &str)| Line {
            at: at(1),
            speaker: *speaker,
            text: (*text).to_owned(),
        };
        let ended = Ended {
            id: id.into(),
            answered: None,
            at: at(99_999),
            ending: "the caller hung up".into(),
            path: Vec::new(),
            recording: None,
            quality: None,
            lines: said.iter().map(line).collect(),
            turns: Vec::new(),
            disposition: disposition.map(str::to_owned),
            slots: BTreeMap::new(),
            acts: Vec::new(),
            gaps: Vec::new(),
        };
        store.end(&ended).await.expect("ended");
    }

    #[test]
    fn what_became_of_a_draft_follows_from_what_was_left() {
        let note = |draft, text| {
            let note = Note::new("1", at(1), "ann", (draft, text), Some(" solved "));
            assert_eq!(note.disposition.as_deref(), Some("solved"));
            (note.decision, note.distance)
        };
        assert_eq!(note("Asked: 退货", " Asked: 退货\n"), (Decision::Accepted, 0));
        assert_eq!(note("Asked: 退货", "Asked: 换货"), (Decision::Edited, 1));
        assert_eq!(note("Asked: 退货", " "), (Decision::Rejected, 9));
        assert_eq!(note("", "own words"), (Decision::Edited, 9));
        assert_eq!(note("", ""), (Decision::Accepted, 0));
        let long = "字".repeat(LONGEST + 500);
        assert_eq!(note("", &long), (Decision::Edited, LONGEST));
        let silent = Note::new("1", at(1), "ann", ("", ""), Some(" "));
        assert_eq!(silent.disposition, None);
    }

    #[tokio::test]
    async fn notes_are_kept_with_their_call_and_go_with_it() {
        let (_folder, store) = store().await;
        begin(&store, "a", "+1", 1).await;
        let notes = [
            Note::new("a", at(5), "ann", ("draft 'quoted'", "draft"), None),
            Note::new("a", at(6), "bob", ("draft", "draft"), Some("solved")),
        ];
        for note in &notes {
            store.keep_note(note).await.expect("kept");
        }
        assert_eq!(store.notes_of("a").await.expect("read"), notes);
        let record = store.show("a").await.expect("read").expect("found");
        assert_eq!(record.notes, notes);
        assert_eq!(store.notes_of("b").await.expect("read"), []);
        let nowhere = Note::new("b", at(5), "ann", ("", "text"), None);
        assert!(store.keep_note(&nowhere).await.is_err(), "there is no such call");
        sqlx::query("DELETE FROM calls WHERE id = 'a'")
            .execute(&store.pool)
            .await
            .expect("deleted");
        assert_eq!(store.notes_of("a").await.expect("read"), []);
    }

    #[tokio::test]
    async fn earlier_calls_are_found_by_their_number() {
        let (_folder, store) = store().await;
        for (n, (id, caller)) in [("a", "+1"), ("b", "+1"), ("c", "+1"), ("d", "+2"), ("e", "+1")]
            .iter()
            .enumerate()
        {
            begin(&store, id, caller, n as i64).await;
        }
        let said = [
            (Speaker::Caller, "yes"),
            (Speaker::Caller, "[withheld]"),
            (Speaker::Caller, "where is it"),
            (Speaker::Agent, "I will look for it right away"),
        ];
        end(&store, "a", None, &said).await;
        end(&store, "b", Some("answered"), &[]).await;
        end(&store, "c", Some("answered"), &said).await;
        end(&store, "d", None, &said).await;
        // `e` goes on.
        let edited = Note::new("c", at(1), "ann", ("draft", &"long ".repeat(100)), Some("refunded"));
        store.keep_note(&edited).await.expect("kept");
        let rejected = Note::new("c", at(2), "ann", ("draft", ""), None);
        store.keep_note(&rejected).await.expect("kept");
        let past = store.history("+1", 10).await.expect("read");
        let told: Vec<(&str, &str, &str)> = past
            .iter()
            .map(|past| (past.call.as_str(), past.outcome.as_str(), past.summary.as_str()))
            .collect();
        let long = format!("{}…", "long ".repeat(40));
        assert_eq!(
            told,
            [
                ("c", "refunded", long.as_str()),
                ("b", "answered", ""),
                ("a", "the caller hung up", "where is it"),
            ]
        );
        assert_eq!(store.history("+1", 1).await.expect("read").len(), 1);
        assert_eq!(store.history("anonymous", 10).await.expect("read"), []);
        assert_eq!(store.history("", 10).await.expect("read"), []);
    }
}
