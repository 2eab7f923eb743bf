//! From YAML to a checked plan, with all that is wrong in it at once.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::assistant::{ASSISTANT, Assistant, Drafts, KNOWLEDGE, KnowledgeBase};
use super::campaign::Campaign;
use super::campaigns::CAMPAIGN;
use super::flows::{self, Around, FLOW};
use super::hours::{HOURS, Hours};
use super::patterns::{PATTERNS, Patterns};
use super::plan::Plan;
use super::policy::{self, POLICY, WRAP_UP, WrapUp};
use super::queue::{HANDOFF, Handoff, QUEUE, Queue};
use super::route::{ROUTE, Route};
use super::scenario::{SCENARIO, Scenario};
use super::schema::{Shape, Table, keys};
use super::slot::{SLOT, Slot, is_name};
use super::tool::{Request, Tool};
use super::tools::TOOL;
use super::{check as checks, sources};
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Problem, Problems, Severity, Tree, read, yaml};

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
            gather(base, folder, &mut content, &mut problems);
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

/// Finds the files that `base` names, and takes them into the hash.
fn gather(base: &mut KnowledgeBase, folder: &Path, content: &mut Sha256, problems: &mut Problems) {
    let mut files = Vec::new();
    for written in std::mem::take(&mut base.sources) {
        let found = sources::find(folder, &written);
        if found.is_empty() {
            let message = format!(
                "the knowledge `{}` is not there: no such file in {}",
                written.display(),
                folder.display()
            );
            problems.error(base.place, message);
        }
        for path in found {
            if files.contains(&path) {
                continue;
            }
            match std::fs::read(&path) {
                // The length keeps what ends one file from beginning the next.
                Ok(bytes) => {
                    let name = path.strip_prefix(folder).unwrap_or(&path);
                    content.update(format!("{} {}\n", name.display(), bytes.len()));
                    content.update(&bytes);
                    files.push(path);
                }
                Err(e) => {
                    problems.error(
                        base.place,
                        format!("the knowledge `{}` cannot be read: {e}", path.display()),
                    );
                }
            }
        }
    }
    base.sources = files;
}

pub(super) const PLAN: Table = &[
    ("version", Shape::Count),
    ("hours", Shape::Named(&Shape::Map(HOURS))),
    ("routes", Shape::List(&Shape::Map(ROUTE))),
    ("assistants", Shape::Named(&Shape::Map(ASSISTANT))),
    ("knowledge", Shape::Named(&Shape::Map(KNOWLEDGE))),
    ("tools", Shape::Named(&Shape::Map(TOOL))),
    ("slots", Shape::Named(&Shape::Map(SLOT))),
    ("queues", Shape::Named(&Shape::Map(QUEUE))),
    ("handoff", Shape::Named(&Shape::Map(HANDOFF))),
    ("campaigns", Shape::Named(&Shape::Map(CAMPAIGN))),
    ("flows", Shape::Named(&Shape::Map(FLOW))),
    ("patterns", Shape::Map(PATTERNS)),
    ("policies", Shape::List(&Shape::Map(POLICY))),
    ("wrap_up", Shape::Map(WRAP_UP)),
    ("tests", Shape::List(&Shape::Map(SCENARIO))),
];

fn build(text: &str, file: &str, problems: &mut Problems) -> Option<Plan> {
    let (root, malformed) = yaml::parse_all(text);
    for wrong in malformed {
        problems.error(wrong.place, wrong.reason);
    }
    let root = root?;
    let fields = Fields::of(&root, "a plan", &keys(PLAN), problems)?;
    match fields.need("version", "a plan", problems) {
        Some(node) if node.value != Tree::Number(1.0) => problems.error(node.place, "`version` should be 1"),
        Some(_) | None => {}
    }
    let written = fields.need("flows", "a plan", problems);
    let named = written.map_or(&[][..], |node| read::named(node, "flows", problems));
    let names: Vec<&str> = named.iter().map(|(key, _)| key.name.as_str()).collect();
    let patterns = fields
        .get("patterns")
        .map(|node| Patterns::read(node, &names, problems))
        .unwrap_or_default();
    let slots = map(&fields, "slots", problems, Slot::declare);
    let tools = map(&fields, "tools", problems, Tool::read);
    let queues = map(&fields, "queues", problems, |key, node, problems| {
        Queue::read(key, node, &names, problems)
    });
    let handoffs = map(&fields, "handoff", problems, |key, node, problems| {
        Handoff::read(key, node, &names, &queues, problems)
    });
    let declared = |part: &str| fields.get(part).map(Node::names).unwrap_or_default();
    let mut broken: Vec<String> = declared("slots")
        .into_iter()
        .filter(|name| !slots.contains_key(*name))
        .map(str::to_owned)
        .collect();
    let tools_broken = declared("tools").into_iter().filter(|name| !tools.contains_key(*name));
    broken.extend(tools_broken.map(str::to_owned));
    let mut asks = BTreeMap::new();
    written.iter().for_each(|node| flows::asks(node, &mut asks));
    let around = Around {
        flows: &names,
        events: patterns.events(),
        slots: &slots,
        tools: &tools,
        queues: &queues,
        handoffs: &handoffs,
        asks: &asks,
        broken: &broken,
    };
    let flows = named
        .iter()
        .filter_map(|(key, node)| flows::flow(key, node, &around, problems))
        .collect();
    let assistants = map(&fields, "assistants", problems, Assistant::read);
    let (policies, never) = fields
        .get("policies")
        .map(|node| policy::policies(node, &names, problems))
        .unwrap_or_default();
    let plan = Plan {
        name: Path::new(file)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        hash: short(Sha256::new_with_prefix(text)),
        routes: routes(&fields, &names, &assistants, problems),
        hours: map(&fields, "hours", problems, Hours::read_named),
        knowledge: map(&fields, "knowledge", problems, |key, node, problems| {
            KnowledgeBase::read(key, node, &names, problems)
        }),
        campaigns: map(&fields, "campaigns", problems, |key, node, problems| {
            Campaign::read(key, node, &names, problems)
        }),
        wrap_up: fields.get("wrap_up").and_then(|node| WrapUp::read(node, problems)),
        tests: fields
            .get("tests")
            .map(|node| read::list(node, "tests", problems))
            .unwrap_or_default()
            .iter()
            .filter_map(|node| Scenario::read(node, problems))
            .collect(),
        assistants,
        slots,
        tools,
        flows,
        patterns,
        queues,
        handoffs,
        policies,
        never,
        broken,
        asked_queues: asked_queues(&root),
        written: root.clone(),
    };
    checks::check(&plan, problems);
    not_carried_out(&fields, &plan, problems);
    Some(plan)
}

/// Those that `queue.NAME.…` names, in whatever text.
fn asked_queues(root: &Node) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(node) = open.pop() {
        match &node.value {
            Tree::Text(text) => {
                let named = text.split("queue.").skip(1).filter_map(|rest| rest.split_once('.'));
                found.extend(named.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)));
            }
            Tree::List(items) => open.extend(items),
            Tree::Map(entries) => open.extend(entries.iter().map(|(_, node)| node)),
            Tree::Null | Tree::Boolean(_) | Tree::Number(_) => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A plan is called, by its routes, or calls, by its campaigns.
fn routes(
    fields: &Fields<'_>,
    flows: &[&str],
    assistants: &BTreeMap<String, Assistant>,
    problems: &mut Problems,
) -> Vec<Route> {
    let Some(node) = fields.get("routes") else {
        if fields.get("campaigns").is_none() {
            fields.need("routes", "a plan", problems);
        }
        return Vec::new();
    };
    let items = read::list(node, "routes", problems).iter();
    items
        .filter_map(|node| Route::read(node, flows, assistants, problems))
        .collect()
}

/// Parts that are read and checked, and what happens instead of them.
fn not_carried_out(fields: &Fields<'_>, plan: &Plan, problems: &mut Problems) {
    if let Some(node) = fields.get("wrap_up") {
        let message = "`wrap_up` is read and checked, but not carried out by this version: nothing is done after a call beside keeping its record";
        problems.warn(node.place, message);
    }
    let mails = |tool: &&Tool| matches!(tool.request, Request::Email { .. });
    for tool in plan.tools.values().filter(mails) {
        let message = format!(
            "e-mails are not sent by this version: tool `{}` fails each time",
            tool.name
        );
        problems.warn(tool.place, message);
    }
    let drafts = |base: &KnowledgeBase| base.drafts == Drafts::HumanReview;
    if let Some(base) = plan.knowledge.values().find(|base| drafts(base)) {
        let message = "`drafts: human_review` is not carried out by this version: nothing is drafted";
        problems.warn(base.place, message);
    }
}

/// The entries of a map of names, each read by `read`.
fn map<T>(
    fields: &Fields<'_>,
    name: &str,
    problems: &mut Problems,
    read: impl Fn(&Key, &Node, &mut Problems) -> Option<T>,
) -> BTreeMap<String, T> {
    let entries = fields
        .get(name)
        .map_or(&[][..], |node| read::named(node, name, problems));
    entries
        .iter()
        .filter_map(|(key, node)| Some((key.name.clone(), read(key, node, problems)?)))
        .collect()
}

impl Hours {
    fn read_named(key: &Key, node: &Node, problems: &mut Problems) -> Option<Self> {
        Self::read(node, &key.name, problems)
    }
}
