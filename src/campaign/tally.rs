//! Counts of what came of calls: of the last minutes, for the breaker, and of the last days, for the share of calls that were abandoned.
//!
//! It knows no plan and no clock, and takes as much memory for many calls as for few.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::outcome::{AnsweredBy, Outcome, Reach};

/// What came of the calls of a span of time that goes along.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Of each of [`PARTS`].
    part: Duration,
    /// The latest last; with the number of its part since `began`.
    parts: VecDeque<(u64, Counts)>,
    began: Option<Instant>,
}

/// So finely a span goes along: what is counted is of the last 49 to 50 fiftieths of it.
const PARTS: u32 = 50;

/// Calls that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub calls: u64,
    /// Answered by whomever or whatever.
    pub answered: u64,
    /// Of these, not by a person.
    pub machines: u64,
    /// The network had no way to them: no such number, no room, an error. Neither busy nor unanswered ones, nor who does not want the call.
    pub failed: u64,
    pub opted_out: u64,
}

/// Of calls that a person answered, how many had nobody to talk with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub answered: u64,
    pub abandoned: u64,
}

/// The [`Share`] of each of the last [`DAYS`] days, as the calendar of UTC has them.
#[derive(Clone, Debug, Default)]
pub struct Abandonment {
    /// By their number since 1970, the latest last.
    days: VecDeque<(i64, Share)>,
}

/// Today among them: the span over which regulators measure.
pub const DAYS: usize = 30;

impl Tally {
    pub fn new(span: Duration) -> Self {
        Self {
            part: (span / PARTS).max(Duration::from_millis(1)),
            parts: VecDeque::new(),
            began: None,
        }
    }

    pub fn add(&mut self, now: Instant, outcome: &Outcome) {
        let number = self.number(now);
        self.forget(number);
        if self.parts.back().is_none_or(|(last, _)| *last != number) {
            self.parts.push_back((number, Counts::default()));
        }
        if let Some((_, counts)) = self.parts.back_mut() {
            counts.add(outcome);
        }
    }

    pub fn counts(&mut self, now: Instant) -> Counts {
        let number = self.number(now);
        self.forget(number);
        let mut all = Counts::default();
        for (_, counts) in &self.parts {
            all.calls += counts.calls;
            all.answered += counts.answered;
            all.machines += counts.machines;
            all.failed += counts.failed;
            all.opted_out += counts.opted_out;
        }
        all
    }

    pub fn clear(&mut self) {
        self.parts.clear();
    }

    fn number(&mut self, now: Instant) -> u64 {
        let began = *self.began.get_or_insert(now);
        let parts = now.saturating_duration_since(began).as_nanos() / self.part.as_nanos().max(1);
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    fn forget(&mut self, number: u64) {
        while self
            .parts
            .front()
            .is_some_and(|(part, _)| number.saturating_sub(*part) >= u64::from(PARTS))
        {
            self.parts.pop_front();
        }
    }
}

impl Counts {
    pub fn add(&mut self, outcome: &Outcome) {
        self.calls += 1;
        self.answered += u64::from(outcome.reach == Reach::Answered);
        self.machines += u64::from(outcome.reach == Reach::Answered && !outcome.is_human());
        let lost = match outcome.reach {
            Reach::Answered => outcome.answered_by == Some(AnsweredBy::Intercept),
            Reach::NotFound | Reach::Congestion | Reach::Failed | Reach::Interrupted => true,
            Reach::Busy | Reach::NoAnswer | Reach::Rejected => false,
        };
        self.failed += u64::from(lost);
        self.opted_out += u64::from(outcome.opted_out);
    }

    /// What a plan's `breaker` calls so, 0 to 1, and of nothing 0; none where it calls nothing so.
    pub fn rate(&self, name: &str) -> Option<f64> {
        let (part, all) = match name {
            "failed_rate" => (self.failed, self.calls),
            "answered_rate" => (self.answered, self.calls),
            // Of those who could have said so.
            "opt_out_rate" => (self.opted_out, self.answered.saturating_sub(self.machines)),
            "machine_rate" => (self.machines, self.answered),
            _ => return None,
        };
        Some(if all == 0 { 0.0 } else { part as f64 / all as f64 })
    }
}

impl Share {
    /// 0 to 1; of nothing 0.
    pub fn rate(self) -> f64 {
        if self.answered == 0 {
            return 0.0;
        }
        self.abandoned as f64 / self.answered as f64
    }
}

impl Abandonment {
    /// What is known of one of the days before, or of this one from before a restart. Those that are older than all that count are left out.
    pub fn restore(&mut self, at: Timestamp, share: Share) {
        let day = Self::day(at);
        let place = self.days.partition_point(|(known, _)| *known < day);
        match self.days.get_mut(place).filter(|(known, _)| *known == day) {
            Some((_, known)) => *known = share,
            None => self.days.insert(place, (day, share)),
        }
        while self.days.len() > DAYS {
            self.days.pop_front();
        }
    }

    /// A call that was dialled at `at` is over.
    pub fn add(&mut self, at: Timestamp, outcome: &Outcome) {
        if !outcome.is_human() {
            return;
        }
        let mut share = self.of_day(Self::day(at));
        share.answered += 1;
        share.abandoned += u64::from(outcome.abandoned);
        self.restore(at, share);
    }

    pub fn today(&self, now: Timestamp) -> Share {
        self.of_day(Self::day(now))
    }

    pub fn of_day(&self, day: i64) -> Share {
        let found = self.days.iter().find(|(known, _)| *known == day);
        found.map_or(Share::default(), |(_, share)| *share)
    }

    /// Of the last [`DAYS`] days.
    pub fn lately(&self, now: Timestamp) -> Share {
        let first = Self::day(now).saturating_sub(DAYS as i64 - 1);
        let mut all = Share::default();
        for (_, share) in self.days.iter().filter(|(day, _)| *day >= first) {
            all.answered += share.answered;
            all.abandoned += share.abandoned;
        }
        all
    }

    /// The number of the day since 1970.
    pub fn day(at: Timestamp) -> i64 {
        at.as_second().div_euclid(86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use proptest::prelude::*;

    fn outcome(kind: u8) -> Outcome {
        let by = |by| Outcome {
            answered_by: Some(by),
            ..Outcome::of(Reach::Answered)
        };
        match kind % 7 {
            0 => Outcome::of(Reach::Failed),
            1 => Outcome::of(Reach::Busy),
            2 => by(AnsweredBy::Machine),
            3 => by(AnsweredBy::Human),
            4 => Outcome {
                opted_out: true,
                ..by(AnsweredBy::Human)
            },
            5 => Outcome {
                abandoned: true,
                ..by(AnsweredBy::Human)
            },
            _ => by(AnsweredBy::Intercept),
        }
    }

    #[test]
    fn rates_are_of_those_whom_they_are_about() {
        let mut tally = Tally::new(Duration::from_secs(120));
        let now = clock::now();
        assert_eq!(tally.counts(now).rate("failed_rate"), Some(0.0));
        for kind in [0, 1, 2, 3, 4] {
            tally.add(now, &outcome(kind));
        }
        let counts = tally.counts(now);
        let rates =
            ["failed_rate", "answered_rate", "machine_rate", "opt_out_rate", "luck"].map(|name| counts.rate(name));
        assert_eq!(rates, [Some(0.2), Some(0.6), Some(1.0 / 3.0), Some(0.5), None]);
        tally.clear();
        assert_eq!(tally.counts(now), Counts::default());
    }

    #[test]
    fn thirty_days_are_counted_and_none_before() {
        let day = |number: i64| Timestamp::from_second(number * 86_400 + 60).expect("a time");
        let mut days = Abandonment::default();
        let share = |answered, abandoned| Share { answered, abandoned };
        for number in (0..40).rev() {
            days.restore(day(number), share(100, number as u64));
        }
        days.add(day(39), &outcome(5));
        days.add(day(39), &outcome(3));
        days.add(day(39), &outcome(2));
        assert_eq!(days.today(day(39)), share(102, 40));
        assert_eq!(days.lately(day(39)), share(3002, (10..40).sum::<u64>() + 1));
        assert_eq!(days.lately(day(41)), share(2802, (12..40).sum::<u64>() + 1));
        assert_eq!(days.lately(day(100)), share(0, 0));
        assert_eq!(share(200, 6).rate(), 0.03);
    }

    proptest! {
        /// Against all that was told, kept: between a span less a part of it and the span.
        #[test]
        fn a_tally_is_of_its_span(calls in prop::collection::vec((0_u64..3_000, 0_u8..7), 1..200)) {
            let span = Duration::from_millis(10_000);
            let part = span / PARTS;
            let mut tally = Tally::new(span);
            let mut now = clock::now();
            let mut all: Vec<(Instant, u8)> = Vec::new();
            for (after, kind) in calls {
                now += Duration::from_millis(after);
                all.push((now, kind));
                tally.add(now, &outcome(kind));
                let within = |span: Duration| {
                    let mut counts = Counts::default();
                    for (_, kind) in all.iter().filter(|(at, _)| now.duration_since(*at) < span) {
                        counts.add(&outcome(*kind));
                    }
                    counts
                };
                let (found, most, least) = (tally.counts(now), within(span), within(span - part));
                prop_assert!(least.calls <= found.calls && found.calls <= most.calls);
                prop_assert!(least.failed <= found.failed && found.failed <= most.failed);
                prop_assert!(least.opted_out <= found.opted_out && found.opted_out <= most.opted_out);
            }
        }
    }
}
