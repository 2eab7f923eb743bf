//! Somebody is dialled: what is known of them is read anew, whether they may be called is asked, the answer is sealed, the attempt written down, and only then
//! the network asked.
//!
//! One after the other, so that what is decided for one is known when the next is.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::ending::{congested, counted};
use super::following::later;
use super::{AT_ONCE, Open, REST, Runner, SOON, Started};
use crate::campaign::book::ContactId;
use crate::campaign::pacer::{Again, Dial};
use crate::campaign::permit::{self, Lasts, Permit, Refusal};
use crate::campaign::{Number, Whereabouts};
use crate::clock;
use crate::dialplan::campaign::Campaign;
use crate::engine::leg::placed::{Placing, Step, place};
use crate::engine::letters::letter_box;
use crate::store;
use crate::store::campaigns::{ContactRow, Known, NewAttempt, NotBegun, State};

/// How long somebody is let ring: five rings or six, before most machines answer for them.
const RING: Duration = Duration::from_secs(30);
/// A campaign that nobody may be called for now is left alone for so long.
const HELD: Duration = Duration::from_secs(10);
/// After what keeps it from calling anybody, and will until somebody changes something.
const A_MINUTE: Duration = Duration::from_secs(60);

/// Where as many calls were placed today as may be.
const A_QUARTER: Duration = Duration::from_secs(15 * 60);

impl Runner {
    /// Dials who may be dialled now, a few at most.
    pub(super) async fn dial(&mut self) {
        for _ in 0..AT_ONCE {
            if self.started == Started::No || self.is_resting() {
                return;
            }
            let world = self.world();
            let Some(dial) = self.pacer.next(&world) else { return };
            if let Err(e) = self.attempt(&dial).await {
                self.again(&dial, later(clock::wall(), REST));
                self.rest(&e);
            }
        }
    }

    async fn attempt(&mut self, dial: &Dial) -> Result<(), store::Error> {
        let plan = Arc::clone(&self.script.plan);
        let Some(campaign) = plan.campaigns.get(&dial.campaign) else {
            self.pacer.refused(&dial.campaign, dial.contact, None);
            return Ok(());
        };
        let known = self.known(dial.contact).await?.and_then(|mut known| {
            let whereabouts = known.whereabouts.take()?;
            Some((known, whereabouts))
        });
        let Some((known, whereabouts)) = known else {
            self.pacer.refused(&dial.campaign, dial.contact, None);
            return Ok(());
        };
        let Some(own) = self.campaigns.get(&campaign.name) else {
            self.pacer.refused(&dial.campaign, dial.contact, None);
            return Ok(());
        };
        let (attended, abandonment) = self.attended(campaign);
        let number = known.contact.number.to_string();
        let facts = permit::Facts {
            campaign,
            opening: &own.opening,
            running: own.state == State::Running,
            disclosed: own.disclosed,
            contact: known.contact.id,
            standing: known.contact.standing(),
            number: known.contact.number,
            whereabouts: &whereabouts,
            proof: known.contact.proof.as_deref(),
            appointment: known.contact.appointment,
            listed: &known.listed,
            lists: &self.lists,
            calls: &known.calls,
            quiet_gap: self.office.quiet_gap,
            destination: self.bot.sip.may_dial(&number, true).is_ok(),
            attended,
            abandonment,
        };
        let at = clock::wall();
        let answer = permit::permit(at, &facts);
        let sealed = permit::record(&facts, &answer);
        match answer {
            Ok(_) if self.bot.sip.may_dial_now(&number, true).is_err() => {
                tracing::warn!(
                    campaign = campaign.name,
                    "today's calls are used up: see `outbound` of the configuration"
                );
                self.again(dial, later(at, A_QUARTER));
                Ok(())
            }
            Ok(permit) => self.begin(campaign, dial, (known, whereabouts), (permit, sealed)).await,
            Err(refusal) => {
                self.office.store.audit_append(at, &sealed).await?;
                self.refused(campaign, dial, &known.contact, &refusal).await
            }
        }
    }

    /// What is known of a contact at this moment; none: there is no such contact.
    pub(super) async fn known(&self, contact: ContactId) -> Result<Option<Known>, store::Error> {
        let store = &self.office.store;
        let Some(contact) = store.contact(contact.0).await? else {
            return Ok(None);
        };
        let known = store.known(vec![contact], self.office.quiet_gap, clock::wall()).await?;
        Ok(known.into_iter().next())
    }

    /// The attempt is made.
    async fn begin(
        &mut self,
        campaign: &Campaign,
        dial: &Dial,
        (known, whereabouts): (Known, Whereabouts),
        (permit, sealed): (Permit, serde_json::Value),
    ) -> Result<(), store::Error> {
        let Some(room) = self.bot.places.take_to_dial(self.office.limits.reserve as usize) else {
            self.again(dial, later(clock::wall(), SOON));
            return Ok(());
        };
        let (record, dialled) = (self.bot.next_record(), clock::wall());
        let attempt = NewAttempt {
            contact: known.contact.id,
            trunk: Some(dial.trunk.clone()),
            at: dialled,
            call: record.id.clone(),
            audit: sealed,
        };
        let begun = match self.office.store.begin_attempt(&attempt).await? {
            Ok(begun) => begun,
            Err(why) => {
                tracing::info!(
                    campaign = campaign.name,
                    contact = known.contact.key,
                    "not dialled after all: {why}"
                );
                match why {
                    // What it is now is read with the changes.
                    NotBegun::Closed | NotBegun::UnderWay | NotBegun::DoNotCall => {
                        self.pacer.refused(&dial.campaign, dial.contact, None);
                    }
                    NotBegun::Stopped => self.again(dial, dialled),
                }
                if why == NotBegun::DoNotCall {
                    self.close(campaign, &known.contact, crate::campaign::retry::OPTED_OUT)
                        .await?;
                }
                return Ok(());
            }
        };
        let letters = letter_box();
        let told = letters.0.clone();
        let (contact, call) = (dial.contact, record.id.clone());
        let placing = Placing {
            start: self.start(campaign, (&known.contact, &whereabouts), &record, begun.n),
            permit,
            record,
            trunk: Some(dial.trunk.clone()),
            ring: RING,
            place: room,
            letters,
            wishes: self.wishes.clone(),
            progress: self.progress_of(contact, known.contact.number, call.clone()),
        };
        let task = self.calls.spawn(place(Arc::clone(&self.bot), placing));
        self.tasks.insert(task.id(), contact);
        let open = Open {
            attempt: begun.id,
            key: known.contact.key,
            number: known.contact.number,
            whereabouts,
            counted: counted(&known.calls),
            congested: congested(&known.calls),
            appointment: begun.appointment,
            letters: told,
            progress: None,
            call,
            dialled,
            closed: None,
            campaign: Arc::new(campaign.clone()),
        };
        tracing::info!(
            campaign = open.campaign.name,
            contact = open.key,
            call = open.call,
            "dialled"
        );
        self.open.insert(contact, open);
        Ok(())
    }

    /// Where the call tells what cannot wait for its end.
    fn progress_of(&self, contact: ContactId, number: Number, call: String) -> Box<dyn Fn(Step) + Send + Sync> {
        let (bot, progress) = (Arc::clone(&self.bot), self.progress.clone());
        Box::new(move |step| match step {
            Step::Progress(come) => drop(progress.try_send((contact, come))),
            Step::OptedOut => bot.opted_out(&number.to_string(), &call),
        })
    }

    async fn refused(
        &mut self,
        campaign: &Campaign,
        dial: &Dial,
        contact: &ContactRow,
        refusal: &Refusal,
    ) -> Result<(), store::Error> {
        let (name, key) = (&campaign.name, &contact.key);
        tracing::debug!(campaign = name, contact = key, "not dialled: {refusal}");
        match refusal.lasts() {
            Lasts::ForEver => {
                self.pacer.refused(name, dial.contact, None);
                self.close(campaign, contact, refusal.code()).await?;
            }
            Lasts::Until(until) => self.again(dial, until),
            // Read again when the row changes, or the bot starts with another configuration.
            Lasts::Cured => self.pacer.refused(name, dial.contact, None),
            Lasts::Campaign => {
                self.again(dial, clock::wall());
                let passes = matches!(refusal, Refusal::NotRunning | Refusal::Abandonment);
                let held = if passes { HELD } else { A_MINUTE };
                if let Some(own) = self.campaigns.get_mut(name) {
                    own.held = clock::now().checked_add(held);
                }
                if !passes {
                    tracing::error!(campaign = name, "nobody is called: {refusal}");
                }
            }
        }
        Ok(())
    }

    /// Nobody calls them any more.
    async fn close(&self, campaign: &Campaign, contact: &ContactRow, outcome: &str) -> Result<(), store::Error> {
        let at = clock::wall();
        let told = self.told_closed(&campaign.name, &contact.key, outcome, None, at);
        self.office.store.close_contact(contact.id, at, outcome, &told).await?;
        Ok(())
    }

    /// Nobody was dialled; it is tried again from then on.
    fn again(&mut self, dial: &Dial, due: Timestamp) {
        let again = Again { due, lane: dial.lane };
        self.pacer.refused(&dial.campaign, dial.contact, Some(again));
    }
}
