//! Calls that the bot makes: whom, why, when, how fast, and when it stops.
//!
//! Read and checked here; a walk is never begun by it. Whoever dials must hold to all of it.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time, Weekday};

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
    pub vars: Vec<Var>,
}

/// A column, and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Var {
    pub name: String,
    pub kind: VarKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VarKind {
    Text,
    Number,
    /// An amount in the unit that the plan speaks of, such as 12.5.
    Money,
    /// `2026-11-21`.
    Date,
    /// `2026-11-21T15:00`, or with an offset from Greenwich.
    DateTime,
    Boolean,
    /// A number that can be called.
    Phone,
    Email,
    /// `https://…` or `http://…`.
    Url,
}

impl VarKind {
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Number,
        Self::Money,
        Self::Date,
        Self::DateTime,
        Self::Boolean,
        Self::Phone,
        Self::Email,
        Self::Url,
    ];
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

impl Basis {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::PriorExpressWritten => "prior_express_written",
            Self::PriorExpress => "prior_express",
            Self::ExistingCustomer => "existing_customer",
        }
    }
}

impl Purpose {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Service => "service",
            Self::Reminder => "reminder",
            Self::Survey => "survey",
            Self::Collection => "collection",
        }
    }
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
    /// Not included; midnight stands for the end of the day.
    pub to: Time,
    pub clock: Clock,
    pub holidays: Holidays,
}

/// The days on which nobody is called whatever day of the week it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holidays {
    pub public: Public,
    /// The plan's own; for a year that no table of public holidays reaches they are taken for all there are.
    pub dates: Vec<Date>,
}

/// Which public holidays of the contact's country count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Public {
    None,
    /// Those of the whole country.
    Nationwide,
    /// Those of any part of it too: a number does not tell the part for sure.
    Anywhere,
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
    /// The share of calls answered by a person whom nobody then speaks to, over 30 days, 0 to 0.03.
    pub abandon_cap: f64,
    /// No new call as long as this holds.
    pub hold_if: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacingMode {
    /// The bot alone talks.
    Agentless,
    /// No faster than agents are free.
    Progressive,
    /// As fast as agents are expected to be free, never above `abandon_cap`.
    Predictive,
}

/// What regulators allow (FCC 47 CFR 64.1200(a)(7), Ofcom's persistent misuse policy): 3 % over 30 days.
pub const ABANDON_CAP: f64 = 0.03;

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
        self.columns().map(|(name, _)| name)
    }

    /// Those, with what stands in each.
    pub fn columns(&self) -> impl Iterator<Item = (&str, VarKind)> {
        let vars = self.vars.iter().map(|var| (var.name.as_str(), var.kind));
        let key = (self.key.as_str(), VarKind::Text);
        // As it is in the plan's prompts: a number in E.164.
        let phone = (self.phone.as_str(), VarKind::Phone);
        [key, phone].into_iter().chain(vars)
    }
}

impl Window {
    /// Whether people may be called at `at`, by the clock that counts, public holidays aside.
    pub fn open_at(&self, at: DateTime) -> bool {
        self.open_on(at.date()) && at.time() >= self.from && (self.to == Time::midnight() || at.time() < self.to)
    }

    /// Whether there is an hour for it on `day`, public holidays aside.
    pub fn open_on(&self, day: Date) -> bool {
        self.days.contains(&day.weekday()) && !self.holidays.dates.contains(&day)
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
