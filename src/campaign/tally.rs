//! Counts of what came of calls: of the last minutes, for the breaker, and of the last days, for the share of calls that were abandoned.
//!
//! It knows no plan and no clock, and takes as much memory for many calls as for few.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::outcome::{AnsweredBy, Outcome, Reach};
use crate::dialplan::Value;

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

    /// What a plan's `breaker` calls it; a share of nothing is 0.
    pub fn value(&self, name: &str) -> Value {
        let share = |of: u64, all: u64| Value::Number(if all == 0 { 0.0 } else { of as f64 / all as f64 });
        match name {
            "failed_rate" => share(self.failed, self.calls),
            "answered_rate" => share(self.answered, self.calls),
            // Of those who could have said so.
            "opt_out_rate" => share(self.opted_out, self.answered.saturating_sub(self.machines)),
            "machine_rate" => share(self.machines, self.answered),
            _ => Value::Null,
        }
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
        let day = day(at);
        let place = self.days.partition_point(|(known, _)| *known < day);
        match self.days.get_mut(place).filter(|(known, _)| *known == day) {
            Some((_, known)) => *known = share,
            None => self.days.insert(place, (day, share)),
        }
        while self.days.len() > DAYS {
            self.days.pop_front();
        }
    }

    pub fn add(&mut self, at: Timestamp, outcome: &Outcome) {
        if !outcome.is_human() {
            return;
        }
        let mut share = self.today(at);
        share.answered += 1;
        share.abandoned += u64::from(outcome.abandoned);
        self.restore(at, share);
    }

    pub fn today(&self, now: Timestamp) -> Share {
        let today = day(now);
        let own = self.days.iter().find(|(day, _)| *day == today);
        own.map_or(Share::default(), |(_, share)| *share)
    }

    /// Of the last [`DAYS`] days.
    pub fn lately(&self, now: Timestamp) -> Share {
        let first = day(now).saturating_sub(DAYS as i64 - 1);
        let mut all = Share::default();
        for (_, share) in self.days.iter().filter(|(day, _)| *day >= first) {
            all.answered += share.answered;
            all.abandoned += share.abandoned;
        }
        all
    }
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}
