//! The commands of the program, one file each. Only here is anything printed.

pub mod audit;
pub mod bench;
pub mod calls;
pub mod campaign;
pub mod check;
pub mod demo;
pub mod diff;
pub mod dnc;
pub mod doctor;
pub mod explain;
pub mod knowledge;
pub mod models;
mod network;
pub mod people;
pub mod ring;
pub mod serve;
pub mod sim;
pub mod talk;

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use offhook::config::Config;
use offhook::dialplan::Problem;
use tracing_subscriber::EnvFilter;

/// What `main` prints of an error.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Outcome = Result<ExitCode, Error>;

/// Logs to the terminal at `level`; the environment's OFFHOOK_LOG says otherwise. SIP messages are never logged whole.
fn log(level: &str) {
    let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let directives = [offhook::sip::LOG_DIRECTIVE, "ort=error"];
    let filter = directives
        .into_iter()
        .chain(offhook::browser::LOG_DIRECTIVES)
        .filter_map(|d| d.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Runs `work` on all cores.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    Ok(runtime()?.block_on(work))
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn configuration(path: &Path) -> Result<Config, Error> {
    Config::load(path).map_err(|problems| told(&problems).into())
}

/// Problems, one a line.
fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
