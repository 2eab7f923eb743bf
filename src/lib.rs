//! Offhook: a voice bot for call centres, over SIP and RTP.
//!
//! The modules in reading order; each may use only those above it. `ARCHITECTURE.md` has the map, and a test keeps it true.

pub mod clock;
pub mod language;
pub mod document;

pub mod audio;
pub mod rtp;
pub mod sdp;
pub mod browser;
pub mod sip;

pub mod dialplan;
pub mod desk;
pub mod campaign;

pub mod models;
pub mod speech;

pub mod dialogue;
pub mod tools;
pub mod call;

pub mod store;
pub mod config;
pub mod outlook;
pub mod web;
pub mod engine;

pub mod simulate;
pub mod bench;

pub mod doctor;
