//! Collecting: the exporters look at their devices every so often, and show what they last saw until the next time.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::machine::{GpuMachine, Reading};
use super::usage;
use crate::simulation::controllers::WorkloadRef;
use crate::simulation::settings::SimulationSettings;
use crate::simulation::world::{Event, World, span};

/// The machines whose GPUs are looked at; none when the cluster has no exporters.
#[derive(Debug)]
pub(in crate::simulation) struct Gpus {
    /// Whether machines with GPUs get an exporter.
    pub exported: bool,
    pub machines: Vec<GpuMachine>,
    interval: TimeDelta,
    collections: u64,
}

/// How old the readings are when a cluster starts.
const FIRST_AGE: TimeDelta = TimeDelta::seconds(5);

impl Gpus {
    pub fn new(settings: &SimulationSettings) -> Self {
        Self {
            exported: settings.gpu_exporters,
            machines: Vec::new(),
            interval: pause(settings.gpu_collect_interval),
            collections: 0,
        }
    }
}

/// Collecting without a pause would be an endless loop.
fn pause(interval: Duration) -> TimeDelta {
    span(interval).max(TimeDelta::milliseconds(100))
}

impl World {
    /// Makes the readings of exporters that have been running for a while, and plans the next.
    pub(in crate::simulation) fn start_collecting(&mut self) {
        if self.gpus.machines.is_empty() {
            return;
        }
        let first = self.now - FIRST_AGE;
        self.read_gpus(first);
        self.plan(first + self.gpus.interval, Event::CollectGpus);
    }

    /// Reads all devices, and plans the next time.
    pub(in crate::simulation) fn collect_gpus(&mut self) {
        self.read_gpus(self.now);
        self.plan(self.now + self.gpus.interval, Event::CollectGpus);
    }

    fn read_gpus(&mut self, at: DateTime<Utc>) {
        self.gpus.collections += 1;
        let shares = self.gpu_shares(at);
        for machine in &mut self.gpus.machines {
            machine.readings.fill(Reading::default());
            let Some(node) = self.scheduler.node(machine.node) else { continue };
            for (key, places) in node.devices.by_pod() {
                let Some(pod) = self.pods.get(key).filter(|pod| pod.started.is_some()) else { continue };
                let share = shares.get(&*pod.workload).copied().unwrap_or_default();
                let readings = usage::readings(pod, share, places.len(), self.seed, self.gpus.collections);
                for (place, reading) in places.into_iter().zip(readings) {
                    if let Some(last) = machine.readings.get_mut(place) {
                        *last = reading;
                    }
                }
            }
        }
    }

    /// What falls to each serving pod of a workload, in percent of one device.
    fn gpu_shares(&self, at: DateTime<Utc>) -> HashMap<WorkloadRef, f64> {
        let nodes = self.gpus.machines.iter().filter_map(|machine| self.scheduler.node(machine.node));
        let pods = nodes.flat_map(|node| node.devices.by_pod().into_keys()).filter_map(|key| self.pods.get(key));
        let mut serving: HashMap<&WorkloadRef, u32> = HashMap::new();
        for pod in pods.filter(|pod| pod.is_serving()) {
            *serving.entry(&pod.workload).or_default() += 1;
        }
        let share = |(key, pods): (&WorkloadRef, u32)| {
            let load = self.workloads.get(key)?.gpu_load.at(at);
            Some((key.clone(), load / f64::from(pods)))
        };
        serving.into_iter().filter_map(share).collect()
    }
}
