//! What a plan must keep beside its syntax: references, types, what may be sent where, and whom it may call.

use super::assistant::BelowScore;
use super::expression::{Expression, Type};
use super::flows::{each, each_prompt};
use super::lint;

use super::plan::{Action, Flow, Plan, Step};
use super::policy::Ending;
use super::prompt::Prompt;
use super::queue::{Brief, Destination};
use super::route::Match;
use super::scenario::Expectation;
use super::scope::{self, Where, condition, kind, near, typed};
use super::slot::{Must, Slot, SlotKind};
use super::tool::{Effect, Pii, Tool, When};
use crate::document::problem::suggest;
use crate::document::{Place, Problems};

pub(super) fn check(plan: &Plan, problems: &mut Problems) {
    assistants(plan, problems);
    for route in &plan.routes {
        if let Match::Numbers { when: Some(when), .. } = &route.matches {
            condition(plan, when, Where::Start, route.place, problems);
        }
    }
    for slot in plan.slots.values() {
        must(plan, slot, problems);
    }
    for tool in plan.tools.values() {
        sent(plan, tool, problems);
    }
    for flow in &plan.flows {
        steps(plan, flow, problems);
    }
    handovers(plan, problems);
    policies(plan, problems);
    wrap_up(plan, problems);
    campaigns(plan, problems);
    scenarios(plan, problems);
    prompts(plan, problems);
    lint::lint(plan, problems);
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

/// Where a slot stands is not kept: problems of one are told at the first step that asks for it.
fn must(plan: &Plan, slot: &Slot, problems: &mut Problems) {
    let mut place = Place { line: 1, column: 1 };
    for flow in plan.flows.iter().rev() {
        each(&flow.steps, &mut |step| match &step.action {
            Action::Collect(collect) if collect.slot == slot.name => place = step.place,
            _ => {}
        });
    }
    let name = &slot.name;
    match &slot.must {
        Some(Must::WithinWindow) if !plan.campaigns.values().any(|campaign| campaign.window.is_some()) => {
            let message = format!("`must` of slot `{name}`: no campaign has a `window`; write `within hours.NAME`");
            problems.error(place, message);
        }
        Some(Must::WithinHours(hours)) if !plan.hours.contains_key(hours) => {
            let near = suggest(hours, plan.hours.keys().map(String::as_str));
            problems.error(
                place,
                format!("`must` of slot `{name}`: no hours are called `{hours}`{near}"),
            );
        }
        Some(Must::Hold(expression)) => condition(plan, expression, Where::Flow, place, problems),
        Some(Must::WithinWindow | Must::WithinHours(_) | Must::Future) | None => {}
    }
}

/// What a tool sends is known, and personal only where that is allowed.
fn sent(plan: &Plan, tool: &Tool, problems: &mut Problems) {
    let at = match tool.when {
        When::Step => Where::Flow,
        When::CallStart => Where::Start,
    };
    for path in tool.names() {
        if let Err(reason) = scope::name(plan, path, at) {
            problems.error(tool.place, format!("tool `{}`: {reason}", tool.name));
        }
    }
    if tool.pii == Pii::Allowed {
        return;
    }
    let sent = tool
        .sent()
        .into_iter()
        .chain(tool.idempotency.iter().flat_map(|key| key.names()));
    let mut personal: Vec<&str> = sent
        .filter(|name| plan.slots.get(*name).is_some_and(|slot| slot.pii))
        .collect();
    personal.dedup();
    for name in personal {
        let message = format!(
            "tool `{}` is sent `{name}`, which is personal (`pii: true`); write `pii_ok: true` where it may have that",
            tool.name
        );
        problems.error(tool.place, message);
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
        Action::If { condition: holds, .. } => condition(plan, holds, Where::Flow, step.place, problems),
        Action::Switch { on, cases, .. } => {
            typed(plan, on, Where::Flow, step.place, problems);
            switch_cases(plan, on, cases, step.place, problems);
        }
        Action::Callback(callback) => {
            let datetime = |kind: &SlotKind| *kind == SlotKind::DateTime;
            let phone = |kind: &SlotKind| *kind == SlotKind::Phone;
            of_type(plan, &callback.at, "datetime", datetime, step.place, problems);
            if let Some(number) = &callback.number {
                of_type(plan, number, "phone", phone, step.place, problems);
            }
        }
        Action::Disposition(name) => disposition(plan, name, step.place, problems),
        Action::Tool(used) => {
            if let Some(tool) = plan.tools.get(&used.tool)
                && tool.effect == Effect::Read
                && used.confirm_say.is_some()
            {
                let message = format!(
                    "tool `{}` only reads: nobody is asked for that; take `confirm_say` out",
                    tool.name
                );
                problems.warn(used.place, message);
            }
        }
        Action::Answer { .. }
        | Action::Say { .. }
        | Action::GotoFlow(_)
        | Action::RunFlow(_)
        | Action::Transfer(_)
        | Action::Record(_)
        | Action::Ticket(_)
        | Action::Hangup { .. } => {}
    });
}

fn slot<'a>(plan: &'a Plan, name: &str, place: Place, problems: &mut Problems) -> Option<&'a Slot> {
    let slot = plan.slots.get(name);
    if slot.is_none() && !plan.broken.iter().any(|broken| broken == name) {
        let known = plan.slots.keys().map(String::as_str);
        problems.error(place, format!("no slot is called `{name}`{}", suggest(name, known)));
    }
    slot
}

fn of_type(
    plan: &Plan,
    name: &str,
    wanted: &str,
    fits: impl Fn(&SlotKind) -> bool,
    place: Place,
    problems: &mut Problems,
) {
    if let Some(slot) = slot(plan, name, place, problems)
        && !fits(&slot.kind)
    {
        let message = format!(
            "slot `{name}` is of the type {}; a callback needs one of the type {wanted}",
            slot.kind.name()
        );
        problems.error(place, message);
    }
}

/// A slot is set to what it can hold.
fn set(plan: &Plan, name: &str, value: &Expression, place: Place, problems: &mut Problems) {
    let slot = slot(plan, name, place, problems);
    let (Some(slot), Some(found)) = (slot, typed(plan, value, Where::Flow, place, problems)) else {
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

/// Where campaigns say how their calls may end, they end so.
fn disposition(plan: &Plan, name: &str, place: Place, problems: &mut Problems) {
    let declared: Vec<&str> = plan
        .campaigns
        .values()
        .flat_map(|campaign| campaign.dispositions.iter().map(String::as_str))
        .collect();
    if !declared.is_empty() && !declared.contains(&name) {
        problems.error(
            place,
            format!("no campaign has the disposition `{name}`{}", suggest(name, declared)),
        );
    }
}

fn handovers(plan: &Plan, problems: &mut Problems) {
    for queue in plan.queues.values() {
        if let Some(hours) = queue.hours.as_ref().filter(|hours| !plan.hours.contains_key(*hours)) {
            let near = suggest(hours, plan.hours.keys().map(String::as_str));
            let message = format!("`hours` of queue `{}`: no hours are called `{hours}`{near}", queue.name);
            problems.error(queue.place, message);
        }
        if let Some(widening) = queue.widen.iter().find(|widening| widening.after >= queue.max_wait) {
            let message = format!(
                "`widen` of queue `{}`: nobody waits long enough for `{}` to be dropped; let `after` be less than `max_wait`",
                queue.name, widening.drop
            );
            problems.warn(queue.place, message);
        }
    }
    for handoff in plan.handoffs.values() {
        for brief in &handoff.brief {
            if let Brief::Slot(name) = brief
                && !plan.slots.contains_key(name)
            {
                let fixed = ["summary", "slots", "reason", "sentiment", "last_turns"];
                let known = plan.slots.keys().map(String::as_str).chain(fixed);
                let near = suggest(name, known);
                problems.error(
                    handoff.place,
                    format!("`brief` of handoff `{}` has no `{name}`{near}", handoff.name),
                );
            }
        }
        let queue = match &handoff.to {
            Destination::Queue(queue) => plan.queues.get(queue),
            Destination::Outside(_) => None,
        };
        if handoff.no_agent.is_none() && queue.is_some_and(|queue| queue.overflow.is_none()) {
            let message = format!(
                "handoff `{}` has no `no_agent`: write the flow for when nobody is free",
                handoff.name
            );
            problems.warn(handoff.place, message);
        }
    }
}

fn policies(plan: &Plan, problems: &mut Problems) {
    for policy in &plan.policies {
        condition(plan, &policy.when, Where::Flow, policy.place, problems);
        if let Some(name) = &policy.disposition {
            disposition(plan, name, policy.place, problems);
        }
    }
}

fn wrap_up(plan: &Plan, problems: &mut Problems) {
    let Some(wrap_up) = &plan.wrap_up else { return };
    if let Some(ticket) = &wrap_up.ticket {
        if let Some(when) = &ticket.when {
            condition(plan, when, Where::WrapUp, ticket.place, problems);
        }
        if let Some(queue) = ticket.route.as_ref().filter(|queue| !plan.queues.contains_key(*queue)) {
            let near = suggest(queue, plan.queues.keys().map(String::as_str));
            problems.error(ticket.place, format!("no queue is called `{queue}`{near}"));
        }
    }
    if let Some(when) = wrap_up.csat.as_ref().and_then(|csat| csat.when.as_ref()) {
        condition(plan, when, Where::WrapUp, wrap_up.place, problems);
    }
    for path in wrap_up.webhook.iter().flat_map(|url| url.template().names()) {
        if let Err(reason) = scope::name(plan, path, Where::WrapUp) {
            problems.error(wrap_up.place, reason);
        }
    }
    let mut said = plan.policies.iter().any(|policy| policy.disposition.is_some());
    for flow in &plan.flows {
        each(&flow.steps, &mut |step| {
            said |= matches!(step.action, Action::Disposition(_))
        });
    }
    if wrap_up.disposition == Ending::Required && !said {
        let message = "`disposition: required`, and no step says one: write `{disposition: NAME}` before calls end";
        problems.error(wrap_up.place, message);
    }
}

fn campaigns(plan: &Plan, problems: &mut Problems) {
    for campaign in plan.campaigns.values() {
        match plan.assistants.get(&campaign.assistant) {
            Some(assistant) if assistant.disclosure.is_none() => {
                let message = format!(
                    "campaign `{}`: assistant `{}` has no `disclosure`, and the people it calls must be told who calls and that \
                     it is a machine",
                    campaign.name, campaign.assistant
                );
                problems.error(campaign.place, message);
            }
            Some(_) => {}
            None if campaign.assistant.is_empty() => {}
            None => {
                let near = suggest(&campaign.assistant, plan.assistants.keys().map(String::as_str));
                problems.error(
                    campaign.place,
                    format!("no assistant is called `{}`{near}", campaign.assistant),
                );
            }
        }
        if let Some(hold) = &campaign.pacing.hold_if {
            condition(plan, hold, Where::Breaker, campaign.place, problems);
        }
        if let Some(breaker) = &campaign.breaker {
            condition(plan, &breaker.pause_if, Where::Breaker, campaign.place, problems);
        }
    }
}

fn scenarios(plan: &Plan, problems: &mut Problems) {
    for scenario in &plan.tests {
        let mut unknown = |what: &str, name: &str, known: Vec<&str>| {
            if !known.contains(&name) && !plan.broken.iter().any(|broken| broken == name) {
                let near = suggest(name, known);
                problems.error(
                    scenario.place,
                    format!("test `{}`: no {what} is called `{name}`{near}", scenario.name),
                );
            }
        };
        let flows = || plan.flows.iter().map(|flow| flow.name.as_str()).collect::<Vec<_>>();
        let tools = || plan.tools.keys().map(String::as_str).collect::<Vec<_>>();
        for expected in &scenario.expect {
            match expected {
                Expectation::Flows(names) => names.iter().for_each(|name| unknown("flow", name, flows())),
                Expectation::AfterBeep { flow, .. } => unknown("flow", flow, flows()),
                Expectation::Tool { name, .. } => unknown("tool", name, tools()),
                Expectation::Slots(slots) => {
                    for (name, _) in slots {
                        unknown("slot", name, plan.slots.keys().map(String::as_str).collect());
                    }
                }
                Expectation::Heard(_)
                | Expectation::NotHeard(_)
                | Expectation::Disposition(_)
                | Expectation::ReplyP95(_)
                | Expectation::Amd(_)
                | Expectation::Transfer(_)
                | Expectation::EndedBy(_) => {}
            }
        }
        for (name, _) in &scenario.tools {
            unknown("tool", name, tools());
        }
        if scenario.expect.is_empty() {
            problems.error(
                scenario.place,
                format!("test `{}` expects nothing; write what should happen", scenario.name),
            );
        }
    }
}

/// Every name in a prompt is known.
fn prompts(plan: &Plan, problems: &mut Problems) {
    let mut see = |prompt: &Prompt| {
        for path in prompt.names() {
            if let Err(reason) = scope::name(plan, path, Where::Flow) {
                problems.error(prompt.place, reason);
            }
        }
    };
    every_prompt(plan, &mut see);
    let own = ["value", "first", "second", "position", "wait"];
    for prompt in plan.patterns.prompts() {
        for path in prompt.names().into_iter().filter(|path| !own.contains(path)) {
            if let Err(reason) = scope::name(plan, path, Where::Flow) {
                problems.error(prompt.place, reason);
            }
        }
    }
}

/// Every prompt that a caller may hear, but for those of the patterns that have names of their own.
pub(super) fn every_prompt<'a>(plan: &'a Plan, see: &mut impl FnMut(&'a Prompt)) {
    for assistant in plan.assistants.values() {
        assistant.disclosure.iter().for_each(&mut *see);
    }
    for slot in plan.slots.values() {
        slot.ask.iter().for_each(&mut *see);
    }
    for flow in &plan.flows {
        each_prompt(flow, see);
        flow.title.iter().for_each(&mut *see);
    }
    plan.tools
        .values()
        .filter_map(|tool| tool.filler.as_ref())
        .for_each(&mut *see);
    plan.policies
        .iter()
        .filter_map(super::policy::Policy::prompt)
        .for_each(&mut *see);
    let screenings = plan
        .campaigns
        .values()
        .filter_map(|campaign| campaign.amd.as_ref()?.on_call_screening.as_ref());
    screenings.for_each(&mut *see);
    for prompt in plan.inherited_prompts() {
        see(prompt);
    }
}

/// The flows that something outside of flows leads to.
pub(super) fn led_to(plan: &Plan) -> Vec<&str> {
    use super::next::Next;
    use super::policy::Duty;
    let mut names = Vec::new();
    for base in plan.knowledge.values() {
        if let BelowScore::Go(next) = &base.below_score {
            names.extend(next.flow());
        }
    }
    for policy in &plan.policies {
        if let Some(Duty::Go(next)) = &policy.then {
            names.extend(next.flow());
        }
    }
    for campaign in plan.campaigns.values() {
        names.push(campaign.flow.as_str());
        names.extend(campaign.amd.iter().flat_map(super::campaign::Amd::flows));
    }
    let exits = plan
        .handoffs
        .values()
        .flat_map(|handoff| [&handoff.no_agent, &handoff.agent_declines]);
    let exits = exits.chain(plan.queues.values().map(|queue| &queue.overflow));
    names.extend(exits.flatten().filter_map(Next::flow));
    names.extend(plan.patterns.error.then.as_ref().and_then(Next::flow));
    names
}
