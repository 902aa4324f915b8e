//! What an operator and a kubelet ask for.

use std::sync::atomic::Ordering;

use actix_web::web::{Data, Json, ServiceConfig, resource};
use serde_json::{Value, json};

use super::{get, only};
use crate::http::error::ApiError;
use crate::http::state::HttpState;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/").route(get().to(index)).default_service(only("GET, HEAD")))
        .service(resource("/health").route(get().to(health)).default_service(only("GET, HEAD")))
        .service(resource("/healthz").route(get().to(healthz)).default_service(only("GET, HEAD")))
        .service(resource("/readyz").route(get().to(readyz)).default_service(only("GET, HEAD")));
}

async fn index(state: Data<HttpState>) -> Json<Value> {
    Json(json!({
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "cluster": state.cluster_name,
        "paths": ["/api/v1/autoscaling", "/api/v1/autoscaling/metrics", "/health", "/healthz", "/readyz"],
    }))
}

/// As the first implementation of the guide answers.
async fn health() -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
    }))
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
    if state.stopping.load(Ordering::Relaxed) {
        return Err(ApiError::not_ready("the service is stopping"));
    }
    if let Some(fault) = state.index.fault() {
        return Err(ApiError::not_ready(fault));
    }
    Ok(Json(json!({ "status": "ready", "cluster": state.cluster_name })))
}
