//! Calls: each from its INVITE to its last transaction, whoever made it.
//!
//! [`call`] is the task that owns one, and what it does stands beside it: how it is placed and answered, what the peer asks within it and what we ask,
//! how it is transferred and replaced. It knows no bodies.

mod answering;
mod apart;
mod asking;
mod attempts;
mod call;
mod early;
mod elsewhere;
mod inside;
mod placed;
mod refer_to;
mod referred;
mod refreshing;
mod reliable;
mod replaces;
mod session_timer;
mod transferring;

pub(super) use call::answer;
pub(super) use placed::place;
