//! What a campaign would do from a moment on: who would be rung when, and why others would not.
//!
//! Every contact is asked about as it would be at the moment of dialling, with the same facts and the same [`permit`](crate::campaign::permit). Nothing is dialled,
//! written or sealed. It knows no call that is in progress, and guesses nothing of what calls come to.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::campaign::permit::{Abandonment, Facts, Standing};
use crate::campaign::rehearsal::{self, Pace};
use crate::campaign::{Number, Opening};
use crate::config;
use crate::dialplan::campaign::{Campaign, Window};
use crate::sip::{Destinations, Outbound};
use crate::store::campaigns::{Known, State};
use crate::store::{self, Store};

/// Contacts that are looked at at once.
const PAGE: u32 = 1_000;
/// The abandonment of calls counts over these.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub campaign: &'a Campaign,
    /// Of the campaign.
    pub window: &'a Window,
    /// Whether the campaign's assistant has a disclosure.
    pub disclosed: bool,
    pub rules: &'a config::Campaigns,
    pub outbound: &'a Outbound,
    /// The clock of who calls.
    pub home: TimeZone,
    pub from: Timestamp,
    /// How long a call is taken to last: what lines are reckoned with.
    pub call: Duration,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    pub campaign: String,
    pub from: Timestamp,
    /// Whether it runs; it is played through as if it did.
    pub running: bool,
    /// In the order of the calls.
    pub rung: Vec<Rung>,
    pub left: Vec<Left>,
}

/// Who would be rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rung {
    pub at: Timestamp,
    /// The key.
    pub contact: String,
    pub number: String,
}

/// Who would not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The key.
    pub contact: String,
    pub number: String,
    /// In one word.
    pub why: String,
    pub told: String,
}

/// Looks at every contact of the campaign; `seen` is told after each so many.
///
/// # Errors
/// If the records cannot be read.
pub async fn outlook(
    store: &Store,
    question: Question<'_>,
    mut seen: impl FnMut(u64),
) -> Result<Outlook, store::Error> {
    let Question {
        campaign, rules, from, ..
    } = question;
    let states = store.campaign_states().await?;
    let running = states
        .iter()
        .any(|state| state.name == campaign.name && state.state == State::Running);
    let mut outlook = Outlook {
        campaign: campaign.name.clone(),
        from,
        running,
        rung: Vec::new(),
        left: Vec::new(),
    };
    let pace = Pace {
        calls_per_second: campaign.pacing.calls_per_second,
        lines: campaign
            .pacing
            .max_calls
            .min(u32::try_from(rules.lines).unwrap_or(u32::MAX)),
        call: question.call,
    };
    let stage = Stage::set(store, question).await?;
    let (mut open, mut first) = (Vec::new(), Vec::new());
    let mut after = 0;
    loop {
        let page = store.contacts_of(&campaign.name, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        seen(page.len() as u64);
        for known in store.known(page, rules.quiet_gap, from).await? {
            match stage.first(&known) {
                Ok(at) => {
                    first.push((at, open.len()));
                    open.push(known);
                }
                Err((why, told)) => outlook.left.push(Left {
                    contact: known.contact.key,
                    number: known.contact.number.to_string(),
                    why,
                    told,
                }),
            }
        }
    }
    let later = |who: usize, at: Timestamp| rehearsal::first_moment(at, &stage.facts(open.get(who)?)?).ok();
    for (at, who) in rehearsal::schedule(first, pace, later) {
        if let Some(Known { contact, .. }) = open.get(who) {
            outlook.rung.push(Rung {
                at,
                contact: contact.key.clone(),
                number: contact.number.to_string(),
            });
        }
    }
    Ok(outlook)
}

/// What is the same for all contacts.
struct Stage<'a> {
    question: Question<'a>,
    opening: Opening,
    lists: Vec<String>,
    abandonment: Abandonment,
}

impl<'a> Stage<'a> {
    async fn set(store: &Store, question: Question<'a>) -> Result<Self, store::Error> {
        let month = question.from.checked_sub(MONTH).unwrap_or(Timestamp::MIN);
        let (abandoned, answered) = store.abandoned_share(&question.campaign.name, month).await?;
        Ok(Self {
            opening: Opening::new(question.window, &question.rules.holidays, question.home.clone()),
            lists: store.do_not_call_names().await?,
            abandonment: Abandonment {
                abandoned,
                answered,
                at_risk: 0,
            },
            question,
        })
    }

    /// The first moment at which the contact may be called, or why there is none: in a word, and told.
    fn first(&self, known: &Known) -> Result<Timestamp, (String, String)> {
        let Some(facts) = self.facts(known) else {
            return Err(("zone_unknown".into(), "its time zone is not one".into()));
        };
        if facts.standing == Standing::Closed {
            let why = known.contact.outcome.as_deref().unwrap_or("closed");
            return Err((why.to_owned(), "it is closed".into()));
        }
        let from = self.question.from.max(known.contact.due);
        rehearsal::first_moment(from, &facts).map_err(|refusal| (refusal.code().to_owned(), refusal.to_string()))
    }

    /// As at the moment of dialling, but that the campaign is taken to run and somebody to be there who speaks.
    fn facts<'b>(&'b self, known: &'b Known) -> Option<Facts<'b>> {
        let Known {
            contact,
            whereabouts,
            calls,
            listed,
        } = known;
        Some(Facts {
            campaign: self.question.campaign,
            opening: &self.opening,
            running: true,
            disclosed: self.question.disclosed,
            contact: contact.id,
            standing: contact.standing(),
            number: contact.number,
            whereabouts: whereabouts.as_ref()?,
            proof: contact.proof.as_deref(),
            appointment: contact.appointment,
            listed,
            lists: &self.lists,
            calls,
            quiet_gap: self.question.rules.quiet_gap,
            destination: self.may_dial(contact.number),
            attended: true,
            abandonment: self.abandonment,
        })
    }

    fn may_dial(&self, number: Number) -> bool {
        match self.question.outbound.allow {
            Destinations::Any => true,
            // Contacts are not named by the plan.
            Destinations::Named => false,
            Destinations::Listed(_) => self.question.outbound.lists(&number.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::campaign::contact::NewContact;
    use crate::dialplan;
    use crate::store::campaigns::Told;

    const PLAN: &str = r#"
version: 1
campaigns:
  unpaid:
    assistant: leo
    flow: remind
    contacts: {key: order_id, phone: phone, vars: {consent_at: text}}
    consent: {basis: existing_customer, purpose: reminder, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: mon-sat, from: "09:00", to: "20:00", clock: contact}
    caller_id: "+493023125999"
    pacing: {mode: agentless, max_calls: 1, calls_per_second: 10}
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant."}
flows:
  remind: {steps: [{say: "Hello."}, {hangup: now}]}
"#;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn contact(n: u32) -> NewContact {
        NewContact {
            key: format!("order-{n}"),
            number: format!("+4930231250{n:02}").parse().expect("a number"),
            zone: None,
            proof: Some("2026-01-02".into()),
            vars: Map::new(),
            held_out: false,
            due: at("2026-01-02T00:00:00Z"),
        }
    }

    #[tokio::test]
    async fn everybody_is_rung_in_their_hours_or_left_with_a_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
        let from = at("2026-11-23T18:59:00Z");
        let rows = [
            contact(0),
            contact(1),
            contact(2),
            NewContact {
                held_out: true,
                ..contact(3)
            },
            NewContact {
                proof: None,
                ..contact(4)
            },
            // Where it is noon.
            NewContact {
                zone: Some("America/New_York".into()),
                due: at("2026-11-23T20:00:00Z"),
                ..contact(5)
            },
            contact(6),
            NewContact {
                zone: Some("Mars/Base".into()),
                ..contact(7)
            },
        ];
        store.add_contacts("unpaid", &rows, from).await.expect("added");
        let closed = store
            .contact_by_key("unpaid", "order-6")
            .await
            .expect("read")
            .expect("there");
        store
            .close_contact(closed.id, from, "declined", &Told::default())
            .await
            .expect("closed");
        let plan = dialplan::parse(PLAN, "unpaid.yaml").expect("a plan");
        let campaign = plan.campaigns.get("unpaid").expect("there");
        let outbound = Outbound::default();
        let rules = config::Campaigns::default();
        let question = Question {
            campaign,
            window: campaign.window.as_ref().expect("a window"),
            disclosed: true,
            rules: &rules,
            outbound: &outbound,
            home: TimeZone::UTC,
            from,
            call: Duration::from_secs(40),
        };
        let mut seen = 0;
        let told = outlook(&store, question.clone(), |more| seen += more)
            .await
            .expect("read");
        assert_eq!((seen, told.running), (8, false));
        // One line, and 20:00 in Berlin passes while the third waits.
        let rung: Vec<(&str, Timestamp)> = told.rung.iter().map(|rung| (rung.contact.as_str(), rung.at)).collect();
        assert_eq!(
            rung,
            [
                ("order-0", at("2026-11-23T18:59:00Z")),
                ("order-1", at("2026-11-23T18:59:40Z")),
                ("order-5", at("2026-11-23T20:00:00Z")),
                ("order-2", at("2026-11-24T08:00:00Z")),
            ]
        );
        let left: Vec<(&str, &str)> = told
            .left
            .iter()
            .map(|left| (left.contact.as_str(), left.why.as_str()))
            .collect();
        assert_eq!(
            left,
            [
                ("order-3", "held_out"),
                ("order-4", "no_proof"),
                ("order-6", "declined"),
                ("order-7", "zone_unknown")
            ]
        );
        // Nothing was written.
        assert_eq!(store.audit_head().await.expect("read"), None);
        let unsaid = Question {
            disclosed: false,
            ..question
        };
        let told = outlook(&store, unsaid, |_| ()).await.expect("read");
        assert!(told.rung.is_empty());
        assert_eq!(told.left.first().map(|left| left.why.as_str()), Some("no_disclosure"));
    }
}
