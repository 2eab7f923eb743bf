//! The keys we press: one after the other, with a pause between them.
//!
//! [`Keypad`] is asked at every tick of 20 ms whether a key is down in it. It knows no packets and no addresses.

use std::collections::VecDeque;

use super::telephone_event::{Part, Press};
use crate::audio::tone::Key;

/// Keys waiting to be pressed; one more is refused. 64 of them take some 15 s.
pub const KEYS: usize = 64;
/// Ticks of sound between two key presses: 80 ms (ITU-T Q.24 wants 40).
const PAUSE: u8 = 4;

/// Why a key is not pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    #[error("the other end takes no telephone events")]
    NotAgreed,
    #[error("{KEYS} keys are waiting already")]
    TooMany,
}

#[derive(Debug)]
pub struct Keypad {
    waiting: VecDeque<Key>,
    finger: Finger,
}

#[derive(Debug)]
enum Finger {
    /// No key before so many more ticks of sound.
    Up {
        ticks: u8,
    },
    Down(Press),
}

impl Keypad {
    pub fn new() -> Keypad {
        Keypad {
            waiting: VecDeque::new(),
            finger: Finger::Up { ticks: 0 },
        }
    }

    /// Presses a key, after those that are waiting. Each takes 240 ms with its pause.
    pub fn press(&mut self, key: Key) -> Result<(), KeyRefused> {
        if self.waiting.len() >= KEYS {
            return Err(KeyRefused::TooMany);
        }
        self.waiting.push_back(key);
        Ok(())
    }

    /// Keys that are not down yet will not be.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// The packet of the key that is down in this tick, with the timestamp of its press; `step` is a tick in units of the RTP clock.
    pub fn part(&mut self, timestamp: u32, step: u32) -> Option<(Part, u32)> {
        if let Finger::Up { ticks: 0 } = self.finger {
            self.finger = Finger::Down(Press::new(self.waiting.pop_front()?, timestamp, step));
        }
        match &mut self.finger {
            Finger::Up { ticks } => {
                *ticks = ticks.saturating_sub(1);
                None
            }
            Finger::Down(press) => {
                if let Some(part) = press.next() {
                    return Some((part, press.timestamp));
                }
                self.finger = Finger::Up { ticks: PAUSE - 1 };
                None
            }
        }
    }
}

impl Default for Keypad {
    fn default() -> Keypad {
        Keypad::new()
    }
}
