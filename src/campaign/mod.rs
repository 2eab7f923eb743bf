//! Calls that the bot makes: whom it may call and when, in which order and how fast, and what came of it.
//!
//! It knows no calls, no store and no clock: it is told the time and what happened. Who dials must show a [`permit::Permit`], which is made in one place.

pub mod book;
pub mod outcome;
pub mod pacer;
mod predict;
pub mod retry;
pub mod tally;
