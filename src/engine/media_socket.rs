//! The sockets of a call's media. They are read when the call has time, every 20 ms, and wake nobody in between: the system notes when each datagram came.
//!
//! It knows no RTP.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use crate::clock;

/// The largest datagram that is read.
const DATAGRAM: usize = 2_048;
/// Datagrams of a socket that are read at once: more is a flood.
const AT_ONCE: usize = 64;
/// Nothing waits longer to be read, unless the wall clock was set in the meantime.
const LONGEST: Duration = Duration::from_secs(1);

/// One for sound, on an even port, and the next for reports.
pub struct MediaSocket {
    sound: UdpSocket,
    reports: UdpSocket,
}

impl MediaSocket {
    pub fn bind(address: IpAddr, port: u16) -> io::Result<Self> {
        Ok(Self {
            sound: open(SocketAddr::new(address, port))?,
            reports: open(SocketAddr::new(address, port.saturating_add(1)))?,
        })
    }

    /// Of the sound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sound.local_addr()
    }

    /// Hands over what came since, and when and from where.
    pub fn read(&self, now: Instant, mut took: impl FnMut(Instant, SocketAddr, &[u8])) {
        let wall = clock::wall().as_duration();
        let mut datagram = [0; DATAGRAM];
        for socket in [&self.sound, &self.reports] {
            for _ in 0..AT_ONCE {
                let Some((length, from, stamp)) = receive(socket, &mut datagram) else {
                    break;
                };
                let age = stamp.and_then(|stamp| Duration::try_from(wall.checked_sub(stamp)?).ok());
                let age = age.filter(|age| *age < LONGEST).unwrap_or_default();
                took(
                    now.checked_sub(age).unwrap_or(now),
                    from,
                    datagram.get(..length).unwrap_or_default(),
                );
            }
        }
    }

    /// A full socket buffer or an ICMP error costs 20 ms of sound, which is late by the time it could be sent again.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) {
        self.sound.send_to(datagram, to).ok();
    }

    /// To those who do not take them on the port of the sound.
    pub fn report(&self, to: SocketAddr, datagram: &[u8]) {
        self.reports.send_to(datagram, to).ok();
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// Its length, who sent it, and when it came by the wall clock. None: nothing is there.
fn receive(socket: &UdpSocket, datagram: &mut [u8]) -> Option<(usize, SocketAddr, Option<jiff::SignedDuration>)> {
    let mut into = [io::IoSliceMut::new(datagram)];
    let mut notes = nix::cmsg_space!(TimeSpec);
    let read: RecvMsg<'_, '_, SockaddrStorage> =
        recvmsg(socket.as_raw_fd(), &mut into, Some(&mut notes), MsgFlags::empty()).ok()?;
    let stamp = read.cmsgs().ok()?.find_map(|note| match note {
        ControlMessageOwned::ScmTimestampns(at) => Some(jiff::SignedDuration::new(at.tv_sec(), at.tv_nsec() as i32)),
        _ => None,
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

    /// One that has a port of its own.
    fn bound(address: &str) -> MediaSocket {
        let address: IpAddr = address.parse().expect("an address");
        MediaSocket {
            sound: open((address, 0).into()).expect("a port"),
            reports: open((address, 0).into()).expect("another"),
        }
    }

    #[test]
    fn what_came_is_told_with_when_and_from_where() {
        for here in ["127.0.0.1", "::1"] {
            let (one, other) = (bound(here), bound(here));
            let began = clock::now();
            other.send(one.local_addr().expect("bound"), b"sound");
            other.report(one.reports.local_addr().expect("bound"), b"report");
            let (sent, mut came) = (clock::now(), Vec::new());
            while came.len() < 2 && sent.elapsed() < Duration::from_secs(5) {
                std::thread::yield_now();
                one.read(clock::now(), |at, from, datagram| {
                    came.push((at, from, datagram.to_vec()))
                });
            }
            let [(first, sender, sound), (second, reporter, report)] = &came[..] else {
                panic!("{came:?}")
            };
            assert_eq!((&sound[..], &report[..]), (&b"sound"[..], &b"report"[..]));
            assert_eq!(*sender, other.local_addr().expect("bound"));
            assert_eq!(*reporter, other.reports.local_addr().expect("bound"));
            // By the wall clock, which may have been adjusted by a little.
            let least = began.checked_sub(Duration::from_millis(20)).expect("a time");
            assert!(*first >= least && *second >= least && *second <= clock::now());
        }
    }

    #[test]
    fn nothing_there_is_nothing_read_and_a_flood_is_left_over() {
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
        assert_eq!(count, AT_ONCE);
    }
}
