//! When a server is left alone: one that failed twice in a row is not asked for a while, and then once on trial.
//!
//! So a dead server costs two turns its time limit, and not every one. It knows no servers and is told the time.

use std::time::{Duration, Instant};

/// Failures in a row after which it is left alone: one may be chance.
const MOST: u32 = 2;
/// The first rest; each one after a failed trial is twice as long.
const FIRST_REST: Duration = Duration::from_secs(5);
/// A server that is mended is found within this.
const LONGEST_REST: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        rest: Duration,
    },
    /// One question is on its way to find out. Where nothing comes of it (the caller went on), the next one is let through after the rest.
    Trial {
        until: Instant,
        rest: Duration,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether the server is to be asked now.
    pub fn admits(&mut self, now: Instant) -> bool {
        match *self {
            Self::Closed { .. } => true,
            Self::Open { until, rest } | Self::Trial { until, rest } => {
                let due = now >= until;
                if due {
                    *self = Self::Trial {
                        until: now + rest,
                        rest,
                    };
                }
                due
            }
        }
    }

    pub fn worked(&mut self) {
        *self = Self::default();
    }

    pub fn failed(&mut self, now: Instant) {
        *self = match *self {
            Self::Closed { failures } if failures + 1 < MOST => Self::Closed { failures: failures + 1 },
            Self::Closed { .. } => Self::Open {
                until: now + FIRST_REST,
                rest: FIRST_REST,
            },
            // A question that was asked before the rest began.
            Self::Open { until, rest } => Self::Open { until, rest },
            Self::Trial { rest, .. } => {
                let rest = (rest * 2).min(LONGEST_REST);
                Self::Open {
                    until: now + rest,
                    rest,
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_dead_server_is_asked_ever_more_rarely() {
        let start = clock::now();
        let mut breaker = Breaker::default();
        let mut asked = Vec::new();
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            if breaker.admits(now) {
                asked.push(second);
                breaker.failed(now);
            }
        }
        assert_eq!(asked, [0, 1, 6, 16, 36, 76, 136, 196, 256]);
    }

    #[test]
    fn a_server_that_answers_is_asked_again() {
        let now = clock::now();
        let mut breaker = Breaker::default();
        breaker.failed(now);
        breaker.worked();
        breaker.failed(now);
        assert!(breaker.admits(now), "one failure may be chance");
        breaker.failed(now);
        assert!(!breaker.admits(now));
        assert!(!breaker.admits(now + FIRST_REST - Duration::from_millis(1)));
        assert!(breaker.admits(now + FIRST_REST));
        assert!(!breaker.admits(now + FIRST_REST), "one trial at a time");
        assert!(breaker.admits(now + FIRST_REST * 2), "of which nothing came");
        breaker.worked();
        assert!(breaker.admits(now + FIRST_REST * 2));
    }
}
