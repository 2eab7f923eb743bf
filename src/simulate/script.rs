//! Scripted callers as files: YAML, a list of what the caller does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::language::Language;

/// A caller as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// `en` or `zh`: what the caller speaks, and what is listened for.
    pub language: String,
    /// The number or name that the caller shows.
    #[serde(default = "anonymous")]
    pub from: String,
    /// What the caller does, in order.
    pub steps: Vec<Line>,
}

fn anonymous() -> String {
    "caller".into()
}

/// One thing that the caller does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// Wait until the bot has finished, and expect these words among what it said; empty: any.
    Hear(String),
    /// Speak these words, by the voice of the language.
    Say(String),
    /// Play a recording; relative to the script.
    Play(PathBuf),
    /// Speak over the bot.
    Interrupt(Interrupt),
    /// Press keys.
    Press(String),
    /// Say nothing: `1500ms` or `3s`.
    Wait(String),
    /// `caller` hangs up, or the `bot` is expected to.
    End(Who),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupt {
    pub say: String,
    /// After the bot has begun: `1500ms` or `3s`.
    pub after: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Caller,
    Bot,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ScriptError {
    path: PathBuf,
    reason: String,
}

impl Script {
    /// Reads and checks `path`.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let wrong = |reason: String| ScriptError {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let mut script: Script = serde_saphyr::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        script.language().map_err(|e| wrong(e.to_string()))?;
        for line in &mut script.steps {
            match line {
                Line::Wait(span) => drop(duration(span).map_err(&wrong)?),
                Line::Interrupt(interrupt) => drop(duration(&interrupt.after).map_err(&wrong)?),
                Line::Play(file) => {
                    if let Some(folder) = path.parent() {
                        *file = folder.join(&*file);
                    }
                }
                Line::Press(keys) => {
                    if let Some(key) = keys.chars().find(|key| !"0123456789*#ABCD".contains(*key)) {
                        return Err(wrong(format!(
                            "`press: {keys}`: there is no key `{key}`; keys are 0-9 * # A-D"
                        )));
                    }
                }
                Line::Hear(_) | Line::Say(_) | Line::End(_) => {}
            }
        }
        Ok(script)
    }

    pub fn language(&self) -> Result<Language, crate::language::UnknownLanguage> {
        self.language.parse()
    }
}

/// `1500ms` or `3s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = if let Some(ms) = text.strip_suffix("ms") {
        ms.trim().parse().ok().map(Duration::from_millis)
    } else {
        text.strip_suffix('s')
            .and_then(|s| s.trim().parse().ok())
            .map(Duration::from_secs)
    };
    parsed.ok_or_else(|| format!("`{text}` is no length of time; write `1500ms` or `3s`"))
}
