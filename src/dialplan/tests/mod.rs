//! A plan that has something of everything, and how to walk through it.

mod calling;
mod correcting;
mod events;
mod generated;
mod handing;
mod lint;
mod person;
mod acting;
mod comparing;
mod readme;
mod reading;
mod schema;
mod shared;
mod shipped;
mod trouble;
mod walking;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::language::Language;

const PLAN: &str = r#"
version: 1
hours:
  desk: {timezone: Europe/Berlin, open: ["mon-fri 08:00-18:00"]}
routes:
  - {name: blocked, match: {from: "666*"}, reject: 603}
  - {name: all, match: any, assistant: mia, flow: welcome}
assistants:
  mia: {languages: [en], disclosure: "I am a machine."}
slots:
  order: {type: digits, length: 4, confirm: readback}
  reason: {type: enum, values: {damaged: [broken], changed_mind: []}}
  count: {type: number, min: 1, max: 9}
flows:
  welcome: {steps: [{say: "How can I help?"}]}
  status:
    use_when: "where is an order"
    steps:
      - {collect: order, ask: "Which order?", retries: 1, on_fail: person}
      - {say: "Order {order} is on its way."}
  return:
    use_when: "send something back"
    steps:
      - {collect: reason, ask: "Why?"}
      - {set: {count: "1 + 1"}}
      - {switch: reason, damaged: [{say: "Oh no."}], default: [{say: "Fine."}]}
      - {if: "count == 2 && !hours.desk.open", then: [{say: "We are closed."}], else: [{run_flow: open}]}
      - {say: "Bye for now."}
  open: {steps: [{say: "We are open."}]}
  ask: {use_when: "a question", steps: [{answer: last_words}]}
  person: {steps: [{transfer: "sip:agent@127.0.0.1", say: "One moment.", on_fail: sorry}]}
  sorry: {steps: [{say: "Nobody is there."}]}
patterns: {person: person}
"#;

fn plan(yaml: &str) -> Arc<Plan> {
    Arc::new(parse(yaml, "test.yaml").unwrap_or_else(|problems| panic!("{problems:#?}")))
}

fn enter(plan: &Arc<Plan>) -> (Walk, Order) {
    // A Sunday.
    let facts = Facts {
        at: "2026-11-22T10:00:00Z".parse().expect("a time"),
        caller: BTreeMap::new(),
        call: BTreeMap::new(),
        queues: BTreeMap::new(),
    };
    Walk::enter(Arc::clone(plan), "mia", "welcome", Language::English, facts)
}

/// What is known of a call from `from` to `to`, on a Monday.
fn from_to(from: &str, to: &str) -> Facts {
    Facts {
        at: "2026-11-23T10:00:00Z".parse().expect("a time"),
        caller: BTreeMap::from([("number".into(), Value::Text(from.into()))]),
        call: BTreeMap::from([("to".into(), Value::Text(to.into()))]),
        queues: BTreeMap::new(),
    }
}

/// Walks until the caller, the knowledge or the far end is needed; what was said on the way, and then what is wanted.
fn until_wanted(walk: &mut Walk, mut order: Order) -> String {
    let mut said = String::new();
    loop {
        match order {
            Order::Say { text, .. } => {
                said += &format!("{text} ");
                order = walk.step(Outcome::Done);
            }
            Order::Listen { prompt, expect, .. } => {
                let expect = match expect {
                    Expect::Anything => "?".to_owned(),
                    Expect::Slot(slot) => format!("?{}", slot.name),
                    Expect::Confirm => "?yes".to_owned(),
                };
                return format!("{said}{}{expect}", prompt.map(|p| format!("{p} ")).unwrap_or_default());
            }
            Order::Answer { question } => return format!("{said}!{question}"),
            Order::Tool(call) => return format!("{said}@{}", call.tool),
            Order::HandOff { to, say, .. } => {
                let (queue::Destination::Queue(to) | queue::Destination::Outside(to)) = to;
                return format!("{said}{} ->{to}", say.unwrap_or_default());
            }
            Order::Record { name, .. } => return format!("{said}#{name}"),
            Order::Ticket(ticket) => return format!("{said}#{}", ticket.kind),
            Order::Callback { at, number, .. } => return format!("{said}#{number} at {at}"),
            Order::Transfer { to, say } => return format!("{said}{} ->{to}", say.unwrap_or_default()),
            Order::Hangup { say } => return format!("{said}{} end", say.unwrap_or_default()),
        }
    }
}

fn hear(walk: &mut Walk, commands: &[Command]) -> String {
    let order = walk.step(Outcome::Heard {
        words: "words".into(),
        commands: commands.to_vec(),
    });
    until_wanted(walk, order)
}

fn set(slot: &str, value: &str) -> Command {
    Command::Set {
        slot: slot.into(),
        value: Value::Text(value.into()),
    }
}

fn start(flow: &str) -> Command {
    Command::StartFlow(flow.into())
}
