//! The caller and the people of their call: what these come to is told to the conversation, and what becomes of it shown at pages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Leg;
use crate::audio::tone::Key;
use crate::call::{Line, Start};
use crate::clock;
use crate::dialogue::conversation::Speaker;
use crate::dialplan::Value;
use crate::engine::conference::Effect;
use crate::engine::letters::{Letter, Order, What};
use crate::engine::live::{Known, Opening};
use crate::web::Act;

impl Leg {
    /// Something reached the call beside its line.
    pub(super) fn letter(&mut self, letter: Letter) {
        match letter {
            Letter::Desk(ticket, told) => self.people.told(ticket, told),
            Letter::Brief { to, voice } => self.people.whispered(to, voice),
            Letter::Page(Order {
                what: What::Act(Act::TakeOver {}),
                answer,
                ..
            }) if self.call.as_ref().is_some_and(|call| !call.can_be_taken_over()) => {
                drop(answer.send(Err("the caller is on their way elsewhere, or out".into())));
            }
            Letter::Event(event) => {
                self.journal.event(format!("meanwhile: {event}"));
                if let Some(call) = &mut self.call {
                    call.happened(clock::now(), &event);
                }
            }
            Letter::Page(order) if self.call.is_some() => self.people.obey(order),
            Letter::Page(order) => drop(order.answer.send(Err("the caller is not served yet".into()))),
        }
    }

    /// Does what the people of the call come to.
    pub(super) fn follow_people(&mut self) {
        let now = clock::now();
        while let Some(effect) = self.people.poll() {
            if let Effect::Back(_) = effect {
                self.tell_of_queues();
            }
            let Some(call) = &mut self.call else { continue };
            match effect {
                Effect::Event(text) => self.journal.event(text),
                Effect::Place(position, wait) => call.placed_in_line(position, wait),
                Effect::OfferCallback => call.offer_callback(),
                Effect::Bridged(name) => call.bridged(now, &name),
                Effect::Held(held) => call.held_by_person(held),
                Effect::WaitsAgain => call.waits_again(),
                Effect::Back(how) => call.returned_from_person(now, how),
                Effect::Key(digit) => {
                    let key = Key::from_symbol(digit);
                    if let Some((stream, key)) = self.line.stream.as_mut().zip(key)
                        && let Err(e) = stream.send_key(key)
                    {
                        tracing::warn!(call = %self.id, "a key of an agent is not passed on: {e}");
                    }
                }
            }
        }
    }

    /// The call shows at pages from now on.
    pub(super) fn appear(&self, start: &Start) {
        let caller = &start.facts.caller;
        let text = |name: &str| {
            caller
                .get(name)
                .map(ToString::to_string)
                .filter(|text| !text.is_empty())
        };
        let rest = caller
            .iter()
            .filter(|(name, value)| !["number", "name", "tier"].contains(&name.as_str()) && **value != Value::Null);
        let wrap_up: BTreeMap<String, Duration> = start
            .plan
            .queues
            .iter()
            .map(|(name, queue)| (name.clone(), queue.wrap_up))
            .collect();
        let opening = Opening {
            id: start.facts.call.get("id").map(ToString::to_string).unwrap_or_default(),
            began: clock::now(),
            language: start.language.code().to_owned(),
            number: text("number").unwrap_or_default(),
            name: text("name"),
            tier: text("tier"),
            callback: false,
            profile: rest.map(|(name, value)| (name.clone(), value.to_string())).collect(),
            wrap_up,
        };
        self.bot.live.open(self.number, opening, self.letters.clone());
    }

    /// Something was said.
    pub(super) fn shows(&self, line: Line) {
        let of_caller = line.speaker == Speaker::Caller;
        self.bot.live.said(self.number, line);
        if let Some(call) = self.call.as_ref().filter(|_| of_caller) {
            self.bot.live.know(self.number, Known::Mood(call.mood()));
            if call.is_bridged() {
                self.bot.live.know(self.number, Known::Next(call.next_step()));
            }
        }
    }
}
