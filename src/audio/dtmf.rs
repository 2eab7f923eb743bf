//! Keys that are heard in the sound, from telephones that tell them in no other way (ITU-T Q.23, Q.24).
//!
//! 30 ms are looked at every 10 ms: two pure tones, one of each group, alike in level, and hardly anything else. Speech has other sounds in it;
//! a voice that sings two of the tones for 50 ms is rare, but is why those who tell their keys otherwise are not listened to.

use std::collections::VecDeque;

use super::Frame;
use super::tone::{self, HIGH, Key, LOW};

/// Of what is looked at: a telephone has no more than 4 kHz.
const RATE: u32 = 8_000;
const WINDOW: usize = 240;
const STEP: usize = 80;
/// Windows in a row in which a key is heard before it is one, and those without it after which it is let go.
const PRESSED: u8 = 4;
const RELEASED: u8 = 3;
/// Mean square below which there is no key: −42 dBFS.
const FAINT: f32 = 6e-5;
/// Share of the sound that the two tones make, at least; one and a half per cent beside its pitch a tone loses two decibels here.
const PURE: f32 = 0.72;
/// How much stronger than any other of its group a tone is: 8 dB.
const ALONE: f32 = 6.3;
/// How much stronger the higher tone may be than the lower, and the other way: 4 and 8 dB (Q.24), and 2 dB for the line.
const TWIST: f32 = 4.0;
const REVERSE_TWIST: f32 = 10.0;

#[derive(Debug, Default)]
pub struct DtmfDetector {
    /// Of 8 kHz, −1 to 1, oldest first; at most a window.
    heard: VecDeque<f32>,
    fresh: usize,
    /// What the last windows held, and how many of them.
    candidate: Option<Key>,
    seen: u8,
    /// The key that is down, and windows without it.
    down: Option<Key>,
    missed: u8,
}

impl DtmfDetector {
    /// 20 ms; the key that is pressed in them, once for each press.
    pub fn hear(&mut self, frame: &Frame) -> Option<Key> {
        let mut pressed = None;
        for sample in frame.halved() {
            if self.heard.len() == WINDOW {
                self.heard.pop_front();
            }
            self.heard.push_back(sample);
            self.fresh += 1;
            if self.fresh == STEP {
                self.fresh = 0;
                let key = self.look();
                pressed = self.follow(key).or(pressed);
            }
        }
        pressed
    }

    fn follow(&mut self, key: Option<Key>) -> Option<Key> {
        if self.down.is_some() {
            self.missed = if key == self.down { 0 } else { self.missed + 1 };
            if self.missed < RELEASED {
                return None;
            }
            self.down = None;
        }
        self.seen = match key {
            Some(_) if key == self.candidate => self.seen + 1,
            Some(_) => 1,
            None => 0,
        };
        self.candidate = key;
        if self.seen < PRESSED {
            return None;
        }
        (self.down, self.seen, self.missed) = (key, 0, 0);
        key
    }

    /// The key in the last window.
    fn look(&self) -> Option<Key> {
        if self.heard.len() < WINDOW {
            return None;
        }
        let windowed = tone::windowed(self.heard.iter().copied());
        // The window keeps three eighths of the power of a sound.
        let power = windowed.iter().map(|x| x * x).sum::<f32>() / (WINDOW as f32 * 0.375);
        if power < FAINT {
            return None;
        }
        let (row, low) = strongest(&windowed, &LOW)?;
        let (column, high) = strongest(&windowed, &HIGH)?;
        let alike = high <= low * TWIST && low <= high * REVERSE_TWIST;
        (alike && low + high >= power * PURE)
            .then(|| Key::at(row, column))
            .flatten()
    }
}

/// The tone of a group that stands out, and its mean square.
fn strongest(windowed: &[f32], group: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = group.map(|hz| tone::power_at(windowed, RATE, hz) as f32);
    let best = (0..4).max_by(|a, b| powers[*a].total_cmp(&powers[*b]))?;
    let alone = (0..4).all(|other| other == best || powers[best] >= powers[other] * ALONE);
    alone.then_some((best, powers[best]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::audio::g711::Law;
    use crate::audio::resample::Resampler;
    use crate::audio::{frames, tone};

    const ALL: &str = "0123456789*#ABCD";

    fn key(symbol: char) -> Key {
        Key::from_symbol(symbol).expect("a key")
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn heard(sound: &[i16]) -> String {
        let mut detector = DtmfDetector::default();
        frames(sound)
            .filter_map(|frame| detector.hear(&frame))
            .map(Key::symbol)
            .collect()
    }

    /// Through the telephone: 8 kHz and A-law.
    fn telephoned(sound: &[i16]) -> Vec<i16> {
        let narrow = Resampler::narrowing().push(sound);
        Resampler::widening().push(&Law::Pcma.decode(&Law::Pcma.encode(&narrow)))
    }

    fn pressed(keys: &str, on: Duration, off: Duration) -> Vec<i16> {
        let pause = tone::sine(200.0, -90.0, off);
        let press = |symbol| [tone::dtmf(key(symbol), on), pause.clone()].concat();
        [pause.clone(), keys.chars().flat_map(press).collect(), pause.repeat(4)].concat()
    }

    #[test]
    fn every_key_is_heard_once_however_long_it_is_pressed() {
        for (on, off) in [(50, 50), (70, 40), (400, 100)] {
            let sound = telephoned(&pressed(ALL, ms(on), ms(off)));
            assert_eq!(heard(&sound), ALL, "{on} ms, {off} ms of pause");
        }
        assert_eq!(heard(&telephoned(&pressed("7755", ms(60), ms(60)))), "7755");
    }

    #[test]
    fn what_is_too_short_too_faint_or_too_uneven_is_none() {
        assert_eq!(heard(&pressed("5", ms(20), ms(100))), "");
        let tones = |low: f32, high: f32| {
            let sum = tone::sine(770.0, low, ms(100))
                .into_iter()
                .zip(tone::sine(1_336.0, high, ms(100)));
            sum.map(|(a, b)| a.saturating_add(b)).collect::<Vec<i16>>()
        };
        assert_eq!(heard(&tones(-20.0, -17.0)), "5", "3 dB of twist");
        assert_eq!(heard(&tones(-20.0, -28.0)), "5", "8 dB the other way");
        assert_eq!(heard(&tones(-20.0, -8.0)), "");
        assert_eq!(heard(&tones(-8.0, -25.0)), "");
        assert_eq!(heard(&tones(-50.0, -50.0)), "");
        assert_eq!(heard(&tone::sine(770.0, -15.0, ms(300))), "");
        assert_eq!(heard(&tone::ring_back(ms(2_000))), "");
    }

    #[test]
    fn a_telephone_may_be_out_of_tune_but_not_far() {
        let detuned = |by: f32| {
            let sum = tone::sine(770.0 * by, -15.0, ms(100))
                .into_iter()
                .zip(tone::sine(1_336.0 * by, -15.0, ms(100)));
            sum.map(|(a, b)| a.saturating_add(b)).collect::<Vec<i16>>()
        };
        for by in [0.985, 1.015] {
            assert_eq!(heard(&detuned(by)), "5", "{by}");
        }
        for by in [0.955, 1.045] {
            assert_eq!(heard(&detuned(by)), "", "{by}");
        }
    }

    #[test]
    fn keys_are_heard_over_noise_and_noise_is_no_key() {
        let mut random = StdRng::seed_from_u64(7);
        let mut noisy = |sound: Vec<i16>, level: f32| -> Vec<i16> {
            let peak = 32_768.0 * 10f32.powf(level / 20.0) * 3f32.sqrt();
            sound
                .iter()
                .map(|s| s.saturating_add(random.random_range(-peak..peak) as i16))
                .collect()
        };
        assert_eq!(heard(&noisy(pressed(ALL, ms(60), ms(60)), -30.0)), ALL);
        assert_eq!(heard(&noisy(vec![0; 16_000 * 60], -20.0)), "");
    }

    /// Recorded people, where they are at hand: no key is heard in any of them.
    #[test]
    fn nobody_says_a_key() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/speech/en");
        let Ok(kinds) = std::fs::read_dir(&folder) else {
            return eprintln!("SKIPPED: no recordings at {}", folder.display());
        };
        let files = kinds
            .flatten()
            .filter_map(|kind| std::fs::read_dir(kind.path()).ok())
            .flatten()
            .flatten();
        let (mut recordings, mut wrong) = (0, Vec::new());
        for file in files.filter(|file| file.path().extension().is_some_and(|end| end == "wav")) {
            let Ok(sound) = crate::audio::wav::read(&file.path()) else {
                continue;
            };
            recordings += 1;
            let keys = heard(&telephoned(&sound));
            if !keys.is_empty() {
                wrong.push((keys, file.path()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(recordings > 100, "{recordings}");
    }
}
