//! Readings, and whether they would make another decision than the last ones did.

use std::sync::Arc;

use super::collectors::gpu_table::{GpuTable, PodGpus};
use super::snapshot::AutoscalerRecord;
use crate::clock::Clock;
use crate::domain::decision::decide;
use crate::domain::gpu::GpuUsage;
use crate::domain::observation::{Observation, ObservedPod, PodUsage, SourceState};
use crate::ports::UsageTable;

/// What a source says now.
#[derive(Clone, Debug)]
pub(super) enum Readings {
    /// CPU and memory.
    Usage(Arc<UsageTable>),
    /// GPUs.
    Gpus(Arc<GpuTable>),
}

impl Readings {
    /// Whether the last decision of an autoscaler, made now and on these, would be another one. Most changes are noise, and
    /// looking costs a tenth of an evaluation.
    pub(super) fn are_news_for(&self, record: &AutoscalerRecord, clock: Clock) -> bool {
        let snapshot = record.snapshot();
        let Some(last) = &snapshot.decision else { return false };
        let mut observation = Observation::clone(&last.observation);
        observation.at = clock.now();
        if !self.put_into(&mut observation, &record.workload.namespace) {
            return false;
        }
        let next = decide(&last.rules, &snapshot.state, Arc::new(observation), clock.steady());
        next.direction().is_some() || next.recommended != last.recommended
    }

    /// Puts what the pods use now in the place of what they used. Whether that is something else.
    fn put_into(&self, observation: &mut Observation, namespace: &str) -> bool {
        let mut is_other = false;
        for observed in &mut observation.pods {
            is_other |= match self {
                Self::Usage(table) => put_usage(observed, namespace, table),
                Self::Gpus(table) => put_gpus(observed, namespace, table),
            };
        }
        match self {
            Self::Usage(table) => observation.resource_source = SourceState::Read { name: table.source },
            Self::Gpus(table) => observation.gpu_source = table.source(),
        }
        is_other
    }
}

fn put_usage(observed: &mut ObservedPod, namespace: &str, table: &UsageTable) -> bool {
    let now = table.get(namespace, &observed.pod.name).cloned();
    let is_other = differ(observed.usage.as_ref(), now.as_ref(), PodUsage::is_like);
    observed.usage = now;
    is_other
}

fn put_gpus(observed: &mut ObservedPod, namespace: &str, table: &GpuTable) -> bool {
    if observed.pod.requests.gpus == 0 {
        return false;
    }
    let PodGpus { usage: now, gap } = table.find(namespace, &observed.pod.name, observed.pod.node.as_ref());
    let is_other = differ(observed.gpus.as_ref(), now.as_ref(), GpuUsage::is_like);
    (observed.gpus, observed.gpu_gap) = (now, gap);
    is_other
}

/// Whether only one of two readings is there, or they are not alike.
fn differ<T>(seen: Option<&Arc<T>>, now: Option<&Arc<T>>, are_alike: impl Fn(&T, &T) -> bool) -> bool {
    match (seen, now) {
        (Some(seen), Some(now)) => !Arc::ptr_eq(seen, now) && !are_alike(seen, now),
        (seen, now) => seen.is_some() != now.is_some(),
    }
}
