//! A soak: many calls, one after the other and many at once, that break off at a point drawn from a seed; and whether the bot has afterwards what it
//! had before: memory, threads, sockets, ports.
//!
//! It watches a process from outside, by what the kernel tells of it; what only the bot itself can count (tasks, dialogs) it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::bare::Inside;
use super::load::caller::Conduct;
use super::load::exchange::Exchange;
use super::load::process::{self, Usage};
use super::load::sound::Sounds;
use crate::clock;

/// Who is rung, and how often.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub target: SocketAddr,
    pub pid: u32,
    /// From which the bot takes ports for sound.
    pub ports: RangeInclusive<u16>,
    pub sequential: usize,
    pub at_once: usize,
    pub seed: u64,
    pub points: Points,
}

/// At which points calls break off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// At every one.
    All,
    /// Only where the bot is told, so that it need not wait for half a minute to know.
    Told,
}

/// What the bot holds at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    pub what: &'static str,
    /// Rung so far.
    pub calls: usize,
    pub memory_mb: f64,
    pub threads: usize,
    pub sockets: usize,
    /// Of the range for sound, those that it has.
    pub ports: usize,
    /// Where the bot can be asked.
    pub inside: Option<Inside>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Soak {
    pub moments: Vec<Moment>,
    /// How calls ended, seen from their callers, and how many.
    pub outcomes: BTreeMap<String, usize>,
    /// Requests that had to be sent again.
    pub repeated: u32,
    /// What the bot still holds, in words; empty is good.
    pub left: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no process {0}, or no /proc")]
    NoProcess(u32),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// After this a call that has not ended is left to itself, and the next one rings.
const PATIENCE: Duration = Duration::from_millis(600);
/// For the bot to give up on those who have vanished: its time without sound, 32 s for an ACK that never comes, 32 s for the answer to its BYE.
const COMES_TO_REST: Duration = Duration::from_secs(150);
/// Memory that may be more at the end than at the half: what an allocator keeps in pieces.
const MEMORY: f64 = 16.0;

/// Rings. `inside` asks the bot, where it can be asked; `each` is shown every moment that is looked at.
pub fn run(
    wanted: &Wanted,
    mut inside: impl FnMut() -> Option<Inside>,
    mut each: impl FnMut(&Moment),
) -> Result<Soak, Error> {
    let mut random = StdRng::seed_from_u64(wanted.seed);
    let mut line = Line {
        exchange: Exchange::open(wanted.target)?,
        sounds: Sounds::open(wanted.target.ip())?,
        heard: BTreeSet::new(),
        rung: 0,
    };
    let mut moments = Vec::new();
    let mut look = |what, calls, inside: Option<Inside>| -> Result<Moment, Error> {
        let usage = process::usage(wanted.pid).ok_or(Error::NoProcess(wanted.pid))?;
        let moment = Moment {
            inside,
            ..Moment::of(what, calls, &usage, process::ports(wanted.pid, &wanted.ports))
        };
        each(&moment);
        moments.push(moment.clone());
        Ok(moment)
    };
    let before = look("before", 0, inside())?;
    // What the first calls bring along (buffers, caches) is there from then on: memory is compared with the half.
    line.one_by_one(wanted.sequential / 2, &mut random, wanted.points);
    line.rest(&before, wanted, &mut inside);
    let half = look("half of them, one by one", line.rung, inside())?;
    line.one_by_one(wanted.sequential - wanted.sequential / 2, &mut random, wanted.points);
    line.rest(&before, wanted, &mut inside);
    look("all, one by one", line.rung, inside())?;
    line.together(wanted.at_once, &mut random, wanted.points);
    look("many at once", line.rung, inside())?;
    line.rest(&before, wanted, &mut inside);
    let after = look("afterwards", line.rung, inside())?;
    let mut outcomes = BTreeMap::new();
    for (outcome, count) in line.exchange.outcomes() {
        *outcomes.entry(outcome.words()).or_insert(0) += count;
    }
    Ok(Soak {
        left: left(&before, &half, &after),
        moments,
        outcomes,
        repeated: line.exchange.repeated(),
    })
}

impl Moment {
    fn of(what: &'static str, calls: usize, usage: &Usage, ports: usize) -> Self {
        Self {
            what,
            calls,
            memory_mb: usage.memory_kb / 1_000.0,
            threads: usage.threads,
            sockets: usage.sockets,
            ports,
            inside: None,
        }
    }
}

fn left(before: &Moment, half: &Moment, after: &Moment) -> Vec<String> {
    let mut left = Vec::new();
    for (what, was, is) in [
        ("sockets", before.sockets, after.sockets),
        ("ports for sound", before.ports, after.ports),
    ] {
        if is > was {
            left.push(format!("{what}: {is} where there were {was}"));
        }
    }
    if let (Some(was), Some(is)) = (before.inside, after.inside) {
        for (what, was, is) in [
            ("tasks", was.tasks, is.tasks),
            ("dialogs", was.dialogs, is.dialogs),
            ("transactions", was.transactions, is.transactions),
        ] {
            if is > was {
                left.push(format!("{what}: {is} where there were {was}"));
            }
        }
    }
    // Threads that wait for work to block on come and go.
    if after.threads > half.threads.max(before.threads) + 2 {
        left.push(format!("threads: {} where there were {}", after.threads, half.threads));
    }
    if after.memory_mb > half.memory_mb + MEMORY {
        left.push(format!(
            "memory: {:.1} MB where it was {:.1}",
            after.memory_mb, half.memory_mb
        ));
    }
    left
}

struct Line {
    exchange: Exchange,
    sounds: Sounds,
    /// Who have sound under way.
    heard: BTreeSet<u64>,
    rung: usize,
}

impl Line {
    fn ring(&mut self, conduct: Conduct) -> u64 {
        let number = self.exchange.ring(conduct, self.sounds.address(self.rung));
        self.rung += 1;
        number
    }

    fn one_by_one(&mut self, calls: usize, random: &mut StdRng, points: Points) {
        for _ in 0..calls {
            let number = self.ring(conduct(random, points));
            let until = clock::now() + PATIENCE;
            while clock::now() < until
                && self
                    .exchange
                    .caller(number)
                    .is_some_and(|caller| caller.outcome().is_none())
            {
                self.turn();
            }
        }
    }

    /// A few milliseconds apart, so that all are under way together.
    fn together(&mut self, calls: usize, random: &mut StdRng, points: Points) {
        for _ in 0..calls {
            let conduct = match conduct(random, points) {
                Conduct::Stays(span) => Conduct::Stays(span + Duration::from_secs(3)),
                Conduct::FallsSilent(span) => Conduct::FallsSilent(span + Duration::from_secs(3)),
                Conduct::Vanishes(span) => Conduct::Vanishes(span + Duration::from_secs(3)),
                other @ (Conduct::CancelsUnheard | Conduct::CancelsRinging | Conduct::NeverAcknowledges) => other,
            };
            self.ring(conduct);
            let until = clock::now() + Duration::from_millis(8);
            while clock::now() < until {
                self.turn();
            }
        }
        let until = clock::now() + Duration::from_millis(1_500);
        while clock::now() < until {
            self.turn();
        }
    }

    /// Until all calls are over here and the bot holds no more than `before`, within [`COMES_TO_REST`].
    fn rest(&mut self, before: &Moment, wanted: &Wanted, inside: &mut impl FnMut() -> Option<Inside>) {
        let until = clock::now() + COMES_TO_REST;
        let mut looked = clock::now();
        while clock::now() < until {
            self.turn();
            if self.exchange.active() > 0 || clock::now().saturating_duration_since(looked) < Duration::from_secs(1) {
                continue;
            }
            looked = clock::now();
            let sockets = process::usage(wanted.pid).map_or(0, |usage| usage.sockets);
            let busy = inside().zip(before.inside).is_some_and(|(is, was)| {
                is.dialogs > was.dialogs || is.transactions > was.transactions || is.tasks > was.tasks
            });
            if process::ports(wanted.pid, &wanted.ports) <= before.ports && sockets <= before.sockets && !busy {
                return;
            }
        }
    }

    fn turn(&mut self) {
        self.exchange.turn(Duration::from_millis(4));
        let now = clock::now();
        for number in self.exchange.numbers() {
            let there = self.exchange.caller(number).and_then(|caller| caller.sounds(now));
            if let Some(there) = there
                && self.heard.insert(number)
            {
                self.sounds.begin(line(number), there);
            }
        }
        let (exchange, sounds) = (&self.exchange, &self.sounds);
        self.heard.retain(|number| {
            let goes_on = exchange
                .caller(*number)
                .is_some_and(|caller| caller.sounds(now).is_some());
            if !goes_on {
                sounds.end(line(*number));
            }
            goes_on
        });
    }
}

/// Callers are counted from one, lines from none.
fn line(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)
}

fn conduct(random: &mut StdRng, points: Points) -> Conduct {
    let span = Duration::from_millis(random.random_range(0..400));
    let kinds = match points {
        Points::All => 7,
        Points::Told => 4,
    };
    match random.random_range(0..kinds) {
        0 => Conduct::CancelsUnheard,
        1 => Conduct::CancelsRinging,
        2 => Conduct::Stays(Duration::ZERO),
        3 => Conduct::Stays(span),
        4 => Conduct::NeverAcknowledges,
        5 => Conduct::FallsSilent(span),
        _ => Conduct::Vanishes(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(memory_mb: f64, sockets: usize, ports: usize) -> Moment {
        Moment {
            what: "",
            calls: 0,
            memory_mb,
            threads: 5,
            sockets,
            ports,
            inside: None,
        }
    }

    #[test]
    fn what_is_left_is_told() {
        let before = moment(10.0, 3, 0);
        assert_eq!(
            left(&before, &moment(40.0, 3, 0), &moment(41.0, 3, 0)),
            Vec::<String>::new()
        );
        let told = left(&before, &moment(40.0, 3, 0), &moment(60.0, 5, 2));
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("sockets: 5 where there were 3"), "{told:?}");
    }

    #[test]
    fn every_point_is_drawn() {
        let mut random = StdRng::seed_from_u64(1);
        let all: Vec<Conduct> = (0..200).map(|_| conduct(&mut random, Points::All)).collect();
        assert!(all.contains(&Conduct::CancelsUnheard) && all.contains(&Conduct::NeverAcknowledges));
        assert!(all.iter().any(|conduct| matches!(conduct, Conduct::Vanishes(_))));
        let told: Vec<Conduct> = (0..200).map(|_| conduct(&mut random, Points::Told)).collect();
        assert!(!told.contains(&Conduct::NeverAcknowledges));
    }
}
