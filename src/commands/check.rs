//! `offhook check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use offhook::config::Config;
use offhook::dialplan::{self, Problem, Severity};
use offhook::engine::load;

use super::told;

pub fn schema() -> ExitCode {
    print!("{}", dialplan::schema::published());
    ExitCode::SUCCESS
}

pub fn run(config: &Path, plans: &[PathBuf]) -> ExitCode {
    let mut problems = Vec::new();
    let mut checked = plans.to_vec();
    if plans.is_empty() {
        match Config::load(config) {
            Ok(read) => {
                let plan = dialplan::load(&read.plan).ok();
                let lacks = plan.iter().flat_map(|plan| load::lacks(&read, plan));
                let cautions = read.cautions().into_iter().chain(lacks);
                problems.extend(cautions.map(|message| caution(config, message)));
                checked.push(read.plan);
            }
            Err(found) => problems.extend(found),
        }
    }
    for plan in &checked {
        match dialplan::check(plan) {
            Ok(warnings) => problems.extend(warnings),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        println!("{}", told(&problems));
    }
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    if errors > 0 {
        eprintln!("{errors} to mend");
        return ExitCode::FAILURE;
    }
    for plan in checked {
        println!("{}: good", plan.display());
    }
    ExitCode::SUCCESS
}

fn caution(config: &Path, message: &str) -> Problem {
    Problem {
        file: config.display().to_string(),
        line: 1,
        column: 1,
        severity: Severity::Warning,
        message: message.to_owned(),
    }
}
