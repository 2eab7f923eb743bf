//! Sounds that are made rather than recorded: ring-back, the beep before a message, keypad tones.
//!
//! All are 16 kHz mono, or the rate that is asked for. Nothing here knows when they are played.

use std::f64::consts::TAU;
use std::fmt;
use std::time::Duration;

use super::{SAMPLE_RATE, SILENCE_DBFS};

/// A key of the telephone's keypad: `0` to `9`, `*`, `#`, `A` to `D`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u8);

/// The tones of the keypad's rows and columns in Hz, ITU-T Q.23.
pub const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// In the order of their event codes, RFC 4733 section 3.2.
const SYMBOLS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

impl Key {
    /// The key that is labelled so; letters in either case.
    pub fn from_symbol(symbol: char) -> Option<Key> {
        let symbol = symbol.to_ascii_uppercase();
        SYMBOLS
            .iter()
            .position(|s| *s == symbol)
            .and_then(|code| u8::try_from(code).ok())
            .map(Key)
    }

    /// The key of an event code of RFC 4733, 0 to 15.
    pub fn from_code(code: u8) -> Option<Key> {
        SYMBOLS.get(usize::from(code)).map(|_| Key(code))
    }

    /// The event code of RFC 4733, 0 to 15.
    pub fn code(self) -> u8 {
        self.0
    }

    /// What is printed on the key.
    pub fn symbol(self) -> char {
        SYMBOLS.get(usize::from(self.0)).copied().unwrap_or('?')
    }

    /// The key whose tones are these of [`LOW`] and [`HIGH`].
    pub fn at(row: usize, column: usize) -> Option<Key> {
        let symbol = ["123A", "456B", "789C", "*0#D"].get(row)?.chars().nth(column)?;
        Key::from_symbol(symbol)
    }

    /// The two frequencies of its tone in Hz, ITU-T Q.23.
    fn frequencies(self) -> (f32, f32) {
        let (row, column) = match self.symbol() {
            '1' => (0, 0),
            '2' => (0, 1),
            '3' => (0, 2),
            'A' => (0, 3),
            '4' => (1, 0),
            '5' => (1, 1),
            '6' => (1, 2),
            'B' => (1, 3),
            '7' => (2, 0),
            '8' => (2, 1),
            '9' => (2, 2),
            'C' => (2, 3),
            '*' => (3, 0),
            '0' => (3, 1),
            '#' => (3, 2),
            _ => (3, 3),
        };
        (LOW[row], HIGH[column])
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.symbol())
    }
}

/// Keys may be part of a card number: a debug print does not tell which one it is.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What a caller hears while the other end rings: 440 and 480 Hz, two seconds of every six, at −19 dBFS each (ANSI T1.401).
pub fn ring_back(duration: Duration) -> Vec<i16> {
    let on = Duration::from_secs(2);
    let cycle = samples_in(SAMPLE_RATE, Duration::from_secs(6));
    let mut ring = sum(&sine(440.0, -19.0, on), &sine(480.0, -19.0, on));
    soften(&mut ring);
    let total = samples_in(SAMPLE_RATE, duration);
    (0..total).map(|i| ring.get(i % cycle).copied().unwrap_or(0)).collect()
}

/// The beep after which a message is recorded: 1 kHz for 400 ms at −15 dBFS.
pub fn beep() -> Vec<i16> {
    let mut beep = sine(1_000.0, -15.0, Duration::from_millis(400));
    soften(&mut beep);
    beep
}

/// The tone of a key, each frequency at −15 dBFS. Receivers want 40 ms at least (ITU-T Q.24).
pub fn dtmf(key: Key, duration: Duration) -> Vec<i16> {
    let (low, high) = key.frequencies();
    sum(&sine(low, -15.0, duration), &sine(high, -15.0, duration))
}

/// A sine at 16 kHz; `level` is its root mean square in dBFS.
pub fn sine(hz: f32, level: f32, duration: Duration) -> Vec<i16> {
    sine_at(SAMPLE_RATE, hz, level, duration)
}

/// A sine at `rate` Hz; `level` is its root mean square in dBFS.
pub fn sine_at(rate: u32, hz: f32, level: f32, duration: Duration) -> Vec<i16> {
    let peak = 32_768.0 * 10f64.powf(f64::from(level) / 20.0) * std::f64::consts::SQRT_2;
    let step = TAU * f64::from(hz) / f64::from(rate);
    (0..samples_in(rate, duration))
        .map(|i| (peak * (step * i as f64).sin()).round() as i16)
        .collect()
}

/// How loud one frequency is in `samples` of `rate` Hz: the root mean square of that component in dBFS (Goertzel).
pub fn level_at(samples: &[i16], rate: u32, hz: f32) -> f32 {
    if samples.is_empty() || rate == 0 {
        return SILENCE_DBFS;
    }
    let samples = samples.iter().map(|sample| f32::from(*sample) / 32_768.0);
    let rms = power_at(&windowed(samples), rate, hz).sqrt();
    (20.0 * rms.max(1e-5).log10()) as f32
}

/// `samples` under a Hann window, which keeps a strong neighbour out of a weak component.
pub fn windowed(samples: impl ExactSizeIterator<Item = f32>) -> Vec<f32> {
    let turn = std::f32::consts::TAU / samples.len() as f32;
    let windowed = samples.enumerate();
    windowed
        .map(|(i, x)| x * (0.5 - 0.5 * (turn * (i as f32 + 0.5)).cos()))
        .collect()
}

/// The mean square of one frequency in [`windowed`] samples of `rate` Hz (Goertzel's recursion).
pub fn power_at(windowed: &[f32], rate: u32, hz: f32) -> f64 {
    let turn = 2.0 * (TAU * f64::from(hz) / f64::from(rate)).cos();
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    for x in windowed {
        (one, two) = (f64::from(*x) + turn * one - two, one);
    }
    let squared = one * one + two * two - turn * one * two;
    // The window leaves half of a tone's height.
    8.0 * squared.max(0.0) / (windowed.len() as f64).powi(2).max(1.0)
}

fn samples_in(rate: u32, duration: Duration) -> usize {
    (duration.as_secs_f64() * f64::from(rate)).round() as usize
}

fn sum(a: &[i16], b: &[i16]) -> Vec<i16> {
    a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
}

/// 5 ms up at the beginning and down at the end, so that it does not click.
fn soften(samples: &mut [i16]) {
    let ramp = samples_in(SAMPLE_RATE, Duration::from_millis(5))
        .min(samples.len() / 2)
        .max(1);
    let len = samples.len();
    for (i, sample) in samples.iter_mut().enumerate() {
        let edge = i.min(len - 1 - i).min(ramp);
        *sample = (i32::from(*sample) * edge as i32 / ramp as i32) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::level_dbfs;

    #[test]
    fn keys_are_symbols_and_codes() {
        for (code, symbol) in SYMBOLS.iter().enumerate() {
            let key = Key::from_symbol(*symbol).unwrap();
            assert_eq!(usize::from(key.code()), code);
            assert_eq!(Key::from_code(key.code()), Some(key));
            assert_eq!(key.to_string(), symbol.to_string());
        }
        assert_eq!(Key::from_symbol('d').unwrap().symbol(), 'D');
        assert_eq!(Key::from_symbol('x'), None);
        assert_eq!(Key::from_code(16), None);
        assert_eq!(format!("{:?}", Key::from_symbol('7').unwrap()), "Key(…)");
    }

    #[test]
    fn tones_have_their_level_and_their_frequencies() {
        let tone = sine(1_000.0, -20.0, Duration::from_secs(1));
        assert_eq!(tone.len(), 16_000);
        assert!((level_dbfs(&tone) + 20.0).abs() < 0.05);
        assert!((level_at(&tone, 16_000, 1_000.0) + 20.0).abs() < 0.05);
        assert!(level_at(&tone, 16_000, 1_500.0) < -80.0);
        let five = dtmf(Key::from_symbol('5').unwrap(), Duration::from_millis(100));
        assert!(level_at(&five, 16_000, 770.0) > -16.0 && level_at(&five, 16_000, 1_336.0) > -16.0);
        assert!(level_at(&five, 16_000, 941.0) < -40.0);
    }

    #[test]
    fn ring_back_has_its_cadence() {
        let ring = ring_back(Duration::from_secs(9));
        assert_eq!(ring.len(), 9 * 16_000);
        assert!(level_dbfs(&ring[..32_000]) > -17.0);
        assert!(ring[32_000..96_000].iter().all(|s| *s == 0));
        assert!(level_dbfs(&ring[96_000..128_000]) > -17.0);
        assert!(ring_back(Duration::ZERO).is_empty());
        assert!(beep().len() == 6_400 && beep()[0] == 0);
    }
}
