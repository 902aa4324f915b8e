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

/// A group and its versions, the preferred one first.
pub(super) struct Group {
    pub name: &'static str,
    pub versions: Vec<&'static str>,
}

/// The groups that are served.
pub(super) fn served_groups(world: &World) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for resource in Resource::ALL {
        let Definition { group: name, version, add_on, .. } = resource.definition();
        if name.is_empty() || (*add_on && !world.is_installed(resource)) {
            continue;
        }
        match groups.iter_mut().find(|group| group.name == *name) {
            Some(group) if group.versions.contains(version) => {}
            Some(group) => group.versions.push(version),
            None => groups.push(Group { name, versions: vec![version] }),
        }
    }
    if world.metrics.api != MetricsApi::Absent {
        let versions = world.metrics.versions.iter().map(|version| version.as_str()).collect();
        groups.push(Group { name: metrics::GROUP, versions });
    }
    groups
}

/// Whether a version of a group is served; the core group is the empty one.
pub(super) fn is_served(world: &World, group: &str, version: &str) -> bool {
    let serves = |served: &Group| served.name == group && served.versions.contains(&version);
    (group, version) == ("", "v1") || served_groups(world).iter().any(serves)
}

/// `/apis`
pub(super) fn groups(world: &World) -> Value {
    let groups: Vec<_> = served_groups(world).iter().map(describe).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`
pub(super) fn group(world: &World, name: &str) -> Value {
    let groups = served_groups(world);
    let mut group = groups.iter().find(|group| group.name == name).map_or_else(|| json!({}), describe);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    group
}

fn describe(group: &Group) -> Value {
    let version = |version: &&str| json!({ "groupVersion": format!("{}/{version}", group.name), "version": version });
    let versions: Vec<_> = group.versions.iter().map(version).collect();
    json!({ "name": group.name, "versions": versions, "preferredVersion": versions.first() })
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
        "verbs": definition.verbs,
        "shortNames": definition.short_names,
    })];
    if definition.has_status {
        resources.push(json!({
            "name": format!("{}/status", definition.plural),
            "singularName": "",
            "namespaced": definition.namespaced,
            "kind": definition.kind,
            "verbs": ["patch"],
        }));
    }
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
