//! What would come next while the caller is with a person.

use super::*;

const SHOP: &str = r#"
version: 1
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Machine."}}
tools:
  find_shop: {http: "GET https://a.example/shop", effect: read}
slots:
  order: {type: digits, length: 4}
  colour: {type: enum, values: [red, blue]}
queues: {care: {overflow: sorry}}
handoff: {warm: {queue: care, no_agent: sorry}}
flows:
  welcome: {steps: [{say: "Hello."}]}
  change:
    use_when: "change an order"
    steps:
      - {collect: order, ask: "Which order?"}
      - {transfer: warm}
      - {say: "Back again."}
      - {collect: colour, ask: "Which colour?"}
  status: {use_when: "where is the shop", steps: [{transfer: warm}, {tool: find_shop}, {say: "There."}]}
  thank: {use_when: "say thanks", steps: [{transfer: warm}, {say: "That was Ann."}]}
  human: {use_when: "a person", steps: [{transfer: warm}]}
  sorry: {steps: [{say: "Nobody is there."}]}
patterns: {person: human}
"#;

fn after(commands: &[&[Command]]) -> Walk {
    let (mut walk, order) = enter(&plan(SHOP));
    until_wanted(&mut walk, order);
    for commands in commands {
        hear(&mut walk, commands);
    }
    walk
}

fn asks(slot: &str, prompt: &str) -> Option<Ahead> {
    Some(Ahead::Ask {
        slot: slot.into(),
        prompt: prompt.into(),
    })
}

#[test]
fn it_is_the_next_question_tool_or_sentence() {
    let mut walk = after(&[&[start("change"), set("order", "1234")]]);
    assert_eq!(walk.ahead(), asks("colour", "Which colour?"));
    // Nothing has been done by looking.
    let order = walk.step(Outcome::GivenBack { flow: None });
    assert_eq!(until_wanted(&mut walk, order), "Back again. Which colour? ?colour");
    let tool = "find_shop".to_owned();
    assert_eq!(after(&[&[start("status")]]).ahead(), Some(Ahead::Use { tool }));
    assert_eq!(
        after(&[&[start("thank")]]).ahead(),
        Some(Ahead::Say("That was Ann.".into()))
    );
}

#[test]
fn who_left_a_flow_for_a_person_is_asked_for_what_it_was_not_told() {
    let walk = after(&[&[start("change")], &[Command::HandOver]]);
    assert!(
        matches!(walk.ahead(), Some(Ahead::Ask { slot, prompt }) if slot == "order" && prompt.contains("Which order?")),
        "{:?}",
        walk.ahead()
    );
    assert_eq!(after(&[&[Command::HandOver]]).ahead(), None);
}

#[test]
fn with_nobody_there_is_nothing_ahead() {
    assert_eq!(after(&[]).ahead(), None);
    assert_eq!(after(&[&[start("change")]]).ahead(), None);
}
