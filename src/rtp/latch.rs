//! Where the other end really is: symmetric RTP (RFC 4961), with a lock.
//!
//! [`Latch`] begins with the address of the session description and moves to where packets come from, as behind a NAT the two differ.
//! Once latched it refuses strangers, so that nobody can take over or listen in by sending to our port; the address of the description takes
//! over from whoever is heard, at any time. Where somebody has proven who they are (ICE), they alone are heard. It knows no payloads.

use std::collections::VecDeque;
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

/// Places that have proven themselves and are remembered; a peer tries one for each pair of addresses.
const PROVEN: usize = 16;

/// How far the sequence may jump for a packet from elsewhere to be the same source (a NAT that has renumbered its ports).
const CONTINUES: u16 = 50;

/// Finds and keeps the other end's address.
#[derive(Debug)]
pub struct Latch {
    agreed: SocketAddr,
    heard: Option<Heard>,
    /// Places that have shown a password.
    proven: VecDeque<SocketAddr>,
    /// The one of them that sound is to go to.
    nominated: Option<SocketAddr>,
    /// Where those were whose place another has taken.
    gone: Vec<SocketAddr>,
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
        Latch {
            agreed,
            heard: None,
            proven: VecDeque::new(),
            nominated: None,
            gone: Vec::new(),
        }
    }

    /// The session description changed (re-INVITE). An address that stays the same, or is where sound goes already, keeps what was learned.
    pub fn agree(&mut self, agreed: SocketAddr) {
        if self.nominated.is_some_and(|nominated| same(nominated, agreed)) {
            self.agreed = agreed;
        } else if agreed != self.agreed || is_nowhere(agreed) {
            *self = Latch {
                gone: std::mem::take(&mut self.gone),
                ..Latch::new(agreed)
            };
        }
    }

    /// The same, where the way is looked for as before (ICE): what has proven itself stays, whatever the description says.
    pub fn agree_checked(&mut self, agreed: SocketAddr) {
        if self.proven.is_empty() {
            self.agree(agreed);
        } else {
            self.agreed = agreed;
        }
    }

    /// Another has taken the place of the other end, and is at `agreed`: who was it is a stranger, however long they go on to send.
    pub fn succeed(&mut self, agreed: SocketAddr) {
        let heard = self.heard.map(|heard| heard.from);
        let were = [self.agreed]
            .into_iter()
            .chain(heard)
            .chain(self.proven.iter().copied());
        let gone = were.filter(|were| !same(*were, agreed)).collect();
        *self = Latch {
            gone,
            ..Latch::new(agreed)
        };
    }

    /// Somebody has shown at `from` that they know our password; `nominated` says that sound is to go there. Whether it goes elsewhere than before.
    pub fn prove(&mut self, now: Instant, from: SocketAddr, nominated: bool) -> bool {
        let before = self.destination();
        if !self.proven.iter().any(|proven| same(*proven, from)) {
            if self.proven.len() >= PROVEN {
                self.proven.pop_front();
            }
            self.proven.push_back(from);
        }
        if nominated {
            self.nominated = Some(from);
        }
        // Who was heard without proof is a stranger from now on.
        self.heard = self.heard.filter(|heard| self.is_proven(heard.from));
        if let Some(heard) = &mut self.heard {
            heard.at = now;
        }
        let to = self.destination();
        to.is_some_and(|to| before.is_none_or(|before| !same(before, to)))
    }

    /// Whether somebody at `from` may be listened to at all: anybody but who was there before, until somebody has proven themselves.
    pub fn admits(&self, from: SocketAddr) -> bool {
        match self.proven.is_empty() {
            true => same(from, self.agreed) || !self.gone.iter().any(|gone| same(*gone, from)),
            false => self.is_proven(from),
        }
    }

    /// Whether the other end has said that it is at `from`, or has proven it.
    pub fn expects(&self, from: SocketAddr) -> bool {
        same(from, self.agreed) || self.is_proven(from)
    }

    fn is_proven(&self, from: SocketAddr) -> bool {
        self.proven.iter().any(|proven| same(*proven, from))
    }

    /// Judges where a packet came from, and learns from it. Only for packets that are RTP of a payload type that was agreed on.
    pub fn judge(&mut self, now: Instant, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        if !self.admits(from) {
            return Verdict::Stranger;
        }
        if !self.proven.is_empty() {
            self.heard = Some(Heard {
                from,
                ssrc,
                sequence,
                at: now,
            });
            return Verdict::Known;
        }
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
            // It can only be right, however much another sends. Who is behind a NAT never sends from it.
            let agreed = same(from, self.agreed);
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

    /// Where to send: none while nobody has proven themselves and it is the unspecified address or port 0 (hold as RFC 2543 spelled it, or a
    /// peer that looks for the way and has not found it).
    pub fn destination(&self) -> Option<SocketAddr> {
        if is_nowhere(self.agreed) && self.proven.is_empty() {
            return None;
        }
        let heard = self.heard.map(|heard| heard.from);
        let to = self.nominated.or(heard).or(self.proven.front().copied());
        Some(to.unwrap_or(self.agreed))
    }
}

fn is_nowhere(address: SocketAddr) -> bool {
    address.ip().is_unspecified() || address.port() == 0
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
    fn whose_place_was_taken_is_a_stranger_however_long_they_send() {
        let (start, agreed, nat) = (crate::clock::now(), AGREED.parse().unwrap(), NAT.parse().unwrap());
        let mut latch = Latch::new(agreed);
        assert_eq!(latch.judge(start, nat, 1, 1), Verdict::Moved);
        let next = "203.0.113.77:7000".parse().unwrap();
        latch.succeed(next);
        // Then the description changes once more, and who comes is behind a NAT too.
        latch.agree("203.0.113.78:7000".parse().unwrap());
        let late = |ms| start + Duration::from_millis(ms);
        for ms in [20, 5_000] {
            assert_eq!(latch.judge(late(ms), nat, 1, 2), Verdict::Stranger);
            assert_eq!(latch.judge(late(ms), agreed, 1, 2), Verdict::Stranger);
        }
        assert_eq!(latch.judge(late(5_001), OTHER.parse().unwrap(), 7, 1), Verdict::Moved);
        assert_eq!(latch.destination(), Some(OTHER.parse().unwrap()));
        // Who is agreed on again is heard again.
        latch.agree(agreed);
        assert_eq!(latch.judge(late(5_020), agreed, 9, 1), Verdict::Known);
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
            (1, AGREED, 1, 1, Verdict::Moved, AGREED),
            (20, OTHER, 9, 2, Verdict::Stranger, AGREED),
            (21, AGREED, 1, 2, Verdict::Known, AGREED),
        ]);
    }

    #[test]
    fn a_stranger_who_never_pauses_holds_nothing_against_the_agreed_address() {
        let begin = start();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let (agreed, other) = (AGREED.parse().unwrap(), OTHER.parse().unwrap());
        let mut latch = Latch::new(agreed);
        // First, from before the peer's first packet; then again, after the peer was on hold.
        let (mut theirs, mut strange) = (0, 30_000);
        for (from, until) in [(1_000, 2_000), (6_000, 8_000)] {
            for ms in ((from - 1_000)..until).step_by(20) {
                strange += 1;
                let verdict = latch.judge(at(ms), other, 9, strange);
                assert_eq!(verdict == Verdict::Stranger, ms > from, "{ms}");
                if ms >= from {
                    theirs += 1;
                    let verdict = latch.judge(at(ms + 1), agreed, 1, theirs);
                    let expected = if ms == from { Verdict::Moved } else { Verdict::Known };
                    assert_eq!((verdict, latch.destination()), (expected, Some(agreed)), "{ms}");
                }
            }
        }
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
    fn who_has_proven_themselves_is_heard_alone() {
        let now = start();
        let (agreed, nat, other) = (AGREED.parse().unwrap(), NAT.parse().unwrap(), OTHER.parse().unwrap());
        let mut latch = Latch::new(agreed);
        assert_eq!(
            latch.judge(now, other, 9, 1),
            Verdict::Moved,
            "before any proof the first is believed"
        );
        assert!(latch.prove(now, nat, false), "it goes where one has proven themselves");
        assert_eq!(latch.destination(), Some(nat));
        assert_eq!(latch.judge(now, other, 9, 2), Verdict::Stranger);
        assert_eq!(latch.judge(now, agreed, 1, 1), Verdict::Stranger);
        assert_eq!(latch.judge(now, nat, 1, 1), Verdict::Known);
        assert!(!latch.prove(now, agreed, false), "a second way, not chosen");
        assert_eq!(latch.destination(), Some(nat));
        assert!(latch.prove(now, agreed, true), "and chosen");
        assert_eq!(latch.judge(now, nat, 1, 2), Verdict::Known, "still heard");
        assert_eq!(latch.destination(), Some(agreed));
        let late = now + ABANDONED * 2;
        assert_eq!(
            latch.judge(late, other, 9, 3),
            Verdict::Stranger,
            "a pause is no opening"
        );
        latch.agree(agreed);
        assert_eq!(latch.judge(late, other, 9, 4), Verdict::Stranger);
        for port in 1..100 {
            latch.prove(late, SocketAddr::new(nat.ip(), port), false);
        }
        assert!(latch.proven.len() <= PROVEN && latch.destination() == Some(agreed));
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
