//! A call is over: what came of it, what follows, and that it is written down once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::{Id, JoinError};

use super::beginning::clock_of;
use super::following::later;
use super::world::count;
use super::{Open, Runner, Unwritten};
use crate::campaign::book::ContactId;
use crate::campaign::outcome::{AnsweredBy, Outcome, Reach};
use crate::campaign::pacer::{Again, Tripped};
use crate::campaign::permit::{Made, Whose};
use crate::campaign::{Whereabouts, retry};
use crate::clock;
use crate::config::campaigns::Occasion;
use crate::dialplan::campaign::Campaign;
use crate::engine::leg::placed::Done;
use crate::store;
use crate::store::campaigns::{EndedAttempt, State, Then, Told};

/// The slot that tells, where a plan has it, whether whom the campaign asked for is on the line.
const RIGHT_PERSON: &str = "right_person";
/// The disposition of a call in which they were not.
const WRONG_NUMBER: &str = "wrong_number";
/// Who wants to be called again is left alone for so long at least.
const SOON: Duration = Duration::from_secs(10 * 60);
/// After an attempt of a campaign that the plan has no more, should it come back.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Attempts of a contact that count against the plan's: neither those that they had asked for nor those that the network had no room for.
pub(super) fn counted(calls: &[Made]) -> u32 {
    let counts = |made: &&Made| made.whose == Whose::Contact && made.reach != Some(Reach::Congestion);
    count(calls.iter().filter(counts).count())
}

/// Attempts of a contact that the network had no room for.
pub(super) fn congested(calls: &[Made]) -> u32 {
    let is_own = |made: &&Made| matches!(made.whose, Whose::Contact | Whose::Appointment);
    let own = calls.iter().filter(is_own);
    count(own.filter(|made| made.reach == Some(Reach::Congestion)).count())
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
        let then = match open.closed {
            Some(why) => retry::Then::Closed(why.into()),
            None => follows(&open, &done, &outcome, now),
        };
        let (world, name) = (self.world(), &open.campaign.name);
        let tripped = self.pacer.ended(&world, name, contact, &outcome, Again::of(&then));
        if outcome.reach == Reach::Congestion {
            for (trunk, rest) in self.pacer.resting(world.now) {
                tracing::warn!(
                    trunk,
                    "the trunk is at its limit, and left alone for {} s",
                    rest.as_secs()
                );
            }
        }
        let end = self.end(&open, done, &outcome, then, now);
        self.unwritten.push_back(Unwritten::End(open.attempt, Box::new(end)));
        if let Some(tripped) = tripped {
            self.stop(&open.campaign, tripped);
        }
        if let Err(e) = self.write().await {
            self.rest(&e);
        }
    }

    /// Writes what was not written yet, in order.
    pub(super) async fn write(&mut self) -> Result<(), store::Error> {
        let store = &self.office.store;
        while let Some(unwritten) = self.unwritten.front() {
            match unwritten {
                Unwritten::End(attempt, end) => {
                    if !store.end_attempt(*attempt, end).await? {
                        tracing::error!(attempt, "the attempt had ended before");
                    }
                }
                Unwritten::Stop {
                    campaign,
                    why,
                    told,
                    at,
                } => {
                    store
                        .set_campaign_state(campaign, State::Paused, Some(why), *at)
                        .await?;
                    store.audit_append(*at, told).await?;
                    self.tell(Occasion::CampaignPaused, told.clone()).await?;
                }
            }
            self.unwritten.pop_front();
        }
        Ok(())
    }

    /// All that is written of it, in one.
    fn end(&self, open: &Open, done: Done, outcome: &Outcome, then: retry::Then, at: Timestamp) -> EndedAttempt {
        let then = kept(then);
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
            told: self.told_ended(told, &then, open.closed.is_none(), at),
            right_person: right_person(&done),
            disposition: done.disposition,
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

    /// Who is told of an end, and of what follows from it; `open` is whether the contact was until now.
    fn told_ended(&self, told: Value, then: &Then, open: bool, at: Timestamp) -> Told {
        let mut occasions = vec![Occasion::AttemptEnded];
        if told.get("opted_out") == Some(&Value::Bool(true)) {
            occasions.push(Occasion::OptedOut);
        }
        match then {
            Then::Appointment(_) => occasions.push(Occasion::CallbackBooked),
            Then::Close(_) if open => occasions.push(Occasion::ContactClosed),
            Then::Again(_) | Then::Close(_) => {}
        }
        let rows = occasions
            .into_iter()
            .flat_map(|occasion| self.office.hooks.rows(occasion, at, &told));
        Told {
            hooks: rows.collect(),
            audit: Some(sealed(&told)),
        }
    }

    /// The breaker has stopped a campaign: it stays paused until somebody starts it.
    fn stop(&mut self, campaign: &Campaign, Tripped { why, alert }: Tripped) {
        tracing::error!(campaign = campaign.name, alert, "the campaign is paused: {why}");
        if let Some(own) = self.campaigns.get_mut(&campaign.name) {
            own.state = State::Paused;
        }
        let told = json!({"what": "pause", "campaign": campaign.name, "why": why, "alert": alert});
        self.unwritten.push_back(Unwritten::Stop {
            campaign: campaign.name.clone(),
            why,
            told,
            at: clock::wall(),
        });
    }

    /// Attempts that the bot did not live to see the end of: they count as made, and what follows is as the plan says.
    pub(super) async fn end_interrupted(&mut self) -> Result<(), store::Error> {
        let interrupted = self.office.store.interrupted_attempts().await?;
        for row in interrupted {
            let (now, outcome) = (clock::wall(), Outcome::of(Reach::Interrupted));
            let known = self.known(ContactId(row.contact)).await?;
            // Perhaps an event came in the same moment.
            let closed = known.as_ref().filter(|known| known.contact.closed.is_some());
            let closed = closed.map(|known| known.contact.outcome.clone().unwrap_or_default());
            let (open, campaign) = (closed.is_none(), self.script.plan.campaigns.get(&row.campaign));
            let made = known.as_ref().map_or(0, |known| counted(&known.calls));
            let then = match (closed, campaign) {
                (Some(why), _) => retry::Then::Closed(why),
                (None, Some(campaign)) => retry::then(&campaign.attempts, made, &outcome, row.dialled),
                (None, None) => retry::Then::Due(row.dialled.checked_add(A_DAY).unwrap_or(Timestamp::MAX)),
            };
            let then = kept(then);
            let told = json!({
                "campaign": row.campaign, "contact": known.map(|known| known.contact.key), "number": row.number.to_string(), "attempt": row.id, "call": row.call, "dialled": row.dialled,
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
                seconds: 0.0,
                human: false,
                right_person: None,
                abandoned: false,
                opted_out: false,
                reason: None,
                quote: None,
                slots: row.slots.clone(),
                told: self.told_ended(told, &then, open, now),
                then,
            };
            self.office.store.end_attempt(row.id, &end).await?;
        }
        Ok(())
    }
}

/// What is to become of the contact.
fn follows(open: &Open, done: &Done, outcome: &Outcome, now: Timestamp) -> retry::Then {
    let rules = &open.campaign.attempts;
    if outcome.reach == Reach::Congestion {
        let then = retry::after_congestion(rules, open.congested.saturating_add(1), done.retry_after, now);
        return match then {
            // What they asked for is still owed to them.
            retry::Then::Due(due) if open.appointment => retry::Then::Appointment(due),
            then => then,
        };
    }
    let made = open.counted.saturating_add(u32::from(!open.appointment));
    match retry::then(rules, made, outcome, now) {
        // Nobody means at once: the words were misheard, or the moment has passed while they spoke.
        retry::Then::Appointment(due) => retry::Then::Appointment(due.max(later(now, SOON))),
        then @ (retry::Then::Due(_) | retry::Then::Closed(_)) => then,
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

/// As the store has it.
fn kept(then: retry::Then) -> Then {
    match then {
        retry::Then::Due(due) => Then::Again(due),
        retry::Then::Appointment(due) => Then::Appointment(due),
        retry::Then::Closed(why) => Then::Close(why),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Number;
    use crate::dialplan;

    fn done(reach: Reach) -> Done {
        Done {
            reach,
            ..Done::lost("20261122-100000-0001".into())
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn berlin() -> Whereabouts {
        let number: Number = "+4930123456".parse().expect("a number");
        Whereabouts::of(number, Some("Europe/Berlin")).expect("a zone")
    }

    fn open(counted: u32, congested: u32) -> Open {
        let plan = dialplan::load("dialplans/reminder.yaml".as_ref()).expect("a plan");
        Open {
            attempt: 1,
            campaign: std::sync::Arc::new(plan.campaigns["unpaid_order"].clone()),
            key: "4711".into(),
            number: "+4930123456".parse().expect("a number"),
            whereabouts: berlin(),
            counted,
            congested,
            appointment: false,
            closed: None,
            letters: tokio::sync::mpsc::channel(1).0,
            progress: None,
            call: "20261122-100000-0001".into(),
            dialled: at("2026-11-23T10:00:00Z"),
        }
    }

    #[test]
    fn a_callback_is_by_the_clock_of_whom_was_called_and_never_at_once() {
        let now = at("2026-11-23T10:00:00Z");
        for (said, due) in [
            ("2026-11-24T15:00", "2026-11-24T14:00:00Z"),
            ("2026-11-23T11:05", "2026-11-23T10:10:00Z"),
            ("2026-11-22T09:00", "2026-11-23T10:10:00Z"),
        ] {
            let done = Done {
                human_reached: true,
                disposition: Some("callback".into()),
                callback_at: Some(said.parse().expect("a time")),
                ..done(Reach::Answered)
            };
            let outcome = outcome(&done, &berlin());
            assert_eq!(outcome.answered_by, Some(AnsweredBy::Human));
            assert_eq!(
                follows(&open(0, 0), &done, &outcome, now),
                retry::Then::Appointment(at(due)),
                "{said}"
            );
        }
    }

    #[test]
    fn what_follows_counts_what_rang_and_not_what_the_network_refused() {
        let now = at("2026-11-23T10:00:00Z");
        let follows = |counted, congested, reach| {
            let done = done(reach);
            follows(&open(counted, congested), &done, &outcome(&done, &berlin()), now)
        };
        let (tomorrow, soon) = (at("2026-11-24T06:00:00Z"), at("2026-11-23T10:15:00Z"));
        assert_eq!(follows(1, 0, Reach::Busy), retry::Then::Due(tomorrow));
        assert_eq!(follows(2, 0, Reach::Busy), retry::Then::Closed(retry::EXHAUSTED.into()));
        assert_eq!(follows(2, 3, Reach::Congestion), retry::Then::Due(soon));
        assert_eq!(follows(0, 9, Reach::Congestion), retry::Then::Due(tomorrow));
        assert_eq!(
            follows(0, 29, Reach::Congestion),
            retry::Then::Closed("congestion".into())
        );
        assert_eq!(follows(0, 0, Reach::Interrupted), retry::Then::Due(tomorrow));
        assert_eq!(
            follows(2, 0, Reach::Interrupted),
            retry::Then::Closed(retry::EXHAUSTED.into())
        );
    }

    #[test]
    fn a_call_that_was_called_off_while_it_rang_was_not_answered() {
        let done = Done {
            called_off: Some("payment.succeeded".into()),
            ..done(Reach::Failed)
        };
        assert_eq!(outcome(&done, &berlin()).reach, Reach::NoAnswer);
    }

    #[test]
    fn whether_it_was_the_right_person_is_told_by_the_slot_or_the_disposition() {
        let told = |slot: Option<&str>, disposition: Option<&str>| {
            right_person(&Done {
                slots: slot
                    .map(|value| (RIGHT_PERSON.to_owned(), value.to_owned()))
                    .into_iter()
                    .collect(),
                disposition: disposition.map(str::to_owned),
                ..done(Reach::Answered)
            })
        };
        assert_eq!(told(Some("true"), Some("link_sent")), Some(true));
        assert_eq!(told(Some("false"), None), Some(false));
        assert_eq!(told(None, Some("wrong_number")), Some(false));
        assert_eq!(told(Some("perhaps"), None), None);
        assert_eq!(told(None, None), None);
    }

    #[test]
    fn what_people_said_is_not_in_the_audit_trail() {
        let told = json!({"campaign": "c", "quote": "too dear", "slots": {"reason": "price"}, "reason": "price", "reach": "answered"});
        assert_eq!(
            sealed(&told),
            json!({"campaign": "c", "reach": "answered", "what": "end"})
        );
    }
}
