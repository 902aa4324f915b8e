//! What all autoscalers share.

use std::sync::Arc;
use std::time::Duration;

use actix::Recipient;

use super::brake::Brake;
use super::events::{Event, EventKind, Journal};
use super::leadership::Leadership;
use super::messages::{GetGpus, GetUsage};
use super::saving::Saver;
use super::snapshot::{AutoscalerRecord, ScaleTotals};
use crate::clock::Clock;
use crate::domain::decision_log::LogBounds;
use crate::domain::gpu::Fallback;
use crate::instruments::Instruments;
use crate::ports::Cluster;
use crate::ports::announcer::Announcer;
use crate::ports::store::AutoscalerStore;

/// What all autoscalers share.
#[derive(Clone)]
pub struct Shared {
    /// The cluster.
    pub cluster: Cluster,
    /// The collector for CPU and memory.
    pub usage: Recipient<GetUsage>,
    /// The collector for GPUs.
    pub gpus: Recipient<GetGpus>,
    /// What becomes of simulated GPU utilisation.
    pub fallback: Fallback,
    /// The clock.
    pub clock: Clock,
    /// A reading older than this is unknown.
    pub max_age: Duration,
    /// How much each autoscaler remembers of its decisions.
    pub log_bounds: LogBounds,
    /// The emergency brake.
    pub brake: Arc<Brake>,
    /// Counts every scale operation.
    pub totals: Arc<ScaleTotals>,
    /// Counts and times what happens.
    pub instruments: Arc<Instruments>,
    /// Told of what happens.
    pub journal: Arc<Journal>,
    /// Keeps the autoscalers.
    pub store: Arc<dyn AutoscalerStore>,
    /// Writes how they stand.
    pub saver: Arc<Saver>,
    /// Whether this replica of the service acts.
    pub leadership: Leadership,
    /// Tells the cluster's people.
    pub announcer: Arc<dyn Announcer>,
}

impl Shared {
    /// Tells of what happened to an autoscaler.
    pub(super) fn tell(&self, record: &AutoscalerRecord, kind: EventKind, message: impl Into<String>) {
        self.tell_of_change(record, kind, None, message.into());
    }

    pub(super) fn tell_of_change(
        &self,
        record: &AutoscalerRecord,
        kind: EventKind,
        change: Option<(u32, u32)>,
        message: String,
    ) {
        self.journal.record(Event {
            kind,
            at: self.clock.now(),
            autoscaler: record.id.clone(),
            workload: record.workload.clone(),
            change,
            message,
        });
    }
}
