//! Which calls go where.

use std::collections::BTreeMap;

use super::assistant::Assistant;
use super::expression::Expression;
use super::next;
use super::order::Facts;
use super::plan::{Plan, Value};
use super::schema::{Shape, Table, keys};
use crate::document::problem::suggest;
use crate::document::{Fields, Node, Place, Problems, Tree, read};

/// The first that matches wins.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: String,
    pub matches: Match,
    pub then: Then,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    Any,
    /// All that is there must fit.
    Numbers {
        /// Numbers or names, with `*` for any rest.
        to: Option<String>,
        from: Option<String>,
        /// Of the caller, the call and the hours.
        when: Option<Expression>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    Answer {
        assistant: String,
        flow: String,
    },
    /// A SIP status code from 400 to 699.
    Reject(u16),
}

pub(super) const ROUTE: Table = &[
    ("name", Shape::Text),
    ("match", Shape::Either(&[Shape::OneOf(&["any"]), Shape::Map(MATCH)])),
    ("assistant", Shape::Text),
    ("flow", Shape::Text),
    ("reject", Shape::Count),
];
pub(super) const MATCH: Table = &[("to", Shape::Text), ("from", Shape::Text), ("when", Shape::Expression)];

impl Route {
    pub(super) fn read(
        node: &Node,
        flows: &[&str],
        assistants: &BTreeMap<String, Assistant>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::of(node, "a route", &keys(ROUTE), problems)?;
        let matches = fields.need("match", "a route", problems);
        let matches = matches.and_then(|node| Match::read(node, problems));
        let then = Then::read(&fields, flows, assistants, problems);
        let name = fields.text("name", problems);
        Some(Self {
            name: name.unwrap_or_else(|| format!("line {}", node.place.line)),
            matches: matches?,
            then: then?,
            place: node.place,
        })
    }
}

impl Match {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Tree::Text(word) = &node.value {
            if word != "any" {
                let message = format!("`match` is `{word}` and should be `any` or a map of to, from, when");
                problems.error(node.place, message);
                return None;
            }
            return Some(Match::Any);
        }
        let fields = Fields::of(node, "`match`", &keys(MATCH), problems)?;
        let when = fields.get("when");
        Some(Match::Numbers {
            to: fields.text("to", problems),
            from: fields.text("from", problems),
            when: when.and_then(|node| Expression::read(node, "when", problems)),
        })
    }

    /// Whether a call with these facts fits; else the part that does not.
    pub(super) fn takes(&self, plan: &Plan, facts: &Facts) -> Result<(), Misfit> {
        let Match::Numbers { to, from, when } = self else {
            return Ok(());
        };
        let text = |value: Option<&Value>| value.map(ToString::to_string).unwrap_or_default();
        let called = text(facts.call.get("to"));
        let caller = text(facts.caller.get("number"));
        if !fits(to.as_deref(), &called) {
            return Err(Misfit::To(called));
        }
        if !fits(from.as_deref(), &caller) {
            return Err(Misfit::From(caller));
        }
        match when {
            Some(when) if !when.holds(&|path| facts.value(plan, path)) => Err(Misfit::When),
            Some(_) | None => Ok(()),
        }
    }
}

/// Why a route does not take a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The number that is called.
    To(String),
    /// The number that calls.
    From(String),
    When,
}

impl Then {
    fn read(
        fields: &Fields<'_>,
        flows: &[&str],
        assistants: &BTreeMap<String, Assistant>,
        problems: &mut Problems,
    ) -> Option<Self> {
        match fields.count("reject", 400..=699, problems) {
            Some(code) => return Some(Then::Reject(code as u16)),
            None if fields.get("reject").is_some() => return None,
            None => {}
        }
        let to = fields.need("assistant", "a route that does not reject", problems);
        let into = fields.need("flow", "a route that does not reject", problems);
        let (to, into) = (to?, into?);
        let (assistant, flow) = (
            read::text(to, "assistant", problems)?,
            read::text(into, "flow", problems)?,
        );
        if !assistants.contains_key(&assistant) {
            let known = assistants.keys().map(String::as_str);
            problems.error(
                to.place,
                format!("no assistant is called `{assistant}`{}", suggest(&assistant, known)),
            );
        }
        next::is_flow(&flow, into, flows, problems);
        Some(Then::Answer { assistant, flow })
    }
}

/// `*` at the end stands for any rest.
fn fits(pattern: Option<&str>, number: &str) -> bool {
    match pattern {
        None => true,
        Some(pattern) => pattern
            .strip_suffix('*')
            .map_or(pattern == number, |start| number.starts_with(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_matched_whole_or_by_their_beginning() {
        assert!(fits(None, "") && fits(Some("+49*"), "+4930") && fits(Some("100"), "100"));
        assert!(!fits(Some("+49*"), "+4330") && !fits(Some("1"), "100"));
    }
}
