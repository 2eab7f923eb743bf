//! What a plan must keep beside its syntax: references, types, exits, and what callers would suffer from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::expression::{Expression, Type};
use super::flows::{each, each_prompt};
use super::plan::{Action, Flow, Plan, SlotKind, Step, Then};
use super::prompt::Prompt;
use crate::document::problem::suggest;
use crate::document::{Place, Problems};
use crate::language::Language;

/// A prompt that takes longer to say loses the caller.
const LONGEST_PROMPT: Duration = Duration::from_secs(12);
/// The share of common words from which two `use_when` are the same to a dialogue manager.
const ALIKE: f64 = 0.8;

pub(super) fn check(plan: &Plan, problems: &mut Problems) {
    routes(plan, problems);
    assistants(plan, problems);
    for flow in &plan.flows {
        steps(plan, flow, problems);
    }
    for name in plan.patterns.flows() {
        reference(plan, name, Place { line: 1, column: 1 }, problems);
    }
    reachable(plan, problems);
    circles(plan, problems);
    alike(plan, problems);
    prompts(plan, problems);
}

fn reference(plan: &Plan, name: &str, place: Place, problems: &mut Problems) {
    if plan.flow(name).is_none() {
        let known = plan.flows.iter().map(|flow| flow.name.as_str());
        problems.error(place, format!("no flow is called `{name}`{}", suggest(name, known)));
    }
}

fn routes(plan: &Plan, problems: &mut Problems) {
    for route in &plan.routes {
        if let Then::Answer { assistant, flow } = &route.then {
            if !plan.assistants.contains_key(assistant) {
                let known = plan.assistants.keys().map(String::as_str);
                problems.error(
                    route.place,
                    format!("no assistant is called `{assistant}`{}", suggest(assistant, known)),
                );
            }
            reference(plan, flow, route.place, problems);
        }
    }
}

fn assistants(plan: &Plan, problems: &mut Problems) {
    for assistant in plan.assistants.values() {
        for name in &assistant.knowledge {
            if !plan.knowledge.contains_key(name) {
                let known = plan.knowledge.keys().map(String::as_str);
                problems.error(
                    assistant.place,
                    format!("no knowledge is called `{name}`{}", suggest(name, known)),
                );
            }
        }
    }
}

fn steps(plan: &Plan, flow: &Flow, problems: &mut Problems) {
    if flow.steps.is_empty() {
        problems.error(flow.place, format!("flow `{}` has no steps", flow.name));
    }
    each(&flow.steps, &mut |step| match &step.action {
        Action::Collect(collect) => {
            slot(plan, &collect.slot, step.place, problems);
            on_fail(plan, collect.on_fail.as_deref(), step.place, problems);
        }
        Action::Answer { on_fail: exit, .. } => on_fail(plan, exit.as_deref(), step.place, problems),
        Action::Set(values) => {
            for (name, value) in values {
                slot(plan, name, step.place, problems);
                typed(plan, value, None, step.place, problems);
            }
        }
        Action::If { condition, .. } => typed(plan, condition, Some(Type::Boolean), step.place, problems),
        Action::Switch { on, cases, .. } => {
            typed(plan, on, None, step.place, problems);
            switch_cases(plan, on, cases, step.place, problems);
        }
        Action::GotoFlow(name) | Action::RunFlow(name) => reference(plan, name, step.place, problems),
        Action::Transfer { to, on_fail: exit, .. } => {
            if !to.starts_with("sip:") && !to.starts_with("sips:") {
                problems.error(
                    step.place,
                    format!("`transfer: {to}` is no SIP URI; write `sip:agent@host`"),
                );
            }
            if exit.is_none() {
                problems.error(
                    step.place,
                    "`transfer` needs `on_fail: FLOW`: what happens when nobody answers",
                );
            }
            on_fail(plan, exit.as_deref(), step.place, problems);
        }
        Action::Say { .. } | Action::Hangup { .. } => {}
    });
}

fn on_fail(plan: &Plan, name: Option<&str>, place: Place, problems: &mut Problems) {
    if let Some(name) = name {
        reference(plan, name, place, problems);
    }
}

fn slot(plan: &Plan, name: &str, place: Place, problems: &mut Problems) {
    if !plan.slots.contains_key(name) {
        let known = plan.slots.keys().map(String::as_str);
        problems.error(place, format!("no slot is called `{name}`{}", suggest(name, known)));
    }
}

fn switch_cases(plan: &Plan, on: &Expression, cases: &[(String, Vec<Step>)], place: Place, problems: &mut Problems) {
    let Some(slot) = on.name().and_then(|name| plan.slots.get(name)) else {
        return;
    };
    let SlotKind::Enum(choices) = &slot.kind else { return };
    for (case, _) in cases {
        if !choices.iter().any(|choice| choice.value == *case) {
            let known = choices.iter().map(|choice| choice.value.as_str());
            problems.error(
                place,
                format!("slot `{}` has no value `{case}`{}", slot.name, suggest(case, known)),
            );
        }
    }
}

/// The type of a name in an expression or a prompt.
fn name(plan: &Plan, path: &str) -> Result<Type, String> {
    if let Some(slot) = plan.slots.get(path) {
        return Ok(match slot.kind {
            SlotKind::Number { .. } => Type::Number,
            SlotKind::Boolean => Type::Boolean,
            SlotKind::Digits { .. }
            | SlotKind::Enum(_)
            | SlotKind::Date
            | SlotKind::Time
            | SlotKind::Name
            | SlotKind::Email
            | SlotKind::Text => Type::Text,
        });
    }
    match path.split_once('.') {
        Some(("caller", _)) => Ok(Type::Any),
        Some(("call", "id" | "to")) => Ok(Type::Text),
        Some(("hours", rest)) => match rest.split_once('.') {
            Some((hours, "open")) if plan.hours.contains_key(hours) => Ok(Type::Boolean),
            Some((hours, "open")) => Err(format!(
                "no hours are called `{hours}`{}",
                suggest(hours, plan.hours.keys().map(String::as_str))
            )),
            _ => Err(format!("`{path}`: write `hours.NAME.open`")),
        },
        Some(("queue" | "sentiment" | "campaign", _)) => {
            Err(format!("`{path}` is not yet carried out by this version"))
        }
        _ => {
            let known = plan.slots.keys().map(String::as_str);
            Err(format!(
                "`{path}` is no slot, nor of caller, call or hours{}",
                suggest(path, known)
            ))
        }
    }
}

fn typed(plan: &Plan, expression: &Expression, wanted: Option<Type>, place: Place, problems: &mut Problems) {
    match (expression.check(&|path| name(plan, path)), wanted) {
        (Err(reason), _) => problems.error(place, reason),
        (Ok(Type::Any), _) | (Ok(_), None) => {}
        (Ok(found), Some(wanted)) if found == wanted => {}
        (Ok(_), Some(_)) => problems.error(place, "a condition should be true or false"),
    }
}

/// The flows that `flow` leads to.
fn leads_to(flow: &Flow) -> Vec<&str> {
    let mut names = Vec::new();
    each(&flow.steps, &mut |step| match &step.action {
        Action::GotoFlow(name) | Action::RunFlow(name) => names.push(name.as_str()),
        Action::Collect(collect) => names.extend(collect.on_fail.as_deref()),
        Action::Answer { on_fail, .. } | Action::Transfer { on_fail, .. } => names.extend(on_fail.as_deref()),
        Action::Say { .. } | Action::Set(_) | Action::If { .. } | Action::Switch { .. } | Action::Hangup { .. } => {}
    });
    names
}

fn reachable(plan: &Plan, problems: &mut Problems) {
    let mut open: Vec<&str> = plan.patterns.flows();
    open.extend(plan.routes.iter().filter_map(|route| match &route.then {
        Then::Answer { flow, .. } => Some(flow.as_str()),
        Then::Reject(_) => None,
    }));
    open.extend(
        plan.flows
            .iter()
            .filter(|flow| flow.use_when.is_some())
            .map(|flow| flow.name.as_str()),
    );
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(plan.flow(next).map(leads_to).unwrap_or_default());
        }
    }
    for flow in plan.flows.iter().filter(|flow| !seen.contains(flow.name.as_str())) {
        let message = format!(
            "no route, step or caller leads to flow `{}`: give it a `use_when`, or take it out",
            flow.name
        );
        problems.error(flow.place, message);
    }
}

/// Flows that lead from one to the other without waiting for the caller would never end.
fn circles(plan: &Plan, problems: &mut Problems) {
    // A flow's unconditional way: the first `goto_flow` or `run_flow` before any step that listens.
    let next: BTreeMap<&str, Vec<&str>> = plan
        .flows
        .iter()
        .map(|flow| (flow.name.as_str(), at_once(&flow.steps).1))
        .collect();
    for flow in &plan.flows {
        let (mut open, mut seen) = (next[flow.name.as_str()].clone(), BTreeSet::new());
        while let Some(name) = open.pop() {
            if name == flow.name {
                let message = format!(
                    "flow `{}` leads back to itself without listening to the caller",
                    flow.name
                );
                problems.error(flow.place, message);
                break;
            }
            if seen.insert(name) {
                open.extend(next.get(name).into_iter().flatten().copied());
            }
        }
    }
}

/// Flows that may be entered from `steps` before the caller is listened to; and whether the steps can end without listening.
fn at_once(steps: &[Step]) -> (bool, Vec<&str>) {
    let mut names = Vec::new();
    for step in steps {
        match &step.action {
            Action::Collect(_) | Action::Transfer { .. } | Action::Hangup { .. } => return (false, names),
            Action::GotoFlow(name) => {
                names.push(name.as_str());
                return (false, names);
            }
            Action::RunFlow(name) => names.push(name.as_str()),
            Action::Answer { on_fail, .. } => names.extend(on_fail.as_deref()),
            Action::If { then, otherwise, .. } => {
                let ((a, one), (b, two)) = (at_once(then), at_once(otherwise));
                names.extend(one.into_iter().chain(two));
                if !a && !b {
                    return (false, names);
                }
            }
            Action::Switch { cases, default, .. } => {
                let (mut through, inner) = at_once(default);
                names.extend(inner);
                for (_, steps) in cases {
                    let (on, inner) = at_once(steps);
                    through |= on;
                    names.extend(inner);
                }
                if !through {
                    return (false, names);
                }
            }
            Action::Say { .. } | Action::Set(_) => {}
        }
    }
    (true, names)
}

fn alike(plan: &Plan, problems: &mut Problems) {
    let words = |text: &str| -> BTreeSet<String> { text.split_whitespace().map(str::to_lowercase).collect() };
    let flows: Vec<(&Flow, BTreeSet<String>)> = plan
        .flows
        .iter()
        .filter_map(|flow| Some((flow, words(flow.use_when.as_deref()?))))
        .collect();
    for (n, (first, a)) in flows.iter().enumerate() {
        for (second, b) in &flows[n + 1..] {
            let common = a.intersection(b).count() as f64 / a.union(b).count().max(1) as f64;
            if common >= ALIKE {
                let message = format!(
                    "`use_when` of `{}` and `{}` are nearly the same: callers will get the wrong one",
                    first.name, second.name
                );
                problems.warn(second.place, message);
            }
        }
    }
}

fn prompts(plan: &Plan, problems: &mut Problems) {
    let languages = plan.languages();
    let mut see = |prompt: &Prompt| one_prompt(plan, prompt, &languages, problems);
    for assistant in plan.assistants.values() {
        assistant.disclosure.iter().for_each(&mut see);
    }
    for flow in &plan.flows {
        each_prompt(&flow.steps, &mut see);
        flow.title.iter().for_each(&mut see);
    }
    let patterns = &plan.patterns;
    for prompt in patterns.prompts() {
        let own = ["value", "first", "second"];
        for path in prompt.names().into_iter().filter(|path| !own.contains(path)) {
            if let Err(reason) = name(plan, path) {
                problems.error(prompt.place, reason);
            }
        }
    }
}

fn one_prompt(plan: &Plan, prompt: &Prompt, languages: &[Language], problems: &mut Problems) {
    for path in prompt.names() {
        if let Err(reason) = name(plan, path) {
            problems.error(prompt.place, reason);
        }
    }
    for (language, source) in prompt.sources() {
        let language = language.or(languages.first().copied()).unwrap_or(Language::English);
        let spoken = spoken(source, language);
        if spoken > LONGEST_PROMPT {
            let message = format!(
                "this takes about {} s to say; {} s is the most that people listen to",
                spoken.as_secs(),
                LONGEST_PROMPT.as_secs()
            );
            problems.warn(prompt.place, message);
        }
    }
    for language in languages.iter().filter(|language| !prompt.speaks(**language)) {
        problems.error(
            prompt.place,
            format!("an assistant speaks `{language}`, and this has no words in it"),
        );
    }
}

/// About 15 characters a second in English, four and a half in Mandarin.
fn spoken(text: &str, language: Language) -> Duration {
    let rate = match language {
        Language::English => 15.0,
        Language::Mandarin => 4.5,
    };
    Duration::from_secs_f64(text.chars().filter(|c| !c.is_ascii_punctuation()).count() as f64 / rate)
}
