//! What a call wants done: engines asked, the far end told, notes kept.

use std::sync::Arc;

use super::{Answer, Leg};
use crate::audio::{Frame, frames};
use crate::call::{Call, Note, Output, Question};
use crate::clock;
use crate::desk::Wish;
use crate::dialplan::ToolCall;
use crate::engine::live::Known;
use crate::engine::thinking::think;
use crate::engine::using::use_tool;
use crate::language::{Language, Voice};
use crate::sip::Action;

impl Leg {
    /// Does what the call wants done.
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.call.as_mut().and_then(Call::poll) {
            match output {
                Output::Hear {
                    id,
                    samples,
                    listening,
                    priority,
                } => {
                    let answers = self.answers.clone();
                    let heard = self
                        .bot
                        .engines
                        .hear(self.number, priority, samples, listening, move |result| {
                            answers
                                .try_send(Answer::Transcribed(id, result.map_err(|e| e.to_string())))
                                .ok();
                        });
                    match heard {
                        Ok(hearing) => drop(self.hearing.insert(id, hearing)),
                        Err(full) => self.refuse(Answer::Transcribed(id, Err(full.to_string()))),
                    }
                }
                Output::Unhear { id } => drop(self.hearing.remove(&id)),
                Output::Judge { id, samples } => {
                    let answers = self.answers.clone();
                    // Where it cannot be told silence tells.
                    let asked = self.bot.engines.judge(self.number, samples, move |result| {
                        answers
                            .try_send(Answer::Judged(id, result.map_err(|e| e.to_string())))
                            .ok();
                    });
                    self.judging = asked.ok();
                }
                Output::Unjudge => self.judging = None,
                Output::Speak(wanted) => {
                    let (id, answers) = (wanted.id, self.answers.clone());
                    let voice = self.call.as_ref().map_or(Voice::Joe, Call::voice);
                    let spoken =
                        self.bot
                            .engines
                            .speak(self.number, wanted.priority, voice, &wanted.clause, move |result| {
                                answers
                                    .try_send(Answer::Voiced(id, result.map_err(|e| e.to_string())))
                                    .ok();
                            });
                    match spoken {
                        Ok(speaking) => drop(self.speaking.insert(id, speaking)),
                        Err(full) => self.refuse(Answer::Voiced(id, Err(full.to_string()))),
                    }
                }
                Output::Unspeak => self.speaking.clear(),
                Output::Ask { id, question } => self.ask(id, *question),
                Output::Unask { id } => drop(self.thinking.remove(&id)),
                Output::Use { id, call } => self.use_tool(id, *call),
                Output::Keep { name, samples } => self.keep(&name, &samples),
                Output::Transfer { to } => self.bot.act(Action::Refer {
                    call: self.id,
                    to,
                    replaces: None,
                }),
                Output::Queue { queue, tier, brief, .. } => {
                    let wish = self.wish(queue, tier.as_deref(), brief.language);
                    self.bot.live.know(self.number, Known::Brief(brief.clone()));
                    let voice = self.call.as_ref().map_or(Voice::Joe, Call::voice);
                    let minds = self.call.as_ref().is_some_and(Call::minds_declining);
                    self.people.queue(wish, *brief, voice, minds);
                    self.follow_people();
                }
                Output::Said(line) => self.shows(line),
                Output::Suggested(suggestion) => self.bot.live.know(self.number, Known::Suggestion(suggestion)),
                Output::Minutes(minutes) => self.bot.live.minutes(self.number, minutes),
                Output::Consult { to, ring, brief } => {
                    self.bot.live.know(self.number, Known::Brief(brief.clone()));
                    let voice = self.call.as_ref().map_or(Voice::Joe, Call::voice);
                    self.people.consult(&to, ring, *brief, voice);
                    self.follow_people();
                }
                Output::Release => {
                    let consulted = self.people.consulted();
                    if let Some(replaces) = consulted {
                        self.bot.act(Action::Refer {
                            call: self.id,
                            to: String::new(),
                            replaces: Some(replaces),
                        });
                    } else if let Some(call) = &mut self.call {
                        // Whom it was to go on with is gone.
                        call.transferred(clock::now(), 481);
                    }
                }
                Output::CallBack(wanted) => self.call_back(*wanted),
                Output::Hangup => self.bot.act(Action::Hangup {
                    call: self.id,
                    cause: None,
                }),
                Output::Note(note) => {
                    if let Note::Language(language) = &note {
                        let known = Known::Language(language.code().to_owned());
                        self.bot.live.know(self.number, known);
                    }
                    self.note(note);
                }
            }
        }
    }

    /// To be with a person of a queue.
    pub(super) fn wish(&self, queue: String, tier: Option<&str>, language: Option<Language>) -> Wish {
        let rules = self.plan.queues.get(&queue);
        Wish {
            priority: rules.map_or(0, |rules| rules.priority_of(tier)),
            language,
            skills: Vec::new(),
            preferred: None,
            queue,
        }
    }

    fn ask(&mut self, id: u64, question: Question) {
        let Some(model) = self.bot.model.clone() else {
            return self.refuse(Answer::Understood(id, Err("no language model is configured".into())));
        };
        let (answers, clauses) = (self.answers.clone(), self.answers.clone());
        // A clause that finds no room is lost like one without a voice; the rest of the call goes on.
        let said = move |text| drop(clauses.try_send(Answer::Clause(id, text)));
        let thinking = think(model, question, said, move |result| {
            answers.try_send(Answer::Understood(id, result)).ok();
        });
        self.thinking.insert(id, thinking);
    }

    fn use_tool(&mut self, id: u64, call: ToolCall) {
        let (answers, toolbox, plan) = (
            self.answers.clone(),
            Arc::clone(&self.bot.toolbox),
            Arc::clone(&self.plan),
        );
        let using = use_tool(toolbox, plan, call, move |result| {
            answers.try_send(Answer::Returned(id, result)).ok();
        });
        self.using.insert(id, using);
    }

    /// A message that the caller left, beside the recording of the call.
    fn keep(&mut self, name: &str, samples: &[i16]) {
        let path = self.journal.recording_path().with_extension(format!("{name}.wav"));
        let Some(recorder) = &self.bot.recorder else {
            return self
                .journal
                .event("a message was left, and recordings are turned off: it is lost");
        };
        let mut message = recorder.record(&path);
        for frame in frames(samples) {
            message.write(frame, Frame::silence());
        }
        self.journal.event(format!("a message was left: {}", path.display()));
    }
}
