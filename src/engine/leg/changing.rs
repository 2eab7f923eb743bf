//! Another session in a call: the other end wants its sound otherwise, or has us call somebody to go on with (REFER).
//!
//! Until it is known with whom the call goes on the conversation rests. It knows no SIP below the events.

use super::{Ending, Leg};
use crate::clock;
use crate::engine::incoming::Refusal;
use crate::rtp::{Peer, Reception};
use crate::sdp::{self, Secret};
use crate::sip::Action;

/// Who had somebody called in their stead, and may have left.
pub(super) struct Away {
    /// What the offer to whom we call was made of.
    offered: sdp::Local,
    /// What is expected of them, should they come back.
    expected: Reception,
}

impl Leg {
    pub(super) fn changed(&mut self, offer: Option<Vec<u8>>) {
        let call = self.id;
        let Some(offer) = offer else {
            self.line.local = self.line.local.next();
            self.offered = true;
            let body = self.line.offer().into_bytes();
            return self.bot.act(Action::Answer { call, body });
        };
        let was = self.held;
        match self.negotiate(&offer) {
            Ok(body) => self.bot.act(Action::Answer {
                call,
                body: body.into_bytes(),
            }),
            Err(Refusal { code, reason, .. }) => {
                tracing::info!(call = %self.id, "a change was refused: {reason}");
                self.bot.act(Action::RefuseChange { call, code });
            }
        }
        if was != self.held {
            self.journal.event(if self.held {
                "the caller put the bot on hold"
            } else {
                "the caller came back"
            });
        }
    }

    /// They have somebody called, and are not spoken to any more until that came to something.
    pub(super) fn referred(&mut self, to: &str) {
        let call = self.id;
        // Who waits for a place, or is about to leave or be left, goes on with that.
        let listens = self.call.as_ref().is_some_and(crate::call::Call::is_in_dialogue);
        let Some(stream) = self.line.stream.as_mut().filter(|_| listens) else {
            return self.bot.act(Action::RefuseChange { call, code: 491 });
        };
        let peer = *stream.peer();
        let quiet = Peer {
            reception: Reception::Paused,
            ..peer
        };
        stream.renegotiate(clock::now(), quiet);
        // Other keys: whom we call is another than who knows those of now.
        let offered = sdp::Local {
            secret: Secret::drawn(rand::random),
            ..self.line.local.next()
        };
        self.away = Some(Away {
            offered,
            expected: peer.reception,
        });
        self.journal.event(format!("the caller has the bot call {to}"));
        let body = sdp::offer(&offered, &self.bot.capabilities).into_bytes();
        self.bot.act(Action::Answer { call, body });
    }

    /// Whom they had called answered, and is the caller from now on.
    pub(super) fn joined(&mut self, answer: &[u8]) -> Option<Ending> {
        self.line.local = self.away.take()?.offered;
        // Whoever was to answer it is gone.
        self.offered = false;
        match self.line.accept(answer) {
            Ok(media) => {
                if let Some(stream) = &mut self.line.stream {
                    stream.succeed(clock::now(), media.peer());
                }
                self.agree(&media);
                self.journal
                    .event("who was called answered, and the call goes on with them");
                None
            }
            Err(e) => Some(self.hang_up(&format!("the answer of whom the caller had called: {e}"))),
        }
    }

    pub(super) fn not_joined(&mut self, code: u16) {
        let Some((away, stream)) = self.away.take().zip(self.line.stream.as_mut()) else {
            return;
        };
        let back = Peer {
            reception: away.expected,
            ..*stream.peer()
        };
        stream.renegotiate(clock::now(), back);
        self.journal.event(format!("who was called did not answer ({code})"));
    }

    /// What is agreed on with those who are away: nothing is expected of them.
    pub(super) fn meanwhile(&mut self, mut peer: Peer) -> Peer {
        if let Some(away) = &mut self.away {
            away.expected = std::mem::replace(&mut peer.reception, Reception::Paused);
        }
        peer
    }

    /// Nobody is spoken to.
    pub(super) fn rests(&self) -> bool {
        self.held || self.away.is_some()
    }
}
