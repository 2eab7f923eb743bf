//! What follows an attempt: another one, and when, or the end.
//!
//! It knows the rules of the plan and what came of the attempt, and neither the window nor whether it is allowed: [`super::book`] waits for the one,
//! [`super::permit`] tells the other.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::outcome::{Outcome, Reach};
use crate::dialplan::campaign::Attempts;

/// What is to become of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next attempt, not before.
    Due(Timestamp),
    /// The person asked to be called at this time: one attempt beyond all counts.
    Appointment(Timestamp),
    /// No more, and the word for why: one of the outcome's, or [`EXHAUSTED`].
    Closed(String),
}

/// The word for a contact whose attempts are used up.
pub const EXHAUSTED: &str = "attempts_used";
/// The word for one who wants no more calls.
pub const OPTED_OUT: &str = "dnc";
/// In `stop_on`: a person was on the line.
pub const HUMAN_REACHED: &str = "human_reached";

/// What follows an attempt that ended at `ended`, where `made` attempts count against `max` by now, this one among them (one that was an appointment
/// does not).
///
/// Who opted out is closed, whatever else was agreed. What the plan stops on goes before what it tries again on; but a person who was reached and asks to
/// be called later is. An attempt that the bot did not live to see the end of is followed by the next, whatever the plan tries again on.
pub fn then(rules: &Attempts, made: u32, outcome: &Outcome, ended: Timestamp) -> Then {
    if outcome.opted_out {
        return Then::Closed(OPTED_OUT.to_owned());
    }
    let words = outcome.words();
    let is_in = |list: &[String], word: &str| list.iter().any(|listed| listed == word);
    let stops = |word: &&str| is_in(&rules.stop_on, word) && !(*word == HUMAN_REACHED && outcome.callback.is_some());
    if let Some(word) = words.iter().copied().find(stops) {
        return Then::Closed(word.to_owned());
    }
    if let Some(at) = outcome.callback {
        return Then::Appointment(at);
    }
    let again = outcome.reach == Reach::Interrupted || words.iter().any(|word| is_in(&rules.retry_on, word));
    if !again {
        return Then::Closed(words.last().copied().unwrap_or(HUMAN_REACHED).to_owned());
    }
    if made >= rules.max {
        return Then::Closed(EXHAUSTED.to_owned());
    }
    Then::Due(after(ended, rules.gap))
}

fn after(at: Timestamp, gap: Duration) -> Timestamp {
    let gap = SignedDuration::try_from(gap).unwrap_or(SignedDuration::MAX);
    at.checked_add(gap).unwrap_or(Timestamp::MAX)
}
