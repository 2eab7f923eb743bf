//! A message that a caller leaves: begun by a beep, ended by silence, a key or its longest time.
//!
//! It keeps sound and knows neither words nor files.

use std::time::{Duration, Instant};

use crate::audio::Frame;

/// Silence that ends a message.
const QUIET: Duration = Duration::from_secs(3);
/// Who says nothing for so long leaves none.
const PATIENCE: Duration = Duration::from_secs(8);
/// Probability from which a frame is speech.
const SPEECH: f32 = 0.5;

#[derive(Debug, PartialEq)]
pub struct Message {
    pub name: String,
    longest: Duration,
    samples: Vec<i16>,
    began: Option<Instant>,
    /// When speech was last heard.
    spoke: Option<Instant>,
    ended: bool,
}

impl Message {
    /// Not longer than `longest`.
    pub fn new(name: String, longest: Duration) -> Self {
        Self {
            name,
            longest,
            samples: Vec::new(),
            began: None,
            spoke: None,
            ended: false,
        }
    }

    /// 20 ms of the caller.
    pub fn hear(&mut self, now: Instant, frame: &Frame, probability: f32) {
        self.began.get_or_insert(now);
        self.samples.extend_from_slice(frame.samples());
        if probability >= SPEECH {
            self.spoke = Some(now);
        }
    }

    /// The caller pressed a key: that was all.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Its sound, 16 kHz mono, or why there is none; nothing while it goes on.
    pub fn over(&mut self, now: Instant) -> Option<Result<Vec<i16>, &'static str>> {
        let began = self.began?;
        let past = |since: Instant, span: Duration| now.saturating_duration_since(since) >= span;
        let over = match self.spoke {
            None => self.ended || past(began, PATIENCE.min(self.longest)),
            Some(spoke) => self.ended || past(spoke, QUIET) || past(began, self.longest),
        };
        if !over {
            return None;
        }
        Some(match self.spoke {
            Some(_) => Ok(std::mem::take(&mut self.samples)),
            None => Err("the caller left no message"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(spoken: &[bool], longest: u64) -> Option<Result<usize, &'static str>> {
        let mut now = crate::clock::now();
        let mut message = Message::new("message".into(), Duration::from_secs(longest));
        for &speech in spoken {
            message.hear(now, &Frame::silence(), if speech { 0.9 } else { 0.1 });
            now += Duration::from_millis(20);
            if let Some(over) = message.over(now) {
                return Some(over.map(|samples| samples.len() / 16_000));
            }
        }
        None
    }

    #[test]
    fn silence_and_the_longest_time_end_a_message() {
        let seconds = |speech: usize, silence: usize| [vec![true; speech * 50], vec![false; silence * 50]].concat();
        assert_eq!(taken(&seconds(5, 2), 90), None);
        assert_eq!(taken(&seconds(5, 4), 90), Some(Ok(7)));
        assert_eq!(taken(&seconds(20, 0), 10), Some(Ok(10)));
        assert_eq!(taken(&seconds(0, 9), 90), Some(Err("the caller left no message")));
    }

    #[test]
    fn a_key_ends_it_at_once() {
        let now = crate::clock::now();
        let mut message = Message::new("message".into(), Duration::from_secs(9));
        assert_eq!(message.over(now), None);
        message.hear(now, &Frame::silence(), 0.9);
        message.end();
        assert_eq!(
            message.over(now).map(|taken| taken.map(|samples| samples.len())),
            Some(Ok(320))
        );
    }
}
