//! The dial plan: the language in which people define a bot, its checks, and the walk through it.
//!
//! Knows no sound, no calls and no models of any kind: a walk is told what the caller meant and says what is to be done.
//! `dialplans/README.md` teaches the language.

pub mod assistant;
pub mod campaign;
mod campaigns;
mod check;
mod code;
pub mod diff;
pub mod explain;
pub mod expression;
mod flows;
pub mod hours;
mod lint;
mod next;
pub mod order;
mod parse;
mod patterns;
pub mod plan;
pub mod policy;
pub mod prompt;
pub mod queue;
pub mod route;
pub mod scenario;
pub mod schema;
mod scope;
pub mod slot;
mod sources;
mod steps;
pub mod template;
#[cfg(test)]
mod tests;
pub mod tool;
mod tools;
mod uri;
mod values;
pub mod walk;
mod walk_acts;
mod walk_called;
mod walk_caller;
mod walk_person;

pub use assistant::{Assistant, Bargein, Endpointing, KnowledgeBase};
pub use diff::diff;
pub use explain::{Explanation, explain};
pub use next::Next;
pub use order::{Command, Expect, Facts, Order, Outcome, Ticket};
pub use parse::{check, load, parse};
pub use patterns::{Correction, Events, Failure, NoInput, Patterns, Repair};
pub use plan::{Flow, Plan, Step, Value};
pub use prompt::{FixedPrompt, Prompt};
pub use route::{Match, Route, Then};
pub use slot::{Choice, Confirm, Must, Slot, SlotKind};
pub use template::{Template, Unfilled, Url};
pub use tool::{Tool, ToolCall};
pub use walk::Walk;
pub use walk_person::Ahead;

pub use crate::document::{Problem, Severity};
