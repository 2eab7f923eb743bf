//! Campaigns, read.

use std::time::Duration;

use jiff::civil::Time;

use super::campaign::{
    ABANDON_CAP, Amd, Answered, Attempts, Basis, Breaker, Campaign, Clock, Consent, Contacts, Dnc, Goal, Holidays,
    OptOut, Pacing, PacingMode, Public, Purpose, Scrub, Trigger, Var, VarKind, Window, Zone,
};
use super::expression::Expression;
use super::hours::{time, weekdays};
use super::next::{self, Next};
use super::prompt::Prompt;
use super::schema::{Shape, Table, keys};
use super::slot::is_name;
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Place, Problems, Tree, read};

pub(super) const CAMPAIGN: Table = &[
    ("assistant", Shape::Text),
    ("flow", Shape::Text),
    ("trigger", Shape::Map(TRIGGER)),
    ("contacts", Shape::Map(CONTACTS)),
    ("consent", Shape::Map(CONSENT)),
    ("dnc", Shape::Map(DNC)),
    ("window", Shape::Map(WINDOW)),
    ("caller_id", Shape::Text),
    ("pacing", Shape::Map(PACING)),
    ("attempts", Shape::Map(ATTEMPTS)),
    ("amd", Shape::Map(AMD)),
    ("breaker", Shape::Map(BREAKER)),
    ("dispositions", Shape::Texts),
    ("goal", Shape::Map(GOAL)),
];
pub(super) const TRIGGER: Table = &[
    ("event", Shape::Text),
    ("delay", Shape::Duration),
    ("cancel_on", Shape::Texts),
];
pub(super) const CONTACTS: Table = &[
    ("key", Shape::Text),
    ("phone", Shape::Text),
    ("timezone", Shape::Text),
    (
        "vars",
        Shape::Either(&[Shape::Texts, Shape::Named(&Shape::OneOf(&VAR_KINDS))]),
    ),
];
const VAR_KINDS: [&str; 9] = [
    "text", "number", "money", "date", "datetime", "boolean", "phone", "email", "url",
];
const BASES: [&str; 3] = ["prior_express_written", "prior_express", "existing_customer"];
const PURPOSES: [&str; 5] = ["marketing", "service", "reminder", "survey", "collection"];
pub(super) const CONSENT: Table = &[
    ("basis", Shape::OneOf(&BASES)),
    ("purpose", Shape::OneOf(&PURPOSES)),
    ("proof", Shape::Text),
];
pub(super) const DNC: Table = &[
    ("lists", Shape::Texts),
    ("scrub", Shape::OneOf(&["at_dial", "at_load"])),
    ("opt_out", Shape::Texts),
];
pub(super) const WINDOW: Table = &[
    ("days", Shape::Text),
    ("from", Shape::Text),
    ("to", Shape::Text),
    ("clock", Shape::OneOf(&["contact", "caller"])),
    (
        "holidays",
        Shape::Either(&[Shape::Boolean, Shape::OneOf(&["nationwide"]), Shape::Texts]),
    ),
];
pub(super) const PACING: Table = &[
    ("mode", Shape::OneOf(&["agentless", "progressive", "predictive"])),
    ("max_calls", Shape::Count),
    ("calls_per_second", Shape::Number),
    ("abandon_cap", Shape::Share),
    ("hold_if", Shape::Expression),
];
pub(super) const ATTEMPTS: Table = &[
    ("max", Shape::Count),
    ("per_day", Shape::Count),
    ("gap", Shape::Duration),
    ("retry_on", Shape::SomeOf(&RESULTS)),
    ("stop_on", Shape::Texts),
];
pub(super) const AMD: Table = &[
    ("decide_within", Shape::Duration),
    ("unsure", Shape::OneOf(&["human", "machine"])),
    ("on_machine", Shape::Map(ON_MACHINE)),
    ("on_ivr", Shape::Next),
    ("on_call_screening", Shape::Map(SCREENING)),
];
pub(super) const ON_MACHINE: Table = &[
    ("after_beep", Shape::Next),
    ("no_beep", Shape::Duration),
    ("if_person_answers", Shape::Next),
];
pub(super) const SCREENING: Table = &[("say", Shape::Prompt)];
pub(super) const BREAKER: Table = &[
    ("window", Shape::Duration),
    ("min_calls", Shape::Count),
    ("pause_if", Shape::Expression),
    ("alert", Shape::Text),
];
pub(super) const GOAL: Table = &[
    ("event", Shape::Text),
    ("within", Shape::Duration),
    ("holdout", Shape::Share),
];
const RESULTS: [&str; 4] = ["no_answer", "busy", "machine", "failed"];

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl Campaign {
    pub(super) fn read(key: &Key, node: &Node, flows: &[&str], problems: &mut Problems) -> Option<Self> {
        let what = format!("campaign `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(CAMPAIGN), problems)?;
        let part = |name: &str| fields.get(name);
        fields.need("assistant", &what, problems);
        let flow = fields.need("flow", &what, problems);
        if let Some(node) = flow
            && let Some(flow) = read::text(node, "flow", problems)
        {
            next::is_flow(&flow, node, flows, problems);
        }
        let contacts = fields.need("contacts", &what, problems);
        let contacts = contacts.and_then(|node| Contacts::read(node, problems));
        compliance(&fields, &what, problems);
        let consent = part("consent").and_then(|node| Consent::read(node, contacts.as_ref(), problems));
        Some(Self {
            name: key.name.clone(),
            assistant: fields.text("assistant", problems).unwrap_or_default(),
            flow: fields.text("flow", problems).unwrap_or_default(),
            trigger: part("trigger").and_then(|node| Trigger::read(node, problems)),
            contacts: contacts?,
            consent,
            dnc: part("dnc").and_then(|node| Dnc::read(node, problems)),
            window: part("window").and_then(|node| Window::read(node, problems)),
            caller_id: part("caller_id").and_then(|node| {
                let number = read::text(node, "caller_id", problems)?;
                let digits = number.strip_prefix('+').unwrap_or(&number);
                if digits.len() < 3 || digits.len() > 15 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    problems.error(
                        node.place,
                        "`caller_id` should be a number that can be called back, such as \"+4930123456\"",
                    );
                }
                Some(number)
            }),
            pacing: Pacing::read(part("pacing"), problems),
            attempts: Attempts::read(part("attempts"), problems),
            amd: part("amd").and_then(|node| Amd::read(node, flows, problems)),
            breaker: part("breaker").and_then(|node| Breaker::read(node, problems)),
            dispositions: fields.texts("dispositions", problems),
            goal: part("goal").and_then(|node| Goal::read(node, problems)),
            place: key.place,
        })
    }
}

/// Calls that nobody asked for need all of it.
fn compliance(fields: &Fields<'_>, what: &str, problems: &mut Problems) {
    for (name, right) in [
        (
            "consent",
            "write on what basis people may be called: `consent: {basis: …, purpose: …, proof: COLUMN}`",
        ),
        (
            "dnc",
            "write who is never called: `dnc: {lists: [internal], opt_out: [speech]}`",
        ),
        (
            "window",
            "write when people may be called: `window: {days: mon-fri, from: \"09:00\", to: \"20:00\", clock: contact}`",
        ),
        (
            "caller_id",
            "write the number that is shown: `caller_id: \"+4930123456\"`",
        ),
    ] {
        if fields.get(name).is_none() {
            problems.error(fields.place(), format!("{what} has no `{name}`; {right}"));
        }
    }
}

impl Trigger {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`trigger`", &keys(TRIGGER), problems)?;
        let event = fields.need("event", "`trigger`", problems)?;
        Some(Self {
            event: read::text(event, "event", problems)?,
            delay: fields
                .span("delay", Duration::ZERO..=DAY * 30, problems)
                .unwrap_or_default(),
            cancel_on: fields.texts("cancel_on", problems),
        })
    }
}

impl Contacts {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`contacts`", &keys(CONTACTS), problems)?;
        let (key, phone) = (
            fields.need("key", "`contacts`", problems),
            fields.need("phone", "`contacts`", problems),
        );
        let vars = fields.get("vars").map(|node| vars(node, problems)).unwrap_or_default();
        Some(Self {
            key: read::text(key?, "key", problems)?,
            phone: read::text(phone?, "phone", problems)?,
            timezone: match fields.text("timezone", problems).as_deref() {
                None | Some("from_number") => Zone::FromNumber,
                Some(column) => Zone::Column(column.to_owned()),
            },
            vars,
        })
    }
}

/// Names of columns with text in them, or names with their kinds.
fn vars(node: &Node, problems: &mut Problems) -> Vec<Var> {
    let kinds: Vec<(&str, VarKind)> = VAR_KINDS.iter().copied().zip(VarKind::ALL).collect();
    let mut found: Vec<(Place, Var)> = Vec::new();
    if let Tree::Map(entries) = &node.value {
        for (key, node) in entries {
            let (place, name) = (key.place, key.name.clone());
            let kind = read::one_of(node, &key.name, &kinds, problems).unwrap_or(VarKind::Text);
            found.push((place, Var { name, kind }));
        }
    } else {
        for name in read::texts(node, "vars", problems) {
            let kind = VarKind::Text;
            found.push((node.place, Var { name, kind }));
        }
    }
    for (place, Var { name, .. }) in &found {
        if !is_name(name) {
            problems.error(
                *place,
                format!("`{name}` is no name of a column; write letters, digits and `_`"),
            );
        }
    }
    found.into_iter().map(|(_, var)| var).collect()
}

impl Consent {
    fn read(node: &Node, contacts: Option<&Contacts>, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`consent`", &keys(CONSENT), problems)?;
        for name in ["basis", "purpose", "proof"] {
            fields.need(name, "`consent`", problems);
        }
        let bases = [Basis::PriorExpressWritten, Basis::PriorExpress, Basis::ExistingCustomer];
        let purposes = [
            Purpose::Marketing,
            Purpose::Service,
            Purpose::Reminder,
            Purpose::Survey,
            Purpose::Collection,
        ];
        let basis = fields.one_of("basis", &bases.map(|basis| (basis.word(), basis)), problems);
        let purpose = fields.one_of("purpose", &purposes.map(|purpose| (purpose.word(), purpose)), problems);
        let proof = fields.text("proof", problems);
        if let (Some(proof), Some(contacts), Some(node)) = (&proof, contacts, fields.get("proof"))
            && !contacts.names().any(|name| name == proof)
        {
            let near = crate::document::problem::suggest(proof, contacts.names());
            problems.error(
                node.place,
                format!("contacts have no `{proof}`{near}: `proof` is the column that shows the consent"),
            );
        }
        let written = basis == Some(Basis::PriorExpressWritten);
        if purpose == Some(Purpose::Marketing) && basis.is_some() && !written {
            problems.error(node.place, "marketing needs `basis: prior_express_written`");
        }
        Some(Self {
            basis: basis?,
            purpose: purpose?,
            proof: proof?,
        })
    }
}

impl Dnc {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`dnc`", &keys(DNC), problems)?;
        fields.need("lists", "`dnc`", problems);
        let ways = fields.need("opt_out", "`dnc`", problems);
        if let Some(ways) = ways.filter(|ways| ways.value == Tree::List(Vec::new())) {
            problems.error(
                ways.place,
                "`opt_out` should say how who is called says that they want no more: [speech]",
            );
        }
        let mut opt_out = Vec::new();
        for way in fields.texts("opt_out", problems) {
            let key = way.strip_prefix("dtmf:").and_then(|key| key.parse::<char>().ok());
            match (way.as_str(), key) {
                ("speech", _) => opt_out.push(OptOut::Speech),
                (_, Some(key)) if key.is_ascii_digit() || "*#".contains(key) => opt_out.push(OptOut::Key(key)),
                (_, Some(_) | None) => {
                    let place = ways.map_or(node.place, |node| node.place);
                    problems.error(
                        place,
                        format!("`{way}` is no way to opt out; write speech or \"dtmf:9\""),
                    );
                }
            }
        }
        let scrubs = [("at_dial", Scrub::AtDial), ("at_load", Scrub::AtLoad)];
        Some(Self {
            lists: fields.texts("lists", problems),
            scrub: fields.one_of("scrub", &scrubs, problems).unwrap_or(Scrub::AtDial),
            opt_out,
        })
    }
}

impl Window {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`window`", &keys(WINDOW), problems)?;
        let hour = |name: &str, problems: &mut Problems| {
            let node = fields.need(name, "`window`", problems)?;
            let found = node.scalar().as_deref().and_then(time);
            if found.is_none() {
                problems.error(
                    node.place,
                    format!("`{name}` should be a time of day, such as \"09:00\""),
                );
            }
            found
        };
        let from = hour("from", problems);
        let to = match fields.get("to").and_then(Node::scalar).as_deref() {
            Some("24:00") => Some(Time::midnight()),
            Some(_) | None => hour("to", problems),
        };
        let days = fields.need("days", "`window`", problems);
        let written = days.and_then(Node::scalar);
        let found = written.as_deref().and_then(weekdays);
        if let (Some(node), None) = (days, &found) {
            problems.error(node.place, "`days` should be days of the week, such as mon-sat");
        }
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
            && to != Time::midnight()
        {
            problems.error(node.place, "`from` should be earlier than `to`");
        }
        let clocks = [("contact", Clock::Contact), ("caller", Clock::Caller)];
        Some(Self {
            days: found?,
            from: from?,
            to: to?,
            clock: fields.one_of("clock", &clocks, problems).unwrap_or(Clock::Contact),
            holidays: Holidays::read(fields.get("holidays"), problems),
        })
    }
}

impl Holidays {
    /// `true`, which is what holds without it, `nationwide`, `false`, or days beside the public ones.
    fn read(node: Option<&Node>, problems: &mut Problems) -> Self {
        let of = |public, dates| Self { public, dates };
        let Some(node) = node else {
            return of(Public::Anywhere, Vec::new());
        };
        match (&node.value, node.scalar().as_deref()) {
            (Tree::Boolean(true), _) => of(Public::Anywhere, Vec::new()),
            (Tree::Boolean(false), _) => of(Public::None, Vec::new()),
            (_, Some("nationwide")) => of(Public::Nationwide, Vec::new()),
            (_, _) => {
                let mut dates = Vec::new();
                for text in read::texts(node, "holidays", problems) {
                    match text.parse() {
                        Ok(date) => dates.push(date),
                        Err(_) => problems.error(
                            node.place,
                            format!("`{text}` is no date; `holidays` should be true, nationwide, false, or days such as [\"2026-12-24\"]"),
                        ),
                    }
                }
                of(Public::Anywhere, dates)
            }
        }
    }
}

impl Pacing {
    fn read(node: Option<&Node>, problems: &mut Problems) -> Self {
        let fields = node.and_then(|node| Fields::of(node, "`pacing`", &keys(PACING), problems));
        let modes = [
            ("agentless", PacingMode::Agentless),
            ("progressive", PacingMode::Progressive),
            ("predictive", PacingMode::Predictive),
        ];
        let (mut mode, mut most, mut rate, mut cap, mut hold_if) = (None, None, None, None, None);
        if let (Some(fields), Some(node)) = (fields, node) {
            mode = fields.one_of("mode", &modes, problems);
            most = fields.count("max_calls", 1..=1000, problems);
            rate = fields.number("calls_per_second", problems);
            if rate.is_some_and(|rate| !(rate > 0.0 && rate <= 100.0)) {
                problems.error(node.place, "`calls_per_second` should be more than 0 and at most 100");
            }
            cap = fields.share("abandon_cap", problems);
            if cap.is_some_and(|cap| cap > ABANDON_CAP) {
                problems.error(
                    node.place,
                    "`abandon_cap` should be at most 3%, which is what regulators allow",
                );
            }
            hold_if = fields
                .get("hold_if")
                .and_then(|node| Expression::read(node, "hold_if", problems));
        }
        Self {
            mode: mode.unwrap_or(PacingMode::Agentless),
            max_calls: most.unwrap_or(1),
            calls_per_second: rate.unwrap_or(1.0),
            abandon_cap: cap.unwrap_or(ABANDON_CAP),
            hold_if,
        }
    }
}

impl Attempts {
    fn read(node: Option<&Node>, problems: &mut Problems) -> Self {
        let standard = Self {
            max: 1,
            per_day: 1,
            gap: DAY,
            retry_on: Vec::new(),
            stop_on: Vec::new(),
        };
        let Some(fields) = node.and_then(|node| Fields::of(node, "`attempts`", &keys(ATTEMPTS), problems)) else {
            return standard;
        };
        let results: Vec<(&str, String)> = RESULTS.iter().map(|word| (*word, (*word).to_owned())).collect();
        Self {
            max: fields.count("max", 1..=20, problems).unwrap_or(1),
            per_day: fields.count("per_day", 1..=5, problems).unwrap_or(1),
            gap: fields.span("gap", MINUTE * 5..=DAY * 90, problems).unwrap_or(DAY),
            retry_on: fields.some_of("retry_on", &results, problems),
            stop_on: fields.texts("stop_on", problems),
        }
    }
}

impl Amd {
    fn read(node: &Node, flows: &[&str], problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`amd`", &keys(AMD), problems)?;
        let machine = fields
            .get("on_machine")
            .and_then(|node| Fields::of(node, "`on_machine`", &keys(ON_MACHINE), problems));
        let next = |fields: Option<&Fields<'_>>, name: &str, problems: &mut Problems| {
            Next::read(fields?.get(name)?, name, flows, problems)
        };
        let screening = fields
            .get("on_call_screening")
            .and_then(|node| Fields::of(node, "`on_call_screening`", &keys(SCREENING), problems));
        let kinds = [("human", Answered::Human), ("machine", Answered::Machine)];
        Some(Self {
            decide_within: fields
                .span(
                    "decide_within",
                    Duration::from_millis(500)..=Duration::from_secs(10),
                    problems,
                )
                .unwrap_or(Duration::from_secs(3)),
            unsure: fields.one_of("unsure", &kinds, problems).unwrap_or(Answered::Human),
            after_beep: next(machine.as_ref(), "after_beep", problems),
            no_beep: machine
                .as_ref()
                .and_then(|fields| fields.span("no_beep", Duration::from_secs(1)..=MINUTE * 2, problems)),
            if_person_answers: next(machine.as_ref(), "if_person_answers", problems),
            on_ivr: next(Some(&fields), "on_ivr", problems),
            on_call_screening: screening.and_then(|fields| {
                let node = fields.need("say", "`on_call_screening`", problems)?;
                Prompt::read(node, "say", problems)
            }),
        })
    }
}

impl Breaker {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`breaker`", &keys(BREAKER), problems)?;
        let pause = fields.need("pause_if", "`breaker`", problems)?;
        Some(Self {
            window: fields
                .span("window", Duration::from_secs(10)..=DAY, problems)
                .unwrap_or(MINUTE * 2),
            min_calls: fields.count("min_calls", 1..=10_000, problems).unwrap_or(5),
            pause_if: Expression::read(pause, "pause_if", problems)?,
            alert: fields.text("alert", problems),
        })
    }
}

impl Goal {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "`goal`", &keys(GOAL), problems)?;
        let event = fields.need("event", "`goal`", problems)?;
        Some(Self {
            event: read::text(event, "event", problems)?,
            within: fields.span("within", MINUTE..=DAY * 365, problems).unwrap_or(DAY * 2),
            holdout: fields.share("holdout", problems).unwrap_or(0.0),
        })
    }
}
