//! Callers who are handed over to somebody elsewhere: by their own line, by the bot, and by the bot until their line goes on without it.

use std::sync::Arc;

use offhook::call::{Manager, Note, Return};
use offhook::dialplan::queue::Load;
use offhook::dialplan::{Plan, parse};

use super::stage::{Stage, ms};

const DESK: &str = "sip:desk@127.0.0.1:5999";

/// Every caller is asked for a number, and handed over with it.
fn plan(handoff: &str) -> Arc<Plan> {
    let yaml = format!(
        r#"
version: 1
routes: [{{name: all, match: any, assistant: mia, flow: welcome}}]
assistants: {{mia: {{languages: [en], disclosure: "Hello, this is Mia."}}}}
slots:
  order_id: {{type: digits, length: 4, dtmf: true}}
  rating: {{type: digits, length: 1}}
queues: {{care: {{overflow: nobody}}}}
handoff: {{desk: {{{handoff}, no_agent: nobody, agent_declines: unwanted}}}}
flows:
  welcome:
    steps:
      - {{collect: order_id, ask: "What is the order number?"}}
      - {{if: "queue.care.wait > 5m", then: [{{say: "The line is long today."}}]}}
      - {{transfer: desk, say: "I will put you through."}}
      - {{collect: rating, ask: "How was it, from one to five?"}}
      - {{hangup: "Thank you for that."}}
  nobody: {{steps: [{{say: "Nobody is there for {{order_id}}."}}]}}
  unwanted: {{steps: [{{say: "They are too busy for {{order_id}}."}}]}}
"#
    );
    Arc::new(parse(&yaml, "handing.yaml").unwrap_or_else(|problems| panic!("{problems:#?}")))
}

fn with_number(handoff: &str) -> Stage {
    let mut stage = Stage::new(plan(handoff), Manager::Grounded);
    stage.until("the question", |stage| stage.said("What is the order number"));
    stage.exchange("4071");
    stage
}

/// Whom the caller's line was asked to call.
fn referred() -> Stage {
    let mut stage = with_number(&format!("to: \"{DESK}\", mode: blind"));
    stage.until("the transfer", |stage| stage.transferred.is_some());
    assert_eq!(stage.transferred.as_deref(), Some(DESK));
    assert!(stage.said("put you through"), "{}", stage.transcript());
    stage
}

/// Somebody elsewhere is called.
fn consulted(handoff: &str) -> Stage {
    let mut stage = with_number(&format!("to: \"{DESK}\", {handoff}"));
    stage.until("they are called", |stage| stage.queued.is_some());
    stage
}

/// And is with the caller, whose line is asked to go on without the bot.
fn released() -> Stage {
    let mut stage = consulted("mode: replaces");
    stage.call.bridged(stage.now, DESK);
    stage.tick();
    assert!(stage.released && stage.call.is_bridged());
    stage
}

/// Whether sound has come for a second without a gap.
fn sounds(stage: &Stage) -> bool {
    stage.sounded.iter().rev().take(50).all(|sounded| *sounded)
}

/// The bot speaks within two seconds, says `words`, and knows what was told.
fn comes_back(stage: &mut Stage, words: &str) {
    let at = stage.sounded.len();
    stage.run(ms(2_000));
    assert!(stage.sounded[at..].contains(&true), "{}", stage.transcript());
    stage.until(words, |stage| stage.said(words));
    stage.until("the next question", |stage| stage.said("anything else"));
    assert_eq!(stage.call.collected().get("order_id").map(String::as_str), Some("4071"));
}

fn failed(stage: &Stage, why: &str) -> bool {
    let told = |note: &Note| matches!(note, Note::TransferFailed { reason } if reason.contains(why));
    stage.notes.iter().any(|(_, note)| told(note))
}

#[test]
fn a_line_that_is_sent_on_is_let_go_when_they_have_answered() {
    let mut stage = referred();
    stage.run(ms(2_000));
    assert!(sounds(&stage), "music");
    for code in [100, 180] {
        stage.call.transferred(stage.now, code);
        stage.run(ms(1_000));
        assert!(!stage.hung_up && sounds(&stage), "{code}");
    }
    stage.call.transferred(stage.now, 200);
    stage.tick();
    assert!(stage.hung_up);
}

#[test]
fn a_line_that_cannot_be_sent_on_is_with_the_bot_again() {
    for (code, words) in [
        (405, "Nobody is there"),
        (408, "Nobody is there"),
        (503, "Nobody is there"),
        (486, "They are too busy"),
        (603, "They are too busy"),
    ] {
        let mut stage = referred();
        stage.run(ms(1_000));
        stage.call.transferred(stage.now, code);
        comes_back(&mut stage, words);
        assert!(failed(&stage, &code.to_string()), "{}", stage.transcript());
    }
    // Nothing is heard of it.
    let mut stage = referred();
    stage.until("the way out", |stage| stage.said("Nobody is there"));
}

#[test]
fn somebody_elsewhere_is_told_what_it_is_about_and_speaks_with_the_caller() {
    let mut stage = consulted("whisper: 8s");
    let (to, brief) = stage.queued.as_ref().expect("called");
    assert_eq!(to, DESK);
    assert!(brief.whisper.contains("4071"), "{brief:?}");
    stage.run(ms(2_000));
    assert!(sounds(&stage), "music while it rings");
    stage.call.bridged(stage.now, DESK);
    let at = stage.sounded.len();
    stage.run(ms(2_000));
    assert!(!stage.sounded[at..].contains(&true) && stage.call.is_bridged());
    assert!(!stage.released, "the bot stays between them");
    stage.call.returned_from_person(stage.now, Return::AgentLeft);
    stage.until("the end", |stage| stage.hung_up);
    assert!(!stage.said("How was it"), "{}", stage.transcript());
}

#[test]
fn who_is_to_be_asked_how_it_was_goes_on_with_the_bot() {
    let mut stage = consulted("after: csat");
    stage.call.bridged(stage.now, DESK);
    stage.run(ms(1_000));
    stage.call.returned_from_person(stage.now, Return::AgentLeft);
    stage.until("the question", |stage| stage.said("How was it"));
    stage.await_silence();
    stage.call.key(stage.now, '5');
    stage.until("the end", |stage| stage.hung_up);
    assert_eq!(stage.call.collected().get("rating").map(String::as_str), Some("5"));
}

#[test]
fn where_they_do_not_take_the_call_the_bot_is_there_again() {
    for (how, words) in [
        (Return::NoAgent("404".into()), "Nobody is there"),
        (Return::AgentLost, "Nobody is there"),
        (Return::Declined, "They are too busy"),
    ] {
        let mut stage = consulted("mode: replaces");
        stage.run(ms(1_000));
        stage.call.returned_from_person(stage.now, how);
        comes_back(&mut stage, words);
        assert!(!stage.released);
    }
}

#[test]
fn a_line_goes_on_with_them_alone() {
    let mut stage = released();
    // They speak with each other by the bot until it has.
    let at = stage.sounded.len();
    stage.run(ms(1_000));
    assert!(!stage.sounded[at..].contains(&true));
    stage.call.transferred(stage.now, 180);
    stage.tick();
    assert!(!stage.hung_up && stage.call.is_bridged());
    // Their line to the bot is replaced before that is told.
    stage.call.returned_from_person(stage.now, Return::AgentLeft);
    stage.run(ms(1_000));
    assert!(!stage.hung_up && !stage.call.is_bridged() && sounds(&stage), "music");
    stage.call.transferred(stage.now, 200);
    stage.tick();
    assert!(stage.hung_up, "{}", stage.transcript());
    assert!(
        !stage.said("How was it") && !stage.said("Nobody"),
        "{}",
        stage.transcript()
    );
}

#[test]
fn a_line_that_cannot_go_on_without_the_bot_stays_with_both() {
    for code in [405, 420, 481, 500, 603] {
        let mut stage = released();
        stage.run(ms(500));
        stage.call.transferred(stage.now, code);
        let at = stage.sounded.len();
        stage.run(ms(3_000));
        assert!(stage.call.is_bridged() && !stage.hung_up, "{code}");
        assert!(!stage.sounded[at..].contains(&true), "{code}: the bot is silent");
        assert!(failed(&stage, &code.to_string()), "{}", stage.transcript());
        stage.call.returned_from_person(stage.now, Return::AgentLeft);
        stage.until("the end", |stage| stage.hung_up);
    }
    let mut stage = released();
    stage.run(ms(31_000));
    assert!(
        stage.call.is_bridged() && failed(&stage, "no word"),
        "{}",
        stage.transcript()
    );
}

#[test]
fn who_hangs_up_while_the_line_is_asked_has_left() {
    for told in [Some(500), None] {
        let mut stage = released();
        stage.call.returned_from_person(stage.now, Return::AgentLeft);
        stage.run(ms(500));
        if let Some(code) = told {
            stage.call.transferred(stage.now, code);
        }
        stage.until("the end", |stage| stage.hung_up);
        let left = |note: &Note| *note == Note::Returned(Return::AgentLeft);
        assert!(stage.notes.iter().any(|(_, note)| left(note)), "{}", stage.transcript());
    }
    // What follows asks, also then.
    let mut stage = consulted("mode: replaces, after: csat");
    stage.call.bridged(stage.now, DESK);
    stage.tick();
    stage.call.returned_from_person(stage.now, Return::AgentLeft);
    stage.call.transferred(stage.now, 500);
    stage.until("the question", |stage| stage.said("How was it"));
}

#[test]
fn a_caller_whose_person_was_lost_while_their_line_was_asked_is_not_dropped() {
    for told in [Some(481), None] {
        let mut stage = released();
        stage.call.returned_from_person(stage.now, Return::AgentLost);
        if let Some(code) = told {
            stage.call.transferred(stage.now, code);
            comes_back(&mut stage, "Nobody is there");
        }
        stage.until("the way out", |stage| stage.said("Nobody is there"));
        assert!(!stage.hung_up);
    }
}

#[test]
fn a_line_that_holds_while_it_is_asked_is_not_waited_for_in_vain() {
    let mut stage = released();
    for _ in 0..31 * 50 {
        stage.now += ms(20);
        stage.call.hold(stage.now);
    }
    stage.tick();
    assert!(
        failed(&stage, "no word") && stage.call.is_bridged(),
        "{}",
        stage.transcript()
    );
}

#[test]
fn a_condition_knows_how_long_the_line_is_when_it_is_read() {
    for (minutes, said) in [(Some(6), true), (Some(4), false), (None, false)] {
        let plan = plan("queue: care");
        assert_eq!(plan.asked_queues, ["care"]);
        let mut stage = Stage::new(plan, Manager::Grounded);
        stage.until("the question", |stage| stage.said("What is the order number"));
        let load = |minutes: Option<u64>| Load {
            wait: minutes.map(|minutes| ms(minutes * 60_000)),
            length: 3,
            agents: 2,
        };
        // What was known before counts no more.
        for minutes in [Some(9), minutes] {
            stage.call.queues_stand([("care".to_owned(), load(minutes))].into());
        }
        stage.exchange("4071");
        stage.until("they are put through", |stage| stage.said("put you through"));
        assert_eq!(
            stage.said("The line is long"),
            said,
            "{minutes:?}: {}",
            stage.transcript()
        );
    }
}
