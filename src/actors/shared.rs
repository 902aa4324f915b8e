//! What all autoscalers share.

use std::sync::Arc;
use std::time::Duration;

use actix::Recipient;

use super::brake::Brake;
use super::collectors::shelf::Shelf;
use super::events::{Event, EventKind, Journal};
use super::leadership::Leadership;
use super::messages::{GetGpus, GetUsage};
use super::saving::Saver;
use super::snapshot::{AutoscalerRecord, ScaleTotals};
use super::subscribers::Subscribers;
use super::turns::Turns;
use crate::clock::Clock;
use crate::domain::access::CallerName;
use crate::domain::decision_log::LogBounds;
use crate::domain::gpu::Fallback;
use crate::instruments::Instruments;
use crate::ports::Cluster;
use crate::ports::announcer::{Announcement, Announcer};
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
    /// What that one has read.
    pub shelf: Arc<Shelf>,
    /// Who is told when what those read changes.
    pub subscribers: Arc<Subscribers>,
    /// What changes more often than this is looked at only so often.
    pub min_interval: Duration,
    /// What becomes of simulated GPU utilisation.
    pub fallback: Fallback,
    /// The clock.
    pub clock: Clock,
    /// A reading older than this is unknown.
    pub max_age: Duration,
    /// How much each autoscaler remembers of its decisions.
    pub log_bounds: LogBounds,
    /// Who may change a workload now.
    pub turns: Arc<Turns>,
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
        self.tell_of(record, kind, None, None, message.into());
    }

    /// Tells of a change of the workload's replicas.
    pub(super) fn tell_of_change(
        &self,
        record: &AutoscalerRecord,
        kind: EventKind,
        change: Option<(u32, u32)>,
        message: String,
    ) {
        self.tell_of(record, kind, change, None, message);
    }

    /// Tells of what somebody did with an autoscaler.
    pub(super) fn tell_of_deed(
        &self,
        record: &AutoscalerRecord,
        kind: EventKind,
        by: Option<CallerName>,
        message: &str,
    ) {
        self.tell_of(record, kind, None, by, message.to_owned());
    }

    fn tell_of(
        &self,
        record: &AutoscalerRecord,
        kind: EventKind,
        change: Option<(u32, u32)>,
        by: Option<CallerName>,
        message: String,
    ) {
        self.journal.record(Event {
            kind,
            at: self.clock.now(),
            autoscaler: record.id.clone(),
            workload: record.workload.clone(),
            change,
            by,
            message,
        });
    }

    /// Tells the cluster's people who made, changed or ended an autoscaler. Where callers have no names there is nothing to
    /// tell.
    pub(super) fn credit(&self, record: &AutoscalerRecord, kind: EventKind, by: Option<&CallerName>) {
        let Some(by) = by else { return };
        let (reason, is_there) = match kind {
            EventKind::Created => ("AutoscalerCreated", true),
            EventKind::Updated => ("AutoscalerUpdated", true),
            EventKind::Paused => ("AutoscalerPaused", true),
            EventKind::Resumed => ("AutoscalerResumed", true),
            EventKind::Deleted => ("AutoscalerDeleted", false),
            EventKind::Scaled | EventKind::Failed | EventKind::Recovered | EventKind::Conflict => return,
        };
        self.announcer.announce(Announcement {
            workload: (record.workload.clone(), None),
            object: (is_there && self.saver.is_needed()).then(|| record.object.clone()),
            warning: false,
            reason,
            action: "Configure",
            note: format!("{}: {} by {by}", record.id, kind.as_str()),
        });
    }
}
