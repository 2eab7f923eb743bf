//! What is different between two plans, in words.
//!
//! It compares what is written, key by key and step by step, so that nothing of the language is left out; comments and the order of names do
//! not count, the order of routes and steps does.

use super::plan::Plan;
use super::steps::STEPS;
use crate::document::{Node, Tree};

/// The parts of a plan whose entries have names, and what one of them is called.
const NAMED: [(&str, &str); 9] = [
    ("hours", "hours"),
    ("assistants", "assistant"),
    ("knowledge", "knowledge"),
    ("slots", "slot"),
    ("tools", "tool"),
    ("queues", "queue"),
    ("handoff", "handoff"),
    ("campaigns", "campaign"),
    ("flows", "flow"),
];
/// The parts that are lists of maps with a `name`.
const LISTED: [(&str, &str); 2] = [("routes", "route"), ("tests", "test")];
/// Longer values are cut, in characters.
const LONGEST: usize = 120;

/// The differences from `old` to `new`, one a line, by the parts of a plan; empty where they say the same.
pub fn diff(old: &Plan, new: &Plan) -> Vec<String> {
    let (old, new) = (&old.written, &new.written);
    let mut told = Vec::new();
    for (part, what) in LISTED {
        listed(old.entry(part), new.entry(part), what, &mut told);
    }
    for (part, what) in NAMED {
        named(old.entry(part), new.entry(part), what, &mut told);
    }
    let others = entries(Some(old)).chain(entries(Some(new))).map(|(key, _)| key);
    let mut seen: Vec<&str> = LISTED.iter().chain(&NAMED).map(|(part, _)| *part).collect();
    for key in others {
        if !seen.contains(&key) {
            seen.push(key);
            value(old.entry(key), new.entry(key), "", &format!("`{key}`"), &mut told);
        }
    }
    told
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    let entries = match node.map(|node| &node.value) {
        Some(Tree::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|(key, node)| (key.name.as_str(), node))
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Tree::List(items)) => items,
        _ => &[],
    }
}

fn named(old: Option<&Node>, new: Option<&Node>, what: &str, told: &mut Vec<String>) {
    for (name, was) in entries(old) {
        match new.and_then(|new| new.entry(name)) {
            Some(is) => map(was, is, &format!("{what} `{name}`: "), "", told),
            None => told.push(format!("{what} `{name}` is gone")),
        }
    }
    for (name, is) in entries(new) {
        if old.and_then(|old| old.entry(name)).is_none() {
            told.push(format!("{what} `{name}` is new: {}", short(is)));
        }
    }
}

fn listed(old: Option<&Node>, new: Option<&Node>, what: &str, told: &mut Vec<String>) {
    let name = |(at, node): (usize, &Node)| {
        let name = node.entry("name").and_then(Node::scalar);
        name.unwrap_or_else(|| format!("{}", at + 1))
    };
    let names = |node: Option<&Node>| items(node).iter().enumerate().map(name).collect::<Vec<_>>();
    let (before, after) = (names(old), names(new));
    for (name, was) in before.iter().zip(items(old)) {
        match after
            .iter()
            .position(|other| other == name)
            .and_then(|at| items(new).get(at))
        {
            Some(is) => map(was, is, &format!("{what} `{name}`: "), "", told),
            None => told.push(format!("{what} `{name}` is gone")),
        }
    }
    for (name, is) in after.iter().zip(items(new)) {
        if !before.contains(name) {
            told.push(format!("{what} `{name}` is new: {}", short(is)));
        }
    }
    let common = |names: &[String], others: &[String]| -> Vec<String> {
        names.iter().filter(|name| others.contains(name)).cloned().collect()
    };
    if common(&before, &after) != common(&after, &before) {
        told.push(format!("{what}s come in another order: {}", after.join(", ")));
    }
}

/// Two maps, or what stands in the place of one; `path` is where they are in their part.
fn map(old: &Node, new: &Node, part: &str, path: &str, told: &mut Vec<String>) {
    let (Tree::Map(_), Tree::Map(_)) = (&old.value, &new.value) else {
        if !same(old, new) {
            told.push(format!(
                "{part}{} now is {} (was {})",
                named_path(path),
                short(new),
                short(old)
            ));
        }
        return;
    };
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    for (key, was) in entries(Some(old)) {
        inner(key, Some(was), new.entry(key), part, &below(key), told);
    }
    for (key, is) in entries(Some(new)) {
        if old.entry(key).is_none() {
            inner(key, None, Some(is), part, &below(key), told);
        }
    }
}

fn inner(key: &str, old: Option<&Node>, new: Option<&Node>, part: &str, path: &str, told: &mut Vec<String>) {
    match (key, old, new) {
        ("steps", old, new) => steps(items(old), items(new), part, told),
        (_, Some(was), Some(is)) if matches!((&was.value, &is.value), (Tree::Map(_), Tree::Map(_))) => {
            map(was, is, part, path, told);
        }
        (_, old, new) => value(old, new, part, &named_path(path), told),
    }
}

fn named_path(path: &str) -> String {
    if path.is_empty() {
        "it".to_owned()
    } else {
        format!("`{path}`")
    }
}

/// Two values under one name; lists of scalars are told item by item.
fn value(old: Option<&Node>, new: Option<&Node>, part: &str, name: &str, told: &mut Vec<String>) {
    match (old, new) {
        (Some(was), Some(is)) if same(was, is) => {}
        (Some(was), Some(is)) => {
            let scalars = |node: &Node| {
                !items(Some(node)).is_empty() && items(Some(node)).iter().all(|item| item.scalar().is_some())
            };
            if scalars(was) && scalars(is) {
                let lacks = |node: &Node, item: &Node| !items(Some(node)).iter().any(|other| same(other, item));
                let (gone, fresh) = (items(Some(was)), items(Some(is)));
                let before = told.len();
                told.extend(
                    fresh
                        .iter()
                        .filter(|item| lacks(was, item))
                        .map(|item| format!("{part}{name} now has {}", short(item))),
                );
                told.extend(
                    gone.iter()
                        .filter(|item| lacks(is, item))
                        .map(|item| format!("{part}{name} no longer has {}", short(item))),
                );
                if told.len() == before {
                    told.push(format!("{part}{name} has another order: {}", short(is)));
                }
            } else if matches!((&was.value, &is.value), (Tree::Map(_), Tree::Map(_))) {
                map(was, is, part, name.trim_matches('`'), told);
            } else {
                told.push(format!("{part}{name} now is {} (was {})", short(is), short(was)));
            }
        }
        (None, Some(is)) => told.push(format!("{part}{name} is new: {}", short(is))),
        (Some(was), None) => told.push(format!("{part}{name} is gone (was {})", short(was))),
        (None, None) => {}
    }
}

/// Steps that are the same stay; of the others, those of one kind and subject are one step that has changed.
fn steps(old: &[Node], new: &[Node], part: &str, told: &mut Vec<String>) {
    let mut kept = common(old, new);
    kept.push((old.len(), new.len()));
    let (mut from, mut to) = (0, 0);
    for (a, b) in kept {
        between(&old[from..a], &new[to..b], part, told);
        (from, to) = (a + 1, b + 1);
    }
}

fn between(old: &[Node], new: &[Node], part: &str, told: &mut Vec<String>) {
    let mut left: Vec<&Node> = old.iter().collect();
    for is in new {
        let (kind, subject) = head(is);
        let alike = left
            .iter()
            .position(|was| head(was) == (kind, subject.clone()))
            .or_else(|| left.iter().position(|was| head(was).0 == kind && !kind.is_empty()));
        match alike {
            Some(at) => {
                let was = left.remove(at);
                step(was, is, part, told);
            }
            None => told.push(format!("{part}{subject} is new: {}", short(is))),
        }
    }
    for was in left {
        told.push(format!("{part}{} is gone (was {})", head(was).1, short(was)));
    }
}

/// One step that has changed.
fn step(old: &Node, new: &Node, part: &str, told: &mut Vec<String>) {
    let (kind, subject) = head(new);
    if head(old).1 != subject {
        told.push(format!("{part}{subject} takes the place of {}", head(old).1));
    }
    let mut keys: Vec<&str> = entries(Some(old)).map(|(key, _)| key).collect();
    keys.extend(
        entries(Some(new))
            .map(|(key, _)| key)
            .filter(|key| old.entry(key).is_none()),
    );
    for key in keys {
        let (was, is) = (old.entry(key), new.entry(key));
        let spoken = matches!((kind, key), ("collect", "ask") | ("say", "say") | ("hangup", "hangup"));
        let branch = matches!((kind, key), ("if", "then" | "else")) || (kind == "switch" && key != "switch");
        match (was, is) {
            (Some(was), Some(is)) if same(was, is) => {}
            (Some(was), Some(is)) if spoken => {
                told.push(format!("{part}{subject} now says {} (was {})", short(is), short(was)));
            }
            (Some(_), Some(_)) if key == kind && head(old).1 != subject => {}
            (was, is) if branch => steps(items(was), items(is), &format!("{part}{subject}, `{key}`: "), told),
            (was, is) => value(was, is, &format!("{part}{subject}: "), &format!("`{key}`"), told),
        }
    }
}

/// The kind of a step, and what it is called: "question for `order_id`".
fn head(node: &Node) -> (&str, String) {
    let kind = entries(Some(node))
        .map(|(key, _)| key)
        .find(|key| STEPS.iter().any(|(step, _)| step == key));
    let Some(kind) = kind else {
        return ("", "a step".to_owned());
    };
    let main = node.entry(kind).and_then(Node::scalar);
    let subject = match (kind, main) {
        ("collect", Some(slot)) => format!("question for `{slot}`"),
        (
            "tool" | "run_flow" | "goto_flow" | "transfer" | "record" | "callback" | "disposition" | "switch",
            Some(main),
        ) => {
            format!("`{kind}` `{main}`")
        }
        ("if", Some(main)) => format!("`if` \u{201c}{main}\u{201d}"),
        (kind, _) => format!("`{kind}`"),
    };
    (kind, subject)
}

/// Pairs of equal items in both, in order: the longest row of them.
fn common(old: &[Node], new: &[Node]) -> Vec<(usize, usize)> {
    let mut lengths = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            lengths[a][b] = if same(&old[a], &new[b]) {
                lengths[a + 1][b + 1] + 1
            } else {
                lengths[a + 1][b].max(lengths[a][b + 1])
            };
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < old.len() && b < new.len() {
        if same(&old[a], &new[b]) {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if lengths[a + 1][b] >= lengths[a][b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

/// Whether two nodes say the same, wherever they stand; the order of keys does not count.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Tree::Map(left), Tree::Map(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, node)| b.entry(&key.name).is_some_and(|other| same(node, other)))
        }
        (Tree::List(left), Tree::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same(a, b))
        }
        (left, right) => left == right && a.scalar() == b.scalar(),
    }
}

/// A value as a plan would have it on one line.
fn short(node: &Node) -> String {
    let whole = written(node);
    if whole.chars().count() <= LONGEST {
        return whole;
    }
    let cut: String = whole.chars().take(LONGEST - 1).collect();
    format!("{cut}…")
}

fn written(node: &Node) -> String {
    match &node.value {
        Tree::Null => "nothing".to_owned(),
        Tree::Boolean(_) | Tree::Number(_) => node.scalar().unwrap_or_default(),
        Tree::Text(text) => format!("\u{201c}{text}\u{201d}"),
        Tree::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Tree::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, node)| format!("{}: {}", key.name, written(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}
