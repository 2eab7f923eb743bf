//! Dial plans: any text is a plan, or a list of what is wrong with it and where.
//!
//! A plan that is taken is the same as itself, can be explained, has words for its prompts, and every call by it ends.

#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use offhook::dialplan::order::{Facts, Order};
use offhook::dialplan::{Command, Outcome, Plan, Problem, Severity, Value, Walk, diff, explain, parse};

/// More questions than any call has.
const QUESTIONS: usize = 2_000;
/// Orders of one call that are looked at.
const ORDERS: usize = 20_000;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse(text, "plan.yaml") {
        Err(problems) => {
            assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
            placed(&problems, text);
        }
        Ok(plan) => taken(plan, text),
    }
});

fn placed(problems: &[Problem], text: &str) {
    let lines = text.split(['\n', '\r']).count();
    for problem in problems {
        assert!(problem.line >= 1 && problem.column >= 1, "{problem}");
        assert!(problem.line as usize <= lines + 1, "{problem}, of {lines} lines");
        assert!(!problem.message.is_empty());
    }
}

fn taken(plan: Plan, text: &str) {
    assert_eq!(diff(&plan, &plan), Vec::<String>::new());
    let at = jiff::Timestamp::from_second(1_790_000_000).expect("a time");
    let _ = explain(&plan, "+4930123456", "100", at).to_json();
    let facts = Facts::of_nobody(at);
    let _ = plan.route(&facts);
    for prompt in plan.prompts() {
        assert!(plan.languages().contains(&prompt.language));
    }
    let plan = Arc::new(plan);
    let mut seed = DefaultHasher::new();
    text.hash(&mut seed);
    call(&plan, facts, seed.finish());
}

/// A call by the plan, in which what happens is drawn from `seed`.
fn call(plan: &Arc<Plan>, facts: Facts, mut seed: u64) {
    let mut draw = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 33) as usize % below.max(1)
    };
    let Some((name, assistant)) = plan.assistants.iter().next() else {
        return;
    };
    let Some(language) = assistant.languages.first().copied() else {
        return;
    };
    let Some(flow) = plan.flows.get(draw(plan.flows.len())) else {
        return;
    };
    let outcomes: Vec<Outcome> = (0..1 + draw(5)).map(|_| outcome(plan, &mut draw)).collect();
    let (mut walk, mut order) = Walk::enter(plan.clone(), name, &flow.name, language, facts);
    let mut questions = 0;
    for turn in 0..ORDERS {
        order = match order {
            Order::Hangup { .. } => return,
            Order::Say { .. } => walk.step(Outcome::Done),
            Order::Listen { .. } => {
                questions += 1;
                assert!(questions <= QUESTIONS, "a call without an end: {outcomes:?}");
                walk.step(outcomes[turn % outcomes.len()].clone())
            }
            Order::Answer { .. }
            | Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => walk.step(outcomes[turn % outcomes.len()].clone()),
        };
    }
}

fn outcome(plan: &Plan, draw: &mut impl FnMut(usize) -> usize) -> Outcome {
    let flow = |draw: &mut dyn FnMut(usize) -> usize| plan.flows[draw(plan.flows.len())].name.clone();
    let command = match draw(18) {
        0 => return Outcome::Done,
        1 => return Outcome::NoInput,
        2 => return Outcome::Keys("12#".into()),
        3 => return Outcome::Failed("486".into()),
        4 => return Outcome::Declined,
        5 => return Outcome::Returned(Default::default()),
        6 => return Outcome::Answered(None),
        7 => return Outcome::Answered(Some("It is so.".into())),
        8 => Command::Affirm,
        9 => Command::Deny,
        10 => Command::Cancel,
        11 => Command::Repeat,
        12 => Command::HandOver,
        13 => Command::Goodbye,
        14 => Command::OutOfScope,
        15 => Command::Clarify {
            flows: vec![flow(draw), flow(draw)],
        },
        16 => Command::Set {
            slot: plan
                .slots
                .keys()
                .nth(draw(plan.slots.len()))
                .cloned()
                .unwrap_or_default(),
            value: [Value::Number(3.0), Value::Text("1234".into()), Value::Null][draw(3)].clone(),
        },
        _ => Command::StartFlow(flow(draw)),
    };
    Outcome::Heard {
        words: "words".into(),
        commands: vec![command],
    }
}
