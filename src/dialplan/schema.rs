//! The language's key tables, and the JSON Schema that is made of them.
//!
//! The readers take the keys that they allow from these tables, so the schema cannot say otherwise than they do. It knows shapes alone: what
//! a name refers to, and whether types agree, only `check` sees.

use serde_json::{Map, Value as Json, json};

use super::parse::PLAN;
use super::steps::STEPS;
use crate::language::Language;

/// The keys of a map with fixed names, and what stands behind each.
pub(super) type Table = &'static [(&'static str, Shape)];

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    /// One or several.
    Texts,
    Number,
    Count,
    Boolean,
    /// `500ms`, `8s`, `2m`, `1h`, `30d`
    Duration,
    /// `10%`
    Share,
    Expression,
    /// Words, or words by language.
    Prompt,
    /// One or several.
    Prompts,
    /// A flow, `end_flow`, `resume_flow` or `hangup`.
    Next,
    OneOf(&'static [&'static str]),
    /// A list of some of these, or one of them.
    SomeOf(&'static [&'static str]),
    Map(Table),
    /// A map of names of the writer's own choice.
    Named(&'static Shape),
    List(&'static Shape),
    Either(&'static [Shape]),
    Steps,
    Any,
    Null,
}

/// The names of a table.
pub(super) fn keys(table: Table) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

/// The JSON Schema (draft 2020-12) of a plan.
pub fn schema() -> Json {
    let languages: Map<String, Json> = Language::ALL
        .iter()
        .map(|language| (language.code().to_owned(), reference("scalar")))
        .collect();
    let steps: Vec<Json> = STEPS.iter().map(|(name, table)| step(name, table)).collect();
    let mut plan = object(PLAN);
    plan["required"] = json!(["version", "flows"]);
    plan["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    plan["title"] = "A dial plan of Offhook".into();
    plan["$defs"] = json!({
        "scalar": {"type": ["string", "number", "boolean"]},
        "duration": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$"},
        "share": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *%$"},
        "prompt": {"anyOf": [
            reference("scalar"),
            {"type": "object", "properties": languages, "additionalProperties": false},
        ]},
        "next": {"type": "string", "description": "a flow, end_flow, resume_flow or hangup"},
        "step": {"anyOf": steps},
        "steps": {"anyOf": [{"type": "array", "items": reference("step")}, {"type": "null"}]},
    });
    plan
}

/// The schema as it is published: two spaces, a line break at the end.
pub fn published() -> String {
    format!("{:#}\n", schema())
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn object(table: Table) -> Json {
    let properties: Map<String, Json> = table
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), of(shape)))
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// A `switch` has any value for a key.
fn step(name: &str, table: Table) -> Json {
    let mut step = object(table);
    step["required"] = json!([name]);
    if name == "switch" {
        step["additionalProperties"] = reference("steps");
    }
    step
}

fn of(shape: &Shape) -> Json {
    let one_or_several = |one: Json| json!({"anyOf": [one, {"type": "array", "items": one}]});
    match shape {
        Shape::Text | Shape::Expression => reference("scalar"),
        Shape::Texts => one_or_several(reference("scalar")),
        Shape::Number => json!({"type": "number"}),
        Shape::Count => json!({"type": "integer"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Duration => reference("duration"),
        Shape::Share => reference("share"),
        Shape::Prompt => reference("prompt"),
        Shape::Prompts => one_or_several(reference("prompt")),
        Shape::Next => reference("next"),
        Shape::OneOf(words) => json!({"enum": words}),
        Shape::SomeOf(words) => one_or_several(json!({"enum": words})),
        Shape::Map(table) => object(table),
        Shape::Named(shape) => json!({"anyOf": [
            {"type": "object", "additionalProperties": of(shape)},
            {"type": "null"},
        ]}),
        Shape::List(shape) => json!({"type": "array", "items": of(shape)}),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(of).collect::<Vec<_>>()}),
        Shape::Steps => reference("steps"),
        Shape::Any => json!({}),
        Shape::Null => json!({"type": "null"}),
    }
}
