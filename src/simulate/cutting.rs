//! How long the bot goes on sounding under somebody who cuts in, on the wire.

use std::time::{Duration, Instant};

/// A bot that has been silent for so long has stopped, and does not only breathe.
const SILENT: Duration = Duration::from_millis(300);

/// Watches one side's onset and the other's sound.
#[derive(Debug, Default)]
pub struct Cutting {
    began: Option<Instant>,
    sounded: Option<Instant>,
    told: bool,
}

impl Cutting {
    /// A packet of the bot with sound in it came.
    pub fn heard(&mut self, now: Instant) {
        self.sounded = Some(now);
    }

    /// 20 ms of the caller, who cuts in or does not: from their onset to the bot's last sound, told once when the bot has stopped.
    pub fn tick(&mut self, now: Instant, cuts_in: bool, audible: bool) -> Option<Duration> {
        if !cuts_in {
            (self.began, self.told) = (None, false);
            return None;
        }
        if audible {
            self.began.get_or_insert(now);
        }
        let (began, sounded) = (self.began?, self.sounded?);
        let silent = now.saturating_duration_since(sounded.max(began)) >= SILENT;
        if !silent || std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some(sounded.saturating_duration_since(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_bots_last_sound_counts_from_the_callers_onset_and_once() {
        let start = clock::now();
        let at = |n: u32| start + Duration::from_millis(20) * n;
        let mut cutting = Cutting::default();
        let mut told = Vec::new();
        for n in 0..60 {
            // The bot sounds up to 400 ms, the caller is heard from 280 ms on.
            if n <= 20 {
                cutting.heard(at(n));
            }
            told.extend(cutting.tick(at(n), (10..50).contains(&n), n >= 14));
        }
        assert_eq!(told, [Duration::from_millis(120)]);
    }
}
