//! The real program, with real models, real SIP and real RTP: rung by its own scripted callers and by other people's phones.

mod baresip;
mod bot;
mod callers;
mod doctor;
mod misfortune;
mod peers;
mod plans;
mod soak;
mod voices;
mod waiting;
