//! Flows and their steps, read.

use super::expression::Expression;
use super::next::{self, Next, RESERVED};
use super::patterns::{EVENTS, Events};
use super::plan::{Action, Collect, Flow, Question, Step};
use super::prompt::Prompt;
use super::uri;
use crate::document::problem::suggest;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Problems, Tree, read};

/// The steps, by the key that makes a map a step, and the other keys that each may have.
const STEPS: [(&str, &[&str]); 10] = [
    ("say", &["bargein"]),
    ("collect", &["ask", "retries", "on_fail", "patterns"]),
    ("answer", &["on_fail"]),
    ("set", &[]),
    ("if", &["then", "else"]),
    ("switch", &[]),
    ("goto_flow", &[]),
    ("run_flow", &[]),
    ("transfer", &["say", "on_fail"]),
    ("hangup", &[]),
];

/// Steps of the language that this version does not carry out.
const LATER: [&str; 5] = ["tool", "callback", "record", "ticket", "disposition"];

/// Branches may nest so deep.
const DEEPEST: usize = 16;

/// What the reader of a flow must know of the plan around it.
pub(super) struct Around<'a> {
    /// The names of all flows.
    pub flows: &'a [&'a str],
    /// What happens unless it says otherwise.
    pub events: Events,
}

pub(super) fn flow(key: &Key, node: &Node, around: &Around<'_>, problems: &mut Problems) -> Option<Flow> {
    let (name, what) = (&key.name, format!("flow `{}`", key.name));
    if RESERVED.contains(&name.as_str()) {
        problems.error(
            key.place,
            format!("no flow may be called `{name}`: it is where any flow can go"),
        );
    }
    let known = [&["title", "use_when", "examples", "patterns", "steps"][..], &EVENTS].concat();
    let fields = Fields::of(node, &what, &known, problems)?;
    misplaced_events(&fields, &what, problems);
    let events = around
        .events
        .within(fields.get("patterns"), &what, around.flows, problems);
    let around = Around {
        flows: around.flows,
        events,
    };
    let written = fields.need("steps", &what, problems);
    if written.is_some_and(|node| node.value == Tree::Null || node.value == Tree::List(Vec::new())) {
        problems.error(key.place, format!("{what} has no steps"));
    }
    let steps = written
        .map(|node| steps(node, "steps", 0, &around, problems))
        .unwrap_or_default();
    Some(Flow {
        name: name.to_owned(),
        title: fields
            .get("title")
            .and_then(|node| Prompt::read(node, "title", problems)),
        use_when: fields.text("use_when", problems),
        examples: fields.texts("examples", problems),
        code: super::code::compile(&steps),
        steps,
        events: around.events,
        place: key.place,
    })
}

/// Events stand under `patterns` at every level; the place where one looks for them first is worth an answer.
fn misplaced_events(fields: &Fields<'_>, what: &str, problems: &mut Problems) {
    for name in EVENTS {
        if let Some(node) = fields.get(name) {
            problems.error(
                node.place,
                format!("`{name}` of {what} stands under `patterns: {{{name}: …}}`"),
            );
        }
    }
}

/// Every prompt of `flow`, branches and events included.
pub(super) fn each_prompt<'a>(flow: &'a Flow, see: &mut impl FnMut(&'a Prompt)) {
    each(&flow.steps, &mut |step| match &step.action {
        Action::Say { prompt, .. } => see(prompt),
        Action::Collect(collect) => {
            see(&collect.ask);
            collect.events.prompts().for_each(&mut *see);
        }
        Action::Answer {
            question: Question::Text(prompt),
            ..
        } => see(prompt),
        Action::Transfer { say: Some(prompt), .. } | Action::Hangup { say: Some(prompt) } => see(prompt),
        Action::Answer { .. }
        | Action::Set(_)
        | Action::If { .. }
        | Action::Switch { .. }
        | Action::GotoFlow(_)
        | Action::RunFlow(_)
        | Action::Transfer { .. }
        | Action::Hangup { .. } => {}
    });
    flow.events.prompts().for_each(see);
}

/// Every step, branches included.
pub(super) fn each<'a>(steps: &'a [Step], see: &mut impl FnMut(&'a Step)) {
    for step in steps {
        see(step);
        match &step.action {
            Action::If { then, otherwise, .. } => {
                each(then, see);
                each(otherwise, see);
            }
            Action::Switch { cases, default, .. } => {
                for (_, steps) in cases {
                    each(steps, see);
                }
                each(default, see);
            }
            Action::Say { .. }
            | Action::Collect(_)
            | Action::Answer { .. }
            | Action::Set(_)
            | Action::GotoFlow(_)
            | Action::RunFlow(_)
            | Action::Transfer { .. }
            | Action::Hangup { .. } => {}
        }
    }
}

fn steps(node: &Node, what: &str, depth: usize, around: &Around<'_>, problems: &mut Problems) -> Vec<Step> {
    if depth > DEEPEST {
        problems.error(
            node.place,
            format!("branches nest deeper than {DEEPEST}; make a flow of the inner ones"),
        );
        return Vec::new();
    }
    let items = match &node.value {
        Tree::Null => &[],
        _ => read::list(node, what, problems),
    };
    items
        .iter()
        .filter_map(|item| step(item, depth, around, problems))
        .collect()
}

fn step(node: &Node, depth: usize, around: &Around<'_>, problems: &mut Problems) -> Option<Step> {
    let Tree::Map(entries) = &node.value else {
        problems.error(
            node.place,
            format!(
                "a step is {} and should be a map such as {{say: \"Hello.\"}}",
                node.kind()
            ),
        );
        return None;
    };
    let known = || STEPS.iter().map(|(name, _)| *name);
    let names: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    if let Some(later) = names.iter().find(|name| LATER.contains(name)) {
        problems.error(
            node.place,
            format!("the step `{later}` is not yet carried out by this version; take it out"),
        );
        return None;
    }
    let found = STEPS
        .iter()
        .find(|(name, _)| names.first() == Some(name))
        .or_else(|| STEPS.iter().find(|(name, _)| names.contains(name)));
    let Some((name, others)) = found else {
        let first = names.first().copied().unwrap_or("nothing");
        problems.error(
            node.place,
            format!("no step is called `{first}`{}", suggest(first, known())),
        );
        return None;
    };
    let action = if *name == "switch" {
        switch(node, entries, depth, around, problems)?
    } else {
        let keys: Vec<&str> = std::iter::once(*name).chain(others.iter().copied()).collect();
        let what = format!("step `{name}`");
        let known = if *name == "collect" {
            [&keys[..], &EVENTS].concat()
        } else {
            keys
        };
        let fields = Fields::of(node, &what, &known, problems)?;
        misplaced_events(&fields, &what, problems);
        action(name, &fields, depth, around, problems)?
    };
    Some(Step {
        place: node.place,
        action,
    })
}

fn action(
    name: &str,
    fields: &Fields<'_>,
    depth: usize,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Action> {
    let main = fields.get(name)?;
    let branch = |node: Option<&Node>, key: &str, problems: &mut Problems| {
        node.map(|node| steps(node, key, depth + 1, around, problems))
            .unwrap_or_default()
    };
    let on_fail = |problems: &mut Problems| Next::read(fields.get("on_fail")?, "on_fail", around.flows, problems);
    Some(match name {
        "say" => {
            let bargein = fields.boolean("bargein", problems);
            Action::Say {
                prompt: Prompt::read(main, "say", problems)?,
                bargein,
            }
        }
        "collect" => {
            let ask = fields.need("ask", "step `collect`", problems)?;
            let events = around
                .events
                .within(fields.get("patterns"), "step `collect`", around.flows, problems);
            Action::Collect(Collect {
                slot: read::text(main, "collect", problems)?,
                ask: Prompt::read(ask, "ask", problems)?,
                retries: fields.count("retries", 0..=10, problems).unwrap_or(events.nomatch.max),
                on_fail: on_fail(problems),
                events,
            })
        }
        "answer" => {
            let question = match main.scalar().as_deref() {
                Some("last_words") => Question::LastWords,
                Some(_) | None => Question::Text(Prompt::read(main, "answer", problems)?),
            };
            Action::Answer {
                question,
                on_fail: on_fail(problems),
            }
        }
        "set" => {
            let values = read::named(main, "set", problems);
            let parsed = values
                .iter()
                .filter_map(|(key, node)| Some((key.name.clone(), expression(node, &key.name, problems)?)));
            Action::Set(parsed.collect())
        }
        "if" => {
            let then = branch(fields.need("then", "step `if`", problems), "then", problems);
            let otherwise = branch(fields.get("else"), "else", problems);
            Action::If {
                condition: expression(main, "if", problems)?,
                then,
                otherwise,
            }
        }
        "goto_flow" => Action::GotoFlow(Next::read(main, name, around.flows, problems)?),
        "run_flow" => {
            let flow = read::text(main, name, problems)?;
            next::is_flow(&flow, main, around.flows, problems);
            Action::RunFlow(flow)
        }
        "transfer" => transfer(main, fields, around, problems)?,
        _ => {
            let now = main.scalar().as_deref() == Some("now");
            Action::Hangup {
                say: if now {
                    None
                } else {
                    Some(Prompt::read(main, "hangup", problems)?)
                },
            }
        }
    })
}

/// `{transfer: URI, say: …, on_fail: …}`, or all of it in a map: `{transfer: {to: URI, say: …, on_fail: …}}`.
fn transfer(main: &Node, fields: &Fields<'_>, around: &Around<'_>, problems: &mut Problems) -> Option<Action> {
    let inner = match &main.value {
        Tree::Map(_) => Some(Fields::of(main, "`transfer`", &["to", "say", "on_fail"], problems)?),
        Tree::Null | Tree::Boolean(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => None,
    };
    let either = |name: &str| {
        inner
            .as_ref()
            .and_then(|inner| inner.get(name))
            .or_else(|| fields.get(name))
    };
    let address = match &inner {
        Some(inner) => inner.need("to", "`transfer`", problems)?,
        None => main,
    };
    let to = read::text(address, "transfer", problems)?;
    if let Err(reason) = uri::check(&to) {
        problems.error(address.place, reason);
    }
    let on_fail = either("on_fail");
    if on_fail.is_none() {
        let message = "`transfer` needs `on_fail: FLOW`: what happens when nobody answers";
        problems.error(fields.place(), message);
    }
    Some(Action::Transfer {
        to,
        say: either("say").and_then(|node| Prompt::read(node, "say", problems)),
        on_fail: on_fail.and_then(|node| Next::read(node, "on_fail", around.flows, problems)),
    })
}

/// `{switch: slot, value: [steps], …, default: [steps]}`
fn switch(
    node: &Node,
    entries: &[(Key, Node)],
    depth: usize,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Action> {
    let on = expression(node.entry("switch")?, "switch", problems)?;
    let (mut cases, mut default) = (Vec::new(), Vec::new());
    for (key, node) in entries.iter().filter(|(key, _)| key.name != "switch") {
        let steps = steps(node, &key.name, depth + 1, around, problems);
        if key.name == "default" {
            default = steps;
        } else {
            cases.push((key.name.clone(), steps));
        }
    }
    if cases.is_empty() {
        problems.error(
            node.place,
            "`switch` has no cases; write the values as keys, each with its steps",
        );
    }
    Some(Action::Switch { on, cases, default })
}

fn expression(node: &Node, name: &str, problems: &mut Problems) -> Option<Expression> {
    let source = read::text(node, name, problems)?;
    match Expression::parse(&source) {
        Ok(expression) => Some(expression),
        Err(reason) => {
            problems.error(node.place, reason);
            None
        }
    }
}
