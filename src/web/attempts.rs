//! How often somebody may try to sign in: by the name they try, and by the address they come from.
//!
//! [`Attempts`] counts and is told the time. Each attempt costs one of an allowance that grows back with time; who proves who they are is given
//! theirs back, so that only guessing is slow. It knows no password and no socket.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Of a name: a guesser has ten tries, and then 120 an hour.
const NAME: Allowance = Allowance {
    at_once: 10,
    each: Duration::from_secs(30),
};
/// Of an address, which a whole office may have.
const ADDRESS: Allowance = Allowance {
    at_once: 30,
    each: Duration::from_secs(5),
};
/// Names, and addresses, that are remembered; who finds no room shares one allowance.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Allowance {
    at_once: u32,
    /// In which one more grows back.
    each: Duration,
}

#[derive(Default)]
pub struct Attempts {
    names: Counts<String>,
    addresses: Counts<IpAddr>,
}

impl Attempts {
    /// Counts an attempt; where it is one too many, how long to wait.
    pub fn begin(&mut self, name: &str, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.arrive(address, now)?;
        self.names.take(&name.to_owned(), NAME, now)
    }

    /// Counts an attempt of somebody whom another tells the name of; where it is one too many, how long to wait.
    pub fn arrive(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.addresses.take(&network(address), ADDRESS, now)
    }

    /// The one begun last was by somebody who proved who they are.
    pub fn proven(&mut self, name: &str, address: IpAddr) {
        self.names.forget(&name.to_owned());
        self.welcome(address);
    }

    /// The one that arrived last was no guess.
    pub fn welcome(&mut self, address: IpAddr) {
        self.addresses.give_back(&network(address), ADDRESS);
    }
}

/// What one person has: an IPv4 address, or the /64 of an IPv6 one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

/// When each allowance is whole again: all that must be known of it (GCRA, ITU-T I.371).
struct Counts<K> {
    whole: HashMap<K, Instant>,
    /// Of those who found no room.
    others: Option<Instant>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self {
            whole: HashMap::new(),
            others: None,
        }
    }
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn take(&mut self, key: &K, allowance: Allowance, now: Instant) -> Result<(), Duration> {
        if !self.whole.contains_key(key) && self.whole.len() >= REMEMBERED {
            self.whole.retain(|_, whole| *whole > now);
        }
        let room = self.whole.len() < REMEMBERED;
        let whole = match self.whole.get_mut(key) {
            Some(whole) => whole,
            None if room => self.whole.entry(key.clone()).or_insert(now),
            None => self.others.get_or_insert(now),
        };
        let used = whole.saturating_duration_since(now);
        let most = allowance.each.saturating_mul(allowance.at_once.saturating_sub(1));
        if used > most {
            return Err(used.saturating_sub(most));
        }
        *whole = (*whole).max(now).checked_add(allowance.each).unwrap_or(now);
        Ok(())
    }

    fn give_back(&mut self, key: &K, allowance: Allowance) {
        if let Some(whole) = self.whole.get_mut(key) {
            *whole = whole.checked_sub(allowance.each).unwrap_or(*whole);
        }
    }

    fn forget(&mut self, key: &K) {
        self.whole.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Attempts that are let through of `count`, each from an address of its own.
    fn guesses(attempts: &mut Attempts, name: &str, count: u32, now: Instant) -> usize {
        let from = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        (0..count)
            .filter(|n| attempts.begin(name, from(*n), now).is_ok())
            .count()
    }

    #[test]
    fn a_name_is_guessed_at_slowly_from_wherever() {
        let (mut attempts, now) = (Attempts::default(), clock::now());
        assert_eq!(guesses(&mut attempts, "alice", 100, now), 10);
        assert_eq!(
            attempts.begin("alice", ip("192.0.2.1"), now),
            Err(Duration::from_secs(30))
        );
        assert_eq!(guesses(&mut attempts, "bob", 1, now), 1, "others are not held back");
        let later = now + Duration::from_secs(61);
        assert_eq!(guesses(&mut attempts, "alice", 100, later), 2);
        assert_eq!(
            guesses(&mut attempts, "alice", 100, now + Duration::from_secs(3600)),
            10
        );
    }

    #[test]
    fn an_address_tries_many_names_slowly() {
        let (mut attempts, now) = (Attempts::default(), clock::now());
        let mut tried = |from: &str, now| {
            let names = (0..100).map(|n| format!("n{n}"));
            names.filter(|name| attempts.begin(name, ip(from), now).is_ok()).count()
        };
        assert_eq!(tried("2001:db8::1", now), 30);
        assert_eq!(tried("2001:db8::2", now), 0, "one network");
        assert_eq!(tried("2001:db8:0:1::1", now), 30);
        assert_eq!(tried("::ffff:192.0.2.1", now), 30);
        assert_eq!(tried("192.0.2.1", now), 0, "one address");
        assert_eq!(tried("192.0.2.1", now + Duration::from_secs(15)), 3);
    }

    #[test]
    fn who_proves_who_they_are_is_never_held_back() {
        let (mut attempts, now) = (Attempts::default(), clock::now());
        let from = ip("192.0.2.1");
        for _ in 0..1000 {
            assert_eq!(attempts.begin("alice", from, now), Ok(()));
            attempts.proven("alice", from);
        }
        assert_eq!(guesses(&mut attempts, "alice", 9, now), 9);
        assert_eq!(attempts.begin("alice", from, now), Ok(()));
        attempts.proven("alice", from);
        assert_eq!(
            guesses(&mut attempts, "alice", 100, now),
            10,
            "their own mistakes are forgotten"
        );
    }

    #[test]
    fn a_flood_of_names_is_remembered_within_bounds() {
        let (mut attempts, now) = (Attempts::default(), clock::now());
        let mut through = 0;
        for n in 0..REMEMBERED as u32 + 500 {
            let from = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            through += usize::from(attempts.begin(&format!("n{n}"), from, now).is_ok());
        }
        assert!(attempts.names.whole.len() <= REMEMBERED && attempts.addresses.whole.len() <= REMEMBERED);
        assert_eq!(through, REMEMBERED + 10, "the others share one allowance");
        let later = now + Duration::from_secs(3600);
        assert_eq!(guesses(&mut attempts, "new", 1, later), 1);
        assert!(attempts.names.whole.len() < 10, "the quiet ones are forgotten");
    }
}
