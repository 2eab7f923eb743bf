//! What a call of a campaign begins with: who is called, what the plan may say of them, and what other systems know.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::Runner;
use crate::call::{Manager, Opening, Start};
use crate::campaign::Whereabouts;
use crate::clock;
use crate::dialplan::campaign::Campaign;
use crate::dialplan::{Facts, Value};
use crate::engine::journal::Record;
use crate::language::Language;
use crate::store::campaigns::ContactRow;

/// Where a row tells it, the language that they are spoken to in.
const LANGUAGE: &str = "language";

impl Runner {
    /// The `n`th attempt to reach `contact`.
    pub(super) fn start(
        &self,
        campaign: &Campaign,
        (contact, whereabouts): (&ContactRow, &Whereabouts),
        record: &Record,
        n: u32,
    ) -> Start {
        let script = &self.script;
        let plan = &script.plan;
        let text = |words: &str| Value::Text(words.to_owned());
        let assistant = plan.assistants.get(&campaign.assistant);
        let spoken = assistant.map_or(&[][..], |assistant| &assistant.languages);
        let wanted = contact.vars.get(LANGUAGE).and_then(Json::as_str);
        let wanted = wanted.and_then(|code| code.parse::<Language>().ok());
        let language = wanted
            .filter(|wanted| spoken.contains(wanted))
            .or(spoken.first().copied());
        let facts = Facts {
            at: clock::wall(),
            caller: [("number".to_owned(), text(&contact.number.to_string()))].into(),
            call: [
                ("id".to_owned(), text(&record.id)),
                ("to".to_owned(), text(&contact.number.to_string())),
            ]
            .into(),
            queues: self.bot.floor.loads(&plan.asked_queues),
        };
        Start {
            flow: campaign.flow.clone(),
            language: language.unwrap_or(Language::English),
            facts,
            told: told(campaign, contact, &clock_of(whereabouts), n),
            understanding: script
                .understanding
                .get(&campaign.assistant)
                .cloned()
                .unwrap_or_default(),
            manager: if self.bot.model.is_some() {
                Manager::Model
            } else {
                Manager::Grounded
            },
            opening: Some(Opening::of(campaign)),
            plan: std::sync::Arc::clone(plan),
            assistant: campaign.assistant.clone(),
        }
    }
}

/// The columns of the contact, by their names and as `contact.NAME`, and what is known of the campaign.
fn told(campaign: &Campaign, contact: &ContactRow, clock: &TimeZone, n: u32) -> BTreeMap<String, Value> {
    let mut told = BTreeMap::new();
    for (name, value) in &contact.vars {
        let value = match value {
            Json::String(text) => Value::Text(text.clone()),
            Json::Number(number) => number.as_f64().map_or(Value::Null, Value::Number),
            Json::Bool(value) => Value::Boolean(*value),
            Json::Null | Json::Array(_) | Json::Object(_) => continue,
        };
        told.insert(format!("contact.{name}"), value.clone());
        told.insert(name.clone(), value);
    }
    let text = |words: &str| Value::Text(words.to_owned());
    told.insert("contact.found".to_owned(), Value::Boolean(true));
    told.insert("campaign.name".to_owned(), text(&campaign.name));
    told.insert("campaign.number".to_owned(), text(&contact.number.to_string()));
    told.insert("campaign.attempt".to_owned(), Value::Number(f64::from(n)));
    if let Some(name) = clock.iana_name() {
        told.insert("campaign.timezone".to_owned(), text(name));
    }
    if let Some(caller_id) = &campaign.caller_id {
        told.insert("campaign.caller_id".to_owned(), text(caller_id));
    }
    told
}

/// The clock by which they are spoken to of times: the first, where they may be at several places.
pub(super) fn clock_of(whereabouts: &Whereabouts) -> TimeZone {
    whereabouts
        .zones
        .iter()
        .next()
        .cloned()
        .unwrap_or_else(TimeZone::system)
}
