//! Trunks: our registration with them, whether they answer, and what they say when they are asked.
//!
//! It knows no calls.

mod keep_alive;
mod probe;
mod registration;

pub use probe::{Answer, Heard, Probe, probe};

pub(super) use keep_alive::keep_alive;
pub(super) use registration::{Standing, check, leave, register};
