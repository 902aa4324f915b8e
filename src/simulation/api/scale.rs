//! The `scale` subresource: `autoscaling/v1` Scale.

use serde_json::{Value, json};

use super::query::Query;
use super::write::{check_identity, json_body, merge, store_spec};
use super::{ApiError, ApiRequest, Reply, find};
use crate::simulation::resource::Resource;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

const MEDIA_TYPES: &str = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

pub(super) fn get(world: &World, resource: Resource, key: &ObjectKey) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&scale(&find(world, resource, key)?.value(), key)))
}

pub(super) fn patch(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Reply, ApiError> {
    if !request.content_type.starts_with("application/merge-patch+json") {
        return Err(ApiError::unsupported_media_type(MEDIA_TYPES));
    }
    let patch = json_body(request)?;
    let object = find(world, resource, key)?.value();
    let mut wanted = scale(&object, key);
    merge(&mut wanted, patch);
    apply(world, query, resource, key, object, &wanted)
}

pub(super) fn replace(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Reply, ApiError> {
    let wanted = json_body(request)?;
    let object = find(world, resource, key)?.value();
    apply(world, query, resource, key, object, &wanted)
}

fn apply(
    world: &mut World,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
    object: Value,
    wanted: &Value,
) -> Result<Reply, ApiError> {
    if wanted["kind"] != "Scale" || wanted["apiVersion"] != "autoscaling/v1" {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version (autoscaling/v1)",
            wanted["apiVersion"].as_str().unwrap_or_default()
        )));
    }
    check_identity(resource, key, &object, wanted)?;
    let replicas = wanted_replicas(key, wanted)?;
    let mut changed = object.clone();
    changed["spec"]["replicas"] = replicas.into();
    let stored = store_spec(world, query, resource, key, &object, changed)?;
    Ok(Reply::ok(&scale(&stored, key)))
}

fn wanted_replicas(key: &ObjectKey, scale: &Value) -> Result<i32, ApiError> {
    let written = &scale["spec"]["replicas"];
    // Absent is zero: the API server leaves zeroes out, so it cannot tell one from the other.
    let replicas = if written.is_null() { Some(0) } else { written.as_i64() };
    let replicas = replicas.and_then(|replicas| i32::try_from(replicas).ok()).ok_or_else(|| {
        ApiError::bad_request(format!(
            "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {written} into Go struct \
             field ScaleSpec.spec.replicas of type int32"
        ))
    })?;
    if replicas < 0 {
        let problem = format!("Invalid value: {replicas}: must be greater than or equal to 0");
        return Err(ApiError::invalid("Scale.autoscaling", &key.name, "spec.replicas", &problem));
    }
    Ok(replicas)
}

/// The Scale of a workload.
fn scale(object: &Value, key: &ObjectKey) -> Value {
    let metadata = &object["metadata"];
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {},
        "status": {
            "replicas": object["status"]["replicas"].as_u64().unwrap_or_default(),
            "selector": selector(&object["spec"]["selector"]),
        },
    });
    let replicas = object["spec"]["replicas"].as_u64().unwrap_or_default();
    if replicas > 0 {
        scale["spec"]["replicas"] = replicas.into();
    }
    scale
}

/// A label selector in its short form.
fn selector(selector: &Value) -> String {
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let terms: Vec<_> = labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    terms.join(",")
}
