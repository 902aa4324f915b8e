//! A GPU or MIG instance as its exporter shows it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::scalar::{age, number};
use crate::domain::Timestamp;
use crate::domain::gpu::GpuReading;
use crate::ports::Device;

/// A device with the pod that uses it. What is unknown or does not apply is null.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceBody {
    #[schema(required)]
    namespace: Option<String>,
    #[schema(required)]
    pod: Option<String>,
    #[serde(flatten)]
    reading: ReadingBody,
}

/// A device of a pod, as old as it was when the pod was looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AgedReading)]
pub struct AgedReadingBody {
    #[serde(flatten)]
    reading: ReadingBody,
    /// Negative for a reading from a time to come.
    #[schema(value_type = f64)]
    age_seconds: Number,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeviceState {
    Ok,
    Unknown,
}

/// What was read of a device. What is unknown or does not apply is null.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Reading)]
struct ReadingBody {
    #[schema(required)]
    container: Option<String>,
    /// The name or number of the device on its node.
    device: String,
    #[schema(required)]
    uuid: Option<String>,
    #[schema(required)]
    mig_instance: Option<String>,
    #[schema(required)]
    mig_profile: Option<String>,
    #[schema(required)]
    model: Option<String>,
    #[schema(required, value_type = Option<f64>)]
    utilization_percent: Option<Number>,
    #[schema(required, value_type = Option<f64>)]
    memory_used_mib: Option<Number>,
    #[schema(required, value_type = Option<f64>)]
    memory_total_mib: Option<Number>,
    /// Whether several pods share it.
    shared: bool,
    /// Whether the utilisation is known.
    state: DeviceState,
    /// Why the utilisation is unknown.
    #[schema(required)]
    reason: Option<String>,
}

impl DeviceBody {
    /// The device as it was shown.
    pub fn new(device: &Device) -> Self {
        let (namespace, pod) = device.pod.as_ref().map(|(namespace, pod)| (&**namespace, &**pod)).unzip();
        Self { namespace: namespace.map(str::to_owned), pod: pod.map(str::to_owned), reading: (&device.reading).into() }
    }
}

impl AgedReadingBody {
    /// The device as it is known at `now`.
    pub fn new(reading: &GpuReading, now: Timestamp) -> Self {
        Self { reading: reading.into(), age_seconds: age(now, reading.measured_at) }
    }
}

impl From<&GpuReading> for ReadingBody {
    fn from(reading: &GpuReading) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let mig = reading.mig.as_ref();
        Self {
            container: text(&reading.container),
            device: reading.device.to_string(),
            uuid: text(&reading.uuid),
            mig_instance: mig.map(|mig| mig.id.to_string()),
            mig_profile: mig.and_then(|mig| text(&mig.profile)),
            model: text(&reading.model),
            utilization_percent: reading.utilization_percent.map(number),
            memory_used_mib: reading.memory_used_mib.map(number),
            memory_total_mib: reading.memory_total_mib.map(number),
            shared: reading.shared,
            state: if reading.utilization_percent.is_some() { DeviceState::Ok } else { DeviceState::Unknown },
            reason: text(&reading.unknown_because),
        }
    }
}
