//! The GPUs of a workload's pods, device by device.

use serde::Serialize;
use serde_json::Number;

use super::scalar::{age, number, two_decimals};
use crate::domain::Timestamp;
use crate::domain::gpu::GpuReading;
use crate::domain::observation::{Observation, ObservedPod};

/// The GPUs of all pods that request some.
#[derive(Clone, Debug, Serialize)]
pub struct GpuBody {
    pods: Vec<PodGpuBody>,
}

#[derive(Clone, Debug, Serialize)]
struct PodGpuBody {
    pod: String,
    node: Option<String>,
    requested: u32,
    utilization_percent: Option<Number>,
    memory_percent: Option<Number>,
    /// The busiest device's percentage less the idlest one's.
    imbalance_percent: Option<Number>,
    devices: Vec<DeviceBody>,
    /// Why there is nothing, or nothing new.
    error: Option<String>,
}

/// A device of a pod.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceBody {
    device: String,
    uuid: Option<String>,
    mig_instance: Option<String>,
    mig_profile: Option<String>,
    model: Option<String>,
    container: Option<String>,
    utilization_percent: Option<Number>,
    memory_used_mib: Option<Number>,
    memory_total_mib: Option<Number>,
    shared: bool,
    reason: Option<String>,
    age_seconds: Number,
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
            devices: gpus.iter().flat_map(|gpus| &gpus.devices).map(|device| DeviceBody::new(device, now)).collect(),
            error: gpu_gap.as_deref().map(str::to_owned),
        }
    }
}

impl DeviceBody {
    /// The device as it is at `now`.
    pub fn new(reading: &GpuReading, now: Timestamp) -> Self {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        let mig = reading.mig.as_ref();
        Self {
            device: reading.device.to_string(),
            uuid: text(&reading.uuid),
            mig_instance: mig.map(|mig| mig.id.to_string()),
            mig_profile: mig.and_then(|mig| text(&mig.profile)),
            model: text(&reading.model),
            container: text(&reading.container),
            utilization_percent: reading.utilization_percent.map(number),
            memory_used_mib: reading.memory_used_mib.map(number),
            memory_total_mib: reading.memory_total_mib.map(number),
            shared: reading.shared,
            reason: text(&reading.unknown_because),
            age_seconds: age(now, reading.measured_at),
        }
    }
}
