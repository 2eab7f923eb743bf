//! The walk's half that answers the caller: words, keys and silence.

use std::sync::Arc;

use super::code::Op;
use super::flows::each;
use super::next::Next;
use super::order::{Command, Order};
use super::patterns::{Events, Repair};
use super::plan::{Action, Collect, Flow, Value};
use super::prompt::Prompt;
use super::slot::Confirm;
use super::walk::{Trouble, Waiting, Walk, Way};

/// How often in a row a question is just said again; after that it counts as not understood.
const MOST_REPEATS: u32 = 5;

impl Walk {
    /// The caller said something; what counts most of what they meant comes first.
    pub(super) fn heard(&mut self, waiting: &Waiting, words: String, commands: Vec<Command>) -> Order {
        self.trouble.silences = 0;
        if !words.is_empty() {
            self.last_words = words;
        }
        if commands.contains(&Command::HandOver) {
            return self.hand_over(waiting);
        }
        if commands.contains(&Command::Goodbye) {
            return self.goodbye();
        }
        if commands.contains(&Command::Repeat) {
            return self.repeat(waiting);
        }
        if commands.contains(&Command::Cancel) {
            return self.cancelled(waiting);
        }
        let open = Waiting::Open { flow: None };
        let waiting = match waiting {
            Waiting::Permission(used) if commands.contains(&Command::Deny) => {
                if let Some(order) = self.refused(used) {
                    return order;
                }
                &open
            }
            waiting => waiting,
        };
        let wish = commands.iter().find_map(|command| {
            let Command::StartFlow(flow) = command else { return None };
            (self.plan.flow(flow).is_some() && self.flow() != Some(flow)).then_some(flow)
        });
        if let Some(flow) = wish {
            self.enter_wish(waiting, flow);
        }
        self.quote(&commands);
        let taken = self.take_values(waiting, &commands);
        if let Some(order) = self.settle(waiting, taken.asked, &commands) {
            return order;
        }
        if let (None, true) = (wish, taken.replaced > 0)
            && let Some(order) = self.corrected(waiting)
        {
            return order;
        }
        if wish.is_some() || taken.corrected > 0 {
            self.understood();
            if !commands.contains(&Command::Deny) {
                self.put_off(waiting);
            }
            return self.next();
        }
        if let (Waiting::Confirm { slot, .. }, true) = (waiting, commands.contains(&Command::Deny)) {
            return self.denied(slot);
        }
        if std::ptr::eq(waiting, &open) {
            self.understood();
            return self.next();
        }
        if let Some(order) = self.other(waiting, &commands) {
            return order;
        }
        if taken.added > 0 && is_question(waiting) {
            self.put_off(waiting);
            return self.next();
        }
        self.missed(waiting)
    }

    /// The caller pressed keys.
    pub(super) fn keys(&mut self, waiting: &Waiting, keys: &str) -> Order {
        self.trouble.silences = 0;
        match waiting {
            Waiting::Slot { slot } => {
                let declared = self.plan.slots.get(slot);
                let keyed = declared.and_then(|declared| declared.keyed(keys, self.facts.at));
                match keyed.filter(|value| self.takes(slot, value)) {
                    Some(value) => self.accept(slot, value),
                    None => self.missed(waiting),
                }
            }
            Waiting::Permission(used) => match keys {
                "1" => self.permitted(used),
                "2" => match self.refused(used) {
                    Some(order) => order,
                    None => self.next(),
                },
                _ => self.missed(waiting),
            },
            Waiting::Confirm { slot, value } => match keys {
                "1" => self.accept(slot, value.clone()),
                "2" => self.denied(slot),
                _ => self.missed(waiting),
            },
            Waiting::Said
            | Waiting::Open { .. }
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Tool { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. }
            | Waiting::Over => self.missed(waiting),
        }
    }

    /// The caller said nothing.
    pub(super) fn silent(&mut self, waiting: &Waiting) -> Order {
        let noinput = self.events(waiting).noinput;
        let prompt = noinput.say.get(self.trouble.silences);
        self.trouble.silences += 1;
        match prompt {
            Some(prompt) => {
                let words = self.words(prompt);
                self.listen(Some(words))
            }
            None => self.way_out(&noinput.then),
        }
    }

    /// What happens while `waiting`: at the question, else in its flow, else in the plan.
    pub(super) fn events(&self, waiting: &Waiting) -> Events {
        let own = match waiting {
            Waiting::Slot { slot } | Waiting::Confirm { slot, .. } => self.collect(slot).map(|collect| &collect.events),
            Waiting::Open { flow } => flow.and_then(|at| self.plan.flows.get(at)).map(|flow| &flow.events),
            Waiting::Permission(_) => {
                let frame = self.frames.last();
                frame
                    .and_then(|frame| self.plan.flows.get(frame.flow))
                    .map(|flow| &flow.events)
            }
            Waiting::Said
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Tool { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. }
            | Waiting::Over => None,
        };
        own.cloned().unwrap_or_else(|| self.plan.patterns.events())
    }

    /// The caller got on: what went wrong before is forgotten.
    pub(super) fn understood(&mut self) {
        self.trouble = Trouble::default();
    }

    fn hand_over(&mut self, waiting: &Waiting) -> Order {
        self.understood();
        self.put_off(waiting);
        match self.plan.patterns.person.clone() {
            // It is under way: its question is asked again.
            Some(flow) if self.flow() == Some(&flow) => {}
            Some(flow) => self.enter_wish(waiting, &flow),
            None => self.queue_words(&self.plan.patterns.no_person.clone()),
        }
        self.next()
    }

    /// Leaves the flow under way, and those that run it as a part of themselves; what waits below goes on.
    fn cancelled(&mut self, waiting: &Waiting) -> Order {
        if *waiting == Waiting::AnythingElse {
            return self.goodbye();
        }
        self.understood();
        self.corrections.clear();
        while self.frames.last().is_some_and(|frame| frame.way == Way::Run) {
            self.frames.pop();
        }
        self.leave(&Next::EndFlow)
    }

    fn repeat(&mut self, waiting: &Waiting) -> Order {
        self.trouble.repeats += 1;
        if self.trouble.repeats > MOST_REPEATS {
            return self.missed(waiting);
        }
        let asked = self.asked.clone();
        self.listen(asked)
    }

    /// A wish in the middle of a question is a digression: the question is asked again afterwards. Elsewhere it is what comes next. A flow that
    /// waits already is not entered anew.
    fn enter_wish(&mut self, waiting: &Waiting, flow: &str) {
        if self.return_to(flow) {
            return;
        }
        // A new wish is not answered with the values of the last one.
        let plan = Arc::clone(&self.plan);
        for collect in plan.flow(flow).map(collects).unwrap_or_default() {
            self.slots.remove(&collect.slot);
            self.failures.remove(&collect.slot);
        }
        if is_question(waiting) {
            self.push(flow, Way::Wished);
        } else {
            self.start(flow);
        }
    }

    /// A value that waits for its yes is read back again later.
    fn put_off(&mut self, waiting: &Waiting) {
        if let Waiting::Confirm { slot, value } = waiting {
            self.propose(slot, value.clone());
        }
    }

    /// A value to be read back: at once where it corrects another, else when it is asked for.
    fn propose(&mut self, slot: &str, value: Value) {
        if self.slots.contains_key(slot) {
            self.corrections.retain(|(other, _)| other != slot);
            self.corrections.push_back((slot.to_owned(), value));
        } else {
            self.proposed.insert(slot.to_owned(), value);
        }
    }

    /// Keeps every value that was said and fits.
    fn take_values(&mut self, waiting: &Waiting, commands: &[Command]) -> Taken {
        let mut taken = Taken {
            asked: None,
            added: 0,
            corrected: 0,
            replaced: 0,
        };
        for command in commands {
            let Command::Set { slot, value } = command else {
                continue;
            };
            let Some(declared) = self.plan.slots.get(slot).filter(|_| self.takes(slot, value)) else {
                continue;
            };
            let confirm = declared.confirm;
            if asked_slot(waiting) == Some(slot) {
                taken.asked = Some(value.clone());
                continue;
            }
            match self.slots.get(slot) {
                Some(known) if known == value => {}
                Some(_) => taken.corrected += 1,
                None => taken.added += 1,
            }
            match confirm {
                Confirm::Readback if self.slots.get(slot) == Some(value) => {}
                Confirm::Readback => self.propose(slot, value.clone()),
                Confirm::No | Confirm::Implicit => {
                    let before = self.slots.insert(slot.clone(), value.clone());
                    taken.replaced += u32::from(before.is_some_and(|before| before != *value));
                }
            }
        }
        taken
    }

    /// Settles what was asked, if the caller answered it with `said` or a yes.
    fn settle(&mut self, waiting: &Waiting, said: Option<Value>, commands: &[Command]) -> Option<Order> {
        match waiting {
            Waiting::Slot { slot } => {
                let value = said?;
                let readback = self
                    .plan
                    .slots
                    .get(slot)
                    .is_some_and(|slot| slot.confirm == Confirm::Readback);
                Some(if readback {
                    self.read_back(slot, value)
                } else {
                    self.accept(slot, value)
                })
            }
            Waiting::Confirm { slot, value } => match said {
                Some(said) => Some(self.failed(slot).unwrap_or_else(|| self.read_back(slot, said))),
                None => commands
                    .contains(&Command::Affirm)
                    .then(|| self.accept(slot, value.clone())),
            },
            Waiting::Permission(used) => commands.contains(&Command::Affirm).then(|| self.permitted(used)),
            Waiting::Said
            | Waiting::Open { .. }
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Tool { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. }
            | Waiting::Over => None,
        }
    }

    /// What was neither an answer nor a wish, but understood.
    fn other(&mut self, waiting: &Waiting, commands: &[Command]) -> Option<Order> {
        for command in commands {
            match command {
                Command::Answer { text, .. } => {
                    self.understood();
                    self.put_off(waiting);
                    // What was said while it was being made has no words here.
                    if !text.is_empty() {
                        self.queue.push_back(Order::Say {
                            text: text.clone(),
                            bargein: self.bargein,
                        });
                    }
                    return Some(self.next());
                }
                Command::Clarify { flows } => {
                    if let Some(order) = self.clarify(flows) {
                        return Some(order);
                    }
                }
                Command::OutOfScope => {
                    self.trouble.strays += 1;
                    let repair = self.events(waiting).out_of_scope;
                    return Some(self.repair(waiting, &repair, self.trouble.strays));
                }
                Command::Deny if *waiting == Waiting::AnythingElse => return Some(self.goodbye()),
                Command::Affirm if *waiting == Waiting::AnythingElse => {
                    self.waiting = Waiting::Open { flow: None };
                    let words = self.words(&self.plan.patterns.go_ahead.clone());
                    return Some(self.ask(words));
                }
                Command::Affirm
                | Command::Deny
                | Command::Cancel
                | Command::Set { .. }
                | Command::StartFlow(_)
                | Command::Repeat
                | Command::HandOver
                | Command::Goodbye => {}
            }
        }
        None
    }

    fn clarify(&mut self, flows: &[String]) -> Option<Order> {
        let titles: Vec<String> = flows.iter().filter_map(|name| self.title(name)).take(2).collect();
        let [first, second] = titles.as_slice() else {
            return None;
        };
        let prompt = self.plan.patterns.clarify.clone();
        let words = prompt.say(self.language, |name| {
            Value::Text(match name {
                "first" => first.clone(),
                "second" => second.clone(),
                _ => self.aloud(name),
            })
        });
        Some(self.ask(words))
    }

    /// What a flow is called in a question.
    fn title(&self, name: &str) -> Option<String> {
        let flow = self.plan.flow(name)?;
        Some(
            flow.title
                .as_ref()
                .map_or_else(|| name.replace('_', " "), |title| self.words(title)),
        )
    }

    /// Not understood: said so, and what was asked is asked again, as often as the plan allows.
    fn missed(&mut self, waiting: &Waiting) -> Order {
        if let Waiting::Slot { slot } = waiting {
            return self.ask_slot_again(slot);
        }
        self.trouble.misses += 1;
        let repair = self.events(waiting).nomatch;
        self.repair(waiting, &repair, self.trouble.misses)
    }

    fn repair(&mut self, waiting: &Waiting, repair: &Repair, times: u32) -> Order {
        if times > repair.max {
            return self.way_out(&repair.then);
        }
        let words = nth(repair, times).map(|prompt| self.words(prompt));
        let question = if is_question(waiting) { self.asked.clone() } else { None };
        let together = [words, question].into_iter().flatten().collect::<Vec<_>>().join(" ");
        self.listen(Some(together))
    }

    /// Takes the plan's way out of what went wrong too often; when that leads to no better, the call ends.
    fn way_out(&mut self, next: &Next) -> Order {
        self.trouble.ways_out += 1;
        (self.trouble.misses, self.trouble.strays) = (0, 0);
        self.corrections.clear();
        match next {
            _ if self.trouble.ways_out > 1 => self.goodbye(),
            Next::Flow(flow) => {
                self.start(flow);
                self.next()
            }
            Next::Hangup | Next::EndFlow | Next::ResumeFlow => self.leave(next),
        }
    }

    pub(super) fn read_back(&mut self, slot: &str, value: Value) -> Order {
        let words = self.readback(slot, &value);
        self.waiting = Waiting::Confirm {
            slot: slot.to_owned(),
            value,
        };
        self.ask(words)
    }

    /// The question whether a value is right.
    pub(super) fn readback(&self, slot: &str, value: &Value) -> String {
        let declared = self.plan.slots.get(slot);
        let said = declared.map_or_else(|| value.to_string(), |declared| declared.aloud(value, self.language));
        self.plan.patterns.readback.say(self.language, |name| {
            Value::Text(if name == "value" {
                said.clone()
            } else {
                self.aloud(name)
            })
        })
    }

    fn accept(&mut self, slot: &str, value: Value) -> Order {
        self.understood();
        self.failures.remove(slot);
        self.proposed.remove(slot);
        let before = self.slots.insert(slot.to_owned(), value.clone());
        let asked = Waiting::Slot { slot: slot.to_owned() };
        let corrected = before.is_some_and(|before| before != value);
        match corrected.then(|| self.corrected(&asked)).flatten() {
            Some(order) => order,
            None => self.next(),
        }
    }

    /// What was read back is wrong: the question is asked again.
    fn denied(&mut self, slot: &str) -> Order {
        if let Some(order) = self.failed(slot) {
            return order;
        }
        match self.collect(slot).map(|collect| collect.ask.clone()) {
            Some(ask) => self.ask_slot(slot, &ask, None),
            None => self.next(),
        }
    }

    /// The answer was not understood: the question is asked again, or its exit taken.
    fn ask_slot_again(&mut self, slot: &str) -> Order {
        if let Some(order) = self.failed(slot) {
            return order;
        }
        let times = self.failures.get(slot).copied().unwrap_or_default();
        match self
            .collect(slot)
            .map(|collect| (collect.ask.clone(), collect.events.nomatch.clone()))
        {
            Some((ask, nomatch)) => self.ask_slot(slot, &ask, nth(&nomatch, times)),
            None => self.next(),
        }
    }

    fn ask_slot(&mut self, slot: &str, ask: &Prompt, first: Option<&Prompt>) -> Order {
        let ask = self.words(ask);
        let words = first
            .map(|prompt| self.words(prompt))
            .into_iter()
            .chain([ask.clone()])
            .collect::<Vec<_>>()
            .join(" ");
        self.waiting = Waiting::Slot { slot: slot.to_owned() };
        self.asked = Some(ask);
        self.listen(Some(words))
    }

    /// One more answer that did not do; the exit of the question, if that was one too many.
    fn failed(&mut self, slot: &str) -> Option<Order> {
        let collect = self.collect(slot);
        let retries = collect.map_or(self.plan.patterns.nomatch.max, |collect| collect.retries);
        let exit = collect.and_then(|collect| collect.on_fail.clone());
        let then = collect
            .map_or(&self.plan.patterns.nomatch.then, |collect| &collect.events.nomatch.then)
            .clone();
        let failures = self.failures.entry(slot.to_owned()).or_default();
        *failures += 1;
        if *failures <= retries {
            return None;
        }
        self.failures.remove(slot);
        Some(match exit {
            Some(next) => self.leave(&next),
            None => self.way_out(&then),
        })
    }

    /// The `collect` step that asks for `slot`: the one under way, else one of the flows that wait, else any.
    pub(super) fn collect(&self, slot: &str) -> Option<&Collect> {
        let flows = self
            .frames
            .iter()
            .rev()
            .filter_map(|frame| self.plan.flows.get(frame.flow));
        let here = self
            .frames
            .last()
            .and_then(|frame| match self.plan.flows.get(frame.flow)?.code.get(frame.at)? {
                Op::Collect(collect) if collect.slot == slot => Some(collect),
                _ => None,
            });
        here.or_else(|| {
            flows
                .chain(&self.plan.flows)
                .flat_map(collects)
                .find(|collect| collect.slot == slot)
        })
    }
}

/// Values that were just said.
struct Taken {
    /// Of the slot that was asked for.
    asked: Option<Value>,
    /// Slots that had none.
    added: u32,
    /// Slots that had another.
    corrected: u32,
    /// Of those, the ones that need no yes.
    replaced: u32,
}

fn asked_slot(waiting: &Waiting) -> Option<&String> {
    match waiting {
        Waiting::Slot { slot } | Waiting::Confirm { slot, .. } => Some(slot),
        Waiting::Said
        | Waiting::Open { .. }
        | Waiting::AnythingElse
        | Waiting::Permission(_)
        | Waiting::Knowledge { .. }
        | Waiting::Tool { .. }
        | Waiting::Transfer { .. }
        | Waiting::Act { .. }
        | Waiting::Over => None,
    }
}

/// Whether a flow waits for an answer.
fn is_question(waiting: &Waiting) -> bool {
    asked_slot(waiting).is_some() || matches!(waiting, Waiting::Permission(_))
}

/// What is said the `times`th time; the last one stays.
fn nth(repair: &Repair, times: u32) -> Option<&Prompt> {
    repair.say.get((times as usize).saturating_sub(1)).or(repair.say.last())
}

/// The questions of a flow.
pub(super) fn collects(flow: &Flow) -> Vec<&Collect> {
    let mut found = Vec::new();
    each(&flow.steps, &mut |step| {
        if let Action::Collect(collect) = &step.action {
            found.push(collect);
        }
    });
    found
}
