//! `campaigns`: what holds for every campaign on this machine, and whom outcomes are told. Whom a campaign calls, when and why is the plan's.

use std::time::Duration;

use jiff::civil::Date;
use reqwest::Url;

use super::Reader;
use super::api::needs_web;
use crate::campaign::number::Region;
use crate::campaign::report::Rate;
use crate::dialogue::model::Secret;
use crate::document::{Fields, Node, read};
use crate::tools::Network;

#[derive(Clone, Debug, PartialEq)]
pub struct Campaigns {
    /// Where a number is read as of that begins without a `+`. Without it such a number is refused.
    pub region: Option<Region>,
    /// Calls that all campaigns have at once.
    pub lines: usize,
    /// Of `calls.most`, kept for who calls in.
    pub reserve: usize,
    /// Nobody is called on these, beside the public holidays of where they are. In order, each once.
    pub holidays: Vec<Date>,
    /// Between two calls to one number, of whatever campaign.
    pub quiet_gap: Duration,
    /// What reports reckon with.
    pub cost_per_minute: Option<Rate>,
    /// What events from outside are signed with, any of them; none: no events are taken.
    pub events: Vec<Secret>,
    pub webhooks: Vec<Webhook>,
}

/// Who is told what comes of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What the journal and the log call it.
    pub name: String,
    pub url: Url,
    pub secret: Secret,
    pub on: Vec<Occasion>,
    pub network: Network,
}

/// What a webhook may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// Somebody was dialled, and it is over.
    AttemptEnded,
    /// A contact is not called any more, whatever the reason.
    ContactClosed,
    /// Somebody wants no calls, ever.
    OptedOut,
    /// Somebody is to be called at the time of their choice.
    CallbackBooked,
    /// What the campaign is for has come about.
    GoalReached,
    /// A campaign paused itself.
    CampaignPaused,
}

const OCCASIONS: [(&str, Occasion); 6] = [
    ("attempt.ended", Occasion::AttemptEnded),
    ("contact.closed", Occasion::ContactClosed),
    ("opted_out", Occasion::OptedOut),
    ("callback.booked", Occasion::CallbackBooked),
    ("goal.reached", Occasion::GoalReached),
    ("campaign.paused", Occasion::CampaignPaused),
];

const HOUR: Duration = Duration::from_secs(3600);
const MOST: u32 = 10_000;
/// Letters of a secret that something is signed with.
const SHORTEST: usize = 16;

impl Default for Campaigns {
    fn default() -> Self {
        Self {
            region: None,
            lines: 20,
            reserve: 1,
            holidays: Vec::new(),
            // A person who was just called is not called again for something else.
            quiet_gap: HOUR * 4,
            cost_per_minute: None,
            events: Vec::new(),
            webhooks: Vec::new(),
        }
    }
}

impl Occasion {
    /// As it is written: `attempt.ended`.
    pub fn name(self) -> &'static str {
        let known = OCCASIONS.iter().find(|(_, own)| *own == self);
        known.map_or("", |(name, _)| name)
    }
}

impl Campaigns {
    /// Of the whole configuration, which serves `most` calls at once.
    pub(super) fn read(&mut self, all: &Fields<'_>, most: usize, reader: &mut Reader<'_>) {
        let Some(node) = all.get("campaigns") else {
            self.reserve = self.reserve.min(most.saturating_sub(1));
            return;
        };
        let known = [
            "region",
            "lines",
            "reserve",
            "holidays",
            "quiet_gap",
            "cost_per_minute",
            "events",
            "webhooks",
        ];
        let Some(fields) = Fields::of(node, "`campaigns`", &known, reader.problems) else {
            return;
        };
        if let Some(text) = fields.text("region", reader.problems) {
            self.region = text.parse().ok();
            if let Err(why) = text.parse::<Region>() {
                reader.problems.error(fields.place(), format!("`region`: {why}"));
            }
        }
        for (name, least, count) in [("lines", 1, &mut self.lines), ("reserve", 0, &mut self.reserve)] {
            if let Some(written) = fields.count(name, least..=MOST, reader.problems) {
                *count = written as usize;
            }
        }
        if let Some(node) = fields.get("holidays") {
            self.holidays(node, reader);
        }
        if self.reserve >= most {
            let message = format!("`reserve` leaves none of the {most} places of `calls.most` to call by");
            reader.problems.error(node.place, message);
        }
        let gap = fields.span("quiet_gap", Duration::ZERO..=HOUR * 24 * 90, reader.problems);
        self.quiet_gap = gap.unwrap_or(self.quiet_gap);
        self.cost_per_minute = fields.get("cost_per_minute").and_then(|node| cost(node, reader));
        if let Some(node) = fields.get("events") {
            needs_web(all, node, "events", reader);
            self.events = events(node, reader);
        }
        if let Some(node) = fields.get("webhooks") {
            for node in read::list(node, "webhooks", reader.problems) {
                let Some(hook) = webhook(node, reader) else { continue };
                if self.webhooks.iter().any(|other| other.name == hook.name) {
                    let message = format!("two webhooks are called `{}`; give each a `name` of its own", hook.name);
                    reader.problems.error(node.place, message);
                }
                self.webhooks.push(hook);
            }
        }
    }

    fn holidays(&mut self, node: &Node, reader: &mut Reader<'_>) {
        for text in read::texts(node, "holidays", reader.problems) {
            match text.parse() {
                Ok(date) => self.holidays.push(date),
                Err(_) => {
                    let message = format!("`holidays`: `{text}` is no date; write year, month and day: 2026-12-24");
                    reader.problems.error(node.place, message);
                }
            }
        }
        self.holidays.sort_unstable();
        self.holidays.dedup();
    }
}

/// `{amount: 0.012, currency: EUR}`
fn cost(node: &Node, reader: &mut Reader<'_>) -> Option<Rate> {
    let fields = Fields::of(node, "`cost_per_minute`", &["amount", "currency"], reader.problems)?;
    for name in ["amount", "currency"] {
        fields.need(name, "`cost_per_minute`", reader.problems);
    }
    let amount = fields.number("amount", reader.problems);
    if amount.is_some_and(|amount| !(0.0..=1000.0).contains(&amount)) {
        let message = "`amount` should be what a minute costs, from 0 to 1000";
        reader.problems.error(fields.place(), message);
    }
    let currency = fields.text("currency", reader.problems);
    let code = |text: &String| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if let Some(wrong) = currency.as_ref().filter(|text| !code(text)) {
        let message = format!("`currency: {wrong}` should be three capital letters (ISO 4217), such as EUR");
        reader.problems.error(fields.place(), message);
    }
    Some(Rate {
        per_minute: amount?,
        currency: currency?,
    })
}

/// `{secret: "${EVENTS}"}`, or several while one follows another.
fn events(node: &Node, reader: &mut Reader<'_>) -> Vec<Secret> {
    let Some(fields) = Fields::of(node, "`events`", &["secret"], reader.problems) else {
        return Vec::new();
    };
    let Some(node) = fields.need("secret", "`events`", reader.problems) else {
        return Vec::new();
    };
    let texts = read::texts(node, "secret", reader.problems);
    texts.iter().filter_map(|text| secret(text, node, reader)).collect()
}

fn webhook(node: &Node, reader: &mut Reader<'_>) -> Option<Webhook> {
    let known = ["name", "url", "secret", "on", "allow_private"];
    let fields = Fields::of(node, "a webhook", &known, reader.problems)?;
    for name in ["name", "url", "secret"] {
        fields.need(name, "a webhook", reader.problems);
    }
    let on = fields.some_of("on", &OCCASIONS, reader.problems);
    let all = fields.get("on").is_none();
    let name = fields.text("name", reader.problems);
    let network = network(&fields, reader);
    let url = address(&fields, network, reader);
    let own = fields.text("secret", reader.problems);
    let own = own.and_then(|text| secret(&text, fields.get("secret")?, reader));
    Some(Webhook {
        name: name?,
        url: url?,
        secret: own?,
        on: if all {
            OCCASIONS.map(|(_, occasion)| occasion).to_vec()
        } else {
            on
        },
        network,
    })
}

/// `allow_private: true`
pub(super) fn network(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Network {
    match fields.boolean("allow_private", reader.problems) {
        Some(true) => Network::Any,
        Some(false) | None => Network::Public,
    }
}

/// `url`, which may be a secret as a whole, of `https`; without TLS only where private networks are allowed.
pub(super) fn address(fields: &Fields<'_>, network: Network, reader: &mut Reader<'_>) -> Option<Url> {
    let written = fields.text("url", reader.problems)?;
    let text = reader.secret(&written, fields.place());
    let schemes: &[&str] = match network {
        Network::Public => &["https"],
        Network::Any => &["https", "http"],
    };
    let url = Url::parse(&text).ok();
    let url = url.filter(|url| schemes.contains(&url.scheme()) && url.host_str().is_some());
    // What is not in the environment was told.
    if url.is_none() && !text.is_empty() {
        let message = format!(
            "`url: {written}` should be an address such as https://crm.example/calls; one without TLS, or of this machine or a private network, needs `allow_private: true`"
        );
        reader.problems.error(fields.place(), message);
    }
    url
}

fn secret(text: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Secret> {
    let secret = reader.secret(text, node.place);
    if (1..SHORTEST).contains(&secret.len()) {
        let message =
            format!("a secret that signs should have {SHORTEST} letters or more; `openssl rand -hex 32` draws one");
        reader.problems.error(node.place, message);
    }
    (!secret.is_empty()).then(|| Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    /// The configuration of `keys`, with a secret in the environment that is long enough.
    fn campaigns(keys: &str) -> Result<Campaigns, Vec<String>> {
        let keys = keys.replace("$LONG", "0123456789abcdef");
        parse(&format!("web: {{}}\ncampaigns: {{{keys}}}\n")).map(|config| config.campaigns)
    }

    #[test]
    fn campaigns_have_sound_bounds() {
        assert_eq!(parse("{}").expect("a configuration").campaigns, Campaigns::default());
        let keys = "region: DE, lines: 40, reserve: 3, quiet_gap: 6h, holidays: [2026-12-31, 2026-12-24, 2026-12-24], \
                    cost_per_minute: {amount: 0.012, currency: EUR}, events: {secret: [$LONG, $LONG+]}";
        let read = campaigns(keys).expect("read");
        assert_eq!((read.region, read.lines, read.reserve), ("DE".parse().ok(), 40, 3));
        let dates: Vec<String> = read.holidays.iter().map(ToString::to_string).collect();
        assert_eq!(dates, ["2026-12-24", "2026-12-31"]);
        assert_eq!(read.quiet_gap, HOUR * 6);
        let cost = read
            .cost_per_minute
            .as_ref()
            .map(|cost| (cost.per_minute, cost.currency.as_str()));
        assert_eq!(cost, Some((0.012, "EUR")));
        let secrets: Vec<&str> = read.events.iter().map(Secret::reveal).collect();
        assert_eq!(secrets, ["0123456789abcdef", "0123456789abcdef+"]);
        assert!(!format!("{read:?}").contains("0123456789"), "they are not shown");
    }

    #[test]
    fn a_webhook_is_told_all_or_what_it_wants() {
        let read = |more: &str| {
            let keys = format!("webhooks: [{{name: crm, url: \"https://crm.example/calls\", secret: $LONG{more}}}]");
            campaigns(&keys).expect("read").webhooks.remove(0)
        };
        let all = read("");
        assert_eq!(
            (all.name.as_str(), all.on.len(), all.network),
            ("crm", OCCASIONS.len(), Network::Public)
        );
        let some = read(", on: [opted_out, attempt.ended], allow_private: true");
        assert_eq!(
            (some.on, some.network),
            (vec![Occasion::OptedOut, Occasion::AttemptEnded], Network::Any)
        );
        for (name, occasion) in OCCASIONS {
            assert_eq!(occasion.name(), name);
        }
    }

    #[test]
    fn who_has_one_place_keeps_none_and_events_come_somewhere() {
        let reserve = |text: &str| parse(text).expect("a configuration").campaigns.reserve;
        assert_eq!((reserve("calls: {most: 1}"), reserve("calls: {most: 2}")), (0, 1));
        let problems = parse("campaigns: {events: {secret: 0123456789abcdef}}").expect_err("nowhere to come");
        assert!(problems[0].contains("`events` needs `web`"), "{problems:?}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let hook = "webhooks: [{name: crm, url: \"https://crm.example/\", secret: $LONG, MORE}]";
        let with = |more: &str| hook.replace("MORE", more);
        for (keys, told) in [
            ("region: Germany".to_owned(), "two letters, such as DE"),
            ("lines: 0".to_owned(), "from 1 to 10000"),
            ("reserve: 8".to_owned(), "leaves none of the 8 places"),
            ("holidays: [24.12.]".to_owned(), "write year, month and day"),
            ("quiet_gap: 100d".to_owned(), "between 0s and 90d"),
            ("cost_per_minute: {amount: 1}".to_owned(), "needs `currency`"),
            (
                "cost_per_minute: {amount: -1, currency: EUR}".to_owned(),
                "from 0 to 1000",
            ),
            (
                "cost_per_minute: {amount: 1, currency: euro}".to_owned(),
                "three capital letters",
            ),
            ("events: {}".to_owned(), "needs `secret`"),
            ("events: {secret: short}".to_owned(), "16 letters or more"),
            ("events: {secret: \"${NOWHERE}\"}".to_owned(), "`NOWHERE`"),
            (with("on: [attempt.begun]"), "`on` is `attempt.begun`"),
            (with("x: 1"), "a webhook has no `x`"),
            (hook.replace("https", "http").replace("MORE", "on: []"), "allow_private"),
            (
                hook.replace("https://crm.example/", "${NOWHERE}")
                    .replace("MORE", "on: []"),
                "`NOWHERE`",
            ),
            (hook.replace("name: crm, ", "").replace(", MORE", ""), "needs `name`"),
            (
                format!(
                    "{}, {}",
                    hook.trim_end_matches(']'),
                    hook.trim_start_matches("webhooks: [")
                )
                .replace(", MORE", ""),
                "two webhooks are called `crm`",
            ),
        ] {
            let problems = campaigns(&keys).expect_err(&keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
    }
}
