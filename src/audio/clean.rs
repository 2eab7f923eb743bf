//! The caller's sound without the bot's echo, or without steady noise: WebRTC's audio processing, as `sonora` has it in Rust.
//!
//! Both are wishes: the bot falls silent when a caller begins, so that little of its echo is in what is recognised. Recordings and people who listen
//! have more of it. What they cost: `offhook bench media`.

use sonora::config::{EchoCanceller, NoiseSuppression};
use sonora::{AudioProcessing, StreamConfig};

use super::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// What is taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaning {
    pub echo: bool,
    pub noise: bool,
}

/// Of one line. It learns the way of the echo within a second or two of hearing one, and adds 7 ms of delay.
pub struct Cleaner {
    processing: AudioProcessing,
    played: Frame,
}

/// The processing works on 10 ms.
const HALF: usize = FRAME_SAMPLES / 2;

impl Cleaner {
    /// None where nothing is wanted.
    pub fn new(what: Cleaning) -> Option<Self> {
        if what == Cleaning::default() {
            return None;
        }
        let config = sonora::Config {
            echo_canceller: what.echo.then(EchoCanceller::default),
            noise_suppression: what.noise.then(NoiseSuppression::default),
            ..sonora::Config::default()
        };
        let line = StreamConfig::new(SAMPLE_RATE, 1);
        let processing = AudioProcessing::builder().config(config);
        Some(Self {
            processing: processing.capture_config(line).render_config(line).build(),
            played: Frame::silence(),
        })
    }

    /// What is heard in the next 20 ms, cleaned. What cannot be processed stays as it is.
    pub fn clean(&mut self, heard: &Frame) -> Frame {
        let mut cleaned = heard.clone();
        let mut nowhere = [0; HALF];
        let halves = self.played.samples().chunks(HALF).zip(heard.samples().chunks(HALF));
        for ((played, heard), out) in halves.zip(cleaned.0.chunks_mut(HALF)) {
            let rendered = self.processing.process_render_i16(played, &mut nowhere);
            if rendered
                .and_then(|()| self.processing.process_capture_i16(heard, out))
                .is_err()
            {
                out.copy_from_slice(heard);
            }
        }
        self.played = Frame::silence();
        cleaned
    }

    /// What goes out in these 20 ms; without it nothing does.
    pub fn play(&mut self, frame: &Frame) {
        self.played = frame.clone();
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::audio::level_dbfs;

    /// Ten seconds of something like a voice: noise in syllables.
    fn voice(seed: u64) -> Vec<i16> {
        let mut random = StdRng::seed_from_u64(seed);
        let syllable = |at: usize| ((at as f32 / 3_200.0).sin().max(0.0) * 6_000.0) as i16;
        (0..160_000)
            .map(|at| random.random_range(-1 - syllable(at)..=1 + syllable(at)))
            .collect()
    }

    /// What is left, in dBFS, of the last three seconds of `heard(n)`, which is told of what was played up to sample n.
    fn left(what: Cleaning, played: &[i16], heard: impl Fn(usize) -> i16) -> f32 {
        let mut cleaner = Cleaner::new(what).expect("something is wanted");
        let mut out = Vec::new();
        for at in (0..played.len()).step_by(FRAME_SAMPLES) {
            let line: Vec<i16> = (at..at + FRAME_SAMPLES).map(&heard).collect();
            out.extend_from_slice(cleaner.clean(&Frame::from_slice(&line)).samples());
            cleaner.play(&Frame::from_slice(&played[at..]));
        }
        level_dbfs(&out[out.len() - 48_000..])
    }

    const ECHO: Cleaning = Cleaning {
        echo: true,
        noise: false,
    };

    #[test]
    fn nothing_wanted_is_nothing_done() {
        assert!(Cleaner::new(Cleaning::default()).is_none());
    }

    #[test]
    fn an_echo_goes_and_a_caller_stays() {
        let (bot, caller) = (voice(1), voice(2));
        let echo = |at: usize| at.checked_sub(1_920).map_or(0, |at| bot[at] / 4);
        let before = level_dbfs(&bot[112_000..]) - 12.0;
        let after = left(ECHO, &bot, echo);
        assert!(after < before - 20.0, "{before} became {after} dBFS");
        let silence = vec![0; bot.len()];
        let before = level_dbfs(&caller[112_000..]);
        let after = left(ECHO, &silence, |at| caller[at]);
        assert!((after - before).abs() < 2.0, "{before} became {after} dBFS");
    }

    #[test]
    fn steady_noise_becomes_less() {
        let mut random = StdRng::seed_from_u64(3);
        let hiss: Vec<i16> = (0..160_000).map(|_| random.random_range(-300..300)).collect();
        let noise = Cleaning {
            echo: false,
            noise: true,
        };
        let before = level_dbfs(&hiss);
        let after = left(noise, &vec![0; hiss.len()], |at| hiss[at]);
        assert!(after < before - 6.0, "{before} became {after} dBFS");
    }
}
