//! `offhook explain`

use std::path::PathBuf;
use std::process::ExitCode;

use offhook::{clock, dialplan};

use super::{Outcome, configuration, told};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    configured: crate::Configured,
    /// The dial plan; that of the configuration where there is none.
    plan: Option<PathBuf>,
    /// The number or name that calls.
    #[arg(long)]
    from: String,
    /// The number or name that is called.
    #[arg(long)]
    to: String,
    /// When: `2026-11-23 11:00`, "Sun 10:00", 18:30; by the clock of the plan's first hours. Now, if it is not said.
    #[arg(long)]
    at: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let path = match &arguments.plan {
        Some(plan) => plan.clone(),
        None => configuration(&arguments.configured.config)?.plan,
    };
    let plan = dialplan::load(&path).map_err(|problems| told(&problems))?;
    let now = clock::wall();
    let at = match &arguments.at {
        Some(text) => dialplan::explain::moment(&plan, text, now)
            .ok_or_else(|| format!("--at {text}: write a moment such as \"Sun 10:00\" or \"2026-11-23 11:00\""))?,
        None => now,
    };
    let explanation = dialplan::explain(&plan, &arguments.from, &arguments.to, at);
    if arguments.json {
        println!("{:#}", explanation.to_json());
    } else {
        println!("{explanation}");
    }
    Ok(ExitCode::SUCCESS)
}
