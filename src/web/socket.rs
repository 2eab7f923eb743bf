//! One page's WebSocket: what it is told, what it asks for, and when it is let go.
//!
//! It says first what it saw last ([`Hello`]), and hears `{"resumed": 17}` and what it missed, or `{"reset": …, "n": 17, "of": "…"}` with all
//! of the present. What is published waits in the feed and not here.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::command::{Asked, Hello, answer};
use super::feeds::{Next, Reader, Snapshot};
use super::{Request, Site};
use crate::clock;
use crate::store::people::{Person, Token};

/// For the first words of a page.
const FIRST: Duration = Duration::from_secs(10);
/// A page that takes no message for so long is cut off.
const WRITE: Duration = Duration::from_secs(5);
/// For the engine to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between pings, and looks whether somebody is still signed in.
const PING: Duration = Duration::from_secs(15);
/// A page that answers no ping for so long has gone.
const SILENCE: Duration = Duration::from_secs(40);
/// Commands of one page that wait for their answer.
const ASKED: usize = 16;

/// Where the engine's answer to a command comes out.
type Answered = oneshot::Receiver<Result<Value, String>>;

/// Why a page is let go.
enum End {
    /// By itself, or it can be told nothing.
    Gone,
    SignedOut,
    /// What it said first was not understood.
    Wrong(String),
    /// Its person has too many.
    Crowded,
    /// The engine does not say what it is to show.
    Unanswered,
    Closing,
}

impl End {
    /// Its code (RFC 6455 section 7.4) and reason, of at most 123 bytes.
    fn told(self) -> Option<(u16, String)> {
        match self {
            End::Gone => None,
            End::SignedOut => Some((4401, "signed out".into())),
            End::Wrong(reason) => Some((4400, reason.chars().filter(char::is_ascii).take(123).collect())),
            End::Crowded => Some((4429, "too many pages are open".into())),
            End::Unanswered => Some((1013, "the desk does not answer; try again".into())),
            End::Closing => Some((1001, "the bot is ending".into())),
        }
    }
}

/// Serves the page until one of both has gone.
pub(super) async fn run(mut socket: WebSocket, site: &Site, token: &Token, person: Person) {
    let page = Page {
        site,
        token,
        person: Arc::new(person),
    };
    let end = tokio::select! {
        Err(end) = page.converse(&mut socket) => end,
        () = site.closing.cancelled() => End::Closing,
    };
    if let Some((code, reason)) = end.told() {
        let reason = reason.into();
        let close = socket.send(Message::Close(Some(CloseFrame { code, reason })));
        timeout(WRITE, close).await.ok();
    }
}

struct Page<'a> {
    site: &'a Site,
    token: &'a Token,
    person: Arc<Person>,
}

impl Page<'_> {
    async fn converse(&self, socket: &mut WebSocket) -> Result<std::convert::Infallible, End> {
        let mut signed_out = self.site.signed_out.subscribe();
        let hello = timeout(FIRST, first(socket)).await.map_err(|_| End::Gone)??;
        let mut reader = self.site.feeds.join(&self.person.name).ok_or(End::Crowded)?;
        let mut at = self.begin(socket, &reader, hello).await?;
        let mut answers = FuturesUnordered::new();
        let mut ping = tokio::time::interval(PING);
        let mut heard = clock::now();
        loop {
            let behind = match reader.after(at) {
                Next::Message(n, text) => {
                    tell(socket, text).await?;
                    at = n;
                    true
                }
                Next::Nothing => false,
                Next::Lost => {
                    at = self.reset(socket, &reader).await?;
                    true
                }
            };
            tokio::select! {
                () = std::future::ready(()), if behind => {}
                () = reader.told(), if !behind => {}
                message = socket.recv() => {
                    heard = clock::now();
                    match message {
                        Some(Ok(Message::Text(text))) => match self.ask(&text, answers.len()) {
                            Ok((id, answer)) => answers.push(answered(id, answer)),
                            Err(told) => tell(socket, told).await?,
                        },
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
                    }
                }
                Some(text) = answers.next() => tell(socket, text).await?,
                _ = ping.tick() => {
                    if clock::now().saturating_duration_since(heard) > SILENCE {
                        return Err(End::Gone);
                    }
                    self.still_signed_in().await?;
                    let ping = socket.send(Message::Ping(Vec::new().into()));
                    timeout(WRITE, ping).await.map_err(|_| End::Gone)?.map_err(|_| End::Gone)?;
                }
                () = changed(&mut signed_out) => self.still_signed_in().await?,
            }
        }
    }

    /// The number from which the page goes on.
    async fn begin(&self, socket: &mut WebSocket, reader: &Reader, hello: Hello) -> Result<u64, End> {
        match (hello.resume, hello.of) {
            (Some(n), Some(of)) if reader.resumes(&of, n) => {
                tell(socket, json!({"resumed": n}).to_string()).await?;
                Ok(n)
            }
            _ => self.reset(socket, reader).await,
        }
    }

    /// Tells all of the present; the number of the last message that is in it.
    async fn reset(&self, socket: &mut WebSocket, reader: &Reader) -> Result<u64, End> {
        let (snapshot, given) = Snapshot::new(self.site.feeds.clone(), &self.person.name);
        let request = Request::Snapshot {
            person: Arc::clone(&self.person),
            answer: snapshot,
        };
        self.site.requests.try_send(request).map_err(|_| End::Unanswered)?;
        let given = timeout(PATIENCE, given).await.ok().and_then(Result::ok);
        let (n, body) = given.ok_or(End::Unanswered)?;
        let of = Value::from(reader.id());
        tell(socket, format!(r#"{{"reset":{body},"n":{n},"of":{of}}}"#)).await?;
        Ok(n)
    }

    /// Hands a command on; where it cannot be, what the page is told.
    fn ask(&self, text: &str, waiting: usize) -> Result<(u64, Answered), String> {
        let asked = Asked::read(text).map_err(|error| json!({"re": null, "error": error}).to_string())?;
        let refuse = |told: String| answer(asked.id, Err(told));
        let command = asked.command.map_err(refuse)?;
        if waiting >= ASKED {
            return Err(refuse(format!("{waiting} commands wait for their answer already")));
        }
        let (answer, answered) = oneshot::channel();
        let person = Arc::clone(&self.person);
        let request = Request::Do {
            person,
            command,
            answer,
        };
        self.site.requests.try_send(request).map_err(|e| {
            refuse(match e {
                TrySendError::Full(_) => "the desk has too much to do; try again".into(),
                TrySendError::Closed(_) => "no desk is running".into(),
            })
        })?;
        Ok((asked.id, answered))
    }

    async fn still_signed_in(&self) -> Result<(), End> {
        match self.site.store.session(self.token, clock::wall()).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(End::SignedOut),
            Err(e) => {
                // Asked again soon; a disk that fails for a moment takes nobody's page away.
                tracing::error!("{e}");
                Ok(())
            }
        }
    }
}

/// What a page says first.
async fn first(socket: &mut WebSocket) -> Result<Hello, End> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Hello::read(&text).map_err(End::Wrong),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        }
    }
}

async fn tell(socket: &mut WebSocket, text: String) -> Result<(), End> {
    let sent = timeout(WRITE, socket.send(Message::Text(Utf8Bytes::from(text)))).await;
    sent.map_err(|_| End::Gone)?.map_err(|_| End::Gone)
}

/// What the page is told in the end of its command `id`.
async fn answered(id: u64, answered: Answered) -> String {
    let told = timeout(PATIENCE, answered).await.ok().and_then(Result::ok);
    answer(
        id,
        told.unwrap_or_else(|| Err("the desk did not answer; look whether it was done".into())),
    )
}

async fn changed(watched: &mut watch::Receiver<()>) {
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
