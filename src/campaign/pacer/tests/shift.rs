//! Shifts of agents on the telephone, in simulated time: what the cap promises, and what predicting is good for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const CAP: f64 = 0.03;

/// What a shift is like. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Shift {
    campaigns: usize,
    agents: u32,
    /// Of those who are dialled, so many answer: 0 to 1; in the second half as many as `then`.
    answering: f64,
    then: f64,
    ringing: u64,
    talking: u64,
    writing: u64,
    /// How often an agent goes away for a while without being with anybody; 0: never.
    pauses: u64,
    length: u64,
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Answers(Callee),
    IsNot(Callee),
    HasTalked(Callee),
    HasWritten,
    Leaves,
    ComesBack,
}

/// Of which campaign, and dialled when.
type Callee = (&'static str, ContactId, Timestamp);

/// What came of it.
#[derive(Debug)]
struct Came {
    all: Share,
    /// Agents who went away.
    left: u64,
    /// Of the agents' time, with people: 0 to 1.
    busy: f64,
}

struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed.
    fn about(&mut self, mean: u64) -> u64 {
        (-(1.0 - self.unit()).ln() * mean as f64) as u64 + 1
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + (self.unit() * (most - least) as f64) as u64
    }
}

fn human(abandoned: bool) -> Outcome {
    Outcome {
        answered_by: Some(AnsweredBy::Human),
        abandoned,
        ..Outcome::of(Reach::Answered)
    }
}

/// The calls of campaigns for the same agents, all in one mode.
fn work(shift: Shift, mode: Mode) -> Came {
    let mut dice = Dice(shift.seed);
    let names = ["a", "b", "c"];
    let campaigns: Vec<_> = names
        .iter()
        .map(|name| (*name, rules(mode, 200, 20.0), 30_000))
        .collect();
    let mut pacer = pacer(campaigns.get(..shift.campaigns).expect("so many"));
    let mut world = world();
    // The day of UTC ends in the middle of the shift.
    world.wall = at(86_400 * 20_000 - shift.length as i64 / 2000);
    let began = (world.now, world.wall);
    let (mut free, mut busy) = (shift.agents, 0);
    let mut heap = BinaryHeap::new();
    if shift.pauses > 0 {
        heap.push(Reverse((dice.about(shift.pauses), Happens::Leaves)));
    }
    let mut own: BTreeMap<(&str, i64), Share> = BTreeMap::new();
    let (mut left, mut talked) = (0, 0);
    let mut now = 0;
    while now < shift.length {
        for name in names {
            world.agents.insert(name.to_owned(), agents(free, busy));
        }
        while let Some(dial) = pacer.next(&world) {
            let name = names.into_iter().find(|name| *name == dial.campaign).expect("ours");
            let callee = (name, dial.contact, world.wall);
            let answering = if now < shift.length / 2 {
                shift.answering
            } else {
                shift.then
            };
            let happens = if dice.unit() < answering {
                (dice.about(shift.ringing), Happens::Answers(callee))
            } else {
                (dice.between(5_000, 30_000), Happens::IsNot(callee))
            };
            heap.push(Reverse((now + happens.0, happens.1)));
        }
        let timeout = pacer
            .poll_timeout(&world)
            .map(|at| (at - began.0).as_millis() as u64 + 1);
        let next = heap.peek().map(|Reverse((at, _))| *at);
        now = timeout.into_iter().chain(next).min().unwrap_or(shift.length);
        world.now = began.0 + Duration::from_millis(now);
        world.wall = pace::later(began.1, Duration::from_millis(now));
        while heap.peek().is_some_and(|Reverse((at, _))| *at <= now)
            && let Some(Reverse((_, happens))) = heap.pop()
        {
            match happens {
                Happens::IsNot((name, contact, _)) => {
                    pacer.ended(&world, name, contact, &Outcome::of(Reach::NoAnswer), None);
                }
                Happens::Answers((name, contact, dialled)) if free == 0 => {
                    let share = own.entry((name, dialled.as_second().div_euclid(86_400))).or_default();
                    share.answered += 1;
                    share.abandoned += 1;
                    pacer.told(world.now, name, contact, Progress::Human);
                    pacer.ended(&world, name, contact, &human(true), None);
                }
                Happens::Answers(callee @ (name, contact, _)) => {
                    (free, busy) = (free - 1, busy + 1);
                    pacer.told(world.now, name, contact, Progress::WithAgent);
                    let length = dice.about(shift.talking);
                    talked += length;
                    heap.push(Reverse((now + length, Happens::HasTalked(callee))));
                }
                Happens::HasTalked((name, contact, dialled)) => {
                    own.entry((name, dialled.as_second().div_euclid(86_400)))
                        .or_default()
                        .answered += 1;
                    pacer.ended(&world, name, contact, &human(false), None);
                    heap.push(Reverse((now + shift.writing, Happens::HasWritten)));
                }
                Happens::HasWritten => (free, busy) = (free + 1, busy - 1),
                Happens::Leaves => {
                    heap.push(Reverse((now + dice.about(shift.pauses), Happens::Leaves)));
                    if free > 0 {
                        free -= 1;
                        left += 1;
                        heap.push(Reverse((now + 60_000, Happens::ComesBack)));
                    }
                }
                Happens::ComesBack => free += 1,
            }
            for ((name, day), share) in &own {
                let most = CAP * share.answered as f64 + left as f64;
                let told = format!("{name} on {day}: {share:?}, {left} left, at {now} of {shift:?}");
                assert!(share.abandoned as f64 <= most, "{told}");
            }
        }
    }
    let mut all = Share::default();
    for ((name, _), share) in &own {
        all.answered += share.answered;
        all.abandoned += share.abandoned;
        let both = own
            .iter()
            .filter(|((other, _), _)| other == name)
            .map(|(_, share)| share.answered)
            .sum::<u64>();
        assert_eq!(pacer.abandoned(name, world.wall).answered, both);
    }
    Came {
        all,
        left,
        busy: talked as f64 / (f64::from(shift.agents) * shift.length as f64),
    }
}

const PREDICTIVE: Mode = Mode::Predictive { cap: CAP };

const USUAL: Shift = Shift {
    campaigns: 1,
    agents: 20,
    answering: 0.35,
    then: 0.35,
    ringing: 12_000,
    talking: 120_000,
    writing: 10_000,
    pauses: 0,
    length: 4 * 3_600_000,
    seed: 1,
};

/// Any shift, with agents who stay until they have been given a call.
fn any(seed: u64) -> Shift {
    let mut dice = Dice(seed);
    Shift {
        campaigns: dice.between(1, 4) as usize,
        agents: dice.between(1, 40) as u32,
        answering: dice.unit(),
        // It may change at once, and for the worse.
        then: dice.unit(),
        ringing: dice.between(1_000, 30_000),
        talking: dice.between(5_000, 400_000),
        writing: dice.between(0, 60_000),
        pauses: 0,
        length: dice.between(600_000, 2 * 3_600_000),
        seed,
    }
}

#[test]
fn the_cap_is_never_passed() {
    let (mut answered, mut abandoned) = (0, 0);
    for seed in 0..60 {
        let came = work(any(seed), PREDICTIVE);
        answered += came.all.answered;
        abandoned += came.all.abandoned;
    }
    // Otherwise it would be a promise about nothing.
    assert!(answered > 20_000 && abandoned > 50, "{abandoned} of {answered}");
}

#[test]
fn an_agent_who_goes_away_costs_one_call_at_most() {
    let (mut abandoned, mut left) = (0, 0);
    for seed in 100..120 {
        let shift = Shift {
            pauses: 60_000,
            ..any(seed)
        };
        for mode in [PREDICTIVE, Mode::Progressive] {
            let came = work(shift, mode);
            abandoned += came.all.abandoned;
            left += came.left;
        }
    }
    assert!(left > 100 && abandoned > 10, "{abandoned}, {left} left");
}

#[test]
fn no_call_is_lost_where_each_has_its_agent() {
    for seed in 200..220 {
        assert_eq!(work(any(seed), Mode::Progressive).all.abandoned, 0);
    }
}

#[test]
fn to_predict_keeps_agents_busier_than_to_wait_for_them() {
    let (predicted, waited) = (work(USUAL, PREDICTIVE), work(USUAL, Mode::Progressive));
    assert!(
        predicted.busy > waited.busy + 0.07,
        "{} and {}",
        predicted.busy,
        waited.busy
    );
    assert!(predicted.all.answered as f64 > waited.all.answered as f64 * 1.08);
    assert!(predicted.all.rate() <= CAP);
}
