//! Whom to dial next, over all campaigns, and when not to.
//!
//! [`Pacer`] is told how much room there is and what came of calls. It keeps to the lines, to the rates of campaigns and trunks, leaves room for those who
//! call us, is fair among campaigns, does not dial faster than agents can take the calls, leaves a trunk alone that is at its limit, and stops a campaign that goes
//! wrong. It does not know whether anybody may be called: [`super::permit`] is asked for each whom it names.

mod pace;
mod trunk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::pace::{Call, Crowd, Motion, Pace};
use self::trunk::{Health, Rate};
use super::book::{Book, ContactId, Entry, Hours, Lane};
use super::outcome::{Outcome, Reach};
use super::retry::Then;
use super::tally::Share;
use crate::dialplan::campaign::{Breaker, Campaign, PacingMode};

/// What holds for all campaigns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once.
    pub lines: u32,
    /// Places that are left for those who call us.
    pub reserve: u32,
}

/// How a campaign is paced.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub mode: Mode,
    /// Calls at once.
    pub max_calls: u32,
    pub calls_per_second: f64,
    pub breaker: Option<Breaker>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// The bot alone talks.
    Agentless,
    /// A call for each agent who is free.
    Progressive,
    /// More than that, as far as no more than this share (0 to 1) of those who answer find nobody.
    Predictive { cap: f64 },
}

/// What is outside, at this moment.
#[derive(Clone, Debug)]
pub struct World {
    pub now: Instant,
    pub wall: Timestamp,
    /// Calls that the bot has room for, whoever places them: those under way not counted.
    pub places: u32,
    /// Those that answer; the first that has room is taken.
    pub trunks: Vec<Trunk>,
    /// Campaigns whose `hold_if` holds.
    pub held: BTreeSet<String>,
    /// Of campaigns whose calls are for agents; none for one that is not there.
    pub agents: BTreeMap<String, Agents>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub name: String,
    pub calls_per_second: Option<u32>,
    /// Channels that it has left; none: it does not count them.
    pub free: Option<u32>,
}

/// The agents who can take a campaign's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agents {
    /// With no call, not rung, at work, and wanted by none of those who wait in the queues.
    pub free: u32,
    /// With a call, or writing about one: who will be free sooner or later.
    pub busy: u32,
    /// Of those who wait in the queues, for how many nobody is free.
    pub short: u32,
    /// Where they wait for calls: campaigns that have one in common have their agents in common.
    pub queues: BTreeSet<String>,
}

/// Who is to be dialled. The line counts as in use from now on, until [`Pacer::ended`] or [`Pacer::refused`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    pub campaign: String,
    pub contact: ContactId,
    /// The digits of E.164.
    pub number: u64,
    pub lane: Lane,
    pub trunk: String,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A person answered.
    Human,
    /// Something else did: no agent is needed.
    Machine,
    /// The desk has it: in a queue, which [`Agents::free`] and [`Agents::short`] tell of, or with an agent. If it comes back from there it is `Human` again.
    WithAgent,
}

/// A campaign was stopped by its breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// Such as "`failed_rate > 0.5` holds over the last 120 s: failed_rate is 0.55, of 11 calls".
    pub why: String,
    /// Whom the plan wants told.
    pub alert: Option<String>,
}

/// When a contact is to be called again, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    pub due: Timestamp,
    pub lane: Lane,
}

impl Again {
    /// What [`super::retry`] says of it.
    pub fn of(then: &Then) -> Option<Self> {
        let (due, lane) = match then {
            Then::Due(due) => (*due, Lane::Attempt),
            Then::Appointment(due) => (*due, Lane::Appointment),
            Then::Closed(_) => return None,
        };
        Some(Self { due, lane })
    }
}

pub struct Pacer<H> {
    limits: Limits,
    campaigns: BTreeMap<String, Pace<H>>,
    trunks: BTreeMap<String, Line>,
    /// To which a call is under way: nobody is dialled twice at once, whichever campaigns want them.
    numbers: BTreeSet<u64>,
    /// The turn of the last call, against which campaigns are compared that had nobody to dial for a while (start-time fair queueing).
    turn: u64,
}

/// A trunk, as far as calls of campaigns go.
#[derive(Default)]
struct Line {
    rate: Rate,
    health: Health,
}

/// Somebody whose number is on the line is looked at again after this.
const ENGAGED: Duration = Duration::from_secs(60);
/// So many of these at once, and the next time more.
const LOOKS: usize = 100;

impl Rules {
    pub fn of(campaign: &Campaign) -> Self {
        Self {
            mode: match campaign.pacing.mode {
                PacingMode::Agentless => Mode::Agentless,
                PacingMode::Progressive => Mode::Progressive,
                PacingMode::Predictive => Mode::Predictive {
                    cap: campaign.pacing.abandon_cap,
                },
            },
            max_calls: campaign.pacing.max_calls,
            calls_per_second: campaign.pacing.calls_per_second,
            breaker: campaign.breaker.clone(),
        }
    }
}

impl<H: Hours + Clone + Eq + Hash> Pacer<H> {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            campaigns: BTreeMap::new(),
            trunks: BTreeMap::new(),
            numbers: BTreeSet::new(),
            turn: 0,
        }
    }

    /// After a change of the configuration.
    #[cfg(test)]
    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// A campaign of the plan, halted and with nobody in its book; one that is there already keeps all but its rules.
    pub fn enter(&mut self, campaign: &str, rules: Rules) {
        match self.campaigns.get_mut(campaign) {
            Some(pace) => pace.set_rules(rules),
            None => {
                self.campaigns.insert(campaign.to_owned(), Pace::new(rules));
            }
        }
    }

    /// The plan has it no more: nobody else is dialled for it. What it has under way counts until it ends.
    pub fn leave(&mut self, campaign: &str) {
        if let Some(pace) = self.campaigns.get_mut(campaign) {
            pace.leave();
        }
        self.campaigns.retain(|_, pace| !pace.is_over());
    }

    /// It dials from now on. A breaker that stopped it begins to count anew.
    pub fn start(&mut self, campaign: &str) {
        if let Some(pace) = self.campaigns.get_mut(campaign) {
            pace.start();
        }
    }

    /// It dials nobody else.
    pub fn halt(&mut self, campaign: &str) {
        if let Some(pace) = self.campaigns.get_mut(campaign) {
            pace.halt();
        }
    }

    /// Its contacts: to put in, move and remove those who wait.
    pub fn book(&mut self, campaign: &str) -> Option<&mut Book<H>> {
        Some(&mut self.campaigns.get_mut(campaign)?.book)
    }

    /// Somebody is to be called no more; what they waited for. With whom a call is under way is not called again after it, whatever [`Self::ended`] is told.
    pub fn remove(&mut self, campaign: &str, contact: ContactId) -> Option<Entry> {
        self.book(campaign)?.remove(contact)
    }

    /// What the store knows of calls that were dialled on the day that `at` is in, by the calendar of UTC. At the start, for each of the last
    /// [`super::tally::DAYS`].
    pub fn restore(&mut self, campaign: &str, at: Timestamp, share: Share) {
        if let Some(pace) = self.campaigns.get_mut(campaign) {
            pace.abandonment.restore(at, share);
        }
    }

    /// Of the last [`super::tally::DAYS`] days.
    pub fn abandoned(&self, campaign: &str, now: Timestamp) -> Share {
        let pace = self.campaigns.get(campaign);
        pace.map_or(Share::default(), |pace| pace.abandonment.lately(now))
    }

    /// Whom to dial now. To be asked until it names nobody, each time with the world as the call before has made it.
    pub fn next(&mut self, world: &World) -> Option<Dial> {
        if !self.has_room(world) {
            return None;
        }
        let trunk = world.trunks.iter().find(|trunk| {
            let line = self.trunks.get(&trunk.name);
            trunk.free != Some(0) && line.is_none_or(|line| line.ready(world.now).is_none())
        })?;
        let (name, contact, entry) = self.choose(world)?;
        let pace = self.campaigns.get_mut(&name)?;
        let hours = pace.book.hours_of(entry.hours)?.clone();
        let turn = pace.turn.max(self.turn);
        self.turn = turn;
        pace.turn = turn + 1;
        let line = self.trunks.entry(trunk.name.clone()).or_default();
        line.health.dialled(world.now);
        self.numbers.insert(entry.number);
        let call = Call {
            number: entry.number,
            hours,
            dialled: world.now,
            at: world.wall,
            motion: Motion::Dialled,
            trunk: trunk.name.clone(),
            taken: (
                pace.rate.take(world.now, pace.rules.calls_per_second),
                trunk
                    .calls_per_second
                    .map(|rate| line.rate.take(world.now, f64::from(rate))),
            ),
        };
        pace.calls.insert(contact, call);
        Some(Dial {
            campaign: name,
            contact,
            number: entry.number,
            lane: entry.lane,
            trunk: trunk.name.clone(),
        })
    }

    /// Whose turn it is, and the first in their book; an appointment anywhere goes before attempts everywhere.
    fn choose(&mut self, world: &World) -> Option<(String, ContactId, Entry)> {
        let able = self.able(world);
        for _ in 0..LOOKS {
            let turns = self.campaigns.iter_mut().filter_map(|(name, pace)| {
                let is_free = able.contains(name) && pace.rate.ready(world.now).is_none();
                let lane = is_free.then(|| pace.book.first(world.wall)).flatten()?;
                Some((lane, pace.turn, name))
            });
            let (_, _, name) = turns.min()?;
            let name = name.clone();
            let pace = self.campaigns.get_mut(&name)?;
            let (contact, entry) = pace.book.take(world.wall)?;
            if !self.numbers.contains(&entry.number) {
                return Some((name, contact, entry));
            }
            let due = pace::later(world.wall, ENGAGED);
            pace.book.settle(contact, Some(Entry { due, ..entry }));
        }
        None
    }

    /// The campaigns that may dial, but for their rates and whom.
    fn able(&self, world: &World) -> BTreeSet<String> {
        let able = self.campaigns.iter().filter(|(name, pace)| {
            pace.is_able(name, world)
                && match pace.rules.mode {
                    Mode::Agentless => true,
                    Mode::Progressive => self.crowd(name, world).scene.has_agent(),
                    Mode::Predictive { cap } => {
                        let crowd = self.crowd(name, world);
                        crowd.scene.may_dial(&pace.habits, crowd.cap.min(cap), crowd.shares)
                    }
                }
        });
        able.map(|(name, _)| name.clone()).collect()
    }

    /// The calls for which a campaign's agents are wanted, whichever campaigns they are of, and how these have fared.
    fn crowd(&self, campaign: &str, world: &World) -> Crowd {
        let mut crowd = Crowd::default();
        let own = world.agents.get(campaign);
        if let Some(own) = own {
            (crowd.scene.free, crowd.scene.busy, crowd.scene.short) = (own.free, own.busy, own.short);
        }
        for (name, pace) in &self.campaigns {
            let both = own.zip(world.agents.get(name));
            let is_near = name == campaign || both.is_some_and(|(own, other)| !own.queues.is_disjoint(&other.queues));
            if is_near && pace.rules.mode != Mode::Agentless {
                pace.join(&mut crowd, world.wall);
            }
        }
        crowd
    }

    /// How many of the calls under way that want a campaign's agents would find none if all were answered at once: 0 where the bot alone talks. The call that
    /// [`Self::next`] has named is among them.
    pub fn at_risk(&self, campaign: &str, world: &World) -> u32 {
        match self.campaigns.get(campaign).map(|pace| pace.rules.mode) {
            Some(Mode::Progressive | Mode::Predictive { .. }) => self.crowd(campaign, world).scene.at_risk(),
            Some(Mode::Agentless) | None => 0,
        }
    }

    /// When [`Self::next`] may name somebody though nothing happens until then but that time passes; to be asked when it named nobody.
    pub fn poll_timeout(&mut self, world: &World) -> Option<Instant> {
        if !self.has_room(world) {
            return None;
        }
        let now = world.now;
        let trunks = world.trunks.iter().filter(|trunk| trunk.free != Some(0));
        let trunk = trunks.map(|trunk| {
            self.trunks
                .get(&trunk.name)
                .and_then(|line| line.ready(now))
                .unwrap_or(now)
        });
        let trunk = trunk.min()?;
        let able = self.able(world);
        let campaigns = self.campaigns.iter_mut().filter_map(|(name, pace)| {
            if !able.contains(name) {
                return None;
            }
            let wait = pace.book.next(world.wall)?.duration_since(world.wall);
            let due = now.checked_add(Duration::try_from(wait).unwrap_or_default())?;
            Some(due.max(pace.rate.ready(now).unwrap_or(now)))
        });
        Some(campaigns.min()?.max(trunk))
    }

    /// How far a call has come: at once where agents take the calls.
    pub fn told(&mut self, now: Instant, campaign: &str, contact: ContactId, progress: Progress) {
        let Some(pace) = self.campaigns.get_mut(campaign) else {
            return;
        };
        if let Some((trunk, dialled)) = pace.told(now, contact, progress)
            && let Some(line) = self.trunks.get_mut(&trunk)
        {
            line.health.ended(now, dialled, Reach::Answered);
        }
    }

    /// Nobody was dialled after all, since the permit was refused or the call could not be placed: it counts for nothing but the campaign's turn, so that one
    /// whose contacts are all refused keeps no other waiting.
    pub fn refused(&mut self, campaign: &str, contact: ContactId, again: Option<Again>) {
        let Some(pace) = self.campaigns.get_mut(campaign) else {
            return;
        };
        let Some(call) = pace.calls.remove(&contact) else {
            return;
        };
        pace.rate.give_back(call.taken.0);
        pace.settle(contact, &call, again);
        if let Some(line) = self.trunks.get_mut(&call.trunk) {
            line.health.not_dialled(call.dialled);
            if let Some(before) = call.taken.1 {
                line.rate.give_back(before);
            }
        }
        self.freed(call.number, campaign);
    }

    /// A call is over, and the contact is to be called `again`, or not; some if the campaign's breaker halts it now. Nothing where no call is under way
    /// with them.
    pub fn ended(
        &mut self,
        world: &World,
        campaign: &str,
        contact: ContactId,
        outcome: &Outcome,
        again: Option<Again>,
    ) -> Option<Tripped> {
        let pace = self.campaigns.get_mut(campaign)?;
        let call = pace.calls.remove(&contact)?;
        pace.settle(contact, &call, again);
        let tripped = pace.ended(world.now, &call, outcome);
        if let Some(line) = self.trunks.get_mut(&call.trunk) {
            line.health.ended(world.now, call.dialled, outcome.reach);
        }
        self.freed(call.number, campaign);
        tripped
    }

    /// Calls under way.
    pub fn calls(&self, campaign: &str) -> usize {
        self.campaigns.get(campaign).map_or(0, |pace| pace.calls.len())
    }

    /// Trunks that are left alone, and for how long, since they said that they are at their limit.
    pub fn resting(&self, now: Instant) -> impl Iterator<Item = (&str, Duration)> {
        let lines = self.trunks.iter();
        lines.filter_map(move |(name, line)| Some((name.as_str(), line.health.resting(now)?)))
    }

    fn freed(&mut self, number: u64, campaign: &str) {
        self.numbers.remove(&number);
        if self.campaigns.get(campaign).is_some_and(Pace::is_over) {
            self.campaigns.remove(campaign);
        }
    }

    fn has_room(&self, world: &World) -> bool {
        let calls = self.campaigns.values().map(|pace| pace.calls.len()).sum::<usize>();
        world.places > self.limits.reserve && calls < self.limits.lines as usize
    }
}

impl Line {
    /// When a call may go out by it, none: now.
    fn ready(&self, now: Instant) -> Option<Instant> {
        self.rate.ready(now).max(self.health.ready(now))
    }
}
