//! `offhook dnc`

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use offhook::campaign::import::numbers::Numbers;
use offhook::campaign::{Number, Region};
use offhook::clock;
use offhook::config::Config;
use offhook::store::Store;
use offhook::store::campaigns::INTERNAL;
use serde_json::json;

use super::{Error, Outcome, block_on, configuration, reading};

/// Numbers that are kept at once.
const BATCH: usize = 1_000;
/// Lines that are told on the terminal.
const SHOWN: u64 = 20;
const PAGE: u32 = 1_000;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration that says where lists are kept.
    #[arg(short, long, default_value = "offhook.yaml", global = true)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Never call a number again: at once, and whatever runs.
    ///
    /// For example: offhook dnc add "+49 30 23125000" --why "wrote to us"
    Add {
        #[arg(required = true)]
        numbers: Vec<String>,
        /// The internal one holds for every campaign, others for those whose plan names them.
        #[arg(long, default_value = INTERNAL, value_parser = list)]
        list: String,
        /// Kept with it.
        #[arg(long, default_value = "added by hand")]
        why: String,
        /// Where numbers are of that have no country's code. Without it `campaigns.region` of the configuration.
        #[arg(long)]
        region: Option<Region>,
    },
    /// Let a number be called again, because its owner asked for it. The audit trail keeps that, and why.
    Remove {
        number: String,
        #[arg(long, default_value = INTERNAL, value_parser = list)]
        list: String,
        /// Who asked for it, and how.
        #[arg(long)]
        why: String,
        #[arg(long)]
        region: Option<Region>,
    },
    /// Which lists there are, or the numbers of one.
    List {
        name: Option<String>,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// The lists that a number is on.
    Check {
        number: String,
        #[arg(long)]
        region: Option<Region>,
    },
    /// Take in a list as a registry hands it out: a number a line, or a table with a column `phone` or `number`. Exits 1 where a line was bad.
    ///
    /// For example: offhook dnc import register.csv --list national --replace
    Import {
        /// `-` reads the input.
        file: PathBuf,
        #[arg(long, value_parser = list)]
        list: String,
        /// Forget who was on it before. Campaigns that name it call nobody until all of the file is in.
        #[arg(long)]
        replace: bool,
        #[arg(long)]
        region: Option<Region>,
    },
}

pub fn run(arguments: &Arguments) -> Outcome {
    let config = configuration(&arguments.config)?;
    block_on(async {
        let store = Store::open(&config.data.join("offhook.db")).await?;
        let done = carry_out(&store, &config, &arguments.command).await;
        store.close().await;
        done
    })?
}

async fn carry_out(store: &Store, config: &Config, command: &Command) -> Outcome {
    let home = |region: &Option<Region>| region.or(config.campaigns.region);
    match command {
        Command::Add {
            numbers,
            list,
            why,
            region,
        } => {
            let lists = store.do_not_call_names().await?;
            if !lists.contains(list) {
                return Err(
                    format!("there is no list `{list}`; `offhook dnc import FILE --list {list}` makes one").into(),
                );
            }
            // None is added where one is wrong.
            let read = numbers.iter().map(|text| number(text, home(region)));
            for number in read.collect::<Result<Vec<Number>, Error>>()? {
                let new = store.add_do_not_call(list, number, clock::wall(), why).await?;
                let told = if new { "is on" } else { "was on" };
                println!("{number} {told} `{list}`");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Remove {
            number: text,
            list,
            why,
            region,
        } => {
            let number = number(text, home(region))?;
            if !store.remove_do_not_call(list, number, clock::wall(), why).await? {
                return Err(
                    format!("{number} is not on `{list}`; `offhook dnc check {number}` tells where it is").into(),
                );
            }
            println!("{number} is not on `{list}` any more; contacts who were closed for it stay closed");
            Ok(ExitCode::SUCCESS)
        }
        Command::List { name, json } => {
            match name {
                Some(name) => numbers(store, name, *json).await?,
                None => lists(store, *json).await?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { number: text, region } => {
            let number = number(text, home(region))?;
            let lists = store.do_not_call(number).await?;
            if lists.is_empty() {
                println!("{number} is on no list");
            } else {
                println!("{number} is on {}", lists.join(", "));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Import {
            file,
            list,
            replace,
            region,
        } => import(store, file, list, *replace, home(region)).await,
    }
}

async fn lists(store: &Store, json: bool) -> Result<(), Error> {
    let lists = store.do_not_call_lists().await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&lists)?);
        return Ok(());
    }
    for list in lists {
        let imported = list.imported.map(|at| format!("imported {at:.0}")).unwrap_or_default();
        println!("{:<24} {:>9}  {imported}", list.name, list.numbers);
    }
    Ok(())
}

async fn numbers(store: &Store, name: &str, json: bool) -> Result<(), Error> {
    let known = store.do_not_call_names().await?;
    if !known.iter().any(|list| list == name) {
        return Err(format!("there is no list `{name}`; there are {}", known.join(", ")).into());
    }
    let mut after = None;
    loop {
        let page = store.do_not_call_list(name, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.number);
        for row in &page {
            if json {
                println!("{}", serde_json::to_string(row)?);
            } else {
                println!("{:<17} {:.0}  {}", row.number.to_string(), row.at, row.why);
            }
        }
    }
}

async fn import(store: &Store, file: &Path, list: &str, replace: bool, home: Option<Region>) -> Outcome {
    if replace && list == INTERNAL {
        return Err(format!("`{INTERNAL}` has those who told us; it is not replaced").into());
    }
    let bar = reading(file);
    let wrong = |e: io::Error| format!("cannot read numbers from {}: {e}", file.display());
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(wrong)?)
    };
    let source = BufReader::with_capacity(1 << 20, bar.wrap_read(source));
    let why = format!("imported from {}", file.display());
    let before = if replace {
        store.drop_do_not_call(list, clock::wall()).await?
    } else {
        0
    };
    let (mut batch, mut new, mut good, mut bad) = (Vec::new(), 0, 0_u64, 0_u64);
    for line in Numbers::new(source, home) {
        let (line, number) =
            line.map_err(|e| format!("{}; {good} numbers were taken in, take the file in again", wrong(e)))?;
        match number {
            Ok(number) => {
                good += 1;
                batch.push(number);
            }
            Err(why) => {
                bad += 1;
                if bad <= SHOWN {
                    bar.suspend(|| eprintln!("line {line}: {why}"));
                }
            }
        }
        if batch.len() >= BATCH {
            new += keep(store, list, &batch, &why).await?;
            batch.clear();
        }
    }
    new += keep(store, list, &batch, &why).await?;
    store.imported_do_not_call(list, clock::wall()).await?;
    bar.finish_and_clear();
    let what = json!({"what": "do_not_call", "did": "import", "list": list, "file": file.display().to_string(), "numbers": good, "new": new, "bad": bad});
    store.audit_append(clock::wall(), &what).await?;
    if bad > SHOWN {
        eprintln!("{} more lines are no numbers", bad - SHOWN);
    }
    let replaced = if replace {
        format!(", in place of {before}")
    } else {
        String::new()
    };
    println!("{good} numbers are on `{list}`, {new} of them new{replaced}");
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn keep(store: &Store, list: &str, batch: &[Number], why: &str) -> Result<u64, Error> {
    let began = clock::now();
    let new = store.import_do_not_call(list, batch, clock::wall(), why).await?;
    // The running bot writes to the same file: it gets its turn.
    tokio::time::sleep(clock::now().saturating_duration_since(began) / 4).await;
    Ok(new)
}

fn number(text: &str, home: Option<Region>) -> Result<Number, Error> {
    Number::parse(text, home).map_err(|why| format!("{text}: {why}").into())
}

/// The name of a list.
fn list(text: &str) -> Result<String, String> {
    let good = !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    good.then(|| text.to_owned())
        .ok_or_else(|| "a list is named with letters, digits and - _ .".into())
}
