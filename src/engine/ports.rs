//! UDP ports for media: pairs of an even one for sound and the next for reports, given out and taken back.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

/// Cheap to clone.
#[derive(Clone)]
pub struct Ports(Arc<Inner>);

struct Inner {
    address: IpAddr,
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
#[error("no free RTP port on {address} in {first}-{last}; widen `rtp.ports`")]
pub struct NoPort {
    address: IpAddr,
    first: u16,
    last: u16,
}

impl Ports {
    pub fn new(address: IpAddr, range: RangeInclusive<u16>) -> Self {
        let taken = Taken {
            ports: BTreeSet::new(),
            next: even(*range.start()),
        };
        Self(Arc::new(Inner {
            address,
            range,
            taken: Mutex::new(taken),
        }))
    }

    /// Two bound sockets; their ports are free again when they are dropped. Ports that other programs hold are passed over.
    pub async fn bind(&self) -> Result<MediaSocket, NoPort> {
        let (first, last) = (*self.0.range.start(), *self.0.range.end());
        for _ in (first..=last).step_by(2) {
            let Some(port) = self.reserve() else { break };
            let bind = |port| UdpSocket::bind(SocketAddr::new(self.0.address, port));
            match tokio::try_join!(bind(port), bind(port + 1)) {
                Ok((socket, reports)) => {
                    return Ok(MediaSocket {
                        socket,
                        reports,
                        port,
                        ports: self.clone(),
                    });
                }
                Err(_) => self.free(port),
            }
        }
        Err(NoPort {
            address: self.0.address,
            first,
            last,
        })
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

pub struct MediaSocket {
    socket: UdpSocket,
    reports: UdpSocket,
    port: u16,
    ports: Ports,
}

impl MediaSocket {
    /// For those who do not take them on the port of the sound.
    pub fn reports(&self) -> &UdpSocket {
        &self.reports
    }
}

impl std::ops::Deref for MediaSocket {
    type Target = UdpSocket;

    fn deref(&self) -> &UdpSocket {
        &self.socket
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

    #[tokio::test]
    async fn gives_each_port_once_and_takes_it_back() {
        let ports = Ports::new([127, 0, 0, 1].into(), 42_801..=42_805);
        let (one, two) = (
            ports.bind().await.expect("a port"),
            ports.bind().await.expect("another"),
        );
        assert_ne!(one.port, two.port);
        assert!(
            ports
                .bind()
                .await
                .err()
                .expect("none left")
                .to_string()
                .contains("42801-42805")
        );
        drop(one);
        assert_eq!(ports.taken(), 1);
        ports.bind().await.expect("the freed one");
    }
}
