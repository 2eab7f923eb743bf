//! What a flow and a question say otherwise than the plan, and where a flow that fails goes on.

use std::time::Duration;

use super::*;

const PLAN: &str = r#"
version: 1
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Machine."}}
slots:
  order: {type: digits, length: 4}
  name: {type: name}
flows:
  welcome:
    patterns: {noinput: {after: 5s, say: "Hello?"}}
    steps: [{say: "How can I help?"}]
  status:
    use_when: "where is an order"
    patterns: {nomatch: {say: ["What?"], then: end_flow}, out_of_scope: {max: 1, then: nowhere}}
    steps:
      - {collect: name, ask: "Your name?"}
      - collect: order
        ask: "Which order?"
        patterns: {noinput: {after: 20s, say: ["Take your time."]}, nomatch: {max: 1, say: "Four digits, please."}}
      - {say: "Order {order}."}
  desk:
    use_when: "the desk"
    steps: [{transfer: {to: "sip:desk@127.0.0.1", say: "One moment.", on_fail: resume_flow}}]
  person: {steps: [{transfer: "sip:agent@127.0.0.1", on_fail: end_flow}]}
  nowhere: {steps: [{run_flow: over}, {say: "Never."}]}
  over: {steps: [{hangup: "That is all."}]}
  leave: {use_when: "leave", steps: [{run_flow: inner}, {say: "Inner ended."}]}
  inner: {steps: [{collect: name, ask: "Who?"}, {goto_flow: end_flow}]}
  back: {use_when: "back", steps: [{run_flow: deep}, {say: "Never."}]}
  deep: {steps: [{goto_flow: resume_flow}]}
patterns: {person: person, noinput: {after: 9s, say: ["Still there?"]}}
"#;

fn begin() -> Walk {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    walk
}

fn silence(walk: &mut Walk) -> String {
    let order = walk.step(Outcome::NoInput);
    until_wanted(walk, order)
}

fn name(walk: &mut Walk) -> String {
    hear(walk, &[set("name", "Ann")])
}

#[test]
fn a_question_inherits_from_its_flow_and_that_from_the_plan() {
    let mut walk = begin();
    assert_eq!(walk.patience(), Duration::from_secs(5));
    assert_eq!(silence(&mut walk), "Hello? ?");
    assert_eq!(hear(&mut walk, &[start("status")]), "Your name? ?name");
    assert_eq!(walk.patience(), Duration::from_secs(9));
    assert_eq!(silence(&mut walk), "Still there? ?name");
    assert_eq!(hear(&mut walk, &[]), "What? Your name? ?name");
    assert_eq!(name(&mut walk), "Which order? ?order");
    assert_eq!(walk.patience(), Duration::from_secs(20));
    assert_eq!(silence(&mut walk), "Take your time. ?order");
    assert_eq!(hear(&mut walk, &[]), "Four digits, please. Which order? ?order");
    assert_eq!(
        hear(&mut walk, &[]),
        "Is there anything else? ?",
        "one try more, as its nomatch says, and then the flow ends"
    );
    assert_eq!(walk.patience(), Duration::from_secs(9));
}

#[test]
fn out_of_scope_is_a_flows_own_matter_too() {
    let mut walk = begin();
    hear(&mut walk, &[start("status")]);
    assert_eq!(
        hear(&mut walk, &[Command::OutOfScope]),
        "I'm sorry, I can't help with that. Your name? ?name"
    );
    assert_eq!(hear(&mut walk, &[Command::OutOfScope]), "That is all. end");
}

#[test]
fn a_person_that_nobody_is_goes_back_to_the_question() {
    let mut walk = begin();
    hear(&mut walk, &[start("status")]);
    assert_eq!(hear(&mut walk, &[Command::HandOver]), " ->sip:agent@127.0.0.1");
    let order = walk.step(Outcome::Failed("486".into()));
    assert_eq!(until_wanted(&mut walk, order), "Your name? ?name");
    assert_eq!(hear(&mut walk, &[start("desk")]), "One moment. ->sip:desk@127.0.0.1");
    let order = walk.step(Outcome::Failed("486".into()));
    assert_eq!(until_wanted(&mut walk, order), "Your name? ?name");
}

#[test]
fn end_flow_ends_one_and_resume_flow_all_that_was_begun_in_between() {
    let mut walk = begin();
    assert_eq!(hear(&mut walk, &[start("leave")]), "Who? ?name");
    assert_eq!(name(&mut walk), "Inner ended. Is there anything else? ?");
    hear(&mut walk, &[start("status")]);
    assert_eq!(hear(&mut walk, &[start("back")]), "Your name? ?name");
    assert_eq!(name(&mut walk), "Which order? ?order");
}

#[test]
fn what_was_not_waited_for_changes_nothing() {
    let mut walk = begin();
    let transfer = walk.step(Outcome::Heard {
        words: "x".into(),
        commands: vec![Command::HandOver],
    });
    assert!(matches!(&transfer, Order::Transfer { .. }));
    for outcome in [
        Outcome::NoInput,
        Outcome::Done,
        Outcome::Keys("1".into()),
        Outcome::Answered(None),
    ] {
        assert!(matches!(walk.step(outcome), Order::Transfer { .. }));
    }
}
