//! What is said while a language model thinks and writes.

use offhook::call::{Manager, Note};
use offhook::dialplan::Command;

use super::stage::{Stage, Thought, ms, support};

/// A call with a model that answers after `wait` with these clauses.
fn answering(wait: u64, clauses: &'static [&'static str]) -> Stage {
    let mut stage = Stage::new(support(), Manager::Model);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.await_silence();
    stage.speeds.model = ms(wait);
    stage.mind = Some(Box::new(move |_| Thought {
        clauses: clauses.iter().map(|clause| (*clause).to_owned()).collect(),
        meant: Ok(vec![Command::Answer {
            text: clauses.concat(),
            source: "shop.md#how-can-i-pay".to_owned(),
        }]),
    }));
    stage
}

fn times(stage: &Stage, words: &str) -> usize {
    stage.bot_said().iter().filter(|said| said.contains(words)).count()
}

#[test]
fn a_slow_model_is_bridged_once_and_a_quick_one_is_not() {
    let mut slow = answering(2500, &["You can pay by card."]);
    slow.exchange("how can I pay");
    slow.until("the answer", |stage| stage.said("pay by card"));
    assert_eq!(times(&slow, "One moment."), 1, "{}", slow.transcript());
    let mut quick = answering(300, &["You can pay by card."]);
    quick.exchange("how can I pay");
    quick.until("the answer", |stage| stage.said("pay by card"));
    assert_eq!(times(&quick, "One moment."), 0, "{}", quick.transcript());
}

#[test]
fn clauses_are_said_while_the_rest_is_written_and_none_twice() {
    const CLAUSES: &[&str] = &[
        "You can pay by card.",
        " You can pay by invoice.",
        " You can pay by bank transfer.",
    ];
    let mut stage = answering(300, CLAUSES);
    stage.say("how can I pay");
    let meant = |stage: &Stage| stage.notes.iter().any(|(_, note)| matches!(note, Note::Meant(_)));
    stage.until("the model is asked", |stage| stage.asked == 1);
    let at = stage.sounded.len();
    stage.until("it is heard", |stage| stage.sounded[at..].contains(&true));
    assert!(!meant(&stage), "before all is known\n{}", stage.transcript());
    stage.until("all is said", |stage| stage.said("Is there anything else"));
    for clause in CLAUSES {
        assert_eq!(times(&stage, clause.trim()), 1, "{}", stage.transcript());
    }
    let sources = stage
        .notes
        .iter()
        .filter(|(_, note)| matches!(note, Note::Answered { .. }))
        .count();
    assert_eq!(sources, 1, "where it came from is kept");
}

#[test]
fn a_caller_who_cuts_in_ends_the_answer_and_one_who_agrees_does_not() {
    const CLAUSES: &[&str] = &[
        "You can pay by card, or by invoice, or by bank transfer as you like.",
        " We never ask for a card number.",
    ];
    let mut stage = answering(300, CLAUSES);
    stage.exchange("how can I pay");
    stage.run(ms(600));
    stage.noise(ms(400), "mhm");
    stage.until("all is said", |stage| stage.said("never ask for a card number"));
    let mut stage = answering(300, CLAUSES);
    stage.exchange("how can I pay");
    stage.run(ms(600));
    stage.mind = None;
    stage
        .thoughts
        .push_back(vec![Command::StartFlow("order_status".into())]);
    stage.say("no tell me where my order is");
    stage.until("the other wish", |stage| stage.said("eight-digit"));
    assert!(!stage.said("never ask for a card number"), "{}", stage.transcript());
}
