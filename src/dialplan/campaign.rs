//! Calls that the bot makes: whom, why, when, how fast, and when it stops.
//!
//! Read and checked here; a walk is never begun by it. Whoever dials must hold to all of it.

use std::time::Duration;

use jiff::civil::{DateTime, Time, Weekday};

use super::expression::Expression;
use super::next::Next;
use super::prompt::Prompt;
use crate::document::Place;

#[derive(Clone, Debug)]
pub struct Campaign {
    pub name: String,
    pub assistant: String,
    pub flow: String,
    pub trigger: Option<Trigger>,
    pub contacts: Contacts,
    pub consent: Option<Consent>,
    pub dnc: Option<Dnc>,
    pub window: Option<Window>,
    /// The number that is shown.
    pub caller_id: Option<String>,
    pub pacing: Pacing,
    pub attempts: Attempts,
    pub amd: Option<Amd>,
    pub breaker: Option<Breaker>,
    /// How its calls may end; empty: any.
    pub dispositions: Vec<String>,
    pub goal: Option<Goal>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub event: String,
    pub delay: Duration,
    pub cancel_on: Vec<String>,
}

/// The columns of a contact; each is a name in the plan's prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contacts {
    /// What a contact is known by.
    pub key: String,
    pub phone: String,
    pub timezone: Zone,
    pub vars: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    FromNumber,
    /// A column with names such as `Europe/Berlin`.
    Column(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub basis: Basis,
    pub purpose: Purpose,
    /// The column that shows it; a contact without is never dialled.
    pub proof: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    PriorExpressWritten,
    PriorExpress,
    ExistingCustomer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Marketing,
    Service,
    Reminder,
    Survey,
    Collection,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dnc {
    pub lists: Vec<String>,
    pub scrub: Scrub,
    /// How a called person says that they want no more: `speech`, or a key.
    pub opt_out: Vec<OptOut>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrub {
    AtDial,
    AtLoad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptOut {
    Speech,
    Key(char),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub days: Vec<Weekday>,
    pub from: Time,
    /// Not included.
    pub to: Time,
    pub clock: Clock,
}

/// Whose time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Contact,
    Caller,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pacing {
    pub mode: PacingMode,
    pub max_calls: u32,
    pub calls_per_second: f64,
    /// No new call as long as this holds.
    pub hold_if: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacingMode {
    /// The bot alone talks.
    Agentless,
    /// No faster than agents are free.
    Progressive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub max: u32,
    pub per_day: u32,
    pub gap: Duration,
    pub retry_on: Vec<String>,
    pub stop_on: Vec<String>,
}

/// What is done with whatever answers.
#[derive(Clone, Debug)]
pub struct Amd {
    pub decide_within: Duration,
    /// What is taken for, when it cannot be told.
    pub unsure: Answered,
    /// After the beep this flow; without one after `no_beep` too; `if_person_answers` where a person picks up in between.
    pub after_beep: Option<Next>,
    pub no_beep: Option<Duration>,
    pub if_person_answers: Option<Next>,
    pub on_ivr: Option<Next>,
    /// Said to a call screening.
    pub on_call_screening: Option<Prompt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    Human,
    Machine,
}

/// Stops a campaign that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    pub window: Duration,
    pub min_calls: u32,
    pub pause_if: Expression,
    pub alert: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    pub event: String,
    pub within: Duration,
    /// 0 to 1: who is not called, to measure against.
    pub holdout: f64,
}

impl Contacts {
    /// The names that a contact gives a plan.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.key.as_str(), self.phone.as_str()]
            .into_iter()
            .chain(self.vars.iter().map(String::as_str))
    }
}

impl Window {
    /// Whether people may be called at `at`, by the clock that counts.
    pub fn open_at(&self, at: DateTime) -> bool {
        self.days.contains(&at.weekday()) && at.time() >= self.from && at.time() < self.to
    }
}

impl Amd {
    /// The flows that it leads to.
    pub(super) fn flows(&self) -> impl Iterator<Item = &str> {
        [&self.after_beep, &self.if_person_answers, &self.on_ivr]
            .into_iter()
            .flatten()
            .filter_map(Next::flow)
    }
}
