//! Numbers that are never called.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Api, Asked, body, unfit};
use crate::campaign::number::Number;
use crate::clock;
use crate::config::May;
use crate::document::problem::suggest;
use crate::store::campaigns::INTERNAL;
use crate::web::Site;
use crate::web::door::Refusal;

/// Characters of a reason.
const LONGEST_WHY: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    number: String,
    /// `internal`, which holds for every campaign, where it is not said.
    list: Option<String>,
    why: Option<String>,
}

pub(super) async fn add(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    let who = Asked::of(&site, &request).permit(&site, May::DoNotCall).await?;
    let Listing { number, list, why } = body(request).await?;
    let number = read(&site.api, &number)?;
    let list = list.unwrap_or_else(|| INTERNAL.to_owned());
    // A list that is there is taken for whole: one number makes none.
    let names = site.store.do_not_call_names().await?;
    if !names.contains(&list) {
        let near = suggest(&list, names.iter().map(String::as_str));
        return Err(unfit(
            "list",
            format!("there is no list `{list}`{near}; import it first"),
        ));
    }
    let why = why.unwrap_or_else(|| format!("asked for by {who}"));
    if why.chars().count() > LONGEST_WHY {
        return Err(unfit(
            "why",
            format!("`why` should be of at most {LONGEST_WHY} characters"),
        ));
    }
    let new = site.store.add_do_not_call(&list, number, clock::wall(), &why).await?;
    tracing::info!("{who} put a number on the list `{list}`");
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = json!({"number": number.to_string(), "list": list, "new": new});
    Ok((status, Json(answer)).into_response())
}

/// The lists that a number is on.
pub(super) async fn of(
    State(site): State<Arc<Site>>,
    Path(number): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    Asked::of(&site, &request).permit(&site, May::Read).await?;
    let number = read(&site.api, &number)?;
    let lists = site.store.do_not_call(number).await?;
    Ok(Json(json!({"number": number.to_string(), "lists": lists})).into_response())
}

fn read(api: &Api, number: &str) -> Result<Number, Refusal> {
    Number::parse(number, api.rules.region).map_err(|why| unfit("number", format!("`number`: {why}")))
}
