//! Plans made of random steps: each is taken or refused with places, and every call that is held by one that is taken ends.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::trouble::{any_outcome, ends};
use super::*;

const HEAD: &str = r#"version: 1
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Machine."}}
tools:
  look: {http: "GET https://a.example/{order}", effect: read}
  book: {http: "POST https://a.example/x", effect: write, confirm: true, idempotency: "{call.id}/{order}"}
  send: {sms: "Hi {order}", effect: write, confirm: false, idempotency: "{call.id}/sms"}
slots:
  order: {type: digits, length: 4, confirm: readback}
  reason: {type: enum, values: [damaged, other], ask: "Why?"}
  when: {type: datetime, must: "in future"}
queues: {care: {overflow: end_flow}}
handoff: {warm: {queue: care, no_agent: b, agent_declines: resume_flow}}
patterns: {correction: {say: "Changed.", then: resume_flow}}
policies:
  - {when: "sentiment.negative_turns >= 2", do: {goto_flow: c}}
  - {when: "reason == 'other'", do: {style: short, disposition: odd}}
flows:
  welcome: {steps: [{say: "Hello."}]}
"#;

/// Steps that name flows `a` to `d`.
const STEPS: [&str; 26] = [
    "{say: \"Hi {order}.\"}",
    "{collect: order, ask: \"Which?\", retries: 1, on_fail: b}",
    "{collect: order, ask: \"Which?\"}",
    "{collect: reason, patterns: {correction: c, noinput: {after: 2s, say: []}}}",
    "{collect: when, ask: \"When?\", max: 1, on_fail: end_flow}",
    "{tool: look}",
    "{tool: look, on_error: c}",
    "{tool: book, confirm_say: \"Shall I?\", on_no: d, on_error: resume_flow}",
    "{tool: book}",
    "{tool: send, on_error: end_flow}",
    "{goto_flow: b}",
    "{goto_flow: end_flow}",
    "{goto_flow: resume_flow}",
    "{run_flow: c}",
    "{run_flow: d}",
    "{transfer: warm, on_fail: a}",
    "{transfer: care}",
    "{transfer: \"sip:a@b\", on_fail: d}",
    "{callback: when}",
    "{record: voice, on_error: b}",
    "{ticket: {type: voicemail}}",
    "{disposition: done}",
    "{set: {order: \"'1234'\"}}",
    "{answer: last_words, on_fail: c}",
    "{hangup: now}",
    "{switch: reason, damaged: [{run_flow: d}], default: [{tool: look, on_error: a}]}",
];

fn any_plan() -> impl Strategy<Value = String> {
    let step = prop::sample::select(STEPS.to_vec());
    let branch =
        (step.clone(), step.clone()).prop_map(|(a, b)| format!("{{if: \"look.x == 1\", then: [{a}], else: [{b}]}}"));
    let step = prop_oneof![5 => step.prop_map(str::to_owned), 1 => branch];
    prop::collection::vec(prop::collection::vec(step, 1..5), 4).prop_map(|flows| {
        let names = ["a", "b", "c", "d"];
        let flows = names.iter().zip(flows);
        let flows = flows.map(|(name, steps)| {
            format!(
                "  {name}: {{use_when: \"{name} is {name}\", steps: [{}]}}\n",
                steps.join(", ")
            )
        });
        format!("{HEAD}{}", flows.collect::<String>())
    })
}

#[test]
fn many_generated_plans_are_taken() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let taken = (0..200).filter(|_| {
        let yaml = any_plan().new_tree(&mut runner).expect("a plan").current();
        parse(&yaml, "f").is_ok()
    });
    let taken = taken.count();
    assert!((20..200).contains(&taken), "{taken} of 200 are taken");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_call_by_a_plan_that_is_taken_ends(
        yaml in any_plan(),
        outcomes in prop::collection::vec(any_outcome(), 1..6),
        flow in 0_usize..4,
        negative in 0_u8..4,
    ) {
        match parse(&yaml, "f") {
            Err(problems) => prop_assert!(!problems.is_empty() && problems.iter().all(|p| p.line >= 1 && p.column >= 1)),
            Ok(plan) => {
                let (mut walk, _) = enter(&Arc::new(plan));
                walk.observe("sentiment", "negative_turns", Value::Number(f64::from(negative)));
                let wish = start(["a", "b", "c", "d"][flow]);
                let order = walk.step(Outcome::Done);
                let over = matches!(order, Order::Hangup { .. });
                prop_assert!(!over);
                let order = walk.step(Outcome::Heard { words: "w".into(), commands: vec![wish] });
                prop_assert!(ends(&mut walk, order, &outcomes).is_ok(), "{yaml}");
            }
        }
    }
}
