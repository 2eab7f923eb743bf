//! SIP over WebSocket (RFC 7118): each message of the socket is one message of SIP.
//!
//! It knows no SIP beyond that.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use rsipstack::transport::TransportEvent;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Duplex, Link, OUTBOX, PING, SILENT_PINGS};
use crate::sip::message::strict;
use crate::sip::names::Transport;

pub(super) type Socket = WebSocketStream<Box<dyn Duplex>>;

/// The sub-protocol's name, which both sides must say (RFC 7118 section 4.1).
const PROTOCOL: &str = "sip";
/// What a message that waits takes beside its bytes, about.
const BESIDE: usize = 128;

fn config(longest: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(longest))
        .max_frame_size(Some(longest))
        // The answers to the pings of a peer that does not read them.
        .max_write_buffer_size(OUTBOX)
}

/// Messages are at most `longest` bytes.
pub(super) async fn accept(stream: Box<dyn Duplex>, longest: usize) -> Result<Link, String> {
    let socket = tokio_tungstenite::accept_hdr_async_with_config(stream, agree, Some(config(longest))).await;
    Ok(Link::Web(Box::new(socket.map_err(|error| error.to_string())?)))
}

#[expect(clippy::result_large_err, reason = "the library's own signature")]
fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol").iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    if offered.any(|name| name.trim().eq_ignore_ascii_case(PROTOCOL)) {
        let name = HeaderValue::from_static(PROTOCOL);
        response.headers_mut().insert("Sec-WebSocket-Protocol", name);
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some(
        "this socket speaks the sub-protocol `sip` (RFC 7118)\n".to_owned(),
    ));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

pub(super) async fn connect(
    transport: Transport,
    name: &str,
    stream: Box<dyn Duplex>,
    longest: usize,
) -> Result<Link, String> {
    let host = if name.contains(':') {
        format!("[{name}]")
    } else {
        name.to_owned()
    };
    let uri: Result<Uri, _> = format!("{}://{host}/", transport.name()).parse();
    let uri = uri.map_err(|_| format!("`{name}` is no host"))?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(PROTOCOL);
    let connected = tokio_tungstenite::client_async_with_config(request, stream, Some(config(longest))).await;
    let (socket, _) = connected.map_err(|error| error.to_string())?;
    Ok(Link::Web(Box::new(socket)))
}

/// Until the connection ends; why it did.
pub(super) async fn run(
    connection: &Connection,
    socket: Socket,
    mut outgoing: mpsc::Receiver<TransportEvent>,
    stop: CancellationToken,
) -> &'static str {
    let (mut sink, mut stream) = socket.split();
    let mut outbox = Outbox::default();
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut silent = 0;
    let why = loop {
        let message = tokio::select! {
            () = stop.cancelled() => break "the connection was given up",
            read = stream.next() => {
                silent = 0;
                match read {
                    Some(Ok(Message::Text(text))) => heard(connection, text.as_bytes()),
                    Some(Ok(Message::Binary(bytes))) => heard(connection, &bytes),
                    // The library has answered it, and keeps the answer until it is flushed.
                    Some(Ok(Message::Ping(_))) => {
                        outbox.unflushed = true;
                        None
                    }
                    Some(Ok(Message::Pong(_) | Message::Frame(_))) => None,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break "the peer closed it",
                }
            }
            event = outgoing.recv() => match event {
                Some(TransportEvent::Incoming(message, ..)) => {
                    Some(whole(strict::routed(&message.to_bytes()).into_owned()))
                }
                Some(TransportEvent::New(_) | TransportEvent::Closed(_)) => None,
                None => break "the library let go of it",
            },
            written = outbox.write(&mut sink), if outbox.waits() => match written {
                Ok(()) => None,
                Err(_) => break "it could not be written to",
            },
            _ = ping.tick() => {
                silent += 1;
                if silent > SILENT_PINGS {
                    break "nothing came for half an hour";
                }
                Some(Message::Ping(Vec::new().into()))
            }
        };
        if let Some(message) = message {
            outbox.push(message);
        }
        if outbox.bytes > OUTBOX {
            break "the peer does not read";
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), sink.close()).await;
    why
}

fn heard(connection: &Connection, message: &[u8]) -> Option<Message> {
    match message {
        // RFC 7118 section 6: a keep-alive, and its answer.
        b"\r\n\r\n" => connection.keep_alive().then(|| whole(b"\r\n".to_vec())),
        message => connection.pass(message).map(whole),
    }
}

/// As text, where it is: some peers read no other.
fn whole(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(error) => Message::binary(error.into_bytes()),
    }
}

/// What waits for the peer to read it.
#[derive(Default)]
struct Outbox {
    messages: VecDeque<Message>,
    bytes: usize,
    unflushed: bool,
}

impl Outbox {
    fn push(&mut self, message: Message) {
        self.bytes = self.bytes.saturating_add(cost(&message));
        self.messages.push_back(message);
    }

    fn waits(&self) -> bool {
        self.unflushed || !self.messages.is_empty()
    }

    /// Until nothing waits. Dropped before, it loses nothing and sends nothing twice.
    async fn write(&mut self, sink: &mut SplitSink<Socket, Message>) -> Result<(), Error> {
        while !self.messages.is_empty() {
            poll_fn(|context| sink.poll_ready_unpin(context)).await?;
            if let Some(message) = self.messages.pop_front() {
                self.bytes = self.bytes.saturating_sub(cost(&message));
                self.unflushed = true;
                sink.start_send_unpin(message)?;
            }
        }
        sink.flush().await?;
        self.unflushed = false;
        Ok(())
    }
}

fn cost(message: &Message) -> usize {
    message.len().saturating_add(BESIDE)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[tokio::test]
    async fn a_slow_reader_gets_each_message_once() {
        let (near, far) = tokio::io::duplex(64);
        let near: Box<dyn Duplex> = Box::new(near);
        let (mut sink, _stream) = WebSocketStream::from_raw_socket(near, Role::Server, None).await.split();
        let mut outbox = Outbox::default();
        for n in 0..50 {
            outbox.push(Message::text(format!("{n:->20}")));
            // Given up for something else that happens.
            let _ = outbox.write(&mut sink).now_or_never();
        }
        assert!(outbox.waits(), "nobody reads");
        let mut peer = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let read = async {
            for n in 0..50 {
                let message = peer.next().await.unwrap().unwrap();
                assert_eq!(message.into_text().unwrap().as_str(), format!("{n:->20}"));
            }
        };
        let both = async { tokio::join!(outbox.write(&mut sink), read) };
        let (written, ()) = tokio::time::timeout(Duration::from_secs(5), both).await.unwrap();
        written.unwrap();
        assert!(!outbox.waits() && outbox.bytes == 0);
        drop(sink);
        assert!(
            tokio::time::timeout(Duration::from_millis(50), peer.next())
                .await
                .is_err(),
            "and nothing more"
        );
    }
}
