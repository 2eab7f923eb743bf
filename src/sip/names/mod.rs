//! Where a URI leads: by which transport, to which servers (RFC 3263), in which order; and the same of a trunk.
//!
//! It sends nothing but questions to the DNS, and opens no connection.

mod dns;
mod locate;
mod resolve;
mod transport;
mod trunk;

pub use resolve::servers;
pub use transport::Transport;

pub(super) use resolve::{Resolver, SILENCE, Shared};
