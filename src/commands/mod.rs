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
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
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

/// A bar that is drawn as `template` says; none where nobody knows how much there is.
fn progress(total: u64, template: &str) -> ProgressBar {
    if total == 0 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Of a file that is read.
fn reading(file: &Path) -> ProgressBar {
    let length = std::fs::metadata(file).map_or(0, |about| about.len());
    progress(length, "{bytes} of {total_bytes}  {bar:30}  {elapsed}, {eta} left")
}

fn configuration(path: &Path) -> Result<Config, Error> {
    Config::load(path).map_err(|problems| told(&problems).into())
}

/// Problems, one a line.
fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
