//! Reports on a leg (RTCP, RFC 3550 section 6): what we tell the other end of what we hear, and what it tells us.
//!
//! [`Reporter`] is told of our own packets and of theirs, writes a compound packet every five seconds or so, and reads what comes. From the
//! echo of our own reports it knows the round trip. It owns no socket and no clock, and decides nothing.

use std::time::{Duration, Instant};

use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::Packet;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};

/// Between two reports, on average (RFC 3550 section 6.2). Each is drawn from half to one and a half of it, so that legs do not report together.
const INTERVAL: Duration = Duration::from_secs(5);
/// Our clock begins here, since a time of zero means that nothing was received: seconds of NTP.
const EPOCH: u64 = 0x8000_0000;
/// A round trip that is longer is a broken clock.
const LONGEST: Duration = Duration::from_secs(30);
/// The greatest loss that the 24 bits of a report tell.
const MOST_LOST: u32 = 0x7f_ffff;

/// Whether a datagram that came to an RTP port is RTCP (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram
        .first_chunk()
        .is_some_and(|[flags, kind]| flags >> 6 == 2 && (192..=223).contains(kind))
}

/// Of a source that is received, since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub ssrc: u32,
    /// With the wraps of the sequence number above it.
    pub highest: u32,
    pub lost: u32,
    /// Since the last report, in 256ths.
    pub fraction: u8,
    /// In units of the RTP clock.
    pub jitter: u32,
}

/// What was sent, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub packets: u32,
    /// Of payload.
    pub octets: u32,
    /// The RTP time of now.
    pub timestamp: u32,
    /// Units of the RTP clock a second.
    pub clock_rate: u32,
}

/// What the other end tells of the sound that we send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeardThere {
    /// The share of our packets that never came, since the beginning: 0 to 1.
    pub lost: f64,
    pub jitter: Duration,
}

#[derive(Debug)]
pub struct Reporter {
    ssrc: u32,
    /// Names our end in its reports: nothing about who or where we are (RFC 7022).
    name: String,
    began: Instant,
    due: Instant,
    random: u64,
    /// Packets sent when the last report was made.
    reported: u32,
    /// The last sender report of the source: its time as it is echoed, and when it came.
    theirs: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
    heard_there: Option<HeardThere>,
}

impl Reporter {
    /// For the source `ssrc`; `seed` is random.
    pub fn new(now: Instant, ssrc: u32, seed: u64) -> Self {
        let mut reporter = Self {
            ssrc,
            name: format!("{:024x}", u128::from(seed.rotate_left(29)) << 32 | u128::from(ssrc)),
            began: now,
            due: now,
            random: seed | 1,
            reported: 0,
            theirs: None,
            round_trip: None,
            heard_there: None,
        };
        // The first one comes sooner (section 6.2).
        reporter.due = now + reporter.interval() / 2;
        reporter
    }

    /// Our sound is another source from now on.
    pub fn change_source(&mut self, ssrc: u32) {
        (self.ssrc, self.reported, self.heard_there) = (ssrc, 0, None);
    }

    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// A report of now, and when the next one is due.
    pub fn write(&mut self, now: Instant, sent: Sent, received: Option<Received>) -> Vec<u8> {
        self.due = now + self.interval();
        self.compound(now, sent, received, None)
    }

    /// The last one: we leave.
    pub fn goodbye(&mut self, now: Instant, sent: Sent, received: Option<Received>) -> Vec<u8> {
        let goodbye = Goodbye {
            sources: vec![self.ssrc],
            reason: Default::default(),
        };
        self.compound(now, sent, received, Some(goodbye))
    }

    /// Takes a compound packet; `source` is who is heard.
    pub fn read(
        &mut self,
        now: Instant,
        mut datagram: &[u8],
        source: Option<u32>,
        sent: Sent,
    ) -> Result<(), Malformed> {
        let packets = rtc_rtcp::packet::unmarshal(&mut datagram).map_err(|_| Malformed)?;
        for packet in &packets {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                if source.is_none_or(|source| source == report.ssrc) {
                    self.theirs = Some(((report.ntp_time >> 16) as u32, now));
                }
                self.told(now, &report.reports, sent);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.told(now, &report.reports, sent);
            }
        }
        Ok(())
    }

    /// From our words to theirs and back, without the time they kept it.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    pub fn heard_there(&self) -> Option<HeardThere> {
        self.heard_there
    }

    fn told(&mut self, now: Instant, reports: &[ReceptionReport], sent: Sent) {
        let Some(report) = reports.iter().find(|report| report.ssrc == self.ssrc) else {
            return;
        };
        // 24 bits with a sign: duplicates make it negative.
        let lost = if report.total_lost > MOST_LOST {
            0
        } else {
            report.total_lost
        };
        self.heard_there = Some(HeardThere {
            lost: (f64::from(lost) / f64::from(sent.packets.max(1))).min(1.0),
            jitter: Duration::from_secs_f64(f64::from(report.jitter) / f64::from(sent.clock_rate.max(1))).min(LONGEST),
        });
        if report.last_sender_report == 0 {
            return;
        }
        let since = middle(self.ntp(now)).wrapping_sub(report.last_sender_report);
        let trip = since.wrapping_sub(report.delay);
        let trip = Duration::from_secs_f64(f64::from(trip) / 65_536.0);
        // One that has not been under way at all is below the clock's grain, and may come out just below zero.
        let trip = if since < report.delay && report.delay - since < 66 {
            Duration::ZERO
        } else {
            trip
        };
        if trip <= LONGEST {
            self.round_trip = Some(trip);
        }
    }

    fn compound(&mut self, now: Instant, sent: Sent, received: Option<Received>, goodbye: Option<Goodbye>) -> Vec<u8> {
        let (last_sender_report, delay) = self.theirs.map_or((0, 0), |(theirs, at)| {
            let kept = now.saturating_duration_since(at).as_secs_f64() * 65_536.0;
            (theirs, kept as u32)
        });
        let reports: Vec<ReceptionReport> = received
            .into_iter()
            .map(|received| ReceptionReport {
                ssrc: received.ssrc,
                fraction_lost: received.fraction,
                total_lost: received.lost.min(MOST_LOST),
                last_sequence_number: received.highest,
                jitter: received.jitter,
                last_sender_report,
                delay,
            })
            .collect();
        let mut packets: Vec<Box<dyn Packet>> = Vec::new();
        // Who has sent since the last report is a sender (section 6.4).
        if sent.packets != self.reported {
            packets.push(Box::new(SenderReport {
                ssrc: self.ssrc,
                ntp_time: self.ntp(now),
                rtp_time: sent.timestamp,
                packet_count: sent.packets,
                octet_count: sent.octets,
                reports,
                ..SenderReport::default()
            }));
        } else {
            packets.push(Box::new(ReceiverReport {
                ssrc: self.ssrc,
                reports,
                ..ReceiverReport::default()
            }));
        }
        self.reported = sent.packets;
        packets.push(Box::new(SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.ssrc,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: self.name.clone().into(),
                }],
            }],
        }));
        packets.extend(goodbye.map(|goodbye| Box::new(goodbye) as Box<dyn Packet>));
        let datagram = rtc_rtcp::packet::marshal(&packets).unwrap_or_default();
        datagram.to_vec()
    }

    /// The time that has passed, in the 32.32 bits of NTP. What time of day it is nobody needs to know (section 4).
    fn ntp(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.began);
        let fraction = (u64::from(passed.subsec_nanos()) << 32) / 1_000_000_000;
        (EPOCH.wrapping_add(passed.as_secs()) << 32) | fraction
    }

    fn interval(&mut self) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        INTERVAL / 2 + INTERVAL.mul_f64((self.random >> 40) as f64 / f64::from(1_u32 << 24))
    }
}

/// A datagram that is no RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not RTCP")]
pub struct Malformed;

/// The 32 bits of a time that are echoed.
fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::now as start;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn sent(packets: u32) -> Sent {
        Sent {
            packets,
            octets: packets.wrapping_mul(160),
            timestamp: packets.wrapping_mul(160),
            clock_rate: 8_000,
        }
    }

    fn received(ssrc: u32) -> Option<Received> {
        Some(Received {
            ssrc,
            highest: 99,
            lost: 10,
            fraction: 25,
            jitter: 80,
        })
    }

    #[test]
    fn two_ends_learn_the_round_trip_and_what_is_lost_there() {
        let begin = start();
        let mut ours = Reporter::new(begin, 1, 11);
        let mut theirs = Reporter::new(begin + ms(77), 2, 22);
        // 60 ms there, 90 back, and they keep it for 2 s.
        let report = ours.write(begin + ms(3_000), sent(100), received(2));
        theirs.read(begin + ms(3_060), &report, Some(1), sent(90)).unwrap();
        assert_eq!(theirs.round_trip(), None);
        let answer = theirs.write(begin + ms(5_060), sent(190), received(1));
        ours.read(begin + ms(5_150), &answer, Some(2), sent(100)).unwrap();
        let trip = ours.round_trip().unwrap();
        assert!((ms(149)..=ms(151)).contains(&trip), "{trip:?}");
        let there = ours.heard_there().unwrap();
        assert!((there.lost - 0.1).abs() < 1e-9 && there.jitter == ms(10), "{there:?}");
    }

    #[test]
    fn reports_come_every_few_seconds_and_never_in_step() {
        let begin = start();
        let times = |seed| {
            let mut reporter = Reporter::new(begin, 1, seed);
            let due = |reporter: &Reporter, at| reporter.is_due(begin + ms(at));
            (0..60_000)
                .step_by(20)
                .filter(|at| {
                    let due = due(&reporter, *at);
                    if due {
                        reporter.write(begin + ms(*at), sent(*at as u32), None);
                    }
                    due
                })
                .collect::<Vec<u64>>()
        };
        let (one, two) = (times(1 << 40 | 77), times(1 << 41 | 99));
        assert!((8..=24).contains(&one.len()) && one[0] < 4_000, "{one:?}");
        assert!(
            one.windows(2)
                .all(|pair| (2_500..=7_520).contains(&(pair[1] - pair[0]))),
            "{one:?}"
        );
        assert_ne!(one, two);
    }

    #[test]
    fn who_sends_nothing_is_no_sender_and_who_leaves_says_so() {
        let begin = start();
        let mut reporter = Reporter::new(begin, 1, 5);
        let kind = |report: &[u8]| report[1];
        assert_eq!(kind(&reporter.write(begin, sent(0), None)), 201);
        assert_eq!(kind(&reporter.write(begin, sent(5), None)), 200);
        let last = reporter.goodbye(begin, sent(5), received(2));
        assert_eq!(kind(&last), 201);
        assert!(is_rtcp(&last));
        let packets = rtc_rtcp::packet::unmarshal(&mut &last[..]).unwrap();
        assert!(packets.iter().any(|packet| packet.as_any().is::<Goodbye>()));
    }

    #[test]
    fn a_report_on_somebody_else_or_from_a_broken_clock_tells_nothing() {
        let begin = start();
        let mut ours = Reporter::new(begin, 1, 11);
        let mut theirs = Reporter::new(begin, 2, 22);
        let on_another = theirs.write(begin, sent(1), received(7));
        ours.read(begin, &on_another, Some(2), sent(100)).unwrap();
        assert_eq!((ours.round_trip(), ours.heard_there()), (None, None));
        theirs.theirs = Some((0x1234_5678, begin));
        let broken = theirs.write(begin, sent(2), received(1));
        ours.read(begin, &broken, Some(2), sent(100)).unwrap();
        assert_eq!(ours.round_trip(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(datagram in prop::collection::vec(any::<u8>(), 0..300), kind in 192u8..=223, count in 0u8..32) {
            let mut reporter = Reporter::new(start(), 1, 3);
            let _ = reporter.read(start(), &datagram, None, Sent::default());
            // Whole words, and a header that fits them: what is inside is read.
            let mut datagram = datagram;
            datagram.truncate(datagram.len() / 4 * 4);
            let words = (datagram.len() / 4).saturating_sub(1) as u16;
            if let [flags, second, high, low, ..] = &mut datagram[..] {
                (*flags, *second) = (0x80 | count, kind);
                [*high, *low] = words.to_be_bytes();
            }
            let _ = reporter.read(start(), &datagram, Some(1), sent(9));
        }
    }
}
