//! The published schema: it is the one that the readers' tables make, it takes every plan that ships, and it refuses what they refuse.

use std::path::Path;

use serde_json::Value as Json;

use super::*;
use crate::dialplan::schema::{published, schema};
use crate::document::{Node, Tree, yaml};

#[test]
fn the_published_schema_is_the_readers_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans/schema.json");
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file == published(),
        "write it anew: offhook check --schema > dialplans/schema.json"
    );
}

#[test]
fn every_plan_that_ships_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["dialplans", "../shared/plans"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            eprintln!("SKIPPED: {folder} is not there");
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.extension().is_some_and(|ending| ending == "yaml") {
                let text = std::fs::read_to_string(&path).expect("read");
                assert_eq!(wrong(&text), Vec::<String>::new(), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "{seen}");
    for plan in [PLAN, include_str!("full.yaml")] {
        assert_eq!(wrong(plan), Vec::<String>::new());
    }
}

#[test]
fn what_has_a_key_too_many_or_another_kind_is_not() {
    for (from, to) in [
        ("flows:", "flosw:"),
        ("{say: \"How", "{sya: \"How"),
        ("retries: 1", "retires: 1"),
        ("type: digits", "type: digit"),
        ("match: any", "match: some"),
        ("patterns: {person: person}", "patterns: {noinput: {after: 8}}"),
        ("min: 1", "min: one"),
        ("count: \"1 + 1\"", "count: [1]"),
    ] {
        assert!(PLAN.contains(from), "{from}");
        assert!(!wrong(&PLAN.replacen(from, to, 1)).is_empty(), "{to}");
    }
}

/// What of a YAML text the schema refuses.
fn wrong(text: &str) -> Vec<String> {
    let schema = schema();
    let mut found = Vec::new();
    validate(
        &schema,
        &schema,
        &json(&yaml::parse(text).expect("YAML")),
        "",
        &mut found,
    );
    found
}

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

/// As much of JSON Schema as the schema has.
fn validate(root: &Json, schema: &Json, value: &Json, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return validate(
            root,
            &root["$defs"][name.trim_start_matches("#/$defs/")],
            value,
            at,
            found,
        );
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let refused = |choice: &Json| {
            let mut inner = Vec::new();
            validate(root, choice, value, at, &mut inner);
            !inner.is_empty()
        };
        if choices.iter().all(refused) {
            found.push(format!("{at}: {value} is none of what may stand there"));
        }
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{at}: {value} is none of {words:?}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Json::String(one) => vec![one],
        Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_i64() && types.contains(&"integer") => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    if !types.is_empty() && !types.contains(&kind) {
        found.push(format!("{at}: {value} is {kind} and not {types:?}"));
    }
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
    {
        if value.get(name).is_none() {
            found.push(format!("{at}: `{name}` is missing"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(property), _) => validate(root, property, inner, &at, found),
            (None, Json::Bool(false)) => found.push(format!("{at}: no such key")),
            (None, other @ Json::Object(_)) => validate(root, other, inner, &at, found),
            (None, _) => {}
        }
    }
    if let Some(items) = schema.get("items") {
        for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
            validate(root, items, inner, &format!("{at}/{n}"), found);
        }
    }
}
