//! The running bot: owns every task and joins the parts.
//!
//! It takes what SIP reports, routes invitations by the plan, and gives each call a task of its own. It decides
//! nothing inside a call.

mod calling_back;
mod campaigns;
pub mod clerk;
mod conference;
mod counts;
mod dialled;
pub mod floor;
mod incoming;
mod journal;
mod leg;
mod letters;
pub mod library;
mod line;
pub mod live;
pub mod load;
pub mod meaning;
mod places;
pub mod ports;
pub mod reload;
pub mod recorder;
pub mod sound;
pub mod stamped;
pub mod strain;
mod thinking;
mod using;
pub mod webhooks;
pub mod written;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::calling_back::Wanted;
use self::campaigns::Office;
pub use self::counts::Counts;
use self::floor::Floor;
use self::incoming::{Invitation, Refusal};
use self::journal::Record;
use self::live::Live;
use self::load::Script;
use self::places::Places;
use self::ports::Ports;
use self::recorder::Recorder;
use self::strain::{Strain, Strained};
use crate::audio::clean::Cleaning;
use crate::campaign::{Number, Region};
use crate::clock;
use crate::config::Busy;
use crate::dialogue::model::Servers;
use crate::rtp::dtls::Identity;
use crate::sdp::Capabilities;
use crate::sip::{Action, CallId, Event, UserAgent};
use crate::speech::Engines;
use crate::store::Outbox;
use crate::tools::Toolbox;
use crate::web;

/// Events that may wait for one call; a call that does not read them for so long is ended.
const EVENTS: usize = 32;
/// What a refused caller is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// What all calls share.
pub struct Bot {
    /// What new calls are held by; a call keeps what it began with.
    pub(super) script: RwLock<Arc<Script>>,
    /// The campaigns of the newest, for who asks over HTTP.
    pub(super) published: watch::Sender<web::api::Campaigns>,
    pub toolbox: Arc<Toolbox>,
    pub engines: Arc<Engines>,
    pub model: Option<Arc<Servers>>,
    pub sip: UserAgent,
    pub ports: Ports,
    /// Written into session descriptions of its family, in the place of the address that sound comes to.
    pub advertised: Option<IpAddr>,
    pub capabilities: Capabilities,
    /// Who we are to those who agree on keys beside the sound (DTLS-SRTP); none: nobody may.
    pub identity: Option<Arc<Identity>>,
    pub recorder: Option<Recorder>,
    /// What is taken out of callers' sound.
    pub cleaning: Cleaning,
    pub recordings: PathBuf,
    pub outbox: Outbox,
    /// A place for each call that is served at once.
    pub(super) places: Places,
    /// Calls that are served, and those that wait; one more is answered 503.
    pub most: usize,
    /// Whether the machine keeps up with those it has.
    pub(super) strain: Mutex<Strain>,
    pub busy: Busy,
    /// Where people take calls.
    pub floor: Floor,
    /// What their pages show of calls.
    pub live: Live,
    /// The number of the last call, of this run.
    numbers: AtomicU64,
    /// Who is to be called back, on the way to the loop that has it done.
    callbacks: mpsc::Sender<Box<Wanted>>,
    /// Who is told of the calls that are placed.
    pub(super) placed: Mutex<HashMap<CallId, mpsc::Sender<Event>>>,
    /// Where a number is of that comes without its country's code.
    pub(super) region: Option<Region>,
    /// A call is ended after this.
    pub longest: Duration,
    /// Without RTP for so long a call is ended.
    pub rtp_silence: Duration,
}

impl Bot {
    pub fn script(&self) -> Arc<Script> {
        Arc::clone(&self.script.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What SIP says of a call that is placed goes there, until it is forgotten.
    fn expect(&self, call: CallId, told: mpsc::Sender<Event>) {
        self.placed().insert(call, told);
    }

    fn forget(&self, call: CallId) {
        self.placed().remove(&call);
    }

    fn placed(&self) -> MutexGuard<'_, HashMap<CallId, mpsc::Sender<Event>>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a call that begins.
    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// What the next call that is placed is known by.
    fn next_record(&self) -> Record {
        Record::of(self.next_number(), clock::wall())
    }

    /// Has somebody called back.
    fn call_back(&self, wanted: Wanted) {
        if self.callbacks.try_send(Box::new(wanted)).is_err() {
            tracing::error!("too many are to be called back at once: one is, when the bot is started again");
        }
    }

    /// A tick of a call came so late.
    fn ticked(&self, now: Instant, late: Duration) {
        self.strain
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ticked(now, late);
    }

    fn strained(&self, now: Instant) -> Option<Strained> {
        let behind = self.engines.scheduler().behind();
        self.strain
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .refuses(now, behind)
    }

    /// Whether it would refuse a call now: then none is placed either.
    fn is_strained(&self, now: Instant) -> bool {
        let behind = self.engines.scheduler().behind();
        let mut strain = self.strain.lock().unwrap_or_else(PoisonError::into_inner);
        strain.strains(now, behind).is_some()
    }

    /// Somebody wants no more calls, in the call of this record: their number is written down at once.
    pub(super) fn opted_out(&self, number: &str, call: &str) {
        match Number::parse(number, self.region) {
            Ok(number) => self
                .outbox
                .opted_out(number, clock::wall(), format!("said so in call {call}")),
            Err(e) => tracing::warn!(
                call,
                "wants no more calls, and their number cannot be written down: {e}"
            ),
        }
    }

    fn refuse(&self, call: CallId, code: u16, retry_after: Option<Duration>) {
        self.act(Action::Refuse {
            call,
            code,
            reason: String::new(),
            retry_after,
        });
    }

    fn act(&self, action: Action) {
        if let Err(e) = self.sip.act(action) {
            tracing::error!("{e}");
        }
    }
}

/// What the owner may ask of a running engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Take no more calls, and end when the last one has.
    Drain,
    /// Hang up on everybody, and end.
    End,
}

/// What the loop sees to beside the calls that come.
struct Duties {
    callbacks: Callbacks,
    campaigns: Office,
}

/// Whom to call back: those of the run before, and those who come.
struct Callbacks {
    kept: Vec<Wanted>,
    wanted: mpsc::Receiver<Box<Wanted>>,
}

/// Answers calls until it is drained and the last call is over, or until `events` ends.
async fn run(
    bot: Arc<Bot>,
    mut events: mpsc::Receiver<Event>,
    mut wishes: mpsc::Receiver<Wish>,
    Duties { callbacks, campaigns }: Duties,
) {
    let Callbacks { kept, mut wanted } = callbacks;
    let mut calls = Calls {
        bot,
        tasks: JoinSet::new(),
        open: HashMap::new(),
        callbacks: JoinSet::new(),
        campaigns: JoinSet::new(),
        wish: watch::channel(None).0,
        draining: false,
    };
    for wanted in kept {
        calls.call_back(wanted);
    }
    calls.campaign(campaigns);
    let mut told = tokio::time::interval(counts::TOLD);
    loop {
        if calls.draining && calls.are_over() {
            return;
        }
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => calls.signalled(event),
                None => return,
            },
            Some(ended) = calls.tasks.join_next() => calls.ended(ended),
            Some(wanted) = wanted.recv() => calls.call_back(*wanted),
            Some(ended) = calls.callbacks.join_next() => if let Err(e) = ended {
                tracing::error!("who calls somebody back failed: {e}");
            },
            Some(ended) = calls.campaigns.join_next() => if let Err(e) = ended {
                tracing::error!("campaigns are not carried out any more, until the bot is started again: {e}");
            },
            Some(wish) = wishes.recv() => calls.obey(wish),
            () = calls.bot.floor.turn(&calls.bot.sip) => {}
            _ = told.tick() => tracing::debug!(calls = calls.open.len(), "{}", calls.bot.counts()),
        }
    }
}

struct Calls {
    bot: Arc<Bot>,
    tasks: JoinSet<CallId>,
    open: HashMap<CallId, mpsc::Sender<Event>>,
    /// One for each who is to be called back.
    callbacks: JoinSet<()>,
    /// The one that carries campaigns out.
    campaigns: JoinSet<()>,
    /// What the owner asked for last, for these.
    wish: watch::Sender<Option<Wish>>,
    draining: bool,
}

impl Calls {
    fn obey(&mut self, wish: Wish) {
        tracing::info!(calls = self.open.len(), "no new calls");
        self.draining = true;
        self.wish.send_replace(Some(wish));
        match wish {
            Wish::Drain => {}
            Wish::End => self
                .open
                .keys()
                .for_each(|&call| self.bot.act(Action::Hangup { call, cause: None })),
        }
    }

    fn signalled(&mut self, event: Event) {
        match event {
            Event::Invited {
                call,
                from,
                to,
                source,
                trunk,
                diverted_from,
                offer,
            } => {
                tracing::debug!(%call, %source, trunk, "invited");
                let number = self.bot.next_number();
                self.invited(Invitation {
                    call,
                    number,
                    from,
                    to,
                    diverted_from,
                    source,
                    trunk,
                    offer,
                });
            }
            Event::Acknowledged { call, .. }
            | Event::Changed { call, .. }
            | Event::Refreshed { call, .. }
            | Event::Referred { call, .. }
            | Event::Joined { call, .. }
            | Event::NotJoined { call, .. }
            | Event::Progressed { call, .. }
            | Event::Answered { call, .. }
            | Event::Refused { call, .. }
            | Event::Transferred { call, .. }
            | Event::Key { call, .. }
            | Event::Ended { call, .. } => self.pass(call, event),
            Event::Registered { trunk, expires } => {
                tracing::info!(trunk, expires_s = expires.as_secs(), "registered");
            }
            Event::RegistrationFailed { trunk, code, reason } => {
                tracing::warn!(trunk, code, "registration failed: {reason}");
            }
            Event::TrunkDown { trunk, reason } => tracing::warn!(trunk, "the trunk is down: {reason}"),
            Event::TrunkUp { trunk } => tracing::info!(trunk, "the trunk is up again"),
        }
    }

    fn pass(&mut self, call: CallId, event: Event) {
        let placed = self.bot.placed().get(&call).cloned();
        let Some(open) = self.open.get(&call).or(placed.as_ref()) else {
            return;
        };
        if is_overwhelmed(open, event) {
            tracing::warn!(%call, "the call took no more events");
            self.bot.act(Action::Hangup { call, cause: None });
        }
    }

    fn invited(&mut self, invitation: Invitation) {
        let call = invitation.call;
        if let Some(why) = self.too_much() {
            tracing::warn!(calls = self.open.len(), "{why}: a call is refused");
            return incoming::turn_away(&self.bot, &invitation, Refusal::new(503, why));
        }
        let bot = Arc::clone(&self.bot);
        let (events, receiver) = mpsc::channel(EVENTS);
        self.open.insert(call, events);
        self.tasks.spawn(async move {
            incoming::run(bot, invitation, receiver).await;
            call
        });
    }

    fn call_back(&mut self, wanted: Wanted) {
        let (bot, wishes) = (Arc::clone(&self.bot), self.wish.subscribe());
        self.callbacks.spawn(calling_back::run(bot, wanted, wishes));
    }

    fn campaign(&mut self, office: Office) {
        let (bot, wishes) = (Arc::clone(&self.bot), self.wish.subscribe());
        self.campaigns.spawn(campaigns::run(bot, office, wishes));
    }

    fn are_over(&self) -> bool {
        self.open.is_empty() && self.callbacks.is_empty() && self.campaigns.is_empty()
    }

    /// Why no call is taken now.
    fn too_much(&self) -> Option<String> {
        if self.draining {
            return Some("shutting down".to_owned());
        }
        // Those that the bot makes have places too.
        if self.open.len().saturating_add(self.bot.places.dialling()) >= self.bot.most {
            return Some("at capacity".to_owned());
        }
        let strained = self.bot.strained(clock::now())?;
        Some(format!("the machine does not keep up ({strained:?})"))
    }

    fn ended(&mut self, ended: Result<CallId, tokio::task::JoinError>) {
        match ended {
            Ok(call) => drop(self.open.remove(&call)),
            Err(e) => {
                // Which call it was is found by its closed queue.
                tracing::error!("a call's task failed: {e}");
                let lost: Vec<CallId> = self
                    .open
                    .iter()
                    .filter(|(_, q)| q.is_closed())
                    .map(|(&call, _)| call)
                    .collect();
                for call in lost {
                    self.open.remove(&call);
                    self.bot.act(Action::Hangup { call, cause: None });
                }
            }
        }
    }
}

/// Whether a call has so many events before it that this one finds no room. One that is over, and whose task is about to be
/// collected, needs to be told nothing: what SIP says of a call that was refused comes then.
fn is_overwhelmed(call: &mpsc::Sender<Event>, event: Event) -> bool {
    match call.try_send(event) {
        Ok(()) | Err(TrySendError::Closed(_)) => false,
        Err(TrySendError::Full(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Ended;

    #[tokio::test]
    async fn a_call_that_is_over_is_not_one_that_takes_no_more() {
        let (call, reads) = mpsc::channel(1);
        let event = |call| Event::Ended {
            call,
            cause: Ended::ByUs,
        };
        let id = CallId(1);
        assert!(!is_overwhelmed(&call, event(id)), "there is room");
        assert!(is_overwhelmed(&call, event(id)), "nobody reads");
        drop(reads);
        assert!(!is_overwhelmed(&call, event(id)), "it was refused, and has ended");
    }
}
