//! Contacts that programs add: one, or up to a thousand at once.
//!
//! Each row is taken, known already, or refused with all that is wrong with it; none is passed over.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Asked, body, campaign, unfit};
use crate::campaign::contact;
use crate::clock;
use crate::config::May;
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

pub(super) async fn add(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let who = Asked::of(&site, &request).permit(&site, May::Contacts).await?;
    let campaigns = site.api.campaigns();
    let campaign = campaign(&campaigns, &name)?;
    let now = clock::wall();
    let read = |row: &Map<String, Value>| contact::read(campaign, row, site.api.home, now);
    let rows = match body(request).await? {
        Value::Object(row) => {
            let contact = read(&row).map_err(|why| unfit("contact", why.join("; ")))?;
            return one(&site, &name, contact, now, &who).await;
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
    let (mut contacts, mut places, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let no_map = || Err(vec!["it should be a map of columns to values".to_owned()]);
        match row.as_object().map_or_else(no_map, read) {
            Ok(contact) => {
                contacts.push(contact);
                places.push(at + 1);
            }
            Err(why) => refused.push(Refused { row: at + 1, why }),
        }
    }
    let added = site.store.add_contacts(&name, &contacts, now).await?;
    tracing::info!(
        campaign = name,
        "{who} added {} of {} contacts",
        added.added,
        rows.len()
    );
    let known = added.known.iter().filter_map(|known| {
        Some(Known {
            row: *places.get(known.row)?,
            key: contacts.get(known.row)?.key.clone(),
            since: known.since,
        })
    });
    let known: Vec<Known> = known.collect();
    let answer = json!({"added": added.added, "known": known, "refused": refused});
    Ok(Json(answer).into_response())
}

/// 201 where it is new.
async fn one(
    site: &Site,
    name: &str,
    contact: contact::NewContact,
    now: Timestamp,
    who: &str,
) -> Result<Response, Refusal> {
    let key = contact.key.clone();
    let added = site.store.add_contacts(name, &[contact], now).await?;
    let new = added.added > 0;
    if new {
        tracing::info!(campaign = name, "{who} added a contact");
    }
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({"key": key, "new": new}))).into_response())
}
