//! Scripted callers that ring a bot over SIP and RTP, and tell what they heard and how long they waited.
//!
//! They know nothing of the bot but its address: the same caller rings any voice bot.

pub mod caller;
pub mod line;
pub mod noise;
pub mod persona;
pub mod ring;
pub mod script;
mod voices;
pub mod words;

pub use ring::{Live, Report, RingError, ring};
pub use script::Script;
pub use voices::languages;
