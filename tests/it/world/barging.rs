//! Who talks over the bot: the caller, a cough, a television, or the bot itself.

use std::sync::Arc;

use offhook::call::Manager;
use offhook::dialplan::Plan;
use offhook::dialplan::assistant::{Interruption, Resume};

use super::stage::{Stage, ms, support};

/// A second into an answer that lasts several.
fn answering(plan: Arc<Plan>) -> Stage {
    let mut stage = Stage::new(plan, Manager::Grounded);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.exchange("what are your opening hours");
    stage.run(ms(1000));
    assert_eq!(stage.sounded.last(), Some(&true), "it is still speaking");
    stage
}

fn with(change: impl FnOnce(&mut offhook::dialplan::assistant::Bargein)) -> Arc<Plan> {
    let mut plan = Arc::unwrap_or_clone(support());
    change(&mut plan.assistants.values_mut().next().expect("an assistant").bargein);
    Arc::new(plan)
}

/// Frames of 20 ms from now until the bot is silent or sounds.
fn frames_until(stage: &mut Stage, sounds: bool) -> usize {
    let from = stage.sounded.len();
    stage.until("a change", |stage| {
        stage.sounded.len() > from && stage.sounded.last() == Some(&sounds)
    });
    stage.sounded.len() - from
}

#[test]
fn the_bot_is_silent_within_a_tenth_of_a_second() {
    let mut stage = answering(support());
    stage.noise(ms(900), "where is my order");
    assert!(frames_until(&mut stage, false) <= 6);
    stage.until("the question is heard", |stage| stage.said("eight-digit"));
    assert_eq!(stage.resumed(), 0);
}

#[test]
fn a_cough_is_passed_over_as_soon_as_it_is_no_word() {
    let mut stage = answering(support());
    stage.noise(ms(140), "");
    frames_until(&mut stage, false);
    assert!(frames_until(&mut stage, true) <= 20, "{}", stage.transcript());
    assert_eq!((stage.resumed(), stage.heard_count()), (1, 1));
    stage.await_silence();
    assert!(
        stage.bot_said().iter().all(|said| !said.ends_with('—')),
        "{:?}",
        stage.bot_said()
    );
}

#[test]
fn a_word_counts_however_short_it_is() {
    for short in [140, 260] {
        let mut stage = answering(support());
        stage.noise(ms(short), "stop");
        stage.until("it is heard", |stage| stage.heard_count() == 2);
        assert_eq!(stage.resumed(), 0);
    }
}

#[test]
fn what_a_plan_does_not_resume_on_ends_what_was_said() {
    let noise_only = with(|bargein| bargein.resume_on = vec![Resume::Noise]);
    let mut stage = answering(noise_only);
    stage.noise(ms(500), "okay");
    stage.until("it is heard", |stage| stage.heard_count() == 2);
    assert_eq!(stage.resumed(), 0);

    let mut stage = answering(with(|bargein| bargein.mode = Interruption::Stop));
    stage.noise(ms(140), "");
    frames_until(&mut stage, false);
    stage.run(ms(1500));
    assert_eq!(stage.resumed(), 0);
    assert!(
        stage.bot_said().last().expect("words").ends_with('—'),
        "{:?}",
        stage.bot_said()
    );
}

#[test]
fn the_bots_own_sound_does_not_stop_it() {
    for less in [12.0, 20.0] {
        let mut stage = answering(support());
        stage.echo = Some((ms(120), less));
        let silent = stage.sounded.len();
        stage.run(ms(2000));
        let pauses = stage.sounded[silent..].iter().filter(|sounded| !**sounded).count();
        assert_eq!((pauses, stage.resumed(), stage.heard_count()), (0, 0, 1), "−{less} dB");
        // And a caller is heard over it.
        stage.noise(ms(900), "where is my order");
        stage.until("the caller is heard", |stage| stage.heard_count() == 2);
    }
}

#[test]
fn its_own_words_are_not_the_callers() {
    let mut stage = answering(support());
    stage.noise(ms(900), "We are open right now.");
    stage.until("it goes on", |stage| stage.resumed() == 1);
    assert_eq!(stage.heard_count(), 1);
}

#[test]
fn a_voice_behind_the_caller_does_not_take_the_turn() {
    let mut stage = answering(support());
    stage.softer = 18.0;
    stage.noise(ms(900), "and now the weather");
    stage.run(ms(2000));
    assert_eq!((stage.resumed(), stage.heard_count()), (0, 1), "{}", stage.transcript());
}
