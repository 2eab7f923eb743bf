//! The gap: how long the caller waits for an answer, measured on the wire, beside what the bot says it was made of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::calling::{Error, ring_until};
use super::model_server::ModelServer;
pub use super::model_server::Pace;
use super::{milliseconds, percentile, plot};
use crate::config::Config;
use crate::dialogue::model::{Format, Server};
use crate::simulate::{Report, RingError, Script};
use crate::store::{Store, TurnTimes};

/// No pause so short (ms) ends a turn: an answer that comes sooner after the caller's last sound fell into their words.
const SOONEST: f64 = 150.0;

/// What is rung.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Scripted callers, who ring in turn.
    pub scripts: Vec<PathBuf>,
    /// The folder of the recordings that they play.
    pub recordings: PathBuf,
    /// Answers to measure.
    pub turns: usize,
    /// Calls at once.
    pub at_once: usize,
    /// With a language model of this pace that knows the answers of this file.
    pub model: Option<(Pace, PathBuf)>,
}

/// Milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Calls held at once.
    pub at_once: usize,
    /// Answers measured.
    pub turns: usize,
    pub gap_p50: f64,
    pub gap_p95: f64,
    /// After which the model's first token came, ms; nothing without a model.
    pub first_token: Option<f64>,
    /// Medians of the ledger's parts.
    pub end_of_turn_p50: f64,
    pub hearing_p50: f64,
    pub dialogue_p50: f64,
    pub voice_p50: f64,
    pub pacing_p50: f64,
    /// Answers that began while the caller was still speaking: a pause that was taken for the end.
    pub cut_off: usize,
    /// The greatest difference between a gap on the wire and the sum of its ledger, of the other answers; of several calls at once it is
    /// not told which is which.
    pub ledger_off_by_most: Option<f64>,
    /// From the ACK to the first sound.
    pub first_sound_p50: f64,
    /// Calls whose script heard something else than it expected.
    pub failures: Vec<String>,
    /// A picture of all that, SVG.
    #[serde(skip)]
    pub plot: String,
    /// Megabytes (10⁶) resident after the last call: bot and caller in one process, models shared.
    pub memory_mb: f64,
}

/// Rings the plan of `config` until enough answers are measured; `each` is told every gap and its ledger.
pub async fn run(
    config: &Config,
    wanted: &Wanted,
    mut each: impl FnMut(f64, Option<&TurnTimes>),
) -> Result<Figures, Error> {
    let scripts = wanted
        .scripts
        .iter()
        .map(|path| script(path, wanted))
        .collect::<Result<Vec<_>, _>>()?;
    let Wanted { turns, at_once, .. } = *wanted;
    let model = match &wanted.model {
        Some((pace, answers)) => Some(ModelServer::start(answers, *pace).await?),
        None => None,
    };
    let mut config = config.clone();
    config.models = model.iter().map(server).collect();
    let reports = ring_until(&config, &scripts, at_once, |reports| {
        let measured: usize = reports.iter().map(|report| report.gaps().len()).sum();
        measured >= turns || reports.len() >= turns || reports.iter().any(|report| report.gaps().is_empty())
    })
    .await?;
    let gaps: Vec<Vec<f64>> = reports.iter().map(Report::gaps).collect();
    let firsts: Vec<f64> = reports.iter().filter_map(|report| report.first_sound_ms).collect();
    let mut failures: Vec<String> = reports.into_iter().flat_map(|report| report.failures).collect();
    if gaps.iter().any(Vec::is_empty) {
        failures.push("a call had no answer to measure".into());
    }
    let store = Store::open(&config.data.join("offhook.db")).await?;
    let mut ledgers = Vec::new();
    for call in store.list(gaps.len() as u32).await?.iter().rev() {
        ledgers.push(
            store
                .show(&call.id)
                .await?
                .map(|record| record.turns)
                .unwrap_or_default(),
        );
    }
    store.close().await;
    let mut off = 0.0_f64;
    for (gaps, ledger) in gaps.iter().zip(&ledgers) {
        // A call whose turns do not match its gaps one to one cannot be compared.
        let comparable = at_once <= 1 && gaps.len() == ledger.len();
        for (n, gap) in gaps.iter().enumerate() {
            let turn = ledger.get(n).filter(|_| comparable);
            each(*gap, turn);
            if *gap >= SOONEST {
                off = off.max(turn.map_or(0.0, |turn| (turn.gap() - gap).abs()));
            }
        }
    }
    let gaps: Vec<f64> = gaps.concat();
    let parts = ledgers.concat();
    let median =
        |part: fn(&TurnTimes) -> f64| percentile(&parts.iter().map(part).collect::<Vec<_>>(), 0.5).unwrap_or(0.0);
    let (gap_p50, gap_p95) = (
        percentile(&gaps, 0.5).unwrap_or(0.0),
        percentile(&gaps, 0.95).unwrap_or(0.0),
    );
    Ok(Figures {
        plot: plot::gaps(&parts, gap_p50, gap_p95, &super::conditions()),
        at_once: at_once.max(1),
        first_token: wanted.model.as_ref().map(|(pace, _)| milliseconds(pace.first_token)),
        turns: gaps.len(),
        gap_p50,
        gap_p95,
        end_of_turn_p50: median(|t| t.end_of_turn),
        hearing_p50: median(|t| t.hearing),
        dialogue_p50: median(|t| t.dialogue),
        voice_p50: median(|t| t.voice),
        pacing_p50: median(|t| t.pacing),
        cut_off: gaps.iter().filter(|gap| **gap < SOONEST).count(),
        ledger_off_by_most: (at_once <= 1).then_some(off),
        first_sound_p50: percentile(&firsts, 0.5).unwrap_or(0.0),
        failures,
        memory_mb: super::memory().unwrap_or(0.0),
    })
}

fn script(path: &Path, wanted: &Wanted) -> Result<Script, Error> {
    let mut script = Script::read(path).map_err(|e| RingError::Script(e.to_string()))?;
    script.relative_to(&wanted.recordings);
    script.deaf = wanted.at_once > 1;
    Ok(script)
}

fn server(model: &ModelServer) -> Server {
    Server {
        base_url: format!("http://{}/v1", model.address),
        model: "scripted".into(),
        api_key: None,
        first_token: Duration::from_secs(2),
        total: Duration::from_secs(10),
        format: Format::Schema,
    }
}
