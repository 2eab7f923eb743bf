//! The sound of one call at the end of somebody scripted: their port, their media machine, and the faults of their line.
//!
//! It knows no script and no SIP: whoever drives it brings a frame every 20 ms and gets one.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::UdpSocket;

use super::line::{Line, Quality};
use crate::audio::Frame;
use crate::audio::tone::Key;
use crate::rtp::{self, Incoming, Peer, RtpStream, Stats};

/// One for a call.
pub(super) struct Media {
    /// By which all of it comes and goes.
    pub socket: UdpSocket,
    stream: RtpStream,
    line: Line,
    /// Where the other end wants our sound.
    peer: SocketAddr,
}

impl Media {
    /// From `now` on, with `peer`.
    pub fn new(now: Instant, socket: UdpSocket, peer: Peer, quality: Quality, seed: u64) -> Media {
        Media {
            socket,
            stream: RtpStream::new(now, peer, rtp::Config::default(), seed),
            line: Line::new(quality),
            peer: peer.address,
        }
    }

    /// Takes a datagram; false where the line lost it.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        let lost = self.line.loses();
        if !lost {
            self.stream.handle_datagram(now, from, datagram);
        }
        !lost
    }

    /// What is heard in these 20 ms.
    pub fn tick(&mut self, now: Instant) -> Incoming {
        self.stream.tick(now)
    }

    /// Sends 20 ms as the line makes them, while `heard` comes from it.
    pub fn send(&mut self, now: Instant, frame: Frame, heard: &Frame) {
        let frame = self.line.colour(frame, heard);
        if let Some((to, datagram)) = self.stream.send(now, &frame) {
            self.peer = to;
            self.line.send(now, datagram);
        }
        if let Some((to, report)) = self.stream.report(now) {
            self.socket.try_send_to(&report, to).ok();
        }
        self.let_go(now);
    }

    /// When [`Media::let_go`] is to be called, if it is.
    pub fn next(&self) -> Option<Instant> {
        self.line.next()
    }

    /// Sends what the line has held back for long enough.
    pub fn let_go(&mut self, now: Instant) {
        while let Some(datagram) = self.line.due(now) {
            self.socket.try_send_to(&datagram, self.peer).ok();
        }
    }

    /// Presses a key; one that no telephone has is not pressed.
    pub fn press(&mut self, key: char) {
        if let Some(key) = Key::from_symbol(key) {
            self.stream.send_key(key).ok();
        }
    }

    pub fn stats(&self) -> Stats {
        self.stream.stats()
    }
}

/// Never, where there is nothing to wait for.
pub(super) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
