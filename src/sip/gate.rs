//! The gate in front of the library: every message from the wire passes it, from `udp` and from `connection`.
//!
//! It carries out what [`sanitize`] decides, counts, and lets in only so many requests a second: the library's own
//! queues have no bound, and it remembers each transaction for half a minute. It knows no calls.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::debug;

use super::Limits;
use super::sanitize::{Clean, Load, Reply, Verdict, Why, overload, sanitize};

/// What those turned away for load are told, in seconds.
const RETRY_AFTER: u32 = 5;

/// Requests within dialogs that may come for each one that may open something.
const CONTINUES: u32 = 5;

pub(super) struct Gate {
    limits: Limits,
    opening: Mutex<Bucket>,
    continuing: Mutex<Bucket>,
    malformed: AtomicU64,
    turned_away: AtomicU64,
}

pub(super) enum Passage {
    /// To be handed to the library.
    In(Vec<u8>),
    /// To be sent back.
    Back(Reply),
    Nothing,
}

impl Gate {
    pub fn new(limits: Limits, now: Instant) -> Gate {
        Gate {
            limits,
            opening: Mutex::new(Bucket::new(limits.opening_per_second, now)),
            continuing: Mutex::new(Bucket::new(limits.opening_per_second.saturating_mul(CONTINUES), now)),
            malformed: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn malformed(&self) -> u64 {
        self.malformed.load(Relaxed)
    }

    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Relaxed)
    }

    pub fn pass(&self, bytes: &[u8], source: SocketAddr, now: Instant) -> Passage {
        match sanitize(bytes, source, self.limits.message) {
            Verdict::Clean(clean) => self.weigh(clean, source, now),
            Verdict::Reply(reply) => self.back(reply),
            Verdict::Drop(Why::KeepAlive) => Passage::Nothing,
            Verdict::Drop(why @ (Why::Unreadable | Why::Unanswerable | Why::TooLong)) => {
                self.malformed.fetch_add(1, Relaxed);
                debug!(%source, ?why, len = bytes.len(), "message dropped");
                Passage::Nothing
            }
        }
    }

    fn back(&self, reply: Reply) -> Passage {
        self.turned_away.fetch_add(1, Relaxed);
        debug!(to = %reply.to, code = reply.code, "request answered at the gate");
        Passage::Back(reply)
    }

    fn weigh(&self, clean: Clean, source: SocketAddr, now: Instant) -> Passage {
        match clean.load {
            Load::Follows => Passage::In(clean.bytes),
            Load::Continues if has_room(&self.continuing, now) => Passage::In(clean.bytes),
            // Its sender asks again.
            Load::Continues => {
                self.turned_away.fetch_add(1, Relaxed);
                Passage::Nothing
            }
            Load::Opens if has_room(&self.opening, now) => Passage::In(clean.bytes),
            Load::Opens => {
                let reply = overload(&clean.bytes, source, RETRY_AFTER);
                reply.map_or(Passage::Nothing, |reply| self.back(reply))
            }
        }
    }
}

fn has_room(bucket: &Mutex<Bucket>, now: Instant) -> bool {
    bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)
}

/// A token bucket that holds two seconds' worth.
struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(per_second: u32, now: Instant) -> Bucket {
        let per_second = f64::from(per_second.max(1));
        Bucket {
            per_second,
            tokens: per_second * 2.0,
            filled: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled);
        self.filled = now;
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.per_second).min(self.per_second * 2.0);
        let room = self.tokens >= 1.0;
        if room {
            self.tokens -= 1.0;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lets_in_so_many_a_second() {
        let start = crate::clock::now();
        let mut bucket = Bucket::new(10, start);
        assert_eq!((0..100).filter(|_| bucket.take(start)).count(), 20);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 5);
        assert_eq!(
            (0..100).filter(|_| bucket.take(start)).count(),
            0,
            "a clock that steps back gives nothing"
        );
    }
}
