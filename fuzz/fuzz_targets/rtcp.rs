//! Reports (RTCP): any datagrams, one after the other, to one who sends reports too.
//!
//! What is believed is possible, and what is told of it is read by the next.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use offhook::rtp::rtcp::{Received, Reporter, Sent, is_rtcp};

const OURS: u32 = 0x0102_0304;

fuzz_target!(|data: &[u8]| {
    let mut now = offhook::clock::now();
    let mut reporter = Reporter::new(now, OURS, 5);
    let mut other = Reporter::new(now, 9, 6);
    let mut rest = data;
    // A length, and so many bytes; the last of them what is left.
    for round in 0..32_u32 {
        let Some((len, after)) = rest.split_first_chunk::<2>() else {
            break;
        };
        let (datagram, after) = after.split_at(usize::from(u16::from_be_bytes(*len) & 0x7ff).min(after.len()));
        rest = after;
        now += Duration::from_millis(u64::from(len[0]) * 7);
        let sent = Sent {
            packets: round.wrapping_mul(250),
            octets: round.wrapping_mul(40_000),
            timestamp: round.wrapping_mul(40_000),
            clock_rate: if round % 2 == 0 { 8_000 } else { 48_000 },
        };
        let source = (len[0] & 0x80 != 0).then_some(9);
        let _ = reporter.read(now, datagram, source, sent);
        believed(&reporter);
        let received = source.map(|ssrc| Received {
            ssrc,
            highest: u32::from(len[1]),
            lost: u32::MAX,
            fraction: len[1],
            jitter: u32::MAX,
        });
        for report in [
            reporter.write(now, sent, received),
            reporter.goodbye(now, sent, received),
        ] {
            assert!(is_rtcp(&report) && report.len() < 1_400);
            other.read(now, &report, Some(OURS), sent).expect("our report");
            believed(&other);
        }
    }
});

fn believed(reporter: &Reporter) {
    assert!(reporter.round_trip().is_none_or(|trip| trip <= Duration::from_secs(30)));
    if let Some(there) = reporter.heard_there() {
        assert!((0.0..=1.0).contains(&there.lost));
        assert!(there.jitter <= Duration::from_secs(60));
    }
}
