//! The GPUs of a workload's pods, device by device.

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::device::AgedReadingBody;
use super::scalar::two_decimals;
use crate::domain::Timestamp;
use crate::domain::observation::{Observation, ObservedPod};

/// The GPUs of all pods that request some.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Gpus)]
pub struct GpuBody {
    pods: Vec<PodGpuBody>,
}

/// The GPUs of a pod. What is unknown is null.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PodGpus)]
struct PodGpuBody {
    pod: String,
    #[schema(required)]
    node: Option<String>,
    /// How many GPUs it requests.
    requested: u32,
    #[schema(required, value_type = Option<f64>)]
    utilization_percent: Option<Number>,
    #[schema(required, value_type = Option<f64>)]
    memory_percent: Option<Number>,
    /// The busiest device's percentage less the idlest one's.
    #[schema(required, value_type = Option<f64>)]
    imbalance_percent: Option<Number>,
    devices: Vec<AgedReadingBody>,
    /// Why there is nothing, or nothing new.
    #[schema(required)]
    error: Option<String>,
}

impl GpuBody {
    /// `None` when no pod requests a GPU.
    pub fn new(observation: &Observation) -> Option<Self> {
        let with_gpus = observation.pods.iter().filter(|pod| pod.pod.requests.gpus > 0);
        let pods: Vec<_> = with_gpus.map(|pod| PodGpuBody::new(pod, observation.at)).collect();
        (!pods.is_empty()).then_some(Self { pods })
    }
}

impl PodGpuBody {
    fn new(observed: &ObservedPod, now: Timestamp) -> Self {
        let ObservedPod { pod, gpus, gpu_gap, .. } = observed;
        let gpus = gpus.as_deref();
        Self {
            pod: pod.name.clone(),
            node: pod.node.as_deref().map(str::to_owned),
            requested: pod.requests.gpus,
            utilization_percent: gpus.and_then(|gpus| gpus.utilization_percent()).map(two_decimals),
            memory_percent: gpus.and_then(|gpus| gpus.memory_percent()).map(two_decimals),
            imbalance_percent: gpus.and_then(|gpus| gpus.imbalance_percent()).map(two_decimals),
            devices: gpus
                .iter()
                .flat_map(|gpus| &gpus.devices)
                .map(|device| AgedReadingBody::new(device, now))
                .collect(),
            error: gpu_gap.as_deref().map(str::to_owned),
        }
    }
}
