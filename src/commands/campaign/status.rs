//! `offhook campaign status`

use std::process::ExitCode;

use offhook::clock;
use offhook::store::campaigns::{Standing, Status};

use super::{Outcome, Site, block_on};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// One alone.
    name: Option<String>,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(site: &Site, arguments: &Arguments) -> Outcome {
    block_on(async {
        let store = site.store().await?;
        let names = site.plan.campaigns.keys().map(String::as_str);
        let mut all = store.campaign_status(names, clock::wall()).await?;
        store.close().await;
        if let Some(name) = &arguments.name {
            all.retain(|status| status.state.name == *name);
            if all.is_empty() {
                site.campaign(name)?;
            }
        }
        if arguments.json {
            println!("{}", serde_json::to_string_pretty(&all)?);
        } else if all.is_empty() {
            println!("the plan {} has no campaigns", site.config.plan.display());
        } else {
            print(site, &all);
        }
        Ok(ExitCode::SUCCESS)
    })?
}

fn print(site: &Site, all: &[Status]) {
    println!(
        "{:<24} {:<8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6}",
        "campaign", "state", "contacts", "held out", "dialled", "closed", "open", "due", "calls"
    );
    for Status { state, standing } in all {
        let Standing {
            contacts,
            held_out,
            open,
            due,
            dialled,
            closed,
            under_way,
            ..
        } = standing;
        println!(
            "{:<24} {:<8} {contacts:>9} {held_out:>9} {dialled:>9} {closed:>9} {open:>9} {due:>9} {under_way:>6}",
            state.name,
            state.state.to_string()
        );
        if let Some(why) = &state.why {
            println!("{:<24} since {:.0}: {why}", "", state.changed);
        }
        if !site.plan.campaigns.contains_key(&state.name) {
            println!("{:<24} the plan has it no more: nobody of it is called", "");
        }
    }
}
