//! Somebody who is to be called: a row from a file, the API or an event, read as the campaign's plan wants it.
//!
//! All that is wrong with a row is told at once, in words for whoever made it. It knows neither files nor the store.

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
        read.map_err(|why| faults.push(format!("`{}` is {}: {why}", columns.phone, shown(&text)))).ok()
    });
    let zone = zone(columns, row, &mut faults);
    let proof = campaign.consent.as_ref().and_then(|consent| given(row, &consent.proof, &mut faults));
    let mut vars = Map::new();
    for var in &columns.vars {
        let Some(text) = given(row, &var.name, &mut faults) else { continue };
        match super::vars::read(var.kind, &text, home) {
            Ok(Some(value)) => {
                vars.insert(var.name.clone(), json(value));
            }
            Ok(None) => {}
            Err(why) => faults.push(format!("`{}`: {why}", var.name)),
        }
    }
    faults.dedup();
    match (key, number) {
        (Some(key), Some(number)) if faults.is_empty() => {
            vars.insert(columns.key.clone(), key.clone().into());
            vars.insert(columns.phone.clone(), number.to_string().into());
            let share = campaign.goal.as_ref().map_or(0.0, |goal| goal.holdout);
            let held_out = is_held_out(&campaign.name, &key, share);
            Ok(NewContact { key, number, zone, proof, vars, held_out, due })
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
    let mut seen = std::collections::BTreeSet::new();
    columns.retain(|column| seen.insert(*column));
    columns
}

/// Whether a contact is left uncalled, to measure against: drawn by its key, so that it is the same however often it is loaded. `share` is 0 to 1.
pub fn is_held_out(campaign: &str, key: &str, share: f64) -> bool {
    let digest = Sha256::new().chain_update(campaign).chain_update([0]).chain_update(key).finalize();
    let drawn = digest.iter().take(6).fold(0_u64, |drawn, byte| drawn << 8 | u64::from(*byte));
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
        faults.push(format!("`{column}` has characters that cannot be printed: {}", shown(&text)));
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
