//! Music for who waits: made here, note by note, so that it is nobody's; and within the band of a telephone.

use std::sync::{Arc, LazyLock};

use super::{FRAME_SAMPLES, Frame, SAMPLE_RATE, level_dbfs};

/// Semitones above A4 (440 Hz), the lowest first.
const CHORDS: [[i32; 4]; 4] = [[-9, -5, -2, 3], [-12, -9, -5, 0], [-12, -9, -4, 0], [-10, -7, -2, 2]];
/// Which note of its chord sounds, eight to a bar.
const BARS: [[usize; 8]; 2] = [[0, 1, 2, 3, 2, 1, 2, 1], [0, 2, 1, 3, 1, 2, 3, 2]];
/// From one note to the next, in samples: 300 ms.
const STEP: usize = SAMPLE_RATE as usize * 3 / 10;
/// A note is heard for so long, in samples: 1.8 s.
const NOTE: usize = SAMPLE_RATE as usize * 9 / 5;
/// How long it takes to begin, in samples, 8 ms, and to fall to 1/e, in seconds.
const ATTACK: f32 = SAMPLE_RATE as f32 * 0.008;
const DECAY: f32 = 0.45;
/// Of the whole, dBFS: below speech.
const LEVEL: f32 = -26.0;

/// 19.2 s at 16 kHz, mono; its end goes into its beginning.
static MUSIC: LazyLock<Arc<[i16]>> = LazyLock::new(|| {
    let mut sum = vec![0.0_f32; STEP * 8 * CHORDS.len() * BARS.len()];
    let length = sum.len();
    let bars = BARS.iter().flat_map(|bar| CHORDS.iter().map(move |chord| (bar, chord)));
    let notes = bars.flat_map(|(bar, chord)| bar.iter().filter_map(|at| chord.get(*at)));
    for (n, semitone) in notes.enumerate() {
        let hz = 440.0 * 2.0_f32.powf(*semitone as f32 / 12.0);
        for (i, sample) in pluck(hz).enumerate() {
            if let Some(at) = sum.get_mut((n * STEP + i) % length) {
                *at += sample;
            }
        }
    }
    let loudest = sum.iter().fold(f32::EPSILON, |most, sample| most.max(sample.abs()));
    let scaled = |gain: f32| -> Arc<[i16]> { sum.iter().map(|sample| (sample / loudest * gain) as i16).collect() };
    let full = f32::from(i16::MAX);
    let gain = 10.0_f32.powf((LEVEL - level_dbfs(&scaled(full))) / 20.0);
    scaled(full * gain.min(1.0))
});

/// A string that is plucked once.
fn pluck(hz: f32) -> impl Iterator<Item = f32> {
    (0..NOTE).map(move |i| {
        let seconds = i as f32 / SAMPLE_RATE as f32;
        let partial = |n: f32| (std::f32::consts::TAU * hz * n * seconds).sin();
        // It ends at nothing, and not in a click.
        let left = 1.0 - i as f32 / NOTE as f32;
        (i as f32 / ATTACK).min(1.0)
            * left
            * (-seconds / DECAY).exp()
            * (partial(1.0) + 0.3 * partial(2.0) + 0.1 * partial(3.0))
    })
}

/// It, from where one listener is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Music {
    at: usize,
}

impl Music {
    /// Makes it, which takes a while once; nobody who waits should.
    pub fn prepare() {
        LazyLock::force(&MUSIC);
    }

    /// The next 20 ms.
    pub fn frame(&mut self) -> Frame {
        let rest = MUSIC.iter().skip(self.at % MUSIC.len().max(1));
        let samples: Vec<i16> = rest.chain(MUSIC.iter()).take(FRAME_SAMPLES).copied().collect();
        self.at = (self.at + FRAME_SAMPLES) % MUSIC.len().max(1);
        Frame::from_slice(&samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_soft_and_never_silent_and_its_end_goes_into_its_beginning() {
        let mut music = Music::default();
        let frames = MUSIC.len() / FRAME_SAMPLES;
        assert_eq!(MUSIC.len() % FRAME_SAMPLES, 0);
        let mut last = 0_i16;
        for n in 0..2 * frames {
            let frame = music.frame();
            let level = level_dbfs(frame.samples());
            assert!((-50.0..-12.0).contains(&level), "frame {n}: {level} dBFS");
            let step = (i32::from(frame.samples()[0]) - i32::from(last)).abs();
            assert!(n == 0 || step < 4_000, "frame {n} clicks: {step}");
            last = frame.samples()[FRAME_SAMPLES - 1];
        }
        let level = level_dbfs(&MUSIC);
        assert!((level - LEVEL).abs() < 0.5, "{level}");
        assert_eq!(music, Music::default());
    }
}
