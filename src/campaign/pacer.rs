//! Whom to dial next, over all campaigns, and when not to.
//!
//! [`Pacer`] is told how much room there is and what came of calls. It keeps to the lines, to the rates of campaigns and trunks, leaves room for those who
//! call us, is fair among campaigns, does not dial faster than agents can take the calls, leaves a trunk alone that is at its limit, and stops a campaign that goes
//! wrong. It does not know whether anybody may be called: [`super::permit`] is asked for each whom it names.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::book::{Book, ContactId, Entry, Hours, Lane};
use super::outcome::Outcome;
use super::tally::{Abandonment, Share, Tally};
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
    /// Of campaigns whose calls are for agents.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agents {
    /// With no call, not rung, and at work.
    pub free: u32,
    /// With a call, or writing about one: who will be free sooner or later.
    pub busy: u32,
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
    /// An agent is on the line, or rung for it: none of those who are free is kept for it any more.
    WithAgent,
}

/// A campaign was stopped by its breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// Such as `failed_rate > 0.5: 7 of 12 calls failed`.
    pub why: String,
    /// Whom the plan wants told.
    pub alert: Option<String>,
}

/// What is told of a contact after a call: the next time, or nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    pub due: Timestamp,
    pub lane: Lane,
}

pub struct Pacer<H> {
    limits: Limits,
    campaigns: BTreeMap<String, Pace<H>>,
}

struct Pace<H> {
    rules: Rules,
    book: Book<H>,
    abandonment: Abandonment,
    tally: Option<Tally>,
}

impl Rules {
    pub fn of(campaign: &Campaign) -> Self {
        Self {
            mode: match campaign.pacing.mode {
                PacingMode::Agentless => Mode::Agentless,
                PacingMode::Progressive => Mode::Progressive,
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
        }
    }

    /// After a change of the configuration.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// A campaign of the plan, halted and with nobody in its book; one that is there already keeps all but its rules.
    pub fn enter(&mut self, campaign: &str, rules: Rules) {
        let tally = rules.breaker.as_ref().map(|breaker| Tally::new(breaker.window));
        match self.campaigns.get_mut(campaign) {
            Some(pace) => pace.rules = rules,
            None => {
                let pace = Pace {
                    rules,
                    book: Book::default(),
                    abandonment: Abandonment::default(),
                    tally,
                };
                self.campaigns.insert(campaign.to_owned(), pace);
            }
        }
    }

    /// The plan has it no more: nobody else is dialled for it. What it has under way counts against the lines until it ends.
    pub fn leave(&mut self, campaign: &str) {
        self.campaigns.remove(campaign);
    }

    /// It dials from now on. A breaker that stopped it begins anew.
    pub fn start(&mut self, campaign: &str) {
        let _ = campaign;
    }

    /// It dials nobody else.
    pub fn halt(&mut self, campaign: &str) {
        let _ = campaign;
    }

    /// Its contacts: to put in, move and remove those who wait. Whom a call is under way with is not there.
    pub fn book(&mut self, campaign: &str) -> Option<&mut Book<H>> {
        Some(&mut self.campaigns.get_mut(campaign)?.book)
    }

    /// Somebody is to be called no more. Whom a call is under way with is not put back after it, whatever [`Self::ended`] is told.
    pub fn remove(&mut self, campaign: &str, contact: ContactId) -> Option<Entry> {
        self.book(campaign)?.remove(contact)
    }

    /// What the store knows of the day that `at` is in, at the start.
    pub fn restore(&mut self, campaign: &str, at: Timestamp, share: Share) {
        if let Some(pace) = self.campaigns.get_mut(campaign) {
            pace.abandonment.restore(at, share);
        }
    }

    /// Of the last 30 days.
    pub fn abandoned(&self, campaign: &str, now: Timestamp) -> Share {
        let pace = self.campaigns.get(campaign);
        pace.map_or(Share::default(), |pace| pace.abandonment.lately(now))
    }

    /// Whom to dial now. Asked again until it names nobody, with the world as it has become.
    pub fn next(&mut self, world: &World) -> Option<Dial> {
        let _ = (world, self.limits);
        None
    }

    /// When [`Self::next`] may name somebody if nothing else happens.
    pub fn poll_timeout(&mut self, world: &World) -> Option<Instant> {
        let _ = world;
        None
    }

    pub fn told(&mut self, now: Instant, campaign: &str, contact: ContactId, progress: Progress) {
        let _ = (now, campaign, contact, progress);
    }

    /// The permit was refused, and nobody was dialled: nothing of it counts.
    pub fn refused(&mut self, campaign: &str, contact: ContactId, again: Option<Again>) {
        let _ = (campaign, contact, again);
    }

    /// A call is over.
    pub fn ended(
        &mut self,
        world: &World,
        campaign: &str,
        contact: ContactId,
        outcome: &Outcome,
        again: Option<Again>,
    ) -> Option<Tripped> {
        let _ = (world, contact, again);
        let pace = self.campaigns.get_mut(campaign)?;
        pace.abandonment.add(world.wall, outcome);
        pace.tally.as_mut()?.add(world.now, outcome);
        None
    }

    /// Calls under way.
    pub fn calls(&self, campaign: &str) -> usize {
        let _ = campaign;
        0
    }

    /// A trunk that is left alone, and until when: it said that it is at its limit.
    pub fn resting(&self, now: Instant) -> impl Iterator<Item = (&str, Duration)> {
        let _ = (now, self);
        std::iter::empty()
    }
}
