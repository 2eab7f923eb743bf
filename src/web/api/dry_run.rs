//! Who would be rung when, and why others would not, as `offhook campaign dry-run` tells.
//!
//! One campaign is played through at a time, on a thread of its own: a hundred thousand contacts take seconds, for which no call may be kept waiting.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde_json::json;
use tokio::runtime::Handle;

use super::{Asked, campaign, unfit};
use crate::clock;
use crate::config::May;
use crate::outlook::{Question, outlook};
use crate::web::Site;
use crate::web::door::Refusal;

/// Contacts that are told of each part.
const TOLD: usize = 1_000;
/// Contacts that are played through here: more are for the command line.
const MOST: u64 = 100_000;
/// How long a call is taken to last.
const CALL: Duration = Duration::from_secs(60);
/// After which another may be asked for.
const WAIT: Duration = Duration::from_secs(5);

pub(super) async fn dry_run(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    let campaign = campaign(&site.api.campaigns(), &name)?.clone();
    let now = clock::wall();
    let contacts = site
        .store
        .standings(now)
        .await?
        .remove(&name)
        .unwrap_or_default()
        .contacts;
    if contacts > MOST {
        let told = format!(
            "there are {contacts} contacts, and {MOST} are played through here; `offhook campaign dry-run {name}` does more"
        );
        return Err(unfit("many", told));
    }
    let turn = Arc::clone(&site.rehearsing).try_acquire_owned();
    let turn = turn.map_err(|_| Refusal::often(WAIT))?;
    let runtime = Handle::current();
    let played = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let window = campaign.window.as_ref()?;
        let question = Question {
            campaign: &campaign,
            window,
            // A plan whose campaign has none is refused.
            disclosed: true,
            rules: &site.api.rules,
            outbound: &site.api.outbound,
            home: TimeZone::system(),
            from: now,
            call: CALL,
        };
        Some(runtime.block_on(outlook(&site.store, question, |_| ())))
    });
    let played = played.await.map_err(|e| {
        tracing::error!("a campaign could not be played through: {e}");
        let told = "the campaign could not be played through; the log says why";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", told)
    })?;
    let Some(played) = played else {
        return Err(unfit(
            "window",
            format!("the campaign `{name}` has no `window`, so it calls nobody"),
        ));
    };
    let mut outlook = played?;
    let counts = json!({"rung": outlook.rung.len(), "left": outlook.left.len()});
    outlook.rung.truncate(TOLD);
    outlook.left.truncate(TOLD);
    Ok(Json(json!({"counts": counts, "outlook": outlook})).into_response())
}
