//! Campaigns: how they are, what has come of them, and what they are to do.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Asked, campaign, unfit};
use crate::campaign::report::Report;
use crate::clock;
use crate::config::May;
use crate::store;
use crate::store::campaigns::{Order, Status};
use crate::web::Site;
use crate::web::door::Refusal;

/// Those of the plan, and others of which something is kept.
pub(super) async fn all(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    Ok(Json(json!({"campaigns": status(&site).await?})).into_response())
}

pub(super) async fn one(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    told(&site, &name).await
}

async fn status(site: &Site) -> Result<Vec<Status>, store::Error> {
    let campaigns = site.api.campaigns();
    let names: Vec<&str> = campaigns.keys().map(String::as_str).collect();
    site.store.campaign_status(names, clock::wall()).await
}

async fn told(site: &Site, name: &str) -> Result<Response, Refusal> {
    let status = status(site).await?.into_iter().find(|status| status.state.name == name);
    match status {
        Some(status) => Ok(Json(status).into_response()),
        None => Err(nowhere(site, name)),
    }
}

/// Neither the plan nor the store has it.
fn nowhere(site: &Site, name: &str) -> Refusal {
    campaign(&site.api.campaigns(), name)
        .err()
        .unwrap_or_else(Refusal::nowhere)
}

/// What it has come to; with `?since=`, of the contacts that were added since.
pub(super) async fn report(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    let campaigns = site.api.campaigns();
    let goal = campaign(&campaigns, &name)?.goal.as_ref();
    let goal = goal.map(|goal| (goal.event.as_str(), goal.within));
    let since = query.as_deref().map(since).transpose()?;
    let figures = site.store.figures(&name, since, goal, clock::wall()).await?;
    Ok(Json(Report::new(&name, figures, site.api.rules.cost_per_minute.as_ref())).into_response())
}

pub(super) async fn command(
    State(site): State<Arc<Site>>,
    Path((name, command)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let who = Asked::of(&site, &request).permit(&site, May::Command).await?;
    let order = order(&command).ok_or_else(|| {
        let told = format!("a campaign cannot be told to `{command}`; write start, pause, resume or stop");
        Refusal::new(StatusCode::NOT_FOUND, "command", told)
    })?;
    // What the plan has no more can still be stopped.
    let planned = site.api.campaigns().contains_key(&name);
    let states = site.store.campaign_states().await?;
    let kept = states.iter().any(|state| state.name == name);
    if !planned && (order != Order::Stop || !kept) {
        return Err(nowhere(&site, &name));
    }
    let why = format!("by {who}");
    let ordered = site.store.order_campaign(&name, order, Some(&why), clock::wall());
    ordered.await?.map_err(|why| {
        let told = format!("the campaign `{name}`: {why}");
        Refusal::new(StatusCode::CONFLICT, "state", told)
    })?;
    tracing::info!(campaign = name, "{who}: {command}");
    told(&site, &name).await
}

fn order(command: &str) -> Option<Order> {
    Some(match command {
        "start" => Order::Start,
        "pause" => Order::Pause,
        "resume" => Order::Resume,
        "stop" => Order::Stop,
        _ => return None,
    })
}

/// Of `since=2026-11-01`, or a moment such as 2026-11-01T08:00:00Z; a day begins as in Greenwich.
fn since(query: &str) -> Result<Timestamp, Refusal> {
    let day = |text: &str| {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let text = query.strip_prefix("since=").map(|text| text.replace("%3A", ":"));
    let read = text.and_then(|text| text.parse().ok().or_else(|| day(&text)));
    read.ok_or_else(|| {
        unfit(
            "since",
            "what is asked for should be `since=2026-11-01` or `since=2026-11-01T08:00:00Z`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_of_a_time() {
        let read = |query: &str| since(query).ok().map(|at| at.to_string());
        assert_eq!(read("since=2026-11-01").as_deref(), Some("2026-11-01T00:00:00Z"));
        assert_eq!(
            read("since=2026-11-01T08:00:00Z").as_deref(),
            Some("2026-11-01T08:00:00Z")
        );
        assert_eq!(
            read("since=2026-11-01T08%3A00%3A00Z").as_deref(),
            Some("2026-11-01T08:00:00Z")
        );
        for wrong in [
            "",
            "since=",
            "since=yesterday",
            "from=2026-11-01",
            "since=2026-11-01&x=1",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
