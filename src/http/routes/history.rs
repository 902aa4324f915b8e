//! The past of an autoscaler, and what a change would have made of it.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json, Path, Payload, ServiceConfig, resource};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{find, get, only, query, time};
use crate::actors::preview::Preview;
use crate::http::asker::Asker;
use crate::http::body::read_merge_patch;
use crate::http::error::ApiError;
use crate::http::openapi::{BadParameters, Busy, NoSuchAutoscaler, PreviewFailed};
use crate::http::state::HttpState;
use crate::http::wire::{CreateRequest, HistoryBody, HistoryRange, PreviewBody, patched_rules};

/// The description of these paths.
#[derive(OpenApi)]
#[openapi(paths(history, preview))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/autoscaling/{id}/history").route(get().to(history)).default_service(only("GET, HEAD")))
        .service(resource("/autoscaling/{id}/preview").route(web::post().to(preview)).default_service(only("POST")));
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// From when on; six hours ago when absent.
    #[param(nullable = false, format = DateTime)]
    from: Option<String>,
    /// Until when; now when absent.
    #[param(nullable = false, format = DateTime)]
    to: Option<String>,
    /// Seconds from one point to the next; as few as are kept when absent.
    #[param(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 86400)]
    step: Option<String>,
}

/// What an autoscaler looked like over the last six hours
///
/// Column by column, with a value for each step. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/api/v1/autoscaling/{id}/history", operation_id = "getHistory", tag = "decisions",
    params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac"), HistoryQuery),
    responses((status = 200, description = "The history", body = HistoryBody), BadParameters, NoSuchAutoscaler, Busy),
)]
async fn history(
    state: Data<HttpState>,
    asker: Asker,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<HistoryBody>, ApiError> {
    let range = query::<HistoryQuery>(&request)?.try_into()?;
    let record = find(&state, &asker, &id).await?;
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

/// What a change would come to
///
/// Takes the merge patch that a change would take, and is as strict. Nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/autoscaling/{id}/preview", operation_id = "previewUpdate", tag = "decisions", params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac")),
    request_body(content(
        (CreateRequest<i32> = "application/merge-patch+json", example = json!({"target_cpu_percent": 60})),
        (CreateRequest<i32> = "application/json", example = json!({"target_cpu_percent": 60})),
    )),
    responses(
        (status = 200, description = "What it would come to", body = PreviewBody), NoSuchAutoscaler, PreviewFailed, Busy,
    ),
)]
async fn preview(
    state: Data<HttpState>,
    asker: Asker,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<PreviewBody>, ApiError> {
    let record = find(&state, &asker, &id).await?;
    let patch = read_merge_patch(&request, payload).await?;
    let rules = patched_rules(&record.workload, &record.rules(), &patch)?;
    let (now, steady) = (state.clock.now(), state.clock.steady());
    // An hour is decided anew, which takes a while when there are thousands of replicas.
    let body =
        web::block(move || PreviewBody::new(&record, &rules, &Preview::new(&record, rules.clone(), now, steady)));
    body.await.map(Json).map_err(|_| ApiError::preview_failed())
}
