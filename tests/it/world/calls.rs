//! What callers do, and what the bot does then.

use offhook::call::{Manager, Note};
use offhook::dialplan::Command;
use offhook::speech::Care;

use super::stage::{Stage, Works, ms, plan, support};

fn grounded() -> Stage {
    Stage::new(support(), Manager::Grounded)
}

/// A call in which the bot has greeted and listens.
fn greeted() -> Stage {
    let mut stage = grounded();
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage
}

#[test]
fn a_whole_call_from_the_greeting_to_the_goodbye() {
    let mut stage = greeted();
    assert!(
        stage.bot_said()[0].contains("automated assistant"),
        "the disclosure comes first"
    );
    stage.exchange("what are your opening hours");
    stage.exchange("where is my order");
    stage.exchange("4071 8263");
    stage.until("it is read back", |stage| stage.said("40718263"));
    stage.exchange("yes that's right");
    stage.exchange("no thank you");
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.said("Goodbye"), "{}", stage.transcript());
    assert_eq!(stage.call.path(), ["welcome", "opening_hours", "order_status"]);
}

#[test]
fn the_answer_comes_soon_after_the_silence_that_ends_a_turn() {
    let mut stage = greeted();
    stage.exchange("what are your opening hours");
    stage.until("an answer", |stage| !stage.gaps().is_empty());
    let gap = stage.gaps()[0];
    assert!(gap >= ms(450) && gap <= ms(590), "{gap:?}\n{}", stage.transcript());
}

#[test]
fn the_decode_is_made_in_the_pause_and_dropped_when_the_caller_goes_on() {
    let mut stage = greeted();
    stage.exchange("where is | my order");
    assert_eq!(stage.heard_count(), 1, "{}", stage.transcript());
    assert_eq!(stage.decodes, 2);
}

/// Heard with a digit missing: nobody waits for what the caller believes to have said.
#[test]
fn a_number_that_is_too_short_is_asked_for_again_soon() {
    let mut stage = greeted();
    stage.exchange("where is my order");
    stage.until("the question", |stage| stage.said("eight-digit"));
    stage.await_silence();
    stage.say("407 18 26");
    stage.until("it is heard", |stage| stage.heard_count() == 2);
    let heard = stage.now;
    stage.until("the bot speaks", |stage| stage.sounded.last() == Some(&true));
    assert!(stage.now - heard < ms(4_000), "{}", stage.transcript());
    stage.until("it is asked for again", |stage| stage.said("another way"));
    let silences = stage.notes.iter().filter(|(_, note)| *note == Note::Silence).count();
    assert_eq!(silences, 0, "the caller was not silent\n{}", stage.transcript());
}

#[test]
fn a_number_over_three_breaths_is_one_number() {
    let mut stage = greeted();
    stage.exchange("where is my order");
    stage.until("the question", |stage| stage.said("eight-digit"));
    stage.await_silence();
    stage.say("40 71_82_63");
    stage.until("it is read back", |stage| stage.said("40718263"));
    assert!(!stage.said("another way"), "{}", stage.transcript());
}

#[test]
fn keys_answer_and_stop_the_prompt() {
    let mut stage = greeted();
    stage.exchange("where is my order");
    stage.until("the question begins", |stage| stage.sounded.last() == Some(&true));
    stage.run(ms(400));
    for key in "40718263".chars() {
        stage.call.key(stage.now, key);
        stage.tick();
        assert_eq!(stage.sounded.last(), Some(&false), "the prompt stops");
        stage.run(ms(100));
    }
    stage.until("the answer", |stage| stage.said("your order number"));
}

#[test]
fn a_caller_who_cuts_in_is_heard_and_the_history_holds_what_was_said() {
    let mut stage = greeted();
    stage.exchange("how long does a refund take");
    stage.until("an answer", |stage| stage.sounded.last() == Some(&true));
    stage.run(ms(600));
    stage.say("no wait where is my order");
    let began = stage.sounded.len();
    stage.run(ms(480));
    let quiet = stage.sounded[began..]
        .iter()
        .rposition(|sounded| *sounded)
        .map_or(0, |at| at + 1);
    assert!(quiet <= 18, "silent {} ms after the caller began", quiet * 20);
    stage.until("the new wish", |stage| stage.said("eight-digit"));
    assert!(
        stage.bot_said().iter().any(|said| said.ends_with('—')),
        "{}",
        stage.transcript()
    );
}

#[test]
fn a_mhm_or_a_cough_does_not_stop_the_bot_for_good() {
    for heard in ["Mm-hmm.", "Okay.", ""] {
        let mut stage = greeted();
        stage.exchange("how long does a refund take");
        stage.until("an answer", |stage| stage.sounded.last() == Some(&true));
        stage.run(ms(400));
        stage.noise(ms(420), heard);
        stage.until("it goes on", |stage| {
            stage.notes.iter().any(|(_, note)| *note == Note::Resumed)
        });
        stage.await_silence();
        assert!(
            !stage.bot_said().iter().any(|said| said.ends_with('—')),
            "{heard}: {}",
            stage.transcript()
        );
    }
}

#[test]
fn the_disclosure_is_heard_to_its_end_whoever_talks() {
    let mut stage = grounded();
    stage.run(ms(300));
    stage.noise(ms(1500), "hello hello");
    stage.until("the disclosure", |stage| stage.said("This call is recorded"));
    assert!(!stage.bot_said()[0].ends_with('—'));
}

#[test]
fn a_silent_caller_is_asked_twice_and_then_told_goodbye() {
    let mut stage = greeted();
    stage.until("the end", |stage| stage.hung_up);
    let silences = stage.notes.iter().filter(|(_, note)| *note == Note::Silence).count();
    assert_eq!(silences, 3);
    assert!(stage.said("Goodbye"), "{}", stage.transcript());
}

#[test]
fn the_goodbye_is_never_clipped() {
    let mut stage = greeted();
    stage.exchange("goodbye");
    stage.until("the end", |stage| stage.hung_up);
    let last = stage.sounded.iter().rposition(|sounded| *sounded).expect("it spoke");
    let tail = (stage.sounded.len() - last) * 20;
    assert!(tail >= 300, "{tail} ms after the last sound");
}

#[test]
fn a_person_is_asked_for_and_the_far_end_refuses() {
    let mut stage = greeted();
    stage.exchange("I want to talk to a person");
    stage.until("the transfer", |stage| stage.transferred.is_some());
    assert!(
        !stage.hung_up,
        "the caller is not let go before the other side has answered"
    );
    let spoken = stage.bot_said().len();
    stage.call.transferred(stage.now, 100);
    stage.call.transferred(stage.now, 486);
    stage.until("the fall-back", |stage| stage.bot_said().len() > spoken);
    assert!(!stage.hung_up);
}

#[test]
fn a_transfer_that_succeeds_lets_the_caller_go() {
    let mut stage = greeted();
    stage.exchange("I want to talk to a person");
    stage.until("the transfer", |stage| stage.transferred.is_some());
    stage.call.transferred(stage.now, 200);
    stage.until("the end", |stage| stage.hung_up);
}

#[test]
fn a_transfer_that_is_never_answered_comes_back() {
    let mut stage = greeted();
    stage.exchange("I want to talk to a person");
    stage.until("the transfer", |stage| stage.transferred.is_some());
    let failed = |stage: &Stage| {
        stage
            .notes
            .iter()
            .any(|(_, note)| matches!(note, Note::TransferFailed { .. }))
    };
    stage.until("it is given up", failed);
}

#[test]
fn without_an_ear_the_caller_is_told_and_the_call_ends() {
    let mut stage = greeted();
    stage.ear = Works::No;
    for _ in 0..4 {
        stage.await_silence();
        if !stage.hung_up {
            stage.say("where is my order");
            stage.run(ms(3_000));
        }
    }
    stage.until("the end", |stage| stage.hung_up || stage.transferred.is_some());
    assert!(stage.notes.iter().any(|(_, note)| matches!(note, Note::Problem(_))));
}

#[test]
fn an_ear_or_a_voice_that_never_answers_does_not_hold_the_call_for_ever() {
    for broken in ["ear", "voice"] {
        let mut stage = greeted();
        stage.await_silence();
        match broken {
            "ear" => stage.ear = Works::Never,
            _ => stage.voice = Works::Never,
        }
        stage.say("where is my order");
        let problem = |stage: &Stage| stage.notes.iter().any(|(_, note)| matches!(note, Note::Problem(_)));
        stage.until(broken, problem);
    }
}

#[test]
fn without_a_voice_the_call_still_ends() {
    let mut stage = Stage::with_voice(support(), Manager::Grounded, Works::No);
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.bot_said().is_empty(), "nothing was heard, so nothing is told");
}

#[test]
fn the_model_decides_and_the_grounded_manager_when_it_fails() {
    let mut stage = Stage::new(support(), Manager::Model);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage
        .thoughts
        .push_back(vec![Command::StartFlow("order_status".into())]);
    stage.exchange("something only a model understands");
    stage.until("the model's flow", |stage| stage.said("eight-digit"));
    stage.exchange("4071 8263");
    stage.until("the same turn without the model", |stage| stage.said("40718263"));
    assert!(
        stage
            .notes
            .iter()
            .any(|(_, note)| matches!(note, Note::Problem(p) if p.contains("late")))
    );
}

#[test]
fn a_caller_who_goes_on_while_the_model_thinks_is_heard_whole() {
    let mut stage = Stage::new(support(), Manager::Model);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.await_silence();
    stage.say("where is");
    stage.until("the model is asked", |stage| stage.heard_count() == 1);
    stage.say("my order");
    stage.until("both are heard", |stage| stage.heard_count() >= 2);
    stage.until("an answer", |stage| stage.said("eight-digit"));
}

#[test]
fn hold_stops_time_and_nothing_is_said() {
    let mut stage = greeted();
    stage.await_silence();
    for _ in 0..2_000 {
        stage.now += ms(20);
        stage.call.hold(stage.now);
    }
    assert!(!stage.notes.iter().any(|(_, note)| *note == Note::Silence));
    stage.exchange("where is my order");
    stage.until("an answer", |stage| stage.said("eight-digit"));
}

#[test]
fn mandarin_is_spoken_and_understood() {
    let mut stage = Stage::new(plan("dialplans/support-zh.yaml"), Manager::Grounded);
    stage.await_silence();
    assert!(stage.bot_said()[0].contains("录音"), "{}", stage.transcript());
    stage.exchange("我的订单到哪了");
    stage.exchange("四零七一八二六三");
    stage.until("it is read back", |stage| stage.said("40718263"));
}

#[test]
fn keys_do_not_cut_what_must_be_heard() {
    let mut stage = grounded();
    stage.run(ms(400));
    stage.call.key(stage.now, '1');
    stage.until("the disclosure", |stage| stage.said("This call is recorded"));
    assert!(!stage.bot_said()[0].ends_with('—'), "{}", stage.transcript());
}

#[test]
fn a_breath_while_the_model_thinks_does_not_lose_the_question() {
    let mut stage = Stage::new(support(), Manager::Model);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.await_silence();
    stage.say("where is my order");
    stage.until("the model is asked", |stage| stage.heard_count() == 1);
    stage
        .thoughts
        .push_back(vec![Command::StartFlow("order_status".into())]);
    stage.noise(ms(160), "");
    stage.until("the question is asked again", |stage| stage.said("eight-digit"));
}

#[test]
fn somebody_who_talks_without_a_pause_is_answered() {
    let mut stage = greeted();
    stage.await_silence();
    stage.noise(ms(40_000), "where is my order");
    stage.until("an answer", |stage| stage.heard_count() >= 1);
}

#[test]
fn a_television_does_not_keep_the_call_open() {
    let mut stage = greeted();
    stage.await_silence();
    for _ in 0..60 {
        if stage.hung_up {
            return;
        }
        stage.noise(ms(800), "");
        stage.run(ms(2_500));
        stage.say("");
    }
    panic!("it went on: {}", stage.transcript());
}

#[test]
fn keys_that_come_too_late_do_not_touch_a_transfer() {
    let mut stage = greeted();
    stage.await_silence();
    stage.call.key(stage.now, '0');
    stage.exchange("I want to talk to a person");
    stage.until("the transfer", |stage| stage.transferred.is_some());
    stage.transferred = None;
    stage.run(ms(5_000));
    assert_eq!(stage.transferred, None, "it is asked for once");
}

#[test]
fn a_goodbye_on_hold_still_ends_the_call() {
    let mut stage = greeted();
    stage.exchange("goodbye");
    for _ in 0..200 {
        stage.now += ms(20);
        stage.call.hold(stage.now);
    }
    stage.tick();
    assert!(stage.hung_up, "{}", stage.transcript());
}

#[test]
fn only_words_that_mean_nothing_here_are_heard_more_carefully() {
    let decodes = |words: &str| {
        let mut stage = Stage::new(support(), Manager::Grounded);
        stage.until("the greeting", |stage| stage.said("How can I help"));
        stage.mumbled = true;
        stage.exchange(words);
        stage.decodes
    };
    assert_eq!(decodes("what are your opening hours"), 1);
    assert_eq!(decodes("smoke poured out of every crack"), 2);
}

#[test]
fn a_number_is_always_heard_as_carefully_as_it_needs() {
    let mut stage = Stage::new(support(), Manager::Grounded);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.mumbled = true;
    stage.exchange("where is my order");
    stage.until("the question", |stage| stage.said("eight-digit"));
    stage.await_silence();
    let before = stage.decodes;
    stage.exchange("40718263");
    assert_eq!((stage.decodes - before, stage.care), (1, Care::AsNeeded));
}
