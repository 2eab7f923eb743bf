//! Calls as rows: written when they begin and when they end, read by `offhook calls`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::acts::{self, Act};
use super::{Callback, Error, Gap, Note, Quality, Store, callbacks, gaps, notes};

/// Known when the phone rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Began {
    pub id: String,
    pub caller: String,
    pub callee: String,
    pub plan: String,
    pub plan_hash: String,
    pub assistant: String,
    pub at: Timestamp,
}

/// Known when it is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ended {
    pub id: String,
    pub answered: Option<Timestamp>,
    pub at: Timestamp,
    /// Why, in words.
    pub ending: String,
    /// The flows that the call went through, in order.
    pub path: Vec<String>,
    /// How it went, in the plan's word.
    pub disposition: Option<String>,
    /// What was collected, as it may be kept.
    pub slots: BTreeMap<String, String>,
    pub recording: Option<String>,
    /// Absent where no sound was agreed on.
    pub quality: Option<Quality>,
    pub lines: Vec<Line>,
    pub turns: Vec<TurnTimes>,
    pub acts: Vec<Act>,
    /// Questions that had no answer.
    pub gaps: Vec<Gap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    Caller,
    Bot,
    /// A person who had the call.
    Agent,
    /// Not said: a key, a transfer, a problem.
    Event,
}

impl Speaker {
    pub fn name(self) -> &'static str {
        match self {
            Speaker::Caller => "caller",
            Speaker::Bot => "bot",
            Speaker::Agent => "agent",
            Speaker::Event => "event",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "caller" => Speaker::Caller,
            "bot" => Speaker::Bot,
            "agent" => Speaker::Agent,
            _ => Speaker::Event,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub at: Timestamp,
    pub speaker: Speaker,
    pub text: String,
}

/// What a gap was made of, in milliseconds; the parts sum to the silence that the caller heard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TurnTimes {
    pub at: Timestamp,
    pub end_of_turn: f64,
    pub hearing: f64,
    pub dialogue: f64,
    pub voice: f64,
    pub pacing: f64,
}

impl TurnTimes {
    /// Milliseconds from the caller's last sound to the answer's first.
    pub fn gap(&self) -> f64 {
        self.end_of_turn + self.hearing + self.dialogue + self.voice + self.pacing
    }
}

/// A call in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub id: String,
    pub caller: String,
    pub callee: String,
    pub assistant: String,
    pub began: Timestamp,
    /// `None` while it runs, or where the program was killed in the middle.
    pub ended: Option<Timestamp>,
    pub ending: Option<String>,
    pub path: Vec<String>,
    pub disposition: Option<String>,
    pub recording: Option<String>,
}

/// A whole call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    #[serde(flatten)]
    pub summary: Summary,
    pub plan: String,
    pub plan_hash: String,
    pub slots: BTreeMap<String, String>,
    pub quality: Option<Quality>,
    pub lines: Vec<Line>,
    pub turns: Vec<TurnTimes>,
    pub acts: Vec<Act>,
    /// Who was, or is, to be called back.
    pub callbacks: Vec<Callback>,
    /// Of agents.
    pub notes: Vec<Note>,
}

const COLUMNS: &str = "id, caller, callee, assistant, began, ended, ending, path, disposition, slots, recording, plan, plan_hash, quality";

impl Store {
    pub async fn begin(&self, call: &Began) -> Result<(), Error> {
        sqlx::query(
            "INSERT OR IGNORE INTO calls (id, caller, callee, plan, plan_hash, assistant, began) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&call.id)
        .bind(&call.caller)
        .bind(&call.callee)
        .bind(&call.plan)
        .bind(&call.plan_hash)
        .bind(&call.assistant)
        .bind(call.at.as_millisecond())
        .execute(&self.pool)
        .await
        .map_err(|e| self.wrong(e))?;
        Ok(())
    }

    /// Writes the end, the transcript and the ledger as one.
    pub async fn end(&self, call: &Ended) -> Result<(), Error> {
        self.write_end(call).await.map_err(|e| self.wrong(e))
    }

    async fn write_end(&self, call: &Ended) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let query = "UPDATE calls SET answered = ?, ended = ?, ending = ?, path = ?, disposition = ?, slots = ?, \
                     recording = ?, quality = ? WHERE id = ?";
        sqlx::query(query)
            .bind(call.answered.map(|at| at.as_millisecond()))
            .bind(call.at.as_millisecond())
            .bind(&call.ending)
            .bind(json(serde_json::to_string(&call.path)))
            .bind(&call.disposition)
            .bind(json(serde_json::to_string(&call.slots)))
            .bind(&call.recording)
            .bind(
                call.quality
                    .as_ref()
                    .and_then(|quality| serde_json::to_string(quality).ok()),
            )
            .bind(&call.id)
            .execute(&mut *transaction)
            .await?;
        for (n, line) in call.lines.iter().enumerate() {
            sqlx::query("INSERT OR REPLACE INTO lines (call, n, at, speaker, text) VALUES (?, ?, ?, ?, ?)")
                .bind(&call.id)
                .bind(n as i64)
                .bind(line.at.as_millisecond())
                .bind(line.speaker.name())
                .bind(&line.text)
                .execute(&mut *transaction)
                .await?;
        }
        for (n, turn) in call.turns.iter().enumerate() {
            sqlx::query("INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(&call.id)
                .bind(n as i64)
                .bind(turn.at.as_millisecond())
                .bind(turn.end_of_turn)
                .bind(turn.hearing)
                .bind(turn.dialogue)
                .bind(turn.voice)
                .bind(turn.pacing)
                .execute(&mut *transaction)
                .await?;
        }
        acts::write(&mut transaction, &call.id, &call.acts).await?;
        gaps::write(&mut transaction, &call.id, &call.gaps).await?;
        transaction.commit().await
    }

    /// The newest `count` calls, newest first.
    pub async fn list(&self, count: u32) -> Result<Vec<Summary>, Error> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM calls ORDER BY began DESC, rowid DESC LIMIT ?"
        )))
        .bind(count)
        .fetch_all(&self.pool)
        .await;
        let rows = rows.map_err(|e| self.wrong(e))?;
        rows.iter()
            .map(summary)
            .collect::<Result<_, _>>()
            .map_err(|e| self.wrong(e))
    }

    /// One call; `id` may be its beginning, as long as it is the only one.
    pub async fn show(&self, id: &str) -> Result<Option<Record>, Error> {
        self.read(id).await.map_err(|e| self.wrong(e))
    }

    async fn read(&self, id: &str) -> Result<Option<Record>, sqlx::Error> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM calls WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2"
        )))
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        let [row] = rows.as_slice() else { return Ok(None) };
        let summary = summary(row)?;
        let lines = sqlx::query("SELECT at, speaker, text FROM lines WHERE call = ? ORDER BY n")
            .bind(&summary.id)
            .fetch_all(&self.pool)
            .await?;
        let turns = sqlx::query("SELECT * FROM turns WHERE call = ? ORDER BY n")
            .bind(&summary.id)
            .fetch_all(&self.pool)
            .await?;
        Ok(Some(Record {
            plan: row.try_get("plan")?,
            plan_hash: row.try_get("plan_hash")?,
            slots: serde_json::from_str(row.try_get("slots")?).unwrap_or_default(),
            quality: row
                .try_get::<Option<String>, _>("quality")?
                .and_then(|quality| serde_json::from_str(&quality).ok()),
            acts: acts::read(&self.pool, &summary.id).await?,
            callbacks: callbacks::read(&self.pool, &summary.id).await?,
            notes: notes::read(&self.pool, &summary.id).await?,
            lines: lines.iter().map(line).collect::<Result<_, _>>()?,
            turns: turns.iter().map(turn).collect::<Result<_, _>>()?,
            summary,
        }))
    }
}

fn summary(row: &SqliteRow) -> Result<Summary, sqlx::Error> {
    let path: String = row.try_get("path")?;
    Ok(Summary {
        id: row.try_get("id")?,
        caller: row.try_get("caller")?,
        callee: row.try_get("callee")?,
        assistant: row.try_get("assistant")?,
        began: time(row.try_get("began")?),
        ended: row.try_get::<Option<i64>, _>("ended")?.map(time),
        ending: row.try_get("ending")?,
        path: serde_json::from_str(&path).unwrap_or_default(),
        disposition: row.try_get("disposition")?,
        recording: row.try_get("recording")?,
    })
}

fn line(row: &SqliteRow) -> Result<Line, sqlx::Error> {
    let speaker: String = row.try_get("speaker")?;
    Ok(Line {
        at: time(row.try_get("at")?),
        speaker: Speaker::from_name(&speaker),
        text: row.try_get("text")?,
    })
}

fn turn(row: &SqliteRow) -> Result<TurnTimes, sqlx::Error> {
    Ok(TurnTimes {
        at: time(row.try_get("at")?),
        end_of_turn: row.try_get("end_of_turn")?,
        hearing: row.try_get("hearing")?,
        dialogue: row.try_get("dialogue")?,
        voice: row.try_get("voice")?,
        pacing: row.try_get("pacing")?,
    })
}

pub(super) fn time(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_kept_and_found_by_the_beginning_of_its_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/offhook.db");
        let store = Store::open(&path).await.expect("opened");
        let at = Timestamp::from_millisecond(1_700_000_000_123).expect("a time");
        let began = Began {
            id: "abc123".into(),
            caller: "+1".into(),
            callee: "100".into(),
            plan: "support".into(),
            plan_hash: "f00".into(),
            assistant: "mia".into(),
            at,
        };
        store.begin(&began).await.expect("begun");
        assert_eq!(store.list(10).await.expect("listed")[0].ended, None);
        let turn = TurnTimes {
            at,
            end_of_turn: 500.0,
            hearing: 10.5,
            dialogue: 1.0,
            voice: 0.0,
            pacing: 12.0,
        };
        let line = Line {
            at,
            speaker: Speaker::Caller,
            text: "你好 'quoted'".into(),
        };
        let act = Act {
            at,
            kind: crate::store::Kind::Tool,
            name: "find_order".into(),
            failure: Some("the server answered 500".into()),
            detail: serde_json::json!({"ms": 12}),
        };
        let ended = Ended {
            id: "abc123".into(),
            answered: Some(at),
            at,
            ending: "the caller hung up".into(),
            path: vec!["welcome".into()],
            disposition: Some("answered".into()),
            slots: BTreeMap::from([("order_id".into(), "40718263".into())]),
            recording: None,
            quality: Some(Quality {
                codec: "G722/8000".into(),
                mos: Some(4.25),
                received: 500,
                ..Quality::default()
            }),
            lines: vec![line.clone()],
            turns: vec![turn],
            acts: vec![act.clone()],
            gaps: Vec::new(),
        };
        store.end(&ended).await.expect("ended");
        store.close().await;
        let store = Store::open(&path).await.expect("opened again");
        let record = store.show("abc").await.expect("read").expect("found");
        assert_eq!((record.lines, record.turns), (vec![line], vec![turn]));
        assert_eq!((record.acts, record.slots), (vec![act], ended.slots));
        assert_eq!(record.quality, ended.quality);
        assert_eq!(record.summary.disposition.as_deref(), Some("answered"));
        assert_eq!(record.summary.path, ["welcome"]);
        assert!((turn.gap() - 523.5).abs() < 1e-9);
        assert_eq!(store.show("zzz").await.expect("read"), None);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let error = Store::open("/proc/none/offhook.db".as_ref())
            .await
            .err()
            .expect("refused");
        assert!(error.to_string().contains("/proc/none/offhook.db"), "{error}");
    }
}
