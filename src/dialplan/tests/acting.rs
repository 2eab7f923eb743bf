//! Tools, leave to use them, corrections and policies, turn by turn.

use super::*;

const SHOP: &str = r#"
version: 1
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Machine."}}
tools:
  find_order: {http: "GET https://a.example/{order}", effect: read}
  book_visit: {http: "POST https://a.example/visits", effect: write, confirm: true, idempotency: "{call.id}/{order}"}
  note_it: {http: "POST https://a.example/notes", effect: write, confirm: false, idempotency: "{call.id}/{colour}"}
slots:
  order: {type: digits, length: 4}
  colour: {type: enum, values: [red, blue]}
  secret: {type: digits, length: 4, pii: true}
flows:
  welcome: {steps: [{say: "Hello."}]}
  visit:
    use_when: "book a visit"
    steps:
      - {collect: order, ask: "Which order?"}
      - {collect: secret, ask: "Your code?"}
      - {tool: book_visit, confirm_say: "Book a visit for {order}?", on_no: later}
      - {say: "Booked {visit.day}."}
  status: {use_when: "where is it", steps: [{collect: order, ask: "Which order?"}, {tool: find_order}, {say: "It is on its way."}]}
  note: {use_when: "leave a note", steps: [{tool: note_it, on_error: sorry}, {say: "Noted."}]}
  ask: {use_when: "when are you open", steps: [{say: "Always."}]}
  later: {steps: [{say: "Maybe later."}]}
  sorry: {steps: [{say: "No note."}]}
  person: {steps: [{transfer: "sip:a@b", on_fail: end_flow}]}
patterns: {person: person, correction: {say: "I've changed that.", then: resume_flow}}
policies:
  - {when: "colour == 'red'", do: {style: warm, disposition: red_one}}
  - {when: "visit.day == 'never'", do: {goto_flow: later}}
  - {when: "topic == 'law'", do: {hangup: "Goodbye then."}}
"#;

fn begin() -> Walk {
    let plan = plan(SHOP);
    let mut facts = from_to("1", "2");
    facts.call.insert("id".into(), Value::Text("c".into()));
    let (mut walk, order) = Walk::enter(plan, "mia", "welcome", Language::English, facts);
    until_wanted(&mut walk, order);
    walk
}

/// Up to the question whether the visit is to be booked.
fn asked() -> Walk {
    let mut walk = begin();
    hear(&mut walk, &[start("visit"), set("order", "1234")]);
    assert_eq!(hear(&mut walk, &[set("secret", "9999")]), "Book a visit for 1234? ?yes");
    walk
}

fn answer(walk: &mut Walk, values: &[(&str, &str)]) -> String {
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::Text((*value).into())));
    let order = walk.step(Outcome::Returned(values.collect()));
    until_wanted(walk, order)
}

#[test]
fn leave_is_asked_for_and_a_no_leads_elsewhere() {
    let mut walk = asked();
    assert_eq!(
        hear(&mut walk, &[Command::Deny]),
        "Maybe later. Is there anything else? ?"
    );
    let mut keyed = asked();
    let order = keyed.step(Outcome::Keys("2".into()));
    assert!(until_wanted(&mut keyed, order).starts_with("Maybe later."));
    let mut wish = asked();
    assert_eq!(
        hear(&mut wish, &[Command::Deny, start("ask")]),
        "Always. Is there anything else? ?"
    );
    let mut yes = asked();
    let order = yes.step(Outcome::Keys("1".into()));
    assert_eq!(until_wanted(&mut yes, order), "@book_visit");
}

#[test]
fn a_digression_or_a_correction_comes_back_to_the_question_for_leave() {
    let mut walk = asked();
    assert_eq!(hear(&mut walk, &[start("ask")]), "Always. Book a visit for 1234? ?yes");
    assert!(hear(&mut walk, &[]).ends_with("Book a visit for 1234? ?yes"));
    assert_eq!(
        hear(&mut walk, &[set("order", "4321")]),
        "I've changed that. Book a visit for 4321? ?yes"
    );
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "@book_visit");
    assert_eq!(
        walk.using().and_then(|call| call.idempotency.clone()).as_deref(),
        Some("c/4321")
    );
}

#[test]
fn what_is_personal_is_not_sent_unasked() {
    let mut walk = asked();
    hear(&mut walk, &[Command::Affirm]);
    let call = walk.using().cloned().expect("a tool");
    assert_eq!(call.slots.keys().collect::<Vec<_>>(), ["order"]);
}

#[test]
fn the_same_thing_is_written_once() {
    let mut walk = asked();
    hear(&mut walk, &[Command::Affirm]);
    let again = walk.step(Outcome::Heard {
        words: "hello?".into(),
        commands: vec![start("ask")],
    });
    assert_eq!(again.name(), "tool `book_visit`", "it is still under way");
    assert_eq!(
        answer(&mut walk, &[("day", "Monday")]),
        "Booked Monday. Is there anything else? ?"
    );
    hear(&mut walk, &[start("visit"), set("order", "1234")]);
    assert_eq!(
        hear(&mut walk, &[set("secret", "9999")]),
        "Booked Monday. Is there anything else? ?",
        "nobody is asked, nothing is done again"
    );
    hear(&mut walk, &[start("visit"), set("order", "5678")]);
    assert_eq!(hear(&mut walk, &[set("secret", "9999")]), "Book a visit for 5678? ?yes");
}

#[test]
fn what_failed_may_be_tried_again() {
    let mut walk = asked();
    hear(&mut walk, &[Command::Affirm]);
    let order = walk.step(Outcome::Failed("timeout".into()));
    assert_eq!(
        until_wanted(&mut walk, order),
        "I'm sorry, that did not work just now.  ->sip:a@b",
        "as nomatch has it: to a person"
    );
    let order = walk.step(Outcome::Failed("486".into()));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("visit"), set("order", "1234")]);
    hear(&mut walk, &[set("secret", "9999")]);
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "@book_visit");
}

#[test]
fn a_write_without_its_key_is_not_done() {
    let mut walk = begin();
    assert_eq!(hear(&mut walk, &[start("note")]), "No note. Is there anything else? ?");
    hear(&mut walk, &[set("colour", "blue")]);
    assert_eq!(hear(&mut walk, &[start("note")]), "@note_it");
    assert_eq!(answer(&mut walk, &[]), "Noted. Is there anything else? ?");
}

#[test]
fn policies_hold_see_answers_and_end_calls() {
    let mut walk = begin();
    assert_eq!((walk.style(), walk.disposition()), (None, None));
    hear(&mut walk, &[set("colour", "red")]);
    assert_eq!((walk.style(), walk.disposition()), (Some("warm"), Some("red_one")));
    hear(&mut walk, &[set("colour", "blue")]);
    assert_eq!((walk.style(), walk.disposition()), (None, Some("red_one")));
    let mut never = asked();
    hear(&mut never, &[Command::Affirm]);
    assert_eq!(
        answer(&mut never, &[("day", "never")]),
        "Maybe later. Is there anything else? ?"
    );
    walk.observe("topic", "", Value::Text("law".into()));
    assert_eq!(hear(&mut walk, &[start("ask")]), "Goodbye then. end");
}
