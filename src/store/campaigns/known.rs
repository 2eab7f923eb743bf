//! What is known of contacts when it is asked whether they may be called: read anew, for one or for many at once.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::Row;

use super::{AttemptRow, ContactRow, attempts};
use crate::campaign::number::Number;
use crate::campaign::permit::{Made, Standing, Whose};
use crate::campaign::zones::Whereabouts;
use crate::store::{Error, Store};

/// Calls of so long ago may count to the day of now, wherever that is.
const TWO_DAYS: SignedDuration = SignedDuration::from_hours(48);
/// A contact whose last word was this asked not to be called.
const OPTED_OUT: &str = "opted_out";

/// Of one contact.
#[derive(Clone, Debug)]
pub struct Known {
    pub contact: ContactRow,
    /// None: the time zone of its row is not one any more.
    pub whereabouts: Option<Whereabouts>,
    /// All attempts to reach the contact, and those to its number otherwise, of two days or of the quiet gap if that is longer.
    pub calls: Vec<Made>,
    /// The do-not-call lists that the number is on.
    pub listed: Vec<String>,
}

impl Store {
    /// What is known of `contacts` at `at`, in their order. `quiet_gap` is how long a number is left alone after another call to it.
    pub async fn known(
        &self,
        contacts: Vec<ContactRow>,
        quiet_gap: Duration,
        at: Timestamp,
    ) -> Result<Vec<Known>, Error> {
        self.access(async {
            let quiet = SignedDuration::try_from(quiet_gap).unwrap_or(SignedDuration::MAX);
            let since = at.checked_sub(quiet.max(TWO_DAYS)).unwrap_or(Timestamp::MIN);
            let ids: Vec<i64> = contacts.iter().map(|contact| contact.id).collect();
            let numbers: Vec<String> = contacts.iter().map(|contact| contact.number.to_string()).collect();
            let query = "SELECT * FROM attempts WHERE contact IN (SELECT value FROM json_each(?1)) UNION \
                         SELECT * FROM attempts WHERE number IN (SELECT value FROM json_each(?2)) AND dialled >= ?3 ORDER BY dialled, id";
            let rows = sqlx::query(query)
                .bind(json!(ids).to_string())
                .bind(json!(numbers).to_string())
                .bind(since.as_millisecond())
                .fetch_all(&self.pool)
                .await?;
            let (mut by_contact, mut by_number) = (BTreeMap::new(), BTreeMap::new());
            for row in &rows {
                let row = attempts::attempt(row)?;
                if row.dialled >= since {
                    by_number.entry(row.number).or_insert_with(Vec::new).push(row.clone());
                }
                by_contact.entry(row.contact).or_insert_with(Vec::new).push(row);
            }
            let query =
                "SELECT number, list FROM do_not_call WHERE number IN (SELECT value FROM json_each(?)) ORDER BY list";
            let rows = sqlx::query(query)
                .bind(json!(numbers).to_string())
                .fetch_all(&self.pool)
                .await?;
            let mut listed: BTreeMap<Number, Vec<String>> = BTreeMap::new();
            for row in &rows {
                listed
                    .entry(super::number(row)?)
                    .or_default()
                    .push(row.try_get("list")?);
            }
            let nothing = Vec::new();
            let known = contacts.into_iter().map(|contact| {
                let own: &Vec<AttemptRow> = by_contact.get(&contact.id).unwrap_or(&nothing);
                let others: &Vec<AttemptRow> = by_number.get(&contact.number).unwrap_or(&nothing);
                let others = others.iter().filter(|row| row.contact != contact.id);
                Known {
                    whereabouts: Whereabouts::of(contact.number, contact.zone.as_deref()).ok(),
                    calls: own.iter().chain(others).map(|row| row.made(&contact)).collect(),
                    listed: listed.get(&contact.number).cloned().unwrap_or_default(),
                    contact,
                }
            });
            Ok(known.collect())
        })
        .await
    }
}

impl ContactRow {
    /// How it stands with its campaign.
    pub fn standing(&self) -> Standing {
        if self.held_out {
            Standing::HeldOut
        } else if self.goal.is_some() {
            Standing::GoalReached
        } else if self.cancelled.is_some() {
            Standing::Cancelled
        } else if self.closed.is_none() {
            Standing::Open
        } else if self.outcome.as_deref() == Some(OPTED_OUT) {
            Standing::OptedOut
        } else {
            Standing::Closed
        }
    }
}

impl AttemptRow {
    /// What it means for a call to `contact`.
    pub fn made(&self, contact: &ContactRow) -> Made {
        let whose = if self.contact == contact.id {
            if self.appointment {
                Whose::Appointment
            } else {
                Whose::Contact
            }
        } else if self.campaign == contact.campaign {
            Whose::Campaign
        } else {
            Whose::Other
        };
        Made {
            at: self.dialled,
            reach: self.reach,
            whose,
        }
    }
}
