//! What goes on beside a person: lines of both sides, answers suggested, notes, and the way back.

use offhook::call::{Manager, Note, Return};
use offhook::dialogue::conversation::{Heard, Speaker};

use super::stage::{Stage, Works, ms, plan};

/// Who has told an order number and a personal one, and speaks with a person.
fn bridged() -> Stage {
    let mut stage = Stage::new(plan("fixtures/plans/assist.yaml"), Manager::Grounded);
    stage.desk = Works::Yes;
    stage.until("the greeting", |stage| stage.said("How can I help"));
    stage.exchange("I want to return something");
    stage.exchange("4071");
    stage.exchange("123456");
    stage.until("the desk is asked", |stage| stage.queued.is_some());
    stage.run(ms(1_000));
    stage.call.bridged(stage.now, "Ann");
    stage.run(ms(500));
    stage
}

fn agent_says(stage: &mut Stage, words: &str) {
    let count = stage.lines.len();
    stage.say_as_agent(words);
    stage.until("what the agent said", |stage| stage.lines.len() > count);
}

fn caller_says(stage: &mut Stage, words: &str) {
    let count = stage.lines.len();
    stage.say(words);
    stage.until("what the caller said", |stage| stage.lines.len() > count);
}

/// Who said what, since line `from`.
fn lines(stage: &Stage, from: usize) -> Vec<(Speaker, &str)> {
    let lines = stage.lines[from..].iter();
    lines.map(|line| (line.speaker, line.text.as_str())).collect()
}

#[test]
fn what_is_said_with_the_bot_is_told_line_by_line_and_nothing_personal() {
    let stage = bridged();
    let told = lines(&stage, 0);
    let bot = |words: &str| {
        told.iter()
            .position(|(who, text)| *who == Speaker::Bot(Heard::Whole) && text.contains(words))
    };
    let caller = |words: &str| told.iter().position(|line| *line == (Speaker::Caller, words));
    let order = [
        bot("this is Mia"),
        bot("How can I help"),
        caller("I want to return something"),
        bot("order number"),
        caller("4071"),
        bot("customer card"),
        caller("[withheld]"),
        bot("put you through"),
    ];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{told:?}");
    assert!(stage.lines.iter().zip(1..).all(|(line, n)| line.n == n));
    assert!(stage.lines.is_sorted_by_key(|line| line.at), "{:?}", stage.lines);
    let moods = stage.lines.iter().map(|line| line.mood.is_some());
    assert!(moods.eq(stage.lines.iter().map(|line| line.speaker == Speaker::Caller)));
}

#[test]
fn both_sides_are_written_down_in_order_and_the_bot_is_silent() {
    let mut stage = bridged();
    let (from, sounded) = (stage.lines.len(), stage.sounded.len());
    agent_says(&mut stage, "Hello, this is Ann.");
    caller_says(&mut stage, "It was broken when it came.");
    agent_says(&mut stage, "I am sorry to hear that.");
    assert_eq!(
        lines(&stage, from),
        [
            (Speaker::Agent, "Hello, this is Ann."),
            (Speaker::Caller, "It was broken when it came."),
            (Speaker::Agent, "I am sorry to hear that."),
        ]
    );
    let told = &stage.lines[from..];
    assert_eq!(told[0].name.as_deref(), Some("Ann"));
    assert_eq!(told[1].name, None);
    assert!(told.is_sorted_by_key(|line| line.at), "{told:?}");
    assert!(!stage.sounded[sounded..].contains(&true), "the bot is silent");
    // The record has them, and so has what was said in the call.
    let kept = |wanted: &dyn Fn(&Note) -> bool| stage.notes.iter().any(|(_, note)| wanted(note));
    assert!(kept(&|note| *note
        == Note::AgentSaid {
            agent: "Ann".into(),
            text: "Hello, this is Ann.".into()
        }));
    assert!(kept(
        &|note| matches!(note, Note::Heard { text, .. } if text == "It was broken when it came.")
    ));
    let transcript = stage.call.conversation().transcript();
    assert!(transcript.contains("agent: I am sorry to hear that.\n"), "{transcript}");
}

#[test]
fn who_talk_at_once_are_both_heard() {
    let mut stage = bridged();
    let from = stage.lines.len();
    stage.say_as_agent("So you would like to send the lamp back that you bought from us three weeks ago.");
    stage.run(ms(1_000));
    stage.say("Yes I would.");
    stage.until("both", |stage| stage.lines.len() == from + 2);
    assert_eq!(lines(&stage, from)[0], (Speaker::Caller, "Yes I would."), "known first");
    // In the end they stand as they were said.
    let turns = stage.call.conversation().recent(2);
    assert_eq!([turns[0].speaker, turns[1].speaker], [Speaker::Agent, Speaker::Caller]);
}

#[test]
fn what_the_caller_asks_is_answered_by_the_knowledge_for_the_agent() {
    let mut stage = bridged();
    caller_says(&mut stage, "Who won the world cup?");
    agent_says(&mut stage, "Can I exchange an item for another size or colour?");
    assert_eq!(stage.suggestions, [], "what agents ask is theirs to know");
    caller_says(&mut stage, "Can I exchange an item for another size or colour?");
    let first = stage.suggestions.first().expect("a suggestion");
    assert!(first.source.contains("shop.md#can-i-exchange"), "{first:?}");
    assert!(first.answer.contains("choose exchange in your account"), "{first:?}");
    assert_eq!(
        (first.n, first.question.as_str()),
        (1, "Can I exchange an item for another size or colour?")
    );
    let count = stage.suggestions.len();
    assert!(count <= 2, "{:?}", stage.suggestions);
    caller_says(&mut stage, "Can I exchange an item for another size or colour?");
    assert_eq!(stage.suggestions.len(), count, "once in a call");
}

#[test]
fn the_caller_s_mood_follows_and_the_next_step_is_told() {
    let mut stage = bridged();
    assert_eq!(
        stage.call.next_step().as_deref(),
        Some("Ask for the fault: “What is wrong with it?”")
    );
    let before = stage.call.mood();
    caller_says(&mut stage, "This is unacceptable.");
    let mood = stage.lines.last().and_then(|line| line.mood).expect("a mood");
    assert!(mood < before && mood == stage.call.mood(), "{mood}");
}

#[test]
fn what_is_personal_is_withheld_beside_a_person_and_nothing_else_is() {
    let mut stage = bridged();
    let from = stage.lines.len();
    caller_says(&mut stage, "It is a red one.");
    caller_says(&mut stage, "My card is 123 456, you know.");
    agent_says(&mut stage, "Is it 1 2 3 4 5 6?");
    assert_eq!(
        lines(&stage, from),
        [
            (Speaker::Caller, "It is a red one."),
            (Speaker::Caller, "[withheld]"),
            (Speaker::Agent, "[withheld]"),
        ]
    );
    let notes = stage.transcript();
    assert!(!notes.contains("123 456") && !notes.contains("1 2 3 4"), "{notes}");
}

#[test]
fn when_the_person_has_gone_there_are_notes_and_the_bot_goes_on_with_all_it_knows() {
    let mut stage = bridged();
    agent_says(&mut stage, "Hello, this is Ann.");
    caller_says(&mut stage, "How long does a refund take?");
    stage.say_as_agent("Five working days. I'll send you a label today.");
    stage.run(ms(1_000));
    // Before the last words have ended; they are the agent's still.
    stage
        .call
        .returned_from_person(stage.now, Return::GivenBack { flow: None });
    stage.until("the minutes", |stage| !stage.minutes.is_empty());
    stage.until("the next question", |stage| stage.said("What is wrong with it"));
    assert!(!stage.call.is_bridged());
    let [minutes] = &stage.minutes[..] else {
        panic!("{:?}", stage.minutes)
    };
    assert_eq!(minutes.turns.len(), 3, "{minutes:?}");
    let draft = minutes.draft();
    for part in [
        "Reason: The caller needs a person to go on. It is about sending something back.",
        "Asked: How long does a refund take?",
        "Answered: Five working days.",
        "card [withheld]",
        "order id 4071",
        "Open: I'll send you a label today.",
    ] {
        assert!(draft.contains(part), "{part}\n{draft}");
    }
    assert_eq!(stage.call.minutes(), None, "they were told");
    assert_eq!(stage.call.collected().get("order_id").map(String::as_str), Some("4071"));
    stage.exchange("It is broken.");
    stage.until("it is taken", |stage| stage.said("I have noted that"));
    assert!(stage.call.collected().contains_key("fault"));
}

#[test]
fn a_caller_who_hangs_up_leaves_notes_too() {
    let mut stage = bridged();
    caller_says(&mut stage, "How long does a refund take?");
    assert!(stage.minutes.is_empty());
    let minutes = stage.call.minutes().expect("minutes");
    assert!(
        minutes.draft().contains("Open: How long does a refund take?"),
        "{}",
        minutes.draft()
    );
    assert_eq!(stage.call.minutes(), None);
}

#[test]
fn the_last_words_of_who_hangs_up_are_waited_for_and_not_for_long() {
    for (ear, turns) in [(Works::Yes, 1), (Works::Never, 0)] {
        let mut stage = bridged();
        stage.ear = ear;
        stage.say_as_agent("Have a nice day then, and goodbye.");
        stage.run(ms(1_000));
        stage.call.returned_from_person(stage.now, Return::AgentLeft);
        let at = stage.now;
        stage.until("the end", |stage| stage.hung_up);
        assert!(stage.now - at < ms(1_600), "{:?}", stage.now - at);
        let [minutes] = &stage.minutes[..] else {
            panic!("{:?}", stage.minutes)
        };
        assert_eq!(minutes.turns.len(), turns, "{minutes:?}");
    }
}

#[test]
fn an_ear_that_fails_or_never_answers_holds_up_nothing() {
    for ear in [Works::No, Works::Never] {
        let mut stage = bridged();
        stage.ear = ear;
        let from = stage.lines.len();
        stage.say("Is anybody there?");
        stage.say_as_agent("Yes, I am.");
        stage.run(ms(4_000));
        assert_eq!(lines(&stage, from), []);
        stage.call.waits_again();
        stage.run(ms(3_200));
        assert_eq!(stage.minutes.len(), 1, "{}", stage.transcript());
        // With the next person it begins anew.
        stage.ear = Works::Yes;
        stage.call.bridged(stage.now, "Ann");
        stage.run(ms(500));
        caller_says(&mut stage, "Is anybody there?");
        assert_eq!(lines(&stage, from), [(Speaker::Caller, "Is anybody there?")]);
    }
}
