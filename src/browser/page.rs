//! The page's end of a line, for who plays an agent's page: it offers, and says and hears 20 ms at a time what a browser would by itself.
//!
//! It knows as little as the other end: neither how offers and answers travel nor what time it is.

use std::time::Instant;

use super::connection::{Connection, State};
use super::{ANSWERING, Clock, Error, PAGE, Settings, ssrc_of};
use crate::audio::Frame;
use crate::audio::codec::Codec;
use crate::rtp::packet::Packet;
use crate::rtp::{self, Incoming, RtpStream};
use crate::sdp::{Coding, Wishes};

/// See the module. Dropping it ends it at once, and the other end is not told.
pub struct Page {
    connection: Connection,
    stream: RtpStream,
}

impl Page {
    /// One that knows `codec` and no other, and its offer, with all that it can be reached by. `seed` is random, and decides the numbers of what it sends.
    pub async fn offer(codec: Codec, settings: &Settings, seed: u64, clock: Clock) -> Result<(Page, String), Error> {
        let coding = Coding {
            codec,
            payload_type: codec.payload_type(),
            wishes: Wishes::default(),
            telephone_event: None,
        };
        let offered = Connection::offer(&coding, settings, ssrc_of(seed), clock);
        let (connection, offer) = tokio::time::timeout(ANSWERING, offered)
            .await
            .map_err(|_| Error::TooSlow)??;
        let stream = RtpStream::new(clock(), rtp::Peer::new(PAGE, codec), rtp::Config::default(), seed);
        Ok((Page { connection, stream }, offer))
    }

    /// Takes the answer to its offer.
    pub async fn accept(&mut self, answer: &str) -> Result<(), Error> {
        self.connection.accept(answer).await
    }

    /// Whether sound may flow.
    pub fn is_connected(&self) -> bool {
        self.connection.state() == State::Made
    }

    /// The next 20 ms of the other end. To be called every 20 ms while it is connected.
    pub fn tick(&mut self, now: Instant) -> Incoming {
        while let Some((at, packet)) = self.connection.packet() {
            self.stream.handle_datagram(at, PAGE, &packet);
        }
        self.stream.tick(now)
    }

    /// What the other end is to hear in these 20 ms.
    pub fn send(&mut self, now: Instant, frame: &Frame) {
        let sent = self.stream.send(now, frame);
        if let Some(packet) = sent.as_ref().and_then(|(_, datagram)| Packet::parse(datagram).ok()) {
            // One that is not taken is lost, as on any line.
            self.connection.send(&packet);
        }
    }

    /// Ends it at once: nothing comes from it any more.
    pub fn end(&self) {
        self.connection.end();
    }
}
