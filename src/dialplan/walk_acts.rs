//! The walk's half that has things done: tools, handovers, records, tickets; and the rules that hold in every flow.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::campaign::Clock;
use super::code::Op;
use super::hours::zone;
use super::next::Next;
use super::order::{self, Command, Order};
use super::plan::{Callback, Record, Target, Ticket, ToolUse, Transfer, Value};
use super::policy::Duty;
use super::prompt::Prompt;
use super::slot::Must;
use super::tool::{Effect, Permission, Pii, Tool, ToolCall};
use super::walk::{Waiting, Walk};
use super::walk_caller::collects;
use crate::language::Language;

impl Walk {
    /// What whoever carries the call out has seen: `sentiment.negative_turns`, `topic` (with an empty `name`), `caller.tier`,
    /// `caller.opts_out`, what a tool at the start of the call answered, or a column of a contact (as `root`). Policies see it after the
    /// next turn.
    pub fn observe(&mut self, root: &str, name: &str, value: Value) {
        let path = if name.is_empty() {
            root.to_owned()
        } else {
            format!("{root}.{name}")
        };
        self.known.insert(path, value);
    }

    /// From now on the caller is spoken to in `language`.
    pub fn speak(&mut self, language: Language) {
        self.language = language;
        if let Some(question) = self.question_again() {
            self.asked = Some(question);
        }
    }

    /// What was asked last, as it is worded now; nothing where it was not the plan that asked.
    fn question_again(&self) -> Option<String> {
        let plan = &self.plan;
        let prompt = match &self.waiting {
            Waiting::Slot { slot } => &self.collect(slot)?.ask,
            Waiting::Permission(used) => used.confirm_say.as_ref().unwrap_or(&plan.patterns.permission),
            Waiting::Confirm { slot, value } => return Some(self.readback(slot, value)),
            Waiting::AnythingElse => &plan.patterns.anything_else,
            Waiting::Open { flow } => {
                let code = &plan.flows.get((*flow)?)?.code;
                code.iter().rev().find_map(|op| match op {
                    Op::Say { prompt, .. } => Some(prompt),
                    _ => None,
                })?
            }
            Waiting::Said
            | Waiting::Knowledge { .. }
            | Waiting::Tool { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. }
            | Waiting::Over => return None,
        };
        Some(self.words(prompt))
    }

    /// What the caller said for what `slot` holds, in their own words; nothing where it was keyed or is personal.
    pub fn quoted(&self, slot: &str) -> Option<&str> {
        let personal = self.plan.slots.get(slot).is_none_or(|slot| slot.pii);
        let held = !personal && self.slots.contains_key(slot);
        self.quotes.get(slot).filter(|_| held).map(String::as_str)
    }

    /// Remembers how values were said.
    pub(super) fn quote(&mut self, commands: &[Command]) {
        for command in commands {
            if let Command::Set { slot, .. } = command
                && self.plan.slots.contains_key(slot)
            {
                self.quotes.insert(slot.clone(), self.last_words.clone());
            }
        }
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// How the call went, as the last step or policy that says so has it.
    pub fn disposition(&self) -> Option<&str> {
        self.disposition.as_deref()
    }

    /// How a model is to speak: as the last policy that holds and says so has it.
    pub fn style(&self) -> Option<&str> {
        let mut policies = self.holding.iter().rev().filter_map(|at| self.plan.policies.get(*at));
        policies.find_map(|policy| policy.style.as_deref())
    }

    /// Whether the caller is being asked for leave to use a tool.
    pub fn asks_leave(&self) -> bool {
        matches!(self.waiting, Waiting::Permission(_))
    }

    /// The tool that is being used, if one is: nothing may be said to have been done until it has answered.
    pub fn using(&self) -> Option<&ToolCall> {
        match &self.waiting {
            Waiting::Tool { call, .. } => Some(call),
            Waiting::Said
            | Waiting::Open { .. }
            | Waiting::AnythingElse
            | Waiting::Slot { .. }
            | Waiting::Confirm { .. }
            | Waiting::Permission(_)
            | Waiting::Knowledge { .. }
            | Waiting::Transfer { .. }
            | Waiting::Act { .. }
            | Waiting::Over => None,
        }
    }

    /// Uses a tool, or asks for leave first; nothing, where the same was written before.
    pub(super) fn tool(&mut self, used: &ToolUse) -> Option<Order> {
        let plan = Arc::clone(&self.plan);
        let Some(tool) = plan.tools.get(&used.tool) else {
            self.advance();
            return None;
        };
        if let Some(key) = self.call(tool).idempotency
            && let Some(values) = self.written.get(&(tool.name.clone(), key)).cloned()
        {
            self.advance();
            self.learn(tool, values);
            return None;
        }
        match tool.confirm {
            Permission::NotNeeded => Some(self.permitted(used)),
            Permission::Asked => {
                let ask = used.confirm_say.as_ref().unwrap_or(&plan.patterns.permission);
                self.waiting = Waiting::Permission(used.clone());
                let words = self.words(ask);
                Some(self.ask(words))
            }
        }
    }

    /// The caller wants it, or nobody is asked.
    pub(super) fn permitted(&mut self, used: &ToolUse) -> Order {
        self.understood();
        self.advance();
        let plan = Arc::clone(&self.plan);
        let Some(tool) = plan.tools.get(&used.tool) else {
            return self.next();
        };
        let call = self.call(tool);
        if tool.effect == Effect::Write && call.idempotency.is_none() {
            tracing::warn!(
                tool = tool.name,
                "a value of its idempotency key is missing: it is not used"
            );
            return self.tool_failed(used.on_error.clone());
        }
        self.waiting = Waiting::Tool {
            call: call.clone(),
            on_error: used.on_error.clone(),
        };
        Order::Tool(call)
    }

    /// The caller does not want it; an order, if that ends the call.
    pub(super) fn refused(&mut self, used: &ToolUse) -> Option<Order> {
        self.understood();
        self.advance();
        self.depart(&used.on_no)
    }

    fn call(&self, tool: &Tool) -> ToolCall {
        let flow = self.frames.last().and_then(|frame| self.plan.flows.get(frame.flow));
        let mut slots = BTreeMap::new();
        for collect in flow.map(collects).unwrap_or_default() {
            let personal = self.plan.slots.get(&collect.slot).is_some_and(|slot| slot.pii);
            if let Some(value) = self.slots.get(&collect.slot)
                && (!personal || tool.pii == Pii::Allowed)
            {
                slots.insert(collect.slot.clone(), value.clone());
            }
        }
        tool.call(&|path| self.value(path), slots, self.language)
    }

    /// What a tool answered is known from now on.
    pub(super) fn returned(&mut self, call: &ToolCall, values: BTreeMap<String, Value>) -> Order {
        let plan = Arc::clone(&self.plan);
        if let Some(tool) = plan.tools.get(&call.tool) {
            if let (Effect::Write, Some(key)) = (tool.effect, &call.idempotency) {
                self.written.insert((tool.name.clone(), key.clone()), values.clone());
            }
            self.learn(tool, values);
        }
        let order = self.next();
        self.govern(order)
    }

    /// What it said before is forgotten.
    fn learn(&mut self, tool: &Tool, values: BTreeMap<String, Value>) {
        let root = &tool.sets;
        if root != "caller" {
            let below = format!("{root}.");
            self.known.retain(|path, _| !path.starts_with(&below));
        }
        self.known.extend(
            values
                .into_iter()
                .map(|(name, value)| (format!("{root}.{name}"), value)),
        );
    }

    pub(super) fn tool_failed(&mut self, on_error: Option<Next>) -> Order {
        let events = self.frames.last().and_then(|frame| self.plan.flows.get(frame.flow));
        let inherited = events.map_or(&self.plan.patterns.nomatch.then, |flow| &flow.events.nomatch.then);
        let inherited = self.plan.patterns.error.then.as_ref().unwrap_or(inherited).clone();
        self.failed_at(on_error, &inherited)
    }

    pub(super) fn act_failed(&mut self, on_error: Option<Next>) -> Order {
        let inherited = self.plan.patterns.error.then.clone().unwrap_or(Next::Hangup);
        self.failed_at(on_error, &inherited)
    }

    /// Takes the step's own exit; without one it is said, and the inherited one taken.
    fn failed_at(&mut self, own: Option<Next>, inherited: &Next) -> Order {
        if let Some(next) = own {
            return self.leave(&next);
        }
        let plan = Arc::clone(&self.plan);
        let sorry = &plan.patterns.error.say;
        match inherited {
            Next::Hangup => {
                let words = [self.words(sorry), self.words(&plan.patterns.goodbye)];
                self.end(Some(words.join(" ")))
            }
            Next::Flow(_) | Next::EndFlow | Next::ResumeFlow => {
                self.queue_words(sorry);
                self.leave(inherited)
            }
        }
    }

    /// What the knowledge says is said, or where it leads that it says nothing.
    pub(super) fn answered(&mut self, answer: Option<String>, on_fail: Option<Next>) -> Order {
        match (answer, on_fail.or_else(|| self.below_score.clone())) {
            (Some(text), _) => self.queue.push_back(Order::Say {
                text,
                bargein: self.bargein,
            }),
            (None, Some(next)) => return self.leave(&next),
            (None, None) => self.queue_words(&self.plan.patterns.unknown.clone()),
        }
        self.next()
    }

    pub(super) fn transfer(&mut self, transfer: &Transfer) -> Order {
        self.advance();
        let say = transfer.say.as_ref().map(|say| self.words(say));
        let order = |say: Option<String>| match &transfer.to {
            Target::Uri(to) => Order::Transfer { to: to.clone(), say },
            Target::Person { to, handoff } => Order::HandOff {
                to: to.clone(),
                handoff: handoff.clone(),
                say,
            },
        };
        self.waiting = Waiting::Transfer {
            order: order(None),
            on_fail: transfer.on_fail.clone(),
            on_decline: transfer.on_decline.clone(),
        };
        order(say)
    }

    pub(super) fn not_taken(&mut self, exit: Option<Next>) -> Order {
        match exit {
            Some(next) => self.leave(&next),
            None => {
                self.queue_words(&self.plan.patterns.no_person.clone());
                self.next()
            }
        }
    }

    pub(super) fn record(&mut self, record: &Record) -> Order {
        let order = Order::Record {
            name: record.name.clone(),
            max: record.max,
        };
        self.act(order, record.on_error.as_ref())
    }

    pub(super) fn ticket(&mut self, ticket: &Ticket) -> Order {
        let said = |prompt: &Option<Prompt>| prompt.as_ref().map(|prompt| self.words(prompt)).unwrap_or_default();
        let order = Order::Ticket(order::Ticket {
            kind: ticket.kind.clone(),
            priority: ticket.priority,
            subject: said(&ticket.subject),
            note: said(&ticket.note),
            queue: ticket.queue.clone(),
        });
        self.act(order, ticket.on_error.as_ref())
    }

    pub(super) fn callback(&mut self, callback: &Callback) -> Order {
        let number = callback.number.as_deref().unwrap_or("caller.number");
        let order = Order::Callback {
            at: self.value(&callback.at).to_string(),
            number: self.value(number).to_string(),
            queue: callback.queue.clone(),
        };
        self.act(order, callback.on_error.as_ref())
    }

    fn act(&mut self, order: Order, on_error: Option<&Next>) -> Order {
        self.advance();
        self.waiting = Waiting::Act {
            order: order.clone(),
            on_error: on_error.cloned(),
        };
        order
    }

    /// What a caller who changed a value is told, and where that leads; nothing, where the call just goes on.
    pub(super) fn corrected(&mut self, waiting: &Waiting) -> Option<Order> {
        let correction = self.events(waiting).correction;
        if let Some(say) = &correction.say {
            self.queue_words(say);
        }
        match &correction.then {
            Next::ResumeFlow => None,
            Next::Flow(flow) if self.flow() == Some(flow) => None,
            next @ (Next::Flow(_) | Next::EndFlow | Next::Hangup) => {
                self.understood();
                Some(self.leave(next))
            }
        }
    }

    /// The turn is over: the first policy that has come to hold and leads elsewhere takes the place of `order`. A call that is being handed
    /// over or ended is let go.
    pub(super) fn govern(&mut self, order: Order) -> Order {
        let leaving = matches!(
            order,
            Order::Hangup { .. } | Order::Transfer { .. } | Order::HandOff { .. }
        );
        self.judged(leaving).unwrap_or(order)
    }

    pub(super) fn judged(&mut self, leaving: bool) -> Option<Order> {
        let plan = Arc::clone(&self.plan);
        let holding: Vec<usize> = (0..plan.policies.len())
            .filter(|at| plan.policies[*at].when.holds(&|path| self.value(path)))
            .collect();
        let fresh: Vec<usize> = holding
            .iter()
            .copied()
            .filter(|at| !self.holding.contains(at))
            .collect();
        self.holding = holding;
        for policy in fresh.into_iter().filter_map(|at| plan.policies.get(at)) {
            if let Some(disposition) = &policy.disposition {
                self.disposition = Some(disposition.clone());
            }
            match &policy.then {
                Some(_) if leaving => {}
                Some(Duty::Go(next)) => {
                    if next.flow().is_some() && self.flow() == next.flow() {
                        continue;
                    }
                    self.queue.clear();
                    self.corrections.clear();
                    if let Next::Flow(flow) = next {
                        self.start(flow);
                        return Some(self.next());
                    }
                    return Some(self.leave(next));
                }
                Some(Duty::Hangup(say)) => {
                    self.queue.clear();
                    let words = say.as_ref().map(|say| self.words(say));
                    return Some(self.end(words));
                }
                None => {}
            }
        }
        self.let_go(leaving)
    }

    /// Whether `slot` can hold `value`, and it is what the slot must be.
    pub(super) fn takes(&self, slot: &str, value: &Value) -> bool {
        let Some(declared) = self.plan.slots.get(slot).filter(|declared| declared.fits(value)) else {
            return false;
        };
        let text = value.to_string();
        match &declared.must {
            None => true,
            Some(Must::Hold(expression)) => {
                expression.holds(&|path| if path == slot { value.clone() } else { self.value(path) })
            }
            Some(Must::WithinWindow) => text.parse::<DateTime>().is_ok_and(|at| self.within_window(at)),
            Some(Must::WithinHours(hours)) => {
                let hours = self.plan.hours.get(hours);
                text.parse::<DateTime>()
                    .is_ok_and(|at| hours.is_some_and(|hours| hours.open_on(at)))
            }
            Some(Must::Future) => {
                let now = self.facts.at.to_zoned(self.clock()).datetime();
                match text.parse::<DateTime>() {
                    Ok(at) => at > now,
                    Err(_) => text.parse().is_ok_and(|day: jiff::civil::Date| day > now.date()),
                }
            }
        }
    }

    /// Where the clock of a person is whom the bot called; of one who called nothing tells it.
    pub fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(&self.value("campaign.timezone").to_string()).ok()
    }

    /// The clock by which a time is meant that is told.
    fn clock(&self) -> TimeZone {
        self.zone().unwrap_or_else(|| zone(&self.plan))
    }

    /// Whether the campaign that made this call may call at `at`, by the clock of whom it called; where none did, whether all may.
    fn within_window(&self, at: DateTime) -> bool {
        let name = self.value("campaign.name").to_string();
        let campaigns = self.plan.campaigns.values();
        let mut windows = campaigns
            .filter(|campaign| name.is_empty() || campaign.name == name)
            .filter_map(|campaign| campaign.window.as_ref());
        windows.all(|window| match window.clock {
            Clock::Contact => window.open_at(at),
            Clock::Caller => {
                let there = at.to_zoned(self.clock());
                there.is_ok_and(|there| window.open_at(there.with_time_zone(zone(&self.plan)).datetime()))
            }
        })
    }
}
