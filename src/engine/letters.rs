//! What reaches a call's task beside its own line: words of the desk, and what people do at their pages.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::floor::Told;
use crate::browser;
use crate::desk::TicketId;
use crate::sip::CallId;
use crate::store::people::Person;
use crate::web::Act;

/// Letters that may wait for one call.
pub(super) const LETTERS: usize = 64;

/// A letter box: who has the one end tells the call, which reads the other.
pub(super) type Letters = (mpsc::Sender<Letter>, mpsc::Receiver<Letter>);

/// For one call.
pub(super) fn letter_box() -> Letters {
    mpsc::channel(LETTERS)
}

pub(super) enum Letter {
    /// Of the desk, about the caller's ticket.
    Desk(TicketId, Told),
    Page(Order),
    /// The voice of what who answered the call `to` hears of it first, 16 kHz mono.
    Brief {
        to: CallId,
        voice: Result<Arc<[i16]>, String>,
    },
    /// Something happened elsewhere that is about the called person: a payment, say. Told by the name that plans know it by.
    Event(String),
}

/// What somebody does at their page.
pub(super) struct Order {
    pub by: Arc<Person>,
    pub what: What,
    /// What the page is told, or why not.
    pub answer: Answer,
}

pub(super) type Answer = oneshot::Sender<Result<Value, String>>;

pub(super) enum What {
    Act(Act),
    /// Their sound goes this way, which answers the page's offer so.
    Line(Box<browser::Line>, String),
}
