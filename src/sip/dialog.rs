//! One call, from its INVITE to its last transaction: a task that owns it.
//!
//! The library's dialog keeps tags, sequence numbers, routes and the INVITE transaction; here is when to send what, and
//! what to tell. Its transactions are driven by tasks of the call's own, each to its end: the library's are not safe to
//! cancel and keep time only while somebody polls them. It knows no bodies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::dialog::{Dialog, DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, Response, StatusCodeKind, Uri, typed};
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use rsipstack::transaction::{Transaction, TransactionState};
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, warn};

use super::agent::{Core, acknowledged};
use super::inside::Change;
use super::registry::{DialogKey, Entered, Input};
use super::reliable::Reliable;
use super::session_timer::SessionTimer;
use super::{Action, CallId, Ended, Event, Transport, Trunk, grammar, message};

/// Transactions that outlive their call get this long: twice 64*T1, a CANCEL's and its INVITE's.
const AFTERMATH: Duration = Duration::from_secs(70);

pub(super) struct Call {
    pub core: Arc<Core>,
    pub id: CallId,
    pub dialog: InviteDialog,
    pub side: Side,
    pub phase: Phase,
    /// The CSeq number last seen from the peer (RFC 3261 §12.2.2).
    pub remote_sequence: Option<u32>,
    /// The peer's offer that waits for our answer.
    pub change: Option<Change>,
    /// Requests that overtook what they follow.
    pub early: VecDeque<Transaction>,
    pub work: JoinSet<Done>,
    pub contact: Uri,
    /// The far end of the connection that the call came or went by.
    pub flow: Option<SipAddr>,
    /// Drives the INVITE.
    pub invite: AbortHandle,
    /// Our 180, where the caller wants to be sure of it.
    pub reliable: Option<Reliable>,
    /// Until when the session lasts unless it is refreshed.
    pub timer: Option<SessionTimer>,
    /// The methods that the peer takes, as it said when the call was made.
    pub peer_allows: Option<String>,
    /// An offer of ours is under way.
    pub offering: bool,
    /// Our last session description, which a refresh repeats.
    pub session: Vec<u8>,
    /// The Reason of a BYE that is owed.
    pub farewell: Option<Header>,
    states: DialogStateReceiver,
    inputs: mpsc::Receiver<Input>,
    /// Makes the call known to the registry while it lasts.
    _entered: Entered,
}

pub(super) enum Side {
    /// Its INVITE transaction takes responses through here.
    Callee(TransactionEventSender),
    Caller,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No final response yet.
    Ringing,
    /// Our 200 waits for its ACK.
    Accepted,
    Up,
    /// Told as ended.
    Over,
    /// Told as ended, but the BYE has to wait for the ACK (RFC 3261 §15).
    OweBye,
}

/// A transaction of the call came to its end.
pub(super) enum Done {
    /// The INVITE; for a call placed and not answered, how that ended.
    Invite(Option<Result<Response, String>>),
    /// The peer's offer: its 2xx was acknowledged, with a body or without.
    Changed(Option<Vec<u8>>),
    /// The peer's offer was refused, or needed no ACK.
    ChangeOver,
    /// Our 2xx to a re-INVITE was not acknowledged.
    ChangeLost,
    /// Our REFER got a final response, or none.
    Referred(Option<u16>),
    /// Our refresh of the session did.
    Refreshed(SessionTimer, Option<Response>),
    /// Something nobody waits for.
    Said,
}

/// What a call is made from.
pub(super) struct Parts {
    pub entered: Entered,
    pub inputs: mpsc::Receiver<Input>,
    pub states: DialogStateReceiver,
    pub dialog: InviteDialog,
    pub side: Side,
    pub contact: Uri,
    pub flow: Option<SipAddr>,
    pub work: JoinSet<Done>,
    pub invite: AbortHandle,
    pub timer: Option<SessionTimer>,
    pub session: Vec<u8>,
}

/// Takes in a call that rings; `permit` is its place in the queue of events.
pub(super) fn answer(
    core: &Arc<Core>,
    entered: Entered,
    inputs: mpsc::Receiver<Input>,
    transaction: Transaction,
    permit: mpsc::OwnedPermit<Event>,
) {
    let request = transaction.original.clone();
    let came_by = transaction
        .connection
        .as_ref()
        .and_then(|connection| connection.get_addr().r#type);
    let transport = came_by.and_then(Transport::of).unwrap_or(Transport::Udp);
    let source = message::source(transaction.connection.as_ref());
    let to = message::party_of(&request.uri);
    let contact = core.contact(&to.user, transport, source);
    let timer = match SessionTimer::asked(&request, core.config.limits.least_session, crate::clock::now()) {
        Ok(timer) => timer,
        Err(short) => return core.answer(transaction, 422, vec![short.header()]),
    };
    let credential = core.trunk_at(source).map(Trunk::credential);
    let (state_sender, states) = core.layer.new_dialog_state_channel();
    let dialog = core
        .layer
        .get_or_create_server_invite(&transaction, state_sender, credential, Some(contact.clone()));
    let dialog = match dialog {
        Ok(dialog) => dialog,
        Err(error) => {
            warn!(%error, "INVITE the library makes no dialog of");
            return core.answer(transaction, 400, Vec::new());
        }
    };
    let id = dialog.id();
    entered.has_dialog(DialogKey {
        call_id: id.call_id,
        local_tag: id.local_tag,
    });
    let call = entered.call();
    let side = Side::Callee(transaction.tu_sender.clone());
    let transaction_flow = transaction
        .connection
        .as_ref()
        .and_then(SipConnection::get_remote_addr)
        .cloned();
    let mut work = JoinSet::new();
    let invite = work.spawn(drive_invite(dialog.clone(), transaction));
    let parts = Parts {
        entered,
        inputs,
        states,
        dialog,
        side,
        contact,
        flow: transaction_flow,
        work,
        invite,
        timer,
        session: Vec::new(),
    };
    let mut task = Call::new(core.clone(), parts);
    task.remote_sequence = super::inside::sequence(&request);
    task.peer_allows = message::list_of(&request.headers, "Allow");
    permit.send(Event::Invited {
        call,
        from: grammar::party(&message::value_of(&request, "From")),
        to,
        source: source.unwrap_or_else(|| ([0, 0, 0, 0], 0).into()),
        offer: message::session_of(&request),
    });
    core.tasks.spawn(task.run());
}

/// 100 at once, then what it is told, until the ACK, a CANCEL, or the end of time for either.
async fn drive_invite(mut dialog: InviteDialog, mut transaction: Transaction) -> Done {
    if let Err(error) = dialog.handle(&mut transaction).await {
        debug!(%error, "INVITE ended");
    }
    // After a CANCEL the library leaves its 487 alone; it is to be repeated until the ACK.
    if transaction.state == TransactionState::Completed {
        acknowledged(&mut transaction).await;
    }
    Done::Invite(None)
}

impl Call {
    pub fn new(core: Arc<Core>, parts: Parts) -> Call {
        Call {
            core,
            id: parts.entered.call(),
            dialog: parts.dialog,
            side: parts.side,
            phase: Phase::Ringing,
            remote_sequence: None,
            change: None,
            early: VecDeque::new(),
            work: parts.work,
            contact: parts.contact,
            flow: parts.flow,
            invite: parts.invite,
            reliable: None,
            timer: parts.timer,
            peer_allows: None,
            offering: false,
            session: parts.session,
            farewell: None,
            states: parts.states,
            inputs: parts.inputs,
            _entered: parts.entered,
        }
    }

    pub async fn run(mut self) {
        loop {
            let over = matches!(self.phase, Phase::Over | Phase::OweBye);
            if over && self.work.is_empty() {
                break;
            }
            let timer = self.timer.filter(|_| self.phase == Phase::Up);
            let due = timer.map(|timer| timer.due().0);
            let again = self.reliable.as_ref().and_then(Reliable::again);
            tokio::select! {
                // States first: an ACK comes before the request that follows it.
                biased;
                Some(state) = self.states.recv() => self.on_state(state).await,
                Some(done) = self.work.join_next() => self.on_done(done).await,
                Some(input) = self.inputs.recv() => self.on_input(input).await,
                () = until(due), if due.is_some() => self.on_timer().await,
                () = until(again), if again.is_some() => self.ring_again().await,
                () = tokio::time::sleep(AFTERMATH), if over => {
                    debug!(call = %self.id, "a transaction did not end");
                    break;
                }
            }
        }
        self.inputs.close();
        while let Ok(input) = self.inputs.try_recv() {
            self.on_input(input).await;
        }
        for request in std::mem::take(&mut self.early) {
            self.core.answer(request, 481, Vec::new());
        }
    }

    async fn on_state(&mut self, state: DialogState) {
        match state {
            DialogState::Early(_, response) if self.phase == Phase::Ringing && matches!(self.side, Side::Caller) => {
                let (call, code) = (self.id, response.status_code.code());
                let body = message::session_of_response(&response);
                self.core.tell(Event::Progressed { call, code, body }).await;
            }
            DialogState::Confirmed(_, response) => self.on_confirmed(&response).await,
            DialogState::Terminated(_, reason) => self.on_terminated(reason).await,
            // Early after the start, and what is answered without the library's help.
            DialogState::Early(..)
            | DialogState::Calling(_)
            | DialogState::Trying(_)
            | DialogState::WaitAck(..)
            | DialogState::Updated(..)
            | DialogState::Publish(..)
            | DialogState::Notify(..)
            | DialogState::Refer(..)
            | DialogState::Message(..)
            | DialogState::Info(..)
            | DialogState::Options(..) => {}
        }
    }

    /// Said by the library on other occasions as well: only the first time it means that the call is up.
    async fn on_confirmed(&mut self, response: &Response) {
        let call = self.id;
        let event = match (&self.side, self.phase) {
            (Side::Callee(_), Phase::Accepted) => {
                let body = self.dialog.last_remote_ack().and_then(|ack| message::session_of(&ack));
                Event::Acknowledged { call, body }
            }
            (Side::Caller, Phase::Ringing) => {
                self.timer =
                    SessionTimer::answered(response, self.core.config.limits.least_session, crate::clock::now());
                self.peer_allows = message::list_of(&response.headers, "Allow");
                Event::Answered {
                    call,
                    body: message::session_of_response(response),
                }
            }
            (_, Phase::OweBye) => {
                let reason = self.farewell.take();
                return self.send_bye(reason);
            }
            (_, Phase::Ringing | Phase::Accepted | Phase::Up | Phase::Over) => return,
        };
        self.phase = Phase::Up;
        self.core.tell(event).await;
        self.resume().await;
    }

    async fn on_terminated(&mut self, reason: TerminatedReason) {
        let cause = match (reason, self.phase) {
            (_, Phase::Over) => return,
            // No ACK came, and the library sends the BYE.
            (_, Phase::OweBye) => {
                self.phase = Phase::Over;
                return;
            }
            // How it was refused comes with the end of the INVITE.
            (_, Phase::Ringing) if matches!(self.side, Side::Caller) => return,
            (TerminatedReason::UacCancel, Phase::Ringing | Phase::Accepted) => Ended::Cancelled,
            (TerminatedReason::Timeout, _) => Ended::AckTimeout,
            (TerminatedReason::ProxyAuthRequired, Phase::Up) => {
                // The library takes a challenge it cannot answer for the end; the peer does not.
                super::placed::send_bye_apart(self);
                Ended::Failed("the peer asks for credentials within the call".to_owned())
            }
            (reason, Phase::Ringing | Phase::Accepted | Phase::Up) => {
                Ended::Failed(format!("ended by the stack: {reason:?}"))
            }
        };
        self.end(cause).await;
    }

    async fn on_done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let call = self.id;
        match done {
            Ok(Done::Invite(Some(outcome))) if self.phase == Phase::Ringing => self.on_not_answered(outcome).await,
            Ok(Done::Invite(_) | Done::Said) => {}
            Ok(Done::Changed(body)) => {
                let offered = self.change.take().is_some_and(|change| change.offered);
                if !offered && self.phase == Phase::Up {
                    self.core.tell(Event::Acknowledged { call, body }).await;
                }
                self.resume().await;
            }
            Ok(Done::ChangeOver) => {
                self.change = None;
                self.resume().await;
            }
            Ok(Done::ChangeLost) => {
                self.change = None;
                if self.phase == Phase::Up {
                    self.send_bye(None);
                    self.end(Ended::AckTimeout).await;
                }
            }
            Ok(Done::Referred(code)) => {
                // 2xx promises reports; anything else is the end of it. 408: no answer at all.
                let code = code.unwrap_or(408);
                if self.phase == Phase::Up && !(200..300).contains(&code) {
                    self.core.tell(Event::Transferred { call, code }).await;
                }
            }
            Ok(Done::Refreshed(timer, response)) => self.on_refreshed(timer, response).await,
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                warn!(%call, %error, "a transaction panicked");
                if !matches!(self.phase, Phase::Over | Phase::OweBye) {
                    self.end(Ended::Failed("a transaction failed".to_owned())).await;
                }
            }
        }
    }

    async fn on_not_answered(&mut self, outcome: Result<Response, String>) {
        let call = self.id;
        match outcome {
            Ok(response) => {
                self.phase = Phase::Over;
                let refused = Event::Refused {
                    call,
                    code: response.status_code.code(),
                    reason: message::phrase(&response),
                    retry_after: message::retry_after(&response),
                };
                self.core.tell(refused).await;
            }
            Err(error) => self.end(Ended::Failed(error)).await,
        }
    }

    async fn on_input(&mut self, input: Input) {
        match input {
            Input::Request(request) => self.on_request(*request).await,
            Input::Action(action) => self.on_action(action).await,
        }
    }

    async fn on_action(&mut self, action: Action) {
        match (action, &self.side) {
            (Action::Ring { .. }, Side::Callee(_)) => self.ring(),
            (Action::Accept { body, .. }, Side::Callee(_)) if self.phase == Phase::Ringing => {
                self.phase = Phase::Accepted;
                self.reliable.iter_mut().for_each(Reliable::rest);
                self.session.clone_from(&body);
                let mut headers = vec![message::session_type()];
                headers.extend(self.timer.iter().flat_map(SessionTimer::headers));
                self.log(self.dialog.accept(Some(headers), Some(body)));
            }
            (
                Action::Refuse {
                    code,
                    reason,
                    retry_after,
                    ..
                },
                Side::Callee(invite),
            ) if self.phase == Phase::Ringing => {
                let headers: Vec<Header> = retry_after.map(message::retry_after_header).into_iter().collect();
                self.refuse(invite, code.clamp(300, 699), &reason, headers);
                self.end(Ended::ByUs).await;
            }
            (Action::Answer { body, .. }, _) => self.answer_change(200, Some(body)),
            (Action::RefuseChange { code, .. }, _) => self.answer_change(code.clamp(300, 699), None),
            (Action::Hangup { cause, .. }, _) => self.hang_up(cause).await,
            (Action::Refer { to, .. }, _) => self.refer(&to).await,
            // Not in this state, not on this side, or not for a call that exists.
            (Action::Ring { .. } | Action::Accept { .. } | Action::Refuse { .. } | Action::Dial { .. }, _) => {}
        }
    }

    fn ring(&mut self) {
        let invite = self.dialog.initial_request();
        let number = super::inside::sequence(&invite).unwrap_or_default();
        self.reliable = Reliable::required(&invite, number, crate::clock::now());
        if self.reliable.is_some() && message::session_of(&invite).is_none() {
            // The first message that is sure to arrive would have to carry the offer: that will be our 200.
            self.reliable = None;
            return;
        }
        let headers = self.reliable.as_ref().map(Reliable::headers);
        self.log(self.dialog.ringing(headers, None));
    }

    /// The 180 was not acknowledged yet. One that never is ends the call (RFC 3262 section 3).
    async fn ring_again(&mut self) {
        let Some(reliable) = &mut self.reliable else { return };
        if reliable.repeat(crate::clock::now()) {
            let headers = reliable.headers();
            return self.log(self.dialog.ringing(Some(headers), None));
        }
        reliable.rest();
        if let (Side::Callee(invite), Phase::Ringing) = (&self.side, self.phase) {
            self.refuse(invite, 504, "", Vec::new());
            self.end(Ended::Failed("our 180 was never acknowledged (RFC 3262)".to_owned()))
                .await;
        }
    }

    fn log(&self, result: rsipstack::Result<()>) {
        if let Err(error) = result {
            debug!(call = %self.id, %error, "not sent");
        }
    }

    /// A final response to the INVITE, with headers that the library's own `reject` has no room for.
    pub fn refuse(&self, invite: &TransactionEventSender, code: u16, reason: &str, headers: Vec<Header>) {
        let request = self.dialog.initial_request();
        let response = self
            .core
            .endpoint
            .make_response(&request, message::status(code, reason), None);
        let mut response = self.tagged(response);
        response.headers.extend(headers);
        // Fails where a CANCEL was quicker.
        let _ = invite.send(TransactionEvent::Respond(response));
    }

    /// With our tag in To.
    fn tagged(&self, mut response: Response) -> Response {
        let tag = self.dialog.id().local_tag;
        for header in response.headers.iter_mut() {
            match header {
                Header::To(to) if !grammar::has_tag(&to.0) => *to = to.with_tag(tag.clone().into()),
                _ => {}
            }
        }
        response
    }

    /// Tells the end. Transactions under way are still seen through, but for those that only wait for what cannot
    /// matter any more.
    pub async fn end(&mut self, cause: Ended) {
        let acknowledged = matches!(self.phase, Phase::Up | Phase::Over);
        let by_peer = cause == Ended::ByPeer;
        self.phase = Phase::Over;
        if (acknowledged && matches!(self.side, Side::Caller)) || by_peer {
            self.invite.abort();
        }
        self.core.tell(Event::Ended { call: self.id, cause }).await;
    }

    /// The next request goes to where the peer's last one says (RFC 3261 §12.2.2); the library leaves that to us.
    pub fn retarget(&self, contacts: Option<Vec<typed::Contact>>) {
        if let Some(contact) = contacts.into_iter().flatten().next() {
            let header = contact.clone().into();
            Dialog::Invite(self.dialog.clone()).set_remote_target(contact.uri, Some(header));
        }
    }
}

impl Drop for Call {
    /// A task that was ended from outside, or by a panic, still owes the last word.
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Over | Phase::OweBye) {
            let cause = Ended::Failed("the call's task was ended".to_owned());
            let _ = self.core.events.try_send(Event::Ended { call: self.id, cause });
        }
        self.core.layer.remove_dialog(&self.dialog.id());
    }
}

/// Without a time: never.
async fn until(time: Option<std::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Whether it answers a call with yes.
pub(super) fn is_success(response: &Response) -> bool {
    response.status_code.kind() == StatusCodeKind::Successful
}
