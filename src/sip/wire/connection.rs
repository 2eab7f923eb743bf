//! One connection, from its first message to its end: a task that frames and sanitises what comes in and writes what goes out.
//!
//! It knows neither how the connection came about nor what the messages are about.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rsipstack::sip::SipMessage;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::web;
use crate::sip::gate::{Gate, Passage};
use crate::sip::message::{Frame, frame, strict};
use crate::sip::names::Transport;

/// Bytes that wait for a slow reader. One that lets more pile up is cut off.
pub(super) const OUTBOX: usize = 1 << 20;
/// How often an idle connection is pinged: it holds NATs open and finds dead peers.
pub(super) const PING: Duration = Duration::from_secs(120);
/// Pings without a byte in return, after which the connection is closed: half an hour.
pub(super) const SILENT_PINGS: u32 = 15;

/// How long a stranger may hold a connection before it says anything that is taken.
const STRANGERS: Duration = Duration::from_secs(30);

pub(in crate::sip) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

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
    /// It is no stranger's, or a request that came by it was taken.
    pub is_welcome: AtomicBool,
    /// When it is dropped, the library forgets the connection.
    pub incoming: mpsc::UnboundedSender<TransportEvent>,
    pub channel: SipConnection,
}

impl Connection {
    pub async fn run(self, link: Link, outgoing: mpsc::Receiver<TransportEvent>, stop: CancellationToken) {
        let work = async {
            match link {
                Link::Bytes(stream) => self.run_bytes(stream, outgoing, stop).await,
                Link::Web(socket) => web::run(&self, *socket, outgoing, stop).await,
            }
        };
        let why = tokio::select! {
            why = work => why,
            () = self.wears_out() => "a stranger said nothing that was taken",
        };
        debug!(peer = %self.peer, why, "connection closed");
    }

    /// Ends for those who are not welcome in time, and for nobody else.
    async fn wears_out(&self) {
        tokio::time::sleep(STRANGERS).await;
        if self.is_welcome.load(Relaxed) {
            std::future::pending().await
        }
    }

    async fn run_bytes(
        &self,
        stream: Box<dyn Duplex>,
        mut outgoing: mpsc::Receiver<TransportEvent>,
        stop: CancellationToken,
    ) -> &'static str {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut inbox, mut outbox) = (Vec::new(), Outbox::default());
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
                        if !self.take(&mut inbox, &mut outbox.bytes) {
                            break "no telling where a message ends";
                        }
                    }
                },
                event = outgoing.recv() => match event {
                    Some(TransportEvent::Incoming(message, ..)) => {
                        outbox.bytes.extend_from_slice(&strict::routed(&message.to_bytes()));
                    }
                    Some(TransportEvent::New(_) | TransportEvent::Closed(_)) => {}
                    None => break "the library let go of it",
                },
                written = outbox.write(&mut writer), if outbox.waits() => match written {
                    Ok(()) => {}
                    Err(_) => break "it could not be written to",
                },
                _ = ping.tick() => {
                    silent += 1;
                    if silent > SILENT_PINGS {
                        break "nothing came for half an hour";
                    }
                    // RFC 5626 section 3.5.1.
                    outbox.bytes.extend_from_slice(b"\r\n\r\n");
                }
            }
            if outbox.bytes.len() > OUTBOX {
                break "the peer does not read";
            }
        };
        let last = async {
            if outbox.bytes.len() <= OUTBOX {
                let _ = outbox.write(&mut writer).await;
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
                    if len >= 4 && self.keep_alive() {
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

    /// Whether one that came is answered.
    pub fn keep_alive(&self) -> bool {
        self.gate.keep_alive(self.peer, self.transport, crate::clock::now())
    }

    /// Takes one message through the gate; what is to be answered at once.
    pub fn pass(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self.gate.pass(message, self.peer, self.transport, crate::clock::now()) {
            Passage::In(bytes) => {
                let message = SipMessage::try_from(bytes.as_slice()).ok()?;
                let message = SipConnection::update_msg_received(message, self.peer, self.transport.wire()).ok()?;
                if message.is_request() {
                    self.is_welcome.store(true, Relaxed);
                }
                let event = TransportEvent::Incoming(message, self.channel.clone(), self.flow.clone());
                // Fails only while the library shuts down.
                let _ = self.incoming.send(event);
                None
            }
            Passage::Back(reply) => {
                // A phone that has registered.
                if (200..300).contains(&reply.code) {
                    self.is_welcome.store(true, Relaxed);
                }
                Some(reply.bytes)
            }
            Passage::Nothing => None,
        }
    }
}

/// What waits for the peer to read it.
#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    /// TLS keeps what it is given until it is flushed.
    unflushed: bool,
}

impl Outbox {
    fn waits(&self) -> bool {
        self.unflushed || !self.bytes.is_empty()
    }

    /// Until nothing waits. Dropped before, it loses nothing and sends nothing twice.
    async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        while !self.bytes.is_empty() {
            let len = writer.write(&self.bytes).await?;
            if len == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.bytes.drain(..len);
            self.unflushed = true;
        }
        writer.flush().await?;
        self.unflushed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::BufWriter;

    use super::*;

    #[tokio::test]
    async fn a_slow_reader_gets_each_byte_once() {
        let (near, mut far) = tokio::io::duplex(4);
        // It takes what it is given and is slow to flush, as TLS is.
        let mut writer = BufWriter::with_capacity(64, near);
        let mut outbox = Outbox::default();
        for _ in 0..20 {
            outbox.bytes.extend_from_slice(b"0123456789");
            // Given up for something else that happens.
            let _ = outbox.write(&mut writer).now_or_never();
        }
        assert!(outbox.waits(), "nobody reads");
        let mut read = Vec::new();
        let work = async {
            let write = async {
                outbox.write(&mut writer).await.unwrap();
                drop(writer);
            };
            tokio::join!(write, far.read_to_end(&mut read)).1.unwrap();
        };
        tokio::time::timeout(Duration::from_secs(5), work).await.unwrap();
        assert_eq!(read, b"0123456789".repeat(20));
    }
}
