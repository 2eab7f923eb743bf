//! The user agent as a whole: it starts and closes the rest, and hands each incoming request to the call it belongs to.
//!
//! What belongs to no call is answered here. It knows nothing of how a call proceeds.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{Auth, Header, Method, Scheme, SipMessage, Uri};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transaction::transaction::TransactionEvent;
use rsipstack::transaction::{CallIdFormat, Transaction, TransactionReceiver};
use rsipstack::transport::tcp_listener::{TcpListenerConnection, TcpListenerConnectionInner};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::admission::{self, Admission};
use super::gate::Gate;
use super::lines::Lines;
use super::outbound::{self, Tolls};
use super::registry::{DialogKey, Input, Invitation, Registry};
use super::replaces::{Malformed, Replaces};
use super::resolve::{Resolver, Shared};
use super::stream::Streams;
use super::tasks::Tasks;
use super::tls::Ends;
use super::udp::{GatedUdp, Sockets};
use super::{
    Action, Binding, Busy, CallId, Config, Counts, Event, Limits, Listen, StartError, Transport, dialog, keep_alive,
    message, placed, trunk,
};

/// Events that wait for their reader. When it is full new calls are refused with 503, and calls in progress wait.
const EVENTS: usize = 1024;
/// How long calls have to say goodbye when the user agent closes.
const GOODBYE: Duration = Duration::from_secs(2);

/// Dropped without [`close`](Self::close), it ends at once, and peers are not told.
pub struct UserAgent {
    core: Arc<Core>,
    stop: CancellationToken,
}

/// What every part of the user agent may need.
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
    gate: Arc<Gate>,
    tolls: Mutex<Tolls>,
    local: Vec<(Transport, SocketAddr)>,
    closing: AtomicBool,
    calls: AtomicU64,
    /// Of each trunk that is registered with.
    pub registrations: BTreeMap<String, Arc<trunk::Series>>,
}

impl UserAgent {
    /// Listens, and registers with the trunks that want it. Must be called on a tokio runtime.
    pub async fn start(config: Config) -> Result<(UserAgent, mpsc::Receiver<Event>), StartError> {
        if config.listen.is_empty() {
            return Err(StartError::NoListener);
        }
        trunk::check(&config)?;
        let ends = Ends::new(config.tls.clone()).map_err(StartError::Tls)?;
        let stop = CancellationToken::new();
        let (admission, registry) = (Arc::new(Admission::new(&config)), Arc::new(Registry::default()));
        let (seal, now) = (rand::random(), crate::clock::now());
        let gate = Gate::new(
            &config,
            limits(config.limits),
            admission.clone(),
            registry.clone(),
            seal,
            now,
        );
        let gate = Arc::new(gate);
        let resolver = Arc::new(Resolver::new(&config.name_servers));
        let layer = TransportLayer::new_with_domain_resolver(stop.clone(), Box::new(Shared(resolver.clone())));
        let sockets = Sockets::default();
        let mut local = Vec::new();
        let mut listeners = Vec::new();
        for listen in &config.listen {
            let bound = match listen.transport {
                Transport::Udp => listen_udp(listen, &config, &sockets, &gate, &layer, &stop).await?,
                stream => {
                    if stream.is_secure() && !ends.can_accept() {
                        return Err(StartError::NoCertificate(stream));
                    }
                    let (listener, bound) = listen_tcp(listen).await?;
                    listeners.push((stream, listener, bound));
                    bound
                }
            };
            local.push((listen.transport, bound));
        }
        let endpoint = build(&config, layer, &stop);
        let incoming = endpoint.incoming_transactions().map_err(stack)?;
        let endpoint = endpoint.inner;
        gate.watch(&endpoint);
        let tasks = Arc::new(Tasks::new());
        serve(&endpoint, &tasks, &listeners, config.advertised).await?;

        let streams = Streams::new(endpoint.clone(), gate.clone(), tasks.clone(), stop.clone(), ends);
        let (events, receiver) = mpsc::channel(EVENTS);
        let registered = config.trunks.iter().filter(|trunk| trunk.register.is_some());
        let registrations = registered.map(|trunk| (trunk.name.clone(), Arc::default())).collect();
        let core = Arc::new(Core {
            layer: DialogLayer::new(endpoint.clone()),
            endpoint,
            streams: Arc::new(streams),
            resolver,
            admission,
            registry,
            tasks,
            lines: Arc::new(Lines::default()),
            events,
            tolls: Mutex::new(Tolls::new(config.outbound.clone())),
            config,
            gate,
            local,
            closing: AtomicBool::new(false),
            calls: AtomicU64::new(1),
            registrations,
        });
        for (transport, listener, _) in listeners {
            core.tasks.spawn(core.streams.clone().accept(transport, listener));
        }
        core.tasks.spawn(dispatch(core.clone(), incoming));
        if !core.config.trunks.is_empty() {
            core.tasks.spawn(admission::follow_trunks(core.clone()));
        }
        for trunk in core.config.trunks.iter().filter(|trunk| trunk.register.is_some()) {
            core.tasks.spawn(trunk::register(core.clone(), trunk.clone()));
        }
        for trunk in core.config.trunks.iter().filter(|trunk| trunk.keep_alive.is_some()) {
            core.tasks.spawn(keep_alive::keep_alive(core.clone(), trunk.clone()));
        }
        Ok((UserAgent { core, stop }, receiver))
    }

    /// Never waits. What a call's queue has no room for is refused; what is meant for a call that is over is taken and
    /// ignored.
    pub fn act(&self, action: Action) -> Result<(), Busy> {
        if let Some(refusal) = self.core.refusal(&action) {
            let core = self.core.clone();
            self.core.tasks.spawn(async move { core.tell(refusal).await });
            return Ok(());
        }
        if let Action::Dial { call, .. } = &action {
            let (entered, inputs) = self.core.registry.enter(*call).ok_or(Busy)?;
            self.core
                .tasks
                .spawn(placed::place(self.core.clone(), entered, inputs, action));
            return Ok(());
        }
        match self.core.registry.inputs(action.call()) {
            Some(inputs) => match inputs.try_send(Input::Action(action)) {
                Err(mpsc::error::TrySendError::Full(_)) => Err(Busy),
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// An id for a call to place.
    pub fn next_call(&self) -> CallId {
        self.core.next_call()
    }

    /// Where it listens, in the order of the configuration, the ports as they are.
    pub fn local(&self) -> Vec<(Transport, SocketAddr)> {
        self.core.local.clone()
    }

    /// The trunk whose calls come from `source`: by its addresses, or by that of its server as it was last found.
    pub fn trunk_of(&self, source: SocketAddr) -> Option<&str> {
        self.core.trunk_at(Some(source), None).map(|trunk| trunk.name.as_str())
    }

    pub fn counts(&self) -> Counts {
        Counts {
            dialogs: self.core.registry.len(),
            transactions: self.core.endpoint.get_stats().running_transactions,
            connections: self.core.streams.open(),
            tasks: self.core.tasks.len(),
            not_permitted: self.core.tolls().refused(),
            ..self.core.gate.counts()
        }
    }

    /// A call from `source` was for a number that nobody has: a source that dials many such is banned for a while, unless it is listed.
    pub fn misdialled(&self, source: SocketAddr) {
        self.core.gate.misdialled(source, crate::clock::now());
    }

    /// Calls may go to these addresses, as they are written, where [`Destinations::Named`](super::Destinations::Named) rules.
    pub fn name(&self, addresses: impl IntoIterator<Item = String>) {
        self.core.tolls().name(addresses);
    }

    /// Where the phones of a registered user are, the preferred and the newest first. An [`Action::Dial`] to the bare name rings the first of them.
    pub fn contacts(&self, user: &str) -> Vec<Binding> {
        self.core.gate.contacts(user, crate::clock::now())
    }

    /// Hangs up every call, takes back the registrations, ends all tasks and frees the ports. Peers have two seconds to
    /// answer.
    pub async fn close(self) {
        self.core.closing.store(true, Relaxed);
        for call in self.core.registry.calls() {
            let _ = self.act(Action::Hangup { call, cause: None });
        }
        let emptied = async {
            while self.core.registry.len() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, async { tokio::join!(emptied, trunk::leave(&self.core)) }).await;
        let mut tasks = self.halt();
        while tasks.join_next().await.is_some() {}
        // The library's own tasks end when they are next polled; the sockets are closed with the last of them.
        let gate = Arc::downgrade(&self.core.gate);
        drop(self);
        let gone = async {
            while gate.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), gone).await;
    }

    fn halt(&self) -> tokio::task::JoinSet<()> {
        let tasks = self.core.tasks.stop();
        self.stop.cancel();
        // Wakes what the library spawned to wait for a response: nothing would any more.
        self.core.endpoint.transactions.with(|transactions| {
            for (key, transaction) in transactions {
                let _ = transaction.send(TransactionEvent::Terminate(key.clone()));
            }
        });
        tasks
    }
}

impl Drop for UserAgent {
    fn drop(&mut self) {
        drop(self.halt());
    }
}

fn limits(limits: Limits) -> Limits {
    let longest = rsipstack::transport::connection::MAX_UDP_BUF_SIZE;
    Limits {
        message: limits.message.clamp(512, longest),
        ..limits
    }
}

fn stack(error: rsipstack::Error) -> StartError {
    StartError::Stack(error.to_string())
}

async fn listen_udp(
    listen: &Listen,
    config: &Config,
    sockets: &Sockets,
    gate: &Arc<Gate>,
    layer: &TransportLayer,
    stop: &CancellationToken,
) -> Result<SocketAddr, StartError> {
    let failed = |source| bind_error(listen, source);
    let socket = tokio::net::UdpSocket::bind(listen.address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let advertised = config.advertised.map(|ip| SocketAddr::new(ip, bound.port()));
    let socket = Arc::new(GatedUdp::new(socket, sockets, gate.clone()));
    let connection = UdpConnection::from_socket(socket, advertised, Some(stop.child_token())).await;
    layer.add_transport(connection.map_err(stack)?.into());
    Ok(bound)
}

async fn listen_tcp(listen: &Listen) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| bind_error(listen, source);
    let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn bind_error(listen: &Listen, source: std::io::Error) -> StartError {
    StartError::Bind {
        transport: listen.transport,
        address: listen.address,
        source,
    }
}

fn build(config: &Config, layer: TransportLayer, stop: &CancellationToken) -> rsipstack::transaction::Endpoint {
    let option = EndpointOption {
        callid_format: CallIdFormat::Uuid,
        ..EndpointOption::default()
    };
    EndpointBuilder::new()
        .with_transport_layer(layer)
        .with_cancel_token(stop.clone())
        .with_user_agent(&message::one_line(&config.user_agent))
        .with_inspector(Box::new(message::Inspector { allow: config.allow() }))
        .with_option(option)
        .build()
}

/// Starts the library. The listeners of connections are made known to it once it has started its own listeners: their addresses
/// belong into Via, but it is not to listen on them.
async fn serve(
    endpoint: &EndpointInnerRef,
    tasks: &Tasks,
    listeners: &[(Transport, TcpListener, SocketAddr)],
    advertised: Option<IpAddr>,
) -> Result<(), StartError> {
    let serving = endpoint.clone();
    let mut serving = Box::pin(async move { serving.serve().await });
    tokio::select! {
        biased;
        ended = &mut serving => return ended.map_err(stack),
        () = std::future::ready(()) => {}
    }
    for (transport, _, bound) in listeners {
        let address = SocketAddr::new(advertised.unwrap_or(bound.ip()), bound.port());
        let address = SipConnection::resolve_bind_address(address);
        // It stands for any kind of connection: only its address is ever asked for.
        let listener = TcpListenerConnection {
            inner: Arc::new(TcpListenerConnectionInner {
                local_addr: SipAddr::new(transport.wire(), address.into()),
                external: None,
            }),
        };
        endpoint
            .transport_layer
            .add_transport(SipConnection::TcpListener(listener));
    }
    tasks.spawn(async move {
        if let Err(error) = serving.await {
            warn!(%error, "the SIP stack stopped");
        }
    });
    Ok(())
}

async fn dispatch(core: Arc<Core>, mut incoming: TransactionReceiver) {
    while let Some(transaction) = incoming.recv().await {
        match DialogKey::of(&transaction.original) {
            Some(key) => core.hand_over(&key, transaction),
            None => core.outside(transaction),
        }
    }
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

    fn permit(&self, to: &str, placed: Option<CallId>) -> Result<(), outbound::Refusal> {
        let day = crate::clock::wall().as_second().div_euclid(24 * 3600);
        self.tolls().permit(to, placed, day, crate::clock::now())
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
                reason: refusal.to_string(),
                retry_after: None,
            },
        })
    }

    /// A request within a dialog.
    fn hand_over(&self, key: &DialogKey, transaction: Transaction) {
        self.pass(key, transaction, Input::Request);
    }

    /// A call in the place of another.
    fn replacing(&self, transaction: Transaction, replaces: Replaces) {
        let key = replaces.dialog.clone();
        self.pass(&key, transaction, |invite| Input::Replace(invite, replaces));
    }

    fn pass(&self, key: &DialogKey, transaction: Transaction, input: impl FnOnce(Box<Transaction>) -> Input) {
        let Some(inputs) = self.registry.owner(key) else {
            return self.answer(transaction, 481, Vec::new());
        };
        match inputs.try_reserve() {
            Ok(place) => place.send(input(Box::new(transaction))),
            Err(mpsc::error::TrySendError::Full(())) => {
                let soon = message::retry_after_header(Duration::from_secs(1));
                self.answer(transaction, 500, vec![soon]);
            }
            Err(mpsc::error::TrySendError::Closed(())) => self.answer(transaction, 481, Vec::new()),
        }
    }

    fn outside(self: &Arc<Self>, transaction: Transaction) {
        match transaction.original.method {
            Method::Invite => self.invited(transaction),
            Method::Options => self.answer(transaction, 200, message::capabilities()),
            // These exist within a dialog only.
            Method::Bye | Method::Info | Method::PRack | Method::Update | Method::Notify => {
                self.answer(transaction, 481, Vec::new());
            }
            Method::Ack | Method::Cancel => {}
            // The gate lets none of these in.
            Method::Message | Method::Publish | Method::Register | Method::Subscribe => {
                self.answer(transaction, 405, Vec::new())
            }
            // Only whom we talk to has us call others.
            Method::Refer => self.answer(transaction, 403, Vec::new()),
        }
    }

    fn invited(self: &Arc<Self>, transaction: Transaction) {
        let soon = || vec![message::retry_after_header(Duration::from_secs(5))];
        let Some(invitation) = Invitation::of(&transaction.original) else {
            return self.answer(transaction, 400, Vec::new());
        };
        if self.registry.is_invited(&invitation) {
            return self.answer(transaction, 482, Vec::new());
        }
        match Replaces::of(&transaction.original) {
            Ok(None) => {}
            Ok(Some(replaces)) => return self.replacing(transaction, replaces),
            Err(Malformed) => return self.answer(transaction, 400, Vec::new()),
        }
        let permit = self.events.clone().try_reserve_owned();
        let (Ok(permit), false) = (permit, self.is_closing()) else {
            return self.answer(transaction, 503, soon());
        };
        let Some((entered, inputs)) = self.registry.enter(self.next_call()) else {
            return self.answer(transaction, 503, soon());
        };
        entered.has_invitation(invitation);
        dialog::answer(self, entered, inputs, transaction, permit);
    }

    /// Answers what belongs to no call, and sees the answer through.
    pub fn answer(&self, mut transaction: Transaction, code: u16, headers: Vec<Header>) {
        self.tasks
            .spawn(async move { finish(&mut transaction, code, headers).await });
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
pub(super) async fn acknowledged(transaction: &mut Transaction) -> Option<rsipstack::sip::Request> {
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
