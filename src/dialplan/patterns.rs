//! What happens in every flow unless it says otherwise: silence, words that were not understood, the goodbye.
//!
//! A plan may leave all of it out: there are words for each in every language.

use std::time::Duration;

use super::prompt::Prompt;
use crate::document::{Fields, Node, Problems};

#[derive(Clone, Debug)]
pub struct Patterns {
    pub noinput: NoInput,
    pub nomatch: Repair,
    pub out_of_scope: Repair,
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
    /// A value is read back: `{value}`.
    pub readback: Prompt,
    /// Two flows are near: `{first}` and `{second}`.
    pub clarify: Prompt,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Hangup,
    Flow(String),
}

const KEYS: [&str; 11] = [
    "noinput",
    "nomatch",
    "out_of_scope",
    "unknown",
    "anything_else",
    "go_ahead",
    "goodbye",
    "person",
    "no_person",
    "readback",
    "clarify",
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
            unknown: p("I'm sorry, I don't know that.", "抱歉，这个我不清楚。"),
            anything_else: p("Is there anything else?", "还有什么可以帮您的吗？"),
            go_ahead: p("Go ahead.", "您请说。"),
            goodbye: p("Thank you for calling. Goodbye.", "感谢您的来电，再见。"),
            person: None,
            no_person: p(
                "I'm sorry, nobody can take your call right now.",
                "抱歉，现在没有客服可以接听。",
            ),
            readback: p("I have {value}. Is that right?", "您说的是{value}，对吗？"),
            clarify: p(
                "Is it about {first}, or about {second}?",
                "您是想问{first}，还是{second}？",
            ),
        }
    }
}

impl Patterns {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Self {
        let mut patterns = Self::default();
        let later = ["correction"];
        let Some(fields) = Fields::with_later(node, "`patterns`", &KEYS, &later, problems) else {
            return patterns;
        };
        if let Some(node) = fields.get("noinput") {
            read_noinput(node, &mut patterns.noinput, problems);
        }
        if let Some(node) = fields.get("nomatch") {
            read_repair(node, "nomatch", &mut patterns.nomatch, problems);
        }
        if let Some(node) = fields.get("out_of_scope") {
            read_repair(node, "out_of_scope", &mut patterns.out_of_scope, problems);
        }
        for (name, prompt) in [
            ("unknown", &mut patterns.unknown),
            ("anything_else", &mut patterns.anything_else),
            ("go_ahead", &mut patterns.go_ahead),
            ("goodbye", &mut patterns.goodbye),
            ("no_person", &mut patterns.no_person),
            ("readback", &mut patterns.readback),
            ("clarify", &mut patterns.clarify),
        ] {
            if let Some(read) = fields.get(name).and_then(|node| saying(node, name, problems)) {
                *prompt = read;
            }
        }
        patterns.person = fields.text("person", problems);
        patterns
    }

    /// Every prompt of the patterns.
    pub(super) fn prompts(&self) -> Vec<&Prompt> {
        let lists = [&self.noinput.say, &self.nomatch.say, &self.out_of_scope.say];
        let mut prompts: Vec<&Prompt> = lists.into_iter().flatten().collect();
        prompts.extend([
            &self.unknown,
            &self.anything_else,
            &self.go_ahead,
            &self.goodbye,
            &self.no_person,
        ]);
        prompts.extend([&self.readback, &self.clarify]);
        prompts
    }

    /// Every flow that a pattern leads to.
    pub(super) fn flows(&self) -> Vec<&str> {
        let nexts = [&self.noinput.then, &self.nomatch.then, &self.out_of_scope.then];
        let flows = nexts.into_iter().filter_map(|next| match next {
            Next::Flow(flow) => Some(flow.as_str()),
            Next::Hangup => None,
        });
        flows.chain(self.person.as_deref()).collect()
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

fn next(fields: &Fields<'_>, problems: &mut Problems) -> Option<Next> {
    let flow = fields.text("then", problems)?;
    Some(if flow == "hangup" {
        Next::Hangup
    } else {
        Next::Flow(flow)
    })
}

fn read_noinput(node: &Node, noinput: &mut NoInput, problems: &mut Problems) {
    let Some(fields) = Fields::of(node, "pattern `noinput`", &["after", "say", "then"], problems) else {
        return;
    };
    if let Some(after) = fields.duration("after", problems) {
        if after < Duration::from_secs(1) || after > Duration::from_secs(120) {
            problems.error(fields.place(), "`after` of noinput should be between 1s and 120s");
        }
        noinput.after = after;
    }
    if let Some(say) = sayings(&fields, "noinput", problems) {
        noinput.say = say;
    }
    if let Some(then) = next(&fields, problems) {
        noinput.then = then;
    }
}

fn read_repair(node: &Node, name: &str, repair: &mut Repair, problems: &mut Problems) {
    let what = format!("pattern `{name}`");
    let Some(fields) = Fields::of(node, &what, &["say", "max", "then"], problems) else {
        return;
    };
    if let Some(say) = sayings(&fields, name, problems) {
        repair.say = say;
    }
    if let Some(max) = fields.count("max", 1..=10, problems) {
        repair.max = max;
    }
    if let Some(then) = next(&fields, problems) {
        repair.then = then;
    }
}
