//! The agent's side of a call: rung for a caller who waits, told what it is about, joined with them, and left.
//!
//! Who is rung, and when no longer, the desk says. The caller's own line is never let go for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Answer, Leg};
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::call::{Call, Return};
use crate::clock;
use crate::desk::{AgentId, Overflow, TicketId, Wish};
use crate::engine::Bot;
use crate::engine::floor::Told;
use crate::engine::line::Line;
use crate::rtp;
use crate::sip::{Action, CallId, Event};
use crate::speech::{Priority, Speaking};

/// A brief that has no voice after so long is left out.
const VOICE: Duration = Duration::from_secs(4);
/// Keys of an agent who hears the brief: the caller now, or not this one.
const NOW: [char; 2] = ['1', '#'];
const DECLINE: [char; 2] = ['2', '*'];

/// A caller who waits for a person, or is with one. When it is dropped the agents are hung up on, and the desk knows.
pub(super) struct Desked {
    bot: Arc<Bot>,
    ticket: TicketId,
    /// What who takes the call hears first.
    whisper: String,
    agents: Vec<Extension>,
}

impl Drop for Desked {
    fn drop(&mut self) {
        self.agents.clear();
        self.bot.floor.leave(self.ticket);
    }
}

/// The line of an agent who is rung. When it is dropped they are hung up on.
struct Extension {
    bot: Arc<Bot>,
    call: CallId,
    agent: AgentId,
    name: String,
    line: Line,
    stage: Stage,
}

enum Stage {
    Ringing,
    /// They have answered, and hear what it is about.
    Briefed {
        sound: Option<Arc<[i16]>>,
        at: usize,
        /// Without a voice no longer than this.
        until: Instant,
        _speaking: Option<Speaking>,
    },
    Joined,
}

impl Drop for Extension {
    fn drop(&mut self) {
        let call = self.call;
        self.line.goodbye(clock::now());
        self.bot.forget(call);
        self.bot.act(Action::Hangup { call, cause: None });
    }
}

impl Leg {
    /// The caller wants a person of `queue`.
    pub(super) fn queue(&mut self, wish: Wish, whisper: String) {
        match self.bot.floor.queue(wish) {
            Ok((ticket, told)) => {
                if self.call.as_ref().is_some_and(Call::minds_declining) {
                    self.bot.floor.ends_when_declined(ticket);
                }
                self.told = Some(told);
                self.desked = Some(Desked {
                    bot: Arc::clone(&self.bot),
                    ticket,
                    whisper,
                    agents: Vec::new(),
                });
            }
            Err(why) => self.back(Return::NoAgent(why)),
        }
    }

    /// The desk says something.
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Ring { agent, name, phone } => self.ring(agent, name, &phone),
            Told::StopRinging { agent } => self.stop_ringing(agent),
            Told::Place { position, wait } => {
                if let Some(call) = &mut self.call {
                    call.placed_in_line(position, wait);
                }
            }
            Told::OfferCallback => {
                if let Some(call) = &mut self.call {
                    call.offer_callback();
                }
            }
            Told::Overflow(Overflow::Declined) => self.back(Return::Declined),
            Told::Overflow(why) => {
                let why = match why {
                    Overflow::Declined => "nobody wanted the call",
                    Overflow::Waited => "nobody was free in time",
                    Overflow::NoAgents => "nobody is at work",
                    Overflow::Closed => "the queue is closed",
                    Overflow::Full => "too many wait already",
                };
                self.back(Return::NoAgent(why.into()));
            }
        }
    }

    /// Calls an agent's telephone.
    fn ring(&mut self, agent: AgentId, name: String, phone: &str) {
        let Some(desked) = &mut self.desked else { return };
        let contact = self.bot.sip.contacts(phone).first().map(|contact| contact.source.ip());
        let towards = contact.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let line = match Line::open(&self.bot, towards) {
            Ok(line) => line,
            Err(refusal) => {
                self.journal.event(format!("{name} cannot be rung: {}", refusal.reason));
                let ticket = desked.ticket;
                return self.bot.floor.lost(agent, ticket);
            }
        };
        let call = self.bot.sip.next_call();
        self.bot.expect(call, self.agents.clone());
        self.bot.act(Action::Dial {
            call,
            to: phone.to_owned(),
            from: None,
            trunk: None,
            offer: line.offer().into_bytes(),
        });
        self.journal.event(format!("{name} is rung"));
        desked.agents.push(Extension {
            bot: Arc::clone(&self.bot),
            call,
            agent,
            name,
            line,
            stage: Stage::Ringing,
        });
    }

    /// SIP says something of an agent's line.
    pub(super) fn agent_signalled(&mut self, event: Event) {
        match event {
            Event::Answered { call, body } => self.agent_answered(call, body.as_deref()),
            Event::Refused { call, code, .. } => {
                let Some(gone) = self.take_agent(call) else { return };
                self.journal.event(format!("{} did not answer ({code})", gone.name));
                let Some(ticket) = self.ticket() else { return };
                // Busy, and a key that says no.
                if matches!(code, 486 | 600 | 603) {
                    self.bot.floor.decline(gone.agent, ticket);
                } else {
                    self.bot.floor.lost(gone.agent, ticket);
                }
            }
            Event::Ended { call, .. } => self.agent_left(call, Return::AgentLeft),
            Event::Key { call, digit, .. } => self.agent_key(call, digit),
            Event::Changed { call, offer } => self.agent_changed(call, offer.as_deref()),
            Event::Refreshed { call, answer } => {
                if let Some(extension) = self.agent_mut(call)
                    && let Ok(media) = extension.line.accept(&answer)
                {
                    extension.line.agree(&media, media.peer());
                }
            }
            Event::Referred { call, .. } => self.bot.act(Action::RefuseChange { call, code: 603 }),
            Event::Invited { .. }
            | Event::Acknowledged { .. }
            | Event::Joined { .. }
            | Event::NotJoined { .. }
            | Event::Progressed { .. }
            | Event::Transferred { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::TrunkDown { .. }
            | Event::TrunkUp { .. } => {}
        }
    }

    fn agent_answered(&mut self, call: CallId, body: Option<&[u8]>) {
        let Some(ticket) = self.ticket() else { return };
        let Some(extension) = self.agent_mut(call) else { return };
        let agent = extension.agent;
        let agreed = body
            .ok_or("no session description came".to_owned())
            .and_then(|answer| extension.line.accept(answer));
        match agreed {
            Ok(media) => extension.line.agree(&media, media.peer()),
            Err(e) => {
                tracing::warn!(%call, "an agent's answer: {e}");
                self.drop_agent(agent);
                return self.bot.floor.lost(agent, ticket);
            }
        }
        if self.bot.floor.accept(agent, ticket).is_err() {
            // Another was there before.
            return self.drop_agent(agent);
        }
        self.whisper(call);
    }

    /// What the call is about.
    fn whisper(&mut self, call: CallId) {
        let whisper = self
            .desked
            .as_ref()
            .map(|desked| desked.whisper.clone())
            .unwrap_or_default();
        let speaking = self.call.as_ref().filter(|_| !whisper.is_empty()).and_then(|caller| {
            let answers = self.answers.clone();
            let asked = self
                .bot
                .engines
                .speak(self.number, Priority::Turn, caller.voice(), &whisper, move |sound| {
                    answers
                        .try_send(Answer::ForAgent(call, sound.map_err(|e| e.to_string())))
                        .ok();
                });
            asked.ok()
        });
        let wait = if speaking.is_some() { VOICE } else { Duration::ZERO };
        if let Some(extension) = self.agent_mut(call) {
            extension.stage = Stage::Briefed {
                sound: None,
                at: 0,
                until: clock::now() + wait,
                _speaking: speaking,
            };
        }
    }

    /// The voice of a brief, or none.
    pub(super) fn whispered(&mut self, call: CallId, voice: Result<Arc<[i16]>, String>) {
        if let Some(extension) = self.agent_mut(call)
            && let Stage::Briefed { sound, .. } = &mut extension.stage
        {
            *sound = Some(voice.unwrap_or_default());
        }
    }

    fn agent_key(&mut self, call: CallId, key: char) {
        let Some(extension) = self.agent_mut(call) else { return };
        let agent = extension.agent;
        match extension.stage {
            Stage::Briefed { .. } if NOW.contains(&key) => self.join(call),
            Stage::Briefed { .. } if DECLINE.contains(&key) => {
                self.drop_agent(agent);
                if let Some(ticket) = self.ticket() {
                    self.bot.floor.decline(agent, ticket);
                }
            }
            Stage::Ringing | Stage::Briefed { .. } | Stage::Joined => {}
        }
    }

    /// Their telephone holds, or goes on.
    fn agent_changed(&mut self, call: CallId, offer: Option<&[u8]>) {
        let Some(extension) = self.agent_mut(call) else { return };
        let answered = match offer {
            Some(offer) => extension.line.answer(offer).map(|(answer, media)| {
                extension.line.agree(&media, media.peer());
                answer
            }),
            None => {
                extension.line.local = extension.line.local.next();
                Ok(extension.line.offer())
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

    /// The agent and the caller hear each other from now on.
    fn join(&mut self, call: CallId) {
        let now = clock::now();
        let (Some(ticket), Some(extension)) = (self.ticket(), self.agent_mut(call)) else {
            return;
        };
        extension.stage = Stage::Joined;
        let name = extension.name.clone();
        self.bot.floor.bridged(ticket);
        if let Some(caller) = &mut self.call {
            caller.bridged(now, &name);
        }
    }

    /// 20 ms of every agent's line, and to it; `caller` is what came from the caller. What the caller hears of agents, if they are with any.
    pub(super) fn with_agents(&mut self, now: Instant, caller: &Frame) -> Option<Frame> {
        let desked = self.desked.as_mut()?;
        let (mut said, mut over, mut lost) = (None::<Frame>, None, None);
        for extension in &mut desked.agents {
            extension.line.receive(now);
            let Some(incoming) = extension.line.tick(now) else {
                continue;
            };
            let key = incoming.keys.first().map(|key| Over::Key(extension.call, key.symbol()));
            over = over.or(key);
            while let Some(event) = extension.line.stream.as_mut().and_then(rtp::RtpStream::poll) {
                if let rtp::Event::Silent { .. } = event {
                    lost = Some(extension.call);
                }
            }
            extension.line.report(now);
            match &mut extension.stage {
                Stage::Ringing => {}
                Stage::Briefed { sound, at, until, .. } => match sound {
                    Some(sound) if *at < sound.len() => {
                        let rest = sound.get(*at..).unwrap_or_default();
                        extension.line.send(now, &Frame::from_slice(rest));
                        *at += FRAME_SAMPLES;
                    }
                    None if now < *until => extension.line.send(now, &Frame::silence()),
                    Some(_) | None => over = Some(Over::Brief(extension.call)),
                },
                Stage::Joined => {
                    extension.line.send(now, caller);
                    said = Some(match said {
                        Some(others) => others.mixed(&incoming.frame),
                        None => incoming.frame,
                    });
                }
            }
        }
        match over {
            Some(Over::Key(call, key)) => self.agent_key(call, key),
            Some(Over::Brief(call)) => self.join(call),
            None => {}
        }
        if let Some(call) = lost {
            self.agent_left(call, Return::AgentLost);
        }
        said
    }

    /// An agent's line is gone.
    fn agent_left(&mut self, call: CallId, how: Return) {
        let Some(ticket) = self.ticket() else { return };
        let Some(gone) = self.take_agent(call) else { return };
        match (&gone.stage, how) {
            (Stage::Joined, Return::AgentLeft) => {
                self.back(Return::AgentLeft);
            }
            (Stage::Joined, _) => {
                self.journal.event(format!("the line of {} broke", gone.name));
                if let Some(caller) = &mut self.call {
                    caller.waits_again();
                }
                self.bot.floor.lost(gone.agent, ticket);
            }
            (Stage::Ringing | Stage::Briefed { .. }, _) => {
                self.journal
                    .event(format!("{} hung up before the caller was there", gone.name));
                self.bot.floor.lost(gone.agent, ticket);
            }
        }
    }

    /// It is the bot's turn.
    pub(super) fn back(&mut self, how: Return) {
        (self.desked, self.told) = (None, None);
        self.consulted = None;
        self.tell_of_queues();
        if let Some(call) = &mut self.call {
            call.returned_from_person(clock::now(), how);
        }
    }

    fn stop_ringing(&mut self, agent: AgentId) {
        let agents = self.desked.iter().flat_map(|desked| &desked.agents);
        if let Some(rung) = agents.into_iter().find(|one| one.agent == agent) {
            self.journal.event(format!("{} is rung no more", rung.name));
            self.drop_agent(agent);
        }
    }

    fn drop_agent(&mut self, agent: AgentId) {
        if let Some(desked) = &mut self.desked {
            desked.agents.retain(|one| one.agent != agent);
        }
    }

    fn take_agent(&mut self, call: CallId) -> Option<Extension> {
        let agents = &mut self.desked.as_mut()?.agents;
        let at = agents.iter().position(|one| one.call == call)?;
        Some(agents.remove(at))
    }

    fn agent_mut(&mut self, call: CallId) -> Option<&mut Extension> {
        self.desked.as_mut()?.agents.iter_mut().find(|one| one.call == call)
    }

    fn ticket(&self) -> Option<TicketId> {
        self.desked.as_ref().map(|desked| desked.ticket)
    }
}

/// What ends a brief.
enum Over {
    Key(CallId, char),
    Brief(CallId),
}
