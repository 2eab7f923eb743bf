//! The connectivity checks that come with a stream (ICE): who has shown the password may be heard, and is answered.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Event, RtpStream};
use crate::rtp::stun::{self, Outcome};

/// Answers that wait to be sent, at most; one more is lost, and is asked for again.
const ANSWERS: usize = 8;

impl RtpStream {
    /// What goes out at once, from the socket of the sound; to be asked after each datagram and tick, until none.
    pub fn answer(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.answers.pop_front()
    }

    pub(super) fn handle_check(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let check = self.peer.ice.and_then(|ice| stun::answer(&ice, from, datagram));
        let Some(check) = check else {
            self.stats.refused += 1;
            return;
        };
        self.stats.checks += 1;
        let moved = match check.outcome {
            Outcome::Valid => self.latch.prove(now, from, false),
            Outcome::Nominated => self.latch.prove(now, from, true),
            Outcome::RoleConflict => false,
        };
        if let Some(handshake) = &mut self.handshake {
            handshake.keep(now, |from| self.latch.admits(from));
        }
        if moved {
            self.tell(Event::Moved { to: from });
        }
        self.reply((from, check.answer));
    }

    pub(super) fn reply(&mut self, message: (SocketAddr, Vec<u8>)) {
        if self.answers.len() < ANSWERS {
            self.answers.push_back(message);
        }
    }
}
