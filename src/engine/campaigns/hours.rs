//! The hours of a contact, as a book wants to know them.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use crate::campaign::book::Hours;
use crate::campaign::{Opening, Whereabouts};

/// When contacts who may be there may be called by one campaign. Those of one book differ in where they may be alone.
#[derive(Clone, Debug)]
pub(super) struct Whenever {
    pub opening: Arc<Opening>,
    pub whereabouts: Whereabouts,
}

impl Hours for Whenever {
    fn next(&self, at: Timestamp) -> Option<Range<Timestamp>> {
        let opens = self.opening.next_open(&self.whereabouts, at).ok()?;
        let closes = self.opening.open_until(&self.whereabouts, opens).ok()?;
        Some(opens..closes)
    }
}

impl PartialEq for Whenever {
    fn eq(&self, other: &Self) -> bool {
        self.whereabouts == other.whereabouts
    }
}

impl Eq for Whenever {}

impl Hash for Whenever {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.whereabouts.hash(state);
    }
}
