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
pub const OPTED_OUT: &str = "opted_out";
/// In `stop_on`: a person was on the line.
pub const HUMAN_REACHED: &str = "human_reached";

/// So often the network may have no room for a call to one contact.
const CONGESTED: u32 = 10;
/// After that it is tried again, at the earliest.
const SOON: Duration = Duration::from_secs(15 * 60);

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

/// What follows an attempt for which the network had no room, the `tried`th such one of this contact: it rang at nobody and counts for nothing, so it is made again
/// soon, when the network asked for it if it did. Where the plan stops on it, or it never gets through, that was all.
pub fn after_congestion(rules: &Attempts, tried: u32, asked: Option<Duration>, ended: Timestamp) -> Then {
    let outcome = Outcome::of(Reach::Congestion);
    let words = outcome.words();
    if let Some(word) = words
        .iter()
        .find(|word| rules.stop_on.iter().any(|listed| listed == *word))
    {
        return Then::Closed((*word).to_owned());
    }
    if tried >= CONGESTED * 3 {
        return Then::Closed(words.last().copied().unwrap_or_default().to_owned());
    }
    if tried >= CONGESTED {
        return Then::Due(after(ended, rules.gap.max(SOON)));
    }
    Then::Due(after(ended, asked.unwrap_or_default().clamp(SOON, rules.gap.max(SOON))))
}

fn after(at: Timestamp, gap: Duration) -> Timestamp {
    let gap = SignedDuration::try_from(gap).unwrap_or(SignedDuration::MAX);
    at.checked_add(gap).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::outcome::AnsweredBy;
    use super::*;

    fn rules() -> Attempts {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Attempts {
            max: 3,
            per_day: 1,
            gap: Duration::from_secs(20 * 3600),
            retry_on: words(&["no_answer", "busy", "machine"]),
            stop_on: words(&["human_reached", "dnc", "wrong_number"]),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn answered(by: AnsweredBy, disposition: &str) -> Outcome {
        Outcome {
            answered_by: Some(by),
            disposition: Some(disposition.to_owned()).filter(|word| !word.is_empty()),
            ..Outcome::of(Reach::Answered)
        }
    }

    fn closed(word: &str) -> Then {
        Then::Closed(word.to_owned())
    }

    #[test]
    fn what_the_network_had_no_room_for_is_tried_again_soon_but_not_for_ever() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (tried, asked, due) in [
            (1, None, Some(15)),
            (9, Some(minutes(1)), Some(15)),
            (2, Some(minutes(40)), Some(40)),
            (3, Some(minutes(100_000)), Some(20 * 60)),
            (10, None, Some(20 * 60)),
            (30, None, None),
        ] {
            let then = due.map_or(closed("congestion"), |due| Then::Due(at(60 * due)));
            assert_eq!(
                after_congestion(&rules(), tried, asked, at(0)),
                then,
                "{tried} {asked:?}"
            );
        }
        let stops = Attempts {
            stop_on: vec!["failed".to_owned()],
            ..rules()
        };
        assert_eq!(after_congestion(&stops, 1, None, at(0)), closed("failed"));
    }

    #[test]
    fn tries_again_where_the_plan_says_so() {
        let next = Then::Due(at(20 * 3600));
        for outcome in [
            Outcome::of(Reach::NoAnswer),
            Outcome::of(Reach::Busy),
            answered(AnsweredBy::Machine, ""),
            answered(AnsweredBy::Machine, "message_left"),
            answered(AnsweredBy::Ivr, ""),
            // Nobody may have been rung, or somebody: one attempt, and not the last.
            Outcome::of(Reach::Interrupted),
        ] {
            assert_eq!(then(&rules(), 1, &outcome, at(0)), next, "{outcome:?}");
            assert_eq!(then(&rules(), 2, &outcome, at(0)), next, "{outcome:?}");
            assert_eq!(then(&rules(), 3, &outcome, at(0)), closed(EXHAUSTED), "{outcome:?}");
        }
    }

    #[test]
    fn closes_with_the_most_particular_word() {
        for (outcome, word) in [
            (Outcome::of(Reach::Rejected), "rejected"),
            (Outcome::of(Reach::NotFound), "not_found"),
            (Outcome::of(Reach::Failed), "failed"),
            (Outcome::of(Reach::Congestion), "congestion"),
            (answered(AnsweredBy::Fax, ""), "fax"),
            (answered(AnsweredBy::Intercept, ""), "intercept"),
            (answered(AnsweredBy::Human, ""), "human_reached"),
            (Outcome::of(Reach::Answered), "human_reached"),
        ] {
            assert_eq!(then(&rules(), 1, &outcome, at(0)), closed(word), "{outcome:?}");
        }
        let kind = Attempts {
            stop_on: Vec::new(),
            ..rules()
        };
        let paid = answered(AnsweredBy::Human, "paid");
        assert_eq!(then(&kind, 1, &paid, at(0)), closed("paid"));
    }

    #[test]
    fn what_stops_goes_before_what_is_tried_again() {
        // A machine's greeting told that the number is somebody else's.
        let wrong = answered(AnsweredBy::Machine, "wrong_number");
        assert_eq!(then(&rules(), 1, &wrong, at(0)), closed("wrong_number"));
    }

    #[test]
    fn an_appointment_is_kept_by_whom_was_reached_and_by_nobody_who_opted_out() {
        let asked = Outcome {
            callback: Some(at(500)),
            ..answered(AnsweredBy::Human, "callback")
        };
        assert_eq!(then(&rules(), 3, &asked, at(0)), Then::Appointment(at(500)));
        let wrong = Outcome {
            disposition: Some("wrong_number".to_owned()),
            ..asked.clone()
        };
        assert_eq!(then(&rules(), 1, &wrong, at(0)), closed("wrong_number"));
        let never = Outcome {
            opted_out: true,
            ..asked
        };
        assert_eq!(then(&rules(), 1, &never, at(0)), closed(OPTED_OUT));
    }
}
