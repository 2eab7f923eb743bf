//! The answer to a call that rings here: 180, 200 or a refusal, and the INVITE that waits for it. It knows no bodies.

use std::sync::Arc;

use rsipstack::dialog::DialogId;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogInner, DialogStateReceiver};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::uri::ParamsExt;
use rsipstack::sip::{Header, Param, StatusCode, Transport, Uri};
use rsipstack::transaction::key::TransactionRole;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use rsipstack::transaction::{Transaction, TransactionState, make_tag};
use rsipstack::transport::{SipAddr, SipConnection};
use tracing::{debug, warn};

use super::call::{Call, Done, Phase, Side};
use super::inside::sequence;
use super::reliable::Reliable;
use super::session_timer::SessionTimer;
use crate::sip::core::{Core, acknowledged, source};
use crate::sip::message::{self, grammar, reason};
use crate::sip::{Ended, Trunk, names};

/// What becomes a dialog of an INVITE that came in.
pub(super) struct Received {
    pub dialog: InviteDialog,
    pub inner: Arc<DialogInner>,
    pub states: DialogStateReceiver,
    pub credential: Option<Credential>,
    pub contact: Uri,
    /// The far end of the connection that it came by.
    pub flow: Option<SipAddr>,
    pub timer: Option<SessionTimer>,
}

/// Else how it is to be refused.
pub(super) fn receive(core: &Core, transaction: &Transaction) -> Result<Received, (u16, Vec<Header>)> {
    let request = &transaction.original;
    let connection = transaction.connection.as_ref();
    let came_by = connection.and_then(|connection| connection.get_addr().r#type);
    let transport = came_by.and_then(names::Transport::of).unwrap_or_default();
    let source = source(transaction);
    let user = message::party_of(&request.uri).user;
    let contact = core.contact(&user, transport, source);
    let least = core.config.limits.least_session;
    let timer =
        SessionTimer::asked(request, least, crate::clock::now()).map_err(|short| (422, vec![short.header()]))?;
    let credential = core.trunk_at(source, Some(&user)).map(Trunk::credential);
    let (inner, states) = dialog_of(core, transaction, credential.clone(), &contact).map_err(|error| {
        warn!(%error, "INVITE the library makes no dialog of");
        (400, Vec::new())
    })?;
    Ok(Received {
        dialog: InviteDialog::from_inner(inner.clone()),
        inner,
        states,
        credential,
        contact,
        flow: connection
            .filter(|_| transport.is_stream())
            .and_then(SipConnection::get_remote_addr)
            .cloned(),
        timer,
    })
}

/// The dialog of an INVITE that came in. As the library makes it, but for keeping hold of its numbers.
#[expect(clippy::result_large_err, reason = "the library's own error")]
fn dialog_of(
    core: &Core,
    transaction: &Transaction,
    credential: Option<Credential>,
    contact: &Uri,
) -> rsipstack::Result<(Arc<DialogInner>, DialogStateReceiver)> {
    let (state_sender, states) = core.layer.new_dialog_state_channel();
    let mut id = DialogId::try_from(transaction)?;
    id.local_tag = make_tag().to_string();
    let request = transaction.original.clone();
    let inner = DialogInner::new(
        TransactionRole::Server,
        id,
        request.clone(),
        core.endpoint.clone(),
        state_sender,
        credential,
        Some(contact.clone()),
        transaction.tu_sender.clone(),
    )?;
    let mut target = request.typed_contact_headers()?.into_iter().next().map(|one| one.uri);
    let by = transaction.connection.as_ref().map(|connection| connection.transport());
    if let (Some(uri), Some(by)) = (&mut target, by.filter(|by| *by != Transport::Udp))
        && uri.transport().is_none()
    {
        uri.params.push(Param::Transport(by));
    }
    if let Some(uri) = target {
        inner.set_remote_target(uri, request.contact_header().ok().cloned());
    }
    inner.set_server_connection(transaction.connection.clone());
    Ok((Arc::new(inner), states))
}

/// 100 at once, then what it is told, until the ACK, a CANCEL, or the end of time for either.
pub(super) async fn drive_invite(mut dialog: InviteDialog, mut transaction: Transaction) -> Done {
    if let Err(error) = dialog.handle(&mut transaction).await {
        debug!(%error, "INVITE ended");
    }
    // After a CANCEL the library leaves its 487 alone; it is to be repeated until the ACK.
    if transaction.state == TransactionState::Completed {
        acknowledged(&mut transaction).await;
    }
    Done::Invite(0, None)
}

impl Call {
    /// 200.
    pub fn accept(&mut self, body: Vec<u8>) {
        self.phase = Phase::Accepted;
        self.reliable.iter_mut().for_each(Reliable::rest);
        self.session.clone_from(&body);
        let mut headers = vec![message::session_type()];
        headers.extend(self.timer.iter().flat_map(SessionTimer::headers));
        self.log(self.dialog.accept(Some(headers), Some(body)));
    }

    /// 180.
    pub fn ring(&mut self) {
        let invite = self.dialog.initial_request();
        let number = sequence(&invite).unwrap_or_default();
        self.reliable = Reliable::required(&invite, number, crate::clock::now());
        if self.reliable.is_some() && message::session_of(&invite).is_none() {
            // The first message that is sure to arrive would have to carry the offer: that will be our 200.
            self.reliable = None;
            return;
        }
        let headers = self.reliable.as_ref().map(Reliable::headers);
        self.log(self.dialog.ringing(headers, None));
    }

    /// 183.
    pub fn progress(&mut self, body: Vec<u8>) {
        let wants_proof = message::has_option(
            message::list_of(&self.dialog.initial_request().headers, "Require"),
            "100rel",
        );
        if wants_proof {
            return self.ring();
        }
        self.log(self.dialog.ringing(Some(vec![message::session_type()]), Some(body)));
    }

    /// The 180 was not acknowledged yet. One that never is ends the call (RFC 3262 section 3).
    pub async fn ring_again(&mut self) {
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

    pub fn log(&self, result: rsipstack::Result<()>) {
        if let Err(error) = result {
            debug!(call = %self.id, %error, "not sent");
        }
    }

    /// A final response to the INVITE, with headers that the library's own `reject` has no room for.
    pub fn refuse(&self, invite: &TransactionEventSender, code: u16, reason: &str, headers: Vec<Header>) {
        refuse(&self.core, &self.dialog, invite, message::status(code, reason), headers);
    }
}

/// A final response with our tag in To, for the task that drives the INVITE.
pub(super) fn refuse(
    core: &Core,
    dialog: &InviteDialog,
    invite: &TransactionEventSender,
    status: StatusCode,
    headers: Vec<Header>,
) {
    let request = dialog.initial_request();
    let mut response = core.endpoint.make_response(&request, status, None);
    let tag = dialog.id().local_tag;
    for header in response.headers.iter_mut() {
        match header {
            Header::To(to) if !grammar::has_tag(&to.0) => *to = to.with_tag(tag.clone().into()),
            _ => {}
        }
    }
    response.headers.extend(headers);
    let said = response
        .headers
        .iter()
        .any(|header| matches!(header, Header::Reason(_)));
    let reason = reason::of_refusal(response.status_code.code()).filter(|_| !said);
    response.headers.extend(reason.into_iter().collect::<Vec<_>>());
    // Fails where a CANCEL was quicker.
    let _ = invite.send(TransactionEvent::Respond(response));
}
