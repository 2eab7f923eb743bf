//! The one place that reads the time.
//!
//! Everything that decides takes `now` as an argument; only drivers ask here. `clippy.toml` refuses the clocks elsewhere.

use std::time::Instant;

/// Monotonic, for durations and pacing.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Instant {
    Instant::now()
}

/// Of the calendar, for records and opening hours.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
