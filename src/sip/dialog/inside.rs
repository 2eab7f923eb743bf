//! Requests that a peer sends within its call: BYE, a changed session, keys, questions.
//!
//! They are answered here and not by the library's dialog, which would lack Allow, the refreshed target and the order
//! of requests. Only a BYE is passed to it, so that it knows the dialog to be over.

use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Response};
use rsipstack::transaction::Transaction;
use tokio::sync::oneshot;
use tracing::debug;

use super::call::{Call, Done, Phase, Side, is_success};
use super::placed::key_of;
use super::session_timer::SessionTimer;
use crate::sip::core::acknowledged;
use crate::sip::message::{self, DialogKey};
use crate::sip::{Ended, Event};

/// How long an offer waits for our answer; then it is refused with 500. Well below the 32 s the peer waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests kept until their time has come; more are answered 500.
const EARLY: usize = 8;

/// An offer from the peer, unanswered.
pub(super) struct Change {
    answer: Option<oneshot::Sender<Response>>,
    request: Request,
    /// Whether the offer was the peer's; else ours is in the 2xx, and the ACK answers.
    pub offered: bool,
    /// What it asks for, from our 2xx on.
    timer: Option<SessionTimer>,
}

pub(super) fn sequence(request: &Request) -> Option<u32> {
    request.cseq_header().ok()?.seq().ok()
}

impl Call {
    pub async fn on_request(&mut self, request: Transaction) {
        if DialogKey::of(&request.original) != Some(key_of(&self.dialog)) {
            return self.on_stranger(request).await;
        }
        let number = sequence(&request.original);
        let in_order = number.is_some() && number > self.remote_sequence;
        if !in_order && !matches!(self.phase, Phase::Over | Phase::OweBye) {
            return self.later(request);
        }
        self.remote_sequence = number;
        self.proceed(request).await;
    }

    /// What came too early, now that it may not be any more.
    pub async fn resume(&mut self) {
        for request in std::mem::take(&mut self.hasty) {
            self.proceed(request).await;
        }
    }

    async fn proceed(&mut self, mut request: Transaction) {
        let method = request.original.method;
        if self.phase == Phase::Over || self.phase == Phase::OweBye || self.peer_has_left() {
            return self.after_the_end(request);
        }
        // What follows an ACK, and may overtake it.
        let follows = matches!(method, Method::Invite | Method::Update | Method::Refer);
        let waits = match (&self.side, self.phase) {
            // It overtook the 200 that we wait for, or the ACK of ours.
            (Side::Caller, Phase::Ringing) => method != Method::Update,
            (Side::Callee(_), Phase::Accepted) => follows,
            // It overtook the ACK of our answer to the offer before it.
            (_, Phase::Up) => self.change.as_ref().is_some_and(|change| match method {
                // Some hold and transfer in one breath.
                Method::Refer => true,
                _ => follows && change.answer.is_none(),
            }),
            (_, Phase::Ringing | Phase::Accepted | Phase::Over | Phase::OweBye) => false,
        };
        if waits && self.hasty.len() < EARLY {
            self.hasty.push_back(request);
            return;
        }
        if waits {
            return self.later(request);
        }
        match method {
            Method::Bye => self.on_bye(&mut request).await,
            Method::Invite | Method::Update => self.on_change(request).await,
            Method::Info => self.on_info(request).await,
            Method::Notify => self.on_notify(request).await,
            Method::Refer => self.on_refer(request).await,
            Method::Options => self.core.answer(request, 200, message::capabilities()),
            Method::PRack => self.on_prack(request),
            Method::Ack | Method::Cancel => {}
            Method::Message | Method::Publish | Method::Register | Method::Subscribe => {
                self.core.answer(request, 405, Vec::new())
            }
        }
    }

    /// A BYE that crossed ours is answered like any other (RFC 3261 §15.1.2).
    fn after_the_end(&mut self, request: Transaction) {
        if request.original.method != Method::Bye {
            return self.core.answer(request, 481, Vec::new());
        }
        self.core.answer(request, 200, Vec::new());
        if self.phase == Phase::OweBye {
            self.invite.abort();
            self.phase = Phase::Over;
        }
    }

    /// 500: out of order, or too much at once.
    fn later(&self, request: Transaction) {
        let soon = message::retry_after_header(Duration::from_secs(1));
        self.core.answer(request, 500, vec![soon]);
    }

    async fn on_bye(&mut self, request: &mut Transaction) {
        if let (Side::Callee(_), Phase::Ringing) = (&self.side, self.phase) {
            // RFC 3261 §15.1.2: the INVITE is still to be answered, with 487.
            let _ = self.dialog.reject(Some(487.into()), None);
        }
        if let Err(error) = self.dialog.handle(request).await {
            debug!(call = %self.id, %error, "BYE not answered");
        }
        if self.sought.is_some() {
            // Whom it had us call is awaited.
            self.timer = None;
        } else if self.successor.is_none() {
            self.end(Ended::ByPeer).await;
        }
    }

    async fn on_change(&mut self, request: Transaction) {
        let (body, contact) = (message::session_of(&request.original), self.contact_header());
        match (&self.side, self.phase, &body) {
            (_, Phase::Up, _) => {}
            // Of the session timer or the target alone (RFC 3311 section 5.2).
            (_, Phase::Ringing, None) => return self.core.answer(request, 200, vec![Header::Contact(contact)]),
            // Our offer is answered in this branch, for certain.
            (Side::Caller, Phase::Ringing, Some(_)) if self.early.is_settled(&request.original) => {}
            // Theirs is not: that is ours to do first.
            (Side::Callee(_), Phase::Ringing, Some(_)) => return self.later(request),
            (_, Phase::Ringing | Phase::Accepted | Phase::Over | Phase::OweBye, _) => {
                return self.core.answer(request, 491, Vec::new());
            }
        }
        if self.offering || self.errand.is_some() {
            return self.core.answer(request, 491, Vec::new());
        }
        if self.change.is_some() || self.successor.is_some() || self.owes_offer() {
            // RFC 3261 §14.2, RFC 3311 §5.2.
            return self.later(request);
        }
        let least = self.core.config.limits.least_session;
        let timer = match SessionTimer::asked(&request.original, least, crate::clock::now()) {
            Ok(timer) => timer,
            Err(short) => return self.core.answer(request, 422, vec![short.header()]),
        };
        if request.original.method == Method::Update && body.is_none() {
            self.retarget(request.original.typed_contact_headers().ok());
            self.timer = timer;
            let mut headers = vec![Header::Contact(self.contact_header())];
            headers.extend(timer.iter().flat_map(SessionTimer::headers));
            return self.core.answer(request, 200, headers);
        }
        let (answer, answered) = oneshot::channel();
        self.change = Some(Change {
            answer: Some(answer),
            request: request.original.clone(),
            offered: body.is_some(),
            timer,
        });
        self.work.spawn(drive_change(request, answered));
        let (call, offer) = (self.id, body);
        self.tell(Event::Changed { call, offer }).await;
    }

    /// The answer to the peer's offer; without a body a refusal.
    pub fn answer_change(&mut self, code: u16, body: Option<Vec<u8>>) {
        if body.as_deref().is_some_and(|body| self.answer_successor(body)) {
            return;
        }
        let contact = self.contact_header();
        let Some(change) = &mut self.change else {
            return;
        };
        let Some(answer) = change.answer.take() else {
            return;
        };
        let accepted = body.is_some();
        if let Some(body) = &body {
            self.session.clone_from(body);
            self.heard = message::session_of(&change.request).or(self.heard.take());
            self.timer = change.timer;
        }
        let mut response = self
            .core
            .endpoint
            .make_response(&change.request, message::status(code, ""), body);
        if accepted {
            response.headers.push(Header::Contact(contact));
            response.headers.push(message::session_type());
            for header in self.timer.iter().flat_map(SessionTimer::headers) {
                response.headers.push(header);
            }
            let contacts = change.request.typed_contact_headers().ok();
            self.retarget(contacts);
        }
        // Fails where the offer was given up for lack of an answer.
        let _ = answer.send(response);
    }

    fn contact_header(&self) -> rsipstack::sip::Contact {
        format!("<{}>", self.contact).into()
    }

    /// RFC 3262 section 3: what acknowledges nothing of ours is answered 481.
    fn on_prack(&mut self, request: Transaction) {
        let rack = message::value_of(&request.original, "RAck");
        let expected = self
            .reliable
            .as_mut()
            .is_some_and(|reliable| reliable.acknowledged(&rack));
        self.core.answer(request, if expected { 200 } else { 481 }, Vec::new());
    }

    async fn on_info(&mut self, request: Transaction) {
        let kind = message::value_of(&request.original, "Content-Type");
        if let Some((digit, duration)) = message::key(&kind, &request.original.body) {
            self.core.answer(request, 200, Vec::new());
            let call = self.id;
            return self.tell(Event::Key { call, digit, duration }).await;
        }
        match request.original.body.is_empty() {
            true => self.core.answer(request, 200, Vec::new()),
            false => {
                let accept = Header::Accept("application/dtmf-relay, application/dtmf".into());
                self.core.answer(request, 415, vec![accept]);
            }
        }
    }
}

async fn drive_change(mut request: Transaction, answered: oneshot::Receiver<Response>) -> Done {
    let is_invite = request.original.method == Method::Invite;
    if is_invite {
        let _ = request.send_trying().await;
    }
    let response = match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) | Err(_) => request
            .endpoint_inner
            .make_response(&request.original, 500.into(), None),
    };
    let accepted = is_success(&response);
    if let Err(error) = request.respond(response).await {
        debug!(%error, "offer not answered");
    }
    if !is_invite {
        return Done::ChangeOver;
    }
    match (acknowledged(&mut request).await, accepted) {
        (Some(ack), true) => Done::Changed(message::session_of(&ack)),
        (None, true) => Done::ChangeLost,
        (_, false) => Done::ChangeOver,
    }
}
