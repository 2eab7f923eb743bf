//! Beside a person: what both sides say is written down, answers are suggested, and what comes of it is told when the person is gone.
//!
//! The bot says nothing meanwhile and decides nothing. It knows no desk and no pages, and where words come from when they are wanted.

use std::time::{Duration, Instant};

use super::scribe::{Scribe, Spoken};
use super::{Call, Heard, Line, Note, Output, Suggestion};
use crate::audio::Frame;
use crate::dialogue::conversation::{Privacy, Speaker};
use crate::dialogue::minutes::Minutes;
use crate::dialplan::Ahead;
use crate::language::Language;
use crate::speech::{Care, Digits, Listening, Priority, Transcript};

/// People in one call whose words are written down, the caller among them.
const SIDES: usize = 8;
/// Answers that are suggested to one line of the caller.
const ANSWERS: usize = 2;
/// When the person is gone and the bot goes on, their last words are awaited for so long.
const AFTERWARDS: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(super) struct Assist {
    part: Part,
    /// The sources of what was suggested in this call.
    suggested: Vec<String>,
    /// Lines that were told.
    lines: u64,
}

/// A part of the call that is held with people.
#[derive(Default)]
enum Part {
    #[default]
    None,
    Open(Held),
    /// Nobody speaks any more; last words are awaited until then.
    Closing(Held, Instant),
}

struct Held {
    /// Since the call was answered.
    since: Duration,
    till: Duration,
    sides: Vec<Side>,
}

struct Side {
    /// The name of an agent; `None`: the caller.
    who: Option<String>,
    scribe: Scribe,
}

impl Assist {
    /// Whether a transcript is one of these.
    pub(super) fn awaits(&self, id: u64) -> bool {
        self.sides().iter().any(|side| side.scribe.awaits(id))
    }

    /// Whether the person is gone, and what was said last is not known yet.
    pub(super) fn awaits_last_words(&self) -> bool {
        matches!(self.part, Part::Closing(..))
    }

    fn sides(&self) -> &[Side] {
        match &self.part {
            Part::None => &[],
            Part::Open(held) | Part::Closing(held, _) => &held.sides,
        }
    }

    fn sides_mut(&mut self) -> &mut [Side] {
        match &mut self.part {
            Part::None => &mut [],
            Part::Open(held) | Part::Closing(held, _) => &mut held.sides,
        }
    }

    /// Who says something while the caller is with a person; nobody more where there are too many.
    fn scribe(&mut self, now: Instant, who: Option<&str>) -> Option<&mut Scribe> {
        let Part::Open(held) = &mut self.part else { return None };
        let known = held.sides.iter().position(|side| side.who.as_deref() == who);
        let at = match known {
            Some(at) => at,
            None if held.sides.len() < SIDES => {
                held.sides.push(Side {
                    who: who.map(str::to_owned),
                    scribe: Scribe::new(now),
                });
                held.sides.len() - 1
            }
            None => return None,
        };
        held.sides.get_mut(at).map(|side| &mut side.scribe)
    }
}

impl Call {
    /// 20 ms of a person who is in the call, while it [`Call::is_bridged`]: `who` is their name as lines show it, `probability` (0 to 1) that they
    /// speak. For each of them, every 20 ms in which they can be heard.
    pub fn agent_said(&mut self, now: Instant, who: &str, frame: &Frame, probability: f32) {
        if self.is_bridged() {
            self.side_said(now, Some(who), frame, probability);
        }
    }

    /// What the plan would do next if the caller were given back, or what it was not told: in words for the agent.
    pub fn next_step(&self) -> Option<String> {
        let ahead = self.walk.ahead()?;
        let spaced = |name: &str| name.replace('_', " ");
        Some(match (self.language, ahead) {
            (Language::English, Ahead::Ask { slot, prompt }) => format!("Ask for the {}: “{prompt}”", spaced(&slot)),
            (Language::English, Ahead::Use { tool }) => format!("Use the tool “{}”", spaced(&tool)),
            (Language::English, Ahead::Say(text)) => format!("Say: “{text}”"),
            (Language::Mandarin, Ahead::Ask { slot, prompt }) => format!("询问{}：“{prompt}”", spaced(&slot)),
            (Language::Mandarin, Ahead::Use { tool }) => format!("使用工具“{}”", spaced(&tool)),
            (Language::Mandarin, Ahead::Say(text)) => format!("告知：“{text}”"),
        })
    }

    /// How the caller feels, -1 to 0.5.
    pub fn mood(&self) -> f32 {
        self.sentiment.score()
    }

    /// Of a call that ends now: what was said with a person, where it has not been told by [`Output::Minutes`]. Words that are still being
    /// transcribed are not in it.
    pub fn minutes(&mut self) -> Option<Minutes> {
        match std::mem::take(&mut self.assist.part) {
            Part::None => None,
            Part::Open(held) | Part::Closing(held, _) => Some(self.minutes_of(&held)),
        }
    }

    /// 20 ms of the caller while they are with a person.
    pub(super) fn caller_said(&mut self, now: Instant, heard: &Heard<'_>) {
        self.side_said(now, None, heard.frame, heard.probability);
    }

    fn side_said(&mut self, now: Instant, who: Option<&str>, frame: &Frame, probability: f32) {
        if !matches!(self.assist.part, Part::Open(_)) {
            self.close_part();
            self.assist.part = Part::Open(Held {
                since: self.since_answer(now),
                till: Duration::MAX,
                sides: Vec::new(),
            });
        }
        if let Some(scribe) = self.assist.scribe(now, who) {
            scribe.hear(now, frame, probability);
        }
        self.have_transcribed(now);
    }

    /// Goes on with what was said to a person and by them.
    pub(super) fn write_down(&mut self, now: Instant) {
        if matches!(self.assist.part, Part::Open(_)) && !self.is_bridged() {
            self.assist
                .sides_mut()
                .iter_mut()
                .for_each(|side| side.scribe.close(now));
            self.have_transcribed(now);
            if let Part::Open(mut held) = std::mem::take(&mut self.assist.part) {
                held.till = self.since_answer(now);
                self.assist.part = Part::Closing(held, now + AFTERWARDS);
            }
        }
        self.give_up_words(now);
        if let Part::Closing(held, until) = &self.assist.part
            && (now >= *until || held.sides.iter().all(|side| side.scribe.is_idle()))
        {
            self.close_part();
        }
    }

    /// Words of somebody beside the bot, or why there are none.
    pub(super) fn told_words(&mut self, id: u64, result: Result<Transcript, String>) {
        let (text, confidence) = match result {
            Ok(transcript) => (transcript.text, transcript.confidence),
            Err(reason) => {
                self.note(Note::Problem(format!(
                    "what was said could not be written down: {reason}"
                )));
                (String::new(), 0.0)
            }
        };
        let side = self.assist.sides_mut().iter_mut().find(|side| side.scribe.awaits(id));
        let Some(Side { who, scribe }) = side else { return };
        scribe.transcribed(id, &text, confidence);
        let who = who.clone();
        let spoken: Vec<Spoken> = std::iter::from_fn(|| scribe.poll()).collect();
        for spoken in spoken {
            self.was_said(who.clone(), spoken);
        }
    }

    /// A line for people who see the call; `text` as it may be shown, `at` since the call was answered.
    pub(super) fn tell(&mut self, speaker: Speaker, name: Option<String>, text: String, at: Duration) {
        self.assist.lines += 1;
        let mood = matches!(speaker, Speaker::Caller).then(|| self.mood());
        self.outputs.push_back(Output::Said(Line {
            n: self.assist.lines,
            speaker,
            name,
            text,
            at,
            mood,
        }));
    }

    fn have_transcribed(&mut self, now: Instant) {
        let mut wanted = Vec::new();
        let mut next = self.next;
        for side in self.assist.sides_mut() {
            while let Some(samples) = side.scribe.wanted(now, next + 1) {
                next += 1;
                wanted.push((next, samples));
            }
        }
        self.next = next;
        for (id, samples) in wanted {
            let listening = Listening {
                language: self.language,
                or: Vec::new(),
                digits: Digits::No,
                care: Care::AsNeeded,
                names: self.grounded.names(),
            };
            self.outputs.push_back(Output::Hear {
                id,
                samples,
                listening,
                priority: Priority::Beside,
            });
        }
    }

    fn give_up_words(&mut self, now: Instant) {
        while let Some(id) = self.assist.sides().iter().find_map(|side| side.scribe.late(now)) {
            self.outputs.push_back(Output::Unhear { id });
            self.told_words(id, Err("no words came".to_owned()));
        }
    }

    /// `who`: the name of an agent, or nobody for the caller.
    fn was_said(&mut self, who: Option<String>, spoken: Spoken) {
        let since = |at: Instant| at.saturating_duration_since(self.answered);
        let (from, to) = (since(spoken.from), since(spoken.to));
        let privacy = if self.has_private(&spoken.text) {
            Privacy::Withheld
        } else {
            Privacy::Open
        };
        let text = privacy.shown(&spoken.text).to_owned();
        match who {
            Some(agent) => {
                self.conversation.agent_said(from, to, &spoken.text, privacy);
                self.note(Note::AgentSaid {
                    agent: agent.clone(),
                    text: text.clone(),
                });
                self.tell(Speaker::Agent, Some(agent), text, from);
            }
            None => {
                self.observe(&spoken.text, Some(spoken.level));
                self.conversation.caller_said(from, to, &spoken.text, privacy);
                self.note(Note::Heard {
                    text: text.clone(),
                    confidence: spoken.confidence,
                });
                self.tell(Speaker::Caller, None, text, from);
                if privacy == Privacy::Open {
                    self.suggest(&spoken.text);
                }
            }
        }
    }

    /// What the knowledge says to what the caller asked a person; each once in a call.
    fn suggest(&mut self, words: &str) {
        let question = self.grounded.point(words).trim();
        for passage in self.grounded.passages(question, ANSWERS) {
            if self.assist.suggested.contains(&passage.source) {
                continue;
            }
            self.assist.suggested.push(passage.source.clone());
            self.outputs.push_back(Output::Suggested(Suggestion {
                n: self.assist.suggested.len() as u64,
                question: question.to_owned(),
                answer: passage.text,
                source: passage.source,
            }));
        }
    }

    /// What was said with a person is told as far as it is known.
    pub(super) fn close_part(&mut self) {
        if let Some(minutes) = self.minutes() {
            self.outputs.push_back(Output::Minutes(Box::new(minutes)));
        }
    }

    fn minutes_of(&self, held: &Held) -> Minutes {
        let turns = self.conversation.turns().iter();
        let mut about: Vec<String> = Vec::new();
        for title in self.walk.path().iter().filter_map(|flow| self.titled(flow)) {
            if !about.contains(&title) {
                about.push(title);
            }
        }
        Minutes {
            language: self.language,
            reason: self.reason(),
            about,
            known: self.collected().into_iter().collect(),
            turns: turns
                .filter(|turn| (held.since..held.till).contains(&turn.from))
                .cloned()
                .collect(),
        }
    }
}
