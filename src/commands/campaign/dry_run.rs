//! `offhook campaign dry-run`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use offhook::campaign::permit::{Abandonment, Facts, Standing};
use offhook::campaign::rehearsal::{self, Pace};
use offhook::campaign::{Number, Opening};
use offhook::clock;
use offhook::dialplan::campaign::Campaign;
use offhook::sip::Destinations;
use offhook::store::Store;
use offhook::store::campaigns::Known;
use serde::Serialize;

use super::{Error, Outcome, Site, block_on};

/// Contacts that are looked at at once.
const PAGE: u32 = 1_000;
/// Lines of each part on the terminal.
const SHOWN: usize = 20;
/// Contacts that are named for each reason.
const NAMED: usize = 3;
/// The abandonment of calls counts over these.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(clap::Args)]
pub(super) struct Arguments {
    name: String,
    /// From when on: "2026-11-23 09:00". Now, if it is not said.
    #[arg(long, value_name = "MOMENT", value_parser = super::moment)]
    at: Option<Timestamp>,
    /// How long a call is taken to last, in seconds: what lines are reckoned with.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    call: u64,
    /// Name every contact, not the first of each part.
    #[arg(long)]
    all: bool,
    /// For scripts: every contact.
    #[arg(long)]
    json: bool,
}

/// Who would be rung, in the order of the calls.
#[derive(Serialize)]
struct Rung<'a> {
    at: Timestamp,
    contact: &'a str,
    number: String,
}

/// Who would not be.
#[derive(Serialize)]
struct Left {
    contact: String,
    number: String,
    /// One word.
    why: &'static str,
    told: String,
}

#[derive(Serialize)]
struct Told<'a> {
    campaign: &'a str,
    from: Timestamp,
    /// Whether it runs; it is played through as if it did.
    running: bool,
    rung: Vec<Rung<'a>>,
    left: Vec<Left>,
}

pub(super) fn run(site: &Site, arguments: &Arguments) -> Outcome {
    let campaign = site.campaign(&arguments.name)?;
    let window = campaign.window.as_ref();
    let window = window.ok_or_else(|| format!("campaign `{}` has no `window`, so it calls nobody", campaign.name))?;
    let home = TimeZone::system();
    let opening = Opening::new(window, &site.config.campaigns.holidays, home);
    let from = arguments.at.unwrap_or_else(clock::wall);
    block_on(async {
        let store = site.store().await?;
        let status = store.campaign_status([campaign.name.as_str()], from).await?;
        let own = status.iter().find(|status| status.state.name == campaign.name);
        let stage = Stage::set(site, &store, campaign, &opening, from).await?;
        let contacts = own.map_or(0, |own| own.standing.contacts);
        let (known, first, left) = stage.ask(&store, contacts, arguments.json).await?;
        store.close().await;
        let pace = Pace {
            calls_per_second: campaign.pacing.calls_per_second,
            lines: campaign
                .pacing
                .max_calls
                .min(u32::try_from(site.config.campaigns.lines).unwrap_or(u32::MAX)),
            call: Duration::from_secs(arguments.call),
        };
        let later = |who: usize, at: Timestamp| rehearsal::first_moment(at, &stage.facts(known.get(who)?)?).ok();
        let rung = rehearsal::schedule(first, pace, later);
        let rung = rung.into_iter().filter_map(|(at, who)| {
            let contact = &known.get(who)?.contact;
            let number = contact.number.to_string();
            let contact = contact.key.as_str();
            Some(Rung { at, contact, number })
        });
        let told = Told {
            campaign: &campaign.name,
            from,
            running: own.is_some_and(|own| own.state.state == offhook::store::campaigns::State::Running),
            rung: rung.collect(),
            left,
        };
        if arguments.json {
            println!("{}", serde_json::to_string_pretty(&told)?);
        } else {
            print(&told, arguments.all);
        }
        Ok(ExitCode::SUCCESS)
    })?
}

/// What is the same for all contacts.
struct Stage<'a> {
    site: &'a Site,
    campaign: &'a Campaign,
    opening: &'a Opening,
    from: Timestamp,
    lists: Vec<String>,
    abandonment: Abandonment,
}

/// Who may be called, the first moment of each by its place, and who may not.
type Asked = (Vec<Known>, Vec<(Timestamp, usize)>, Vec<Left>);

impl<'a> Stage<'a> {
    async fn set(
        site: &'a Site,
        store: &Store,
        campaign: &'a Campaign,
        opening: &'a Opening,
        from: Timestamp,
    ) -> Result<Self, Error> {
        let month = from.checked_sub(MONTH).unwrap_or(Timestamp::MIN);
        let (abandoned, answered) = store.abandoned_share(&campaign.name, month).await?;
        Ok(Self {
            site,
            campaign,
            opening,
            from,
            lists: store.do_not_call_names().await?,
            abandonment: Abandonment {
                abandoned,
                answered,
                at_risk: 0,
            },
        })
    }

    async fn ask(&self, store: &Store, contacts: u64, quiet: bool) -> Result<Asked, Error> {
        let bar = bar(contacts, quiet);
        let quiet_gap = self.site.config.campaigns.quiet_gap;
        let (mut open, mut first, mut left) = (Vec::new(), Vec::new(), Vec::new());
        let mut after = 0;
        loop {
            let page = store.contacts_of(&self.campaign.name, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for known in store.known(page, quiet_gap, self.from).await? {
                bar.inc(1);
                match self.first(&known) {
                    Ok(at) => {
                        first.push((at, open.len()));
                        open.push(known);
                    }
                    Err((why, told)) => left.push(Left {
                        contact: known.contact.key,
                        number: known.contact.number.to_string(),
                        why,
                        told,
                    }),
                }
            }
        }
        bar.finish_and_clear();
        Ok((open, first, left))
    }

    fn first(&self, known: &Known) -> Result<Timestamp, (&'static str, String)> {
        let facts = self.facts(known);
        let facts = facts.ok_or_else(|| ("zone_unknown", "its time zone is not one".to_owned()))?;
        if facts.standing == Standing::Closed {
            let why = known.contact.outcome.as_deref().unwrap_or("closed");
            return Err(("closed", format!("it is closed: {why}")));
        }
        let from = self.from.max(known.contact.due);
        rehearsal::first_moment(from, &facts).map_err(|refusal| (refusal.code(), refusal.to_string()))
    }

    /// As at the moment of dialling, but for the campaign, which is taken to run, and for who speaks.
    fn facts<'b>(&'b self, known: &'b Known) -> Option<Facts<'b>> {
        let Known {
            contact,
            whereabouts,
            calls,
            listed,
        } = known;
        let assistant = self.site.plan.assistants.get(&self.campaign.assistant);
        Some(Facts {
            campaign: self.campaign,
            opening: self.opening,
            running: true,
            disclosed: assistant.is_some_and(|assistant| assistant.disclosure.is_some()),
            contact: contact.id,
            standing: contact.standing(),
            number: contact.number,
            whereabouts: whereabouts.as_ref()?,
            proof: contact.proof.as_deref(),
            appointment: contact.appointment,
            listed,
            lists: &self.lists,
            calls,
            quiet_gap: self.site.config.campaigns.quiet_gap,
            destination: self.may_dial(contact.number),
            attended: true,
            abandonment: self.abandonment,
        })
    }

    fn may_dial(&self, number: Number) -> bool {
        let outbound = &self.site.config.outbound;
        match outbound.allow {
            Destinations::Any => true,
            // Contacts are not named by the plan.
            Destinations::Named => false,
            Destinations::Listed(_) => outbound.lists(&number.to_string()),
        }
    }
}

fn bar(contacts: u64, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{pos} of {len} contacts  {bar:30}  {elapsed}");
    let bar = ProgressBar::new(contacts).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn print(told: &Told<'_>, all: bool) {
    let home = TimeZone::system();
    let shown = |at: Timestamp| at.to_zoned(home.clone()).strftime("%a %d %b %H:%M:%S").to_string();
    let state = if told.running {
        ""
    } else {
        " It does not run; this is as if it did."
    };
    println!(
        "{}, from {} on, by this computer's clock.{state}",
        told.campaign,
        shown(told.from)
    );
    println!("\n{} would be rung", told.rung.len());
    let most = if all { usize::MAX } else { SHOWN };
    for rung in told.rung.iter().take(most) {
        println!("  {}  {:<16} {}", shown(rung.at), rung.number, rung.contact);
    }
    if let Some(last) = told.rung.last().filter(|_| told.rung.len() > most) {
        println!("  … the last {}; `--all` names each", shown(last.at));
    }
    println!("\n{} would not be rung", told.left.len());
    if all {
        for left in &told.left {
            println!("  {:<16} {:<24} {}", left.number, left.contact, left.told);
        }
        return;
    }
    let mut reasons: BTreeMap<&str, Vec<&Left>> = BTreeMap::new();
    for left in &told.left {
        reasons.entry(left.why).or_default().push(left);
    }
    for (why, who) in reasons {
        let named: Vec<&str> = who.iter().take(NAMED).map(|left| left.contact.as_str()).collect();
        let more = if who.len() > NAMED { ", …" } else { "" };
        let told = who.first().map(|left| left.told.as_str()).unwrap_or_default();
        println!("{:>9}  {why}: {told} ({}{more})", who.len(), named.join(", "));
    }
}
