//! One test binary: whole calls in simulated time, loopback, peers, models, and the house rules.

mod house;
mod model;
mod network;
mod real;
mod sip;
mod understanding;
mod web;
mod world;
