//! The numbers of the packets we send: sequence, timestamp, marker.
//!
//! [`Sender`] is asked once for every 20 ms. It knows no addresses, and of a codec its clock alone.

use std::time::{Duration, Instant};

use super::packet::{Marker, Packet};
use super::rtcp::Sent;
use crate::audio::FRAME_DURATION;

/// Ticks of 20 ms a second.
const TICKS: u32 = 50;
/// Behind its own schedule by more than this, a sender was silent rather than slow.
const PAUSE: Duration = Duration::from_millis(100);

/// One outgoing source.
#[derive(Debug)]
pub struct Sender {
    /// Units of the RTP clock a second.
    clock_rate: u32,
    ssrc: u32,
    sequence: u16,
    /// Of the tick that comes next, in units of the RTP clock.
    timestamp: u32,
    /// When the next packet is due; none before the first.
    due: Option<Instant>,
    spurt: Spurt,
    packets: u32,
    octets: u32,
}

/// Whether the next packet of sound is the first after silence, which carries the marker (RFC 3551 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spurt {
    Begins,
    GoesOn,
}

impl Sender {
    /// `seed` is random: from it come the SSRC and the first sequence number and timestamp (RFC 3550 section 5.1).
    pub fn new(seed: u64, clock_rate: u32) -> Sender {
        let [a, b, c, d, e, f, g, h] = seed.to_be_bytes();
        Sender {
            clock_rate,
            ssrc: u32::from_be_bytes([a, b, c, d]),
            // In the lower half, so that it does not wrap in the first minutes.
            sequence: u16::from_be_bytes([e & 0x7f, f]),
            timestamp: u32::from_be_bytes([g, h, a, d]),
            due: None,
            spurt: Spurt::Begins,
            packets: 0,
            octets: 0,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// A tick of 20 ms, in units of the RTP clock.
    pub fn step(&self) -> u32 {
        self.clock_rate / TICKS
    }

    /// Another codec with another clock: a source has one clock all its life, so it is another source from now on (RFC 7160 section 4.1).
    /// Whether it is.
    pub fn change_clock(&mut self, clock_rate: u32) -> bool {
        if clock_rate == self.clock_rate {
            return false;
        }
        self.clock_rate = clock_rate;
        self.change_source();
        true
    }

    /// Another source from now on, by whose numbers nothing was sent yet.
    pub fn change_source(&mut self) {
        *self = Sender {
            clock_rate: self.clock_rate,
            // As random as the one before, and never the same.
            ssrc: self.ssrc.rotate_left(11) ^ !self.timestamp.rotate_left(7),
            sequence: self.sequence & 0x7fff,
            timestamp: self.timestamp,
            due: self.due,
            spurt: Spurt::Begins,
            packets: 0,
            octets: 0,
        };
    }

    /// For a report.
    pub fn sent(&self) -> Sent {
        Sent {
            packets: self.packets,
            octets: self.octets,
            timestamp: self.timestamp,
            clock_rate: self.clock_rate,
        }
    }

    /// Begins a tick: to be called once before each packet. After a pause the clock has gone on.
    /// Returns the timestamp of the tick.
    pub fn tick(&mut self, now: Instant) -> u32 {
        let due = self.due.unwrap_or(now);
        let behind = now.saturating_duration_since(due);
        let missed = if behind > PAUSE {
            self.spurt = Spurt::Begins;
            u32::try_from(behind.as_millis() / FRAME_DURATION.as_millis()).unwrap_or(u32::MAX)
        } else {
            0
        };
        let timestamp = self.timestamp.wrapping_add(missed.wrapping_mul(self.step()));
        self.timestamp = timestamp.wrapping_add(self.step());
        let paused = FRAME_DURATION.checked_mul(missed).unwrap_or(behind);
        self.due = due
            .checked_add(paused)
            .and_then(|due| due.checked_add(FRAME_DURATION))
            .or(Some(now));
        timestamp
    }

    /// A packet of sound for a tick.
    pub fn sound(&mut self, timestamp: u32, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let marker = match self.spurt {
            Spurt::Begins => Marker::Set,
            Spurt::GoesOn => Marker::Clear,
        };
        self.spurt = Spurt::GoesOn;
        self.packet(marker, payload_type, timestamp, payload)
    }

    /// A packet of a key press; `timestamp` is that of the beginning of the press. The sound that follows begins a spurt.
    pub fn event(&mut self, marker: Marker, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.spurt = Spurt::Begins;
        self.packet(marker, payload_type, timestamp, payload)
    }

    fn packet(&mut self, marker: Marker, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let packet = Packet {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        packet.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now as start;

    /// Packets sent at these times in ms: (marker, sequence and timestamp since the first).
    fn sent(times: &[u64]) -> Vec<(bool, u16, u32)> {
        let mut sender = Sender::new(0x0123_4567_89ab_cdef, 8_000);
        let begin = start();
        let mut first = None;
        times
            .iter()
            .map(|ms| {
                let timestamp = sender.tick(begin + Duration::from_millis(*ms));
                let bytes = sender.sound(timestamp, 0, &[1; 160]);
                let packet = Packet::parse(&bytes).unwrap();
                let (sequence, timestamp) = *first.get_or_insert((packet.sequence, packet.timestamp));
                (
                    packet.marker == Marker::Set,
                    packet.sequence.wrapping_sub(sequence),
                    packet.timestamp.wrapping_sub(timestamp),
                )
            })
            .collect()
    }

    #[test]
    fn every_tick_is_twenty_milliseconds_however_it_wobbles() {
        let expected = [
            (true, 0, 0),
            (false, 1, 160),
            (false, 2, 320),
            (false, 3, 480),
            (false, 4, 640),
        ];
        assert_eq!(sent(&[0, 20, 40, 60, 80]), expected);
        assert_eq!(sent(&[0, 27, 39, 66, 81]), expected);
        assert_eq!(sent(&[0, 90, 91, 92, 93]), expected);
    }

    #[test]
    fn after_a_pause_the_clock_has_gone_on_and_the_marker_is_set() {
        assert_eq!(
            sent(&[0, 20, 1_040, 1_060]),
            [(true, 0, 0), (false, 1, 160), (true, 2, 52 * 160), (false, 3, 53 * 160)]
        );
    }

    #[test]
    fn the_source_is_drawn_from_the_seed() {
        let ssrc = |seed| Packet::parse(&Sender::new(seed, 8_000).sound(0, 0, &[])).unwrap().ssrc;
        assert_ne!(ssrc(1 << 33), ssrc(1 << 34));
        for seed in [0, u64::MAX] {
            assert!(
                Packet::parse(&Sender::new(seed, 8_000).sound(0, 127, &[]))
                    .unwrap()
                    .sequence
                    < 0x8000
            );
        }
    }

    #[test]
    fn another_clock_is_another_source() {
        let mut sender = Sender::new(0x0123_4567_89ab_cdef, 8_000);
        let begin = start();
        let send = |sender: &mut Sender, tick: u32| {
            let timestamp = sender.tick(begin + FRAME_DURATION * tick);
            let datagram = sender.sound(timestamp, 0, &[1; 160]);
            let packet = Packet::parse(&datagram).unwrap();
            (packet.ssrc, packet.timestamp)
        };
        let first = send(&mut sender, 0);
        assert!(!sender.change_clock(8_000));
        let second = send(&mut sender, 1);
        assert_eq!(second, (first.0, first.1.wrapping_add(160)));
        assert!(sender.change_clock(48_000));
        assert_eq!((sender.sent().packets, sender.sent().clock_rate), (0, 48_000));
        let (third, fourth) = (send(&mut sender, 2), send(&mut sender, 3));
        assert_ne!(third.0, first.0);
        assert_eq!(fourth, (third.0, third.1.wrapping_add(960)));
    }

    #[test]
    fn numbers_wrap() {
        let mut sender = Sender::new(u64::MAX, 48_000);
        let begin = start();
        for i in 0..40_000u32 {
            let timestamp = sender.tick(begin + FRAME_DURATION * i);
            sender.sound(timestamp, 8, &[]);
        }
    }
}
