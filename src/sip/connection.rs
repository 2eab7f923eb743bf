//! One connection, from its first message to its end: a task that frames and sanitises what comes in and writes what goes out.
//!
//! It knows neither how the connection came about nor what the messages are about.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::SipMessage;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::gate::{Gate, Passage};
use super::raw::{Frame, frame};
use super::{Transport, strict, web};

/// Bytes that wait for a slow reader. One that lets more pile up is cut off.
const OUTBOX: usize = 1 << 20;
/// How often an idle connection is pinged: it holds NATs open and finds dead peers.
pub(super) const PING: Duration = Duration::from_secs(120);
/// Pings without a byte in return, after which the connection is closed: half an hour.
pub(super) const SILENT_PINGS: u32 = 15;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What a connection carries: bytes in which messages stand one after another, or messages of their own.
pub(super) enum Link {
    Bytes(Box<dyn Duplex>),
    Web(Box<web::Socket>),
}

impl Link {
    pub fn bytes(stream: impl Duplex + 'static) -> Link {
        Link::Bytes(Box::new(stream))
    }
}

pub(super) struct Connection {
    pub peer: SocketAddr,
    pub transport: Transport,
    /// As the library knows it.
    pub flow: SipAddr,
    pub gate: Arc<Gate>,
    /// When it is dropped, the library forgets the connection.
    pub incoming: mpsc::UnboundedSender<TransportEvent>,
    pub channel: SipConnection,
}

impl Connection {
    pub async fn run(self, link: Link, outgoing: mpsc::Receiver<TransportEvent>, stop: CancellationToken) {
        let why = match link {
            Link::Bytes(stream) => self.run_bytes(stream, outgoing, stop).await,
            Link::Web(socket) => web::run(&self, *socket, outgoing, stop).await,
        };
        debug!(peer = %self.peer, why, "connection closed");
    }

    async fn run_bytes(
        &self,
        stream: Box<dyn Duplex>,
        mut outgoing: mpsc::Receiver<TransportEvent>,
        stop: CancellationToken,
    ) -> &'static str {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut inbox, mut outbox) = (Vec::new(), Vec::new());
        let mut ping = tokio::time::interval(PING);
        ping.reset();
        let mut silent = 0;
        let why = loop {
            tokio::select! {
                () = stop.cancelled() => break "the connection was given up",
                read = reader.read_buf(&mut inbox) => match read {
                    Ok(0) | Err(_) => break "the peer closed it",
                    Ok(_) => {
                        silent = 0;
                        if !self.take(&mut inbox, &mut outbox) {
                            break "no telling where a message ends";
                        }
                    }
                },
                event = outgoing.recv() => match event {
                    Some(TransportEvent::Incoming(message, ..)) => outbox.extend_from_slice(&strict::routed(&message.to_bytes())),
                    Some(TransportEvent::New(_) | TransportEvent::Closed(_)) => {}
                    None => break "the library let go of it",
                },
                written = write(&mut writer, &outbox), if !outbox.is_empty() => match written {
                    Ok(0) | Err(_) => break "it could not be written to",
                    Ok(len) => drop(outbox.drain(..len)),
                },
                _ = ping.tick() => {
                    silent += 1;
                    if silent > SILENT_PINGS {
                        break "nothing came for half an hour";
                    }
                    // RFC 5626 section 3.5.1.
                    outbox.extend_from_slice(b"\r\n\r\n");
                }
            }
            if outbox.len() > OUTBOX {
                break "the peer does not read";
            }
        };
        let last = async {
            if !outbox.is_empty() && outbox.len() <= OUTBOX {
                let _ = writer.write_all(&outbox).await;
            }
            let _ = writer.shutdown().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), last).await;
        why
    }

    /// Hands on what is whole. `false` where the stream cannot be made sense of any more.
    fn take(&self, inbox: &mut Vec<u8>, outbox: &mut Vec<u8>) -> bool {
        loop {
            match frame(inbox, self.gate.limits().message) {
                Frame::Incomplete => return true,
                Frame::LineEnds(len) => {
                    if len >= 4 {
                        outbox.extend_from_slice(b"\r\n");
                    }
                    inbox.drain(..len);
                }
                Frame::Message(len) => {
                    let message: Vec<u8> = inbox.drain(..len).collect();
                    outbox.extend(self.pass(&message).unwrap_or_default());
                }
                Frame::Broken(len) => {
                    let head: Vec<u8> = inbox.drain(..len).collect();
                    outbox.extend(self.pass(&head).unwrap_or_default());
                    return false;
                }
            }
        }
    }

    /// Takes one message through the gate; what is to be answered at once.
    pub fn pass(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self.gate.pass(message, self.peer, self.transport, crate::clock::now()) {
            Passage::In(bytes) => {
                let message = SipMessage::try_from(bytes.as_slice()).ok()?;
                let message = SipConnection::update_msg_received(message, self.peer, self.transport.wire()).ok()?;
                let event = TransportEvent::Incoming(message, self.channel.clone(), self.flow.clone());
                // Fails only while the library shuts down.
                let _ = self.incoming.send(event);
                None
            }
            Passage::Back(reply) => Some(reply.bytes),
            Passage::Nothing => None,
        }
    }
}

/// TLS keeps what it is given until it is flushed.
async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<usize> {
    let len = writer.write(bytes).await?;
    writer.flush().await?;
    Ok(len)
}
