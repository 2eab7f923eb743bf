//! The other end of a leg: what was agreed on with it, what it sends, and how it opens what it is sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use offhook::audio::codec::{Codec, Correction, Encoder, Wishes};
use offhook::audio::{FRAME_SAMPLES, Frame};
use offhook::rtp::packet::{Marker, Packet};
use offhook::rtp::rtcp::{Received, Reporter, Sent};
use offhook::rtp::srtp::{Key, Keys, Srtp, Suite};
use offhook::rtp::{Peer, Reception};

use super::ICE;
use crate::bytes::Bytes;

/// The payload type of keys.
const EVENTS: u8 = 101;

pub fn address(which: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, which % 4], 40_000 + u16::from(which >> 4)))
}

/// `which` is where it is and whether it sends, `how` in which codec and how protected.
pub fn peer(which: u8, how: u8) -> Peer {
    let codec = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus][usize::from(how & 3)];
    let protection = how >> 3 & 7;
    let plain = Peer::new(address(which), codec);
    Peer {
        address: if which == 0xff {
            SocketAddr::from(([0, 0, 0, 0], 9))
        } else {
            plain.address
        },
        wishes: if how & 0x40 == 0 {
            Wishes::default()
        } else {
            Wishes {
                correction: Correction::Wanted,
                playback_rate: 8_000,
                most_bits: Some(1),
            }
        },
        telephone_event: (which & 8 == 0).then_some(EVENTS),
        reception: if which & 1 == 0 {
            Reception::Expected
        } else {
            Reception::Paused
        },
        reports: (which & 2 == 0).then_some(plain.address),
        keys: match protection {
            0 | 5 => None,
            1..=4 => keys(Suite::ALL[usize::from(protection) - 1], 1),
            // Others of the same suites.
            _ => keys(Suite::ALL[usize::from(protection) - 5], 3),
        },
        fingerprint: (protection == 5).then_some([7; 32]),
        ice: (how & 4 != 0).then_some(ICE),
        ..plain
    }
}

fn keys(suite: Suite, fill: u8) -> Option<Keys> {
    let (key, salt) = suite.lengths();
    Some(Keys {
        ours: Key::new(suite, &vec![fill; key + salt])?,
        theirs: Key::new(suite, &vec![fill + 1; key + salt])?,
    })
}

pub struct Other {
    codec: Codec,
    payload_type: u8,
    encoder: Encoder,
    guard: Option<Srtp>,
    reporter: Reporter,
    sequence: u16,
    timestamp: u32,
    packets: u32,
}

impl Other {
    pub fn new(now: Instant, peer: &Peer) -> Other {
        Other {
            codec: peer.codec,
            payload_type: peer.payload_type,
            encoder: Encoder::new(peer.codec, peer.wishes),
            guard: peer.keys.map(|keys| Srtp::new(seen_from_there(keys))),
            reporter: Reporter::new(now, 0, 5),
            sequence: 0,
            timestamp: 0,
            packets: 0,
        }
    }

    pub fn renegotiate(&mut self, peer: &Peer) {
        if peer.codec != self.codec {
            self.encoder = Encoder::new(peer.codec, peer.wishes);
        }
        (self.codec, self.payload_type) = (peer.codec, peer.payload_type);
        match (&mut self.guard, peer.keys) {
            (Some(guard), Some(keys)) => guard.change(seen_from_there(keys)),
            (guard, keys) => *guard = keys.map(|keys| Srtp::new(seen_from_there(keys))),
        }
    }

    /// A packet that is nearly in order, of one byte over and over.
    pub fn packet(&mut self, bytes: &mut Bytes) -> Option<(SocketAddr, Vec<u8>)> {
        let (how, ahead, later, fill) = (bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?);
        self.moved(ahead, later);
        let kinds = [self.payload_type, Codec::Pcma.payload_type(), EVENTS, 13];
        let lengths = [160, 4, 80, 240, 1_600, 1, 0, 161];
        let mut payload = vec![fill; lengths[usize::from(how >> 2 & 7)]];
        if let Some(duration) = payload.get_mut(2) {
            *duration = how;
        }
        let marker = if how & 0x20 == 0 { Marker::Clear } else { Marker::Set };
        let datagram = self.write(marker, kinds[usize::from(how & 3)], u32::from(how >> 6), &payload);
        Some((address(how >> 7), datagram))
    }

    /// A packet in order, with sound as the codec has it, of which bytes may be changed before it is protected.
    pub fn sound(&mut self, bytes: &mut Bytes) -> Option<(SocketAddr, Vec<u8>)> {
        let (ahead, loud, changes) = (bytes.next()?, bytes.next()?, bytes.next()? % 16);
        self.moved(ahead, ahead.wrapping_mul(2));
        let mut samples = [0; FRAME_SAMPLES];
        for (at, sample) in samples.iter_mut().enumerate() {
            *sample = (at as i16).wrapping_mul(i16::from(loud).wrapping_mul(257));
        }
        let mut payload = self.encoder.encode(&Frame::from_slice(&samples));
        let places = bytes.take(changes * 2).chunks_exact(2);
        for place in places {
            let len = payload.len().max(1);
            if let Some(byte) = payload.get_mut(usize::from(place[0]) % len) {
                *byte ^= place[1];
            }
        }
        let datagram = self.write(Marker::Clear, self.payload_type, 0, &payload);
        Some((address(0), datagram))
    }

    /// A report of the source 0, on ours if it is known.
    pub fn report(&mut self, now: Instant, ours: Option<u32>) -> Vec<u8> {
        let sent = Sent {
            packets: self.packets,
            octets: self.packets.wrapping_mul(160),
            timestamp: self.timestamp,
            clock_rate: self.codec.clock_rate(),
        };
        let received = ours.map(|ssrc| Received {
            ssrc,
            highest: u32::from(self.sequence),
            lost: self.packets / 10,
            fraction: 25,
            jitter: 80,
        });
        let report = self.reporter.write(now + Duration::from_millis(10), sent, received);
        match &mut self.guard {
            None => report,
            Some(guard) => guard.protect_report(&report).expect("protected"),
        }
    }

    /// A packet of ours, as the other end reads it.
    pub fn open(&mut self, datagram: &[u8]) -> Vec<u8> {
        match &mut self.guard {
            None => datagram.to_vec(),
            Some(guard) => guard.open(datagram).expect("a packet of ours"),
        }
    }

    pub fn open_report(&mut self, datagram: &[u8]) -> Vec<u8> {
        match &mut self.guard {
            None => datagram.to_vec(),
            Some(guard) => guard.open_report(datagram).expect("a report of ours"),
        }
    }

    /// `later` counts 10 ms.
    fn moved(&mut self, ahead: u8, later: u8) {
        self.sequence = self.sequence.wrapping_add_signed(i16::from(ahead.cast_signed()));
        let block = (self.codec.clock_rate() / 100).cast_signed();
        let units = i32::from(later.cast_signed()).wrapping_mul(block);
        self.timestamp = self.timestamp.wrapping_add_signed(units);
    }

    fn write(&mut self, marker: Marker, payload_type: u8, ssrc: u32, payload: &[u8]) -> Vec<u8> {
        self.packets = self.packets.wrapping_add(1);
        let packet = Packet {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc,
            payload,
        };
        let datagram = packet.write();
        match &mut self.guard {
            None => datagram,
            // A number that goes back further than the cryptography allows is not sent.
            Some(guard) => guard.protect(&datagram).unwrap_or_default(),
        }
    }
}

fn seen_from_there(Keys { ours, theirs }: Keys) -> Keys {
    Keys {
        ours: theirs,
        theirs: ours,
    }
}
