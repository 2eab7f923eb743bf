//! A caller who cuts in, over real SIP and RTP: how soon the bot is silent on the wire, and whether the call goes on as the script expects.

use std::path::Path;

use serde::Serialize;

use super::calling::{Error, ring_until};
use super::percentile;
use crate::config::Config;
use crate::simulate::{RingError, Script};

/// Milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub calls: usize,
    /// Lines that were said over the bot and silenced it.
    pub cuts: usize,
    /// From the caller's first packet with sound to the bot's last.
    pub silent_p50: f64,
    pub silent_p95: f64,
    /// What went otherwise than the script expects: an answer that did not go on, a question that was not heard.
    pub failures: Vec<String>,
}

/// Rings the plan of `config` as `script`, `calls` times.
pub async fn run(config: &Config, script: &Path, calls: usize) -> Result<Figures, Error> {
    let script = Script::load(script).map_err(|e| RingError::Script(e.to_string()))?;
    let reports = ring_until(config, &[script], 1, |reports| reports.len() >= calls).await?;
    let silenced: Vec<f64> = reports.iter().flat_map(|report| report.silenced_ms.clone()).collect();
    Ok(Figures {
        calls: reports.len(),
        cuts: silenced.len(),
        silent_p50: percentile(&silenced, 0.5).unwrap_or(0.0),
        silent_p95: percentile(&silenced, 0.95).unwrap_or(0.0),
        failures: reports.into_iter().flat_map(|report| report.failures).collect(),
    })
}
