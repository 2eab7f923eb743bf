//! What was wished of campaigns and written for them since it was last looked: states, contacts, lists; and a plan that is another.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Own, Runner, Started};
use crate::campaign::book::{ContactId, Entry, Lane};
use crate::campaign::hours::Whenever;
use crate::campaign::pacer::Rules;
use crate::campaign::tally::{DAYS, Share};
use crate::campaign::{Opening, Whereabouts};
use crate::clock;
use crate::dialplan::Plan;
use crate::dialplan::campaign::Campaign;
use crate::engine::load::Script;
use crate::store;
use crate::store::campaigns::{Mark, State, Waiting};

/// Contacts that are read at once: a few milliseconds of work.
const PAGE: u32 = 1_000;
/// Why a contact is closed of whom the row cannot be used.
const UNREADABLE: &str = "unreadable";

impl Runner {
    /// All of it, but for events that come in a burst: whether they are heeded too. It is cheap where nothing was written since.
    pub(super) async fn follow(&mut self) -> Result<bool, store::Error> {
        self.write().await?;
        let script = self.bot.script();
        if self.started == Started::No || !Arc::ptr_eq(&script, &self.script) {
            self.take_up(script).await?;
        }
        if self.started == Started::No {
            self.end_interrupted().await?;
            self.started = Started::Yes;
        }
        let changes = self.office.store.change_counter().await?;
        if self.changes == Some(changes) {
            return Ok(true);
        }
        self.obey_states().await?;
        self.lists = self.office.store.do_not_call_names().await?;
        let heeded = self.heed_events().await?;
        self.read_contacts().await?;
        self.changes = heeded.then_some(changes);
        Ok(heeded)
    }

    /// The campaigns of this plan from now on. Calls under way keep the one that they began with.
    async fn take_up(&mut self, script: Arc<Script>) -> Result<(), store::Error> {
        let plan = Arc::clone(&script.plan);
        let mut before = std::mem::take(&mut self.campaigns);
        for campaign in plan.campaigns.values() {
            let rules = Rules::of(campaign);
            match before.remove(&campaign.name) {
                // Who may be called when, and who is known, are as they were.
                Some(own) if self.is_same(campaign) => {
                    self.pacer.enter(&campaign.name, rules);
                    let own = Own {
                        queues: queues(&plan, campaign),
                        disclosed: discloses(&plan, campaign),
                        ..own
                    };
                    self.campaigns.insert(campaign.name.clone(), own);
                }
                Some(_) => {
                    self.pacer.leave(&campaign.name);
                    self.enter(&plan, campaign).await?;
                }
                None => self.enter(&plan, campaign).await?,
            }
        }
        for gone in before.into_keys() {
            self.pacer.leave(&gone);
        }
        self.script = script;
        self.changes = None;
        Ok(())
    }

    async fn enter(&mut self, plan: &Plan, campaign: &Campaign) -> Result<(), store::Error> {
        let Some(window) = &campaign.window else {
            return Ok(());
        };
        self.pacer.enter(&campaign.name, Rules::of(campaign));
        let own = Own {
            opening: Arc::new(Opening::new(window, &self.office.closed, self.office.home.clone())),
            queues: queues(plan, campaign),
            disclosed: discloses(plan, campaign),
            state: State::Stopped,
            read: None,
            held: None,
        };
        self.campaigns.insert(campaign.name.clone(), own);
        self.remember_abandoned(&campaign.name).await
    }

    /// Whether the plan before this one had the same campaign, as far as its book goes.
    fn is_same(&self, campaign: &Campaign) -> bool {
        let before = self.script.plan.campaigns.get(&campaign.name);
        before.is_some_and(|before| before.window == campaign.window)
    }

    /// What is known of the last days of a campaign, for the share of calls that nobody spoke in.
    async fn remember_abandoned(&mut self, campaign: &str) -> Result<(), store::Error> {
        let today = clock::wall();
        let mut later = (0, 0);
        for ago in 0..DAYS as i64 {
            let day = today.as_second().div_euclid(86_400).saturating_sub(ago);
            let since = Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or(Timestamp::MIN);
            let (abandoned, answered) = self.office.store.abandoned_share(campaign, since).await?;
            let share = Share {
                abandoned: abandoned.saturating_sub(later.0),
                answered: answered.saturating_sub(later.1),
            };
            later = (abandoned, answered);
            if share.answered > 0 {
                self.pacer.restore(campaign, since, share);
            }
        }
        Ok(())
    }

    async fn obey_states(&mut self) -> Result<(), store::Error> {
        let wished = self.office.store.campaign_states().await?;
        let wished: BTreeMap<String, State> = wished.into_iter().map(|one| (one.name, one.state)).collect();
        for (name, own) in &mut self.campaigns {
            let state = wished.get(name).copied().unwrap_or(State::Stopped);
            if state == own.state {
                continue;
            }
            own.state = state;
            match state {
                State::Running => self.pacer.start(name),
                State::Paused | State::Stopped => self.pacer.halt(name),
            }
            tracing::info!(campaign = name, "the campaign is {state}");
        }
        Ok(())
    }

    /// Who was added or changed; at the beginning, all.
    async fn read_contacts(&mut self) -> Result<(), store::Error> {
        let names: Vec<String> = self.campaigns.keys().cloned().collect();
        for name in names {
            let read = self.campaigns.get(&name).and_then(|own| own.read);
            let Some(mut mark) = read else {
                self.read_all(&name).await?;
                continue;
            };
            loop {
                let rows = self.office.store.changed_contacts(&name, mark, PAGE).await?;
                let Some(last) = rows.last().map(Mark::behind) else {
                    break;
                };
                for row in &rows {
                    self.put(&name, row).await?;
                }
                mark = last;
                self.mark(&name, mark);
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn read_all(&mut self, name: &str) -> Result<(), store::Error> {
        let (began, changes) = (clock::now(), self.office.store.change_counter().await?);
        let (mut after, mut count) = (0, 0_usize);
        loop {
            let rows = self.office.store.open_contacts(name, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            count += rows.len();
            for row in &rows {
                self.put(name, row).await?;
            }
            tokio::task::yield_now().await;
        }
        self.mark(name, Mark::at(changes));
        if count > 0 {
            let took = clock::now().saturating_duration_since(began);
            tracing::info!(campaign = name, contacts = count, "read in {:.1} s", took.as_secs_f64());
        }
        Ok(())
    }

    fn mark(&mut self, name: &str, mark: Mark) {
        if let Some(own) = self.campaigns.get_mut(name) {
            own.read = Some(mark);
        }
    }

    /// A contact is as the row says.
    async fn put(&mut self, campaign: &str, row: &Waiting) -> Result<(), store::Error> {
        let contact = ContactId(row.id);
        if row.closed || row.held_out {
            self.pacer.remove(campaign, contact);
            return Ok(());
        }
        // Whoever is on the line comes back with what follows.
        let Some(own) = self
            .campaigns
            .get(campaign)
            .filter(|_| !self.open.contains_key(&contact))
        else {
            return Ok(());
        };
        let whereabouts = match Whereabouts::of(row.number, row.zone.as_deref()) {
            Ok(whereabouts) => whereabouts,
            Err(why) => {
                tracing::error!(campaign, contact = row.id, "nobody can be called by this row: {why}");
                let store = &self.office.store;
                let Some(known) = store.contact(row.id).await? else {
                    return Ok(());
                };
                let at = clock::wall();
                let told = self.told_closed(campaign, &known.key, UNREADABLE, None, at);
                store.close_contact(row.id, at, UNREADABLE, &told).await?;
                return Ok(());
            }
        };
        let whenever = Whenever {
            opening: Arc::clone(&own.opening),
            whereabouts,
        };
        let Some(book) = self.pacer.book(campaign) else {
            return Ok(());
        };
        let hours = book.hours(&whenever);
        let (due, lane) = match row.appointment {
            Some(at) => (at, Lane::Appointment),
            None => (row.due, Lane::Attempt),
        };
        let number = row.number.digits();
        book.put(
            contact,
            Entry {
                number,
                due,
                lane,
                hours,
            },
        );
        Ok(())
    }
}

fn queues(plan: &Plan, campaign: &Campaign) -> Vec<String> {
    plan.queues_from(&campaign.flow)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn discloses(plan: &Plan, campaign: &Campaign) -> bool {
    let assistant = plan.assistants.get(&campaign.assistant);
    assistant.is_some_and(|assistant| assistant.disclosure.is_some())
}

/// `at` and so much later.
pub(super) fn later(at: Timestamp, by: std::time::Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
