//! Deleting objects.

use serde_json::{Value, json};

use super::query::Query;
use super::write::json_body;
use super::{ApiError, ApiRequest, Reply, find};
use crate::simulation::resource::Resource;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

/// Deletes an object at once, provided that it is the one that the client means. There are no finalizers.
pub(super) fn delete(
    world: &mut World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Reply, ApiError> {
    let options = if request.body.is_empty() { Value::Null } else { json_body(request)? };
    let object = find(world, resource, key)?.value();
    let (wanted, present) = (&options["preconditions"], &object["metadata"]);
    if let (Some(asked), Some(present)) = (wanted["uid"].as_str(), present["uid"].as_str())
        && asked != present
    {
        return Err(ApiError::wrong_uid(resource, &key.name, asked, present));
    }
    if wanted["resourceVersion"].is_string() && wanted["resourceVersion"] != present["resourceVersion"] {
        return Err(ApiError::conflict(resource, &key.name));
    }
    if query.get("dryRun") != "All" {
        world.store.delete(resource, key, world.now);
    }
    let definition = resource.definition();
    Ok(Reply::ok(&json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": key.name,
            "group": definition.group,
            "kind": definition.plural,
            "uid": present["uid"],
        },
    })))
}
