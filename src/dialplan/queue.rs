//! Where callers wait for a person, and how they are handed over.
//!
//! What is read and checked here is carried out by whoever keeps queues and telephones; a walk only names them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::next::Next;
use super::plan::Value;
use super::schema::{Shape, Table, keys};
use super::uri;
use crate::document::problem::suggest;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Place, Problems, read};

#[derive(Clone, Debug)]
pub struct Queue {
    pub name: String,
    /// What an agent must have, all of it.
    pub skills: Vec<String>,
    /// Which of `skills` an agent need no longer have, and from when on.
    pub widen: Vec<Widening>,
    /// When it is open; who comes at another time goes to `overflow` at once. None: always.
    pub hours: Option<String>,
    pub strategy: Strategy,
    /// By `caller.tier`; the greater goes first.
    pub priority: BTreeMap<String, i32>,
    /// Of whoever has no tier that is named.
    pub standard_priority: i32,
    /// Points of priority that a minute of waiting is worth, so that nobody starves.
    pub ageing: u32,
    /// How long an agent is rung before the next one is.
    pub ring: Duration,
    /// How long an agent may write after a call before they are rung again.
    pub wrap_up: Duration,
    /// How often the caller is told how long it will be.
    pub announce_wait: Option<Duration>,
    /// After this long the caller may be called back instead.
    pub offer_callback: Option<Duration>,
    /// The longest that anybody waits; then `overflow`.
    pub max_wait: Duration,
    /// Callers who wait at once; who comes when there are so many goes to `overflow`.
    pub max_length: u32,
    pub overflow: Option<Next>,
    pub place: Place,
}

/// After `after` of waiting an agent need not have the skill `drop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widening {
    pub after: Duration,
    pub drop: String,
}

/// Which free agent is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    LongestIdle,
    FewestCalls,
    RoundRobin,
    RingAll,
}

#[derive(Clone, Debug)]
pub struct Handoff {
    pub name: String,
    pub to: Destination,
    pub mode: Mode,
    /// How long somebody elsewhere is rung; a queue has its own.
    pub ring: Duration,
    /// What the agent is told.
    pub brief: Vec<Brief>,
    /// How long the agent hears of the call before the caller is there.
    pub whisper: Option<Duration>,
    /// Nobody took the call.
    pub no_agent: Option<Next>,
    /// An agent did not want it.
    pub agent_declines: Option<Next>,
    /// What follows when the agent has hung up.
    pub after: After,
    pub place: Place,
}

/// Who takes the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The agents of a queue here.
    Queue(String),
    /// Somebody elsewhere, by their SIP URI: a telephone, a PBX's own queue.
    Outside(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The caller's line is asked to call them (REFER, RFC 3515), and is let go when they have answered.
    Blind,
    /// The bot calls them, and stays between the two.
    Attended,
    /// The bot calls them; once they have the caller, the caller's line is asked to take the bot's place (Replaces, RFC 3891).
    Replaces,
}

/// How a queue stands (`queue.NAME.wait`, `.length`, `.agents`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How long a caller would wait who came now; none where nobody can know.
    pub wait: Option<Duration>,
    /// Callers who wait.
    pub length: usize,
    /// Agents at work, busy or not.
    pub agents: usize,
}

impl Load {
    pub(super) fn value(&self, fact: &str) -> Option<Value> {
        match fact {
            "wait" => self.wait.map(|wait| Value::Number(wait.as_secs_f64())),
            "length" => Some(Value::Number(self.length as f64)),
            "agents" => Some(Value::Number(self.agents as f64)),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brief {
    /// Of the conversation, in two sentences.
    Summary,
    /// Every slot that is filled.
    Slots,
    /// What led to the handover.
    Reason,
    Sentiment,
    LastTurns,
    /// One slot.
    Slot(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Hangup,
    /// The caller is asked how it was.
    Csat,
}

pub(super) const QUEUE: Table = &[
    ("skills", Shape::Texts),
    ("widen", Shape::List(&Shape::Map(WIDENING))),
    ("hours", Shape::Text),
    (
        "strategy",
        Shape::OneOf(&["longest_idle", "fewest_calls", "round_robin", "ring_all"]),
    ),
    ("priority", Shape::Named(&Shape::Number)),
    ("ageing", Shape::Count),
    ("ring", Shape::Duration),
    ("wrap_up", Shape::Duration),
    ("announce_wait", Shape::Duration),
    ("offer_callback", Shape::Duration),
    ("max_wait", Shape::Duration),
    ("max_length", Shape::Count),
    ("overflow", Shape::Next),
];
pub(super) const WIDENING: Table = &[("after", Shape::Duration), ("drop", Shape::Text)];
pub(super) const HANDOFF: Table = &[
    ("queue", Shape::Text),
    ("to", Shape::Text),
    ("mode", Shape::OneOf(&["blind", "attended", "replaces"])),
    ("ring", Shape::Duration),
    ("brief", Shape::Texts),
    ("whisper", Shape::Duration),
    ("no_agent", Shape::Next),
    ("agent_declines", Shape::Next),
    ("after", Shape::OneOf(&["hangup", "csat"])),
];

const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How long one who is rung may take.
const RING: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(120);
/// Callers in one queue.
const MOST_WAITING: u32 = 1000;

impl Queue {
    /// As a queue is of which nothing is said.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            skills: Vec::new(),
            widen: Vec::new(),
            hours: None,
            strategy: Strategy::LongestIdle,
            priority: BTreeMap::new(),
            standard_priority: 0,
            ageing: 1,
            ring: Duration::from_secs(20),
            wrap_up: Duration::from_secs(30),
            announce_wait: None,
            offer_callback: None,
            max_wait: Duration::from_secs(300),
            max_length: 200,
            overflow: None,
            place: Place::default(),
        }
    }

    /// Of a caller of this tier, or of one without.
    pub fn priority_of(&self, tier: Option<&str>) -> i32 {
        let named = tier.and_then(|tier| self.priority.get(tier));
        named.copied().unwrap_or(self.standard_priority)
    }

    pub(super) fn read(key: &Key, node: &Node, flows: &[&str], problems: &mut Problems) -> Option<Self> {
        let what = format!("queue `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(QUEUE), problems)?;
        let strategies = [
            ("longest_idle", Strategy::LongestIdle),
            ("fewest_calls", Strategy::FewestCalls),
            ("round_robin", Strategy::RoundRobin),
            ("ring_all", Strategy::RingAll),
        ];
        let mut priority = priorities(&fields, problems);
        let overflow = fields.get("overflow");
        if overflow.is_none() {
            let message =
                format!("{what} has no `overflow`: callers who wait longer than `max_wait` have nowhere to go");
            problems.warn(key.place, message);
        }
        let second = Duration::from_secs(1);
        let skills = fields.texts("skills", problems);
        let standard = Self::named(&key.name);
        Some(Self {
            widen: widening(&fields, &what, &skills, problems),
            skills,
            hours: fields.text("hours", problems),
            strategy: fields
                .one_of("strategy", &strategies, problems)
                .unwrap_or(standard.strategy),
            standard_priority: priority.remove("default").unwrap_or(standard.standard_priority),
            priority,
            ageing: fields.count("ageing", 0..=1000, problems).unwrap_or(standard.ageing),
            ring: fields.span("ring", RING, problems).unwrap_or(standard.ring),
            wrap_up: fields
                .span("wrap_up", Duration::ZERO..=LONGEST_WAIT, problems)
                .unwrap_or(standard.wrap_up),
            announce_wait: fields.span("announce_wait", second * 10..=LONGEST_WAIT, problems),
            offer_callback: fields.span("offer_callback", second..=LONGEST_WAIT, problems),
            max_wait: fields
                .span("max_wait", second..=LONGEST_WAIT, problems)
                .unwrap_or(standard.max_wait),
            max_length: fields
                .count("max_length", 1..=MOST_WAITING, problems)
                .unwrap_or(standard.max_length),
            overflow: overflow.and_then(|node| Next::read(node, "overflow", flows, problems)),
            place: key.place,
            name: standard.name,
        })
    }
}

/// Each skill of the queue may be dropped once.
fn widening(fields: &Fields<'_>, what: &str, skills: &[String], problems: &mut Problems) -> Vec<Widening> {
    let Some(node) = fields.get("widen") else {
        return Vec::new();
    };
    let mut widen: Vec<Widening> = Vec::new();
    for item in read::list(node, "widen", problems) {
        let what = format!("`widen` of {what}");
        let Some(step) = Fields::of(item, &what, &keys(WIDENING), problems) else {
            continue;
        };
        step.need("after", &what, problems);
        step.need("drop", &what, problems);
        let after = step.span("after", Duration::from_secs(1)..=LONGEST_WAIT, problems);
        let (Some(after), Some(drop)) = (after, step.text("drop", problems)) else {
            continue;
        };
        if !skills.contains(&drop) {
            let near = suggest(&drop, skills.iter().map(String::as_str));
            problems.error(item.place, format!("{what}: `skills` has no `{drop}`{near}"));
        } else if widen.iter().any(|earlier| earlier.drop == drop) {
            problems.error(item.place, format!("{what} drops `{drop}` twice; take one out"));
        } else {
            widen.push(Widening { after, drop });
        }
    }
    widen
}

fn priorities(fields: &Fields<'_>, problems: &mut Problems) -> BTreeMap<String, i32> {
    let Some(node) = fields.get("priority") else {
        return BTreeMap::new();
    };
    let entries = read::named(node, "priority", problems);
    let map = Fields::of(
        node,
        "`priority`",
        &entries.iter().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>(),
        problems,
    );
    let Some(map) = map else { return BTreeMap::new() };
    let read =
        |key: &Key, problems: &mut Problems| Some((key.name.clone(), map.count(&key.name, 0..=1000, problems)? as i32));
    entries.iter().filter_map(|(key, _)| read(key, problems)).collect()
}

impl Handoff {
    pub(super) fn read(
        key: &Key,
        node: &Node,
        flows: &[&str],
        queues: &BTreeMap<String, Queue>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let what = format!("handoff `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(HANDOFF), problems)?;
        let modes = [
            ("blind", Mode::Blind),
            ("attended", Mode::Attended),
            ("replaces", Mode::Replaces),
        ];
        let mode = fields.one_of("mode", &modes, problems).unwrap_or(Mode::Attended);
        let to = destination(&fields, &what, queues, problems);
        if let Some(to) = &to {
            suits(&fields, &what, to, mode, problems);
        }
        let brief = fields
            .texts("brief", problems)
            .into_iter()
            .map(|word| match word.as_str() {
                "summary" => Brief::Summary,
                "slots" => Brief::Slots,
                "reason" => Brief::Reason,
                "sentiment" => Brief::Sentiment,
                "last_turns" => Brief::LastTurns,
                _ => Brief::Slot(word),
            });
        let next = |name: &str, problems: &mut Problems| Next::read(fields.get(name)?, name, flows, problems);
        Some(Self {
            name: key.name.clone(),
            to: to.unwrap_or(Destination::Queue(String::new())),
            mode,
            ring: fields.span("ring", RING, problems).unwrap_or(Duration::from_secs(20)),
            brief: brief.collect(),
            whisper: fields.span("whisper", Duration::from_secs(1)..=Duration::from_secs(60), problems),
            no_agent: next("no_agent", problems),
            agent_declines: next("agent_declines", problems),
            after: fields
                .one_of("after", &[("hangup", After::Hangup), ("csat", After::Csat)], problems)
                .unwrap_or(After::Hangup),
            place: key.place,
        })
    }
}

/// A queue, or somebody elsewhere.
fn destination(
    fields: &Fields<'_>,
    what: &str,
    queues: &BTreeMap<String, Queue>,
    problems: &mut Problems,
) -> Option<Destination> {
    match (fields.get("queue"), fields.get("to")) {
        (Some(_), Some(node)) => {
            let message = format!("{what} has `queue` and `to`: callers go to one of them; take the other out");
            problems.error(node.place, message);
            None
        }
        (Some(node), None) => {
            let queue = read::text(node, "queue", problems)?;
            if !queues.contains_key(&queue) {
                let known = queues.keys().map(String::as_str);
                problems.error(
                    node.place,
                    format!("no queue is called `{queue}`{}", suggest(&queue, known)),
                );
            }
            Some(Destination::Queue(queue))
        }
        (None, Some(node)) => {
            let to = read::text(node, "to", problems)?;
            if let Err(reason) = uri::check(&to) {
                problems.error(node.place, reason);
            }
            Some(Destination::Outside(to))
        }
        (None, None) => {
            let message = format!("{what} needs `queue`, or `to` with the SIP URI of somebody elsewhere");
            problems.error(fields.place(), message);
            None
        }
    }
}

/// What is said of how the caller is handed over is about what can be done there.
fn suits(fields: &Fields<'_>, what: &str, to: &Destination, mode: Mode, problems: &mut Problems) {
    if let (Destination::Queue(_), Mode::Blind | Mode::Replaces, Some(node)) = (to, mode, fields.get("mode")) {
        let message = format!(
            "{what}: the agents of a queue take callers by the bot; write `to: \"sip:desk@host\"` in the place of `queue`, or leave \
             `mode` out"
        );
        problems.error(node.place, message);
    }
    let unheard = match (to, mode) {
        (Destination::Queue(_), _) => &["ring"][..],
        (Destination::Outside(_), Mode::Blind) => &["ring", "brief", "whisper"][..],
        (Destination::Outside(_), Mode::Attended | Mode::Replaces) => &[][..],
    };
    for name in unheard {
        if let Some(node) = fields.get(name) {
            let why = match to {
                Destination::Queue(_) => "agents are rung as their queue says",
                Destination::Outside(_) => "with `mode: blind` the bot calls nobody",
            };
            problems.warn(node.place, format!("{what}: {why}; take `{name}` out"));
        }
    }
    if let (Mode::Blind | Mode::Replaces, Some("csat"), Some(node)) = (
        mode,
        fields.get("after").and_then(Node::scalar).as_deref(),
        fields.get("after"),
    ) {
        let message = format!(
            "{what}: `after: csat` asks nobody whose line has been let go; write `mode: attended`, or take `after` out"
        );
        problems.warn(node.place, message);
    }
}
