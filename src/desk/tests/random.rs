//! Anything that can happen, in any order: the desk says what the model says, and keeps its promises.

use proptest::prelude::{Just, ProptestConfig, prop, prop_oneof, proptest};
use proptest::strategy::Strategy as Made;

use super::model::{Line as Reached, Model, Where};
use super::*;
use crate::desk::ticket::Stage;

/// Some 25,000 events.
const CASES: u32 = 300;

/// What is made an event of by what there is at that moment.
#[derive(Clone, Copy, Debug)]
struct Draw {
    /// Seconds before it.
    wait: u64,
    kind: u32,
    which: usize,
    who: u64,
    /// Of a caller: what they want.
    want: u32,
}

fn draw() -> impl Made<Value = Draw> {
    let wait = prop_oneof![24 => 0_u64..4, 6 => 0_u64..40, 1 => 0_u64..1000];
    (wait, 0_u32..100, 0_usize..100, 1_u64..5, 0_u32..1000).prop_map(|(wait, kind, which, who, want)| Draw {
        wait,
        kind,
        which,
        who,
        want,
    })
}

fn queues(strategy: Strategy, ring: u64) -> [Queue; 2] {
    let care = Queue {
        skills: vec!["returns".into(), "french".into()],
        widen: vec![Widening {
            after: seconds(45),
            drop: "french".into(),
        }],
        strategy,
        ageing: 2,
        ring: seconds(ring),
        wrap_up: seconds(30),
        announce_wait: Some(seconds(30)),
        offer_callback: Some(seconds(40)),
        max_wait: seconds(300),
        max_length: 5,
        ..Queue::named("care")
    };
    let sales = Queue {
        wrap_up: Duration::ZERO,
        ageing: 1,
        announce_wait: Some(seconds(25)),
        max_wait: seconds(120),
        ..Queue::named("sales")
    };
    [care, sales]
}

/// Four agents: one who can do all, one without French, one with two calls at once, and one who speaks Mandarin.
fn agent(id: u64) -> Profile {
    let capacity = if id == 3 { 2 } else { 1 };
    let languages = match id {
        1 | 4 => vec![Language::English, Language::Mandarin],
        _ => vec![Language::English],
    };
    let skills: &[&str] = match id {
        1 => &["returns", "french", "boats"],
        2 => &["returns"],
        3 => &["returns", "french"],
        _ => &[],
    };
    Profile {
        capacity,
        languages,
        ..profile(skills)
    }
}

impl Draw {
    fn queue(self) -> &'static str {
        if self.want.is_multiple_of(3) { "sales" } else { "care" }
    }

    fn wish(self) -> Wish {
        let one_in = |n: u32| (self.want / 3).is_multiple_of(n);
        Wish {
            queue: self.queue().to_owned(),
            priority: [0, 0, 1, 5][self.want as usize % 4],
            language: one_in(5).then_some([Language::English, Language::Mandarin][self.want as usize % 2]),
            skills: if one_in(11) {
                vec!["boats".to_owned()]
            } else {
                Vec::new()
            },
            preferred: one_in(4).then_some(AgentId(self.who)),
        }
    }

    /// An event, if there is anything that it could be about.
    fn event(self, model: &Model) -> Option<Event> {
        let live: Vec<_> = model
            .customers
            .iter()
            .filter(|c| !matches!(c.at, Where::Ended(_)))
            .collect();
        let one = |fits: &dyn Fn(&Where) -> bool| {
            let fitting: Vec<_> = live.iter().filter(|c| fits(&c.at)).collect();
            let at = self.which.checked_rem(fitting.len())?;
            Some(fitting[at])
        };
        let any = || one(&|_| true).map(|customer| customer.id);
        let rung = || {
            let customer = one(&|at| matches!(at, Where::Ringing(..)))?;
            match &customer.at {
                Where::Ringing(whom, _) => Some((whom[self.which % whom.len()], customer.id)),
                _ => None,
            }
        };
        let with = || {
            let customer = one(&|at| matches!(at, Where::Connecting(..) | Where::Talking(_)))?;
            match customer.at {
                Where::Connecting(whom, _) | Where::Talking(whom) => Some((whom, customer.id)),
                _ => None,
            }
        };
        let connecting = || one(&|at| matches!(at, Where::Connecting(..))).map(|customer| customer.id);
        let talking = || one(&|at| matches!(at, Where::Talking(_))).map(|customer| customer.id);
        let waiting = || one(&|at| matches!(at, Where::Waiting)).map(|customer| customer.id);
        Some(match self.kind {
            0..4 => Event::SignIn(self.who, agent(self.who)),
            4..5 => Event::SignOut(self.who),
            5..7 => Event::Pause(self.who),
            7..15 => Event::Resume(self.who),
            15..22 => Event::Done(self.who),
            22..36 => Event::Enqueue(self.wish()),
            36..42 => connecting().map(Event::Bridged)?,
            42..43 => Event::Book(self.wish(), u64::from(self.want)),
            43..46 => Event::Leave(any()?),
            46..50 => Event::Leave(talking()?),
            50..64 => rung().map(|(agent, ticket)| Event::Accept(agent, ticket))?,
            64..65 => Event::Accept(self.who, any()?),
            65..69 => rung().map(|(agent, ticket)| Event::Decline(agent, ticket))?,
            69..70 => Event::Decline(self.who, any()?),
            70..72 => rung().map(|(agent, ticket)| Event::Lost(agent, ticket))?,
            72..74 => with().map(|(agent, ticket)| Event::Lost(agent, ticket))?,
            74..84 => Event::Bridged(connecting()?),
            84..86 => Event::Reached(any()?),
            86..89 => Event::NotReached(connecting()?),
            89..95 => Event::CallBack(waiting()?),
            95..98 => Event::Requeue(
                talking()?,
                self.queue(),
                self.want.is_multiple_of(2).then_some(self.who),
            ),
            98 if self.want.is_multiple_of(4) => Event::Doors(self.queue(), Doors::Closed),
            _ => Event::Doors(self.queue(), Doors::Open),
        })
    }
}

/// Within one second the order in which things are said tells nothing.
fn sorted(log: &[(u64, String)]) -> Log {
    let mut log = log.to_vec();
    log.sort();
    log
}

/// What must hold at every moment.
fn promises(room: &Room, model: &Model) {
    let desk = &room.desk;
    for (id, agent) in &desk.agents {
        let rings = usize::from(agent.ringing.is_some());
        assert!(agent.with.len() + rings <= agent.profile.capacity, "{id:?}: {agent:?}");
        let asked = desk
            .tickets
            .values()
            .filter(|ticket| matches!(&ticket.stage, Stage::Ringing { agents, .. } if agents.contains(id)));
        assert_eq!(asked.count(), rings, "two rings at {id:?}, or none");
        assert_eq!(
            model.with(id.0),
            agent.with.len(),
            "{id:?} has other calls than is thought"
        );
    }
    for id in desk.in_order() {
        assert_eq!(desk.choose(id), [], "{id:?} waits though somebody is free");
    }
    assert!(
        desk.poll_timeout().is_none_or(|(at, _)| at > desk.now),
        "a timeout that is over"
    );
    // Every ticket is somewhere, or has ended.
    for customer in &model.customers {
        let known = desk.tickets.contains_key(&TicketId(customer.id));
        assert_eq!(known, !matches!(customer.at, Where::Ended(_)), "{}", customer.id);
        let away = matches!(customer.line, Reached::Away { .. });
        let held = desk.tickets.get(&TicketId(customer.id)).map(|ticket| ticket.holds());
        assert!(
            !away || held != Some(true),
            "{} is on the line, and is not",
            customer.id
        );
    }
    balanced(desk);
}

/// Who came has ended once, or still waits.
fn balanced(desk: &Desk) {
    for (name, line) in &desk.lines {
        let waiting = desk
            .tickets
            .values()
            .filter(|ticket| ticket.wish.queue == *name && ticket.is_in_line());
        let t = &line.tally;
        let ended = t.answered + t.abandoned + t.overflowed + t.called_back + t.given_up;
        assert_eq!(t.offered as usize, ended as usize + waiting.count(), "{name}: {t:?}");
    }
}

fn run(strategy: Strategy, ring: u64, draws: &[Draw]) {
    let queues = queues(strategy, ring);
    let (mut room, mut model) = (Room::new(&queues), Model::new(&queues));
    let mut told = Vec::new();
    for who in 1..5 {
        let event = Event::SignIn(who, agent(who));
        room.tell(&event);
        model.tell(&event);
    }
    for draw in draws {
        let at = room.now + draw.wait;
        room.until(at);
        model.until(at);
        if let Some(event) = draw.event(&model) {
            room.tell(&event);
            model.tell(&event);
            told.push((at, event));
        }
        let (said, expected) = (sorted(&room.log), sorted(&model.log));
        assert_eq!(said, expected, "after {told:#?}");
        promises(&room, &model);
    }
    for (reason, count) in [
        (
            "abandoned",
            room.desk.lines.values().map(|line| line.tally.abandoned).sum::<u32>(),
        ),
        (
            "overflowed",
            room.desk.lines.values().map(|line| line.tally.overflowed).sum(),
        ),
        (
            "given up",
            room.desk.lines.values().map(|line| line.tally.given_up).sum(),
        ),
    ] {
        let ended = model
            .customers
            .iter()
            .filter(|customer| customer.at == Where::Ended(reason));
        assert_eq!(ended.count(), count as usize, "{reason}");
    }
    ends(room, &model);
}

/// Everybody goes home: what is left ends by itself.
fn ends(mut room: Room, model: &Model) {
    for agent in 1..5 {
        room.tell(&Event::SignOut(agent));
    }
    for customer in &model.customers {
        if matches!(customer.at, Where::Talking(_)) {
            room.tell(&Event::Leave(customer.id));
        }
    }
    room.until(room.now + 4 * 86_400);
    assert!(room.desk.tickets.is_empty(), "{:#?}", room.desk.tickets);
    assert_eq!(room.desk.poll_timeout(), None);
    balanced(&room.desk);
}

fn strategy() -> impl Made<Value = Strategy> {
    prop_oneof![
        Just(Strategy::LongestIdle),
        Just(Strategy::FewestCalls),
        Just(Strategy::RoundRobin),
        Just(Strategy::RingAll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn the_desk_does_what_the_rules_say(
        strategy in strategy(),
        ring in 5_u64..40,
        draws in prop::collection::vec(draw(), 1..200),
    ) {
        run(strategy, ring, &draws);
    }
}
