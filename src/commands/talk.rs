//! `offhook talk`: the same call with this computer's microphone and loudspeaker.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, block_on, configuration, log};

#[derive(clap::Args)]
pub struct Arguments {
    /// The dial plan; without it, that of the configuration.
    plan: Option<PathBuf>,
    #[arg(short, long, default_value = "offhook.yaml")]
    config: PathBuf,
}

pub fn run(arguments: &Arguments) -> Outcome {
    log("warn");
    // Before the models are loaded: where there is no sound there is nothing to wait for.
    let sound = offhook::engine::sound::Sound::open()?;
    let mut config = configuration(&arguments.config)?;
    if let Some(plan) = &arguments.plan {
        config.plan = plan.clone();
    }
    println!("speak when the bot has greeted you; Ctrl-C ends");
    block_on(offhook::engine::sound::talk(&config, sound, |speaker, text| {
        println!("{speaker:>8}  {text}")
    }))??;
    Ok(ExitCode::SUCCESS)
}
