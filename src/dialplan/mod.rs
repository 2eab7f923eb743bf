//! The dial plan: the language in which people define a bot, its checks, and the walk through it.
//!
//! Knows no sound, no calls and no models of any kind: a walk is told what the caller meant and says what is to be done.
//! `dialplans/README.md` teaches the language.

mod check;
mod code;
pub mod expression;
mod flows;
pub mod hours;
mod next;
pub mod order;
mod parse;
mod patterns;
pub mod plan;
pub mod prompt;
mod schema;
pub mod template;
#[cfg(test)]
mod tests;
pub mod tool;
mod uri;
mod values;
pub mod walk;
mod walk_caller;

pub use next::Next;
pub use order::{Command, Expect, Facts, Order, Outcome};
pub use parse::{check, load, parse};
pub use patterns::{Events, NoInput, Patterns, Repair};
pub use plan::{
    Assistant, Bargein, Choice, Confirm, Endpointing, Flow, KnowledgeBase, Match, Plan, Route, Slot, SlotKind, Step,
    Then, Value,
};
pub use prompt::{FixedPrompt, Prompt};
pub use template::{Template, Unfilled, Url};
pub use tool::{Tool, ToolCall};
pub use walk::Walk;

pub use crate::document::{Problem, Severity};
