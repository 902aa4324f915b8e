//! CPU and memory of pods, from the metrics API (`metrics.k8s.io`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::DateTime;
use futures_util::FutureExt;
use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::calls::Calls;
use super::duration;
use super::error::LONGEST;
use crate::domain::observation::{ContainerUsage, PodUsage};
use crate::domain::quantity::Amount;
use crate::plain_text::shortened;
use crate::ports::{ClusterError, PortFuture, ResourceMetrics, Scope, UsageTable};

const GROUP: &str = "/apis/metrics.k8s.io";

const ABSENT: &str = "the metrics API (metrics.k8s.io) is not available in this cluster: is metrics-server installed?";

/// A version of the metrics API. Both give pods in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V1Beta1,
}

impl Version {
    /// The versions that can be read, the better one first.
    const ALL: [Self; 2] = [Self::V1, Self::V1Beta1];

    fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Beta1 => "v1beta1",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::V1 => "metrics.k8s.io/v1",
            Self::V1Beta1 => "metrics.k8s.io/v1beta1",
        }
    }

    /// The version that the API server prefers if it can be read, else the best that it offers.
    fn choose(group: &APIGroup) -> Option<Self> {
        let preferred = group.preferred_version.iter();
        let find = |offered: &str| Self::ALL.into_iter().find(|version| version.as_str() == offered);
        preferred.filter_map(|offered| find(&offered.version)).next().or_else(|| {
            Self::ALL.into_iter().find(|version| group.versions.iter().any(|it| it.version == version.as_str()))
        })
    }
}

/// Reads the metrics API with one request for all pods of a scope.
#[derive(Clone)]
pub(super) struct Metrics {
    calls: Calls,
    /// The version that was found, until it is not there any more.
    version: Arc<Mutex<Option<Version>>>,
}

impl Metrics {
    pub(super) fn new(calls: Calls) -> Self {
        Self { calls, version: Arc::new(Mutex::new(None)) }
    }

    async fn list(&self, scope: &Scope) -> Result<UsageTable, ClusterError> {
        let known = *self.version();
        let version = match known {
            Some(version) => version,
            None => self.discover().await?,
        };
        let path = match scope {
            Scope::Namespace(namespace) => format!("{GROUP}/{}/namespaces/{namespace}/pods", version.as_str()),
            Scope::Cluster => format!("{GROUP}/{}/pods", version.as_str()),
        };
        match self.get(&path).await {
            Ok(body) => read_list(&body, version.source()),
            Err(ClusterError::NotFound(message)) => {
                // It was there: it has been removed, or replaced by another version. The next call looks again.
                *self.version() = None;
                Err(ClusterError::Unavailable(format!("{ABSENT} ({message})")))
            }
            Err(ClusterError::Unavailable(message)) => {
                Err(ClusterError::Unavailable(format!("the metrics API ({}) fails: {message}", version.source())))
            }
            Err(error) => Err(error),
        }
    }

    async fn discover(&self) -> Result<Version, ClusterError> {
        let body = self.get(GROUP).await.map_err(|error| match error {
            ClusterError::NotFound(_) => ClusterError::Unavailable(ABSENT.to_owned()),
            error => error,
        })?;
        let group: APIGroup = serde_json::from_str(&body).map_err(senseless)?;
        let version = Version::choose(&group).ok_or_else(|| ClusterError::Unavailable(ABSENT.to_owned()))?;
        log::debug!("the metrics API is {}", version.source());
        *self.version() = Some(version);
        Ok(version)
    }

    /// The answer's text: were it parsed by `kube`, a mistake in it would put the whole of it into the log.
    async fn get(&self, path: &str) -> Result<String, ClusterError> {
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|error| ClusterError::Unavailable(format!("cannot ask for {path}: {error}")))?;
        let client = self.calls.client();
        self.calls.run(client.request_text(request)).await
    }

    fn version(&self) -> std::sync::MutexGuard<'_, Option<Version>> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResourceMetrics for Metrics {
    fn list(&self, scope: Scope) -> PortFuture<Result<UsageTable, ClusterError>> {
        let metrics = self.clone();
        // Discovery included: who asks waits a little longer than this, and no longer.
        async move { metrics.calls.limited(metrics.list(&scope)).await }.boxed()
    }
}

/// A `PodMetricsList`.
#[derive(Deserialize)]
struct PodMetricsList<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

/// An item that may be none. Reading such ones costs several times as much.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tolerant<T> {
    Read(T),
    Wrong(IgnoredAny),
}

/// What is looked at of an item, in the answer's own text: there may be a hundred thousand.
#[derive(Deserialize)]
struct PodMetrics<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    window: Cow<'a, str>,
    #[serde(borrow)]
    containers: Vec<ContainerMetrics<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ContainerMetrics<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    usage: Usage<'a>,
}

#[derive(Deserialize)]
struct Usage<'a> {
    #[serde(borrow)]
    cpu: Option<Quantity<'a>>,
    #[serde(borrow)]
    memory: Option<Quantity<'a>>,
}

/// Within an `Option`, serde would copy a bare `Cow`.
#[derive(Deserialize)]
struct Quantity<'a>(#[serde(borrow)] Cow<'a, str>);

fn read_list(body: &str, source: &'static str) -> Result<UsageTable, ClusterError> {
    let mut pods: HashMap<String, HashMap<String, Arc<PodUsage>>> = HashMap::new();
    for PodMetrics { metadata, timestamp, window, containers } in items(body, source)? {
        let Metadata { namespace, name } = metadata;
        let (Ok(measured_at), Some(window)) = (DateTime::parse_from_rfc3339(&timestamp), duration::parse(&window))
        else {
            log::debug!("ignoring {namespace}/{name}: timestamp {timestamp:?}, window {window:?}");
            continue;
        };
        let containers = containers.into_iter().map(container_usage).collect();
        let usage = Arc::new(PodUsage { measured_at: measured_at.to_utc(), window, containers });
        match pods.get_mut(&*namespace) {
            Some(of_namespace) => {
                of_namespace.insert(name.into_owned(), usage);
            }
            None => {
                pods.insert(namespace.into_owned(), HashMap::from([(name.into_owned(), usage)]));
            }
        }
    }
    Ok(UsageTable { source, pods })
}

/// The items of a list. One that is not as it should be must not cost the others.
fn items<'a>(body: &'a str, source: &'static str) -> Result<Vec<PodMetrics<'a>>, ClusterError> {
    if let Ok(PodMetricsList { items }) = serde_json::from_str(body) {
        return Ok(items);
    }
    let list: PodMetricsList<Tolerant<PodMetrics<'a>>> = serde_json::from_str(body).map_err(senseless)?;
    let read = |item| match item {
        Tolerant::Read(item) => Some(item),
        Tolerant::Wrong(_) => {
            log::debug!("ignoring an item of {source} that is no PodMetrics");
            None
        }
    };
    Ok(list.items.into_iter().filter_map(read).collect())
}

fn container_usage(container: ContainerMetrics<'_>) -> ContainerUsage {
    let ContainerMetrics { name, usage } = container;
    let read = |resource, text: Option<Quantity<'_>>| text.and_then(|Quantity(text)| amount(&name, resource, &text));
    let (cpu, memory) = (read("cpu", usage.cpu), read("memory", usage.memory));
    ContainerUsage { name: name.into_owned(), cpu, memory }
}

/// What cannot be read was not measured. What can be read but cannot be is left for the domain to judge.
fn amount(container: &str, resource: &str, text: &str) -> Option<Amount> {
    let parsed = text.parse();
    parsed.inspect_err(|error| log::debug!("ignoring {resource} {text:?} of container {container}: {error}")).ok()
}

fn senseless(error: serde_json::Error) -> ClusterError {
    ClusterError::Unavailable(shortened(format!("the metrics API's answer makes no sense: {error}"), LONGEST))
}
