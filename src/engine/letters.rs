//! What reaches a call's task beside its own line: words of the desk, and what people do at their pages.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::floor::Told;
use crate::browser;
use crate::desk::TicketId;
use crate::sip::CallId;
use crate::store::people::Person;
use crate::web::Act;

/// Letters that may wait for one call.
pub(super) const LETTERS: usize = 64;

pub(super) enum Letter {
    /// Of the desk, about the caller's ticket.
    Desk(TicketId, Told),
    Page(Order),
    /// The voice of what who answered the call `to` hears of it first, 16 kHz mono.
    Brief {
        to: CallId,
        voice: Result<Arc<[i16]>, String>,
    },
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
