//! `offhook sim`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use offhook::clock;
use offhook::config::Config;
use offhook::dialplan::scenario::{Party, Scenario};
use offhook::engine::load::{self, Script};
use offhook::engine::meaning;
use offhook::models::Cache;
use offhook::simulate::junit::{self, Case, Outcome as Verdict};
use offhook::simulate::trial::{self, Trial};
use offhook::speech::{self, Engines};
use offhook::store::Speaker;
use serde::Serialize;

use super::{Error, Outcome, block_on, configuration, log, network};

/// Rings the bot over real SIP and RTP as the `tests` of a plan say, and checks what they expect. Exits 1 where one fails.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// The dial plan; the configuration's without it.
    plan: Option<PathBuf>,
    #[arg(short, long, default_value = "offhook.yaml")]
    config: PathBuf,
    /// Only tests with this in their name.
    #[arg(long)]
    only: Option<String>,
    /// Calls in all; tests are repeated, each time with another noise and other losses. Without it, each is made once.
    #[arg(long)]
    calls: Option<usize>,
    /// Calls at once.
    #[arg(long, default_value_t = 4)]
    in_parallel: usize,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Where recordings and transcripts go; `sim` beside the records without it.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// The results as JSON, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    Network(network::Arguments),
}

/// What came of one call.
#[derive(Serialize)]
struct Made {
    name: String,
    persona: String,
    seconds: f64,
    gap_p50_ms: Option<f64>,
    skipped: Option<String>,
    failures: Vec<String>,
    recording: Option<String>,
    transcript: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    if let Some(What::Network(arguments)) = &arguments.what {
        return network::run(arguments);
    }
    log("error");
    let mut config = configuration(&arguments.config)?;
    if let Some(plan) = &arguments.plan {
        config.plan = plan.clone();
    }
    block_on(simulate(arguments, &config))?
}

async fn simulate(arguments: &Arguments, config: &Config) -> Outcome {
    let script = Script::load(&config.plan, meaning::find())?;
    let wanted = |test: &&Scenario| arguments.only.as_ref().is_none_or(|only| test.name.contains(only));
    let tests: Vec<&Scenario> = script.plan.tests.iter().filter(wanted).collect();
    if tests.is_empty() {
        return Err(format!("{} has no such tests; write some under `tests:`", config.plan.display()).into());
    }
    let engines = Arc::new(tokio::task::block_in_place(|| engines(config, &script))?);
    load::render_all(&engines, &script).await;
    let folder = arguments.into.clone().unwrap_or_else(|| config.data.join("sim"));
    let calls = arguments.calls.unwrap_or(tests.len());
    let bar = bar(calls as u64, arguments.json);
    let began = clock::now();
    let made = (0..calls).map(|n| {
        let (test, folder) = (tests[n % tests.len()], folder.join(format!("{n:03}")));
        let (config, engines, script, bar) = (config, &engines, &script, &bar);
        async move {
            let result = one(config, engines, script, test, &folder, n as u64 + 1).await;
            bar.inc(1);
            (n, result)
        }
    });
    // A long call holds no other up.
    let mut results: Vec<(usize, Made)> = stream::iter(made)
        .buffer_unordered(arguments.in_parallel.max(1))
        .collect()
        .await;
    results.sort_by_key(|(n, _)| *n);
    let results: Vec<Made> = results.into_iter().map(|(_, made)| made).collect();
    bar.finish_and_clear();
    let took = clock::now().saturating_duration_since(began);
    if let Some(file) = &arguments.junit {
        let xml = junit::document(&script.plan.name, &results.iter().map(case).collect::<Vec<_>>());
        std::fs::write(file, xml).map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print(&results, took, &folder);
    }
    let failed = results.iter().any(|result| !result.failures.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn engines(config: &Config, script: &Script) -> Result<Engines, Error> {
    let cache = Cache::open();
    let wanted = speech::engines::Config {
        threads: config.inference.threads,
        voices: trial::voices(script)?,
        prompts: cache.dir().join("prompts"),
        ears: Vec::new(),
        mouths: Vec::new(),
    };
    Ok(Engines::load(&cache, &wanted)?)
}

async fn one(
    config: &Config,
    engines: &Arc<Engines>,
    script: &Script,
    test: &Scenario,
    folder: &Path,
    seed: u64,
) -> Made {
    let began = clock::now();
    let mut result = Made {
        name: test.name.clone(),
        persona: String::new(),
        seconds: 0.0,
        gap_p50_ms: None,
        skipped: None,
        failures: Vec::new(),
        recording: None,
        transcript: String::new(),
    };
    if let Party::Caller(caller) = &test.party {
        result.persona = caller.persona.clone().unwrap_or_else(|| "plain".to_owned());
    }
    match trial::run(config, engines, script, test, folder, seed).await {
        Ok(trial) => {
            result.gap_p50_ms = offhook::bench::percentile(&trial.report.gaps(), 0.5);
            result.transcript = transcript(&trial);
            result.recording = trial.record.summary.recording.clone();
            result.failures = trial.failures;
        }
        Err(e) => result.failures.push(e.to_string()),
    }
    let text = format!("{}\n\n{}", result.failures.join("\n"), result.transcript);
    if let Err(e) = std::fs::write(folder.join("transcript.txt"), text) {
        tracing::error!("{}: {e}", folder.display());
    }
    result.seconds = clock::now().saturating_duration_since(began).as_secs_f64();
    result
}

/// The bot's side of it.
fn transcript(trial: &Trial) -> String {
    let began = trial.record.summary.began;
    let lines = trial.record.lines.iter().map(|line| {
        let at = line.at.duration_since(began).as_secs_f64();
        let speaker = match line.speaker {
            Speaker::Caller => "caller",
            Speaker::Bot => "bot",
            Speaker::Agent => "agent",
            Speaker::Event => "",
        };
        format!("{at:8.2} s  {speaker:>6}  {}\n", line.text)
    });
    lines.collect()
}

fn bar(calls: u64, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{pos} of {len} calls  {bar:30}  {elapsed}");
    let bar = ProgressBar::new(calls).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn case(result: &Made) -> Case<'_> {
    Case {
        name: &result.name,
        seconds: result.seconds,
        outcome: match &result.skipped {
            Some(reason) => Verdict::Skipped(reason),
            None if result.failures.is_empty() => Verdict::Passed,
            None => Verdict::Failed(&result.failures),
        },
        output: &result.transcript,
    }
}

fn print(results: &[Made], took: Duration, folder: &Path) {
    println!("{:<8} {:<44} {:<14} {:>7} {:>9}", "", "test", "persona", "s", "gap p50");
    for result in results {
        let verdict = match (&result.skipped, result.failures.is_empty()) {
            (Some(_), _) => "skipped",
            (None, true) => "passed",
            (None, false) => "FAILED",
        };
        let gap = result.gap_p50_ms.map(|gap| format!("{gap:.0} ms")).unwrap_or_default();
        let (name, persona, seconds) = (&result.name, &result.persona, result.seconds);
        println!("{verdict:<8} {name:<44} {persona:<14} {seconds:>7.1} {gap:>9}");
        for failure in result.skipped.iter().chain(&result.failures) {
            println!("{:<8} {failure}", "");
        }
        if let (false, Some(recording)) = (result.failures.is_empty(), &result.recording) {
            println!("{:<8} {recording}\n{}", "", result.transcript);
        }
    }
    let failed = results.iter().filter(|result| !result.failures.is_empty()).count();
    println!(
        "\n{} calls in {:.0} s, {failed} failed; recordings and transcripts in {}",
        results.len(),
        took.as_secs_f64(),
        folder.display()
    );
}
