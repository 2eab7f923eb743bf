//! Load: calls in bulk, by the few means that cost less than what they measure, and what a process uses meanwhile.
//!
//! Bare SIP and bare RTP on threads of their own, not the program's own stack: a fault in that must not hide itself, and what it costs must not be
//! counted twice. It knows nothing of who answers.

pub mod caller;
pub mod exchange;
pub mod process;
pub mod sound;
