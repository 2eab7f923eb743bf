//! Callers who change their mind: other values, other wishes, and back.

use super::*;

const SHOP: &str = r#"
version: 1
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Machine."}}
slots:
  order: {type: digits, length: 4, confirm: readback}
  reason: {type: enum, values: {damaged: [broken], changed_mind: []}, confirm: readback}
  colour: {type: enum, values: [red, dark_blue]}
  paid: {type: boolean}
flows:
  welcome: {steps: [{say: "Hello {caller.name}, how can I help?"}]}
  status: {use_when: "where is an order", steps: [{collect: order, ask: "Which order?"}, {say: "Order {order} ships."}]}
  return:
    use_when: "send back"
    steps:
      - {collect: order, ask: "Which one?"}
      - {collect: colour, ask: "Which colour?"}
      - {collect: reason, ask: "Why?"}
      - {say: "Return {order} for {reason} in {colour}."}
  why: {use_when: "say why", steps: [{collect: reason, ask: "Why?"}, {say: "Noted."}]}
  pay: {use_when: "pay", steps: [{run_flow: identify}, {collect: paid, ask: "Paid?"}, {say: "Paid: {paid}."}]}
  identify: {steps: [{collect: order, ask: "Your order?"}]}
"#;

fn begin() -> Walk {
    let (mut walk, order) = enter(&plan(SHOP));
    assert_eq!(until_wanted(&mut walk, order), "Machine. Hello, how can I help? ?");
    walk
}

#[test]
fn a_correction_of_a_confirmed_value_is_read_back_and_the_flow_goes_on() {
    let mut walk = begin();
    hear(&mut walk, &[start("return"), set("order", "1111")]);
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Which colour? ?colour");
    assert_eq!(
        hear(&mut walk, &[set("order", "2222")]),
        "I have 2222. Is that right? ?yes"
    );
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Which colour? ?colour");
    hear(&mut walk, &[set("colour", "red")]);
    hear(&mut walk, &[set("reason", "damaged")]);
    assert!(hear(&mut walk, &[Command::Affirm]).starts_with("Return 2222 for broken in red."));
}

#[test]
fn a_value_is_known_by_the_words_that_it_was_said_in() {
    let mut walk = begin();
    let says = |walk: &mut Walk, words: &str, commands: &[Command]| {
        let words = words.to_owned();
        let commands = commands.to_vec();
        let order = walk.step(Outcome::Heard { words, commands });
        until_wanted(walk, order)
    };
    says(&mut walk, "about a return", &[start("why")]);
    says(&mut walk, "it came in pieces", &[set("reason", "damaged")]);
    assert_eq!(walk.quoted("reason"), None, "it is not agreed on");
    says(&mut walk, "yes", &[Command::Affirm]);
    assert_eq!(walk.quoted("reason"), Some("it came in pieces"));
    assert_eq!((walk.quoted("colour"), walk.quoted("nothing")), (None, None));
}

#[test]
fn a_correction_that_is_denied_is_asked_for() {
    let mut walk = begin();
    hear(&mut walk, &[start("return"), set("order", "1111")]);
    hear(&mut walk, &[Command::Affirm]);
    hear(&mut walk, &[set("order", "2222")]);
    assert_eq!(hear(&mut walk, &[Command::Deny]), "Which one? ?order");
    assert_eq!(
        hear(&mut walk, &[set("order", "3333")]),
        "I have 3333. Is that right? ?yes"
    );
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Which colour? ?colour");
    assert_eq!(walk.slots()["order"], Value::Text("3333".into()));
}

#[test]
fn a_correction_with_the_answer_or_while_another_value_is_read_back_loses_neither() {
    let mut walk = begin();
    hear(&mut walk, &[start("return"), set("order", "1111")]);
    hear(&mut walk, &[Command::Affirm]);
    assert_eq!(
        hear(&mut walk, &[set("colour", "dark_blue"), set("order", "2222")]),
        "I have 2222. Is that right? ?yes"
    );
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Why? ?reason");
    hear(&mut walk, &[set("reason", "changed_mind")]);
    assert_eq!(
        hear(&mut walk, &[set("order", "3333")]),
        "I have 3333. Is that right? ?yes"
    );
    assert_eq!(
        hear(&mut walk, &[Command::Affirm]),
        "I have changed mind. Is that right? ?yes"
    );
    assert!(hear(&mut walk, &[Command::Affirm]).starts_with("Return 3333 for changed mind in dark blue."));
}

#[test]
fn a_correction_of_what_is_not_read_back_replaces_it() {
    let mut walk = begin();
    hear(
        &mut walk,
        &[start("return"), set("order", "1111"), set("colour", "red")],
    );
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Why? ?reason");
    assert_eq!(hear(&mut walk, &[set("colour", "dark_blue")]), "Why? ?reason");
    assert_eq!(walk.slots()["colour"], Value::Text("dark_blue".into()));
}

#[test]
fn a_correction_after_the_flow_is_read_back_too() {
    let mut walk = begin();
    hear(&mut walk, &[start("status"), set("order", "1111")]);
    assert!(hear(&mut walk, &[Command::Affirm]).ends_with("anything else? ?"));
    assert_eq!(
        hear(&mut walk, &[Command::Affirm, set("order", "2222")]),
        "I have 2222. Is that right? ?yes"
    );
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Is there anything else? ?");
}

#[test]
fn going_back_to_a_flow_that_waits_asks_its_question_and_repeats_no_step() {
    let mut walk = begin();
    hear(&mut walk, &[start("status")]);
    hear(&mut walk, &[start("why")]);
    assert_eq!(hear(&mut walk, &[start("status")]), "Which order? ?order");
    hear(&mut walk, &[set("order", "1234")]);
    assert_eq!(
        hear(&mut walk, &[Command::Affirm]),
        "Order 1234 ships. Is there anything else? ?"
    );
    assert_eq!(walk.path(), ["welcome", "status", "why"]);
}

#[test]
fn a_wish_said_again_does_not_skip_what_its_flow_runs() {
    let mut walk = begin();
    assert_eq!(hear(&mut walk, &[start("pay")]), "Your order? ?order");
    assert!(hear(&mut walk, &[start("pay")]).ends_with("Your order? ?order"));
    hear(&mut walk, &[start("why")]);
    assert_eq!(hear(&mut walk, &[start("pay")]), "Your order? ?order");
    hear(&mut walk, &[set("order", "1234")]);
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Paid? ?paid");
    let yes = Command::Set {
        slot: "paid".into(),
        value: Value::Boolean(true),
    };
    assert_eq!(hear(&mut walk, &[yes]), "Paid: yes. Is there anything else? ?");
}

#[test]
fn a_digression_from_a_read_back_comes_back_to_it() {
    let mut walk = begin();
    hear(&mut walk, &[start("status"), set("order", "1234")]);
    assert_eq!(hear(&mut walk, &[start("why")]), "Why? ?reason");
    hear(&mut walk, &[set("reason", "damaged")]);
    assert_eq!(
        hear(&mut walk, &[Command::Affirm]),
        "Noted. I have 1234. Is that right? ?yes"
    );
    let answer = Command::Answer {
        text: "In two days.".into(),
        source: "kb".into(),
    };
    assert_eq!(
        hear(&mut walk, &[answer]),
        "In two days. I have 1234. Is that right? ?yes"
    );
    assert_eq!(hear(&mut walk, &[Command::Deny, start("why")]), "Why? ?reason");
    hear(&mut walk, &[set("reason", "damaged")]);
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Noted. Which order? ?order");
}

#[test]
fn a_value_that_does_not_fit_is_not_understood() {
    let mut walk = begin();
    hear(&mut walk, &[start("status")]);
    for unfit in ["banana", "12345", ""] {
        let mut walk = walk.clone();
        assert!(
            hear(&mut walk, &[set("order", unfit)]).starts_with("Sorry, could you say that"),
            "{unfit}"
        );
    }
    hear(&mut walk, &[set("order", "1234")]);
    assert!(hear(&mut walk, &[set("order", "banana")]).ends_with("I have 1234. Is that right? ?yes"));
    assert!(hear(&mut walk, &[set("reason", "zzz")]).starts_with("Sorry, could you say that"));
}

#[test]
fn another_value_than_was_asked_for_is_kept_and_the_question_asked_again() {
    let mut walk = begin();
    hear(&mut walk, &[start("return")]);
    assert_eq!(hear(&mut walk, &[set("colour", "red")]), "Which one? ?order");
    hear(&mut walk, &[set("order", "1234")]);
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "Why? ?reason");
}

#[test]
fn what_was_said_last_is_said_again() {
    let mut walk = begin();
    assert_eq!(hear(&mut walk, &[Command::Repeat]), "Hello, how can I help? ?");
    hear(&mut walk, &[start("status"), set("order", "1234")]);
    assert_eq!(hear(&mut walk, &[Command::Repeat]), "I have 1234. Is that right? ?yes");
    hear(&mut walk, &[Command::Deny]);
    assert_eq!(hear(&mut walk, &[Command::Repeat]), "Which order? ?order");
}
