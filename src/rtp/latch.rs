//! Where the other end really is: symmetric RTP (RFC 4961), with a lock.
//!
//! [`Latch`] begins with the address of the session description and moves to where packets come from, as behind a NAT the two differ.
//! Once latched it refuses strangers, so that nobody can take over or listen in by sending to our port. It knows no payloads.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Known,
    /// It comes from a new place, which is now where we send to.
    Moved,
    Stranger,
}

/// A source unheard for this long may have gone elsewhere: anybody may be it. Long enough that a stranger cannot slip into a pause.
const ABANDONED: Duration = Duration::from_secs(3);

/// The address that was agreed on takes over from another after this, since it can only be right.
const YIELDS_TO_AGREED: Duration = Duration::from_millis(200);

/// How far the sequence may jump for a packet from elsewhere to be the same source (a NAT that has renumbered its ports).
const CONTINUES: u16 = 50;

/// Finds and keeps the other end's address.
#[derive(Debug)]
pub struct Latch {
    agreed: SocketAddr,
    heard: Option<Heard>,
}

/// The source latched to.
#[derive(Clone, Copy, Debug)]
struct Heard {
    from: SocketAddr,
    ssrc: u32,
    sequence: u16,
    at: Instant,
}

impl Latch {
    /// `agreed` is the address of the session description.
    pub fn new(agreed: SocketAddr) -> Latch {
        Latch { agreed, heard: None }
    }

    /// The session description changed (re-INVITE). An address that stays the same keeps what was learned.
    pub fn agree(&mut self, agreed: SocketAddr) {
        if agreed != self.agreed {
            *self = Latch::new(agreed);
        }
    }

    /// Judges where a packet came from, and learns from it. Only for packets that are RTP of a payload type that was agreed on.
    pub fn judge(&mut self, now: Instant, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        let Some(heard) = self.heard else {
            self.heard = Some(Heard {
                from,
                ssrc,
                sequence,
                at: now,
            });
            return if same(from, self.agreed) {
                Verdict::Known
            } else {
                Verdict::Moved
            };
        };
        let verdict = if same(from, heard.from) {
            Verdict::Known
        } else {
            let quiet = now.saturating_duration_since(heard.at);
            let ahead = sequence.wrapping_sub(heard.sequence);
            let continues = ssrc == heard.ssrc && (1..=CONTINUES).contains(&ahead);
            let agreed = same(from, self.agreed) && quiet >= YIELDS_TO_AGREED;
            if continues || agreed || quiet >= ABANDONED {
                Verdict::Moved
            } else {
                Verdict::Stranger
            }
        };
        match verdict {
            Verdict::Known | Verdict::Moved => {
                self.heard = Some(Heard {
                    from,
                    ssrc,
                    sequence,
                    at: now,
                })
            }
            Verdict::Stranger => {}
        }
        verdict
    }

    /// Where to send: none while it is the unspecified address or port 0 (hold as RFC 2543 spelled it).
    pub fn destination(&self) -> Option<SocketAddr> {
        if self.agreed.ip().is_unspecified() || self.agreed.port() == 0 {
            return None;
        }
        Some(self.heard.map_or(self.agreed, |heard| heard.from))
    }
}

/// A socket for both families sees IPv4 as `::ffff:1.2.3.4`.
fn same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now as start;

    const AGREED: &str = "10.0.0.1:4000";
    const NAT: &str = "203.0.113.9:61000";
    const OTHER: &str = "198.51.100.7:7000";

    /// (ms, from, ssrc, sequence, verdict, then sends to)
    fn check(rows: &[(u64, &str, u32, u16, Verdict, &str)]) {
        let begin = start();
        let mut latch = Latch::new(AGREED.parse().unwrap());
        for (i, (ms, from, ssrc, sequence, verdict, to)) in rows.iter().enumerate() {
            let now = begin + Duration::from_millis(*ms);
            assert_eq!(
                latch.judge(now, from.parse().unwrap(), *ssrc, *sequence),
                *verdict,
                "row {i}"
            );
            assert_eq!(latch.destination(), Some(to.parse().unwrap()), "row {i}");
        }
    }

    #[test]
    fn sends_to_the_agreed_address_until_packets_come() {
        assert_eq!(
            Latch::new(AGREED.parse().unwrap()).destination(),
            Some(AGREED.parse().unwrap())
        );
        check(&[
            (0, AGREED, 1, 1, Verdict::Known, AGREED),
            (20, AGREED, 1, 2, Verdict::Known, AGREED),
        ]);
    }

    #[test]
    fn follows_a_nat_and_then_refuses_strangers() {
        check(&[
            (0, NAT, 1, 1, Verdict::Moved, NAT),
            (20, NAT, 1, 2, Verdict::Known, NAT),
            (25, OTHER, 9, 500, Verdict::Stranger, NAT),
            (30, OTHER, 1, 2, Verdict::Stranger, NAT),
            (30, OTHER, 1, 60_000, Verdict::Stranger, NAT),
            (40, NAT, 1, 3, Verdict::Known, NAT),
            (60, NAT, 7, 9_000, Verdict::Known, NAT),
        ]);
    }

    #[test]
    fn follows_the_same_source_to_another_port() {
        check(&[
            (0, NAT, 1, 65_530, Verdict::Moved, NAT),
            (20, OTHER, 1, 3, Verdict::Moved, OTHER),
        ]);
    }

    #[test]
    fn the_agreed_address_takes_over_from_whoever_was_first() {
        check(&[
            (0, OTHER, 9, 1, Verdict::Moved, OTHER),
            (100, AGREED, 1, 1, Verdict::Stranger, OTHER),
            (220, AGREED, 1, 7, Verdict::Moved, AGREED),
            (230, OTHER, 9, 2, Verdict::Stranger, AGREED),
        ]);
    }

    #[test]
    fn an_abandoned_call_leg_may_come_from_elsewhere() {
        check(&[
            (0, NAT, 1, 1, Verdict::Moved, NAT),
            (2_900, OTHER, 2, 1, Verdict::Stranger, NAT),
            (3_000, OTHER, 2, 2, Verdict::Moved, OTHER),
        ]);
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        let mut latch = Latch::new(AGREED.parse().unwrap());
        let now = start();
        assert_eq!(
            latch.judge(now, "[::ffff:10.0.0.1]:4000".parse().unwrap(), 1, 1),
            Verdict::Known
        );
    }

    #[test]
    fn another_agreement_begins_anew_and_the_same_one_does_not() {
        let mut latch = Latch::new(AGREED.parse().unwrap());
        let now = start();
        latch.judge(now, NAT.parse().unwrap(), 1, 1);
        latch.agree(AGREED.parse().unwrap());
        assert_eq!(latch.destination(), Some(NAT.parse().unwrap()));
        latch.agree(OTHER.parse().unwrap());
        assert_eq!(latch.destination(), Some(OTHER.parse().unwrap()));
        for nowhere in ["0.0.0.0:4000", "[::]:4000", "10.0.0.1:0"] {
            latch.agree(nowhere.parse().unwrap());
            assert_eq!(latch.destination(), None, "{nowhere}");
        }
    }
}
