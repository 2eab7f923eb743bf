//! One call as pages show it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Epoch;
use crate::call::brief::Brief;
use crate::call::{Line, Suggestion};
use crate::dialogue::conversation::Speaker;
use crate::engine::letters::Letter;
use crate::store::Past;

/// Lines of a conversation that pages are shown.
const WORDS: usize = 200;
/// Suggestions that pages are shown: the newest.
const SUGGESTIONS: usize = 8;
/// What was written of nobody after so long is not asked for any more.
const UNWRITTEN: Duration = Duration::from_secs(15 * 60);

/// The stage of who writes of a call that they were in.
pub(super) const WRAP_UP: &str = "wrap_up";

/// What is known of a call when it begins.
#[derive(Clone)]
pub struct Opening {
    /// Of its record.
    pub id: String,
    pub began: Instant,
    pub language: String,
    pub number: String,
    pub name: Option<String>,
    pub tier: Option<String>,
    /// What else other systems told of the caller.
    pub profile: Vec<(String, String)>,
    /// The customer is called back in it.
    pub callback: bool,
    /// How long may be written after a call, by queue.
    pub wrap_up: BTreeMap<String, Duration>,
}

/// What becomes known later.
pub enum Known {
    Brief(Box<Brief>),
    Language(String),
    /// -1 to 0.5
    Mood(f32),
    /// What the flow would ask next.
    Next(Option<String>),
    Suggestion(Suggestion),
    /// The newest first.
    History(Vec<Past>),
    Draft(String),
}

/// Who is in a call.
pub struct Roll {
    pub with: With,
    pub agent: Option<String>,
    pub queue: Option<String>,
    pub parties: Vec<Value>,
    pub views: BTreeMap<String, View>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    Bot,
    Queue,
    Agent,
    Parked,
}

/// How somebody is in a call.
#[derive(Clone, Debug)]
pub struct View {
    pub monitors: bool,
    pub stage: &'static str,
    pub since: Instant,
    pub until: Option<Instant>,
    pub line: &'static str,
}

/// What is left to be written of a call.
pub struct Wrap {
    /// Of its record.
    pub call: String,
    pub draft: String,
}

pub(super) struct Entry {
    opening: Opening,
    /// None: it is over.
    pub letters: Option<mpsc::Sender<Letter>>,
    with: With,
    agent: Option<String>,
    queue: Option<String>,
    parties: Vec<Value>,
    pub views: BTreeMap<String, View>,
    brief: Option<Value>,
    pub words: VecDeque<Value>,
    mood: Option<f32>,
    next: Option<String>,
    suggestions: Vec<Value>,
    history: Vec<Value>,
    draft: String,
    /// Who has been with the caller.
    were_with: BTreeSet<String>,
    /// The row that was told last.
    pub told: Value,
}

impl Entry {
    pub fn new(opening: Opening, letters: mpsc::Sender<Letter>) -> Self {
        Self {
            opening,
            letters: Some(letters),
            with: With::Bot,
            agent: None,
            queue: None,
            parties: Vec::new(),
            views: BTreeMap::new(),
            brief: None,
            words: VecDeque::new(),
            mood: None,
            next: None,
            suggestions: Vec::new(),
            history: Vec::new(),
            draft: String::new(),
            were_with: BTreeSet::new(),
            told: Value::Null,
        }
    }

    /// As it would begin now.
    pub fn opening(&self) -> Opening {
        self.opening.clone()
    }

    pub fn is_parked(&self) -> bool {
        self.with == With::Parked
    }

    /// Takes over who is in it now. Who sees it no more; those who were with the caller write of it first.
    pub fn enrol(&mut self, roll: Roll, now: Instant) -> Vec<String> {
        let queue = roll.queue.clone().or_else(|| self.queue.clone());
        let writing = queue.and_then(|queue| self.opening.wrap_up.get(&queue)).copied();
        for (person, view) in &roll.views {
            if !view.monitors && matches!(view.stage, "talking" | "held") {
                self.were_with.insert(person.clone());
            }
        }
        let before = std::mem::replace(&mut self.views, roll.views);
        let mut gone = Vec::new();
        for (person, mut view) in before {
            if self.views.contains_key(&person) {
                continue;
            }
            if view.stage == WRAP_UP {
                self.views.insert(person, view);
            } else if self.were_with.remove(&person) {
                (view.stage, view.line, view.since) = (WRAP_UP, "none", now);
                view.until = writing.map(|writing| now + writing);
                self.views.insert(person, view);
            } else {
                gone.push(person);
            }
        }
        (self.with, self.agent, self.parties) = (roll.with, roll.agent, roll.parties);
        self.queue = roll.queue.or(self.queue.take());
        gone
    }

    pub fn say(&mut self, line: Line) -> Value {
        let said = json!({
            "n": line.n,
            "who": who(line.speaker),
            "name": line.name,
            "text": line.text,
            "at": line.at.as_millis() as u64,
            "mood": line.mood,
        });
        match self.words.iter_mut().find(|word| word["n"] == said["n"]) {
            Some(word) => *word = said.clone(),
            None => self.words.push_back(said.clone()),
        }
        if self.words.len() > WORDS {
            self.words.pop_front();
        }
        said
    }

    pub fn know(&mut self, known: Known) {
        match known {
            Known::Brief(brief) => self.brief = Some(shown(&brief)),
            Known::Language(language) => self.opening.language = language,
            Known::Mood(mood) => self.mood = Some(mood),
            Known::Next(next) => self.next = next,
            Known::Suggestion(Suggestion {
                n,
                question,
                answer,
                source,
            }) => {
                let suggestion = json!({"n": n, "question": question, "answer": answer, "source": source});
                self.suggestions.push(suggestion);
                let old = self.suggestions.len().saturating_sub(SUGGESTIONS);
                self.suggestions.drain(..old);
            }
            Known::History(calls) => {
                let calls = calls.into_iter().filter(|past| past.call != self.opening.id);
                let row = |past: Past| {
                    json!({
                        "at": past.at.as_millisecond(),
                        "outcome": past.outcome,
                        "summary": past.summary,
                    })
                };
                self.history = calls.map(row).collect();
            }
            Known::Draft(draft) => self.draft = draft,
        }
    }

    pub fn wrap(&self) -> Wrap {
        Wrap {
            call: self.opening.id.clone(),
            draft: self.draft.clone(),
        }
    }

    /// Who leaves it unwritten.
    pub fn tidy(&mut self, now: Instant) -> Vec<String> {
        let old = |view: &View| view.stage == WRAP_UP && now.saturating_duration_since(view.since) >= UNWRITTEN;
        let gone = self.views.extract_if(.., |_, view| old(view));
        gone.map(|(person, _)| person).collect()
    }

    /// What supervisors see of it.
    pub fn row(&self, number: u64, epoch: Epoch) -> Value {
        let with = match self.with {
            With::Bot => "bot",
            With::Queue => "queue",
            With::Agent => "agent",
            With::Parked => "parked",
        };
        json!({
            "id": number.to_string(),
            "caller": self.opening.name.as_ref().unwrap_or(&self.opening.number),
            "queue": self.queue,
            "with": with,
            "agent": self.agent,
            "since": epoch.milliseconds(self.opening.began),
            "mood": self.mood,
            "language": self.opening.language,
        })
    }

    /// What `person` sees of it, without what was said.
    pub fn shown_to(&self, number: u64, person: &str, epoch: Epoch) -> Option<Value> {
        let view = self.views.get(person)?;
        let opening = &self.opening;
        let wrap = (view.stage == WRAP_UP).then(|| json!({"draft": self.draft}));
        Some(json!({
            "id": number.to_string(),
            "role": if view.monitors { "monitor" } else { "agent" },
            "stage": view.stage,
            "since": epoch.milliseconds(view.since),
            "until": view.until.map(|until| epoch.milliseconds(until)),
            "line": view.line,
            "queue": self.queue,
            "callback": opening.callback,
            "began": epoch.milliseconds(opening.began),
            "caller": {
                "number": opening.number,
                "name": opening.name,
                "tier": opening.tier,
                "profile": opening.profile,
            },
            "brief": self.brief,
            "mood": self.mood,
            "next": self.next,
            "suggestions": self.suggestions,
            "parties": self.parties,
            "history": self.history,
            "wrap": wrap,
        }))
    }
}

fn who(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Caller => "caller",
        Speaker::Bot(_) => "bot",
        Speaker::Agent => "agent",
    }
}

fn shown(brief: &Brief) -> Value {
    let slots = brief.slots.iter();
    let turns = brief
        .turns
        .iter()
        .map(|turn| json!({"who": who(turn.speaker), "text": turn.shown()}));
    json!({
        "language": brief.language.map(|language| language.code()),
        "reason": brief.reason,
        "summary": brief.summary,
        "slots": slots
            .map(|(name, value, personal)| json!({"name": name, "value": value, "personal": personal}))
            .collect::<Vec<_>>(),
        "mood": brief.mood,
        "turns": turns.collect::<Vec<_>>(),
    })
}
