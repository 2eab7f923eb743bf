//! The names that prompts, expressions and tools may use, and their types.

use super::campaign::VarKind;
use super::expression::{Expression, Type};
use super::plan::Plan;
use super::slot::{Slot, SlotKind};
use super::tool::{Request, Tool};
use crate::document::problem::suggest;
use crate::document::{Place, Problems};

/// Where a name stands: some are known in one place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Flow,
    /// Before the caller has said anything: routes, tools at the start of a call.
    Start,
    WrapUp,
    Breaker,
}

/// What is known of a caller, of a call, of a queue and so on, beside what tools say.
const CALLER: [(&str, Type); 4] = [
    ("number", Type::Text),
    ("name", Type::Text),
    ("tier", Type::Text),
    ("opts_out", Type::Boolean),
];
const CALL: [(&str, Type); 4] = [
    ("id", Type::Text),
    ("to", Type::Text),
    ("diverted_from", Type::Text),
    ("language", Type::Text),
];
const QUEUE: [(&str, Type); 3] = [("wait", Type::Span), ("length", Type::Number), ("agents", Type::Number)];
const SENTIMENT: [(&str, Type); 2] = [("negative_turns", Type::Number), ("score", Type::Number)];
const CAMPAIGN: [(&str, Type); 6] = [
    ("name", Type::Text),
    ("caller_id", Type::Text),
    ("attempt", Type::Number),
    ("number", Type::Text),
    ("timezone", Type::Text),
    ("event", Type::Text),
];
const WRAP_UP: [(&str, Type); 2] = [("resolved", Type::Boolean), ("disposition", Type::Text)];
const BREAKER: [(&str, Type); 4] = [
    ("failed_rate", Type::Number),
    ("opt_out_rate", Type::Number),
    ("answered_rate", Type::Number),
    ("machine_rate", Type::Number),
];

pub(super) fn kind(slot: &Slot) -> Type {
    match slot.kind {
        SlotKind::Number { .. } | SlotKind::Money { .. } => Type::Number,
        SlotKind::Boolean => Type::Boolean,
        SlotKind::Digits { .. }
        | SlotKind::Enum(_)
        | SlotKind::Date
        | SlotKind::Time
        | SlotKind::DateTime
        | SlotKind::Phone
        | SlotKind::Name
        | SlotKind::Email
        | SlotKind::Text => Type::Text,
    }
}

/// The type of a name, or what is wrong with it.
pub(super) fn name(plan: &Plan, path: &str, at: Where) -> Result<Type, String> {
    let own: &[(&str, Type)] = match at {
        Where::Flow | Where::Start => &[],
        Where::WrapUp => &WRAP_UP,
        Where::Breaker => &BREAKER,
    };
    if let Some((_, found)) = own.iter().find(|(name, _)| *name == path) {
        return Ok(*found);
    }
    if let Some(found) = column(plan, path).filter(|_| at != Where::Breaker && !plan.slots.contains_key(path)) {
        return Ok(found);
    }
    if let Some(slot) = plan.slots.get(path) {
        return match at {
            Where::Flow | Where::WrapUp => Ok(kind(slot)),
            Where::Start => Err(format!(
                "`{path}` is not known yet: the caller has not said anything; take it out"
            )),
            Where::Breaker => Err(format!(
                "`{path}` is of one call, and this is about all of them{}",
                known(own)
            )),
        };
    }
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    match root {
        "caller" => of_caller(plan, path, rest),
        "call" => one_of(path, root, rest, &CALL),
        "hours" => of_hours(plan, path, rest),
        "queue" => of_queue(plan, path, rest),
        "sentiment" => one_of(path, root, rest, &SENTIMENT),
        "topic" if rest.is_empty() => Ok(Type::Text),
        "campaign" if plan.campaigns.is_empty() => Err(format!("`{path}`: the plan has no campaigns; take it out")),
        "campaign" => one_of(path, root, rest, &CAMPAIGN),
        _ if !plan.broken.is_empty() && (plan.broken.iter().any(|name| name == path) || !rest.is_empty()) => {
            Ok(Type::Any)
        }
        _ => of_tool(plan, path, root, rest).unwrap_or_else(|| Err(unknown(plan, path, own))),
    }
}

/// The type of a contact's column; what campaigns do not agree in may be anything, as may text.
fn column(plan: &Plan, path: &str) -> Option<Type> {
    let columns = plan.campaigns.values().flat_map(|campaign| campaign.contacts.columns());
    let kinds: Vec<VarKind> = columns
        .filter(|(name, _)| *name == path)
        .map(|(_, kind)| kind)
        .collect();
    let first = *kinds.first()?;
    if kinds.iter().any(|kind| *kind != first) {
        return Some(Type::Any);
    }
    Some(match first {
        VarKind::Text => Type::Any,
        VarKind::Number | VarKind::Money => Type::Number,
        VarKind::Boolean => Type::Boolean,
        VarKind::Date | VarKind::DateTime | VarKind::Phone | VarKind::Email | VarKind::Url => Type::Text,
    })
}

fn one_of(path: &str, root: &str, rest: &str, known: &[(&str, Type)]) -> Result<Type, String> {
    let found = known.iter().find(|(name, _)| *name == rest);
    found.map(|(_, found)| *found).ok_or_else(|| {
        let all: Vec<String> = known.iter().map(|(name, _)| format!("{root}.{name}")).collect();
        format!(
            "nothing is known as `{path}`{}",
            suggest(path, all.iter().map(String::as_str))
        )
    })
}

fn of_caller(plan: &Plan, path: &str, rest: &str) -> Result<Type, String> {
    one_of(path, "caller", rest, &CALLER).or_else(|refused| match of_tool(plan, path, "caller", rest) {
        Some(Ok(found)) => Ok(found),
        Some(Err(_)) | None => Err(refused),
    })
}

fn of_hours(plan: &Plan, path: &str, rest: &str) -> Result<Type, String> {
    match rest.split_once('.') {
        Some((hours, "open")) if plan.hours.contains_key(hours) => Ok(Type::Boolean),
        Some((hours, "open")) => {
            let near = suggest(hours, plan.hours.keys().map(String::as_str));
            Err(format!("no hours are called `{hours}`{near}"))
        }
        Some(_) | None => Err(format!("`{path}`: write `hours.NAME.open`")),
    }
}

fn of_queue(plan: &Plan, path: &str, rest: &str) -> Result<Type, String> {
    match rest.split_once('.') {
        Some((queue, fact)) if plan.queues.contains_key(queue) => one_of(path, &format!("queue.{queue}"), fact, &QUEUE),
        Some((queue, _)) => {
            let near = suggest(queue, plan.queues.keys().map(String::as_str));
            Err(format!("no queue is called `{queue}`{near}"))
        }
        None => Err(format!("`{path}`: write `queue.NAME.wait`")),
    }
}

/// What a tool says under `root`, if one does.
fn of_tool(plan: &Plan, path: &str, root: &str, rest: &str) -> Option<Result<Type, String>> {
    let tools: Vec<&Tool> = plan.tools.values().filter(|tool| tool.sets == root).collect();
    if tools.is_empty() {
        return None;
    }
    if rest.is_empty() {
        return Some(Err(format!(
            "`{path}` is all that a tool answered; write one value of it, such as `{path}.status`"
        )));
    }
    let mut taken = Vec::new();
    for tool in &tools {
        match &tool.request {
            Request::Http { take, .. } if !take.is_empty() => taken.extend(take.iter().map(|(name, _)| name.as_str())),
            Request::Http { .. } | Request::Sms { .. } | Request::Email { .. } => return Some(Ok(Type::Any)),
        }
    }
    if taken.contains(&rest) {
        return Some(Ok(Type::Any));
    }
    let all: Vec<String> = taken.iter().map(|name| format!("{root}.{name}")).collect();
    let near = suggest(path, all.iter().map(String::as_str));
    Some(Err(format!(
        "tool `{}` takes no `{rest}` from its answer{near}",
        tools[0].name
    )))
}

fn unknown(plan: &Plan, path: &str, own: &[(&str, Type)]) -> String {
    let mut known: Vec<&str> = plan.slots.keys().map(String::as_str).collect();
    known.extend(own.iter().map(|(name, _)| *name));
    known.extend(plan.campaigns.values().flat_map(|campaign| campaign.contacts.names()));
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    if !rest.is_empty() {
        known = plan.tools.values().map(|tool| tool.sets.as_str()).collect();
        known.extend(super::slot::ROOTS);
        let near = suggest(root, known);
        return format!("`{path}`: nothing is known of `{root}`{near}");
    }
    format!(
        "`{path}` is no slot, nor of caller, call or hours{}",
        suggest(path, known)
    )
}

fn known(own: &[(&str, Type)]) -> String {
    let names: Vec<&str> = own.iter().map(|(name, _)| *name).collect();
    format!("; known here: {}", names.join(", "))
}

/// The type of `expression`, if it has one; every slot in it is compared with what it can be.
pub(super) fn typed(
    plan: &Plan,
    expression: &Expression,
    at: Where,
    place: Place,
    problems: &mut Problems,
) -> Option<Type> {
    let found = match expression.check(&|path| name(plan, path, at)) {
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

/// Complains unless `expression` is true or false.
pub(super) fn condition(plan: &Plan, expression: &Expression, at: Where, place: Place, problems: &mut Problems) {
    if typed(plan, expression, at, place, problems).is_some_and(|found| !matches!(found, Type::Boolean | Type::Any)) {
        problems.error(
            place,
            "a condition should be true or false; compare with `==`, `<` and the like",
        );
    }
}

/// The value of `slot` that `written` may have been meant for.
pub(super) fn near(slot: &Slot, written: &str) -> String {
    match &slot.kind {
        SlotKind::Enum(choices) => suggest(written, choices.iter().map(|choice| choice.value.as_str())),
        SlotKind::Boolean => suggest(written, ["true", "false"]),
        SlotKind::Digits { min, max } if min == max => format!("; write {min} digits"),
        SlotKind::Digits { min, max } => format!("; write {min} to {max} digits"),
        SlotKind::Number { .. } | SlotKind::Money { .. } => "; write a number within its bounds".to_owned(),
        SlotKind::Date => "; write a day such as `2026-11-21`".to_owned(),
        SlotKind::Time => "; write a time such as `15:00`".to_owned(),
        SlotKind::DateTime => "; write a day and time such as `2026-11-21T15:00`".to_owned(),
        SlotKind::Phone => "; write a number such as `+4930123456`".to_owned(),
        SlotKind::Email => "; write an address such as `ann@example.com`".to_owned(),
        SlotKind::Name | SlotKind::Text => String::new(),
    }
}
