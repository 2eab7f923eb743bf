//! The gap: how long the caller waits for an answer, measured on the wire, beside what the bot says it was made of.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;

use super::{percentile, plot};
use crate::config::Config;
use crate::engine::Wish;
use crate::engine::load::{self, LoadError, Script as Loaded};
use crate::engine::meaning;
use crate::simulate::{RingError, Script, ring};
use crate::sip::{Listen, Transport};
use crate::store::{Store, TurnTimes};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Store(#[from] crate::store::Error),
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
    /// Medians of the ledger's parts.
    pub end_of_turn_p50: f64,
    pub hearing_p50: f64,
    pub dialogue_p50: f64,
    pub voice_p50: f64,
    pub pacing_p50: f64,
    /// The greatest difference between a gap on the wire and the sum of its ledger; of several calls at once it is not told which is which.
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

/// Rings the plan of `config` with `script`, `at_once` calls at a time, until `turns` answers are measured; `each` is told every gap and its ledger.
pub async fn run(
    config: &Config,
    script: &Path,
    turns: usize,
    at_once: usize,
    mut each: impl FnMut(f64, Option<&TurnTimes>),
) -> Result<Figures, Error> {
    let script = Script::load(script).map_err(|e| RingError::Script(e.to_string()))?;
    let address = ([127, 0, 0, 1], 0).into();
    let mut config = config.clone();
    config.calls.most = config.calls.most.max(at_once);
    config.sip.listen = vec![Listen {
        transport: Transport::Udp,
        address,
    }];
    let loaded = Loaded::load(&config.plan, meaning::find())?;
    let engines = Arc::new(tokio::task::block_in_place(|| load::engines(&config, &loaded))?);
    load::render_all(&engines, &loaded).await;
    let running = load::start(&config, loaded, Arc::clone(&engines)).await?;
    let uri = running
        .bot
        .sip
        .local()
        .first()
        .map(|(_, address)| format!("sip:bench@{address}"))
        .unwrap_or_default();
    let wishes = running.wishes.clone();
    let serving = running.run();
    let calling = async {
        let (mut gaps, mut firsts, mut failures, mut calls) = (Vec::new(), Vec::new(), Vec::new(), 0);
        loop {
            let together = (0..at_once.max(1)).map(|_| ring(&engines, &script, &uri, Transport::Udp, |_| {}));
            let reports: Result<Vec<_>, _> = join_all(together).await.into_iter().collect();
            let reports = match reports {
                Ok(reports) => reports,
                Err(e) => {
                    wishes.send(Wish::Drain).await.ok();
                    return Err(e.into());
                }
            };
            calls += reports.len();
            for report in reports {
                let measured = report.gaps();
                failures.extend(report.failures);
                firsts.extend(report.first_sound_ms);
                if measured.is_empty() {
                    failures.push("a call had no answer to measure".into());
                }
                gaps.push(measured);
            }
            if calls >= turns || gaps.iter().any(Vec::is_empty) {
                break;
            }
            if gaps.iter().map(Vec::len).sum::<usize>() >= turns {
                break;
            }
        }
        wishes.send(Wish::Drain).await.ok();
        Ok::<_, Error>((gaps, firsts, failures))
    };
    let (called, ()) = tokio::join!(calling, serving);
    let (gaps, firsts, failures) = called?;
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
            off = off.max(turn.map_or(0.0, |turn| (turn.gap() - gap).abs()));
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
        turns: gaps.len(),
        gap_p50,
        gap_p95,
        end_of_turn_p50: median(|t| t.end_of_turn),
        hearing_p50: median(|t| t.hearing),
        dialogue_p50: median(|t| t.dialogue),
        voice_p50: median(|t| t.voice),
        pacing_p50: median(|t| t.pacing),
        ledger_off_by_most: (at_once <= 1).then_some(off),
        first_sound_p50: percentile(&firsts, 0.5).unwrap_or(0.0),
        failures,
        memory_mb: super::memory().unwrap_or(0.0),
    })
}
