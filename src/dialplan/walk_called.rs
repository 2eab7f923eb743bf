//! The walk of a call that the bot made: it begins when somebody has answered, and again when it is somebody else; and it ends for who wants no
//! more of them.

use super::order::Order;
use super::plan::Value;
use super::policy::Policy;
use super::prompt::Prompt;
use super::walk::{Waiting, Walk, Way};

/// Whose wish the call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    /// Ours.
    Bot,
}

impl Walk {
    /// The bot has called, and not the other side.
    pub fn called(&mut self) {
        self.side = Side::Bot;
    }

    /// Leaves everything for `flow`; the assistant's disclosure is said first, for whoever hears it may be another than before.
    pub fn begin(&mut self, flow: &str) -> Order {
        self.queue.clear();
        self.corrections.clear();
        self.frames.clear();
        (self.entered, self.disposition) = (0, None);
        if let Some(text) = self.disclosure() {
            self.queue.push_back(Order::Say { text, bargein: false });
        }
        self.push(flow, Way::Begun);
        self.next()
    }

    /// What the assistant says first.
    pub fn disclosure(&self) -> Option<String> {
        self.disclosure.as_ref().map(|disclosure| self.words(disclosure))
    }

    /// `prompt` as it is said now.
    pub fn say(&self, prompt: &Prompt) -> String {
        self.words(prompt)
    }

    /// Whether who is spoken with wants no more calls.
    pub fn opted_out(&self) -> bool {
        self.value("caller.opts_out") == Value::Boolean(true)
    }

    /// Something was observed beside a turn: where the first policy leads that has come to hold by it.
    pub fn judge(&mut self) -> Option<Order> {
        self.judged(self.waiting == Waiting::Over)
    }

    /// Who was called and wants no more calls is let go, where no policy says how.
    pub(super) fn let_go(&mut self, leaving: bool) -> Option<Order> {
        let own = |policy: &Policy| policy.when.names().contains(&"caller.opts_out");
        if leaving || !self.opted_out() || self.side == Side::Caller || self.plan.policies.iter().any(own) {
            return None;
        }
        self.disposition = Some("dnc".to_owned());
        self.queue.clear();
        self.corrections.clear();
        Some(self.goodbye())
    }
}
