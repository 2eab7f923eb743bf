//! How people are reached: their telephone is called, or their page rings; and what they hear first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::party::{Flow, Part, Party, Sound, Stage};
use super::{Conference, DECLINE, NOW};
use crate::call::Return;
use crate::clock;
use crate::desk::AgentId;
use crate::engine::letters::Letter;
use crate::engine::line::Line;
use crate::rtp;
use crate::sdp::Direction;
use crate::sip::{Action, CallId, Event};
use crate::speech::Priority;
use crate::store::people::Person;

/// A brief that has no voice after so long is left out.
pub(super) const VOICE: Duration = Duration::from_secs(4);
/// Without a packet for so long the caller hears music.
const FALTERS: Duration = Duration::from_millis(1_200);
/// And after so long the person is lost, unless calls end sooner for it.
const LOST: Duration = Duration::from_secs(10);

/// People of one call.
const PARTIES: usize = 8;

/// Who comes, and what for.
pub(super) struct Comer<'a> {
    pub person: Option<&'a str>,
    pub name: &'a str,
    /// A SIP URI, or the name of a user who registers here; none: at their page.
    pub phone: Option<&'a str>,
    pub agent: Option<AgentId>,
    pub part: Part,
    pub stage: Stage,
    pub until: Option<Instant>,
}

impl<'a> Comer<'a> {
    pub fn of(person: &'a Person, part: Part, stage: Stage) -> Self {
        Self {
            person: Some(&person.name),
            name: &person.display,
            phone: person.phone.as_deref(),
            agent: None,
            part,
            stage,
            until: None,
        }
    }
}

impl Conference {
    /// The desk has an agent rung.
    pub(super) fn ring(&mut self, agent: AgentId, person: &Person, until: Instant) {
        let comer = Comer {
            agent: Some(agent),
            until: Some(until),
            ..Comer::of(person, Part::Agent, Stage::Ringing)
        };
        let name = person.display.clone();
        match self.reach(&comer) {
            Ok(_) => self.event(format!("{name} is rung")),
            Err(why) => {
                self.event(format!("{name} cannot be rung: {why}"));
                if let Some(ticket) = self.ticket() {
                    self.bot.floor.lost(agent, ticket);
                }
            }
        }
    }

    /// Rings somebody; by which they are known from then on.
    pub(super) fn reach(&mut self, comer: &Comer<'_>) -> Result<CallId, String> {
        if self.parties.len() >= PARTIES {
            return Err("too many people are in that call already".into());
        }
        let id = self.bot.sip.next_call();
        let sound = match comer.phone {
            None => Sound::Page {
                line: None,
                state: Flow::Fine,
            },
            Some(phone) => {
                let contact = self.bot.sip.contacts(phone).first().map(|contact| contact.source.ip());
                let towards = contact.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
                let config = rtp::Config {
                    alarm: FALTERS,
                    silence: LOST.min(self.bot.rtp_silence),
                    ..rtp::Config::default()
                };
                let line = Line::open(&self.bot, towards, config).map_err(|refusal| refusal.reason)?;
                self.bot.expect(id, self.events.clone());
                self.bot.act(Action::Dial {
                    call: id,
                    to: phone.to_owned(),
                    from: None,
                    trunk: None,
                    offer: line.offer().into_bytes(),
                });
                Sound::Telephone {
                    line: Box::new(line),
                    up: false,
                    state: Flow::Fine,
                }
            }
        };
        self.changed = true;
        self.parties.push(Party {
            id,
            bot: Arc::clone(&self.bot),
            agent: comer.agent,
            person: comer.person.map(str::to_owned),
            name: comer.name.to_owned(),
            part: comer.part,
            stage: match comer.stage {
                Stage::Coming => Stage::Coming,
                _ => Stage::Ringing,
            },
            sound,
            vad: self.bot.engines.vad(),
            since: clock::now(),
            until: comer.until,
            engaged: None,
            relieves: None,
        });
        Ok(id)
    }

    /// SIP says something of somebody's telephone.
    pub fn signalled(&mut self, event: Event) {
        match event {
            Event::Answered { call, body } => self.answered(call, body.as_deref()),
            Event::Refused { call, code, .. } => self.refused(call, code),
            Event::Ended { call, .. } => self.left(call, Return::AgentLeft),
            Event::Key { call, digit, .. } => self.key(call, digit),
            Event::Changed { call, offer } => self.phone_changed(call, offer.as_deref()),
            Event::Refreshed { call, answer } => {
                if let Some(line) = self.line_of(call)
                    && let Ok(media) = line.accept(&answer)
                {
                    line.agree(&media, media.peer());
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

    fn answered(&mut self, call: CallId, body: Option<&[u8]>) {
        let Some(line) = self.line_of(call) else { return };
        let agreed = body
            .ok_or("no session description came".to_owned())
            .and_then(|answer| line.accept(answer));
        match agreed {
            Ok(media) => line.agree(&media, media.peer()),
            Err(e) => {
                tracing::warn!(%call, "an answer: {e}");
                return self.left(call, Return::AgentLost);
            }
        }
        if let Some(party) = self.party_mut(call)
            && let Sound::Telephone { up, .. } = &mut party.sound
        {
            *up = true;
        }
        self.accept(call).ok();
    }

    /// Who is rung takes it; who hears what it is about has heard enough.
    pub(super) fn accept(&mut self, id: CallId) -> Result<(), String> {
        let ticket = self.ticket();
        let Some(party) = self.party_mut(id) else {
            return Err("that call is over".into());
        };
        match (&party.stage, party.part, party.agent) {
            (Stage::Ringing, Part::Agent, Some(agent)) => {
                let ticket = ticket.ok_or("that call is over")?;
                if self.bot.floor.accept(agent, ticket).is_err() {
                    drop(self.take(id));
                    return Err("another has taken it".into());
                }
                self.whisper(id);
            }
            (Stage::Ringing, Part::Agent, None) => self.whisper(id),
            (Stage::Ringing | Stage::Coming, ..) if party.is_up() => self.join(id),
            (Stage::Ringing, ..) => {
                party.stage = Stage::Coming;
                party.since = clock::now();
                self.changed = true;
            }
            (Stage::Briefed { .. }, ..) => {
                if party.is_up() {
                    self.join(id);
                } else {
                    party.stage = Stage::Coming;
                }
            }
            (Stage::Coming | Stage::Joined, ..) => {}
        }
        Ok(())
    }

    fn refused(&mut self, call: CallId, code: u16) {
        let Some(gone) = self.take(call) else { return };
        self.event(format!("{} did not answer ({code})", gone.name));
        // Busy, and a key that says no.
        let declines = matches!(code, 486 | 600 | 603);
        self.stays_away(gone, declines, Return::NoAgent(format!("they did not answer ({code})")));
    }

    /// Who is rung, or hears what it is about, does not want it.
    pub(super) fn decline(&mut self, id: CallId) {
        let Some(gone) = self.take(id) else { return };
        self.event(format!("{} does not take it", gone.name));
        self.stays_away(gone, true, Return::Declined);
    }

    /// What the call is about.
    fn whisper(&mut self, id: CallId) {
        let text = &self.brief.whisper;
        let letters = self.letters.clone();
        let speaking = if text.is_empty() {
            None
        } else {
            let then = move |voice: Result<Arc<[i16]>, crate::speech::Error>| {
                let voice = voice.map_err(|e| e.to_string());
                letters.try_send(Letter::Brief { to: id, voice }).ok();
            };
            let asked = self
                .bot
                .engines
                .speak(self.number, Priority::Turn, self.voice, text, then);
            asked.ok()
        };
        let now = clock::now();
        let wait = if speaking.is_some() { VOICE } else { Duration::ZERO };
        self.changed = true;
        if let Some(party) = self.party_mut(id) {
            (party.since, party.until) = (now, None);
            party.stage = Stage::Briefed {
                voice: None,
                at: 0,
                until: now + wait,
                speaking,
            };
        }
    }

    /// The voice of a brief, or none.
    pub fn whispered(&mut self, to: CallId, sound: Result<Arc<[i16]>, String>) {
        if let Some(party) = self.party_mut(to)
            && let Stage::Briefed { voice, speaking, .. } = &mut party.stage
        {
            *voice = Some(sound.unwrap_or_default());
            *speaking = None;
        }
    }

    /// Somebody pressed a key at their telephone.
    pub(super) fn key(&mut self, id: CallId, key: char) {
        let Some(party) = self.party_mut(id) else { return };
        match party.stage {
            Stage::Briefed { .. } if NOW.contains(&key) => drop(self.accept(id)),
            Stage::Briefed { .. } if DECLINE.contains(&key) => self.decline(id),
            Stage::Ringing | Stage::Coming | Stage::Briefed { .. } | Stage::Joined => {}
        }
    }

    /// A telephone holds, or goes on.
    fn phone_changed(&mut self, call: CallId, offer: Option<&[u8]>) {
        let Some(line) = self.line_of(call) else { return };
        let mut direction = None;
        let answered = match offer {
            Some(offer) => line.answer(offer).map(|(answer, media)| {
                direction = Some(media.direction);
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
        let (Some(direction), Some(party)) = (direction, self.party_mut(call)) else {
            return;
        };
        if let Sound::Telephone { state, .. } = &mut party.sound {
            *state = match direction {
                Direction::SendRecv => Flow::Fine,
                Direction::SendOnly | Direction::RecvOnly | Direction::Inactive => Flow::Falters,
            };
        }
        self.changed = true;
        self.listen_anew();
    }

    pub(super) fn stop_ringing(&mut self, agent: AgentId) {
        let Some(rung) = self.of_agent(agent).filter(|party| !party.speaks()) else {
            return;
        };
        let (id, name) = (rung.id, rung.name.clone());
        self.event(format!("{name} is rung no more"));
        drop(self.take(id));
    }

    fn line_of(&mut self, call: CallId) -> Option<&mut Line> {
        match &mut self.party_mut(call)?.sound {
            Sound::Telephone { line, .. } => Some(line),
            Sound::Page { .. } => None,
        }
    }
}
