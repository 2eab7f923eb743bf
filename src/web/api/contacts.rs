//! Contacts that programs add, one or up to a thousand at once, and look at.
//!
//! Each row is taken, known already, or refused with all that is wrong with it; none is passed over.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Asked, body, campaign, unfit};
use crate::campaign::contact::{self, NewContact};
use crate::campaign::number::Region;
use crate::clock;
use crate::config::May;
use crate::dialplan::campaign::Campaign;
use crate::web::Site;
use crate::web::door::Refusal;

/// Rows of a request.
const MOST: usize = 1_000;

/// A row that was not taken.
#[derive(Serialize)]
struct Refused {
    /// From 1.
    row: usize,
    why: Vec<String>,
}

/// A row whose key the campaign has, or that stood in a row before: it is left as it was.
#[derive(Serialize)]
struct Known {
    /// From 1.
    row: usize,
    key: String,
    since: Timestamp,
}

/// A contact, and each time that it was dialled.
pub(super) async fn one(
    State(site): State<Arc<Site>>,
    Path((name, key)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    campaign(&site.api.campaigns(), &name)?;
    let contact = site.store.contact_by_key(&name, &key).await?.ok_or_else(|| {
        let told = format!("the campaign `{name}` has no contact `{key}`");
        Refusal::new(StatusCode::NOT_FOUND, "contact", told)
    })?;
    let attempts = site.store.attempts_of(contact.id).await?;
    Ok(Json(json!({"contact": contact, "attempts": attempts})).into_response())
}

/// The rows of a request.
#[derive(Default)]
struct Sifted {
    contacts: Vec<NewContact>,
    /// The row that each of them was, from 1.
    places: Vec<usize>,
    refused: Vec<Refused>,
}

pub(super) async fn add(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let who = Asked::of(&site, &request).permit(&site, May::Contacts).await?;
    let campaign = campaign(&site.api.campaigns(), &name)?.clone();
    let (now, home) = (clock::wall(), site.api.rules.region);
    let rows = match body(request).await? {
        Value::Object(row) => {
            let read = contact::read(&campaign, &row, home, now);
            let contact = read.map_err(|why| unfit("contact", why.join("; ")))?;
            return add_one(&site, &name, contact, now, &who).await;
        }
        Value::Array(rows) if rows.len() <= MOST => rows,
        Value::Array(rows) => {
            let told = format!(
                "there are {} contacts, and {MOST} may come at once; send the rest after them",
                rows.len()
            );
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "many", told));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(unfit(
                "form",
                "it should be a map of columns to values, or a list of such",
            ));
        }
    };
    let count = rows.len();
    // A thousand numbers take longer than a call may be kept waiting.
    let sifted = tokio::task::spawn_blocking(move || sift(&campaign, &rows, home, now)).await;
    let sifted = sifted.map_err(|e| {
        tracing::error!("contacts could not be read: {e}");
        let told = "the contacts could not be read; the log says why";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", told)
    })?;
    let added = site.store.add_contacts(&name, &sifted.contacts, now).await?;
    tracing::info!(campaign = name, "{who} added {} of {count} contacts", added.added);
    let known = added.known.iter().filter_map(|known| {
        Some(Known {
            row: *sifted.places.get(known.row)?,
            key: sifted.contacts.get(known.row)?.key.clone(),
            since: known.since,
        })
    });
    let known: Vec<Known> = known.collect();
    let answer = json!({"added": added.added, "known": known, "refused": sifted.refused});
    Ok(Json(answer).into_response())
}

fn sift(campaign: &Campaign, rows: &[Value], home: Option<Region>, now: Timestamp) -> Sifted {
    let mut sifted = Sifted::default();
    for (at, row) in rows.iter().enumerate() {
        let place = at + 1;
        let no_map = || Err(vec!["it should be a map of columns to values".to_owned()]);
        let read = |row| contact::read(campaign, row, home, now);
        match row.as_object().map_or_else(no_map, read) {
            Ok(contact) => {
                sifted.contacts.push(contact);
                sifted.places.push(place);
            }
            Err(why) => sifted.refused.push(Refused { row: place, why }),
        }
    }
    sifted
}

/// 201 where it is new.
async fn add_one(site: &Site, name: &str, contact: NewContact, now: Timestamp, who: &str) -> Result<Response, Refusal> {
    let key = contact.key.clone();
    let added = site.store.add_contacts(name, &[contact], now).await?;
    let new = added.added > 0;
    if new {
        tracing::info!(campaign = name, "{who} added a contact");
    }
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({"key": key, "new": new}))).into_response())
}
