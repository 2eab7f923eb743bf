//! Scripted callers that ring a bot over SIP and RTP, and tell what they heard and how long they waited.
//!
//! [`ring`] knows nothing of the bot but its address: the same caller rings any voice bot. [`trial`] starts a bot too, for
//! the tests of a plan.

mod callee;
pub mod caller;
mod cutting;
mod ear;
mod judging;
pub mod junit;
pub mod line;
mod media;
pub mod network;
pub mod noise;
pub mod page;
pub mod persona;
pub mod ring;
pub mod script;
pub mod trial;
mod voices;
pub mod words;

pub use callee::Callee;
pub use ring::{Live, Report, RingError, ring};
pub use script::Script;
pub use voices::languages;
