//! Flows, read, and what is in them.

use std::collections::BTreeMap;

use super::next::RESERVED;
use super::patterns::{EVENT_PATTERNS, EVENTS, Events};
use super::plan::{Action, Flow, Question, Step};
use super::prompt::Prompt;
use super::queue::{Handoff, Queue};
use super::schema::{Shape, Table, keys};
use super::slot::Slot;
use super::steps;
use super::tool::Tool;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Problems, Tree};

pub(super) const FLOW: Table = &[
    ("title", Shape::Prompt),
    ("use_when", Shape::Text),
    ("examples", Shape::Texts),
    ("patterns", Shape::Map(EVENT_PATTERNS)),
    ("steps", Shape::Steps),
];

/// What the reader of a flow must know of the plan around it.
pub(super) struct Around<'a> {
    /// The names of all flows.
    pub flows: &'a [&'a str],
    /// What happens unless it says otherwise.
    pub events: Events,
    pub slots: &'a BTreeMap<String, Slot>,
    pub tools: &'a BTreeMap<String, Tool>,
    pub queues: &'a BTreeMap<String, Queue>,
    pub handoffs: &'a BTreeMap<String, Handoff>,
    /// Slots and tools that were declared and could not be read.
    pub broken: &'a [String],
    /// How each slot is asked for where a step does not say: as the slot says, else as the first step that says.
    pub asks: &'a BTreeMap<String, Prompt>,
}

/// The first `ask` of each slot in `flows`; what is wrong in one is told where the step is read.
pub(super) fn asks(node: &Node, found: &mut BTreeMap<String, Prompt>) {
    match &node.value {
        Tree::List(items) => items.iter().for_each(|item| asks(item, found)),
        Tree::Map(entries) => {
            if let (Some(slot), Some(ask)) = (node.entry("collect").and_then(Node::scalar), node.entry("ask"))
                && !found.contains_key(&slot)
                && let Some(prompt) = Prompt::read(ask, "ask", &mut Problems::new(""))
            {
                found.insert(slot, prompt);
            }
            entries.iter().for_each(|(_, node)| asks(node, found));
        }
        Tree::Null | Tree::Boolean(_) | Tree::Number(_) | Tree::Text(_) => {}
    }
}

pub(super) fn flow(key: &Key, node: &Node, around: &Around<'_>, problems: &mut Problems) -> Option<Flow> {
    let (name, what) = (&key.name, format!("flow `{}`", key.name));
    if RESERVED.contains(&name.as_str()) {
        problems.error(
            key.place,
            format!("no flow may be called `{name}`: it is where any flow can go"),
        );
    }
    let known = [&keys(FLOW)[..], &EVENTS].concat();
    let fields = Fields::of(node, &what, &known, problems)?;
    misplaced_events(&fields, &what, problems);
    let events = around
        .events
        .within(fields.get("patterns"), &what, around.flows, problems);
    let around = Around { events, ..*around };
    let written = fields.need("steps", &what, problems);
    if written.is_some_and(|node| node.value == Tree::Null || node.value == Tree::List(Vec::new())) {
        problems.error(key.place, format!("{what} has no steps"));
    }
    let steps = written
        .map(|node| steps::steps(node, "steps", 0, &around, problems))
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
pub(super) fn misplaced_events(fields: &Fields<'_>, what: &str, problems: &mut Problems) {
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
        Action::Transfer(transfer) => transfer.say.iter().for_each(&mut *see),
        Action::Tool(tool) => tool.confirm_say.iter().for_each(&mut *see),
        Action::Ticket(ticket) => ticket.subject.iter().chain(&ticket.note).for_each(&mut *see),
        Action::Hangup { say } => say.iter().for_each(&mut *see),
        Action::Answer { .. }
        | Action::Set(_)
        | Action::If { .. }
        | Action::Switch { .. }
        | Action::GotoFlow(_)
        | Action::RunFlow(_)
        | Action::Callback(_)
        | Action::Record(_)
        | Action::Disposition(_) => {}
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
            | Action::Tool(_)
            | Action::Transfer(_)
            | Action::Callback(_)
            | Action::Record(_)
            | Action::Ticket(_)
            | Action::Disposition(_)
            | Action::Hangup { .. } => {}
        }
    }
}
