//! `offhook doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use offhook::config::Config;
use offhook::doctor::{Finding, Level, examine, unreadable};

use super::{Outcome, block_on};

#[derive(clap::Args)]
pub struct Arguments {
    /// A trunk of the configuration; without it everything is looked at.
    trunk: Option<String>,
    /// The configuration.
    #[arg(short, long, default_value = "offhook.yaml")]
    config: PathBuf,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let findings = match Config::load(&arguments.config) {
        Ok(config) => {
            let known: Vec<&str> = config.sip.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
            if let Some(trunk) = &arguments.trunk
                && !known.contains(&trunk.as_str())
            {
                return Err(format!("there is no trunk `{trunk}`; the configuration has {}", names(&known)).into());
            }
            block_on(examine(&config, arguments.trunk.as_deref()))?
        }
        Err(problems) => unreadable(&problems),
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        findings.iter().for_each(|finding| println!("{finding}"));
    }
    let worst = findings.iter().map(|Finding { level, .. }| *level).max();
    Ok(match worst {
        Some(Level::Problem) => ExitCode::FAILURE,
        Some(Level::Good | Level::Note | Level::Warning) | None => ExitCode::SUCCESS,
    })
}

fn names(known: &[&str]) -> String {
    if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    }
}
