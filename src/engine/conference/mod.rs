//! The people of a call beside the caller (a conference): who is rung for them, who speaks with them, who listens.
//!
//! It is told what the desk, SIP, pages and the lines say, and mixes: to bridge is to copy frames. What its owner is to do comes out as [`Effect`]s. Whom to ring, and
//! when no longer, the desk says. The caller's own line is its owner's, and never let go for a person's.

mod customer;
mod going;
mod orders;
mod party;
mod ringing;
mod shown;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::customer::Caller;
use self::party::{Came, Part, Party, Stage};
use self::ringing::Comer;
use super::Bot;
use super::floor::Told;
use super::letters::Letter;
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::call::Return;
use crate::call::brief::Brief;
use crate::clock;
use crate::desk::{AgentId, Overflow, TicketId, Wish};
use crate::dialplan::Plan;
use crate::language::Voice;
use crate::sip::{CallId, Event};

/// Somebody who is parked is not forgotten: after so long it is the bot's turn.
const PARKED: Duration = Duration::from_secs(600);
/// Keys of an agent who hears the brief: the caller now, or not this one.
const NOW: [char; 2] = ['1', '#'];
const DECLINE: [char; 2] = ['2', '*'];

/// What the owner of the caller's line is to do.
#[derive(Debug)]
pub(super) enum Effect {
    /// For the record.
    Event(String),
    /// Which place in line the caller has, and how long it takes.
    Place(usize, Option<Duration>),
    OfferCallback,
    /// This person is with the caller from now on.
    Bridged(String),
    /// Who is with the caller is away for a moment, or there again.
    Held(bool),
    /// Another person is looked for.
    WaitsAgain,
    /// It is the bot's turn.
    Back(Return),
    /// A key towards the caller.
    Key(char),
}

/// Whose sound the caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    /// Their owner's: the bot, or music.
    Own,
    People,
    /// People who are away for a moment.
    Music,
}

/// The caller's ticket. Given back on drop.
pub(super) struct Ticket {
    bot: Arc<Bot>,
    id: TicketId,
    /// None: they came by none.
    queue: Option<String>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.bot.floor.leave(self.id);
    }
}

pub(super) struct Conference {
    bot: Arc<Bot>,
    plan: Arc<Plan>,
    /// Of the call.
    number: u64,
    letters: mpsc::Sender<Letter>,
    /// Where SIP says what becomes of people's telephones.
    events: mpsc::Sender<Event>,
    /// Before it, so that whoever is in it has hung up before the desk hears that they are free.
    parties: Vec<Party>,
    ticket: Option<Ticket>,
    caller: Caller,
    brief: Brief,
    voice: Voice,
    held: bool,
    parked: Option<Instant>,
    hears: Hears,
    /// What pages show of it is not so any more.
    changed: bool,
    effects: VecDeque<Effect>,
}

impl Conference {
    pub fn new(
        bot: &Arc<Bot>,
        plan: &Arc<Plan>,
        number: u64,
        (letters, events): (mpsc::Sender<Letter>, mpsc::Sender<Event>),
    ) -> Self {
        Self {
            bot: Arc::clone(bot),
            plan: Arc::clone(plan),
            number,
            letters,
            events,
            parties: Vec::new(),
            ticket: None,
            caller: Caller::WithBot,
            brief: Brief::default(),
            voice: Voice::Joe,
            held: false,
            parked: None,
            hears: Hears::Own,
            changed: false,
            effects: VecDeque::new(),
        }
    }

    /// What is to be done next, until nothing.
    pub fn poll(&mut self) -> Option<Effect> {
        if std::mem::take(&mut self.changed) {
            self.show();
        }
        self.effects.pop_front()
    }

    /// The caller wants a person of the queue of `wish`, who is told `brief`, by `voice`. Where the plan minds that all have declined it has a way of its own for that.
    pub fn queue(&mut self, wish: Wish, brief: Brief, voice: Voice, minds_declining: bool) {
        (self.brief, self.voice) = (brief, voice);
        self.enqueue(wish);
        if let Some(ticket) = self.ticket().filter(|_| minds_declining) {
            self.bot.floor.ends_when_declined(ticket);
        }
        // Somebody is on their way to them already.
        let comes = self
            .parties
            .iter()
            .find(|party| party.part == Part::Agent && party.person.is_some());
        if let Some(id) = comes.map(|party| party.id) {
            self.has_the_ticket(id);
        }
    }

    /// Somebody elsewhere is to take the caller: `to` is called, for `ring` at most, and told `brief` by `voice`. The desk does not know them.
    pub fn consult(&mut self, to: &str, ring: Duration, brief: Brief, voice: Voice) {
        (self.brief, self.voice) = (brief, voice);
        let called = self.reach(&Comer {
            person: None,
            name: to,
            phone: Some(to),
            agent: None,
            part: Part::Agent,
            stage: Stage::Ringing,
            until: Some(clock::now() + ring),
        });
        if let Err(why) = called {
            self.back(Return::NoAgent(why));
        }
    }

    /// Who is elsewhere, and with the caller.
    pub fn consulted(&self) -> Option<CallId> {
        let consulted = self.parties.iter().find(|party| party.is_consulted() && party.speaks());
        consulted.map(|party| party.id)
    }

    fn enqueue(&mut self, wish: Wish) {
        self.changed = true;
        let queue = wish.queue.clone();
        match self.bot.floor.queue(wish, self.number, &self.letters) {
            Ok(id) => {
                self.ticket = Some(Ticket {
                    bot: Arc::clone(&self.bot),
                    id,
                    queue: Some(queue),
                });
            }
            Err(why) => self.back(Return::NoAgent(why)),
        }
    }

    /// The caller wants nobody any more.
    pub fn leave(&mut self) {
        self.parties.retain(|party| !party.part.speaks());
        self.ticket = None;
        (self.held, self.parked, self.hears) = (false, None, Hears::Own);
        self.changed = true;
    }

    /// The desk says something of `ticket`.
    pub fn told(&mut self, ticket: TicketId, told: Told) {
        if self.ticket() != Some(ticket) {
            if let Told::Ring { agent, .. } = told {
                self.bot.floor.lost(agent, ticket);
            }
            return;
        }
        match told {
            Told::Ring { agent, person, until } => self.ring(agent, &person, until),
            Told::StopRinging { agent } => self.stop_ringing(agent),
            Told::Place { position, wait } => self.effects.push_back(Effect::Place(position, wait)),
            Told::OfferCallback => self.effects.push_back(Effect::OfferCallback),
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
            // For who dials the customer.
            Told::Dial | Told::StopDialling | Told::GiveUp => {}
        }
    }

    /// 20 ms of everybody. `caller` is what came from the caller, `own` what they would hear of their owner; `told` is told of each person whom the caller hears: who,
    /// the sound, and the chance that it is speech. What the caller hears of people, if they are with any.
    pub fn tick(
        &mut self,
        now: Instant,
        caller: &Frame,
        own: Option<&Frame>,
        mut told: impl FnMut(&str, &Frame, f32),
    ) -> Option<Frame> {
        if self
            .parked
            .is_some_and(|since| now.saturating_duration_since(since) >= PARKED)
        {
            self.back(Return::NoAgent("nobody came back to a caller who was parked".into()));
        }
        if self.parties.is_empty() {
            return None;
        }
        let mut said: Vec<Option<Frame>> = Vec::with_capacity(self.parties.len());
        let mut happened: Vec<(CallId, Came)> = Vec::new();
        let mut keys: Vec<(CallId, char)> = Vec::new();
        for party in &mut self.parties {
            let Some(tick) = party.tick(now) else {
                said.push(None);
                continue;
            };
            happened.extend(tick.came.map(|came| (party.id, came)));
            keys.extend(tick.keys.first().map(|key| (party.id, key.symbol())));
            let joined = matches!(party.stage, Stage::Joined) && !party.falters();
            said.push(joined.then_some(tick.frame));
        }
        let briefed = self.send(now, caller, own, &said);
        let heard = match self.hears {
            Hears::People => {
                let speakers = self.parties.iter().zip(&said).filter(|(party, _)| party.speaks());
                Some(mixed(speakers.filter_map(|(_, said)| said.as_ref())).unwrap_or_else(Frame::silence))
            }
            Hears::Own | Hears::Music => None,
        };
        if self.hears == Hears::People {
            let speaking = self.parties.iter_mut().zip(&said).filter(|(party, _)| party.speaks());
            for (party, frame) in speaking.filter_map(|(party, said)| Some((party, said.as_ref()?))) {
                let probability = party.vad.hear(frame.samples()).unwrap_or(0.0);
                told(&party.name, frame, probability);
            }
        }
        for (id, key) in keys {
            self.key(id, key);
        }
        for (id, came) in happened {
            self.came(now, id, came);
        }
        for id in briefed {
            self.join(id);
        }
        self.overdue(now);
        heard
    }

    /// Each hears the others. Who has heard the brief to its end.
    fn send(&mut self, now: Instant, caller: &Frame, own: Option<&Frame>, said: &[Option<Frame>]) -> Vec<CallId> {
        let mut over = Vec::new();
        let parts: Vec<(Part, bool)> = self.parties.iter().map(|party| (party.part, party.speaks())).collect();
        let (held, hears) = (self.held, self.hears);
        let rings = self.caller.rings();
        for (at, party) in self.parties.iter_mut().enumerate() {
            let up = party.is_up();
            match &mut party.stage {
                Stage::Ringing => {}
                Stage::Coming => {
                    if let Some(frame) = rings.as_ref().filter(|_| up) {
                        party.send(now, frame);
                    }
                }
                Stage::Briefed { .. } if !up => {}
                Stage::Briefed { voice, at, until, .. } => match voice {
                    Some(voice) if *at < voice.len() => {
                        let frame = Frame::from_slice(voice.get(*at..).unwrap_or_default());
                        *at += FRAME_SAMPLES;
                        party.send(now, &frame);
                    }
                    None if now < *until => party.send(now, &Frame::silence()),
                    Some(_) | None => over.push(party.id),
                },
                Stage::Joined => {
                    let listens = !party.part.speaks();
                    // Who is of the house.
                    let ours = party.person.is_some();
                    let others = parts.iter().zip(said).enumerate().filter(|(other, _)| *other != at);
                    let audible = others.filter_map(|(_, ((part, speaks), said))| {
                        // Who whispers is heard by those who speak with the caller.
                        let heard = *speaks || (*part == Part::Whisperer && !listens && ours);
                        said.as_ref().filter(|_| heard)
                    });
                    let caller = (!held || listens).then_some(caller);
                    let own = own.filter(|_| listens && hears == Hears::Own);
                    let frame = mixed(audible.chain(caller).chain(own)).unwrap_or_else(Frame::silence);
                    party.send(now, &frame);
                }
            }
        }
        over
    }

    /// A line is there, falters, or is lost.
    fn came(&mut self, now: Instant, id: CallId, came: Came) {
        self.changed = true;
        match came {
            Came::Up => {
                if let Some(party) = self.party_mut(id)
                    && let Stage::Briefed {
                        until,
                        speaking: Some(_),
                        ..
                    } = &mut party.stage
                {
                    *until = (*until).max(now + ringing::VOICE);
                }
                let comes = self
                    .party_mut(id)
                    .is_some_and(|party| matches!(party.stage, Stage::Coming));
                if comes {
                    self.join(id);
                }
                self.listen_anew();
            }
            Came::Changed => self.listen_anew(),
            Came::Lost => self.left(id, Return::AgentLost),
        }
    }

    /// They are in it from now on.
    fn join(&mut self, id: CallId) {
        let awaited = self.caller.is_awaited();
        let Some(party) = self.party_mut(id) else { return };
        if awaited && party.part.speaks() {
            // There is nobody to speak with yet.
            party.stage = Stage::Coming;
            self.changed = true;
            return;
        }
        party.stage = Stage::Joined;
        (party.since, party.until) = (clock::now(), None);
        let (part, relieves) = (party.part, party.relieves.take());
        self.changed = true;
        if part.speaks() {
            self.parked = None;
        }
        if part == Part::Agent {
            // Who has taken them takes the place of those who were with them or rung for them.
            self.parties.retain(|other| other.id == id || other.part != Part::Agent);
            self.held = false;
            self.has_the_ticket(id);
            if let Some(ticket) = self.ticket() {
                self.bot.floor.bridged(ticket);
            }
        }
        if let Some(relieved) = relieves {
            self.free(relieved);
        }
        self.listen_anew();
    }

    /// Who joins is whom the desk has: another ticket may have come while they were on their way.
    fn has_the_ticket(&mut self, id: CallId) {
        let Some(ticket) = self.ticket() else { return };
        let has = self.bot.floor.agent_of(ticket);
        let Some(party) = self.parties.iter_mut().find(|party| party.id == id) else {
            return;
        };
        if let Some(name) = &party.person
            && (has.is_none() || has != party.agent)
        {
            party.agent = self.bot.floor.seize(name, ticket).ok();
        }
    }

    /// Whom the caller hears may have changed.
    fn listen_anew(&mut self) {
        let speakers = || self.parties.iter().filter(|party| party.speaks());
        let hears = match speakers().next() {
            None if self.parked.is_some() => Hears::Music,
            None => Hears::Own,
            Some(_) if self.held || speakers().all(Party::falters) => Hears::Music,
            Some(_) => Hears::People,
        };
        let name = speakers().next().map(|party| party.name.clone()).unwrap_or_default();
        match (std::mem::replace(&mut self.hears, hears), hears) {
            (Hears::Own, Hears::People) => self.effects.push_back(Effect::Bridged(name)),
            (Hears::Own, Hears::Music) => self.effects.extend([Effect::Bridged(name), Effect::Held(true)]),
            (Hears::People, Hears::Music) => self.effects.push_back(Effect::Held(true)),
            (Hears::Music, Hears::People) => self.effects.push_back(Effect::Held(false)),
            // Nobody is left: whoever went should have said what follows.
            (Hears::People | Hears::Music, Hears::Own) => self.back(Return::AgentLost),
            (Hears::Own, Hears::Own) | (Hears::People, Hears::People) | (Hears::Music, Hears::Music) => {}
        }
    }

    /// It is the bot's turn. Who listens goes on listening.
    fn back(&mut self, how: Return) {
        self.leave();
        self.effects.push_back(Effect::Back(how));
    }

    fn event(&mut self, text: String) {
        self.effects.push_back(Effect::Event(text));
    }

    fn take(&mut self, id: CallId) -> Option<Party> {
        let at = self.parties.iter().position(|party| party.id == id)?;
        self.changed = true;
        Some(self.parties.remove(at))
    }

    fn party_mut(&mut self, id: CallId) -> Option<&mut Party> {
        self.parties.iter_mut().find(|party| party.id == id)
    }

    fn of_agent(&self, agent: AgentId) -> Option<&Party> {
        self.parties.iter().find(|party| party.agent == Some(agent))
    }

    fn ticket(&self) -> Option<TicketId> {
        self.ticket.as_ref().map(|ticket| ticket.id)
    }
}

impl Drop for Conference {
    fn drop(&mut self) {
        self.parties.clear();
        self.show();
        self.bot.live.close(self.number);
    }
}

/// All at once; nothing of nobody.
fn mixed<'a>(frames: impl Iterator<Item = &'a Frame>) -> Option<Frame> {
    frames.fold(None, |all: Option<Frame>, frame| {
        Some(all.map_or_else(|| frame.clone(), |all| all.mixed(frame)))
    })
}
