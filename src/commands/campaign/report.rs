//! `offhook campaign report`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use offhook::campaign::report::Report;
use offhook::clock;
use offhook::store::Store;
use offhook::store::campaigns::AttemptRow;

use super::{Error, Outcome, Site, block_on, write};

/// Calls that are read at once.
const PAGE: u32 = 1_000;

#[derive(clap::Args)]
pub(super) struct Arguments {
    name: String,
    /// Of contacts that were added since then alone, and their calls.
    #[arg(long, value_name = "MOMENT", value_parser = super::moment)]
    since: Option<Timestamp>,
    /// Write the figures as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a row for each call of the campaign as CSV.
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// Draw it (SVG).
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(site: &Site, arguments: &Arguments) -> Outcome {
    let name = &arguments.name;
    block_on(async {
        let store = site.store().await?;
        // What the plan has no more can be reported all the same, but for its goal.
        let campaign = site.plan.campaigns.get(name);
        let goal = campaign.and_then(|campaign| campaign.goal.as_ref());
        let goal = goal.map(|goal| (goal.event.as_str(), goal.within));
        let figures = store.figures(name, arguments.since, goal, clock::wall()).await?;
        if figures.contacts.all == 0 && campaign.is_none() {
            site.campaign(name)?;
        }
        let report = Report::new(name, figures, site.config.campaigns.cost_per_minute.as_ref());
        if let Some(path) = &arguments.csv {
            write(path, &report.csv())?;
        }
        if let Some(path) = &arguments.plot {
            write(path, &report.svg())?;
        }
        if let Some(path) = &arguments.calls {
            calls(&store, name, path).await?;
        }
        store.close().await;
        if arguments.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{report}");
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn calls(store: &Store, name: &str, path: &Path) -> Result<(), Error> {
    let mut file = csv::Writer::from_path(path).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    file.write_record([
        "contact",
        "number",
        "attempt",
        "dialled",
        "answered",
        "ended",
        "reach",
        "answered_by",
        "disposition",
        "seconds",
        "right_person",
        "opted_out",
        "abandoned",
        "reason",
        "quote",
        "call",
    ])?;
    let mut after = 0;
    loop {
        let page = store.attempts_of_campaign(name, after, PAGE).await?;
        let Some((_, last)) = page.last() else { break };
        after = last.id;
        for (key, row) in &page {
            file.write_record(fields(key, row))?;
        }
    }
    file.flush()?;
    Ok(())
}

fn fields(key: &str, row: &AttemptRow) -> [String; 16] {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        key.to_owned(),
        row.number.to_string(),
        row.n.to_string(),
        row.dialled.to_string(),
        at(row.answered),
        at(row.ended),
        row.reach.map(|reach| reach.to_string()).unwrap_or_default(),
        row.answered_by.map(|by| by.to_string()).unwrap_or_default(),
        text(&row.disposition),
        format!("{:.1}", row.seconds),
        row.right_person.map(|right| right.to_string()).unwrap_or_default(),
        row.opted_out.to_string(),
        row.abandoned.to_string(),
        text(&row.reason),
        text(&row.quote),
        text(&row.call),
    ]
}
