//! The past of an autoscaler, and what a change would have made of it.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json, Path, Payload, ServiceConfig, resource};
use serde::Deserialize;

use super::{find, get, only, query, time};
use crate::actors::preview::Preview;
use crate::http::body::read_merge_patch;
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::wire::{HistoryBody, HistoryRange, PreviewBody, patched_rules};

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/autoscaling/{id}/history").route(get().to(history)).default_service(only("GET, HEAD")))
        .service(resource("/autoscaling/{id}/preview").route(web::post().to(preview)).default_service(only("POST")));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
}

/// `GET /autoscaling/:id/history`
async fn history(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<HistoryBody>, ApiError> {
    let range = query::<HistoryQuery>(&request)?.try_into()?;
    let record = find(&state, &id).await?;
    Ok(Json(HistoryBody::new(&record, &range, state.clock.now())))
}

impl TryFrom<HistoryQuery> for HistoryRange {
    type Error = ApiError;

    fn try_from(query: HistoryQuery) -> Result<Self, ApiError> {
        let step_seconds = query.step.map(|text| {
            let step = text.parse().ok().filter(|step| (1..=86_400).contains(step));
            step.ok_or_else(|| ApiError::validation("step must be a whole number of seconds, 1 to 86400"))
        });
        Ok(Self { from: time("from", query.from)?, to: time("to", query.to)?, step_seconds: step_seconds.transpose()? })
    }
}

/// `POST /autoscaling/:id/preview`: what the patch that `PATCH` would take comes to. Nothing is changed.
async fn preview(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<PreviewBody>, ApiError> {
    let patch = read_merge_patch(&request, payload).await?;
    let record = find(&state, &id).await?;
    let rules = patched_rules(&record.workload, &record.rules(), &patch)?;
    let (now, steady) = (state.clock.now(), state.clock.steady());
    // An hour is decided anew, which takes a while when there are thousands of replicas.
    let body =
        web::block(move || PreviewBody::new(&record, &rules, &Preview::new(&record, rules.clone(), now, steady)));
    body.await.map(Json).map_err(|_| ApiError::preview_failed())
}
