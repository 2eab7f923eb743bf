//! The plans of `dialplans/`: each loads, and each way through it ends.

use std::path::{Path, PathBuf};

use super::*;
use crate::dialplan::plan::Action;

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let entries = std::fs::read_dir(&folder)
        .expect("dialplans")
        .map(|entry| entry.expect("an entry").path());
    let plans: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    assert!(plans.len() >= 3, "{plans:?}");
    plans
}

fn entered(plan: &Arc<Plan>, route: &Route) -> Option<(Walk, Order)> {
    let Then::Answer { assistant, flow } = &route.then else {
        return None;
    };
    let language = plan.assistants[assistant].languages[0];
    let facts = Facts {
        at: "2026-11-23T10:00:00Z".parse().expect("a time"),
        caller: BTreeMap::new(),
        call: BTreeMap::new(),
        queues: BTreeMap::new(),
    };
    Some(Walk::enter(Arc::clone(plan), assistant, flow, language, facts))
}

/// Every value that a slot may take, or one of its kind.
fn values(slot: &Slot) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.into());
    match &slot.kind {
        SlotKind::Digits { min, .. } => vec![Value::Text("1".repeat(*min))],
        SlotKind::Number { min, max } | SlotKind::Money { min, max } => {
            vec![Value::Number(min.or(*max).unwrap_or(1.0))]
        }
        SlotKind::Boolean => vec![Value::Boolean(true), Value::Boolean(false)],
        SlotKind::Enum(choices) => choices.iter().map(|choice| text(&choice.value)).collect(),
        SlotKind::Date => vec![text("2026-11-23")],
        SlotKind::Time => vec![text("15:00")],
        SlotKind::DateTime => vec![text("2026-11-23T15:00")],
        SlotKind::Phone => vec![text("+4930123456")],
        SlotKind::Email => vec![text("ann@example.com")],
        SlotKind::Name | SlotKind::Text => vec![text("Ann")],
    }
}

/// The knowledge has an answer or not; a transfer always fails.
#[derive(Clone, Copy, Debug)]
enum Known {
    Yes,
    No,
}

/// Goes through `wish` from its first order to the question whether there is anything else, or to the end of the call: each slot takes its
/// `choice`th value.
/// What the tools of the plans that ship tell when all is well.
const FOUND: [&str; 3] = ["contact.found", "slot.free", "booked.found"];

/// Whether the caller could ever say what they want: who is rung is asked questions only.
#[derive(Debug, PartialEq)]
enum Asked {
    ForAWish,
    ForNone,
}

fn go_through(walk: &mut Walk, order: Order, wish: &str, choice: usize, known: Known) -> Result<Asked, String> {
    let heard = |commands: Vec<Command>| Outcome::Heard {
        words: "words".into(),
        commands,
    };
    let mut order = order;
    let mut wished = false;
    for _ in 0..100 {
        let outcome = match &order {
            Order::Say { text, .. } if text.trim().is_empty() => return Err("nothing is said".into()),
            Order::Say { .. } => Outcome::Done,
            Order::Listen {
                expect: Expect::Anything,
                ..
            } if wished => return Ok(Asked::ForAWish),
            Order::Listen {
                expect: Expect::Anything,
                ..
            } => {
                wished = true;
                heard(vec![start(wish)])
            }
            Order::Listen {
                expect: Expect::Confirm,
                ..
            } => heard(vec![Command::Affirm]),
            Order::Listen {
                expect: Expect::Slot(slot),
                ..
            } => {
                let values = values(slot);
                let value = values[choice % values.len()].clone();
                heard(vec![Command::Set {
                    slot: slot.name.clone(),
                    value,
                }])
            }
            Order::Answer { question } if question.is_empty() => return Err("nothing is asked".into()),
            Order::Answer { .. } => match known {
                Known::Yes => Outcome::Answered(Some("So it is.".into())),
                Known::No => Outcome::Answered(None),
            },
            Order::Tool(_) if matches!(known, Known::Yes) => {
                Outcome::Returned(FOUND.map(|name| (name.to_owned(), Value::Boolean(true))).into())
            }
            Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => Outcome::Failed("486".into()),
            Order::Hangup { .. } if wished => return Ok(Asked::ForAWish),
            Order::Hangup { .. } => return Ok(Asked::ForNone),
        };
        order = walk.step(outcome);
    }
    Err(format!("no end: {order:?}"))
}

#[test]
fn every_shipped_plan_loads_without_a_warning_and_says_something() {
    for path in shipped() {
        let plan = load(&path).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert!(!plan.prompts().is_empty(), "{}", path.display());
        let warnings = check(&path).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let unexpected: Vec<_> = warnings
            .iter()
            .filter(|warning| !warning.message.contains("by this version"))
            .collect();
        assert!(unexpected.is_empty(), "{}: {unexpected:#?}", path.display());
    }
}

#[test]
fn every_wish_of_every_shipped_plan_comes_to_an_end() {
    for path in shipped() {
        let plan = Arc::new(load(&path).expect("good"));
        let wishes: Vec<&str> = plan
            .flows
            .iter()
            .filter(|flow| flow.use_when.is_some())
            .map(|flow| flow.name.as_str())
            .collect();
        assert!(!wishes.is_empty(), "{}", path.display());
        let choices = plan.slots.values().map(|slot| values(slot).len()).max().unwrap_or(1);
        for route in &plan.routes {
            for wish in &wishes {
                for (choice, known) in (0..choices).flat_map(|choice| [(choice, Known::Yes), (choice, Known::No)]) {
                    let Some((mut walk, order)) = entered(&plan, route) else {
                        continue;
                    };
                    let ended = go_through(&mut walk, order, wish, choice, known);
                    let asked = ended.unwrap_or_else(|e| panic!("{} {wish} {choice} {known:?}: {e}", path.display()));
                    if asked == Asked::ForAWish {
                        assert!(walk.path().iter().any(|flow| flow == wish), "{} {wish}", path.display());
                        fills(&plan, wish, &walk);
                    }
                }
            }
        }
    }
}

/// What `wish` asks for first was filled, unless its first step is another.
fn fills(plan: &Plan, wish: &str, walk: &Walk) {
    let first = plan.flow(wish).and_then(|flow| flow.steps.first());
    if let Some(Action::Collect(collect)) = first.map(|step| &step.action) {
        assert!(walk.slots().contains_key(&collect.slot), "{wish}: {:?}", walk.slots());
    }
}

#[test]
fn silence_and_noise_end_every_shipped_plan_with_words() {
    for path in shipped() {
        let plan = Arc::new(load(&path).expect("good"));
        for outcome in [
            Outcome::NoInput,
            Outcome::Heard {
                words: "noise".into(),
                commands: Vec::new(),
            },
        ] {
            for before in std::iter::once(None).chain(plan.flows.iter().map(|flow| Some(flow.name.as_str()))) {
                for route in &plan.routes {
                    let Some((mut walk, order)) = entered(&plan, route) else {
                        continue;
                    };
                    let said = until_ended(&mut walk, order, before, &outcome);
                    assert!(said.is_some(), "{} {before:?} {outcome:?}", path.display());
                }
            }
        }
    }
}

/// The last words of the call, where nothing but `outcome` follows the wish `before`.
fn until_ended(walk: &mut Walk, mut order: Order, before: Option<&str>, outcome: &Outcome) -> Option<String> {
    let mut wish = before.map(|flow| Outcome::Heard {
        words: "words".into(),
        commands: vec![start(flow)],
    });
    for _ in 0..60 {
        order = match order {
            Order::Say { .. } => walk.step(Outcome::Done),
            Order::Listen { .. } => walk.step(wish.take().unwrap_or_else(|| outcome.clone())),
            Order::Answer { .. } => walk.step(Outcome::Answered(None)),
            Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => walk.step(Outcome::Failed("486".into())),
            Order::Hangup { say } => return say.filter(|say| !say.is_empty()),
        };
    }
    None
}
