//! `metrics.k8s.io`, as the metrics server serves it.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::query::Query;
use super::{ApiError, Reply};
use crate::simulation::manifests::timestamp;
use crate::simulation::metrics::{MetricsServer, MetricsVersion, PodSample, Usage};
use crate::simulation::resource::Resource;
use crate::simulation::selector::Selector;
use crate::simulation::store::ObjectKey;
use crate::simulation::template::Labels;
use crate::simulation::world::World;

pub(super) const GROUP: &str = "metrics.k8s.io";

/// The metrics of a pod. Borrowed and typed, because there may be tens of thousands in one answer.
#[derive(Serialize)]
struct PodMetrics<'a> {
    #[serde(flatten)]
    types: Option<Types<'a>>,
    metadata: Metadata<'a>,
    timestamp: &'a str,
    window: &'a str,
    containers: Vec<ContainerMetrics<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Types<'a> {
    kind: &'static str,
    api_version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
    creation_timestamp: &'a str,
    labels: &'a Labels,
}

#[derive(Serialize)]
struct ContainerMetrics<'a> {
    name: &'a str,
    usage: Quantities,
}

#[derive(Serialize)]
struct Quantities {
    cpu: String,
    memory: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodMetricsList<'a> {
    kind: &'static str,
    api_version: &'a str,
    metadata: Value,
    items: Vec<PodMetrics<'a>>,
}

/// The times that all answers of a moment have in common.
struct Times {
    asked: String,
    read: String,
    window: String,
}

impl Times {
    fn of(world: &World) -> Self {
        let MetricsServer { at, window, .. } = &world.metrics;
        Self {
            asked: timestamp(world.now),
            read: timestamp(*at),
            window: format!("{}s", window.num_milliseconds() as f64 / 1000.0),
        }
    }

    fn pod<'a>(&'a self, key: &'a ObjectKey, sample: &'a PodSample) -> PodMetrics<'a> {
        let containers = sample.containers.iter();
        let containers = containers.map(|(name, usage)| ContainerMetrics { name, usage: quantities(*usage) }).collect();
        PodMetrics {
            types: None,
            metadata: Metadata {
                name: &key.name,
                namespace: &key.namespace,
                creation_timestamp: &self.asked,
                labels: &sample.labels,
            },
            timestamp: &self.read,
            window: &self.window,
            containers,
        }
    }
}

pub(super) fn resources() -> Vec<Value> {
    let resource = |name: &str, namespaced: bool, kind: &str| {
        json!({
            "name": name,
            "singularName": "",
            "namespaced": namespaced,
            "kind": kind,
            "verbs": ["get", "list"],
        })
    };
    vec![resource("nodes", false, "NodeMetrics"), resource("pods", true, "PodMetrics")]
}

/// Lists the metrics of pods. What nobody selects from is made once for each reading: it may be tens of megabytes.
pub(super) fn list_pods(
    world: &mut World,
    query: &Query,
    version: MetricsVersion,
    namespace: Option<&str>,
) -> Result<Reply, ApiError> {
    let selector = Selector::parse(Resource::Pod, query.get("labelSelector"), "")?;
    if !selector.is_empty() {
        return Ok(Reply::Json(StatusCode::OK, listed(world, &selector, version, namespace)));
    }
    let which = (namespace.map(str::to_owned), version);
    if let Some(list) = world.metrics.lists.get(&which) {
        return Ok(Reply::Json(StatusCode::OK, list.clone()));
    }
    let list = listed(world, &selector, version, namespace);
    world.metrics.lists.insert(which, list.clone());
    Ok(Reply::Json(StatusCode::OK, list))
}

fn listed(world: &World, selector: &Selector, version: MetricsVersion, namespace: Option<&str>) -> Bytes {
    let times = Times::of(world);
    let first = ObjectKey::new(namespace.unwrap_or_default(), "");
    let samples = world.metrics.pods.range(first..);
    let samples = samples.take_while(|(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace));
    let selected = samples
        .filter(|(_, sample)| selector.matches_labels(|name| sample.labels.get(name).map(String::as_str)))
        .map(|(key, sample)| times.pod(key, sample));
    json_of(&PodMetricsList {
        kind: "PodMetricsList",
        api_version: &api_version(version),
        metadata: json!({}),
        items: selected.collect(),
    })
}

pub(super) fn get_pod(world: &World, version: MetricsVersion, namespace: &str, name: &str) -> Result<Reply, ApiError> {
    let key = ObjectKey::new(namespace, name);
    let full_name = format!("{namespace}/{name}");
    if world.store.get(Resource::Pod, &key).is_none() {
        return Err(ApiError::not_found(Resource::Pod, &full_name));
    }
    let Some(sample) = world.metrics.pods.get(&key) else {
        return Err(not_measured("podmetrics", &full_name));
    };
    let times = Times::of(world);
    let types = Some(Types { kind: "PodMetrics", api_version: &api_version(version) });
    Ok(Reply::Json(StatusCode::OK, json_of(&PodMetrics { types, ..times.pod(&key, sample) })))
}

pub(super) fn nodes(world: &World, version: MetricsVersion, name: Option<&str>) -> Result<Reply, ApiError> {
    let times = Times::of(world);
    let nodes = world.scheduler.nodes().iter().zip(&world.metrics.nodes);
    let mut items = nodes.filter(|(node, _)| name.is_none_or(|name| node.name == name)).map(|(node, usage)| {
        json!({
            "metadata": { "name": node.name, "creationTimestamp": times.asked },
            "timestamp": times.read,
            "window": times.window,
            "usage": quantities(*usage),
        })
    });
    let Some(name) = name else {
        return Ok(Reply::ok(&json!({
            "kind": "NodeMetricsList",
            "apiVersion": api_version(version),
            "metadata": {},
            "items": items.collect::<Vec<_>>(),
        })));
    };
    let mut metrics = items.next().ok_or_else(|| not_measured("nodemetrics", name))?;
    metrics["kind"] = "NodeMetrics".into();
    metrics["apiVersion"] = api_version(version).into();
    Ok(Reply::ok(&metrics))
}

fn api_version(version: MetricsVersion) -> String {
    format!("{GROUP}/{}", version.as_str())
}

fn not_measured(plural: &str, name: &str) -> ApiError {
    ApiError {
        details: json!({ "name": name, "group": GROUP, "kind": plural }),
        ..ApiError::new(StatusCode::NOT_FOUND, "NotFound", format!("{plural}.{GROUP} \"{name}\" not found"))
    }
}

fn quantities(usage: Usage) -> Quantities {
    Quantities { cpu: format!("{}n", usage.nanocores), memory: format!("{}Ki", usage.bytes >> 10) }
}

fn json_of(value: &impl Serialize) -> Bytes {
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_vec(value).unwrap_or_default().into()
}
