//! What the silence before an answer was made of.
//!
//! From the caller's last sound on the wire to the first sound of the answer on the wire; the parts sum to the gap by
//! construction, because each begins where the one before it ended.

use std::time::{Duration, Instant};

/// Moments of one turn, in their order; filled in as they come.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// The caller's last sound arrived.
    pub stopped: Instant,
    /// The caller was taken to have finished.
    pub ended: Instant,
    /// The words were known.
    pub heard: Option<Instant>,
    /// What to say was known.
    pub decided: Option<Instant>,
    /// The sound of the first clause was there.
    pub voiced: Option<Instant>,
}

/// The parts of one gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    pub end_of_turn: Duration,
    /// Speech to text, as far as it was not hidden behind the end of turn.
    pub hearing: Duration,
    pub dialogue: Duration,
    /// The voice of the first clause; nothing when it was rendered before.
    pub voice: Duration,
    pub pacing: Duration,
}

impl Moments {
    /// The ledger of an answer whose first sound left at `sounded`. A moment that never came counts as the one before it.
    pub fn close(&self, sounded: Instant) -> Ledger {
        let ended = self.ended.max(self.stopped);
        let heard = self.heard.unwrap_or(ended).max(ended);
        let decided = self.decided.unwrap_or(heard).max(heard);
        let voiced = self.voiced.unwrap_or(decided).max(decided);
        Ledger {
            end_of_turn: ended - self.stopped,
            hearing: heard - ended,
            dialogue: decided - heard,
            voice: voiced - decided,
            pacing: sounded.saturating_duration_since(voiced),
        }
    }
}

impl Ledger {
    pub fn gap(&self) -> Duration {
        self.end_of_turn + self.hearing + self.dialogue + self.voice + self.pacing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_parts_sum_to_the_gap() {
        let start = clock::now();
        let at = |ms| start + Duration::from_millis(ms);
        // The words were known before the turn ended: a speculation that was kept.
        let moments = Moments {
            stopped: at(0),
            ended: at(500),
            heard: Some(at(400)),
            decided: Some(at(503)),
            voiced: None,
        };
        let ledger = moments.close(at(520));
        assert_eq!(ledger.gap(), Duration::from_millis(520));
        assert_eq!(
            (ledger.hearing, ledger.dialogue),
            (Duration::ZERO, Duration::from_millis(3))
        );
    }
}
