//! GPUs: what is measured of a pod's devices.

use std::sync::Arc;
use std::time::Duration;

use super::Timestamp;

/// The resources that stand for GPUs in a pod's requests: whole ones, shared ones under their own name, and MIG slices.
pub fn is_gpu_resource(name: &str) -> bool {
    matches!(name, "nvidia.com/gpu" | "nvidia.com/gpu.shared") || name.starts_with("nvidia.com/mig-")
}

/// The GPUs of one pod, as their source measured them.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuUsage {
    /// One reading for each device.
    pub devices: Vec<GpuReading>,
    /// How long before it was measured a value may have been true: the source collects only so often.
    pub window: Duration,
}

/// One device: a whole GPU or a MIG instance. An absent value was not measured, or what was measured is impossible.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuReading {
    /// The device's name on its node, for instance `nvidia0`.
    pub device: Arc<str>,
    /// The GPU's UUID. All MIG instances of a GPU have the same.
    pub uuid: Option<Arc<str>>,
    /// Which MIG instance of the GPU this is; `None` is the whole GPU.
    pub mig: Option<MigInstance>,
    /// The GPU's model.
    pub model: Option<Arc<str>>,
    /// The container that uses it.
    pub container: Option<Arc<str>>,
    /// Whether other pods use the same device, so that its values are not this pod's alone.
    pub shared: bool,
    /// When it was measured.
    pub measured_at: Timestamp,
    /// Busy time in percent.
    pub utilization_percent: Option<f64>,
    /// Used memory in MiB.
    pub memory_used_mib: Option<f64>,
    /// The memory that can be used, in MiB.
    pub memory_total_mib: Option<f64>,
    /// Why the utilisation is unknown, when its source says more than that.
    pub unknown_because: Option<Arc<str>>,
}

/// A part of a GPU that works like one of its own (NVIDIA Multi-Instance GPU).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MigInstance {
    /// Tells the instances of a GPU apart.
    pub id: Arc<str>,
    /// Its size, for instance `1g.5gb`.
    pub profile: Option<Arc<str>>,
}

impl GpuReading {
    /// A device of which nothing is known but its name.
    pub fn new(device: impl Into<Arc<str>>, measured_at: Timestamp) -> Self {
        Self {
            device: device.into(),
            uuid: None,
            mig: None,
            model: None,
            container: None,
            shared: false,
            measured_at,
            utilization_percent: None,
            memory_used_mib: None,
            memory_total_mib: None,
            unknown_because: None,
        }
    }
}
