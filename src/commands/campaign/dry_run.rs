//! `offhook campaign dry-run`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use offhook::clock;
use offhook::outlook::{Left, Outlook, Question, outlook};

use super::{Outcome, Site, block_on, progress};

/// Lines of each part on the terminal.
const SHOWN: usize = 20;
/// Contacts that are named for each reason.
const NAMED: usize = 3;

#[derive(clap::Args)]
pub(super) struct Arguments {
    name: String,
    /// From when on: "2026-11-23 09:00". Now, if it is not said.
    #[arg(long, value_name = "MOMENT", value_parser = super::moment)]
    at: Option<Timestamp>,
    /// How long a call is taken to last, in seconds: what lines are reckoned with.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    call: u64,
    /// Name every contact, not the first of each part.
    #[arg(long)]
    all: bool,
    /// For scripts: every contact.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(site: &Site, arguments: &Arguments) -> Outcome {
    let campaign = site.campaign(&arguments.name)?;
    let window = campaign.window.as_ref();
    let window = window.ok_or_else(|| format!("campaign `{}` has no `window`, so it calls nobody", campaign.name))?;
    let assistant = site.plan.assistants.get(&campaign.assistant);
    let question = Question {
        campaign,
        window,
        disclosed: assistant.is_some_and(|assistant| assistant.disclosure.is_some()),
        rules: &site.config.campaigns,
        outbound: &site.config.outbound,
        home: TimeZone::system(),
        from: arguments.at.unwrap_or_else(clock::wall),
        call: Duration::from_secs(arguments.call),
    };
    let outlook = block_on(async {
        let store = site.store().await?;
        let standings = store.standings(question.from).await?;
        let contacts = standings.get(&campaign.name).map_or(0, |standing| standing.contacts);
        let shown = if arguments.json { 0 } else { contacts };
        let bar = progress(shown, "{pos} of {len} contacts  {bar:30}  {elapsed}");
        let outlook = outlook(&store, question, |seen| bar.inc(seen)).await?;
        bar.finish_and_clear();
        store.close().await;
        Ok::<Outlook, super::Error>(outlook)
    })??;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&outlook)?);
    } else {
        print(&outlook, arguments.all);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(told: &Outlook, all: bool) {
    let home = TimeZone::system();
    let shown = |at: Timestamp| at.to_zoned(home.clone()).strftime("%a %d %b %H:%M:%S").to_string();
    let state = if told.running {
        ""
    } else {
        " It does not run; this is as if it did."
    };
    let (name, from) = (&told.campaign, shown(told.from));
    println!("{name}, from {from} on, by this computer's clock.{state}");
    println!("\n{} would be rung", told.rung.len());
    let most = if all { usize::MAX } else { SHOWN };
    for rung in told.rung.iter().take(most) {
        println!("  {}  {:<16} {}", shown(rung.at), rung.number, rung.contact);
    }
    if let Some(last) = told.rung.last().filter(|_| told.rung.len() > most) {
        println!("  … the last {}; `--all` names each", shown(last.at));
    }
    println!("\n{} would not be rung", told.left.len());
    if all {
        for left in &told.left {
            println!("  {:<16} {:<24} {}: {}", left.number, left.contact, left.why, left.told);
        }
        return;
    }
    let mut reasons: BTreeMap<&str, Vec<&Left>> = BTreeMap::new();
    for left in &told.left {
        reasons.entry(&left.why).or_default().push(left);
    }
    for (why, who) in reasons {
        let named: Vec<&str> = who.iter().take(NAMED).map(|left| left.contact.as_str()).collect();
        let more = if who.len() > NAMED { ", …" } else { "" };
        let told = who.first().map(|left| left.told.as_str()).unwrap_or_default();
        println!("{:>9}  {why}: {told} ({}{more})", who.len(), named.join(", "));
    }
}
