//! The GPU exporters, as they were last read.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::families::{About, Unlabelled, about, gauges};
use super::service::age;
use crate::actors::collectors::gpu_table::{ExporterReport, GpuTable};
use crate::domain::Timestamp;

const UP: About = about("gpu_exporter_up", "Whether a GPU exporter could be read the last time");
const AGE: About =
    about("gpu_exporter_age", "How long ago a GPU exporter was last read, by the cluster's clock").in_unit("seconds");
const TOOK: About =
    about("gpu_exporter_read_duration", "How long reading a GPU exporter took the last time that it worked")
        .in_unit("seconds");
const DEVICES: About = about("gpu_exporter_devices", "GPUs and MIG instances that a GPU exporter showed");
const SKIPPED: About = about("gpu_exporter_skipped_lines", "Lines of a GPU exporter's last answer that made no sense");
const ALL: About = about("gpu_exporters", "GPU exporters that are read, by whether that worked the last time");
const LEFT_OUT: About = about(
    "gpu_exporters_left_out",
    "GPU exporters without series of their own, because there are more than this service shows one by one",
);

/// The exporters at the time of the scrape.
#[derive(Debug)]
pub(super) struct ExporterFamilies {
    table: Arc<GpuTable>,
    now: Timestamp,
    most: usize,
}

impl ExporterFamilies {
    pub(super) fn new(table: Arc<GpuTable>, now: Timestamp, most: usize) -> Self {
        Self { table, now, most }
    }
}

type Labels<'a> = [(&'static str, &'a str); 2];

fn labels(report: &ExporterReport) -> Labels<'_> {
    let exporter = &report.exporter;
    [("exporter", &exporter.name), ("node", exporter.node.as_deref().unwrap_or_default())]
}

impl Collector for ExporterFamilies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let reports = self.table.reports();
        let shown = || reports.iter().take(self.most).map(|report| (labels(report), &**report));
        let read = || shown().filter_map(|(labels, report)| Some((labels, report.reading.as_deref()?)));
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        gauges(encoder, UP, shown().map(|(labels, report)| (labels, u32::from(report.fault.is_none()))))?;
        gauges(encoder, AGE, read().map(|(labels, reading)| (labels, age(self.now, reading.at))))?;
        gauges(encoder, TOOK, read().map(|(labels, reading)| (labels, reading.took.as_secs_f64())))?;
        gauges(encoder, DEVICES, read().map(|(labels, reading)| (labels, count(reading.scrape.devices.len()))))?;
        gauges(encoder, SKIPPED, read().map(|(labels, reading)| (labels, count(reading.scrape.skipped_lines))))?;
        let failing = reports.iter().filter(|report| report.fault.is_some()).count();
        let by_state = [("ok", reports.len() - failing), ("failing", failing)];
        gauges(encoder, ALL, by_state.map(|(state, exporters)| ([("state", state)], count(exporters))))?;
        gauges(encoder, LEFT_OUT, [(Unlabelled, count(reports.len().saturating_sub(self.most)))])
    }
}
