//! Timelines, and whatever happens beside what must always hold.

mod always;
mod shift;

use std::ops::Range;

use super::super::outcome::{AnsweredBy, Reach};
use super::*;
use crate::clock;
use crate::dialplan::expression::Expression;

/// Always open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Always;

impl Hours for Always {
    fn next(&self, at: Timestamp) -> Option<Range<Timestamp>> {
        Some(at..Timestamp::MAX)
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn rules(mode: Mode, max_calls: u32, calls_per_second: f64) -> Rules {
    Rules {
        mode,
        max_calls,
        calls_per_second,
        breaker: None,
    }
}

fn trunk(name: &str) -> Trunk {
    Trunk {
        name: name.to_owned(),
        calls_per_second: None,
        free: None,
    }
}

fn agents(free: u32, busy: u32) -> Agents {
    Agents {
        free,
        busy,
        short: 0,
        queues: BTreeSet::from(["care".to_owned()]),
    }
}

fn world() -> World {
    World {
        now: clock::now(),
        wall: at(1_000_000),
        places: 1_000,
        trunks: vec![trunk("one")],
        held: BTreeSet::new(),
        agents: BTreeMap::new(),
    }
}

fn pass(world: &mut World, length: Duration) {
    world.now += length;
    world.wall = pace::later(world.wall, length);
}

const LIMITS: Limits = Limits {
    lines: 1_000,
    reserve: 1,
};

/// Campaigns that run, each with so many contacts that are due.
fn pacer(campaigns: &[(&str, Rules, i64)]) -> Pacer<Always> {
    let mut pacer = Pacer::new(LIMITS);
    for (place, (name, rules, contacts)) in campaigns.iter().enumerate() {
        pacer.enter(name, rules.clone());
        pacer.start(name);
        let hours = pacer.book(name).expect("the campaign").hours(&Always);
        for contact in 0..*contacts {
            let entry = Entry {
                number: 1_000_000 * (place as u64 + 1) + contact as u64,
                due: at(contact),
                lane: Lane::Attempt,
                hours,
            };
            pacer.book(name).expect("the campaign").put(ContactId(contact), entry);
        }
    }
    pacer
}

/// Ends at once, and not to be called again.
fn end(pacer: &mut Pacer<Always>, world: &World, dial: &Dial, reach: Reach) -> Option<Tripped> {
    pacer.ended(world, &dial.campaign, dial.contact, &Outcome::of(reach), None)
}

#[test]
fn calls_go_out_at_the_pace_of_campaign_and_trunk() {
    let mut pacer = pacer(&[
        ("a", rules(Mode::Agentless, 100, 2.0), 50),
        ("b", rules(Mode::Agentless, 100, 10.0), 50),
    ]);
    let mut world = world();
    world.trunks[0].calls_per_second = Some(5);
    let mut dialled: BTreeMap<String, u32> = BTreeMap::new();
    let end = world.now + Duration::from_secs(4);
    while world.now < end {
        while let Some(dial) = pacer.next(&world) {
            *dialled.entry(dial.campaign).or_default() += 1;
        }
        let next = pacer.poll_timeout(&world).expect("more are due");
        let wait = next - world.now;
        assert!(!wait.is_zero());
        pass(&mut world, wait);
    }
    // The trunk carries 20; the campaign that may have 8 of them comes a little late where it meets the other.
    let [a, b] = ["a", "b"].map(|name| dialled.get(name).copied().unwrap_or_default());
    assert!(a + b == 20 && (7..=8).contains(&a), "{a} and {b}");
}

#[test]
fn lines_and_places_are_kept() {
    let mut pacer = pacer(&[
        ("a", rules(Mode::Agentless, 3, 100.0), 50),
        ("b", rules(Mode::Agentless, 50, 100.0), 50),
    ]);
    pacer.set_limits(Limits { lines: 7, reserve: 2 });
    let mut world = world();
    let mut dials = Vec::new();
    for _ in 0..100 {
        dials.extend(pacer.next(&world));
        pass(&mut world, Duration::from_millis(20));
    }
    assert_eq!((pacer.calls("a"), pacer.calls("b")), (3, 4));
    assert_eq!(pacer.poll_timeout(&world), None);
    end(&mut pacer, &world, &dials[0], Reach::Busy);
    world.places = 2;
    assert_eq!((pacer.next(&world), pacer.poll_timeout(&world)), (None, None));
    world.places = 3;
    assert!(pacer.next(&world).is_some());
}

#[test]
fn campaigns_take_turns_and_who_had_nobody_to_dial_has_nothing_to_catch_up_on() {
    let fast = rules(Mode::Agentless, 1_000, 100.0);
    let mut pacer = pacer(&[("a", fast.clone(), 500), ("b", fast.clone(), 500), ("late", fast, 0)]);
    let mut world = world();
    let mut dialled: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..300 {
        if round == 150 {
            let hours = pacer.book("late").expect("the campaign").hours(&Always);
            for contact in 0..100 {
                let entry = Entry {
                    number: 9_000_000 + contact,
                    due: at(0),
                    lane: Lane::Attempt,
                    hours,
                };
                pacer
                    .book("late")
                    .expect("the campaign")
                    .put(ContactId(contact as i64), entry);
            }
        }
        let dial = pacer.next(&world).expect("somebody is due");
        assert_eq!(end(&mut pacer, &world, &dial, Reach::Busy), None);
        *dialled.entry(dial.campaign).or_default() += 1;
        pass(&mut world, Duration::from_secs(1));
    }
    assert_eq!(dialled.into_values().collect::<Vec<_>>(), [125, 125, 50]);
}

#[test]
fn an_appointment_is_kept_before_anybody_else_is_dialled() {
    let fast = rules(Mode::Agentless, 1_000, 100.0);
    let mut pacer = pacer(&[("a", fast.clone(), 5), ("b", fast, 5)]);
    let mut world = world();
    assert!(pacer.next(&world).is_some_and(|dial| dial.campaign == "a"));
    let hours = pacer.book("a").expect("the campaign").hours(&Always);
    let entry = Entry {
        number: 77,
        due: world.wall,
        lane: Lane::Appointment,
        hours,
    };
    pacer.book("a").expect("the campaign").put(ContactId(77), entry);
    pass(&mut world, Duration::from_secs(1));
    let dial = pacer.next(&world).expect("somebody is due");
    assert_eq!(
        (dial.campaign.as_str(), dial.number, dial.lane),
        ("a", 77, Lane::Appointment)
    );
}

#[test]
fn a_trunk_at_its_limit_is_left_alone_for_longer_and_longer_and_tried_by_one_call() {
    let mut pacer = pacer(&[("a", rules(Mode::Agentless, 1_000, 100.0), 5_000)]);
    let mut world = world();
    let step = Duration::from_millis(100);
    let mut refused = 0;
    // Whatever is dialled is refused while others are under way.
    for wanted in [3, 4, 5, 6, 7, 8, 9, 10, 11] {
        while refused < wanted {
            let dial = pacer.next(&world).expect("the trunk may be tried");
            if refused >= 3 {
                assert_eq!(pacer.next(&world), None, "one call tries it");
            }
            pass(&mut world, step);
            end(&mut pacer, &world, &dial, Reach::Congestion);
            refused += 1;
        }
        let rest = Duration::from_secs(5 * (1 << (wanted - 3))).min(trunk::LONGEST);
        assert_eq!(pacer.next(&world), None);
        assert_eq!(pacer.poll_timeout(&world), Some(world.now + rest));
        assert_eq!(pacer.resting(world.now).collect::<Vec<_>>(), [("one", rest)]);
        pass(&mut world, rest);
    }
    // Another trunk is taken meanwhile.
    let dial = pacer.next(&world).expect("the trunk may be tried");
    pass(&mut world, step);
    assert_eq!(pacer.next(&world), None);
    world.trunks.push(trunk("two"));
    assert_eq!(pacer.next(&world).map(|dial| dial.trunk), Some("two".to_owned()));
    // Who is answered shows that there is room.
    pass(&mut world, step);
    pacer.told(world.now, "a", dial.contact, Progress::Human);
    for _ in 0..5 {
        assert_eq!(pacer.next(&world).map(|dial| dial.trunk), Some("one".to_owned()));
        pass(&mut world, step);
    }
}

#[test]
fn a_trunk_is_not_left_alone_for_a_refusal_now_and_then() {
    let mut pacer = pacer(&[("a", rules(Mode::Agentless, 1_000, 100.0), 100)]);
    let mut world = world();
    for round in 0..60 {
        let dial = pacer.next(&world).expect("there is room");
        let reach = if round % 3 == 0 {
            Reach::NoAnswer
        } else {
            Reach::Congestion
        };
        end(&mut pacer, &world, &dial, reach);
        pass(&mut world, Duration::from_millis(100));
    }
}

#[test]
fn the_breaker_halts_a_campaign_until_it_is_started_again() {
    let mut rules = rules(Mode::Agentless, 1_000, 100.0);
    rules.breaker = Some(Breaker {
        window: Duration::from_secs(120),
        min_calls: 10,
        pause_if: Expression::parse("failed_rate > 0.5").expect("an expression"),
        alert: Some("ops".to_owned()),
    });
    let mut pacer = pacer(&[("a", rules, 100)]);
    let mut world = world();
    for round in 1..=11 {
        let dial = pacer.next(&world).expect("it runs");
        let reach = if round > 5 { Reach::NotFound } else { Reach::Busy };
        let tripped = end(&mut pacer, &world, &dial, reach);
        // 5 of 10 are not more than half; 6 of 11 are.
        assert_eq!(tripped.is_some(), round == 11, "{round}");
        if let Some(tripped) = tripped {
            let why = "`failed_rate > 0.5` holds over the last 120 s: failed_rate is 0.55, of 11 calls";
            assert_eq!((tripped.why.as_str(), tripped.alert.as_deref()), (why, Some("ops")));
        }
        pass(&mut world, Duration::from_secs(1));
    }
    assert_eq!((pacer.next(&world), pacer.poll_timeout(&world)), (None, None));
    pacer.start("a");
    for _ in 0..9 {
        let dial = pacer.next(&world).expect("it runs again");
        assert_eq!(end(&mut pacer, &world, &dial, Reach::NotFound), None);
        pass(&mut world, Duration::from_secs(1));
    }
}

#[test]
fn a_number_is_not_dialled_while_it_is_on_the_line() {
    let fast = rules(Mode::Agentless, 1_000, 100.0);
    let mut pacer = pacer(&[("a", fast.clone(), 0), ("b", fast, 0)]);
    let mut world = world();
    for name in ["a", "b"] {
        let hours = pacer.book(name).expect("the campaign").hours(&Always);
        let entry = Entry {
            number: 42,
            due: at(0),
            lane: Lane::Attempt,
            hours,
        };
        pacer.book(name).expect("the campaign").put(ContactId(1), entry);
    }
    let first = pacer.next(&world).expect("both are due");
    pass(&mut world, Duration::from_secs(30));
    assert_eq!(pacer.next(&world), None);
    assert_eq!(pacer.poll_timeout(&world), Some(world.now + ENGAGED));
    end(&mut pacer, &world, &first, Reach::Busy);
    pass(&mut world, ENGAGED);
    assert!(pacer.next(&world).is_some_and(|dial| dial.campaign != first.campaign));
}

#[test]
fn who_is_to_be_called_no_more_is_not_put_back_after_the_call() {
    let mut pacer = pacer(&[("a", rules(Mode::Agentless, 10, 100.0), 3)]);
    let mut world = world();
    let again = Some(Again {
        due: world.wall,
        lane: Lane::Attempt,
    });
    let paid = pacer.next(&world).expect("somebody is due");
    pass(&mut world, Duration::from_secs(1));
    let busy = pacer.next(&world).expect("somebody is due");
    assert_eq!(pacer.remove("a", paid.contact), None);
    // What the store is still read to say of a call under way is older than what comes of it.
    let entry = pacer
        .book("a")
        .and_then(|book| book.get(ContactId(2)))
        .expect("the third waits");
    pacer.book("a").expect("the campaign").put(busy.contact, entry);
    assert_eq!(pacer.book("a").map(|book| book.len()), Some(1));
    let outcome = Outcome::of(Reach::Busy);
    pacer.ended(&world, "a", paid.contact, &outcome, again);
    pacer.ended(&world, "a", busy.contact, &outcome, again);
    let book = pacer.book("a").expect("the campaign");
    assert_eq!((book.get(paid.contact), book.len()), (None, 2));
    // It is over: nothing is told twice.
    pacer.ended(&world, "a", busy.contact, &outcome, None);
    assert_eq!((pacer.calls("a"), pacer.book("a").map(|book| book.len())), (0, Some(2)));
}

#[test]
fn whom_the_permit_refuses_costs_neither_a_line_nor_time_but_a_turn() {
    let slow = rules(Mode::Agentless, 1, 0.1);
    let mut pacer = pacer(&[("a", slow.clone(), 10), ("b", slow, 10)]);
    let world = world();
    let mut named = Vec::new();
    for _ in 0..6 {
        let dial = pacer.next(&world).expect("nobody was dialled yet");
        pacer.refused(&dial.campaign, dial.contact, None);
        named.push(dial.campaign);
    }
    assert_eq!(named, ["a", "b", "a", "b", "a", "b"]);
    assert_eq!(pacer.book("a").map(|book| book.len()), Some(7));
    let dialled: Vec<String> = std::iter::from_fn(|| pacer.next(&world))
        .map(|dial| dial.campaign)
        .collect();
    assert_eq!(dialled, ["a", "b"]);
}

#[test]
fn a_campaign_that_the_plan_drops_keeps_its_lines_until_its_calls_end() {
    let fast = rules(Mode::Agentless, 10, 100.0);
    let mut pacer = pacer(&[("a", fast.clone(), 3), ("b", fast, 3)]);
    pacer.set_limits(Limits { lines: 1, reserve: 0 });
    let world = world();
    let dial = pacer.next(&world).expect("somebody is due");
    pacer.leave("a");
    assert_eq!((pacer.next(&world), pacer.calls("a")), (None, 1));
    end(&mut pacer, &world, &dial, Reach::Busy);
    assert!(pacer.book("a").is_none());
    assert!(pacer.next(&world).is_some_and(|dial| dial.campaign == "b"));
}

#[test]
fn a_call_goes_out_for_each_free_agent() {
    let mut pacer = pacer(&[("a", rules(Mode::Progressive, 100, 100.0), 100)]);
    let mut world = world();
    let ready = |pacer: &mut Pacer<Always>, world: &mut World| {
        let mut dials = Vec::new();
        for _ in 0..20 {
            dials.extend(pacer.next(world));
            pass(world, Duration::from_millis(20));
        }
        dials
    };
    assert_eq!(ready(&mut pacer, &mut world), []);
    world.agents.insert("a".to_owned(), agents(3, 5));
    let dials = ready(&mut pacer, &mut world);
    assert_eq!(dials.len(), 3);
    // A machine needs nobody; a person does until an agent has come, who is then not free any more.
    pacer.told(world.now, "a", dials[0].contact, Progress::Machine);
    pacer.told(world.now, "a", dials[1].contact, Progress::Human);
    assert_eq!(ready(&mut pacer, &mut world).len(), 1);
    pacer.told(world.now, "a", dials[1].contact, Progress::WithAgent);
    world.agents.insert("a".to_owned(), agents(2, 6));
    assert_eq!(ready(&mut pacer, &mut world).len(), 0);
    end(&mut pacer, &world, &dials[2], Reach::NoAnswer);
    assert_eq!(ready(&mut pacer, &mut world).len(), 1);
    // Somebody waits in the queue already for whom nobody is free: who is free next is theirs.
    let before = world.agents["a"].clone();
    world.agents.insert(
        "a".to_owned(),
        Agents {
            short: 1,
            ..agents(1, 7)
        },
    );
    assert_eq!(
        (ready(&mut pacer, &mut world).len(), pacer.at_risk("a", &world)),
        (0, 2)
    );
    world.agents.insert("a".to_owned(), before);
    // The agent was lost, and the person waits again.
    pacer.told(world.now, "a", dials[1].contact, Progress::Human);
    world.agents.insert("a".to_owned(), agents(3, 5));
    assert_eq!(ready(&mut pacer, &mut world).len(), 0);
    pacer.told(world.now, "a", dials[1].contact, Progress::WithAgent);
    world.agents.insert("a".to_owned(), agents(2, 6));
    assert_eq!(ready(&mut pacer, &mut world).len(), 0);
    world.held.insert("a".to_owned());
    world.agents.insert("a".to_owned(), agents(9, 0));
    assert_eq!(ready(&mut pacer, &mut world).len(), 0);
    world.held.clear();
    assert_eq!(ready(&mut pacer, &mut world).len(), 7);
}

#[test]
fn what_one_day_has_left_is_not_used_up_by_another() {
    let of = |answered, abandoned| Share { answered, abandoned };
    // Of yesterday, of today, of a day long before: and how many calls go out where an agent is free and many are about to be.
    for (yesterday, today, before, wanted) in [
        (of(1_000, 0), of(1_000, 0), of(0, 0), 4),
        // The call from yesterday would be one too many for yesterday.
        (of(100, 3), of(1_000, 0), of(0, 0), 0),
        (of(1_000, 0), of(0, 0), of(0, 0), 0),
        (of(1_000, 0), of(1_000, 0), of(9_000, 9_000), 0),
    ] {
        let mut pacer = pacer(&[("a", rules(Mode::Predictive { cap: 0.03 }, 5, 100.0), 100)]);
        let mut world = world();
        world.agents.insert("a".to_owned(), agents(1, 1_000));
        pacer.restore("a", world.wall, yesterday);
        pacer.restore("a", pace::later(world.wall, Duration::from_secs(86_400)), today);
        pacer.restore("a", at(world.wall.as_second() - 5 * 86_400), before);
        assert!(pacer.next(&world).is_some());
        pass(&mut world, Duration::from_secs(86_400));
        let mut dialled = 0;
        for _ in 0..10 {
            dialled += usize::from(pacer.next(&world).is_some());
            pass(&mut world, Duration::from_millis(20));
        }
        assert_eq!(dialled, wanted, "{yesterday:?} {today:?} {before:?}");
    }
}

#[test]
fn campaigns_that_have_their_agents_in_common_do_not_dial_twice_for_one() {
    let with_agents = rules(Mode::Progressive, 100, 100.0);
    let mut pacer = pacer(&[
        ("a", with_agents.clone(), 100),
        ("b", with_agents.clone(), 100),
        ("elsewhere", with_agents, 100),
    ]);
    let mut world = world();
    world.agents.insert("a".to_owned(), agents(3, 0));
    world.agents.insert("b".to_owned(), agents(3, 0));
    let mut own = agents(2, 0);
    own.queues = BTreeSet::from(["other".to_owned()]);
    world.agents.insert("elsewhere".to_owned(), own);
    let mut dialled: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..20 {
        while let Some(dial) = pacer.next(&world) {
            *dialled.entry(dial.campaign).or_default() += 1;
        }
        pass(&mut world, Duration::from_millis(20));
    }
    assert_eq!(dialled["a"] + dialled["b"], 3);
    assert_eq!(dialled["elsewhere"], 2);
    assert_eq!(pacer.at_risk("a", &world), 0);
    world.agents.insert("a".to_owned(), agents(1, 2));
    assert_eq!((pacer.at_risk("a", &world), pacer.at_risk("nobody", &world)), (2, 0));
}

#[test]
fn an_answer_that_nobody_took_counts_on_the_day_it_was_dialled() {
    let mut pacer = pacer(&[("a", rules(Mode::Agentless, 100, 100.0), 100)]);
    let mut world = world();
    let lost = Outcome {
        answered_by: Some(AnsweredBy::Human),
        abandoned: true,
        ..Outcome::of(Reach::Answered)
    };
    pacer.restore(
        "a",
        world.wall,
        Share {
            answered: 9,
            abandoned: 0,
        },
    );
    let dial = pacer.next(&world).expect("somebody is due");
    let dialled = world.wall;
    pass(&mut world, Duration::from_secs(86_400));
    pacer.ended(&world, "a", dial.contact, &lost, None);
    let all = Share {
        answered: 10,
        abandoned: 1,
    };
    assert_eq!(
        (pacer.abandoned("a", dialled), pacer.abandoned("a", world.wall)),
        (all, all)
    );
    pass(&mut world, Duration::from_secs(29 * 86_400));
    assert_eq!(pacer.abandoned("a", world.wall), Share::default());
}
