//! Calls that go wrong: every one of them ends.

use proptest::prelude::*;

use super::*;

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        prop::sample::select(vec!["status", "return", "ask", "person", "open", "nowhere"]).prop_map(start),
        prop::sample::select(vec![("order", "1234"), ("reason", "damaged"), ("nothing", "x")])
            .prop_map(|(s, v)| set(s, v)),
        Just(Command::Affirm),
        Just(Command::Deny),
        Just(Command::Repeat),
        Just(Command::OutOfScope),
        Just(Command::HandOver),
        Just(Command::Answer {
            text: "So.".into(),
            source: String::new()
        }),
        Just(Command::Clarify {
            flows: vec!["status".into(), "return".into()]
        }),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Done),
        Just(Outcome::NoInput),
        Just(Outcome::Failed("no".into())),
        Just(Outcome::Answered(None)),
        Just(Outcome::Answered(Some("So.".into()))),
        "[0-9*#]{0,6}".prop_map(Outcome::Keys),
        prop::collection::vec(any_command(), 0..3).prop_map(|commands| Outcome::Heard {
            words: "w".into(),
            commands
        }),
    ]
}

proptest! {
    /// Whatever happens, the walk goes on, waits or ends; and silence alone ends it.
    #[test]
    fn every_walk_ends(outcomes in prop::collection::vec(any_outcome(), 0..40)) {
        let (mut walk, mut order) = enter(&plan(PLAN));
        for outcome in outcomes { order = walk.step(outcome); }
        for _ in 0..100 {
            let outcome = match order {
                Order::Say { .. } => Outcome::Done,
                Order::Listen { .. } => Outcome::NoInput,
                Order::Answer { .. } => Outcome::Answered(None),
                Order::Transfer { .. } => Outcome::Failed("no".into()),
                Order::Hangup { .. } => return Ok(()),
            };
            order = walk.step(outcome);
        }
        prop_assert!(false, "it did not end");
    }
}
