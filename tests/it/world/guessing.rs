//! What is begun in a pause before it is known to be the end of the turn.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use offhook::call::Manager;
use offhook::dialplan::Command;

use super::stage::{Stage, Thought, ms, support};

/// A call that waits 700 ms whatever a pause sounds like, and engines that need half as long.
fn greeted(manager: Manager) -> Stage {
    let mut plan = Arc::unwrap_or_clone(support());
    for assistant in plan.assistants.values_mut() {
        assistant.endpointing.min_wait = ms(700);
        assistant.endpointing.silence = ms(700);
    }
    let mut stage = Stage::new(Arc::new(plan), manager);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.await_silence();
    stage.sounds_finished = Some(0.9);
    stage.speeds.hearing = ms(120);
    stage.speeds.voice = ms(350);
    stage.speeds.model = ms(350);
    stage
}

fn gap(stage: &Stage) -> Duration {
    stage.gaps().first().copied().expect("a gap")
}

/// A model that is asked, and says where the money can be paid.
fn asked(stage: &mut Stage) -> Rc<RefCell<Vec<String>>> {
    let questions = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&questions);
    stage.mind = Some(Box::new(move |question| {
        seen.borrow_mut().push(format!("{:?}", question.prompt));
        Thought {
            clauses: vec!["You can pay by card.".to_owned()],
            meant: Ok(vec![Command::Answer {
                text: "You can pay by card.".to_owned(),
                source: "shop.md#how-can-i-pay".to_owned(),
            }]),
        }
    }));
    questions
}

#[test]
fn the_voice_of_an_answer_is_made_in_the_pause() {
    let mut stage = greeted(Manager::Grounded);
    stage.exchange("what are your opening hours");
    assert!(gap(&stage) < ms(700) + ms(100), "{:?}", gap(&stage));
    let open = stage
        .voices
        .iter()
        .filter(|clause| clause.starts_with("We are open"))
        .count();
    assert_eq!(open, 1, "{:?}", stage.voices);
}

#[test]
fn a_model_is_asked_and_its_first_clause_spoken_in_the_pause() {
    let mut stage = greeted(Manager::Model);
    let questions = asked(&mut stage);
    stage.exchange("how can I pay");
    stage.until("the answer", |stage| stage.said("pay by card"));
    assert!(gap(&stage) < ms(1000), "{:?}", gap(&stage));
    assert_eq!((questions.borrow().len(), stage.heard_count()), (1, 1));
    let spoken = stage
        .voices
        .iter()
        .filter(|clause| clause.contains("pay by card"))
        .count();
    assert_eq!(spoken, 1, "{:?}", stage.voices);
}

#[test]
fn a_model_is_asked_on_a_sentence_before_its_sound_is_judged() {
    let asked_after = |words: &str| {
        let mut stage = greeted(Manager::Model);
        let _questions = asked(&mut stage);
        stage.speeds.hearing = ms(250);
        stage.speeds.judging = ms(500);
        stage.run(ms(400));
        stage.say(words);
        stage.until("the words", |stage| stage.decodes > 0);
        let began = stage.now;
        stage.until("the question", |stage| stage.asked > 0);
        stage.now - began
    };
    let sentence = asked_after("how can I pay for it.");
    let open = asked_after("how can I pay for it");
    assert!(sentence < ms(350), "a sentence: {sentence:?}");
    assert!(open >= ms(450), "what may go on: {open:?}");
}

#[test]
fn what_was_begun_is_dropped_without_a_trace_when_the_caller_goes_on() {
    let mut stage = greeted(Manager::Model);
    let questions = asked(&mut stage);
    stage.exchange("I would like to know | how I can pay");
    stage.until("the answer", |stage| stage.said("pay by card"));
    stage.await_silence();
    assert_eq!(stage.heard_count(), 1, "{}", stage.transcript());
    let answers = stage
        .bot_said()
        .iter()
        .filter(|said| said.contains("pay by card"))
        .count();
    assert_eq!(answers, 1, "{}", stage.transcript());
    stage.exchange("and by invoice");
    let questions = questions.borrow();
    let last = questions.last().expect("a question");
    assert_eq!(last.matches("I would like to know").count(), 1, "{last}");
}
