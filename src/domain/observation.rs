//! What is known about a workload at one moment: its replicas, its pods, and what was measured of them.
//!
//! Unknown is a case of its own everywhere: nothing here has a value that means "not there".

use std::time::Duration;

use super::Timestamp;
use super::autoscaler::Metric;

/// An amount of CPU or memory in thousandths of its unit: millicores, or thousandths of a byte.
///
/// The HPA computes in these units (`resource.Quantity.MilliValue`), so equal inputs give equal percentages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MilliUnits(pub u64);

/// Everything that one decision looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// `spec.replicas` of the workload; never `status.replicas`, which lags and counts surge pods.
    pub current_replicas: u32,
    /// The pods that the workload owns, in any order.
    pub pods: Vec<Pod>,
    /// Whether CPU and memory could be read at all; the pods hold what was read.
    pub resource_source: SourceState,
    /// Whether GPU utilisation could be read at all.
    pub gpu_source: SourceState,
    /// A reading older than this is unknown.
    pub max_age: Duration,
}

impl Observation {
    /// The state of the source that measures `metric`.
    pub fn source(&self, metric: Metric) -> &SourceState {
        match metric {
            Metric::Cpu | Metric::Memory => &self.resource_source,
            Metric::Gpu => &self.gpu_source,
        }
    }
}

/// Whether a metric source delivered, and under which name its readings are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It delivered.
    Read {
        /// The source's name, for instance `metrics.k8s.io/v1beta1`.
        name: &'static str,
    },
    /// It did not; nothing is known from it.
    Unavailable {
        /// Why, in words for the person who reads the decision.
        error: String,
    },
}

/// A pod's phase (Kubernetes, `PodStatus.phase`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodPhase {
    /// Not all containers have started.
    Pending,
    /// Bound to a node, with at least one container running or starting.
    Running,
    /// All containers ended well; it will not run again.
    Succeeded,
    /// All containers ended, at least one badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// A pod's `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the condition is `False`. Not the opposite of ready: `Unknown` is neither.
    pub is_false: bool,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// One pod that the workload owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its phase.
    pub phase: PodPhase,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Its `Ready` condition, once it has one.
    pub readiness: Option<Readiness>,
    /// When the kubelet took it (`status.startTime`).
    pub started_at: Option<Timestamp>,
    /// What it requests.
    pub requests: PodRequests,
    /// What it was last seen to use; `None` when no source knows the pod.
    pub usage: Option<PodUsage>,
}

/// What a pod requests.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PodRequests {
    /// The containers that run as long as the pod does: the ordinary ones and the native sidecars.
    pub containers: Vec<ContainerRequests>,
    /// Pod-level requests (`spec.resources`), which win over the containers' where they are set.
    pub pod_level: ResourceRequests,
    /// How many GPUs the pod requests, whole ones and MIG slices.
    pub gpus: u32,
}

/// Requested CPU and memory; an absent one was not requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ResourceRequests {
    /// Requested CPU.
    pub cpu: Option<MilliUnits>,
    /// Requested memory.
    pub memory: Option<MilliUnits>,
}

impl ResourceRequests {
    /// The request for `metric`; `None` for GPUs, which are not a sum of container requests.
    pub fn get(&self, metric: Metric) -> Option<MilliUnits> {
        match metric {
            Metric::Cpu => self.cpu,
            Metric::Memory => self.memory,
            Metric::Gpu => None,
        }
    }
}

/// What one container requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRequests {
    /// The container's name.
    pub name: String,
    /// What it requests.
    pub resources: ResourceRequests,
}

/// What the containers of one pod used, as its source measured it.
#[derive(Clone, Debug, PartialEq)]
pub struct PodUsage {
    /// When the measurement ended.
    pub measured_at: Timestamp,
    /// The span over which it was taken.
    pub window: Duration,
    /// The containers that were measured.
    pub containers: Vec<ContainerUsage>,
}

/// What one container used; an absent amount was not measured, or was no possible amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUsage {
    /// The container's name.
    pub name: String,
    /// Used CPU.
    pub cpu: Option<MilliUnits>,
    /// Used memory.
    pub memory: Option<MilliUnits>,
}

impl ContainerUsage {
    /// The use of `metric`; `None` for GPUs, which are not measured per container.
    pub fn get(&self, metric: Metric) -> Option<MilliUnits> {
        match metric {
            Metric::Cpu => self.cpu,
            Metric::Memory => self.memory,
            Metric::Gpu => None,
        }
    }
}
