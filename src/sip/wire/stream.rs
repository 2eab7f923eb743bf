//! SIP over connections (TCP, TLS, WebSocket), through the gate.
//!
//! The library's own readers take any Content-Length and pass nothing through a seam, so the connections are ours: each
//! is one task, in [`connection`](super::connection). To the library it is a channel that stands for the connection's
//! remote address: responses, and requests within a dialog, go back over it. Here they are opened and taken. It knows
//! no calls.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connection::{Connection, Link};
use super::tls::Ends;
use super::web;
use crate::sip::gate::{Connected, Gate};
use crate::sip::names::Transport;
use crate::sip::tasks::Tasks;

/// Messages under way from the library to a connection's task, which never waits for the peer: full for moments only.
const OUTGOING: usize = 64;
/// For the connection itself, and again for what is agreed on before the first message.
const PATIENCE: Duration = Duration::from_secs(5);

pub(in crate::sip) struct Streams {
    endpoint: EndpointInnerRef,
    gate: Arc<Gate>,
    tasks: Arc<Tasks>,
    stop: CancellationToken,
    ends: Ends,
    open: Arc<AtomicUsize>,
    opening: Turns,
}

impl Streams {
    pub fn new(
        endpoint: EndpointInnerRef,
        gate: Arc<Gate>,
        tasks: Arc<Tasks>,
        stop: CancellationToken,
        ends: Ends,
    ) -> Streams {
        Streams {
            endpoint,
            gate,
            tasks,
            stop,
            ends,
            open: Arc::new(AtomicUsize::new(0)),
            opening: Turns::default(),
        }
    }

    /// Takes connections until the user agent closes.
    pub async fn accept(self: Arc<Self>, transport: Transport, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(place) = self.gate.connect(peer, transport, crate::clock::now()) else {
                        debug!(%peer, "a stranger's connection is closed, or one too many");
                        continue;
                    };
                    if self.open.load(Relaxed) >= self.gate.limits().connections {
                        debug!(%peer, "too many connections, this one is closed");
                        continue;
                    }
                    let open = (Open::count(self.open.clone()), Some(place));
                    let streams = self.clone();
                    self.tasks.spawn(async move {
                        match patiently(streams.agree(transport, stream)).await {
                            Ok(link) => streams.adopt(link, transport, peer, open).await,
                            Err(error) => debug!(%peer, %transport, error, "connection not taken"),
                        }
                    });
                }
                Err(error) => {
                    // Out of descriptors, mostly: to ask again at once would be a busy loop.
                    warn!(%error, "connection not taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// What comes before the first message from one who connected to us.
    async fn agree(&self, transport: Transport, stream: TcpStream) -> Result<Link, String> {
        let _ = stream.set_nodelay(true);
        let stream: Link = match transport.is_secure() {
            true => Link::bytes(self.ends.accept(stream).await?),
            false => Link::bytes(stream),
        };
        match (transport.is_web(), stream) {
            (true, Link::Bytes(stream)) => web::accept(stream, self.gate.limits().message).await,
            (_, link) => Ok(link),
        }
    }

    /// Sees to it that a connection to `destination` is open where it takes one, so that the library need not open one
    /// that passes no gate. It is to be `name`, as it was dialled.
    pub async fn ensure(&self, destination: &SipAddr, name: &str) -> Result<(), String> {
        let transport = destination.r#type.and_then(Transport::of).unwrap_or(Transport::Udp);
        if !transport.is_stream() {
            return Ok(());
        }
        let address = destination
            .get_socketaddr()
            .map_err(|_| format!("`{destination}` is no address"))?;
        let turn = self.opening.of(transport, address);
        let _one = turn.lock().await;
        if self.is_open(&flow(transport, address)) {
            return Ok(());
        }
        let link = match patiently(connect(address)).await {
            Ok(stream) => patiently(self.present(transport, name, stream)).await,
            Err(error) => Err(error),
        };
        let link = link.map_err(|error| format!("no {transport} connection to {name} ({address}): {error}"))?;
        let open = (Open::count(self.open.clone()), None);
        self.adopt(link, transport, address, open).await;
        Ok(())
    }

    /// What comes before the first message to one we connected to.
    async fn present(&self, transport: Transport, name: &str, stream: TcpStream) -> Result<Link, String> {
        let _ = stream.set_nodelay(true);
        let stream: Link = match transport.is_secure() {
            true => Link::bytes(self.ends.connect(name, stream).await?),
            false => Link::bytes(stream),
        };
        match (transport.is_web(), stream) {
            (true, Link::Bytes(stream)) => web::connect(transport, name, stream, self.gate.limits().message).await,
            (_, link) => Ok(link),
        }
    }

    /// The library lists a connection by its remote address until it is closed.
    pub fn is_open(&self, flow: &SipAddr) -> bool {
        let known = self.endpoint.transport_layer.get_addrs();
        let listeners = self.endpoint.transport_layer.get_listen_addrs().len();
        known.iter().skip(listeners).any(|known| known == flow)
    }

    async fn adopt(&self, link: Link, transport: Transport, peer: SocketAddr, held: Held) {
        let (outgoing, written) = mpsc::channel(OUTGOING);
        // The library asks for this kind of queue. What enters it has passed the gate.
        #[expect(clippy::disallowed_methods, reason = "the library's channel takes no other")]
        let (incoming, read) = mpsc::unbounded_channel();
        let stop = self.stop.child_token();
        let flow = flow(transport, peer);
        let channel =
            ChannelConnection::create_connection_bounded(read, outgoing, flow.clone(), Some(stop.clone())).await;
        let channel = match channel {
            Ok(channel) => SipConnection::Channel(channel),
            Err(error) => return warn!(%peer, %error, "connection not taken"),
        };
        let connection = Connection {
            peer,
            transport,
            flow,
            gate: self.gate.clone(),
            is_welcome: AtomicBool::new(!held.1.as_ref().is_some_and(Connected::is_stranger)),
            incoming,
            channel: channel.clone(),
        };
        self.endpoint.transport_layer.add_connection(channel);
        self.tasks.spawn(async move {
            let _held = held;
            connection.run(link, written, stop).await;
        });
    }
}

/// To each peer one at a time opens a connection, so that two calls to it share one, and a dead one holds nobody else up.
#[derive(Default)]
struct Turns(std::sync::Mutex<HashMap<(Transport, SocketAddr), Turn>>);

type Turn = Arc<Mutex<()>>;

impl Turns {
    fn of(&self, transport: Transport, address: SocketAddr) -> Arc<Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits for any more.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry((transport, address)).or_default().clone()
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| error.to_string())
}

async fn patiently<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = || Err(format!("nothing within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| late())
}

/// What the library calls a connection.
fn flow(transport: Transport, address: SocketAddr) -> SipAddr {
    SipAddr {
        r#type: Some(transport.wire()),
        addr: address.into(),
    }
}

/// Its place among all connections, and among those of its source.
type Held = (Open, Option<Connected>);

struct Open(Arc<AtomicUsize>);

impl Open {
    fn count(open: Arc<AtomicUsize>) -> Open {
        open.fetch_add(1, Relaxed);
        Open(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_holds_no_other_up() {
        let (turns, at) = (Turns::default(), |text: &str| text.parse().unwrap());
        let dead = turns.of(Transport::Tcp, at("192.0.2.1:5060"));
        let opening = dead.try_lock().unwrap();
        let again = turns.of(Transport::Tcp, at("192.0.2.1:5060"));
        assert!(again.try_lock().is_err(), "two calls share one connection");
        let other = turns.of(Transport::Tcp, at("192.0.2.2:5060"));
        assert!(other.try_lock().is_ok());
        drop(opening);
        drop((dead, again, other));
        let last = turns.of(Transport::Tls, at("192.0.2.1:5060"));
        assert_eq!(turns.0.lock().unwrap().len(), 1, "{last:?}");
    }
}
