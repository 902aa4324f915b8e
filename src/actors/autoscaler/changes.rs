//! Evaluating when the readings have changed so that it matters, and not only when the timer says so.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::super::collectors::gpu_table::{GpuTable, PodGpus};
use super::super::messages::ReadingsChanged;
use super::Autoscaler;
use crate::domain::decision::decide;
use crate::domain::gpu::GpuUsage;
use crate::domain::observation::{Observation, ObservedPod, PodUsage, SourceState};
use crate::ports::UsageTable;

impl Autoscaler {
    /// From now on the collectors tell it of other readings. The HPA looks when its timer says so, and at no other time.
    pub(super) fn subscribe_to_readings(&mut self, context: &mut Context<Self>) {
        // The one before must not outlive the new one.
        self.subscription = None;
        let rules = self.record.rules();
        if !rules.is_hpa() {
            let me = context.address().recipient().downgrade();
            let namespace = &self.record.workload.namespace;
            self.subscription = Some(self.shared.subscribers.subscribe(namespace, rules.targets.need_gpus(), me));
        }
    }

    /// Whether the last decision, made now and on these readings, would be another one. Most changes are noise, and looking
    /// costs a tenth of an evaluation.
    fn is_news(&self, readings: &ReadingsChanged) -> bool {
        let Some(last) = &self.snapshot.decision else { return false };
        let mut observation = Observation::clone(&last.observation);
        observation.at = self.shared.clock.now();
        let namespace = self.record.workload.namespace.as_str();
        let mut is_other = false;
        for observed in &mut observation.pods {
            is_other |= match readings {
                ReadingsChanged::Usage(table) => take_usage(observed, namespace, table),
                ReadingsChanged::Gpus(table) => take_gpus(observed, namespace, table),
            };
        }
        match readings {
            ReadingsChanged::Usage(table) => observation.resource_source = SourceState::Read { name: table.source },
            ReadingsChanged::Gpus(table) => observation.gpu_source = table.source(),
        }
        is_other && {
            let now = self.shared.clock.steady();
            let next = decide(&self.rules, &self.snapshot.state, Arc::new(observation), now);
            next.direction().is_some() || next.recommended != last.recommended
        }
    }

    /// Evaluates at once; or as soon as it may, after another change; or when the evaluation in hand is over, which may not
    /// have seen this one.
    fn evaluate_on_change(&mut self, context: &mut Context<Self>) {
        if self.changed_later.is_some() {
            return;
        }
        let now = self.shared.clock.steady();
        let since = self.changed_at.map_or(Duration::MAX, |at| (now - at).to_std().unwrap_or_default());
        let wait = self.shared.min_interval.saturating_sub(since);
        if wait.is_zero() && self.evaluating.is_none() {
            self.changed_at = Some(now);
            self.shared.instruments.changed();
            self.evaluate(now, context);
            self.by_change = true;
            return;
        }
        // Never without a pause, however long the evaluation in hand takes.
        let wait = if wait.is_zero() { self.shared.min_interval } else { wait };
        let wait = self.shared.clock.real(wait);
        self.changed_later = Some(context.run_later(wait, |autoscaler, context| {
            autoscaler.changed_later = None;
            autoscaler.evaluate_on_change(context);
        }));
    }

    /// What has changed is looked at by an evaluation that begins now.
    pub(super) fn has_seen_changes(&mut self, context: &mut Context<Self>) {
        if let Some(later) = self.changed_later.take() {
            context.cancel_future(later);
        }
    }
}

/// Puts what a pod uses now in the place of what it used. Whether that is something else.
fn take_usage(observed: &mut ObservedPod, namespace: &str, table: &UsageTable) -> bool {
    let now = table.get(namespace, &observed.pod.name).cloned();
    let is_other = differ(observed.usage.as_ref(), now.as_ref(), PodUsage::is_like);
    observed.usage = now;
    is_other
}

/// The same for its GPUs.
fn take_gpus(observed: &mut ObservedPod, namespace: &str, table: &GpuTable) -> bool {
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

impl Handler<ReadingsChanged> for Autoscaler {
    type Result = ();

    fn handle(&mut self, readings: ReadingsChanged, context: &mut Self::Context) {
        if self.subscription.is_some() && !self.stopping && self.is_news(&readings) {
            self.evaluate_on_change(context);
        }
    }
}
