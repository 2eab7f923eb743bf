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

/// The same in a call that is under way.
fn gap_of(stage: &mut Stage, words: &str) -> Duration {
    let before = stage.gaps().len();
    stage.exchange(words);
    stage.until("a gap", |stage| stage.gaps().len() > before);
    stage.gaps()[before]
}

/// From the caller's last sound to the bot's first, when a pause sounds so.
fn gap(sounds_finished: Option<f32>, words: &str) -> Duration {
    let mut stage = greeted();
    stage.sounds_finished = sounds_finished;
    gap_of(&mut stage, words)
}

#[test]
fn what_sounds_like_an_end_is_answered_at_once_and_what_does_not_is_waited_for() {
    let words = "what are your opening hours?";
    let chances = [Some(0.9), Some(0.4), Some(0.2), Some(0.05)];
    let gaps = chances.map(|chance| gap(chance, words));
    assert!(gaps.is_sorted_by(|a, b| a < b), "{gaps:?}");
    assert!(gaps[0] < gap(None, words));
}

#[test]
fn what_the_recogniser_took_for_no_sentence_and_sounds_like_none_is_waited_for() {
    let (closed, open) = (
        gap(Some(0.05), "smoke poured out of every crack."),
        gap(Some(0.05), "smoke poured out of every crack"),
    );
    assert!(closed < ms(800) && open >= ms(1400), "{closed:?} {open:?}");
    let clear = gap(Some(0.05), "what are your opening hours");
    assert!(clear < ms(800), "what the plan understands is whole: {clear:?}");
}

#[test]
fn who_pauses_long_is_waited_for_longer() {
    let mut stage = greeted();
    stage.sounds_finished = Some(0.9);
    let before = gap_of(&mut stage, "what are your opening hours?");
    // Nothing is known of the pauses between these, so that they are not taken for an end.
    stage.sounds_finished = Some(0.05);
    stage.exchange("I'd like to know | what you | have in stock and | what are your opening hours?");
    stage.sounds_finished = Some(0.9);
    let after = gap_of(&mut stage, "what are your opening hours?");
    assert!(after > before, "{before:?} {after:?}");
}

#[test]
fn words_that_promise_more_are_waited_for_however_they_sound() {
    let (whole, half) = (
        gap(Some(0.9), "I want to return something."),
        gap(Some(0.9), "I want to return something because..."),
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
