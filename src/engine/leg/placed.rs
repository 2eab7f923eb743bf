//! A call that the bot places for a campaign: dialled, rung, and from the answer on a leg like any other.
//!
//! Whether it may be placed is not asked here: whoever calls this shows that it may. What came of it is told in one value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use tokio::sync::watch;

use crate::call::Start;
use crate::campaign::Permit;
use crate::campaign::outcome::{AnsweredBy, Reach};
use crate::campaign::pacer::Progress;
use crate::engine::journal::Record;
use crate::engine::letters::Letters;
use crate::engine::places::Place;
use crate::engine::{Bot, Wish};

/// A call that is to be placed.
pub(in crate::engine) struct Placing {
    /// From [`Bot::next_record`]: known before anybody is dialled, so that the attempt can name it.
    pub record: Record,
    /// The contact's number, as the record has it and callbacks go to.
    pub number: String,
    /// What is dialled: a number, where there is a trunk; else a SIP URI, or the number of a phone that is registered here.
    pub to: String,
    pub trunk: Option<String>,
    /// Of the plan of `start`: its caller ID is shown, its pacing says who takes the calls, its trigger which events call it off.
    pub campaign: String,
    /// How long it may ring.
    pub ring: Duration,
    pub start: Start,
    /// From [`Places::take_to_dial`](crate::engine::places::Places::take_to_dial).
    pub place: Place,
    /// From [`letter_box`](crate::engine::letters::letter_box): by which the call is told of events.
    pub letters: Letters,
    pub wishes: watch::Receiver<Option<Wish>>,
    /// Told how far it has come: who answered, as often as that is thought otherwise, and that an agent has it.
    pub progress: Box<dyn Fn(Progress) + Send + Sync>,
    /// That it may be placed, now.
    pub permit: Permit,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct Done {
    /// Of its record.
    pub call: String,
    pub reach: Reach,
    /// What SIP said at last, where nobody answered: a status code. None: nothing was sent, or it was given up.
    pub code: Option<u16>,
    /// When the network wants to be asked again, where it said so.
    pub retry_after: Option<Duration>,
    pub answered: Option<Timestamp>,
    /// From the answer to the end.
    pub talked: Duration,
    pub answered_by: Option<AnsweredBy>,
    /// A person answered, as far as can be told.
    pub human_reached: bool,
    pub disposition: Option<String>,
    /// What was collected, as it may be kept.
    pub slots: BTreeMap<String, String>,
    /// Why they do not do what they are called for: a category, and what they said.
    pub reason: Option<Reason>,
    /// They want no more calls.
    pub opted_out: bool,
    /// They want to be called again then, by the clock of the call.
    pub callback_at: Option<DateTime>,
    /// An agent has had them.
    pub bridged: bool,
    /// A person answered, and nobody was there for them in time.
    pub abandoned: bool,
    /// An event called it off before anybody answered.
    pub called_off: Option<String>,
    /// How it ended, in words.
    pub ending: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Reason {
    pub category: String,
    /// Their own words, where they may be kept.
    pub quote: Option<String>,
}

/// Places a call, and sees to it until it is over and its record is on its way.
///
/// The future is the call: who drops it hangs up. It ends by itself: ringing lasts [`Placing::ring`], a call as long as calls may.
pub(in crate::engine) async fn place(bot: Arc<Bot>, placing: Placing) -> Done {
    drop(bot);
    Done::failed(placing.record.id, "calls are not placed yet".into())
}

impl Done {
    /// Of a call whose task broke off: it may have rung.
    pub fn lost(call: String) -> Self {
        Self {
            reach: Reach::Interrupted,
            ..Self::failed(call, "it broke off in the bot".into())
        }
    }

    fn failed(call: String, ending: String) -> Self {
        Self {
            call,
            reach: Reach::Failed,
            code: None,
            retry_after: None,
            answered: None,
            talked: Duration::ZERO,
            answered_by: None,
            human_reached: false,
            disposition: None,
            slots: BTreeMap::new(),
            reason: None,
            opted_out: false,
            callback_at: None,
            bridged: false,
            abandoned: false,
            called_off: None,
            ending,
        }
    }
}
