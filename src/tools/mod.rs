//! Carries out what a plan's tools ask of other systems, over HTTP.
//!
//! A reading tool may be asked again when it fails; a writing one is done once, whatever becomes of the call that wanted
//! it. [`target`] keeps requests off private networks that the plan does not name. It knows no calls and no steps.

mod clients;
mod ledger;
mod request;
pub mod sms;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::clients::{Clients, Network, ask};
use self::ledger::Ledger;
use self::request::Ways;
pub use self::sms::Sms;
use crate::dialplan::tool::Effect;
use crate::dialplan::{Tool, ToolCall, Unfilled, Value};

/// What the tools of all calls share.
pub struct Toolbox {
    way: Arc<Way>,
    ledger: Ledger,
}

/// How a tool is carried out.
enum Way {
    Http(Box<Ways>),
    /// For simulations: what each tool answers. One that is not there fails.
    Scripted(BTreeMap<String, Result<Returned, Failure>>),
}

/// Looks up a secret by its name.
pub type Secrets = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a tool answered: values by dotted names, below [`Tool::sets`].
pub type Returned = BTreeMap<String, Value>;

/// Why a tool failed. It names no secret and no value, and may be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Unfilled(#[from] Unfilled),
    #[error("its address is no URL")]
    Address,
    #[error(
        "`{host}` is not of the public network, and nobody allows it: add `allow_private: [\"{host}\"]` to the tool of the plan, `allow_private: true` to the webhook or gateway of the configuration"
    )]
    Private { host: String },
    #[error("no answer in {} ms", .0.as_millis())]
    Late(Duration),
    /// Nothing was sent.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// It may have been done.
    #[error("the connection was lost: {0}")]
    Lost(String),
    #[error("the server answered {0}")]
    Status(u16),
    #[error("the answer is no JSON")]
    NotJson,
    #[error("the answer is longer than 1 MiB")]
    TooLong,
    #[error("a writing tool without an idempotency key is not carried out")]
    NoKey,
    #[error("no way to send text messages is configured; write one as `messages` into the configuration")]
    NoGateway,
    #[error("e-mails are not sent by this version")]
    NoMail,
    #[error("what a text message should go to is no telephone number")]
    NoNumber,
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

impl Failure {
    /// Whether it is certain that nothing was done, so that it may be tried anew.
    fn nothing_done(&self) -> bool {
        match self {
            Failure::Unfilled(_)
            | Failure::Address
            | Failure::Private { .. }
            | Failure::Unreachable(_)
            | Failure::NoKey
            | Failure::NoGateway
            | Failure::NoMail
            | Failure::NoNumber => true,
            // The server says that it refused; anything else may come after the deed.
            Failure::Status(code) => (400..500).contains(code),
            Failure::Late(_) | Failure::Lost(_) | Failure::NotJson | Failure::TooLong => false,
        }
    }

    /// Whether asking the same again may help.
    fn passes(&self) -> bool {
        match self {
            Failure::Unreachable(_) | Failure::Lost(_) => true,
            Failure::Status(code) => *code == 429 || (500..600).contains(code),
            Failure::Unfilled(_)
            | Failure::Address
            | Failure::Private { .. }
            | Failure::Late(_)
            | Failure::NotJson
            | Failure::TooLong
            | Failure::NoKey
            | Failure::NoGateway
            | Failure::NoMail
            | Failure::NoNumber => false,
        }
    }
}

impl Toolbox {
    /// Secrets are read each time they are needed; text messages go by `sms`.
    pub fn new(secrets: Secrets, sms: Option<Sms>) -> Result<Self, reqwest::Error> {
        let clients = Clients::new()?;
        Ok(Self {
            way: Arc::new(Way::Http(Box::new(Ways { clients, secrets, sms }))),
            ledger: Ledger::default(),
        })
    }

    /// Asks nobody: each tool has its answer, by its name, and one that has none fails.
    pub fn scripted(answers: BTreeMap<String, Result<Returned, Failure>>) -> Self {
        Self {
            way: Arc::new(Way::Scripted(answers)),
            ledger: Ledger::default(),
        }
    }

    /// Carries out one use of `tool`. Dropping the future gives up a reading tool; a writing one is seen through, and the
    /// same idempotency key is answered with what came of it.
    pub async fn run(&self, tool: &Tool, call: &ToolCall) -> Result<Returned, Failure> {
        match tool.effect {
            Effect::Read => within(tool.timeout, reading(&self.way, tool, call)).await,
            Effect::Write => {
                // Keys of two tools never mean the same deed.
                let key = call.idempotency.as_deref().filter(|key| !key.is_empty());
                let key = format!("{}/{}", tool.name, key.ok_or(Failure::NoKey)?);
                let (way, tool, call) = (Arc::clone(&self.way), tool.clone(), call.clone());
                self.ledger
                    .once(key, async move { within(tool.timeout, way.send(&tool, &call)).await })
                    .await
            }
        }
    }
}

impl Way {
    async fn send(&self, tool: &Tool, call: &ToolCall) -> Result<Returned, Failure> {
        match self {
            Way::Http(ways) => ways.send(tool, call).await,
            Way::Scripted(answers) => answers.get(&tool.name).cloned().unwrap_or(Err(Failure::Status(404))),
        }
    }
}

async fn within(limit: Duration, doing: impl Future<Output = Result<Returned, Failure>>) -> Result<Returned, Failure> {
    tokio::time::timeout(limit, doing)
        .await
        .unwrap_or(Err(Failure::Late(limit)))
}

async fn reading(way: &Way, tool: &Tool, call: &ToolCall) -> Result<Returned, Failure> {
    let mut left = tool.retries;
    loop {
        match way.send(tool, call).await {
            Err(failure) if left > 0 && failure.passes() => {
                tracing::info!(tool = tool.name, "asked again: {failure}");
                left -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests;
