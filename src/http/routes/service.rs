//! What an operator and a kubelet ask for.

use actix_web::web::{Data, Json, ServiceConfig, resource};
use serde_json::{Value, json};

use super::{get, only};
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::wire::{GpuSummaryBody, shown_mode};

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

async fn index(state: Data<HttpState>) -> Json<Value> {
    Json(json!({
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "cluster": state.cluster_name,
        "paths": [
            "/api/v1/autoscaling",
            "/api/v1/autoscaling/metrics",
            "/api/v1/autoscaling/evaluate",
            "/api/v1/events",
            "/api/v1/fleet",
            "/api/v1/mode",
            "/api/v1/sources",
            "/health",
            "/healthz",
            "/readyz",
            "/metrics",
        ],
    }))
}

/// As the first implementation of the guide answers.
async fn health(state: Data<HttpState>) -> Json<Value> {
    let health = json!({
        "status": "healthy",
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
    });
    Json(with_mode(health, &state))
}

/// `answer`, which says so when the emergency brake is on.
fn with_mode(mut answer: Value, state: &HttpState) -> Value {
    if let Some(mode) = shown_mode(state.brake.mode()) {
        answer["mode"] = mode.into();
    }
    answer
}

/// Whether the process lives, or has to be started again.
async fn healthz(state: Data<HttpState>) -> Result<Json<Value>, ApiError> {
    if !state.registry.is_alive() {
        return Err(ApiError::not_alive());
    }
    Ok(Json(json!({ "status": "ok" })))
}

/// Whether it can do its work: it is not stopping, and it knows the cluster.
async fn readyz(state: Data<HttpState>) -> Result<Json<Value>, ApiError> {
    if state.stopping.is_cancelled() {
        return Err(ApiError::not_ready("the service is stopping"));
    }
    if let Some(fault) = state.index.fault() {
        return Err(ApiError::not_ready(fault));
    }
    let gpu = GpuSummaryBody::new(&state.exporters.exporters(), &state.gpu_table.load());
    let mut ready = json!({ "status": "ready", "cluster": state.cluster_name, "gpu": gpu });
    if let Some(fault) = state.index.capacity_fault() {
        ready["capacity"] = json!({ "error": fault });
    }
    Ok(Json(with_mode(ready, &state)))
}
