//! Who sends: how much each source may send, what it did wrong, and for how long it is not listened to.
//!
//! A source is an IPv4 address or an IPv6 /64, which one customer has whole. Each has a bucket of messages and a score of misdeeds that runs off with
//! time; beyond a score it is banned, for twice as long each time it comes to that.
//!
//! The sender of a datagram is what it claims to be. Whoever wants a peer of ours not to be heard has only to send rubbish in its name, so a ban is a
//! weapon, and this is how it is kept blunt:
//! - Those who are listed never come here: they are neither counted nor banned.
//! - What a datagram alone shows ([`Evidence::Claimed`]) bans for half a minute, and for five at most. What came over a connection, or with a nonce that
//!   we had sent to that address ([`Evidence::Shown`]), was sent from there, and bans for up to a day.
//! - Who has proved an identity, or sent what only a party of a call of ours can know, is vouched for during an hour: nothing that is merely claimed is held against it.
//! - The bucket of a source that is vouched for is larger; what is sent in its name can still fill it. Nothing here helps against that, and a list does.
//!
//! The table is bounded. Where it is full, those with nothing against them are forgotten first, and a ban is never forgotten before its end: to send in ever
//! new names frees nobody. Who finds no room shares one bucket with all others who do not, and is not banned.
//!
//! It is told the time and what happened. It knows no message.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Sources remembered at once; about a megabyte.
const SOURCES: usize = 10_000;
/// A full table is searched for those to forget no oftener: a search costs as much as many messages.
const SEARCH: Duration = Duration::from_secs(1);
/// After so long without a message a source with nothing against it is forgotten.
const QUIET: Duration = Duration::from_secs(60);
/// After so long without a ban the next one is as short as the first.
const FORGIVEN: Duration = Duration::from_secs(24 * 3600);
/// Or, where room is needed, after this.
const FORGIVEN_IN_NEED: Duration = Duration::from_secs(3600);
/// How long a proof vouches.
const VOUCHED: Duration = Duration::from_secs(3600);
/// The bucket of those who are vouched for, in times the usual.
const VOUCHED_SHARE: f32 = 4.0;
/// The score that bans.
const LIMIT: f32 = 20.0;
/// What runs off the score, a second.
const LEAK: f32 = 0.2;

/// The first ban, and the longest.
const CLAIMED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));
const SHOWN: (Duration, Duration) = (Duration::from_secs(300), FORGIVEN);

/// One source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    V4(u32),
    V6(u64),
}

impl Key {
    pub fn of(ip: IpAddr) -> Key {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Key::V4(ip.to_bits()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Key::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

/// How sure it is that a message was sent from where it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A datagram says so.
    Claimed,
    /// A connection, or something that was sent there shortly before.
    Shown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misdeed {
    /// A request without a proof, where one is needed. Honest phones begin with one.
    Unproved,
    /// What cannot be read.
    Malformed,
    /// A request from an address that is not listed.
    Stranger,
    /// A call to a number that nobody has.
    Misdialled,
    /// A wrong password, or a user who is unknown: nobody is told which.
    WrongProof,
    /// A tool that looks for doors.
    Scanner,
}

impl Misdeed {
    fn score(self) -> f32 {
        match self {
            Misdeed::Unproved | Misdeed::Malformed => 1.0,
            Misdeed::Stranger | Misdeed::Misdialled => 2.0,
            Misdeed::WrongProof => 4.0,
            Misdeed::Scanner => LIMIT,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// More than its share.
    Flooding,
    Banned,
}

struct Source {
    tokens: f32,
    score: f32,
    /// When tokens and score were last reckoned.
    seen: Instant,
    bans: u32,
    banned_until: Option<Instant>,
    vouched_until: Option<Instant>,
}

impl Source {
    fn new(share: f32, now: Instant) -> Source {
        Source {
            tokens: share * 2.0,
            score: 0.0,
            seen: now,
            bans: 0,
            banned_until: None,
            vouched_until: None,
        }
    }

    /// Brings tokens and score up to date.
    fn reckon(&mut self, share: f32, now: Instant) {
        let elapsed = now.saturating_duration_since(self.seen).as_secs_f32();
        let share = if self.is_vouched(now) {
            share * VOUCHED_SHARE
        } else {
            share
        };
        self.tokens = (self.tokens + elapsed * share).min(share * 2.0);
        self.score = (self.score - elapsed * LEAK).max(0.0);
        self.seen = self.seen.max(now);
    }

    fn is_banned(&self, now: Instant) -> bool {
        self.banned_until.is_some_and(|until| now < until)
    }

    fn is_vouched(&self, now: Instant) -> bool {
        self.vouched_until.is_some_and(|until| now < until)
    }

    /// Whether all that is known of it may be forgotten; `forgiven` after the end of its last ban.
    fn is_idle(&self, forgiven: Duration, now: Instant) -> bool {
        let quiet = now.saturating_duration_since(self.seen) >= QUIET;
        let past = |until: Instant| now.saturating_duration_since(until) >= forgiven;
        quiet && !self.is_vouched(now) && self.banned_until.is_none_or(past)
    }
}

pub(super) struct Sources {
    /// Messages a second.
    share: f32,
    known: HashMap<Key, Source>,
    /// All who find no room.
    others: Source,
    searched: Option<Instant>,
    bans: u64,
}

impl Sources {
    /// `share` is what one source may send, in messages a second; for moments twice as many.
    pub fn new(share: u32, now: Instant) -> Sources {
        let share = share.max(1) as f32;
        Sources {
            share,
            known: HashMap::new(),
            others: Source::new(share, now),
            searched: None,
            bans: 0,
        }
    }

    /// A message came.
    pub fn arrive(&mut self, ip: IpAddr, now: Instant) -> Standing {
        let share = self.share;
        let source = self.of(ip, now);
        source.reckon(share, now);
        if source.is_banned(now) {
            return Standing::Banned;
        }
        if source.tokens < 1.0 {
            return Standing::Flooding;
        }
        source.tokens -= 1.0;
        Standing::Good
    }

    /// It did something wrong. For how long it is banned, where that was one thing too many.
    pub fn accuse(&mut self, ip: IpAddr, misdeed: Misdeed, evidence: Evidence, now: Instant) -> Option<Duration> {
        let (share, key) = (self.share, Key::of(ip));
        self.of(ip, now);
        // Those without a place in the table are not told apart.
        let source = self.known.get_mut(&key)?;
        source.reckon(share, now);
        if source.is_banned(now) || (source.is_vouched(now) && evidence == Evidence::Claimed) {
            return None;
        }
        source.score += misdeed.score();
        if source.score < LIMIT {
            return None;
        }
        let (first, longest) = match evidence {
            Evidence::Claimed => CLAIMED,
            Evidence::Shown => SHOWN,
        };
        let forgiven = |until: Instant| now.saturating_duration_since(until) >= FORGIVEN;
        if source.banned_until.is_some_and(forgiven) {
            source.bans = 0;
        }
        let ban = first.saturating_mul(1 << source.bans.min(16)).min(longest);
        source.bans = source.bans.saturating_add(1);
        (source.score, source.vouched_until) = (0.0, None);
        source.banned_until = now.checked_add(ban);
        self.bans = self.bans.saturating_add(1);
        Some(ban)
    }

    /// It has proved an identity, or is a party of a call.
    pub fn vouch(&mut self, ip: IpAddr, now: Instant) {
        self.of(ip, now);
        if let Some(source) = self.known.get_mut(&Key::of(ip)) {
            source.vouched_until = now.checked_add(VOUCHED);
            source.score = 0.0;
        }
    }

    pub fn is_vouched(&self, ip: IpAddr, now: Instant) -> bool {
        self.known
            .get(&Key::of(ip))
            .is_some_and(|source| source.is_vouched(now))
    }

    pub fn is_banned(&self, ip: IpAddr, now: Instant) -> bool {
        self.known.get(&Key::of(ip)).is_some_and(|source| source.is_banned(now))
    }

    /// Bans since the start.
    pub fn bans(&self) -> u64 {
        self.bans
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    fn of(&mut self, ip: IpAddr, now: Instant) -> &mut Source {
        let key = Key::of(ip);
        if !self.known.contains_key(&key) && !self.has_room(now) {
            return &mut self.others;
        }
        let share = self.share;
        self.known.entry(key).or_insert_with(|| Source::new(share, now))
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.known.len() < SOURCES {
            return true;
        }
        let rested = |searched: Instant| now.saturating_duration_since(searched) >= SEARCH;
        if !self.searched.is_none_or(rested) {
            return false;
        }
        self.searched = Some(now);
        for forgiven in [FORGIVEN, FORGIVEN_IN_NEED] {
            self.known.retain(|_, source| !source.is_idle(forgiven, now));
            if self.known.len() < SOURCES {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0xc000_0200 + n).into()
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Accuses until it is banned; for how long.
    fn provoke(sources: &mut Sources, ip: IpAddr, evidence: Evidence, now: Instant) -> Duration {
        (0..100)
            .find_map(|_| sources.accuse(ip, Misdeed::Malformed, evidence, now))
            .expect("banned")
    }

    #[test]
    fn each_source_has_its_own_share() {
        let start = crate::clock::now();
        let mut sources = Sources::new(10, start);
        let good =
            |sources: &mut Sources, ip, now| (0..100).filter(|_| sources.arrive(ip, now) == Standing::Good).count();
        assert_eq!(good(&mut sources, v4(1), start), 20);
        assert_eq!(good(&mut sources, v4(2), start), 20);
        assert_eq!(good(&mut sources, v4(1), start + seconds(1)), 10);
        sources.vouch(v4(1), start);
        assert_eq!(
            good(&mut sources, v4(1), start + seconds(9)),
            80,
            "more for those who are vouched for"
        );
    }

    #[test]
    fn one_customer_of_ipv6_is_one_source() {
        let start = crate::clock::now();
        let mut sources = Sources::new(10, start);
        provoke(&mut sources, "2001:db8:1:2::5".parse().unwrap(), Evidence::Shown, start);
        assert!(sources.is_banned("2001:db8:1:2:aaaa::1".parse().unwrap(), start));
        assert!(!sources.is_banned("2001:db8:1:3::5".parse().unwrap(), start));
        provoke(
            &mut sources,
            "::ffff:192.0.2.1".parse().unwrap(),
            Evidence::Shown,
            start,
        );
        assert!(sources.is_banned(v4(1), start), "an IPv4 address in IPv6's clothes");
    }

    #[test]
    fn bans_grow_and_those_that_anybody_could_have_brought_about_stay_short() {
        let mut now = crate::clock::now();
        let mut sources = Sources::new(10, now);
        let mut bans = Vec::new();
        for evidence in [Evidence::Claimed, Evidence::Shown] {
            for _ in 0..12 {
                let ban = provoke(&mut sources, v4(1 + evidence as u32), evidence, now);
                assert_eq!(sources.arrive(v4(1 + evidence as u32), now), Standing::Banned);
                now += ban;
                assert_eq!(sources.arrive(v4(1 + evidence as u32), now), Standing::Good, "it ends");
                bans.push(ban.as_secs());
            }
        }
        assert_eq!(bans[..5], [30, 60, 120, 240, 300]);
        assert_eq!(bans[11], 300);
        assert_eq!(bans[12..15], [300, 600, 1200]);
        assert_eq!(bans[23], 86_400);
        assert_eq!(sources.bans(), 24);
        now += seconds(2 * 86_400);
        assert_eq!(
            provoke(&mut sources, v4(2), Evidence::Shown, now),
            seconds(300),
            "forgiven"
        );
    }

    #[test]
    fn an_honest_mistake_now_and_then_bans_nobody() {
        let start = crate::clock::now();
        let mut sources = Sources::new(10, start);
        for n in 0..1000 {
            let now = start + seconds(5 * n);
            assert_eq!(sources.accuse(v4(1), Misdeed::Unproved, Evidence::Shown, now), None);
        }
    }

    #[test]
    fn rubbish_in_the_name_of_one_who_is_vouched_for_does_not_ban_them() {
        let start = crate::clock::now();
        let mut sources = Sources::new(10, start);
        sources.vouch(v4(1), start);
        for _ in 0..1000 {
            assert_eq!(sources.accuse(v4(1), Misdeed::Scanner, Evidence::Claimed, start), None);
        }
        let later = start + VOUCHED;
        assert!(
            sources
                .accuse(v4(1), Misdeed::Scanner, Evidence::Claimed, later)
                .is_some(),
            "an hour later it does"
        );
        sources.vouch(v4(2), start);
        assert!(
            sources
                .accuse(v4(2), Misdeed::Scanner, Evidence::Shown, start)
                .is_some(),
            "and its own deeds do"
        );
    }

    #[test]
    fn sending_in_ever_new_names_frees_nobody_and_costs_no_more_memory() {
        let start = crate::clock::now();
        let mut sources = Sources::new(10, start);
        let ban = provoke(&mut sources, v4(0), Evidence::Shown, start);
        let step = ban / 60_000;
        for n in 1..50_000 {
            let now = start + step * n;
            sources.arrive(v4(n), now);
            assert!(sources.len() <= SOURCES);
        }
        let now = start + step * 50_000;
        assert_eq!(sources.arrive(v4(0), now), Standing::Banned);
        // And a table full of bans still lets some of the others through.
        let mut sources = Sources::new(10, start);
        for n in 0..SOURCES as u32 {
            provoke(&mut sources, v4(n), Evidence::Shown, start);
        }
        let newcomers = (0..100)
            .filter(|n| sources.arrive(v4(1_000_000 + n), start) == Standing::Good)
            .count();
        assert_eq!(newcomers, 20, "they share one bucket");
        assert_eq!(
            sources.accuse(v4(1_000_000), Misdeed::Scanner, Evidence::Shown, start),
            None
        );
    }
}
