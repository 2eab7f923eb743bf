//! What other systems tell: signed, and once each by its key.
//!
//! An event is kept and answered; what it means the running bot sees, soon after.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Asked, unfit};
use crate::clock;
use crate::config::{May, Secret};
use crate::web::door::Refusal;
use crate::web::{Site, signature};

const KEY: &str = "Idempotency-Key";
/// Characters of a key, a name, and whom it is about.
const LONGEST: usize = 200;
/// How long ago something may have happened.
const OLDEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far ahead the sender's clock may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// `payment.abandoned`
    event: String,
    /// Whom it is about: what a campaign's contact is known by.
    #[serde(default)]
    subject: String,
    /// When it happened; now, where it is not said.
    at: Option<Timestamp>,
    /// The columns of a contact, where the event is about somebody who is to be called.
    #[serde(default)]
    data: Map<String, Value>,
}

pub(super) async fn take(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    if site.api.rules.events.is_empty() {
        let told = "no events are taken; write `campaigns: {events: {secret: …}}` into the configuration";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "events", told));
    }
    let asked = Asked::of(&site, &request);
    let key = key(&asked.headers)?;
    let body: Result<Bytes, BytesRejection> = Bytes::from_request(request, &()).await;
    let body = body.map_err(|e| Refusal::new(e.status(), "form", e.body_text()))?;
    let header = asked.headers.get(signature::HEADER).and_then(|line| line.to_str().ok());
    let now = clock::wall();
    let secrets = site.api.rules.events.iter().map(Secret::reveal);
    signature::verify(secrets, header.unwrap_or_default(), &body, now)
        .map_err(|why| asked.unproven(&site, "signature", &why.to_string()))?;
    let told: Told = serde_json::from_slice(&body).map_err(|e| unfit("form", e.to_string()))?;
    let at = check(&told, now)?;
    let data = Value::Object(told.data).to_string();
    let new = site
        .store
        .take_event(&key, &told.event, &told.subject, &data, at)
        .await?;
    if new {
        tracing::info!(key, subject = told.subject, "told: {}", told.event);
    } else if let Some(known) = site.store.event(&key).await? {
        let same = known.name == told.event && known.subject == told.subject && known.body == data;
        if !same {
            let why = format!("`{KEY}: {key}` was the key of another event; give each a key of its own");
            return Err(unfit("key", why));
        }
    }
    let answer = json!({"event": told.event, "subject": told.subject, "key": key});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// What became of the event of a key.
pub(super) async fn told(
    State(site): State<Arc<Site>>,
    Path(key): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    let event = site.store.event(&key).await?;
    let event = event.ok_or_else(|| {
        let told = format!("no event came with the key `{key}`");
        Refusal::new(StatusCode::NOT_FOUND, "event", told)
    })?;
    let answer = json!({
        "event": event.name, "subject": event.subject, "key": event.key, "at": event.at,
        "handled": event.handled, "outcome": event.outcome,
    });
    Ok(Json(answer).into_response())
}

fn key(headers: &HeaderMap) -> Result<String, Refusal> {
    let key = headers.get(KEY).and_then(|line| line.to_str().ok()).map(str::trim);
    let key = key.filter(|key| (1..=LONGEST).contains(&key.len()));
    key.map(str::to_owned).ok_or_else(|| {
        let told = format!("the header `{KEY}` should be a text of 1 to {LONGEST} letters, of this event alone: with the same one it is taken once");
        Refusal::new(StatusCode::BAD_REQUEST, "key", told)
    })
}

/// When it happened.
fn check(told: &Told, now: Timestamp) -> Result<Timestamp, Refusal> {
    let name = told.event.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > LONGEST || !name.bytes().all(plain) {
        return Err(unfit("event", "`event` should be a name such as payment.abandoned"));
    }
    if told.subject.chars().count() > LONGEST || told.subject.contains(char::is_control) {
        let why = format!("`subject` should be what the contact is known by, of at most {LONGEST} characters");
        return Err(unfit("subject", why));
    }
    let at = told.at.unwrap_or(now);
    if at.duration_since(now) > AHEAD || now.duration_since(at) > OLDEST {
        return Err(unfit(
            "at",
            "`at` should be when it happened: of the last 30 days, and not of the future",
        ));
    }
    Ok(at.min(now))
}
