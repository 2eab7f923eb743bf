//! Calls that go well, or well enough.

use super::*;

#[test]
fn routes_by_the_first_that_matches() {
    let plan = plan(PLAN);
    assert_eq!(
        plan.route(&from_to("6661", "1")).map(|r| r.then.clone()),
        Some(Then::Reject(603))
    );
    assert_eq!(plan.route(&from_to("1", "1")).map(|r| r.name.as_str()), Some("all"));
}

#[test]
fn a_wish_a_number_read_back_and_the_goodbye() {
    let (mut walk, order) = enter(&plan(PLAN));
    assert_eq!(
        order,
        Order::Say {
            text: "I am a machine.".into(),
            bargein: false
        }
    );
    assert_eq!(until_wanted(&mut walk, order), "I am a machine. How can I help? ?");
    assert_eq!(hear(&mut walk, &[start("status")]), "Which order? ?order");
    assert_eq!(
        hear(&mut walk, &[set("order", "1234")]),
        "I have 1234. Is that right? ?yes"
    );
    assert_eq!(
        hear(&mut walk, &[Command::Deny, set("order", "1235")]),
        "I have 1235. Is that right? ?yes"
    );
    assert_eq!(
        hear(&mut walk, &[Command::Affirm]),
        "Order 1235 is on its way. Is there anything else? ?"
    );
    assert_eq!(hear(&mut walk, &[Command::Deny]), "Thank you for calling. Goodbye. end");
    assert_eq!(walk.path(), ["welcome", "status"]);
}

#[test]
fn a_number_said_with_the_wish_is_read_back_at_once() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    assert_eq!(
        hear(&mut walk, &[start("status"), set("order", "7777")]),
        "I have 7777. Is that right? ?yes"
    );
}

#[test]
fn branches_switches_and_flows_that_return() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    let said = hear(&mut walk, &[start("return"), set("reason", "damaged")]);
    assert_eq!(said, "Oh no. We are closed. Bye for now. Is there anything else? ?");
}

#[test]
fn a_digression_comes_back_to_the_question() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    assert_eq!(
        hear(&mut walk, &[start("return"), set("reason", "changed_mind")]),
        "Fine. We are closed. Bye for now. Which order? ?order"
    );
    let answer = Command::Answer {
        text: "In two days.".into(),
        source: "kb".into(),
    };
    assert_eq!(hear(&mut walk, &[answer]), "In two days. Which order? ?order");
}

#[test]
fn a_question_asked_too_often_takes_its_exit() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    assert_eq!(
        hear(&mut walk, &[]),
        "Sorry, could you say that another way? Which order? ?order"
    );
    assert_eq!(hear(&mut walk, &[]), "One moment. ->sip:agent@127.0.0.1");
    let order = walk.step(Outcome::Failed("486".into()));
    assert_eq!(
        until_wanted(&mut walk, order),
        "Nobody is there. Is there anything else? ?"
    );
}

#[test]
fn keys_answer_what_was_asked() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    let press = |walk: &mut Walk, keys: &str| {
        let order = walk.step(Outcome::Keys(keys.into()));
        until_wanted(walk, order)
    };
    assert!(press(&mut walk, "12").ends_with("?order"));
    assert!(press(&mut walk, "1234").starts_with("Order 1234 is on its way."));
}

#[test]
fn silence_is_asked_about_twice_and_then_the_call_ends() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    let mut silence = || {
        let order = walk.step(Outcome::NoInput);
        until_wanted(&mut walk, order)
    };
    assert_eq!(silence(), "Are you still there? ?");
    assert_eq!(silence(), "I can't hear you. ?");
    assert_eq!(silence(), "Thank you for calling. Goodbye. end");
}

#[test]
fn what_is_out_of_scope_or_not_understood_is_told_and_handed_over() {
    for commands in [vec![], vec![Command::OutOfScope]] {
        let (mut walk, order) = enter(&plan(PLAN));
        until_wanted(&mut walk, order);
        assert!(hear(&mut walk, &commands).ends_with('?'));
        assert!(hear(&mut walk, &commands).ends_with('?'));
        assert!(hear(&mut walk, &commands).ends_with("->sip:agent@127.0.0.1"));
        let order = walk.step(Outcome::Failed("486".into()));
        assert_eq!(
            until_wanted(&mut walk, order),
            "Nobody is there. Is there anything else? ?"
        );
        hear(&mut walk, &commands);
        hear(&mut walk, &commands);
        assert!(hear(&mut walk, &commands).ends_with("end"), "a way out is taken once");
    }
    let alone = plan(
        &PLAN
            .replace("patterns: {person: person}", "")
            .replace("person: {steps", "person: {use_when: x, steps"),
    );
    let (mut walk, order) = enter(&alone);
    until_wanted(&mut walk, order);
    hear(&mut walk, &[]);
    hear(&mut walk, &[]);
    assert!(hear(&mut walk, &[]).ends_with("end"));
}

#[test]
fn a_person_is_one_word_away_and_two_near_flows_are_asked_about() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    let near = Command::Clarify {
        flows: vec!["status".into(), "return".into()],
    };
    assert_eq!(hear(&mut walk, &[near]), "Is it about status, or about return? ?");
    assert_eq!(
        hear(&mut walk, &[Command::HandOver]),
        "One moment. ->sip:agent@127.0.0.1"
    );
}

#[test]
fn the_knowledge_is_asked_with_the_callers_words() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    assert_eq!(hear(&mut walk, &[start("ask")]), "!words");
    let order = walk.step(Outcome::Answered(None));
    assert_eq!(
        until_wanted(&mut walk, order),
        "I'm sorry, I don't know that. Is there anything else? ?"
    );
}

#[test]
fn what_a_plan_sets_is_known_or_asked_for_and_nothing_is_not_said() {
    let steps = "[{set: {order: caller.number}}, {say: \"{caller.name}\"}, {say: \"How can I help?\"}]";
    let plan = plan(&PLAN.replacen("[{say: \"How can I help?\"}]", steps, 1));
    let (mut walk, order) = enter(&plan);
    assert_eq!(until_wanted(&mut walk, order), "I am a machine. How can I help? ?");
    assert!(walk.slots().is_empty(), "there is no number: {:?}", walk.slots());
}
