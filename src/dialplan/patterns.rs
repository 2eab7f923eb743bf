//! What happens in every flow unless it says otherwise: silence, words that were not understood, the goodbye.
//!
//! A plan may leave all of it out: there are words for each in every language.

use std::time::Duration;

use super::next::{self, Next};
use super::prompt::Prompt;
use super::schema::{Shape, Table, keys};
use crate::document::{Fields, Node, Problems};

#[derive(Clone, Debug)]
pub struct Patterns {
    pub noinput: NoInput,
    pub nomatch: Repair,
    pub out_of_scope: Repair,
    pub correction: Correction,
    pub error: Failure,
    /// The knowledge has no answer.
    pub unknown: Prompt,
    /// A flow has ended and nothing waits.
    pub anything_else: Prompt,
    /// "Yes" to the question whether there is anything else.
    pub go_ahead: Prompt,
    pub goodbye: Prompt,
    /// The flow for callers who want a person.
    pub person: Option<String>,
    /// Nobody is there, and the plan names no flow for it.
    pub no_person: Prompt,
    /// To who waits for a person: `{position}` in line, and `{wait}` as it is expected; nothing where that is not known.
    pub queue_position: Prompt,
    pub queue_wait: Prompt,
    /// To be called back, by a key.
    pub offer_callback: Prompt,
    /// The offer was taken.
    pub callback_promise: Prompt,
    /// A value is read back: `{value}`.
    pub readback: Prompt,
    /// Two flows are near: `{first}` and `{second}`.
    pub clarify: Prompt,
    /// A tool that writes is about to be used, and its step does not say what is asked.
    pub permission: Prompt,
}

#[derive(Clone, Debug)]
pub struct NoInput {
    /// Silence before the caller is asked.
    pub after: Duration,
    /// One after the other; then `then`.
    pub say: Vec<Prompt>,
    pub then: Next,
}

/// What is said when the caller was not understood, and what follows when that happens too often.
#[derive(Clone, Debug)]
pub struct Repair {
    pub say: Vec<Prompt>,
    pub max: u32,
    pub then: Next,
}

/// What happens when the caller has changed a value.
#[derive(Clone, Debug)]
pub struct Correction {
    pub say: Option<Prompt>,
    pub then: Next,
}

/// What happens when a tool, a record or a ticket did not work and its step has no exit.
#[derive(Clone, Debug)]
pub struct Failure {
    pub say: Prompt,
    /// `None`: after a tool as with `nomatch`, after anything else the call ends.
    pub then: Option<Next>,
}

/// What happens when the caller is silent or not understood: at a question, else in its flow, else in the plan.
#[derive(Clone, Debug)]
pub struct Events {
    pub noinput: NoInput,
    pub nomatch: Repair,
    pub out_of_scope: Repair,
    pub correction: Correction,
}

pub(super) const EVENTS: [&str; 4] = ["noinput", "nomatch", "out_of_scope", "correction"];

pub(super) const EVENT_PATTERNS: Table = &[
    ("noinput", Shape::Map(NOINPUT)),
    ("nomatch", Shape::Map(REPAIR)),
    ("out_of_scope", Shape::Map(REPAIR)),
    ("correction", Shape::Either(&[Shape::Next, Shape::Map(CORRECTION)])),
];
pub(super) const NOINPUT: Table = &[
    ("after", Shape::Duration),
    ("say", Shape::Prompts),
    ("then", Shape::Next),
];
pub(super) const REPAIR: Table = &[("say", Shape::Prompts), ("max", Shape::Count), ("then", Shape::Next)];
pub(super) const CORRECTION: Table = &[("say", Shape::Prompt), ("then", Shape::Next)];
const SAYING: Shape = Shape::Either(&[Shape::Prompt, Shape::Map(&[("say", Shape::Prompt)])]);

pub(super) const PATTERNS: Table = &[
    EVENT_PATTERNS[0],
    EVENT_PATTERNS[1],
    EVENT_PATTERNS[2],
    EVENT_PATTERNS[3],
    ("error", Shape::Map(CORRECTION)),
    ("person", Shape::Text),
    ("unknown", SAYING),
    ("anything_else", SAYING),
    ("go_ahead", SAYING),
    ("goodbye", SAYING),
    ("no_person", SAYING),
    ("queue_position", SAYING),
    ("queue_wait", SAYING),
    ("offer_callback", SAYING),
    ("callback_promise", SAYING),
    ("readback", SAYING),
    ("clarify", SAYING),
    ("permission", SAYING),
];

impl Default for Patterns {
    fn default() -> Self {
        let p = Prompt::built_in;
        Self {
            noinput: NoInput {
                after: Duration::from_secs(8),
                say: vec![
                    p("Are you still there?", "您还在吗？"),
                    p("I can't hear you.", "我听不到您的声音。"),
                ],
                then: Next::Hangup,
            },
            nomatch: Repair {
                say: vec![p("Sorry, could you say that another way?", "抱歉，您可以换个说法吗？")],
                max: 2,
                then: Next::Hangup,
            },
            out_of_scope: Repair {
                say: vec![p("I'm sorry, I can't help with that.", "抱歉，这个问题我帮不了您。")],
                max: 2,
                then: Next::Hangup,
            },
            correction: Correction {
                say: None,
                then: Next::ResumeFlow,
            },
            error: Failure {
                say: p("I'm sorry, that did not work just now.", "抱歉，刚才没有成功。"),
                then: None,
            },
            unknown: p("I'm sorry, I don't know that.", "抱歉，这个我不清楚。"),
            anything_else: p("Is there anything else?", "还有什么可以帮您的吗？"),
            go_ahead: p("Go ahead.", "您请说。"),
            goodbye: p("Thank you for calling. Goodbye.", "感谢您的来电，再见。"),
            person: None,
            no_person: p(
                "I'm sorry, nobody can take your call right now.",
                "抱歉，现在没有客服可以接听。",
            ),
            queue_position: p("You are number {position} in line.", "您目前排在第{position}位。"),
            queue_wait: p("It should take about {wait}.", "预计还需等待大约{wait}。"),
            offer_callback: p(
                "If you would rather be called back, press one, or say yes.",
                "如果您希望我们给您回电，请按一，或者说“是”。",
            ),
            callback_promise: p(
                "All right, we will call you back at this number. Goodbye.",
                "好的，我们会拨打您的来电号码给您回电，再见。",
            ),
            readback: p("I have {value}. Is that right?", "您说的是{value}，对吗？"),
            clarify: p(
                "Is it about {first}, or about {second}?",
                "您是想问{first}，还是{second}？",
            ),
            permission: p("Shall I go ahead?", "现在为您办理，可以吗？"),
        }
    }
}

impl Patterns {
    /// Reads them; `flows` are the names that they may lead to.
    pub(super) fn read(node: &Node, flows: &[&str], problems: &mut Problems) -> Self {
        let mut patterns = Self::default();
        let Some(fields) = Fields::of(node, "`patterns`", &keys(PATTERNS), problems) else {
            return patterns;
        };
        patterns.person = fields.text("person", problems);
        if let (Some(person), Some(node)) = (&patterns.person, fields.get("person")) {
            next::is_flow(person, node, flows, problems);
            patterns.nomatch.then = Next::Flow(person.clone());
            patterns.out_of_scope.then = Next::Flow(person.clone());
        }
        let mut events = patterns.events();
        events.read(&fields, flows, problems);
        Events {
            noinput: patterns.noinput,
            nomatch: patterns.nomatch,
            out_of_scope: patterns.out_of_scope,
            correction: patterns.correction,
        } = events;
        if let Some(node) = fields.get("error")
            && let Some(fields) = Fields::of(node, "pattern `error`", &keys(CORRECTION), problems)
        {
            if let Some(say) = fields.get("say").and_then(|node| Prompt::read(node, "error", problems)) {
                patterns.error.say = say;
            }
            patterns.error.then = then(&fields, flows, problems);
        }
        for (name, prompt) in [
            ("unknown", &mut patterns.unknown),
            ("anything_else", &mut patterns.anything_else),
            ("go_ahead", &mut patterns.go_ahead),
            ("goodbye", &mut patterns.goodbye),
            ("no_person", &mut patterns.no_person),
            ("queue_position", &mut patterns.queue_position),
            ("queue_wait", &mut patterns.queue_wait),
            ("offer_callback", &mut patterns.offer_callback),
            ("callback_promise", &mut patterns.callback_promise),
            ("readback", &mut patterns.readback),
            ("clarify", &mut patterns.clarify),
            ("permission", &mut patterns.permission),
        ] {
            if let Some(read) = fields.get(name).and_then(|node| saying(node, name, problems)) {
                *prompt = read;
            }
        }
        patterns
    }

    /// What every flow inherits.
    pub fn events(&self) -> Events {
        Events {
            noinput: self.noinput.clone(),
            nomatch: self.nomatch.clone(),
            out_of_scope: self.out_of_scope.clone(),
            correction: self.correction.clone(),
        }
    }

    /// Every prompt but those of the events.
    pub(super) fn prompts(&self) -> Vec<&Prompt> {
        let Self {
            unknown,
            anything_else,
            go_ahead,
            goodbye,
            no_person,
            queue_position,
            queue_wait,
            offer_callback,
            callback_promise,
            readback,
            clarify,
            permission,
            error,
            ..
        } = self;
        let waiting = [queue_position, queue_wait, offer_callback, callback_promise];
        let after = [readback, clarify, permission, &error.say];
        [unknown, anything_else, go_ahead, goodbye, no_person]
            .into_iter()
            .chain(waiting)
            .chain(after)
            .collect()
    }
}

impl Events {
    /// These, but for what the `patterns` of `what` (a flow or a step) say otherwise.
    pub(super) fn within(&self, node: Option<&Node>, what: &str, flows: &[&str], problems: &mut Problems) -> Self {
        let mut events = self.clone();
        let fields =
            node.and_then(|node| Fields::of(node, &format!("`patterns` of {what}"), &keys(EVENT_PATTERNS), problems));
        if let Some(fields) = fields {
            events.read(&fields, flows, problems);
        }
        events
    }

    fn read(&mut self, fields: &Fields<'_>, flows: &[&str], problems: &mut Problems) {
        if let Some(node) = fields.get("noinput") {
            read_noinput(node, &mut self.noinput, flows, problems);
        }
        if let Some(node) = fields.get("nomatch") {
            read_repair(node, "nomatch", &mut self.nomatch, flows, problems);
        }
        if let Some(node) = fields.get("out_of_scope") {
            read_repair(node, "out_of_scope", &mut self.out_of_scope, flows, problems);
        }
        if let Some(node) = fields.get("correction") {
            read_correction(node, &mut self.correction, flows, problems);
        }
    }

    pub(super) fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        [&self.noinput.say, &self.nomatch.say, &self.out_of_scope.say]
            .into_iter()
            .flatten()
            .chain(&self.correction.say)
    }

    /// Every flow that they lead to.
    pub(super) fn flows(&self) -> impl Iterator<Item = &str> {
        let repairs = [&self.noinput.then, &self.nomatch.then, &self.out_of_scope.then];
        repairs
            .into_iter()
            .chain([&self.correction.then])
            .filter_map(|next| next.flow())
    }
}

/// `"words"` or `{say: "words"}`.
fn saying(node: &Node, name: &str, problems: &mut Problems) -> Option<Prompt> {
    match node.entry("say") {
        Some(say) => {
            Fields::of(node, &format!("pattern `{name}`"), &["say"], problems)?;
            Prompt::read(say, name, problems)
        }
        None => Prompt::read(node, name, problems),
    }
}

fn sayings(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<Vec<Prompt>> {
    let node = fields.get("say")?;
    let prompts = match &node.value {
        crate::document::Tree::List(items) => items
            .iter()
            .filter_map(|item| Prompt::read(item, name, problems))
            .collect(),
        _ => Prompt::read(node, name, problems).into_iter().collect(),
    };
    Some(prompts)
}

fn then(fields: &Fields<'_>, flows: &[&str], problems: &mut Problems) -> Option<Next> {
    Next::read(fields.get("then")?, "then", flows, problems)
}

fn read_noinput(node: &Node, noinput: &mut NoInput, flows: &[&str], problems: &mut Problems) {
    let Some(fields) = Fields::of(node, "pattern `noinput`", &keys(NOINPUT), problems) else {
        return;
    };
    let patience = Duration::from_secs(1)..=Duration::from_secs(120);
    if let Some(after) = fields.span("after", patience, problems) {
        noinput.after = after;
    }
    if let Some(say) = sayings(&fields, "noinput", problems) {
        noinput.say = say;
    }
    if let Some(then) = then(&fields, flows, problems) {
        noinput.then = then;
    }
}

fn read_repair(node: &Node, name: &str, repair: &mut Repair, flows: &[&str], problems: &mut Problems) {
    let what = format!("pattern `{name}`");
    let Some(fields) = Fields::of(node, &what, &keys(REPAIR), problems) else {
        return;
    };
    if let Some(say) = sayings(&fields, name, problems) {
        repair.say = say;
    }
    if let Some(max) = fields.count("max", 1..=10, problems) {
        repair.max = max;
    }
    if let Some(then) = then(&fields, flows, problems) {
        repair.then = then;
    }
}

/// `FLOW`, or `{say: "words", then: FLOW}`.
fn read_correction(node: &Node, correction: &mut Correction, flows: &[&str], problems: &mut Problems) {
    if !matches!(node.value, crate::document::Tree::Map(_)) {
        if let Some(next) = Next::read(node, "correction", flows, problems) {
            correction.then = next;
        }
        return;
    }
    let Some(fields) = Fields::of(node, "pattern `correction`", &keys(CORRECTION), problems) else {
        return;
    };
    if let Some(say) = fields
        .get("say")
        .and_then(|node| Prompt::read(node, "correction", problems))
    {
        correction.say = Some(say);
    }
    if let Some(then) = then(&fields, flows, problems) {
        correction.then = then;
    }
}
