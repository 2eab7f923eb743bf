//! What happens beside the dialogue and may end it: something outside of the call, the wish not to be called again, and that they hang up.

use std::time::Instant;

use super::{Call, Decode, Note, Output, Stage};
use crate::campaign::outcome::AnsweredBy;
use crate::dialogue::topics;
use crate::dialplan::{Expect, Order, SlotKind, Value};

impl Call {
    /// Whether who was called wants no more calls.
    pub fn opted_out(&self) -> bool {
        self.walk.opted_out()
    }

    /// Something happened outside of the call that the plan may want to know of, such as `payment.succeeded`: known as `campaign.event` from now
    /// on. Policies are judged at once, or as soon as what must not be interrupted is over.
    pub fn happened(&mut self, now: Instant, event: &str) {
        self.walk.observe("campaign", "event", Value::Text(event.to_owned()));
        self.news = true;
        self.judge_news(now);
    }

    /// They have hung up, or the call is over otherwise: nothing more comes of it, and what they are saying is asked for; [`Call::awaits_last_words`] while
    /// it is not known, and [`Call::interrupted`] tells it.
    pub fn hung_up(&mut self, now: Instant) {
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        let speaks = self.stage == Stage::Dialogue && self.turn.caller_speaks();
        if speaks && matches!(self.decode, Decode::None) {
            self.begin_decode();
        }
        self.stop_speaking(now);
        self.playout.break_off();
        self.tell_heard(now);
    }

    /// Whether what they said last is still being heard.
    pub fn awaits_last_words(&self) -> bool {
        matches!(self.decode, Decode::Asked { .. }) || self.awaits_who()
    }

    /// The call is over: what the caller heard of the words under way, what they said last, and whether they want no more calls.
    pub fn interrupted(&mut self, now: Instant) -> Vec<Note> {
        self.hung_up(now);
        if let Decode::Known { transcript } = std::mem::replace(&mut self.decode, Decode::None)
            && !transcript.text.is_empty()
        {
            if topics::opts_out(&transcript.text, transcript.language) {
                self.wants_no_more_calls();
            }
            let text = self.for_the_record(&transcript.text);
            self.note(Note::Heard {
                text,
                confidence: transcript.confidence,
            });
        }
        let outputs = self.outputs.drain(..);
        let notes = outputs.filter_map(|output| match output {
            Output::Note(note @ (Note::Said { .. } | Note::Heard { .. } | Note::OptedOut)) => Some(note),
            _ => None,
        });
        notes.collect()
    }

    /// What happened beside the call is judged when it is the bot's to say something.
    pub(super) fn judge_news(&mut self, now: Instant) {
        let free = match &self.stage {
            // A person is told of it when it is known that they are one: who has answered is not left in silence.
            Stage::Opening => self.opted_out() || !self.listens_who_it_is(),
            // What they are saying is judged with it.
            Stage::Dialogue => !self.turn.caller_speaks(),
            Stage::Using(_)
            | Stage::Taking(_)
            | Stage::Person(_)
            | Stage::Transfer { .. }
            | Stage::Transferring { .. }
            | Stage::Goodbye { .. }
            | Stage::Over => false,
        };
        if !self.news || !free {
            return;
        }
        self.news = false;
        if let Some(order) = self.walk.judge() {
            self.leave_for(now, order);
        }
    }

    /// The key with which they say that they want no more calls was pressed; whether it was that. In the middle of a number that was asked for it is a
    /// digit of it.
    pub(super) fn opts_out_by_key(&mut self, now: Instant, key: char) -> bool {
        let digit = self.stage == Stage::Dialogue && (self.keypad.is_open() || self.number_wanted());
        if !self.opting_out().contains(&key) || digit || self.is_bridged() {
            return false;
        }
        self.wants_no_more_calls();
        self.news = true;
        // Who waits for a person waits no longer, where that is what the plan says.
        if let Stage::Person(_) = self.stage {
            let mut walk = self.walk.clone();
            if let Some(order @ Order::Hangup { .. }) = walk.judge() {
                (self.walk, self.news) = (walk, false);
                self.leave_for(now, order);
            }
        }
        self.judge_news(now);
        true
    }

    fn number_wanted(&self) -> bool {
        match &self.expect {
            Expect::Slot(slot) => match slot.kind {
                SlotKind::Digits { .. }
                | SlotKind::Number { .. }
                | SlotKind::Money { .. }
                | SlotKind::Date
                | SlotKind::Time
                | SlotKind::DateTime
                | SlotKind::Phone => true,
                SlotKind::Enum(_) | SlotKind::Boolean | SlotKind::Name | SlotKind::Email | SlotKind::Text => false,
            },
            Expect::Confirm | Expect::Anything => false,
        }
    }

    pub(super) fn wants_no_more_calls(&mut self) {
        if !self.walk.opted_out() {
            self.walk.observe("caller", "opts_out", Value::Boolean(true));
            self.note(Note::OptedOut);
        }
    }

    /// The bot leaves what it was at for `order`. Where it is not known to be a person who hears it nothing is said, but to who has just said that they
    /// want no more calls.
    fn leave_for(&mut self, now: Instant, order: Order) {
        self.stop_speaking(now);
        self.drop_thought();
        self.drop_reply();
        self.unanswered = None;
        if self.opted_out() {
            // Not even what must be heard is said to its end.
            self.playout.break_off();
            self.tell_heard(now);
            self.answered_by_whom(AnsweredBy::Human);
        } else if self.stage == Stage::Opening || self.has_left_message() {
            return self.hang_up_silently();
        }
        self.settle_opening();
        self.stage = Stage::Dialogue;
        self.perform(now, order);
    }
}
