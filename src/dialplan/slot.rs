//! What callers are asked for: slots, their kinds, and what a value must be beside that.

use super::expression::Expression;
use super::plan::Value;
use super::prompt::Prompt;
use super::schema::{Shape, Table, keys};
use crate::document::problem::suggest;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Place, Problems, Tree, read};

#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub name: String,
    pub kind: SlotKind,
    pub confirm: Confirm,
    /// Whether keys are taken for it.
    pub dtmf: bool,
    /// Personal: kept out of logs.
    pub pii: bool,
    /// How it is asked for where a step does not say.
    pub ask: Option<Prompt>,
    /// What a value must be beside its kind.
    pub must: Option<Must>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SlotKind {
    /// How many.
    Digits {
        min: usize,
        max: usize,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    /// An amount in the unit that the plan speaks of, such as 12.5: a number.
    Money {
        min: Option<f64>,
        max: Option<f64>,
    },
    Boolean,
    Enum(Vec<Choice>),
    Date,
    Time,
    /// `2026-11-21T15:00`, at the caller's place.
    DateTime,
    /// 3 to 15 digits, with a `+` before them where there was one.
    Phone,
    Name,
    Email,
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    /// Other ways of saying it.
    pub says: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    No,
    /// Taken for right; what follows shows what was heard.
    Implicit,
    /// Read back and asked for a yes.
    Readback,
}

/// What a value must be beside its kind; one that is not is asked for again.
#[derive(Clone, Debug, PartialEq)]
pub enum Must {
    /// A day and time at which the plan's campaigns may call.
    WithinWindow,
    /// A day and time at which these hours are open.
    WithinHours(String),
    /// Later than now.
    Future,
    /// Holds with the value in its place.
    Hold(Expression),
}

pub(super) const SLOT: Table = &[
    ("type", Shape::OneOf(&KINDS)),
    ("length", Shape::Count),
    ("min", Shape::Number),
    ("max", Shape::Number),
    (
        "values",
        Shape::Either(&[Shape::Texts, Shape::Named(&Shape::Either(&[Shape::Texts, Shape::Null]))]),
    ),
    (
        "confirm",
        Shape::Either(&[Shape::OneOf(&["no", "none", "implicit", "readback"]), Shape::Boolean]),
    ),
    ("dtmf", Shape::Boolean),
    ("pii", Shape::Boolean),
    ("ask", Shape::Prompt),
    ("must", Shape::Expression),
];

pub(super) const KINDS: [&str; 12] = [
    "digits", "number", "money", "boolean", "enum", "date", "time", "datetime", "phone", "name", "email", "text",
];

impl Slot {
    /// A slot of `kind` with nothing else to it.
    pub fn plain(name: &str, kind: SlotKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            confirm: Confirm::No,
            dtmf: false,
            pii: false,
            ask: None,
            must: None,
        }
    }

    pub(super) fn declare(key: &Key, node: &Node, problems: &mut Problems) -> Option<Self> {
        let what = format!("slot `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(SLOT), problems)?;
        named_well(key, &what, problems);
        let at = fields.need("type", &what, problems)?.place;
        let kind = kind(&fields, at, &what, problems)?;
        misfits(&kind, &fields, &what, problems);
        let confirm = match fields.text("confirm", problems).as_deref() {
            None | Some("no" | "none" | "false") => Confirm::No,
            Some("implicit") => Confirm::Implicit,
            Some("readback" | "true") => Confirm::Readback,
            Some(other) => {
                let place = fields.get("confirm").map_or(node.place, |node| node.place);
                let near = suggest(other, ["no", "implicit", "readback"]);
                problems.error(
                    place,
                    format!("`confirm` is `{other}`{near}; write no, implicit or readback"),
                );
                Confirm::No
            }
        };
        let by_keys = kind.by_keys();
        if fields.boolean("dtmf", problems) == Some(true) && !by_keys {
            let place = fields.get("dtmf").map_or(node.place, |node| node.place);
            problems.error(place, format!("{what} cannot be keyed in: take `dtmf: true` out"));
        }
        Some(Self {
            name: key.name.clone(),
            confirm,
            dtmf: fields.boolean("dtmf", problems).unwrap_or(by_keys) && by_keys,
            pii: fields.boolean("pii", problems).unwrap_or(false),
            ask: fields.get("ask").and_then(|node| Prompt::read(node, "ask", problems)),
            must: fields.get("must").and_then(|node| Must::read(node, &kind, problems)),
            kind,
        })
    }
}

impl SlotKind {
    /// Whether a keypad can say it.
    pub fn by_keys(&self) -> bool {
        match self {
            SlotKind::Digits { .. }
            | SlotKind::Number { .. }
            | SlotKind::Money { .. }
            | SlotKind::Boolean
            | SlotKind::Enum(_)
            | SlotKind::Date
            | SlotKind::Time
            | SlotKind::DateTime
            | SlotKind::Phone => true,
            SlotKind::Name | SlotKind::Email | SlotKind::Text => false,
        }
    }

    /// As a plan writes it.
    pub fn name(&self) -> &'static str {
        match self {
            SlotKind::Digits { .. } => "digits",
            SlotKind::Number { .. } => "number",
            SlotKind::Money { .. } => "money",
            SlotKind::Boolean => "boolean",
            SlotKind::Enum(_) => "enum",
            SlotKind::Date => "date",
            SlotKind::Time => "time",
            SlotKind::DateTime => "datetime",
            SlotKind::Phone => "phone",
            SlotKind::Name => "name",
            SlotKind::Email => "email",
            SlotKind::Text => "text",
        }
    }
}

impl Must {
    fn read(node: &Node, kind: &SlotKind, problems: &mut Problems) -> Option<Self> {
        let written = read::text(node, "must", problems)?;
        let must = match written.trim() {
            "within window" => Self::WithinWindow,
            "in future" => Self::Future,
            hours if hours.starts_with("within hours.") => Self::WithinHours(hours["within hours.".len()..].to_owned()),
            within if within.starts_with("within") => {
                let message = format!("`must: {within}` is unknown; write `within window` or `within hours.NAME`");
                problems.error(node.place, message);
                return None;
            }
            expression => match Expression::parse(expression) {
                Ok(expression) => Self::Hold(expression),
                Err(reason) => {
                    let right = "write an expression, `within window`, `within hours.NAME` or `in future`";
                    problems.error(node.place, format!("{reason}; {right}"));
                    return None;
                }
            },
        };
        let timed = match kind {
            SlotKind::DateTime => true,
            SlotKind::Date => must == Self::Future,
            SlotKind::Digits { .. }
            | SlotKind::Number { .. }
            | SlotKind::Money { .. }
            | SlotKind::Boolean
            | SlotKind::Enum(_)
            | SlotKind::Time
            | SlotKind::Phone
            | SlotKind::Name
            | SlotKind::Email
            | SlotKind::Text => false,
        };
        if !timed && !matches!(must, Self::Hold(_)) {
            problems.error(
                node.place,
                format!("`must: {written}` is for slots of the type datetime"),
            );
        }
        Some(must)
    }
}

/// Names that something else has in expressions.
pub(super) const ROOTS: [&str; 7] = ["caller", "call", "hours", "queue", "sentiment", "topic", "campaign"];

fn named_well(key: &Key, what: &str, problems: &mut Problems) {
    if ROOTS.contains(&key.name.as_str()) {
        problems.error(
            key.place,
            format!("{what} has a name that stands for something else; choose another"),
        );
    } else if !is_name(&key.name) {
        problems.error(
            key.place,
            format!("{what}: a name has letters, digits and `_`, and begins with a letter"),
        );
    }
}

/// What may stand in an expression as one name.
pub(super) fn is_name(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    first && name.chars().all(|c| c.is_alphanumeric() || c == '_') && !["true", "false", "in"].contains(&name)
}

fn kind(fields: &Fields<'_>, at: Place, what: &str, problems: &mut Problems) -> Option<SlotKind> {
    Some(match fields.text("type", problems)?.as_str() {
        "digits" => digits(fields, problems),
        "number" => {
            let (min, max) = bounds(fields, problems);
            SlotKind::Number { min, max }
        }
        "money" => {
            let (min, max) = bounds(fields, problems);
            SlotKind::Money { min, max }
        }
        "boolean" => SlotKind::Boolean,
        "enum" => SlotKind::Enum(choices(fields, what, problems)),
        "date" => SlotKind::Date,
        "time" => SlotKind::Time,
        "datetime" => SlotKind::DateTime,
        "phone" => SlotKind::Phone,
        "name" => SlotKind::Name,
        "email" => SlotKind::Email,
        "text" => SlotKind::Text,
        other => {
            problems.error(at, format!("no slot type is called `{other}`{}", suggest(other, KINDS)));
            return None;
        }
    })
}

/// Keys that mean nothing to a slot of this kind.
fn misfits(kind: &SlotKind, fields: &Fields<'_>, what: &str, problems: &mut Problems) {
    let fitting: &[&str] = match kind {
        SlotKind::Digits { .. } => &["length", "min", "max"],
        SlotKind::Number { .. } | SlotKind::Money { .. } => &["min", "max"],
        SlotKind::Enum(_) => &["values"],
        SlotKind::Boolean
        | SlotKind::Date
        | SlotKind::Time
        | SlotKind::DateTime
        | SlotKind::Phone
        | SlotKind::Name
        | SlotKind::Email
        | SlotKind::Text => &[],
    };
    for name in ["length", "min", "max", "values"] {
        if let Some(node) = fields.get(name).filter(|_| !fitting.contains(&name)) {
            let message = format!(
                "{what} is of the type {}, which has no `{name}`: take it out",
                kind.name()
            );
            problems.error(node.place, message);
        }
    }
}

fn bounds(fields: &Fields<'_>, problems: &mut Problems) -> (Option<f64>, Option<f64>) {
    let (min, max) = (fields.number("min", problems), fields.number("max", problems));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        problems.error(fields.place(), format!("`min` ({min}) is greater than `max` ({max})"));
    }
    (min, max)
}

fn digits(fields: &Fields<'_>, problems: &mut Problems) -> SlotKind {
    let range = 1..=32;
    let length = fields.count("length", range.clone(), problems);
    let min = length
        .or_else(|| fields.count("min", range.clone(), problems))
        .unwrap_or(1);
    let max = length.or_else(|| fields.count("max", range, problems)).unwrap_or(32);
    if min > max {
        problems.error(fields.place(), format!("`min` ({min}) is greater than `max` ({max})"));
    }
    SlotKind::Digits {
        min: min as usize,
        max: max.max(min) as usize,
    }
}

/// `[a, b]`, or `{a: [other words], b: …}`.
fn choices(fields: &Fields<'_>, what: &str, problems: &mut Problems) -> Vec<Choice> {
    let Some(node) = fields.need("values", what, problems) else {
        return Vec::new();
    };
    let choices: Vec<Choice> = match &node.value {
        Tree::Map(entries) => entries
            .iter()
            .map(|(key, node)| {
                let says = if node.value == Tree::Null {
                    Vec::new()
                } else {
                    read::texts(node, &key.name, problems)
                };
                Choice {
                    value: key.name.clone(),
                    says,
                }
            })
            .collect(),
        _ => read::texts(node, "values", problems)
            .into_iter()
            .map(|value| Choice {
                value,
                says: Vec::new(),
            })
            .collect(),
    };
    if choices.len() < 2 {
        problems.error(node.place, format!("{what} needs at least two `values`"));
    }
    choices
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}
