//! A question to the language models, tried in their order, on its way to the call that asked.

use std::future::Future;
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::dialogue::model::{Allowed, BadServer, Llm, OpenAi, Prompt, Reading, Server};
use crate::dialplan::Command;

/// The configured models, in the order of trying.
pub struct Models(Vec<Arc<dyn Llm>>);

impl Models {
    /// `None` where none is configured.
    pub fn new(servers: &[Server]) -> Result<Option<Self>, BadServer> {
        let models = servers
            .iter()
            .map(|server| OpenAi::new(server.clone()).map(|model| Arc::new(model) as Arc<dyn Llm>))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((!models.is_empty()).then_some(Self(models)))
    }

    /// What the first model that answers makes of it, or why none did.
    async fn ask(&self, prompt: &Prompt, allowed: &Allowed) -> Result<Vec<Command>, String> {
        let mut reasons = Vec::new();
        for model in &self.0 {
            match one(model.as_ref(), prompt.clone(), allowed.clone()).await {
                Ok(commands) => return Ok(commands),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }
}

/// A question under way; dropping it cancels the request.
pub(super) struct Thinking(#[expect(dead_code, reason = "held for its drop")] AbortOnDropHandle<()>);

/// Asks, and gives the answer to `done`.
#[expect(
    clippy::disallowed_methods,
    reason = "the task is owned by the handle that is returned"
)]
pub(super) fn think(
    models: Arc<Models>,
    prompt: Prompt,
    allowed: Allowed,
    done: impl FnOnce(Result<Vec<Command>, String>) + Send + 'static,
) -> Thinking {
    let asking = async move { done(models.ask(&prompt, &allowed).await) };
    Thinking(AbortOnDropHandle::new(tokio::spawn(asking)))
}

fn one(model: &dyn Llm, prompt: Prompt, allowed: Allowed) -> impl Future<Output = Result<Vec<Command>, String>> + Send {
    let mut deltas = model.reply(prompt);
    async move {
        let mut reading = Reading::new(allowed);
        while let Some(delta) = deltas.next().await {
            reading.push(&delta.map_err(|e| e.to_string())?.0);
        }
        let finished = reading.finish().map_err(|e| e.to_string())?;
        Ok(finished.read.commands)
    }
}
