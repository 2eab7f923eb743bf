//! `offhook campaign load`

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressBar;
use jiff::Timestamp;
use offhook::campaign::Region;
use offhook::campaign::contact;
use offhook::campaign::import::Rows;
use offhook::campaign::import::loading::{Count, Fault, Kind, Loading};
use offhook::clock;
use offhook::dialplan::campaign::{Campaign, Scrub};
use offhook::store::Store;
use offhook::store::campaigns::{Earlier, INTERNAL};

use super::{Error, Outcome, Site, block_on, reading};

/// Rows that are told on the terminal; a file takes all.
const SHOWN: u64 = 20;
const BUFFER: usize = 1 << 20;

#[derive(clap::Args)]
pub(super) struct Arguments {
    name: String,
    /// CSV with the columns' names in the first line, a JSON list, or one JSON object a line; `-` reads the input.
    file: PathBuf,
    /// Read and check all of it, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write every row that was not added here, with its line and why (CSV).
    #[arg(long)]
    errors: Option<PathBuf>,
    /// Where numbers are of that have no country's code, such as DE. Without it `campaigns.region` of the configuration.
    #[arg(long, value_parser = super::region)]
    region: Option<Region>,
    /// Call nobody of them before. Without it they may be called at once.
    #[arg(long, value_name = "MOMENT", value_parser = super::moment)]
    from: Option<Timestamp>,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(site: &Site, arguments: &Arguments) -> Outcome {
    let campaign = site.campaign(&arguments.name)?;
    let bar = if arguments.json {
        ProgressBar::hidden()
    } else {
        reading(&arguments.file)
    };
    let rows = rows(&arguments.file, &bar)?;
    headed(campaign, &arguments.file, rows.columns())?;
    let mut faults = Faults::new(arguments, bar.clone())?;
    let count = block_on(async {
        let at = now();
        let home = site.region(arguments.region);
        let loading = Loading::new(campaign, home, arguments.from.unwrap_or(at));
        let keeper = keeper(site, arguments.dry_run).await?;
        load(rows, loading, &keeper, campaign, &mut faults, at).await
    })??;
    faults.close()?;
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&count)?);
    } else {
        print(&count, arguments, faults.told);
    }
    Ok(if count.bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// To the millisecond, as it is kept.
fn now() -> Timestamp {
    let at = clock::wall();
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Where batches go.
enum Keeper {
    Store(Store),
    /// Nowhere: what was there is looked up if there is anything, and the keys of this file are remembered.
    Nowhere(Option<Store>, std::cell::RefCell<HashSet<u64>>),
}

async fn keeper(site: &Site, dry: bool) -> Result<Keeper, Error> {
    if !dry {
        return Ok(Keeper::Store(site.store().await?));
    }
    let store = if site.records().is_file() {
        Some(site.store().await?)
    } else {
        None
    };
    Ok(Keeper::Nowhere(store, std::cell::RefCell::default()))
}

async fn load(
    rows: Rows<Box<dyn BufRead>>,
    mut loading: Loading<'_>,
    keeper: &Keeper,
    campaign: &Campaign,
    faults: &mut Faults,
    at: Timestamp,
) -> Result<Count, Error> {
    for row in rows {
        let row = row.map_err(|e| {
            let added = loading.count().added;
            format!(
                "the file cannot be read further: {e}; {added} contacts were added, and loading it again adds the rest"
            )
        })?;
        faults.extend(loading.take(row))?;
        if loading.is_full() {
            keep(&mut loading, keeper, campaign, faults, at).await?;
        }
    }
    keep(&mut loading, keeper, campaign, faults, at).await?;
    if let Keeper::Store(store) | Keeper::Nowhere(Some(store), _) = keeper {
        store.close().await;
    }
    Ok(loading.count().clone())
}

async fn keep(
    loading: &mut Loading<'_>,
    keeper: &Keeper,
    campaign: &Campaign,
    faults: &mut Faults,
    at: Timestamp,
) -> Result<(), Error> {
    if let Keeper::Store(store) | Keeper::Nowhere(Some(store), _) = keeper {
        let listed = listed(store, loading, campaign).await?;
        faults.extend(loading.refuse(&listed))?;
    }
    let began = clock::now();
    let earlier = match keeper {
        Keeper::Store(store) => store.add_contacts(&campaign.name, loading.batch(), at).await?.known,
        Keeper::Nowhere(store, seen) => {
            let keys: Vec<&str> = loading.batch().iter().map(|contact| contact.key.as_str()).collect();
            let mut earlier = match store {
                Some(store) => store.known_keys(&campaign.name, &keys).await?,
                None => Vec::new(),
            };
            let mut seen = seen.borrow_mut();
            let again = keys.iter().enumerate().filter(|(_, key)| !seen.insert(hash(key)));
            earlier.extend(again.map(|(row, _)| Earlier { row, since: at }));
            earlier
        }
    };
    let known: BTreeMap<usize, Timestamp> = earlier.into_iter().map(|known| (known.row, known.since)).collect();
    faults.extend(loading.kept(&known, at))?;
    if let Keeper::Store(_) = keeper {
        // The running bot writes to the same file: it gets its turn.
        tokio::time::sleep(clock::now().saturating_duration_since(began) / 4).await;
    }
    Ok(())
}

/// Those of the batch who are on one of the campaign's lists, where the plan has them left out already here.
async fn listed(store: &Store, loading: &Loading<'_>, campaign: &Campaign) -> Result<BTreeMap<usize, String>, Error> {
    let Some(dnc) = campaign.dnc.as_ref().filter(|dnc| dnc.scrub == Scrub::AtLoad) else {
        return Ok(BTreeMap::new());
    };
    let lists: Vec<String> = dnc.lists.iter().cloned().chain([INTERNAL.to_owned()]).collect();
    let numbers: Vec<_> = loading.batch().iter().map(|contact| contact.number).collect();
    let listed = store.listed(&numbers, &lists).await?;
    let places = numbers.iter().enumerate().filter_map(|(at, number)| {
        let list = listed.get(number)?;
        Some((at, format!("{number} is on the do-not-call list `{list}`")))
    });
    Ok(places.collect())
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Counts on the bar what is read.
struct Counted<R>(R, ProgressBar);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(into)?;
        self.1.inc(read as u64);
        Ok(read)
    }
}

fn rows(file: &Path, bar: &ProgressBar) -> Result<Rows<Box<dyn BufRead>>, Error> {
    let wrong = |e: &dyn std::fmt::Display| format!("cannot read contacts from {}: {e}", file.display());
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(|e| wrong(&e))?)
    };
    let source: Box<dyn BufRead> = Box::new(BufReader::with_capacity(BUFFER, Counted(source, bar.clone())));
    Rows::new(source).map_err(|e| wrong(&e).into())
}

/// A table without a column that the campaign names has only bad rows, or says nothing where the plan counts on it.
fn headed(campaign: &Campaign, file: &Path, columns: Option<&[String]>) -> Result<(), Error> {
    let Some(columns) = columns else { return Ok(()) };
    let missing: Vec<&str> = contact::columns(campaign)
        .into_iter()
        .filter(|name| !columns.iter().any(|column| column == name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} lacks {}, which campaign `{}` names; it has {}",
        file.display(),
        missing.join(", "),
        campaign.name,
        columns.join(", ")
    )
    .into())
}

/// Where rows go that become no contacts.
struct Faults {
    file: Option<csv::Writer<File>>,
    bar: ProgressBar,
    told: u64,
}

impl Faults {
    fn new(arguments: &Arguments, bar: ProgressBar) -> Result<Self, Error> {
        let file = match &arguments.errors {
            Some(path) => {
                let mut file =
                    csv::Writer::from_path(path).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
                file.write_record(["line", "kind", "why"])?;
                Some(file)
            }
            None => None,
        };
        Ok(Self { file, bar, told: 0 })
    }

    fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) -> Result<(), Error> {
        for Fault { line, kind, why } in faults {
            if let Some(file) = &mut self.file {
                let kind = match kind {
                    Kind::Bad => "bad",
                    Kind::Known => "known",
                    Kind::Listed => "listed",
                };
                file.write_record([&line.to_string(), kind, &why])?;
            } else if self.told < SHOWN {
                self.bar.suspend(|| eprintln!("line {line}: {why}"));
            }
            self.told += 1;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(())
    }
}

fn print(count: &Count, arguments: &Arguments, told: u64) {
    let (name, would) = (&arguments.name, if arguments.dry_run { "would be " } else { "" });
    println!("{name}: {} of {} rows {would}added", count.added, count.rows);
    for (number, what) in [
        (count.held_out, "of those are held out, to measure against"),
        (
            count.without_proof,
            "of those have no proof of consent, and are never called",
        ),
        (count.known, "were known already"),
        (count.listed, "are on a do-not-call list"),
        (count.bad, "are bad"),
    ] {
        if number > 0 {
            println!("{number:>10} {what}");
        }
    }
    for (column, number) in &count.empty {
        println!("{number:>10} have no `{column}`");
    }
    match &arguments.errors {
        Some(path) if told > 0 => println!("{told} rows are told in {}", path.display()),
        None if told > SHOWN => {
            println!("{SHOWN} of {told} rows that were not added are told; `--errors FILE` takes all")
        }
        Some(_) | None => {}
    }
}
