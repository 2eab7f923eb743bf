//! Calls that we place: where to, by which trunk, and with whose credentials.
//!
//! It prepares the INVITE and drives it; what becomes of the call is the dialog's. It knows no bodies.

use std::sync::Arc;

use rsipstack::dialog::dialog::DialogSnapshot;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::uri::ParamsExt;
use rsipstack::sip::{Auth, Header, Method, Request, Response, Scheme, SipMessage, Uri, typed};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::debug;

use super::agent::Core;
use super::dialog::{Call, Done, Parts, Side, is_success};
use super::registry::{DialogKey, Entered, Input};
use super::{Action, CallId, Ended, Event, Transport, Trunk, grammar, message};

/// The user of From where neither the action nor a trunk names one.
const OURSELVES: &str = "offhook";

/// One placed call, from `Dial` on.
pub(super) async fn place(core: Arc<Core>, entered: Entered, mut inputs: mpsc::Receiver<Input>, dial: Action) {
    let call = entered.call();
    let Action::Dial {
        to, from, trunk, offer, ..
    } = dial
    else {
        return;
    };
    let prepared = tokio::select! {
        prepared = prepare(&core, &to, from, trunk, offer) => prepared,
        () = given_up(&mut inputs) => {
            return core.tell(Event::Ended { call, cause: Ended::ByUs }).await;
        }
    };
    match prepared.and_then(|option| invite(&core, entered, inputs, option)) {
        Ok(task) => task.run().await,
        Err(error) => {
            core.tell(Event::Ended {
                call,
                cause: Ended::Failed(error),
            })
            .await
        }
    }
}

/// Until we are told to hang up; all else has no meaning yet.
async fn given_up(inputs: &mut mpsc::Receiver<Input>) {
    while let Some(input) = inputs.recv().await {
        if matches!(input, Input::Action(Action::Hangup { .. })) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

async fn prepare(
    core: &Core,
    to: &str,
    from: Option<String>,
    trunk: Option<String>,
    offer: Vec<u8>,
) -> Result<InviteOption, String> {
    let trunk = match trunk {
        Some(name) => Some(core.trunk(&name).ok_or_else(|| format!("no trunk `{name}`"))?),
        None => None,
    };
    let callee = callee(to, trunk)?;
    let transport = match trunk {
        Some(trunk) => trunk.transport,
        None => Transport::towards(&callee).ok_or_else(|| format!("`{to}`: its transport is not spoken here"))?,
    };
    if callee.scheme == Some(Scheme::Sips) && !transport.is_secure() {
        return Err(format!(
            "`{to}` is to be reached by TLS, and the trunk takes {transport}"
        ));
    }
    let target = match trunk {
        Some(trunk) => trunk.target()?,
        None => transport.target(&callee),
    };
    if !transport.is_stream() && !core.listens_on(transport) {
        return Err(format!(
            "`{to}` is reached by {transport}, but SIP does not listen on {transport}"
        ));
    }
    let destination = core.way_to(&target).await?;
    let peer = destination.get_socketaddr().ok();
    let user = from
        .or_else(|| trunk.map(|trunk| trunk.user().to_owned()))
        .unwrap_or_else(|| OURSELVES.to_owned());
    let contact = core.contact(&user, transport, peer);
    // The caller's address is the trunk's to give; without one it is our own.
    let caller = Uri {
        auth: Some(Auth { user, password: None }),
        host_with_port: trunk.map_or(Ok(contact.host_with_port.clone()), |trunk| trunk.domain())?,
        params: Vec::new(),
        ..contact.clone()
    };
    let elsewhere = trunk.filter(|trunk| {
        trunk
            .domain()
            .is_ok_and(|domain| domain.host != callee.host_with_port.host)
    });
    Ok(InviteOption {
        caller,
        callee,
        destination: Some(destination),
        content_type: Some(message::ACCEPT.to_owned()),
        offer: Some(offer),
        contact,
        credential: trunk.map(Trunk::credential),
        route_set: elsewhere.map(|trunk| trunk.route()).transpose()?.into_iter().collect(),
        ..InviteOption::default()
    })
}

/// What is dialled, as a Request-URI: by a trunk, numbers are the trunk's.
fn callee(to: &str, trunk: Option<&Trunk>) -> Result<Uri, String> {
    let to = to.trim();
    let lower = to.to_ascii_lowercase();
    let full = lower.starts_with("sip:") || lower.starts_with("sips:");
    let text = match trunk {
        _ if full => to.to_owned(),
        Some(trunk) => {
            let number = if lower.starts_with("tel:") {
                grammar::party_of_uri(to).user
            } else {
                to.to_owned()
            };
            format!("sip:{number}@{}", trunk.server)
        }
        None => return Err(format!("`{to}` is no SIP URI; a number needs a trunk")),
    };
    let text = grammar::escape_user(&text);
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) || !grammar::host_is_sound(&text) {
        return Err(format!("`{to}` is no SIP URI"));
    }
    let mut uri = Uri::try_from(text.as_str()).map_err(|_| format!("`{to}` is no SIP URI"))?;
    if let (Some(trunk), None) = (trunk, uri.transport()) {
        uri.params.extend(trunk.transport.parameters());
    }
    Ok(uri)
}

fn invite(
    core: &Arc<Core>,
    entered: Entered,
    inputs: mpsc::Receiver<Input>,
    option: InviteOption,
) -> Result<Call, String> {
    let contact = option.contact.clone();
    let session = option.offer.clone().unwrap_or_default();
    let flow = option.destination.clone();
    let (state_sender, states) = core.layer.new_dialog_state_channel();
    let created = core.layer.create_client_invite_dialog(option, state_sender);
    let (dialog, transaction) = created.map_err(|error| error.to_string())?;
    let id = dialog.id();
    entered.has_dialog(DialogKey {
        call_id: id.call_id,
        local_tag: id.local_tag,
    });
    let mut work = JoinSet::new();
    let invite = work.spawn(drive(core.clone(), entered.call(), dialog.clone(), transaction));
    let parts = Parts {
        entered,
        inputs,
        states,
        dialog,
        side: Side::Caller,
        contact,
        flow,
        work,
        invite,
        timer: None,
        session,
    };
    Ok(Call::new(core.clone(), parts))
}

/// The INVITE with its challenges, to its final response. After a 2xx, repetitions of it are acknowledged again, and a
/// 2xx of another branch of a fork is acknowledged and hung up on (RFC 3261 §13.2.2.4), until the call is over.
async fn drive(core: Arc<Core>, call: CallId, dialog: InviteDialog, mut transaction: Transaction) -> Done {
    let (id, response) = match dialog.process_invite(&mut transaction).await {
        Ok((id, Some(response))) => (id, response),
        Ok((_, None)) => return Done::Invite(Some(Err("no final response".to_owned()))),
        Err(error) => return Done::Invite(Some(Err(error.to_string()))),
    };
    if !is_success(&response) {
        return Done::Invite(Some(Ok(response)));
    }
    let mut known = vec![id.remote_tag];
    while !dialog.state().is_terminated() {
        let Some(message) = transaction.receive().await else {
            break;
        };
        let SipMessage::Response(response) = message else {
            continue;
        };
        let tag = response.to_header().ok().and_then(|to| to.tag().ok().flatten());
        let Some(tag) = tag.filter(|tag| is_success(&response) && !known.contains(&tag.0)) else {
            continue;
        };
        debug!(%call, "another branch of the call was answered too, it is hung up");
        known.push(tag.0);
        if let Some(leg) = leg_of(&dialog.snapshot(), &response) {
            let core = core.clone();
            core.clone().tasks.spawn(async move { bye(&core, leg).await });
        }
    }
    Done::Invite(None)
}

/// Enough of a dialog for a last request in it.
struct Leg {
    call_id: String,
    from: String,
    to: String,
    uri: Uri,
    routes: Vec<rsipstack::sip::Route>,
    sequence: u32,
}

/// The dialog that this 2xx of a fork made.
fn leg_of(snapshot: &DialogSnapshot, response: &Response) -> Option<Leg> {
    let routes = response.record_route_headers().into_iter().flat_map(|route| {
        rsipstack::sip::typed::Route::parse_header_list(route.value())
            .unwrap_or_default()
            .into_iter()
            .rev()
    });
    let mut routes: Vec<_> = routes.map(Into::into).collect();
    routes.reverse();
    Some(Leg {
        call_id: snapshot.id.call_id.clone(),
        from: snapshot.from.to_string(),
        to: response.to_header().ok()?.value().to_owned(),
        uri: response.typed_contact_headers().ok()?.into_iter().next()?.uri,
        routes,
        sequence: snapshot.local_cseq.saturating_add(1),
    })
}

/// A BYE past the library's dialog, for where that refuses to send one.
pub(super) fn send_bye_apart(call: &Call) {
    let snapshot = call.dialog.snapshot();
    let (local, remote) = match &call.side {
        Side::Caller => (snapshot.from.to_string(), snapshot.to.to_string()),
        Side::Callee(_) => (snapshot.to.to_string(), snapshot.from.to_string()),
    };
    let leg = Leg {
        call_id: snapshot.id.call_id,
        from: local,
        to: remote,
        uri: snapshot.remote_uri,
        routes: snapshot.route_set,
        sequence: snapshot.local_cseq.saturating_add(1),
    };
    let core = call.core.clone();
    core.clone().tasks.spawn(async move { bye(&core, leg).await });
}

async fn bye(core: &Core, leg: Leg) {
    let transport = Transport::towards(&leg.uri).unwrap_or(Transport::Udp).wire();
    let listeners = core.endpoint.transport_layer.get_listen_addrs();
    let ours = listeners.into_iter().find(|address| address.r#type == Some(transport));
    let Ok(via) = core.endpoint.get_via(ours, None) else {
        return;
    };
    let mut headers = vec![
        Header::Via(via.into()),
        Header::CallId(leg.call_id.into()),
        Header::From(leg.from.into()),
        Header::To(leg.to.into()),
        Header::CSeq(
            typed::CSeq {
                seq: leg.sequence,
                method: Method::Bye,
            }
            .into(),
        ),
        Header::MaxForwards(70.into()),
    ];
    headers.extend(leg.routes.into_iter().map(Header::Route));
    let request = Request {
        method: Method::Bye,
        uri: leg.uri,
        headers: headers.into(),
        body: Vec::new(),
        version: rsipstack::sip::Version::V2,
    };
    let Ok(key) = TransactionKey::from_request(&request, TransactionRole::Client) else {
        return;
    };
    let mut transaction = Transaction::new_client(key, request, core.endpoint.clone(), None);
    if transaction.send().await.is_ok() {
        while let Some(message) = transaction.receive().await {
            match message {
                SipMessage::Response(response) if response.status_code.code() >= 200 => return,
                SipMessage::Response(_) | SipMessage::Request(_) => {}
            }
        }
    }
}
