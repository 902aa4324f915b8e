//! The routes, by subject.

use std::sync::Arc;

use actix_web::{HttpRequest, guard, web};
use serde::de::DeserializeOwned;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::error::ApiError;
use super::state::HttpState;
use crate::actors::snapshot::AutoscalerRecord;

mod api_docs;
mod autoscaling;
mod decisions;
mod mode;
mod service;
mod sources;

/// Every path of the service.
pub fn configure(config: &mut web::ServiceConfig) {
    // The decisions before the autoscalers: the first match wins, and `evaluate` would be an id.
    let api = web::scope("/api/v1").configure(decisions::configure).configure(autoscaling::configure);
    config.configure(service::configure).configure(api_docs::configure).service(api.configure(mode::configure).configure(sources::configure));
}

/// The description of every path, by subject.
pub fn descriptions() -> [OpenApi; 6] {
    [
        autoscaling::Description::openapi(),
        decisions::Description::openapi(),
        mode::Description::openapi(),
        sources::Description::openapi(),
        service::Description::openapi(),
        api_docs::Description::openapi(),
    ]
}

/// What is at no path.
pub async fn no_such_path(request: HttpRequest) -> Result<&'static str, ApiError> {
    Err(ApiError::no_such_path(request.path()))
}

/// A route for GET, and for HEAD, whose body actix leaves out.
fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The answer for the methods that a path does not know.
fn only(allowed: &'static str) -> actix_web::Route {
    web::to(move |request: HttpRequest| async move {
        Err::<&'static str, _>(ApiError::method_not_allowed(request.method().as_str(), allowed))
    })
}

/// The autoscaler with this id.
async fn find(state: &HttpState, id: &str) -> Result<Arc<AutoscalerRecord>, ApiError> {
    state.registry.get(id).await?.ok_or_else(|| ApiError::autoscaler_not_found(id))
}

/// The parameters of a request; unknown ones are refused.
fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    let query = web::Query::<T>::from_query(request.query_string());
    query.map(web::Query::into_inner).map_err(|error| ApiError::invalid_format(error.to_string()))
}

/// How many items are wanted at most.
fn limit(text: Option<String>) -> Result<Option<usize>, ApiError> {
    let parse = |text: String| text.parse().ok().filter(|&limit: &usize| limit >= 1);
    text.map(|text| parse(text).ok_or_else(|| ApiError::validation("limit must be a whole number of at least 1")))
        .transpose()
}
