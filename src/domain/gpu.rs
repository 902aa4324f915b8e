//! GPUs: what is measured of a pod's devices, and what is shown when nothing is.

use std::str::FromStr;
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

/// Which utilisation counts when a device has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preference {
    /// The share of time in which anything ran on it (`DCGM_FI_DEV_GPU_UTIL`).
    #[default]
    GpuUtil,
    /// How busy its engine was (`DCGM_FI_PROF_GR_ENGINE_ACTIVE`).
    GrEngineActive,
}

impl Preference {
    /// Both.
    pub const ALL: [Self; 2] = [Self::GpuUtil, Self::GrEngineActive];

    /// Its name in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GpuUtil => "gpu_util",
            Self::GrEngineActive => "gr_engine_active",
        }
    }
}

impl FromStr for Preference {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|preference| preference.as_str() == text).ok_or(())
    }
}

/// What becomes of simulated utilisation where none is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fallback {
    /// Nothing is simulated.
    #[default]
    None,
    /// It is shown, and marked; nothing follows from it.
    Shown,
    /// It counts as if it had been measured.
    Acted,
}

impl GpuUsage {
    /// Whether the pod's devices were seen to be used the same, whenever that was.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.utilization_percent(), self.memory_percent()) == (other.utilization_percent(), other.memory_percent())
    }

    /// The mean utilisation of the devices in percent; `None` unless each is known.
    pub fn utilization_percent(&self) -> Option<f64> {
        let sum: f64 = self.devices.iter().map(|device| device.utilization_percent).sum::<Option<f64>>()?;
        (!self.devices.is_empty()).then(|| sum / self.devices.len() as f64)
    }

    /// The used share of the memory of all devices in percent; `None` unless each is known.
    pub fn memory_percent(&self) -> Option<f64> {
        let used: f64 = self.devices.iter().map(|device| device.memory_used_mib).sum::<Option<f64>>()?;
        let total: f64 = self.devices.iter().map(|device| device.memory_total_mib).sum::<Option<f64>>()?;
        (total > 0.0).then(|| used / total * 100.0)
    }

    /// How far the busiest device is from the idlest, in percentage points; `None` unless each is known.
    pub fn imbalance_percent(&self) -> Option<f64> {
        let percents = self.devices.iter().map(|device| device.utilization_percent);
        let percents: Vec<f64> = percents.collect::<Option<_>>()?;
        let busiest = percents.iter().copied().reduce(f64::max)?;
        Some(busiest - percents.iter().copied().reduce(f64::min)?)
    }

    /// Made-up readings for a pod that requests so many GPUs: all have the same utilisation of 60 to 90 %, which is
    /// another one each minute and the same for everybody who asks (guide, "Fallback Behavior").
    pub fn simulated(pod: &str, requested: u32, at: Timestamp) -> Self {
        let minute = at.timestamp().div_euclid(60);
        let device = GpuReading {
            utilization_percent: Some(60.0 + (hash(pod, minute) % 31) as f64),
            ..GpuReading::new("simulated", at)
        };
        // Shared, so that one stands for all of them, however many a pod says that it requests.
        Self { devices: vec![GpuReading { shared: requested > 1, ..device }], window: Duration::ZERO }
    }
}

/// FNV-1a: a number that looks random and is the same on every machine.
fn hash(pod: &str, minute: i64) -> u64 {
    let bytes = pod.bytes().chain(minute.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::fixtures::at;

    fn percent(pod: &str, at: Timestamp) -> f64 {
        GpuUsage::simulated(pod, 1, at).devices[0].utilization_percent.unwrap()
    }

    #[test]
    fn simulated_utilization_is_the_same_for_a_minute_and_differs_between_pods() {
        assert_eq!(percent("web-0", at(0)), percent("web-0", at(59)));
        let minutes: Vec<_> = (0..60).map(|minute| percent("web-0", at(60 * minute))).collect();
        assert!(minutes.iter().any(|percent| *percent != minutes[0]), "{minutes:?}");
        assert!((0..20).any(|number| percent(&format!("web-{number}"), at(0)) != minutes[0]));
    }

    #[test]
    fn only_nvidias_resources_are_gpus() {
        for name in ["nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb"] {
            assert!(is_gpu_resource(name), "{name}");
        }
        for name in ["amd.com/gpu", "nvidia.com/gpumem", "cpu", "nvidia.com/gpu.product"] {
            assert!(!is_gpu_resource(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn simulated_utilization_is_that_of_the_guide(pod in ".*", seconds in any::<i32>()) {
            let percent = percent(&pod, at(0) + TimeDelta::seconds(seconds.into()));
            prop_assert!((60.0..=90.0).contains(&percent) && percent.fract() == 0.0);
        }
    }
}
