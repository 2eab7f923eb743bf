//! One side of what people say to each other, as utterances to be transcribed and as lines.
//!
//! [`Scribe`] is told 20 ms at a time what a side sounds like and how likely it is speech. An utterance begins a little before it was noticed
//! and ends with a pause; who talks on and on is cut where they are quietest. It knows no engine: it gives sound, is told words by number,
//! and gives them back in the order in which they were said. It knows neither whose side it is nor what is said to them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::turn::{Act, Config, SPEECH, Turn};
use super::utterance::Utterance;
use crate::audio::Frame;
use crate::audio::level::speech_level;

/// A pause that ends an utterance: longer than one for breath, since nobody waits for the words.
const PAUSE: Duration = Duration::from_millis(600);
/// The longest that is transcribed at once; more would come late.
const LONGEST: Duration = Duration::from_secs(15);
/// Frames of speech after the onset without which a sound was none: with the onset 160 ms, less than "yes".
const LEAST: usize = 4;
/// Utterances whose words are awaited: two minutes of talk without a break. One more is left out.
const MOST: usize = 8;
/// Words that take longer have been lost.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Scribe {
    turn: Turn,
    utterance: Utterance,
    /// When the utterance under way began.
    began: Instant,
    /// Frames of speech in it since its onset.
    spoken: usize,
    /// In the order in which they were said.
    open: VecDeque<Open>,
}

/// An utterance that is over.
struct Open {
    from: Instant,
    to: Instant,
    /// dBFS
    level: f32,
    words: Words,
}

enum Words {
    /// Not asked for yet; 16 kHz mono.
    Unasked(Vec<i16>),
    Asked {
        id: u64,
        until: Instant,
    },
    Known {
        text: String,
        confidence: f32,
    },
}

/// What was said, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    pub from: Instant,
    pub to: Instant,
    /// Never empty.
    pub text: String,
    pub confidence: f32,
    /// Of the speech in it, dBFS.
    pub level: f32,
}

impl Scribe {
    pub fn new(now: Instant) -> Self {
        let config = Config {
            silence: PAUSE,
            // The cut comes before, and is ours.
            longest: Duration::MAX,
            ..Config::default()
        };
        Self {
            turn: Turn::new(now, config),
            utterance: Utterance::default(),
            began: now,
            spoken: 0,
            open: VecDeque::new(),
        }
    }

    /// 20 ms of this side: `probability` (0 to 1) that it is speech.
    pub fn hear(&mut self, now: Instant, frame: &Frame, probability: f32) {
        self.utterance.hear(frame, now);
        // As in a call: the level tells a pause before the detector believes in it.
        let speaks = self.turn.caller_speaks();
        let paused = speaks && self.utterance.pauses();
        self.spoken += usize::from(speaks && !paused && probability >= SPEECH);
        self.turn.hear(now, if paused { 0.0 } else { probability });
        while let Some(act) = self.turn.poll() {
            match act {
                Act::Begin => {
                    self.began = now.checked_sub(self.turn.spoke()).unwrap_or(now);
                    self.spoken = 0;
                    self.utterance.open();
                }
                Act::Answer => self.end(now),
                Act::Yield | Act::Pause | Act::Consider | Act::Resume { .. } | Act::Prompt => {}
            }
        }
        if self.turn.caller_speaks() && self.utterance.lasts() >= LONGEST {
            let samples = self.utterance.cut();
            let to = self.utterance.began().unwrap_or(now);
            self.keep(self.began, to, samples);
            self.began = to;
        }
    }

    /// Nobody speaks here any more: what is being said is over.
    pub fn close(&mut self, now: Instant) {
        if self.turn.caller_speaks() {
            self.end(now);
        }
        self.turn.dismiss(now);
        self.utterance = Utterance::default();
    }

    /// The next utterance to be transcribed, 16 kHz mono: [`Scribe::transcribed`] is told its words as those of `id`.
    pub fn wanted(&mut self, now: Instant, id: u64) -> Option<Vec<i16>> {
        let next = self.open.iter_mut().find_map(|open| match &mut open.words {
            Words::Unasked(samples) => Some((std::mem::take(samples), &mut open.words)),
            Words::Asked { .. } | Words::Known { .. } => None,
        });
        let (samples, words) = next?;
        *words = Words::Asked {
            id,
            until: now + PATIENCE,
        };
        Some(samples)
    }

    /// Whether the words of `id` are awaited.
    pub fn awaits(&self, id: u64) -> bool {
        self.open
            .iter()
            .any(|open| matches!(open.words, Words::Asked { id: asked, .. } if asked == id))
    }

    /// The words of `id`, empty where there are none, and how sure they are ([`crate::speech::Transcript::confidence`]).
    pub fn transcribed(&mut self, id: u64, text: &str, confidence: f32) {
        let asked = self
            .open
            .iter_mut()
            .find(|open| matches!(open.words, Words::Asked { id: asked, .. } if asked == id));
        if let Some(open) = asked {
            let text = text.trim().to_owned();
            open.words = Words::Known { text, confidence };
        }
    }

    /// What was asked for so long ago that nothing comes of it any more.
    pub fn late(&self, now: Instant) -> Option<u64> {
        self.open.iter().find_map(|open| match open.words {
            Words::Asked { id, until } if now >= until => Some(id),
            Words::Asked { .. } | Words::Unasked(_) | Words::Known { .. } => None,
        })
    }

    /// What was said next, when its words are known.
    pub fn poll(&mut self) -> Option<Spoken> {
        while let Some(open) = self.open.pop_front() {
            match open.words {
                Words::Known { text, .. } if text.is_empty() => {}
                Words::Known { text, confidence } => {
                    return Some(Spoken {
                        from: open.from,
                        to: open.to,
                        text,
                        confidence,
                        level: open.level,
                    });
                }
                Words::Unasked(_) | Words::Asked { .. } => {
                    self.open.push_front(open);
                    return None;
                }
            }
        }
        None
    }

    /// Whether nothing is being said and no words are awaited.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty() && !self.turn.caller_speaks()
    }

    fn end(&mut self, now: Instant) {
        self.utterance.close();
        let to = self.utterance.last_sound().unwrap_or(now);
        let samples = self.utterance.samples();
        self.utterance.clear();
        if self.spoken >= LEAST {
            self.keep(self.began, to, samples);
        }
    }

    fn keep(&mut self, from: Instant, to: Instant, samples: Vec<i16>) {
        if self.open.len() < MOST {
            self.open.push_back(Open {
                from,
                to,
                level: speech_level(&samples),
                words: Words::Unasked(samples),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// A side in simulated time, 20 ms a tick.
    struct Side {
        scribe: Scribe,
        start: Instant,
        now: Instant,
        ids: u64,
        /// Seconds of each utterance that was to be transcribed.
        wanted: Vec<f32>,
    }

    impl Side {
        fn new() -> Self {
            let start = clock::now();
            Self {
                scribe: Scribe::new(start),
                start,
                now: start,
                ids: 0,
                wanted: Vec::new(),
            }
        }

        fn hears(&mut self, ms: u64, level: i16, probability: f32) {
            for _ in 0..ms / 20 {
                self.now += Duration::from_millis(20);
                let frame = Frame::from_slice(&[level; 320]);
                self.scribe.hear(self.now, &frame, probability);
                while let Some(samples) = self.scribe.wanted(self.now, self.ids + 1) {
                    self.ids += 1;
                    self.wanted.push(samples.len() as f32 / 16_000.0);
                }
            }
        }

        fn speech(&mut self, ms: u64) {
            self.hears(ms, 6_000, 0.9);
        }

        fn silence(&mut self, ms: u64) {
            self.hears(ms, 0, 0.05);
        }

        fn lines(&mut self) -> Vec<(u128, u128, String)> {
            let since = |at: Instant| at.saturating_duration_since(self.start).as_millis();
            std::iter::from_fn(|| self.scribe.poll())
                .map(|spoken| (since(spoken.from), since(spoken.to), spoken.text))
                .collect()
        }
    }

    #[test]
    fn an_utterance_begins_before_it_was_noticed_and_ends_with_a_pause() {
        let mut side = Side::new();
        side.silence(1_000);
        side.speech(1_000);
        // A breath is no end.
        side.silence(400);
        side.speech(500);
        side.silence(580);
        assert!(side.wanted.is_empty() && !side.scribe.is_idle());
        side.silence(60);
        let [seconds] = side.wanted[..] else {
            panic!("{:?}", side.wanted)
        };
        // 400 ms before the onset was sure, what was said, and the pause.
        assert!((2.7..3.0).contains(&seconds), "{seconds}");
        assert_eq!(side.lines(), []);
        side.scribe.transcribed(1, " hello there ", -0.2);
        assert_eq!(side.lines(), [(1_020, 2_900, "hello there".to_owned())]);
        assert!(side.scribe.is_idle());
    }

    #[test]
    fn noise_is_left_out() {
        let mut side = Side::new();
        for _ in 0..5 {
            // Loud, and no speech; a click; a cough.
            side.hears(800, 9_000, 0.2);
            side.silence(800);
            side.speech(60);
            side.silence(800);
            side.speech(120);
            side.silence(800);
        }
        assert_eq!(side.wanted, Vec::<f32>::new());
        side.speech(220);
        side.silence(800);
        assert_eq!(side.wanted.len(), 1, "a short word is one");
    }

    #[test]
    fn lines_come_in_the_order_in_which_they_were_said() {
        let mut side = Side::new();
        for _ in 0..3 {
            side.speech(1_000);
            side.silence(1_000);
        }
        side.scribe.transcribed(3, "three", -0.2);
        assert_eq!(side.lines(), []);
        side.scribe.transcribed(1, "one", -0.2);
        assert_eq!(side.lines().len(), 1);
        // Nothing was said that has words.
        side.scribe.transcribed(2, " ", -0.2);
        side.scribe.transcribed(2, "told twice", -0.2);
        let texts: Vec<String> = side.lines().into_iter().map(|(.., text)| text).collect();
        assert_eq!(texts, ["three"]);
    }

    #[test]
    fn who_talks_on_is_cut_at_the_quietest_place_and_nothing_is_lost() {
        let mut side = Side::new();
        for _ in 0..4 {
            side.speech(6_000);
            // Softer, and no pause.
            side.hears(200, 900, 0.6);
        }
        side.silence(700);
        assert!(side.wanted.iter().all(|seconds| *seconds <= 15.0), "{:?}", side.wanted);
        assert!(side.wanted.len() >= 2);
        let all: f32 = side.wanted.iter().sum();
        assert!((24.8..26.0).contains(&all), "{all}");
        for id in 1..=side.ids {
            side.scribe.transcribed(id, "words", -0.2);
        }
        let lines = side.lines();
        assert!(
            lines.windows(2).all(|pair| pair[0].1 == pair[1].0),
            "one goes on where the other ends: {lines:?}"
        );
        let (_, cut, _) = &lines[0];
        assert!((12_200..12_420).contains(cut), "{cut}");
    }

    #[test]
    fn what_is_being_said_at_the_end_is_kept() {
        let mut side = Side::new();
        side.speech(1_000);
        side.scribe.close(side.now);
        assert!(side.scribe.wanted(side.now, 1).is_some());
        side.scribe.transcribed(1, "and then", -0.2);
        assert_eq!(side.lines().len(), 1);
        assert!(side.scribe.is_idle());
    }

    #[test]
    fn memory_is_bounded_and_words_that_never_come_are_given_up() {
        let mut side = Side::new();
        for _ in 0..20 {
            side.speech(500);
            side.silence(700);
        }
        assert_eq!(side.wanted.len(), MOST);
        assert_eq!(side.scribe.late(side.now), None);
        let later = side.now + PATIENCE;
        let mut given_up = 0;
        while let Some(id) = side.scribe.late(later) {
            side.scribe.transcribed(id, "", -0.2);
            given_up += 1;
        }
        assert_eq!(given_up, MOST);
        assert_eq!(side.lines(), []);
        assert!(side.scribe.is_idle());
    }
}
