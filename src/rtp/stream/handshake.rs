//! The handshake that a stream's keys come from, where no session description told them (DTLS-SRTP): until it is through nothing is sent or heard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::{Guard, Peer, RtpStream};
use crate::rtp::dtls::{Handshake, Identity, Place};
use crate::rtp::srtp::{Key, Srtp};

/// Keys that one source sends by; for more it is another one.
const SPENT: usize = 16;

/// Keys of session descriptions that our source has sent by. Who takes one up again begins to count anew: by the same SSRC the same sound
/// would be encrypted as before (RFC 3711 section 9.1).
#[derive(Debug)]
pub(super) struct Spent(Vec<Key>);

impl Spent {
    pub(super) fn new(peer: &Peer) -> Spent {
        Spent(peer.keys.map(|keys| keys.ours).into_iter().collect())
    }

    /// The source begins to send by `key`; false: it must be another source.
    fn spend(&mut self, key: Key) -> bool {
        let fresh = self.0.len() < SPENT && !self.0.contains(&key);
        if !fresh {
            self.0.clear();
        }
        self.0.push(key);
        fresh
    }
}

impl Guard {
    /// What `peer` agreed on.
    pub(super) fn new(peer: &Peer) -> Guard {
        match (peer.keys, peer.fingerprint) {
            (Some(keys), _) => Guard::Keyed(Box::new(Srtp::new(keys))),
            (None, Some(_)) => Guard::Shut,
            (None, None) => Guard::Open,
        }
    }
}

impl RtpStream {
    /// Who we are to a peer that agrees on keys by itself; without it such a one is never heard.
    pub fn identify(&mut self, identity: Arc<Identity>) {
        self.identity = Some(identity);
        self.begin_handshake();
    }

    /// Another takes the place of the other end: what is agreed on with them holds, and who was there is not heard any more.
    pub fn succeed(&mut self, now: Instant, peer: Peer) {
        self.latch.succeed(peer.address);
        self.renegotiate(now, peer);
        if let Guard::Keyed(guard) = &mut self.guard {
            guard.forget_former();
        }
    }

    /// Another description: keys that stay the same go on counting, and a handshake with the same certificate is not made again.
    pub(super) fn change_guard(&mut self, peer: &Peer) {
        let sends_by = match &self.guard {
            Guard::Keyed(guard) => Some(guard.sends_by()),
            Guard::Open | Guard::Shut => None,
        };
        let key = peer.keys.map(|keys| keys.ours).filter(|key| sends_by != Some(*key));
        if key.is_some_and(|key| !self.spent.spend(key)) {
            self.sender.change_source();
            self.reporter.change_source(self.sender.ssrc());
        }
        let same = peer.fingerprint.is_some() && peer.fingerprint == self.peer.fingerprint;
        match (&mut self.guard, peer.keys) {
            (Guard::Keyed(guard), Some(keys)) => guard.change(keys),
            (_, None) if same => {}
            (guard, _) => *guard = Guard::new(peer),
        }
    }

    pub(super) fn begin_handshake(&mut self) {
        let theirs = self.peer.fingerprint.filter(|_| self.peer.keys.is_none());
        let Some((theirs, identity)) = theirs.zip(self.identity.as_ref()) else {
            self.handshake = None;
            return;
        };
        if self
            .handshake
            .as_ref()
            .is_none_or(|handshake| *handshake.theirs() != theirs)
        {
            self.handshake = Some(Box::new(Handshake::new(identity, theirs)));
        }
    }

    pub(super) fn handle_handshake(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(handshake) = self.handshake.as_mut().filter(|_| self.latch.admits(from)) else {
            self.stats.refused += 1;
            return;
        };
        let place = if self.latch.expects(from) {
            Place::Expected
        } else {
            Place::Elsewhere
        };
        if let Some(keys) = handshake.read(now, from, place, datagram) {
            self.guard = Guard::Keyed(Box::new(Srtp::new(keys)));
        }
        self.send_handshake();
    }

    /// To be called every 20 ms.
    pub(super) fn tick_handshake(&mut self, now: Instant) {
        if let Some(handshake) = &mut self.handshake {
            handshake.tick(now);
            self.send_handshake();
        }
    }

    fn send_handshake(&mut self) {
        while let Some(message) = self.handshake.as_mut().and_then(|handshake| handshake.answer()) {
            self.reply(message);
        }
    }
}
