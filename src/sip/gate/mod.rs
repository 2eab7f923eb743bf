//! Who and what gets in: every message from the wire is judged here before the library sees it.
//!
//! It knows no sockets, and of calls only which there are.

mod admission;
mod crowd;
mod passing;
mod proof;
mod registrar;
mod sanitize;
mod scanner;
mod sources;

pub use admission::Admit;
pub use registrar::{Binding, Expiry};

pub(super) use admission::{Admission, follow_trunks};
pub(super) use crowd::Connected;
pub(super) use passing::{Gate, Passage};
pub(super) use sanitize::{Verdict, sanitize};
