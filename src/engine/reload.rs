//! A new version of the plan while calls run.
//!
//! New calls are held by the new one, calls under way keep theirs; a plan with a problem is refused whole, and the old one
//! stays. It knows no signals and watches no files: it is told to look.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::Bot;
use super::load::{self, LoadError, Script};

/// Why a plan was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("an assistant speaks with the voice `{0}`, which was not loaded when the bot started; restart it")]
    Voice(&'static str),
    #[error("it could not be read: {0}")]
    Reading(String),
}

/// Takes the plan in `path` as it is now; its hash, or why the old one stays.
pub async fn reload(bot: &Arc<Bot>, path: &Path) -> Result<String, ReloadError> {
    let file = path.to_owned();
    let meaning = bot.script().meaning.clone();
    let read = tokio::task::spawn_blocking(move || Script::load(&file, meaning)).await;
    let script = read.map_err(|e| ReloadError::Reading(e.to_string()))??;
    let loaded = bot.engines.voices();
    if let Some(voice) = script.plan.voices().into_iter().find(|one| !loaded.contains(one)) {
        return Err(ReloadError::Voice(voice.names()[0]));
    }
    let (script, hash) = (Arc::new(script), bot.script().plan.hash.clone());
    let new = script.plan.hash.clone();
    if new != hash {
        load::render(&bot.engines, &script).await;
        bot.sip.name(script.plan.destinations());
        bot.floor.follow(&script.plan);
        bot.published.send_replace(Arc::new(script.plan.campaigns.clone()));
        *bot.script.write().unwrap_or_else(PoisonError::into_inner) = script;
    }
    Ok(new)
}
