//! How a call that the bot placed begins: who answers is told first, and what follows from it.

use std::time::Instant;

use super::Call;
use crate::campaign::outcome::AnsweredBy;
use crate::dialplan::campaign::{Amd, Campaign, OptOut};

/// How a call that the bot placed begins, and how who was called says that they want no more.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// What is done with whatever answers; without it whoever answers is a person.
    pub amd: Option<Amd>,
    /// The keys with which they say that they want no more calls.
    pub keys: Vec<char>,
}

impl Opening {
    /// As a campaign has it.
    pub fn of(campaign: &Campaign) -> Self {
        let ways = campaign.dnc.iter().flat_map(|dnc| &dnc.opt_out);
        Self {
            amd: campaign.amd.clone(),
            keys: ways
                .filter_map(|way| match way {
                    OptOut::Key(key) => Some(*key),
                    OptOut::Speech => None,
                })
                .collect(),
        }
    }
}

impl Call {
    /// Who answered the call that we placed, as far as that is known; the last word of it, for a verdict may be reversed.
    pub fn answered_by(&self) -> Option<AnsweredBy> {
        None
    }

    /// Whether who was called wants no more calls.
    pub fn opted_out(&self) -> bool {
        false
    }

    /// Something happened outside of the call that the plan may want to know of, such as `payment.succeeded`: known as `campaign.event` from now
    /// on. Policies are judged at once, or as soon as what must not be interrupted is over.
    pub fn happened(&mut self, _now: Instant, _event: &str) {}
}
