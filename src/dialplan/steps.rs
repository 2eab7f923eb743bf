//! The fifteen steps, read.

use std::time::Duration;

use super::expression::Expression;
use super::flows::{Around, misplaced_events};
use super::next::{self, Next};
use super::patterns::{EVENT_PATTERNS, EVENTS};
use super::plan::{Action, Callback, Collect, Priority, Question, Record, Step, Target, Ticket, ToolUse, Transfer};
use super::prompt::Prompt;
use super::queue::{Destination, Handoff, Mode, Queue};
use super::schema::{Shape, Table, keys};
use super::slot::is_name;
use super::tool::Permission;
use super::uri;
use crate::document::problem::suggest;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Problems, Tree, read};

/// The keys of each step, the one that makes it a step first. A `switch` has the values of its slot beside its own.
pub(super) const STEPS: [(&str, Table); 15] = [
    ("say", &[("say", Shape::Prompt), ("bargein", Shape::Boolean)]),
    ("collect", COLLECT),
    ("answer", &[("answer", Shape::Prompt), ("on_fail", Shape::Next)]),
    ("set", &[("set", Shape::Named(&Shape::Expression))]),
    (
        "if",
        &[
            ("if", Shape::Expression),
            ("then", Shape::Steps),
            ("else", Shape::Steps),
        ],
    ),
    ("switch", &[("switch", Shape::Expression), ("default", Shape::Steps)]),
    ("goto_flow", &[("goto_flow", Shape::Next)]),
    ("run_flow", &[("run_flow", Shape::Text)]),
    ("tool", TOOL_USE),
    ("transfer", TRANSFER),
    ("callback", CALLBACK),
    (
        "record",
        &[
            ("record", Shape::Text),
            ("max", Shape::Duration),
            ("on_error", Shape::Next),
        ],
    ),
    ("ticket", &[("ticket", Shape::Map(TICKET)), ("on_error", Shape::Next)]),
    ("disposition", &[("disposition", Shape::Text)]),
    ("hangup", &[("hangup", Shape::Prompt)]),
];
const COLLECT: Table = &[
    ("collect", Shape::Text),
    ("ask", Shape::Prompt),
    ("retries", Shape::Count),
    ("max", Shape::Count),
    ("on_fail", Shape::Next),
    ("patterns", Shape::Map(EVENT_PATTERNS)),
];
const TOOL_USE: Table = &[
    ("tool", Shape::Text),
    ("confirm_say", Shape::Prompt),
    ("on_no", Shape::Next),
    ("on_error", Shape::Next),
];
const TRANSFER: Table = &[
    ("transfer", Shape::Either(&[Shape::Text, Shape::Map(TRANSFER_TO)])),
    ("say", Shape::Prompt),
    ("on_fail", Shape::Next),
];
const TRANSFER_TO: Table = &[("to", Shape::Text), ("say", Shape::Prompt), ("on_fail", Shape::Next)];
const CALLBACK: Table = &[
    ("callback", Shape::Text),
    ("number", Shape::Text),
    ("queue", Shape::Text),
    ("on_error", Shape::Next),
];
pub(super) const TICKET: Table = &[
    ("type", Shape::Text),
    ("priority", Shape::OneOf(&["low", "normal", "high", "urgent"])),
    ("subject", Shape::Prompt),
    ("note", Shape::Prompt),
    ("queue", Shape::Text),
];

/// Branches may nest so deep.
const DEEPEST: usize = 16;

pub(super) fn steps(node: &Node, what: &str, depth: usize, around: &Around<'_>, problems: &mut Problems) -> Vec<Step> {
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
    let names: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    // `{say: …, transfer: …}` is a transfer with words: what has the fewest keys too many is meant, of equals what comes first.
    let strangers = |table: Table| names.iter().filter(|name| !keys(table).contains(name)).count();
    let place = |step: &str| names.iter().position(|name| *name == step);
    let found = STEPS
        .iter()
        .filter(|(step, _)| place(step).is_some())
        .min_by_key(|(step, table)| (if *step == "switch" { 0 } else { strangers(table) }, place(step)));
    let Some(&(name, table)) = found else {
        let first = names.first().copied().unwrap_or("nothing");
        let near = suggest(first, STEPS.iter().map(|(name, _)| *name));
        problems.error(node.place, format!("no step is called `{first}`{near}"));
        return None;
    };
    let action = if name == "switch" {
        switch(node, entries, depth, around, problems)?
    } else {
        let what = format!("step `{name}`");
        let mut known = keys(table);
        if name == "collect" {
            known.extend(EVENTS);
        }
        let fields = Fields::of(node, &what, &known, problems)?;
        misplaced_events(&fields, &what, problems);
        Reader {
            fields: &fields,
            main: fields.get(name)?,
            around,
        }
        .action(name, depth, problems)?
    };
    Some(Step {
        place: node.place,
        action,
    })
}

/// One step, but for its kind.
struct Reader<'a> {
    fields: &'a Fields<'a>,
    /// What stands behind the key that makes it a step.
    main: &'a Node,
    around: &'a Around<'a>,
}

impl Reader<'_> {
    fn action(&self, name: &str, depth: usize, problems: &mut Problems) -> Option<Action> {
        let (fields, main, around) = (self.fields, self.main, self.around);
        let branch = |node: Option<&Node>, key: &str, problems: &mut Problems| {
            node.map(|node| steps(node, key, depth + 1, around, problems))
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
            "collect" => Action::Collect(self.collect(problems)?),
            "answer" => {
                let question = match main.scalar().as_deref() {
                    Some("last_words") => Question::LastWords,
                    Some(_) | None => Question::Text(Prompt::read(main, "answer", problems)?),
                };
                Action::Answer {
                    question,
                    on_fail: self.next("on_fail", problems),
                }
            }
            "set" => {
                let values = read::named(main, "set", problems);
                let parsed = values
                    .iter()
                    .filter_map(|(key, node)| Some((key.name.clone(), Expression::read(node, &key.name, problems)?)));
                Action::Set(parsed.collect())
            }
            "if" => {
                let then = branch(fields.need("then", "step `if`", problems), "then", problems);
                let otherwise = branch(fields.get("else"), "else", problems);
                Action::If {
                    condition: Expression::read(main, "if", problems)?,
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
            "tool" => Action::Tool(self.tool(problems)?),
            "transfer" => Action::Transfer(self.transfer(problems)?),
            "callback" => Action::Callback(self.callback(problems)?),
            "record" => Action::Record(Record {
                name: self.label(problems)?,
                max: fields
                    .span("max", Duration::from_secs(2)..=Duration::from_secs(600), problems)
                    .unwrap_or(Duration::from_secs(90)),
                on_error: self.next("on_error", problems),
            }),
            "ticket" => Action::Ticket(self.ticket(problems)?),
            "disposition" => Action::Disposition(self.label(problems)?),
            _ => {
                let now = main.scalar().as_deref() == Some("now");
                let say = if now {
                    None
                } else {
                    Some(Prompt::read(main, "hangup", problems)?)
                };
                Action::Hangup { say }
            }
        })
    }

    fn next(&self, name: &str, problems: &mut Problems) -> Option<Next> {
        Next::read(self.fields.get(name)?, name, self.around.flows, problems)
    }

    /// A name of the writer's own choice.
    fn label(&self, problems: &mut Problems) -> Option<String> {
        let label = read::text(self.main, "a name", problems)?;
        if !is_name(&label) {
            let message = format!("`{label}` is no name: write letters, digits and `_`");
            problems.error(self.main.place, message);
            return None;
        }
        Some(label)
    }

    fn collect(&self, problems: &mut Problems) -> Option<Collect> {
        let fields = self.fields;
        let slot = read::text(self.main, "collect", problems)?;
        let ask = match fields.get("ask") {
            Some(node) => Prompt::read(node, "ask", problems),
            None => {
                let declared = self.around.slots.get(&slot).and_then(|slot| slot.ask.clone());
                let ask = declared.or_else(|| self.around.asks.get(&slot).cloned());
                if ask.is_none() && !self.around.slots.contains_key(&slot) {
                    if !self.around.broken.contains(&slot) {
                        let near = suggest(&slot, self.around.slots.keys().map(String::as_str));
                        problems.error(self.main.place, format!("no slot is called `{slot}`{near}"));
                    }
                } else if ask.is_none() {
                    let message = "step `collect` needs `ask`, and no other step that collects it and no slot has one";
                    problems.error(fields.place(), message);
                }
                ask
            }
        };
        let events = self
            .around
            .events
            .within(fields.get("patterns"), "step `collect`", self.around.flows, problems);
        let retries = fields.count("retries", 0..=10, problems);
        let max = fields.count("max", 1..=11, problems);
        if let (Some(_), Some(_), Some(node)) = (retries, max, fields.get("max")) {
            let message = "`max` is how often is asked, `retries` how often again; write one of them";
            problems.error(node.place, message);
        }
        Some(Collect {
            slot,
            ask: ask?,
            retries: retries.or(max.map(|max| max - 1)).unwrap_or(events.nomatch.max),
            on_fail: self.next("on_fail", problems),
            events,
        })
    }

    fn tool(&self, problems: &mut Problems) -> Option<ToolUse> {
        let tool = read::text(self.main, "tool", problems)?;
        let declared = self.around.tools.get(&tool);
        if declared.is_none() && !self.around.broken.contains(&tool) {
            let known = self.around.tools.keys().map(String::as_str);
            problems.error(
                self.main.place,
                format!("no tool is called `{tool}`{}", suggest(&tool, known)),
            );
        }
        if declared.is_some_and(|tool| tool.confirm == Permission::NotNeeded) {
            for name in ["confirm_say", "on_no"] {
                if let Some(node) = self.fields.get(name) {
                    let message =
                        format!("tool `{tool}` asks nobody: write `confirm: true` there, or take `{name}` out");
                    problems.error(node.place, message);
                }
            }
        }
        let confirm_say = self.fields.get("confirm_say");
        Some(ToolUse {
            confirm_say: confirm_say.and_then(|node| Prompt::read(node, "confirm_say", problems)),
            on_no: self.next("on_no", problems).unwrap_or(Next::EndFlow),
            on_error: self.next("on_error", problems),
            place: self.main.place,
            tool,
        })
    }

    /// `{transfer: WHERE, say: …, on_fail: …}`, or all of it in a map: `{transfer: {to: WHERE, say: …, on_fail: …}}`.
    fn transfer(&self, problems: &mut Problems) -> Option<Transfer> {
        let inner = match &self.main.value {
            Tree::Map(_) => Some(Fields::of(self.main, "`transfer`", &keys(TRANSFER_TO), problems)?),
            Tree::Null | Tree::Boolean(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => None,
        };
        let either = |name: &str| {
            inner
                .as_ref()
                .and_then(|inner| inner.get(name))
                .or_else(|| self.fields.get(name))
        };
        let address = match &inner {
            Some(inner) => inner.need("to", "`transfer`", problems)?,
            None => self.main,
        };
        let to = read::text(address, "transfer", problems)?;
        let on_fail = either("on_fail");
        let say = either("say").and_then(|node| Prompt::read(node, "say", problems));
        let own = on_fail.and_then(|node| Next::read(node, "on_fail", self.around.flows, problems));
        let (queues, handoffs) = (self.around.queues, self.around.handoffs);
        let handoff = handoffs.get(&to);
        let queue = match handoff.map(|handoff| &handoff.to) {
            Some(Destination::Queue(queue)) => queues.get(queue),
            Some(Destination::Outside(_)) => None,
            None => queues.get(&to),
        };
        if handoff.is_none() && queue.is_none() {
            address_is_right(&to, address, self.around, problems);
            if on_fail.is_none() {
                let message = "`transfer` needs `on_fail: FLOW`: what happens when nobody answers";
                problems.error(self.fields.place(), message);
            }
            return Some(Transfer {
                to: Target::Uri(to),
                say,
                on_fail: own.clone(),
                on_decline: own,
            });
        }
        let exit = own
            .or_else(|| handoff.and_then(|handoff| handoff.no_agent.clone()))
            .or_else(|| queue.and_then(|queue| queue.overflow.clone()));
        if exit.is_none() && on_fail.is_none() {
            let message = format!(
                "`transfer` to `{to}` has no way out: write `on_fail: FLOW` here, `no_agent` in the handoff or `overflow` in the \
                 queue"
            );
            problems.error(self.fields.place(), message);
        }
        Some(Transfer {
            to: match handoff.map(|handoff| (&handoff.to, handoff.mode)) {
                Some((Destination::Outside(to), Mode::Blind)) => Target::Uri(to.clone()),
                found => Target::Person {
                    handoff: handoff.map(|handoff| handoff.name.clone()),
                    to: found.map_or(Destination::Queue(to), |(to, _)| to.clone()),
                },
            },
            say,
            on_decline: handoff
                .and_then(|handoff| handoff.agent_declines.clone())
                .or_else(|| exit.clone()),
            on_fail: exit,
        })
    }

    fn callback(&self, problems: &mut Problems) -> Option<Callback> {
        let queue = self.queue(self.fields.get("queue"), problems);
        Some(Callback {
            at: read::text(self.main, "callback", problems)?,
            number: self.fields.text("number", problems),
            queue,
            on_error: self.next("on_error", problems),
        })
    }

    fn ticket(&self, problems: &mut Problems) -> Option<Ticket> {
        let fields = Fields::of(self.main, "`ticket`", &keys(TICKET), problems)?;
        let kind = fields.need("type", "`ticket`", problems)?;
        let priorities = [
            ("low", Priority::Low),
            ("normal", Priority::Normal),
            ("high", Priority::High),
            ("urgent", Priority::Urgent),
        ];
        let prompt = |name: &str, problems: &mut Problems| Prompt::read(fields.get(name)?, name, problems);
        Some(Ticket {
            kind: read::text(kind, "type", problems)?,
            priority: fields
                .one_of("priority", &priorities, problems)
                .unwrap_or(Priority::Normal),
            subject: prompt("subject", problems),
            note: prompt("note", problems),
            queue: self.queue(fields.get("queue"), problems),
            on_error: self.next("on_error", problems),
        })
    }

    fn queue(&self, node: Option<&Node>, problems: &mut Problems) -> Option<String> {
        let node = node?;
        let queue = read::text(node, "queue", problems)?;
        if !self.around.queues.contains_key(&queue) {
            let known = self.around.queues.keys().map(String::as_str);
            problems.error(
                node.place,
                format!("no queue is called `{queue}`{}", suggest(&queue, known)),
            );
        }
        Some(queue)
    }
}

/// A SIP URI; what looks like the name of a queue or handoff is complained of as one.
fn address_is_right(to: &str, node: &Node, around: &Around<'_>, problems: &mut Problems) {
    if is_name(to) {
        let known = around.handoffs.values().map(|Handoff { name, .. }| name.as_str());
        let known = known.chain(around.queues.values().map(|Queue { name, .. }| name.as_str()));
        let near = suggest(to, known);
        let message = format!("no queue or handoff is called `{to}`{near}; a SIP URI is written `sip:agent@host`");
        problems.error(node.place, message);
    } else if let Err(reason) = uri::check(to) {
        problems.error(node.place, reason);
    }
}

/// `{switch: slot, value: [steps], …, default: [steps]}`
fn switch(
    node: &Node,
    entries: &[(Key, Node)],
    depth: usize,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Action> {
    let on = Expression::read(node.entry("switch")?, "switch", problems)?;
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
