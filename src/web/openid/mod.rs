//! Signing in by an OpenID provider: the way there, and the way back.
//!
//! A browser is sent to the provider with what it must bring back, and comes back with a code that the provider turns into a name. Whose name
//! that is, and whether they may come in, the store knows. What goes wrong is told by the page of signing in, as `/?problem=WORD`: nobody is sent
//! anywhere else. The session is ours, and so is its end: the provider is not told of it.

mod errand;
mod known;
mod provider;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use openidconnect::url::form_urlencoded;
use serde_json::json;

pub use self::errand::Errand;
use self::provider::Failure;
pub use self::provider::Provider;
use super::door::{self, Refusal};
use super::{Peer, Site, headers};
use crate::clock;
use crate::store;

const DONE: &str = "/api/openid/done";
/// Letters of what the provider refuses with that are written to the log.
const TOLD: usize = 64;

pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/api/openid", get(name))
        .route("/api/openid/begin", get(begin))
        .route(DONE, get(done))
}

/// Why somebody is not in, for the page.
#[derive(Clone, Copy)]
enum Problem {
    /// The provider cannot be asked.
    Down,
    /// The browser brings what was not asked for, or too late.
    Stray,
    /// The provider did not let them in.
    Denied,
    /// What the provider said is not proven.
    Unproven,
    /// The provider tells no name.
    Nameless,
    /// Nobody here has that name, or they may not come in.
    Stranger,
    Often,
    Store,
}

impl Problem {
    fn word(self) -> &'static str {
        match self {
            Problem::Down => "openid_down",
            Problem::Stray => "openid_stray",
            Problem::Denied => "openid_denied",
            Problem::Unproven => "openid_unproven",
            Problem::Nameless => "openid_nameless",
            Problem::Stranger => "openid_stranger",
            Problem::Often => "often",
            Problem::Store => "store",
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        tracing::warn!("{failure}");
        match failure {
            Failure::Down(_) => Problem::Down,
            Failure::Refused(_) => Problem::Unproven,
            Failure::Nameless(_) => Problem::Nameless,
        }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        tracing::error!("{error}");
        Problem::Store
    }
}

/// What the page calls the provider, where there is one.
async fn name(State(site): State<Arc<Site>>) -> Response {
    Json(json!({"name": site.openid.as_ref().map(Provider::name)})).into_response()
}

/// Sends the browser to the provider.
async fn begin(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some(provider) = &site.openid else {
        return Refusal::nowhere().into_response();
    };
    let errand = Errand::begin(clock::wall());
    let sent = async {
        // Whoever sat here before goes now: their cookie is not sent when the provider leads back.
        if headers::followed(&headers) {
            door::end(&site, &headers).await?;
        }
        Ok::<_, Problem>(provider.way(&errand, &back(&site, &headers)).await?)
    };
    match sent.await {
        Ok(way) => {
            let lasts = errand::LASTS.as_secs().unsigned_abs();
            lead(&way, [site.cookies.write_errand(&errand.text(), lasts)])
        }
        Err(problem) => lead(&told(problem), []),
    }
}

/// Takes the browser that the provider leads back. The errand is over, whatever came of it.
async fn done(
    State(site): State<Arc<Site>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(provider) = &site.openid else {
        return Refusal::nowhere().into_response();
    };
    let over = site.cookies.write_errand("", 0);
    let address = headers::address(&headers, peer, &site.proxies);
    match admit(&site, provider, address, &headers, &query.unwrap_or_default()).await {
        Ok(session) => lead("/", [over, session]),
        Err(problem) => {
            tracing::info!("{address} did not sign in by the OpenID provider: {}", problem.word());
            lead(&told(problem), [over])
        }
    }
}

/// The cookie of the session of whoever came back with `query`.
async fn admit(
    site: &Site,
    provider: &Provider,
    address: std::net::IpAddr,
    headers: &HeaderMap,
    query: &str,
) -> Result<String, Problem> {
    let brought = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.into_owned())
    };
    let errand = site.cookies.read_errand(headers).filter(|errand| {
        let asked = brought("state").is_some_and(|state| state == errand.state());
        asked && errand.lasts(clock::wall())
    });
    let errand = errand.ok_or(Problem::Stray)?;
    if let Some(error) = brought("error") {
        let error: String = error.chars().take(TOLD).collect();
        tracing::info!("the OpenID provider refuses {address}: {error:?}");
        return Err(Problem::Denied);
    }
    let code = brought("code").ok_or(Problem::Stray)?;
    let begun = door::attempts(site, |attempts| attempts.arrive(address, clock::now()));
    begun.map_err(|_| Problem::Often)?;
    let proven = provider.prove(&errand, code, &back(site, headers)).await;
    if !matches!(proven, Err(Failure::Refused(_))) {
        // Nobody guessed.
        door::attempts(site, |attempts| attempts.welcome(address));
    }
    let name = proven?;
    let known = site.store.credentials(&name).await?;
    let known = known.filter(|known| !known.person.disabled).ok_or_else(|| {
        tracing::warn!("the OpenID provider knows {address} as `{name}`, who has no account here, or is disabled");
        Problem::Stranger
    })?;
    let session = door::open(site, &known).await?.ok_or(Problem::Stranger)?;
    tracing::info!("{address} signed in as `{name}`, by the OpenID provider");
    Ok(session)
}

/// Where the provider leads browsers back to.
fn back(site: &Site, headers: &HeaderMap) -> String {
    format!("{}{DONE}", site.origins.visited(headers))
}

fn told(problem: Problem) -> String {
    format!("/?problem={}", problem.word())
}

fn lead<const N: usize>(to: &str, cookies: [String; N]) -> Response {
    let cookies = cookies.map(|cookie| (SET_COOKIE, cookie));
    (StatusCode::SEE_OTHER, [(LOCATION, to)], AppendHeaders(cookies)).into_response()
}
