//! How a call that the bot placed begins: who answers is told first, then the plan's flow begins; or a message is left, a question of who calls is
//! answered, or nobody is spoken to at all.
//!
//! The verdict is [`Answering`](super::answering::Answering)'s, and may change while the bot talks: a machine that was taken for a person gets its message after the beep, and a person
//! who was taken for a machine, or picks up while it records, is spoken with.

use std::time::{Duration, Instant};

use super::answering::{Ask, Then, Voicemail};
use super::placed::{Asked, Phase, Screening};
use super::turn::Interruption;
use super::{Call, Heard, Note, Output, Stage};
use crate::audio::detect::Tone;
use crate::campaign::outcome::AnsweredBy;
use crate::dialogue::conversation::Speaker;
use crate::dialogue::{greetings, topics};
use crate::dialplan::Next;
use crate::speech::{Care, Digits, Listening, Priority, Transcript};

/// A person who still speaks when the verdict is due is let finish, for so long.
const COURTESY: Duration = Duration::from_millis(2_500);
/// A pause in which the bot may begin.
const PAUSE: Duration = Duration::from_millis(240);
/// Speech of a machine during the message, from which on the message is not recorded; a click of it is shorter.
const GOES_ON: Duration = Duration::from_millis(400);
/// Whoever screens the call is answered in a pause of this length.
const SCREENED: Duration = Duration::from_millis(700);
/// How often, and how long is waited for a person to come.
const LINES: u32 = 3;
const FETCHED: Duration = Duration::from_secs(60);
/// Words are known after this time, or never.
const WORDS: Duration = Duration::from_secs(6);
/// A beep is as old as this at most to count when the machine is found out after it.
const JUST_NOW: Duration = Duration::from_secs(4);

impl Call {
    /// How long who was called was kept waiting for the first word, once they had greeted; none where we were called.
    pub fn kept_waiting(&self, now: Instant) -> Option<Duration> {
        self.placed.as_ref().map(|placed| placed.waited(now))
    }

    /// Who answered the call that we placed, as far as that is known; the last word of it, for a verdict may be reversed.
    pub fn answered_by(&self) -> Option<AnsweredBy> {
        self.placed.as_ref().and_then(|placed| placed.told)
    }

    /// The keys with which who was called says that they want no more calls.
    pub(super) fn opting_out(&self) -> &[char] {
        self.placed.as_ref().map_or(&[], |placed| &placed.opening.keys)
    }

    /// Nothing that is heard changes who answered.
    pub(super) fn settle_opening(&mut self) {
        if let Some(placed) = &mut self.placed {
            placed.phase = Phase::Settled;
            if let Some(asked) = placed.asked.take() {
                self.outputs.push_back(Output::Unhear { id: asked.id });
            }
        }
    }

    /// The call begins: whoever rang us is a person, and so is who answers where the plan does not ask.
    pub(super) fn open(&mut self, now: Instant, flow: &str) {
        match &self.placed {
            Some(placed) if placed.opening.amd.is_some() => self.stage = Stage::Opening,
            Some(_) => {
                self.settle_opening();
                self.answered_by_whom(AnsweredBy::Human);
                self.begin_flow(now, flow);
            }
            None => {
                let order = self.walk.begin(flow);
                self.perform(now, order);
            }
        }
    }

    /// 20 ms while the verdict may change; `probability`, 0 to 1, that somebody other than the bot speaks.
    pub(super) fn watch_opening(&mut self, now: Instant, heard: &Heard<'_>, probability: f32) {
        let waits = self.stage == Stage::Opening;
        // While the bot must be heard nobody else listens.
        let deaf = waits || (self.interruption() == Interruption::Refused && !self.playout.is_idle());
        let Some(placed) = self.placed.as_mut().filter(|placed| placed.watches(now)) else {
            return;
        };
        let tone = placed.tones.hear(heard.line);
        let spoke_before = placed.voice().spoke();
        placed.answering.hear(now, probability);
        let speaks = placed.voice().spoke() > spoke_before;
        if let Some(tone) = tone {
            placed.answering.tone(now, tone);
            if tone == Tone::Beep {
                placed.beeped = Some(now);
            }
        }
        placed.ear.hear(heard.frame, heard.arrived);
        match placed.voice().under_way() {
            Some(_) => placed.ear.open(),
            None => {
                placed.ear.close();
                placed.ear.clear();
            }
        }
        let ask = match placed.phase {
            Phase::Message(_) => None,
            Phase::Machine(_) => placed.answering.ask(now).filter(|ask| *ask == Ask::All),
            _ if deaf => placed.answering.ask(now),
            _ => None,
        };
        if let Some(what) = ask {
            self.ask_who(now, what);
        }
        self.follow_phase(now, speaks, tone);
    }

    fn ask_who(&mut self, now: Instant, what: Ask) {
        let id = self.fresh();
        let or = self.other_languages();
        let Some(placed) = &mut self.placed else { return };
        if let Some(before) = placed.asked {
            let late = now.saturating_duration_since(before.at) >= WORDS;
            // What is asked is still being said: its words come soon, and more is asked for then.
            if what == Ask::SoFar && !late {
                return;
            }
            self.outputs.push_back(Output::Unhear { id: before.id });
        }
        placed.asked = Some(Asked { id, what, at: now });
        let samples = placed.ear.samples();
        let listening = Listening {
            language: self.language,
            or,
            digits: Digits::No,
            care: Care::Quick,
            names: "".into(),
        };
        self.outputs.push_back(Output::Hear {
            id,
            samples,
            listening,
            priority: Priority::Turn,
        });
    }

    /// The words of who answered, if `id` was asked for them.
    pub(super) fn told_who(&mut self, now: Instant, id: u64, result: &Result<Transcript, String>) -> bool {
        let Some(placed) = &mut self.placed else { return false };
        let Some(asked) = placed.asked.take_if(|asked| asked.id == id) else {
            return false;
        };
        match result {
            Ok(transcript) => {
                let text = transcript.text.trim();
                if asked.what == Ask::All && !text.is_empty() {
                    let at = self.since_answer(now);
                    self.note(Note::Heard {
                        text: text.to_owned(),
                        confidence: transcript.confidence,
                    });
                    self.tell(Speaker::Caller, None, text.to_owned(), at);
                }
                if self.left {
                    if topics::opts_out(text, transcript.language) {
                        self.wants_no_more_calls();
                    }
                    return true;
                }
                self.weigh_words(now, asked.what, transcript);
            }
            Err(reason) => self.note(Note::Problem(format!("who answered could not be heard: {reason}"))),
        }
        true
    }

    /// Whether words that may tell who answered are still being heard.
    pub(super) fn awaits_who(&self) -> bool {
        self.placed.as_ref().is_some_and(|placed| placed.asked.is_some())
    }

    /// Words that were heard in the plan's flow: whether they show that it is no person.
    pub(super) fn reverses(&mut self, now: Instant, transcript: &Transcript) -> bool {
        let placed = self.placed.as_ref();
        let watched = placed.is_some_and(|placed| matches!(placed.phase, Phase::Person) && placed.watches(now));
        // Whoever says that is to be heeded, machine or not.
        let opts_out = topics::opts_out(&transcript.text, transcript.language);
        if self.stage != Stage::Dialogue || !watched || opts_out {
            return false;
        }
        match greetings::answers(&transcript.text, transcript.language) {
            None | Some(AnsweredBy::Human) => false,
            Some(_) => {
                self.weigh_words(now, Ask::SoFar, transcript);
                self.follow_phase(now, false, None);
                self.stage != Stage::Dialogue
            }
        }
    }

    /// Somebody who answers what they are asked is a person.
    pub(super) fn talks_sense(&mut self) {
        if let Some(placed) = &mut self.placed
            && let Phase::Person = placed.phase
        {
            self.settle_opening();
        }
    }

    fn weigh_words(&mut self, now: Instant, asked: Ask, transcript: &Transcript) {
        let text = transcript.text.as_str();
        let language = transcript.language;
        let whom = greetings::answers(text, language);
        let Some(placed) = &mut self.placed else { return };
        let person = matches!(whom, None | Some(AnsweredBy::Human));
        match &mut placed.phase {
            Phase::Machine(machine) => match whom {
                Some(AnsweredBy::Human) if asked == Ask::All => machine.sounds_human(now),
                Some(by @ (AnsweredBy::Intercept | AnsweredBy::Screening)) => placed.answering.decide(by, 0.9),
                // A machine has a menu of its own, and says what persons say.
                Some(AnsweredBy::Human | AnsweredBy::Machine | AnsweredBy::Ivr | AnsweredBy::Fax) | None => {}
            },
            Phase::Screening(screening) => match whom {
                Some(AnsweredBy::Screening) => screening.due = screening.lines < LINES,
                Some(AnsweredBy::Machine | AnsweredBy::Intercept | AnsweredBy::Fax) => {
                    placed.answering.words(now, asked, whom);
                }
                Some(AnsweredBy::Ivr) => {}
                Some(AnsweredBy::Human) | None => {
                    let comes = asked == Ask::All && !screening.due && screening.lines > 0 && !text.trim().is_empty();
                    if comes && !greetings::asks_patience(text, language) {
                        placed.answering.decide(AnsweredBy::Human, 0.9);
                    }
                }
            },
            Phase::Listening | Phase::Courtesy { .. } | Phase::Person => placed.answering.words(now, asked, whom),
            Phase::Message(_) | Phase::Settled => {}
        }
        let said = person || matches!(whom, Some(AnsweredBy::Machine | AnsweredBy::Screening));
        if said && asked == Ask::All && topics::opts_out(text, language) {
            self.wants_no_more_calls();
            self.news = true;
        }
    }

    /// Does what follows from the verdict as it is now.
    fn follow_phase(&mut self, now: Instant, speaks: bool, tone: Option<Tone>) {
        let Some(placed) = &mut self.placed else { return };
        let verdict = placed.answering.verdict().map(|verdict| verdict.by);
        let pauses = placed.voice().silent(now).is_none_or(|silent| silent >= PAUSE);
        let quiet = placed.voice().silent(now).is_none_or(|silent| silent >= SCREENED);
        let piece = placed.voice().under_way().map_or(Duration::ZERO, |(long, _)| long);
        match &mut placed.phase {
            Phase::Listening => {
                if let Some(by) = verdict {
                    self.act_on(now, by);
                }
            }
            Phase::Courtesy { until } => match verdict {
                Some(AnsweredBy::Human) | None if pauses || now >= *until => self.begin_with_person(now),
                Some(AnsweredBy::Human) | None => {}
                Some(by) => self.act_on(now, by),
            },
            Phase::Person => match verdict {
                Some(AnsweredBy::Human) | None => {}
                Some(by) if self.stage == Stage::Dialogue => self.act_on(now, by),
                // What the plan does must not be cut short, or it has come to its end: it is only known.
                Some(by) => self.answered_by_whom(by),
            },
            Phase::Machine(machine) => {
                if speaks {
                    machine.spoke(now);
                }
                if tone == Some(Tone::Beep) {
                    machine.beeped(now);
                }
                match verdict {
                    Some(AnsweredBy::Machine) | None => {}
                    Some(by) => return self.act_on(now, by),
                }
                match machine.then(now) {
                    Some(Then::Speak) => self.leave_message(now),
                    Some(Then::Person) => {
                        placed.answering.decide(AnsweredBy::Human, 0.9);
                        self.act_on(now, AnsweredBy::Human);
                    }
                    Some(Then::Leave) => self.hang_up_silently(),
                    None => {}
                }
            }
            Phase::Message(machine) => {
                let beeps = tone == Some(Tone::Beep);
                let goes_on = speaks && piece >= GOES_ON;
                if !beeps && !goes_on {
                    return;
                }
                // The greeting was not over: what was said of the message is lost.
                let mut machine = machine.clone();
                machine.again(now);
                if beeps {
                    machine.beeped(now);
                }
                self.fall_silent(now);
                self.enter_phase(Phase::Machine(machine));
            }
            Phase::Screening(screening) => {
                let over = now.saturating_duration_since(screening.since) >= FETCHED;
                let says = screening.due && quiet && self.playout.is_idle();
                if says {
                    screening.due = false;
                    screening.lines += 1;
                }
                match verdict {
                    Some(AnsweredBy::Screening) | None => {}
                    // Who comes to the telephone is let say so.
                    Some(AnsweredBy::Human) if !pauses => {}
                    Some(by) => return self.act_on(now, by),
                }
                if says {
                    self.say_who_calls();
                } else if over {
                    self.hang_up_silently();
                }
            }
            Phase::Settled => {}
        }
    }

    /// It is `by`, as far as is known now.
    fn act_on(&mut self, now: Instant, by: AnsweredBy) {
        let Some(placed) = &mut self.placed else { return };
        let courteous = matches!(placed.phase, Phase::Listening);
        let speaks = placed.voice().silent(now).is_some_and(|silent| silent < PAUSE);
        let after_beep = placed.amd(|amd| amd.after_beep.clone());
        let no_beep = placed.amd(|amd| amd.no_beep);
        let on_ivr = placed.amd(|amd| amd.on_ivr.clone());
        let greeted = placed.voice().silent(now).is_some();
        let beeped = placed.beeped;
        let spoke_since = |at: Instant| {
            let silent = placed.voice().silent(now);
            silent.is_some_and(|silent| silent < now.saturating_duration_since(at))
        };
        let beeped = beeped.filter(|at| now.saturating_duration_since(*at) < JUST_NOW && !spoke_since(*at));
        self.answered_by_whom(by);
        match by {
            AnsweredBy::Human if courteous && speaks => self.enter_phase(Phase::Courtesy { until: now + COURTESY }),
            AnsweredBy::Human => self.begin_with_person(now),
            AnsweredBy::Machine => {
                self.fall_silent(now);
                match after_beep {
                    Some(Next::Flow(_)) => {
                        let mut machine = Voicemail::new(now, no_beep);
                        if let Some(at) = beeped {
                            machine.beeped(at);
                        } else if greeted {
                            machine.spoke(now);
                        }
                        self.enter_phase(Phase::Machine(machine));
                    }
                    Some(Next::Hangup | Next::EndFlow | Next::ResumeFlow) | None => self.hang_up_silently(),
                }
            }
            AnsweredBy::Ivr => {
                self.fall_silent(now);
                match on_ivr {
                    Some(Next::Flow(flow)) => {
                        self.settle_opening();
                        self.begin_flow(now, &flow);
                    }
                    Some(Next::Hangup | Next::EndFlow | Next::ResumeFlow) | None => self.hang_up_silently(),
                }
            }
            AnsweredBy::Screening => {
                self.fall_silent(now);
                self.enter_phase(Phase::Screening(Screening {
                    due: true,
                    lines: 0,
                    since: now,
                }));
            }
            AnsweredBy::Fax | AnsweredBy::Intercept => {
                self.fall_silent(now);
                self.hang_up_silently();
            }
        }
    }

    fn enter_phase(&mut self, phase: Phase) {
        self.stage = Stage::Opening;
        if let Some(placed) = &mut self.placed {
            placed.phase = phase;
        }
    }

    /// The record has each verdict.
    pub(super) fn answered_by_whom(&mut self, by: AnsweredBy) {
        let Some(placed) = &mut self.placed else { return };
        if placed.told.replace(by) != Some(by) {
            self.note(Note::AnsweredBy(by));
        }
    }

    /// The flow for a person: the campaign's, or the one for who comes to the telephone while a machine records.
    fn begin_with_person(&mut self, now: Instant) {
        let Some(placed) = &mut self.placed else { return };
        let picked_up = match &placed.phase {
            Phase::Machine(_) | Phase::Message(_) => placed.amd(|amd| amd.if_person_answers.clone()),
            Phase::Listening | Phase::Courtesy { .. } | Phase::Person | Phase::Screening(_) | Phase::Settled => None,
        };
        let flow = match picked_up {
            Some(Next::Flow(flow)) => flow,
            Some(Next::Hangup) => return self.hang_up_silently(),
            Some(Next::EndFlow | Next::ResumeFlow) | None => placed.flow.clone(),
        };
        placed.phase = Phase::Person;
        self.begin_flow(now, &flow);
        self.judge_news(now);
    }

    fn leave_message(&mut self, now: Instant) {
        let Some(placed) = &mut self.placed else { return };
        let Phase::Machine(machine) = &placed.phase else { return };
        let machine = machine.clone();
        let Some(Next::Flow(flow)) = placed.amd(|amd| amd.after_beep.clone()) else {
            return self.hang_up_silently();
        };
        placed.phase = Phase::Message(machine);
        self.begin_flow(now, &flow);
    }

    fn begin_flow(&mut self, now: Instant, flow: &str) {
        self.stage = Stage::Dialogue;
        self.turn.dismiss(now);
        self.utterance.clear();
        let order = self.walk.begin(flow);
        self.perform(now, order);
    }

    fn say_who_calls(&mut self) {
        let line = self
            .placed
            .as_ref()
            .and_then(|placed| placed.amd(|amd| amd.on_call_screening.clone()));
        let words = match line {
            Some(line) => Some(self.walk.say(&line)),
            // Who calls, it says in any case.
            None => self.walk.disclosure(),
        };
        match words {
            Some(words) => self.say(&words, false),
            None => self.hang_up_silently(),
        }
    }

    /// Of what is being said and thought nothing is left.
    fn fall_silent(&mut self, now: Instant) {
        self.stop_speaking(now);
        self.playout.forget();
        self.outputs.push_back(Output::Unspeak);
        self.drop_thought();
        self.drop_reply();
        self.unanswered = None;
        self.moments = None;
        self.turn.bot_is_busy();
        self.turn.dismiss(now);
        self.utterance.clear();
    }

    /// There is no verdict yet, or they still greet us.
    pub(super) fn listens_who_it_is(&self) -> bool {
        let placed = self.placed.as_ref();
        placed.is_some_and(|placed| matches!(placed.phase, Phase::Listening | Phase::Courtesy { .. }))
    }

    /// Nobody is asked anything after a message.
    pub(super) fn has_left_message(&self) -> bool {
        let placed = self.placed.as_ref();
        placed.is_some_and(|placed| matches!(placed.phase, Phase::Message(_)))
    }

    pub(super) fn hang_up_silently(&mut self) {
        self.settle_opening();
        self.stage = Stage::Goodbye { drained: None };
    }
}
