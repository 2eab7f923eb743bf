//! Calls that we place: where to, by which trunk, and with whose credentials.
//!
//! It prepares each INVITE and drives it; where else a call is tried is said by `elsewhere`, and what becomes of it by the
//! dialog. It knows no bodies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::DialogId;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogInner, DialogStateReceiver};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::uri::ParamsExt;
use rsipstack::sip::{Auth, Header, Response, Scheme, SipMessage, Uri};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::debug;

use super::apart::Leg;
use super::attempts::{Attempts, Policy};
use super::call::{Call, Done, Parts, Side, is_success};
use super::session_timer;
use crate::sip::core::Core;
use crate::sip::gate::Binding;
use crate::sip::message::{self, DialogKey, grammar, identity, numbers};
use crate::sip::names::{SILENCE, Transport};
use crate::sip::outbound::{Channel, Full};
use crate::sip::registry::{Entered, Input};
use crate::sip::{Action, CallId, CallerId, Ended, Event, Redirects, Refuser, Trunk};

/// The user of From where neither the action nor a trunk names one.
const OURSELVES: &str = "offhook";
/// What stays the same from one attempt to the next.
pub(super) struct Placing {
    pub order: Arc<Order>,
    pub attempts: Attempts,
    /// The place that is tried, and its session where the peer wants a longer one.
    pub way: Way,
    pub least: Option<Duration>,
    /// Said if nothing else comes of it.
    pub last: Option<Response>,
    /// Its place on the trunk.
    channel: Option<Channel>,
}

/// Why there is no call.
enum NotPlaced {
    Full(Full),
    Failed(String),
}

impl From<String> for NotPlaced {
    fn from(why: String) -> Self {
        NotPlaced::Failed(why)
    }
}

/// What was asked for.
pub(super) struct Order {
    /// As it was written, for words.
    to: String,
    callee: Uri,
    user: String,
    trunk: Option<Trunk>,
    /// A registered one of our own.
    phone: Option<Binding>,
    offer: Vec<u8>,
    /// Of the INVITE, beside the usual ones.
    headers: Vec<Header>,
}

/// A place and an address of it; the rest are for when that one does not answer.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub uri: Uri,
    pub destination: SipAddr,
    pub rest: VecDeque<SipAddr>,
}

/// One placed call, from `Dial` on.
pub(in crate::sip) async fn place(core: Arc<Core>, entered: Entered, inputs: mpsc::Receiver<Input>, dial: Action) {
    match set_out(&core, entered, inputs, dial, Vec::new()).await {
        Ok(task) => task.run().await,
        Err(event) => core.tell(*event).await,
    }
}

/// The call to run, its INVITE with these `headers`; else what is to be told of its end.
pub(super) async fn set_out(
    core: &Arc<Core>,
    entered: Entered,
    mut inputs: mpsc::Receiver<Input>,
    dial: Action,
    headers: Vec<Header>,
) -> Result<Call, Box<Event>> {
    let call = dial.call();
    let prepared = tokio::select! {
        prepared = prepare(core, dial, headers) => prepared,
        () = given_up(&mut inputs) => return Err(Box::new(Event::Ended { call, cause: Ended::ByUs })),
    };
    let begun = prepared.and_then(|placing| Ok(begin(core, entered, inputs, placing)?));
    begun.map_err(|not_placed| {
        Box::new(match not_placed {
            NotPlaced::Failed(error) => Event::Ended {
                call,
                cause: Ended::Failed(error),
            },
            NotPlaced::Full(full) => Event::Refused {
                call,
                code: 503,
                by: Refuser::Us,
                reason: full.why,
                retry_after: Some(full.again),
            },
        })
    })
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

async fn prepare(core: &Core, dial: Action, headers: Vec<Header>) -> Result<Placing, NotPlaced> {
    let Action::Dial {
        to, from, trunk, offer, ..
    } = dial
    else {
        return Err(NotPlaced::Failed("nothing to dial".to_owned()));
    };
    let trunk = match trunk {
        Some(name) => {
            let known = core.trunk(&name).ok_or_else(|| format!("no trunk `{name}`"))?;
            Some(known.clone())
        }
        None => None,
    };
    let channel = match &trunk {
        Some(trunk) => Some(core.lines.place(trunk, crate::clock::now()).map_err(NotPlaced::Full)?),
        None => None,
    };
    let phone = if trunk.is_none() { core.phone_of(&to) } else { None };
    let callee = callee(
        phone.as_ref().map_or(to.as_str(), |phone| phone.uri.as_str()),
        trunk.as_ref(),
    )?;
    let user = from
        .or_else(|| trunk.as_ref().map(|trunk| trunk.user().to_owned()))
        .unwrap_or_else(|| OURSELVES.to_owned());
    let policy = Policy {
        trunk: trunk.clone(),
        user: message::party_of(&callee).user,
    };
    let order = Order {
        to,
        callee: callee.clone(),
        user,
        trunk,
        phone,
        offer,
        headers,
    };
    let order = Arc::new(order);
    let mut way = order.way(core, callee.clone()).await?;
    let mut attempts = Attempts::new(callee, policy);
    attempts.at(std::mem::take(&mut way.rest));
    Ok(Placing {
        order,
        attempts,
        way,
        least: None,
        last: None,
        channel,
    })
}

impl Order {
    /// By a redirection, to any host and number: those are looked at like any other that is dialled.
    pub fn may_be_led_anywhere(&self) -> bool {
        self.trunk
            .as_ref()
            .is_some_and(|trunk| trunk.redirects == Redirects::Anywhere)
    }

    /// To a place that nobody was sent to yet.
    pub async fn way(&self, core: &Core, uri: Uri) -> Result<Way, String> {
        let insecure = |trunk: &Trunk| !trunk.transport.is_secure();
        if uri.scheme == Some(Scheme::Sips) && self.by_trunk(&uri).is_some_and(insecure) {
            return Err(format!("`{}` is to be reached by TLS, and the trunk is not", self.to));
        }
        let addresses = core.resolver.all(&self.target(&uri)?).await?;
        self.open(core, uri, addresses).await
    }

    fn target(&self, uri: &Uri) -> Result<SipAddr, String> {
        match self.by_trunk(uri) {
            Some(trunk) => trunk.target(),
            // Where its REGISTER came from: behind NAT its Contact leads nowhere.
            None => match self.phone.as_ref().filter(|_| self.callee == *uri) {
                Some(phone) => Ok(SipAddr::new(phone.transport.wire(), phone.source.into())),
                None => Transport::sought(uri),
            },
        }
    }

    /// The first of the addresses that can be sent to.
    pub async fn open(&self, core: &Core, uri: Uri, mut rest: VecDeque<SipAddr>) -> Result<Way, String> {
        let mut why = format!("no address for `{}`", self.to);
        while let Some(destination) = rest.pop_front() {
            let transport = match Transport::found(&destination) {
                Ok(transport) => transport,
                Err(error) => {
                    why = format!("`{}`: {error}", self.to);
                    continue;
                }
            };
            if !transport.is_stream() && !core.listens_on(transport) {
                why = format!(
                    "`{}` is reached by {transport}, but SIP does not listen on {transport}",
                    self.to
                );
                continue;
            }
            if let Err(error) = core.open(&destination, &self.target(&uri)?).await {
                why = error;
                continue;
            }
            // What follows the INVITE goes where that went.
            core.resolver.prefer(&self.target(&uri)?, &destination);
            return Ok(Way { uri, destination, rest });
        }
        Err(why)
    }

    /// The trunk, where a call to `uri` goes through it: what it was redirected to is reached directly.
    fn by_trunk(&self, uri: &Uri) -> Option<&Trunk> {
        let by_proxy = |trunk: &&Trunk| self.callee == *uri || trunk.outbound_proxy.is_some();
        self.trunk.as_ref().filter(by_proxy)
    }

    pub fn invite(&self, core: &Core, way: &Way, least: Option<Duration>) -> Result<InviteOption, String> {
        let transport = Transport::found(&way.destination)?;
        let trunk = self.trunk.as_ref();
        let contact = core.contact(&self.user, transport, way.destination.get_socketaddr().ok());
        // The caller's address is the trunk's to give; without one it is our own.
        let caller = Uri {
            auth: Some(Auth {
                user: self.user.clone(),
                password: None,
            }),
            host_with_port: trunk.map_or(Ok(contact.host_with_port.clone()), |trunk| trunk.domain())?,
            params: Vec::new(),
            ..contact.clone()
        };
        let host = &way.uri.host_with_port.host;
        let through = self.by_trunk(&way.uri);
        let routed =
            |trunk: &&Trunk| trunk.outbound_proxy.is_some() || trunk.domain().is_ok_and(|domain| domain.host != *host);
        let policy = trunk.map_or(CallerId::Plain, |trunk| trunk.caller_id);
        let mut headers = identity::headers(policy, &caller);
        headers.extend(least.into_iter().flat_map(session_timer::no_shorter_than));
        headers.extend(self.headers.iter().cloned());
        let (name, caller) = match identity::from(policy) {
            Some((name, anonymous)) => (Some(name), anonymous),
            None => (None, caller),
        };
        // Who is redirected to a stranger does not prove to the stranger who it is: the proof could be tried offline.
        let known = |trunk: &&Trunk| through.is_some() || trunk.owns(host);
        Ok(InviteOption {
            caller_display_name: name,
            caller,
            callee: way.uri.clone(),
            destination: Some(way.destination.clone()),
            content_type: Some(message::ACCEPT.to_owned()),
            offer: Some(self.offer.clone()),
            contact,
            credential: trunk.filter(known).map(Trunk::credential),
            headers: Some(headers),
            route_set: through
                .filter(routed)
                .map(|trunk| trunk.route())
                .transpose()?
                .into_iter()
                .collect(),
            ..InviteOption::default()
        })
    }
}

/// What is dialled, as a Request-URI: by a trunk, numbers are the trunk's.
pub(super) fn callee(to: &str, trunk: Option<&Trunk>) -> Result<Uri, String> {
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
            format!("sip:{}@{}", numbers::dialled(&trunk.numbers, &number), trunk.server)
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

/// An INVITE, ready to be sent.
pub(super) struct Attempt {
    pub dialog: InviteDialog,
    pub inner: Arc<DialogInner>,
    pub credential: Option<Credential>,
    pub states: DialogStateReceiver,
    pub contact: Uri,
    /// The far end of its connection.
    pub flow: Option<SipAddr>,
    pub transaction: Transaction,
}

pub(super) fn attempt(core: &Core, option: InviteOption) -> Result<Attempt, String> {
    let say = |error: rsipstack::Error| error.to_string();
    let contact = option.contact.clone();
    let destination = option.destination.clone();
    let flow = destination.clone();
    let (state_sender, states) = core.layer.new_dialog_state_channel();
    // As the library does it, but for keeping hold of the dialog's numbers: PRACKs, which are ours, count as well.
    let mut request = core.layer.make_invite_request(&option).map_err(say)?;
    request.body = option.offer.unwrap_or_default();
    let length = u32::try_from(request.body.len()).unwrap_or(u32::MAX);
    request.headers.unique_push(Header::ContentLength(length.into()));
    let key = TransactionKey::from_request(&request, TransactionRole::Client).map_err(say)?;
    let mut transaction = Transaction::new_client(key, request.clone(), core.endpoint.clone(), None);
    transaction.destination = destination;
    let id = DialogId::try_from(&transaction).map_err(say)?;
    let inner = DialogInner::new(
        TransactionRole::Client,
        id,
        request,
        core.endpoint.clone(),
        state_sender,
        option.credential.clone(),
        Some(contact.clone()),
        transaction.tu_sender.clone(),
    );
    let inner = Arc::new(inner.map_err(say)?);
    Ok(Attempt {
        dialog: InviteDialog::from_inner(inner.clone()),
        inner,
        credential: option.credential,
        states,
        contact,
        flow,
        transaction,
    })
}

fn begin(
    core: &Arc<Core>,
    entered: Entered,
    inputs: mpsc::Receiver<Input>,
    mut placing: Placing,
) -> Result<Call, String> {
    let option = placing.order.invite(core, &placing.way, None)?;
    let first = attempt(core, option)?;
    entered.has_dialog(key_of(&first.dialog));
    let mut work = JoinSet::new();
    let driven = drive(core.clone(), entered.call(), 0, first.inner.clone(), first.transaction);
    let invite = work.spawn(driven);
    let parts = Parts {
        entered,
        inputs,
        states: first.states,
        dialog: first.dialog,
        inner: first.inner,
        credential: first.credential,
        side: Side::Caller,
        contact: first.contact,
        flow: first.flow,
        work,
        invite,
        timer: None,
        session: placing.order.offer.clone(),
        channel: placing.channel.take(),
    };
    let mut call = Call::new(core.clone(), parts);
    call.patience = placing.attempts.has_more().then(|| crate::clock::now() + SILENCE);
    call.placing = Some(Box::new(placing));
    Ok(call)
}

pub(super) fn key_of(dialog: &InviteDialog) -> DialogKey {
    let id = dialog.id();
    DialogKey {
        call_id: id.call_id,
        local_tag: id.local_tag,
    }
}

/// The INVITE with its challenges, to its final response. After a 2xx, repetitions of it are acknowledged again, and a
/// 2xx of another branch of a fork is acknowledged and hung up on (RFC 3261 §13.2.2.4), until the call is over.
pub(super) async fn drive(
    core: Arc<Core>,
    call: CallId,
    attempt: u32,
    inner: Arc<DialogInner>,
    mut transaction: Transaction,
) -> Done {
    let dialog = InviteDialog::from_inner(inner.clone());
    let (id, response) = match dialog.process_invite(&mut transaction).await {
        Ok((id, Some(response))) => (id, response),
        Ok((_, None)) => return Done::Invite(attempt, Some(Err("no final response".to_owned()))),
        Err(error) => return Done::Invite(attempt, Some(Err(error.to_string()))),
    };
    if !is_success(&response) {
        return Done::Invite(attempt, Some(Ok(response)));
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
        if let Some(mut leg) = Leg::of_response(&dialog.snapshot(), &response) {
            leg.sequence = inner.increment_local_seq();
            let core = core.clone();
            let reason = Header::Reason("SIP;cause=200;text=\"Call completed elsewhere\"".into());
            core.clone()
                .tasks
                .spawn(async move { leg.bye(&core, Some(reason)).await });
        }
    }
    Done::Invite(attempt, None)
}

/// A BYE past the library's dialog, for where that refuses to send one.
pub(super) fn send_bye_apart(call: &Call, reason: Option<Header>) {
    let mut leg = Leg::of_call(call);
    leg.sequence = call.inner.increment_local_seq();
    let core = call.core.clone();
    core.clone().tasks.spawn(async move { leg.bye(&core, reason).await });
}
