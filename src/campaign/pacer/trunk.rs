//! How fast calls may go out by a trunk or for a campaign, and a trunk that is left alone because it is at its limit.

use std::time::{Duration, Instant};

use super::super::outcome::Reach;

/// Calls at an even pace (GCRA, ITU-T I.371).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    /// When the next call is due.
    due: Option<Instant>,
}

/// A call that is this much late was woken late, and the next one keeps its time; after more than that the pace begins anew.
const LATE: Duration = Duration::from_millis(50);

impl Rate {
    /// None: now.
    pub fn ready(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| *due > now)
    }

    /// A call goes out; `per_second` is more than 0.
    pub fn take(&mut self, now: Instant, per_second: f64) -> Taken {
        let before = self.due;
        let apart = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::from_secs(1));
        let late = LATE.min(apart / 2);
        let on_time = self.due.filter(|due| now.saturating_duration_since(*due) <= late);
        self.due = on_time.unwrap_or(now).checked_add(apart);
        Taken {
            before,
            after: self.due,
        }
    }

    /// It did not go out after all. Where another has since, the time is lost.
    pub fn give_back(&mut self, taken: Taken) {
        if self.due == taken.after {
            self.due = taken.before;
        }
    }
}

/// When a call was due, and when the next is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    before: Option<Instant>,
    after: Option<Instant>,
}

/// Whether a trunk takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// So many calls in a row were refused for want of room.
    Well { congested: u32 },
    /// It is left alone for this long.
    Resting { until: Instant, length: Duration },
    /// After a rest one call tries it, and the others wait for what becomes of that, or for [`TRIAL`].
    Trying { length: Duration, since: Option<Instant> },
}

/// So many in a row are no chance: one alone may be the fault of the network behind.
const BURST: u32 = 3;
const FIRST: Duration = Duration::from_secs(5);
/// Who has no room says so sooner than that.
const TRIAL: Duration = Duration::from_secs(20);
pub(super) const LONGEST: Duration = Duration::from_secs(300);

impl Default for Health {
    fn default() -> Self {
        Self::Well { congested: 0 }
    }
}

impl Health {
    /// When it may be called, none: now.
    pub fn ready(self, now: Instant) -> Option<Instant> {
        let ready = match self {
            Self::Well { .. } | Self::Trying { since: None, .. } => None,
            Self::Resting { until, .. } => Some(until),
            Self::Trying { since: Some(since), .. } => Some(since + TRIAL),
        };
        ready.filter(|ready| *ready > now)
    }

    /// Until when it is left alone because it said so.
    pub fn resting(self, now: Instant) -> Option<Duration> {
        match self {
            Self::Resting { until, .. } => Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero()),
            Self::Well { .. } | Self::Trying { .. } => None,
        }
    }

    /// A call goes out by it.
    pub fn dialled(&mut self, now: Instant) {
        match *self {
            Self::Well { .. } => {}
            Self::Resting { length, .. } | Self::Trying { length, .. } => {
                *self = Self::Trying {
                    length,
                    since: Some(now),
                };
            }
        }
    }

    /// What became of a call that was dialled at `dialled`.
    pub fn ended(&mut self, now: Instant, dialled: Instant, reach: Reach) {
        let says = match reach {
            Reach::Congestion => Says::Full,
            Reach::Answered | Reach::Busy | Reach::NoAnswer | Reach::Rejected | Reach::NotFound => Says::Room,
            Reach::Failed | Reach::Interrupted => Says::Nothing,
        };
        let resting = |length: Duration| Self::Resting {
            until: now + length,
            length,
        };
        *self = match (*self, says) {
            (Self::Well { congested }, Says::Full) if congested + 1 >= BURST => resting(FIRST),
            (Self::Well { congested }, Says::Full) => Self::Well {
                congested: congested + 1,
            },
            (Self::Well { .. }, Says::Room) => Self::default(),
            (Self::Trying { length, since }, Says::Full) if since == Some(dialled) => {
                resting(length.saturating_mul(2).min(LONGEST))
            }
            (Self::Trying { since, .. }, Says::Room) if since == Some(dialled) => Self::default(),
            (Self::Trying { length, since }, Says::Nothing) if since == Some(dialled) => {
                Self::Trying { length, since: None }
            }
            // Calls from before the rest tell nothing of what is now.
            (same @ (Self::Well { .. } | Self::Resting { .. } | Self::Trying { .. }), _) => same,
        };
    }

    /// The call that was to go out at `dialled` did not: another may try.
    pub fn not_dialled(&mut self, dialled: Instant) {
        if let Self::Trying { since, .. } = self
            && *since == Some(dialled)
        {
            *since = None;
        }
    }
}

/// What a call tells of its trunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Room,
    Full,
    Nothing,
}
