//! What is known about a workload at one moment: its replicas, its pods, and what was measured of them.
//!
//! Unknown is a case of its own everywhere: nothing here has a value that means "not there".

use std::sync::Arc;
use std::time::Duration;

use super::Timestamp;
use super::autoscaler::Metric;
use super::capacity::Room;
use super::gpu::{Fallback, GpuUsage};
use super::quantity::Amount;

/// Everything that one decision looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When it was made, by the clock that readings are dated by.
    pub at: Timestamp,
    /// `spec.replicas` of the workload; never `status.replicas`, which lags and counts surge pods.
    pub current_replicas: u32,
    /// The workload's pods, in any order.
    pub pods: Vec<ObservedPod>,
    /// The revision that the workload's pods are to have; `None` where there are no revisions.
    pub revision: Option<Arc<str>>,
    /// Readings of pods that the workload does not have (any more). Only the HPA's arithmetic looks at them.
    pub strays: Vec<Arc<PodUsage>>,
    /// Whether CPU and memory could be read at all; the pods hold what was read.
    pub resource_source: SourceState,
    /// Whether GPUs could be read at all.
    pub gpu_source: SourceState,
    /// What becomes of simulated GPU utilisation where none is measured.
    pub fallback: Fallback,
    /// Room for more pods of the workload.
    pub room: Room,
    /// A reading older than this is unknown.
    pub max_age: Duration,
}

impl Observation {
    /// The state of the source that measures `metric`.
    pub fn source(&self, metric: Metric) -> &SourceState {
        match metric {
            Metric::Cpu | Metric::Memory => &self.resource_source,
            Metric::Gpu | Metric::GpuMemory => &self.gpu_source,
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
        error: Arc<str>,
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

/// A pod together with what was measured of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedPod {
    /// The pod.
    pub pod: Arc<Pod>,
    /// What it was last seen to use of CPU and memory; `None` when no source knows the pod.
    pub usage: Option<Arc<PodUsage>>,
    /// Its GPUs as last seen; `None` when no source knows the pod.
    pub gpus: Option<Arc<GpuUsage>>,
    /// Why no source knows its GPUs, when something is known about that.
    pub gpu_gap: Option<Arc<str>>,
}

/// One pod of the workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// The node that it was placed on; `None` while it waits for one.
    pub node: Option<Arc<str>>,
    /// Its phase.
    pub phase: PodPhase,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Its `Ready` condition, once it has one.
    pub readiness: Option<Readiness>,
    /// When the kubelet took it (`status.startTime`).
    pub started_at: Option<Timestamp>,
    /// What it requests, shared with the other pods of its template.
    pub requests: Arc<PodRequests>,
    /// The revision of the workload's template that it was made from; `None` where there are no revisions.
    pub revision: Option<Arc<str>>,
    /// Why the scheduler finds no node for it, in the scheduler's words.
    pub unschedulable: Option<Arc<str>>,
}

/// What a pod requests.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PodRequests {
    /// The containers that run as long as the pod does: the ordinary ones and the native sidecars.
    pub containers: Vec<ContainerRequests>,
    /// What the whole pod requests, when it has pod-level requests (`spec.resources`); they win over the containers'.
    pub pod_level: Option<ResourceRequests>,
    /// How many GPUs the pod requests, whole ones and MIG slices.
    pub gpus: u32,
}

/// Requested CPU and memory; an absent one was not requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ResourceRequests {
    /// Requested CPU.
    pub cpu: Option<Amount>,
    /// Requested memory.
    pub memory: Option<Amount>,
}

impl ResourceRequests {
    /// The request for `metric`; `None` for GPUs, which are not a sum of container requests.
    pub fn get(&self, metric: Metric) -> Option<Amount> {
        match metric {
            Metric::Cpu => self.cpu,
            Metric::Memory => self.memory,
            Metric::Gpu | Metric::GpuMemory => None,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodUsage {
    /// When the measurement ended.
    pub measured_at: Timestamp,
    /// The span over which it was taken.
    pub window: Duration,
    /// The containers that were measured.
    pub containers: Vec<ContainerUsage>,
}

impl PodUsage {
    /// Whether the pod was seen to use the same, whenever that was.
    pub fn is_like(&self, other: &Self) -> bool {
        self.containers == other.containers
    }

    /// The amounts that make up the use of `metric`: those of all measured containers, or of the named one. `None` when
    /// one of them was not measured, or none was.
    #[inline]
    pub fn total(&self, metric: Metric, container: Option<&str>) -> Option<impl Iterator<Item = Amount>> {
        let counted = move |usage: &&ContainerUsage| container.is_none_or(|name| *usage.name == *name);
        let mut measured = self.containers.iter().filter(counted);
        let is_complete = measured.clone().next().is_some() && measured.all(|usage| usage.get(metric).is_some());
        is_complete.then(|| self.containers.iter().filter(counted).filter_map(move |usage| usage.get(metric)))
    }
}

/// What one container used; an absent amount was not measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUsage {
    /// The container's name, shared with other pods' containers.
    pub name: Arc<str>,
    /// Used CPU.
    pub cpu: Option<Amount>,
    /// Used memory.
    pub memory: Option<Amount>,
}

impl ContainerUsage {
    /// The use of `metric`; `None` for GPUs, which are not measured per container.
    pub fn get(&self, metric: Metric) -> Option<Amount> {
        match metric {
            Metric::Cpu => self.cpu,
            Metric::Memory => self.memory,
            Metric::Gpu | Metric::GpuMemory => None,
        }
    }
}
