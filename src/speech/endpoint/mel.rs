//! The picture of a sound that Whisper and its kin hear: 80 bands of the mel scale, 100 times a second, as logarithms.
//!
//! Slaney's scale and norm, a periodic Hann window of 25 ms, reflected at the ends. It knows no model.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::speech::RATE;

/// Eight seconds.
pub(super) const WINDOW: usize = 8 * RATE as usize;
pub(super) const FRAMES: usize = WINDOW / HOP;
pub(super) const BANDS: usize = 80;
const HOP: usize = 160;
const LENGTH: usize = 400;
const BINS: usize = LENGTH / 2 + 1;
/// Powers below are silence.
const FLOOR: f32 = 1e-10;
/// What is so much weaker than the strongest is raised to it: powers of ten.
const RANGE: f32 = 8.0;

pub(super) struct Mel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    /// Of each band: its first bin and the weights from there on.
    filters: Vec<(usize, Vec<f32>)>,
}

impl Mel {
    pub fn new() -> Self {
        let turn = |n: usize| std::f32::consts::TAU * n as f32 / LENGTH as f32;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(LENGTH),
            hann: (0..LENGTH).map(|n| 0.5 - 0.5 * turn(n).cos()).collect(),
            filters: filters(),
        }
    }

    /// 80 × 800 numbers of some -1 to 1.5, band by band. `samples` at most [`WINDOW`]; silence is put before fewer. As loud as any: the
    /// sound is brought to mean 0 and variance 1 first.
    pub fn features(&self, samples: &[i16]) -> Vec<f32> {
        let sound = normalised(samples);
        let mut logs = vec![0.0; BANDS * FRAMES];
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut strongest = f32::MIN;
        for at in 0..FRAMES {
            for (n, (value, hann)) in frame.iter_mut().zip(&self.hann).enumerate() {
                *value = hann * sound.get(mirrored(at * HOP + n)).copied().unwrap_or(0.0);
            }
            // The lengths are those of the plan: it cannot fail.
            if self.fft.process(&mut frame, &mut spectrum).is_err() {
                continue;
            }
            for (band, (first, weights)) in self.filters.iter().enumerate() {
                let bins = spectrum.iter().skip(*first).zip(weights);
                let power: f32 = bins.map(|(bin, weight)| weight * bin.norm_sqr()).sum();
                let log = power.max(FLOOR).log10();
                strongest = strongest.max(log);
                if let Some(cell) = logs.get_mut(band * FRAMES + at) {
                    *cell = log;
                }
            }
        }
        for log in &mut logs {
            *log = (log.max(strongest - RANGE) + 4.0) / 4.0;
        }
        logs
    }
}

/// Where sample `at` of the sound stands that is reflected by half a frame at both ends.
fn mirrored(at: usize) -> usize {
    const HALF: usize = LENGTH / 2;
    if at < HALF {
        HALF - at
    } else if at - HALF < WINDOW {
        at - HALF
    } else {
        2 * (WINDOW - 1) - (at - HALF)
    }
}

/// [`WINDOW`] samples of mean 0 and variance 1, silence before what is shorter.
fn normalised(samples: &[i16]) -> Vec<f32> {
    let silence = WINDOW.saturating_sub(samples.len());
    let mut sound = vec![0.0; silence];
    sound.extend(samples.iter().take(WINDOW).map(|&s| f32::from(s) / 32768.0));
    let count = sound.len() as f64;
    let mean = sound.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = sound.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let scale = 1.0 / (variance + 1e-7).sqrt();
    for x in &mut sound {
        *x = ((f64::from(*x) - mean) * scale) as f32;
    }
    sound
}

/// Triangles over the bins, equally wide on Slaney's scale, each of the same area.
fn filters() -> Vec<(usize, Vec<f32>)> {
    let top = mel(f64::from(RATE) / 2.0);
    let edges: Vec<f64> = (0..BANDS + 2)
        .map(|n| hertz(top * n as f64 / (BANDS + 1) as f64))
        .collect();
    let bins: Vec<f64> = (0..BINS)
        .map(|bin| f64::from(RATE) / 2.0 * bin as f64 / (BINS - 1) as f64)
        .collect();
    let triangle = |edges: &[f64]| {
        let [low, middle, high] = edges else {
            return (0, Vec::new());
        };
        let weight = |&bin: &f64| {
            ((bin - low) / (middle - low))
                .min((high - bin) / (high - middle))
                .max(0.0)
        };
        let all: Vec<f32> = bins
            .iter()
            .map(|bin| (weight(bin) * 2.0 / (high - low)) as f32)
            .collect();
        let first = all.iter().position(|weight| *weight > 0.0).unwrap_or(0);
        let weights = all.into_iter().skip(first).take_while(|weight| *weight > 0.0);
        (first, weights.collect())
    };
    edges.windows(3).map(triangle).collect()
}

/// Linear up to 1 kHz, 15 there; logarithmic above.
fn mel(hertz: f64) -> f64 {
    if hertz < 1000.0 {
        3.0 * hertz / 200.0
    } else {
        15.0 + 27.0 * (hertz / 1000.0).ln() / 6.4_f64.ln()
    }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 {
        200.0 * mel / 3.0
    } else {
        1000.0 * (6.4_f64.ln() * (mel - 15.0) / 27.0).exp()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Three seconds of a tone that swells three times a second.
    pub fn humming() -> Vec<i16> {
        let tau = std::f64::consts::TAU;
        (0..3 * 16_000)
            .map(|n| {
                let t = f64::from(n) / 16_000.0;
                (8000.0 * (tau * 220.0 * t).sin() * (0.5 + 0.5 * (tau * 3.0 * t).sin())).round() as i16
            })
            .collect()
    }

    #[test]
    fn the_picture_is_the_one_that_the_model_was_taught() {
        let picture = Mel::new().features(&humming());
        let at = |band: usize, frame: usize| picture[band * FRAMES + frame];
        for (band, frame, value) in [(10, 700, 0.508_327), (40, 600, -0.148_768), (5, 100, -0.148_768)] {
            assert!(
                (at(band, frame) - value).abs() < 1e-3,
                "{band} {frame}: {}",
                at(band, frame)
            );
        }
        let mean = picture.iter().sum::<f32>() / picture.len() as f32;
        assert!((mean + 0.082_326).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn the_ends_are_mirrored() {
        assert_eq!((mirrored(0), mirrored(199), mirrored(200)), (200, 1, 0));
        assert_eq!(
            (mirrored(WINDOW + 199), mirrored(WINDOW + 200)),
            (WINDOW - 1, WINDOW - 2)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_sound_has_a_picture(samples in prop::collection::vec(any::<i16>(), 0..4000)) {
            let picture = Mel::new().features(&samples);
            prop_assert_eq!(picture.len(), BANDS * FRAMES);
            prop_assert!(picture.iter().all(|x| x.is_finite()));
        }
    }
}
