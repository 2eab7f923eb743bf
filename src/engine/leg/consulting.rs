//! Somebody elsewhere who is to take the caller, such as a PBX's queue: called, told what it is about, joined with the caller and, where the plan
//! says so, left alone with them.
//!
//! They are no agent: the desk does not know them. The caller's own line is never let go before they have answered.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Answer, Leg};
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::call::{Call, Return};
use crate::clock;
use crate::engine::Bot;
use crate::engine::line::Line;
use crate::rtp;
use crate::sip::{Action, CallId, Event};
use crate::speech::{Priority, Speaking};

/// What they are told is left out where it has no voice after so long.
const VOICE: Duration = Duration::from_secs(4);
/// Keys of who hears what it is about: the caller now, or not at all.
const NOW: [char; 2] = ['1', '#'];
const DECLINE: [char; 2] = ['2', '*'];

/// Their line. When it is dropped they are hung up on.
pub(super) struct Consulted {
    bot: Arc<Bot>,
    call: CallId,
    to: String,
    line: Line,
    whisper: String,
    stage: Stage,
}

enum Stage {
    Ringing {
        until: Instant,
    },
    /// They have answered, and hear what it is about.
    Told {
        sound: Option<Arc<[i16]>>,
        at: usize,
        /// Without a voice no longer than this.
        until: Instant,
        _speaking: Option<Speaking>,
    },
    Joined,
}

impl Drop for Consulted {
    fn drop(&mut self) {
        let call = self.call;
        self.line.goodbye(clock::now());
        self.bot.forget(call);
        self.bot.act(Action::Hangup { call, cause: None });
    }
}

/// What 20 ms have come to.
enum Passed {
    /// They are with the caller, who hears this.
    Said(Frame),
    Nothing,
    /// They have heard what it is about.
    Told,
    Key(char),
    /// They have not answered in time.
    Unanswered,
    /// No sound comes from them any more.
    Lost,
}

impl Leg {
    /// Calls `to`, and rings there for `ring` at most.
    pub(super) fn consult(&mut self, to: String, ring: Duration, whisper: String) {
        let config = rtp::Config {
            silence: self.bot.rtp_silence,
            ..rtp::Config::default()
        };
        let line = match Line::open(&self.bot, Ipv4Addr::UNSPECIFIED.into(), config) {
            Ok(line) => line,
            Err(refusal) => return self.back_from_elsewhere(Return::NoAgent(refusal.reason)),
        };
        let call = self.bot.sip.next_call();
        self.bot.expect(call, self.telephones.clone());
        self.bot.act(Action::Dial {
            call,
            to: to.clone(),
            from: None,
            trunk: None,
            offer: line.offer().into_bytes(),
        });
        self.consulted = Some(Consulted {
            bot: Arc::clone(&self.bot),
            call,
            to,
            line,
            whisper,
            stage: Stage::Ringing {
                until: clock::now() + ring,
            },
        });
    }

    /// Has the caller's line take our place with them.
    pub(super) fn release(&mut self) {
        let Some(consulted) = &self.consulted else {
            // Another has taken the call.
            if let Some(call) = &mut self.call {
                call.transferred(clock::now(), 481);
            }
            return;
        };
        self.bot.act(Action::Refer {
            call: self.id,
            to: String::new(),
            replaces: Some(consulted.call),
        });
    }

    /// SIP says something of a line that was called. The event, where it is of another's.
    pub(super) fn consulted_signalled(&mut self, event: Event) -> Option<Event> {
        let own = self.consulted.as_ref().map(|consulted| consulted.call);
        match event {
            Event::Answered { call, body } if own == Some(call) => self.consulted_answered(body.as_deref()),
            Event::Refused { call, code, .. } if own == Some(call) => {
                // Busy, and a key that says no.
                self.back_from_elsewhere(match code {
                    486 | 600 | 603 => Return::Declined,
                    _ => Return::NoAgent(format!("they did not answer ({code})")),
                });
            }
            Event::Ended { call, .. } if own == Some(call) => self.consulted_left(Return::AgentLeft),
            Event::Key { call, digit, .. } if own == Some(call) => self.consulted_key(digit),
            Event::Changed { call, offer } if own == Some(call) => self.consulted_changed(call, offer.as_deref()),
            Event::Refreshed { call, answer } if own == Some(call) => {
                if let Some(consulted) = &mut self.consulted
                    && let Ok(media) = consulted.line.accept(&answer)
                {
                    consulted.line.agree(&media, media.peer());
                }
            }
            Event::Referred { call, .. } if own == Some(call) => {
                self.bot.act(Action::RefuseChange { call, code: 603 });
            }
            event => return Some(event),
        }
        None
    }

    fn consulted_answered(&mut self, body: Option<&[u8]>) {
        let Some(consulted) = &mut self.consulted else { return };
        let agreed = body
            .ok_or("no session description came".to_owned())
            .and_then(|answer| consulted.line.accept(answer));
        match agreed {
            Ok(media) => consulted.line.agree(&media, media.peer()),
            Err(e) => return self.back_from_elsewhere(Return::NoAgent(format!("their answer: {e}"))),
        }
        let (call, answers) = (consulted.call, self.answers.clone());
        let whisper = std::mem::take(&mut consulted.whisper);
        let voice = self.call.as_ref().filter(|_| !whisper.is_empty()).map(Call::voice);
        let speaking = voice.and_then(|voice| {
            let asked = self
                .bot
                .engines
                .speak(self.number, Priority::Turn, voice, &whisper, move |sound| {
                    answers
                        .try_send(Answer::ForConsulted(call, sound.map_err(|e| e.to_string())))
                        .ok();
                });
            asked.ok()
        });
        let wait = if speaking.is_some() { VOICE } else { Duration::ZERO };
        consulted.stage = Stage::Told {
            sound: None,
            at: 0,
            until: clock::now() + wait,
            _speaking: speaking,
        };
    }

    /// The voice of what they are told, or none.
    pub(super) fn consulted_is_told(&mut self, call: CallId, voice: Result<Arc<[i16]>, String>) {
        if let Some(consulted) = self.consulted.as_mut().filter(|consulted| consulted.call == call)
            && let Stage::Told { sound, .. } = &mut consulted.stage
        {
            *sound = Some(voice.unwrap_or_default());
        }
    }

    fn consulted_key(&mut self, key: char) {
        let Some(consulted) = &self.consulted else { return };
        match consulted.stage {
            Stage::Told { .. } if NOW.contains(&key) => self.join_consulted(),
            Stage::Told { .. } if DECLINE.contains(&key) => self.back_from_elsewhere(Return::Declined),
            Stage::Ringing { .. } | Stage::Told { .. } | Stage::Joined => {}
        }
    }

    /// They hold, or go on.
    fn consulted_changed(&mut self, call: CallId, offer: Option<&[u8]>) {
        let Some(consulted) = &mut self.consulted else { return };
        let line = &mut consulted.line;
        let answered = match offer {
            Some(offer) => line.answer(offer).map(|(answer, media)| {
                line.agree(&media, media.peer());
                answer
            }),
            None => {
                line.local = line.local.next();
                Ok(line.offer())
            }
        };
        self.bot.act(match answered {
            Ok(body) => Action::Answer {
                call,
                body: body.into_bytes(),
            },
            Err(refusal) => Action::RefuseChange {
                call,
                code: refusal.code,
            },
        });
    }

    /// It is the bot's turn.
    fn back_from_elsewhere(&mut self, how: Return) {
        self.consulted = None;
        self.tell_of_queues();
        if let Some(call) = &mut self.call {
            call.returned_from_person(clock::now(), how);
        }
    }

    /// They and the caller hear each other from now on.
    fn join_consulted(&mut self) {
        let Some(consulted) = &mut self.consulted else { return };
        consulted.stage = Stage::Joined;
        let to = consulted.to.clone();
        if let Some(call) = &mut self.call {
            call.bridged(clock::now(), &to);
        }
    }

    fn consulted_left(&mut self, how: Return) {
        let joined = self
            .consulted
            .as_ref()
            .is_some_and(|consulted| matches!(consulted.stage, Stage::Joined));
        self.back_from_elsewhere(if joined {
            how
        } else {
            Return::NoAgent("they hung up before the caller was there".into())
        });
    }

    /// 20 ms of their line, and to it; `caller` is what came from the caller. What the caller hears of them, if they are together.
    pub(super) fn with_consulted(&mut self, now: Instant, caller: &Frame) -> Option<Frame> {
        match self.consulted.as_mut()?.tick(now, caller) {
            Passed::Said(frame) => return Some(frame),
            Passed::Nothing => {}
            Passed::Told => self.join_consulted(),
            Passed::Key(key) => self.consulted_key(key),
            Passed::Unanswered => self.back_from_elsewhere(Return::NoAgent("they did not answer in time".into())),
            Passed::Lost => self.consulted_left(Return::AgentLost),
        }
        None
    }
}

impl Consulted {
    fn tick(&mut self, now: Instant, caller: &Frame) -> Passed {
        self.line.receive(now);
        let Some(incoming) = self.line.tick(now) else {
            return match self.stage {
                Stage::Ringing { until } if now >= until => Passed::Unanswered,
                Stage::Ringing { .. } | Stage::Told { .. } | Stage::Joined => Passed::Nothing,
            };
        };
        while let Some(event) = self.line.stream.as_mut().and_then(rtp::RtpStream::poll) {
            if let rtp::Event::Silent { .. } = event {
                return Passed::Lost;
            }
        }
        self.line.report(now);
        match &mut self.stage {
            Stage::Ringing { .. } => Passed::Nothing,
            Stage::Told { sound, at, until, .. } => {
                match sound {
                    Some(sound) if *at < sound.len() => {
                        let rest = sound.get(*at..).unwrap_or_default();
                        self.line.send(now, &Frame::from_slice(rest));
                        *at = at.saturating_add(FRAME_SAMPLES);
                    }
                    None if now < *until => self.line.send(now, &Frame::silence()),
                    Some(_) | None => return Passed::Told,
                }
                incoming
                    .keys
                    .first()
                    .map_or(Passed::Nothing, |key| Passed::Key(key.symbol()))
            }
            Stage::Joined => {
                self.line.send(now, caller);
                Passed::Said(incoming.frame)
            }
        }
    }
}
