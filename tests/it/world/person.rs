//! Callers who are put through to a person: what they hear until somebody is there, and where it goes on.

use offhook::call::{Manager, Note, Return, Task};
use offhook::dialogue::conversation::Speaker;

use super::stage::{Stage, Works, ms, plan};

/// Who has asked for a person, and waits.
fn waiting() -> Stage {
    let mut stage = at_the_desk("I want to return something");
    stage.exchange("4071");
    waits(&mut stage);
    stage
}

fn at_the_desk(wish: &str) -> Stage {
    let mut stage = Stage::new(plan("fixtures/plans/person.yaml"), Manager::Grounded);
    stage.desk = Works::Yes;
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.exchange(wish);
    stage
}

fn waits(stage: &mut Stage) {
    stage.until("the desk is asked", |stage| stage.queued.is_some());
    assert!(stage.said("put you through"), "{}", stage.transcript());
}

/// Whether sound has come for a second without a gap.
fn sounds(stage: &Stage) -> bool {
    stage.sounded.iter().rev().take(50).all(|sounded| *sounded)
}

#[test]
fn who_waits_hears_music_and_how_long_it_will_be() {
    let mut stage = waiting();
    stage.run(ms(3_000));
    assert!(sounds(&stage), "music");
    stage.call.placed_in_line(2, Some(ms(150_000)));
    stage.until("their place", |stage| stage.said("You are number 2 in line"));
    stage.until("the time", |stage| stage.said("about 3 minutes"));
    stage.run(ms(2_000));
    assert!(sounds(&stage), "music again");
    // What is said meanwhile is heard by nobody.
    let decodes = stage.decodes;
    stage.say("hello is anybody there");
    stage.run(ms(4_000));
    assert_eq!(stage.decodes, decodes);
}

#[test]
fn a_person_is_told_why_and_what_is_known() {
    let stage = waiting();
    let (queue, brief) = stage.queued.as_ref().expect("queued");
    assert_eq!(queue, "care");
    assert_eq!(brief.slots, [("order_id".to_owned(), "4071".to_owned(), false)]);
    assert!(brief.summary.contains("return something"), "{brief:?}");
    assert!(brief.summary.contains("sending something back"), "{brief:?}");
    assert_eq!(brief.reason, "The caller needs a person to go on.");
    assert!(
        brief
            .turns
            .iter()
            .any(|turn| turn.speaker == Speaker::Caller && turn.words.contains("4071"))
    );
    assert!(brief.whisper.contains("4071") && brief.whisper.len() < 160, "{brief:?}");

    let mut stage = at_the_desk("I want to talk to a person");
    waits(&mut stage);
    let (_, brief) = stage.queued.as_ref().expect("queued");
    assert_eq!(brief.reason, "The caller asks for a person.");
}

#[test]
fn a_person_takes_the_call_and_hangs_up() {
    let mut stage = waiting();
    stage.run(ms(1_000));
    stage.call.bridged(stage.now, "Ann");
    let at = stage.sounded.len();
    stage.run(ms(2_000));
    assert!(
        !stage.sounded[at..].contains(&true),
        "the bot is silent beside a person"
    );
    assert!(stage.call.is_bridged());
    stage.call.returned_from_person(stage.now, Return::AgentLeft);
    stage.until("the end", |stage| stage.hung_up);
    assert!(
        stage
            .notes
            .iter()
            .any(|(_, note)| *note == Note::Bridged { agent: "Ann".into() })
    );
}

#[test]
fn nobody_takes_the_call_and_the_bot_is_there_within_two_seconds() {
    for how in [
        Return::NoAgent("all are away".into()),
        Return::Declined,
        Return::AgentLost,
    ] {
        let mut stage = waiting();
        stage.run(ms(1_000));
        if how == Return::AgentLost {
            stage.call.bridged(stage.now, "Ann");
            stage.run(ms(1_000));
        }
        stage.call.returned_from_person(stage.now, how.clone());
        let at = stage.sounded.len();
        stage.run(ms(2_000));
        assert!(stage.sounded[at..].contains(&true), "{how:?}: {}", stage.transcript());
        stage.until("the way out", |stage| stage.said("Nobody is free"));
        stage.until("the next question", |stage| stage.said("anything else"));
        assert_eq!(stage.call.collected().get("order_id").map(String::as_str), Some("4071"));
    }
}

#[test]
fn a_person_gives_the_caller_back_with_all_that_was_told() {
    let mut stage = waiting();
    stage.call.bridged(stage.now, "Ann");
    stage.run(ms(1_000));
    stage
        .call
        .returned_from_person(stage.now, Return::GivenBack { flow: None });
    stage.until("what follows", |stage| stage.said("Welcome back"));

    let mut stage = waiting();
    stage.call.bridged(stage.now, "Ann");
    stage.run(ms(1_000));
    let flow = Some("return_item".to_owned());
    stage.call.returned_from_person(stage.now, Return::GivenBack { flow });
    // The number is known, so that it is not asked again.
    let count = |stage: &Stage, words: &str| stage.bot_said().iter().filter(|said| said.contains(words)).count();
    stage.until("the flow", |stage| count(stage, "I have your number") == 2);
    assert_eq!(count(&stage, "What is the order number"), 1, "{}", stage.transcript());
}

#[test]
fn who_would_rather_be_called_back_says_so_or_presses_a_key() {
    for by_key in [true, false] {
        let mut stage = waiting();
        stage.run(ms(1_000));
        stage.call.key(stage.now, '1');
        stage.run(ms(1_000));
        assert!(stage.call_back.is_none(), "nobody has asked them");
        stage.call.offer_callback();
        stage.until("the offer", |stage| stage.said("would rather be called back"));
        if by_key {
            stage.call.key(stage.now, '1');
        } else {
            stage.run(ms(400));
            stage.say("yes please");
        }
        stage.until("it is taken", |stage| stage.call_back.is_some());
        let task = |note: &Note| matches!(note, Note::Task(Task::Callback { number, queue: Some(queue), .. }) if number == "+4930123456" && queue == "care");
        assert!(stage.notes.iter().any(|(_, note)| task(note)), "{}", stage.transcript());
        // Who calls them is told what it is about.
        let wanted = stage.call_back.clone().expect("taken");
        assert_eq!((wanted.number.as_str(), wanted.queue.as_str()), ("+4930123456", "care"));
        assert!(wanted.after.is_none() && wanted.brief.reason.contains("person"));
        // The desk has not heard yet.
        stage
            .call
            .returned_from_person(stage.now, Return::NoAgent("too long".into()));
        stage.until("the promise", |stage| stage.said("we will call you back"));
        stage.until("the end", |stage| stage.hung_up);
        assert!(!stage.said("Nobody is free"), "{}", stage.transcript());
    }
}

#[test]
fn who_names_a_time_is_called_by_the_queue_that_the_plan_names() {
    let mut stage = Stage::new(plan("fixtures/plans/callback.yaml"), Manager::Grounded);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.exchange("can you call me later");
    stage.until("the question", |stage| stage.said("When shall we call you"));
    stage.exchange("tomorrow at three in the afternoon");
    stage.until("the promise", |stage| stage.said("We will call you then"));
    let wanted = stage.call_back.clone().expect("it is booked");
    assert_eq!((wanted.number.as_str(), wanted.queue.as_str()), ("+4930123456", "care"));
    // It is noon or so, as far as the clock on the wall of any place goes.
    let after = wanted.after.expect("a time");
    assert!((ms(13 * 3_600_000)..ms(40 * 3_600_000)).contains(&after), "{after:?}");
    stage.until("the end", |stage| stage.hung_up);
}

#[test]
fn an_offer_that_is_not_taken_is_over_after_a_while() {
    let mut stage = waiting();
    stage.call.offer_callback();
    stage.until("the offer", |stage| stage.said("would rather be called back"));
    stage.run(ms(7_000));
    stage.call.key(stage.now, '1');
    stage.run(ms(1_000));
    assert!(stage.call_back.is_none() && sounds(&stage));
}

#[test]
fn where_there_is_no_desk_the_way_out_is_taken_at_once() {
    let mut stage = Stage::new(plan("fixtures/plans/person.yaml"), Manager::Grounded);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.exchange("I want to talk to a person");
    stage.until("the way out", |stage| stage.said("Nobody is free"));
}
