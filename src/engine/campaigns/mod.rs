//! Campaigns, carried out: who is due is dialled, what comes of it is written down, and what other systems tell is heeded.
//!
//! One task. What is wished of campaigns stands in the store, where commands, pages and programs write it. Whom to dial next the [`Pacer`] says, whether that
//! may be [`permit`](crate::campaign::permit), what follows [`retry`](crate::campaign::retry). An attempt is on the disk before the network is asked, and its end with all
//! that follows from it is one write, so that the bot may end at any instant. It knows neither SIP nor sound.

mod beginning;
mod dialling;
mod ending;
mod events;
mod following;
mod hooks;
mod world;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::hooks::Hooks;
use super::leg::placed::Done;
use super::letters::Letter;
use super::load::Script;
use super::{Bot, Wish};
use crate::campaign::book::ContactId;
use crate::campaign::hours::Whenever;
use crate::campaign::pacer::{Limits, Pacer, Progress};
use crate::campaign::{Number, Opening, Region, Whereabouts};
use crate::clock;
use crate::config::{Campaigns, Config};
use crate::dialplan::campaign::Campaign;
use crate::store::campaigns::{EndedAttempt, Mark, State};
use crate::store::{self, Store};

/// How often it is looked whether anything was wished or told: one row is read.
const LOOK: Duration = Duration::from_millis(500);
/// Between two times that it is asked whom to dial, where nothing happens.
const BETWEEN: Duration = Duration::from_millis(10);
/// Calls that are begun before anything else is seen to.
const AT_ONCE: usize = 32;
/// How far calls have come, on the way to the runner. One that finds no room is lost: an agent counts as needed a little longer.
const PROGRESS: usize = 1024;
/// After the store failed it is left alone for so long, and nobody is dialled.
const REST: Duration = Duration::from_secs(5);
/// A contact who was not dialled for want of room is tried again after this.
const SOON: Duration = Duration::from_secs(1);

/// What holds for all campaigns, and where they are kept.
pub(super) struct Office {
    pub store: Store,
    pub limits: Limits,
    /// Where a number is of that has no country's code.
    pub region: Option<Region>,
    /// Days on which nobody is called.
    pub closed: Vec<Date>,
    /// Between two calls to one number, of whatever campaign.
    pub quiet_gap: Duration,
    /// The clock of who calls.
    pub home: TimeZone,
    pub hooks: Hooks,
}

impl Office {
    /// As the configuration has it.
    pub fn of(config: &Config, store: Store) -> Self {
        let Campaigns {
            lines,
            reserve,
            holidays,
            quiet_gap,
            webhooks,
            region,
            ..
        } = &config.campaigns;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            store,
            limits: Limits {
                lines: count(*lines),
                reserve: count(*reserve),
            },
            region: *region,
            closed: holidays.clone(),
            quiet_gap: *quiet_gap,
            home: TimeZone::system(),
            hooks: Hooks(webhooks.clone()),
        }
    }
}

/// Carries campaigns out until the owner of the bot wishes otherwise and the last call is over.
pub(super) async fn run(bot: Arc<Bot>, office: Office, mut wishes: watch::Receiver<Option<Wish>>) {
    let (progress, mut told) = mpsc::channel(PROGRESS);
    let mut runner = Runner::new(bot, office, progress, wishes.clone());
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let wished = *wishes.borrow_and_update();
        if wished.is_some() && (runner.is_idle() || wished == Some(Wish::End) && runner.cannot_write()) {
            return;
        }
        if wished.is_none() {
            runner.dial().await;
        }
        let due = runner.due();
        tokio::select! {
            Ok(()) = wishes.changed() => {}
            Some(ended) = runner.calls.join_next_with_id() => runner.ended(ended).await,
            Some((contact, progress)) = told.recv() => runner.came(contact, progress),
            _ = look.tick() => {
                if !runner.look().await {
                    look.reset_immediately();
                }
            }
            () = tokio::time::sleep_until(due.into()), if wished.is_none() => {}
        }
    }
}

struct Runner {
    bot: Arc<Bot>,
    office: Office,
    /// By which new calls are held.
    script: Arc<Script>,
    pacer: Pacer<Whenever>,
    /// Those of the plan.
    campaigns: BTreeMap<String, Own>,
    calls: JoinSet<Done>,
    /// Of the calls that are under way, by their tasks.
    tasks: HashMap<tokio::task::Id, ContactId>,
    open: HashMap<ContactId, Open>,
    /// What has happened and is not written down yet.
    unwritten: VecDeque<Unwritten>,
    /// What was read last; none: nothing, or the plan is another.
    changes: Option<u64>,
    /// The do-not-call lists that there are.
    lists: Vec<String>,
    started: Started,
    /// Until then nothing is asked of the store, and nobody dialled.
    rests: Option<Instant>,
    progress: mpsc::Sender<(ContactId, Progress)>,
    wishes: watch::Receiver<Option<Wish>>,
}

enum Unwritten {
    End(i64, Box<EndedAttempt>),
    /// A breaker stopped a campaign.
    Stop {
        campaign: String,
        why: String,
        told: serde_json::Value,
        at: Timestamp,
    },
}

/// Whether what the run before left was seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Started {
    No,
    Yes,
}

/// A campaign of the plan.
struct Own {
    opening: Arc<Opening>,
    /// The queues that its calls may come to.
    queues: Vec<String>,
    /// Whether its assistant says first what it is.
    disclosed: bool,
    state: State,
    /// How far its contacts were read; none: not at all.
    read: Option<Mark>,
    /// Too many who answered had nobody to speak with: nobody is dialled until then.
    held: Option<Instant>,
}

/// A call under way.
struct Open {
    attempt: i64,
    campaign: Arc<Campaign>,
    key: String,
    number: Number,
    whereabouts: Whereabouts,
    /// Attempts that count against the plan's, without this one.
    counted: u32,
    /// Those before that the network had no room for.
    congested: u32,
    /// They had asked for it.
    appointment: bool,
    letters: mpsc::Sender<Letter>,
    progress: Option<Progress>,
    /// The record of the call.
    call: String,
    dialled: Timestamp,
    /// Nobody calls them any more, whatever comes of this call: why. Others were told.
    closed: Option<&'static str>,
}

impl Runner {
    fn new(
        bot: Arc<Bot>,
        office: Office,
        progress: mpsc::Sender<(ContactId, Progress)>,
        wishes: watch::Receiver<Option<Wish>>,
    ) -> Self {
        Self {
            pacer: Pacer::new(office.limits),
            script: bot.script(),
            bot,
            office,
            campaigns: BTreeMap::new(),
            calls: JoinSet::new(),
            tasks: HashMap::new(),
            open: HashMap::new(),
            unwritten: VecDeque::new(),
            changes: None,
            lists: Vec::new(),
            started: Started::No,
            rests: None,
            progress,
            wishes,
        }
    }

    /// Nobody is on the line, and all is written.
    fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.unwritten.is_empty()
    }

    /// Nobody is on the line, and the store takes nothing: what is not written was interrupted when the bot starts again.
    fn cannot_write(&mut self) -> bool {
        self.calls.is_empty() && self.is_resting()
    }

    /// Sees to what was wished and told since the last time; whether to all of it.
    async fn look(&mut self) -> bool {
        if self.is_resting() {
            return true;
        }
        match self.follow().await {
            Ok(all) => all,
            Err(e) => {
                self.rest(&e);
                true
            }
        }
    }

    /// When somebody is to be dialled next.
    fn due(&mut self) -> Instant {
        let now = clock::now();
        let (soonest, latest) = (now + BETWEEN, now + LOOK);
        if self.is_resting() || self.started == Started::No {
            return latest;
        }
        let world = self.world();
        self.pacer
            .poll_timeout(&world)
            .map_or(latest, |due| due.clamp(soonest, latest))
    }

    fn is_resting(&mut self) -> bool {
        self.rests = self.rests.filter(|until| *until > clock::now());
        self.rests.is_some()
    }

    fn rest(&mut self, why: &store::Error) {
        tracing::error!("campaigns stand still for {} s: {why}", REST.as_secs());
        self.rests = clock::now().checked_add(REST);
    }

    /// A call has come so far.
    fn came(&mut self, contact: ContactId, progress: Progress) {
        if let Some(open) = self.open.get_mut(&contact) {
            open.progress = Some(progress);
            self.pacer.told(clock::now(), &open.campaign.name, contact, progress);
        }
    }
}
