//! Campaigns: how they are, what has come of them, and what they are to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Asked, campaign, unfit};
use crate::campaign::report::Report;
use crate::clock;
use crate::config::May;
use crate::store;
use crate::store::campaigns::{CampaignState, Standing, State as Wished};
use crate::web::Site;
use crate::web::door::Refusal;

pub(super) async fn all(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    let now = Now::of(&site).await?;
    let campaigns = site.api.campaigns();
    let told: Vec<Value> = campaigns.keys().map(|name| now.told(name)).collect();
    Ok(Json(json!({"campaigns": told})).into_response())
}

pub(super) async fn one(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    campaign(&site.api.campaigns(), &name)?;
    Ok(Json(Now::of(&site).await?.told(&name)).into_response())
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
    Ok(Json(Report::new(&name, figures, site.api.rate.as_ref())).into_response())
}

pub(super) async fn command(
    State(site): State<Arc<Site>>,
    Path((name, command)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let who = Asked::of(&site, &request).permit(&site, May::Command).await?;
    campaign(&site.api.campaigns(), &name)?;
    let asked = Command::named(&command).ok_or_else(|| {
        let told = format!("a campaign cannot be told to `{command}`; write start, pause, resume or stop");
        Refusal::new(StatusCode::NOT_FOUND, "command", told)
    })?;
    let state = Now::of(&site).await?.state(&name);
    let wished = asked.of(state).map_err(|why| {
        let told = format!("the campaign `{name}` cannot {command}: {why}");
        Refusal::new(StatusCode::CONFLICT, "state", told)
    })?;
    site.store
        .set_campaign_state(&name, wished, Some(&format!("by {who}")), clock::wall())
        .await?;
    tracing::info!(campaign = name, "{who}: {command}");
    Ok(Json(Now::of(&site).await?.told(&name)).into_response())
}

/// How campaigns are.
struct Now {
    states: Vec<CampaignState>,
    standings: BTreeMap<String, Standing>,
}

impl Now {
    async fn of(site: &Site) -> Result<Self, store::Error> {
        Ok(Self {
            states: site.store.campaign_states().await?,
            standings: site.store.standings(clock::wall()).await?,
        })
    }

    fn wish(&self, name: &str) -> Option<&CampaignState> {
        self.states.iter().find(|state| state.name == name)
    }

    /// One that nobody ever started is stopped.
    fn state(&self, name: &str) -> Wished {
        self.wish(name).map_or(Wished::Stopped, |wish| wish.state)
    }

    fn told(&self, name: &str) -> Value {
        let wish = self.wish(name);
        json!({
            "name": name,
            "state": self.state(name),
            "why": wish.and_then(|wish| wish.why.as_deref()),
            "changed": wish.map(|wish| wish.changed),
            "standing": self.standings.get(name).copied().unwrap_or_default(),
        })
    }
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

/// What a campaign may be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Start,
    Pause,
    Resume,
    Stop,
}

impl Command {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "start" => Self::Start,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "stop" => Self::Stop,
            _ => return None,
        })
    }

    /// The state that it brings, where it fits the one that is.
    fn of(self, state: Wished) -> Result<Wished, &'static str> {
        match (self, state) {
            (Self::Start, _) => Ok(Wished::Running),
            (Self::Stop, _) => Ok(Wished::Stopped),
            (Self::Pause, Wished::Running | Wished::Paused) => Ok(Wished::Paused),
            (Self::Pause, Wished::Stopped) => Err("it is not running"),
            (Self::Resume, Wished::Paused | Wished::Running) => Ok(Wished::Running),
            (Self::Resume, Wished::Stopped) => Err("it is stopped; start it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fits_is_done() {
        use Wished::{Paused, Running, Stopped};
        for (command, from, to) in [
            ("start", Stopped, Some(Running)),
            ("start", Paused, Some(Running)),
            ("pause", Running, Some(Paused)),
            ("pause", Stopped, None),
            ("resume", Paused, Some(Running)),
            ("resume", Stopped, None),
            ("stop", Running, Some(Stopped)),
            ("stop", Stopped, Some(Stopped)),
        ] {
            let known = Command::named(command).expect("a command");
            assert_eq!(known.of(from).ok(), to, "{command} when {from}");
        }
        assert!(Command::named("restart").is_none());
    }

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
