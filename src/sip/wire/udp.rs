//! SIP over UDP: sockets that the library reads through the gate.
//!
//! The library sends by the first of them whatever the peer's family; here each datagram leaves by one that can reach it. It knows no SIP.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;

use crate::sip::gate::{Gate, Passage};
use crate::sip::message::strict;
use crate::sip::names::Transport;

/// All that one user agent listens on.
#[derive(Clone, Default)]
pub(in crate::sip) struct Sockets(Arc<Mutex<Vec<Arc<UdpSocket>>>>);

impl Sockets {
    fn that_reaches(&self, to: SocketAddr) -> Option<(Arc<UdpSocket>, SocketAddr)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find_map(|socket| Some((socket.clone(), as_seen_by(socket, to)?)))
    }
}

/// `to` as `socket` can send there: one that listens on every IPv6 address reaches IPv4 as well (RFC 3493 section 3.7).
fn as_seen_by(socket: &UdpSocket, to: SocketAddr) -> Option<SocketAddr> {
    match (socket.local_addr().ok()?.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => Some(to),
        (IpAddr::V6(ours), IpAddr::V4(theirs)) if ours.is_unspecified() => {
            Some(SocketAddr::new(theirs.to_ipv6_mapped().into(), to.port()))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

pub(in crate::sip) struct GatedUdp {
    socket: Arc<UdpSocket>,
    sockets: Sockets,
    gate: Arc<Gate>,
    /// As long as a datagram can be; one reader at a time has it.
    buffer: tokio::sync::Mutex<Box<[u8]>>,
}

impl GatedUdp {
    pub fn new(socket: UdpSocket, sockets: &Sockets, gate: Arc<Gate>) -> GatedUdp {
        let socket = Arc::new(socket);
        sockets
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(socket.clone());
        GatedUdp {
            socket,
            sockets: sockets.clone(),
            gate,
            buffer: tokio::sync::Mutex::new(vec![0; 65_536].into()),
        }
    }
}

#[async_trait::async_trait]
impl rsipstack::platform::net::UdpSocket for GatedUdp {
    async fn recv_from(&self, into: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let mut buffer = self.buffer.lock().await;
        loop {
            let (len, source) = match self.socket.recv_from(&mut buffer).await {
                Ok((len, source)) => (len, SocketAddr::new(source.ip().to_canonical(), source.port())),
                Err(error) => {
                    // The library would ask again at once: a lasting error must not become a busy loop.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return Err(error.into());
                }
            };
            let datagram = buffer.get(..len).unwrap_or_default();
            match self.gate.pass(datagram, source, Transport::Udp, crate::clock::now()) {
                Passage::In(bytes) => {
                    if let Some(room) = into.get_mut(..bytes.len()) {
                        room.copy_from_slice(&bytes);
                        return Ok((bytes.len(), source));
                    }
                }
                // Nobody is told when it fails: to the sender it is a lost datagram.
                Passage::Back(reply) => drop(self.send_to(&reply.bytes, reply.to).await),
                Passage::Nothing => {}
            }
        }
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        let bytes = strict::routed(bytes);
        let sent = match as_seen_by(&self.socket, to) {
            Some(to) => self.socket.send_to(&bytes, to).await,
            None => match self.sockets.that_reaches(to) {
                Some((socket, to)) => socket.send_to(&bytes, to).await,
                None => self.socket.send_to(&bytes, to).await,
            },
        };
        Ok(sent?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
