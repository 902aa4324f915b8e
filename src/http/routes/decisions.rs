//! The latest decisions of an autoscaler, and decisions on what is not so.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json, Path, Payload, ServiceConfig, resource};
use serde::Deserialize;

use super::{find, get, only, query, time};
use crate::domain::decision::Outcome;
use crate::domain::validation::TargetRange;
use crate::http::body::read_json;
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::wire::{DecisionBody, DecisionFilter, DecisionsBody, EvaluateRequest};

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/autoscaling/evaluate").route(web::post().to(evaluate)).default_service(only("POST")))
        .service(resource("/autoscaling/{id}/decisions").route(get().to(decisions)).default_service(only("GET, HEAD")));
}

/// `POST /autoscaling/evaluate`: what would be decided.
async fn evaluate(
    state: Data<HttpState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<DecisionBody>, ApiError> {
    let document: EvaluateRequest = read_json(&request, payload).await?;
    Ok(Json(document.what_if(TargetRange::Guide, state.max_age)?.decide()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionsQuery {
    limit: Option<String>,
    outcome: Option<String>,
    since: Option<String>,
}

/// `GET /autoscaling/:id/decisions`
async fn decisions(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<DecisionsBody>, ApiError> {
    let filter = query::<DecisionsQuery>(&request)?.try_into()?;
    let record = find(&state, &id).await?;
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
