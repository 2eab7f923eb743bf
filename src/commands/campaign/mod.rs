//! `offhook campaign`

mod dry_run;
mod load;
mod report;
mod status;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;
use offhook::campaign::Region;
use offhook::clock;
use offhook::config::Config;
use offhook::dialplan::campaign::Campaign;
use offhook::dialplan::{self, Plan};
use offhook::store::Store;
use offhook::store::campaigns::{Order, State};

use super::{Error, Outcome, block_on, configuration, progress, reading, told};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration that says which plan runs and where records are.
    #[arg(short, long, default_value = "offhook.yaml", global = true)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Add contacts from a file: CSV, a JSON list, or one JSON object a line. Exits 1 where a row was bad; the others are added.
    ///
    /// For example: offhook campaign load unpaid_order orders.csv --region DE --errors bad.csv
    Load(load::Arguments),
    /// Let a campaign call. Calls begin within a second if the bot runs, else when it is started.
    Start { name: String },
    /// Call nobody more until it is resumed; calls in progress end as they would.
    Pause {
        name: String,
        /// Kept with it, and shown.
        #[arg(long)]
        why: Option<String>,
    },
    /// Go on with a campaign that is paused.
    Resume { name: String },
    /// Call nobody more until it is started again. Contacts stay.
    Stop {
        name: String,
        /// Kept with it, and shown.
        #[arg(long)]
        why: Option<String>,
    },
    /// Which campaigns there are, what they do and how far they are.
    Status(status::Arguments),
    /// What a campaign came to: how far contacts got, outcomes, reasons, cost, and whether the calls helped.
    ///
    /// For example: offhook campaign report unpaid_order --csv report.csv --plot report.svg
    Report(report::Arguments),
    /// Who would be rung when, and why the others would not. Nothing is dialled or changed.
    ///
    /// For example: offhook campaign dry-run unpaid_order --at "2026-11-23 09:00"
    DryRun(dry_run::Arguments),
}

pub fn run(arguments: &Arguments) -> Outcome {
    let config = configuration(&arguments.config)?;
    let plan = dialplan::load(&config.plan).map_err(|problems| told(&problems))?;
    let site = Site { config, plan };
    match &arguments.command {
        Command::Load(arguments) => load::run(&site, arguments),
        Command::Start { name } => site.order(name, Order::Start, None),
        Command::Pause { name, why } => site.order(name, Order::Pause, why.as_deref()),
        Command::Resume { name } => site.order(name, Order::Resume, None),
        Command::Stop { name, why } => site.order(name, Order::Stop, why.as_deref()),
        Command::Status(arguments) => status::run(&site, arguments),
        Command::Report(arguments) => report::run(&site, arguments),
        Command::DryRun(arguments) => dry_run::run(&site, arguments),
    }
}

/// What is configured here.
struct Site {
    config: Config,
    plan: Plan,
}

impl Site {
    fn campaign(&self, name: &str) -> Result<&Campaign, Error> {
        self.plan.campaigns.get(name).ok_or_else(|| {
            let plan = self.config.plan.display();
            let known: Vec<&str> = self.plan.campaigns.keys().map(String::as_str).collect();
            if known.is_empty() {
                return format!("the plan {plan} has no campaigns; write one under `campaigns:`").into();
            }
            format!("the plan {plan} has no campaign `{name}`; it has {}", known.join(", ")).into()
        })
    }

    fn records(&self) -> PathBuf {
        self.config.data.join("offhook.db")
    }

    async fn store(&self) -> Result<Store, Error> {
        Ok(Store::open(&self.records()).await?)
    }

    /// Where numbers are of that have no country's code.
    fn region(&self, written: Option<Region>) -> Option<Region> {
        written.or(self.config.campaigns.region)
    }

    fn order(&self, name: &str, order: Order, why: Option<&str>) -> Outcome {
        // What the plan has no more can still be stopped.
        if order != Order::Stop {
            self.campaign(name)?;
        }
        block_on(async {
            let store = self.store().await?;
            let ordered = store.order_campaign(name, order, why, clock::wall()).await?;
            let state = ordered.map_err(|why| format!("campaign `{name}`: {why}"))?;
            let open = store
                .standings(clock::wall())
                .await?
                .get(name)
                .map_or(0, |standing| standing.open);
            store.close().await;
            match state {
                State::Running if open == 0 => {
                    println!("{name} runs, and has nobody to call: `offhook campaign load {name} FILE`");
                }
                State::Running => println!("{name} runs: {open} contacts may be called"),
                State::Paused => println!("{name} is paused: {open} contacts wait"),
                State::Stopped => println!("{name} is stopped: {open} contacts wait"),
            }
            Ok(ExitCode::SUCCESS)
        })?
    }
}

/// A moment as people write it: `2026-11-23 09:00` by this computer's clock, `2026-11-23`, or with an offset.
fn moment(text: &str) -> Result<Timestamp, String> {
    use jiff::civil::{Date, DateTime};
    use jiff::tz::TimeZone;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<Date>().ok()?.into()));
    let zoned = civil.and_then(|civil: DateTime| civil.to_zoned(TimeZone::system()).ok());
    zoned
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| format!("`{text}` is no moment; write one such as \"2026-11-23 09:00\""))
}

fn region(text: &str) -> Result<Region, String> {
    text.parse()
}

/// Writes a file that was asked for.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}
