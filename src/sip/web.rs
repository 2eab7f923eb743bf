//! SIP over WebSocket (RFC 7118): each message of the socket is one message of SIP.
//!
//! It knows no SIP beyond that.

use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use rsipstack::transport::TransportEvent;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Duplex, Link, PING, SILENT_PINGS};
use super::{Transport, strict};

pub(super) type Socket = WebSocketStream<Box<dyn Duplex>>;

/// The sub-protocol's name, which both sides must say (RFC 7118 section 4.1).
const PROTOCOL: &str = "sip";
/// For a peer to read one message. One that takes longer is cut off.
const WRITING: Duration = Duration::from_secs(5);

fn config(longest: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(longest))
        .max_frame_size(Some(longest))
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
                    // The library answers a ping when it is next written to.
                    Some(Ok(Message::Ping(_))) => sink.flush().await.ok().and(None),
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
            _ = ping.tick() => {
                silent += 1;
                if silent > SILENT_PINGS {
                    break "nothing came for half an hour";
                }
                Some(Message::Ping(Vec::new().into()))
            }
        };
        if let Some(message) = message
            && !write(&mut sink, message).await
        {
            break "the peer does not read";
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), sink.close()).await;
    why
}

fn heard(connection: &Connection, message: &[u8]) -> Option<Message> {
    match message {
        // RFC 7118 section 6: a keep-alive, and its answer.
        b"\r\n\r\n" => Some(whole(b"\r\n".to_vec())),
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

async fn write(sink: &mut SplitSink<Socket, Message>, message: Message) -> bool {
    matches!(tokio::time::timeout(WRITING, sink.send(message)).await, Ok(Ok(())))
}
