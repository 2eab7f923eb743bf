//! Keys pressed on the telephone, as RTP events: RFC 4733.
//!
//! [`Receiver`] turns packets, many of them for every press, into one key each; [`Press`] turns a key into packets. They know nothing
//! of sockets, and nothing of what a key means.

use super::packet::Marker;
use crate::audio::tone::Key;

/// A key is pressed for this long when we press it, in ticks of 20 ms.
const PRESS_TICKS: u16 = 6;

/// The last packet is sent this often (RFC 4733 section 2.5.1.4).
const END_REPEATS: u8 = 3;

/// The payload: event, end, volume, duration (RFC 4733 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Payload {
    event: u8,
    end: bool,
    /// In units of the RTP clock, since the timestamp of the packet.
    duration: u16,
}

impl Payload {
    fn parse(payload: &[u8]) -> Option<Payload> {
        let ([event, flags, d0, d1], _) = payload.split_first_chunk::<4>()?;
        Some(Payload {
            event: *event,
            end: flags & 0x80 != 0,
            duration: u16::from_be_bytes([*d0, *d1]),
        })
    }

    /// At −10 dBm0, the usual level of a key.
    fn write(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, 10 | if self.end { 0x80 } else { 0 }, d0, d1]
    }
}

/// Tells the presses of the other end apart.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Units of the RTP clock a second.
    clock_rate: u32,
    last: Option<Last>,
}

/// The press heard last.
#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: u32,
    event: u8,
    ended: bool,
    duration: u16,
}

/// A timestamp this far back is a source that has begun anew, not a straggler. Seconds.
const STRAGGLER: u32 = 5;

/// Packets of one press whose sender moves the timestamp along (against RFC 4733 section 2.5.1.2) are no further apart than 40 ms: of a second,
/// this part. A press this short of the longest that can be said may go on in another segment (section 2.5.1.3).
const MOVED: u32 = 25;

impl Receiver {
    /// For a clock of so many units a second: that of the sound beside it.
    pub fn new(clock_rate: u32) -> Receiver {
        Receiver { clock_rate, last: None }
    }

    /// Takes a packet of the negotiated payload type. Gives the key when this is the first that is heard of a press, which may
    /// be its last packet. Events that are not keys (flash, fax tones) give nothing.
    pub fn handle(&mut self, timestamp: u32, marker: Marker, payload: &[u8]) -> Option<Key> {
        let payload = Payload::parse(payload)?;
        let key = Key::from_code(payload.event)?;
        let Payload {
            event,
            end: ended,
            duration,
        } = payload;
        let heard = Last {
            timestamp,
            event,
            ended,
            duration,
        };
        match (self.relation(timestamp, marker, payload), &mut self.last) {
            (Relation::Earlier, _) => None,
            (Relation::Same, Some(last)) => {
                last.duration = last.duration.max(duration);
                last.ended |= ended;
                None
            }
            (Relation::GoesOn, Some(last)) => {
                *last = heard;
                None
            }
            (Relation::Another, _) | (Relation::Same | Relation::GoesOn, None) => {
                self.last = Some(heard);
                Some(key)
            }
        }
    }

    /// The source has changed: its timestamps are of another clock.
    pub fn restart(&mut self) {
        self.last = None;
    }

    fn relation(&self, timestamp: u32, marker: Marker, payload: Payload) -> Relation {
        let Some(last) = self.last else {
            return Relation::Another;
        };
        let moved = self.clock_rate / MOVED;
        let ahead = timestamp.wrapping_sub(last.timestamp);
        if ahead == 0 {
            return Relation::Same;
        }
        if last.timestamp.wrapping_sub(timestamp) < STRAGGLER.saturating_mul(self.clock_rate) {
            return Relation::Earlier;
        }
        if marker == Marker::Set || last.ended || payload.event != last.event {
            return Relation::Another;
        }
        let full = u32::from(last.duration) >= u32::from(u16::MAX).saturating_sub(moved);
        let next_segment = full && ahead <= u32::from(u16::MAX) + moved;
        // A press of its own would begin with a short duration again.
        if next_segment || (ahead <= moved && payload.duration > last.duration) {
            Relation::GoesOn
        } else {
            Relation::Another
        }
    }
}

/// How a packet stands to the press heard last.
enum Relation {
    Same,
    /// The same press, in another segment or with its timestamp moved along.
    GoesOn,
    /// A straggler of a press before.
    Earlier,
    Another,
}

/// A key being pressed by us: one packet a tick until it gives no more.
#[derive(Clone, Debug)]
pub struct Press {
    key: Key,
    /// When the press began, in units of the RTP clock: the timestamp of all its packets.
    pub timestamp: u32,
    /// A tick, in units of the RTP clock.
    step: u32,
    sent: u16,
}

/// A packet of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub marker: Marker,
    pub payload: [u8; 4],
}

impl Press {
    /// Begins to press `key` for 120 ms, of which each tick lasts `step` units of the RTP clock.
    pub fn new(key: Key, timestamp: u32, step: u32) -> Press {
        Press {
            key,
            timestamp,
            step,
            sent: 0,
        }
    }
}

impl Iterator for Press {
    type Item = Part;

    /// The packet for this tick; none when the press is over.
    fn next(&mut self) -> Option<Part> {
        let last = PRESS_TICKS + u16::from(END_REPEATS) - 1;
        if self.sent >= last {
            return None;
        }
        self.sent += 1;
        let payload = Payload {
            event: self.key.code(),
            end: self.sent >= PRESS_TICKS,
            duration: u16::try_from(u32::from(self.sent.min(PRESS_TICKS)).saturating_mul(self.step))
                .unwrap_or(u16::MAX),
        };
        let marker = if self.sent == 1 { Marker::Set } else { Marker::Clear };
        Some(Part {
            marker,
            payload: payload.write(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys heard of packets drawn as `timestamp/event/duration`, with `!` for the marker and `E` for the end.
    fn heard(packets: &str) -> String {
        let mut receiver = Receiver::new(8_000);
        let keys = packets.split_whitespace().filter_map(|drawn| {
            let parts: Vec<&str> = drawn.trim_end_matches(['!', 'E']).split('/').collect();
            let duration = parts[2].parse().unwrap();
            let payload = Payload {
                event: parts[1].parse().unwrap(),
                end: drawn.contains('E'),
                duration,
            };
            let marker = if drawn.contains('!') {
                Marker::Set
            } else {
                Marker::Clear
            };
            receiver.handle(parts[0].parse().unwrap(), marker, &payload.write())
        });
        keys.map(Key::symbol).collect()
    }

    #[test]
    fn a_press_is_one_key_whatever_the_network_does() {
        for (name, packets, expected) in [
            ("as it should be", "8/5/160! 8/5/320 8/5/480E 8/5/480E 8/5/480E", "5"),
            ("only the end arrives", "8/5/480E", "5"),
            ("without a marker", "8/5/160 8/5/480E", "5"),
            ("a marker on every packet", "8/5/160! 8/5/320! 8/5/480!E", "5"),
            ("the end is lost, another key", "8/5/160! 8/5/320 2000/6/160!", "56"),
            (
                "the end is lost, the same key again",
                "8/5/160! 2000/5/160! 2000/5/480E",
                "55",
            ),
            ("and its marker is lost too", "8/5/800! 2000/5/320", "55"),
            ("the same key twice", "8/1/480!E 1000/1/480!E", "11"),
            (
                "stragglers of the key before",
                "8/1/160! 1000/2/160! 8/1/480E 1000/2/480E",
                "12",
            ),
            (
                "a long press in segments",
                "8/9/160! 8/9/65535 65543/9/160 65543/9/800E",
                "9",
            ),
            (
                "a sender that moves the timestamp",
                "8/3/160! 168/3/320 328/3/480 488/3/640E",
                "3",
            ),
            (
                "across the wrap of the clock",
                "4294967292/7/480!E 1000/8/480!E 4294967292/7/480E",
                "78",
            ),
            ("a source that begins anew", "900000/4/480!E 160/4/480!E", "44"),
            ("star, pound and a letter", "8/10/1!E 9000/11/1!E 19000/15/1!E", "*#D"),
            ("a flash and a fax are no keys", "8/16/1!E 9000/36/1!E", ""),
        ] {
            assert_eq!(heard(packets), expected, "{name}");
        }
    }

    #[test]
    fn a_payload_cut_short_is_nothing() {
        assert_eq!(Receiver::new(8_000).handle(1, Marker::Set, &[5, 0, 0]), None);
    }

    #[test]
    fn our_press_is_six_packets_and_two_repeats() {
        let parts: Vec<Part> = Press::new(Key::from_symbol('#').unwrap(), 4_000, 160).collect();
        assert_eq!(parts.len(), 8);
        assert!(parts[0].marker == Marker::Set && parts[1..].iter().all(|p| p.marker == Marker::Clear));
        assert_eq!(parts[0].payload, [11, 10, 0, 160]);
        assert_eq!(parts[4].payload, [11, 10, 3, 32]);
        assert!(parts[5..].iter().all(|p| p.payload == [11, 0x8a, 3, 192]));
        let mut receiver = Receiver::new(8_000);
        let keys: Vec<Key> = parts
            .iter()
            .filter_map(|p| receiver.handle(4_000, Marker::Clear, &p.payload))
            .collect();
        assert_eq!(keys, [Key::from_symbol('#').unwrap()]);
    }

    #[test]
    fn durations_are_in_units_of_the_clock() {
        let key = Key::from_symbol('5').unwrap();
        let parts: Vec<Part> = Press::new(key, 0, 960).collect();
        assert_eq!(parts[0].payload, [5, 10, 3, 192]);
        assert_eq!(parts[7].payload, [5, 0x8a, 22, 128]); // 5,760
        // Beside Opus: a sender that moves the timestamp, and a straggler of four seconds ago.
        let mut receiver = Receiver::new(48_000);
        let hear = |receiver: &mut Receiver, timestamp, event: u8, duration: u16| {
            let [high, low] = duration.to_be_bytes();
            receiver.handle(timestamp, Marker::Clear, &[event, 10, high, low])
        };
        assert_eq!(hear(&mut receiver, 300_000, 5, 960), Some(key));
        assert_eq!(hear(&mut receiver, 300_960, 5, 1_920), None);
        assert_eq!(hear(&mut receiver, 108_000, 6, 960), None);
        assert_eq!(hear(&mut receiver, 400_000, 5, 960), Some(key), "another press");
    }

    proptest! {
        #[test]
        fn anything_is_a_key_or_nothing(packets: Vec<(u32, bool, Vec<u8>)>) {
            let mut receiver = Receiver::new(8_000);
            for (timestamp, marker, payload) in packets {
                receiver.handle(timestamp, if marker { Marker::Set } else { Marker::Clear }, &payload);
            }
        }

        /// Presses through a network that loses and repeats packets give each key that had a packet left, once, in order.
        #[test]
        fn every_press_is_heard_once(keys in proptest::collection::vec(0u8..16, 1..12), fate in proptest::collection::vec(0u8..3, 120)) {
            let mut receiver = Receiver::new(8_000);
            let (mut expected, mut heard) = (Vec::new(), Vec::new());
            let mut fate = fate.into_iter();
            for (i, code) in keys.into_iter().enumerate() {
                let key = Key::from_code(code).unwrap();
                let press = Press::new(key, 1_600 * i as u32, 160);
                let timestamp = press.timestamp;
                let mut arrived = 0;
                for part in press {
                    let copies = fate.next().unwrap_or(1);
                    for _ in 0..copies {
                        arrived += 1;
                        heard.extend(receiver.handle(timestamp, part.marker, &part.payload));
                    }
                }
                if arrived > 0 {
                    expected.push(key);
                }
            }
            prop_assert_eq!(heard, expected);
        }
    }
}
