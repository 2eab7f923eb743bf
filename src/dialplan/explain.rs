//! What a plan would do with a call: which routes were tried, why each did or did not take it, and what comes first.
//!
//! A pure function: the same plan, call and moment have the same explanation. What only a tool knows, such as a caller's tier, is unknown here.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value as Json, json};

use super::hours::{time, weekdays, zone};
use super::order::Facts;
use super::plan::{Action, Plan, Step, Target, Value};
use super::queue::Destination;
use super::route::{Match, Misfit, Then};
use super::tool::When;

#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub from: String,
    pub to: String,
    pub at: Timestamp,
    /// By name, whether they are open then, and what time it is there.
    pub hours: Vec<(String, Opening)>,
    /// Used before the call is routed.
    pub tools: Vec<String>,
    /// In the order of the plan, up to the one that takes the call.
    pub tried: Vec<Tried>,
    pub result: Result,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub open: bool,
    /// `Mon 2026-11-23 11:00 Europe/Berlin`
    pub there: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub route: String,
    pub line: u32,
    pub takes: bool,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Result {
    /// No route takes it.
    None,
    Rejected(u16),
    Answered {
        assistant: String,
        flow: String,
        language: String,
        /// The disclosure and the first steps, in words; up to where the caller is listened to.
        first: Vec<String>,
    },
}

/// How many steps are told.
const FIRST: usize = 12;

/// What `plan` does with a call from `from` to `to` at `at`.
pub fn explain(plan: &Plan, from: &str, to: &str, at: Timestamp) -> Explanation {
    let text = |text: &str| Value::Text(text.to_owned());
    let facts = Facts {
        at,
        caller: BTreeMap::from([("number".to_owned(), text(from))]),
        call: BTreeMap::from([("to".to_owned(), text(to)), ("id".to_owned(), text("explained"))]),
        queues: BTreeMap::new(),
    };
    let hours = plan.hours.iter().map(|(name, hours)| {
        let there = at.to_zoned(hours.zone().clone());
        let zone = hours.zone().iana_name().unwrap_or("UTC");
        let opening = Opening {
            open: hours.open_at(at),
            there: format!("{} {zone}", there.strftime("%a %Y-%m-%d %H:%M")),
        };
        (name.clone(), opening)
    });
    let mut tried = Vec::new();
    let mut result = Result::None;
    for route in &plan.routes {
        let misfit = route.matches.takes(plan, &facts).err();
        tried.push(Tried {
            route: route.name.clone(),
            line: route.place.line,
            takes: misfit.is_none(),
            why: why(&route.matches, misfit.as_ref(), plan, &facts),
        });
        if misfit.is_none() {
            result = outcome(plan, &route.then, &facts);
            break;
        }
    }
    let tools = plan.tools.values().filter(|tool| tool.when == When::CallStart);
    Explanation {
        from: from.to_owned(),
        to: to.to_owned(),
        at,
        hours: hours.collect(),
        tools: tools.map(|tool| tool.name.clone()).collect(),
        tried,
        result,
    }
}

fn why(matches: &Match, misfit: Option<&Misfit>, plan: &Plan, facts: &Facts) -> String {
    let Match::Numbers { to, from, when } = matches else {
        return "it takes any call".to_owned();
    };
    let wanted = |pattern: &Option<String>| pattern.clone().unwrap_or_default();
    match misfit {
        Some(Misfit::To(called)) => format!("it is for calls to {}, not {called}", wanted(to)),
        Some(Misfit::From(caller)) => format!("it is for calls from {}, not {caller}", wanted(from)),
        Some(Misfit::When) => {
            let unknown: Vec<&str> = when.iter().flat_map(|when| when.names()).collect();
            let unknown: Vec<&str> = unknown
                .into_iter()
                .filter(|path| facts.value(plan, path) == Value::Null)
                .collect();
            if unknown.is_empty() {
                "its condition does not hold".to_owned()
            } else {
                format!(
                    "its condition does not hold as long as {} is not known",
                    unknown.join(" and ")
                )
            }
        }
        None => {
            let parts = [("to", to), ("from", from)];
            let mut said: Vec<String> = parts
                .into_iter()
                .filter_map(|(word, pattern)| Some(format!("{word} {}", pattern.as_ref()?)))
                .collect();
            said.extend(when.iter().map(|_| "its condition holds".to_owned()));
            said.join(", ")
        }
    }
}

fn outcome(plan: &Plan, then: &Then, facts: &Facts) -> Result {
    let (assistant, flow) = match then {
        Then::Reject(code) => return Result::Rejected(*code),
        Then::Answer { assistant, flow } => (assistant, flow),
    };
    let known = plan.assistants.get(assistant);
    let language = known.and_then(|known| known.languages.first().copied());
    let mut first = Vec::new();
    if let (Some(disclosure), Some(language)) = (known.and_then(|known| known.disclosure.as_ref()), language) {
        let words = disclosure.say(language, |path| facts.value(plan, path));
        first.push(format!("says to its end: {words}"));
    }
    let mut flows = vec![flow.as_str()];
    follow(plan, flow, facts, &mut flows, &mut first);
    Result::Answered {
        assistant: assistant.clone(),
        flow: flow.clone(),
        language: language.map(|language| language.to_string()).unwrap_or_default(),
        first,
    }
}

/// Tells the steps of `flow` until one waits for the caller or leads elsewhere for good.
fn follow<'a>(plan: &'a Plan, flow: &str, facts: &Facts, flows: &mut Vec<&'a str>, told: &mut Vec<String>) -> Goes {
    let Some(flow) = plan.flow(flow) else {
        return Goes::On;
    };
    block(plan, &flow.steps, facts, flows, told)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    No,
}

fn block<'a>(
    plan: &'a Plan,
    steps: &'a [Step],
    facts: &Facts,
    flows: &mut Vec<&'a str>,
    told: &mut Vec<String>,
) -> Goes {
    for step in steps {
        if told.len() >= FIRST {
            return Goes::No;
        }
        let goes = match &step.action {
            Action::If {
                condition,
                then,
                otherwise,
            } => {
                let decided = condition
                    .names()
                    .iter()
                    .all(|path| facts.value(plan, path) != Value::Null);
                if !decided {
                    told.push(format!(
                        "line {}: decides by {}",
                        step.place.line,
                        condition.names().join(", ")
                    ));
                    return Goes::No;
                }
                let holds = condition.holds(&|path| facts.value(plan, path));
                let word = if holds { "holds" } else { "does not hold" };
                told.push(format!("line {}: `{}` {word}", step.place.line, condition.source()));
                block(plan, if holds { then } else { otherwise }, facts, flows, told)
            }
            Action::GotoFlow(next) => {
                told.push(format!("goes to {next}"));
                if let Some(flow) = next.flow()
                    && !flows.contains(&flow)
                {
                    flows.push(flow);
                    follow(plan, flow, facts, flows, told);
                }
                Goes::No
            }
            Action::RunFlow(flow) => {
                told.push(format!("runs flow `{flow}`"));
                if flows.contains(&flow.as_str()) {
                    Goes::No
                } else {
                    flows.push(flow);
                    follow(plan, flow, facts, flows, told)
                }
            }
            action => {
                told.push(in_words(action));
                match action {
                    Action::Collect(_) | Action::Transfer(_) | Action::Switch { .. } | Action::Hangup { .. } => {
                        Goes::No
                    }
                    Action::Say { .. }
                    | Action::Answer { .. }
                    | Action::Set(_)
                    | Action::If { .. }
                    | Action::GotoFlow(_)
                    | Action::RunFlow(_)
                    | Action::Tool(_)
                    | Action::Callback(_)
                    | Action::Record(_)
                    | Action::Ticket(_)
                    | Action::Disposition(_) => Goes::On,
                }
            }
        };
        if goes == Goes::No {
            return Goes::No;
        }
    }
    Goes::On
}

/// A step, in a few words.
pub(super) fn in_words(action: &Action) -> String {
    let source = |prompt: &super::prompt::Prompt| {
        prompt
            .sources()
            .first()
            .map_or(String::new(), |(_, text)| (*text).to_owned())
    };
    match action {
        Action::Say { prompt, .. } => format!("says: {}", source(prompt)),
        Action::Collect(collect) => format!("asks for `{}`: {}", collect.slot, source(&collect.ask)),
        Action::Answer { .. } => "answers from the knowledge".to_owned(),
        Action::Set(values) => {
            let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
            format!("sets {}", names.join(", "))
        }
        Action::If { condition, .. } => format!("if `{}`", condition.source()),
        Action::Switch { on, .. } => format!("by `{}`", on.source()),
        Action::GotoFlow(next) => format!("goes to {next}"),
        Action::RunFlow(flow) => format!("runs flow `{flow}`"),
        Action::Tool(used) => format!("uses tool `{}`", used.tool),
        Action::Transfer(transfer) => match &transfer.to {
            Target::Uri(to) => format!("transfers to {to}"),
            Target::Person { to, handoff } => {
                let to = match to {
                    Destination::Queue(queue) => format!("queue `{queue}`"),
                    Destination::Outside(to) => to.clone(),
                };
                let by = handoff.as_ref().map(|handoff| format!(" by handoff `{handoff}`"));
                format!("transfers to {to}{}", by.unwrap_or_default())
            }
        },
        Action::Callback(callback) => format!("books a call back at `{}`", callback.at),
        Action::Record(record) => format!("records `{}`", record.name),
        Action::Ticket(ticket) => format!("opens a ticket `{}`", ticket.kind),
        Action::Disposition(name) => format!("notes the disposition `{name}`"),
        Action::Hangup { say: Some(say) } => format!("ends the call: {}", source(say)),
        Action::Hangup { say: None } => "ends the call".to_owned(),
    }
}

impl Explanation {
    pub fn to_json(&self) -> Json {
        let hours: serde_json::Map<String, Json> = self
            .hours
            .iter()
            .map(|(name, opening)| (name.clone(), json!({"open": opening.open, "there": opening.there})))
            .collect();
        let tried: Vec<Json> = self
            .tried
            .iter()
            .map(|tried| json!({"route": tried.route, "line": tried.line, "takes": tried.takes, "why": tried.why}))
            .collect();
        let result = match &self.result {
            Result::None => json!({"reject": 404}),
            Result::Rejected(code) => json!({"reject": code}),
            Result::Answered {
                assistant,
                flow,
                language,
                first,
            } => json!({"assistant": assistant, "flow": flow, "language": language, "first": first}),
        };
        json!({
            "from": self.from,
            "to": self.to,
            "at": self.at.to_string(),
            "hours": hours,
            "tools": self.tools,
            "tried": tried,
            "result": result,
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A call from {} to {}, {}", self.from, self.to, self.at)?;
        for (name, Opening { open, there }) in &self.hours {
            let state = if *open { "open" } else { "closed" };
            writeln!(f, "  hours {name}: {state}, it is {there}")?;
        }
        for tool in &self.tools {
            writeln!(f, "  before it is routed: tool `{tool}` is used")?;
        }
        for Tried {
            route,
            line,
            takes,
            why,
        } in &self.tried
        {
            let word = if *takes { "takes it" } else { "does not take it" };
            writeln!(f, "  route {route} (line {line}) {word}: {why}")?;
        }
        match &self.result {
            Result::None => write!(f, "  no route takes it: it is refused with 404"),
            Result::Rejected(code) => write!(f, "  it is refused with {code}"),
            Result::Answered {
                assistant,
                flow,
                language,
                first,
            } => {
                write!(f, "  assistant {assistant} answers in {language}, with flow {flow}")?;
                first.iter().try_for_each(|step| write!(f, "\n    {step}"))
            }
        }
    }
}

/// A moment as people write it: `2026-11-23T10:00:00Z`, `2026-11-23 11:00`, `Sun 10:00` or `18:30`, the next one from `now`; by the clock of
/// the plan's first hours.
pub fn moment(plan: &Plan, text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let zone = zone(plan);
    let here = now.to_zoned(zone.clone()).datetime();
    let text = text.trim();
    let (days, clock) = text.rsplit_once(' ').unwrap_or(("", text));
    let clock = time(clock)?;
    let at = if let Ok(date) = days.trim().parse::<Date>() {
        date.to_datetime(clock)
    } else {
        let days = match days.trim() {
            "" => weekdays("daily")?,
            days => weekdays(&days.to_lowercase())?,
        };
        let mut ahead = (0..8)
            .filter_map(|n| here.date().checked_add(n.days()).ok())
            .map(|date| date.to_datetime(clock));
        ahead.find(|at| *at >= here && days.contains(&at.weekday()))?
    };
    at.to_zoned(zone).ok().map(|at| at.timestamp())
}
