//! What the API server says about itself.

use serde_json::{Value, json};

use super::metrics;
use crate::simulation::metrics::MetricsApi;
use crate::simulation::resource::{Definition, Resource};
use crate::simulation::world::World;

/// `/version`: the Kubernetes release whose behaviour is imitated.
pub(super) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "gitVersion": "v1.37.0+simulated",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "simulated",
    })
}

/// `/api`
pub(super) fn core_versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

/// The groups that are served, each with its one version.
pub(super) fn served_groups(world: &World) -> Vec<(&'static str, &'static str)> {
    let mut groups = Vec::new();
    for resource in Resource::ALL {
        let definition = resource.definition();
        let served = !definition.group.is_empty() && (!definition.add_on || world.store.any(resource));
        let group = (definition.group, definition.version);
        if served && !groups.contains(&group) {
            groups.push(group);
        }
    }
    if world.metrics.api != MetricsApi::Absent {
        groups.push((metrics::GROUP, metrics::VERSION));
    }
    groups
}

/// Whether a version of a group is served; the core group is the empty one.
pub(super) fn is_served(world: &World, group: &str, version: &str) -> bool {
    (group, version) == ("", "v1") || served_groups(world).contains(&(group, version))
}

/// `/apis`
pub(super) fn groups(world: &World) -> Value {
    let groups: Vec<_> = served_groups(world).into_iter().map(|(name, version)| describe(name, version)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`
pub(super) fn group(name: &str) -> Value {
    let of_group = |resource: &Resource| resource.definition().group == name;
    let found = Resource::ALL.into_iter().find(of_group);
    let mut group = describe(name, found.map_or(metrics::VERSION, |resource| resource.definition().version));
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    group
}

fn describe(name: &str, version: &str) -> Value {
    let version = json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

/// `/api/v1` and `/apis/GROUP/VERSION`
pub(super) fn resources(group: &str, version: &str) -> Value {
    let resources: Vec<_> = if group == metrics::GROUP {
        metrics::resources()
    } else {
        let definitions = Resource::ALL.into_iter().map(Resource::definition);
        definitions.filter(|one| (one.group, one.version) == (group, version)).flat_map(served).collect()
    };
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources })
}

fn served(definition: &Definition) -> Vec<Value> {
    let mut resources = vec![json!({
        "name": definition.plural,
        "singularName": definition.singular,
        "namespaced": definition.namespaced,
        "kind": definition.kind,
        "verbs": definition.verbs(),
        "shortNames": definition.short_names,
    })];
    if definition.scalable {
        resources.push(json!({
            "name": format!("{}/scale", definition.plural),
            "singularName": "",
            "namespaced": definition.namespaced,
            "group": "autoscaling",
            "version": "v1",
            "kind": "Scale",
            "verbs": ["get", "patch", "update"],
        }));
    }
    resources
}
