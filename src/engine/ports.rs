//! UDP ports for media: pairs of an even one for sound and the next for reports, given out and taken back, on the address of the
//! family that the other end speaks.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::stamped::Stamped;

/// Cheap to clone.
#[derive(Clone)]
pub struct Ports(Arc<Inner>);

struct Inner {
    /// One of a family.
    addresses: Vec<IpAddr>,
    range: RangeInclusive<u16>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    ports: BTreeSet<u16>,
    /// Where the search goes on: a port that was just freed rests, so that late packets of one call do not reach the next.
    next: u16,
}

#[derive(Debug, thiserror::Error)]
pub enum NoPort {
    /// 488
    #[error("the caller's sound is at {towards}, and `rtp.address` has no {} address", family(*towards))]
    NoAddress { towards: IpAddr },
    /// 503
    #[error("no free RTP port on {address} in {first}-{last}; widen `rtp.ports`")]
    NoneFree { address: IpAddr, first: u16, last: u16 },
}

impl NoPort {
    /// The SIP status that says so.
    pub fn code(&self) -> u16 {
        match self {
            NoPort::NoAddress { .. } => 488,
            NoPort::NoneFree { .. } => 503,
        }
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

impl Ports {
    /// On the first of `addresses` that is of a family.
    pub fn new(addresses: Vec<IpAddr>, range: RangeInclusive<u16>) -> Self {
        let taken = Taken {
            ports: BTreeSet::new(),
            next: even(*range.start()),
        };
        Self(Arc::new(Inner {
            addresses,
            range,
            taken: Mutex::new(taken),
        }))
    }

    /// Two bound sockets, from which `towards` can be reached; their ports are free again when they are dropped. Ports that other programs hold are passed over.
    pub fn bind(&self, towards: IpAddr) -> Result<MediaSocket, NoPort> {
        let towards = towards.to_canonical();
        let mut addresses = self.0.addresses.iter().copied();
        let address = addresses
            .find(|ours| ours.is_ipv4() == towards.is_ipv4())
            .ok_or(NoPort::NoAddress { towards })?;
        let (first, last) = (*self.0.range.start(), *self.0.range.end());
        for _ in (first..=last).step_by(2) {
            let Some(port) = self.reserve() else { break };
            let bind = |port| Stamped::bind(SocketAddr::new(address, port));
            match bind(port).and_then(|sound| Ok((sound, bind(port + 1)?))) {
                Ok((sound, reports)) => {
                    return Ok(MediaSocket {
                        sound,
                        reports,
                        port,
                        ports: self.clone(),
                    });
                }
                Err(_) => self.free(port),
            }
        }
        Err(NoPort::NoneFree { address, first, last })
    }

    /// How many are given out.
    pub fn taken(&self) -> usize {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).ports.len()
    }

    fn reserve(&self) -> Option<u16> {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (even(*self.0.range.start()), *self.0.range.end());
        let start = taken.next;
        let mut port = start;
        loop {
            let next = port.checked_add(2).filter(|&p| p < last).unwrap_or(first);
            if port < last && taken.ports.insert(port) {
                taken.next = next;
                return Some(port);
            }
            if next == start {
                return None;
            }
            port = next;
        }
    }

    fn free(&self, port: u16) {
        self.0
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ports
            .remove(&port);
    }
}

/// Of one call. Its ports are given back with it.
pub struct MediaSocket {
    sound: Stamped,
    reports: Stamped,
    port: u16,
    ports: Ports,
}

impl MediaSocket {
    /// For those who do not take them on the port of the sound.
    pub fn reports(&self) -> &Stamped {
        &self.reports
    }

    /// Hands over what came to either.
    pub fn read(&self, now: Instant, mut took: impl FnMut(Instant, SocketAddr, &[u8])) {
        self.sound.read(now, &mut took);
        self.reports.read(now, &mut took);
    }
}

impl std::ops::Deref for MediaSocket {
    type Target = Stamped;

    fn deref(&self) -> &Stamped {
        &self.sound
    }
}

impl Drop for MediaSocket {
    fn drop(&mut self) {
        self.ports.free(self.port);
    }
}

fn even(port: u16) -> u16 {
    port.saturating_add(port % 2).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_port_once_and_takes_it_back() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let ports = Ports::new(vec![here], 42_801..=42_805);
        let (one, two) = (ports.bind(here).expect("a port"), ports.bind(here).expect("another"));
        assert_ne!(one.port, two.port);
        let none = ports.bind(here).err().expect("none left");
        assert!(none.code() == 503 && none.to_string().contains("42801-42805"), "{none}");
        drop(one);
        assert_eq!(ports.taken(), 1);
        ports.bind(here).expect("the freed one");
    }

    #[test]
    fn is_of_the_family_of_the_other_end() {
        let addresses: Vec<IpAddr> = ["127.0.0.1", "::1"].map(|ip| ip.parse().expect("an address")).into();
        let ports = Ports::new(addresses, 42_810..=42_819);
        for (towards, ours) in [
            ("198.51.100.1", "127.0.0.1"),
            ("2001:db8::1", "::1"),
            ("::ffff:198.51.100.1", "127.0.0.1"),
        ] {
            let socket = ports.bind(towards.parse().expect("an address")).expect("a port");
            for bound in [socket.local_addr(), socket.reports().local_addr()] {
                assert_eq!(bound.expect("bound").ip().to_string(), ours, "{towards}");
            }
        }
        let one = Ports::new(vec![[127, 0, 0, 1].into()], 42_810..=42_819);
        let none = one
            .bind("2001:db8::1".parse().expect("an address"))
            .err()
            .expect("none");
        assert!(
            none.code() == 488 && none.to_string().contains("no IPv6 address"),
            "{none}"
        );
    }
}
