//! Hand-overs that go wrong at every point, a thousand times: the real desk and real calls in one clock, with a shell between them that does what they
//! say, as the engine does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use offhook::audio::FRAME_DURATION;
use offhook::call::{Manager, Return};
use offhook::clock;
use offhook::desk::{AgentId, Desk, Output, Profile, TicketId, Wish};
use offhook::dialplan::queue::Strategy;
use offhook::language::Language;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::stage::{Stage, Works, ms, plan};

const CALLERS: usize = 5;
/// Nobody hears nothing for longer.
const SILENCE: Duration = Duration::from_secs(2);
/// All is over by then, whatever happens.
const LIMIT: Duration = Duration::from_secs(180);

/// What an agent, or their line, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    /// 486, 603, a key that says no.
    Declines,
    /// 408, 500, a cut socket, a line that fell silent.
    IsLost,
    /// Rings until the desk has had enough.
    NeverAnswers,
    Accepts,
    /// The brief is over.
    Bridges,
    HangsUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    Waiting,
    Ringing,
    Brief,
    Bridged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Talked,
    WayOut,
    Left,
}

struct Caller {
    stage: Stage,
    comes: Instant,
    /// How long they wait before they hang up, if they do.
    patience: Option<Duration>,
    ticket: Option<TicketId>,
    point: Point,
    leaves: Option<Instant>,
    silent: Duration,
    fate: Option<Fate>,
}

struct World {
    seed: u64,
    random: StdRng,
    desk: Desk,
    now: Instant,
    callers: Vec<Caller>,
    due: Vec<(Instant, TicketId, AgentId, Deed)>,
    /// Agents who did not answer again and again, and say that they are back.
    back: Vec<(Instant, AgentId)>,
    /// What went wrong, and where.
    wrong: BTreeMap<(Point, Deed), usize>,
    left: BTreeMap<Point, usize>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let plan = plan("fixtures/plans/handing-over.yaml");
        let mut queue = plan.queues["care"].clone();
        let strategies = [
            Strategy::LongestIdle,
            Strategy::RoundRobin,
            Strategy::FewestCalls,
            Strategy::RingAll,
        ];
        queue.strategy = strategies[random.random_range(0..strategies.len())];
        let now = clock::now();
        let mut desk = Desk::new(now, [&queue]);
        for agent in 1..=random.random_range(2..=4) {
            let profile = Profile {
                name: format!("agent {agent}"),
                skills: Vec::new(),
                languages: vec![Language::English],
                capacity: 1,
            };
            desk.sign_in(now, AgentId(agent), profile);
        }
        let callers = (0..CALLERS).map(|_| {
            let mut stage = Stage::new(plan.clone(), Manager::Grounded);
            stage.desk = Works::Yes;
            Caller {
                stage,
                comes: now + ms(random.random_range(0..4_000)),
                patience: random.random_bool(0.2).then(|| ms(random.random_range(0..5_000))),
                ticket: None,
                point: Point::Waiting,
                leaves: None,
                silent: Duration::ZERO,
                fate: None,
            }
        });
        Self {
            callers: callers.collect(),
            seed,
            desk,
            now,
            due: Vec::new(),
            back: Vec::new(),
            wrong: BTreeMap::new(),
            left: BTreeMap::new(),
            random,
        }
    }

    /// Until every caller has been served, or has left.
    fn run(&mut self) {
        let until = self.now + LIMIT;
        while self.callers.iter().any(|caller| caller.fate.is_none()) {
            assert!(
                self.now < until,
                "seed {}: somebody is stuck\n{}",
                self.seed,
                self.told()
            );
            self.tick();
        }
        let board = self.desk.board(self.now);
        for queue in &board.queues {
            assert_eq!(
                (queue.waiting, queue.callbacks),
                (0, 0),
                "seed {}: a ticket is left",
                self.seed
            );
        }
        for agent in &board.agents {
            assert!(
                agent.with.is_empty() && agent.ringing.is_none(),
                "seed {}: {agent:?}",
                self.seed
            );
        }
    }

    fn tick(&mut self) {
        self.now += FRAME_DURATION;
        let now = self.now;
        self.desk.handle_timeout(now);
        self.carry_out();
        for (_, agent) in self.back.extract_if(.., |(at, _)| *at <= now) {
            self.desk.resume(now, agent);
        }
        self.carry_out();
        while let Some(next) = self.due.iter().position(|(at, ..)| *at <= now) {
            let (_, ticket, agent, deed) = self.due.swap_remove(next);
            self.does(ticket, agent, deed);
            self.carry_out();
        }
        for n in 0..self.callers.len() {
            self.step(n);
            self.carry_out();
        }
    }

    /// 20 ms of a caller.
    fn step(&mut self, n: usize) {
        let now = self.now;
        let caller = &mut self.callers[n];
        if caller.fate.is_some() || now < caller.comes {
            return;
        }
        if caller.leaves.is_some_and(|at| at <= now) {
            caller.fate = Some(Fate::Left);
            *self.left.entry(caller.point).or_insert(0) += 1;
            if let Some(ticket) = caller.ticket.take() {
                self.desk.leave(now, ticket);
                self.due.retain(|(_, of, ..)| *of != ticket);
            }
            return;
        }
        let stage = &mut caller.stage;
        stage.tick();
        // Beside a person the bot is silent: it is they who are heard.
        let heard = caller.point == Point::Bridged || stage.sounded.last() == Some(&true);
        caller.silent = if heard {
            Duration::ZERO
        } else {
            caller.silent + FRAME_DURATION
        };
        assert!(
            caller.silent <= SILENCE,
            "seed {}: nothing is heard\n{}",
            self.seed,
            stage.transcript()
        );
        if stage.hung_up {
            let said = stage.said("Nobody is free");
            assert!(said, "seed {}: dropped\n{}", self.seed, stage.transcript());
            caller.fate = Some(Fate::WayOut);
            return;
        }
        if caller.ticket.is_none()
            && let Some((queue, _)) = caller.stage.queued.take()
        {
            caller.leaves = caller.patience.map(|patience| now + patience);
            let wish = Wish {
                queue,
                priority: 0,
                language: Some(Language::English),
                skills: Vec::new(),
                preferred: None,
            };
            caller.ticket = Some(self.desk.enqueue(now, wish).expect("there is such a queue"));
        }
    }

    /// What the desk wants done.
    fn carry_out(&mut self) {
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Ring { ticket, agent, .. } => {
                    self.is_at(ticket, Point::Ringing);
                    let deed = match self.random.random_range(0..12) {
                        0 | 1 => Deed::Declines,
                        2..=4 => Deed::IsLost,
                        5 => Deed::NeverAnswers,
                        _ => Deed::Accepts,
                    };
                    self.later(ticket, agent, deed);
                }
                Output::StopRinging { ticket, agent, .. } => {
                    self.due.retain(|(_, of, by, _)| (*of, *by) != (ticket, agent));
                }
                Output::Announce { ticket, position, wait } => {
                    if let Some(caller) = self.caller(ticket) {
                        caller.stage.call.placed_in_line(position, wait);
                    }
                }
                Output::Overflow { ticket, .. } => {
                    if let Some(caller) = self.caller(ticket) {
                        let now = caller.stage.now;
                        caller.ticket = None;
                        caller.point = Point::Waiting;
                        caller
                            .stage
                            .call
                            .returned_from_person(now, Return::NoAgent("nobody".into()));
                    }
                }
                Output::Paused { agent } => self.back.push((self.now + ms(1_000), agent)),
                Output::OfferCallback { .. }
                | Output::Dial { .. }
                | Output::StopDialling { .. }
                | Output::GiveUp { .. } => panic!("seed {}: {output:?}", self.seed),
            }
        }
    }

    fn does(&mut self, ticket: TicketId, agent: AgentId, deed: Deed) {
        let now = self.now;
        let Some(point) = self.caller(ticket).map(|caller| caller.point) else {
            return;
        };
        let mut went_wrong = || *self.wrong.entry((point, deed)).or_insert(0) += 1;
        match deed {
            Deed::NeverAnswers => went_wrong(),
            Deed::Declines => {
                went_wrong();
                self.is_at(ticket, Point::Waiting);
                self.desk.decline(now, agent, ticket);
            }
            Deed::IsLost => {
                went_wrong();
                if let Some(caller) = self.caller(ticket) {
                    // Nothing where they were not with anybody yet.
                    caller.stage.call.waits_again();
                }
                self.is_at(ticket, Point::Waiting);
                self.desk.lost(now, agent, ticket);
            }
            Deed::Accepts => {
                // Where all are rung another may have been there before.
                if self.desk.accept(now, agent, ticket).is_ok() {
                    self.is_at(ticket, Point::Brief);
                    let deed = match self.random.random_range(0..6) {
                        0 => Deed::Declines,
                        1 => Deed::IsLost,
                        _ => Deed::Bridges,
                    };
                    self.later(ticket, agent, deed);
                }
            }
            Deed::Bridges => {
                self.desk.bridged(now, ticket);
                self.is_at(ticket, Point::Bridged);
                if let Some(caller) = self.caller(ticket) {
                    let at = caller.stage.now;
                    caller.stage.call.bridged(at, "Ann");
                    assert!(caller.stage.call.is_bridged());
                }
                let lost = self.random.random_bool(0.5);
                self.later(ticket, agent, if lost { Deed::IsLost } else { Deed::HangsUp });
            }
            Deed::HangsUp => {
                self.desk.leave(now, ticket);
                if let Some(caller) = self.caller(ticket) {
                    let at = caller.stage.now;
                    caller.ticket = None;
                    caller.fate = Some(Fate::Talked);
                    caller.stage.call.returned_from_person(at, Return::AgentLeft);
                    caller.stage.until("the end", |stage| stage.hung_up);
                }
            }
        }
    }

    fn later(&mut self, ticket: TicketId, agent: AgentId, deed: Deed) {
        let at = self.now + ms(self.random.random_range(20..900));
        self.due.push((at, ticket, agent, deed));
    }

    fn is_at(&mut self, ticket: TicketId, point: Point) {
        if let Some(caller) = self.caller(ticket) {
            caller.point = point;
        }
    }

    fn caller(&mut self, ticket: TicketId) -> Option<&mut Caller> {
        self.callers.iter_mut().find(|caller| caller.ticket == Some(ticket))
    }

    fn told(&self) -> String {
        let waiting = self.callers.iter().filter(|caller| caller.fate.is_none());
        waiting
            .map(|caller| format!("{:?}\n{}", caller.point, caller.stage.transcript()))
            .collect()
    }
}

#[test]
fn of_a_thousand_hand_overs_that_go_wrong_no_caller_is_dropped() {
    let (mut wrong, mut left) = (BTreeMap::new(), BTreeMap::new());
    let mut fates = BTreeMap::new();
    let mut seed = 0;
    while wrong.values().sum::<usize>() < 1_000 {
        seed += 1;
        assert!(seed < 1_000, "hardly anything goes wrong: {wrong:?}");
        let mut world = World::new(seed);
        world.run();
        for (what, times) in world.wrong {
            *wrong.entry(what).or_insert(0) += times;
        }
        for (point, times) in world.left {
            *left.entry(point).or_insert(0) += times;
        }
        for caller in &world.callers {
            *fates.entry(caller.fate).or_insert(0) += 1;
        }
    }
    println!("{seed} worlds: {wrong:?}, {left:?}, {fates:?}");
    // It went wrong at every point, and ended in every way.
    let points: BTreeSet<(Point, Deed)> = wrong.keys().copied().collect();
    for point in [
        (Point::Ringing, Deed::Declines),
        (Point::Ringing, Deed::IsLost),
        (Point::Ringing, Deed::NeverAnswers),
        (Point::Brief, Deed::Declines),
        (Point::Brief, Deed::IsLost),
        (Point::Bridged, Deed::IsLost),
    ] {
        assert!(points.contains(&point), "{point:?} never went wrong: {wrong:?}");
    }
    assert_eq!(left.len(), 4, "callers left at every point: {left:?}");
    assert_eq!(fates.len(), 3, "{fates:?}");
}
