//! From a decision to a changed scale.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::super::saving::{announced, complete, status_of};
use super::super::shared::Shared;
use super::super::snapshot::Snapshot;
use super::super::turns::Turn;
use super::{Action, Evaluation, TRIES};
use crate::domain::autoscaler::{Mode, RequestedKind, WorkloadRef};
use crate::domain::decision::Decision;
use crate::domain::saved::Announced;
use crate::ports::store::StoreError;
use crate::ports::{ClusterError, Scale};

/// What became of an attempt to change the scale.
pub(super) enum Attempt {
    Ended(Action),
    /// The workload has another count than the one that was decided on.
    Moved {
        replicas: u32,
    },
    Cancelled,
}

/// Why a change was not made, or may not have been.
enum NotMade {
    /// It was not to be made after all.
    Ended(Attempt),
    /// A call for it failed.
    ByApiServer(ClusterError),
}

impl Evaluation {
    /// Carries a decision out, as far as that is wanted and allowed.
    pub(super) async fn act(&mut self, decision: &Decision, uid: &Arc<str>) -> Attempt {
        if self.rules.mode == Mode::Active {
            match self.cancel.run_until_cancelled(self.rival()).await {
                None => return Attempt::Cancelled,
                Some(Some(by)) => return Attempt::Ended(Action::Blocked { by }),
                Some(None) => {}
            }
        }
        if decision.direction().is_none() {
            return self.check_permission().await;
        }
        if self.is_observing() {
            return Attempt::Ended(Action::Observed);
        }
        if self.conflicts.yielded.is_some() {
            return Attempt::Ended(Action::Yielded);
        }
        if !self.leads() {
            return Attempt::Ended(Action::Standby);
        }
        let (mut attempt, mut refusals) = (0, 0);
        let mut known = self.known_scale(decision, uid);
        loop {
            attempt += 1;
            let scale = match known.take() {
                Some(scale) => scale,
                None => match self.read_scale().await {
                    None => return Attempt::Cancelled,
                    Some(Err(error)) if self.tries_again_after(&error, &mut refusals).await => continue,
                    Some(Err(error)) => return Attempt::Ended(Action::ReadFailed(error)),
                    Some(Ok(scale)) => scale,
                },
            };
            if scale.uid != *uid {
                let error = "the workload was deleted and created again; the new one is looked at next time";
                return Attempt::Ended(Action::ReadFailed(ClusterError::Conflict(error.into())));
            }
            if scale.replicas != decision.current {
                return Attempt::Moved { replicas: scale.replicas };
            }
            match self.change(decision, scale).await {
                Ok(()) => return Attempt::Ended(Action::Scaled { at: self.shared.clock.now() }),
                Err(NotMade::Ended(attempt)) => return attempt,
                // It was certainly not made.
                Err(NotMade::ByApiServer(ClusterError::Conflict(_))) if attempt < TRIES => self.announced = None,
                Err(NotMade::ByApiServer(error)) if self.tries_again_after(&error, &mut refusals).await => {
                    self.announced = None;
                }
                Err(NotMade::ByApiServer(error)) if self.was_set_all_the_same(&error, decision.desired, uid).await => {
                    return Attempt::Ended(Action::Scaled { at: self.shared.clock.now() });
                }
                Err(NotMade::ByApiServer(error)) => return Attempt::Ended(Action::ChangeFailed(error)),
            }
        }
    }

    /// Announces the change and makes it. As long as this takes, nobody can be told that the service only observes.
    async fn change(&mut self, decision: &Decision, scale: Scale) -> Result<(), NotMade> {
        let ended = |action| Err(NotMade::Ended(Attempt::Ended(action)));
        let Some(_permit) = self.shared.brake.permit().await else { return ended(Action::Observed) };
        match self.cancel.clone().run_until_cancelled(self.announce(decision)).await {
            None => return Err(NotMade::Ended(Attempt::Cancelled)),
            Some(Err(StoreError::Changed | StoreError::Gone)) => return ended(Action::ObjectChanged),
            Some(Err(StoreError::Cluster(error @ ClusterError::Overloaded { .. }))) => {
                return Err(NotMade::ByApiServer(error));
            }
            // That the scale may be changed is not in question.
            Some(Err(error)) => {
                if let StoreError::Cluster(error) = &error {
                    self.shared.turns.was_refused(error);
                }
                let error = format!("the change could not be announced on {}: {error}", self.record.object.key);
                return ended(Action::ChangeFailed(ClusterError::Conflict(error)));
            }
            Some(Ok(announced)) => self.announced = Some(announced),
        }
        if self.cancel.is_cancelled() {
            return Err(NotMade::Ended(Attempt::Cancelled));
        }
        // As late as possible: a process that was frozen until now may have been replaced.
        if !self.leads() {
            return ended(Action::Standby);
        }
        // From here on the change may happen whatever we do: its end is awaited even when the autoscaler is deleted.
        let changing = self.shared.cluster.scaler.set(&self.record.workload, decision.desired, scale.resource_version);
        changing.await.map_err(NotMade::ByApiServer)
    }

    /// Whether this replica would carry a decision out, as far as is known before it is tried.
    pub(super) fn is_to_act(&self) -> bool {
        !self.is_observing() && self.conflicts.yielded.is_none() && self.leads()
    }

    /// Waits until it is this autoscaler's turn to change something.
    pub(super) async fn wait_for_turn(&self) -> Turn {
        self.queued.store(true, Ordering::Relaxed);
        let turn = self.shared.turns.take().await;
        self.queued.store(false, Ordering::Relaxed);
        turn
    }

    /// Waits for as long as the API server wants to be left alone, if that is why a call failed. Whether to try again then.
    async fn tries_again_after(&self, error: &ClusterError, refusals: &mut usize) -> bool {
        if !self.shared.turns.was_refused(error) {
            return false;
        }
        *refusals += 1;
        *refusals < TRIES && self.cancel.run_until_cancelled(self.shared.turns.pass_pause()).await.is_some()
    }

    /// Another autoscaler of the cluster that scales the workload. The watch may still show one that was removed a moment
    /// ago so that this one can begin; so, before the first time that it is in the way, the API server is asked.
    async fn rival(&self) -> Option<String> {
        let Shared { cluster, .. } = &*self.shared;
        let WorkloadRef { kind, namespace, name } = &self.record.workload;
        let Some(seen) = cluster.index.rival(&self.record.workload) else {
            // Who was in the way is taken to be there as long as nobody knows.
            let unknown = cluster.index.rivals_fault().filter(|_| self.was_blocked)?;
            return Some(format!("another autoscaler, as far as was known; {unknown}"));
        };
        if self.was_blocked {
            return Some(seen);
        }
        match cluster.resolver.resolve(namespace.clone(), name.clone(), RequestedKind::Exactly(*kind)).await {
            Ok(resolved) => resolved.scaled_by,
            Err(_) => Some(seen),
        }
    }

    /// Says on the autoscaler's object that the workload is about to be scaled. That fails when the object is not as it was
    /// when this was decided; so of two replicas that both take themselves for the leader, one at most gets further.
    async fn announce(&self, decision: &Decision) -> Result<Announced, StoreError> {
        let Shared { saver, clock, leadership, .. } = &*self.shared;
        let id = format!("{:08x}", Uuid::new_v4().as_fields().0);
        let announced = announced(id, decision.current, decision.desired, clock);
        if !saver.is_needed() {
            return Ok(announced);
        }
        let snapshot = Snapshot { announced: Some(announced.clone()), ..Snapshot::clone(&self.record.snapshot()) };
        let status = status_of(&self.record, &snapshot, self.generation, clock, leadership.identity());
        let status = complete(status, &self.record);
        saver.announce(&self.record, self.written_by_others, status).await.map(|()| announced)
    }

    pub(super) fn is_observing(&self) -> bool {
        self.rules.mode == Mode::Observe || self.shared.brake.mode() == Mode::Observe
    }

    /// Whether a change took place although no answer came. Who deletes the autoscaler at that moment is not made to wait
    /// for this, so such a change is then not counted.
    async fn was_set_all_the_same(&self, error: &ClusterError, replicas: u32, uid: &Arc<str>) -> bool {
        let is_unanswered = matches!(error, ClusterError::Timeout(_) | ClusterError::Unavailable(_));
        is_unanswered
            && matches!(self.read_scale().await, Some(Ok(scale)) if scale.replicas == replicas && scale.uid == *uid)
    }

    /// The scale that was decided on, as far as the watches know it.
    fn known_scale(&self, decision: &Decision, uid: &Arc<str>) -> Option<Scale> {
        let known = self.shared.cluster.index.scale(&self.record.workload)?;
        (known.uid == *uid && known.replicas == decision.current).then_some(known)
    }

    /// `None` when the autoscaler was deleted meanwhile.
    async fn read_scale(&self) -> Option<Result<Scale, ClusterError>> {
        self.cancel.run_until_cancelled(self.shared.turns.pass_pause()).await?;
        let reading = self.shared.cluster.scaler.read(&self.record.workload);
        self.cancel.run_until_cancelled(reading).await
    }

    /// Only after a refusal: without it an autoscaler that has nothing to change would not learn that it may again.
    async fn check_permission(&self) -> Attempt {
        if !self.was_forbidden {
            return Attempt::Ended(Action::None);
        }
        if self.is_observing() || !self.leads() {
            return Attempt::Ended(Action::Untried);
        }
        let probing = self.shared.cluster.scaler.probe(&self.record.workload);
        match self.cancel.run_until_cancelled(probing).await {
            None => Attempt::Cancelled,
            Some(Ok(())) => Attempt::Ended(Action::None),
            Some(Err(error)) => Attempt::Ended(Action::ChangeFailed(error)),
        }
    }
}
