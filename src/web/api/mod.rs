//! Where programs ask: `/api/v1/…`, JSON in and out.
//!
//! A program shows a key of the configuration, a page its person's session; events show a signature. What is asked for is written into the store, where
//! the running bot finds it: nothing here waits for a call. What is refused says why as pages are told it.

mod campaigns;
mod contacts;
mod dry_run;
mod events;
mod lists;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Json, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::door::{self, Refusal};
use super::{Peer, Site, headers};
use crate::clock;
use crate::config::{self, ApiKey, May};
use crate::dialplan::campaign::Campaign;
use crate::document::problem::suggest;
use crate::sip::Outbound;
use crate::store::people::Role;

/// All of it is below this.
pub(super) const PREFIX: &str = "/api/v1/";
/// Bytes of what one event tells.
const EVENT: usize = 64 * 1024;
/// Bytes of contacts that come at once.
const CONTACTS: usize = 1024 * 1024;

/// The campaigns of a plan, by name.
pub type Campaigns = Arc<BTreeMap<String, Campaign>>;

/// What programs may ask, and of what.
pub struct Api {
    pub keys: Vec<ApiKey>,
    /// What holds for all campaigns.
    pub rules: config::Campaigns,
    /// Where calls may go.
    pub outbound: Outbound,
    /// Those of the plan of the moment.
    pub campaigns: watch::Receiver<Campaigns>,
}

/// Nobody may ask for anything.
impl Default for Api {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            rules: config::Campaigns::default(),
            outbound: Outbound::default(),
            campaigns: watch::channel(Campaigns::default()).1,
        }
    }
}

pub(super) fn routes() -> Router<Arc<Site>> {
    let events = post(events::take).layer(DefaultBodyLimit::max(EVENT));
    let contacts = post(contacts::add).layer(DefaultBodyLimit::max(CONTACTS));
    Router::new()
        .route("/api/v1/events", events)
        .route("/api/v1/events/{key}", get(events::told))
        .route("/api/v1/campaigns", get(campaigns::all))
        .route("/api/v1/campaigns/{name}", get(campaigns::one))
        .route("/api/v1/campaigns/{name}/report", get(campaigns::report))
        .route("/api/v1/campaigns/{name}/dry-run", get(dry_run::dry_run))
        .route("/api/v1/campaigns/{name}/contacts", contacts)
        .route("/api/v1/campaigns/{name}/contacts/{key}", get(contacts::one))
        .route("/api/v1/campaigns/{name}/{command}", post(campaigns::command))
        .route("/api/v1/do-not-call", post(lists::add))
        .route("/api/v1/do-not-call/{number}", get(lists::of))
}

/// What is asked, less its body.
struct Asked {
    method: Method,
    headers: HeaderMap,
    address: IpAddr,
}

impl Asked {
    fn of(site: &Site, request: &Request) -> Self {
        let peer = request.extensions().get::<Peer>().map(|Peer(ip)| *ip);
        let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let headers = request.headers().clone();
        Self {
            method: request.method().clone(),
            address: headers::address(&headers, peer, &site.proxies),
            headers,
        }
    }

    /// Who asks, for the log, where they may do it.
    async fn permit(&self, site: &Site, may: May) -> Result<String, Refusal> {
        match self.headers.get(AUTHORIZATION) {
            Some(line) => {
                let line = line.to_str().unwrap_or_default();
                let key = line.split_once(' ').and_then(|(scheme, key)| {
                    let key = scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())?;
                    site.api.keys.iter().find(|own| is_same(own.key.reveal(), key))
                });
                let told = "there is no such key; write `Authorization: Bearer KEY` with one of `api.keys`";
                let key = key.ok_or_else(|| self.unproven(site, "key", told))?;
                if key.may.contains(&may) {
                    return Ok(format!("the key `{}`", key.name));
                }
                let told = format!(
                    "the key `{}` may not do this; write `{}` into its `may`",
                    key.name,
                    may.name()
                );
                Err(Refusal::new(StatusCode::FORBIDDEN, "may", told))
            }
            None => self.person(site).await,
        }
    }

    /// Whose page asks.
    async fn person(&self, site: &Site) -> Result<String, Refusal> {
        if site.cookies.read(&self.headers).is_none() {
            let told = "show a key, as `Authorization: Bearer KEY`, or sign in";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "key", told));
        }
        let reads = [Method::GET, Method::HEAD].contains(&self.method);
        if !reads && !site.origins.admit(&self.headers) {
            return Err(Refusal::stray());
        }
        let (_, session) = door::session(site, &self.headers).await?;
        match session.person.role {
            Role::Supervisor | Role::Ops => Ok(session.person.name),
            Role::Agent => {
                let told = "this is for supervisors and ops";
                Err(Refusal::new(StatusCode::FORBIDDEN, "may", told))
            }
        }
    }

    /// Somebody who does not show what they should; who does so often is told to wait, and not logged.
    fn unproven(&self, site: &Site, error: &'static str, told: &str) -> Refusal {
        let mut strangers = site.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        match strangers.arrive(self.address, clock::now()) {
            Ok(()) => {
                tracing::warn!("{} asked in vain: {told}", self.address);
                Refusal::new(StatusCode::UNAUTHORIZED, error, told)
            }
            Err(wait) => Refusal::often(wait),
        }
    }
}

/// Whether two keys are one, in a time that tells nothing of where they differ.
fn is_same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let read: Result<Json<T>, JsonRejection> = Json::from_request(request, &()).await;
    let Json(body) = read.map_err(|e| Refusal::new(e.status(), "form", e.body_text()))?;
    Ok(body)
}

/// What a request says that is well-formed and no good.
fn unfit(error: &'static str, told: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error, told)
}

impl Api {
    fn campaigns(&self) -> Campaigns {
        Arc::clone(&self.campaigns.borrow())
    }
}

/// The campaign that is called so.
fn campaign<'a>(campaigns: &'a Campaigns, name: &str) -> Result<&'a Campaign, Refusal> {
    campaigns.get(name).ok_or_else(|| {
        let near = suggest(name, campaigns.keys().map(String::as_str));
        let told = format!("the plan has no campaign `{name}`{near}");
        Refusal::new(StatusCode::NOT_FOUND, "campaign", told)
    })
}
