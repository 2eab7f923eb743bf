//! How loud speech is, and making a voice as loud as telephone speech is.
//!
//! Measures and scales whole utterances at 16 kHz; it knows nothing of whose they are.

use super::{FRAME_SAMPLES, SILENCE_DBFS, level_dbfs};

/// Speech at a comfortable level on the telephone network, in dBFS.
pub const SPEECH_DBFS: f32 = -20.0;

/// Frames this much under the loudest one are pauses, in dB (a 20 ms cousin of the activity threshold of ITU-T P.56).
const PAUSE_DB: f32 = 25.0;

/// More than this many dB would turn a silent file into hiss.
const MAX_GAIN_DB: f32 = 24.0;

/// The highest sample after scaling: 0.1 dB under full scale.
const CEILING: f32 = 32_391.0;

/// Scales an utterance so that its speech is at [`SPEECH_DBFS`], or as near as can be without clipping; returns the gain in dB.
pub fn normalise(samples: &mut [i16]) -> f32 {
    let gain = gain_for(samples);
    amplify(samples, gain);
    gain
}

/// The gain in dB that brings an utterance's speech to [`SPEECH_DBFS`] without clipping; at most 24 dB, and 0 for silence.
pub fn gain_for(samples: &[i16]) -> f32 {
    let level = speech_level(samples);
    let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    if level <= SILENCE_DBFS || peak == 0 {
        return 0.0;
    }
    let headroom = 20.0 * (CEILING / f32::from(peak)).log10();
    (SPEECH_DBFS - level).min(headroom).min(MAX_GAIN_DB)
}

/// Scales by `gain` dB; what would exceed 16 bits is held at the limit.
pub fn amplify(samples: &mut [i16], gain: f32) {
    let factor = 10f32.powf(gain / 20.0);
    for sample in samples {
        *sample = (f32::from(*sample) * factor).round() as i16; // saturates
    }
}

/// The level of the speech in `samples`, pauses left out, in dBFS.
pub fn speech_level(samples: &[i16]) -> f32 {
    let levels: Vec<f32> = samples.chunks(FRAME_SAMPLES).map(level_dbfs).collect();
    let loudest = levels.iter().copied().fold(SILENCE_DBFS, f32::max);
    let powers: Vec<f64> = levels
        .iter()
        .filter(|level| !is_pause(**level, loudest))
        .map(|level| 10f64.powf(f64::from(*level) / 10.0))
        .collect();
    if powers.is_empty() {
        return SILENCE_DBFS;
    }
    (10.0 * (powers.iter().sum::<f64>() / powers.len() as f64).log10()) as f32
}

/// Whether a frame of this level is a pause in an utterance whose loudest frame has the other (dBFS).
pub fn is_pause(level: f32, loudest: f32) -> bool {
    level <= SILENCE_DBFS || level < loudest - PAUSE_DB
}

/// The farthest that [`word_before`] goes back. Samples: 600 ms.
const WORD: usize = 9_600;

/// Where the word begins that is under way at sample `at` of a voice (16 kHz): after the last pause before it, or 600 ms back.
pub fn word_before(voice: &[i16], at: usize) -> usize {
    let at = at.min(voice.len());
    let loudest = voice.chunks(FRAME_SAMPLES).map(level_dbfs).fold(SILENCE_DBFS, f32::max);
    let before = voice[..at].rchunks(FRAME_SAMPLES).enumerate().skip(1);
    for (back, frame) in before.map(|(n, frame)| (n * FRAME_SAMPLES, frame)) {
        if back > WORD || is_pause(level_dbfs(frame), loudest) {
            return at - back.min(at);
        }
    }
    0
}

/// The last of these frames (levels in dBFS, one for each frame) that is not a pause; none if all is silence.
pub fn last_sound(levels: &[f32]) -> Option<usize> {
    let loudest = levels.iter().copied().fold(SILENCE_DBFS, f32::max);
    levels.iter().rposition(|level| !is_pause(*level, loudest))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::tone::sine;

    #[test]
    fn pauses_do_not_count() {
        let mut speech = sine(300.0, -30.0, Duration::from_secs(1));
        speech.extend(vec![3; 32_000]);
        assert!((speech_level(&speech) + 30.0).abs() < 0.3, "{}", speech_level(&speech));
        let gain = normalise(&mut speech);
        assert!((gain - 10.0).abs() < 0.3);
        assert!((speech_level(&speech) - SPEECH_DBFS).abs() < 0.3);
    }

    #[test]
    fn the_last_sound_is_found() {
        assert_eq!(last_sound(&[-60.0, -20.0, -44.0, -46.0, -100.0]), Some(2));
        assert_eq!(last_sound(&[SILENCE_DBFS; 3]), None);
        assert_eq!(last_sound(&[]), None);
    }

    #[test]
    fn loud_speech_is_made_quieter() {
        let mut speech = sine(300.0, -6.0, Duration::from_secs(1));
        assert!(normalise(&mut speech) < -13.0);
        assert!((speech_level(&speech) - SPEECH_DBFS).abs() < 0.3);
    }

    #[test]
    fn nothing_is_clipped() {
        let mut speech = sine(300.0, -40.0, Duration::from_secs(1));
        speech[8_000] = 20_000; // one click
        normalise(&mut speech);
        assert!(speech.iter().all(|s| s.unsigned_abs() <= 32_392));
        assert!(speech[8_000] > 32_000);
    }

    #[test]
    fn silence_stays_silence() {
        assert_eq!(normalise(&mut []), 0.0);
        let mut silence = vec![0; 1_000];
        assert_eq!(normalise(&mut silence), 0.0);
        let mut hiss = vec![1, -1, 1, -1];
        assert!(normalise(&mut hiss) <= MAX_GAIN_DB);
    }
}
