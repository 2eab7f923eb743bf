//! From YAML to a checked plan, with all that is wrong in it at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::flows::{self, Around};
use super::hours::Hours;
use super::patterns::Patterns;
use super::plan::{
    Assistant, Bargein, Choice, Confirm, Endpointing, KnowledgeBase, Match, Plan, Route, Slot, SlotKind, Then,
};
use super::prompt::Prompt;
use super::{check as checks, next};
use crate::document::problem::suggest;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Problem, Problems, Severity, Tree, read, yaml};
use crate::language::Language;

const KEYS: [&str; 8] = [
    "version",
    "hours",
    "routes",
    "assistants",
    "knowledge",
    "slots",
    "flows",
    "patterns",
];
/// Parts of the language that this version does not carry out.
const LATER: [&str; 7] = [
    "tools",
    "queues",
    "handoff",
    "policies",
    "wrap_up",
    "campaigns",
    "tests",
];

/// Reads the plan in `path` and sees that its knowledge is there. Warnings do not refuse a plan: they are logged.
pub fn load(path: &Path) -> Result<Plan, Vec<Problem>> {
    let (plan, warnings) = open(path)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(plan)
}

/// What is wrong with the plan in `path`: the warnings of a plan that would be taken, or all that is wrong with one that would not.
pub fn check(path: &Path) -> Result<Vec<Problem>, Vec<Problem>> {
    open(path).map(|(_, warnings)| warnings)
}

/// Reads a plan; `file` names it in problems.
pub fn parse(text: &str, file: &str) -> Result<Plan, Vec<Problem>> {
    let mut problems = Problems::new(file);
    let plan = build(text, file, &mut problems);
    conclude(plan, problems).map(|(plan, _)| plan)
}

/// The plan in `path` and its warnings, or all that is wrong with it.
fn open(path: &Path) -> Result<(Plan, Vec<Problem>), Vec<Problem>> {
    let name = path.display().to_string();
    let missing = |reason: String| {
        let problem = Problem {
            file: name.clone(),
            line: 1,
            column: 1,
            severity: Severity::Error,
            message: reason,
        };
        vec![problem]
    };
    let text = std::fs::read_to_string(path).map_err(|e| missing(format!("cannot be read: {e}")))?;
    let mut problems = Problems::new(&name);
    let mut plan = build(&text, &name, &mut problems);
    if let Some(plan) = &mut plan {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut content = Sha256::new_with_prefix(&text);
        for base in plan.knowledge.values_mut() {
            for source in &mut base.sources {
                let written = std::mem::take(source);
                *source = folder.join(&written);
                match std::fs::read_to_string(&*source) {
                    // The length keeps what ends one file from beginning the next.
                    Ok(text) => content.update(format!("{} {}\n{text}", written.display(), text.len())),
                    Err(e) => problems.error(
                        base.place,
                        format!("the knowledge `{}` cannot be read: {e}", source.display()),
                    ),
                }
            }
        }
        plan.hash = short(content);
    }
    conclude(plan, problems)
}

fn conclude(plan: Option<Plan>, problems: Problems) -> Result<(Plan, Vec<Problem>), Vec<Problem>> {
    match plan {
        Some(plan) if !problems.has_errors() => Ok((plan, problems.into_vec())),
        Some(_) | None => Err(problems.into_vec()),
    }
}

/// 12 hexadecimal digits.
fn short(content: Sha256) -> String {
    content
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn build(text: &str, file: &str, problems: &mut Problems) -> Option<Plan> {
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err(malformed) => {
            problems.error(malformed.place, malformed.reason);
            return None;
        }
    };
    let fields = Fields::with_later(&root, "a plan", &KEYS, &LATER, problems)?;
    match fields.need("version", "a plan", problems).map(|node| &node.value) {
        Some(Tree::Number(1.0)) | None => {}
        Some(_) => problems.error(fields.place(), "`version` should be 1"),
    }
    let written = fields.need("flows", "a plan", problems);
    let written = written.map_or(&[][..], |node| read::named(node, "flows", problems));
    let names: Vec<&str> = written.iter().map(|(key, _)| key.name.as_str()).collect();
    let patterns = fields
        .get("patterns")
        .map(|node| Patterns::read(node, &names, problems))
        .unwrap_or_default();
    let around = Around {
        flows: &names,
        events: patterns.events(),
    };
    let mut plan = Plan {
        name: Path::new(file)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        hash: short(Sha256::new_with_prefix(text)),
        routes: Vec::new(),
        hours: map(&fields, "hours", problems, Hours::read_named),
        assistants: map(&fields, "assistants", problems, assistant),
        knowledge: map(&fields, "knowledge", problems, knowledge),
        slots: map(&fields, "slots", problems, slot),
        tools: BTreeMap::new(),
        flows: written
            .iter()
            .filter_map(|(key, node)| flows::flow(key, node, &around, problems))
            .collect(),
        patterns,
    };
    if let Some(node) = fields.need("routes", "a plan", problems) {
        plan.routes = read::list(node, "routes", problems)
            .iter()
            .filter_map(|node| route(node, &names, &plan.assistants, problems))
            .collect();
    }
    checks::check(&plan, problems);
    Some(plan)
}

/// The entries of a map of names, each read by `read`.
fn map<T>(
    fields: &Fields<'_>,
    name: &str,
    problems: &mut Problems,
    read: impl Fn(&Key, &Node, &mut Problems) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(node) = fields.get(name) else {
        return BTreeMap::new();
    };
    let entries = read::named(node, name, problems);
    entries
        .iter()
        .filter_map(|(key, node)| Some((key.name.clone(), read(key, node, problems)?)))
        .collect()
}

impl Hours {
    fn read_named(key: &Key, node: &Node, problems: &mut Problems) -> Option<Self> {
        Hours::read(node, &key.name, problems)
    }
}

fn route(
    node: &Node,
    flows: &[&str],
    assistants: &BTreeMap<String, Assistant>,
    problems: &mut Problems,
) -> Option<Route> {
    let fields = Fields::of(
        node,
        "a route",
        &["name", "match", "assistant", "flow", "reject"],
        problems,
    )?;
    let matches = fields.need("match", "a route", problems)?;
    let matches = match &matches.value {
        Tree::Text(any) if any == "any" => Match::Any,
        _ => {
            let numbers = Fields::of(matches, "`match`", &["to", "from"], problems)?;
            Match::Numbers {
                to: numbers.text("to", problems),
                from: numbers.text("from", problems),
            }
        }
    };
    let then = match fields.count("reject", 400..=699, problems) {
        Some(code) => Then::Reject(code as u16),
        None if fields.get("reject").is_some() => return None,
        None => {
            let to = fields.need("assistant", "a route that does not reject", problems);
            let into = fields.need("flow", "a route that does not reject", problems);
            let (to, into) = (to?, into?);
            let (assistant, flow) = (
                read::text(to, "assistant", problems)?,
                read::text(into, "flow", problems)?,
            );
            if !assistants.contains_key(&assistant) {
                let known = assistants.keys().map(String::as_str);
                problems.error(
                    to.place,
                    format!("no assistant is called `{assistant}`{}", suggest(&assistant, known)),
                );
            }
            next::is_flow(&flow, into, flows, problems);
            Then::Answer { assistant, flow }
        }
    };
    let name = fields
        .text("name", problems)
        .unwrap_or_else(|| format!("line {}", node.place.line));
    Some(Route {
        name,
        matches,
        then,
        place: node.place,
    })
}

fn assistant(key: &Key, node: &Node, problems: &mut Problems) -> Option<Assistant> {
    let what = format!("assistant `{}`", key.name);
    let known = [
        "languages",
        "persona",
        "disclosure",
        "bargein",
        "endpointing",
        "knowledge",
    ];
    let fields = Fields::with_later(node, &what, &known, &["voice"], problems)?;
    let mut languages = Vec::new();
    let place = fields
        .need("languages", &what, problems)
        .map_or(node.place, |node| node.place);
    for code in fields.texts("languages", problems) {
        match code.parse::<Language>() {
            Ok(language) => languages.push(language),
            Err(e) => problems.error(place, e.to_string()),
        }
    }
    if languages.is_empty() {
        languages.push(Language::English);
    }
    if languages.len() > 1 {
        problems.error(
            place,
            "several languages in one assistant are not yet carried out by this version; write one assistant for each",
        );
    }
    let disclosure = fields
        .get("disclosure")
        .and_then(|node| Prompt::read(node, "disclosure", problems));
    if disclosure.is_none() && fields.get("disclosure").is_none() {
        problems.warn(
            key.place,
            format!("{what} has no `disclosure`: callers must be told that it is a machine"),
        );
    }
    Some(Assistant {
        name: key.name.clone(),
        languages,
        persona: fields.text("persona", problems).unwrap_or_default(),
        disclosure,
        bargein: fields
            .get("bargein")
            .map_or(STANDARD_BARGEIN, |node| bargein(node, problems)),
        endpointing: fields
            .get("endpointing")
            .map_or(STANDARD_ENDPOINTING, |node| endpointing(node, problems)),
        knowledge: fields.texts("knowledge", problems),
        place: key.place,
    })
}

const STANDARD_BARGEIN: Bargein = Bargein {
    enabled: true,
    min_speech: Duration::from_millis(300),
};
const STANDARD_ENDPOINTING: Endpointing = Endpointing {
    silence: Duration::from_millis(450),
};

/// `false`, or `{min_speech: 300ms}`.
fn bargein(node: &Node, problems: &mut Problems) -> Bargein {
    if let Tree::Boolean(enabled) = node.value {
        return Bargein {
            enabled,
            ..STANDARD_BARGEIN
        };
    }
    let fields = Fields::with_later(node, "`bargein`", &["min_speech"], &["mode", "resume_on"], problems);
    let min_speech = fields.and_then(|fields| fields.duration("min_speech", problems));
    Bargein {
        enabled: true,
        min_speech: min_speech.unwrap_or(STANDARD_BARGEIN.min_speech),
    }
}

fn endpointing(node: &Node, problems: &mut Problems) -> Endpointing {
    let later = ["detector", "max_wait", "while_spelling"];
    let fields = Fields::with_later(node, "`endpointing`", &["silence"], &later, problems);
    let silence = fields
        .and_then(|fields| fields.duration("silence", problems))
        .unwrap_or(STANDARD_ENDPOINTING.silence);
    if silence < Duration::from_millis(200) || silence > Duration::from_secs(5) {
        problems.error(
            node.place,
            "`silence` should be between 200ms and 5s: shorter cuts people off",
        );
    }
    Endpointing { silence }
}

fn knowledge(key: &Key, node: &Node, problems: &mut Problems) -> Option<KnowledgeBase> {
    let what = format!("knowledge `{}`", key.name);
    let later = ["below_score", "drafts"];
    let fields = Fields::with_later(node, &what, &["sources", "min_score"], &later, problems)?;
    fields.need("sources", &what, problems)?;
    let sources: Vec<PathBuf> = fields
        .texts("sources", problems)
        .into_iter()
        .map(PathBuf::from)
        .collect();
    for source in &sources {
        if source.extension().is_none_or(|ending| ending != "md") {
            problems.error(
                node.place,
                format!("`{}`: only Markdown (.md) is read by this version", source.display()),
            );
        }
    }
    let min_score = fields.number("min_score", problems).map(|score| score as f32);
    if min_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
        problems.error(node.place, "`min_score` should be from 0 to 1");
    }
    Some(KnowledgeBase {
        sources,
        min_score,
        place: key.place,
    })
}

const KINDS: [&str; 9] = [
    "digits", "number", "boolean", "enum", "date", "time", "name", "email", "text",
];

fn slot(key: &Key, node: &Node, problems: &mut Problems) -> Option<Slot> {
    let what = format!("slot `{}`", key.name);
    let known = ["type", "length", "min", "max", "values", "confirm", "dtmf", "pii"];
    let fields = Fields::with_later(node, &what, &known, &["must"], problems)?;
    fields.need("type", &what, problems)?;
    let kind = fields.text("type", problems)?;
    let kind = match kind.as_str() {
        "digits" => digits(&fields, problems),
        "number" => {
            let (min, max) = (fields.number("min", problems), fields.number("max", problems));
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                problems.error(fields.place(), format!("`min` ({min}) is greater than `max` ({max})"));
            }
            SlotKind::Number { min, max }
        }
        "boolean" => SlotKind::Boolean,
        "enum" => SlotKind::Enum(choices(&fields, &what, problems)),
        "date" => SlotKind::Date,
        "time" => SlotKind::Time,
        "name" => SlotKind::Name,
        "email" => SlotKind::Email,
        "text" => SlotKind::Text,
        "money" | "datetime" | "phone" => {
            problems.error(
                node.place,
                format!("the slot type `{kind}` is not yet carried out by this version"),
            );
            return None;
        }
        other => {
            problems.error(
                node.place,
                format!("no slot type is called `{other}`{}", suggest(other, KINDS)),
            );
            return None;
        }
    };
    let confirm = match fields.text("confirm", problems).as_deref() {
        None | Some("no" | "none" | "false") => Confirm::No,
        Some("implicit") => Confirm::Implicit,
        Some("readback" | "true") => Confirm::Readback,
        Some(other) => {
            problems.error(
                node.place,
                format!("`confirm: {other}` is unknown; write no, implicit or readback"),
            );
            Confirm::No
        }
    };
    let by_keys = matches!(
        kind,
        SlotKind::Digits { .. } | SlotKind::Number { .. } | SlotKind::Boolean | SlotKind::Enum(_)
    );
    Some(Slot {
        name: key.name.clone(),
        kind,
        confirm,
        dtmf: fields.boolean("dtmf", problems).unwrap_or(by_keys),
        pii: fields.boolean("pii", problems).unwrap_or(false),
    })
}

fn digits(fields: &Fields<'_>, problems: &mut Problems) -> SlotKind {
    let range = 1..=32;
    let length = fields.count("length", range.clone(), problems);
    let min = length
        .or_else(|| fields.count("min", range.clone(), problems))
        .unwrap_or(1);
    let max = length.or_else(|| fields.count("max", range, problems)).unwrap_or(32);
    if min > max {
        problems.error(fields.place(), format!("`min` ({min}) is greater than `max` ({max})"));
    }
    SlotKind::Digits {
        min: min as usize,
        max: max.max(min) as usize,
    }
}

/// `[a, b]`, or `{a: [other words], b: …}`.
fn choices(fields: &Fields<'_>, what: &str, problems: &mut Problems) -> Vec<Choice> {
    let Some(node) = fields.need("values", what, problems) else {
        return Vec::new();
    };
    let choices: Vec<Choice> = match &node.value {
        Tree::Map(entries) => entries
            .iter()
            .map(|(key, node)| {
                let says = if node.value == Tree::Null {
                    Vec::new()
                } else {
                    read::texts(node, &key.name, problems)
                };
                Choice {
                    value: key.name.clone(),
                    says,
                }
            })
            .collect(),
        _ => read::texts(node, "values", problems)
            .into_iter()
            .map(|value| Choice {
                value,
                says: Vec::new(),
            })
            .collect(),
    };
    if choices.len() < 2 {
        problems.error(node.place, format!("{what} needs at least two `values`"));
    }
    choices
}
