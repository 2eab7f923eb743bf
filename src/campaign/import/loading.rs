//! From the rows of a file to contacts, a batch at a time, and what is told of each row that does not become one.
//!
//! It knows no store: who keeps the batches says which keys were there already.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Row;
use crate::campaign::contact::{self, NewContact};
use crate::campaign::number::Region;
use crate::dialplan::campaign::Campaign;

/// Contacts that are kept at once.
const BATCH: usize = 1_000;

/// A row that does not become a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where it begins in the file, from 1.
    pub line: u64,
    pub kind: Kind,
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It cannot be read, or lacks something.
    Bad,
    /// Its key is there already.
    Known,
    /// Its number is on a do-not-call list.
    Listed,
}

/// Rows, counted. What was added, known, listed and bad is all there was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub rows: u64,
    pub added: u64,
    /// Of those: never called, to measure against.
    pub held_out: u64,
    /// Of those: without what shows the consent, so never called.
    pub without_proof: u64,
    pub known: u64,
    pub listed: u64,
    pub bad: u64,
    /// Columns of the campaign that added rows left empty, and how many did.
    pub empty: BTreeMap<String, u64>,
}

pub struct Loading<'a> {
    campaign: &'a Campaign,
    home: Option<Region>,
    due: Timestamp,
    lines: Vec<u64>,
    batch: Vec<NewContact>,
    count: Count,
}

impl<'a> Loading<'a> {
    /// Numbers without a country's code are of `home`; nobody is called before `due`.
    pub fn new(campaign: &'a Campaign, home: Option<Region>, due: Timestamp) -> Self {
        Self {
            campaign,
            home,
            due,
            lines: Vec::new(),
            batch: Vec::new(),
            count: Count::default(),
        }
    }

    /// What is wrong with the row, if it becomes no contact.
    pub fn take(&mut self, row: Row) -> Option<Fault> {
        self.count.rows += 1;
        let Row { line, fields } = row;
        let read = fields.and_then(|fields| {
            contact::read(self.campaign, &fields, self.home, self.due).map_err(|faults| faults.join("; "))
        });
        match read {
            Ok(contact) => {
                self.lines.push(line);
                self.batch.push(contact);
                None
            }
            Err(why) => {
                self.count.bad += 1;
                let kind = Kind::Bad;
                Some(Fault { line, kind, why })
            }
        }
    }

    /// Whether the batch is to be kept before more rows are taken.
    pub fn is_full(&self) -> bool {
        self.batch.len() >= BATCH
    }

    /// What is to be kept, in the order of the rows.
    pub fn batch(&self) -> &[NewContact] {
        &self.batch
    }

    /// These places of the batch are not to be kept after all: each with why.
    pub fn refuse(&mut self, refused: &BTreeMap<usize, String>) -> Vec<Fault> {
        self.count.listed += refused.len() as u64;
        let faults = refused.iter().filter_map(|(at, why)| {
            let line = *self.lines.get(*at)?;
            let (kind, why) = (Kind::Listed, why.clone());
            Some(Fault { line, kind, why })
        });
        let faults = faults.collect();
        let kept = |at: &usize| !refused.contains_key(at);
        let (mut lines, mut contacts) = (0.., 0..);
        self.lines.retain(|_| lines.next().is_some_and(|at| kept(&at)));
        self.batch.retain(|_| contacts.next().is_some_and(|at| kept(&at)));
        faults
    }

    /// The batch was kept at `at`, but for these places: their keys were there, since then.
    pub fn kept(&mut self, known: &BTreeMap<usize, Timestamp>, at: Timestamp) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (place, (line, contact)) in self.lines.iter().zip(&self.batch).enumerate() {
            let Some(since) = known.get(&place) else {
                self.count.added += 1;
                self.count.held_out += u64::from(contact.held_out);
                self.count.without_proof += u64::from(contact.proof.is_none());
                for var in &self.campaign.contacts.vars {
                    if !contact.vars.contains_key(&var.name) {
                        *self.count.empty.entry(var.name.clone()).or_default() += 1;
                    }
                }
                continue;
            };
            self.count.known += 1;
            let why = if *since >= at {
                format!("`{}` stands in an earlier row", contact.key)
            } else {
                format!("`{}` was loaded at {since:.0}, and is left as it is", contact.key)
            };
            let kind = Kind::Known;
            faults.push(Fault { line: *line, kind, why });
        }
        self.lines.clear();
        self.batch.clear();
        faults
    }

    pub fn count(&self) -> &Count {
        &self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::import::Rows;
    use crate::dialplan;

    const PLAN: &str = r#"
version: 1
campaigns:
  unpaid:
    assistant: leo
    flow: remind
    contacts: {key: order_id, phone: phone, vars: {first_name: text, consent_at: text}}
    consent: {basis: existing_customer, purpose: reminder, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: mon-sat, from: "09:00", to: "20:00", clock: contact}
    caller_id: "+493023125999"
    goal: {event: payment.succeeded, within: 48h, holdout: 100%}
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant."}
flows:
  remind: {steps: [{say: "Hello {first_name}."}, {hangup: now}]}
"#;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn every_row_is_added_or_told() {
        let plan = dialplan::parse(PLAN, "unpaid.yaml").expect("a plan");
        let campaign = plan.campaigns.get("unpaid").expect("there");
        let file = "order_id,phone,first_name,consent_at\n\
                    1,+493023125000,Ann,2026-11-01\n\
                    2,nonsense,Bob,2026-11-01\n\
                    3,+493023125001,,\n\
                    4,+493023125002\n\
                    5,+493023125003,Eve,2026-11-01\n\
                    6,+493023125004,Kim,2026-11-01\n";
        let mut loading = Loading::new(campaign, None, at(0));
        let rows = Rows::new(file.as_bytes()).expect("a table");
        let bad: Vec<Fault> = rows.filter_map(|row| loading.take(row.expect("read"))).collect();
        assert_eq!(bad.iter().map(|fault| fault.line).collect::<Vec<_>>(), [3, 5]);
        assert!(bad.iter().all(|fault| fault.kind == Kind::Bad));
        let listed = loading.refuse(&BTreeMap::from([(2, "on a list".to_owned())]));
        assert_eq!(
            listed
                .iter()
                .map(|fault| (fault.line, fault.why.as_str()))
                .collect::<Vec<_>>(),
            [(6, "on a list")]
        );
        let keys: Vec<&str> = loading.batch().iter().map(|contact| contact.key.as_str()).collect();
        assert_eq!(keys, ["1", "3", "6"]);
        let known = loading.kept(&BTreeMap::from([(0, at(50)), (2, at(100))]), at(100));
        assert_eq!(known.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 7]);
        assert!(known[0].why.contains("was loaded at 1970-01-01T00:00:50Z") && known[1].why.contains("an earlier row"));
        let count = loading.count();
        let told = (count.rows, count.added, count.known, count.listed, count.bad);
        assert_eq!(told, (6, 1, 2, 1, 2));
        assert_eq!((count.held_out, count.without_proof), (1, 1));
        assert_eq!(
            count.empty,
            BTreeMap::from([("consent_at".to_owned(), 1), ("first_name".to_owned(), 1)])
        );
        assert!(loading.batch().is_empty() && !loading.is_full());
    }
}
