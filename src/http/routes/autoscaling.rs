//! The guide's five endpoints, and those that change an autoscaler.

use std::slice;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Json, Path, Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{find, find_to, get, json, only, query, scope, text, unwritable};
use crate::actors::listing::List;
use crate::actors::messages::{CreateError, Created, UpdateError};
use crate::actors::registry_handle::CHANGE_TRIES;
use crate::actors::snapshot::Status;
use crate::domain::access::{Deed, Verb};
use crate::domain::autoscaler::{RequestedKind, WorkloadKind};
use crate::domain::namespaces::NamespaceScope;
use crate::domain::validation::validate;
use crate::http::asker::Asker;
use crate::http::body::{read_json, read_merge_patch};
use crate::http::error::ApiError;
use crate::http::openapi::{BadParameters, Busy, NoSuchAutoscaler, NotChanged, NotCreated, NotKept};
use crate::http::state::HttpState;
use crate::http::wire::{
    AggregateBody, AutoscalerBody, CreateRequest, DeletedBody, ListBody, ListText, NewAutoscaler, page_place,
    patched_rules,
};
use crate::ports::store::StoreError;

/// The description of these paths.
#[derive(OpenApi)]
#[openapi(paths(create, list, aggregate, get_one, update, delete, pause, resume))]
pub struct Description;

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

/// Put a workload under autoscaling
///
/// The same request again answers 200 with the autoscaler that exists, so a retry does no harm.
#[utoipa::path(
    post, path = "/api/v1/autoscaling", operation_id = "createAutoscaler", tag = "autoscalers",
    request_body(
        content = NewAutoscaler,
        examples(
            ("cpu" = (summary = "By CPU", value = json!({
                "workload_name": "web-frontend", "workload_namespace": "production", "workload_type": "Deployment",
                "min_replicas": 2, "max_replicas": 10, "target_cpu_percent": 70
            }))),
            ("gpu" = (summary = "By GPU, slowly down", value = json!({
                "workload_name": "ai-inference", "workload_namespace": "ml", "workload_type": "auto",
                "min_replicas": 1, "max_replicas": 4, "target_gpu_percent": 80,
                "scale_down_policy": {
                    "stabilization_window_seconds": 600,
                    "policies": [{"type": "Pods", "value": 1, "period_seconds": 120}]
                }
            }))),
        ),
    ),
    responses(
        (status = 201, description = "It was created", body = AutoscalerBody),
        (status = 200, description = "The workload has this autoscaler already", body = AutoscalerBody),
        NotCreated,
    ),
)]
async fn create(
    state: Data<HttpState>,
    asker: Asker,
    request: HttpRequest,
    payload: Payload,
) -> Result<impl Responder, ApiError> {
    let body: CreateRequest = read_json(&request, payload).await?;
    let requested = validate(&body.into())?;
    // Before anybody is told whether there is such a workload.
    let kinds = match &requested.kind {
        RequestedKind::Exactly(kind) => slice::from_ref(kind),
        RequestedKind::Auto => &WorkloadKind::ALL,
    };
    asker.require_creation(kinds, &requested.namespace, &requested.name).await?;
    let sight = Deed::in_namespace(Verb::Get, &requested.namespace);
    let created = state.registry.create(requested, asker.name()).await?;
    if matches!(created, Ok(Created::Existing(_)) | Err(CreateError::Exists { .. })) {
        asker.require([sight]).await?;
    }
    let (status, body) = match created? {
        Created::New(record) => (StatusCode::CREATED, AutoscalerBody::created(&record, state.brake.mode())),
        Created::Existing(record) => (StatusCode::OK, AutoscalerBody::existing(&record, state.brake.mode())),
    };
    Ok(HttpResponse::build(status).json(body))
}

/// One autoscaler
#[utoipa::path(
    get, path = "/api/v1/autoscaling/{id}", operation_id = "getAutoscaler", tag = "autoscalers", params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac")),
    responses((status = 200, description = "The autoscaler", body = AutoscalerBody), NoSuchAutoscaler, Busy),
)]
async fn get_one(state: Data<HttpState>, asker: Asker, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let (record, mode) = (find(&state, &asker, &id).await?, state.brake.mode());
    Ok(json(state.kept.single(&record, mode, || text(&AutoscalerBody::new(&record, mode)))?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this namespace; of all when empty.
    #[param(nullable = false, pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length = 63)]
    namespace: Option<String>,
    /// Only those with this status.
    #[param(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// At most this many.
    #[param(value_type = Option<u32>, nullable = false, minimum = 1)]
    limit: Option<String>,
    /// `continue` of an earlier answer: what follows after it.
    #[param(nullable = false)]
    r#continue: Option<String>,
}

/// All autoscalers by creation time
///
/// Page by page when a `limit` is given. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/api/v1/autoscaling", operation_id = "listAutoscalers", tag = "autoscalers", params(ListQuery),
    responses((status = 200, description = "The autoscalers", body = ListBody), BadParameters, Busy),
)]
async fn list(state: Data<HttpState>, asker: Asker, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut query = query::<ListQuery>(&request)?;
    let namespace = query.namespace.take().filter(|namespace| !namespace.is_empty());
    let list = List::try_from(query)?;
    let scope = scope(&state, &asker, namespace.as_deref()).await?;
    let (list, mode) = (List { scope, ..list }, state.brake.mode());
    let text = state.kept.page(&state.registry, &list, mode, |earlier| {
        ListText::new(&state.registry.list(&list)?, mode, earlier).map_err(unwritable)
    });
    Ok(json(text?))
}

impl TryFrom<ListQuery> for List {
    type Error = ApiError;

    fn try_from(query: ListQuery) -> Result<Self, ApiError> {
        let status = query.status.map(|text| {
            let known = Status::ALL.into_iter().find(|status| status.as_str() == text);
            known.ok_or_else(|| ApiError::validation("status must be one of active, inactive or failed"))
        });
        let after = query.r#continue.map(|text| {
            page_place(&text).ok_or_else(|| ApiError::validation("continue must be the token of an earlier answer"))
        });
        Ok(Self {
            scope: NamespaceScope::default(),
            status: status.transpose()?,
            limit: super::limit(query.limit)?,
            after: after.transpose()?,
        })
    }
}

/// Change an autoscaler
///
/// A JSON merge patch (RFC 7396) of its `spec`: what is not named stays as it is, what is null has its default again, arrays
/// are replaced as a whole. The result is checked as strictly as a new definition. The workload cannot be changed.
#[utoipa::path(
    patch, path = "/api/v1/autoscaling/{id}", operation_id = "updateAutoscaler", tag = "autoscalers", params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac")),
    request_body(content(
        (CreateRequest<i32> = "application/merge-patch+json", example = json!({"max_replicas": 20, "mode": null})),
        (CreateRequest<i32> = "application/json", example = json!({"max_replicas": 20, "mode": null})),
    )),
    responses(
        (status = 200, description = "The autoscaler as it is now", body = AutoscalerBody),
        NoSuchAutoscaler, NotChanged,
    ),
)]
async fn update(
    state: Data<HttpState>,
    asker: Asker,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<AutoscalerBody>, ApiError> {
    find_to(&state, &asker, Verb::Patch, &id).await?;
    let patch = read_merge_patch(&request, payload).await?;
    for _ in 0..CHANGE_TRIES {
        // Anew each time: what has the id may be another one by now.
        let record = find_to(&state, &asker, Verb::Patch, &id).await?;
        let current = record.rules();
        let rules = patched_rules(&record.workload, &current, &patch)?;
        match state.registry.update(&id, current, rules, asker.name()).await? {
            Ok(record) => return Ok(Json(AutoscalerBody::updated(&record, state.brake.mode()))),
            Err(UpdateError::NotFound) => return Err(ApiError::autoscaler_not_found(&id)),
            Err(UpdateError::Changed) => {}
            Err(UpdateError::Workload(error)) => return Err(ApiError::not_activated(&error)),
            Err(UpdateError::Store(error)) => return Err(ApiError::not_kept(&error)),
        }
    }
    Err(ApiError::changed_meanwhile(&id))
}

/// Pause an autoscaler
///
/// Once this is answered, nothing is scaled until it is resumed. Any body is ignored.
#[utoipa::path(
    post, path = "/api/v1/autoscaling/{id}/pause", operation_id = "pauseAutoscaler", tag = "autoscalers", params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac")),
    responses((status = 200, description = "The autoscaler, paused", body = AutoscalerBody), NoSuchAutoscaler, NotKept),
)]
async fn pause(state: Data<HttpState>, asker: Asker, id: Path<String>) -> Result<Json<AutoscalerBody>, ApiError> {
    set_paused(&state, &asker, &id, true).await
}

/// Resume an autoscaler
///
/// Any body is ignored.
#[utoipa::path(
    post, path = "/api/v1/autoscaling/{id}/resume", operation_id = "resumeAutoscaler", tag = "autoscalers", params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac")),
    responses((status = 200, description = "The autoscaler, resumed", body = AutoscalerBody), NoSuchAutoscaler, NotKept),
)]
async fn resume(state: Data<HttpState>, asker: Asker, id: Path<String>) -> Result<Json<AutoscalerBody>, ApiError> {
    set_paused(&state, &asker, &id, false).await
}

async fn set_paused(
    state: &HttpState,
    asker: &Asker,
    id: &str,
    paused: bool,
) -> Result<Json<AutoscalerBody>, ApiError> {
    let record = find_to(state, asker, Verb::Patch, id).await?;
    match state.registry.set_paused(&record, paused, asker.name()).await? {
        Ok(Some(record)) => Ok(Json(AutoscalerBody::new(&record, state.brake.mode()))),
        Ok(None) => Err(ApiError::autoscaler_not_found(id)),
        Err(StoreError::Changed) => Err(ApiError::changed_meanwhile(id)),
        Err(error) => Err(ApiError::not_kept(&error)),
    }
}

/// End an autoscaler
///
/// Nothing is scaled by it afterwards. The workload stays as it is.
#[utoipa::path(
    delete, path = "/api/v1/autoscaling/{id}", operation_id = "deleteAutoscaler", tag = "autoscalers", params(("id" = String, Path, description = "The autoscaler's id", example = "autoscaler-08a469ac")),
    responses((status = 200, description = "There is no such autoscaler any more", body = DeletedBody), NoSuchAutoscaler, NotKept),
)]
async fn delete(state: Data<HttpState>, asker: Asker, id: Path<String>) -> Result<Json<DeletedBody>, ApiError> {
    let record = find_to(&state, &asker, Verb::Delete, &id).await?;
    match state.registry.delete(&record, asker.name()).await? {
        Ok(true) => Ok(Json(DeletedBody::new(id.into_inner()))),
        Ok(false) => Err(ApiError::autoscaler_not_found(&id)),
        Err(StoreError::Changed) => Err(ApiError::changed_meanwhile(&id)),
        Err(error) => Err(ApiError::not_kept(&error)),
    }
}

/// Figures over all autoscalers
#[utoipa::path(
    get, path = "/api/v1/autoscaling/metrics", operation_id = "getFigures", tag = "autoscalers",
    responses((status = 200, description = "The figures", body = AggregateBody), Busy),
)]
async fn aggregate(state: Data<HttpState>, asker: Asker) -> Result<Json<AggregateBody>, ApiError> {
    let scope = scope(&state, &asker, None).await?;
    Ok(Json(AggregateBody::new(&state.registry.aggregate(&scope)?, state.brake.mode())))
}
