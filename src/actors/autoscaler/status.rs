//! How an autoscaler stands: what is written of it to its object, and what a standby takes from there.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::super::events::EventKind;
use super::super::later::Later;
use super::super::saving::{
    AFTER_CHANGE, AFTER_FAILURE, LONGEST_PUT_OFF, WHILE_OTHERS_ACT, complete, follow, status_of,
};
use super::super::shared::Shared;
use super::super::snapshot::Status;
use super::Autoscaler;
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Direction, Mode, ScalingRules};
use crate::domain::cause::ScaleAction;
use crate::domain::decision::Decision;
use crate::domain::decision_log::Entry;
use crate::domain::saved::{LastDecision, Urgency, urgency};
use crate::ports::store::StoreError;

impl Autoscaler {
    /// Whether this replica says how the autoscaler stands. A standby repeats what the leader says, once that has said
    /// anything.
    pub(super) fn judges(&self) -> bool {
        self.shared.leadership.is_ours() || self.record.saved().is_none()
    }

    /// A standby knows by itself what is to be decided; what was done, and whether it could be done, only the leader knows.
    pub(super) fn follow_leader(&mut self) {
        if !self.shared.leadership.is_ours() {
            self.follow_saved();
        }
    }

    pub(super) fn follow_saved(&mut self) {
        let Some(saved) = self.record.saved() else { return };
        if saved.memory.holder == self.shared.leadership.identity() {
            // Nobody else has led since, and this replica knows more than it could write.
            return;
        }
        let (was, ups, downs) = (self.snapshot.status, self.snapshot.scale_up_count, self.snapshot.scale_down_count);
        let last_action = self.snapshot.last_action;
        follow(&mut self.snapshot, &saved, &self.shared.clock);
        self.shared.totals.add(Direction::Up, self.snapshot.scale_up_count.saturating_sub(ups));
        self.shared.totals.add(Direction::Down, self.snapshot.scale_down_count.saturating_sub(downs));
        if let Some(action) = self.snapshot.last_action.filter(|action| Some(*action) != last_action) {
            self.follow_action(action, saved.shown.last_decision.as_ref());
        }
        match (was, self.snapshot.status) {
            (Status::Failed, Status::Active) => {
                self.shared.tell(&self.record, EventKind::Recovered, "the workload is scaled again");
            }
            (Status::Active, Status::Failed) => {
                let failure = self.snapshot.failure.clone().unwrap_or_default();
                self.shared.tell(&self.record, EventKind::Failed, failure);
            }
            _ => {}
        }
    }

    /// Shows what the leader did as if it had been done here, with what was decided here for the same reasons.
    pub(super) fn follow_action(&mut self, action: ScaleAction, decided: Option<&LastDecision>) {
        self.record.timeline().act(action);
        self.snapshot.current_replicas = action.to;
        let message = decided.map(|decided| decided.message.clone());
        let message = message.unwrap_or_else(|| format!("{} -> {}", action.from, action.to));
        let change = (action.from, action.to);
        let is_same = |decision: &Arc<Decision>| (decision.current, decision.desired) == change;
        if let (Some(decision), Some(decided)) = (self.left_to_leader.take().filter(is_same), decided) {
            self.remember(Entry::new(decision, decided.outcome, decided.reason, Some(message.clone())));
        }
        self.shared.tell_of_change(&self.record, EventKind::Scaled, Some(change), message);
    }

    /// Writes how the autoscaler stands, if that is worth a request, now or as soon as it may be written again.
    pub(super) fn save_if_due(&mut self, context: &mut Context<Self>) {
        let Shared { saver, clock, leadership, .. } = &*self.shared;
        if !saver.is_needed() || !leadership.is_ours() || self.saving || self.record.is_deleted() {
            return;
        }
        if let Some(later) = self.saving_later.take() {
            later.cancel(context);
        }
        let next = status_of(&self.record, &self.snapshot, self.generation, clock, leadership.identity());
        let Some(urgency) = urgency(self.record.saved().as_deref(), &next, self.acts().as_deref()) else {
            self.put_off_at = None;
            return;
        };
        let now = clock.steady();
        let since = |at: Timestamp| (now - at).to_std().unwrap_or_default();
        let mut wait = urgency.spacing().saturating_sub(self.saved_at.map_or(Duration::MAX, since));
        if urgency < Urgency::AtOnce && self.shared.turns.are_busy() {
            // Those who are to act come first, but nobody is put off for ever.
            if since(*self.put_off_at.get_or_insert(now)) < LONGEST_PUT_OFF {
                wait = wait.max(WHILE_OTHERS_ACT);
            }
        }
        if !wait.is_zero() {
            self.saving_later = Some(self.save_after(wait, context));
            return;
        }
        let next = complete(next, &self.record);
        (self.saved_at, self.put_off_at) = (Some(now), None);
        let (saver, record) = (saver.clone(), self.record.clone());
        let saving = async move { saver.save(&record, next).await };
        self.saving = true;
        context.spawn(saving.into_actor(self).map(|saved, autoscaler, context| {
            autoscaler.saving = false;
            match saved {
                // Something may have happened meanwhile.
                Ok(()) => autoscaler.save_if_due(context),
                Err(StoreError::Gone) => {}
                // Whoever follows a change has something more urgent to write.
                Err(StoreError::Changed) => {
                    autoscaler.saving_later = Some(autoscaler.save_after(AFTER_CHANGE, context));
                }
                Err(_) => {
                    autoscaler.saving = true;
                    autoscaler.save_after(AFTER_FAILURE, context);
                }
            }
        }));
    }

    /// Its rules, if it may act by them.
    pub(super) fn acts(&self) -> Option<Arc<ScalingRules>> {
        let hindered = self.is_blocked() || self.snapshot.conflicts.yielded.is_some();
        let observes = self.rules.mode == Mode::Observe || self.shared.brake.mode() == Mode::Observe;
        (!hindered && !observes).then(|| self.rules.clone())
    }

    fn save_after(&self, wait: Duration, context: &mut Context<Self>) -> Later {
        Later::after(self.shared.clock.real(wait), context, |autoscaler: &mut Self, context| {
            autoscaler.saving = false;
            autoscaler.save_if_due(context);
        })
    }
}
