//! Background sound for simulated lines, made from a seed: the same seed gives the same noise.
//!
//! It is meant to trouble a recogniser the way streets and rooms do, not to sound like one in particular. It knows no
//! calls.

use std::f32::consts::TAU;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::audio::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Where the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Rumble that swells as things pass by.
    Street,
    /// Many voices at once, none of them to be understood.
    Babble,
    /// One voice in the background, with pauses.
    Television,
    /// Hiss.
    White,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "street" => Ok(Place::Street),
            "babble" => Ok(Place::Babble),
            "television" => Ok(Place::Television),
            "white" => Ok(Place::White),
            other => Err(format!(
                "no noise is called `{other}`; there are street, babble, television and white"
            )),
        }
    }
}

/// Speech is put out at this level, dBFS: a signal-to-noise ratio is taken from it.
const SPEECH: f32 = -20.0;

/// An endless background.
pub struct Noise {
    place: Place,
    random: StdRng,
    /// Of the wanted level to the unit level of [`Noise::next`].
    gain: f32,
    /// Samples made.
    at: u64,
    low: f32,
    talkers: Vec<Talker>,
}

impl Noise {
    /// `snr` dB below speech of usual level.
    pub fn new(place: Place, snr: f32, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let talkers = match place {
            Place::Babble => 8,
            Place::Television => 1,
            Place::Street | Place::White => 0,
        };
        let talkers = (0..talkers).map(|_| Talker::new(&mut random)).collect();
        let mut noise = Self {
            place,
            random,
            gain: 1.0,
            at: 0,
            low: 0.0,
            talkers,
        };
        noise.calibrate(snr);
        noise
    }

    /// Adds 20 ms of it.
    pub fn mix(&mut self, frame: &mut Frame) {
        for sample in frame.0.iter_mut() {
            let noise = self.next() * self.gain;
            *sample = (f32::from(*sample) + noise).clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16;
        }
    }

    /// Ten seconds are made and measured: what its parts come to is not known otherwise.
    fn calibrate(&mut self, snr: f32) {
        let count = 10 * SAMPLE_RATE as usize / FRAME_SAMPLES * FRAME_SAMPLES;
        let power = (0..count).map(|_| self.next().powi(2)).sum::<f32>() / count as f32;
        let wanted = 10_f32.powf((SPEECH - snr) / 20.0) * f32::from(i16::MAX);
        self.gain = wanted / power.sqrt().max(1e-6);
        self.at = 0;
    }

    fn next(&mut self) -> f32 {
        let seconds = self.at as f32 / SAMPLE_RATE as f32;
        self.at += 1;
        let white = self.random.random_range(-1.0_f32..1.0);
        match self.place {
            Place::White => white,
            Place::Street => {
                // Brown noise; something passes every seven seconds or so.
                self.low += 0.06 * (white - self.low);
                let swell = 0.5 + 0.5 * (TAU * seconds / 7.3).sin() * (TAU * seconds / 3.1).cos();
                (0.4 + swell) * (self.low + 0.05 * white)
            }
            Place::Babble | Place::Television => {
                let random = &mut self.random;
                self.talkers.iter_mut().map(|talker| talker.next(white, random)).sum()
            }
        }
    }
}

/// A voice without words: pulses through two resonances that move from syllable to syllable.
struct Talker {
    pitch: f32,
    phase: f32,
    formants: [Resonance; 2],
    /// Samples until the next syllable or pause.
    left: u32,
    loud: f32,
}

impl Talker {
    fn new(random: &mut StdRng) -> Self {
        Self {
            pitch: random.random_range(95.0..240.0),
            phase: 0.0,
            formants: [Resonance::default(), Resonance::default()],
            left: 0,
            loud: 0.0,
        }
    }

    fn next(&mut self, white: f32, random: &mut StdRng) -> f32 {
        if self.left == 0 {
            self.left = (random.random_range(0.08_f32..0.28) * SAMPLE_RATE as f32) as u32;
            // One syllable in six is a pause.
            self.loud = if random.random_range(0..6) == 0 {
                0.0
            } else {
                random.random_range(0.4..1.0)
            };
            self.formants[0].tune(random.random_range(280.0..800.0), 90.0);
            self.formants[1].tune(random.random_range(900.0..2300.0), 140.0);
        }
        self.left -= 1;
        self.phase += self.pitch / SAMPLE_RATE as f32;
        let pulse = if self.phase >= 1.0 {
            self.phase -= 1.0;
            1.0
        } else {
            0.02 * white
        };
        let [first, second] = &mut self.formants;
        self.loud * (first.pass(pulse) + 0.6 * second.pass(pulse))
    }
}

/// A resonance of two poles.
#[derive(Default)]
struct Resonance {
    a: [f32; 2],
    y: [f32; 2],
}

impl Resonance {
    /// Centre and width in hertz.
    fn tune(&mut self, centre: f32, width: f32) {
        let radius = (-TAU / 2.0 * width / SAMPLE_RATE as f32).exp();
        self.a = [
            2.0 * radius * (TAU * centre / SAMPLE_RATE as f32).cos(),
            -radius * radius,
        ];
    }

    fn pass(&mut self, x: f32) -> f32 {
        let y = x + self.a[0] * self.y[0] + self.a[1] * self.y[1];
        self.y = [y, self.y[0]];
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::level_dbfs;

    fn ten_seconds(place: Place, snr: f32, seed: u64) -> Vec<i16> {
        let mut noise = Noise::new(place, snr, seed);
        let mut samples = Vec::new();
        for _ in 0..500 {
            let mut frame = Frame::silence();
            noise.mix(&mut frame);
            samples.extend_from_slice(frame.samples());
        }
        samples
    }

    #[test]
    fn each_place_is_as_loud_as_asked_and_the_same_by_its_seed() {
        for place in [Place::Street, Place::Babble, Place::Television, Place::White] {
            for snr in [5.0, 20.0] {
                let level = level_dbfs(&ten_seconds(place, snr, 7));
                assert!(
                    (level - (SPEECH - snr)).abs() < 3.0,
                    "{place:?}: {level} dBFS at {snr} dB"
                );
            }
            assert_eq!(ten_seconds(place, 10.0, 3), ten_seconds(place, 10.0, 3));
            assert_ne!(ten_seconds(place, 10.0, 3), ten_seconds(place, 10.0, 4));
        }
        assert!("streets".parse::<Place>().is_err());
    }
}
