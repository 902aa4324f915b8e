//! The service itself: its mode, its version, its registry, and what it knows of its cluster.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::families::{About, Unlabelled, about, counters, gauges, infos, states};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Direction, Mode};
use crate::instruments::Source;

const BUILD: About = about("build", "The version of the service");
const LEADER: About =
    about("leader", "Whether this replica scales, which one of several does; one that runs alone does");
const MODE: About =
    about("mode", "The service's mode: 1 for the present one. In observe mode it decides, and scales nothing");
const SCALE_OPERATIONS: About = about("scale_operations", "Changes of a workload's replicas by direction");
const WAITING: About = about("registry_waiting_requests", "Requests that wait for the registry's answer");
const KNOWN: About = about(
    "cluster_known",
    "Whether the watches show the cluster as it is: its autoscalers, its workloads, the capacity of its nodes for GPU pods, and the HPAs (other_autoscalers)",
);
const AGE: About = about("source_age", "How long ago a source of measurements was last read, by the cluster's clock")
    .in_unit("seconds");

/// The service at the time of the scrape.
#[derive(Debug)]
pub(super) struct ServiceFamilies {
    leads: bool,
    mode: Mode,
    waiting: u64,
    ups: u64,
    downs: u64,
    autoscalers_known: bool,
    workloads_known: bool,
    capacity_known: bool,
    rivals_known: bool,
    resource_metrics_age: Option<f64>,
}

impl ServiceFamilies {
    pub(super) fn new(sources: &Sources, waiting: usize) -> Self {
        let now = sources.clock.now();
        Self {
            leads: sources.leadership.is_ours(),
            mode: sources.brake.mode(),
            waiting: waiting.try_into().unwrap_or(u64::MAX),
            ups: sources.totals.get(Direction::Up),
            downs: sources.totals.get(Direction::Down),
            autoscalers_known: sources.store.fault().is_none(),
            workloads_known: sources.index.fault().is_none(),
            capacity_known: sources.index.capacity_fault().is_none(),
            rivals_known: sources.index.rivals_fault().is_none(),
            resource_metrics_age: sources.instruments.resource_metrics_read_at().map(|at| age(now, at)),
        }
    }
}

/// How long before `now` something was, in seconds; what is to come was just now.
pub(super) fn age(now: Timestamp, at: Timestamp) -> f64 {
    (now - at).as_seconds_f64().max(0.0)
}

impl Collector for ServiceFamilies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        infos(encoder, BUILD, [[("version", env!("CARGO_PKG_VERSION"))]])?;
        gauges(encoder, LEADER, [(Unlabelled, u32::from(self.leads))])?;
        let modes = states(Mode::ALL, self.mode).map(|(mode, present)| ([("mode", mode.as_str())], present));
        gauges(encoder, MODE, modes)?;
        let operations = [("up", self.ups), ("down", self.downs)];
        counters(encoder, SCALE_OPERATIONS, operations.map(|(direction, count)| ([("direction", direction)], count)))?;
        gauges(encoder, WAITING, [(Unlabelled, self.waiting)])?;
        let known = [
            ("autoscalers", self.autoscalers_known),
            ("workloads", self.workloads_known),
            ("capacity", self.capacity_known),
            ("other_autoscalers", self.rivals_known),
        ];
        gauges(encoder, KNOWN, known.map(|(what, known)| ([("what", what)], u32::from(known))))?;
        let source = Source::ResourceMetrics.as_str();
        gauges(encoder, AGE, self.resource_metrics_age.map(|age| ([("source", source)], age)))
    }
}
