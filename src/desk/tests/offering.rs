//! Whom a ticket rings, on timelines: order, strategies, skills, and who is asked again.

use super::Event::{Accept, Bridged, Decline, Done, Leave, Pause, Resume};
use super::*;

#[test]
fn a_caller_goes_to_a_free_agent_at_once_and_to_no_other() {
    check(
        care(),
        &[
            (0, sign_in(1)),
            (1, sign_in(2)),
            (5, call()),
            (7, Accept(1, 1)),
            (8, Bridged(1)),
            (9, call()),
        ],
        &[(5, "ring 1 at 1 until 25"), (9, "ring 2 at 2 until 29")],
    );
}

#[test]
fn who_waits_is_served_by_priority_and_then_by_who_came_first() {
    check(
        care(),
        &[
            (0, call()),
            (1, call()),
            (2, urgent(10)),
            (3, sign_in(1)),
            (4, Accept(1, 3)),
            (5, sign_in(2)),
        ],
        &[(3, "ring 3 at 1 until 23"), (5, "ring 1 at 2 until 25")],
    );
}

#[test]
fn waiting_adds_to_the_priority() {
    // With 2 points a minute, 150 s are worth 5; who is level goes by who came first.
    for (ageing, came, first) in [(2, 150, 1), (2, 149, 2), (0, 200, 2), (10, 31, 1)] {
        let queue = Queue {
            ageing,
            max_wait: seconds(900),
            ..care()
        };
        let busy = [(0, sign_in(9)), (0, call()), (0, Accept(9, 1)), (0, Bridged(1))];
        let events = [&busy[..], &[(0, call()), (came, urgent(5)), (250, sign_in(1))]].concat();
        let log = told(queue, &events, 250);
        let expected = format!("ring {} at 1 until 270", first + 1);
        assert_eq!(log.last().expect("a ring").1, expected, "{ageing} {came}");
    }
}

#[test]
fn strategies() {
    let agents = [(0, sign_in(1)), (1, sign_in(2)), (2, sign_in(3))];
    let with = |agent, ticket, at| {
        [
            (at, call()),
            (at, Accept(agent, ticket)),
            (at, Bridged(ticket)),
            (at + 1, Leave(ticket)),
            (at + 1, Done(agent)),
        ]
    };
    for (strategy, expected) in [
        // Everybody is asked in turn; then the one who has been idle the longest, not the one with the least number.
        (Strategy::LongestIdle, [1, 2, 3, 1]),
        (Strategy::FewestCalls, [1, 2, 3, 1]),
        (Strategy::RoundRobin, [1, 2, 3, 1]),
    ] {
        let mut events = agents.to_vec();
        for (n, agent) in expected.iter().enumerate() {
            events.extend(with(*agent, n as u64 + 1, 10 * (n as u64 + 1)));
        }
        let queue = Queue { strategy, ..care() };
        let rung: Vec<String> = told(queue, &events, 100).into_iter().map(|(_, what)| what).collect();
        for (n, agent) in expected.iter().enumerate() {
            let ring = format!("ring {} at {agent} until {}", n + 1, 10 * (n + 1) + 20);
            assert_eq!(rung[n], ring, "{strategy:?}");
        }
    }
}

#[test]
fn strategies_differ() {
    // Agent 1 has had a short call, agent 2 signed in later.
    let before = [
        (0, sign_in(1)),
        (0, call()),
        (0, Accept(1, 1)),
        (0, Bridged(1)),
        (1, Leave(1)),
        (1, Done(1)),
        (5, sign_in(2)),
    ];
    for (strategy, agents) in [
        (Strategy::LongestIdle, &[1][..]),
        (Strategy::FewestCalls, &[2]),
        (Strategy::RoundRobin, &[2]),
        (Strategy::RingAll, &[1, 2]),
    ] {
        let events = [&before[..], &[(10, call())]].concat();
        let log = told(Queue { strategy, ..care() }, &events, 10);
        let rung: Vec<_> = log
            .iter()
            .filter(|(at, _)| *at == 10)
            .map(|(_, what)| what.as_str())
            .collect();
        let expected: Vec<String> = agents
            .iter()
            .map(|agent| format!("ring 2 at {agent} until 30"))
            .collect();
        assert_eq!(rung, expected, "{strategy:?}");
    }
}

#[test]
fn the_first_of_all_who_are_rung_gets_it() {
    let queue = Queue {
        strategy: Strategy::RingAll,
        ..care()
    };
    let mut room = room(
        queue,
        &[(0, sign_in(1)), (0, sign_in(2)), (0, sign_in(3)), (1, call())],
        2,
    );
    room.tell(&Decline(3, 1));
    let now = room.instant();
    assert_eq!(room.desk.accept(now, AgentId(3), TicketId(1)), Err(Refused::NotRung));
    assert_eq!(room.desk.accept(now, AgentId(2), TicketId(1)), Ok(()));
    assert_eq!(room.desk.accept(now, AgentId(1), TicketId(1)), Err(Refused::NotRung));
    room.note();
    assert_eq!(room.log.last().expect("said").1, "stop 1 at 1: Taken");
    assert_eq!(
        [room.state(1), room.state(2), room.state(3)],
        [State::Available, State::Busy, State::Available]
    );
}

#[test]
fn a_ticket_that_is_declined_goes_on_and_comes_back_when_the_others_have_been_asked() {
    check(
        care(),
        &[
            (0, sign_in(1)),
            (0, sign_in(2)),
            (0, call()),
            (3, Decline(1, 1)),
            (5, Decline(2, 1)),
        ],
        &[
            (0, "ring 1 at 1 until 20"),
            (3, "ring 1 at 2 until 23"),
            (18, "ring 1 at 1 until 38"),
            (38, "stop 1 at 1: Unanswered"),
            (38, "ring 1 at 2 until 58"),
        ],
    );
}

#[test]
fn others_who_are_busy_are_waited_for_but_not_for_long() {
    check(
        care(),
        &[
            (0, sign_in(1)),
            (0, call()),
            (0, Accept(1, 1)),
            (0, Bridged(1)),
            (0, sign_in(2)),
            (5, call()),
            (6, Decline(2, 2)),
        ],
        &[
            (0, "ring 1 at 1 until 20"),
            (5, "ring 2 at 2 until 25"),
            (66, "ring 2 at 2 until 86"),
        ],
    );
}

#[test]
fn who_does_not_answer_twice_is_paused() {
    let log = &[
        (0, "ring 1 at 1 until 20"),
        (20, "stop 1 at 1: Unanswered"),
        (35, "ring 1 at 1 until 55"),
        (55, "stop 1 at 1: Unanswered"),
        (55, "paused 1"),
        (60, "ring 1 at 1 until 80"),
    ];
    check(care(), &[(0, sign_in(1)), (0, call()), (60, Resume(1))], &log[..5]);
    check(
        care(),
        &[(0, sign_in(1)), (0, call()), (70, Resume(1))],
        &[&log[..5], &[(70, "ring 1 at 1 until 90")]].concat(),
    );
    // Two, and in a row.
    let found = told(care(), &[(0, sign_in(1)), (0, call()), (36, Decline(1, 1))], 200);
    let paused: Vec<_> = found.iter().filter(|(_, what)| what == "paused 1").collect();
    assert_eq!(paused.len(), 1, "{found:?}");
    assert!(paused[0].0 > 70, "{found:?}");
}

#[test]
fn an_agent_has_no_more_calls_than_they_can_take() {
    let two = Profile {
        capacity: 2,
        ..profile(&[])
    };
    check(
        Queue {
            wrap_up: Duration::ZERO,
            ..care()
        },
        &[
            (0, Event::SignIn(1, two)),
            (1, call()),
            (1, call()),
            (1, call()),
            (2, Accept(1, 1)),
            (3, Accept(1, 2)),
            (4, Bridged(1)),
            (5, Leave(1)),
        ],
        &[
            (1, "ring 1 at 1 until 21"),
            (2, "ring 2 at 1 until 22"),
            (5, "ring 3 at 1 until 25"),
        ],
    );
}

#[test]
fn skills_and_languages_are_needed_and_widen() {
    let queue = || Queue {
        skills: vec!["returns".into(), "french".into()],
        widen: vec![Widening {
            after: seconds(60),
            drop: "french".into(),
        }],
        ..care()
    };
    let found = told(
        queue(),
        &[(0, Event::SignIn(1, profile(&["returns"]))), (5, call())],
        70,
    );
    assert_eq!(found, [(65, "ring 1 at 1 until 85".to_owned())]);
    let both = profile(&["returns", "french", "x"]);
    check(
        queue(),
        &[(0, Event::SignIn(1, both.clone())), (5, call())],
        &[(5, "ring 1 at 1 until 25")],
    );
    // Nobody who is signed in could ever take these.
    for more in [
        Wish {
            language: Some(Language::Mandarin),
            ..wish("care")
        },
        Wish {
            skills: vec!["boats".into()],
            ..wish("care")
        },
    ] {
        let found = told(
            queue(),
            &[(0, Event::SignIn(1, both.clone())), (5, Event::Enqueue(more))],
            100,
        );
        assert_eq!(found, [(20, "overflow 1: NoAgents".to_owned())]);
    }
}

#[test]
fn a_preferred_agent_is_waited_for_but_not_for_long() {
    let prefers = || {
        Event::Enqueue(Wish {
            preferred: Some(AgentId(1)),
            ..wish("care")
        })
    };
    let busy = [
        (0, sign_in(1)),
        (0, call()),
        (0, Accept(1, 1)),
        (0, Bridged(1)),
        (1, sign_in(2)),
    ];
    let first = (0, "ring 1 at 1 until 20");
    for (more, expected) in [
        (vec![(5, prefers())], (35, "ring 2 at 2 until 55")),
        (
            vec![(5, prefers()), (9, Leave(1)), (10, Done(1))],
            (10, "ring 2 at 1 until 30"),
        ),
        (vec![(5, prefers()), (9, Pause(1))], (9, "ring 2 at 2 until 29")),
    ] {
        check(care(), &[&busy[..], &more].concat(), &[first, expected]);
    }
    // Who declines is not waited for.
    check(
        care(),
        &[(0, sign_in(1)), (0, sign_in(2)), (5, prefers()), (6, Decline(1, 1))],
        &[(5, "ring 1 at 1 until 25"), (6, "ring 1 at 2 until 26")],
    );
}

#[test]
fn an_agent_who_accepts_and_is_never_there_loses_it() {
    check(
        care(),
        &[(0, sign_in(1)), (0, call()), (2, Accept(1, 1))],
        &[
            (0, "ring 1 at 1 until 20"),
            (92, "stop 1 at 1: NotConnected"),
            (107, "ring 1 at 1 until 127"),
        ],
    );
}

#[test]
fn where_the_plan_minds_a_caller_whom_nobody_wants_goes_its_way() {
    let two = [(0, sign_in(1)), (1, sign_in(2)), (5, call())];
    // Minded or not, the second is asked.
    for minded in [true, false] {
        let mut room = room(care(), &two, 5);
        if minded {
            room.desk.ends_when_declined(TicketId(1));
        }
        room.tell(&Decline(1, 1));
        room.tell(&Decline(2, 1));
        room.until(10);
        let overflows = room
            .log
            .iter()
            .any(|(at, what)| *at == 5 && what == "overflow 1: Declined");
        assert_eq!(overflows, minded, "{:?}", room.log);
        assert!(
            room.log.contains(&(5, "ring 1 at 2 until 25".to_owned())),
            "{:?}",
            room.log
        );
        let tally = room.tally("care");
        assert_eq!((tally.overflowed, tally.abandoned), (u32::from(minded), 0));
    }
    // Who is with another caller may still want them; who hears what it is about may decline as well.
    let mut room = room(
        care(),
        &[&two[..], &[(6, Accept(1, 1)), (7, Bridged(1)), (8, call())]].concat(),
        8,
    );
    room.desk.ends_when_declined(TicketId(2));
    room.tell(&Decline(2, 2));
    room.until(9);
    assert!(
        !room.log.iter().any(|(_, what)| what.starts_with("overflow")),
        "{:?}",
        room.log
    );
    room.tell(&Leave(1));
    room.tell(&Done(1));
    room.tell(&Accept(1, 2));
    room.tell(&Decline(1, 2));
    assert!(
        room.log.contains(&(9, "overflow 2: Declined".to_owned())),
        "{:?}",
        room.log
    );
}
