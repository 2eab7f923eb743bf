//! To twice or to half the sample rate, which every call does with all of its sound: in whole numbers, with one table for all.
//!
//! It knows no rates: what passes is below 7/16 of the lower one (3.5 kHz at 8 kHz, −0.1 dB), and what lies beyond 17/32 of it is gone by 70 dB.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// Of the filter, at the higher rate. Half of them are the delay: 4 ms between 8 and 16 kHz.
const TAPS: usize = 128;
const HALF: usize = TAPS / 2;
/// Where the filter has fallen by 6 dB, in cycles a sample of the higher rate.
const EDGE: f64 = 0.2406;
/// Binary places of the taps. The sum of a half of them, times full scale, stays within 32 bits.
const PLACES: u32 = 15;

/// A low-pass by a Blackman window, symmetric, of gain one.
static FILTER: LazyLock<[i16; TAPS]> = LazyLock::new(|| {
    let taps: [f64; TAPS] = std::array::from_fn(|n| {
        let from_middle = n as f64 - (TAPS - 1) as f64 / 2.0;
        let turn = 2.0 * PI * (n as f64 + 0.5) / TAPS as f64;
        (2.0 * PI * EDGE * from_middle).sin() / from_middle * (0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos())
    });
    let gain: f64 = taps.iter().sum();
    taps.map(|tap| (tap / gain * f64::from(1 << PLACES)).round() as i16)
});

/// The taps that meet the samples which are there when the rate is doubled: those before an old sample, and before a new one.
static PHASES: LazyLock<[[i16; HALF]; 2]> = LazyLock::new(|| {
    let (pairs, _) = FILTER.as_chunks::<2>();
    let mut phases = [[0; HALF]; 2];
    for (n, [first, second]) in pairs.iter().enumerate() {
        phases[1][n] = *first;
        phases[0][n] = *second;
    }
    phases
});

/// Up by an octave: two samples for each.
#[derive(Debug)]
pub(super) struct Up {
    /// Of the samples before, what the filter still needs.
    line: Vec<i16>,
}

impl Default for Up {
    fn default() -> Self {
        Self {
            line: vec![0; HALF - 1],
        }
    }
}

impl Up {
    pub fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        self.line.extend_from_slice(samples);
        let mut out = Vec::with_capacity(2 * samples.len());
        let [old, new] = &*PHASES;
        for window in self.line.array_windows::<HALF>() {
            // A half of the filter's gain meets each of the two.
            out.push(rounded(i64::from(dot(old, window)), PLACES - 1));
            out.push(rounded(i64::from(dot(new, window)), PLACES - 1));
        }
        self.line.drain(..samples.len());
        out
    }
}

/// Down by an octave: one sample for two.
#[derive(Debug)]
pub(super) struct Down {
    line: Vec<i16>,
}

impl Default for Down {
    fn default() -> Self {
        Self {
            line: vec![0; TAPS - 2],
        }
    }
}

impl Down {
    /// Of an odd number the last sample waits.
    pub fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        self.line.extend_from_slice(samples);
        let (before, after) = FILTER.split_at(HALF);
        let (Some(before), Some(after)) = (before.as_array(), after.as_array()) else {
            return Vec::new();
        };
        let firsts = self.line.array_windows::<HALF>().step_by(2);
        let seconds = self.line.array_windows::<HALF>().skip(HALF).step_by(2);
        let out: Vec<i16> = firsts
            .zip(seconds)
            .map(|(first, second)| rounded(i64::from(dot(before, first)) + i64::from(dot(after, second)), PLACES))
            .collect();
        self.line.drain(..2 * out.len());
        out
    }
}

/// Written so that eight products are one instruction.
fn dot(taps: &[i16; HALF], samples: &[i16; HALF]) -> i32 {
    let products = taps
        .iter()
        .zip(samples)
        .map(|(tap, sample)| i32::from(*tap).wrapping_mul(i32::from(*sample)));
    products.fold(0, i32::wrapping_add)
}

fn rounded(sum: i64, places: u32) -> i16 {
    let rounded = (sum + (1 << (places - 1))) >> places;
    rounded.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sound_is_too_loud_for_32_bits() {
        for half in [&FILTER[..HALF], &FILTER[HALF..], &PHASES[0], &PHASES[1]] {
            let most: i64 = half.iter().map(|tap| i64::from(tap.unsigned_abs())).sum();
            assert!(most * 32_768 <= i64::from(i32::MAX), "{most}");
        }
    }

    #[test]
    fn silence_and_a_constant_stay_what_they_are() {
        let (mut up, mut down) = (Up::default(), Down::default());
        assert!(up.push(&[0; 160]).iter().chain(&down.push(&[0; 320])).all(|s| *s == 0));
        let steady = down.push(&up.push(&[12_345; 400]));
        assert_eq!(steady.len(), 400);
        assert!(
            steady[200..].iter().all(|s| (s - 12_345).abs() <= 6),
            "{:?}",
            &steady[390..]
        );
    }
}
