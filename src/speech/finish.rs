//! From what a voice model makes to what a call plays: one rate, one level, no silence at the ends.

use super::{Error, RATE};
use crate::audio::level::normalise;
use crate::audio::resample::convert;

/// Amplitude (of 1) under which a voice's beginning and end are silence: −46 dBFS.
const SILENCE: f32 = 0.005;
/// Kept before the first sound: a hard edge clicks.
const BEFORE: f32 = 0.010;
/// Kept after the last sound: the breath between two clauses.
const AFTER: f32 = 0.120;

/// `sound`: mono at `rate`, −1 to 1. Gives 16 kHz, 16-bit, speech at −20 dBFS.
pub(super) fn finish(sound: &[f32], rate: u32) -> Result<Vec<i16>, Error> {
    let samples: Vec<i16> = trim(sound, rate)
        .iter()
        .map(|&s| (s.clamp(-1.0, 1.0) * 32767.0) as i16)
        .collect();
    let mut samples = convert(&samples, rate, RATE).map_err(Error::inference)?;
    normalise(&mut samples);
    Ok(samples)
}

fn trim(sound: &[f32], rate: u32) -> &[f32] {
    let loud = |s: &f32| s.abs() > SILENCE;
    let (Some(first), Some(last)) = (sound.iter().position(loud), sound.iter().rposition(loud)) else {
        return &[];
    };
    let from = first.saturating_sub((BEFORE * rate as f32) as usize);
    let to = (last + (AFTER * rate as f32) as usize).min(sound.len());
    &sound[from..to]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_at_the_ends_is_cut_to_a_breath() {
        let sound: Vec<f32> = (0..24_000)
            .map(|n| if (8_000..16_000).contains(&n) { 0.5 } else { 0.001 })
            .collect();
        assert_eq!(trim(&sound, 24_000).len(), 8_000 + 240 + 2_879);
        assert!(trim(&[0.0; 100], 24_000).is_empty());
    }
}
