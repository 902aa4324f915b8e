//! The guide's five endpoints, and those that change an autoscaler.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Json, Path, Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Deserialize;

use super::{find, get, only, query};
use crate::actors::messages::{Created, List, UpdateError};
use crate::actors::snapshot::Status;
use crate::domain::validation::{is_dns_label, validate};
use crate::http::body::{read_json, read_merge_patch};
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::wire::{AggregateBody, AutoscalerBody, CreateRequest, DeletedBody, ListBody, patched_rules};

/// How often a change is made anew when others change the same autoscaler at the same time.
const TRIES: usize = 20;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/autoscaling")
                .route(web::post().to(create))
                .route(get().to(list))
                .default_service(only("GET, HEAD, POST")),
        )
        // Before `{id}`: the first match wins.
        .service(resource("/autoscaling/metrics").route(get().to(aggregate)).default_service(only("GET, HEAD")))
        .service(
            resource("/autoscaling/{id}")
                .route(get().to(get_one))
                .route(web::patch().to(update))
                .route(web::delete().to(delete))
                .default_service(only("GET, HEAD, PATCH, DELETE")),
        )
        .service(resource("/autoscaling/{id}/pause").route(web::post().to(pause)).default_service(only("POST")))
        .service(resource("/autoscaling/{id}/resume").route(web::post().to(resume)).default_service(only("POST")));
}

/// `POST /autoscaling` (guide, "Create Autoscaler").
async fn create(state: Data<HttpState>, request: HttpRequest, payload: Payload) -> Result<impl Responder, ApiError> {
    let body: CreateRequest = read_json(&request, payload).await?;
    let requested = validate(&body.into())?;
    let (status, body) = match state.registry.create(requested).await?? {
        Created::New(record) => (StatusCode::CREATED, AutoscalerBody::created(&record, state.brake.mode())),
        Created::Existing(record) => (StatusCode::OK, AutoscalerBody::existing(&record, state.brake.mode())),
    };
    Ok(HttpResponse::build(status).json(body))
}

/// `GET /autoscaling/:id` (guide, "Get Autoscaler Status").
async fn get_one(state: Data<HttpState>, id: Path<String>) -> Result<Json<AutoscalerBody>, ApiError> {
    Ok(Json(AutoscalerBody::new(&*find(&state, &id).await?, state.brake.mode())))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    namespace: Option<String>,
    status: Option<String>,
    limit: Option<String>,
    r#continue: Option<String>,
}

/// `GET /autoscaling` (guide, "List All Autoscalers").
async fn list(state: Data<HttpState>, request: HttpRequest) -> Result<Json<ListBody>, ApiError> {
    let page = state.registry.list(query::<ListQuery>(&request)?.try_into()?).await?;
    Ok(Json(ListBody::new(&page, state.brake.mode())))
}

impl TryFrom<ListQuery> for List {
    type Error = ApiError;

    fn try_from(query: ListQuery) -> Result<Self, ApiError> {
        let namespace = query.namespace.filter(|namespace| !namespace.is_empty());
        if namespace.as_deref().is_some_and(|namespace| !is_dns_label(namespace)) {
            return Err(ApiError::validation("namespace must be a valid RFC 1123 label"));
        }
        let status = query.status.map(|text| {
            let known = Status::ALL.into_iter().find(|status| status.as_str() == text);
            known.ok_or_else(|| ApiError::validation("status must be one of active, inactive or failed"))
        });
        let after = query.r#continue.map(|text| {
            text.parse().map_err(|_| ApiError::validation("continue must be the token of an earlier answer"))
        });
        Ok(Self {
            namespace,
            status: status.transpose()?,
            limit: super::limit(query.limit)?,
            after: after.transpose()?,
        })
    }
}

/// `PATCH /autoscaling/:id`: a JSON merge patch (RFC 7396) of its definition.
async fn update(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<AutoscalerBody>, ApiError> {
    let patch = read_merge_patch(&request, payload).await?;
    for _ in 0..TRIES {
        let record = find(&state, &id).await?;
        let current = record.rules();
        let rules = patched_rules(&record.workload, &current, &patch)?;
        match state.registry.update(&id, current, rules).await? {
            Ok(record) => return Ok(Json(AutoscalerBody::updated(&record, state.brake.mode()))),
            Err(UpdateError::NotFound) => return Err(ApiError::autoscaler_not_found(&id)),
            Err(UpdateError::Changed) => {}
            Err(UpdateError::Workload(error)) => return Err(ApiError::not_activated(&error)),
        }
    }
    Err(ApiError::changed_meanwhile(&id))
}

/// `POST /autoscaling/:id/pause`
async fn pause(state: Data<HttpState>, id: Path<String>) -> Result<Json<AutoscalerBody>, ApiError> {
    set_paused(&state, &id, true).await
}

/// `POST /autoscaling/:id/resume`
async fn resume(state: Data<HttpState>, id: Path<String>) -> Result<Json<AutoscalerBody>, ApiError> {
    set_paused(&state, &id, false).await
}

async fn set_paused(state: &HttpState, id: &str, paused: bool) -> Result<Json<AutoscalerBody>, ApiError> {
    let record = state.registry.set_paused(id, paused).await?.ok_or_else(|| ApiError::autoscaler_not_found(id))?;
    Ok(Json(AutoscalerBody::new(&record, state.brake.mode())))
}

/// `DELETE /autoscaling/:id` (guide, "Delete Autoscaler").
async fn delete(state: Data<HttpState>, id: Path<String>) -> Result<Json<DeletedBody>, ApiError> {
    if !state.registry.delete(&id).await? {
        return Err(ApiError::autoscaler_not_found(&id));
    }
    Ok(Json(DeletedBody::new(id.into_inner())))
}

/// `GET /autoscaling/metrics` (guide, "Get Autoscaling Metrics").
async fn aggregate(state: Data<HttpState>) -> Result<Json<AggregateBody>, ApiError> {
    Ok(Json(AggregateBody::new(&state.registry.aggregate().await?, state.brake.mode())))
}
