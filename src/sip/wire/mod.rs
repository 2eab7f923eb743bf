//! Bytes on sockets: UDP, TCP, TLS and WebSocket, each through the gate.
//!
//! It knows where a message begins and ends, and nothing that it says.

mod connection;
mod stream;
mod tls;
mod udp;
mod web;

pub use tls::{Clients, Identity, Tls};

pub(super) use connection::Duplex;
pub(super) use stream::Streams;
pub(super) use tls::Ends;
pub(super) use udp::{GatedUdp, Sockets};
