//! When a pause is the end of a turn.

use std::time::Duration;

use offhook::call::Manager;

use super::stage::{Stage, ms, support};

fn greeted() -> Stage {
    let mut stage = Stage::new(support(), Manager::Grounded);
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.await_silence();
    stage
}

/// From the caller's last sound to the bot's first, when a pause sounds so.
fn gap(sounds_finished: Option<f32>, words: &str) -> Duration {
    let mut stage = greeted();
    stage.sounds_finished = sounds_finished;
    stage.exchange(words);
    stage.until("a gap", |stage| !stage.gaps().is_empty());
    stage.gaps()[0]
}

#[test]
fn what_sounds_like_an_end_is_answered_at_once_and_what_does_not_is_waited_for() {
    let words = "what are your opening hours";
    let (ended, unknown, went_on) = (gap(Some(0.9), words), gap(None, words), gap(Some(0.05), words));
    assert!(
        ended < unknown && unknown < went_on,
        "{ended:?} {unknown:?} {went_on:?}"
    );
    assert!(went_on >= ms(1400), "{went_on:?}");
    assert_eq!(gap(Some(0.3), words), unknown, "in doubt silence decides");
}

#[test]
fn words_that_promise_more_are_waited_for_however_they_sound() {
    let (whole, half) = (
        gap(Some(0.9), "I want to return something"),
        gap(Some(0.9), "I want to return something because"),
    );
    // The words come after the sound was judged, and before the turn was over.
    assert!(half > whole + ms(500), "{half:?} {whole:?}");
}

#[test]
fn a_number_is_waited_for_as_long_as_ever() {
    let mut stage = greeted();
    stage.sounds_finished = Some(0.9);
    stage.exchange("where is my order");
    stage.until("the question", |stage| stage.said("eight-digit"));
    stage.await_silence();
    stage.say("40 71_82_63");
    stage.until("it is read back", |stage| stage.said("40718263"));
    assert!(!stage.said("another way"), "{}", stage.transcript());
}

#[test]
fn who_goes_on_after_all_is_heard_whole() {
    let mut stage = greeted();
    stage.sounds_finished = Some(0.1);
    stage.exchange("I would like to know | what your opening hours are");
    assert_eq!(stage.heard_count(), 1, "{}", stage.transcript());
}
