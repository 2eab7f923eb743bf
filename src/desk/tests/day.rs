//! A day at a call centre, simulated: what callers are told of their wait against what it then was.
//!
//! Two queues share nine agents on shifts. Calls come by the hour, last exponentially, and callers hang up when their patience is over. Of
//! those who do nobody knows how long they would have waited, and those who are answered in time were lucky; so one caller in three never
//! hangs up, and it is they who are compared.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::*;

/// Calls an hour from 8:00 on: two thirds of them for `care`.
const ARRIVALS: [f64; 10] = [45.0, 80.0, 118.0, 125.0, 100.0, 90.0, 110.0, 120.0, 85.0, 50.0];
/// Seconds after 8:00 at which agents come, eat for half an hour, and go.
const SHIFTS: [(u64, u64, u64); 9] = [
    (0, 12_600, 30_600),
    (0, 14_400, 30_600),
    (0, 16_200, 30_600),
    (3600, 12_600, 34_200),
    (3600, 14_400, 34_200),
    (3600, 16_200, 34_200),
    (5400, 18_000, 36_000),
    (5400, 19_800, 36_000),
    (7200, 18_000, 36_000),
];
const TALK: f64 = 210.0;
const WRITING: f64 = 25.0;
/// Of two callers in three.
const PATIENCE: f64 = 400.0;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Come(usize),
    Eat(usize),
    Return(usize),
    Go(usize),
    Call(&'static str),
    Answer(u64, u64),
    Hear(u64),
    HangUp(u64),
    End(u64),
    Written(u64),
}

/// SplitMix64: the same day for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Milliseconds, exponential around so many seconds.
    fn about(&mut self, seconds: f64) -> u64 {
        (-(1.0 - self.next()).ln() * seconds * 1000.0) as u64
    }

    fn between(&mut self, low: f64, high: f64) -> u64 {
        ((low + self.next() * (high - low)) * 1000.0) as u64
    }
}

/// One caller who was told how long it would be, and was answered after so long. Seconds.
struct Told {
    /// Of the day.
    at: f64,
    announced: f64,
    waited: f64,
    patient: bool,
}

struct Day {
    chance: Chance,
    desk: Desk,
    start: Instant,
    /// Milliseconds since 8:00.
    now: u64,
    steps: BinaryHeap<Reverse<(u64, Step)>>,
    /// What was told to those who wait: when, and how long it would be.
    waiting: BTreeMap<u64, (u64, Duration)>,
    with: BTreeMap<u64, u64>,
    patient: BTreeSet<u64>,
    told: Vec<Told>,
}

impl Day {
    fn new(seed: u64) -> Self {
        let queue = |name: &str, skill: &str| Queue {
            skills: vec![skill.to_owned()],
            announce_wait: Some(seconds(60)),
            max_wait: seconds(1800),
            wrap_up: seconds(60),
            ..Queue::named(name)
        };
        let start = clock::now();
        let mut day = Self {
            chance: Chance(seed),
            desk: Desk::new(start, &[queue("care", "returns"), queue("sales", "sales")]),
            start,
            now: 0,
            steps: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            with: BTreeMap::new(),
            patient: BTreeSet::new(),
            told: Vec::new(),
        };
        for (n, (come, eat, go)) in SHIFTS.iter().enumerate() {
            for (at, step) in [
                (*come, Step::Come(n)),
                (*eat, Step::Eat(n)),
                (*eat + 1800, Step::Return(n)),
                (*go, Step::Go(n)),
            ] {
                day.steps.push(Reverse((at * 1000, step)));
            }
        }
        for (hour, rate) in ARRIVALS.iter().enumerate() {
            let hour = hour as u64 * 3_600_000;
            let mut at = hour + day.chance.about(3600.0 / rate);
            while at < hour + 3_600_000 {
                let queue = if day.chance.next() < 0.67 { "care" } else { "sales" };
                day.steps.push(Reverse((at, Step::Call(queue))));
                at += day.chance.about(3600.0 / rate);
            }
        }
        day
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn run(mut self) -> Self {
        loop {
            let step = self.steps.peek().map(|Reverse((at, _))| *at);
            let timeout = self
                .desk
                .poll_timeout()
                .map(|(at, _)| (at - self.start).as_micros().div_ceil(1000) as u64);
            match (step, timeout) {
                (None, None) => return self,
                (Some(step), timeout) if timeout.is_none_or(|timeout| step <= timeout) => {
                    let Some(Reverse((at, step))) = self.steps.pop() else {
                        return self;
                    };
                    self.now = at;
                    self.happen(step);
                }
                (_, Some(timeout)) => {
                    self.now = timeout;
                    self.desk.handle_timeout(self.instant());
                }
                (Some(_), None) => unreachable!("it has no timeout, and the step is before it"),
            }
            while let Some(output) = self.desk.poll() {
                self.follow(output);
            }
        }
    }

    fn later(&mut self, after: u64, step: Step) {
        self.steps.push(Reverse((self.now + after, step)));
    }

    fn happen(&mut self, step: Step) {
        let now = self.instant();
        match step {
            Step::Come(n) => {
                // Three can do both, four the one, two the other.
                let skills: &[&str] =
                    [&["returns", "sales"][..], &["returns"], &["sales"]][[0, 1, 2, 0, 1, 1, 0, 1, 2][n]];
                self.desk.sign_in(now, AgentId(n as u64), profile(skills));
            }
            Step::Eat(n) => self.desk.pause(now, AgentId(n as u64), "lunch"),
            Step::Return(n) => self.desk.resume(now, AgentId(n as u64)),
            Step::Go(n) => self.desk.sign_out(now, AgentId(n as u64)),
            Step::Call(queue) => {
                let ticket = self.desk.enqueue(now, wish(queue)).expect("a queue").0;
                let patience = self.chance.about(PATIENCE);
                if self.chance.next() < 1.0 / 3.0 {
                    self.patient.insert(ticket);
                } else {
                    self.later(patience, Step::HangUp(ticket));
                }
            }
            Step::Answer(agent, ticket) => {
                if self.desk.accept(now, AgentId(agent), TicketId(ticket)).is_ok() {
                    self.with.insert(ticket, agent);
                    self.later(1000, Step::Hear(ticket));
                }
            }
            Step::Hear(ticket) => {
                self.desk.bridged(now, TicketId(ticket));
                if let Some((at, announced)) = self.waiting.remove(&ticket) {
                    self.told.push(Told {
                        at: at as f64 / 1000.0,
                        announced: announced.as_secs_f64(),
                        waited: (self.now - at) as f64 / 1000.0,
                        patient: self.patient.contains(&ticket),
                    });
                }
                let talk = self.chance.about(TALK);
                self.later(talk, Step::End(ticket));
            }
            Step::HangUp(ticket) => {
                if !self.with.contains_key(&ticket) {
                    self.waiting.remove(&ticket);
                    self.desk.leave(now, TicketId(ticket));
                }
            }
            Step::End(ticket) => {
                self.desk.leave(now, TicketId(ticket));
                let writing = self.chance.about(WRITING);
                self.later(writing, Step::Written(self.with[&ticket]));
            }
            Step::Written(agent) => self.desk.done(now, AgentId(agent)),
        }
    }

    fn follow(&mut self, output: Output) {
        match output {
            Output::Ring { ticket, agent, .. } => {
                let after = self.chance.between(2.0, 8.0);
                self.later(after, Step::Answer(agent.0, ticket.0));
            }
            Output::Announce {
                ticket,
                wait: Some(wait),
                ..
            } => {
                self.waiting.entry(ticket.0).or_insert((self.now, wait));
            }
            Output::Announce { .. }
            | Output::StopRinging { .. }
            | Output::Dial { .. }
            | Output::StopDialling { .. }
            | Output::OfferCallback { .. }
            | Output::Overflow { .. }
            | Output::GiveUp { .. }
            | Output::Paused { .. } => {}
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0_f64), |(sum, count), value| (sum + value, count + 1.0));
    sum / count.max(1.0)
}

/// So many of these, told so much and waited so long (means), and by how much the first was off.
fn row(name: &str, told: &[&Told]) -> f64 {
    let announced = mean(told.iter().map(|told| told.announced));
    let waited = mean(told.iter().map(|told| told.waited));
    let error = announced / waited - 1.0;
    println!(
        "{name:>16} {:>6} callers: told {announced:>6.1} s, waited {waited:>6.1} s, {:>+6.1} %",
        told.len(),
        error * 100.0
    );
    error
}

/// The mean of what callers were told when they began to wait, against the mean of how long they then did: each day, of all days, and of those
/// who were told about the same.
#[test]
fn what_callers_are_told_is_how_long_it_is() {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for seed in 1..=5 {
        let day = Day::new(seed).run();
        let tallies: Vec<Tally> = day.desk.lines.values().map(|line| line.tally.clone()).collect();
        for tally in &tallies {
            assert_eq!(tally.offered, tally.answered + tally.abandoned + tally.overflowed);
            println!(
                "day {seed}: {} came, {} answered, {} hung up, {} went elsewhere; service level {:.0} %",
                tally.offered,
                tally.answered,
                tally.abandoned,
                tally.overflowed,
                tally.service_level().unwrap_or(0.0) * 100.0
            );
        }
        row("all answered", &day.told.iter().collect::<Vec<_>>());
        let stayed: Vec<Told> = day.told.into_iter().filter(|told| told.patient).collect();
        errors.push(row("who stays", &stayed.iter().collect::<Vec<_>>()));
        assert!(stayed.len() >= 100, "hardly anybody waited on day {seed}");
        all.extend(stayed);
    }
    for (low, high) in [(0.0, 60.0), (60.0, 120.0), (120.0, 240.0), (240.0, 480.0), (480.0, 1e9)] {
        let told: Vec<&Told> = all
            .iter()
            .filter(|told| (low..high).contains(&told.announced))
            .collect();
        let error = row(&format!("told from {low} s"), &told);
        if told.len() >= 50 {
            errors.push(error);
        }
    }
    errors.push(row("five days", &all.iter().collect::<Vec<_>>()));
    for hour in 0..10 {
        let told: Vec<&Told> = all.iter().filter(|told| (told.at / 3600.0) as usize == hour).collect();
        row(&format!("{}:00", hour + 8), &told);
    }
    assert!(errors.iter().all(|error| error.abs() <= 0.30), "{errors:?}");
}
