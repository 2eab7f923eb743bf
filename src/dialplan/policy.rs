//! Rules that hold in every flow, and what is done when a call is over.

use std::time::Duration;

use super::expression::Expression;
use super::next::Next;
use super::prompt::Prompt;
use super::schema::{Shape, Table, keys};
use super::template::Url;
use crate::document::{Fields, Node, Place, Problems, read};

/// What the engine does of itself as soon as `when` holds.
#[derive(Clone, Debug)]
pub struct Policy {
    pub when: Expression,
    /// How the model is to speak as long as it holds.
    pub style: Option<String>,
    pub disposition: Option<String>,
    pub then: Option<Duty>,
    pub place: Place,
}

/// Where a policy leads, once each time that it comes to hold.
#[derive(Clone, Debug)]
pub enum Duty {
    Go(Next),
    Hangup(Option<Prompt>),
}

/// What is done with a call that is over.
#[derive(Clone, Debug)]
pub struct WrapUp {
    pub summary: Summary,
    pub disposition: Ending,
    pub ticket: Option<WrapUpTicket>,
    pub csat: Option<Csat>,
    /// Told of every call.
    pub webhook: Option<Url>,
    /// How long records of calls are kept.
    pub retention: Option<Duration>,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    Made,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// What no step said is told from how the call went.
    Auto,
    /// Every way through the plan says one.
    Required,
    None,
}

#[derive(Clone, Debug)]
pub struct WrapUpTicket {
    pub when: Option<Expression>,
    /// The queue whose agents get it.
    pub route: Option<String>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct Csat {
    /// The keys from the worst to the best.
    pub keys: std::ops::RangeInclusive<u8>,
    pub when: Option<Expression>,
}

pub(super) const POLICY: Table = &[
    ("when", Shape::Expression),
    ("do", Shape::Map(DUTY)),
    ("never", Shape::Texts),
];
pub(super) const DUTY: Table = &[
    ("goto_flow", Shape::Next),
    ("style", Shape::Text),
    ("disposition", Shape::Text),
    ("hangup", Shape::Prompt),
];
pub(super) const WRAP_UP: Table = &[
    ("summary", Shape::Boolean),
    ("disposition", Shape::OneOf(&["auto", "required", "none"])),
    ("ticket", Shape::Map(WRAP_UP_TICKET)),
    ("csat", Shape::Map(CSAT)),
    ("webhook", Shape::Text),
    ("retention", Shape::Duration),
];
pub(super) const WRAP_UP_TICKET: Table = &[("when", Shape::Expression), ("route", Shape::Text)];
pub(super) const CSAT: Table = &[("dtmf", Shape::Text), ("when", Shape::Expression)];

/// The rules, and what is never said or done.
pub(super) fn policies(node: &Node, flows: &[&str], problems: &mut Problems) -> (Vec<Policy>, Vec<String>) {
    let (mut rules, mut never) = (Vec::new(), Vec::new());
    for node in read::list(node, "policies", problems) {
        let Some(fields) = Fields::of(node, "a policy", &keys(POLICY), problems) else {
            continue;
        };
        if let Some(forbidden) = fields.get("never") {
            never.extend(read::texts(forbidden, "never", problems));
            if let Some(node) = fields.get("when").or(fields.get("do")) {
                let message = "a policy has `never`, or `when` and `do`; write two policies";
                problems.error(node.place, message);
            }
            continue;
        }
        rules.extend(Policy::read(&fields, flows, problems));
    }
    (rules, never)
}

impl Policy {
    /// What it says.
    pub(super) fn prompt(&self) -> Option<&Prompt> {
        match self.then.as_ref()? {
            Duty::Hangup(Some(prompt)) => Some(prompt),
            Duty::Go(_) | Duty::Hangup(None) => None,
        }
    }

    fn read(fields: &Fields<'_>, flows: &[&str], problems: &mut Problems) -> Option<Self> {
        let what = "a policy without `never`";
        let when = fields.need("when", what, problems);
        let when = when.and_then(|node| Expression::read(node, "when", problems));
        let duties = fields.need("do", what, problems)?;
        let duties = Fields::of(duties, "`do`", &keys(DUTY), problems)?;
        let (go, hangup) = (duties.get("goto_flow"), duties.get("hangup"));
        if go.is_some() && hangup.is_some() {
            let message = "`do` leads to one thing: `goto_flow` or `hangup`; take the other out";
            problems.error(duties.place(), message);
        }
        let then = if let Some(node) = go {
            Next::read(node, "goto_flow", flows, problems).map(Duty::Go)
        } else {
            hangup.map(|node| {
                let now = node.scalar().as_deref() == Some("now");
                Duty::Hangup(if now {
                    None
                } else {
                    Prompt::read(node, "hangup", problems)
                })
            })
        };
        let (style, disposition) = (duties.text("style", problems), duties.text("disposition", problems));
        if go.or(hangup).is_none() && style.is_none() && disposition.is_none() {
            problems.error(
                duties.place(),
                "`do` says nothing; write goto_flow, style, disposition or hangup",
            );
        }
        Some(Self {
            when: when?,
            style,
            disposition,
            then,
            place: fields.place(),
        })
    }
}

impl WrapUp {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`wrap_up`", &keys(WRAP_UP), problems)?;
        let endings = [
            ("auto", Ending::Auto),
            ("required", Ending::Required),
            ("none", Ending::None),
        ];
        let webhook = fields.get("webhook").and_then(|node| {
            let source = read::text(node, "webhook", problems)?;
            let url = Url::parse(&source).map_err(|reason| problems.error(node.place, reason));
            url.ok()
        });
        let day = Duration::from_secs(86_400);
        Some(Self {
            summary: match fields.boolean("summary", problems) {
                Some(true) => Summary::Made,
                Some(false) | None => Summary::None,
            },
            disposition: fields.one_of("disposition", &endings, problems).unwrap_or(Ending::None),
            ticket: fields.get("ticket").and_then(|node| {
                let fields = Fields::of(node, "`ticket` of `wrap_up`", &keys(WRAP_UP_TICKET), problems)?;
                Some(WrapUpTicket {
                    when: fields
                        .get("when")
                        .and_then(|node| Expression::read(node, "when", problems)),
                    route: fields.text("route", problems),
                    place: node.place,
                })
            }),
            csat: fields.get("csat").and_then(|node| {
                let fields = Fields::of(node, "`csat`", &keys(CSAT), problems)?;
                let at = fields.need("dtmf", "`csat`", problems)?;
                let range = at.scalar().and_then(|text| {
                    let (low, high) = text.split_once('-')?;
                    let (low, high) = (low.trim().parse::<u8>().ok()?, high.trim().parse::<u8>().ok()?);
                    (low < high && high <= 9).then_some(low..=high)
                });
                if range.is_none() {
                    problems.error(
                        at.place,
                        "`dtmf` should be the keys from the worst to the best, such as 1-5",
                    );
                }
                Some(Csat {
                    keys: range?,
                    when: fields
                        .get("when")
                        .and_then(|node| Expression::read(node, "when", problems)),
                })
            }),
            webhook,
            retention: fields.span("retention", day..=day * 3650, problems),
            place: node.place,
        })
    }
}
