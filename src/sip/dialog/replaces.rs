//! An INVITE that takes the place of a call under way (Replaces, RFC 3891): the second half of an attended transfer. For
//! the reader of the events it is a change of the session: the call stays, and the dialog below it is another.
//!
//! Whoever knows a dialog's Call-ID and both of its tags has it from one of its two ends: that, and whatever admits an
//! INVITE at all, is all the permission that is asked for. A dialog that is not confirmed yet is not replaced: to take a
//! ringing call from another phone is nothing that a bot has to let happen.

use std::time::{Duration, Instant};

use rsipstack::dialog::dialog::{DialogState, TerminatedReason};
use rsipstack::sip::{Header, Request};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::TransactionEventSender;
use tokio::task::AbortHandle;
use tracing::debug;

use super::answering::{Received, drive_invite, receive, refuse};
use super::asking::open_way;
use super::call::{Call, Done, Phase, Side};
use super::inside::sequence;
use super::placed::key_of;
use super::session_timer::SessionTimer;
use crate::sip::message::{self, DialogKey, Replaces};
use crate::sip::{Ended, Event};

/// How long an offer waits for our answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The Reason of the BYE in a dialog that another took the place of.
pub(super) const REPLACED: &str = "SIP;cause=200;text=\"Replaced by another dialog\"";

/// The INVITE that is to take the call's place.
pub(super) struct Successor {
    received: Received,
    sender: TransactionEventSender,
    invite: AbortHandle,
    request: Request,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Until then.
    Owed(Instant),
    /// The ACK is awaited.
    Given,
}

impl Successor {
    pub fn until(&self) -> Option<Instant> {
        match self.answer {
            Answer::Owed(until) => Some(until),
            Answer::Given => None,
        }
    }
}

/// Never, where there is none.
pub(super) async fn state_of(successor: &mut Option<Box<Successor>>) -> Option<DialogState> {
    match successor {
        Some(next) => next.received.states.recv().await,
        None => std::future::pending().await,
    }
}

impl Call {
    pub async fn on_replaces(&mut self, invite: Transaction, replaces: Replaces) {
        let own = self.dialog.id();
        let is_it = (own.local_tag, own.remote_tag) == (replaces.dialog.local_tag, replaces.remote_tag);
        let code = match self.phase {
            Phase::Up if is_it && replaces.early_only => 486,
            Phase::Up if is_it => 200,
            // Section 3: a dialog that is over.
            Phase::Over | Phase::OweBye if is_it => 603,
            Phase::Ringing | Phase::Accepted | Phase::Up | Phase::Over | Phase::OweBye => 481,
        };
        if code != 200 {
            return self.core.answer(invite, code, Vec::new());
        }
        let followed = self.successor.is_some() || self.sought.is_some() || self.errand.is_some();
        if self.change.is_some() || self.offering || followed {
            let soon = message::retry_after_header(Duration::from_secs(1));
            return self.core.answer(invite, 500, vec![soon]);
        }
        let received = match receive(&self.core, &invite) {
            Ok(received) => received,
            Err((code, headers)) => return self.core.answer(invite, code, headers),
        };
        debug!(call = %self.id, "another dialog is to take the call's place");
        self.entered.has_dialog(key_of(&received.dialog));
        let request = invite.original.clone();
        let offer = message::session_of(&request);
        let sender = invite.tu_sender.clone();
        let driven = self.work.spawn(drive_invite(received.dialog.clone(), invite));
        self.successor = Some(Box::new(Successor {
            received,
            sender,
            invite: driven,
            request,
            answer: Answer::Owed(crate::clock::now() + PATIENCE),
        }));
        self.tell(Event::Changed { call: self.id, offer }).await;
    }

    /// Our answer to its offer. False: there is none that waits for one.
    pub fn answer_successor(&mut self, body: &[u8]) -> bool {
        let Some(next) = self.successor.as_mut().filter(|next| next.until().is_some()) else {
            return false;
        };
        next.answer = Answer::Given;
        let mut headers = vec![message::session_type()];
        headers.extend(next.received.timer.iter().flat_map(SessionTimer::headers));
        let accepted = next.received.dialog.accept(Some(headers), Some(body.to_vec()));
        self.session = body.to_vec();
        self.log(accepted);
        true
    }

    /// It is not wanted. Where the peer has left already, nobody is left.
    pub async fn lose_successor(&mut self, code: u16) {
        self.refuse_successor(code);
        if self.phase == Phase::Up && self.successor.is_none() && self.dialog.state().is_terminated() {
            self.end(Ended::ByPeer).await;
        }
    }

    /// The call goes on as before, or is over. One that was answered gets its BYE with the ACK.
    pub fn refuse_successor(&mut self, code: u16) {
        if let Some(next) = self.successor.take_if(|next| next.until().is_some()) {
            let dialog = &next.received.dialog;
            self.entered.has_not(&key_of(dialog));
            refuse(&self.core, dialog, &next.sender, message::status(code, ""), Vec::new());
        }
    }

    pub async fn on_successor(&mut self, state: Option<DialogState>) {
        match state {
            Some(DialogState::Confirmed(..)) => self.succeed().await,
            Some(DialogState::Terminated(_, reason)) => self.bereaved(reason).await,
            None => self.bereaved(TerminatedReason::Timeout).await,
            Some(_) => {}
        }
    }

    /// It was given up before its ACK. Once it was answered the sound is at its place, and the call is lost with it.
    async fn bereaved(&mut self, reason: TerminatedReason) {
        let Some(next) = self.successor.take() else { return };
        self.entered.has_not(&key_of(&next.received.dialog));
        let over = self.dialog.state().is_terminated();
        if self.phase != Phase::Up || (next.until().is_some() && !over) {
            return;
        }
        let cause = match reason {
            TerminatedReason::Timeout => Ended::AckTimeout,
            _ => Ended::ByPeer,
        };
        if !over {
            self.send_bye(None);
        }
        self.end(cause).await;
    }

    /// Its ACK came: the call goes on in its dialog, and the one before it is hung up.
    async fn succeed(&mut self) {
        let Some(next) = self.successor.take() else { return };
        let next = *next;
        let (core, dialog) = (self.core.clone(), next.received.dialog);
        if self.phase != Phase::Up {
            // Hung up meanwhile.
            self.work.spawn(async move {
                open_way(&core, &dialog, next.received.flow.clone()).await;
                let _ = dialog.bye().await;
                Done::Said
            });
            return;
        }
        let (before, flow) = (std::mem::replace(&mut self.dialog, dialog), self.flow.clone());
        self.work.spawn(async move {
            open_way(&core, &before, flow).await;
            let why = Header::Reason(REPLACED.into());
            // Nothing is sent where the peer was quicker.
            if let Err(error) = before.bye_with_headers(Some(vec![why])).await {
                debug!(%error, "BYE failed");
            }
            Done::Said
        });
        self.invite.abort();
        let offered = message::session_of(&next.request).is_some();
        (self.inner, self.states, self.invite) = (next.received.inner, next.received.states, next.invite);
        (self.contact, self.flow, self.credential) =
            (next.received.contact, next.received.flow, next.received.credential);
        (self.timer, self.side) = (next.received.timer, Side::Callee(next.sender));
        self.remote_sequence = sequence(&next.request);
        self.peer_allows = message::list_of(&next.request.headers, "Allow");
        self.heard = message::session_of(&next.request);
        self.is_up();
        if !offered {
            let body = self.dialog.last_remote_ack().and_then(|ack| message::session_of(&ack));
            self.heard.clone_from(&body);
            self.tell(Event::Acknowledged { call: self.id, body }).await;
        }
        self.resume().await;
    }

    /// A request in a dialog that is not the call's: one that was replaced, or is to replace it.
    pub async fn on_stranger(&mut self, mut request: Transaction) {
        let is_bye = request.original.method == rsipstack::sip::Method::Bye;
        let key = DialogKey::of(&request.original);
        match &mut self.successor {
            Some(next) if is_bye && key == Some(key_of(&next.received.dialog)) => {
                if let Err(error) = next.received.dialog.handle(&mut request).await {
                    debug!(call = %self.id, %error, "BYE not answered");
                }
            }
            // It crossed ours (RFC 3261 section 15.1.2).
            Some(_) | None => self.core.answer(request, if is_bye { 200 } else { 481 }, Vec::new()),
        }
    }
}
