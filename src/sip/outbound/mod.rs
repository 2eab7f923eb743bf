//! What gets out: where calls may go and how many a day, and how many a trunk carries.
//!
//! It is told the time, and knows no messages.

mod lines;
mod tolls;

pub use tolls::{Cap, Destination, Destinations, Outbound, Referred};

pub(super) use lines::{Channel, Full, Lines};
pub(super) use tolls::{Refusal, Tolls};
