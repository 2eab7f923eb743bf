//! Keys on their way to being an answer.
//!
//! A number is complete when it has the length that was asked for, when `#` is pressed, or when no key follows for a while.

use std::time::{Duration, Instant};

/// Between two keys of one number; the interdigit time-out of VoiceXML platforms.
const BETWEEN: Duration = Duration::from_secs(3);
/// More keys than this are no answer to anything.
const MOST: usize = 32;

#[derive(Debug, Default)]
pub struct Keypad {
    keys: String,
    last: Option<Instant>,
}

impl Keypad {
    /// A key was pressed while `wanted` keys make an answer (`None`: any number of them). The answer, when it is complete.
    pub fn press(&mut self, now: Instant, key: char, wanted: Option<usize>) -> Option<String> {
        if key == '#' && !self.keys.is_empty() {
            return Some(self.take());
        }
        self.keys.push(key);
        self.last = Some(now);
        let complete = wanted.is_some_and(|wanted| self.keys.len() >= wanted) || self.keys.len() >= MOST;
        complete.then(|| self.take())
    }

    /// The answer, when no key has followed for long enough.
    pub fn poll(&mut self, now: Instant) -> Option<String> {
        let last = self.last?;
        (now.saturating_duration_since(last) >= BETWEEN).then(|| self.take())
    }

    /// Whether a number is under way.
    pub fn is_open(&self) -> bool {
        self.last.is_some()
    }

    fn take(&mut self) -> String {
        self.last = None;
        std::mem::take(&mut self.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_number_is_complete_by_length_hash_or_silence() {
        let now = clock::now();
        let mut keypad = Keypad::default();
        assert_eq!(keypad.press(now, '1', Some(2)), None);
        assert_eq!(keypad.press(now, '2', Some(2)), Some("12".into()));
        assert_eq!(keypad.press(now, '7', None), None);
        assert_eq!(keypad.press(now, '#', None), Some("7".into()));
        assert_eq!(keypad.press(now, '9', Some(8)), None);
        assert_eq!(keypad.poll(now + Duration::from_secs(2)), None);
        assert_eq!(keypad.poll(now + BETWEEN), Some("9".into()));
        assert!(!keypad.is_open());
    }

    #[test]
    fn a_lone_hash_is_a_key_and_a_stuck_key_ends() {
        let now = clock::now();
        let mut keypad = Keypad::default();
        assert_eq!(keypad.press(now, '#', Some(1)), Some("#".into()));
        assert!((0..MOST).filter_map(|_| keypad.press(now, '5', None)).count() == 1);
    }
}
