//! The latest decisions of an autoscaler, and decisions on what is not so.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json, Path, Payload, ServiceConfig, resource};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{find, get, only, query, time};
use crate::domain::decision::Outcome;
use crate::domain::validation::TargetRange;
use crate::http::asker::Asker;
use crate::http::body::read_json;
use crate::http::error::ApiError;
use crate::http::openapi::{BadParameters, Busy, NoSuchAutoscaler};
use crate::http::state::HttpState;
use crate::http::wire::{CreateRequest, DecisionBody, DecisionFilter, DecisionsBody, EvaluateRequest};

/// The description of these paths.
#[derive(OpenApi)]
#[openapi(paths(evaluate, decisions), components(schemas(CreateRequest<f64>)))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/autoscaling/evaluate").route(web::post().to(evaluate)).default_service(only("POST")))
        .service(resource("/autoscaling/{id}/decisions").route(get().to(decisions)).default_service(only("GET, HEAD")));
}

/// What would be decided
///
/// A document says what is wanted and what is so; the answer is the decision with its whole reason. No workload is touched,
/// and the same document always has the same answer. Nothing is invented: what is left out, or null, does not exist.
#[utoipa::path(
    post, path = "/api/v1/autoscaling/evaluate", operation_id = "evaluate", tag = "decisions",
    request_body(content = EvaluateRequest, example = json!({
        "spec": {"min_replicas": 1, "max_replicas": 10}, "current_replicas": 6, "recommended_replicas": 2,
        "history": [{"seconds_ago": 60, "replicas": 6}, {"seconds_ago": 15, "replicas": 2}]
    })),
    responses((status = 200, description = "The decision", body = DecisionBody)),
)]
async fn evaluate(
    state: Data<HttpState>,
    _: Asker,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<DecisionBody>, ApiError> {
    let document: EvaluateRequest = read_json(&request, payload).await?;
    Ok(Json(document.what_if(TargetRange::Guide, state.max_age)?.decide()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DecisionsQuery {
    /// At most this many, the newest.
    #[param(value_type = Option<u32>, nullable = false, minimum = 1)]
    limit: Option<String>,
    /// Only those of which this came.
    #[param(value_type = Option<Outcome>, nullable = false)]
    outcome: Option<String>,
    /// Only what was decided, or decided again, at this time or later.
    #[param(nullable = false, format = DateTime)]
    since: Option<String>,
}

/// What an autoscaler decided of late, newest first
///
/// The same decision made again and again is one, with a count. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/api/v1/autoscaling/{id}/decisions", operation_id = "listDecisions", tag = "decisions",
    params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac"), DecisionsQuery),
    responses((status = 200, description = "The decisions", body = DecisionsBody), BadParameters, NoSuchAutoscaler, Busy),
)]
async fn decisions(
    state: Data<HttpState>,
    asker: Asker,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<DecisionsBody>, ApiError> {
    let filter = query::<DecisionsQuery>(&request)?.try_into()?;
    let record = find(&state, &asker, &id).await?;
    Ok(Json(DecisionsBody::new(&record.decisions(), &filter)))
}

impl TryFrom<DecisionsQuery> for DecisionFilter {
    type Error = ApiError;

    fn try_from(query: DecisionsQuery) -> Result<Self, ApiError> {
        let outcome = query.outcome.map(|text| {
            let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
            known.ok_or_else(|| {
                ApiError::validation(format!("outcome must be one of {}", Outcome::ALL.map(Outcome::as_str).join(", ")))
            })
        });
        let since = time("since", query.since)?;
        Ok(Self { limit: super::limit(query.limit)?, outcome: outcome.transpose()?, since })
    }
}
