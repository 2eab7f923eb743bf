//! SIP over TCP, through the gate.
//!
//! The library's own TCP reader takes any Content-Length and passes nothing through a seam, so the connections are
//! ours: each is one task that frames and sanitises what comes in and writes what goes out. To the library it is a
//! channel that stands for the connection's remote address: responses, and requests within a dialog, go back over it.
//! It knows no calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::gate::{Gate, Passage};
use super::raw::{Frame, frame};
use super::tasks::Tasks;

/// Messages under way from the library to a connection's task, which never waits for the peer: full for moments only.
const OUTGOING: usize = 64;
/// Bytes that wait for a slow reader. One that lets more pile up is cut off.
const OUTBOX: usize = 1 << 20;
/// How often an idle connection is sent an empty line pair (RFC 5626 §3.5.1): it holds NATs open and finds dead peers.
const PING: Duration = Duration::from_secs(120);
/// Pings without a byte in return, after which the connection is closed: half an hour.
const SILENT_PINGS: u32 = 15;
const CONNECT: Duration = Duration::from_secs(5);

pub(super) struct Streams {
    endpoint: EndpointInnerRef,
    gate: Arc<Gate>,
    tasks: Arc<Tasks>,
    stop: CancellationToken,
    open: Arc<AtomicUsize>,
    /// One at a time opens connections, so that two calls to one peer share one.
    opening: Mutex<()>,
}

impl Streams {
    pub fn new(endpoint: EndpointInnerRef, gate: Arc<Gate>, tasks: Arc<Tasks>, stop: CancellationToken) -> Streams {
        Streams {
            endpoint,
            gate,
            tasks,
            stop,
            open: Arc::new(AtomicUsize::new(0)),
            opening: Mutex::new(()),
        }
    }

    /// Takes connections until the user agent closes.
    pub async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((_, peer)) if self.open.load(Relaxed) >= self.gate.limits().connections => {
                    warn!(%peer, "too many TCP connections, this one is closed");
                }
                Ok((stream, peer)) => self.adopt(stream, peer).await,
                Err(error) => {
                    // Out of descriptors, mostly: to ask again at once would be a busy loop.
                    warn!(%error, "TCP connection not taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Sees to it that a connection to `target` is open, so that the library need not open one that passes no gate.
    pub async fn ensure(&self, target: &SipAddr) -> Result<(), String> {
        let address = target
            .get_socketaddr()
            .map_err(|_| format!("`{target}` is no address"))?;
        let _one = self.opening.lock().await;
        if self.is_open(address) {
            return Ok(());
        }
        let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
        let stream = match connecting {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("no TCP connection to {address}: {error}")),
            Err(_) => return Err(format!("no TCP connection to {address} within {} s", CONNECT.as_secs())),
        };
        self.adopt(stream, address).await;
        Ok(())
    }

    /// The library lists a connection by its remote address until it is closed.
    pub fn is_open(&self, address: SocketAddr) -> bool {
        let known = self.endpoint.transport_layer.get_addrs();
        let listeners = self.endpoint.transport_layer.get_listen_addrs().len();
        known.iter().skip(listeners).any(|known| *known == tcp(address))
    }

    async fn adopt(&self, stream: TcpStream, peer: SocketAddr) {
        let (outgoing, written) = mpsc::channel(OUTGOING);
        // The library asks for this kind of queue. What enters it has passed the gate.
        #[expect(clippy::disallowed_methods, reason = "the library's channel takes no other")]
        let (incoming, read) = mpsc::unbounded_channel();
        let stop = self.stop.child_token();
        let channel = ChannelConnection::create_connection_bounded(read, outgoing, tcp(peer), Some(stop.clone())).await;
        let channel = match channel {
            Ok(channel) => SipConnection::Channel(channel),
            Err(error) => return warn!(%peer, %error, "TCP connection not taken"),
        };
        let connection = Connection {
            peer,
            gate: self.gate.clone(),
            incoming,
            channel: channel.clone(),
            inbox: Vec::new(),
            outbox: Vec::new(),
        };
        self.endpoint.transport_layer.add_connection(channel);
        let open = Open::count(self.open.clone());
        let _ = stream.set_nodelay(true);
        self.tasks.spawn(async move {
            let _open = open;
            connection.run(stream, written, stop).await;
        });
    }
}

fn tcp(address: SocketAddr) -> SipAddr {
    SipAddr {
        r#type: Some(Transport::Tcp),
        addr: address.into(),
    }
}

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

struct Connection {
    peer: SocketAddr,
    gate: Arc<Gate>,
    /// When it is dropped, the library forgets the connection.
    incoming: mpsc::UnboundedSender<TransportEvent>,
    channel: SipConnection,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

impl Connection {
    async fn run(mut self, stream: TcpStream, mut outgoing: mpsc::Receiver<TransportEvent>, stop: CancellationToken) {
        let (mut reader, mut writer) = stream.into_split();
        let mut ping = tokio::time::interval(PING);
        ping.reset();
        let mut silent = 0;
        let why = loop {
            tokio::select! {
                () = stop.cancelled() => break "the connection was given up",
                read = reader.read_buf(&mut self.inbox) => match read {
                    Ok(0) | Err(_) => break "the peer closed it",
                    Ok(_) => {
                        silent = 0;
                        if !self.take() {
                            break "no telling where a message ends";
                        }
                    }
                },
                event = outgoing.recv() => match event {
                    Some(TransportEvent::Incoming(message, ..)) => self.outbox.extend_from_slice(&message.to_bytes()),
                    Some(TransportEvent::New(_) | TransportEvent::Closed(_)) => {}
                    None => break "the library let go of it",
                },
                written = writer.write(&self.outbox), if !self.outbox.is_empty() => match written {
                    Ok(0) | Err(_) => break "it could not be written to",
                    Ok(len) => drop(self.outbox.drain(..len)),
                },
                _ = ping.tick() => {
                    silent += 1;
                    if silent > SILENT_PINGS {
                        break "nothing came for half an hour";
                    }
                    self.outbox.extend_from_slice(b"\r\n\r\n");
                }
            }
            if self.outbox.len() > OUTBOX {
                break "the peer does not read";
            }
        };
        debug!(peer = %self.peer, why, "TCP connection closed");
        if !self.outbox.is_empty() && self.outbox.len() <= OUTBOX {
            let _ = tokio::time::timeout(Duration::from_secs(1), writer.write_all(&self.outbox)).await;
        }
    }

    /// Hands on what is whole. `false` where the stream cannot be made sense of any more.
    fn take(&mut self) -> bool {
        loop {
            match frame(&self.inbox, self.gate.limits().message) {
                Frame::Incomplete => return true,
                Frame::LineEnds(len) => {
                    if len >= 4 {
                        self.outbox.extend_from_slice(b"\r\n");
                    }
                    self.inbox.drain(..len);
                }
                Frame::Message(len) => {
                    let message: Vec<u8> = self.inbox.drain(..len).collect();
                    self.pass(&message);
                }
                Frame::Broken(len) => {
                    let head: Vec<u8> = self.inbox.drain(..len).collect();
                    self.pass(&head);
                    return false;
                }
            }
        }
    }

    fn pass(&mut self, message: &[u8]) {
        match self.gate.pass(message, self.peer, crate::clock::now()) {
            Passage::In(bytes) => {
                let message = SipMessage::try_from(bytes.as_slice()).ok();
                let seen = |message| SipConnection::update_msg_received(message, self.peer, Transport::Tcp).ok();
                if let Some(message) = message.and_then(seen) {
                    let event = TransportEvent::Incoming(message, self.channel.clone(), tcp(self.peer));
                    // Fails only while the library shuts down.
                    let _ = self.incoming.send(event);
                }
            }
            Passage::Back(reply) => self.outbox.extend_from_slice(&reply.bytes),
            Passage::Nothing => {}
        }
    }
}
