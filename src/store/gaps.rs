//! Questions that the knowledge had no answer to, with the calls they were asked in.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{Row, SqliteConnection};

use super::{Error, Store, records};

/// A question of a caller. Words that must not be kept are not in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    pub at: Timestamp,
    pub question: String,
    /// ISO 639-1
    pub language: String,
    /// The passage that came nearest; `None`: none had anything to do with it.
    pub best: Option<Nearest>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// 0 to 1
    pub score: f32,
    pub source: String,
}

/// A gap and its call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    pub call: String,
    #[serde(flatten)]
    pub gap: Gap,
}

pub(super) async fn write(connection: &mut SqliteConnection, call: &str, gaps: &[Gap]) -> Result<(), sqlx::Error> {
    for (n, gap) in gaps.iter().enumerate() {
        let best = gap.best.as_ref();
        sqlx::query("INSERT OR REPLACE INTO knowledge_gaps (call, n, at, question, language, best_score, best_source) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(call)
            .bind(n as i64)
            .bind(gap.at.as_millisecond())
            .bind(&gap.question)
            .bind(&gap.language)
            .bind(best.map(|best| best.score))
            .bind(best.map(|best| best.source.as_str()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// The newest `count` gaps, the oldest of them first.
    pub async fn gaps(&self, count: u32) -> Result<Vec<Asked>, Error> {
        let rows = sqlx::query("SELECT * FROM knowledge_gaps ORDER BY at DESC, call DESC, n DESC LIMIT ?")
            .bind(count)
            .fetch_all(&self.pool)
            .await;
        let rows = rows.map_err(|e| self.wrong(e))?;
        let asked = rows.iter().rev().map(asked).collect::<Result<_, _>>();
        asked.map_err(|e| self.wrong(e))
    }
}

fn asked(row: &sqlx::sqlite::SqliteRow) -> Result<Asked, sqlx::Error> {
    let score: Option<f32> = row.try_get("best_score")?;
    let source: Option<String> = row.try_get("best_source")?;
    Ok(Asked {
        call: row.try_get("call")?,
        gap: Gap {
            at: records::time(row.try_get("at")?),
            question: row.try_get("question")?,
            language: row.try_get("language")?,
            best: score.zip(source).map(|(score, source)| Nearest { score, source }),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Began, Ended};

    #[tokio::test]
    async fn questions_are_kept_with_their_calls() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        let gap = |ms, question: &str, best| Gap {
            at: at(ms),
            question: question.into(),
            language: "en".into(),
            best,
        };
        let near = Nearest {
            score: 0.25,
            source: "faq.md#hours".into(),
        };
        let gaps = [gap(5, "can I park", None), gap(6, "is it 'quoted'?", Some(near))];
        for (id, gaps) in [("a", &gaps[..1]), ("b", &gaps[1..])] {
            let began = Began {
                id: id.into(),
                caller: "1".into(),
                callee: "2".into(),
                plan: "p".into(),
                plan_hash: "h".into(),
                assistant: "mia".into(),
                at: at(1),
            };
            store.begin(&began).await.expect("begun");
            let ended = Ended {
                id: id.into(),
                answered: None,
                at: at(9),
                ending: "over".into(),
                path: Vec::new(),
                recording: None,
                quality: None,
                lines: Vec::new(),
                turns: Vec::new(),
                disposition: None,
                slots: std::collections::BTreeMap::new(),
                acts: Vec::new(),
                gaps: gaps.to_vec(),
            };
            store.end(&ended).await.expect("ended");
            // A record that is written twice is one.
            store.end(&ended).await.expect("ended");
        }
        let kept = store.gaps(10).await.expect("read");
        let expected = gaps.iter().zip(["a", "b"]).map(|(gap, call)| Asked {
            call: call.into(),
            gap: gap.clone(),
        });
        assert_eq!(kept, expected.collect::<Vec<_>>());
        assert_eq!(store.gaps(1).await.expect("read").len(), 1);
    }
}
