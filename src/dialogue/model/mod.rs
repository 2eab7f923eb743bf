//! A language model behind any OpenAI-compatible server, used to understand and to word, never to act.
//!
//! [`OpenAi`] streams a model's text; [`Prompt`] is what it is told, and [`Reading`] turns its text into commands that
//! exist. This file is the only one here that waits for anything. It knows no calls, and no dialogue manager: who uses
//! it falls back to the grounded one.

mod breaker;
mod calls;
mod chat;
mod commands;
mod noting;
mod prompt;
mod reading;
mod saying;
mod servers;
mod sse;
mod told;
mod worded;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

pub use chat::Format;
pub use commands::{Allowed, Leave, Read, Unusable};
pub use noting::noted;
pub use prompt::{Asked, Message, Prompt, Role};
pub use reading::{Finished, Reading};
pub use servers::Servers;

use calls::Calls;
use chat::{End, Piece, Unreadable};

/// Something that continues a prompt.
pub trait Llm: Send + Sync {
    /// Begins to answer. Must be called within a Tokio runtime. Dropping what is returned ends the request.
    fn reply(&self, prompt: Prompt) -> Deltas;

    /// Hears what became of an answer that came whole.
    fn answered(&self, _answered: Answered) {}
}

/// What was made of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It held commands, good or bad.
    InForm,
    /// It held none: prose, or a JSON of its own.
    Formless,
}

/// Where a model is and how long it may take.
#[derive(Clone, Debug)]
pub struct Server {
    /// Up to and without `/chat/completions`: `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// As the server names it.
    pub model: String,
    pub api_key: Option<Secret>,
    /// From the request to the first letter, and from one to the next. Longer, and the caller hears silence: the grounded
    /// manager answers instead.
    pub first_token: Duration,
    /// From the request to the last letter.
    pub total: Duration,
    /// How the server is held to commands; a looser way is tried, and kept, where the server refuses it or does not keep to it.
    pub format: Format,
}

/// A value that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// To be sent to whom it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A piece of a model's text, a few letters long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta(pub String);

/// A model's text as it comes. Ends after the last piece, or with an error. Dropping it cancels the request.
pub struct Deltas {
    received: mpsc::Receiver<Result<Delta, LlmError>>,
    _task: Option<AbortOnDropHandle<()>>,
}

impl Deltas {
    /// Pieces from elsewhere: a scripted model.
    pub fn from_channel(received: mpsc::Receiver<Result<Delta, LlmError>>) -> Deltas {
        Deltas { received, _task: None }
    }

    /// The next piece; `None` after the last one of a text that came whole. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Delta, LlmError>> {
        self.received.recv().await
    }
}

/// Pieces that wait to be read. When full, the server is read no further until there is room; its time runs on.
const DEPTH: usize = 64;

/// Longest wait for a connection: within a network it takes milliseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// How much of a refusal or of garbage is told in an error, in bytes.
const EXCERPT: usize = 300;

/// The longest answer of a server that does not stream, in bytes.
const LONGEST_BODY: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    #[error("the model's server cannot be reached: {0}")]
    Unreachable(String),
    /// By status, or by an error inside the stream (then with status 200).
    #[error("the model's server refused with status {status}: {body}")]
    Refused {
        status: u16,
        /// Its beginning.
        body: String,
    },
    #[error("the model took longer than {limit:?} for {stage}")]
    Late { stage: Stage, limit: Duration },
    #[error("the model's server sent what is no chat stream: {0}")]
    Malformed(String),
    #[error("the model's text was cut short: {0}")]
    Cut(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    FirstToken,
    /// A word after the first.
    Next,
    Total,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::FirstToken => "its first word",
            Stage::Next => "its next word",
            Stage::Total => "its answer",
        })
    }
}

/// Why a [`Server`] cannot even be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServer {
    #[error("`{0}` is no http or https address")]
    Address(String),
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// A server that speaks OpenAI's chat completions: Ollama, llama.cpp, vLLM, a cloud.
#[derive(Clone)]
pub struct OpenAi(Arc<Shared>);

struct Shared {
    server: Server,
    url: reqwest::Url,
    client: reqwest::Client,
    /// A [`Format`]: the strictest that the server has not refused.
    format: AtomicU8,
    /// Answers without form, one after the other.
    formless: AtomicU8,
}

/// Answers without form in a row after which a server is taken not to know the format: one may be chance.
const FORMLESS: u8 = 2;

impl OpenAi {
    pub fn new(server: Server) -> Result<OpenAi, BadServer> {
        let bad = || BadServer::Address(server.base_url.clone());
        let base = reqwest::Url::parse(&server.base_url).map_err(|_| bad())?;
        let url = format!("{}/chat/completions", base.as_str().trim_end_matches('/'));
        let url = reqwest::Url::parse(&url).map_err(|_| bad())?;
        let host = url
            .host_str()
            .filter(|_| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(bad)?;
        let connect = CONNECT.min(server.first_token.mul_f32(0.75));
        let mut client = reqwest::Client::builder()
            .connect_timeout(connect)
            // A key is for the host it was given for.
            .redirect(reqwest::redirect::Policy::none());
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| BadServer::Client(error.to_string()))?;
        Ok(OpenAi(Arc::new(Shared {
            format: AtomicU8::new(server.format as u8),
            formless: AtomicU8::new(0),
            server,
            url,
            client,
        })))
    }
}

impl Llm for OpenAi {
    fn reply(&self, prompt: Prompt) -> Deltas {
        let (pieces, received) = mpsc::channel(DEPTH);
        let shared = Arc::clone(&self.0);
        let task = tokio::runtime::Handle::current().spawn(async move {
            if let Err(error) = shared.stream(&prompt, &pieces).await {
                tracing::warn!(%error, model = shared.server.model, "the model did not answer");
                // Nobody listens any more where this fails.
                let _ = pieces.send(Err(error)).await;
            }
        });
        Deltas {
            received,
            _task: Some(AbortOnDropHandle::new(task)),
        }
    }

    fn answered(&self, answered: Answered) {
        match answered {
            Answered::InForm => self.0.formless.store(0, Ordering::Relaxed),
            Answered::Formless => {
                if self.0.formless.fetch_add(1, Ordering::Relaxed) + 1 >= FORMLESS {
                    self.0.formless.store(0, Ordering::Relaxed);
                    self.0.loosen(self.0.format(), "it answers without form");
                }
            }
        }
    }
}

type Pieces = mpsc::Sender<Result<Delta, LlmError>>;

impl Shared {
    async fn stream(&self, prompt: &Prompt, pieces: &Pieces) -> Result<(), LlmError> {
        let Server { first_token, total, .. } = self.server;
        let whole = async {
            let begun = timeout(first_token, async {
                let mut stream = self.open(prompt).await?;
                let first = stream.next().await?;
                Ok((stream, first))
            });
            let late = |_| LlmError::Late {
                stage: Stage::FirstToken,
                limit: first_token,
            };
            let (mut stream, mut next) = begun.await.map_err(late)??;
            let stalled = |_| LlmError::Late {
                stage: Stage::Next,
                limit: first_token,
            };
            while let Some(text) = next {
                if !text.is_empty() && pieces.send(Ok(Delta(text))).await.is_err() {
                    return Ok(());
                }
                next = timeout(first_token, stream.next()).await.map_err(stalled)??;
            }
            Ok(())
        };
        timeout(total, whole).await.unwrap_or(Err(LlmError::Late {
            stage: Stage::Total,
            limit: total,
        }))
    }

    /// Sends the request, in a looser format where the server does not know the stricter.
    async fn open(&self, prompt: &Prompt) -> Result<Stream, LlmError> {
        loop {
            let format = self.format();
            let mut request =
                self.client
                    .post(self.url.clone())
                    .json(&chat::request(&self.server.model, prompt, format));
            if let Some(Secret(key)) = &self.server.api_key {
                request = request.bearer_auth(key);
            }
            let response = request
                .send()
                .await
                .map_err(|error| LlmError::Unreachable(causes(&error)))?;
            let status = response.status();
            if status.is_success() {
                return Ok(Stream::new(response, format));
            }
            let refused = LlmError::Refused {
                status: status.as_u16(),
                body: beginning(response).await,
            };
            if format == Format::Plain || !matches!(status.as_u16(), 400 | 422 | 501) {
                return Err(refused);
            }
            self.loosen(format, &refused.to_string());
        }
    }

    fn format(&self) -> Format {
        Format::from_number(self.format.load(Ordering::Relaxed))
    }

    /// Remembers that the server does not take `format`; another turn may have found out meanwhile.
    fn loosen(&self, format: Format, reason: &str) {
        let Some(looser) = format.looser() else { return };
        tracing::info!(
            reason,
            ?looser,
            "the model's server does not take this format of answers"
        );
        let (from, to) = (format as u8, looser as u8);
        let _ = self
            .format
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// An answer on its way.
struct Stream {
    response: reqwest::Response,
    events: sse::Parser,
    /// Texts read and not yet given; an empty one tells that the server goes on.
    ready: std::collections::VecDeque<String>,
    calls: Calls,
    prose: Prose,
    state: State,
}

/// Text that is no tool call.
enum Prose {
    Given,
    /// A model that is to call tools may talk first: it counts only where no tool is called.
    Held(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Streaming,
    /// The server sends one JSON document instead.
    Whole,
    Ended,
}

impl Stream {
    fn new(response: reqwest::Response, format: Format) -> Stream {
        let content_type = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let json = content_type.is_some_and(|value| value.starts_with("application/json"));
        let state = if json { State::Whole } else { State::Streaming };
        Stream {
            response,
            events: sse::Parser::default(),
            ready: std::collections::VecDeque::new(),
            calls: Calls::default(),
            prose: match format {
                Format::Tools => Prose::Held(String::new()),
                Format::Schema | Format::Object | Format::Plain => Prose::Given,
            },
            state,
        }
    }

    /// The next text; `None` after the whole. Empty where the server goes on and nothing can be given yet.
    async fn next(&mut self) -> Result<Option<String>, LlmError> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Ok(Some(text));
            }
            match self.state {
                State::Ended => return Ok(None),
                State::Whole => self.read_whole().await?,
                State::Streaming => self.read_on().await?,
            }
        }
    }

    async fn read_on(&mut self) -> Result<(), LlmError> {
        let bytes = self
            .response
            .chunk()
            .await
            .map_err(|error| LlmError::Cut(causes(&error)))?;
        let malformed = |error: sse::TooLong| LlmError::Malformed(error.to_string());
        let Some(bytes) = bytes else {
            let last = std::mem::take(&mut self.events).finish().map_err(malformed)?;
            if let Some(data) = last {
                self.take(&data)?;
            }
            return match self.state {
                State::Ended => Ok(()),
                State::Streaming | State::Whole => {
                    Err(LlmError::Cut("the stream ended before the text did".to_owned()))
                }
            };
        };
        for data in self.events.push(&bytes).map_err(malformed)? {
            self.take(&data)?;
        }
        Ok(())
    }

    async fn read_whole(&mut self) -> Result<(), LlmError> {
        let mut body = Vec::new();
        while let Some(bytes) = self
            .response
            .chunk()
            .await
            .map_err(|error| LlmError::Cut(causes(&error)))?
        {
            body.extend_from_slice(&bytes);
            if body.len() > LONGEST_BODY {
                return Err(LlmError::Malformed("the answer is longer than a mebibyte".to_owned()));
            }
        }
        self.take(&String::from_utf8_lossy(&body))?;
        if self.state != State::Ended {
            self.end();
        }
        Ok(())
    }

    fn take(&mut self, data: &str) -> Result<(), LlmError> {
        if self.state == State::Ended {
            return Ok(()); // `[DONE]` after the finish, and what some send after that
        }
        let Piece { text, calls, end } = chat::piece(data).map_err(|unreadable| match unreadable {
            Unreadable::Error(body) => LlmError::Refused {
                status: 200,
                body: excerpt(&body),
            },
            Unreadable::NotAChunk => LlmError::Malformed(excerpt(data)),
        })?;
        for call in calls {
            let written = self.calls.push(call);
            self.ready.push_back(written);
        }
        match &mut self.prose {
            _ if text.is_empty() => {}
            Prose::Given => self.ready.push_back(text),
            Prose::Held(held) if held.len() + text.len() <= LONGEST_BODY => {
                held.push_str(&text);
                self.ready.push_back(String::new());
            }
            Prose::Held(_) => return Err(LlmError::Malformed("the answer is longer than a mebibyte".to_owned())),
        }
        match end {
            End::NotYet => {}
            End::Whole => self.end(),
            End::Short => return Err(LlmError::Cut("the server stopped at a limit of its own".to_owned())),
        }
        Ok(())
    }
}

impl Stream {
    fn end(&mut self) {
        self.state = State::Ended;
        let rest = match std::mem::replace(&mut self.prose, Prose::Given) {
            Prose::Held(prose) if self.calls.is_empty() => prose,
            Prose::Held(_) | Prose::Given => self.calls.finish(),
        };
        if !rest.is_empty() {
            self.ready.push_back(rest);
        }
    }
}

/// The beginning of a refusal's body, whatever becomes of the rest.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() >= EXCERPT {
            break;
        }
    }
    excerpt(&String::from_utf8_lossy(&body))
}

fn excerpt(text: &str) -> String {
    let mut end = EXCERPT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().trim().to_owned()
}

/// An error with what caused it: "connection refused" and not only "error sending request". Its address is left out,
/// for it may hold a key.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() {
        "the request failed".to_owned()
    } else {
        text
    }
}
