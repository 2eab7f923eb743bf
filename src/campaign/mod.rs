//! Calls that the bot makes: whom it may call and when, in which order and how fast, and what came of it.
//!
//! It knows no calls, no store and no clock: it is told the time and what happened. Who dials must show a [`permit::Permit`], which is made in one place.

pub mod audit;
pub mod book;
pub mod contact;
pub mod holidays;
pub mod hours;
pub mod import;
pub mod number;
pub mod outcome;
pub mod pacer;
pub mod permit;
mod predict;
pub mod rehearsal;
pub mod report;
pub mod retry;
pub mod tally;
pub mod trigger;
pub mod vars;
pub mod window;
pub mod zones;

pub use number::{Number, Region};
pub use permit::{Facts, Permit, Refusal, permit};
pub use window::Opening;
pub use zones::{Whereabouts, Zones};
