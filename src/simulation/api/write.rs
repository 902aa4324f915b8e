//! Changing objects.

use http::StatusCode;
use serde_json::{Value, json};

use super::query::Query;
use super::{ApiError, ApiRequest, Reply, find, full_json};
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
    if resource.definition().forgotten {
        return patch_forgotten(request, resource, key);
    }
    let (before, after) = patched(world, request, resource, key)?;
    store(world, query, resource, key, &before, after)
}

/// Replaces an object's metadata and spec.
pub(super) fn replace(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Reply, ApiError> {
    let after = json_body(request)?;
    let before = find(world, resource, key)?.value();
    store(world, query, resource, key, &before, after)
}

/// Patches an object's status, and nothing else of it.
pub(super) fn patch_status(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Reply, ApiError> {
    let (before, mut patched) = patched(world, request, resource, key)?;
    check_identity(resource, key, &before, &patched)?;
    let mut after = before.clone();
    after["status"] = patched["status"].take();
    store_checked(world, query, resource, key, &before, after)
}

/// Answers the patch of an object that was taken note of and forgotten.
fn patch_forgotten(request: &ApiRequest, resource: Resource, key: &ObjectKey) -> Result<Reply, ApiError> {
    let mut object = json!({ "metadata": { "namespace": key.namespace, "name": key.name } });
    merge(&mut object, json_body(request)?);
    Ok(Reply::ok(&super::with_types(resource.definition(), object)))
}

/// An object as it is, and as it would be after the patch that a client sends.
fn patched(
    world: &World,
    request: &ApiRequest,
    resource: Resource,
    key: &ObjectKey,
) -> Result<(Value, Value), ApiError> {
    let known = ["application/merge-patch+json", "application/strategic-merge-patch+json"];
    if !known.iter().any(|known| request.content_type.starts_with(known)) {
        return Err(ApiError::unsupported_media_type(MEDIA_TYPES));
    }
    let patch = json_body(request)?;
    let before = find(world, resource, key)?.value();
    let mut after = before.clone();
    merge(&mut after, patch);
    Ok((before, after))
}

/// Stores what a client has made of an object, unless it may not.
fn store(
    world: &mut World,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
    before: &Value,
    mut after: Value,
) -> Result<Reply, ApiError> {
    check_identity(resource, key, before, &after)?;
    if resource.definition().scalable {
        check_spec(resource, key, before, &after)?;
        if after["spec"]["replicas"].is_null() {
            after["spec"]["replicas"] = 1.into();
        }
    }
    drop_types(&mut after);
    // What only the server sets, and the status, which is a subresource.
    keep(&mut after, before, "status");
    for field in ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"] {
        keep(&mut after["metadata"], &before["metadata"], field);
    }
    store_checked(world, query, resource, key, before, after)
}

fn store_checked(
    world: &mut World,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
    before: &Value,
    after: Value,
) -> Result<Reply, ApiError> {
    store_spec(world, query, resource, key, before, after)?;
    let stored = find(world, resource, key)?;
    Ok(Reply::Json(StatusCode::OK, full_json(resource.definition(), stored, false).into()))
}

/// Leaves a field as it was before.
fn keep(after: &mut Value, before: &Value, field: &str) {
    match (before.get(field), after.as_object_mut()) {
        (Some(value), _) => after[field] = value.clone(),
        (None, Some(after)) => drop(after.remove(field)),
        (None, None) => {}
    }
}

/// Takes away the types, without which objects are kept.
pub(super) fn drop_types(object: &mut Value) {
    if let Some(object) = object.as_object_mut() {
        object.remove("kind");
        object.remove("apiVersion");
    }
}

/// Stores what has been made of an object, which is so far as `before` has it, and lets its controller know. Returns
/// what is stored, or what would be in a dry run.
pub(super) fn store_spec(
    world: &mut World,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
    before: &Value,
    mut object: Value,
) -> Result<Value, ApiError> {
    let spec_changed = before["spec"] != object["spec"];
    if spec_changed && let Some(generation) = before["metadata"]["generation"].as_i64() {
        object["metadata"]["generation"] = (generation + 1).into();
    }
    if query.get("dryRun") == "All" || object == *before {
        return Ok(object);
    }
    world.store.put_version(resource, key.clone(), &mut object, world.now);
    if spec_changed && let Some(kind) = workload_kind(resource) {
        world.observe_spec(&WorkloadRef::new(kind, key.clone()), &object["spec"]);
    }
    Ok(object)
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
