//! Flows and their steps, read.

use super::expression::Expression;
use super::plan::{Action, Collect, Flow, Question, Step};
use super::prompt::Prompt;
use crate::document::problem::suggest;
use crate::document::{Fields, Node, Place, Problems, Tree, read};

/// The steps, by the key that makes a map a step, and the other keys that each may have.
const STEPS: [(&str, &[&str]); 10] = [
    ("say", &["bargein"]),
    ("collect", &["ask", "retries", "on_fail"]),
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

pub(super) fn flow(name: &str, place: Place, node: &Node, problems: &mut Problems) -> Option<Flow> {
    let what = format!("flow `{name}`");
    let fields = Fields::of(node, &what, &["title", "use_when", "examples", "steps"], problems)?;
    let steps = fields
        .need("steps", &what, problems)
        .map(|node| steps(node, "steps", 0, problems))
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
        place,
    })
}

/// Every prompt of `steps`, branches included.
pub(super) fn each_prompt<'a>(steps: &'a [Step], see: &mut impl FnMut(&'a Prompt)) {
    each(steps, &mut |step| match &step.action {
        Action::Say { prompt, .. } => see(prompt),
        Action::Collect(collect) => see(&collect.ask),
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

fn steps(node: &Node, what: &str, depth: usize, problems: &mut Problems) -> Vec<Step> {
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
    items.iter().filter_map(|item| step(item, depth, problems)).collect()
}

fn step(node: &Node, depth: usize, problems: &mut Problems) -> Option<Step> {
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
        switch(node, entries, depth, problems)?
    } else {
        let keys: Vec<&str> = std::iter::once(*name).chain(others.iter().copied()).collect();
        let fields = Fields::of(node, &format!("step `{name}`"), &keys, problems)?;
        action(name, &fields, depth, problems)?
    };
    Some(Step {
        place: node.place,
        action,
    })
}

fn action(name: &str, fields: &Fields<'_>, depth: usize, problems: &mut Problems) -> Option<Action> {
    let main = fields.get(name)?;
    let branch = |key: &str, problems: &mut Problems| {
        fields
            .get(key)
            .map(|node| steps(node, key, depth + 1, problems))
            .unwrap_or_default()
    };
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
            Action::Collect(Collect {
                slot: read::text(main, "collect", problems)?,
                ask: Prompt::read(ask, "ask", problems)?,
                retries: fields.count("retries", 0..=10, problems).unwrap_or(2),
                on_fail: fields.text("on_fail", problems),
            })
        }
        "answer" => {
            let on_fail = fields.text("on_fail", problems);
            let question = match main.scalar().as_deref() {
                Some("last_words") => Question::LastWords,
                Some(_) | None => Question::Text(Prompt::read(main, "answer", problems)?),
            };
            Action::Answer { question, on_fail }
        }
        "set" => {
            let values = read::named(main, "set", problems);
            let parsed = values
                .iter()
                .filter_map(|(key, node)| Some((key.name.clone(), expression(node, &key.name, problems)?)));
            Action::Set(parsed.collect())
        }
        "if" => Action::If {
            condition: expression(main, "if", problems)?,
            then: branch("then", problems),
            otherwise: branch("else", problems),
        },
        "goto_flow" => Action::GotoFlow(read::text(main, name, problems)?),
        "run_flow" => Action::RunFlow(read::text(main, name, problems)?),
        "transfer" => Action::Transfer {
            to: read::text(main, name, problems)?,
            say: fields.get("say").and_then(|node| Prompt::read(node, "say", problems)),
            on_fail: fields.text("on_fail", problems),
        },
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

/// `{switch: slot, value: [steps], …, default: [steps]}`
fn switch(
    node: &Node,
    entries: &[(crate::document::yaml::Key, Node)],
    depth: usize,
    problems: &mut Problems,
) -> Option<Action> {
    let on = expression(node.entry("switch")?, "switch", problems)?;
    let (mut cases, mut default) = (Vec::new(), Vec::new());
    for (key, node) in entries.iter().filter(|(key, _)| key.name != "switch") {
        let steps = steps(node, &key.name, depth + 1, problems);
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
