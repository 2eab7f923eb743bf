//! Corrections, and what is said besides an answer.

use super::*;

#[test]
fn a_day_and_a_time_are_taken_unasked_and_put_right() {
    let (plan, grounded) = shipped("appointment.yaml", "ida", English);
    let told = |at: &str| BTreeMap::from([("when".to_owned(), Value::Text(at.to_owned()))]);
    let understood = |words: &str, expect: &Expect, told: &BTreeMap<String, Value>| {
        short(&grounded.understand(
            words,
            Moment {
                expect,
                flow: Some("book_appointment"),
                now: now(),
                told,
                offered: &[],
            },
        ))
    };
    let service = slot(&plan, "service");
    let unasked = understood("next Thursday at ten in the morning", &service, &BTreeMap::new());
    assert_eq!(unasked, "when=2026-11-26T10:00");
    for (words, wanted) in [
        ("No, next Thursday at two in the afternoon.", "no when=2026-11-26T14:00"),
        ("No, Thursday.", "no when=2026-11-26T14:00"),
        ("no, at three in the afternoon", "no when=2026-11-25T15:00"),
        ("no", "no"),
    ] {
        assert_eq!(
            understood(words, &Expect::Confirm, &told("2026-11-25T14:00")),
            wanted,
            "{words}"
        );
    }
}

#[test]
fn what_is_wrong_is_enough_to_say() {
    let (plan, grounded) = shipped("support.yaml", "mia", English);
    let told = BTreeMap::from([("order_id".to_owned(), Value::Text("12734568".to_owned()))]);
    check_after(
        &grounded,
        &Expect::Confirm,
        Some("order_status"),
        (&told, &[]),
        &[
            ("not seven, eight", "order_id=12834568"),
            ("not seven, nine", "order_id=12934568"),
            ("no, the last digit is nine", "no order_id=12734569"),
            ("it's nine, not seven", "order_id=12934568"),
            ("no", "no"),
        ],
    );
    let (_, mandarin) = shipped("support-zh.yaml", "xiaomei", Mandarin);
    check_after(
        &mandarin,
        &Expect::Confirm,
        Some("order_status"),
        (&told, &[]),
        &[
            ("不是七是九", "no order_id=12934568"),
            ("不对,最后一位是九", "no order_id=12734569"),
        ],
    );
    let offered = ["order_status".to_owned(), "return_item".to_owned()];
    check_after(
        &grounded,
        &Expect::Anything,
        None,
        (&BTreeMap::new(), &offered),
        &[
            ("the first one", "order_status"),
            ("the second, please", "return_item"),
            ("sending it back", "return_item"),
            ("what are your opening hours", "opening_hours"),
        ],
    );
    drop(plan);
}

#[test]
fn a_yes_and_a_wish_in_one_breath_are_both_kept() {
    let (_, grounded) = shipped("support.yaml", "mia", English);
    check(
        &grounded,
        &Expect::Confirm,
        Some("order_status"),
        &[
            ("Yes, and I want to return something.", "yes return_item"),
            ("that's right, and what are your opening hours?", "yes opening_hours"),
            ("yes, that's correct", "yes"),
            ("yes and thank you very much", "yes"),
        ],
    );
    let (_, mandarin) = shipped("support-zh.yaml", "xiaomei", Mandarin);
    check(
        &mandarin,
        &Expect::Confirm,
        Some("order_status"),
        &[("对,我还想退货", "yes return_item"), ("是的,谢谢", "yes")],
    );
}

/// What the number is, the yes, and the wish that came with it: none is asked for again.
#[test]
fn the_walk_keeps_both() {
    let (plan, grounded) = shipped("support.yaml", "mia", English);
    let plan = Arc::new(plan);
    let facts = Facts {
        at: jiff::Timestamp::UNIX_EPOCH,
        caller: Default::default(),
        call: Default::default(),
        queues: Default::default(),
    };
    let (mut walk, mut order) = Walk::enter(Arc::clone(&plan), "mia", "welcome", English, facts);
    let mut said = [
        "where is my order",
        "one two three four five six seven eight",
        "yes, and what are your opening hours?",
        "no thanks",
    ]
    .into_iter();
    for _ in 0..40 {
        order = match order {
            Order::Listen { expect, .. } => {
                let words = said.next().unwrap_or("goodbye").to_owned();
                let flow = walk.flow().map(str::to_owned);
                let moment = Moment {
                    expect: &expect,
                    flow: flow.as_deref(),
                    now: now(),
                    told: &walk.told(),
                    offered: &[],
                };
                let commands = grounded.understand(&words, moment);
                walk.step(Outcome::Heard { words, commands })
            }
            Order::Hangup { .. } => break,
            Order::Answer { question } => walk.step(Outcome::Answered(
                grounded.answer(&question).map(|passage| passage.text),
            )),
            Order::Say { .. }
            | Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => walk.step(Outcome::Done),
        };
    }
    assert_eq!(said.next(), None);
    assert_eq!(walk.slots().get("order_id"), Some(&Value::Text("12345678".to_owned())));
    assert!(
        walk.path().iter().any(|flow| flow == "opening_hours"),
        "{:?}",
        walk.path()
    );
}
