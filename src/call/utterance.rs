//! The sound of what the caller is saying, with a little from before it was noticed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::audio::level::{is_pause, last_sound};
use crate::audio::{FRAME_DURATION, Frame, SILENCE_DBFS};

/// Kept from before the onset: the consonants that the detector does not hear.
const BEFORE: Duration = Duration::from_millis(400);
/// Frames of 20 ms in it.
const FRAMES_BEFORE: usize = (BEFORE.as_millis() / 20) as usize;

/// Frames from which an utterance was ended although the caller went on: 25 s less what comes before.
const LONG: usize = 1_200;
/// Frames that are kept: 29 s, for Whisper hears 30.
const MOST: usize = 1_450;

/// Frames that are looked at together for a quiet place: 100 ms, so that a stop inside a word is none.
const QUIET: usize = 5;

/// A frame, and when it arrived on the wire.
type Timed = (Frame, Instant);

#[derive(Debug)]
pub struct Utterance {
    before: VecDeque<Timed>,
    frames: Vec<Timed>,
    /// Level of its loudest frame, dBFS.
    loudest: f32,
    open: bool,
}

impl Default for Utterance {
    fn default() -> Self {
        Self {
            before: VecDeque::with_capacity(FRAMES_BEFORE),
            frames: Vec::new(),
            loudest: SILENCE_DBFS,
            open: false,
        }
    }
}

impl Utterance {
    /// Every frame of the caller, with the time of its arrival.
    pub fn hear(&mut self, frame: &Frame, arrived: Instant) {
        let timed = (frame.clone(), arrived);
        if self.open {
            self.loudest = self.loudest.max(frame.level());
            if self.frames.len() < MOST {
                self.frames.push(timed);
            }
            return;
        }
        if self.before.len() == FRAMES_BEFORE {
            self.before.pop_front();
        }
        self.before.push_back(timed);
    }

    /// The caller has begun: what follows belongs to the utterance. Goes on with the one before if that was not closed.
    pub fn open(&mut self) {
        self.open = true;
        let levels = self.before.iter().map(|(frame, _)| frame.level());
        self.loudest = levels.fold(self.loudest, f32::max);
        self.frames.extend(self.before.drain(..));
    }

    /// The caller goes on, and what they said before is already being heard.
    pub fn open_anew(&mut self) {
        self.clear();
        self.open();
    }

    /// Whether it is so long that it had to be ended.
    pub fn is_long(&self) -> bool {
        self.frames.len() >= LONG
    }

    /// How long it is.
    pub fn lasts(&self) -> Duration {
        FRAME_DURATION.saturating_mul(u32::try_from(self.frames.len()).unwrap_or(u32::MAX))
    }

    /// Takes what was said up to the quietest place in its second half, 16 kHz mono. The rest stays, and goes on.
    pub fn cut(&mut self) -> Vec<i16> {
        let levels: Vec<f32> = self.frames.iter().map(|(frame, _)| frame.level()).collect();
        let loudness = |window: &[f32]| window.iter().sum::<f32>();
        let places = levels.windows(QUIET).enumerate().skip(levels.len() / 2);
        let quietest = places.min_by(|(_, a), (_, b)| loudness(a).total_cmp(&loudness(b)));
        let at = quietest.map_or(levels.len(), |(at, _)| at + QUIET / 2);
        let rest = self.frames.split_off(at.min(self.frames.len()));
        let said = self.samples();
        self.frames = rest;
        let levels = self.frames.iter().map(|(frame, _)| frame.level());
        self.loudest = levels.fold(SILENCE_DBFS, f32::max);
        said
    }

    /// When its first frame arrived.
    pub fn began(&self) -> Option<Instant> {
        self.frames.first().map(|(_, arrived)| *arrived)
    }

    /// The caller has finished; the sound stays until [`Utterance::clear`].
    pub fn close(&mut self) {
        self.open = false;
    }

    /// Forgets what was said.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.loudest = SILENCE_DBFS;
    }

    /// All of it, 16 kHz mono.
    pub fn samples(&self) -> Vec<i16> {
        self.frames
            .iter()
            .flat_map(|(frame, _)| frame.samples().iter().copied())
            .collect()
    }

    /// Whether the last frame was none of its sounds.
    pub fn pauses(&self) -> bool {
        self.frames
            .last()
            .is_some_and(|(frame, _)| is_pause(frame.level(), self.loudest))
    }

    /// When the last audible 20 ms of it ended on the wire.
    pub fn last_sound(&self) -> Option<Instant> {
        let levels: Vec<f32> = self.frames.iter().map(|(frame, _)| frame.level()).collect();
        let at = last_sound(&levels)?;
        self.frames.get(at).map(|(_, arrived)| *arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn holds_what_came_just_before_and_knows_when_the_sound_ended() {
        let start = clock::now();
        let at = |n: u32| start + Duration::from_millis(20) * n;
        let mut utterance = Utterance::default();
        let loud = Frame::from_slice(&[8000; 320]);
        for n in 0..100 {
            utterance.hear(&Frame::silence(), at(n));
        }
        utterance.open();
        for n in 100..110 {
            utterance.hear(&loud, at(n));
        }
        for n in 110..120 {
            utterance.hear(&Frame::from_slice(&[20; 320]), at(n));
        }
        utterance.close();
        assert_eq!(utterance.samples().len(), (FRAMES_BEFORE + 20) * 320);
        assert_eq!(utterance.last_sound(), Some(at(109)));
        utterance.clear();
        assert_eq!(utterance.last_sound(), None);
    }

    #[test]
    fn what_is_too_long_is_cut_where_it_is_quietest() {
        let start = clock::now();
        let at = |n: u32| start + Duration::from_millis(20) * n;
        let mut utterance = Utterance::default();
        utterance.open();
        // Silence in the first half counts for nothing.
        for n in 0..200 {
            let level = match n {
                20..30 => 0,
                150..160 => 60,
                _ => 8_000,
            };
            utterance.hear(&Frame::from_slice(&[level; 320]), at(n));
        }
        assert_eq!(utterance.lasts(), Duration::from_secs(4));
        let said = utterance.cut().len() / 320;
        assert!((150..160).contains(&said), "{said}");
        assert_eq!(utterance.began(), Some(at(said as u32)));
        assert_eq!(utterance.samples().len() / 320, 200 - said);
        utterance.hear(&Frame::silence(), at(200));
        assert!(utterance.pauses());
    }
}
