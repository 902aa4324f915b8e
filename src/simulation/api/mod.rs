//! The API server: from a request to an answer.
//!
//! Answering never waits. What does (faults, watches) is in `service` and `watch`.

mod create;
mod delete;
mod discovery;
mod error;
mod metrics;
mod query;
mod read;
mod route;
mod scale;
mod service;
mod watch;
mod write;

pub use service::SimulatedApi;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use self::error::ApiError;
use self::query::Query;
use self::route::Route;
use self::watch::WatchPlan;
use super::metrics::MetricsApi;
use super::resource::{Definition, Resource};
use super::store::{Object, ObjectKey};
use super::world::World;

/// A request, as far as it matters here.
#[derive(Debug)]
pub(super) struct ApiRequest {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub accept: String,
    pub content_type: String,
    pub body: Bytes,
}

/// An answer.
#[derive(Debug)]
pub(super) enum Reply {
    Json(StatusCode, Bytes),
    Text(StatusCode, Bytes),
    Watch(Box<WatchPlan>),
}

impl Reply {
    fn ok(value: &Value) -> Self {
        // A `Value` always has a JSON form.
        Self::Json(StatusCode::OK, serde_json::to_vec(value).unwrap_or_default().into())
    }

    fn created(value: &Value) -> Self {
        Self::Json(StatusCode::CREATED, serde_json::to_vec(value).unwrap_or_default().into())
    }

    fn text(status: StatusCode, text: &'static str) -> Self {
        Self::Text(status, Bytes::from_static(text.as_bytes()))
    }
}

/// Answers a request, at the world's present time.
pub(super) fn answer(world: &mut World, request: &ApiRequest) -> Reply {
    let Some(route) = route::resolve(world, &request.path) else {
        return Reply::text(StatusCode::NOT_FOUND, "404 page not found\n");
    };
    let metrics = matches!(route, Route::PodMetrics { .. } | Route::NodeMetrics { .. })
        || matches!(&route, Route::GroupVersion { group, .. } if group == metrics::GROUP);
    if metrics && world.metrics.api == MetricsApi::Unavailable {
        return Reply::text(StatusCode::SERVICE_UNAVAILABLE, "service unavailable\n");
    }
    dispatch(world, request, route).unwrap_or_else(ApiError::into_reply)
}

fn dispatch(world: &mut World, request: &ApiRequest, route: Route) -> Result<Reply, ApiError> {
    let query = Query::parse(&request.query);
    let get = request.method == Method::GET;
    if query.flag("watch") && !matches!(route, Route::Collection { .. }) {
        return Err(ApiError::method_not_allowed());
    }
    let allowed =
        |resource: Resource, method: Method, verb: &str| request.method == method && resource.definition().allows(verb);
    match route {
        Route::Collection { resource, namespace } if get && resource.definition().allows("list") => {
            if query.flag("watch") {
                watch::plan(world, request, &query, resource, namespace)
            } else {
                read::list(world, request, &query, resource, namespace.as_deref())
            }
        }
        Route::Collection { resource, namespace: Some(namespace) } if allowed(resource, Method::POST, "create") => {
            create::create(world, request, &query, resource, &namespace)
        }
        Route::Object { resource, key } if allowed(resource, Method::GET, "get") => {
            read::get(world, request, resource, &key)
        }
        Route::Object { resource, key } if allowed(resource, Method::PATCH, "patch") => {
            write::patch(world, request, &query, resource, &key)
        }
        Route::Object { resource, key } if allowed(resource, Method::PUT, "update") => {
            write::replace(world, request, &query, resource, &key)
        }
        Route::Object { resource, key } if allowed(resource, Method::DELETE, "delete") => {
            delete::delete(world, request, &query, resource, &key)
        }
        Route::Status { resource, key } if request.method == Method::PATCH => {
            write::patch_status(world, request, &query, resource, &key)
        }
        Route::Scale { resource, key } if get => scale::get(world, resource, &key),
        Route::Scale { resource, key } if request.method == Method::PATCH => {
            scale::patch(world, request, &query, resource, &key)
        }
        Route::Scale { resource, key } if request.method == Method::PUT => {
            scale::replace(world, request, &query, resource, &key)
        }
        Route::PodMetrics { version, namespace, name: None } if get => {
            metrics::list_pods(world, &query, version, namespace.as_deref())
        }
        Route::PodMetrics { version, namespace, name: Some(name) } if get => {
            metrics::get_pod(world, version, &namespace.unwrap_or_default(), &name)
        }
        Route::NodeMetrics { version, name } if get => metrics::nodes(world, version, name.as_deref()),
        Route::Healthy if get => Ok(Reply::text(StatusCode::OK, "ok")),
        Route::Version if get => Ok(Reply::ok(&discovery::version())),
        Route::CoreVersions if get => Ok(Reply::ok(&discovery::core_versions())),
        Route::Groups if get => Ok(Reply::ok(&discovery::groups(world))),
        Route::Group { group } if get => Ok(Reply::ok(&discovery::group(world, &group))),
        Route::GroupVersion { group, version } if get => Ok(Reply::ok(&discovery::resources(&group, &version))),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// A value of an object with the types that it is served with.
fn with_types(definition: &Definition, mut object: Value) -> Value {
    object["kind"] = definition.kind.into();
    object["apiVersion"] = definition.api_version().into();
    object
}

/// An object that a client names.
fn find<'a>(world: &'a World, resource: Resource, key: &ObjectKey) -> Result<&'a Arc<Object>, ApiError> {
    world.store.get(resource, key).ok_or_else(|| ApiError::not_found(resource, &key.name))
}

/// Whether a client wants only the metadata of objects.
fn wants_metadata_only(request: &ApiRequest) -> bool {
    request.accept.contains("as=PartialObjectMetadata")
}

/// An object as it is served by itself.
fn full_json(definition: &Definition, object: &Object, metadata_only: bool) -> Vec<u8> {
    let mut json = Vec::with_capacity(object.json.len() + 64);
    push_full_json(&mut json, definition, object, metadata_only);
    json
}

fn push_full_json(json: &mut Vec<u8>, definition: &Definition, object: &Object, metadata_only: bool) {
    if metadata_only {
        let partial = serde_json::json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object.value()["metadata"],
        });
        json.extend_from_slice(partial.to_string().as_bytes());
        return;
    }
    let types = format!(r#"{{"kind":"{}","apiVersion":"{}","#, definition.kind, definition.api_version());
    json.extend_from_slice(types.as_bytes());
    // Without the opening brace, which the types have brought.
    json.extend_from_slice(object.json.get(1..).unwrap_or_default());
}
