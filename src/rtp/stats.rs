//! How well a leg is heard: packets received, lost, late, and their jitter (RFC 3550 sections 6.4.1 and A.8).
//!
//! [`Tally`] follows one source by its sequence numbers. It knows neither payloads nor what was done about a loss.

use std::time::{Duration, Instant};

use super::quality;
use super::rtcp::{HeardThere, Received};

/// Counts since the stream began, over all sources it has had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Packets of the source, duplicates left out.
    pub received: u64,
    /// Packets the sequence numbers tell of that never came.
    pub lost: u64,
    /// Packets that came a second time.
    pub duplicates: u64,
    /// Packets that came after their time to be played.
    pub late: u64,
    /// Variation of the transit time, RFC 3550 section 6.4.1.
    pub jitter: Duration,
    /// Datagrams that were not RTP.
    pub malformed: u64,
    /// Datagrams from strangers.
    pub refused: u64,
    /// Connectivity checks (ICE) that were genuine.
    pub checks: u64,
    /// Datagrams that are not encrypted by the key that was agreed on (SRTP).
    pub forged: u64,
    /// Datagrams of that key that were taken before.
    pub replayed: u64,
    /// Packets of payload types that nobody agreed on.
    pub unknown_payload: u64,
    /// Comfort noise packets (payload type 13 or 19), which are ignored.
    pub comfort_noise: u64,
    /// Ticks of 20 ms that were filled in, whole or in part, because a packet was missing.
    pub concealed: u64,
    /// Datagrams made for sending.
    pub sent: u64,
    /// Times the other end began anew with another SSRC.
    pub restarts: u64,
    /// Reports (RTCP) received.
    pub reports: u64,
    /// To the other end and back, as its reports tell.
    pub round_trip: Option<Duration>,
    /// How our sound arrives there, as its reports tell.
    pub heard_there: Option<HeardThere>,
    /// How long sound waited to be played, lately.
    pub buffered: Duration,
}

impl Stats {
    /// How what we hear sounds: see [`quality::mos`]. None before anything was heard. Without reports the network's delay is taken for none.
    pub fn mos(&self) -> Option<f64> {
        let expected = self.received + self.lost;
        if self.received == 0 {
            return None;
        }
        let lost = (self.lost + self.late) as f64 / expected as f64;
        let network = self.round_trip.unwrap_or_default() / 2;
        Some(quality::mos(
            network + self.buffered + crate::audio::FRAME_DURATION,
            lost,
        ))
    }
}

/// What a sequence number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    New,
    Duplicate,
}

/// A jump further than this is a source that has begun anew, not a loss (MAX_DROPOUT of RFC 3550 section A.1).
const MAX_DROPOUT: u16 = 3_000;

/// The packets of one source.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Units of the RTP clock a second.
    clock_rate: u32,
    run: Option<Run>,
    /// Packets received and lost in runs that have ended.
    past_received: u64,
    past_lost: u64,
    /// In units of the RTP clock.
    jitter: f64,
}

/// Sequence numbers without a break.
#[derive(Clone, Debug)]
struct Run {
    highest: u16,
    /// Times that it has wrapped.
    cycles: u16,
    /// Numbers from the first to the highest.
    expected: u64,
    received: u64,
    /// Bit n: `highest − n` was received.
    window: u64,
    last_arrival: Instant,
    last_timestamp: u32,
    /// `expected` and `received` when a report was last made.
    reported: (u64, u64),
}

impl Tally {
    /// For a source whose clock has so many units a second.
    pub fn new(clock_rate: u32) -> Tally {
        Tally {
            clock_rate: clock_rate.max(1),
            run: None,
            past_received: 0,
            past_lost: 0,
            jitter: 0.0,
        }
    }

    /// Another codec with another clock: what was counted is kept, and the numbers begin anew.
    pub fn change_clock(&mut self, clock_rate: u32) {
        self.end_run();
        self.jitter *= f64::from(clock_rate) / f64::from(self.clock_rate);
        self.clock_rate = clock_rate.max(1);
    }

    /// Accounts for a packet of the source.
    pub fn saw(&mut self, now: Instant, sequence: u16, timestamp: u32) -> Seen {
        let Some(run) = &mut self.run else {
            self.run = Some(Run::begin(now, sequence, timestamp));
            return Seen::New;
        };
        let clock_rate = f64::from(self.clock_rate);
        let ahead = sequence.wrapping_sub(run.highest);
        let behind = run.highest.wrapping_sub(sequence);
        if ahead == 0 {
            return Seen::Duplicate;
        }
        if ahead < MAX_DROPOUT {
            run.window = run.window.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            run.cycles = run.cycles.wrapping_add(u16::from(sequence < run.highest));
            run.highest = sequence;
            run.expected = run.expected.saturating_add(u64::from(ahead));
        } else if behind < MAX_DROPOUT {
            // Older than the window: taken for new, as it is rare and a second one is stopped by the jitter buffer.
            let bit = 1u64.checked_shl(u32::from(behind)).unwrap_or(0);
            if run.window & bit != 0 {
                return Seen::Duplicate;
            }
            run.window |= bit;
            // One that was sent before the first one we saw.
            run.expected = run.expected.max(u64::from(behind).saturating_add(1));
        } else {
            self.end_run();
            self.run = Some(Run::begin(now, sequence, timestamp));
            return Seen::New;
        }
        run.received = run.received.saturating_add(1);
        let elapsed = now.saturating_duration_since(run.last_arrival).as_secs_f64() * clock_rate;
        let sent = f64::from(timestamp.wrapping_sub(run.last_timestamp).cast_signed());
        run.last_arrival = now;
        run.last_timestamp = timestamp;
        // More than a second is a clock that was set anew, not jitter.
        let difference = (elapsed - sent).abs();
        if difference < clock_rate {
            self.jitter += (difference - self.jitter) / 16.0;
        }
        Seen::New
    }

    /// Another source takes over: its numbers have nothing to do with those before.
    pub fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.past_received = self.past_received.saturating_add(run.received);
            self.past_lost = self.past_lost.saturating_add(run.expected.saturating_sub(run.received));
        }
    }

    /// What is to be reported of the source `ssrc`; the fraction is of the time since this was asked last (RFC 3550 section A.3).
    pub fn report(&mut self, ssrc: u32) -> Option<Received> {
        let jitter = self.jitter as u32;
        let run = self.run.as_mut()?;
        let (expected, received) = std::mem::replace(&mut run.reported, (run.expected, run.received));
        let (expected, received) = (run.expected - expected, run.received.saturating_sub(received));
        let missing = expected.saturating_sub(received);
        Some(Received {
            ssrc,
            highest: u32::from(run.cycles) << 16 | u32::from(run.highest),
            lost: u32::try_from(run.expected.saturating_sub(run.received)).unwrap_or(u32::MAX),
            fraction: u8::try_from((missing * 256).checked_div(expected).unwrap_or(0)).unwrap_or(u8::MAX),
            jitter,
        })
    }

    /// Packets received, duplicates left out.
    pub fn received(&self) -> u64 {
        self.past_received + self.run.as_ref().map_or(0, |run| run.received)
    }

    /// Packets that never came.
    pub fn lost(&self) -> u64 {
        self.past_lost
            + self
                .run
                .as_ref()
                .map_or(0, |run| run.expected.saturating_sub(run.received))
    }

    /// The jitter of RFC 3550 section A.8.
    pub fn jitter(&self) -> Duration {
        Duration::from_secs_f64((self.jitter / f64::from(self.clock_rate)).clamp(0.0, 60.0))
    }
}

impl Run {
    fn begin(now: Instant, sequence: u16, timestamp: u32) -> Run {
        Run {
            highest: sequence,
            cycles: 0,
            expected: 1,
            received: 1,
            window: 1,
            last_arrival: now,
            last_timestamp: timestamp,
            reported: (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::now as start;

    const TICK: u32 = 160;

    /// Packets with these sequence numbers, 20 ms apart; received, lost and duplicates.
    fn count(sequences: &[u16]) -> (u64, u64, usize) {
        let mut tally = Tally::new(8_000);
        let begin = start();
        let mut duplicates = 0;
        for (i, sequence) in sequences.iter().enumerate() {
            let now = begin + Duration::from_millis(20) * i as u32;
            match tally.saw(now, *sequence, u32::from(*sequence).wrapping_mul(TICK)) {
                Seen::New => {}
                Seen::Duplicate => duplicates += 1,
            }
        }
        (tally.received(), tally.lost(), duplicates)
    }

    #[test]
    fn losses_and_duplicates_are_counted() {
        for (sequences, expected) in [
            (&[1u16, 2, 3, 4][..], (4, 0, 0)),
            (&[1, 2, 4, 5], (4, 1, 0)),
            (&[1, 3, 2, 4], (4, 0, 0)),
            (&[1, 2, 2, 3, 1], (3, 0, 2)),
            (&[65_534, 65_535, 0, 2], (4, 1, 0)),
            (&[2, 1, 3], (3, 0, 0)),
            (&[10, 11, 40_000, 40_002], (4, 1, 0)),
            (&[1, 200, 100, 201], (4, 197, 0)),
            (&[], (0, 0, 0)),
        ] {
            assert_eq!(count(sequences), expected, "{sequences:?}");
        }
    }

    #[test]
    fn a_report_tells_of_the_time_since_the_one_before() {
        let mut tally = Tally::new(8_000);
        assert_eq!(tally.report(7), None);
        let begin = start();
        for sequence in [65_533u16, 65_534, 1, 2] {
            tally.saw(begin, sequence, 0);
        }
        let report = tally.report(7).unwrap();
        assert_eq!(
            (report.ssrc, report.highest, report.lost, report.fraction),
            (7, 0x1_0002, 2, 85)
        );
        for sequence in [3u16, 4] {
            tally.saw(begin, sequence, 0);
        }
        let report = tally.report(7).unwrap();
        assert_eq!((report.highest, report.lost, report.fraction), (0x1_0004, 2, 0));
        assert_eq!(tally.report(7).map(|report| report.fraction), Some(0));
    }

    #[test]
    fn a_good_line_has_a_good_score_and_a_lossy_one_has_not() {
        let stats = |lost, round_trip| Stats {
            received: 900,
            lost,
            round_trip,
            ..Stats::default()
        };
        assert_eq!(Stats::default().mos(), None);
        let good = stats(0, Some(Duration::from_millis(80))).mos().unwrap();
        let lossy = stats(100, None).mos().unwrap();
        let far = stats(0, Some(Duration::from_millis(900))).mos().unwrap();
        assert!(good > 4.3 && lossy < 3.6 && far < 3.8, "{good} {lossy} {far}");
    }

    #[test]
    fn jitter_is_that_of_the_rfc() {
        let mut steady = Tally::new(8_000);
        let mut shaky = Tally::new(8_000);
        let begin = start();
        for i in 0..500u16 {
            let sent = begin + Duration::from_millis(20) * u32::from(i);
            steady.saw(sent, i, u32::from(i) * TICK);
            // Every second packet 10 ms late: |D| is always 10 ms.
            shaky.saw(
                sent + Duration::from_millis(u64::from(i % 2) * 10),
                i,
                u32::from(i) * TICK,
            );
        }
        assert!(steady.jitter() < Duration::from_micros(1));
        let jitter = shaky.jitter().as_secs_f64();
        assert!((jitter - 0.010).abs() < 0.000_1, "{jitter}");
    }

    #[test]
    fn jitter_is_a_time_whatever_the_clock() {
        let mut shaky = Tally::new(48_000);
        let begin = start();
        for i in 0..500u16 {
            let late = Duration::from_millis(u64::from(i % 2) * 10);
            shaky.saw(
                begin + Duration::from_millis(20) * u32::from(i) + late,
                i,
                u32::from(i) * 960,
            );
        }
        let units = shaky.report(1).unwrap().jitter;
        assert!((478..=480).contains(&units), "{units}");
        let before = shaky.jitter();
        assert!((before.as_secs_f64() - 0.010).abs() < 0.000_1, "{before:?}");
        shaky.change_clock(8_000);
        assert_eq!(shaky.jitter().as_micros() / 10, before.as_micros() / 10);
        assert_eq!((shaky.received(), shaky.lost()), (500, 0));
        shaky.saw(begin + Duration::from_secs(20), 9_000, 77);
        assert_eq!((shaky.received(), shaky.lost()), (501, 0));
    }

    proptest! {
        #[test]
        fn any_numbers_are_counted(packets: Vec<(u16, u32, u16)>) {
            let mut tally = Tally::new(8_000);
            let mut now = start();
            for (sequence, timestamp, later) in packets {
                now += Duration::from_millis(u64::from(later));
                tally.saw(now, sequence, timestamp);
            }
            let _ = (tally.received(), tally.lost(), tally.jitter());
        }
    }
}
