//! One call, from its INVITE to its last transaction: a task that owns it.
//!
//! The library's dialog keeps tags, sequence numbers, routes and the INVITE transaction; here is when to send what, and
//! what to tell. Its transactions are driven by tasks of the call's own, each to its end: the library's are not safe to
//! cancel and keep time only while somebody polls them. It knows no bodies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{Dialog, DialogInner, DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, Response, StatusCodeKind, Uri, typed};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::TransactionEventSender;
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, warn};

use super::answering::{drive_invite, receive};
use super::early::Early;
use super::inside::{Change, sequence};
use super::placed::{Placing, Way, key_of, send_bye_apart};
use super::referred::{self, Errand, Sought, hand_over};
use super::reliable::Reliable;
use super::replaces::{self, Successor};
use super::session_timer::SessionTimer;
use crate::sip::core::{Core, source};
use crate::sip::message::{self, Named, identity};
use crate::sip::outbound::Channel;
use crate::sip::registry::{Entered, Input};
use crate::sip::{Action, CallId, Ended, Event};

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
    pub hasty: VecDeque<Transaction>,
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
    /// The peer's last one.
    pub heard: Option<Vec<u8>>,
    /// The Reason of a BYE that is owed.
    pub farewell: Option<Header>,
    /// The library's dialog itself, for the numbers of requests that are ours, and what answers a challenge to one.
    pub inner: Arc<DialogInner>,
    pub credential: Option<Credential>,
    /// Of a call that we placed: where else it may be tried, and which attempt this is.
    pub placing: Option<Box<Placing>>,
    pub attempt: u32,
    /// Until when an attempt may remain without any response.
    pub patience: Option<Instant>,
    pub early: Early,
    /// An INVITE that is to take this call's place.
    pub successor: Option<Box<Successor>>,
    /// The transfer that we asked for.
    pub referral: Referral,
    /// Whom the peer has us call, to go on with.
    pub sought: Option<Box<Sought>>,
    /// How many they have had us call.
    pub referred: u8,
    /// It is none of the reader's.
    pub errand: Option<Errand>,
    pub states: DialogStateReceiver,
    /// Its place on a trunk, until its end is told.
    pub channel: Option<Channel>,
    /// Makes the call known to the registry while it lasts.
    pub entered: Entered,
    pub inputs: mpsc::Receiver<Input>,
}

pub(super) enum Side {
    /// Its INVITE transaction takes responses through here.
    Callee(TransactionEventSender),
    Caller,
}

/// A transfer that we asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Referral {
    None,
    /// The REFER is not answered yet.
    Asked,
    /// The peer is to report by then how it goes.
    Awaited(Instant),
    /// Its outcome was told.
    Over,
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
    /// The INVITE of this attempt; for a call placed and not answered, how that ended.
    Invite(u32, Option<Result<Response, String>>),
    /// Where the next attempt goes.
    Way(u32, Result<Way, String>),
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
    /// The peer was told what it was owed, in a call that takes its leave, for this reason.
    Reported(Option<String>),
    /// Something nobody waits for.
    Said,
}

/// What a call is made from.
pub(super) struct Parts {
    pub entered: Entered,
    pub inputs: mpsc::Receiver<Input>,
    pub states: DialogStateReceiver,
    pub dialog: InviteDialog,
    pub inner: Arc<DialogInner>,
    pub credential: Option<Credential>,
    pub side: Side,
    pub contact: Uri,
    pub flow: Option<SipAddr>,
    pub work: JoinSet<Done>,
    pub invite: AbortHandle,
    pub timer: Option<SessionTimer>,
    pub session: Vec<u8>,
    /// Its place on a trunk.
    pub channel: Option<Channel>,
}

/// Takes in a call that rings; `permit` is its place in the queue of events.
pub(in crate::sip) fn answer(
    core: &Arc<Core>,
    entered: Entered,
    inputs: mpsc::Receiver<Input>,
    transaction: Transaction,
    permit: mpsc::OwnedPermit<Event>,
) {
    let request = transaction.original.clone();
    let source = source(&transaction);
    let user = message::party_of(&request.uri).user;
    let trunk = core.trunk_at(source, Some(&user));
    let received = match receive(core, &transaction) {
        Ok(received) => received,
        Err((code, headers)) => return core.answer(transaction, code, headers),
    };
    entered.has_dialog(key_of(&received.dialog));
    let call = entered.call();
    let side = Side::Callee(transaction.tu_sender.clone());
    let mut work = JoinSet::new();
    let invite = work.spawn(drive_invite(received.dialog.clone(), transaction));
    let parts = Parts {
        entered,
        inputs,
        states: received.states,
        dialog: received.dialog,
        inner: received.inner,
        credential: received.credential,
        side,
        contact: received.contact,
        flow: received.flow,
        work,
        invite,
        timer: received.timer,
        session: Vec::new(),
        channel: trunk.map(|trunk| core.lines.take(trunk)),
    };
    let mut task = Call::new(core.clone(), parts);
    task.remote_sequence = sequence(&request);
    task.peer_allows = message::list_of(&request.headers, "Allow");
    task.heard = message::session_of(&request);
    permit.send(Event::Invited {
        call,
        from: identity::caller(&request, trunk),
        to: message::party_of(&request.uri),
        source: source.unwrap_or_else(|| ([0, 0, 0, 0], 0).into()),
        trunk: trunk.map(|trunk| trunk.name.clone()),
        diverted_from: identity::diverted_from(&request),
        offer: message::session_of(&request),
    });
    core.tasks.spawn(task.run());
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
            hasty: VecDeque::new(),
            work: parts.work,
            contact: parts.contact,
            flow: parts.flow,
            invite: parts.invite,
            reliable: None,
            timer: parts.timer,
            peer_allows: None,
            offering: false,
            session: parts.session,
            heard: None,
            farewell: None,
            inner: parts.inner,
            credential: parts.credential,
            placing: None,
            attempt: 0,
            patience: None,
            early: Early::default(),
            successor: None,
            referral: Referral::None,
            sought: None,
            referred: 0,
            errand: None,
            states: parts.states,
            inputs: parts.inputs,
            channel: parts.channel,
            entered: parts.entered,
        }
    }

    pub async fn run(mut self) {
        let mut patience = None;
        loop {
            if self.is_awaited() {
                return hand_over(self);
            }
            let over = matches!(self.phase, Phase::Over | Phase::OweBye);
            if over && self.work.is_empty() {
                break;
            }
            let last = over.then(|| *patience.get_or_insert_with(|| crate::clock::now() + AFTERMATH));
            let timer = self.timer.filter(|_| self.phase == Phase::Up);
            let due = timer.map(|timer| timer.due().0);
            let again = self.reliable.as_ref().and_then(Reliable::again);
            let silent = self.patience.filter(|_| self.phase == Phase::Ringing);
            let owed = self.successor.as_ref().and_then(|next| next.until());
            let sought = self.sought.as_ref().map(|sought| sought.until());
            let report = match self.referral {
                Referral::Awaited(until) if self.phase == Phase::Up => Some(until),
                Referral::Awaited(_) | Referral::None | Referral::Asked | Referral::Over => None,
            };
            tokio::select! {
                // States first: an ACK comes before the request that follows it.
                biased;
                Some(state) = self.states.recv() => self.on_state(state).await,
                state = replaces::state_of(&mut self.successor) => self.on_successor(state).await,
                outcome = referred::outcome_of(&mut self.sought) => self.on_outcome(outcome).await,
                () = referred::unwanted(&mut self.errand), if !over => self.hang_up(None).await,
                Some(done) = self.work.join_next() => self.on_done(done).await,
                Some(input) = self.inputs.recv() => self.on_input(input).await,
                () = until(due), if due.is_some() => self.on_timer().await,
                () = until(again), if again.is_some() => self.ring_again().await,
                () = until(silent), if silent.is_some() => self.on_silence().await,
                () = until(owed), if owed.is_some() => self.lose_successor(500).await,
                () = until(report), if report.is_some() => self.transferred(408).await,
                () = until(sought), if sought.is_some() => self.on_sought_late().await,
                () = until(last), if over => {
                    debug!(call = %self.id, "a transaction did not end");
                    break;
                }
            }
        }
        self.inputs.close();
        while let Ok(input) = self.inputs.try_recv() {
            self.on_input(input).await;
        }
        for request in std::mem::take(&mut self.hasty) {
            self.core.answer(request, 481, Vec::new());
        }
    }

    async fn on_state(&mut self, state: DialogState) {
        match state {
            DialogState::Early(_, response) => self.on_provisional(&response).await,
            DialogState::Trying(_) => self.patience = None,
            DialogState::Confirmed(_, response) => self.on_confirmed(&response).await,
            // The peer's end of it, while another takes its place.
            DialogState::Terminated(_, TerminatedReason::UacBye | TerminatedReason::UasBye)
                if self.successor.is_some() || self.sought.is_some() => {}
            DialogState::Terminated(_, reason) => self.on_terminated(reason).await,
            // What is answered without the library's help.
            DialogState::Calling(_)
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
                self.patience = None;
                // Branches count for themselves, and what was held back is in order.
                self.remote_sequence = None;
                let early = std::mem::take(&mut self.early);
                Event::Answered {
                    call,
                    body: message::session_of_response(response).or_else(|| early.answer(response)),
                }
            }
            (_, Phase::OweBye) => {
                let reason = self.farewell.take();
                return self.send_bye(reason);
            }
            (_, Phase::Ringing | Phase::Accepted | Phase::Up | Phase::Over) => return,
        };
        if let Event::Acknowledged { body: Some(body), .. } | Event::Answered { body: Some(body), .. } = &event {
            self.heard = Some(body.clone());
        }
        self.phase = Phase::Up;
        if self.errand.is_some() {
            return self.tell(event).await;
        }
        self.is_up();
        self.tell(event).await;
        self.resume().await;
    }

    /// Others may speak of the dialog now, to replace it.
    pub fn is_up(&self) {
        let mut snapshot = self.dialog.snapshot();
        message::show_transport(&mut snapshot.remote_uri);
        self.entered.is_up(Named {
            call_id: snapshot.id.call_id,
            local_tag: snapshot.id.local_tag,
            remote_tag: snapshot.id.remote_tag,
            target: snapshot.remote_uri.to_string(),
        });
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
                send_bye_apart(self, None);
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
            Ok(Done::Invite(attempt, Some(outcome))) if self.phase == Phase::Ringing && attempt == self.attempt => {
                self.on_not_answered(outcome).await
            }
            Ok(Done::Way(attempt, way)) if self.phase == Phase::Ringing && attempt == self.attempt => {
                self.on_way(way).await
            }
            Ok(Done::Invite(..) | Done::Way(..) | Done::Said) => {}
            Ok(Done::Changed(body)) => {
                let offered = self.change.take().is_some_and(|change| change.offered);
                if !offered && self.phase == Phase::Up {
                    self.heard = body.clone().or(self.heard.take());
                    self.tell(Event::Acknowledged { call, body }).await;
                }
                self.resume().await;
            }
            Ok(Done::ChangeOver) => {
                self.change = None;
                self.resume().await;
            }
            Ok(Done::ChangeLost) => {
                self.change = None;
                if self.phase == Phase::Up && !self.peer_has_left() {
                    self.send_bye(None);
                    self.end(Ended::AckTimeout).await;
                }
            }
            Ok(Done::Referred(code)) => self.on_referred(code).await,
            Ok(Done::Reported(why)) => self.hang_up(why).await,
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

    async fn on_input(&mut self, input: Input) {
        match input {
            Input::Request(request) => self.on_request(*request).await,
            Input::Replace(invite, replaces) => self.on_replaces(*invite, replaces).await,
            Input::Action(action) => self.on_action(action).await,
        }
    }

    async fn on_action(&mut self, action: Action) {
        match (action, &self.side) {
            (Action::Ring { .. }, Side::Callee(_)) => self.ring(),
            (Action::Progress { body, .. }, Side::Callee(_)) if self.phase == Phase::Ringing => self.progress(body),
            (Action::Accept { body, .. }, Side::Callee(_)) if self.phase == Phase::Ringing => {
                self.accept(body);
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
            (Action::Answer { body, .. }, _) if self.owes_offer() => self.seek(body).await,
            (Action::Answer { body, .. }, _) => self.answer_change(200, Some(body)),
            (Action::RefuseChange { code, .. }, _) if self.owes_offer() => {
                self.lose_sought(code.clamp(300, 699)).await;
            }
            (Action::RefuseChange { code, .. }, _) if self.successor.is_some() => {
                self.lose_successor(code.clamp(300, 699)).await;
            }
            (Action::RefuseChange { code, .. }, _) => self.answer_change(code.clamp(300, 699), None),
            (Action::Hangup { cause, .. }, _) => self.hang_up(cause).await,
            (Action::Refer { to, replaces, .. }, _) => self.refer(&to, replaces).await,
            // Not in this state, not on this side, or not for a call that exists.
            (
                Action::Ring { .. }
                | Action::Progress { .. }
                | Action::Accept { .. }
                | Action::Refuse { .. }
                | Action::Dial { .. },
                _,
            ) => {}
        }
    }

    /// Tells the end. Transactions under way are still seen through, but for those that only wait for what cannot
    /// matter any more.
    pub async fn end(&mut self, cause: Ended) {
        let acknowledged = matches!(self.phase, Phase::Up | Phase::Over);
        let by_peer = cause == Ended::ByPeer;
        self.phase = Phase::Over;
        self.channel = None;
        if (acknowledged && matches!(self.side, Side::Caller)) || by_peer {
            self.invite.abort();
        }
        self.refuse_successor(480);
        self.call_off();
        self.entered.is_over();
        self.tell(Event::Ended { call: self.id, cause }).await;
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
            self.tell_now(Event::Ended { call: self.id, cause });
        }
    }
}

/// Without a time: never.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Whether it answers a call with yes.
pub(super) fn is_success(response: &Response) -> bool {
    response.status_code.kind() == StatusCodeKind::Successful
}
