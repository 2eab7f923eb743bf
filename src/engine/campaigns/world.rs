//! What is outside of campaigns at this moment, as the pacer wants to know it: room, trunks, queues, agents.

use std::collections::{BTreeMap, BTreeSet};

use super::Runner;
use crate::campaign::pacer::{Agents, Trunk, World};
use crate::campaign::permit::Abandonment;
use crate::clock;
use crate::dialplan::Facts;
use crate::dialplan::campaign::{Campaign, PacingMode};
use crate::sip::{CallerId, Room};

impl Runner {
    pub(super) fn world(&self) -> World {
        let (now, wall) = (clock::now(), clock::wall());
        // Where those who run suffer already, nobody is called.
        let strained = self.bot.is_strained(now);
        World {
            now,
            wall,
            places: if strained { 0 } else { count(self.bot.places.free()) },
            trunks: self.trunks(),
            held: self.held(),
            agents: self.agents(),
        }
    }

    fn trunks(&self) -> Vec<Trunk> {
        // Who is called must see who calls.
        let trunks = self.bot.sip.trunks();
        let shown = trunks.filter(|(trunk, _)| trunk.caller_id != CallerId::Withheld);
        let up = shown.filter_map(|(trunk, room)| match room {
            Room::Down => None,
            Room::Up(free) => Some(Trunk {
                name: trunk.name.clone(),
                calls_per_second: trunk.calls_per_second,
                free: free.map(count),
            }),
        });
        up.collect()
    }

    /// Campaigns that call nobody for now: the plan says so, or too many had nobody to speak with.
    fn held(&self) -> BTreeSet<String> {
        let now = clock::now();
        let facts = Facts {
            queues: self.bot.floor.loads(&self.script.plan.asked_queues),
            ..Facts::of_nobody(clock::wall())
        };
        let is_held = |campaign: &&Campaign| {
            let hold = campaign.pacing.hold_if.as_ref();
            let own = self.campaigns.get(&campaign.name);
            hold.is_some_and(|hold| hold.holds(&|name| facts.value(&self.script.plan, name)))
                || own.is_none_or(|own| own.held.is_some_and(|until| until > now))
        };
        let held = self.script.plan.campaigns.values().filter(is_held);
        held.map(|campaign| campaign.name.clone()).collect()
    }

    /// Of those whose calls are for agents.
    fn agents(&self) -> BTreeMap<String, Agents> {
        let paced = self
            .script
            .plan
            .campaigns
            .values()
            .filter(|campaign| is_for_agents(campaign));
        let agents = paced.filter_map(|campaign| {
            let own = self.campaigns.get(&campaign.name)?;
            let queues: Vec<&str> = own.queues.iter().map(String::as_str).collect();
            let hands = self.bot.floor.hands(&queues);
            let agents = Agents {
                free: count(hands.free),
                busy: count(hands.busy),
                short: count(hands.short),
                queues: own.queues.iter().cloned().collect(),
            };
            Some((campaign.name.clone(), agents))
        });
        agents.collect()
    }

    /// Whether somebody is sure to speak with who answers one more call of a campaign; and how those stand who were not sure of it.
    pub(super) fn attended(&self, campaign: &Campaign) -> (bool, Abandonment) {
        let share = self.pacer.abandoned(&campaign.name, clock::wall());
        // Where the bot speaks nobody is at risk; where agents do, the one to be dialled may be the last of those who are.
        let at_risk = self.pacer.at_risk(&campaign.name, &self.world());
        let abandonment = Abandonment {
            abandoned: share.abandoned,
            answered: share.answered,
            at_risk: u64::from(at_risk).saturating_sub(1),
        };
        (at_risk == 0, abandonment)
    }
}

fn is_for_agents(campaign: &Campaign) -> bool {
    match campaign.pacing.mode {
        PacingMode::Agentless => false,
        PacingMode::Progressive | PacingMode::Predictive => true,
    }
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
