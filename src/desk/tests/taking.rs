//! Who takes a caller unasked: whoever had them has them no longer, and nobody is lost between.

use super::Event::{Accept, Bridged, Leave, Lost};
use super::*;

/// A desk in which agents 1 and 2 are at work, after `events`, where 2 takes the first ticket at second 5.
fn taken(events: &[(u64, Event)]) -> Room {
    let all = [&[(0, sign_in(1)), (0, sign_in(2)), (0, call())], events].concat();
    let mut room = room(care(), &all, 5);
    let taken = room.desk.seize(room.instant(), AgentId(2), TicketId(1));
    assert_eq!(taken, Ok(()), "{events:?}");
    room.note();
    room
}

#[test]
fn whoever_is_rung_or_has_the_caller_lets_go_of_them() {
    for (events, told, first) in [
        (vec![], Some("stop 1 at 1: Taken"), State::Available),
        (vec![(1, Accept(1, 1))], Some("stop 1 at 1: Taken"), State::Available),
        (vec![(1, Accept(1, 1)), (2, Bridged(1))], None, State::WrapUp),
    ] {
        let mut room = taken(&events);
        let last = room
            .log
            .last()
            .filter(|(at, _)| *at == 5)
            .map(|(_, what)| what.as_str());
        assert_eq!(last, told, "{events:?}");
        assert_eq!((room.state(1), room.state(2)), (first, State::Busy), "{events:?}");
        room.tell(&Bridged(1));
        assert_eq!(room.desk.agent_of(TicketId(1)), Some(AgentId(2)));
        room.tell(&Leave(1));
        assert_eq!(room.state(2), State::WrapUp, "{events:?}");
    }
}

#[test]
fn a_caller_whose_taker_never_came_waits_on() {
    let mut room = taken(&[]);
    room.tell(&Lost(2, 1));
    assert_eq!(room.state(1), State::Ringing, "the other is asked again");
    assert_eq!(room.state(2), State::Available);
    let gone = room.desk.seize(room.instant(), AgentId(2), TicketId(7));
    assert_eq!(gone, Err(Refused::NoSuchTicket));
}

#[test]
fn who_is_with_somebody_of_no_queue_is_rung_for_nobody_else() {
    let mut room = room(care(), &[(0, sign_in(1))], 5);
    let ticket = room.desk.engage(room.instant(), AgentId(1));
    room.tell(&call());
    assert_eq!((room.state(1), room.log.len()), (State::Busy, 0), "{:?}", room.log);
    assert_eq!(room.desk.agent_of(ticket), Some(AgentId(1)));
    room.tell(&Leave(ticket.0));
    assert_eq!(room.log, [(5, "ring 2 at 1 until 25".to_owned())]);
    assert_eq!(room.tally("care").offered, 1, "one came by the queue");
    let unknown = room.desk.engage(room.instant(), AgentId(9));
    room.tell(&Leave(unknown.0));
}
