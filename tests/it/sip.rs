//! The user agent on 127.0.0.1: two of them ring each other, and a peer that sends what it is told to, octet by octet.
//!
//! Every wait is for an event or a message, with a limit.

mod admission;
mod calls;
mod gate;
mod names;
pub(crate) mod phone;
mod placing;
mod policies;
mod referred;
mod registering;
mod routing;
mod sessions;
mod tolls;
mod transfers;
mod transports;
mod trunks;
