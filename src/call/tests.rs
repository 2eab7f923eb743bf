//! What is kept of answers and of questions without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::clock;
use crate::dialogue::grounded::understanding;
use crate::dialplan::{Command, Facts, Value, parse};

const PLAN: &str = r#"
version: 1
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Hello.", knowledge: [faq]}}
knowledge: {faq: {sources: [faq.md], min_score: MIN}}
slots: {phone: {type: digits, length: 6, pii: true}}
flows:
  welcome: {steps: [{say: "How can I help?"}]}
  lookup:
    use_when: "caller wants it looked up"
    examples: ["Look it up."]
    steps: [{answer: "when do you open the doors in winter", on_fail: sorry}]
  sorry: {steps: [{say: "I cannot tell."}]}
  call_back:
    use_when: "caller wants to be called back"
    examples: ["Call me back."]
    steps: [{collect: phone, ask: "Which number?"}, {say: "Thank you."}]
patterns: {noinput: {after: 8s, say: ["Hello?"], then: hangup}, goodbye: {say: "Goodbye."}}
"#;

fn call(min_score: &str) -> Call {
    let plan = parse(&PLAN.replace("MIN", min_score), "plan.yaml").unwrap_or_else(|problems| panic!("{problems:?}"));
    let faq = "## When do you open?\nWe open at eight.\n\n## How can I pay?\nBy card.\n\n## Where is the shop?\nIn Market Street.\n";
    let knowledge = Arc::new(Knowledge::build([("faq.md".to_owned(), faq.to_owned())]));
    let start = Start {
        understanding: understanding(&plan, "mia", &knowledge, None),
        plan: Arc::new(plan),
        assistant: "mia".into(),
        flow: "welcome".into(),
        language: Language::English,
        told: std::collections::BTreeMap::new(),
        opening: None,
        facts: Facts {
            at: "2026-11-18T11:00:00Z".parse().expect("a time"),
            caller: BTreeMap::new(),
            call: BTreeMap::new(),
            queues: BTreeMap::new(),
        },
        manager: Manager::Grounded,
    };
    Call::new(clock::now(), start)
}

/// Where answers came from, and the questions without one, since it was last asked.
fn kept(call: &mut Call) -> Vec<String> {
    let notes = call.outputs.drain(..).filter_map(|output| match output {
        Output::Note(Note::Answered { source, score }) => {
            assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)));
            Some(format!("from {source}"))
        }
        Output::Note(Note::Unanswered { question, nearest, .. }) => {
            let source = nearest.map(|(source, _)| source).unwrap_or_default();
            Some(format!("{question} → {source}"))
        }
        _ => None,
    });
    notes.collect()
}

#[test]
fn a_looked_up_answer_is_held_to_the_plan_s_least_score() {
    let source = "faq.md#when-do-you-open";
    for (min_score, expected) in [
        ("0.05", format!("from {source}")),
        ("0.99", format!("when do you open the doors in winter → {source}")),
    ] {
        let mut call = call(min_score);
        call.meant(
            clock::now(),
            "look it up".into(),
            vec![Command::StartFlow("lookup".into())],
        );
        assert_eq!(kept(&mut call), [expected], "min_score {min_score}");
    }
}

#[test]
fn sources_and_questions_without_an_answer_are_kept() {
    let mut call = call("0.4");
    let now = clock::now();
    let words = "how can I pay";
    let commands = call.understand_grounded(words);
    call.meant(now, words.into(), commands);
    call.meant(now, "who won the cup".into(), vec![Command::OutOfScope]);
    assert_eq!(
        kept(&mut call),
        [
            "from faq.md#how-can-i-pay",
            "who won the cup → faq.md#where-is-the-shop"
        ]
    );
}

#[test]
fn words_that_are_withheld_are_kept_nowhere() {
    let mut call = call("0.4");
    call.meant(
        clock::now(),
        "call me back".into(),
        vec![Command::StartFlow("call_back".into())],
    );
    assert_eq!(call.privacy, Privacy::Withheld);
    call.meant(clock::now(), "who wants to know".into(), vec![Command::OutOfScope]);
    let value = Value::Text("123456".into());
    let slot = "phone".into();
    call.meant(clock::now(), "123456".into(), vec![Command::Set { slot, value }]);
    assert_eq!(call.privacy, Privacy::Open);
    call.unanswered("can you ring 123 456");
    assert!(kept(&mut call).is_empty());
    call.unanswered("can you ring");
    assert_eq!(kept(&mut call).len(), 1);
}
