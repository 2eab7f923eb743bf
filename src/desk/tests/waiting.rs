//! How waiting goes on and ends, on timelines: announcements, overflow, callbacks, hanging up, being passed on.

use super::Event::{
    Accept, Book, Bridged, CallBack, Leave, Lost, NotReached, Pause, Reached, Requeue, Resume, SignOut,
};
use super::*;

#[test]
fn who_waits_too_long_or_in_vain_goes_elsewhere() {
    let nobody = &[(15, "overflow 1: NoAgents")];
    check(care(), &[(0, call())], nobody);
    check(
        care(),
        &[(0, call()), (14, sign_in(1)), (14, Pause(1))],
        &[
            (14, "ring 1 at 1 until 34"),
            (14, "stop 1 at 1: Withdrawn"),
            (300, "overflow 1: Waited"),
        ],
    );
    // A ring under way is seen through.
    check(
        Queue {
            max_wait: seconds(30),
            ..care()
        },
        &[(0, sign_in(1)), (0, Pause(1)), (0, call()), (25, Resume(1))],
        &[
            (25, "ring 1 at 1 until 45"),
            (45, "stop 1 at 1: Unanswered"),
            (45, "overflow 1: Waited"),
        ],
    );
    check(
        care(),
        &[(0, Event::Doors("care", Doors::Closed)), (1, call())],
        &[(1, "overflow 1: Closed")],
    );
    let short = Queue {
        max_length: 1,
        ..care()
    };
    check(
        short,
        &[(0, sign_in(1)), (0, Pause(1)), (1, call()), (2, call())],
        &[(2, "overflow 2: Full")],
    );
}

#[test]
fn callers_are_told_their_place_and_offered_a_callback() {
    let queue = Queue {
        announce_wait: Some(seconds(30)),
        offer_callback: Some(seconds(45)),
        ..care()
    };
    check(
        queue,
        &[
            (0, sign_in(1)),
            (0, Pause(1)),
            (0, call()),
            (10, urgent(10)),
            (70, Leave(2)),
        ],
        &[
            (0, "announce 1 at 1"),
            (10, "announce 2 at 1"),
            (30, "announce 1 at 2"),
            (40, "announce 2 at 1"),
            (45, "offer callback 1"),
            (55, "offer callback 2"),
            (60, "announce 1 at 2"),
            (70, "announce 2 at 1"),
            (90, "announce 1 at 1"),
        ],
    );
}

#[test]
fn who_is_called_back_keeps_their_place_and_finds_an_agent_there() {
    let queue = || Queue {
        wrap_up: Duration::ZERO,
        ..care()
    };
    let before = [
        (0, sign_in(1)),
        (0, Pause(1)),
        (1, call()),
        (2, call()),
        (9, CallBack(1)),
        (500, Resume(1)),
    ];
    let events = [
        &before[..],
        &[
            (501, Accept(1, 1)),
            (510, Reached(1)),
            (511, Bridged(1)),
            (600, Leave(1)),
        ],
    ]
    .concat();
    let expected = [
        (302, "overflow 2: Waited"),
        (500, "ring 1 at 1 until 520"),
        (501, "dial 1 for 1"),
    ];
    check(queue(), &events, &expected);
    let tally = room(queue(), &events, 600).tally("care");
    assert_eq!(
        (tally.offered, tally.overflowed, tally.callbacks, tally.called_back),
        (2, 1, 1, 1)
    );
    // In vain, and again; the third time was the last.
    let mut room = room(queue(), &before[..5], 500);
    room.tell(&Resume(1));
    for n in 0..3 {
        let at = 500 + n * 900;
        room.until(at);
        assert_eq!(
            room.log.last().expect("said").1,
            format!("ring 1 at 1 until {}", at + 20)
        );
        room.tell(&Accept(1, 1));
        room.tell(&NotReached(1));
        assert_eq!(room.state(1), State::Available);
    }
    assert_eq!(room.log.last().expect("said"), &(2300, "give up 1".to_owned()));
    assert_eq!(room.tally("care").given_up, 1);
}

#[test]
fn a_customer_who_answers_when_the_agent_is_lost_waits_like_others() {
    let queue = Queue {
        wrap_up: Duration::ZERO,
        ..care()
    };
    let before = [
        (0, sign_in(1)),
        (0, Pause(1)),
        (1, call()),
        (9, CallBack(1)),
        (20, Resume(1)),
        (21, Accept(1, 1)),
    ];
    let said = [(20, "ring 1 at 1 until 40"), (21, "dial 1 for 1")];
    let lost = [&before[..], &[(25, Lost(1, 1)), (26, Reached(1)), (30, sign_in(2))]].concat();
    check(
        queue.clone(),
        &lost,
        &[&said[..], &[(25, "stop dialling 1"), (30, "ring 1 at 2 until 50")]].concat(),
    );
    let late = [&before[..], &[(25, NotReached(1)), (26, Reached(1)), (27, SignOut(1))]].concat();
    let again = [
        (26, "ring 1 at 1 until 46"),
        (27, "stop 1 at 1: Withdrawn"),
        (42, "overflow 1: NoAgents"),
    ];
    check(queue, &late, &[&said[..], &again].concat());
}

#[test]
fn a_callback_that_is_booked_waits_for_its_time() {
    let events = [(0, sign_in(1)), (5, Book(wish("care"), 3600))];
    check(care(), &events, &[(3605, "ring 1 at 1 until 3625")]);
    // And for the hours.
    let events = [
        &events[..],
        &[
            (10, Event::Doors("care", Doors::Closed)),
            (9000, Event::Doors("care", Doors::Open)),
        ],
    ]
    .concat();
    check(care(), &events, &[(9000, "ring 1 at 1 until 9020")]);
    // Not for ever.
    let found = told(care(), &[(5, Book(wish("care"), 0))], 72 * 3600 + 5);
    assert_eq!(found, [(72 * 3600 + 5, "give up 1".to_owned())]);
}

#[test]
fn a_callback_of_the_time_before_has_the_place_that_it_had() {
    let start = clock::now();
    let mut desk = Desk::new(start, [&care()]);
    let now = start + seconds(3600);
    let later = desk.enqueue(now, wish("care")).expect("in line");
    let before = desk.book(now, wish("care"), start).expect("booked");
    let Event::SignIn(agent, profile) = sign_in(1) else {
        unreachable!("as it is called");
    };
    desk.sign_in(now, AgentId(agent), profile);
    let until = now + seconds(20);
    let rung = |ticket| Output::Ring {
        ticket,
        agent: AgentId(agent),
        until,
    };
    assert_eq!(desk.poll(), Some(rung(before)));
    assert_eq!(desk.rung_for(before), [(AgentId(agent), until)]);
    assert!(desk.rung_for(later).is_empty());
    assert_eq!(desk.poll(), None);
}

#[test]
fn who_is_passed_on_or_loses_their_agent_keeps_their_place() {
    let with = [
        (0, sign_in(1)),
        (0, call()),
        (0, Accept(1, 1)),
        (0, Bridged(1)),
        (10, call()),
        (20, call()),
    ];
    let first = (0, "ring 1 at 1 until 20");
    let lost = [&with[..], &[(400, Lost(1, 1))]].concat();
    // The two others have gone by then.
    check(
        care(),
        &lost,
        &[first, (310, "overflow 2: Waited"), (320, "overflow 3: Waited")],
    );
    let passed = [&with[..], &[(30, Requeue(1, "care", None)), (40, sign_in(2))]].concat();
    check(
        care(),
        &passed,
        &[
            first,
            (40, "ring 1 at 2 until 60"),
            (60, "stop 1 at 2: Unanswered"),
            (60, "ring 1 at 1 until 80"),
            (60, "ring 2 at 2 until 80"),
        ],
    );
    let tally = room(care(), &passed, 40).tally("care");
    assert_eq!((tally.offered, tally.answered), (4, 1));
}

#[test]
fn a_caller_who_hangs_up_is_counted_and_their_ring_stops() {
    let room = room(
        care(),
        &[(0, sign_in(1)), (0, call()), (0, call()), (7, Leave(1)), (30, Leave(2))],
        30,
    );
    let said: Vec<&str> = room.log.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(
        said,
        [
            "ring 1 at 1 until 20",
            "stop 1 at 1: CallerGone",
            "ring 2 at 1 until 27",
            "stop 2 at 1: Unanswered"
        ]
    );
    let tally = room.tally("care");
    assert_eq!(
        (tally.abandoned, tally.abandoned_early, tally.waited_in_vain),
        (2, 1, seconds(37))
    );
    assert_eq!(tally.service_level(), Some(0.0));
}
