//! CPU and memory of pods, from the metrics API (`metrics.k8s.io`).

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{AsyncBufReadExt, FutureExt};
use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;

use super::calls::Calls;
use super::error::{LONGEST, cluster_error};
use super::pod_metrics::read_list;
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
    /// How long the last list was: the next one is about as long.
    length: Arc<AtomicUsize>,
}

impl Metrics {
    pub(super) fn new(calls: Calls) -> Self {
        Self { calls, version: Arc::default(), length: Arc::default() }
    }

    async fn list(&self, scope: &Scope, known: Option<&UsageTable>) -> Result<UsageTable, ClusterError> {
        let found = *self.version();
        let version = match found {
            Some(version) => version,
            None => self.discover().await?,
        };
        let path = match scope {
            Scope::Namespace(namespace) => format!("{GROUP}/{}/namespaces/{namespace}/pods", version.as_str()),
            Scope::Cluster => format!("{GROUP}/{}/pods", version.as_str()),
        };
        match self.get(&path).await {
            Ok(body) => {
                self.length.store(body.len(), Ordering::Relaxed);
                read_list(&body, version.source(), known).map_err(senseless)
            }
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

    /// The answer's text: were it parsed by `kube`, a mistake in it would put the whole of it into the log. There may be
    /// megabytes of it, so it is put where it stays as it comes.
    async fn get(&self, path: &str) -> Result<String, ClusterError> {
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|error| ClusterError::Unavailable(format!("cannot ask for {path}: {error}")))?;
        let length = self.length.load(Ordering::Relaxed);
        let mut text = Vec::with_capacity(length + length / 16);
        let reading = async {
            let mut answer = pin!(self.calls.client().request_stream(request).await.map_err(cluster_error)?);
            loop {
                let part = answer.fill_buf().await.map_err(broken)?;
                if part.is_empty() {
                    return Ok(());
                }
                text.extend_from_slice(part);
                let length = part.len();
                answer.consume_unpin(length);
                // Unpacking it takes a while, too (see `read_list`).
                std::thread::yield_now();
            }
        };
        self.calls.limited(reading).await?;
        String::from_utf8(text).map_err(broken)
    }

    fn version(&self) -> std::sync::MutexGuard<'_, Option<Version>> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResourceMetrics for Metrics {
    fn list(&self, scope: Scope, known: Option<Arc<UsageTable>>) -> PortFuture<Result<UsageTable, ClusterError>> {
        let metrics = self.clone();
        // Discovery included: who asks waits a little longer than this, and no longer.
        async move { metrics.calls.limited(metrics.list(&scope, known.as_deref())).await }.boxed()
    }
}

/// An answer that did not come whole.
fn broken(error: impl std::fmt::Display) -> ClusterError {
    ClusterError::Unavailable(shortened(format!("the answer cannot be read: {error}"), LONGEST))
}

fn senseless(error: serde_json::Error) -> ClusterError {
    ClusterError::Unavailable(shortened(format!("the metrics API's answer makes no sense: {error}"), LONGEST))
}
