//! A machine with GPUs, as the exporter that runs on it sees it.

use super::devices::Devices;
use super::exporter::{Exporter, ExporterFault};
use crate::simulation::random::Seed;
use crate::simulation::settings::NodeSettings;

/// What does not change about a machine's GPUs, what was last read of them, and the exporter that shows it.
#[derive(Debug)]
pub(in crate::simulation) struct GpuMachine {
    /// The machine's place in the list of machines.
    pub node: usize,
    pub name: String,
    pub model: String,
    /// The memory of each device, in bytes.
    pub memory: u64,
    /// The GPUs' UUIDs, by number.
    pub uuids: Vec<String>,
    /// What each device did when it was last looked at.
    pub readings: Vec<Reading>,
    /// The exporter's pod, unless it has been removed.
    pub exporter: Option<Exporter>,
    pub fault: Option<ExporterFault>,
}

/// What a device did at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::simulation) struct Reading {
    /// How busy it was, in percent.
    pub utilization: f64,
    /// The memory in use, in bytes.
    pub memory: u64,
}

impl GpuMachine {
    /// A machine whose devices nobody has looked at yet.
    pub fn new(node: usize, name: &str, settings: &NodeSettings, devices: &Devices, seed: Seed) -> Self {
        Self {
            node,
            name: name.to_owned(),
            model: settings.gpu_model.clone(),
            memory: settings.mig_profile().map_or(settings.gpu_memory.bytes, |profile| profile.memory()),
            uuids: (0..settings.gpus).map(|gpu| format!("GPU-{}", seed.uid(&[name, "gpu"], gpu.into()))).collect(),
            readings: vec![Reading::default(); devices.all().len()],
            exporter: None,
            fault: None,
        }
    }
}
