//! Whether what is heard is what was just played, come back from the far end of the line.
//!
//! The sound of the last 200 ms is looked for in what was played up to 600 ms earlier, by normalised cross-correlation. A caller who
//! talks over the bot is not found there, however loud the echo under their voice. It removes nothing: it tells.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::{FRAME_SAMPLES, Frame};

/// Samples that are compared, at 8 kHz: 200 ms.
const WINDOW: usize = 1_600;
/// The longest way there and back, in samples: 600 ms.
const LAGS: usize = 4_800;
/// A power of two above both together.
const SIZE: usize = 8_192;
/// Share of the energy that the played sound must explain to be found, and at the delay where it was found lately.
const FOUND: f32 = 0.45;
const EXPECTED: f32 = 0.15;
/// Samples by which a known delay may wander.
const WANDER: usize = 3;
/// Mean square below which there is nothing to compare: −60 dBFS.
const NOTHING: f32 = 1e-6;

pub struct EchoDetector {
    /// Of 8 kHz, −1 to 1, oldest first.
    played: VecDeque<f32>,
    heard: VecDeque<f32>,
    /// The delay that was found, in samples.
    delay: Option<usize>,
}

/// There and back; all calls have them together.
type Transforms = (Arc<dyn RealToComplex<f32>>, Arc<dyn ComplexToReal<f32>>);

static TRANSFORMS: LazyLock<Transforms> = LazyLock::new(|| {
    let mut planner = RealFftPlanner::new();
    (planner.plan_fft_forward(SIZE), planner.plan_fft_inverse(SIZE))
});

impl Default for EchoDetector {
    fn default() -> Self {
        Self {
            played: VecDeque::from(vec![0.0; WINDOW + LAGS]),
            heard: VecDeque::from(vec![0.0; WINDOW]),
            delay: None,
        }
    }
}

impl EchoDetector {
    /// 20 ms went out (`None`: silence).
    pub fn play(&mut self, frame: Option<&Frame>) {
        match frame {
            Some(frame) => push(&mut self.played, frame),
            None => push(&mut self.played, &Frame::silence()),
        }
    }

    /// 20 ms came in.
    pub fn hear(&mut self, frame: &Frame) {
        push(&mut self.heard, frame);
    }

    /// Whether what came in last is an echo. About 0.2 ms of work: to be asked where it matters.
    pub fn is_echo(&mut self) -> bool {
        let energy: f32 = self.heard.iter().map(|x| x * x).sum();
        let silent = |energy: f32| energy < NOTHING * WINDOW as f32;
        if silent(energy) || silent(self.played.iter().map(|x| x * x).sum()) {
            return false;
        }
        let Some(products) = self.products() else { return false };
        // Energy of the played sound under the window, at each delay.
        let mut sums = Vec::with_capacity(self.played.len() + 1);
        sums.push(0.0_f32);
        for x in &self.played {
            sums.push(sums[sums.len() - 1] + x * x);
        }
        let share = |lag: usize| {
            let start = LAGS - lag;
            let played = sums[start + WINDOW] - sums[start];
            if silent(played) {
                return 0.0;
            }
            products[start] * products[start] / (energy * played)
        };
        if let Some(delay) = self.delay {
            let around = delay.saturating_sub(WANDER)..=(delay + WANDER).min(LAGS);
            if around.map(share).fold(0.0, f32::max) >= EXPECTED {
                return true;
            }
        }
        let best = (0..=LAGS).max_by(|a, b| share(*a).total_cmp(&share(*b)));
        match best.filter(|lag| share(*lag) >= FOUND) {
            Some(lag) => {
                self.delay = Some(lag);
                true
            }
            None => false,
        }
    }

    /// The heard window times the played sound from each sample on.
    fn products(&self) -> Option<Vec<f32>> {
        let (forward, back) = &*TRANSFORMS;
        let spectrum = |samples: &VecDeque<f32>| {
            let mut time = forward.make_input_vec();
            for (to, from) in time.iter_mut().zip(samples) {
                *to = *from;
            }
            let mut out = forward.make_output_vec();
            forward.process(&mut time, &mut out).ok()?;
            Some(out)
        };
        let (played, heard) = (spectrum(&self.played)?, spectrum(&self.heard)?);
        let mut product: Vec<Complex<f32>> = played.iter().zip(&heard).map(|(p, h)| p * h.conj()).collect();
        // What a real signal has there, whatever rounding left.
        for at in [0, SIZE / 2] {
            product[at].im = 0.0;
        }
        let mut out = back.make_output_vec();
        back.process(&mut product, &mut out).ok()?;
        out.iter_mut().for_each(|x| *x /= SIZE as f32);
        Some(out)
    }
}

fn push(line: &mut VecDeque<f32>, frame: &Frame) {
    line.drain(..FRAME_SAMPLES / 2);
    line.extend(frame.halved());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frames;
    use crate::audio::g711::Law;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Something like a voice: noise through a filter, in syllables.
    fn voice(seed: u64, frames: usize) -> Vec<i16> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut low = 0.0_f32;
        (0..frames * FRAME_SAMPLES)
            .map(|n| {
                low += 0.2 * (random.random_range(-1.0..1.0) - low);
                let syllable = (n as f32 / 3_000.0 + seed as f32).sin().abs();
                (low * syllable * 20_000.0) as i16
            })
            .collect()
    }

    fn quieter(samples: &[i16], db: f32) -> Vec<i16> {
        let gain = 10_f32.powf(db / 20.0);
        samples.iter().map(|s| (f32::from(*s) * gain) as i16).collect()
    }

    /// The share of frames that are taken for an echo, when `heard` comes in while `played` goes out.
    fn echoes(played: &[i16], heard: &[i16]) -> f32 {
        let mut detector = EchoDetector::default();
        let (mut found, mut all) = (0, 0);
        for (n, (out, into)) in frames(played).zip(frames(heard)).enumerate() {
            detector.hear(&into);
            if n > 40 {
                all += 1;
                found += usize::from(detector.is_echo());
            }
            detector.play(Some(&out));
        }
        found as f32 / all as f32
    }

    #[test]
    fn an_echo_is_told_from_a_caller() {
        let (bot, caller) = (voice(1, 200), voice(2, 200));
        for delay in [400, 1_000, 4_321, 9_000] {
            for db in [-12.0, -20.0] {
                let late: Vec<i16> = vec![0; delay].into_iter().chain(quieter(&bot, db)).collect();
                let coded = Law::Pcmu.decode(&Law::Pcmu.encode(&late));
                assert!(echoes(&bot, &coded) > 0.97, "{delay} {db}: {}", echoes(&bot, &coded));
            }
        }
        assert_eq!(echoes(&bot, &caller), 0.0);
        // Both at once, the echo 12 dB below the caller.
        let both: Vec<i16> = caller
            .iter()
            .zip(quieter(&bot, -12.0))
            .map(|(a, b)| a.saturating_add(b))
            .collect();
        assert!(echoes(&bot, &both) < 0.05, "{}", echoes(&bot, &both));
        assert_eq!(echoes(&bot, &vec![0; bot.len()]), 0.0);
        assert_eq!(echoes(&vec![0; bot.len()], &caller), 0.0);
    }
}
