//! What an event means to campaigns: who is to be called for it, who no longer is, and whose goal is reached.
//!
//! An event names its subject by the key of a contact, or tells it among its data in the column that the campaign calls its key. It knows no store: it says what is to be done.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::dialplan::campaign::Campaign;

/// Something that another system told.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Such as `payment.abandoned`.
    pub name: String,
    /// The key of a contact; empty: the data tell.
    pub subject: String,
    pub at: Timestamp,
    pub data: Map<String, Value>,
}

/// What it means to one campaign.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Somebody is to be called, from then on.
    Call { row: Map<String, Value>, due: Timestamp },
    /// Who waits to be called no longer is, and a call with them is told.
    Cancel { key: String },
    /// What the campaign is for has come about, whether they were called or not.
    Goal { key: String },
}

/// All that `event` means to `campaign`, the goal first: who has paid has reached it, and is then not called.
pub fn meanings(campaign: &Campaign, event: &Event) -> Vec<Meaning> {
    let mut found = Vec::new();
    let key = key(campaign, event);
    if let (Some(goal), Some(key)) = (&campaign.goal, &key)
        && goal.event == event.name
    {
        found.push(Meaning::Goal { key: key.clone() });
    }
    let Some(trigger) = &campaign.trigger else {
        return found;
    };
    if let Some(key) = key.filter(|_| trigger.cancel_on.contains(&event.name)) {
        found.push(Meaning::Cancel { key });
    }
    if trigger.event == event.name {
        let delay = jiff::SignedDuration::try_from(trigger.delay).unwrap_or(jiff::SignedDuration::MAX);
        let due = event.at.checked_add(delay).unwrap_or(Timestamp::MAX);
        let mut row = event.data.clone();
        if !event.subject.is_empty() {
            row.entry(campaign.contacts.key.clone())
                .or_insert_with(|| event.subject.clone().into());
        }
        found.push(Meaning::Call { row, due });
    }
    found
}

/// Whom it is about, as the campaign knows them.
fn key(campaign: &Campaign, event: &Event) -> Option<String> {
    if !event.subject.is_empty() {
        return Some(event.subject.clone());
    }
    match event.data.get(&campaign.contacts.key)? {
        Value::String(key) => (!key.is_empty()).then(|| key.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan;
    use serde_json::json;

    fn event(name: &str, subject: &str, data: Value) -> Event {
        let Value::Object(data) = data else {
            unreachable!("an object")
        };
        Event {
            name: name.into(),
            subject: subject.into(),
            at: Timestamp::from_second(1_000).expect("a time"),
            data,
        }
    }

    #[test]
    fn an_event_calls_cancels_or_reaches_a_goal() {
        let plan = dialplan::load("dialplans/reminder.yaml".as_ref()).expect("a plan");
        let campaign = plan.campaigns.get("unpaid_order").expect("a campaign");
        let means = |name, subject, data| meanings(campaign, &event(name, subject, data));
        let row = json!({"order_id": "4711", "phone": "+4930123456"});
        let due = Timestamp::from_second(1_000 + 30 * 60).expect("a time");
        let [Meaning::Call { row: called, due: then }] = &means("payment.abandoned", "", row.clone())[..] else {
            panic!("one call")
        };
        assert_eq!((&Value::from(called.clone()), *then), (&row, due));
        // The subject is the key where the data do not tell one.
        let [Meaning::Call { row: called, .. }] = &means("payment.abandoned", "4712", json!({"phone": "x"}))[..] else {
            panic!("one call")
        };
        assert_eq!(called.get("order_id"), Some(&json!("4712")));
        let key = |key: &str| key.to_owned();
        for (data, subject, known) in [
            (json!({}), "4711", "4711"),
            (json!({"order_id": "4711"}), "", "4711"),
            (json!({"order_id": 4711}), "", "4711"),
        ] {
            assert_eq!(
                means("payment.succeeded", subject, data),
                [Meaning::Goal { key: key(known) }, Meaning::Cancel { key: key(known) }]
            );
        }
        assert_eq!(
            means("order.cancelled", "4711", json!({})),
            [Meaning::Cancel { key: key("4711") }]
        );
        // Whom it is about nobody knows; and what no campaign waits for means nothing.
        assert!(means("payment.succeeded", "", json!({"order_id": ["4711"]})).is_empty());
        assert!(means("payment.succeeded", "", json!({"order_id": ""})).is_empty());
        assert!(means("order.shipped", "4711", json!({})).is_empty());
    }
}
