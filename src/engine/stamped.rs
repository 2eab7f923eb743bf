//! A UDP socket that is read when there is time, and wakes nobody in between: the system notes when each datagram came.
//!
//! It knows no RTP.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use crate::clock;

/// The largest datagram that is read.
const DATAGRAM: usize = 2_048;
/// Datagrams that are read at once: more than the system keeps by default, so that what is genuine is found behind a flood.
const AT_ONCE: usize = 1_024;
/// Nothing waits longer to be read, unless the wall clock was set in the meantime.
const LONGEST: Duration = Duration::from_secs(1);

pub struct Stamped(UdpSocket);

impl Stamped {
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self(socket))
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Hands over what came since, 1,024 datagrams at most: when, from where, and what.
    pub fn read(&self, now: Instant, mut took: impl FnMut(Instant, SocketAddr, &[u8])) {
        let mut datagram = [0; DATAGRAM];
        for _ in 0..AT_ONCE {
            let Some((length, from, stamp)) = receive(&self.0, &mut datagram) else {
                return;
            };
            let age = stamp.and_then(|stamp| Duration::try_from(clock::wall().as_duration().checked_sub(stamp)?).ok());
            let age = age.filter(|age| *age < LONGEST).unwrap_or_default();
            let datagram = datagram.get(..length).unwrap_or_default();
            took(now.checked_sub(age).unwrap_or(now), from, datagram);
        }
    }

    /// What a full buffer or an ICMP error keeps back is lost, as on the way.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) {
        self.0.send_to(datagram, to).ok();
    }
}

/// Its length, who sent it, and when it came by the wall clock. None: nothing is there.
fn receive(socket: &UdpSocket, datagram: &mut [u8]) -> Option<(usize, SocketAddr, Option<jiff::SignedDuration>)> {
    let mut into = [io::IoSliceMut::new(datagram)];
    let mut notes = nix::cmsg_space!(TimeSpec);
    let read: RecvMsg<'_, '_, SockaddrStorage> =
        recvmsg(socket.as_raw_fd(), &mut into, Some(&mut notes), MsgFlags::empty()).ok()?;
    let stamp = read.cmsgs().ok().and_then(|mut notes| {
        notes.find_map(|note| match note {
            ControlMessageOwned::ScmTimestampns(at) => {
                Some(jiff::SignedDuration::new(at.tv_sec(), at.tv_nsec() as i32))
            }
            _ => None,
        })
    });
    Some((read.bytes, address(&read.address?)?, stamp))
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let four = from.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    four.or_else(|| from.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(address: &str) -> Stamped {
        Stamped::bind((address.parse::<std::net::IpAddr>().expect("an address"), 0).into()).expect("a port")
    }

    #[test]
    fn what_came_is_told_with_when_and_from_where() {
        for here in ["127.0.0.1", "::1"] {
            let (one, other) = (bound(here), bound(here));
            let began = clock::now();
            other.send(one.local_addr().expect("bound"), b"sound");
            let (sent, mut came) = (clock::now(), Vec::new());
            while came.is_empty() && sent.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(30));
                one.read(clock::now(), |at, from, datagram| {
                    came.push((at, from, datagram.to_vec()))
                });
            }
            let [(at, from, datagram)] = &came[..] else {
                panic!("{came:?}")
            };
            assert_eq!(
                (&datagram[..], *from),
                (&b"sound"[..], other.local_addr().expect("bound"))
            );
            // When it came and not when it was read; the wall clock may have been adjusted by a little.
            let little = Duration::from_millis(10);
            assert!(
                *at + little >= began && *at <= sent + little,
                "{:?}",
                at.duration_since(began)
            );
        }
    }

    #[test]
    fn nothing_there_is_nothing_read_and_of_a_flood_all() {
        let (one, other) = (bound("127.0.0.1"), bound("127.0.0.1"));
        let mut count = 0;
        one.read(clock::now(), |_, _, _| count += 1);
        assert_eq!(count, 0);
        other.send(one.local_addr().expect("bound"), &[7; 3_000]);
        for _ in 0..100 {
            other.send(one.local_addr().expect("bound"), &[7; 3]);
        }
        one.read(clock::now(), |_, _, datagram| {
            assert_eq!(datagram.len(), if count == 0 { DATAGRAM } else { 3 });
            count += 1;
        });
        assert_eq!(count, 101);
    }
}
