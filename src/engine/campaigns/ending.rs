//! A call is over: what came of it, what follows, and that it is written down once.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::{Id, JoinError};

use super::{Open, Runner};
use crate::campaign::book::{ContactId, Lane};
use crate::campaign::outcome::{AnsweredBy, Outcome, Reach};
use crate::campaign::pacer::{Again, Tripped};
use crate::campaign::{Whereabouts, retry};
use crate::clock;
use crate::config::campaigns::Occasion;
use crate::dialplan::campaign::Campaign;
use crate::engine::leg::placed::Done;
use crate::store;
use crate::store::campaigns::{AttemptRow, EndedAttempt, Hook, State, Then};

/// The slot that tells, where a plan has it, whether whom the campaign asked for is on the line.
const RIGHT_PERSON: &str = "right_person";
/// The disposition of a call in which they were not.
const WRONG_NUMBER: &str = "wrong_number";
/// After an attempt of a campaign that the plan has no more, should it come back.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Attempts of a contact that count against the plan's: neither those that they had asked for nor those that the network had no room for.
pub(super) fn counted(attempts: &[AttemptRow]) -> u32 {
    let counts = |row: &&AttemptRow| !row.appointment && row.reach != Some(Reach::Congestion);
    u32::try_from(attempts.iter().filter(counts).count()).unwrap_or(u32::MAX)
}

impl Runner {
    /// The task of a call has ended.
    pub(super) async fn ended(&mut self, ended: Result<(Id, Done), JoinError>) {
        let (id, done) = match ended {
            Ok((id, done)) => (id, Some(done)),
            Err(e) => {
                tracing::error!("a call of a campaign failed: {e}");
                (e.id(), None)
            }
        };
        let Some(contact) = self.tasks.remove(&id) else { return };
        let Some(open) = self.open.remove(&contact) else { return };
        let done = done.unwrap_or_else(|| Done::lost(open.call.clone()));
        tracing::info!(campaign = open.campaign.name, contact = open.key, call = open.call, reach = %done.reach, "over: {}", done.ending);
        let now = clock::wall();
        let outcome = outcome(&done, &open.whereabouts);
        let then = retry::then(&open.campaign.attempts, made(&open, &outcome), &outcome, now);
        let world = self.world();
        let tripped = self
            .pacer
            .ended(&world, &open.campaign.name, contact, &outcome, again(&then));
        let end = self.end(&open, done, &outcome, then, now);
        if let Err(e) = self.write_end(contact, &open, end).await {
            self.rest(&e);
        }
        if let Some(tripped) = tripped
            && let Err(e) = self.stop(&open.campaign, tripped).await
        {
            self.rest(&e);
        }
    }

    async fn write_end(&mut self, contact: ContactId, open: &Open, end: EndedAttempt) -> Result<(), store::Error> {
        match self.office.store.end_attempt(open.attempt, &end).await {
            Ok(ended) => {
                if !ended {
                    tracing::error!(contact = contact.0, "an attempt had ended before");
                }
                Ok(())
            }
            Err(e) => {
                self.unwritten.push_back((open.attempt, end));
                Err(e)
            }
        }
    }

    /// Writes what the store did not take.
    pub(super) async fn write_again(&mut self) -> Result<(), store::Error> {
        while let Some((attempt, end)) = self.unwritten.front() {
            self.office.store.end_attempt(*attempt, end).await?;
            self.unwritten.pop_front();
        }
        Ok(())
    }

    /// All that is written of it, in one.
    fn end(&self, open: &Open, done: Done, outcome: &Outcome, then: retry::Then, at: Timestamp) -> EndedAttempt {
        let then = match then {
            retry::Then::Due(due) => Then::Again(due),
            retry::Then::Appointment(due) => Then::Appointment(due),
            retry::Then::Closed(why) => Then::Close(why),
        };
        let told = json!({
            "campaign": open.campaign.name,
            "contact": open.key,
            "number": open.number.to_string(),
            "attempt": open.attempt,
            "call": done.call,
            "dialled": open.dialled,
            "reach": outcome.reach.to_string(),
            "code": done.code,
            "answered_by": done.answered_by.map(|by| by.to_string()),
            "disposition": done.disposition,
            "right_person": right_person(&done),
            "reason": done.reason.as_ref().map(|reason| &reason.category),
            "quote": done.reason.as_ref().and_then(|reason| reason.quote.as_ref()),
            "slots": done.slots,
            "seconds": done.talked.as_secs_f64(),
            "opted_out": done.opted_out,
            "abandoned": done.abandoned,
            "ending": done.ending,
            "next": next(&then),
        });
        EndedAttempt {
            at,
            reach: outcome.reach,
            answered: done.answered,
            answered_by: done.answered_by,
            hooks: self.hooks_of(&told, &then, done.opted_out, at),
            audit: Some(sealed(&told)),
            right_person: right_person(&done),
            disposition: done.disposition,
            call: None,
            seconds: done.talked.as_secs_f64(),
            human: done.human_reached,
            abandoned: done.abandoned,
            opted_out: done.opted_out,
            quote: done.reason.as_ref().and_then(|reason| reason.quote.clone()),
            reason: done.reason.map(|reason| reason.category),
            slots: done.slots,
            then,
        }
    }

    fn hooks_of(&self, told: &Value, then: &Then, opted_out: bool, at: Timestamp) -> Vec<Hook> {
        let mut occasions = vec![Occasion::AttemptEnded];
        if opted_out {
            occasions.push(Occasion::OptedOut);
        }
        match then {
            Then::Again(_) => {}
            Then::Appointment(_) => occasions.push(Occasion::CallbackBooked),
            Then::Close(_) => occasions.push(Occasion::ContactClosed),
        }
        let rows = occasions
            .into_iter()
            .flat_map(|occasion| self.office.hooks.rows(occasion, at, told));
        rows.collect()
    }

    /// The breaker has stopped a campaign: it stays paused until somebody starts it.
    async fn stop(&mut self, campaign: &Campaign, tripped: Tripped) -> Result<(), store::Error> {
        let Tripped { why, alert } = tripped;
        let at = clock::wall();
        tracing::error!(campaign = campaign.name, alert, "the campaign is paused: {why}");
        if let Some(own) = self.campaigns.get_mut(&campaign.name) {
            own.state = State::Paused;
        }
        self.office
            .store
            .set_campaign_state(&campaign.name, State::Paused, Some(&why), at)
            .await?;
        let told = json!({"what": "pause", "campaign": campaign.name, "why": why, "alert": alert});
        self.office.store.audit_append(at, &told).await?;
        self.tell(Occasion::CampaignPaused, told).await
    }

    /// Attempts that the bot did not live to see the end of: they count as made, and what follows is as the plan says.
    pub(super) async fn end_interrupted(&mut self) -> Result<(), store::Error> {
        let interrupted = self.office.store.interrupted_attempts().await?;
        for row in interrupted {
            let (now, outcome) = (clock::wall(), Outcome::of(Reach::Interrupted));
            let attempts = self.office.store.attempts_of(row.contact).await?;
            let campaign = self.plan.campaigns.get(&row.campaign);
            let then = match campaign {
                Some(campaign) => retry::then(&campaign.attempts, counted(&attempts), &outcome, row.dialled),
                None => retry::Then::Due(row.dialled.checked_add(A_DAY).unwrap_or(Timestamp::MAX)),
            };
            let then = match then {
                retry::Then::Due(due) => Then::Again(due),
                retry::Then::Appointment(due) => Then::Appointment(due),
                retry::Then::Closed(why) => Then::Close(why),
            };
            let told = json!({
                "campaign": row.campaign, "number": row.number.to_string(), "attempt": row.id, "call": row.call, "dialled": row.dialled,
                "reach": Reach::Interrupted.to_string(), "next": next(&then),
            });
            tracing::warn!(
                campaign = row.campaign,
                attempt = row.id,
                "the bot ended in the middle of a call"
            );
            let end = EndedAttempt {
                at: now,
                reach: Reach::Interrupted,
                answered: None,
                answered_by: None,
                disposition: None,
                call: None,
                seconds: 0.0,
                human: false,
                right_person: None,
                abandoned: false,
                opted_out: false,
                reason: None,
                quote: None,
                slots: row.slots.clone(),
                hooks: self.hooks_of(&told, &then, false, now),
                audit: Some(sealed(&told)),
                then,
            };
            self.office.store.end_attempt(row.id, &end).await?;
        }
        Ok(())
    }
}

/// Attempts that count by now; one that the network had no room for does not.
fn made(open: &Open, outcome: &Outcome) -> u32 {
    match outcome.reach {
        Reach::Congestion => open.before,
        Reach::Answered
        | Reach::Busy
        | Reach::NoAnswer
        | Reach::Rejected
        | Reach::NotFound
        | Reach::Failed
        | Reach::Interrupted => open.before.saturating_add(u32::from(!open.appointment)),
    }
}

/// What came of a call, as campaigns reckon.
fn outcome(done: &Done, whereabouts: &Whereabouts) -> Outcome {
    let callback = done.callback_at.and_then(|at| at.to_zoned(clock_of(whereabouts)).ok());
    Outcome {
        // It rang, and was given up before anybody answered.
        reach: match &done.called_off {
            Some(_) if done.reach != Reach::Answered => Reach::NoAnswer,
            Some(_) | None => done.reach,
        },
        answered_by: done
            .answered_by
            .or_else(|| done.human_reached.then_some(AnsweredBy::Human)),
        disposition: done.disposition.clone(),
        callback: callback.map(|at| at.timestamp()),
        opted_out: done.opted_out,
        abandoned: done.abandoned,
    }
}

fn right_person(done: &Done) -> Option<bool> {
    if done.disposition.as_deref() == Some(WRONG_NUMBER) {
        return Some(false);
    }
    done.slots.get(RIGHT_PERSON)?.parse().ok()
}

fn again(then: &retry::Then) -> Option<Again> {
    match then {
        retry::Then::Due(due) => Some(Again {
            due: *due,
            lane: Lane::Attempt,
        }),
        retry::Then::Appointment(due) => Some(Again {
            due: *due,
            lane: Lane::Appointment,
        }),
        retry::Then::Closed(_) => None,
    }
}

fn next(then: &Then) -> Value {
    match then {
        Then::Again(due) => json!({"again": due}),
        Then::Appointment(due) => json!({"appointment": due}),
        Then::Close(why) => json!({"closed": why}),
    }
}

/// For the audit trail: without what they said.
fn sealed(told: &Value) -> Value {
    let mut sealed = told.clone();
    if let Value::Object(fields) = &mut sealed {
        for private in ["quote", "slots", "reason"] {
            fields.remove(private);
        }
        fields.insert("what".to_owned(), "end".into());
    }
    sealed
}
