//! What a plan must keep beside its syntax: references, types, exits, and what callers would suffer from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::expression::{Expression, Type};
use super::flows::{each, each_prompt};
use super::next::Next;
use super::plan::{Action, Flow, Plan, Slot, SlotKind, Step, Then};
use super::prompt::Prompt;
use crate::document::problem::suggest;
use crate::document::{Place, Problems};
use crate::language::Language;

/// A prompt that takes longer to say loses the caller.
const LONGEST_PROMPT: Duration = Duration::from_secs(12);
/// The share of common words from which two `use_when` are the same to a dialogue manager.
const ALIKE: f64 = 0.8;

pub(super) fn check(plan: &Plan, problems: &mut Problems) {
    assistants(plan, problems);
    for flow in &plan.flows {
        steps(plan, flow, problems);
    }
    reachable(plan, problems);
    circles(plan, problems);
    alike(plan, problems);
    prompts(plan, problems);
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
    each(&flow.steps, &mut |step| match &step.action {
        Action::Collect(collect) => {
            slot(plan, &collect.slot, step.place, problems);
        }
        Action::Set(values) => {
            for (name, value) in values {
                set(plan, name, value, step.place, problems);
            }
        }
        Action::If { condition, .. } => {
            if typed(plan, condition, step.place, problems).is_some_and(|found| found != Type::Boolean) {
                problems.error(step.place, "a condition should be true or false");
            }
        }
        Action::Switch { on, cases, .. } => {
            typed(plan, on, step.place, problems);
            switch_cases(plan, on, cases, step.place, problems);
        }
        Action::Answer { .. }
        | Action::Say { .. }
        | Action::GotoFlow(_)
        | Action::RunFlow(_)
        | Action::Transfer { .. }
        | Action::Hangup { .. } => {}
    });
}

fn slot<'a>(plan: &'a Plan, name: &str, place: Place, problems: &mut Problems) -> Option<&'a Slot> {
    let slot = plan.slots.get(name);
    if slot.is_none() {
        let known = plan.slots.keys().map(String::as_str);
        problems.error(place, format!("no slot is called `{name}`{}", suggest(name, known)));
    }
    slot
}

/// A slot is set to what it can hold.
fn set(plan: &Plan, name: &str, value: &Expression, place: Place, problems: &mut Problems) {
    let slot = slot(plan, name, place, problems);
    let (Some(slot), Some(found)) = (slot, typed(plan, value, place, problems)) else {
        return;
    };
    match value.constant() {
        Some(value) if !slot.fits(&value) => {
            problems.error(
                place,
                format!("slot `{name}` cannot be `{value}`{}", near(slot, &value.to_string())),
            );
        }
        Some(_) => {}
        None if found == Type::Any || found == kind(slot) => {}
        None => problems.error(place, format!("slot `{name}` takes {} and gets {found}", kind(slot))),
    }
}

fn switch_cases(plan: &Plan, on: &Expression, cases: &[(String, Vec<Step>)], place: Place, problems: &mut Problems) {
    let Some(slot) = on.name().and_then(|name| plan.slots.get(name)) else {
        return;
    };
    for (case, _) in cases {
        if slot.read(case).is_none() {
            problems.error(
                place,
                format!("slot `{}` is never `{case}`{}", slot.name, near(slot, case)),
            );
        }
    }
}

/// The value of `slot` that `written` may have been meant for.
fn near(slot: &Slot, written: &str) -> String {
    match &slot.kind {
        SlotKind::Enum(choices) => suggest(written, choices.iter().map(|choice| choice.value.as_str())),
        SlotKind::Boolean => suggest(written, ["true", "false"]),
        SlotKind::Digits { .. }
        | SlotKind::Number { .. }
        | SlotKind::Date
        | SlotKind::Time
        | SlotKind::Name
        | SlotKind::Email
        | SlotKind::Text => String::new(),
    }
}

fn kind(slot: &Slot) -> Type {
    match slot.kind {
        SlotKind::Number { .. } => Type::Number,
        SlotKind::Boolean => Type::Boolean,
        SlotKind::Digits { .. }
        | SlotKind::Enum(_)
        | SlotKind::Date
        | SlotKind::Time
        | SlotKind::Name
        | SlotKind::Email
        | SlotKind::Text => Type::Text,
    }
}

/// What is known of a caller and of a call.
const CALLER: [&str; 2] = ["caller.number", "caller.name"];
const CALL: [&str; 2] = ["call.id", "call.to"];

/// The type of a name in an expression or a prompt.
fn name(plan: &Plan, path: &str) -> Result<Type, String> {
    if let Some(slot) = plan.slots.get(path) {
        return Ok(kind(slot));
    }
    match path.split_once('.') {
        Some(("caller" | "call", _)) if CALLER.contains(&path) || CALL.contains(&path) => Ok(Type::Text),
        Some(("caller", _)) => Err(format!("nothing is known as `{path}`{}", suggest(path, CALLER))),
        Some(("call", _)) => Err(format!("nothing is known as `{path}`{}", suggest(path, CALL))),
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

/// The type of `expression`, if it has one; every slot in it is compared with what it can be.
fn typed(plan: &Plan, expression: &Expression, place: Place, problems: &mut Problems) -> Option<Type> {
    let found = match expression.check(&|path| name(plan, path)) {
        Ok(found) => found,
        Err(reason) => {
            problems.error(place, reason);
            return None;
        }
    };
    for (name, value) in expression.compared() {
        if let Some(slot) = plan.slots.get(name).filter(|slot| !slot.fits(value)) {
            let message = format!("slot `{name}` is never `{value}`{}", near(slot, &value.to_string()));
            problems.error(place, message);
        }
    }
    Some(found)
}

/// The flows that `flow` leads to.
fn leads_to(flow: &Flow) -> Vec<&str> {
    let mut names: Vec<&str> = flow.events.flows().collect();
    each(&flow.steps, &mut |step| match &step.action {
        Action::GotoFlow(next) => names.extend(next.flow()),
        Action::RunFlow(name) => names.push(name),
        Action::Collect(collect) => {
            names.extend(collect.on_fail.as_ref().and_then(Next::flow));
            names.extend(collect.events.flows());
        }
        Action::Answer { on_fail, .. } | Action::Transfer { on_fail, .. } => {
            names.extend(on_fail.as_ref().and_then(Next::flow));
        }
        Action::Say { .. } | Action::Set(_) | Action::If { .. } | Action::Switch { .. } | Action::Hangup { .. } => {}
    });
    names
}

fn reachable(plan: &Plan, problems: &mut Problems) {
    let events = plan.patterns.events();
    let mut open: Vec<&str> = events.flows().chain(plan.patterns.person.as_deref()).collect();
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

/// Flows that lead from one to the other without waiting for the caller would never end; nor would those that run themselves.
fn circles(plan: &Plan, problems: &mut Problems) {
    let next: BTreeMap<&str, Vec<&str>> = plan
        .flows
        .iter()
        .map(|flow| (flow.name.as_str(), at_once(&flow.steps).1))
        .collect();
    let runs: BTreeMap<&str, Vec<&str>> = plan.flows.iter().map(|flow| (flow.name.as_str(), runs(flow))).collect();
    for flow in &plan.flows {
        if leads_back(&flow.name, &runs) {
            problems.error(
                flow.place,
                format!("flow `{}` runs itself before it has ended", flow.name),
            );
        } else if leads_back(&flow.name, &next) {
            let message = format!(
                "flow `{}` leads back to itself without listening to the caller, be it by a transfer that fails",
                flow.name
            );
            problems.error(flow.place, message);
        }
    }
}

fn runs(flow: &Flow) -> Vec<&str> {
    let mut names = Vec::new();
    each(&flow.steps, &mut |step| {
        if let Action::RunFlow(name) = &step.action {
            names.push(name.as_str());
        }
    });
    names
}

fn leads_back(from: &str, next: &BTreeMap<&str, Vec<&str>>) -> bool {
    let (mut open, mut seen) = (next.get(from).cloned().unwrap_or_default(), BTreeSet::new());
    while let Some(name) = open.pop() {
        if name == from {
            return true;
        }
        if seen.insert(name) {
            open.extend(next.get(name).into_iter().flatten().copied());
        }
    }
    false
}

/// Flows that may be entered from `steps` before the caller is listened to; and whether the steps can end without listening.
fn at_once(steps: &[Step]) -> (bool, Vec<&str>) {
    let mut names = Vec::new();
    for step in steps {
        let through = match &step.action {
            Action::Collect(_) | Action::Hangup { .. } => false,
            Action::GotoFlow(next) => {
                names.extend(next.flow());
                false
            }
            Action::Transfer { on_fail, .. } => {
                names.extend(on_fail.as_ref().and_then(Next::flow));
                false
            }
            Action::RunFlow(name) => {
                names.push(name);
                true
            }
            Action::Answer { on_fail, .. } => {
                names.extend(on_fail.as_ref().and_then(Next::flow));
                true
            }
            Action::If { then, otherwise, .. } => {
                let ((a, one), (b, two)) = (at_once(then), at_once(otherwise));
                names.extend(one.into_iter().chain(two));
                a || b
            }
            Action::Switch { cases, default, .. } => {
                let (mut through, inner) = at_once(default);
                names.extend(inner);
                for (_, steps) in cases {
                    let (on, inner) = at_once(steps);
                    through |= on;
                    names.extend(inner);
                }
                through
            }
            Action::Say { .. } | Action::Set(_) => true,
        };
        if !through {
            return (false, names);
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
        each_prompt(flow, &mut see);
        flow.title.iter().for_each(&mut see);
    }
    for prompt in plan.patterns.events().prompts() {
        see(prompt);
    }
    let own = ["value", "first", "second"];
    for prompt in plan.patterns.prompts() {
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
