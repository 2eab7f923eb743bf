//! One person of a call who is not the caller: how their sound goes, and how far they are.
//!
//! A telephone is called by SIP; a page's sound is WebRTC, which the page offers. When it is dropped they are hung up on.

use std::sync::Arc;
use std::time::Instant;

use crate::audio::Frame;
use crate::audio::tone::Key;
use crate::browser;
use crate::clock;
use crate::desk::{AgentId, TicketId};
use crate::engine::Bot;
use crate::engine::line::Line;
use crate::rtp;
use crate::sip::{Action, CallId};
use crate::speech::{Speaking, Vad};

pub(super) struct Party {
    /// Of their call, or in its place.
    pub id: CallId,
    pub bot: Arc<Bot>,
    /// By which the desk knows them, where the desk has them rung.
    pub agent: Option<AgentId>,
    /// What they sign in with; none of somebody outside.
    pub person: Option<String>,
    pub name: String,
    pub part: Part,
    pub stage: Stage,
    pub sound: Sound,
    /// Of what they say.
    pub vad: Vad,
    pub since: Instant,
    /// They are rung until then.
    pub until: Option<Instant>,
    /// They take no others meanwhile: given back on drop.
    pub engaged: Option<Engaged>,
    /// Who leaves when this one is there.
    pub relieves: Option<CallId>,
}

/// What they are in the call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// To speak with the caller: whom the desk rang, or who took them.
    Agent,
    /// One more who speaks with them.
    Guest,
    /// A supervisor whom nobody hears.
    Listener,
    /// A supervisor whom the agent alone hears.
    Whisperer,
}

impl Part {
    pub fn speaks(self) -> bool {
        matches!(self, Part::Agent | Part::Guest)
    }
}

pub(super) enum Stage {
    Ringing,
    /// They are in it as soon as their line is there.
    Coming,
    /// They have accepted, and hear what it is about.
    Briefed {
        voice: Option<Arc<[i16]>>,
        at: usize,
        /// Without a voice no longer than this.
        until: Instant,
        speaking: Option<Speaking>,
    },
    Joined,
}

pub(super) enum Sound {
    Telephone {
        line: Box<Line>,
        /// It was answered.
        up: bool,
        state: Flow,
    },
    Page {
        line: Option<Box<browser::Line>>,
        state: Flow,
    },
}

/// Whether anything comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Fine,
    /// Nothing, for a moment: they are on hold, or their network is.
    Falters,
}

/// Somebody is with a caller who came by no queue.
pub(super) struct Engaged {
    pub bot: Arc<Bot>,
    pub ticket: TicketId,
}

impl Drop for Engaged {
    fn drop(&mut self) {
        self.bot.floor.leave(self.ticket);
    }
}

/// 20 ms of somebody.
pub(super) struct Tick {
    pub frame: Frame,
    pub keys: Vec<Key>,
    pub came: Option<Came>,
}

/// What has become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Sound may flow.
    Up,
    /// It falters, or goes on.
    Changed,
    Lost,
}

impl Party {
    /// What they say in these 20 ms; nothing before there is a line.
    pub fn tick(&mut self, now: Instant) -> Option<Tick> {
        match &mut self.sound {
            Sound::Telephone { line, state, .. } => {
                line.receive(now);
                let incoming = line.tick(now)?;
                let mut came = None;
                while let Some(event) = line.stream.as_mut().and_then(rtp::RtpStream::poll) {
                    match event {
                        rtp::Event::Silent { .. } => came = Some(Came::Lost),
                        rtp::Event::Alarm { .. } => {
                            *state = Flow::Falters;
                            came = came.or(Some(Came::Changed));
                        }
                        rtp::Event::Returned => {
                            *state = Flow::Fine;
                            came = came.or(Some(Came::Changed));
                        }
                        rtp::Event::Moved { .. } | rtp::Event::SourceChanged => {}
                    }
                }
                line.report(now);
                Some(Tick {
                    frame: incoming.frame,
                    keys: incoming.keys,
                    came,
                })
            }
            Sound::Page { line: None, .. } => None,
            Sound::Page {
                line: Some(line),
                state,
            } => {
                let incoming = line.tick(now);
                let mut came = None;
                while let Some(event) = line.poll() {
                    match event {
                        browser::Event::Connected => {
                            *state = Flow::Fine;
                            came = Some(Came::Up);
                        }
                        browser::Event::Faltered => {
                            *state = Flow::Falters;
                            came = Some(Came::Changed);
                        }
                        browser::Event::Returned => {
                            *state = Flow::Fine;
                            came = Some(Came::Changed);
                        }
                        browser::Event::Lost(_) => came = Some(Came::Lost),
                    }
                }
                Some(Tick {
                    frame: incoming.frame,
                    keys: incoming.keys,
                    came,
                })
            }
        }
    }

    pub fn send(&mut self, now: Instant, frame: &Frame) {
        match &mut self.sound {
            Sound::Telephone { line, .. } => line.send(now, frame),
            Sound::Page { line: Some(line), .. } => line.send(now, frame),
            Sound::Page { line: None, .. } => {}
        }
    }

    /// Whether they can hear anything.
    pub fn is_up(&self) -> bool {
        match &self.sound {
            Sound::Telephone { up, .. } => *up,
            Sound::Page { line, .. } => line.as_ref().is_some_and(|line| line.stats().is_some()),
        }
    }

    pub fn falters(&self) -> bool {
        match &self.sound {
            Sound::Telephone { state, .. } | Sound::Page { state, .. } => *state == Flow::Falters,
        }
    }

    /// They are in it, and the caller hears them.
    pub fn speaks(&self) -> bool {
        self.part.speaks() && matches!(self.stage, Stage::Joined)
    }

    /// Somebody elsewhere, whom the plan has called in the place of an agent.
    pub fn is_consulted(&self) -> bool {
        self.part == Part::Agent && self.person.is_none()
    }

    /// In the words of their page.
    pub fn line_is(&self) -> &'static str {
        match &self.sound {
            Sound::Telephone { .. } => "phone",
            Sound::Page { line: None, .. } => "wanted",
            Sound::Page { .. } if !self.is_up() => "none",
            Sound::Page { .. } if self.falters() => "faltering",
            Sound::Page { .. } => "up",
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let call = self.id;
        if let Sound::Telephone { line, .. } = &mut self.sound {
            line.goodbye(clock::now());
            self.bot.forget(call);
            self.bot.act(Action::Hangup { call, cause: None });
        }
    }
}
