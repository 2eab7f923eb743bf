//! Packet loss concealment for codecs that have none of their own: what is played where a packet is missing.
//!
//! [`Concealer`] repeats the last pitch period of what was heard, lets it fade to the line's own noise within 60 ms, and cross-fades
//! when sound returns. It works on blocks of any length, at the rate of the codec, and knows no packets.

use super::level_dbfs;

/// What is remembered of the sound heard: enough for the longest period and its template. This and all lengths that follow are in ms.
const HISTORY: usize = 48;

/// Pitch from 400 Hz down to 50 Hz: the shortest period is 2.5 ms.
const SHORTEST_PERIOD_HALVES: usize = 5;
const LONGEST_PERIOD: usize = 20;

/// The stretch of the past that a period is sought for.
const TEMPLATE: usize = 20;

/// Under this normalised correlation (0 to 1) there is no voice, and a short period would buzz.
const VOICED: f64 = 0.4;

/// The repetition is at full level for this long, …
const FULL: usize = 10;

/// … and gone after this, as in ITU-T G.711 appendix I.
const GONE: usize = 60;

/// Length of the cross-fade when sound returns.
const RETURN: usize = 5;

/// Bounds of the noise that is played when the repetition is gone, in dBFS.
const QUIETEST_NOISE: f32 = -80.0;
const LOUDEST_NOISE: f32 = -50.0;

/// How fast the estimate of the line's noise forgets that it was quieter, in dB for a block.
const NOISE_RISE: f32 = 0.02;

/// Fills gaps in one direction of a call.
#[derive(Debug)]
pub struct Concealer {
    /// Samples a millisecond.
    ms: usize,
    /// The last [`HISTORY`] given out.
    history: Vec<i16>,
    gap: Option<Gap>,
    /// The line's noise: the lowest level of late, dBFS. None before anything was heard.
    noise: Option<f32>,
    random: u32,
}

/// A gap under way.
#[derive(Debug)]
struct Gap {
    /// One period, made so that its end leads into its beginning.
    period: Vec<f32>,
    /// The step between the last sample heard and the period's beginning, to be smoothed away.
    step: f32,
    /// Samples synthesised so far.
    position: usize,
}

impl Concealer {
    /// For sound of `rate` Hz.
    pub fn new(rate: u32) -> Concealer {
        let ms = rate as usize / 1_000;
        Concealer {
            ms,
            history: vec![0; HISTORY * ms],
            gap: None,
            noise: None,
            random: 0x2545_f491,
        }
    }

    /// A block that was received. After a gap its beginning is blended with the end of the synthesis.
    pub fn heard(&mut self, block: &mut [i16]) {
        if block.is_empty() {
            return;
        }
        let level = level_dbfs(block);
        let noise = self.noise.map_or(level, |noise| level.min(noise + NOISE_RISE));
        self.noise = Some(noise.clamp(QUIETEST_NOISE, LOUDEST_NOISE));
        if let Some(mut gap) = self.gap.take() {
            let fade = (RETURN * self.ms).min(block.len());
            for (i, sample) in block.iter_mut().take(fade).enumerate() {
                let weight = (i as f32 + 0.5) / fade as f32;
                let made = self.synthesise(&mut gap);
                *sample = (f32::from(*sample) * weight + made * (1.0 - weight)).round() as i16;
            }
        }
        self.remember(block);
    }

    /// A block that is missing: filled in.
    pub fn missing(&mut self, block: &mut [i16]) {
        let mut gap = match self.gap.take() {
            Some(gap) => gap,
            None => Gap::after(&self.history, self.ms),
        };
        for sample in block.iter_mut() {
            *sample = self.synthesise(&mut gap).round() as i16;
        }
        self.gap = Some(gap);
        self.remember(block);
    }

    /// The next sample of a gap.
    fn synthesise(&mut self, gap: &mut Gap) -> f32 {
        let since = gap.position;
        gap.position = since.saturating_add(1);
        let (full, gone) = (FULL * self.ms, GONE * self.ms);
        let share = match since {
            since if since < full => 1.0,
            since if since < gone => (gone - since) as f32 / (gone - full) as f32,
            _ => 0.0,
        };
        let noise = self.noise_sample() * (1.0 - share);
        if share == 0.0 {
            return noise;
        }
        let repeated = gap.period.get(since % gap.period.len().max(1)).copied().unwrap_or(0.0);
        let smooth = gap.period.len().min(4 * self.ms) / 2 + 1;
        let step = if since < smooth {
            gap.step * (1.0 - since as f32 / smooth as f32)
        } else {
            0.0
        };
        (repeated + step) * share + noise
    }

    /// White noise at the line's level.
    fn noise_sample(&mut self) -> f32 {
        let Some(level) = self.noise else { return 0.0 };
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let uniform = (self.random >> 8) as f32 / 8_388_608.0 - 1.0;
        // The root mean square of a uniform variable in −1 to 1 is 1/√3.
        uniform * 1.732 * 32_768.0 * 10f32.powf(level / 20.0)
    }

    fn remember(&mut self, block: &[i16]) {
        self.history.extend_from_slice(block);
        let excess = self.history.len().saturating_sub(HISTORY * self.ms);
        self.history.drain(..excess);
    }
}

impl Gap {
    fn after(history: &[i16], ms: usize) -> Gap {
        let past: Vec<f32> = history.iter().map(|s| f32::from(*s)).collect();
        let length = period(&past, ms);
        let blend = length / 4;
        let end = past.len();
        let at = |i: usize| past.get(i).copied().unwrap_or(0.0);
        let mut one: Vec<f32> = (end.saturating_sub(length)..end).map(at).collect();
        // The last quarter fades into what came before the period's beginning, so that the repetition has no seam.
        for i in 0..blend {
            let weight = (i + 1) as f32 / (blend + 1) as f32;
            let before = at((end + i).saturating_sub(length + blend));
            if let Some(sample) = one.get_mut(length - blend + i) {
                *sample = *sample * (1.0 - weight) + before * weight;
            }
        }
        let step = at(end.saturating_sub(1)) - at(end.saturating_sub(length + 1));
        Gap {
            period: one,
            step,
            position: 0,
        }
    }
}

/// The pitch period in samples at the end of `past`, by normalised cross-correlation.
fn period(past: &[f32], ms: usize) -> usize {
    let (shortest, longest) = (SHORTEST_PERIOD_HALVES * ms / 2, LONGEST_PERIOD * ms);
    let (end, length) = (past.len(), TEMPLATE * ms);
    let stretch = |lag: usize| {
        let to = end.checked_sub(lag)?;
        past.get(to.checked_sub(length)?..to)
    };
    let Some(template) = stretch(0) else { return longest };
    let mut best = (VOICED, longest);
    for lag in shortest..=longest {
        let Some(shifted) = stretch(lag) else { break };
        let (mut cross, mut energy, mut own) = (0.0f64, 1.0f64, 1.0f64);
        for (a, b) in template.iter().zip(shifted) {
            cross += f64::from(a * b);
            energy += f64::from(b * b);
            own += f64::from(a * a);
        }
        let correlation = cross / (energy * own).sqrt();
        // A multiple of the period fits as well as the period: the longer one must be clearly better.
        if correlation > best.0 + if best.1 == longest { 0.0 } else { 0.02 } {
            best = (correlation, lag);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::tone::{level_at, sine_at};

    const BLOCK: usize = 80;

    /// Sound of 8 kHz through a concealer that misses the blocks marked `x` in `pattern`, 10 ms a character.
    fn through(sound: &[i16], pattern: &str) -> Vec<i16> {
        through_at(8_000, sound, pattern)
    }

    fn through_at(rate: u32, sound: &[i16], pattern: &str) -> Vec<i16> {
        let mut concealer = Concealer::new(rate);
        let mut out = Vec::new();
        for (block, mark) in sound.chunks_exact(rate as usize / 100).zip(pattern.chars()) {
            let mut block = block.to_vec();
            match mark {
                'x' => {
                    block.fill(0);
                    concealer.missing(&mut block);
                }
                _ => concealer.heard(&mut block),
            }
            out.extend(block);
        }
        out
    }

    fn largest_step(samples: &[i16]) -> i32 {
        samples
            .windows(2)
            .map(|w| (i32::from(w[1]) - i32::from(w[0])).abs())
            .max()
            .unwrap()
    }

    #[test]
    fn what_is_received_is_not_changed() {
        let tone = sine_at(8_000, 200.0, -20.0, Duration::from_millis(100));
        assert_eq!(through(&tone, ".........."), tone);
    }

    #[test]
    fn a_lost_packet_of_a_voice_is_filled_with_that_voice() {
        for hz in [80.0, 150.0, 233.0, 390.0] {
            let tone = sine_at(8_000, hz, -20.0, Duration::from_millis(140));
            let out = through(&tone, ".......xx.....");
            let level = level_dbfs(&out[7 * BLOCK..9 * BLOCK]);
            assert!((level + 20.0).abs() < 2.0, "{hz} Hz filled at {level} dBFS");
            assert!(
                largest_step(&out) < largest_step(&tone) * 5 / 2,
                "{hz} Hz: a click of {}",
                largest_step(&out)
            );
            assert_eq!(out[10 * BLOCK..], tone[10 * BLOCK..], "and then it is left alone");
        }
        let tone = sine_at(8_000, 200.0, -20.0, Duration::from_millis(140));
        let out = through(&tone, ".......xx.....");
        assert!(level_at(&out, 8_000, 200.0) > -20.7);
    }

    #[test]
    fn wide_band_is_filled_as_well() {
        let voice = [150.0, 1_500.0, 6_000.0].map(|hz| sine_at(16_000, hz, -25.0, Duration::from_millis(140)));
        let voice: Vec<i16> = (0..2_240).map(|i| voice.iter().map(|tone| tone[i]).sum()).collect();
        let out = through_at(16_000, &voice, ".......xx.....");
        for hz in [150.0, 1_500.0, 6_000.0] {
            let level = level_at(&out[7 * 160..9 * 160], 16_000, hz);
            assert!((level + 25.0).abs() < 3.0, "{hz} Hz filled at {level} dBFS");
        }
        assert_eq!(out[10 * 160..], voice[10 * 160..]);
    }

    #[test]
    fn a_long_gap_fades_to_the_noise_of_the_line() {
        let mut line = vec![0; 8_000];
        for (i, sample) in line.iter_mut().enumerate() {
            *sample = if i % 3 == 0 { 30 } else { -30 }; // about −60 dBFS
        }
        line.extend(sine_at(8_000, 200.0, -20.0, Duration::from_millis(100)));
        line.extend(vec![0; 1_600]);
        let out = through(&line, &(".".repeat(110) + &"x".repeat(20)));
        let gap = &out[110 * BLOCK..];
        let levels: Vec<f32> = gap.chunks(BLOCK).map(level_dbfs).collect();
        assert!(levels[0] > -21.0, "{levels:?}");
        assert!(levels[4] < -28.0, "{levels:?}");
        assert!(levels[6..].iter().all(|l| (-63.0..-57.0).contains(l)), "{levels:?}");
    }

    #[test]
    fn a_gap_before_any_sound_is_silent() {
        let out = through(&[0; 800], "xxxxxxxxxx");
        assert!(out.iter().all(|s| *s == 0));
    }

    #[test]
    fn full_scale_noise_and_empty_blocks_do_no_harm() {
        let mut concealer = Concealer::new(16_000);
        for i in 0..200u32 {
            let mut block: Vec<i16> = (0..i % 170)
                .map(|j| if (i * j) % 7 < 3 { i16::MAX } else { i16::MIN })
                .collect();
            if i % 3 == 0 {
                concealer.missing(&mut block)
            } else {
                concealer.heard(&mut block)
            }
        }
    }
}
