//! What callers would suffer from: flows that nothing leads to or that never end, steps that nothing reaches, words that are too long or
//! in the wrong language.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::check::{every_prompt, led_to};
use super::flows::each;
use super::next::Next;
use super::plan::{Action, Flow, Plan, Step, Target};
use super::prompt::Prompt;
use super::route::Then;
use super::tool::Permission;
use crate::document::Problems;
use crate::language::Language;

/// A prompt that takes longer to say loses the caller.
const LONGEST_PROMPT: Duration = Duration::from_secs(12);
/// The share of common words from which two `use_when` are the same to a dialogue manager.
const ALIKE: f64 = 0.8;

pub(super) fn lint(plan: &Plan, problems: &mut Problems) {
    reachable(plan, problems);
    circles(plan, problems);
    for flow in &plan.flows {
        ended(&flow.steps, problems);
    }
    alike(plan, problems);
    words(plan, problems);
    one_language(plan, problems);
    opting_out(plan, problems);
}

/// Who is called and wants no more of it is let go.
fn opting_out(plan: &Plan, problems: &mut Problems) {
    let mut policies = plan.policies.iter();
    if let Some(campaign) = plan.campaigns.values().next()
        && !policies.any(|policy| policy.when.names().contains(&"caller.opts_out"))
    {
        problems.warn(
            campaign.place,
            "who asks not to be called again is not called again, but this call goes on; end it: \
             `policies: [{when: \"caller.opts_out\", do: {hangup: \"Goodbye.\"}}]`",
        );
    }
}

/// The flows that `flow` leads to.
pub(super) fn leads_to<'a>(plan: &'a Plan, flow: &'a Flow) -> Vec<&'a str> {
    let mut names: Vec<&str> = flow.events.flows().collect();
    each(&flow.steps, &mut |step| match &step.action {
        Action::GotoFlow(next) => names.extend(next.flow()),
        Action::RunFlow(name) => names.push(name),
        Action::Collect(collect) => {
            names.extend(collect.on_fail.as_ref().and_then(Next::flow));
            names.extend(collect.events.flows());
        }
        Action::Answer { on_fail, .. } => names.extend(on_fail.as_ref().and_then(Next::flow)),
        Action::Transfer(transfer) => {
            let exits = [&transfer.on_fail, &transfer.on_decline];
            names.extend(exits.into_iter().flatten().filter_map(Next::flow));
        }
        Action::Tool(tool) => {
            names.extend(tool.on_no.flow());
            names.extend(error_exit(plan, flow, tool.on_error.as_ref()).flow());
        }
        Action::Callback(callback) => names.extend(callback.on_error.as_ref().and_then(Next::flow)),
        Action::Record(record) => names.extend(record.on_error.as_ref().and_then(Next::flow)),
        Action::Ticket(ticket) => names.extend(ticket.on_error.as_ref().and_then(Next::flow)),
        Action::Say { .. }
        | Action::Set(_)
        | Action::If { .. }
        | Action::Switch { .. }
        | Action::Disposition(_)
        | Action::Hangup { .. } => {}
    });
    names
}

/// Where a flow goes on when a tool in it has failed.
pub(super) fn error_exit<'a>(plan: &'a Plan, flow: &'a Flow, own: Option<&'a Next>) -> &'a Next {
    own.or(plan.patterns.error.then.as_ref())
        .unwrap_or(&flow.events.nomatch.then)
}

fn reachable(plan: &Plan, problems: &mut Problems) {
    let events = plan.patterns.events();
    let mut open: Vec<&str> = events.flows().chain(plan.patterns.person.as_deref()).collect();
    open.extend(led_to(plan));
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
            open.extend(plan.flow(next).map(|flow| leads_to(plan, flow)).unwrap_or_default());
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
        .map(|flow| (flow.name.as_str(), at_once(plan, flow, &flow.steps).1))
        .collect();
    let runs: BTreeMap<&str, Vec<&str>> = plan.flows.iter().map(|flow| (flow.name.as_str(), runs(flow))).collect();
    for flow in &plan.flows {
        if leads_back(&flow.name, &runs) {
            problems.error(
                flow.place,
                format!(
                    "flow `{}` runs itself before it has ended; let it `goto_flow` instead",
                    flow.name
                ),
            );
        } else if leads_back(&flow.name, &next) {
            let message = format!(
                "flow `{}` leads back to itself without listening to the caller, be it by a transfer or a tool that fails; let \
                 it end elsewhere",
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
fn at_once<'a>(plan: &'a Plan, flow: &'a Flow, steps: &'a [Step]) -> (bool, Vec<&'a str>) {
    let mut names = Vec::new();
    let failing = |own: &'a Option<Next>| own.as_ref().or(plan.patterns.error.then.as_ref()).and_then(Next::flow);
    for step in steps {
        let through = match &step.action {
            Action::Collect(_) | Action::Hangup { .. } => false,
            Action::GotoFlow(next) => {
                names.extend(next.flow());
                false
            }
            Action::Transfer(transfer) => {
                let exits = [&transfer.on_fail, &transfer.on_decline];
                names.extend(exits.into_iter().flatten().filter_map(Next::flow));
                false
            }
            Action::Tool(tool) => {
                let asked = plan
                    .tools
                    .get(&tool.tool)
                    .is_some_and(|tool| tool.confirm == Permission::Asked);
                if !asked {
                    names.extend(error_exit(plan, flow, tool.on_error.as_ref()).flow());
                }
                !asked
            }
            Action::Callback(callback) => {
                names.extend(failing(&callback.on_error));
                true
            }
            Action::Record(record) => {
                names.extend(failing(&record.on_error));
                true
            }
            Action::Ticket(ticket) => {
                names.extend(failing(&ticket.on_error));
                true
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
                let ((a, one), (b, two)) = (at_once(plan, flow, then), at_once(plan, flow, otherwise));
                names.extend(one.into_iter().chain(two));
                a || b
            }
            Action::Switch { cases, default, .. } => {
                let (mut through, inner) = at_once(plan, flow, default);
                names.extend(inner);
                for (_, steps) in cases {
                    let (on, inner) = at_once(plan, flow, steps);
                    through |= on;
                    names.extend(inner);
                }
                through
            }
            Action::Say { .. } | Action::Set(_) | Action::Disposition(_) => true,
        };
        if !through {
            return (false, names);
        }
    }
    (true, names)
}

/// Steps behind one that never goes on.
fn ended(steps: &[Step], problems: &mut Problems) {
    for (at, step) in steps.iter().enumerate() {
        let last = match &step.action {
            Action::GotoFlow(_) => Some("goto_flow"),
            Action::Hangup { .. } => Some("hangup"),
            // Where the bot stays, a person may give the caller back.
            Action::Transfer(transfer) => matches!(transfer.to, Target::Uri(_)).then_some("transfer"),
            Action::If { then, otherwise, .. } => {
                ended(then, problems);
                ended(otherwise, problems);
                None
            }
            Action::Switch { cases, default, .. } => {
                cases.iter().for_each(|(_, steps)| ended(steps, problems));
                ended(default, problems);
                None
            }
            Action::Say { .. }
            | Action::Collect(_)
            | Action::Answer { .. }
            | Action::Set(_)
            | Action::RunFlow(_)
            | Action::Tool(_)
            | Action::Callback(_)
            | Action::Record(_)
            | Action::Ticket(_)
            | Action::Disposition(_) => None,
        };
        if let (Some(last), Some(next)) = (last, steps.get(at + 1)) {
            problems.warn(
                next.place,
                format!("nothing comes to this step: `{last}` before it never goes on; take it out"),
            );
            return;
        }
    }
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
                    "`use_when` of `{}` and `{}` are nearly the same: callers will get the wrong one; say what sets them apart",
                    first.name, second.name
                );
                problems.warn(second.place, message);
            }
        }
    }
}

/// How long prompts take, and whether there are words for each language.
fn words(plan: &Plan, problems: &mut Problems) {
    let languages = plan.languages();
    let mut see = |prompt: &Prompt| one_prompt(prompt, &languages, problems);
    every_prompt(plan, &mut see);
    for prompt in plan.patterns.prompts() {
        see(prompt);
    }
}

fn one_prompt(prompt: &Prompt, languages: &[Language], problems: &mut Problems) {
    for (language, source) in prompt.sources() {
        let language = language.or(languages.first().copied()).unwrap_or(Language::English);
        let spoken = spoken(source, language);
        if spoken > LONGEST_PROMPT {
            let message = format!(
                "this takes about {} s to say; {} s is the most that people listen to; make two prompts of it",
                spoken.as_secs(),
                LONGEST_PROMPT.as_secs()
            );
            problems.warn(prompt.place, message);
        }
    }
    for language in languages.iter().filter(|language| !prompt.speaks(**language)) {
        let message =
            format!("an assistant speaks `{language}`, and this has no words in it; write `{language}: \"…\"`");
        problems.error(prompt.place, message);
    }
}

/// Words that are the same in every language are hardly words in each of them.
fn one_language(plan: &Plan, problems: &mut Problems) {
    let mut same = Vec::new();
    every_prompt(plan, &mut |prompt| {
        let text = prompt.sources().first().map_or("", |(_, source)| *source);
        if prompt.is_same() && text.chars().any(char::is_alphabetic) && !same.contains(&prompt.place) {
            same.push(prompt.place);
        }
    });
    same.sort_unstable();
    let Some(first) = same.first() else { return };
    for assistant in plan
        .assistants
        .values()
        .filter(|assistant| assistant.languages.len() > 1)
    {
        let codes: Vec<&str> = assistant.languages.iter().map(|language| language.code()).collect();
        let message = format!(
            "assistant `{}` speaks {}, and {} prompts have the same words in each, the first in line {}; write {{{}}}",
            assistant.name,
            codes.join(" and "),
            same.len(),
            first.line,
            codes
                .iter()
                .map(|code| format!("{code}: …"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        problems.warn(assistant.place, message);
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
