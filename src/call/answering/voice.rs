//! When somebody speaks, and how much they have said.

use std::time::{Duration, Instant};

use crate::audio::FRAME_DURATION;

/// Probability from which sound is speech, and below which it has stopped being it.
const SPEECH: f32 = 0.5;
const STILL_SPEECH: f32 = 0.35;
/// Shorter sounds are clicks.
const ONSET: Duration = Duration::from_millis(60);
/// A gap in a sound that begins.
const GAP: Duration = Duration::from_millis(100);
/// After so much silence what is said is another piece of speech.
const APART: Duration = Duration::from_millis(300);

/// A piece of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    began: Instant,
    /// When it was heard last.
    heard: Instant,
}

#[derive(Debug, Default)]
pub struct Voice {
    /// What is too short so far.
    perhaps: Option<Piece>,
    piece: Option<Piece>,
    /// The end of the last piece.
    ended: Option<Instant>,
    /// Of all pieces before the one under way.
    spoke: Duration,
}

/// What is heard in 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nobody,
    /// Somebody begins a piece of speech.
    Begins,
    GoesOn,
}

impl Voice {
    /// 20 ms, with the `probability`, 0 to 1, that somebody speaks in them.
    pub fn hear(&mut self, now: Instant, probability: f32) -> Heard {
        if let Some(piece) = &mut self.piece {
            let silent = now.saturating_duration_since(piece.heard);
            let threshold = if silent > FRAME_DURATION { SPEECH } else { STILL_SPEECH };
            if probability >= threshold {
                piece.heard = now;
                return Heard::GoesOn;
            }
            if silent >= APART {
                self.spoke += piece.lasts();
                self.ended = Some(piece.heard);
                self.piece = None;
            }
            return Heard::Nobody;
        }
        if probability < SPEECH {
            self.perhaps = self
                .perhaps
                .filter(|piece| now.saturating_duration_since(piece.heard) < GAP);
            return Heard::Nobody;
        }
        let began = self.perhaps.map_or(now, |piece| piece.began);
        let piece = Piece { began, heard: now };
        if piece.lasts() < ONSET {
            self.perhaps = Some(piece);
            return Heard::Nobody;
        }
        (self.perhaps, self.piece) = (None, Some(piece));
        Heard::Begins
    }

    /// How much was said in all.
    pub fn spoke(&self) -> Duration {
        self.spoke + self.piece.map_or(Duration::ZERO, |piece| piece.lasts())
    }

    /// How long the piece is that is under way, or has just ended, and when it was heard last.
    pub fn under_way(&self) -> Option<(Duration, Instant)> {
        self.piece.map(|piece| (piece.lasts(), piece.heard))
    }

    /// Since somebody spoke last; nothing where nobody has.
    pub fn silent(&self, now: Instant) -> Option<Duration> {
        let heard = self.piece.map(|piece| piece.heard).or(self.ended)?;
        Some(now.saturating_duration_since(heard))
    }
}

impl Piece {
    fn lasts(&self) -> Duration {
        self.heard.saturating_duration_since(self.began) + FRAME_DURATION
    }
}
