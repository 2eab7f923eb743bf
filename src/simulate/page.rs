//! A person's page, as a browser has it: it signs in over HTTP, follows its feed over a WebSocket, asks for things, and goes on after a break.
//!
//! What it is told it hands on as JSON, each with the moment it came; a message that is missing among the numbered is a failure. It knows neither what
//! the words mean nor any sound.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use reqwest::Client;
use reqwest::header::{ORIGIN, SET_COOKIE};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::clock;

/// For the server to answer a request, to take a message, or to answer a command.
const LIMIT: Duration = Duration::from_secs(15);
/// Bytes of one message; all of the present may be long.
const LONGEST: usize = 4 << 20;
/// Messages that come while an answer is awaited.
const WAITING: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("signing in: {0}")]
    Http(#[from] reqwest::Error),
    #[error("{name} cannot sign in: {told}")]
    Refused { name: String, told: String },
    #[error("the feed cannot be opened: {0}")]
    NotOpened(String),
    /// With the code and reason, where they were told (RFC 6455 section 7.4).
    #[error("the feed ended: {0}")]
    Ended(String),
    #[error("after the message {after} came {n}")]
    Missed { after: u64, n: u64 },
    #[error("this makes no sense to a page: {0}")]
    Nonsense(String),
    #[error("`{command}`: {told}")]
    Declined { command: String, told: String },
    #[error("nothing came of {0} in time")]
    Late(&'static str),
}

/// What a page is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// All of the present, up to the message `n`.
    Reset {
        n: u64,
        of: String,
        body: Value,
    },
    /// What follows the message `n` comes next.
    Resumed {
        n: u64,
    },
    Message {
        n: u64,
        topic: String,
        body: Value,
    },
    /// To the command of this number; none: to one that had no number.
    Answer {
        to: Option<u64>,
        answer: Result<Value, String>,
    },
}

impl Told {
    pub fn read(text: &str) -> Result<Self, Error> {
        let nonsense = || Error::Nonsense(text.chars().take(200).collect());
        let mut written: Map<String, Value> = serde_json::from_str(text).map_err(|_| nonsense())?;
        let n = written.get("n").and_then(Value::as_u64);
        let to = written.get("re").and_then(Value::as_u64);
        let mut take = |name| written.remove(name);
        let told = if let (Some(Value::String(topic)), Some(body)) = (take("topic"), take("body")) {
            n.map(|n| Told::Message { n, topic, body })
        } else if let (Some(body), Some(Value::String(of))) = (take("reset"), take("of")) {
            n.map(|n| Told::Reset { n, of, body })
        } else if let Some(resumed) = take("resumed") {
            resumed.as_u64().map(|n| Told::Resumed { n })
        } else if let Some(Value::String(told)) = take("error") {
            Some(Told::Answer { to, answer: Err(told) })
        } else {
            let done = take("ok").filter(|_| to.is_some());
            done.map(|ok| Told::Answer { to, answer: Ok(ok) })
        };
        told.ok_or_else(nonsense)
    }
}

/// One that has signed in.
pub struct Page {
    at: SocketAddr,
    cookie: String,
    /// Absent before it is opened, and once it is broken.
    socket: Option<WebSocketStream<TcpStream>>,
    /// The feed, and the number of its message that was seen last.
    seen: Option<(String, u64)>,
    /// The number of the last command.
    asked: u64,
    /// What came while an answer was awaited.
    waiting: VecDeque<(Instant, Told)>,
    /// Of all that came.
    bytes: u64,
}

impl Page {
    /// Signs `name` in at the site that listens at `at`, without TLS; the feed is opened by [`Page::open`].
    pub async fn sign_in(at: SocketAddr, name: &str, password: &str) -> Result<Self, Error> {
        let browser = Client::builder().no_proxy().timeout(LIMIT).build()?;
        let response = browser
            .post(format!("http://{at}/api/sign-in"))
            .header(ORIGIN, format!("http://{at}"))
            .header("Sec-Fetch-Site", "same-origin")
            .json(&json!({"name": name, "password": password}))
            .send()
            .await?;
        let status = response.status();
        let cookie = response.headers().get(SET_COOKIE).and_then(|line| line.to_str().ok());
        let cookie = cookie.and_then(|line| line.split(';').next()).map(str::to_owned);
        match cookie.filter(|_| status.is_success()) {
            Some(cookie) => Ok(Self {
                at,
                cookie,
                socket: None,
                seen: None,
                asked: 0,
                waiting: VecDeque::new(),
                bytes: 0,
            }),
            None => Err(Error::Refused {
                name: name.to_owned(),
                told: format!("{status}: {}", response.text().await.unwrap_or_default()),
            }),
        }
    }

    /// Opens the feed, and says what was seen last: [`Told::Reset`] or [`Told::Resumed`] comes next. One that is open is broken off first.
    pub async fn open(&mut self) -> Result<(), Error> {
        self.break_off();
        let opened = in_time("opening the feed", upgrade(self.at, &self.cookie)).await?;
        self.socket = Some(opened.map_err(Error::NotOpened)?);
        let hello = match &self.seen {
            Some((of, n)) => json!({"resume": n, "of": of}),
            None => json!({}),
        };
        self.say(&hello).await
    }

    /// The line is gone, without a word to the other end.
    pub fn break_off(&mut self) {
        self.socket = None;
    }

    /// As if its person loaded it anew: its line is gone, and it has seen nothing.
    pub fn reload(&mut self) {
        self.break_off();
        self.seen = None;
        self.waiting.clear();
    }

    /// The next thing that it is told, and when that came. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<(Instant, Told), Error> {
        match self.waiting.pop_front() {
            Some(told) => Ok(told),
            None => self.receive().await,
        }
    }

    /// Sends a command; the number that its answer will have.
    pub async fn command(&mut self, name: &str, with: &Value) -> Result<u64, Error> {
        self.asked = self.asked.saturating_add(1);
        let id = self.asked;
        self.say(&json!({"id": id, "do": name, "with": with})).await?;
        Ok(id)
    }

    /// Sends a command and waits for its answer. What comes meanwhile is kept for [`Page::next`].
    pub async fn ask(&mut self, name: &str, with: &Value) -> Result<Value, Error> {
        let id = self.command(name, with).await?;
        let until = clock::now() + LIMIT;
        while self.waiting.len() < WAITING {
            let left = until.saturating_duration_since(clock::now());
            let came = tokio::time::timeout(left, self.receive()).await;
            match came.map_err(|_| Error::Late("a command"))?? {
                (_, Told::Answer { to, answer }) if to == Some(id) => {
                    return answer.map_err(|told| Error::Declined {
                        command: name.to_owned(),
                        told,
                    });
                }
                other => self.waiting.push_back(other),
            }
        }
        Err(Error::Late("a command"))
    }

    /// That it was sent so far, of messages alone.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn receive(&mut self) -> Result<(Instant, Told), Error> {
        let socket = self.socket.as_mut();
        let socket = socket.ok_or_else(|| Error::Ended("it is not open".into()))?;
        loop {
            let told = match socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Binary(_))) => return Err(Error::Nonsense("bytes".into())),
                Some(Ok(Message::Close(Some(why)))) => {
                    return Err(Error::Ended(format!("{} {}", u16::from(why.code), why.reason)));
                }
                Some(Ok(Message::Close(None))) | None => return Err(Error::Ended("without a reason".into())),
                Some(Err(e)) => return Err(Error::Ended(e.to_string())),
            };
            let now = clock::now();
            self.bytes = self.bytes.saturating_add(told.len() as u64);
            let told = Told::read(&told)?;
            self.note(&told)?;
            return Ok((now, told));
        }
    }

    /// Remembers what was seen.
    fn note(&mut self, told: &Told) -> Result<(), Error> {
        match told {
            Told::Reset { n, of, .. } => self.seen = Some((of.clone(), *n)),
            Told::Resumed { n } | Told::Message { n, .. } => {
                let step = u64::from(matches!(told, Told::Message { .. }));
                let Some((_, seen)) = &mut self.seen else {
                    return Err(Error::Missed { after: 0, n: *n });
                };
                if seen.checked_add(step) != Some(*n) {
                    return Err(Error::Missed { after: *seen, n: *n });
                }
                *seen = *n;
            }
            Told::Answer { .. } => {}
        }
        Ok(())
    }

    async fn say(&mut self, words: &Value) -> Result<(), Error> {
        let socket = self.socket.as_mut();
        let socket = socket.ok_or_else(|| Error::Ended("it is not open".into()))?;
        let sent = in_time("a message", socket.send(Message::text(words.to_string()))).await?;
        sent.map_err(|e| Error::Ended(e.to_string()))
    }
}

async fn in_time<T>(what: &'static str, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(LIMIT, work).await.map_err(|_| Error::Late(what))
}

async fn upgrade(at: SocketAddr, cookie: &str) -> Result<WebSocketStream<TcpStream>, String> {
    let stream = TcpStream::connect(at).await.map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let uri: Uri = format!("ws://{at}/api/feed")
        .parse()
        .map_err(|_| format!("`{at}` is no host"))?;
    let request = ClientRequestBuilder::new(uri)
        .with_header("Cookie", cookie)
        .with_header("Origin", format!("http://{at}"));
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    Ok(opened.map_err(|e| e.to_string())?.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_page_is_told_is_read() {
        let read = |text: &str| Told::read(text).expect(text);
        let body = json!({"waiting": 1});
        assert_eq!(
            read(r#"{"n":17,"topic":"wall","body":{"waiting":1}}"#),
            Told::Message {
                n: 17,
                topic: "wall".into(),
                body: body.clone()
            }
        );
        assert_eq!(
            read(r#"{"reset":{"waiting":1},"n":3,"of":"a-b"}"#),
            Told::Reset {
                n: 3,
                of: "a-b".into(),
                body
            }
        );
        assert_eq!(read(r#"{"resumed":4}"#), Told::Resumed { n: 4 });
        let answer = |to, answer| Told::Answer { to, answer };
        assert_eq!(read(r#"{"re":2,"ok":null}"#), answer(Some(2), Ok(Value::Null)));
        assert_eq!(
            read(r#"{"re":null,"error":"what?"}"#),
            answer(None, Err("what?".into()))
        );
        for text in ["", "[]", "{}", r#"{"n":1}"#, r#"{"resumed":-1}"#] {
            assert!(matches!(Told::read(text), Err(Error::Nonsense(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = Told::read(&text);
        }
    }
}
