//! A what-if: a document that says what is wanted and what is so, and the decision that follows from it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use serde::Deserialize;
use utoipa::ToSchema;

use super::decision::DecisionBody;
use super::scalar::{Phase, Quantity, Replicas, Span};
use super::spec::{CreateRequest, what_if_spec};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Direction, ScalingRules};
use crate::domain::capacity::Room;
use crate::domain::decision::{State, decide_with};
use crate::domain::gpu::{Fallback, GpuReading, GpuUsage, is_gpu_resource};
use crate::domain::limits::ScaleEvent;
use crate::domain::observation::{
    ContainerRequests, ContainerUsage, Observation, ObservedPod, Pod, PodPhase, PodRequests, PodUsage, Readiness,
    ResourceRequests, SourceState,
};
use crate::domain::quantity::Amount;
use crate::domain::stabilization::History;
use crate::domain::validation::{TargetRange, ValidationErrors, validate_rules};
use crate::http::json::Object;

/// The moment of every what-if, so that the same document always has the same answer. It is far from 1970, which stands
/// for a readiness that changed nobody knows when.
const NOW: Timestamp = match DateTime::from_timestamp(1_767_225_600, 0) {
    Some(now) => now,
    None => DateTime::UNIX_EPOCH,
};

/// The name of the source that a document's readings come from.
const SOURCE: &str = "document";

/// The document. Nothing is invented: what is left out is not there.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIf)]
pub struct EvaluateRequest {
    /// What is wanted: a definition with bounds. Without any target only together with `recommended_replicas`.
    #[schema(schema_with = what_if_spec)]
    spec: Object<CreateRequest<f64>>,
    /// The workload's `spec.replicas`.
    current_replicas: Replicas,
    /// The revision that the pods are to have.
    revision: Option<String>,
    #[schema(value_type = Option<Vec<PodDocument>>)]
    pods: Option<Vec<Object<PodDocument>>>,
    /// At most one reading a pod. Absent: the source does not answer. Empty: it does, and knows no pod.
    #[schema(value_type = Option<Vec<UsageDocument>>)]
    usage: Option<Vec<Object<UsageDocument>>>,
    /// One reading a device; absent and empty likewise.
    #[schema(value_type = Option<Vec<GpuDocument>>)]
    gpu: Option<Vec<Object<GpuDocument>>>,
    /// Takes the place of what the metrics recommend.
    recommended_replicas: Option<Replicas>,
    /// Earlier recommendations. Absent: there was no decision yet. Empty: there are none.
    #[schema(value_type = Option<Vec<RecommendationDocument>>)]
    history: Option<Vec<Object<RecommendationDocument>>>,
    /// Changes that were made.
    #[schema(value_type = Option<Vec<ScaleEventDocument>>)]
    scale_events: Option<Vec<Object<ScaleEventDocument>>>,
    /// Room on the nodes; absent: nothing is limited by it.
    #[schema(value_type = Option<RoomDocument>)]
    room: Option<Object<RoomDocument>>,
}

/// A pod. What is left out is not so, or not known.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfPod)]
struct PodDocument {
    name: String,
    #[schema(value_type = Option<PodPhase>)]
    phase: Option<Phase>,
    /// Its `Ready` condition; absent: it has none.
    ready: Option<bool>,
    ready_changed_seconds_ago: Option<Span>,
    /// Since when the kubelet has it.
    started_seconds_ago: Option<Span>,
    terminating: Option<bool>,
    revision: Option<String>,
    /// Why the scheduler finds no node for it.
    unschedulable: Option<String>,
    /// Pod-level requests by resource name.
    #[schema(value_type = Option<BTreeMap<String, Quantity>>)]
    requests: Option<Requests>,
    #[schema(value_type = Option<Vec<ContainerDocument>>)]
    containers: Option<Vec<Object<ContainerDocument>>>,
}

/// By resource name.
type Requests = BTreeMap<String, Quantity>;

/// A container of a pod.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfContainer)]
struct ContainerDocument {
    name: String,
    /// Whether it is a native one.
    sidecar: Option<bool>,
    #[schema(value_type = Option<BTreeMap<String, Quantity>>)]
    requests: Option<Requests>,
}

/// A reading of a pod's CPU and memory.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfUsage)]
struct UsageDocument {
    pod: String,
    age_seconds: Option<Span>,
    window_seconds: Option<Span>,
    #[schema(value_type = Option<Vec<ContainerUsageDocument>>)]
    containers: Option<Vec<Object<ContainerUsageDocument>>>,
}

/// What a container used.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfContainerUsage)]
struct ContainerUsageDocument {
    name: String,
    cpu: Option<Quantity>,
    memory: Option<Quantity>,
}

/// A reading of a GPU.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfGpu)]
struct GpuDocument {
    pod: String,
    device: Option<String>,
    age_seconds: Option<Span>,
    utilization_percent: Option<f64>,
    memory_used_mib: Option<f64>,
    memory_total_mib: Option<f64>,
}

/// Room on the nodes; without it nothing is limited by that.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfRoom)]
struct RoomDocument {
    more_pods: Replicas,
    blocked_by: Option<String>,
}

/// An earlier recommendation.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfRecommendation)]
struct RecommendationDocument {
    seconds_ago: Span,
    replicas: Replicas,
}

/// A change that was made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatIfScaleEvent)]
struct ScaleEventDocument {
    seconds_ago: Span,
    /// Negative is down.
    change: i32,
}

/// Why a document of the right form cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// The rules are not valid.
    #[error(transparent)]
    Rules(#[from] ValidationErrors),
    /// Two pods have one name.
    #[error("pods has the pod {0:?} twice")]
    PodTwice(String),
    /// A pod has two containers of one name, or one of them was measured twice.
    #[error("{list} has the container {container:?} of the pod {pod:?} twice")]
    ContainerTwice {
        /// `pods` or `usage`.
        list: &'static str,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// A pod's GPU was measured twice.
    #[error("gpu has the device {device:?} of the pod {pod:?} twice")]
    DeviceTwice {
        /// The pod.
        pod: String,
        /// The device.
        device: String,
    },
    /// A pod was measured twice.
    #[error("usage has the pod {0:?} twice")]
    UsageTwice(String),
}

/// Everything that a decision depends on.
#[derive(Clone, Debug)]
pub struct WhatIf {
    rules: Arc<ScalingRules>,
    state: State,
    observation: Arc<Observation>,
    recommended: Option<u32>,
}

impl EvaluateRequest {
    /// The question that the document asks. Readings older than `max_age` are unknown.
    pub fn what_if(self, range: TargetRange, max_age: Duration) -> Result<WhatIf, EvaluateError> {
        let Object(spec) = self.spec;
        let recommended = self.recommended_replicas.map(|Replicas(replicas)| replicas);
        let rules = validate_rules(&spec.into(), range, recommended.is_none())?;
        let recommendations = |history: Vec<Object<RecommendationDocument>>| {
            let at = |Object(made): Object<RecommendationDocument>| (made.seconds_ago.before(NOW), made.replicas.0);
            History::of(&rules, history.into_iter().map(at))
        };
        let state = State {
            history: self.history.map(recommendations),
            events: self.scale_events.into_iter().flatten().filter_map(|Object(event)| event.event()).collect(),
        };
        let resource_source = source(self.usage.is_some(), "no usage is given");
        let gpu_source = source(self.gpu.is_some(), "no GPU usage is given");
        let mut usage = by_pod(self.usage.unwrap_or_default())?;
        let mut gpus = devices_by_pod(self.gpu.unwrap_or_default())?;
        let mut names = HashSet::new();
        let mut pods = Vec::new();
        for Object(pod) in self.pods.unwrap_or_default() {
            if !names.insert(pod.name.clone()) {
                return Err(EvaluateError::PodTwice(pod.name));
            }
            let containers = pod.containers.iter().flatten().map(|Object(container)| container.name.as_str());
            once_each("pods", &pod.name, containers)?;
            let (usage, gpus) = (usage.remove(&pod.name), gpus.remove(&pod.name));
            pods.push(ObservedPod { pod: Arc::new(pod.into()), usage, gpus: gpus.map(Arc::new), gpu_gap: None });
        }
        let observation = Observation {
            at: NOW,
            current_replicas: self.current_replicas.0,
            pods,
            revision: self.revision.map(Arc::from),
            strays: usage.into_values().collect(),
            resource_source,
            gpu_source,
            fallback: Fallback::None,
            room: self.room.map_or(Room::NotAsked, |Object(room)| room.into()),
            max_age,
        };
        Ok(WhatIf { rules: Arc::new(rules), state, observation: Arc::new(observation), recommended })
    }
}

impl WhatIf {
    /// The answer.
    pub fn decide(self) -> DecisionBody {
        DecisionBody::what_if(&decide_with(&self.rules, &self.state, self.observation, self.recommended, NOW))
    }
}

fn source(is_given: bool, absence: &str) -> SourceState {
    if is_given { SourceState::Read { name: SOURCE } } else { SourceState::Unavailable { error: absence.into() } }
}

fn by_pod(usage: Vec<Object<UsageDocument>>) -> Result<HashMap<String, Arc<PodUsage>>, EvaluateError> {
    let mut by_pod = HashMap::new();
    for Object(usage) in usage {
        if by_pod.contains_key(&usage.pod) {
            return Err(EvaluateError::UsageTwice(usage.pod));
        }
        let containers = usage.containers.iter().flatten().map(|Object(container)| container.name.as_str());
        once_each("usage", &usage.pod, containers)?;
        let container = |Object(used): Object<ContainerUsageDocument>| ContainerUsage {
            name: used.name.into(),
            cpu: used.cpu.map(|Quantity(amount)| amount),
            memory: used.memory.map(|Quantity(amount)| amount),
        };
        let measured = PodUsage {
            measured_at: usage.age_seconds.unwrap_or_default().before(NOW),
            window: usage.window_seconds.unwrap_or_default().0,
            containers: usage.containers.into_iter().flatten().map(container).collect(),
        };
        by_pod.insert(usage.pod, Arc::new(measured));
    }
    Ok(by_pod)
}

fn once_each<'a>(
    list: &'static str,
    pod: &str,
    containers: impl Iterator<Item = &'a str>,
) -> Result<(), EvaluateError> {
    let mut known = HashSet::new();
    for container in containers {
        if !known.insert(container) {
            let (pod, container) = (pod.to_owned(), container.to_owned());
            return Err(EvaluateError::ContainerTwice { list, pod, container });
        }
    }
    Ok(())
}

fn devices_by_pod(readings: Vec<Object<GpuDocument>>) -> Result<HashMap<String, GpuUsage>, EvaluateError> {
    let mut by_pod = HashMap::new();
    let mut known = HashSet::new();
    for Object(reading) in readings {
        if let Some(device) = &reading.device
            && !known.insert((reading.pod.clone(), device.clone()))
        {
            return Err(EvaluateError::DeviceTwice { pod: reading.pod, device: device.clone() });
        }
        let GpuUsage { devices, .. } =
            by_pod.entry(reading.pod).or_insert_with(|| GpuUsage { devices: Vec::new(), window: Duration::ZERO });
        let measured_at = reading.age_seconds.unwrap_or_default().before(NOW);
        devices.push(GpuReading {
            utilization_percent: reading.utilization_percent,
            memory_used_mib: reading.memory_used_mib,
            memory_total_mib: reading.memory_total_mib,
            ..GpuReading::new(reading.device.unwrap_or_default(), measured_at)
        });
    }
    Ok(by_pod)
}

impl ScaleEventDocument {
    /// `None` when nothing changed.
    fn event(self) -> Option<ScaleEvent> {
        let direction = match self.change {
            0 => return None,
            1.. => Direction::Up,
            _ => Direction::Down,
        };
        Some(ScaleEvent { at: self.seconds_ago.before(NOW), direction, change: self.change.unsigned_abs() })
    }
}

impl From<RoomDocument> for Room {
    fn from(room: RoomDocument) -> Self {
        let blocked_by = room.blocked_by.unwrap_or_else(|| "no more room".to_owned());
        Self::Known { more: room.more_pods.0, blocked_by: blocked_by.into() }
    }
}

impl From<PodDocument> for Pod {
    fn from(pod: PodDocument) -> Self {
        let changed_at = pod.ready_changed_seconds_ago.map_or(DateTime::UNIX_EPOCH, |span| span.before(NOW));
        Self {
            requests: Arc::new(requests(pod.requests, pod.containers.unwrap_or_default())),
            name: pod.name,
            node: None,
            phase: pod.phase.map_or(PodPhase::Running, |Phase(phase)| phase),
            terminating: pod.terminating.unwrap_or(false),
            readiness: pod.ready.map(|ready| Readiness { is_false: !ready, changed_at }),
            started_at: pod.started_seconds_ago.map(|span| span.before(NOW)),
            revision: pod.revision.map(Arc::from),
            unschedulable: pod.unschedulable.map(Arc::from),
        }
    }
}

fn requests(pod_level: Option<Requests>, mut containers: Vec<Object<ContainerDocument>>) -> PodRequests {
    // The HPA looks at the sidecars last, which decides whose missing request is reported.
    containers.sort_by_key(|Object(container)| container.sidecar == Some(true));
    let containers: Vec<_> = containers.into_iter().map(|Object(c)| (c.name, c.requests.unwrap_or_default())).collect();
    let gpus = containers.iter().map(|(_, requests)| gpus(requests)).fold(0, u32::saturating_add);
    let containers = containers.into_iter();
    let containers: Vec<_> =
        containers.map(|(name, requests)| ContainerRequests { name, resources: resources(&requests) }).collect();
    let pod_level = pod_level.map(|own| resources(&own)).filter(|own| own.cpu.is_some() || own.memory.is_some());
    let sum = |of: fn(&ResourceRequests) -> Option<Amount>| {
        containers.iter().filter_map(|container| of(&container.resources)).reduce(Amount::plus)
    };
    let pod_level = pod_level.map(|own| ResourceRequests {
        cpu: own.cpu.or_else(|| sum(|resources| resources.cpu)),
        memory: own.memory.or_else(|| sum(|resources| resources.memory)),
    });
    PodRequests { containers, pod_level, gpus }
}

fn resources(requests: &Requests) -> ResourceRequests {
    let amount = |name: &str| requests.get(name).map(|Quantity(amount)| *amount);
    ResourceRequests { cpu: amount("cpu"), memory: amount("memory") }
}

/// The number of GPUs, whole ones and MIG slices.
fn gpus(requests: &Requests) -> u32 {
    let of_gpus = requests.iter().filter(|(name, _)| is_gpu_resource(name));
    let whole = |amount: Amount| u32::try_from(amount.thousandths().unwrap_or(0) / 1_000).unwrap_or(u32::MAX);
    of_gpus.map(|(_, Quantity(amount))| whole(*amount)).fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests;
