//! The routes, by subject.

use std::sync::Arc;

use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, guard, web};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::asker::Asker;
use super::error::ApiError;
use super::slices::Slices;
use super::state::HttpState;
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::Timestamp;
use crate::domain::access::{Deed, Verb};
use crate::domain::namespaces::NamespaceScope;
use crate::domain::validation::is_dns_label;

mod api_docs;
mod autoscaling;
mod dashboard;
mod decisions;
mod events;
mod fleet;
mod history;
mod metrics;
mod mode;
mod service;
mod sources;
mod whoami;

/// Every path of the service.
pub fn configure(config: &mut web::ServiceConfig) {
    // The decisions before the autoscalers: the first match wins, and `evaluate` would be an id.
    let api = web::scope("/api/v1").configure(decisions::configure).configure(history::configure);
    let api = api.configure(autoscaling::configure).configure(fleet::configure).configure(events::configure);
    let api = api.configure(mode::configure).configure(sources::configure).configure(whoami::configure);
    let api = api.configure(service::configure_index);
    config.configure(service::configure).configure(metrics::configure).configure(api_docs::configure);
    config.configure(dashboard::configure).service(api);
}

/// The description of every path, by subject.
pub fn descriptions() -> [OpenApi; 11] {
    [
        autoscaling::Description::openapi(),
        decisions::Description::openapi(),
        mode::Description::openapi(),
        sources::Description::openapi(),
        fleet::Description::openapi(),
        events::Description::openapi(),
        history::Description::openapi(),
        whoami::Description::openapi(),
        service::Description::openapi(),
        metrics::Description::openapi(),
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

/// The autoscaler with this id, if the caller may see it.
async fn find(state: &HttpState, asker: &Asker, id: &str) -> Result<Arc<AutoscalerRecord>, ApiError> {
    asker.seen(id, state.registry.get(id)?).await
}

/// The same, if the caller may also do this with it, and with what it scales.
async fn find_to(state: &HttpState, asker: &Asker, verb: Verb, id: &str) -> Result<Arc<AutoscalerRecord>, ApiError> {
    let record = find(state, asker, id).await?;
    asker.require_change(verb, &record).await?;
    Ok(record)
}

/// The namespaces whose autoscalers the caller may see. Whoever names one must be allowed to see that.
async fn scope(state: &HttpState, asker: &Asker, namespace: Option<&str>) -> Result<NamespaceScope, ApiError> {
    let seen = asker.scope(async || Ok(state.registry.namespaces()?));
    match namespace {
        None => seen.await,
        Some(namespace) if !is_dns_label(namespace) => {
            Err(ApiError::validation("namespace must be a valid RFC 1123 label"))
        }
        Some(namespace) => {
            asker.require([Deed::in_namespace(Verb::List, namespace)]).await?;
            Ok(NamespaceScope::one(namespace.to_owned()))
        }
    }
}

/// The text of an answer.
fn text(body: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(unwritable)
}

/// The answer in the place of one that has no text.
fn unwritable(error: serde_json::Error) -> ApiError {
    log::error!("an answer cannot be written: {error}");
    ApiError::unwritable()
}

/// The answer with this text, which is JSON.
fn json(text: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(Slices::from(text))
}

/// The parameters of a request; unknown ones are refused.
fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    let query = web::Query::<T>::from_query(request.query_string());
    query.map(web::Query::into_inner).map_err(|error| ApiError::invalid_format(error.to_string()))
}

/// A time in the field of this name.
fn time(field: &str, text: Option<String>) -> Result<Option<Timestamp>, ApiError> {
    let parse = |text: String| chrono::DateTime::parse_from_rfc3339(&text).map(Timestamp::from);
    text.map(parse).transpose().map_err(|_| {
        ApiError::validation(format!("{field} must be a time as in RFC 3339, for instance 2026-11-24T22:56:05Z"))
    })
}

/// A count in a parameter, an int32 of at least 0 as everywhere in the API.
fn number(text: &str) -> Option<usize> {
    usize::try_from(text.parse::<i32>().ok()?).ok()
}

/// How many items are wanted at most.
fn limit(text: Option<String>) -> Result<Option<usize>, ApiError> {
    let parse = |text: String| number(&text).filter(|&limit| limit >= 1);
    text.map(|text| parse(text).ok_or_else(|| ApiError::validation("limit must be a whole number of at least 1")))
        .transpose()
}
