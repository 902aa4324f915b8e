//! Where the service's knowledge comes from, and what is wrong with it.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::device::DeviceBody;
use super::scalar::{age, rfc3339_millis, seconds};
use crate::actors::collectors::gpu_table::{ExporterFault, ExporterReport, GpuTable};
use crate::domain::Timestamp;
use crate::ports::Exporter;

/// The answer to `GET /sources`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sources)]
pub struct SourcesBody {
    /// The watches of workloads and pods.
    cluster: SourceBody,
    /// The room on the nodes.
    capacity: SourceBody,
    /// The GPU exporters.
    gpu: GpuSourceBody,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SourceState {
    Ok,
    Failing,
}

/// How the exporters are as a whole; `idle`: none was read yet.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum GpuState {
    Ok,
    Degraded,
    Failing,
    Idle,
}

/// `unread`: nothing is read while no autoscaler has a target for GPUs.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExporterState {
    Ok,
    Failing,
    Unread,
}

/// A source that is either read or not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
struct SourceBody {
    state: SourceState,
    #[schema(required)]
    error: Option<String>,
}

/// The GPU exporters.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GpuSource)]
struct GpuSourceBody {
    state: GpuState,
    /// Why there is no exporter.
    #[schema(required)]
    error: Option<String>,
    exporters: Vec<ExporterBody>,
}

/// One exporter. What does not apply is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Exporter)]
struct ExporterBody {
    name: String,
    #[schema(required)]
    node: Option<String>,
    url: String,
    state: ExporterState,
    #[schema(required)]
    error: Option<String>,
    #[schema(required, format = DateTime)]
    failing_since: Option<String>,
    #[schema(required, format = DateTime)]
    last_success: Option<String>,
    /// How long ago it answered.
    #[schema(required, value_type = Option<f64>)]
    age_seconds: Option<Number>,
    /// How long it took to answer.
    #[schema(required, value_type = Option<f64>, minimum = 0)]
    took_seconds: Option<Number>,
    #[schema(required)]
    answer_bytes: Option<usize>,
    /// Lines that could not be read.
    #[schema(required)]
    skipped_lines: Option<usize>,
    #[schema(required)]
    first_skipped_line: Option<String>,
    #[schema(required)]
    devices_seen: Option<usize>,
    devices: Vec<DeviceBody>,
}

impl SourcesBody {
    /// What is known at `now`: of the cluster, of the room on its nodes, and of the exporters that `listed` names.
    pub fn new(
        cluster_fault: Option<String>,
        capacity_fault: Option<String>,
        listed: &Result<Vec<Exporter>, String>,
        table: &GpuTable,
        now: Timestamp,
    ) -> Self {
        Self {
            cluster: cluster_fault.into(),
            capacity: capacity_fault.into(),
            gpu: GpuSourceBody::new(listed, table, now),
        }
    }
}

impl From<Option<String>> for SourceBody {
    fn from(error: Option<String>) -> Self {
        Self { state: if error.is_none() { SourceState::Ok } else { SourceState::Failing }, error }
    }
}

impl GpuSourceBody {
    fn new(listed: &Result<Vec<Exporter>, String>, table: &GpuTable, now: Timestamp) -> Self {
        let read = table.reports().iter().map(|report| ExporterBody::new(report, now));
        let mut exporters: Vec<_> = read.chain(unread(listed, table).map(ExporterBody::unread)).collect();
        exporters.sort_by(|one, other| one.name.cmp(&other.name));
        Self { state: state(listed, table), error: listed.as_ref().err().cloned(), exporters }
    }
}

/// The exporters that nobody has read yet.
fn unread<'a>(listed: &'a Result<Vec<Exporter>, String>, table: &'a GpuTable) -> impl Iterator<Item = &'a Exporter> {
    let read: HashSet<_> = table.reports().iter().map(|report| &report.exporter).collect();
    listed.iter().flatten().filter(move |exporter| !read.contains(exporter))
}

fn failing(table: &GpuTable) -> impl Iterator<Item = (&ExporterReport, &ExporterFault)> {
    table.reports().iter().filter_map(|report| Some((&**report, report.fault.as_ref()?)))
}

/// How the exporters are as a whole.
fn state(listed: &Result<Vec<Exporter>, String>, table: &GpuTable) -> GpuState {
    if listed.is_err() {
        return GpuState::Failing;
    }
    let exporters = table.reports().len() + unread(listed, table).count();
    match failing(table).count() {
        _ if table.reports().is_empty() => GpuState::Idle,
        0 => GpuState::Ok,
        failing if failing == exporters => GpuState::Failing,
        _ => GpuState::Degraded,
    }
}

impl ExporterBody {
    /// One that nobody has asked for yet: nothing is read while no autoscaler has a target for GPUs.
    fn unread(exporter: &Exporter) -> Self {
        Self {
            name: exporter.name.clone(),
            node: exporter.node.as_deref().map(str::to_owned),
            url: exporter.url.clone(),
            state: ExporterState::Unread,
            error: None,
            failing_since: None,
            last_success: None,
            age_seconds: None,
            took_seconds: None,
            answer_bytes: None,
            skipped_lines: None,
            first_skipped_line: None,
            devices_seen: None,
            devices: Vec::new(),
        }
    }

    fn new(report: &ExporterReport, now: Timestamp) -> Self {
        let reading = report.reading.as_deref();
        let scrape = reading.map(|reading| &reading.scrape);
        Self {
            state: if report.fault.is_some() { ExporterState::Failing } else { ExporterState::Ok },
            error: report.fault.as_ref().map(|fault| fault.error.to_string()),
            failing_since: report.fault.as_ref().map(|fault| rfc3339_millis(fault.since)),
            last_success: reading.map(|reading| rfc3339_millis(reading.at)),
            age_seconds: reading.map(|reading| age(now, reading.at)),
            took_seconds: reading.map(|reading| seconds(reading.took)),
            answer_bytes: scrape.map(|scrape| scrape.bytes),
            skipped_lines: scrape.map(|scrape| scrape.skipped_lines),
            first_skipped_line: scrape.and_then(|scrape| scrape.first_skipped.clone()),
            devices_seen: scrape.map(|scrape| scrape.devices.len()),
            devices: scrape.into_iter().flat_map(|scrape| &scrape.devices).map(DeviceBody::new).collect(),
            ..Self::unread(&report.exporter)
        }
    }
}

/// The exporters in a few words, for `/readyz`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GpuSummary)]
pub struct GpuSummaryBody {
    state: GpuState,
    /// How many exporters there are.
    exporters: usize,
    /// How many of them cannot be read.
    failing_exporters: usize,
    /// How many devices they show.
    devices: usize,
    /// Why there is no exporter, or what is wrong with the first that fails.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl GpuSummaryBody {
    /// What is known at present.
    pub fn new(listed: &Result<Vec<Exporter>, String>, table: &GpuTable) -> Self {
        let first_error =
            failing(table).next().map(|(report, fault)| format!("{}: {}", report.exporter.name, fault.error));
        let readings = table.reports().iter().filter_map(|report| report.reading.as_ref());
        Self {
            state: state(listed, table),
            exporters: table.reports().len() + unread(listed, table).count(),
            failing_exporters: failing(table).count(),
            devices: readings.map(|reading| reading.scrape.devices.len()).sum(),
            error: listed.as_ref().err().cloned().or(first_error),
        }
    }
}
