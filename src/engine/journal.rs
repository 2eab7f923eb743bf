//! A call's record in the making: what was said and what happened, with times; handed to the outbox at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::call::playout::Ending;
use crate::call::{Note, Return, Task};
use crate::clock;
use crate::language::Language;
use crate::store::{Act, Began, Ended, Gap, Kind, Line, Nearest, Outbox, Quality, Speaker, TurnTimes};

/// Lines that are kept of one call; a call with more is no conversation.
const MOST: usize = 10_000;
/// Questions without an answer that are kept of one call.
const MOST_GAPS: usize = 100;

/// What a call is known by: its number in this run, and its name among records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub number: u64,
    pub id: String,
}

impl Record {
    pub fn of(number: u64, at: Timestamp) -> Self {
        let id = format!("{}-{:04x}", at.strftime("%Y%m%d-%H%M%S"), number & 0xffff);
        Self { number, id }
    }
}

pub(super) struct Journal {
    id: String,
    folder: PathBuf,
    outbox: Outbox,
    answered: Option<Timestamp>,
    lines: Vec<Line>,
    turns: Vec<TurnTimes>,
    acts: Vec<Act>,
    gaps: Vec<Gap>,
}

/// How a call went, beside what was said.
pub(super) struct Outcome {
    pub ending: String,
    pub path: Vec<String>,
    pub disposition: Option<String>,
    pub slots: BTreeMap<String, String>,
    pub recording: Option<String>,
    pub quality: Option<Quality>,
}

impl Outcome {
    /// A call that was never held.
    pub fn refused(code: u16, reason: &str) -> Self {
        Self::of_nothing(format!("refused with {code}: {reason}"))
    }

    /// Of which nothing is known but how it ended.
    pub fn of_nothing(ending: String) -> Self {
        Self {
            ending,
            path: Vec::new(),
            disposition: None,
            slots: BTreeMap::new(),
            recording: None,
            quality: None,
        }
    }
}

impl Journal {
    /// Records lie under `folder`.
    pub fn begin(outbox: Outbox, began: Began, folder: &Path) -> Self {
        let id = began.id.clone();
        tracing::info!(call = %id, plan = %began.plan, assistant = %began.assistant, "a call began");
        outbox.began(began);
        Self {
            id,
            folder: folder.to_owned(),
            outbox,
            answered: None,
            lines: Vec::new(),
            turns: Vec::new(),
            acts: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// Of the record.
    pub fn id(&self) -> &str {
        &self.id
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
            Note::AgentSaid { text, .. } => self.line(Speaker::Agent, text),
            Note::Meant(commands) => tracing::debug!(call = %self.id, count = commands.len(), "understood"),
            Note::Answered { source, score } => {
                let score = score.map(|score| format!(" ({score:.2})")).unwrap_or_default();
                self.event(format!("answered from {source}{score}"));
            }
            Note::Unanswered {
                question,
                language,
                nearest,
            } => self.unanswered(question, language, nearest),
            Note::Language(language) => self.event(format!("speaks `{language}` from here on")),
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
            Note::Used { tool, took, failure } => {
                let words = failure
                    .as_ref()
                    .map_or("done".to_owned(), |why| format!("failed: {why}"));
                self.event(format!("tool {tool}, {} ms: {words}", took.as_millis()));
                let detail = serde_json::json!({ "ms": took.as_millis() as u64 });
                self.act(Kind::Tool, tool, failure, detail);
            }
            Note::Task(Task::Ticket(ticket)) => {
                self.event(format!("ticket: {}", ticket.kind));
                let detail = serde_json::json!({
                    "priority": ticket.priority.name(),
                    "subject": ticket.subject,
                    "note": ticket.note,
                    "queue": ticket.queue,
                });
                self.act(Kind::Ticket, ticket.kind, None, detail);
            }
            Note::Task(Task::Callback { at, number, queue }) => {
                self.event(format!("to be called back at {at}"));
                let detail = serde_json::json!({ "at": at, "number": number, "queue": queue });
                self.act(Kind::Callback, "callback".into(), None, detail);
            }
            Note::Transferring { to } => self.event(format!("transferring to {to}")),
            Note::TransferFailed { reason } => self.event(format!("the transfer failed: {reason}")),
            Note::Queued { queue } => self.event(format!("waits for a person of queue `{queue}`")),
            Note::Bridged { agent } => self.event(format!("speaks with {agent}")),
            Note::AnsweredBy(whom) => self.event(format!("answered by: {whom}")),
            Note::OptedOut => self.event("wants no more calls"),
            Note::Releasing => self.event("the caller's line is asked to take the bot's place"),
            Note::Returned(how) => self.event(match how {
                Return::NoAgent(reason) => format!("no person took the call: {reason}"),
                Return::Declined => "the agent did not take the call".into(),
                Return::GivenBack { flow: Some(flow) } => format!("the agent gave the caller back, to `{flow}`"),
                Return::GivenBack { flow: None } => "the agent gave the caller back".into(),
                Return::AgentLeft => "the agent hung up".into(),
                Return::AgentLost => "the agent's line broke".into(),
            }),
            Note::Problem(problem) => {
                tracing::warn!(call = %self.id, "{problem}");
                self.event(problem);
            }
        }
    }

    pub fn end(self, outcome: Outcome) {
        let ending = &outcome.ending;
        tracing::info!(call = %self.id, turns = self.turns.len(), "the call ended: {ending}");
        self.outbox.ended(Ended {
            id: self.id,
            answered: self.answered,
            at: clock::wall(),
            ending: outcome.ending,
            path: outcome.path,
            disposition: outcome.disposition,
            slots: outcome.slots,
            recording: outcome.recording,
            quality: outcome.quality,
            lines: self.lines,
            turns: self.turns,
            acts: self.acts,
            gaps: self.gaps,
        });
    }

    fn act(&mut self, kind: Kind, name: String, failure: Option<String>, detail: serde_json::Value) {
        if self.acts.len() < MOST {
            self.acts.push(Act {
                at: clock::wall(),
                kind,
                name,
                failure,
                detail,
            });
        }
    }

    fn unanswered(&mut self, question: String, language: Language, nearest: Option<(String, f32)>) {
        let best = nearest.map(|(source, score)| Nearest { score, source });
        let near = best
            .as_ref()
            .map(|best| format!("; {} came nearest ({:.2})", best.source, best.score));
        self.event(format!(
            "nothing known answers \"{question}\"{}",
            near.unwrap_or_default()
        ));
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(Gap {
                at: clock::wall(),
                question,
                language: language.code().to_owned(),
                best,
            });
        }
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
