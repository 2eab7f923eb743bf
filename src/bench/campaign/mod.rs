//! A large campaign: how long its contacts take to load, what they take to keep, and how soon it is decided who is dialled next.
//!
//! Nobody is rung. A table of contacts is made, loaded into a store of its own and put into a book, as the bot does it. Then calls are made up in simulated
//! time: whom to dial is chosen, what is known of them is read from the store and judged, the attempt is written down, and its end when it comes.

mod contacts;
mod dialling;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{memory, milliseconds, percentile};
use crate::campaign::book::{Book, ContactId, Entry, Lane};
use crate::campaign::hours::Whenever;
use crate::campaign::import::loading::{Count, Loading};
use crate::campaign::import::{Rows, Unusable};
use crate::campaign::{Number, Opening, Whereabouts};
use crate::clock;
use crate::dialplan::campaign::Campaign;
use crate::dialplan::{self, Plan};
use crate::store::campaigns::State;
use crate::store::{self, Store};

/// Milliseconds in which 99 of 100 decisions should be taken.
pub const AIM: f64 = 5.0;
/// A Tuesday on which no country of the table has a holiday: it is afternoon in Europe, morning in the east of America, and night in Australia.
const NOW: &str = "2026-11-24T15:00:00Z";
/// Rows of contacts that are read at once.
const PAGE: u32 = 1_000;
/// One in so many is on the do-not-call lists.
const LISTED: u64 = 50;

#[derive(Clone, Debug)]
pub struct Wanted {
    pub contacts: u64,
    /// Decisions to measure.
    pub dials: usize,
    /// Calls under way at a time.
    pub lines: u32,
    pub plan: PathBuf,
    /// Where the table and the store are made; what is there stays.
    pub folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the plan {} is not well:\n{}", .0.display(), .1)]
    Plan(PathBuf, String),
    #[error("the plan {} has no campaign that says when it may call; name another by --plan", .0.display())]
    NoCampaign(PathBuf),
    #[error("the table cannot be read: {0}")]
    Table(#[from] Unusable),
    #[error("cannot write or read in {}: {source}; name another folder by --folder", folder.display())]
    Io { folder: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the time {NOW} cannot be read: {0}")]
    Time(#[from] jiff::Error),
}

/// How often something was done, and how long it took, ms.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub what: &'static str,
    pub count: usize,
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub most: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Loaded {
    pub rows: Count,
    pub seconds: f64,
    pub rows_per_second: f64,
    /// Of the table, MB.
    pub table_mb: f64,
    /// Of the store, with what is not merged into it yet, MB.
    pub store_mb: f64,
    /// Resident before and after, MB.
    pub memory_before_mb: Option<f64>,
    pub memory_after_mb: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Ordered {
    pub contacts: usize,
    pub seconds: f64,
    pub memory_before_mb: Option<f64>,
    pub memory_after_mb: Option<f64>,
    /// What the book takes for each contact, bytes.
    pub bytes_each: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub loaded: Loaded,
    pub ordered: Ordered,
    pub rows: Vec<Row>,
    /// Of those who were chosen, whom the permit was refused for, by its word.
    pub refused: BTreeMap<&'static str, usize>,
    /// 99 of 100 decisions were taken within [`AIM`].
    pub verdict: bool,
}

/// The campaign that is measured.
struct Bench {
    plan: Plan,
    name: String,
    opening: Arc<Opening>,
    at: Timestamp,
    store: Store,
}

/// Measures; `told` is told how far it is.
///
/// # Errors
/// If the plan has no campaign, or the folder cannot be written.
pub async fn run(wanted: &Wanted, mut told: impl FnMut(&str)) -> Result<Figures, Error> {
    let io = |source| Error::Io {
        folder: wanted.folder.clone(),
        source,
    };
    std::fs::create_dir_all(&wanted.folder).map_err(io)?;
    let (table, kept) = (wanted.folder.join("contacts.csv"), wanted.folder.join("campaign.db"));
    let bench = Bench::open(&wanted.plan, &kept).await?;
    told(&format!("{} contacts are made up", wanted.contacts));
    let file = File::create(&table).map_err(io)?;
    contacts::write(bench.campaign()?, wanted.contacts, &mut BufWriter::new(file)).map_err(io)?;
    told("they are loaded");
    let file = File::open(&table).map_err(io)?;
    let table_mb = file.metadata().map_err(io)?.len() as f64 / 1e6;
    let mut loaded = bench.load(BufReader::new(file)).await?;
    loaded.table_mb = table_mb;
    loaded.store_mb = size(&kept);
    bench.forbid(wanted.contacts).await?;
    told("they are put in order");
    let (book, ordered) = bench.order().await?;
    told(&format!("{} are chosen and judged", wanted.dials));
    let dialled = dialling::dial(&bench, book.clone(), wanted.dials, wanted.lines).await?;
    told("and once more for agents");
    let predicted = dialling::predict(&bench, book, wanted.dials);
    bench.store.close().await;
    let decided = dialled.rows.iter().find(|row| row.what == dialling::DECIDED);
    let verdict = decided.is_some_and(|row| row.p99.is_some_and(|p99| p99 <= AIM));
    Ok(Figures {
        loaded,
        ordered,
        rows: dialled.rows.into_iter().chain([predicted]).collect(),
        refused: dialled.refused,
        verdict,
    })
}

impl Bench {
    async fn open(path: &Path, kept: &Path) -> Result<Self, Error> {
        let plan = dialplan::load(path).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Error::Plan(path.to_owned(), lines.join("\n"))
        })?;
        let found = plan
            .campaigns
            .values()
            .find_map(|campaign| Some((campaign.name.clone(), campaign.window.as_ref()?)));
        let (name, window) = found.ok_or_else(|| Error::NoCampaign(path.to_owned()))?;
        let opening = Arc::new(Opening::new(window, &[], TimeZone::UTC));
        let (at, store) = (NOW.parse()?, Store::open(kept).await?);
        store.set_campaign_state(&name, State::Running, None, at).await?;
        Ok(Self {
            plan,
            name,
            opening,
            at,
            store,
        })
    }

    fn campaign(&self) -> Result<&Campaign, Error> {
        let campaign = self.plan.campaigns.get(&self.name);
        campaign.ok_or_else(|| Error::NoCampaign(PathBuf::from(&self.name)))
    }

    /// As `offhook campaign load` does it.
    async fn load(&self, table: BufReader<File>) -> Result<Loaded, Error> {
        let memory_before_mb = memory();
        let began = clock::now();
        let mut loading = Loading::new(self.campaign()?, None, self.at);
        let mut rows = Rows::new(table)?;
        loop {
            let row = rows.next().transpose().map_err(Unusable::from)?;
            let is_last = row.is_none();
            if let Some(row) = row {
                loading.take(row);
            }
            if is_last || loading.is_full() {
                let added = self.store.add_contacts(&self.name, loading.batch(), self.at).await?;
                let known = added.known.iter().map(|earlier| (earlier.row, earlier.since));
                loading.kept(&known.collect(), self.at);
            }
            if is_last {
                break;
            }
        }
        let seconds = clock::now().saturating_duration_since(began).as_secs_f64();
        let rows = loading.count().clone();
        Ok(Loaded {
            seconds,
            rows_per_second: rows.rows as f64 / seconds.max(1e-9),
            rows,
            table_mb: 0.0,
            store_mb: 0.0,
            memory_before_mb,
            memory_after_mb: memory(),
        })
    }

    /// Some want no calls, and are on the lists of the campaign.
    async fn forbid(&self, contacts: u64) -> Result<(), Error> {
        let numbers = (0..contacts).filter(|n| n % LISTED == LISTED - 1);
        let numbers: Vec<Number> = numbers
            .filter_map(|n| Number::parse(&contacts::number(n), None).ok())
            .collect();
        for list in self.lists()? {
            self.store
                .import_do_not_call(&list, &numbers, self.at, "made up")
                .await?;
            self.store.imported_do_not_call(&list, self.at).await?;
        }
        Ok(())
    }

    fn lists(&self) -> Result<Vec<String>, Error> {
        let dnc = self.campaign()?.dnc.as_ref();
        Ok(dnc.map(|dnc| dnc.lists.clone()).unwrap_or_default())
    }

    /// As the bot does it when it starts.
    async fn order(&self) -> Result<(Book<Whenever>, Ordered), Error> {
        let memory_before_mb = memory();
        let began = clock::now();
        let mut book = Book::default();
        let mut after = 0;
        loop {
            let rows = self.store.open_contacts(&self.name, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                let Ok(whereabouts) = Whereabouts::of(row.number, row.zone.as_deref()) else {
                    continue;
                };
                let opening = Arc::clone(&self.opening);
                let hours = book.hours(&Whenever { opening, whereabouts });
                let entry = Entry {
                    number: row.number.digits(),
                    due: row.due,
                    lane: Lane::Attempt,
                    hours,
                };
                book.put(ContactId(row.id), entry);
            }
        }
        let seconds = clock::now().saturating_duration_since(began).as_secs_f64();
        let memory_after_mb = memory();
        let grown = memory_before_mb
            .zip(memory_after_mb)
            .map(|(before, after)| (after - before).max(0.0));
        let contacts = book.len();
        let ordered = Ordered {
            contacts,
            seconds,
            memory_before_mb,
            memory_after_mb,
            bytes_each: grown
                .filter(|_| contacts > 0)
                .map(|grown| grown * 1e6 / contacts as f64),
        };
        Ok((book, ordered))
    }
}

/// Of a store and its log, MB.
fn size(kept: &Path) -> f64 {
    let log = kept.with_extension("db-wal");
    let sizes = [kept, &log].map(|path| std::fs::metadata(path).map_or(0, |file| file.len()));
    sizes.iter().sum::<u64>() as f64 / 1e6
}

fn row(what: &'static str, took: &[Duration]) -> Row {
    let took: Vec<f64> = took.iter().map(|took| milliseconds(*took)).collect();
    Row {
        what,
        count: took.len(),
        p50: percentile(&took, 0.5),
        p99: percentile(&took, 0.99),
        most: percentile(&took, 1.0),
    }
}
