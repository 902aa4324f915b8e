//! What an operator and a kubelet ask for.

use actix_web::web::{Data, Json, ServiceConfig, resource};
use actix_web::{HttpMessage, HttpRequest};
use utoipa::OpenApi;

use super::sources::SOURCES;
use super::{get, only};
use crate::access::Access;
use crate::domain::autoscaler::Mode;
use crate::http::asker::Asker;
use crate::http::error::ApiError;
use crate::http::openapi::{NotAlive, NotReady};
use crate::http::state::HttpState;
use crate::http::wire::{AliveBody, GpuSummaryBody, HealthBody, IndexBody, ReadyBody};
use crate::http::{client_certificate, gate};

/// The description of these paths.
#[derive(OpenApi)]
#[openapi(paths(index, health, healthz, readyz))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/health").route(get().to(health)).default_service(only("GET, HEAD")))
        .service(resource("/healthz").route(get().to(healthz)).default_service(only("GET, HEAD")))
        .service(resource("/readyz").route(get().to(readyz)).default_service(only("GET, HEAD")));
}

/// What there is below the API's path.
pub fn configure_index(config: &mut ServiceConfig) {
    config.service(resource("").route(get().to(index)).default_service(only("GET, HEAD")));
}

/// Which service this is
///
/// Its name and version, the cluster that it works on, and the paths of the API.
#[utoipa::path(
    get, path = "/api/v1", operation_id = "getIndex", tag = "service",
    responses((status = 200, description = "The index", body = IndexBody)),
)]
async fn index(state: Data<HttpState>, _: Asker) -> Json<IndexBody> {
    Json(IndexBody::new(
        state.cluster_name.clone(),
        &[
            "/api/v1/autoscaling",
            "/api/v1/autoscaling/metrics",
            "/api/v1/autoscaling/evaluate",
            "/api/v1/events",
            "/api/v1/fleet",
            "/api/v1/mode",
            "/api/v1/sources",
            "/api/v1/whoami",
            "/health",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/api-docs",
            "/metrics",
        ],
    ))
}

/// Name and version of the process that listens
///
/// As the first implementation of the guide answers. Says nothing about whether it can do its work.
#[utoipa::path(
    get, path = "/health", operation_id = "getHealth", tag = "service", security(()),
    responses((status = 200, description = "It listens", body = HealthBody)),
)]
async fn health(state: Data<HttpState>) -> Json<HealthBody> {
    // Where callers have to say who they are, the mode is for those who have.
    let is_told = matches!(state.access, Access::Open);
    Json(HealthBody::new(if is_told { state.brake.mode() } else { Mode::Active }))
}

/// Whether the process lives, or has to be started again
#[utoipa::path(
    get, path = "/healthz", operation_id = "getLiveness", tag = "service", security(()),
    responses((status = 200, description = "It lives", body = AliveBody), NotAlive),
)]
async fn healthz(state: Data<HttpState>) -> Result<Json<AliveBody>, ApiError> {
    if !state.registry.is_alive() {
        return Err(ApiError::not_alive());
    }
    Ok(Json(AliveBody::ALIVE))
}

/// Whether it can do its work: it is not stopping, and it knows the cluster
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "service", security(()),
    responses((status = 200, description = "It can", body = ReadyBody), NotReady),
)]
async fn readyz(state: Data<HttpState>, request: HttpRequest) -> Result<Json<ReadyBody>, ApiError> {
    let is_told = may_read_sources(&state, &request).await;
    if let Some(fault) = fault(&state) {
        let hidden = "the service's log says why; so does this path, to callers who may read /api/v1/sources";
        return Err(ApiError::not_ready(if is_told { fault } else { hidden.to_owned() }));
    }
    if !is_told {
        return Ok(Json(ReadyBody::READY));
    }
    let gpu = GpuSummaryBody::new(&state.exporters.exporters(), &state.gpu_table.load());
    let ready = ReadyBody::new(state.cluster_name.clone(), gpu, state.index.capacity_fault(), state.brake.mode());
    Ok(Json(match &state.election {
        Some(election) => ready.of_replica(&election.identity(), state.leadership.leader(), state.leadership.is_ours()),
        None => ready,
    }))
}

/// Why the service cannot do its work at present.
fn fault(state: &HttpState) -> Option<String> {
    if state.stopping.is_cancelled() {
        return Some("the service is stopping".to_owned());
    }
    let unsynced = || (!state.registry.is_synced()).then(|| "the autoscalers are being read".to_owned());
    state.index.fault().or_else(|| state.store.fault()).or_else(unsynced)
}

/// A kubelet has no token, and needs none. What is wrong names things of the cluster, so only some are told that.
async fn may_read_sources(state: &HttpState, request: &HttpRequest) -> bool {
    if client_certificate::is_missing(&request.extensions()) {
        return false;
    }
    let Ok(caller) = gate::caller(request).await else { return false };
    Asker::new(caller, state.access.clone()).require(SOURCES).await.is_ok()
}
