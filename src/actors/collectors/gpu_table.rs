//! What all exporters showed last, and how to find a pod's GPUs in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::gpu::{GpuReading, GpuUsage, MigInstance};
use crate::domain::observation::SourceState;
use crate::ports::{Exporter, Scrape};

/// The name of the source that readings are shown under.
const SOURCE: &str = "dcgm-exporter";

/// The exporters at one moment. A new table is made of the reports of the one before, so they are shared.
#[derive(Clone, Debug, Default)]
pub struct GpuTable {
    reports: Vec<Arc<ExporterReport>>,
    by_node: HashMap<Arc<str>, Vec<usize>>,
    /// Those of which nobody knows the node: they may show any pod.
    without_node: Vec<usize>,
    no_exporters: Option<Arc<str>>,
}

/// What is known of one exporter.
#[derive(Clone, Debug)]
pub struct ExporterReport {
    /// The exporter.
    pub exporter: Exporter,
    /// What it showed when it could last be read.
    pub reading: Option<Arc<Reading>>,
    /// What is wrong with it, if it could not be read the last time.
    pub fault: Option<ExporterFault>,
}

/// What an exporter showed.
#[derive(Debug)]
pub struct Reading {
    /// When its answer was there.
    pub at: Timestamp,
    /// How long that took.
    pub took: Duration,
    /// The answer.
    pub scrape: Scrape,
    /// Namespace -> pod -> devices.
    pods: HashMap<Arc<str>, HashMap<Arc<str>, Arc<GpuUsage>>>,
}

/// What is wrong with an exporter.
#[derive(Clone, Debug)]
pub struct ExporterFault {
    /// Since when.
    pub since: Timestamp,
    /// What, in words.
    pub error: Arc<str>,
}

/// What is known of a pod's GPUs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodGpus {
    /// What was read of them last, however old that is.
    pub usage: Option<Arc<GpuUsage>>,
    /// Why that is nothing, or nothing new.
    pub gap: Option<Arc<str>>,
}

impl Reading {
    /// An answer, whose values may have been true for `window` before it.
    pub(super) fn new(scrape: Scrape, at: Timestamp, took: Duration, window: Duration) -> Self {
        let mut devices: HashMap<Arc<str>, HashMap<Arc<str>, Vec<GpuReading>>> = HashMap::new();
        for device in &scrape.devices {
            let Some((namespace, pod)) = &device.pod else { continue };
            let pods = devices.entry(namespace.clone()).or_default();
            pods.entry(pod.clone()).or_default().push(device.reading.clone());
        }
        let usage = |devices| Arc::new(GpuUsage { devices, window });
        let of_namespace = |pods: HashMap<_, _>| pods.into_iter().map(|(pod, devices)| (pod, usage(devices))).collect();
        let pods = devices.into_iter().map(|(namespace, pods)| (namespace, of_namespace(pods))).collect();
        Self { at, took, scrape, pods }
    }

    fn get(&self, namespace: &str, pod: &str) -> Option<&Arc<GpuUsage>> {
        self.pods.get(namespace)?.get(pod)
    }
}

impl ExporterReport {
    /// Where it is, for people.
    fn place(&self) -> String {
        match &self.exporter.node {
            Some(node) => format!("the DCGM exporter {} on node {node}", self.exporter.name),
            None => format!("the DCGM exporter {}", self.exporter.name),
        }
    }

    fn fault_text(&self) -> Option<String> {
        self.fault.as_ref().map(|fault| format!("{} cannot be read: {}", self.place(), fault.error))
    }
}

impl GpuTable {
    /// A table of these reports. `no_exporters` says why there are none, when there are none.
    pub(super) fn new(reports: Vec<Arc<ExporterReport>>, no_exporters: Option<Arc<str>>) -> Self {
        let mut table = Self { no_exporters, ..Self::default() };
        for (index, report) in reports.iter().enumerate() {
            match &report.exporter.node {
                Some(node) => table.by_node.entry(node.clone()).or_default().push(index),
                None => table.without_node.push(index),
            }
        }
        Self { reports, ..table }
    }

    /// The exporters, by name.
    pub fn reports(&self) -> &[Arc<ExporterReport>] {
        &self.reports
    }

    /// Whether anything could be read.
    pub fn source(&self) -> SourceState {
        if self.reports.iter().any(|report| report.reading.is_some()) {
            return SourceState::Read { name: SOURCE };
        }
        let error = match (self.reports.iter().find_map(|report| report.fault_text()), &self.no_exporters) {
            (Some(fault), _) if self.reports.len() > 1 => {
                format!("none of {} DCGM exporters can be read; {fault}", self.reports.len()).into()
            }
            (Some(fault), _) => fault.into(),
            (None, Some(error)) => error.clone(),
            (None, None) => "the DCGM exporters have not been read yet".into(),
        };
        SourceState::Unavailable { error }
    }

    /// The GPUs of a pod, as the exporters of its node show them: another node's may still show a pod of that name that
    /// is gone.
    pub fn find(&self, namespace: &str, pod: &str, node: Option<&Arc<str>>) -> PodGpus {
        // Without a node it has no GPUs yet.
        let Some(node) = node else { return PodGpus::default() };
        let of_node = self.by_node.get(node).into_iter().flatten();
        let reports: Vec<_> = of_node.chain(&self.without_node).filter_map(|index| self.reports.get(*index)).collect();
        let readings = reports.iter().filter_map(|report| report.reading.as_deref());
        let found = readings.filter_map(|reading| reading.get(namespace, pod)).cloned().reduce(united);
        let gap = self.gap(found.as_deref(), &reports, node);
        PodGpus { usage: found, gap: gap.map(Arc::from) }
    }

    fn gap(&self, found: Option<&GpuUsage>, reports: &[&Arc<ExporterReport>], node: &str) -> Option<String> {
        if let Some(fault) = reports.iter().find_map(|report| report.fault_text()) {
            return Some(fault);
        }
        match (found, reports.first()) {
            (Some(usage), _) => usage.devices.iter().find_map(|device| {
                let why = device.unknown_because.as_ref().filter(|_| device.utilization_percent.is_none())?;
                Some(format!("{} of node {node}: {why}", device.device))
            }),
            (None, Some(report)) => Some(format!(
                "{} shows no device of the pod; it does so once the pod has run for a moment, provided that its pod mapping \
                 is on (DCGM_EXPORTER_KUBERNETES=true)",
                report.place()
            )),
            (None, None) => Some(match &self.no_exporters {
                Some(error) => error.to_string(),
                None => format!("no DCGM exporter runs on node {node}"),
            }),
        }
    }
}

/// What two exporters of one node show of a pod, each device once: of two readings of one device the later one counts.
fn united(one: Arc<GpuUsage>, other: Arc<GpuUsage>) -> Arc<GpuUsage> {
    let mut devices = one.devices.clone();
    for device in &other.devices {
        match devices.iter_mut().find(|known| identity(known) == identity(device)) {
            Some(known) if known.measured_at < device.measured_at => known.clone_from(device),
            Some(_) => {}
            None => devices.push(device.clone()),
        }
    }
    Arc::new(GpuUsage { devices, window: one.window })
}

fn identity(device: &GpuReading) -> (&str, Option<&MigInstance>) {
    (device.uuid.as_deref().unwrap_or(&device.device), device.mig.as_ref())
}
