//! What every part of the user agent may need: the library, what the parts share, how others reach us, and who reads the events.
//!
//! It knows no calls but which there are, and no registrations of ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use rsipstack::dialog::authenticate::{AuthRetry, Credential, handle_client_authenticate};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{Auth, Header, Method, Request, Response, Scheme, SipMessage, Uri};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::sip::gate::{Admission, Binding, Gate};
use crate::sip::names::{Resolver, Transport};
use crate::sip::outbound::{Lines, Refusal, Tolls};
use crate::sip::registry::Registry;
use crate::sip::tasks::Tasks;
use crate::sip::wire::Streams;
use crate::sip::{Action, CallId, Config, Event, Refuser, Trunk, message};

pub(super) struct Core {
    pub endpoint: EndpointInnerRef,
    pub layer: DialogLayer,
    pub streams: Arc<Streams>,
    pub resolver: Arc<Resolver>,
    pub admission: Arc<Admission>,
    pub registry: Arc<Registry>,
    pub tasks: Arc<Tasks>,
    pub lines: Arc<Lines>,
    pub events: mpsc::Sender<Event>,
    pub config: Config,
    pub gate: Arc<Gate>,
    /// Where it listens, in the order of the configuration, the ports as they are.
    pub local: Vec<(Transport, SocketAddr)>,
    pub tolls: Mutex<Tolls>,
    pub closing: AtomicBool,
    pub calls: AtomicU64,
}

/// The day of UTC, since 1970.
fn today() -> i64 {
    crate::clock::wall().as_second().div_euclid(24 * 3600)
}

impl Core {
    /// Nothing is begun any more.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    pub fn next_call(&self) -> CallId {
        CallId(self.calls.fetch_add(1, Relaxed))
    }

    pub fn tolls(&self) -> std::sync::MutexGuard<'_, Tolls> {
        self.tolls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(&self, to: &str, placed: Option<CallId>) -> Result<(), Refusal> {
        self.tolls().permit(to, placed, today(), crate::clock::now())
    }

    /// Whether a call might be placed now.
    pub fn would_permit(&self, to: &str) -> Result<(), Refusal> {
        self.tolls().would_permit(to, today(), crate::clock::now())
    }

    /// Whether a call may be redirected there.
    pub fn permits(&self, to: &str) -> bool {
        self.permit(to, None).is_ok()
    }

    /// The one place that every call and transfer passes on its way out; what is told of one that may not leave.
    pub fn refusal(&self, action: &Action) -> Option<Event> {
        let (to, placed) = match action {
            // To the other end of a call that is there already.
            Action::Refer { to, replaces, .. } if to.is_empty() && replaces.is_some() => return None,
            Action::Refer { to, .. } => (to, None),
            // A phone of our own costs nothing.
            Action::Dial { to, trunk: None, .. } if self.phone_of(to).is_some() => return None,
            Action::Dial { call, to, .. } => (to, Some(*call)),
            Action::Ring { .. }
            | Action::Progress { .. }
            | Action::Accept { .. }
            | Action::Refuse { .. }
            | Action::Answer { .. }
            | Action::RefuseChange { .. }
            | Action::Hangup { .. } => return None,
        };
        let refusal = self.permit(to, placed).err()?;
        let (call, code) = (action.call(), 403);
        warn!(%call, "not permitted: {refusal}");
        Some(match placed {
            None => Event::Transferred { call, code },
            Some(call) => Event::Refused {
                call,
                code,
                by: Refuser::Us,
                reason: refusal.to_string(),
                retry_after: None,
            },
        })
    }

    /// Answers what belongs to no call, and sees the answer through.
    pub fn answer(&self, mut transaction: Transaction, code: u16, headers: Vec<Header>) {
        self.tasks
            .spawn(async move { finish(&mut transaction, code, headers).await });
    }

    /// Sends a request of ours, and its final response. Where it is asked who we are, it goes once more with the proof by `credential`; `next` numbers
    /// that one.
    pub async fn ask(
        &self,
        request: Request,
        destination: SipAddr,
        credential: Option<&Credential>,
        next: impl Fn() -> u32,
    ) -> Result<Response, String> {
        let say = |error: rsipstack::Error| error.to_string();
        let key = TransactionKey::from_request(&request, TransactionRole::Client).map_err(say)?;
        let mut transaction = Transaction::new_client(key, request, self.endpoint.clone(), None);
        transaction.destination = Some(destination);
        transaction.send().await.map_err(say)?;
        let mut retry = AuthRetry::new();
        while let Some(message) = transaction.receive().await {
            let SipMessage::Response(response) = message else {
                continue;
            };
            match (response.status_code.code(), credential) {
                (100..200, _) => {}
                (401 | 407, Some(credential)) if retry.should_answer(&response) => {
                    let again = handle_client_authenticate(next(), &transaction, response.clone(), credential).await;
                    // A challenge that cannot be answered is a refusal.
                    let Ok(again) = again else { return Ok(response) };
                    transaction = again;
                    transaction.send().await.map_err(say)?;
                }
                _ => return Ok(response),
            }
        }
        Err("no response".to_owned())
    }

    /// Where the peer is to reach us, for a Contact.
    pub fn contact(&self, user: &str, transport: Transport, peer: Option<SocketAddr>) -> Uri {
        let ours = || self.local.iter().filter(|(one, _)| *one == transport);
        let family = |(_, bound): &&(Transport, SocketAddr)| peer.is_none_or(|peer| peer.is_ipv4() == bound.is_ipv4());
        let bound = ours()
            .find(family)
            .or_else(|| ours().next())
            .or(self.local.first())
            .map(|(_, bound)| *bound);
        let bound = bound.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060));
        let ip = match self.config.advertised {
            Some(ip) => ip,
            None if bound.ip().is_unspecified() => peer.and_then(address_towards).unwrap_or(bound.ip()),
            None => bound.ip(),
        };
        let plain = !user.is_empty()
            && user
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
        Uri {
            scheme: Some(Scheme::Sip),
            auth: plain.then(|| Auth {
                user: user.to_owned(),
                password: None,
            }),
            host_with_port: SocketAddr::new(ip, bound.port()).into(),
            params: transport.parameters(),
            headers: Vec::new(),
        }
    }

    /// Where `target` is, by the resolver; and where it takes a connection, one is open.
    pub async fn way_to(&self, target: &SipAddr) -> Result<SipAddr, String> {
        let found = self.resolver.find(target).await?;
        self.open(&found, target).await?;
        Ok(found)
    }

    /// A connection to `found`, one of the places of `target`, where it takes one.
    pub async fn open(&self, found: &SipAddr, target: &SipAddr) -> Result<(), String> {
        self.streams.ensure(found, &target.addr.host.to_string()).await
    }

    /// The phone of a registered user that is rung where `to` is nothing but their name.
    pub fn phone_of(&self, to: &str) -> Option<Binding> {
        self.gate.contacts(to, crate::clock::now()).into_iter().next()
    }

    pub fn listens_on(&self, transport: Transport) -> bool {
        self.local.iter().any(|(one, _)| *one == transport)
    }

    /// Waits while the reader of events is behind.
    pub async fn tell(&self, event: Event) {
        self.tolls().told(&event, crate::clock::now());
        // Nobody reads any more: then nobody is told.
        let _ = self.events.send(event).await;
    }

    pub fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.config.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// The trunk whose calls come from `source`: by its list of addresses, or because its server was last found there. Where
    /// several are, it is the one that registered as `user`, to whom the call is.
    pub fn trunk_at(&self, source: Option<SocketAddr>, user: Option<&str>) -> Option<&Trunk> {
        let source = source?.ip().to_canonical();
        let trunks = self.config.trunks.iter();
        let (listed, found): (Vec<_>, Vec<_>) = trunks
            .filter(|trunk| trunk.lists(source) || self.admission.is_of(source, &trunk.name))
            .partition(|trunk| trunk.lists(source));
        let called = |trunk: &&&Trunk| !trunk.username.is_empty() && user == Some(trunk.username.as_str());
        let mut all = listed.iter().chain(&found);
        let first = all.clone().next();
        all.find(called).or(first).copied()
    }
}

/// Where its message came from.
pub(super) fn source(transaction: &Transaction) -> Option<SocketAddr> {
    transaction
        .connection
        .as_ref()?
        .get_remote_addr()?
        .get_socketaddr()
        .ok()
}

/// Sends a final response, and drives the transaction until its ACK came, where one does, or the time for it is over.
pub(super) async fn finish(transaction: &mut Transaction, code: u16, headers: Vec<Header>) {
    if let Err(error) = transaction.reply_with(message::status(code, ""), headers, None).await {
        debug!(code, %error, "response not sent");
        return;
    }
    if transaction.original.method == Method::Invite {
        acknowledged(transaction).await;
    }
}

/// The ACK of the final response last sent, or `None` where it never came.
pub(super) async fn acknowledged(transaction: &mut Transaction) -> Option<Request> {
    while let Some(message) = transaction.receive().await {
        match message {
            SipMessage::Request(request) if request.method == Method::Ack => return Some(request),
            SipMessage::Request(_) | SipMessage::Response(_) => {}
        }
    }
    None
}

/// The address this machine sends from when it sends to `peer`. Nothing is sent.
fn address_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
