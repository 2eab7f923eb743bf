//! `offhook diff`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use offhook::dialplan;

use super::{Outcome, told};

#[derive(clap::Args)]
pub struct Arguments {
    /// The dial plan as it was.
    old: PathBuf,
    /// The dial plan as it is to be.
    new: PathBuf,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let load = |path: &Path| dialplan::load(path).map_err(|problems| told(&problems));
    let (old, new) = (load(&arguments.old)?, load(&arguments.new)?);
    let differences = dialplan::diff(&old, &new);
    for line in &differences {
        println!("{line}");
    }
    match (differences.is_empty(), old.hash == new.hash) {
        (true, true) => println!("no difference"),
        (true, false) => println!("no difference but in comments, order or knowledge"),
        (false, _) => {}
    }
    Ok(ExitCode::SUCCESS)
}
