//! Who comes in: pages, signing in and out, and the way to the feed.
//!
//! What writes is taken from our own pages alone; what is refused says why, as `{"error": "a word", "told": "in words"}`.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::{Peer, Site, api, headers, openid, pages, socket};
use crate::clock;
use crate::store;
use crate::store::people::{self, Credentials, Hash, Role, Session, Token};

/// Bytes of a request's body.
const BODY: usize = 16 * 1024;
/// Bytes of a message of a page.
const MESSAGE: usize = 64 * 1024;
/// For a request to be read and answered.
const ANSWERED: Duration = Duration::from_secs(15);
const FEED: &str = "/api/feed";
const SIGN_IN: &str = "/";
const DESK: &str = "/desk";

/// What a page may do: load what is here, and talk with us. No script stands in a page, and no other site shows one in itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(super) fn router(site: &Arc<Site>) -> Router {
    let files = pages::FILES
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| {
            router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }))
        });
    files
        .route(DESK, get(desk))
        .route("/api/sign-in", post(sign_in))
        .route("/api/sign-out", post(sign_out))
        .route("/api/me", get(me))
        .route(FEED, get(feed))
        .merge(openid::routes())
        .merge(api::routes())
        .fallback(|| async { Refusal::nowhere() })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(site), guarded))
        .with_state(Arc::clone(site))
}

/// What holds for every request.
async fn guarded(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let reads = [Method::GET, Method::HEAD].contains(request.method()) && path != FEED;
    // Programs have no origin, and show who they are with each request.
    let mut response = if reads || path.starts_with(api::PREFIX) || site.origins.admit(request.headers()) {
        let late = Refusal::new(StatusCode::REQUEST_TIMEOUT, "late", "the request took too long");
        let answered = tokio::time::timeout(ANSWERED, next.run(request)).await;
        answered.unwrap_or_else(|_| late.into_response())
    } else {
        Refusal::stray().into_response()
    };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "microphone=(self), camera=(), geolocation=()",
        ),
        // A page that a new version brings is there at once, and what is somebody's stays in no cache.
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why not.
pub(super) struct Refusal {
    status: StatusCode,
    /// For the page.
    error: &'static str,
    /// For people.
    told: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: &'static str, told: impl Into<String>) -> Self {
        Self {
            status,
            error,
            told: told.into(),
            retry_after: None,
        }
    }

    fn unknown() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "credentials",
            "the name or the password is wrong",
        )
    }

    pub(super) fn nowhere() -> Self {
        Self::new(StatusCode::NOT_FOUND, "nowhere", "there is nothing here")
    }

    pub(super) fn stray() -> Self {
        let told = "this was not sent by a page of this bot; behind a reverse proxy, write its address as `web.origin`";
        Self::new(StatusCode::FORBIDDEN, "origin", told)
    }

    pub(super) fn often(wait: Duration) -> Self {
        let told = "too many attempts; wait a little";
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "often", told);
        Self {
            retry_after: Some(wait),
            ..refusal
        }
    }

    fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "session", "sign in first")
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        tracing::error!("{error}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "store",
            "the records cannot be read or written; the log says why",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({"error": self.error, "told": self.told}))).into_response();
        if let Some(wait) = self.retry_after {
            // Whole seconds, and never too early.
            let seconds = wait.as_secs().saturating_add(1);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[derive(Deserialize)]
struct SignIn {
    name: String,
    password: String,
    /// Of the authenticator app.
    code: Option<String>,
}

async fn sign_in(
    State(site): State<Arc<Site>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(form) = body.map_err(|e| Refusal::new(e.status(), "form", e.body_text()))?;
    let address = headers::address(&headers, peer, &site.proxies);
    let name = people::name(&form.name).unwrap_or_default();
    let begun = attempts(&site, |attempts| attempts.begin(&name, address, clock::now()));
    begun.map_err(|wait| {
        tracing::warn!("{address} tries to sign in as `{name}` too often");
        Refusal::often(wait)
    })?;
    let known = prove(&site, &name, form).await.inspect_err(|refusal| {
        tracing::info!("{address} did not sign in as `{name}`: {}", refusal.error);
    })?;
    let cookie = open(&site, &known).await?.ok_or_else(Refusal::unknown)?;
    attempts(&site, |attempts| attempts.proven(&name, address));
    // Whoever sat here before has gone.
    end(&site, &headers).await?;
    tracing::info!("{address} signed in as `{name}`");
    Ok(([(SET_COOKIE, cookie)], Json(known.person)).into_response())
}

/// Opens a session of whoever proved to be `known`: the cookie of it, unless that has changed meanwhile.
pub(super) async fn open(site: &Site, known: &Credentials) -> Result<Option<String>, store::Error> {
    let (token, now) = (Token::draw(), clock::wall());
    let lasts = SignedDuration::try_from(site.session).unwrap_or(SignedDuration::ZERO);
    let expires = now.saturating_add(lasts).unwrap_or(now);
    let opened = site.store.sign_in(known, &token, now, expires).await?;
    Ok(opened.then(|| site.cookies.write(&token.text(), site.session.as_secs())))
}

/// Whoever the name, the password and the code are of. One who is not known takes as long as one who is.
async fn prove(site: &Site, name: &str, form: SignIn) -> Result<Credentials, Refusal> {
    let known = site.store.credentials(name).await?;
    let password = known.as_ref().map(|known| known.password.clone());
    let proven = Hash::proves(password, form.password).await;
    let known = known
        .filter(|known| proven && !known.person.disabled)
        .ok_or_else(Refusal::unknown)?;
    if let Some(totp) = &known.totp {
        let wrong = |told: &str| Refusal::new(StatusCode::UNAUTHORIZED, "code", told);
        let code = form.code.filter(|code| !code.trim().is_empty());
        let code = code.ok_or_else(|| wrong("type the code that your authenticator app shows"))?;
        let step = totp
            .step_of(&code, clock::wall())
            .ok_or_else(|| wrong("this code is wrong, or old"))?;
        if !site.store.use_code(name, step).await? {
            return Err(wrong("this code was used already; wait for the next"));
        }
    }
    Ok(known)
}

async fn sign_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Refusal> {
    end(&site, &headers).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, site.cookies.write("", 0))]).into_response())
}

/// Ends the session that the browser has, if it has one.
pub(super) async fn end(site: &Site, headers: &HeaderMap) -> Result<(), store::Error> {
    if let Some(token) = site.cookies.read(headers) {
        site.store.sign_out(&token).await?;
        site.signed_out.send_replace(());
    }
    Ok(())
}

async fn me(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let (_, session) = session(&site, &headers).await?;
    Ok(Json(session.person).into_response())
}

/// The desk of whoever works there; others are led to where they sign in.
async fn desk(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match session(&site, &headers).await {
        Ok((_, session)) => match session.person.role {
            Role::Agent | Role::Supervisor => ([(CONTENT_TYPE, pages::HTML)], pages::DESK).into_response(),
            Role::Ops => Redirect::to(SIGN_IN).into_response(),
        },
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => Redirect::to(SIGN_IN).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn feed(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let (token, session) = session(&site, &headers).await?;
    let task = site.tasks.token();
    let upgrade = upgrade.max_message_size(MESSAGE).max_frame_size(MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        socket::run(socket, &site, &token, session.person).await;
        drop(task);
    }))
}

pub(super) async fn session(site: &Site, headers: &HeaderMap) -> Result<(Token, Session), Refusal> {
    let token = site.cookies.read(headers).ok_or_else(Refusal::signed_out)?;
    let session = site.store.session(&token, clock::wall()).await?;
    Ok((token, session.ok_or_else(Refusal::signed_out)?))
}

pub(super) fn attempts<T>(site: &Site, work: impl FnOnce(&mut super::Attempts) -> T) -> T {
    work(&mut site.attempts.lock().unwrap_or_else(PoisonError::into_inner))
}
