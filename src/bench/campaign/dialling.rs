//! Calls that are made up, in simulated time; what is measured is real.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Bench, Error, Row, row};
use crate::campaign::book::{Book, ContactId};
use crate::campaign::hours::Whenever;
use crate::campaign::outcome::{AnsweredBy, Outcome, Reach};
use crate::campaign::pacer::{Again, Agents, Dial, Limits, Mode, Pacer, Progress, Rules, Trunk, World};
use crate::campaign::permit::{self, Abandonment, Lasts};
use crate::campaign::retry;
use crate::clock;
use crate::store::campaigns::{EndedAttempt, NewAttempt, Then, Told};

/// The row that the aim is about.
pub(super) const DECIDED: &str = "decided: chosen, read and judged";
const CHOSEN: &str = "chosen";
const WRITTEN: &str = "written down, on the disk";
const ENDED: &str = "end of a call, on the disk";
const PREDICTED: &str = "chosen, for 200 agents";

/// Of agents, when calls are for them.
const AGENTS: u32 = 200;
/// How long a number is left alone.
const QUIET: Duration = Duration::from_secs(4 * 3600);
/// Calls a second, more than any trunk takes: the bot is the limit.
const RATE: f64 = 1_000.0;

pub(super) struct Dialled {
    pub rows: Vec<Row>,
    pub refused: BTreeMap<&'static str, usize>,
}

/// A call, by when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    ends: Duration,
    contact: ContactId,
    attempt: i64,
}

/// The world in simulated time.
struct Day {
    began: (Instant, Timestamp),
    passed: Duration,
    world: World,
}

/// Decides over and over, with `lines` calls under way whose outcomes come meanwhile.
pub(super) async fn dial(bench: &Bench, book: Book<Whenever>, dials: usize, lines: u32) -> Result<Dialled, Error> {
    let campaign = bench.campaign()?;
    let mut dice = StdRng::seed_from_u64(1);
    let mut pacer = pacer(bench, book, Mode::Agentless, lines);
    let mut day = Day::new(bench);
    let mut calls = BinaryHeap::new();
    let (mut chosen, mut decided, mut written, mut ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut refused = BTreeMap::new();
    while decided.len() < dials {
        loop {
            let began = clock::now();
            let Some(dial) = pacer.next(&day.world) else { break };
            chosen.push(clock::now().saturating_duration_since(began));
            let judged = judge(bench, &dial, day.world.wall).await?;
            let judged_at = clock::now();
            decided.push(judged_at.saturating_duration_since(began));
            match judged {
                Judged::Permitted(audit) => {
                    let attempt = NewAttempt {
                        contact: dial.contact.0,
                        trunk: Some(dial.trunk.clone()),
                        at: day.world.wall,
                        call: format!("made-up-{}", decided.len()),
                        audit,
                    };
                    let Ok(begun) = bench.store.begin_attempt(&attempt).await? else {
                        pacer.refused(&dial.campaign, dial.contact, None);
                        continue;
                    };
                    written.push(clock::now().saturating_duration_since(judged_at));
                    calls.push(Reverse(Call {
                        ends: day.passed + Duration::from_millis(dice.random_range(5_000..60_000)),
                        contact: dial.contact,
                        attempt: begun.id,
                    }));
                }
                Judged::Refused(word, again) => {
                    *refused.entry(word).or_insert(0) += 1;
                    pacer.refused(&dial.campaign, dial.contact, again);
                }
            }
            if decided.len() >= dials {
                break;
            }
        }
        let next = calls.peek().map(|Reverse(call)| call.ends);
        let Some(until) = day.until(&mut pacer, next) else {
            break;
        };
        day.pass(until);
        while calls.peek().is_some_and(|Reverse(call)| call.ends <= day.passed)
            && let Some(Reverse(call)) = calls.pop()
        {
            let began = clock::now();
            let outcome = outcome(&mut dice);
            let then = retry::then(&campaign.attempts, 1, &outcome, day.world.wall);
            pacer.ended(&day.world, &bench.name, call.contact, &outcome, Again::of(&then));
            let end = end(outcome, then, day.world.wall);
            bench.store.end_attempt(call.attempt, &end).await?;
            ended.push(clock::now().saturating_duration_since(began));
        }
    }
    Ok(Dialled {
        rows: vec![
            row(CHOSEN, &chosen),
            row(DECIDED, &decided),
            row(WRITTEN, &written),
            row(ENDED, &ended),
        ],
        refused,
    })
}

/// Chooses for agents who are mostly busy, without a store.
pub(super) fn predict(bench: &Bench, book: Book<Whenever>, dials: usize) -> Row {
    let mut dice = StdRng::seed_from_u64(1);
    let mut pacer = pacer(bench, book, Mode::Predictive { cap: 0.03 }, 1_000);
    let mut day = Day::new(bench);
    let mut agents = Agents {
        free: AGENTS,
        ..Agents::default()
    };
    let mut calls: BinaryHeap<Reverse<(Duration, ContactId, bool)>> = BinaryHeap::new();
    let mut chosen = Vec::new();
    while chosen.len() < dials {
        day.world.agents.insert(bench.name.clone(), agents.clone());
        loop {
            let began = clock::now();
            let dial = pacer.next(&day.world);
            chosen.push(clock::now().saturating_duration_since(began));
            let Some(dial) = dial else { break };
            let rings = Duration::from_millis(dice.random_range(3_000..20_000));
            calls.push(Reverse((day.passed + rings, dial.contact, false)));
        }
        let next = calls.peek().map(|Reverse((at, ..))| *at);
        let Some(until) = day.until(&mut pacer, next) else {
            break;
        };
        day.pass(until);
        while calls.peek().is_some_and(|Reverse((at, ..))| *at <= day.passed)
            && let Some(Reverse((at, contact, talked))) = calls.pop()
        {
            let human = talked || dice.random_bool(0.35);
            if human && !talked && agents.free > 0 {
                agents.free -= 1;
                agents.busy += 1;
                pacer.told(day.world.now, &bench.name, contact, Progress::WithAgent);
                let talks = Duration::from_millis(dice.random_range(20_000..200_000));
                calls.push(Reverse((at + talks, contact, true)));
                continue;
            }
            if talked {
                agents.free += 1;
                agents.busy -= 1;
            }
            let outcome = Outcome {
                abandoned: human && !talked,
                ..Outcome::of(if human { Reach::Answered } else { Reach::NoAnswer })
            };
            pacer.ended(&day.world, &bench.name, contact, &outcome, None);
        }
    }
    row(PREDICTED, &chosen)
}

fn pacer(bench: &Bench, book: Book<Whenever>, mode: Mode, lines: u32) -> Pacer<Whenever> {
    let mut pacer = Pacer::new(Limits { lines, reserve: 0 });
    let rules = Rules {
        mode,
        max_calls: lines,
        calls_per_second: RATE,
        breaker: None,
    };
    pacer.enter(&bench.name, rules);
    if let Some(own) = pacer.book(&bench.name) {
        *own = book;
    }
    pacer.start(&bench.name);
    pacer
}

impl Day {
    fn new(bench: &Bench) -> Self {
        let began = (clock::now(), bench.at);
        let trunk = Trunk {
            name: "nowhere".to_owned(),
            calls_per_second: None,
            free: None,
        };
        let world = World {
            now: began.0,
            wall: began.1,
            places: u32::MAX,
            trunks: vec![trunk],
            held: BTreeSet::new(),
            agents: BTreeMap::new(),
        };
        Self {
            began,
            passed: Duration::ZERO,
            world,
        }
    }

    /// Until when nothing happens, if anything ever does.
    fn until(&self, pacer: &mut Pacer<Whenever>, next: Option<Duration>) -> Option<Duration> {
        let due = pacer.poll_timeout(&self.world);
        // A wait is in whole milliseconds, as a timer's.
        let due = due.map(|at| at.saturating_duration_since(self.began.0) + Duration::from_millis(1));
        due.into_iter().chain(next).min()
    }

    fn pass(&mut self, until: Duration) {
        self.passed = until.max(self.passed);
        self.world.now = self.began.0 + self.passed;
        let passed = SignedDuration::try_from(self.passed).unwrap_or(SignedDuration::MAX);
        self.world.wall = self.began.1.saturating_add(passed).unwrap_or(Timestamp::MAX);
    }
}

enum Judged {
    Permitted(serde_json::Value),
    Refused(&'static str, Option<Again>),
}

/// As the bot does it before each call.
async fn judge(bench: &Bench, dial: &Dial, at: Timestamp) -> Result<Judged, Error> {
    const GONE: Judged = Judged::Refused("gone", None);
    let Some(contact) = bench.store.contact(dial.contact.0).await? else {
        return Ok(GONE);
    };
    let known = bench.store.known(vec![contact], QUIET, at).await?;
    let Some((known, whereabouts)) = known
        .first()
        .and_then(|known| Some((known, known.whereabouts.as_ref()?)))
    else {
        return Ok(GONE);
    };
    let lists = bench.store.do_not_call_names().await?;
    let facts = permit::Facts {
        campaign: bench.campaign()?,
        opening: &bench.opening,
        running: true,
        disclosed: true,
        contact: known.contact.id,
        standing: known.contact.standing(),
        number: known.contact.number,
        whereabouts,
        proof: known.contact.proof.as_deref(),
        appointment: known.contact.appointment,
        listed: &known.listed,
        lists: &lists,
        calls: &known.calls,
        quiet_gap: QUIET,
        destination: true,
        attended: true,
        abandonment: Abandonment::default(),
    };
    let answer = permit::permit(at, &facts);
    let audit = permit::record(&facts, &answer);
    Ok(match answer {
        Ok(_) => Judged::Permitted(audit),
        Err(refusal) => {
            let again = match refusal.lasts() {
                Lasts::Until(due) => Some(Again { due, lane: dial.lane }),
                Lasts::ForEver | Lasts::Cured | Lasts::Campaign => None,
            };
            Judged::Refused(refusal.code(), again)
        }
    })
}

/// Most do not answer.
fn outcome(dice: &mut StdRng) -> Outcome {
    let of = Outcome::of;
    match dice.random_range(0..10) {
        0..4 => of(Reach::NoAnswer),
        4 => of(Reach::Busy),
        5 => of(Reach::NotFound),
        6 => Outcome {
            answered_by: Some(AnsweredBy::Machine),
            ..of(Reach::Answered)
        },
        _ => Outcome {
            answered_by: Some(AnsweredBy::Human),
            ..of(Reach::Answered)
        },
    }
}

fn end(outcome: Outcome, then: retry::Then, at: Timestamp) -> EndedAttempt {
    EndedAttempt {
        at,
        reach: outcome.reach,
        answered: (outcome.reach == Reach::Answered).then_some(at),
        answered_by: outcome.answered_by,
        disposition: outcome.disposition.clone(),
        seconds: 0.0,
        human: outcome.is_human(),
        right_person: None,
        abandoned: outcome.abandoned,
        opted_out: outcome.opted_out,
        reason: None,
        quote: None,
        slots: BTreeMap::new(),
        then: match then {
            retry::Then::Due(due) => Then::Again(due),
            retry::Then::Appointment(due) => Then::Appointment(due),
            retry::Then::Closed(why) => Then::Close(why),
        },
        told: Told::default(),
    }
}
