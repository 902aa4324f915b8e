//! Changing objects.

use http::StatusCode;
use serde_json::Value;

use super::query::Query;
use super::{ApiError, ApiRequest, Reply, full_json};
use crate::simulation::controllers::WorkloadRef;
use crate::simulation::resource::Resource;
use crate::simulation::settings::WorkloadKind;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

const MEDIA_TYPES: &str = "application/json-patch+json, application/merge-patch+json, \
                           application/strategic-merge-patch+json, application/apply-patch+yaml";

/// Patches an object's metadata and spec. A strategic merge patch is taken for a merge patch, which is the same as long
/// as no list is patched.
pub(super) fn patch(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Reply, ApiError> {
    let known = ["application/merge-patch+json", "application/strategic-merge-patch+json"];
    if !known.iter().any(|known| request.content_type.starts_with(known)) {
        return Err(ApiError::unsupported_media_type(MEDIA_TYPES));
    }
    let patch = json_body(request)?;
    let current = world.store.get(resource, key).ok_or_else(|| ApiError::not_found(resource, &key.name))?;
    let before = current.value();
    let mut after = before.clone();
    merge(&mut after, patch);
    check_identity(resource, key, &before, &after)?;
    check_spec(resource, key, &before, &after)?;

    if let Some(after) = after.as_object_mut() {
        after.remove("kind");
        after.remove("apiVersion");
    }
    if after["spec"]["replicas"].is_null() {
        after["spec"]["replicas"] = 1.into();
    }
    // What only the server sets, and the status, which is a subresource.
    after["status"] = before["status"].clone();
    for field in ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"] {
        after["metadata"][field] = before["metadata"][field].clone();
    }
    store_spec(world, query, resource, key, after)?;
    let stored = world.store.get(resource, key).ok_or_else(|| ApiError::not_found(resource, &key.name))?;
    Ok(Reply::Json(StatusCode::OK, full_json(resource.definition(), stored, false).into()))
}

/// Stores an object with a changed spec or changed metadata, and lets its controller know. Returns what is stored, or
/// what would be in a dry run.
pub(super) fn store_spec(
    world: &mut World,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
    mut object: Value,
) -> Result<Value, ApiError> {
    let current = world.store.get(resource, key).ok_or_else(|| ApiError::not_found(resource, &key.name))?;
    let before = current.value();
    let spec_changed = before["spec"] != object["spec"];
    if spec_changed {
        let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
        object["metadata"]["generation"] = (generation + 1).into();
    }
    if query.get("dryRun") == "All" || object == before {
        return Ok(object);
    }
    let stored = world.store.put(resource, key.clone(), object, world.now).value();
    if spec_changed && let Some(kind) = workload_kind(resource) {
        world.observe_spec(&WorkloadRef::new(kind, key.clone()), &stored["spec"]);
    }
    Ok(stored)
}

/// Refuses a change that was made for another version or another object.
pub(super) fn check_identity(
    resource: Resource,
    key: &ObjectKey,
    before: &Value,
    after: &Value,
) -> Result<(), ApiError> {
    let (present, wanted) = (&before["metadata"], &after["metadata"]);
    let name = wanted["name"].as_str().unwrap_or(&key.name);
    if name != key.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.name
        )));
    }
    let namespace = wanted["namespace"].as_str().unwrap_or(&key.namespace);
    if namespace != key.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if let (Some(asked), Some(present)) = (wanted["uid"].as_str(), present["uid"].as_str())
        && asked != present
    {
        return Err(ApiError::wrong_uid(resource, &key.name, asked, present));
    }
    match wanted["resourceVersion"].as_str() {
        None | Some("") => Ok(()),
        Some(version) if Some(version) == present["resourceVersion"].as_str() => Ok(()),
        Some(_) => Err(ApiError::conflict(resource, &key.name)),
    }
}

fn check_spec(resource: Resource, key: &ObjectKey, before: &Value, after: &Value) -> Result<(), ApiError> {
    let kind = resource.definition().qualified_kind();
    let replicas = &after["spec"]["replicas"];
    match replicas.as_i64().map(i32::try_from) {
        Some(Ok(0..)) => {}
        Some(Ok(_)) => {
            let problem = format!("Invalid value: {replicas}: must be greater than or equal to 0");
            return Err(ApiError::invalid(&kind, &key.name, "spec.replicas", &problem));
        }
        Some(Err(_)) | None if !replicas.is_null() => {
            return Err(ApiError::bad_request(format!(
                "json: cannot unmarshal {replicas} into Go struct field .spec.replicas of type int32"
            )));
        }
        Some(Err(_)) | None => {}
    }
    if before["spec"]["selector"] != after["spec"]["selector"] {
        let problem = format!("Invalid value: {}: field is immutable", after["spec"]["selector"]);
        return Err(ApiError::invalid(&kind, &key.name, "spec.selector", &problem));
    }
    Ok(())
}

/// The body as JSON.
pub(super) fn json_body(request: &ApiRequest) -> Result<Value, ApiError> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|error| ApiError::bad_request(format!("error decoding the body: {error}")))?;
    if body.is_object() { Ok(body) } else { Err(ApiError::bad_request("the body is not a JSON object")) }
}

/// Applies a JSON merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (name, value) in patch {
        match (value.is_null(), target.as_object_mut()) {
            (true, Some(target)) => {
                target.remove(&name);
            }
            (false, Some(target)) => merge(target.entry(name).or_insert(Value::Null), value),
            (_, None) => {}
        }
    }
}

fn workload_kind(resource: Resource) -> Option<WorkloadKind> {
    match resource {
        Resource::Deployment => Some(WorkloadKind::Deployment),
        Resource::StatefulSet => Some(WorkloadKind::StatefulSet),
        Resource::ReplicaSet => Some(WorkloadKind::ReplicaSet),
        _ => None,
    }
}
