//! `dialplans/README.md`: every example is good, and the mistakes that it shows are told as it says.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::*;
use crate::document::{Node, Tree, yaml};

fn text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans/README.md")).expect("the README")
}

/// The blocks of code in `language`, the first after `heading`.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts
        .filter_map(|part| Some(part.split("```").next()?.to_owned()))
        .collect()
}

/// What an example may take for given.
const AROUND: &str = r#"
version: 1
hours: {desk: {timezone: Europe/Berlin, open: ["mon-fri 08:00-18:00"]}}
routes: [{name: all, match: any, assistant: mia, flow: welcome}]
assistants: {mia: {languages: [en], disclosure: "Hello, this is an automated assistant."}}
knowledge: {shop: {sources: [kb/shop.md]}}
tools:
  find_order: {http: "GET ${CRM}/orders/{order_id}", effect: read}
  open_return: {http: "POST ${CRM}/returns", effect: write, confirm: true, idempotency: "{call.id}/{order_id}"}
slots:
  order_id: {type: digits, length: 8}
  reason: {type: enum, values: [damaged, wrong_item]}
queues: {care: {overflow: end_flow}}
flows:
  welcome: {steps: [{say: {en: "How can I help?", zh: "请问有什么可以帮您？"}}]}
  human: {use_when: "a person", steps: [{transfer: "sip:agent@127.0.0.1", on_fail: hangup}]}
  return_item: {use_when: "send back", steps: [{collect: order_id, ask: {en: "Which?", zh: "哪个？"}}]}
  leave_message: {use_when: "leave a message", steps: [{hangup: now}]}
"#;

fn json(node: &Node) -> Json {
    match &node.value {
        Tree::Null => Json::Null,
        Tree::Boolean(value) => (*value).into(),
        Tree::Number(number) if number.fract() == 0.0 => (*number as i64).into(),
        Tree::Number(number) => (*number).into(),
        Tree::Text(text) => text.as_str().into(),
        Tree::List(items) => items.iter().map(json).collect::<Vec<_>>().into(),
        Tree::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, node)| (key.name.clone(), json(node)))
                .collect(),
        ),
    }
}

/// `over` laid over `under`: the parts of a plan name by name, each entry whole.
fn laid_over(under: Json, over: Json) -> Json {
    let (Json::Object(mut plan), Json::Object(parts)) = (under, over) else {
        panic!("an example is a map");
    };
    for (part, entries) in parts {
        match (plan.remove(&part), entries) {
            (Some(Json::Object(mut known)), Json::Object(fresh)) => {
                known.extend(fresh);
                plan.insert(part, Json::Object(known));
            }
            (_, entries) => drop(plan.insert(part, entries)),
        }
    }
    Json::Object(plan)
}

#[test]
fn every_example_is_good() {
    let around = json(&yaml::parse(AROUND).expect("YAML"));
    let text = text();
    let (good, _) = text.split_once("## Mistakes").expect("the mistakes come last");
    let examples = blocks(good, "yaml");
    assert!(examples.len() >= 15, "{}", examples.len());
    for example in examples {
        let node = yaml::parse(&example).unwrap_or_else(|e| panic!("{e:?}\n{example}"));
        if node.value == Tree::Null {
            continue;
        }
        let plan = if node.entry("version").is_some() {
            example.clone()
        } else {
            laid_over(around.clone(), json(&node)).to_string()
        };
        if let Err(problems) = parse(&plan, "example.yaml") {
            let told: Vec<String> = problems.iter().map(|p| p.message.clone()).collect();
            panic!("{told:#?}\n{example}");
        }
    }
    assert_eq!(
        laid_over(json!({"a": {"x": 1}}), json!({"a": {"y": 2}})),
        json!({"a": {"x": 1, "y": 2}})
    );
    assert_eq!(
        laid_over(json!({}), json!({"a": [1]})),
        Json::Object(Map::from_iter([("a".to_owned(), json!([1]))]))
    );
}

#[test]
fn the_twelve_lines_are_those_of_hello() {
    let hello =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans/hello.yaml")).expect("hello");
    assert_eq!(blocks(&text(), "yaml")[0], hello);
    assert_eq!(hello.lines().count(), 12);
}

#[test]
fn mistakes_are_told_as_it_says() {
    let text = text();
    let (_, mistakes) = text.split_once("## Mistakes").expect("mistakes");
    let plan = &blocks(mistakes, "yaml")[0];
    let shown = blocks(mistakes, "")
        .into_iter()
        .find(|block| block.starts_with("$ offhook check"))
        .expect("what is told");
    let told: Vec<String> = parse(plan, "dialplans/x.yaml")
        .expect_err("refused")
        .iter()
        .map(ToString::to_string)
        .collect();
    let shown: Vec<&str> = shown.lines().skip(1).collect();
    assert_eq!(told, shown);
}

#[test]
fn every_step_type_pattern_and_part_is_in_it() {
    let text = text();
    for (step, _) in crate::dialplan::steps::STEPS {
        assert!(text.contains(&format!("{{{step}: ")), "the step {step}");
    }
    for kind in crate::dialplan::slot::KINDS {
        assert!(text.contains(&format!("`{kind}`")), "the slot type {kind}");
    }
    for (part, _) in crate::dialplan::parse::PLAN {
        assert!(text.contains(&format!("{part}:")), "the part {part}");
    }
    for (pattern, _) in crate::dialplan::patterns::PATTERNS {
        assert!(text.contains(&format!("`{pattern}: ")), "the pattern {pattern}");
    }
}
