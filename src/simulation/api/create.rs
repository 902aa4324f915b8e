//! Creating objects.

use http::StatusCode;
use serde_json::Value;

use super::query::Query;
use super::write::{drop_types, json_body};
use super::{ApiError, ApiRequest, Reply, full_json};
use crate::simulation::manifests::timestamp;
use crate::simulation::resource::Resource;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

/// Makes an object of what a client sends, with what only the server sets.
pub(super) fn create(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    namespace: &str,
) -> Result<Reply, ApiError> {
    let definition = resource.definition();
    let mut object = json_body(request)?;
    let key = named(resource, namespace, &object)?;
    if world.store.get(Resource::Namespace, &ObjectKey::new("", namespace)).is_none() {
        return Err(ApiError::not_found(Resource::Namespace, namespace));
    }
    if world.store.get(resource, &key).is_some() {
        return Err(ApiError::already_exists(resource, &key.name));
    }
    drop_types(&mut object);
    let uid = world.new_uid(definition.kind, &key);
    let metadata = &mut object["metadata"];
    metadata["namespace"] = key.namespace.as_str().into();
    metadata["uid"] = uid.into();
    metadata["creationTimestamp"] = timestamp(world.now).into();
    if definition.has_status {
        metadata["generation"] = 1.into();
        // The status is a subresource: nobody is born with one.
        object.as_object_mut().map(|object| object.remove("status"));
    }
    if definition.forgotten || query.get("dryRun") == "All" {
        return Ok(Reply::created(&super::with_types(definition, object)));
    }
    let stored = world.store.put(resource, key, object, world.now);
    Ok(Reply::Json(StatusCode::CREATED, full_json(definition, &stored, false).into()))
}

/// Where the object is to be.
fn named(resource: Resource, namespace: &str, object: &Value) -> Result<ObjectKey, ApiError> {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| {
        let problem = "Required value: name or generateName is required";
        ApiError::invalid(&resource.definition().qualified_kind(), "", "metadata.name", problem)
    })?;
    if metadata["namespace"].as_str().is_some_and(|named| named != namespace) {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(ObjectKey::new(namespace, name))
}
