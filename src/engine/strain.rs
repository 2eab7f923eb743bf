//! Whether the machine keeps up: new calls are refused before those that run suffer.
//!
//! Two things tell. The ticks of running calls, which should come every 20 ms: where more than one in a hundred of the last five seconds came too late,
//! sound is torn. And the work that callers wait for in silence: where it is long overdue, gaps grow. It refuses at a bound, and takes calls
//! again at half of it, so that it does not change its mind with every call.
//!
//! It is told the time and what happened; it knows no calls.

use std::time::{Duration, Instant};

use crate::config::Overload;

/// Seconds that are looked at.
const WINDOW: usize = 5;
/// Fewer ticks than one call makes in two seconds say nothing.
const FEW: u32 = 100;
/// One in so many ticks may be late.
const RARE: u32 = 100;

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strained {
    Ticks,
    Speech,
}

/// The ticks of one second.
#[derive(Clone, Copy, Default)]
struct Second {
    /// Counted from the beginning.
    number: u64,
    ticks: u32,
    /// Later than the bound, and than half of it.
    late: u32,
    half: u32,
}

pub struct Strain {
    bounds: Overload,
    began: Instant,
    seconds: [Second; WINDOW],
    /// What calls are being refused for.
    refusing: Option<Strained>,
    refused: u64,
}

impl Strain {
    pub fn new(bounds: Overload, now: Instant) -> Self {
        Self {
            bounds,
            began: now,
            seconds: [Second::default(); WINDOW],
            refusing: None,
            refused: 0,
        }
    }

    /// A tick of a call came so late.
    pub fn ticked(&mut self, now: Instant, late: Duration) {
        let number = now.saturating_duration_since(self.began).as_secs();
        let slot = usize::try_from(number).unwrap_or_default() % WINDOW;
        let Some(second) = self.seconds.get_mut(slot) else {
            return;
        };
        if second.number != number {
            *second = Second {
                number,
                ..Second::default()
            };
        }
        second.ticks = second.ticks.saturating_add(1);
        second.late = second.late.saturating_add(u32::from(late > self.bounds.late));
        second.half = second.half.saturating_add(u32::from(late > self.bounds.late / 2));
    }

    /// Whether a new call is to be refused, and why; `behind` is by how much the work that callers wait for is overdue.
    pub fn refuses(&mut self, now: Instant, behind: Duration) -> Option<Strained> {
        let refusing = self.strains(now, behind);
        self.refused = self.refused.saturating_add(u64::from(refusing.is_some()));
        refusing
    }

    /// As [`Strain::refuses`], where nobody is refused: a call that is to be placed waits.
    pub fn strains(&mut self, now: Instant, behind: Duration) -> Option<Strained> {
        let share = if self.refusing.is_some() { 2 } else { 1 };
        let number = now.saturating_duration_since(self.began).as_secs();
        let recent = |second: &&Second| number.saturating_sub(second.number) < WINDOW as u64;
        let (mut ticks, mut late) = (0_u32, 0_u32);
        for second in self.seconds.iter().filter(recent) {
            ticks = ticks.saturating_add(second.ticks);
            late = late.saturating_add(if share == 2 { second.half } else { second.late });
        }
        let torn = ticks >= FEW && late > ticks / RARE;
        self.refusing = match (torn, behind > self.bounds.behind / share) {
            (true, _) => Some(Strained::Ticks),
            (false, true) => Some(Strained::Speech),
            (false, false) => None,
        };
        self.refusing
    }

    /// Calls refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Ten calls for one second, of which one tick in `one_in` is late by `late`.
    fn second(strain: &mut Strain, from: Instant, one_in: u64, late: Duration) {
        for n in 0..500 {
            let late = if n % one_in == 0 { late } else { ms(1) };
            strain.ticked(from + ms(2 * n), late);
        }
    }

    #[test]
    fn refuses_while_ticks_are_late_and_takes_calls_again_when_they_are_well_on_time() {
        let start = crate::clock::now();
        let at = |second: u64| start + ms(1000 * second);
        let mut strain = Strain::new(Overload::default(), start);
        second(&mut strain, at(0), 200, ms(500));
        assert_eq!(strain.refuses(at(1), ms(0)), None, "one in two hundred is not many");
        second(&mut strain, at(1), 10, ms(100));
        assert_eq!(strain.refuses(at(2), ms(0)), Some(Strained::Ticks));
        for n in 2..8 {
            second(&mut strain, at(n), 10, ms(50));
        }
        assert_eq!(
            strain.refuses(at(8), ms(0)),
            Some(Strained::Ticks),
            "better, and not well"
        );
        for n in 8..14 {
            second(&mut strain, at(n), 10, ms(30));
        }
        assert_eq!(strain.refuses(at(14), ms(0)), None);
        for n in 14..20 {
            second(&mut strain, at(n), 10, ms(50));
        }
        assert_eq!(strain.refuses(at(20), ms(0)), None, "what was not bad enough to begin");
        assert_eq!(strain.strains(at(20), ms(0)), None);
        assert_eq!(strain.refused(), 2);
    }

    #[test]
    fn what_was_is_forgotten() {
        let start = crate::clock::now();
        let mut strain = Strain::new(Overload::default(), start);
        second(&mut strain, start, 1, ms(500));
        assert!(strain.refuses(start + ms(1000), ms(0)).is_some());
        assert_eq!(strain.refuses(start + ms(5000), ms(0)), None, "the calls are over");
        strain.ticked(start + ms(6000), ms(500));
        assert_eq!(strain.refuses(start + ms(6000), ms(0)), None, "one tick says nothing");
    }

    #[test]
    fn refuses_while_callers_wait_in_silence() {
        let start = crate::clock::now();
        let mut strain = Strain::new(Overload::default(), start);
        let behind = [3900, 4100, 3900, 2100, 1900, 3900];
        let refused = behind.map(|behind| strain.refuses(start, ms(behind)).is_some());
        assert_eq!(refused, [false, true, true, true, false, false]);
    }
}
