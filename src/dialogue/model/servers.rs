//! The configured servers in their order: the first that answers in time is heard.
//!
//! A server that fails often is left alone for a while. What one has begun to say is never begun anew by another. Knows no calls; who asks
//! reads the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::breaker::Breaker;
use super::{Allowed, Answered, BadServer, Llm, OpenAi, Prompt, Reading, Server, Unusable};
use crate::dialplan::Command;

/// In the order of trying.
pub struct Servers {
    servers: Vec<One>,
    clock: fn() -> Instant,
}

struct One {
    llm: Arc<dyn Llm>,
    breaker: Mutex<Breaker>,
}

impl Servers {
    /// `None` where none is configured.
    pub fn new(servers: &[Server], clock: fn() -> Instant) -> Result<Option<Self>, BadServer> {
        let models = servers
            .iter()
            .map(|server| OpenAi::new(server.clone()).map(|model| Arc::new(model) as Arc<dyn Llm>))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((!models.is_empty()).then(|| Self::of(models, clock)))
    }

    pub fn of(models: Vec<Arc<dyn Llm>>, clock: fn() -> Instant) -> Self {
        let one = |llm| One {
            llm,
            breaker: Mutex::default(),
        };
        Self {
            servers: models.into_iter().map(one).collect(),
            clock,
        }
    }

    /// What the first server that answers makes of it, or why none did. Clauses of an answer are given to `said` while it is being written; then
    /// they are all of the text of the answer that comes at last. Dropping the future ends the request.
    pub async fn ask(
        &self,
        prompt: &Prompt,
        allowed: &Allowed,
        said: &mut (impl FnMut(String) + Send),
    ) -> Result<Vec<Command>, String> {
        let mut reasons = Vec::new();
        for (n, One { llm, breaker }) in self.servers.iter().enumerate() {
            let breaker = || breaker.lock().unwrap_or_else(PoisonError::into_inner);
            let mut failed = |reason: String| reasons.push(format!("model {} of `models`: {reason}", n + 1));
            if !breaker().admits((self.clock)()) {
                failed(RESTS.to_owned());
                continue;
            }
            let answer = one(llm.as_ref(), prompt.clone(), allowed.clone(), said).await;
            match &answer {
                Ok(_) | Err(Failure::Useless(_)) => breaker().worked(),
                Err(Failure::Broken(_)) => breaker().failed((self.clock)()),
            }
            match answer {
                Ok(commands) => return Ok(commands),
                Err(Failure::Useless(reason) | Failure::Broken(reason)) => failed(reason),
            }
        }
        Err(reasons.join("; "))
    }

    /// What `read` makes of the text of the first server that gives one it can be made of; for what is no turn of a call. That one takes too long
    /// for this is not held against it: no caller waits. Dropping the future ends the request.
    pub(super) async fn write<T: Send>(
        &self,
        prompt: &Prompt,
        read: impl Fn(&str) -> Option<T> + Send + Sync,
    ) -> Result<T, String> {
        let mut reasons = Vec::new();
        for (n, One { llm, breaker }) in self.servers.iter().enumerate() {
            let breaker = || breaker.lock().unwrap_or_else(PoisonError::into_inner);
            let mut failed = |reason: String| reasons.push(format!("model {} of `models`: {reason}", n + 1));
            if !breaker().admits((self.clock)()) {
                failed(RESTS.to_owned());
                continue;
            }
            match whole(llm.as_ref(), prompt.clone()).await {
                Err(reason) => failed(reason),
                Ok(text) => {
                    breaker().worked();
                    match read(&text) {
                        Some(read) => return Ok(read),
                        None => failed("its text could not be read".to_owned()),
                    }
                }
            }
        }
        Err(reasons.join("; "))
    }
}

/// All of a model's text.
async fn whole(model: &dyn Llm, prompt: Prompt) -> Result<String, String> {
    let mut deltas = model.reply(prompt);
    let mut text = String::new();
    while let Some(delta) = deltas.next().await {
        text.push_str(&delta.map_err(|error| error.to_string())?.0);
        if text.len() > LONGEST {
            return Err("it writes without an end".to_owned());
        }
    }
    Ok(text)
}

/// Why a server is not asked.
const RESTS: &str = "it has failed repeatedly and is left alone for up to a minute";
/// A model that writes more than this, in bytes, has lost its way; the rest is not read.
const LONGEST: usize = 32 * 1024;

enum Failure {
    /// It answered, and what it wants may not be.
    Useless(String),
    Broken(String),
}

async fn one(
    model: &dyn Llm,
    prompt: Prompt,
    allowed: Allowed,
    said: &mut (impl FnMut(String) + Send),
) -> Result<Vec<Command>, Failure> {
    let mut deltas = model.reply(prompt);
    let mut reading = Reading::new(allowed);
    let mut spoken = false;
    let mut give = |text: String| {
        if !text.is_empty() {
            spoken = true;
            said(text);
        }
    };
    let mut cut = None;
    while let Some(delta) = deltas.next().await {
        match delta {
            Ok(delta) => give(reading.push(&delta.0)),
            Err(error) => {
                cut = Some(error.to_string());
                break;
            }
        }
        if reading.is_decided() {
            break;
        }
    }
    if let Some(reason) = cut {
        // What was said was an answer; whoever is asked next would say it twice.
        let finished = reading.finish().ok().filter(|_| spoken);
        return finished
            .map(|finished| finished.read.commands)
            .ok_or(Failure::Broken(reason));
    }
    match reading.finish() {
        Ok(finished) => {
            model.answered(Answered::InForm);
            Ok(finished.read.commands)
        }
        Err(error @ Unusable::NotJson) => {
            model.answered(Answered::Formless);
            Err(Failure::Broken(error.to_string()))
        }
        Err(error @ Unusable::Refused(_)) => {
            model.answered(Answered::InForm);
            Err(Failure::Useless(error.to_string()))
        }
    }
}
