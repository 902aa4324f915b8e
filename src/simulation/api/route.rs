//! Which part of the API an address means.

use super::metrics;
use crate::simulation::metrics::{MetricsApi, MetricsVersion};
use crate::simulation::resource::Resource;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

/// A part of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Healthy,
    Version,
    CoreVersions,
    Groups,
    Group {
        group: String,
    },
    GroupVersion {
        group: String,
        version: String,
    },
    /// All objects of a kind, or those of a namespace.
    Collection {
        resource: Resource,
        namespace: Option<String>,
    },
    Object {
        resource: Resource,
        key: ObjectKey,
    },
    Scale {
        resource: Resource,
        key: ObjectKey,
    },
    Status {
        resource: Resource,
        key: ObjectKey,
    },
    PodMetrics {
        version: MetricsVersion,
        namespace: Option<String>,
        name: Option<String>,
    },
    NodeMetrics {
        version: MetricsVersion,
        name: Option<String>,
    },
}

/// Finds what an address means; nothing when the cluster does not serve it.
pub(super) fn resolve(world: &World, path: &str) -> Option<Route> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["readyz" | "livez" | "healthz"] => Some(Route::Healthy),
        ["version"] => Some(Route::Version),
        ["api"] => Some(Route::CoreVersions),
        ["apis"] => Some(Route::Groups),
        ["api", version, rest @ ..] => in_version(world, "", version, rest),
        ["apis", group] => {
            let served = super::discovery::served_groups(world).iter().any(|served| served.name == *group);
            served.then(|| Route::Group { group: (*group).to_owned() })
        }
        ["apis", group, version, rest @ ..] => in_version(world, group, version, rest),
        _ => None,
    }
}

fn in_version(world: &World, group: &str, version: &str, rest: &[&str]) -> Option<Route> {
    if group == metrics::GROUP {
        return in_metrics(world, version, rest);
    }
    if !super::discovery::is_served(world, group, version) {
        return None;
    }
    let (namespace, rest) = match rest {
        [] => return Some(Route::GroupVersion { group: group.to_owned(), version: version.to_owned() }),
        // `namespaces/NAME` alone is the namespace itself.
        ["namespaces", namespace, plural, rest @ ..] => (Some(*namespace), [&[*plural], rest].concat()),
        rest => (None, rest.to_vec()),
    };
    let resource = Resource::find(group, version, rest.first()?)?;
    let definition = resource.definition();
    if namespace.is_some() && !definition.namespaced {
        return None;
    }
    let key = |name: &str| ObjectKey::new(namespace.unwrap_or_default(), name);
    match rest.as_slice() {
        [_] => Some(Route::Collection { resource, namespace: namespace.map(str::to_owned) }),
        // A namespaced object has no address without its namespace.
        [_, _, ..] if definition.namespaced && namespace.is_none() => None,
        [_, name] => Some(Route::Object { resource, key: key(name) }),
        [_, name, "scale"] if definition.scalable => Some(Route::Scale { resource, key: key(name) }),
        [_, name, "status"] if definition.has_status => Some(Route::Status { resource, key: key(name) }),
        _ => None,
    }
}

fn in_metrics(world: &World, version: &str, rest: &[&str]) -> Option<Route> {
    if world.metrics.api == MetricsApi::Absent {
        return None;
    }
    let version = *world.metrics.versions.iter().find(|served| served.as_str() == version)?;
    let owned = |text: &str| Some(text.to_owned());
    match rest {
        [] => Some(Route::GroupVersion { group: metrics::GROUP.to_owned(), version: version.as_str().to_owned() }),
        ["pods"] => Some(Route::PodMetrics { version, namespace: None, name: None }),
        ["namespaces", namespace, "pods"] => {
            Some(Route::PodMetrics { version, namespace: owned(namespace), name: None })
        }
        ["namespaces", namespace, "pods", name] => {
            Some(Route::PodMetrics { version, namespace: owned(namespace), name: owned(name) })
        }
        ["nodes"] => Some(Route::NodeMetrics { version, name: None }),
        ["nodes", name] => Some(Route::NodeMetrics { version, name: owned(name) }),
        _ => None,
    }
}
