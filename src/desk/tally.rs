//! What became of the callers of one queue today.
//!
//! Each who comes is offered once, and ends as exactly one of the others; who is given back to the queue by an agent comes anew.

use std::time::Duration;

use super::THRESHOLD;

/// Counts of callers since the day began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Who came, and who still waited when the day began.
    pub offered: u32,
    /// Who was with an agent, on the call that they had made.
    pub answered: u32,
    /// Of these, within [`THRESHOLD`].
    pub in_time: u32,
    /// Who hung up while waiting.
    pub abandoned: u32,
    /// Of these, within [`THRESHOLD`].
    pub abandoned_early: u32,
    /// Who went elsewhere: they had waited too long, or could not wait at all.
    pub overflowed: u32,
    /// Who wished to be called back.
    pub callbacks: u32,
    /// Of these, who was, and spoke to an agent.
    pub called_back: u32,
    /// Of these, who was never reached, or wished it no more.
    pub given_up: u32,
    /// How long those who were answered had waited, in all.
    pub waited: Duration,
    /// How long those who hung up had.
    pub waited_in_vain: Duration,
}

impl Tally {
    /// The day begins with so many who wait.
    pub(super) fn of(waiting: usize) -> Self {
        Self {
            offered: u32::try_from(waiting).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    /// The share of callers who were answered within [`THRESHOLD`], 0 to 1; of those who hung up before it was over nobody can know.
    /// None before there are any.
    pub fn service_level(&self) -> Option<f64> {
        let in_vain = self.abandoned.saturating_sub(self.abandoned_early);
        let all = self.answered.saturating_add(in_vain).saturating_add(self.overflowed);
        (all > 0).then(|| f64::from(self.in_time) / f64::from(all))
    }

    pub(super) fn offer(&mut self) {
        bump(&mut self.offered);
    }

    pub(super) fn answer(&mut self, waited: Duration) {
        bump(&mut self.answered);
        if waited <= THRESHOLD {
            bump(&mut self.in_time);
        }
        self.waited = self.waited.saturating_add(waited);
    }

    pub(super) fn abandon(&mut self, waited: Duration) {
        bump(&mut self.abandoned);
        if waited <= THRESHOLD {
            bump(&mut self.abandoned_early);
        }
        self.waited_in_vain = self.waited_in_vain.saturating_add(waited);
    }

    pub(super) fn overflow(&mut self) {
        bump(&mut self.overflowed);
    }

    pub(super) fn wish_callback(&mut self) {
        bump(&mut self.callbacks);
    }

    pub(super) fn call_back(&mut self) {
        bump(&mut self.called_back);
    }

    pub(super) fn give_up(&mut self) {
        bump(&mut self.given_up);
    }
}

fn bump(count: &mut u32) {
    *count = count.saturating_add(1);
}
