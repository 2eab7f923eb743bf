//! Calls that go wrong: every one of them ends.

use proptest::prelude::*;

use super::*;

/// What is answered to each order; a sequence of outcomes is gone through again and again.
pub(super) fn ends(walk: &mut Walk, mut order: Order, outcomes: &[Outcome]) -> Result<usize, String> {
    for turn in 0..20_000 {
        order = match order {
            Order::Hangup { .. } => return Ok(turn),
            Order::Say { .. } => walk.step(Outcome::Done),
            Order::Listen { .. }
            | Order::Answer { .. }
            | Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => walk.step(outcomes[turn % outcomes.len()].clone()),
        };
    }
    Err(format!("{order:?}"))
}

fn heard(commands: &[Command]) -> Outcome {
    Outcome::Heard {
        words: "words".into(),
        commands: commands.to_vec(),
    }
}

#[test]
fn what_makes_no_progress_ends() {
    let failed = Outcome::Failed("486".into());
    for (what, outcomes) in [
        ("repeat", vec![heard(&[Command::Repeat])]),
        (
            "repeat in a question",
            vec![heard(&[start("status")]), heard(&[Command::Repeat])],
        ),
        (
            "a value with another wish",
            vec![
                heard(&[start("status"), set("order", "1234")]),
                heard(&[start("return"), set("order", "1234")]),
            ],
        ),
        (
            "the same value again",
            vec![heard(&[start("status")]), heard(&[set("order", "1234")])],
        ),
        (
            "there and back",
            vec![heard(&[start("status")]), heard(&[start("return")])],
        ),
        (
            "never yes",
            vec![heard(&[start("status"), set("order", "1234")]), heard(&[Command::Deny])],
        ),
        ("nothing that was asked for", vec![Outcome::Done]),
        ("no person", vec![heard(&[Command::HandOver]), failed.clone()]),
        ("noise", vec![heard(&[]), failed.clone()]),
        ("silence", vec![Outcome::NoInput, failed]),
        (
            "two flows are near",
            vec![heard(&[Command::Clarify {
                flows: vec!["status".into(), "return".into()],
            }])],
        ),
    ] {
        let (mut walk, order) = enter(&plan(PLAN));
        let turns = ends(&mut walk, order, &outcomes);
        assert!(turns.as_ref().is_ok_and(|turns| *turns < 3_000), "{what}: {turns:?}");
        for outcome in [
            Outcome::Done,
            Outcome::NoInput,
            heard(&[start("status")]),
            Outcome::Keys("1".into()),
        ] {
            assert_eq!(
                walk.step(outcome),
                Order::Hangup { say: None },
                "{what}: hanging up is final"
            );
        }
    }
}

#[test]
fn a_question_is_repeated_five_times_and_then_counts_as_not_understood() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    for _ in 0..5 {
        assert_eq!(hear(&mut walk, &[Command::Repeat]), "Which order? ?order");
    }
    assert!(hear(&mut walk, &[Command::Repeat]).starts_with("Sorry"));
    assert!(hear(&mut walk, &[Command::Repeat]).ends_with("->sip:agent@127.0.0.1"));
}

#[test]
fn a_circle_that_only_shows_when_walked_ends_the_call_for_good() {
    let circle = PLAN.replacen("{say: \"Order {order} is on its way.\"}", "{goto_flow: status}", 1);
    let (mut walk, order) = enter(&plan(&circle));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status"), set("order", "1234")]);
    assert_eq!(
        hear(&mut walk, &[Command::Affirm]),
        "Thank you for calling. Goodbye. end"
    );
    for outcome in [Outcome::Done, Outcome::NoInput, heard(&[start("status")])] {
        assert_eq!(walk.step(outcome), Order::Hangup { say: None });
    }
}

#[test]
fn an_entry_that_only_goes_on_to_another_flow_waits_for_the_wish() {
    for on in ["{goto_flow: open}", "{run_flow: open}"] {
        let (mut walk, order) = enter(&plan(&PLAN.replacen("{say: \"How can I help?\"}", on, 1)));
        assert_eq!(until_wanted(&mut walk, order), "I am a machine. We are open. ?", "{on}");
        assert_eq!(hear(&mut walk, &[start("status")]), "Which order? ?order");
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        prop::sample::select(vec![
            "status", "return", "ask", "person", "open", "nowhere", "a", "b", "c", "d"
        ])
        .prop_map(start),
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

pub(super) fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Done),
        Just(Outcome::NoInput),
        Just(Outcome::Failed("no".into())),
        Just(Outcome::Declined),
        Just(Outcome::Returned(BTreeMap::from([(
            "x".to_owned(),
            Value::Number(1.0)
        )]))),
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
                Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => Outcome::Failed("no".into()),
                Order::Hangup { .. } => return Ok(()),
            };
            order = walk.step(outcome);
        }
        prop_assert!(false, "it did not end");
    }

    /// Whatever is said over and over, the call ends.
    #[test]
    fn every_round_ends(outcomes in prop::collection::vec(any_outcome(), 1..6)) {
        let (mut walk, order) = enter(&plan(PLAN));
        prop_assert!(ends(&mut walk, order, &outcomes).is_ok());
    }
}
