//! What a turn tells beside its meaning: language, mood, topic, and no more calls.

use std::sync::Arc;

use offhook::call::{Manager, Note};
use offhook::dialplan::Plan;
use offhook::language::Language::{self, English, Mandarin};

use super::stage::{Stage, plan};

fn bilingual() -> Arc<Plan> {
    plan("fixtures/plans/bilingual.yaml")
}

fn languages(stage: &Stage) -> Vec<Language> {
    let spoken = stage.notes.iter().filter_map(|(_, note)| match note {
        Note::Language(language) => Some(*language),
        _ => None,
    });
    spoken.collect()
}

#[test]
fn the_first_words_decide_the_language_and_it_stays() {
    let mut stage = Stage::new(bilingual(), Manager::Grounded);
    stage.speaks = Some(Mandarin);
    stage.exchange("你好，帮我查一下订单");
    stage.await_silence();
    assert!(stage.said("请说一下您的四位订单号"), "{}", stage.transcript());
    assert_eq!(languages(&stage), [Mandarin]);
    // From now on only Mandarin is listened for, whatever the ear would take it for.
    stage.speaks = None;
    stage.exchange("一二三四");
    stage.await_silence();
    assert!(stage.listened.is_empty());
    assert!(stage.said("您的订单已经在路上了"), "{}", stage.transcript());
}

#[test]
fn words_that_are_of_both_languages_leave_it_open() {
    let mut stage = Stage::new(bilingual(), Manager::Grounded);
    stage.exchange("hello");
    stage.speaks = Some(Mandarin);
    stage.exchange("我的订单到哪儿了");
    assert_eq!(stage.listened, [Mandarin]);
    stage.await_silence();
    assert!(stage.said("请说一下您的四位订单号"), "{}", stage.transcript());
}

#[test]
fn a_wish_for_another_language_is_granted_and_the_question_asked_again() {
    let mut stage = Stage::new(bilingual(), Manager::Grounded);
    stage.exchange("where is my order");
    stage.exchange("can we speak Chinese please");
    stage.await_silence();
    assert_eq!(languages(&stage), [Mandarin]);
    assert!(stage.said("请说一下您的四位订单号"), "{}", stage.transcript());
    stage.exchange("一二三四");
    stage.await_silence();
    assert!(stage.said("您的订单已经在路上了"), "{}", stage.transcript());
    stage.exchange("can we speak English please");
    stage.await_silence();
    assert!(stage.said("Is there anything else?"), "{}", stage.transcript());
    assert_eq!(languages(&stage), [Mandarin, English]);
}

#[test]
fn anger_brings_a_person() {
    let mut stage = Stage::new(bilingual(), Manager::Grounded);
    stage.exchange("where is my order");
    stage.exchange("this is ridiculous, I am really angry");
    assert!(!stage.said("put you through"), "{}", stage.transcript());
    stage.exchange("you are useless, this is unacceptable");
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.said("put you through"), "{}", stage.transcript());
    assert_eq!(stage.call.disposition(), Some("wants_person"));
}

#[test]
fn the_law_is_for_people_and_no_more_calls_is_respected() {
    let mut stage = Stage::new(bilingual(), Manager::Grounded);
    stage.exchange("my lawyer will call you about this");
    stage.until("the end", |stage| stage.hung_up);
    assert_eq!(stage.call.disposition(), Some("wants_person"));
    let mut stage = Stage::new(bilingual(), Manager::Grounded);
    stage.speaks = Some(Mandarin);
    stage.exchange("你们别再打来了");
    stage.until("the end", |stage| stage.hung_up);
    assert_eq!(stage.call.disposition(), Some("dnc"));
    assert!(stage.said("不会再给您打电话"), "{}", stage.transcript());
}
