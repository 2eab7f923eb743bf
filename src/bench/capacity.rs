//! How many calls this machine holds: as many at once as keep the gap within its limit.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::calling::Error;
use super::turn::{self, Figures, Wanted};
use crate::config::Config;

/// Calls at once that are tried, one after the other.
const STEPS: [usize; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];

#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// The most calls at once whose gap's 95th percentile stayed within the limit; 0: not even one.
    pub calls: usize,
    /// Milliseconds.
    pub limit: f64,
    pub tried: Vec<Figures>,
}

/// Rings with ever more calls at once, some fourteen answers a call, until the 95th percentile of the gap is above `limit` (ms).
pub async fn run(
    config: &Config,
    script: &Path,
    limit: f64,
    mut each: impl FnMut(&Figures),
) -> Result<Capacity, Error> {
    let mut tried: Vec<Figures> = Vec::new();
    let mut calls = 0;
    for at_once in STEPS {
        let wanted = Wanted {
            scripts: vec![script.to_owned()],
            recordings: PathBuf::new(),
            turns: 14 * at_once,
            at_once,
            model: None,
        };
        let figures = turn::run(config, &wanted, |_, _| {}).await?;
        each(&figures);
        let fits = figures.gap_p95 <= limit && figures.failures.is_empty();
        tried.push(figures);
        if !fits {
            break;
        }
        calls = at_once;
    }
    Ok(Capacity { calls, limit, tried })
}
