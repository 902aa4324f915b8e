//! Evaluating when the readings have changed so that it matters, and not only when the timer says so.

use std::time::Duration;

use actix::prelude::*;

use super::super::later::Later;
use super::super::messages::ReadingsChanged;
use super::Autoscaler;

impl Autoscaler {
    /// From now on the collectors tell it of other readings. The HPA looks when its timer says so, and at no other time.
    pub(super) fn subscribe_to_readings(&mut self, context: &mut Context<Self>) {
        // The one before must not outlive the new one.
        self.subscription = None;
        let rules = self.record.rules();
        if !rules.is_hpa() {
            let me = context.address().recipient().downgrade();
            let (record, wants_gpus) = (self.record.clone(), rules.targets.need_gpus());
            self.subscription = Some(self.shared.subscribers.subscribe(record, wants_gpus, me));
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
        self.changed_later = Some(Later::after(wait, context, |autoscaler: &mut Self, context| {
            autoscaler.changed_later = None;
            autoscaler.evaluate_on_change(context);
        }));
    }

    /// What has changed is looked at by an evaluation that begins now.
    pub(super) fn has_seen_changes(&mut self, context: &mut Context<Self>) {
        if let Some(later) = self.changed_later.take() {
            later.cancel(context);
        }
    }
}

impl Handler<ReadingsChanged> for Autoscaler {
    type Result = ();

    fn handle(&mut self, _: ReadingsChanged, context: &mut Self::Context) {
        if self.subscription.is_some() && !self.stopping {
            self.evaluate_on_change(context);
        }
    }
}
