//! What the outside must offer, in domain types. Adapters implement these traits; the actors use nothing else.
//!
//! Each future ends by itself: an implementation gives every call to the outside a time limit.

pub mod announcer;
pub mod election;
pub mod reviewer;
pub mod store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::autoscaler::{RequestedKind, WorkloadKind, WorkloadRef};
use crate::domain::capacity::Room;
use crate::domain::gpu::GpuReading;
use crate::domain::observation::{Pod, PodUsage};

/// A future that a port returns. It can move to another thread and borrows nothing.
pub type PortFuture<T> = BoxFuture<'static, T>;

/// Why a call to the cluster failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The object does not exist; the message says which.
    #[error("{0}")]
    NotFound(String),
    /// The service's account may not do this; the message is the API server's own.
    #[error("{0}")]
    Forbidden(String),
    /// Somebody else changed the object in the meantime.
    #[error("{0}")]
    Conflict(String),
    /// The API server asks to be left alone for a while.
    #[error("the API server is overloaded: {message}")]
    Overloaded {
        /// The API server's message.
        message: String,
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// No answer within the time limit.
    #[error("no answer from the API server within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The API server cannot be reached, or its answer makes no sense.
    #[error("{0}")]
    Unavailable(String),
}

/// Why a workload cannot be put under autoscaling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// It does not exist; written as in the guide's error bodies.
    #[error("{kind} \"{name}\" not found{hint}")]
    NotFound {
        /// The kind in lower case, or `workload`.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// More about the reason, starting with a blank, or nothing.
        hint: String,
    },
    /// `auto` found several.
    #[error("workload_type auto is ambiguous for {name}: {} exist; name one of them", join(.kinds))]
    Ambiguous {
        /// The name that was asked for.
        name: String,
        /// The kinds that have a workload of that name.
        kinds: Vec<WorkloadKind>,
    },
    /// A ReplicaSet whose replicas belong to a Deployment.
    #[error("replicaset \"{name}\" is owned by {owner}; put that under autoscaling instead")]
    Owned {
        /// The ReplicaSet.
        name: String,
        /// Its owner, for instance `Deployment web`.
        owner: String,
    },
    /// Another autoscaler of the cluster scales it already.
    #[error("{workload} is already scaled by {scaler}; remove that first")]
    ScaledBy {
        /// The workload.
        workload: WorkloadRef,
        /// Who scales it, for instance `HorizontalPodAutoscaler default/web`.
        scaler: String,
    },
    /// The cluster could not be asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

fn join(kinds: &[WorkloadKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" and ")
}

/// A workload that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedWorkload {
    /// Which one.
    pub workload: WorkloadRef,
    /// Its `spec.replicas`.
    pub replicas: u32,
    /// Who else scales it, for instance `HorizontalPodAutoscaler default/web`.
    pub scaled_by: Option<String>,
}

impl ResolvedWorkload {
    /// Makes sure that nobody else scales it: two scalers on one workload would pull it to and fro without end.
    pub fn nobody_elses(self) -> Result<Self, ResolveError> {
        match self.scaled_by {
            Some(scaler) => Err(ResolveError::ScaledBy { workload: self.workload, scaler }),
            None => Ok(self),
        }
    }
}

/// Looks workloads up, when an autoscaler is created and when it is to scale after it only observed.
pub trait WorkloadResolver: Send + Sync {
    /// Finds the workload, and who else scales it.
    fn resolve(
        &self,
        namespace: String,
        name: String,
        kind: RequestedKind,
    ) -> PortFuture<Result<ResolvedWorkload, ResolveError>>;
}

/// What the watches know about one workload.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkloadView {
    /// It exists.
    Present {
        /// Tells it from another workload of the same name, before or after it.
        uid: Arc<str>,
        /// Its `spec.replicas`.
        replicas: u32,
        /// The revision that its pods are to have; `None` where there are no revisions.
        revision: Option<Arc<str>>,
        /// Its pods.
        pods: Vec<Arc<Pod>>,
    },
    /// It does not exist.
    Absent,
    /// Nothing reliable is known at present.
    Unknown {
        /// Why.
        error: String,
    },
}

/// Which pods count as a workload's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodSelection {
    /// Those that it owns.
    Owned,
    /// Those that its selector matches, whoever owns them, as the HPA has it.
    Selected,
}

/// The workloads and pods of the cluster, kept up to date by watches. Reading it costs no request.
pub trait WorkloadIndex: Send + Sync {
    /// What is known about a workload.
    fn view(&self, workload: &WorkloadRef, selection: PodSelection) -> WorkloadView;

    /// The workload's scale, which spares reading it: whoever changes it names its version, so that the API server refuses when
    /// it is not the present one. `None` when it is not known.
    fn scale(&self, _workload: &WorkloadRef) -> Option<Scale> {
        None
    }

    /// Another autoscaler of the cluster that scales the workload as well, for instance `HorizontalPodAutoscaler
    /// default/web`; `None` when there is none, or when that is not known.
    fn rival(&self, _workload: &WorkloadRef) -> Option<String> {
        None
    }

    /// Why it is not known at present which autoscalers of the cluster there are, if it is not.
    fn rivals_fault(&self) -> Option<String> {
        None
    }

    /// How many more of the workload's pods the nodes can hold.
    fn room(&self, workload: &WorkloadRef) -> Room;

    /// Why that is not known at present, if it is not.
    fn capacity_fault(&self) -> Option<String>;

    /// Why the index is not up to date, if it is not.
    fn fault(&self) -> Option<String>;
}

/// A workload's scale as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The workload's uid.
    pub uid: Arc<str>,
    /// `spec.replicas`.
    pub replicas: u32,
    /// The version that a change must name, so that it is never blind.
    pub resource_version: String,
}

/// Reads and changes the scale subresource.
pub trait WorkloadScaler: Send + Sync {
    /// Reads the scale.
    fn read(&self, workload: &WorkloadRef) -> PortFuture<Result<Scale, ClusterError>>;

    /// Sets `spec.replicas`, provided that the scale is still at `resource_version`.
    fn set(
        &self,
        workload: &WorkloadRef,
        replicas: u32,
        resource_version: String,
    ) -> PortFuture<Result<(), ClusterError>>;

    /// Asks the API server whether the scale could be set, without changing anything.
    fn probe(&self, workload: &WorkloadRef) -> PortFuture<Result<(), ClusterError>>;

    /// The count as the API server has it, and who set it last.
    fn last_writer(&self, workload: &WorkloadRef) -> PortFuture<Result<Written, ClusterError>>;
}

/// Who wrote a workload's count last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `spec.replicas`.
    pub replicas: u32,
    /// Whether it was this service, as far as the API server knows.
    pub by_us: bool,
    /// Who it was, for people: an autoscaler of the cluster, or the name under which the API server knows the writer.
    pub writer: String,
}

/// Which pods to measure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one namespace.
    Namespace(String),
    /// All.
    Cluster,
}

/// What was measured of the pods of one namespace, by their names.
pub type NamespaceUsage = HashMap<Arc<str>, Arc<PodUsage>>;

/// What was measured, by namespace and pod.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageTable {
    /// The source's name, for instance `metrics.k8s.io/v1beta1`.
    pub source: &'static str,
    /// By namespace. One in which nothing has changed may be shared with an earlier table.
    pub namespaces: HashMap<Arc<str>, Arc<NamespaceUsage>>,
}

impl UsageTable {
    /// A table without a pod.
    pub fn new(source: &'static str) -> Self {
        Self { source, namespaces: HashMap::new() }
    }

    /// The usage of one pod, if it was measured.
    pub fn get(&self, namespace: &str, pod: &str) -> Option<&Arc<PodUsage>> {
        self.namespaces.get(namespace)?.get(pod)
    }

    /// Whether the source has measured since `before`. Pods that are not there any more leave the answer at any time, so only
    /// those that are in both say so.
    pub fn was_measured_after(&self, before: &Self) -> bool {
        let is_new = |(pod, now): (&Arc<str>, &Arc<PodUsage>), before: &NamespaceUsage| {
            before.get(pod).is_some_and(|before| before.measured_at != now.measured_at)
        };
        self.namespaces.iter().any(|(namespace, now)| {
            let before = before.namespaces.get(namespace).filter(|before| !Arc::ptr_eq(now, before));
            before.is_some_and(|before| now.iter().any(|pod| is_new(pod, before)))
        })
    }

    /// Whether some pod of a namespace is seen to use something else than in `before`, or only one of the two knows it.
    pub fn differs_in(&self, namespace: &str, before: &Self) -> bool {
        let (now, before) = (self.namespaces.get(namespace), before.namespaces.get(namespace));
        let (Some(now), Some(before)) = (now, before) else { return now.is_some() != before.is_some() };
        let is_as_before =
            |(pod, usage): (&Arc<str>, &Arc<PodUsage>)| before.get(pod).is_some_and(|before| before.is_like(usage));
        !Arc::ptr_eq(now, before) && (now.len() != before.len() || !now.iter().all(is_as_before))
    }
}

/// A source of CPU and memory readings.
pub trait ResourceMetrics: Send + Sync {
    /// Reads all pods in `scope` with one request. `known` is what was read before: what has not changed since then may be
    /// shared with it.
    fn list(&self, scope: Scope, known: Option<Arc<UsageTable>>) -> PortFuture<Result<UsageTable, ClusterError>>;
}

/// A DCGM exporter: a program that shows the GPUs of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exporter {
    /// Its pod, as `namespace/name`; or its URL when it is known by that.
    pub name: String,
    /// The node whose GPUs it shows; `None` when nobody knows.
    pub node: Option<Arc<str>>,
    /// Where its metrics are.
    pub url: String,
}

/// Knows which exporters there are. Asking it costs no request.
pub trait ExporterDirectory: Send + Sync {
    /// The exporters at present, at least one; or why there is none, in words that say what to do.
    fn exporters(&self) -> Result<Vec<Exporter>, String>;
}

/// A device as an exporter shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// The pod that uses it, as namespace and name; `None` when it is free, or nobody knows who uses it.
    pub pod: Option<(Arc<str>, Arc<str>)>,
    /// What was measured of it.
    pub reading: GpuReading,
}

/// What one exporter showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape {
    /// The devices.
    pub devices: Vec<Device>,
    /// How many lines made no sense; the others count.
    pub skipped_lines: usize,
    /// The first of those, and what is wrong with it.
    pub first_skipped: Option<String>,
    /// How long its answer was, in bytes, once unpacked.
    pub bytes: usize,
}

/// Why an exporter could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScrapeError {
    /// No complete answer within the time limit.
    #[error("no complete answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// It could not be reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The settings do not let requests go there; the text says which.
    #[error("{0}")]
    Refused(String),
    /// It answered, but not with its metrics.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It answered that its metrics are elsewhere.
    #[error(
        "it answered with a redirect (status {0}), and redirects are not followed: set gpu.path or gpu.urls to where it \
         leads"
    )]
    Redirected(u16),
    /// Its answer is longer than anything an exporter has to say.
    #[error("its answer is longer than {} KiB (gpu.max_answer_kib)", .0 / 1024)]
    TooLong(usize),
    /// Its answer has nothing of a DCGM exporter.
    #[error("its answer shows no GPU: {0}")]
    Senseless(String),
}

/// Reads exporters.
pub trait GpuMetrics: Send + Sync {
    /// Reads one exporter with one request.
    fn scrape(&self, exporter: &Exporter) -> PortFuture<Result<Scrape, ScrapeError>>;
}

/// Everything that the actors need of a cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Looks workloads up.
    pub resolver: Arc<dyn WorkloadResolver>,
    /// Knows workloads and pods.
    pub index: Arc<dyn WorkloadIndex>,
    /// Changes scales.
    pub scaler: Arc<dyn WorkloadScaler>,
    /// Measures CPU and memory.
    pub metrics: Arc<dyn ResourceMetrics>,
}
