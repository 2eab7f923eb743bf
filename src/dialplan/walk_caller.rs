//! The walk's half that answers the caller: words, keys and silence.

use super::patterns::Repair;
use super::plan::{Action, Confirm, Plan, Slot, SlotKind, Value};
use super::walk::{Command, Order, Waiting, Walk};

impl Walk {
    /// The caller said something; what counts most of what they meant comes first.
    pub(super) fn heard(&mut self, waiting: &Waiting, words: String, commands: Vec<Command>) -> Order {
        self.silences = 0;
        if !words.is_empty() {
            self.last_words = words;
        }
        let said = |wanted: &Command| commands.contains(wanted);
        if said(&Command::HandOver) {
            return self.hand_over();
        }
        if said(&Command::Goodbye) {
            return self.goodbye();
        }
        if said(&Command::Repeat) {
            let asked = self.asked.clone();
            return self.listen(asked);
        }
        let wish = commands.iter().find_map(|command| match command {
            Command::StartFlow(flow) if self.plan.flow(flow).is_some() && self.flow() != Some(flow) => {
                Some(flow.clone())
            }
            _ => None,
        });
        if let Some(flow) = &wish {
            self.enter_wish(waiting, flow);
        }
        let expected = self.take_values(waiting, &commands);
        if let Some(order) = self.settle(waiting, expected, &commands) {
            return order;
        }
        if wish.is_some() {
            self.misses = 0;
            return self.next();
        }
        self.other(waiting, &commands)
    }

    /// The caller pressed keys.
    pub(super) fn keys(&mut self, waiting: &Waiting, keys: &str) -> Order {
        self.silences = 0;
        match waiting {
            Waiting::Slot { slot, .. } => {
                let Some(declared) = self.plan.slots.get(slot) else {
                    return self.missed(waiting);
                };
                match keyed(declared, keys) {
                    Some(value) => {
                        let slot = slot.clone();
                        self.accept(&slot, value)
                    }
                    None => self.missed(waiting),
                }
            }
            Waiting::Confirm { slot, value, failures } => match keys {
                "1" => {
                    let (slot, value) = (slot.clone(), value.clone());
                    self.accept(&slot, value)
                }
                "2" => self.ask_slot_again(slot, failures + 1),
                _ => self.missed(waiting),
            },
            Waiting::Said
            | Waiting::Open
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Transfer { .. }
            | Waiting::Over => self.missed(waiting),
        }
    }

    /// The caller said nothing.
    pub(super) fn silent(&mut self) -> Order {
        let noinput = self.plan.patterns.noinput.clone();
        let prompt = noinput.say.get(self.silences as usize);
        self.silences += 1;
        match prompt {
            Some(prompt) => {
                let words = self.words(prompt);
                self.listen(Some(words))
            }
            None => self.follow(&noinput.then),
        }
    }

    fn hand_over(&mut self) -> Order {
        match self.plan.patterns.person.clone() {
            Some(flow) if self.flow() != Some(&flow) => {
                self.start(&flow);
                self.next()
            }
            Some(_) | None => {
                self.queue_words(&self.plan.patterns.no_person.clone());
                self.next()
            }
        }
    }

    /// A wish in the middle of a question is a digression: the question is asked again afterwards. Elsewhere it is what comes next.
    fn enter_wish(&mut self, waiting: &Waiting, flow: &str) {
        for slot in collected(&self.plan, flow) {
            self.slots.remove(&slot);
        }
        match waiting {
            Waiting::Slot { .. } | Waiting::Confirm { .. } => self.push(flow),
            Waiting::Said
            | Waiting::Open
            | Waiting::AnythingElse
            | Waiting::Knowledge { .. }
            | Waiting::Transfer { .. }
            | Waiting::Over => self.start(flow),
        }
    }

    /// Keeps every value that was said; the one that was asked for is given back.
    fn take_values(&mut self, waiting: &Waiting, commands: &[Command]) -> Option<Value> {
        let asked = match waiting {
            Waiting::Slot { slot, .. } | Waiting::Confirm { slot, .. } => Some(slot.as_str()),
            _ => None,
        };
        let mut expected = None;
        for command in commands {
            let Command::Set { slot, value } = command else {
                continue;
            };
            if Some(slot.as_str()) == asked {
                expected = Some(value.clone());
            } else if let Some(declared) = self.plan.slots.get(slot) {
                let kept = match declared.confirm {
                    Confirm::Readback => &mut self.proposed,
                    Confirm::No | Confirm::Implicit => &mut self.slots,
                };
                kept.insert(slot.clone(), value.clone());
            }
        }
        expected
    }

    /// Settles what was asked, if the caller answered it.
    fn settle(&mut self, waiting: &Waiting, expected: Option<Value>, commands: &[Command]) -> Option<Order> {
        match (waiting, expected) {
            (Waiting::Slot { slot, failures }, Some(value)) => {
                self.misses = 0;
                let readback = self
                    .plan
                    .slots
                    .get(slot)
                    .is_some_and(|slot| slot.confirm == Confirm::Readback);
                Some(if readback {
                    self.read_back(slot, value, *failures)
                } else {
                    self.accept(slot, value)
                })
            }
            (Waiting::Confirm { slot, failures, .. }, Some(value)) => Some(self.read_back(slot, value, failures + 1)),
            (Waiting::Confirm { slot, value, .. }, None) if commands.contains(&Command::Affirm) => {
                let (slot, value) = (slot.clone(), value.clone());
                Some(self.accept(&slot, value))
            }
            (Waiting::Confirm { slot, failures, .. }, None) if commands.contains(&Command::Deny) => {
                Some(self.ask_slot_again(slot, failures + 1))
            }
            _ => None,
        }
    }

    /// What was neither an answer nor a wish.
    fn other(&mut self, waiting: &Waiting, commands: &[Command]) -> Order {
        for command in commands {
            match command {
                Command::Answer { text, .. } => {
                    self.misses = 0;
                    self.strays = 0;
                    self.queue.push_back(Order::Say {
                        text: text.clone(),
                        bargein: self.bargein,
                    });
                    return self.next();
                }
                Command::Clarify { flows } => {
                    if let Some(order) = self.clarify(flows) {
                        return order;
                    }
                }
                Command::OutOfScope => {
                    self.strays += 1;
                    let repair = self.plan.patterns.out_of_scope.clone();
                    return self.repair(waiting, &repair, self.strays);
                }
                Command::Deny if *waiting == Waiting::AnythingElse => return self.goodbye(),
                Command::Affirm if *waiting == Waiting::AnythingElse => {
                    self.waiting = Waiting::Open;
                    let words = self.words(&self.plan.patterns.go_ahead.clone());
                    return self.ask(words);
                }
                Command::Affirm
                | Command::Deny
                | Command::Set { .. }
                | Command::StartFlow(_)
                | Command::Repeat
                | Command::HandOver
                | Command::Goodbye => {}
            }
        }
        self.missed(waiting)
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
                _ => String::new(),
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
        if let Waiting::Slot { slot, failures } = waiting {
            return self.ask_slot_again(slot, failures + 1);
        }
        self.misses += 1;
        let repair = self.plan.patterns.nomatch.clone();
        self.repair(waiting, &repair, self.misses)
    }

    fn repair(&mut self, waiting: &Waiting, repair: &Repair, times: u32) -> Order {
        if times > repair.max {
            (self.misses, self.strays) = (0, 0);
            return self.follow(&repair.then);
        }
        self.waiting = waiting.clone();
        let at = (times as usize)
            .saturating_sub(1)
            .min(repair.say.len().saturating_sub(1));
        let words = repair.say.get(at).map(|prompt| self.words(prompt));
        let question = match waiting {
            Waiting::Confirm { .. } | Waiting::Slot { .. } => self.asked.clone(),
            _ => None,
        };
        let together = [words, question].into_iter().flatten().collect::<Vec<_>>().join(" ");
        self.listen(Some(together))
    }

    pub(super) fn read_back(&mut self, slot: &str, value: Value, failures: u32) -> Order {
        if let Some(order) = self.too_often(slot, failures) {
            return order;
        }
        let prompt = self.plan.patterns.readback.clone();
        let said = value.to_string();
        let words = prompt.say(self.language, |name| {
            Value::Text(if name == "value" { said.clone() } else { String::new() })
        });
        self.waiting = Waiting::Confirm {
            slot: slot.to_owned(),
            value,
            failures,
        };
        self.ask(words)
    }

    fn accept(&mut self, slot: &str, value: Value) -> Order {
        self.misses = 0;
        self.slots.insert(slot.to_owned(), value);
        self.next()
    }

    /// Asks for `slot` once more, or takes its exit.
    fn ask_slot_again(&mut self, slot: &str, failures: u32) -> Order {
        if let Some(order) = self.too_often(slot, failures) {
            return order;
        }
        let nomatch = self.plan.patterns.nomatch.say.first().cloned();
        let ask = self.collect(slot).map(|(ask, ..)| ask);
        let words = [nomatch, ask]
            .into_iter()
            .flatten()
            .map(|prompt| self.words(&prompt))
            .collect::<Vec<_>>()
            .join(" ");
        self.waiting = Waiting::Slot {
            slot: slot.to_owned(),
            failures,
        };
        self.listen(Some(words))
    }

    /// The exit of a question that was asked too often.
    fn too_often(&mut self, slot: &str, failures: u32) -> Option<Order> {
        let (_, retries, on_fail) = self.collect(slot)?;
        if failures <= retries {
            return None;
        }
        let exit = on_fail
            .map(super::patterns::Next::Flow)
            .unwrap_or(self.plan.patterns.nomatch.then.clone());
        Some(self.follow(&exit))
    }

    /// The `collect` step under way.
    fn collect(&self, slot: &str) -> Option<(super::prompt::Prompt, u32, Option<String>)> {
        let flow = self.frames.last().and_then(|frame| self.plan.flows.get(frame.flow))?;
        let mut found = None;
        super::flows::each(&flow.steps, &mut |step| {
            if let Action::Collect(collect) = &step.action
                && collect.slot == slot
            {
                found.get_or_insert((collect.ask.clone(), collect.retries, collect.on_fail.clone()));
            }
        });
        found
    }
}

/// The slots that a flow asks for: a new wish is not answered with the values of the last one.
fn collected(plan: &Plan, flow: &str) -> Vec<String> {
    let mut slots = Vec::new();
    if let Some(flow) = plan.flow(flow) {
        super::flows::each(&flow.steps, &mut |step| {
            if let Action::Collect(collect) = &step.action {
                slots.push(collect.slot.clone());
            }
        });
    }
    slots
}

/// The value that keys stand for: the digits themselves, 1 for yes and 2 for no, or the number of a choice.
fn keyed(slot: &Slot, keys: &str) -> Option<Value> {
    if !slot.dtmf || !keys.bytes().all(|key| key.is_ascii_digit()) {
        return None;
    }
    match &slot.kind {
        SlotKind::Digits { min, max } => (*min..=*max)
            .contains(&keys.len())
            .then(|| Value::Text(keys.to_owned())),
        SlotKind::Number { min, max } => {
            let number: f64 = keys.parse().ok()?;
            let fits = min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
            fits.then_some(Value::Number(number))
        }
        SlotKind::Boolean => match keys {
            "1" => Some(Value::Boolean(true)),
            "2" => Some(Value::Boolean(false)),
            _ => None,
        },
        SlotKind::Enum(choices) => {
            let at: usize = keys.parse().ok()?;
            choices
                .get(at.checked_sub(1)?)
                .map(|choice| Value::Text(choice.value.clone()))
        }
        SlotKind::Date | SlotKind::Time | SlotKind::Name | SlotKind::Email | SlotKind::Text => None,
    }
}
