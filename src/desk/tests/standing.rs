//! How agents and queues stand, on timelines: states, changes of plan, clocks that jump, and what the board shows.

use super::Event::{
    Accept, Book, Bridged, CallBack, Decline, Done, Leave, Lost, NotReached, Pause, Reached, Requeue, Resume, SignOut,
};
use super::*;

#[test]
fn states_change_at_once_but_never_under_a_call() {
    let in_call = [(0, sign_in(1)), (0, call()), (1, Accept(1, 1)), (2, Bridged(1))];
    let wrap_up = || State::WrapUp;
    let lunch = || State::Paused { reason: "lunch".into() };
    for (events, at, state) in [
        (vec![], 3, State::Busy),
        (vec![(3, Pause(1))], 4, State::Busy),
        (vec![(3, Pause(1)), (5, Leave(1))], 5, wrap_up()),
        (vec![(3, Pause(1)), (5, Leave(1))], 35, lunch()),
        (vec![(3, Pause(1)), (5, Leave(1)), (6, Done(1))], 6, lunch()),
        (vec![(3, SignOut(1))], 4, State::Busy),
        (vec![(3, SignOut(1)), (5, Leave(1))], 5, State::Offline),
        (vec![(5, Leave(1))], 34, wrap_up()),
        (vec![(5, Leave(1))], 35, State::Available),
        (vec![(5, Leave(1)), (6, Done(1))], 6, State::Available),
        (vec![(5, Leave(1)), (6, SignOut(1))], 6, State::Offline),
        (vec![(5, Lost(1, 1))], 5, State::Available),
    ] {
        let all = [&in_call[..], &events].concat();
        assert_eq!(room(care(), &all, at).state(1), state, "{events:?} at {at}");
    }
}

#[test]
fn who_goes_while_they_are_rung_hands_the_ring_on() {
    for event in [Pause(1), SignOut(1)] {
        check(
            care(),
            &[(0, sign_in(1)), (1, sign_in(2)), (2, call()), (4, event)],
            &[
                (2, "ring 1 at 1 until 22"),
                (4, "stop 1 at 1: Withdrawn"),
                (4, "ring 1 at 2 until 24"),
            ],
        );
    }
}

#[test]
fn who_could_take_a_caller_is_counted_less_those_who_wait() {
    let hands = |events: &[(u64, Event)], at| {
        let hands = room(care(), events, at).desk.hands(&["care", "cars"]);
        (hands.free, hands.busy)
    };
    let two = [(0, sign_in(1)), (0, sign_in(2))];
    let and = |events: &[(u64, Event)]| [&two[..], events].concat();
    assert_eq!(hands(&two, 1), (2, 0));
    assert_eq!(hands(&and(&[(1, call())]), 2), (1, 1), "one is rung");
    let taken = [(1, call()), (2, Accept(1, 1)), (3, Bridged(1))];
    assert_eq!(hands(&and(&taken), 4), (1, 1));
    let writing = [&taken[..], &[(5, Leave(1)), (6, Pause(2))]].concat();
    assert_eq!(
        hands(&and(&writing), 7),
        (0, 1),
        "who writes is back some time, who pauses is not there"
    );
    let three = and(&[(1, call()), (1, call()), (1, call())]);
    let both_rung = room(care(), &three, 2).desk.hands(&["care"]);
    assert_eq!(
        (both_rung.free, both_rung.short),
        (0, 1),
        "the third waits for nobody yet"
    );
    assert_eq!(room(care(), &two, 1).desk.hands(&["cars"]), Hands::default());
}

#[test]
fn what_is_unknown_is_refused_or_ignored() {
    let mut room = Room::new(&[care()]);
    for event in [
        SignOut(7),
        Pause(7),
        Resume(7),
        Done(7),
        Leave(7),
        Accept(7, 7),
        Decline(7, 7),
        Lost(7, 7),
        Bridged(7),
        Reached(7),
        NotReached(7),
        CallBack(7),
        Requeue(7, "care", None),
        Requeue(7, "cars", None),
        Event::Enqueue(wish("cars")),
        Book(wish("cars"), 5),
        Event::Doors("cars", Doors::Closed),
    ] {
        room.tell(&event);
    }
    assert_eq!((room.log.len(), room.desk.poll_timeout()), (0, None));
    let now = room.instant();
    assert_eq!(room.desk.enqueue(now, wish("cars")), Err(Refused::NoSuchQueue));
    assert_eq!(
        room.desk.accept(now, AgentId(1), TicketId(1)),
        Err(Refused::NoSuchTicket)
    );
    assert_eq!(room.desk.facts("cars"), None);
}

#[test]
fn time_may_stand_still_go_back_or_jump() {
    let mut room = Room::new(&[Queue {
        announce_wait: Some(seconds(10)),
        ..care()
    }]);
    room.tell(&sign_in(1));
    room.until(100);
    room.tell(&call());
    let past = room.start;
    room.desk.handle_timeout(past);
    room.desk.handle_timeout(past);
    assert_eq!(
        room.desk.poll_timeout().map(|(at, what)| (at - past, what)),
        Some((seconds(120), "ring"))
    );
    // A day later all that was due has happened, once.
    room.desk.handle_timeout(past + seconds(86_400));
    room.note();
    let said: Vec<&str> = room.log.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(
        said,
        ["ring 1 at 1 until 120", "stop 1 at 1: Unanswered", "overflow 1: Waited"]
    );
    assert_eq!(room.desk.poll_timeout(), None);
}

#[test]
fn queues_change_with_the_plan_and_nobody_in_them_is_lost() {
    let mut room = room(care(), &[(0, sign_in(1)), (0, Pause(1)), (0, call())], 5);
    let now = room.instant();
    room.desk.set_queues(now, &[Queue::named("sales")]);
    assert_eq!(room.desk.enqueue(now, wish("care")), Err(Refused::NoSuchQueue));
    room.tell(&Resume(1));
    assert_eq!(room.log.last().expect("said").1, "ring 1 at 1 until 25");
    room.tell(&Accept(1, 1));
    room.tell(&Bridged(1));
    room.desk.begin_day(now);
    room.tell(&Leave(1));
    assert_eq!(room.state(1), State::WrapUp);
    room.tell(&SignOut(1));
    assert_eq!(room.desk.board(now).agents.len(), 1);
    room.desk.begin_day(now);
    assert_eq!(room.desk.board(now).agents, []);
    let names: Vec<String> = room
        .desk
        .board(now)
        .queues
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    assert_eq!(names, ["sales"]);
}

#[test]
fn the_board_and_the_facts_say_how_it_stands() {
    let mut room = Room::new(&[care()]);
    assert_eq!(
        room.desk.facts("care"),
        Some(Facts {
            wait: None,
            length: 0,
            agents: 0
        })
    );
    room.tell(&sign_in(1));
    assert_eq!(
        room.desk.facts("care"),
        Some(Facts {
            wait: Some(Duration::ZERO),
            length: 0,
            agents: 1
        })
    );
    for event in [call(), Accept(1, 1), Bridged(1), call(), call()] {
        room.tell(&event);
    }
    room.until(10);
    room.tell(&CallBack(2));
    let facts = room.desk.facts("care").expect("facts");
    assert_eq!((facts.length, facts.agents), (2, 1));
    // Two before them and one agent who needs four minutes for each, until it is known better; and 8 s to answer, but that it is known already
    // that it can be less.
    assert_eq!(facts.wait.map(|wait| wait.as_secs()), Some(3 * 240 + 5));
    let board = room.desk.board(room.instant());
    let queue = &board.queues[0];
    assert_eq!(
        (queue.waiting, queue.longest, queue.callbacks),
        (1, Some(seconds(10)), 1)
    );
    assert_eq!(
        (queue.today.offered, queue.today.answered, queue.today.service_level()),
        (3, 1, Some(1.0))
    );
    let agent = &board.agents[0];
    assert_eq!(
        (agent.state.clone(), agent.since, agent.calls),
        (State::Busy, seconds(10), 1)
    );
    assert_eq!((agent.with.as_slice(), agent.ringing), (&[TicketId(1)][..], None));
    room.until(310);
    assert_eq!(room.tally("care").overflowed, 1);
    room.desk.begin_day(room.instant());
    assert_eq!(
        (
            room.tally("care").offered,
            room.desk.board(room.instant()).agents[0].calls
        ),
        (1, 0)
    );
}

#[test]
fn who_needs_other_agents_stands_in_nobody_s_way() {
    let queue = |name: &str| Queue {
        skills: vec![name.to_owned()],
        ..Queue::named(name)
    };
    let mut room = Room::new(&[queue("care"), queue("sales")]);
    room.tell(&Event::SignIn(1, profile(&["care", "sales"])));
    room.tell(&Event::SignIn(2, profile(&["sales"])));
    for (agent, ticket) in [(1, 1), (2, 2)] {
        room.tell(&Event::Enqueue(wish("sales")));
        room.tell(&Accept(agent, ticket));
        room.tell(&Bridged(ticket));
    }
    let wait = |room: &Room, queue: &str| {
        room.desk
            .facts(queue)
            .and_then(|facts| facts.wait)
            .map(|wait| wait.as_secs())
    };
    // An agent needs four minutes for each, until it is known better, and up to 8 s to answer.
    assert!(
        matches!(wait(&room, "care"), Some(240..249)),
        "{:?}",
        wait(&room, "care")
    );
    assert!(
        matches!(wait(&room, "sales"), Some(120..129)),
        "{:?}",
        wait(&room, "sales")
    );
    // One of the two takes the caller before; then it takes as long as before until the one is free who can do this.
    room.tell(&Event::Enqueue(wish("sales")));
    assert!(
        matches!(wait(&room, "care"), Some(360..369)),
        "{:?}",
        wait(&room, "care")
    );
    // Whom nobody can take stands in nobody's way.
    let mandarin = Some(Language::Mandarin);
    room.tell(&Event::Enqueue(Wish {
        language: mandarin,
        ..wish("sales")
    }));
    assert!(
        matches!(wait(&room, "care"), Some(360..369)),
        "{:?}",
        wait(&room, "care")
    );
    room.tell(&Pause(1));
    assert_eq!(wait(&room, "care"), None);
}

#[test]
fn who_says_what_is_known_already_brings_what_is_due() {
    let mut room = Room::new(&[care()]);
    let at = room.instant();
    room.tell(&sign_in(1));
    room.tell(&call());
    room.log.clear();
    room.desk.sign_in(at, AgentId(1), profile(&[]));
    room.desk.sign_out(at, AgentId(2));
    room.desk.set_doors(at, "care", Doors::Open);
    room.note();
    assert_eq!(room.log, [], "nothing is new");
    // It has rung for long enough.
    room.desk.sign_in(at + seconds(21), AgentId(1), profile(&[]));
    let stopped = |output| {
        matches!(
            output,
            Some(Output::StopRinging {
                why: Stop::Unanswered,
                ..
            })
        )
    };
    assert!(stopped(room.desk.poll()));
    // What is refused is no reason to take what is due for done.
    let mut room = Room::new(&[care()]);
    room.tell(&sign_in(1));
    room.tell(&call());
    let later = room.instant() + seconds(21);
    assert_eq!(room.desk.accept(later, AgentId(2), TicketId(1)), Err(Refused::NotRung));
    room.desk.sign_in(later, AgentId(1), profile(&[]));
    assert!(stopped(room.desk.poll()));
}
