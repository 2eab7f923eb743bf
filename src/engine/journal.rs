//! A call's record in the making: what was said and what happened, with times; handed to the outbox at the end.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::call::Note;
use crate::call::playout::Ending;
use crate::clock;
use crate::rtp::Stats;
use crate::store::{Began, Ended, Line, Outbox, Speaker, TurnTimes};

/// Lines that are kept of one call; a call with more is no conversation.
const MOST: usize = 10_000;

pub(super) struct Journal {
    id: String,
    folder: PathBuf,
    outbox: Outbox,
    answered: Option<Timestamp>,
    lines: Vec<Line>,
    turns: Vec<TurnTimes>,
}

impl Journal {
    /// Records lie under `folder`.
    pub fn begin(outbox: Outbox, began: Began, folder: &Path) -> Self {
        let id = began.id.clone();
        tracing::info!(call = %id, plan = %began.plan, assistant = %began.assistant, "a call came in");
        outbox.began(began);
        Self {
            id,
            folder: folder.to_owned(),
            outbox,
            answered: None,
            lines: Vec::new(),
            turns: Vec::new(),
        }
    }

    pub fn recording_path(&self) -> PathBuf {
        self.folder.join(format!("{}.wav", self.id))
    }

    pub fn answered(&mut self) {
        self.answered = Some(clock::wall());
    }

    pub fn event(&mut self, text: impl Into<String>) {
        self.line(Speaker::Event, text.into());
    }

    pub fn note(&mut self, note: Note) {
        match note {
            Note::Said {
                text,
                ending: Ending::Whole,
            } => self.line(Speaker::Bot, text),
            Note::Said {
                text,
                ending: Ending::Cut,
            } => self.line(Speaker::Bot, format!("{text} —")),
            Note::Heard { text, .. } => self.line(Speaker::Caller, text),
            Note::Meant(commands) => tracing::debug!(call = %self.id, count = commands.len(), "understood"),
            Note::Key(key) => self.event(format!("key {key}")),
            Note::Silence => self.event("the caller said nothing"),
            Note::Resumed => self.event("talked over, and went on"),
            Note::Turn(ledger) => {
                let ms = |part: std::time::Duration| part.as_secs_f64() * 1000.0;
                self.turns.push(TurnTimes {
                    at: clock::wall(),
                    end_of_turn: ms(ledger.end_of_turn),
                    hearing: ms(ledger.hearing),
                    dialogue: ms(ledger.dialogue),
                    voice: ms(ledger.voice),
                    pacing: ms(ledger.pacing),
                });
            }
            Note::Transferring { to } => self.event(format!("transferring to {to}")),
            Note::TransferFailed { reason } => self.event(format!("the transfer failed: {reason}")),
            Note::Problem(problem) => {
                tracing::warn!(call = %self.id, "{problem}");
                self.event(problem);
            }
        }
    }

    pub fn media(&mut self, stats: &Stats) {
        tracing::info!(call = %self.id, received = stats.received, lost = stats.lost, "media");
    }

    pub fn end(self, ending: String, path: Vec<String>, recording: Option<String>) {
        tracing::info!(call = %self.id, turns = self.turns.len(), "the call ended: {ending}");
        self.outbox.ended(Ended {
            id: self.id,
            answered: self.answered,
            at: clock::wall(),
            ending,
            path,
            recording,
            lines: self.lines,
            turns: self.turns,
        });
    }

    fn line(&mut self, speaker: Speaker, text: String) {
        if self.lines.len() < MOST {
            self.lines.push(Line {
                at: clock::wall(),
                speaker,
                text,
            });
        }
    }
}
