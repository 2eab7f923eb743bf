//! What is kept of calls: who, when, what was said, how long each turn took, what agents noted, who is to be called back; whom campaigns call; and who may sign in.
//!
//! SQLite in one file. Nothing that decides reads it: calls hand their records to the [`Outbox`] and go on, whether the
//! disk keeps up or not. Only campaigns go by it ([`campaigns`]): what they are to do is written here, and what they do is written before it is done.

mod acts;
mod callbacks;
pub mod campaigns;
mod gaps;
mod notes;
mod outbox;
pub mod people;
mod quality;
mod records;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

pub use acts::{Act, Kind};
pub use callbacks::Callback;
pub use gaps::{Asked, Gap, Nearest};
pub use notes::{Decision, Note, Past};
pub use outbox::Outbox;
pub use quality::Quality;
pub use records::{Began, Ended, Line, Record, Speaker, Summary, TurnTimes};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open the records in {}: {reason}; check that the folder can be written", path.display())]
    Open { path: PathBuf, reason: String },
    #[error("the records in {} could not be read or written: {source}", path.display())]
    Access { path: PathBuf, source: sqlx::Error },
}

/// The running bot and commands share the file: one waits so long for another's write.
const BUSY: Duration = Duration::from_secs(10);

/// The records. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    /// One connection, whose writes are on the disk when they return: for what must not be done twice or forgotten, though the power fails.
    journal: SqlitePool,
    /// One connection that reads, for sums over all there is: it may take seconds, and nothing waits for it but the next sum.
    survey: SqlitePool,
    path: PathBuf,
}

impl Store {
    /// Opens `path`, making it and its folder where absent, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: &dyn std::fmt::Display| Error::Open {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| wrong(&e))?;
        }
        let options = SqliteConnectOptions::from_str("sqlite://")
            .map_err(|e| wrong(&e))?
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY)
            .synchronous(SqliteSynchronous::Normal);
        let reading = options.clone().read_only(true);
        let synced = options.clone().synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .map_err(|e| wrong(&e))?;
        sqlx::migrate!("src/store/migrations")
            .run(&pool)
            .await
            .map_err(|e| wrong(&e))?;
        Ok(Self {
            pool,
            journal: SqlitePoolOptions::new().max_connections(1).connect_lazy_with(synced),
            survey: SqlitePoolOptions::new().max_connections(1).connect_lazy_with(reading),
            path: path.to_owned(),
        })
    }

    /// What `work` gives; what goes wrong is told with the file.
    async fn access<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
        work.await.map_err(|e| self.wrong(e))
    }

    fn wrong(&self, source: sqlx::Error) -> Error {
        Error::Access {
            path: self.path.clone(),
            source,
        }
    }

    pub async fn close(&self) {
        self.journal.close().await;
        self.survey.close().await;
        self.pool.close().await;
    }
}
