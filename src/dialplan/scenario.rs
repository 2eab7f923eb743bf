//! The tests that live with a plan: who calls, or answers, how the line is, and what is expected.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::Value;
use super::schema::{Shape, Table, keys};
use crate::document::{Fields, Node, Place, Problems, Tree, read};
use crate::language::Language;

/// One call that is made for a test.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub party: Party,
    pub audio: Audio,
    /// What the tools answer; those that are not named fail.
    pub tools: Vec<(String, Answer)>,
    pub expect: Vec<Expectation>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub enum Party {
    /// Somebody calls the bot.
    Caller(Caller),
    /// The bot calls somebody.
    Callee(Callee),
}

#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// How they speak: `impatient`, `rambling`, `hesitant`, …
    pub persona: Option<String>,
    pub language: Option<Language>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub says: Vec<Line>,
}

/// What a caller does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Say(String),
    /// Speaks over the bot, this long after it has begun.
    Interrupt {
        say: String,
        after: Duration,
    },
    Press(String),
    Wait(Duration),
    Hangup,
}

#[derive(Clone, Debug)]
pub struct Callee {
    pub answer: AnsweredBy,
    /// How long a person is silent at first.
    pub first_speech_after: Option<Duration>,
    /// How long a machine talks.
    pub greeting: Option<Duration>,
    pub beep: bool,
    pub says: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    Human,
    Machine,
    Busy,
    Nobody,
}

/// How the line is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audio {
    pub codec: Option<Codec>,
    /// 0 to 1
    pub loss: f64,
    pub jitter: Duration,
    /// The name of a noise and its level, such as `street_10db`.
    pub noise: Option<String>,
    /// How much of the bot's voice comes back, in dB below it.
    pub echo: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Pcma,
    Pcmu,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Returns(BTreeMap<String, Value>),
    Fails,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// The flows that were entered, in this order; others may lie between.
    Flows(Vec<String>),
    Slots(Vec<(String, String)>),
    /// How often a tool was carried out; once unless it says otherwise.
    Tool {
        name: String,
        times: u32,
    },
    /// The bot said this, but for case and punctuation.
    Heard(String),
    /// The bot never said this.
    NotHeard(String),
    Disposition(String),
    /// The gap before replies: the 95th percentile is at most this.
    ReplyP95(Duration),
    Amd(AnsweredBy),
    /// A message is left whole, or not.
    AfterBeep {
        flow: String,
        clipped: bool,
    },
    Transfer(String),
    EndedBy(Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Bot,
    Caller,
}

pub(super) const SCENARIO: Table = &[
    ("name", Shape::Text),
    ("caller", Shape::Map(CALLER)),
    ("callee", Shape::Map(CALLEE)),
    ("tools", Shape::Named(&Shape::Any)),
    ("expect", Shape::List(&Shape::Map(EXPECT))),
];
pub(super) const CALLER: Table = &[
    ("persona", Shape::Text),
    ("language", Shape::Text),
    ("from", Shape::Text),
    ("to", Shape::Text),
    ("audio", Shape::Map(AUDIO)),
    ("says", Shape::List(&Shape::Either(&[Shape::Text, Shape::Map(LINE)]))),
];
pub(super) const CALLEE: Table = &[
    ("answer", Shape::OneOf(&["human", "machine", "busy", "nobody"])),
    ("first_speech_after", Shape::Duration),
    ("greeting", Shape::Duration),
    ("beep", Shape::Boolean),
    ("audio", Shape::Map(AUDIO)),
    ("says", Shape::List(&Shape::Either(&[Shape::Text, Shape::Map(LINE)]))),
];
pub(super) const LINE: Table = &[
    ("say", Shape::Text),
    ("interrupt", Shape::Text),
    ("after", Shape::Duration),
    ("press", Shape::Text),
    ("wait", Shape::Duration),
    ("hangup", Shape::OneOf(&["now"])),
];
pub(super) const AUDIO: Table = &[
    ("codec", Shape::OneOf(&["pcma", "pcmu"])),
    ("loss", Shape::Share),
    ("jitter", Shape::Duration),
    ("noise", Shape::Text),
    ("echo", Shape::Count),
];
pub(super) const EXPECT: Table = &[
    ("flows", Shape::Texts),
    ("slots", Shape::Named(&Shape::Text)),
    ("tool", Shape::Text),
    ("times", Shape::Count),
    ("heard", Shape::Text),
    ("not_heard", Shape::Text),
    ("disposition", Shape::Text),
    ("reply_p95", Shape::Duration),
    ("amd", Shape::OneOf(&["human", "machine"])),
    ("heard_after_beep", Shape::Text),
    ("clipped", Shape::Boolean),
    ("transfer", Shape::Text),
    ("ended_by", Shape::OneOf(&["bot", "caller"])),
];

const ANSWERED: [(&str, AnsweredBy); 4] = [
    ("human", AnsweredBy::Human),
    ("machine", AnsweredBy::Machine),
    ("busy", AnsweredBy::Busy),
    ("nobody", AnsweredBy::Nobody),
];
const MINUTE: Duration = Duration::from_secs(60);

impl Scenario {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "a test", &keys(SCENARIO), problems)?;
        fields.need("name", "a test", problems);
        let (caller, callee) = (fields.get("caller"), fields.get("callee"));
        let (party, audio) = match (caller, callee) {
            (Some(node), None) => {
                let fields = Fields::of(node, "`caller`", &keys(CALLER), problems)?;
                (Party::Caller(Caller::read(&fields, problems)), fields.get("audio"))
            }
            (None, Some(node)) => {
                let fields = Fields::of(node, "`callee`", &keys(CALLEE), problems)?;
                (Party::Callee(Callee::read(&fields, problems)?), fields.get("audio"))
            }
            (Some(_), Some(_)) | (None, None) => {
                problems.error(
                    node.place,
                    "a test has a `caller` who rings, or a `callee` who is rung; write one of them",
                );
                return None;
            }
        };
        let tools = fields
            .get("tools")
            .map_or(&[][..], |node| read::named(node, "tools", problems));
        let answers = tools
            .iter()
            .filter_map(|(key, node)| Some((key.name.clone(), Answer::read(node, problems)?)));
        let tools = answers.collect();
        let expect = fields.need("expect", "a test", problems);
        let expect = expect.map_or(&[][..], |node| read::list(node, "expect", problems));
        Some(Self {
            name: fields.text("name", problems).unwrap_or_default(),
            party,
            audio: audio.and_then(|node| Audio::read(node, problems)).unwrap_or_default(),
            tools,
            expect: expect
                .iter()
                .flat_map(|node| Expectation::read(node, problems))
                .collect(),
            place: node.place,
        })
    }
}

impl Caller {
    fn read(fields: &Fields<'_>, problems: &mut Problems) -> Self {
        let language = fields.get("language").and_then(|node| {
            let code = read::text(node, "language", problems)?;
            code.parse()
                .map_err(|e: crate::language::UnknownLanguage| problems.error(node.place, e.to_string()))
                .ok()
        });
        Self {
            persona: fields.text("persona", problems),
            language,
            from: fields.text("from", problems),
            to: fields.text("to", problems),
            says: lines(fields, problems),
        }
    }
}

impl Callee {
    fn read(fields: &Fields<'_>, problems: &mut Problems) -> Option<Self> {
        fields.need("answer", "`callee`", problems);
        Some(Self {
            answer: fields.one_of("answer", &ANSWERED, problems)?,
            first_speech_after: fields.span("first_speech_after", Duration::ZERO..=MINUTE, problems),
            greeting: fields.span("greeting", Duration::ZERO..=MINUTE * 2, problems),
            beep: fields.boolean("beep", problems).unwrap_or(false),
            says: lines(fields, problems),
        })
    }
}

fn lines(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Line> {
    let Some(node) = fields.get("says") else {
        return Vec::new();
    };
    let items = read::list(node, "says", problems);
    items.iter().filter_map(|node| Line::read(node, problems)).collect()
}

impl Line {
    /// `"words"`, `{say: …}`, `{interrupt: …, after: 1s}`, `{press: "12#"}`, `{wait: 3s}` or `{hangup: now}`.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Tree::Map(_) = node.value else {
            return read::text(node, "says", problems).map(Line::Say);
        };
        let fields = Fields::of(node, "a line", &keys(LINE), problems)?;
        if let Some(words) = fields.text("say", problems) {
            return Some(Line::Say(words));
        }
        if let Some(say) = fields.text("interrupt", problems) {
            let after = fields.span("after", Duration::ZERO..=MINUTE, problems);
            return Some(Line::Interrupt {
                say,
                after: after.unwrap_or(Duration::from_secs(1)),
            });
        }
        if let Some(keys) = fields.text("press", problems) {
            if !keys.chars().all(|key| key.is_ascii_digit() || "*#ABCD".contains(key)) {
                problems.error(node.place, format!("`press: {keys}`: keys are 0-9 * # A-D"));
            }
            return Some(Line::Press(keys));
        }
        if fields.get("wait").is_some() {
            return fields
                .span("wait", Duration::ZERO..=MINUTE * 5, problems)
                .map(Line::Wait);
        }
        if fields.get("hangup").is_some() {
            return Some(Line::Hangup);
        }
        problems.error(
            node.place,
            "a line is words, or one of say, interrupt, press, wait, hangup",
        );
        None
    }
}

impl Audio {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`audio`", &keys(AUDIO), problems)?;
        Some(Self {
            codec: fields.one_of("codec", &[("pcma", Codec::Pcma), ("pcmu", Codec::Pcmu)], problems),
            loss: fields.share("loss", problems).unwrap_or(0.0),
            jitter: fields
                .span("jitter", Duration::ZERO..=Duration::from_secs(1), problems)
                .unwrap_or_default(),
            noise: fields.text("noise", problems),
            echo: fields.count("echo", 0..=90, problems),
        })
    }
}

impl Answer {
    /// `fails`, or a map of what is answered; maps in it become dotted names.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.scalar().as_deref() == Some("fails") {
            return Some(Answer::Fails);
        }
        let Tree::Map(_) = node.value else {
            problems.error(
                node.place,
                "a tool in a test `fails`, or answers with a map such as {status: sent}",
            );
            return None;
        };
        let mut values = BTreeMap::new();
        flatten(node, "", &mut values);
        Some(Answer::Returns(values))
    }
}

fn flatten(node: &Node, path: &str, values: &mut BTreeMap<String, Value>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match &node.value {
        Tree::Map(entries) => entries
            .iter()
            .for_each(|(key, node)| flatten(node, &below(&key.name), values)),
        Tree::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, node)| flatten(node, &below(&at.to_string()), values));
        }
        Tree::Boolean(value) => drop(values.insert(path.to_owned(), Value::Boolean(*value))),
        Tree::Number(number) => drop(values.insert(path.to_owned(), Value::Number(*number))),
        Tree::Text(text) => drop(values.insert(path.to_owned(), Value::Text(text.clone()))),
        Tree::Null => {}
    }
}

impl Expectation {
    /// Each key of the map is one, but for those that say more of another.
    fn read(node: &Node, problems: &mut Problems) -> Vec<Self> {
        let Some(fields) = Fields::of(node, "what is expected", &keys(EXPECT), problems) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if fields.get("flows").is_some() {
            found.push(Expectation::Flows(fields.texts("flows", problems)));
        }
        if let Some(node) = fields.get("slots") {
            let slots = read::named(node, "slots", problems).iter();
            let slots =
                slots.filter_map(|(key, node)| Some((key.name.clone(), read::text(node, &key.name, problems)?)));
            found.push(Expectation::Slots(slots.collect()));
        }
        if let Some(name) = fields.text("tool", problems) {
            let times = fields.count("times", 0..=100, problems).unwrap_or(1);
            found.push(Expectation::Tool { name, times });
        } else if let Some(node) = fields.get("times") {
            problems.error(
                node.place,
                "`times` says how often a `tool` is carried out; name the tool beside it",
            );
        }
        found.extend(fields.text("heard", problems).map(Expectation::Heard));
        found.extend(fields.text("not_heard", problems).map(Expectation::NotHeard));
        found.extend(fields.text("disposition", problems).map(Expectation::Disposition));
        let gap = fields.span("reply_p95", Duration::from_millis(100)..=MINUTE, problems);
        found.extend(gap.map(Expectation::ReplyP95));
        found.extend(fields.one_of("amd", &ANSWERED[..2], problems).map(Expectation::Amd));
        let clipped = fields.boolean("clipped", problems);
        if let Some(flow) = fields.text("heard_after_beep", problems) {
            let clipped = clipped.unwrap_or(false);
            found.push(Expectation::AfterBeep { flow, clipped });
        }
        found.extend(fields.text("transfer", problems).map(Expectation::Transfer));
        let sides = [("bot", Side::Bot), ("caller", Side::Caller)];
        found.extend(fields.one_of("ended_by", &sides, problems).map(Expectation::EndedBy));
        found
    }
}
