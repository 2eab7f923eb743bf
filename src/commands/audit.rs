//! `offhook audit`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use offhook::campaign::audit::{self, Entry, Head};
use offhook::store::{self, Store};
use tokio::runtime::Runtime;

use super::{Outcome, configuration, runtime};

/// Entries that are read at once.
const PAGE: u32 = 1_000;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration that says where the record is.
    #[arg(short, long, default_value = "offhook.yaml", global = true)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Whether nothing was changed, taken out or put in since it was written. Exits 1 where something was.
    ///
    /// Prints the end of the record. Kept elsewhere and told with --head the next time, it also shows whether the last entries are gone.
    Verify {
        /// An end that was printed before.
        #[arg(long, value_name = "N:HASH")]
        head: Option<Head>,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// The entries, the oldest first: who was dialled or not, when and why, and what it came to.
    Show {
        /// The newest so many.
        #[arg(short = 'n', long, default_value_t = 20)]
        count: u64,
        /// Those that name it: a campaign, a number, a word.
        #[arg(long)]
        about: Option<String>,
        /// As they were sealed, one a line: the SHA-256 of each is the `hash` of its entry.
        #[arg(long)]
        json: bool,
    },
}

pub fn run(arguments: &Arguments) -> Outcome {
    let config = configuration(&arguments.config)?;
    let path = config.data.join("offhook.db");
    if !path.is_file() {
        return Err(format!("there are no records yet: {} is not there", path.display()).into());
    }
    let runtime = runtime()?;
    let store = runtime.block_on(Store::open(&path))?;
    match &arguments.command {
        Command::Verify { head, json } => verify(&runtime, &store, head.as_ref(), *json),
        Command::Show { count, about, json } => show(&runtime, &store, *count, about.as_deref(), *json),
    }
}

fn verify(runtime: &Runtime, store: &Store, head: Option<&Head>, json: bool) -> Outcome {
    let mut pages = Pages::new(runtime, store, 0);
    let verified = audit::verify(&mut pages, head);
    if let Some(e) = pages.failed {
        return Err(e.into());
    }
    let told = match &verified {
        Ok(Some(end)) => serde_json::json!({"whole": true, "entries": end.n, "head": end.to_string()}),
        Ok(None) => serde_json::json!({"whole": true, "entries": 0}),
        Err(broken) => serde_json::json!({"whole": false, "at": broken.n, "why": broken.to_string()}),
    };
    match verified {
        _ if json => println!("{told:#}"),
        Ok(Some(end)) => {
            println!(
                "{} entries, and none was changed. Keep its end elsewhere, for the next time:",
                end.n
            );
            println!("offhook audit verify --head {end}");
        }
        Ok(None) => println!("there is nothing in it yet"),
        Err(ref broken) => println!("the record is broken: {broken}"),
    }
    Ok(if told["whole"] == true {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(runtime: &Runtime, store: &Store, count: u64, about: Option<&str>, json: bool) -> Outcome {
    let end = runtime.block_on(store.audit_head())?.map_or(0, |head| head.n);
    // Of what is searched for the newest are kept; else the others are not even read.
    let after = if about.is_some() { 0 } else { end.saturating_sub(count) };
    let mut kept = std::collections::VecDeque::new();
    let mut pages = Pages::new(runtime, store, after);
    for entry in &mut pages {
        if about.is_some_and(|about| !entry.what.contains(about)) {
            continue;
        }
        kept.push_back(entry);
        if kept.len() as u64 > count {
            kept.pop_front();
        }
    }
    if let Some(e) = pages.failed {
        return Err(e.into());
    }
    for entry in kept {
        if json {
            println!("{}", entry.line());
        } else {
            println!("{:>8}  {:.0}  {}", entry.n, entry.at, entry.what);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The entries one after the other, read a page at a time.
struct Pages<'a> {
    runtime: &'a Runtime,
    store: &'a Store,
    after: u64,
    page: std::vec::IntoIter<Entry>,
    failed: Option<store::Error>,
}

impl<'a> Pages<'a> {
    fn new(runtime: &'a Runtime, store: &'a Store, after: u64) -> Self {
        Self {
            runtime,
            store,
            after,
            page: Vec::new().into_iter(),
            failed: None,
        }
    }
}

impl Iterator for Pages<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if let Some(entry) = self.page.next() {
            return Some(entry);
        }
        match self.runtime.block_on(self.store.audit_rows(self.after, PAGE)) {
            Ok(page) => {
                self.after = page.last()?.n;
                self.page = page.into_iter();
                self.page.next()
            }
            Err(e) => {
                self.failed = Some(e);
                None
            }
        }
    }
}
