//! What flows have done by others, and what the caller hears meanwhile.

use offhook::call::{Manager, Note, Task};
use offhook::dialplan::Value;

use super::stage::{Answer, Stage, ms, plan};

/// A caller who wants to send back order 4071, with what the tools will answer.
fn returning(answers: impl IntoIterator<Item = Answer>, tool: u64) -> Stage {
    let mut stage = Stage::new(plan("fixtures/plans/acts.yaml"), Manager::Grounded);
    stage.answers.extend(answers);
    stage.tool = ms(tool);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.exchange("I want to return something");
    stage.exchange("4071");
    stage
}

const ORDER: Answer = Ok(Vec::new());

fn order(age: &'static str) -> Answer {
    ORDER.map(|_| vec![("title", "blue shoes"), ("age_days", age)])
}

#[test]
fn what_a_tool_answers_is_said_and_a_deed_is_done_once_it_is_wanted() {
    let mut stage = returning([order("12"), Ok(vec![("code", "R 7")])], 300);
    stage.until("the question", |stage| stage.said("open the return for blue shoes"));
    assert_eq!(stage.used.len(), 1, "nothing is written before the yes");
    assert!(!stage.said("One moment"), "a quick tool needs no filler");
    assert_eq!(stage.used[0].value("order_id"), Value::Text("4071".into()));
    stage.exchange("yes please");
    stage.until("it is done", |stage| stage.said("return code is R 7"));
    assert_eq!(stage.used.len(), 2);
    assert!(
        stage.used[1]
            .idempotency
            .as_deref()
            .is_some_and(|key| key.ends_with("/4071"))
    );
    assert_eq!(stage.call.disposition(), Some("return_opened"));
    assert_eq!(stage.call.collected().get("order_id").map(String::as_str), Some("4071"));
}

#[test]
fn a_no_leaves_the_deed_undone() {
    let mut stage = returning([order("12")], 300);
    stage.until("the question", |stage| stage.said("open the return"));
    stage.exchange("no thanks");
    stage.until("the next question", |stage| stage.said("anything else"));
    assert_eq!(stage.used.len(), 1);
    assert_eq!(stage.call.disposition(), None);
}

#[test]
fn a_slow_tool_has_its_filler_and_what_it_answers_decides() {
    let mut stage = returning([order("45")], 1500);
    stage.until("the answer", |stage| stage.said("Returns close after thirty days"));
    let said = stage.bot_said();
    let filler = said.iter().filter(|said| said.contains("One moment")).count();
    assert_eq!(filler, 1, "{}", stage.transcript());
    stage.until("the end", |stage| stage.hung_up);
    assert_eq!(stage.call.disposition(), Some("too_late"));
}

#[test]
fn who_talks_while_a_tool_is_used_changes_nothing() {
    let mut stage = returning([order("12")], 3000);
    stage.until("the filler", |stage| stage.said("One moment"));
    stage.say("hello are you there");
    stage.until("the question", |stage| stage.said("open the return"));
    assert_eq!(stage.used.len(), 1);
}

#[test]
fn a_tool_that_fails_leads_to_a_message_and_a_ticket() {
    let mut stage = returning([Err("the server answered 500")], 300);
    stage.until("the request", |stage| stage.said("leave a message"));
    stage.await_silence();
    stage.say("this is Ann about my order please call me back when you can");
    stage.until("the end", |stage| stage.hung_up);
    assert!(matches!(stage.kept.as_slice(), [(name, length)] if name == "message" && *length > ms(3000)));
    let ticket = stage.notes.iter().find_map(|(_, note)| match note {
        Note::Task(Task::Ticket(ticket)) => Some(ticket.clone()),
        _ => None,
    });
    assert_eq!(ticket.expect("a ticket").kind, "voicemail");
    let failed = |note: &Note| matches!(note, Note::Used { failure: Some(why), .. } if why.contains("500"));
    assert!(stage.notes.iter().any(|(_, note)| failed(note)));
    assert_eq!(stage.call.disposition(), Some("message_left"));
}

#[test]
fn who_leaves_no_message_and_a_tool_that_never_answers_do_not_hold_the_call() {
    let mut stage = returning([], 300);
    stage.run(ms(70_000));
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.kept.is_empty());
}
