//! What people do with a call at their pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::party::{Engaged, Flow, Part, Sound, Stage};
use super::ringing::Comer;
use super::{Conference, Effect, Ticket};
use crate::call::Return;
use crate::clock;
use crate::desk::{AgentId, Wish};
use crate::engine::letters::{Order, What};
use crate::sip::CallId;
use crate::store::people::Person;
use crate::web::{Act, To};

/// One more who is called answers within this time, or not at all.
const INVITED: Duration = Duration::from_secs(40);

type Done = Result<Value, String>;

impl Conference {
    /// Does what somebody asks for, and tells them how it went.
    pub fn obey(&mut self, order: Order) {
        let Order { by, what, answer } = order;
        let done = match what {
            What::Line(line, ours) => self.line(&by, line).map(|()| json!({"answer": ours})),
            What::Act(act) => self.act(&by, act),
        };
        self.changed = true;
        // Their page may have gone.
        answer.send(done).ok();
    }

    /// The sound of somebody's page goes this way from now on.
    fn line(&mut self, by: &Person, new: Box<crate::browser::Line>) -> Result<(), String> {
        let id = self.of(by)?;
        let party = self.party_mut(id).ok_or("you are not in that call")?;
        let Sound::Page { line, state } = &mut party.sound else {
            return Err("your sound goes by your telephone".into());
        };
        // Until it is there nothing comes from them.
        (*line, *state) = (Some(new), Flow::Falters);
        if !matches!(party.stage, Stage::Joined) {
            // Its time to be found begins now.
            party.since = clock::now();
        }
        self.listen_anew();
        Ok(())
    }

    fn act(&mut self, by: &Person, act: Act) -> Done {
        match act {
            Act::Line { .. } | Act::Note { .. } | Act::Done {} => return Err("that is not done in a call".into()),
            Act::Accept {} => self.accept(self.of(by)?)?,
            Act::Decline {} => {
                let id = self.of(by)?;
                if self.speaks(by).is_ok() {
                    return Err("you are with the caller already".into());
                }
                self.decline(id);
            }
            Act::HangUp {} => self.left(self.of(by)?, Return::AgentLeft),
            Act::Hold { on } => {
                self.speaks(by)?;
                self.held = on;
                self.listen_anew();
            }
            Act::Key { digit } => {
                self.speaks(by)?;
                self.effects.push_back(Effect::Key(digit));
            }
            Act::GiveBack { flow } => {
                self.speaks(by)?;
                self.has_bot()?;
                if let Some(name) = &flow
                    && self.plan.flows.iter().all(|flow| flow.name != *name)
                {
                    return Err(format!("the plan has no flow `{name}`"));
                }
                self.back(Return::GivenBack { flow });
            }
            Act::Transfer { to } => self.transfer(by, to)?,
            Act::Invite { to } => {
                self.speaks(by)?;
                self.invite(&to)?;
            }
            Act::Park {} => self.park(by)?,
            Act::Retrieve {} => {
                if self.parked.is_none() {
                    return Err("that caller is not parked".into());
                }
                self.take_over(by)?;
            }
            Act::Listen {} => self.monitor(by, Part::Listener)?,
            Act::Whisper {} => {
                if !self.parties.iter().any(|party| party.speaks()) {
                    return Err("nobody is with the caller to whisper to".into());
                }
                self.monitor(by, Part::Whisperer)?;
            }
            Act::Barge {} => {
                if !self.parties.iter().any(|party| party.speaks()) {
                    return Err("nobody is with the caller: take the call over".into());
                }
                self.monitor(by, Part::Guest)?;
            }
            Act::TakeOver {} => self.take_over(by)?,
        }
        Ok(json!({}))
    }

    /// Somebody listens, whispers, or speaks with them; or does another of these from now on.
    fn monitor(&mut self, by: &Person, part: Part) -> Result<(), String> {
        if let Ok(id) = self.of(by) {
            let party = self.party_mut(id).ok_or("you are not in that call")?;
            if party.part == Part::Agent {
                return Err("you are with the caller".into());
            }
            let alone = party.speaks() && self.parties.iter().filter(|party| party.speaks()).count() == 1;
            if alone && !part.speaks() {
                return Err("you alone are with the caller".into());
            }
            let party = self.party_mut(id).ok_or("you are not in that call")?;
            party.part = part;
            self.listen_anew();
            return Ok(());
        }
        let id = self.reach(&Comer::of(by, part, Stage::Coming))?;
        self.engage(id, by);
        Ok(())
    }

    /// The caller is theirs as soon as their line is there; until then it goes on as it was.
    fn take_over(&mut self, by: &Person) -> Result<(), String> {
        if let Ok(id) = self.of(by) {
            let party = self.party_mut(id).ok_or("you are not in that call")?;
            if party.part == Part::Agent {
                return Err("the call is yours already".into());
            }
            let agent = self.hold_ticket(by)?;
            self.only(id);
            let joined = self.party_mut(id).is_some_and(|party| {
                (party.part, party.engaged, party.agent) = (Part::Agent, None, agent);
                matches!(party.stage, Stage::Joined)
            });
            if joined {
                self.join(id);
            }
            return Ok(());
        }
        self.take_up(by)
    }

    fn take_up(&mut self, by: &Person) -> Result<(), String> {
        let agent = self.hold_ticket(by)?;
        let comer = Comer {
            agent,
            ..Comer::of(by, Part::Agent, Stage::Coming)
        };
        let id = self.reach(&comer)?;
        self.only(id);
        Ok(())
    }

    /// Who else was on their way to the caller is so no more.
    fn only(&mut self, id: CallId) {
        self.parties
            .retain(|party| party.id == id || party.part != Part::Agent || party.speaks());
    }

    /// The caller's ticket is with `by` from now on, whom the desk knows so.
    fn hold_ticket(&mut self, by: &Person) -> Result<Option<AgentId>, String> {
        match self.ticket() {
            Some(ticket) => {
                let agent = self.bot.floor.seize(&by.name, ticket).map_err(|e| e.to_string())?;
                Ok(Some(agent))
            }
            None => {
                let id = self.bot.floor.engage(&by.name, self.number, &self.letters);
                self.ticket = Some(Ticket {
                    bot: std::sync::Arc::clone(&self.bot),
                    id,
                    queue: None,
                });
                Ok(self.bot.floor.agent_of(id))
            }
        }
    }

    fn engage(&mut self, id: CallId, by: &Person) {
        let ticket = self.bot.floor.engage(&by.name, self.number, &self.letters);
        let bot = std::sync::Arc::clone(&self.bot);
        if let Some(party) = self.party_mut(id) {
            party.engaged = Some(Engaged { bot, ticket });
        }
    }

    /// The caller goes on to others.
    fn transfer(&mut self, by: &Person, to: To) -> Result<(), String> {
        let id = self.speaks(by)?;
        let (queue, first) = match to {
            To::Number(_) => {
                let comes = self.invite(&to)?;
                if let Some(party) = self.party_mut(comes) {
                    party.relieves = Some(id);
                }
                return Ok(());
            }
            To::Queue(queue) => (queue, None),
            To::Person(name) => {
                let person = self.bot.floor.person(&name).ok_or_else(|| nobody(&name))?;
                let of_ticket = self.ticket.as_ref().and_then(|ticket| ticket.queue.clone());
                let any = self.plan.queues.keys().next().cloned();
                let queue = of_ticket
                    .or(any)
                    .ok_or("the plan has no queue in which they could wait")?;
                (queue, Some(person.name))
            }
        };
        if !self.plan.queues.contains_key(&queue) {
            return Err(format!("the plan has no queue `{queue}`"));
        }
        let gone = self.take(id);
        self.parties.retain(|party| !party.part.speaks());
        self.waits();
        self.event(format!("{} passes the caller on to `{queue}`", by.display));
        let of_queue = self.ticket.as_mut().filter(|ticket| ticket.queue.is_some());
        let passed = of_queue.is_some_and(|ticket| {
            ticket.queue = Some(queue.clone());
            self.bot.floor.pass(ticket.id, &queue, first.as_deref()).is_ok()
        });
        drop(gone);
        if !passed {
            self.ticket = None;
            let (language, preferred) = (self.brief.language, first.map(|first| self.bot.floor.number_of(&first)));
            self.enqueue(Wish {
                queue,
                priority: 0,
                language,
                skills: Vec::new(),
                preferred,
            });
        }
        Ok(())
    }

    /// One more is called, and joins when they answer.
    fn invite(&mut self, to: &To) -> Result<CallId, String> {
        let until = Some(clock::now() + INVITED);
        match to {
            To::Queue(_) => Err("a queue cannot join a call: transfer the caller to it".into()),
            To::Number(number) => self.reach(&Comer {
                person: None,
                name: number,
                phone: Some(number),
                agent: None,
                part: Part::Guest,
                stage: Stage::Ringing,
                until,
            }),
            To::Person(name) => {
                let person = self.bot.floor.person(name).ok_or_else(|| nobody(name))?;
                if self.of(&person).is_ok() {
                    return Err(format!("{} is in the call already", person.display));
                }
                if self.bot.live.is_engaged(&person.name, self.number) {
                    return Err(format!("{} is in another call", person.display));
                }
                let id = self.reach(&Comer {
                    until,
                    ..Comer::of(&person, Part::Guest, Stage::Ringing)
                })?;
                self.engage(id, &person);
                Ok(id)
            }
        }
    }

    /// The caller hears music until somebody takes them up again.
    fn park(&mut self, by: &Person) -> Result<(), String> {
        self.speaks(by)?;
        self.parties.retain(|party| !party.part.speaks());
        self.ticket = None;
        self.held = false;
        self.parked = Some(clock::now());
        self.event(format!("{} parks the caller", by.display));
        self.listen_anew();
        Ok(())
    }

    /// Who speaks with the caller.
    fn speaks(&self, by: &Person) -> Result<CallId, String> {
        let id = self.of(by)?;
        let speaks = self.parties.iter().any(|party| party.id == id && party.speaks());
        speaks.then_some(id).ok_or_else(|| "you are not with the caller".into())
    }

    fn of(&self, by: &Person) -> Result<CallId, String> {
        let party = self
            .parties
            .iter()
            .find(|party| party.person.as_deref() == Some(&by.name));
        party
            .map(|party| party.id)
            .ok_or_else(|| "you are not in that call, or not any more".into())
    }
}

fn nobody(name: &str) -> String {
    format!("nobody called `{name}` takes calls here")
}
