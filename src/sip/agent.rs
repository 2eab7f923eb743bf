//! The user agent as a whole: it starts and closes the rest, and hands each incoming request to the call it belongs to.
//!
//! What belongs to no call is answered here. It knows nothing of how a call proceeds.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::Method;
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transaction::transaction::TransactionEvent;
use rsipstack::transaction::{CallIdFormat, Transaction, TransactionReceiver};
use rsipstack::transport::tcp_listener::{TcpListenerConnection, TcpListenerConnectionInner};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::sip::core::Core;
use crate::sip::gate::{Admission, Binding, Gate, follow_trunks};
use crate::sip::message::{self, DialogKey, Invitation, Malformed, Replaces};
use crate::sip::names::{Resolver, Shared, Transport};
use crate::sip::outbound::{Lines, Tolls};
use crate::sip::registry::{Input, Registry};
use crate::sip::tasks::Tasks;
use crate::sip::trunk::{self, Standing};
use crate::sip::wire::{Ends, GatedUdp, Sockets, Streams};
use crate::sip::{Action, Busy, CallId, Config, Counts, Event, Limits, Listen, Room, StartError, Trunk, dialog};

/// Events that wait for their reader. When it is full new calls are refused with 503, and calls in progress wait.
const EVENTS: usize = 1024;
/// How long calls have to say goodbye when the user agent closes.
const GOODBYE: Duration = Duration::from_secs(2);

/// Dropped without [`close`](Self::close), it ends at once, and peers are not told.
pub struct UserAgent {
    core: Arc<Core>,
    /// The trunks that are registered with.
    registered: Vec<Arc<Standing>>,
    stop: CancellationToken,
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
        });
        for (transport, listener, _) in listeners {
            core.tasks.spawn(core.streams.clone().accept(transport, listener));
        }
        core.tasks.spawn(dispatch(core.clone(), incoming));
        if !core.config.trunks.is_empty() {
            let trunks = core.config.trunks.clone();
            core.tasks
                .spawn(follow_trunks(core.admission.clone(), core.resolver.clone(), trunks));
        }
        let registered = core.config.trunks.iter().filter(|trunk| trunk.register.is_some());
        let registered: Vec<_> = registered.cloned().map(Standing::new).map(Arc::new).collect();
        for standing in &registered {
            core.tasks.spawn(trunk::register(core.clone(), standing.clone()));
        }
        for trunk in core.config.trunks.iter().filter(|trunk| trunk.keep_alive.is_some()) {
            core.tasks.spawn(trunk::keep_alive(core.clone(), trunk.clone()));
        }
        let agent = UserAgent { core, registered, stop };
        Ok((agent, receiver))
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
                .spawn(dialog::place(self.core.clone(), entered, inputs, action));
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

    /// Calls may go to these addresses, as they are written, where [`Destinations::Named`](crate::sip::Destinations::Named) rules.
    pub fn name(&self, addresses: impl IntoIterator<Item = String>) {
        self.core.tolls().name(addresses);
    }

    /// Whether [`Config::outbound`](crate::sip::Config::outbound) lets calls go to `to` at all, by a trunk or by none.
    ///
    /// # Errors
    /// The rule that is against it, and how to change that.
    pub fn may_dial(&self, to: &str, by_trunk: bool) -> Result<(), String> {
        if !by_trunk && self.core.phone_of(to).is_some() {
            return Ok(());
        }
        self.core.tolls().allows(to).map_err(|refusal| refusal.to_string())
    }

    /// As [`UserAgent::may_dial`], and whether what calls may cost today leaves room for one more. Nothing is counted: only a call that is placed is.
    ///
    /// # Errors
    /// The rule that is against it.
    pub fn may_dial_now(&self, to: &str, by_trunk: bool) -> Result<(), String> {
        if !by_trunk && self.core.phone_of(to).is_some() {
            return Ok(());
        }
        self.core.would_permit(to).map_err(|refusal| refusal.to_string())
    }

    /// Each trunk of the configuration, in its order, and whether calls can be placed by it.
    pub fn trunks(&self) -> impl Iterator<Item = (&Trunk, Room)> {
        let trunks = self.core.config.trunks.iter();
        trunks.map(|trunk| (trunk, self.core.lines.room(trunk)))
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
        let _ = tokio::time::timeout(GOODBYE, async {
            tokio::join!(emptied, trunk::leave(&self.core, &self.registered))
        })
        .await;
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
        let transaction = Box::new(transaction);
        let passed = self
            .registry
            .with_owner(key, |inputs| match inputs.map(mpsc::Sender::try_reserve) {
                Some(Ok(place)) => {
                    place.send(input(transaction));
                    Ok(())
                }
                Some(Err(mpsc::error::TrySendError::Full(()))) => {
                    let soon = message::retry_after_header(Duration::from_secs(1));
                    Err((transaction, 500, vec![soon]))
                }
                Some(Err(mpsc::error::TrySendError::Closed(()))) | None => Err((transaction, 481, Vec::new())),
            });
        if let Err((transaction, code, headers)) = passed {
            self.answer(*transaction, code, headers);
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
}
