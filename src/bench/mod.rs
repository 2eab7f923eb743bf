//! Benchmarks: what they measure, and under which conditions, as figures that a person or a script can read.
//!
//! Nothing here asserts: machines differ. `benches/RESULTS.md` records what was measured, when, at which commit.

pub mod amd;
pub mod bare;
pub mod barge_in;
mod calling;
pub mod campaign;
pub mod capacity;
pub mod carrying;
pub mod cutting_in;
pub mod desk;
pub mod end_of_turn;
pub mod faster_whisper;
pub mod hand_over;
pub mod impairment;
pub mod load;
pub mod media;
mod model_server;
pub mod names;
pub mod nothing_said;
mod panels;
mod plain;
mod plot;
pub mod recordings;
mod rehearsal;
pub mod soak;
pub mod stt;
pub mod tts;
pub mod turn;
pub mod understanding;

use std::time::Duration;

/// The value under which `share` (0 to 1) of `values` lie; nearest rank. `None` of nothing.
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((share * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(rank - 1).copied()
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The machine that the figures are of.
pub fn conditions() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{}, {cores} cores, offhook {}",
        name.unwrap_or("unknown processor"),
        env!("CARGO_PKG_VERSION")
    )
}

/// The conditions, what else the machine does (its load), and of which commit the sources around are.
pub fn circumstances() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let described = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .output();
    let commit = described
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    let commit = Some(commit.trim())
        .filter(|commit| !commit.is_empty())
        .unwrap_or("no commit");
    format!("{}, {commit}, load {load}", conditions())
}

/// Resident memory of this process, in MB (10⁶ bytes); `None` where the system does not tell.
pub fn memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .trim_end_matches(" kB");
    Some(kib.parse::<f64>().ok()? * 1.024e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), Some(50.0));
        assert_eq!(percentile(&values, 0.95), Some(95.0));
        assert_eq!(percentile(&[7.0], 0.5), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
