//! Whole calls in simulated time: a real `Call` with the shipped plan, scripted engines, one clock.
//!
//! A call of a minute takes milliseconds. The caller's words are what the scripted ear gives for the sound that was made;
//! the bot's sound is as long as its words are.

mod acts;
mod answering;
mod assist;
mod barging;
mod calls;
mod guessing;
mod handing;
mod handing_over;
mod observing;
mod pausing;
mod person;
mod replying;
mod stage;
mod tempter;
