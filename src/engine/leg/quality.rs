//! How a call sounded on the wire, for its record.
//!
//! Knows no call: a stream's counts are all there is.

use std::time::Duration;

use crate::rtp::RtpStream;
use crate::store::Quality;

/// What a stream's counts come to, for the record.
pub(in crate::engine) fn quality(stream: &RtpStream) -> Quality {
    let (peer, stats) = (stream.peer(), stream.stats());
    let ms = |span: Duration| span.as_secs_f64() * 1_000.0;
    Quality {
        codec: peer.codec.to_string(),
        encryption: stream.suite().map(|suite| suite.to_string()),
        mos: stats.mos(),
        received: stats.received,
        lost: stats.lost,
        late: stats.late,
        jitter_ms: ms(stats.jitter),
        round_trip_ms: stats.round_trip.map(ms),
        lost_there_percent: stats.heard_there.map(|there| there.lost * 100.0),
        jitter_there_ms: stats.heard_there.map(|there| ms(there.jitter)),
        refused: stats.refused,
        malformed: stats.malformed,
        forged: stats.forged + stats.replayed,
    }
}
