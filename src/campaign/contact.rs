//! Somebody who is to be called: a row from a file, the API or an event, read as the campaign's plan wants it.
//!
//! All that is wrong with a row is told at once, in words for whoever made it. It knows neither files nor the store.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::number::{Number, Region};
use super::zones::Zones;
use crate::dialplan::campaign::{Campaign, Contacts, Zone};
use crate::dialplan::plan;

/// Characters of a key, and of any other value: what is said is a sentence, not a page.
const LONGEST_KEY: usize = 200;
const LONGEST_VALUE: usize = 1_000;

/// One that is to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct NewContact {
    /// What it is known by in its campaign.
    pub key: String,
    pub number: Number,
    /// Of the IANA database, where a column told it.
    pub zone: Option<String>,
    /// What shows the consent; none: never called.
    pub proof: Option<String>,
    /// All that the plan may say, by name; what a row leaves empty is not there.
    pub vars: Map<String, Value>,
    /// Never called, to measure against.
    pub held_out: bool,
    /// Not before.
    pub due: Timestamp,
}

/// Reads a row: names to values, each a text, a number, yes or no. Names that the campaign does not know are passed over. Numbers without a country's
/// code are of `home`.
///
/// # Errors
/// All that is wrong with it, each in words that name the column.
pub fn read(
    campaign: &Campaign,
    row: &Map<String, Value>,
    home: Option<Region>,
    due: Timestamp,
) -> Result<NewContact, Vec<String>> {
    let mut faults = Vec::new();
    let columns = &campaign.contacts;
    let key = needed(row, &columns.key, &mut faults).filter(|key| {
        let fits = key.chars().count() <= LONGEST_KEY;
        if !fits {
            faults.push(format!("`{}` is longer than {LONGEST_KEY} characters", columns.key));
        }
        fits
    });
    let number = needed(row, &columns.phone, &mut faults).and_then(|text| {
        let read = Number::parse(&text, home);
        read.map_err(|why| faults.push(format!("`{}` is {}: {why}", columns.phone, shown(&text))))
            .ok()
    });
    let zone = zone(columns, row, &mut faults);
    let proof = campaign
        .consent
        .as_ref()
        .and_then(|consent| given(row, &consent.proof, &mut faults));
    let mut vars = Map::new();
    for var in &columns.vars {
        let Some(text) = given(row, &var.name, &mut faults) else {
            continue;
        };
        match super::vars::read(var.kind, &text, home) {
            Ok(Some(value)) => {
                vars.insert(var.name.clone(), json(value));
            }
            Ok(None) => {}
            Err(why) => faults.push(format!("`{}`: {why}", var.name)),
        }
    }
    // A column that is named twice, as proof and as a value, is at fault once.
    let mut told = BTreeSet::new();
    faults.retain(|fault| told.insert(fault.clone()));
    match (key, number) {
        (Some(key), Some(number)) if faults.is_empty() => {
            vars.insert(columns.key.clone(), key.clone().into());
            vars.insert(columns.phone.clone(), number.to_string().into());
            let share = campaign.goal.as_ref().map_or(0.0, |goal| goal.holdout);
            let held_out = is_held_out(&campaign.name, &key, share);
            Ok(NewContact {
                key,
                number,
                zone,
                proof,
                vars,
                held_out,
                due,
            })
        }
        _ => Err(faults),
    }
}

/// The columns that a table of contacts must have, none twice.
pub fn columns(campaign: &Campaign) -> Vec<&str> {
    let contacts = &campaign.contacts;
    let mut columns: Vec<&str> = contacts.names().collect();
    if let Zone::Column(column) = &contacts.timezone {
        columns.push(column);
    }
    if let Some(consent) = &campaign.consent {
        columns.push(&consent.proof);
    }
    let mut seen = BTreeSet::new();
    columns.retain(|column| seen.insert(*column));
    columns
}

/// Whether a contact is left uncalled, to measure against: drawn by its key, so that it is the same however often it is loaded. `share` is 0 to 1.
pub fn is_held_out(campaign: &str, key: &str, share: f64) -> bool {
    let digest = Sha256::new()
        .chain_update(campaign)
        .chain_update([0])
        .chain_update(key)
        .finalize();
    let drawn = digest
        .iter()
        .take(6)
        .fold(0_u64, |drawn, byte| (drawn << 8) | u64::from(*byte));
    // 48 bits: exact in a double.
    (drawn as f64) < share * (1_u64 << 48) as f64
}

/// The value as a text without spaces around it; none where it is empty.
fn given(row: &Map<String, Value>, column: &str, faults: &mut Vec<String>) -> Option<String> {
    let text = match row.get(column)? {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            faults.push(format!("`{column}` is a list or a map; write one text or number"));
            return None;
        }
    };
    if text.chars().count() > LONGEST_VALUE {
        faults.push(format!("`{column}` is longer than {LONGEST_VALUE} characters"));
        return None;
    }
    if text.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        faults.push(format!(
            "`{column}` has characters that cannot be printed: {}",
            shown(&text)
        ));
        return None;
    }
    Some(text).filter(|text| !text.is_empty())
}

fn needed(row: &Map<String, Value>, column: &str, faults: &mut Vec<String>) -> Option<String> {
    let before = faults.len();
    let text = given(row, column, faults);
    if text.is_none() && faults.len() == before {
        faults.push(format!("`{column}` is empty"));
    }
    text
}

fn zone(columns: &Contacts, row: &Map<String, Value>, faults: &mut Vec<String>) -> Option<String> {
    let Zone::Column(column) = &columns.timezone else {
        return None;
    };
    let name = given(row, column, faults)?;
    match Zones::named(&name) {
        Ok(_) => Some(name),
        Err(why) => {
            faults.push(format!("`{column}`: {why}"));
            None
        }
    }
}

/// As it may be shown in a message: short, in one line.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown = String::from("`");
    for c in text.chars().take(MOST) {
        shown.push(if c.is_control() { ' ' } else { c });
    }
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown.push('`');
    shown
}

fn json(value: plan::Value) -> Value {
    match value {
        plan::Value::Text(text) => text.into(),
        plan::Value::Boolean(value) => value.into(),
        plan::Value::Null => Value::Null,
        // Whole numbers are written whole.
        plan::Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => Value::from(number as i64),
        plan::Value::Number(number) => Value::from(number),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialplan;

    const PLAN: &str = r#"
version: 1
campaigns:
  unpaid:
    assistant: leo
    flow: remind
    contacts: {key: order_id, phone: phone, timezone: zone, vars: {first_name: text, amount: money, consent_at: text, other: phone}}
    consent: {basis: existing_customer, purpose: reminder, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: mon-sat, from: "09:00", to: "20:00", clock: contact}
    caller_id: "+493023125999"
    goal: {event: payment.succeeded, within: 48h, holdout: 10%}
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant."}
flows:
  remind: {steps: [{say: "Hello {first_name}."}, {hangup: now}]}
"#;

    fn campaign() -> Campaign {
        let plan = dialplan::parse(PLAN, "unpaid.yaml").expect("a plan");
        plan.campaigns.get("unpaid").expect("there").clone()
    }

    fn with(row: Value) -> Result<NewContact, Vec<String>> {
        let Value::Object(row) = row else {
            panic!("{row}");
        };
        read(&campaign(), &row, "DE".parse().ok(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_row_is_read_as_the_plan_types_it() {
        let row = json!({
            "order_id": 4711, "phone": " 030 23125 000 ", "zone": "Europe/Vienna", "first_name": "Ann", "amount": "12.50",
            "consent_at": "2026-11-01", "other": null, "unasked": [1]
        });
        let contact = with(row).expect("a contact");
        assert_eq!(
            (contact.key.as_str(), contact.number.to_string().as_str()),
            ("4711", "+493023125000")
        );
        assert_eq!(
            (contact.zone.as_deref(), contact.proof.as_deref()),
            (Some("Europe/Vienna"), Some("2026-11-01"))
        );
        let vars = json!({
            "order_id": "4711", "phone": "+493023125000", "first_name": "Ann", "amount": 12.5, "consent_at": "2026-11-01"
        });
        assert_eq!(Value::Object(contact.vars), vars);
        // Without a zone the number tells it, and without a proof nobody is called: that is no fault of the row.
        let bare =
            with(json!({"order_id": "1", "phone": "+493023125000", "zone": " ", "amount": 1500})).expect("a contact");
        assert_eq!(
            (bare.zone, bare.proof, bare.vars.get("amount")),
            (None, None, Some(&json!(1500)))
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let faults = with(json!({
            "order_id": "", "phone": "call me", "zone": "Mars/Base", "first_name": ["Ann"], "amount": "about ten",
            "consent_at": "a\u{7}b", "other": "12"
        }));
        let faults = faults.expect_err("a bad row");
        for column in [
            "order_id",
            "phone",
            "zone",
            "first_name",
            "amount",
            "consent_at",
            "other",
        ] {
            let told = faults
                .iter()
                .filter(|fault| fault.contains(&format!("`{column}`")))
                .count();
            assert_eq!(told, 1, "{column}: {faults:?}");
        }
        let long = json!({"order_id": "x".repeat(LONGEST_KEY + 1), "phone": "+493023125000"});
        assert!(with(long).is_err_and(|faults| faults.iter().all(|fault| fault.contains("longer"))));
    }

    #[test]
    fn who_is_held_out_is_drawn_once_and_for_all() {
        let held_out = |share: f64| {
            (0..10_000)
                .filter(|n| is_held_out("unpaid", &format!("order-{n}"), share))
                .count()
        };
        assert_eq!((held_out(0.0), held_out(1.0)), (0, 10_000));
        // Four standard deviations about a tenth.
        assert!((880..=1_120).contains(&held_out(0.1)));
        // A larger share holds out the same ones and more, and another campaign others.
        for n in 0..1_000 {
            let key = format!("order-{n}");
            assert!(!is_held_out("unpaid", &key, 0.1) || is_held_out("unpaid", &key, 0.2));
        }
        let others = (0..1_000).map(|n| format!("order-{n}"));
        assert!(
            others
                .into_iter()
                .any(|key| is_held_out("unpaid", &key, 0.5) != is_held_out("other", &key, 0.5))
        );
    }

    #[test]
    fn a_table_must_have_what_the_campaign_names() {
        let campaign = campaign();
        assert_eq!(
            columns(&campaign),
            [
                "order_id",
                "phone",
                "first_name",
                "amount",
                "consent_at",
                "other",
                "zone"
            ]
        );
    }
}
