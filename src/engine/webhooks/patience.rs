//! When a post that was not taken is tried again, and how long a server that is down is left alone. It knows no network and no clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Until the second try; doubled with each.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3600);
/// After so long a post is given up.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// A server that does not answer is left alone for so long, doubled each time.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// When a post of `made` is tried again that has failed at `now`, and `tries` times before; none: it is given up. `draw`, from 0 to 1, spreads those that
/// failed together by 20 %.
pub fn again(tries: u32, made: Timestamp, now: Timestamp, draw: f64) -> Option<Timestamp> {
    let spread = 0.8 + 0.4 * draw.clamp(0.0, 1.0);
    let wait = doubled(FIRST, tries, LONGEST).mul_f64(spread);
    let at = now.checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    (at.duration_since(made) <= LIFE).then_some(at)
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

/// With one server.
#[derive(Default)]
pub struct Patience {
    /// Times in a row that no post reached it.
    failed: u32,
}

impl Patience {
    /// Some post reached it, or none did.
    pub fn told(&mut self, reached: bool) {
        self.failed = if reached { 0 } else { self.failed.saturating_add(1) };
    }

    /// Whether it did not answer the last time.
    pub fn is_tried(&self) -> bool {
        self.failed > 0
    }

    /// How long it is left alone.
    pub fn rest(&self) -> Option<Duration> {
        let times = self.failed.checked_sub(1)?;
        Some(doubled(REST, times, LONGEST_REST))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_post_is_tried_for_a_day_and_ever_more_seldom() {
        let (made, mut now, mut tries) = (at(1000), at(1000), 0);
        let mut waits = Vec::new();
        while let Some(next) = again(tries, made, now, 0.5) {
            waits.push(next.duration_since(now).as_secs());
            (now, tries) = (next, tries + 1);
        }
        assert_eq!(waits[..11], [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
        let day = now.duration_since(made).as_secs();
        assert!(
            (23 * 3600..=24 * 3600).contains(&day) && waits.len() < 40,
            "{day} s, {} tries",
            waits.len()
        );
    }

    #[test]
    fn a_server_that_is_down_is_left_alone_until_it_is_there() {
        let mut patience = Patience::default();
        assert!(patience.rest().is_none() && !patience.is_tried());
        let mut rests = Vec::new();
        for _ in 0..8 {
            patience.told(false);
            rests.extend(patience.rest().map(|rest| rest.as_secs()));
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(patience.is_tried());
        patience.told(true);
        assert!(patience.rest().is_none() && !patience.is_tried());
    }

    proptest! {
        #[test]
        fn it_waits_and_never_beyond_its_life(tries: u32, age in 0..200_000_i64, draw in -1.0..2.0) {
            let (made, now) = (at(0), at(age));
            if let Some(next) = again(tries, made, now, draw) {
                prop_assert!(next.duration_since(now) >= SignedDuration::from_secs(4));
                prop_assert!(next.duration_since(made) <= LIFE);
            } else {
                prop_assert!(age >= 24 * 3600 - 4320);
            }
        }
    }
}
