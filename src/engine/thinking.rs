//! A question to the language models on its way to the call that asked.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::call::Question;
use crate::dialogue::model::Servers;
use crate::dialplan::Command;

/// A question under way; dropping it cancels the request.
pub(super) struct Thinking(#[expect(dead_code, reason = "held for its drop")] AbortOnDropHandle<()>);

/// Asks; gives clauses of an answer to `said` as they come, and what all of it means to `done`.
#[expect(
    clippy::disallowed_methods,
    reason = "the task is owned by the handle that is returned"
)]
pub(super) fn think(
    models: Arc<Servers>,
    question: Question,
    mut said: impl FnMut(String) + Send + 'static,
    done: impl FnOnce(Result<Vec<Command>, String>) + Send + 'static,
) -> Thinking {
    let asking = async move {
        let Question { prompt, allowed } = question;
        done(models.ask(&prompt, &allowed, &mut said).await);
    };
    Thinking(AbortOnDropHandle::new(tokio::spawn(asking)))
}
