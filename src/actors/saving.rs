//! What is written of an autoscaler to its object, when, and what a replica that reads it makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::SubsecRound;
use tokio::sync::Semaphore;

use super::snapshot::{AutoscalerRecord, Snapshot};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::autoscaler::Metric;
use crate::domain::cause::ScaleAction;
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::limits::ScaleEvent;
use crate::domain::reason::Reason;
use crate::domain::saved::{Announced, LastDecision, Memory, SavedStatus, Shown, ShownMetric};
use crate::domain::stabilization::Run;
use crate::domain::status::Status;
use crate::ports::store::{AutoscalerStore, Change, ObjectRef, StoreError, StoredAutoscaler};

/// How many statuses are written at the same time.
const AT_ONCE: usize = 16;

/// How long to wait with what nobody waits for while many workloads are being changed.
pub(super) const WHILE_OTHERS_ACT: Duration = Duration::from_secs(5);

/// However long they are taken, it is not put off for longer.
pub(super) const LONGEST_PUT_OFF: Duration = Duration::from_secs(30);

/// How long to wait after a failure.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// How long to wait when the object was changed meanwhile; the watch tells how.
pub(super) const AFTER_CHANGE: Duration = Duration::from_secs(5);

/// Writes statuses, a bounded number at a time.
pub struct Saver {
    store: Arc<dyn AutoscalerStore>,
    free: Semaphore,
    /// Whether the log already tells that it fails.
    failing: AtomicBool,
}

impl Saver {
    /// One that writes to `store`.
    pub fn new(store: Arc<dyn AutoscalerStore>) -> Self {
        Self { store, free: Semaphore::new(AT_ONCE), failing: AtomicBool::new(false) }
    }

    /// Whether there is anything to write to.
    pub(super) fn is_needed(&self) -> bool {
        self.store.keeps_status()
    }

    /// Writes the status of an autoscaler, unless what is wanted of it has changed, or another replica has written.
    pub(super) async fn save(&self, record: &AutoscalerRecord, status: SavedStatus) -> Result<(), StoreError> {
        // The semaphore is never closed.
        let _place = self.free.acquire().await;
        let known = record.written_by_others();
        let saved = self.write(record, known, status).await;
        match &saved {
            Err(StoreError::Cluster(error)) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    log::warn!("{}: its status cannot be written, trying again: {error}", record.id);
                }
            }
            _ => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    log::info!("statuses can be written again");
                }
            }
        }
        saved
    }

    /// Writes that the workload of an autoscaler is about to be scaled, by a decision that knew of so many statuses of
    /// other replicas. When this has succeeded, nothing has been changed about the autoscaler since then, and no other
    /// replica has announced anything.
    pub(super) async fn announce(
        &self,
        record: &AutoscalerRecord,
        known: u64,
        status: SavedStatus,
    ) -> Result<(), StoreError> {
        // What is wanted may have changed since, with the registry knowing it already.
        if status.observed_generation != record.generation() {
            return Err(StoreError::Changed);
        }
        self.write(record, known, status).await
    }

    async fn write(&self, record: &AutoscalerRecord, known: u64, status: SavedStatus) -> Result<(), StoreError> {
        let _alone = record.writing.lock().await;
        if record.written_by_others() != known {
            return Err(StoreError::Changed);
        }
        let status = Arc::new(status);
        let mut saved = self.store.save(&record.object, record.object_version(), status.clone()).await;
        if saved == Err(StoreError::Changed) {
            // It may be nothing but a label that was changed, or an answer that was lost.
            let now = self.store.get(&record.object.key).await?;
            let ours = |saved: &SavedStatus| saved.memory.holder == status.memory.holder;
            let nobody_elses = now.saved == record.saved() || now.saved.as_deref().is_some_and(ours);
            if now.object != record.object || now.generation != record.generation() || !nobody_elses {
                return Err(StoreError::Changed);
            }
            saved = self.store.save(&record.object, now.version, status.clone()).await;
        }
        if record.saw_version(saved?) {
            record.was_saved(status);
        }
        Ok(())
    }

    /// Writes the status of an object that is no autoscaler.
    pub(super) fn show(
        self: &Arc<Self>,
        object: &ObjectRef,
        version: u64,
        status: SavedStatus,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let (saver, object) = (self.clone(), object.clone());
        async move {
            let _place = saver.free.acquire().await;
            saver.store.save(&object, version, Arc::new(status)).await.map(|_| ())
        }
    }

    /// Changes an object of which nobody waits for the change.
    pub(super) fn change(
        self: &Arc<Self>,
        object: &ObjectRef,
        generation: i64,
        change: Change,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let (saver, object) = (self.clone(), object.clone());
        async move {
            let _place = saver.free.acquire().await;
            saver.store.change(&object, generation, change).await.map(|_| ())
        }
    }
}

/// What is to be written of an autoscaler, if it is worth a request; [`complete`] adds what never is.
pub(super) fn status_of(
    record: &AutoscalerRecord,
    snapshot: &Snapshot,
    generation: i64,
    clock: &Clock,
    holder: &str,
) -> SavedStatus {
    let rules = record.rules();
    let before = record.saved();
    let now = as_written(clock.now());
    let since = |condition: &Condition| {
        let known = before.as_ref().and_then(|saved| {
            saved.shown.conditions.iter().find(|(old, _)| (old.kind, old.holds) == (condition.kind, condition.holds))
        });
        known.map_or(now, |(_, since)| *since)
    };
    let metric = |metric: Metric| {
        let target = rules.targets.get(metric)?;
        Some(ShownMetric { metric, target, percent: snapshot.utilization_percent(metric) })
    };
    let wall = |steady| as_written(clock.to_wall(steady));
    let run = |run: &Run| Run { first: wall(run.first), last: wall(run.last), ..*run };
    let event = |event: &ScaleEvent| ScaleEvent { at: wall(event.at), ..*event };
    let last_action = snapshot.last_action.map(|action| ScaleAction { at: as_written(action.at), ..action });
    SavedStatus {
        observed_generation: generation,
        shown: Shown {
            status: if record.is_paused() { Status::Inactive } else { snapshot.status },
            failure: snapshot.failure.clone(),
            current_replicas: snapshot.current_replicas,
            desired_replicas: snapshot.desired_replicas,
            metrics: Metric::ALL.into_iter().filter_map(metric).collect(),
            conditions: snapshot.conditions.iter().map(|condition| (condition.clone(), since(condition))).collect(),
            scale_up_count: snapshot.scale_up_count,
            scale_down_count: snapshot.scale_down_count,
            last_action,
            last_decision: None,
        },
        memory: Memory {
            holder: holder.to_owned(),
            workload_uid: snapshot.uid.clone(),
            runs: snapshot.state.history.iter().flat_map(|history| history.runs()).map(run).collect(),
            events: snapshot.state.events.iter().map(event).collect(),
            announced: snapshot.announced.clone(),
            conflicts: snapshot.conflicts.clone(),
        },
    }
}

/// The same with the autoscaler's last decision.
pub(super) fn complete(mut status: SavedStatus, record: &AutoscalerRecord) -> SavedStatus {
    status.shown.last_decision = record.last_decision().map(|entry| LastDecision {
        at: as_written(entry.last_at),
        outcome: entry.outcome,
        reason: entry.reason,
        message: entry.message().into_owned(),
    });
    status
}

/// A time as exactly as it is written, so that what is read again is the same.
pub(super) fn as_written(at: Timestamp) -> Timestamp {
    at.trunc_subsecs(3)
}

/// The snapshot that a replica begins with, which has not evaluated anything itself.
pub(super) fn restored(saved: &SavedStatus, clock: &Clock) -> Snapshot {
    let SavedStatus { shown, memory, .. } = saved;
    let mut restored = Snapshot::new(shown.current_replicas);
    restored.desired_replicas = shown.desired_replicas;
    restored.conditions = shown.conditions.iter().map(|(condition, _)| condition.clone()).collect();
    restored.uid = memory.workload_uid.clone();
    restored.state = in_steady_time(memory, clock).state(clock.steady());
    show_as_saved(&mut restored, saved);
    restored
}

/// Takes over what only the leader knows.
pub(super) fn follow(snapshot: &mut Snapshot, saved: &SavedStatus, clock: &Clock) {
    let memory = in_steady_time(&saved.memory, clock);
    if snapshot.uid == memory.workload_uid {
        snapshot.state.events = memory.state(clock.steady()).events;
    }
    show_as_saved(snapshot, saved);
    if snapshot.status == Status::Failed {
        let able = |condition: &Condition| condition.kind == ConditionKind::AbleToScale;
        let saved_able =
            saved.shown.conditions.iter().map(|(condition, _)| condition).find(|condition| able(condition));
        if let Some(saved_able) = saved_able {
            snapshot.conditions.retain(|condition| !able(condition));
            snapshot.conditions.insert(0, saved_able.clone());
        }
    }
}

fn show_as_saved(snapshot: &mut Snapshot, saved: &SavedStatus) {
    let SavedStatus { shown, memory, .. } = saved;
    // Whether it is paused now is not for the last status to say.
    snapshot.status = if shown.status == Status::Failed { Status::Failed } else { Status::Active };
    snapshot.failure = shown.failure.clone();
    snapshot.scale_up_count = shown.scale_up_count;
    snapshot.scale_down_count = shown.scale_down_count;
    snapshot.last_action = shown.last_action;
    snapshot.announced = memory.announced.clone();
    snapshot.conflicts = memory.conflicts.clone();
}

/// The same with the times by which decisions are made.
fn in_steady_time(memory: &Memory, clock: &Clock) -> Memory {
    let mut memory = memory.clone();
    for run in &mut memory.runs {
        (run.first, run.last) = (clock.to_steady(run.first), clock.to_steady(run.last));
    }
    for event in &mut memory.events {
        event.at = clock.to_steady(event.at);
    }
    memory
}

/// Whether somebody has wanted the autoscaler to try again since this was saved.
pub(super) fn has_forgotten_rivals(stored: &StoredAutoscaler, saved: &SavedStatus) -> bool {
    let yielded_at = saved.memory.conflicts.yielded.as_ref().map(|yielded| yielded.at);
    stored.generation > saved.observed_generation || yielded_at.is_some_and(|at| stored.resumed_at > Some(at))
}

/// What an object says of itself that is no autoscaler.
pub(super) fn unusable_status(stored: &StoredAutoscaler, why: &str, holder: &str, now: Timestamp) -> SavedStatus {
    let condition = Condition::new(ConditionKind::AbleToScale, false, Reason::InvalidDefinition, why.to_owned());
    SavedStatus {
        observed_generation: stored.generation,
        shown: Shown {
            status: Status::Failed,
            failure: Some(why.to_owned()),
            current_replicas: 0,
            desired_replicas: 0,
            metrics: Vec::new(),
            conditions: vec![(condition, now)],
            scale_up_count: 0,
            scale_down_count: 0,
            last_action: None,
            last_decision: None,
        },
        memory: Memory { holder: holder.to_owned(), ..Memory::default() },
    }
}

/// An announcement of a change that is about to be made.
pub(super) fn announced(decision_id: String, from: u32, to: u32, clock: &Clock) -> Announced {
    Announced { decision_id, at: as_written(clock.now()), from, to }
}
