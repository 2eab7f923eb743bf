//! A full desk: many callers in a queue with music, many people's pages, and how soon pages are told of what happens.
//!
//! The bot is `offhook serve` in a process of its own, on two cores; callers and pages are this process, on the other cores where there are any. In one
//! run three times are measured: callers alone, callers and pages at which nothing happens, and all of it with happenings at a steady pace.

mod callers;
mod crowd;
mod happenings;
mod site;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use self::callers::{Callers, Gone};
use self::crowd::{Crowd, Seen};
use self::happenings::Cast;
use self::site::{Member, PASSWORD, Site};
pub use self::watch::Row;
use super::load::process::{self, Machine, Usage};
use super::percentile;
use crate::clock;
use crate::simulate::page;
use crate::store;
use crate::store::people::{Role, password};

/// Milliseconds within which 19 of 20 updates should be at a page.
pub const AIM: f64 = 300.0;
/// Of the pacing, where less cannot be told apart, ms.
const NOISE: f64 = 1.0;
/// Parts of a phase, by which it is told how much the pacing varies by itself.
const PARTS: u32 = 5;
/// Callers ring so far apart.
const APART: Duration = Duration::from_millis(120);
/// For all to wait in the queue once they have rung, and for all pages to be there.
const THERE: Duration = Duration::from_secs(60);
/// Before a phase is measured.
const SETTLE: Duration = Duration::from_secs(3);
/// How often it is told how far it is.
const TOLD: u32 = 25;

#[derive(Clone, Debug)]
pub struct Wanted {
    pub plan: PathBuf,
    pub pages: usize,
    pub calls: usize,
    /// Of each phase.
    pub span: Duration,
    /// From one happening to the next.
    pub every: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the plan {0} cannot be read: {1}")]
    Plan(PathBuf, std::io::Error),
    #[error("the bot did not begin to listen; it said:\n{0}")]
    NotReady(String),
    #[error("{0}; the bot said last:\n{1}")]
    NotThere(String, String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Password(#[from] password::Unfit),
    #[error(transparent)]
    Page(#[from] page::Error),
    #[error(transparent)]
    Callers(#[from] Gone),
}

/// What the music on the wire is like, and what it costs.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    pub what: &'static str,
    /// On the line at its end.
    pub calls: usize,
    pub pages: usize,
    /// How much later than its time a packet came, against the earliest of the five seconds around it, ms.
    pub late_p50: Option<f64>,
    pub late_p95: Option<f64>,
    pub late_p99: Option<f64>,
    pub late_most: Option<f64>,
    /// The 99th percentiles of its parts.
    pub late_p99_of_parts: Vec<f64>,
    /// By how much the time between two packets was not 20 ms.
    pub uneven_p50: Option<f64>,
    pub uneven_p95: Option<f64>,
    pub uneven_p99: Option<f64>,
    pub received: u64,
    pub lost: u64,
    /// Of these, for which the callers' own sockets had no room.
    pub dropped_here: u64,
    /// Of one core: the bot, and beside it callers and pages.
    pub core_percent: f64,
    pub load_core_percent: f64,
    /// Resident, of the bot, at its end.
    pub memory_mb: f64,
    pub threads: usize,
    /// To the pages.
    pub messages_per_second: f64,
    pub kb_per_second: f64,
    /// Of the time of all processors, that the host gave to others.
    pub stolen_percent: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub phases: Vec<Phase>,
    /// From what happened to the page that shows it, by topic; all of them last.
    pub updates: Vec<Row>,
    pub answers: Row,
    /// From opening a feed to all of the present.
    pub snapshots: Row,
    /// From opening one after a break to what follows.
    pub resumed: Row,
    pub happenings: u64,
    /// By topic, while things happened.
    pub messages: BTreeMap<String, u64>,
    /// What did not go as it should, and how often.
    pub failures: BTreeMap<String, usize>,
    /// What signing in took each, the proof of a password in it.
    pub signed_in_ms: f64,
    /// Warnings and errors in the bot's log.
    pub warnings: usize,
    /// Whether callers and pages had other cores than the bot.
    pub apart: bool,
    pub verdict: Verdict,
}

/// Against the aims.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// 19 of 20 updates were there within [`AIM`], and none was missing.
    pub updates: bool,
    /// The 99th percentile of the pacing with happenings is that without pages, but for its own noise.
    pub pacing: bool,
    /// That noise, ms: how far the parts of the first phase are apart, 1 at least.
    pub noise: f64,
}

/// Measures; `told` is told how far it is.
pub async fn run(wanted: &Wanted, mut told: impl FnMut(&str)) -> Result<Figures, Error> {
    let staff = staff(wanted.pages);
    told("the bot starts");
    let site = Site::start(&wanted.plan, &staff, wanted.calls).await?;
    let apart = process::off_cores(site::CORES);
    let callers = Callers::start(site.sip)?;
    let names: Vec<String> = staff.iter().map(|member| member.name.clone()).collect();
    told("people sign in");
    let began = clock::now();
    let mut pages = crowd::sign_in(site.web, &names, PASSWORD).await?;
    let signed_in = clock::now().saturating_duration_since(began) / u32::try_from(names.len().max(1)).unwrap_or(1);
    let mut waiting = queue_up(&callers, wanted.calls, &mut told).await?;
    pages = all_wait((&site, &callers), pages, wanted.calls).await?;

    let seen = Seen::default();
    let measured = |what, span| Measured { what, span };
    told("nobody's page is open");
    tokio::time::sleep(SETTLE).await;
    let alone = measured("no page", wanted.span).run(&site, &callers, &seen).await?;

    told("all pages open");
    let crowd = Crowd::open(pages, &seen);
    let until = clock::now() + THERE;
    while seen.lock().present() < names.len() && clock::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let there = seen.lock().present();
    if there < names.len() {
        let why = format!(
            "{there} of {} pages are there: {:?}",
            names.len(),
            seen.lock().failures()
        );
        return Err(Error::NotThere(why, site.last_words()));
    }
    let mut cast = Cast::of(&staff);
    cast.begin(&crowd);
    tokio::time::sleep(SETTLE).await;
    let snapshots = seen.lock().snapshots();
    let idle = measured("pages, and nothing happens", wanted.span)
        .run(&site, &callers, &seen)
        .await?;

    told("things happen");
    let during = measured("pages, and things happen", wanted.span);
    let (busy, happenings) = tokio::join!(
        during.run(&site, &callers, &seen),
        cast.play((&callers, &crowd, &seen), &mut waiting, wanted.every, wanted.span)
    );
    let phases = vec![alone, idle, busy?];
    let lost = callers.present().await?.lost;
    let watch = seen.lock();
    let mut failures = watch.failures().clone();
    failures.extend(lost.into_iter().map(|(how, count)| (format!("a call: {how}"), count)));
    let updates = watch.rows();
    Ok(Figures {
        verdict: verdict(&phases, &updates),
        updates,
        answers: watch.answers(),
        snapshots,
        resumed: watch.resumed(),
        happenings: happenings?,
        messages: watch.messages().clone(),
        failures,
        signed_in_ms: super::milliseconds(signed_in),
        warnings: site.warnings(),
        apart,
        phases,
    })
}

/// One in twelve supervises; of the others one in two is good at what callers wait for.
fn staff(pages: usize) -> Vec<Member> {
    let member = |n: usize| {
        let (role, called) = match n % 12 {
            0 => (Role::Supervisor, "super"),
            _ => (Role::Agent, "agent"),
        };
        Member {
            name: format!("{called}{n:03}"),
            role,
            skill: if n.is_multiple_of(2) { "sales" } else { "care" },
        }
    };
    (0..pages).map(member).collect()
}

/// All ring, one after the other.
async fn queue_up(
    callers: &Callers,
    calls: usize,
    told: &mut impl FnMut(&str),
) -> Result<VecDeque<(u64, String)>, Error> {
    let mut waiting = VecDeque::new();
    let mut tick = tokio::time::interval(APART);
    for n in 0..calls {
        tick.tick().await;
        let (number, user, _) = callers.ring().await?;
        waiting.push_back((number, user));
        if n % TOLD as usize == 0 {
            told(&format!("{n} of {calls} callers have rung"));
        }
    }
    Ok(waiting)
}

/// Until all wait, as one page sees it, which is gone again afterwards.
async fn all_wait(
    (site, callers): (&Site, &Callers),
    mut pages: Vec<page::Page>,
    calls: usize,
) -> Result<Vec<page::Page>, Error> {
    let Some(page) = pages.first_mut() else {
        return Ok(pages);
    };
    let mut watch = watch::Watch::default();
    page.open().await?;
    let until = clock::now() + THERE;
    while watch.waiting().is_none_or(|waiting| waiting < calls as u64) {
        let left = until.saturating_duration_since(clock::now());
        let Ok(next) = tokio::time::timeout(left, page.next()).await else {
            let (present, waiting) = (callers.present().await?, watch.waiting());
            let why = format!(
                "of {calls} callers {} are on the line and {waiting:?} wait; lost: {:?}",
                present.talking, present.lost
            );
            return Err(Error::NotThere(why, site.last_words()));
        };
        let (now, told) = next?;
        watch.told(now, 0, &told);
    }
    page.reload();
    Ok(pages)
}

/// One phase.
struct Measured {
    what: &'static str,
    span: Duration,
}

impl Measured {
    async fn run(&self, site: &Site, callers: &Callers, seen: &Seen) -> Result<Phase, Error> {
        let sounds = &callers.sounds;
        let usage = |id| process::usage(id).ok_or_else(|| Error::NotThere("no /proc".into(), site.last_words()));
        let (bot, own) = (site.id(), std::process::id());
        seen.lock().begin();
        let dropped = sounds.dropped();
        let (from, load_from, machine, began) = (usage(bot)?, usage(own)?, Machine::now(), clock::now());
        let mut phase = Pacing::default();
        for _ in 0..PARTS {
            sounds.measure(true);
            tokio::time::sleep(self.span / PARTS).await;
            sounds.measure(false);
            phase.add(sounds.heard());
        }
        let lasted = clock::now().saturating_duration_since(began);
        let stolen_percent = Machine::now().stolen_since(machine);
        let (to, load_to) = (usage(bot)?, usage(own)?);
        let present = callers.present().await?;
        let watch = seen.lock();
        let seconds = lasted.as_secs_f64().max(f64::EPSILON);
        Ok(Phase {
            what: self.what,
            calls: present.talking,
            pages: watch.present(),
            late_p50: percentile(&phase.late, 0.5),
            late_p95: percentile(&phase.late, 0.95),
            late_p99: percentile(&phase.late, 0.99),
            late_most: phase.late.iter().copied().reduce(f64::max),
            late_p99_of_parts: phase.parts,
            uneven_p50: percentile(&phase.uneven, 0.5),
            uneven_p95: percentile(&phase.uneven, 0.95),
            uneven_p99: percentile(&phase.uneven, 0.99),
            received: phase.received,
            lost: phase.lost,
            dropped_here: sounds.dropped().saturating_sub(dropped),
            core_percent: share(&from, &to, seconds),
            load_core_percent: share(&load_from, &load_to, seconds),
            memory_mb: to.memory_kb / 1_000.0,
            threads: to.threads,
            messages_per_second: watch.messages().values().sum::<u64>() as f64 / seconds,
            kb_per_second: watch.bytes() as f64 / 1_000.0 / seconds,
            stolen_percent,
        })
    }
}

/// What all parts of a phase come to.
#[derive(Default)]
struct Pacing {
    late: Vec<f64>,
    uneven: Vec<f64>,
    parts: Vec<f64>,
    received: u64,
    lost: u64,
}

impl Pacing {
    fn add(&mut self, heard: super::load::sound::Heard) {
        self.parts.extend(percentile(&heard.late, 0.99));
        self.late.extend(heard.late);
        self.uneven.extend(heard.uneven);
        self.received += heard.received;
        self.lost += heard.lost;
    }
}

/// Per cent of one core.
fn share(from: &Usage, to: &Usage, seconds: f64) -> f64 {
    to.processor.saturating_sub(from.processor).as_secs_f64() / seconds * 100.0
}

fn verdict(phases: &[Phase], updates: &[Row]) -> Verdict {
    let least = |parts: &[f64]| parts.iter().copied().reduce(f64::min);
    let most = |parts: &[f64]| parts.iter().copied().reduce(f64::max);
    let parts = phases.first().map_or(&[][..], |phase| &phase.late_p99_of_parts);
    let apart = most(parts).zip(least(parts)).map_or(0.0, |(most, least)| most - least);
    let noise = apart.max(NOISE);
    let p99 = |phase: Option<&Phase>| phase.and_then(|phase| phase.late_p99);
    let pacing = p99(phases.first()).zip(p99(phases.last()));
    let all = updates.last();
    Verdict {
        updates: all.is_some_and(|all| all.missing == 0 && all.p95.is_some_and(|p95| p95 <= AIM)),
        pacing: pacing.is_some_and(|(before, with)| with <= before + noise),
        noise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(parts: &[f64], p99: f64) -> Phase {
        Phase {
            what: "",
            calls: 0,
            pages: 0,
            late_p50: None,
            late_p95: None,
            late_p99: Some(p99),
            late_most: None,
            late_p99_of_parts: parts.to_vec(),
            uneven_p50: None,
            uneven_p95: None,
            uneven_p99: None,
            received: 0,
            lost: 0,
            dropped_here: 0,
            core_percent: 0.0,
            load_core_percent: 0.0,
            memory_mb: 0.0,
            threads: 0,
            messages_per_second: 0.0,
            kb_per_second: 0.0,
            stolen_percent: 0.0,
        }
    }

    fn all(p95: Option<f64>, missing: usize) -> Row {
        Row {
            topic: "all".into(),
            updates: 10,
            p50: None,
            p95,
            p99: None,
            most: None,
            missing,
        }
    }

    #[test]
    fn pacing_is_compared_with_its_own_noise() {
        let alone = phase(&[3.0, 5.5, 4.0], 4.2);
        let pacing = |last: f64| verdict(&[alone.clone(), phase(&[], last)], &[]).pacing;
        assert!(pacing(6.7) && pacing(1.0) && !pacing(6.8));
        let steady = phase(&[2.0, 2.1], 2.0);
        assert_eq!(verdict(&[steady.clone(), steady], &[]).noise, NOISE);
        assert!(!verdict(&[], &[]).pacing, "nothing was measured");
    }

    #[test]
    fn updates_are_in_time_and_none_is_missing() {
        let updates = |row| verdict(&[], &[row]).updates;
        assert!(updates(all(Some(AIM), 0)));
        assert!(!updates(all(Some(AIM + 0.1), 0)) && !updates(all(Some(1.0), 1)) && !updates(all(None, 0)));
    }

    #[test]
    fn a_few_supervise_and_half_of_the_others_are_wanted() {
        let staff = staff(50);
        let of = |role| staff.iter().filter(move |member| member.role == role);
        assert_eq!((of(Role::Supervisor).count(), of(Role::Agent).count()), (5, 45));
        assert_eq!(of(Role::Agent).filter(|member| member.skill == "care").count(), 25);
    }
}
