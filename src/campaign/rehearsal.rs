//! Who would be rung when: a campaign played through ahead, as if nobody changed anything and nobody answered oddly.
//!
//! It asks for each whether the call would be permitted then, and paces calls as the plan says. What comes of calls it does not guess.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::permit::{Facts, Lasts, Refusal, permit};

/// Times that somebody is put off before it is taken for never.
const PUT_OFF: u32 = 64;

/// How fast a campaign calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// More than 0.
    pub calls_per_second: f64,
    /// Calls at once; 1 at least.
    pub lines: u32,
    /// How long a line is taken by a call.
    pub call: Duration,
}

/// The first moment, at `from` or later, at which `facts` allow a call.
///
/// # Errors
/// Why there is none, as things are.
pub fn first_moment(from: Timestamp, facts: &Facts<'_>) -> Result<Timestamp, Refusal> {
    let mut at = from;
    for _ in 0..PUT_OFF {
        match permit(at, facts) {
            Ok(_) => return Ok(at),
            Err(refusal) => match refusal.lasts() {
                Lasts::Until(until) if until > at => at = until,
                Lasts::Until(_) | Lasts::ForEver | Lasts::Cured | Lasts::Campaign => return Err(refusal),
            },
        }
    }
    permit(at, facts).map(|_| at)
}

/// Puts contacts, told by their places, in the order in which they would be rung. `first` has the first moment of each; `later` says from when on one may be
/// rung whose turn comes at a later moment, none: not any more. Whose turn never comes is missing from the answer.
pub fn schedule(
    first: impl IntoIterator<Item = (Timestamp, usize)>,
    pace: Pace,
    mut later: impl FnMut(usize, Timestamp) -> Option<Timestamp>,
) -> Vec<(Timestamp, usize)> {
    let mut waiting: BinaryHeap<Reverse<(Timestamp, usize, u32)>> =
        first.into_iter().map(|(at, who)| Reverse((at, who, 0))).collect();
    let gap = SignedDuration::try_from_secs_f64(1.0 / pace.calls_per_second.max(1e-6)).unwrap_or(SignedDuration::ZERO);
    let call = SignedDuration::try_from(pace.call).unwrap_or(SignedDuration::MAX);
    // When each line is free again, once it was used.
    let mut lines: BinaryHeap<Reverse<Timestamp>> = BinaryHeap::new();
    let mut next = Timestamp::MIN;
    let mut rung = Vec::new();
    while let Some(Reverse((due, who, put_off))) = waiting.pop() {
        let is_full = lines.len() >= pace.lines.max(1) as usize;
        let free = lines.peek().filter(|_| is_full).map_or(due, |Reverse(free)| *free);
        let at = due.max(next).max(free);
        let allowed = if at > due { later(who, at) } else { Some(at) };
        match allowed {
            Some(moment) if moment > at && put_off >= PUT_OFF => {}
            Some(moment) if moment > at => waiting.push(Reverse((moment, who, put_off + 1))),
            Some(_) => {
                if is_full {
                    lines.pop();
                }
                lines.push(Reverse(at.saturating_add(call).unwrap_or(Timestamp::MAX)));
                next = at.saturating_add(gap).unwrap_or(Timestamp::MAX);
                rung.push((at, who));
            }
            None => {}
        }
    }
    rung
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn pace(calls_per_second: f64, lines: u32, seconds: u64) -> Pace {
        Pace {
            calls_per_second,
            lines,
            call: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn calls_keep_to_the_pace_and_the_lines() {
        let all = |pace| schedule((0..4).map(|who| (at(0), who)), pace, |_, at| Some(at));
        let seconds = |rung: Vec<(Timestamp, usize)>| rung.iter().map(|(at, _)| at.as_second()).collect::<Vec<_>>();
        assert_eq!(seconds(all(pace(1.0, 9, 60))), [0, 1, 2, 3]);
        assert_eq!(seconds(all(pace(1.0, 2, 60))), [0, 1, 60, 61]);
        assert_eq!(seconds(all(pace(0.1, 2, 1))), [0, 10, 20, 30]);
    }

    #[test]
    fn whose_hour_passes_while_they_wait_is_rung_in_the_next_or_never() {
        // One line, calls of a minute; nobody may be rung from 100 to 200, and the last not after it.
        let later = |who: usize, moment: Timestamp| match who {
            3 if moment > at(100) => None,
            _ if moment > at(100) && moment < at(200) => Some(at(200)),
            _ => Some(moment),
        };
        let rung = schedule((0..4).map(|who| (at(0), who)), pace(9.0, 1, 60), later);
        assert_eq!(rung, [(at(0), 0), (at(60), 1), (at(200), 2)]);
    }

    proptest! {
        #[test]
        fn each_is_rung_once_and_never_too_fast(
            due in proptest::collection::vec(0_i64..1_000, 0..60), lines in 1_u32..5, seconds in 1_u64..100
        ) {
            let first = due.iter().enumerate().map(|(who, second)| (at(*second), who));
            let rung = schedule(first, pace(0.5, lines, seconds), |_, at| Some(at));
            prop_assert_eq!(rung.len(), due.len());
            for (moment, who) in &rung {
                prop_assert!(*moment >= at(due[*who]));
                let under_way = rung.iter().filter(|(began, _)| {
                    began <= moment && moment.duration_since(*began) < SignedDuration::from_secs(seconds as i64)
                });
                prop_assert!(under_way.count() <= lines as usize);
            }
            let mut moments: Vec<Timestamp> = rung.iter().map(|(at, _)| *at).collect();
            moments.sort();
            prop_assert!(moments.windows(2).all(|two| two[1].duration_since(two[0]) >= SignedDuration::from_secs(2)));
            let mut who: Vec<usize> = rung.iter().map(|(_, who)| *who).collect();
            who.sort_unstable();
            prop_assert_eq!(who, (0..due.len()).collect::<Vec<_>>());
        }
    }
}
