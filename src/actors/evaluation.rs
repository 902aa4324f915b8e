//! One evaluation of one autoscaler, from looking at the workload to changing its scale.
//!
//! It owns all that it needs, so that the actor's mailbox stays free meanwhile. Deleting, pausing or changing the
//! autoscaler ends it at any point but one: a change that is already on its way to the API server is awaited, so that
//! nothing scales afterwards.

mod acting;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future;
use tokio_util::sync::CancellationToken;

use self::acting::Attempt;
use super::collectors::gpu_table::{GpuTable, PodGpus};
use super::messages::{GetGpus, GetUsage, UsageResult};
use super::shared::Shared;
use super::snapshot::AutoscalerRecord;
use crate::clock::Stopwatch;
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Direction, OnConflict, ScalingRules};
use crate::domain::capacity::Room;
use crate::domain::conflict::{Conflicts, Intrusion};
use crate::domain::decision::{Decision, State, decide};
use crate::domain::limits::{ScaleEvent, direction};
use crate::domain::observation::{Observation, ObservedPod, Pod, SourceState};
use crate::domain::saved::Announced;
use crate::ports::{ClusterError, PodSelection, WorkloadView, Written};

/// How often a change is tried when others change the workload at the same time.
const TRIES: usize = 3;

/// How long to wait for the collector; its own call to the cluster ends sooner.
const USAGE_TIMEOUT: Duration = Duration::from_secs(12);

/// How much later than the API server the watches may know of a new workload.
const WATCH_LAG: TimeDelta = TimeDelta::seconds(3);

/// How long to wait before looking for it again, and how often at most: whatever the clock says, it ends.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOKS: usize = 30;

/// How long a change that was announced may take to be seen. Longer than a call to the API server takes.
const OPEN_FOR: Duration = Duration::from_secs(30);

/// All that an evaluation needs.
pub(super) struct Evaluation {
    pub record: Arc<AutoscalerRecord>,
    pub shared: Arc<Shared>,
    pub rules: Arc<ScalingRules>,
    /// The generation of the autoscaler's object that the rules are from.
    pub generation: i64,
    /// The term in which this replica led when the evaluation began: it acts in no other.
    pub term: Option<u64>,
    /// How many statuses of other replicas were known then.
    pub written_by_others: u64,
    /// Ends the evaluation, unless it is changing something.
    pub cancel: CancellationToken,
    pub state: State,
    /// The workload that the state is about.
    pub uid: Option<Arc<str>>,
    /// Whether the last attempt to scale was forbidden, so that the permission is to be tried again.
    pub was_forbidden: bool,
    /// Whether another autoscaler was in the way the last time.
    pub was_blocked: bool,
    /// The count that the workload has unless somebody else has changed it.
    pub expected: Option<u32>,
    pub conflicts: Conflicts,
    /// A change that the last leader was about to make.
    pub announced: Option<Announced>,
    /// Whether it waits for its turn to change something.
    pub queued: Arc<AtomicBool>,
}

/// What came of an evaluation.
pub(super) enum Evaluated {
    /// The autoscaler was deleted, paused or changed meanwhile.
    Cancelled,
    /// The workload does not exist.
    WorkloadGone,
    /// Nothing is known about the workload.
    Blind { error: String },
    /// A decision was made.
    Decided(Box<Decided>),
}

/// A decision and what came of it.
pub(super) struct Decided {
    pub decision: Arc<Decision>,
    pub state: State,
    pub uid: Arc<str>,
    pub action: Action,
    pub conflicts: Conflicts,
    /// What somebody else has changed, and who.
    pub intrusion: Option<(Intrusion, String)>,
    /// A change that was announced before, and was made.
    pub made: Option<Announced>,
    /// A change that was announced, and of which it is not certain yet whether it was made.
    pub announced: Option<Announced>,
    /// The count that the workload had before this evaluation's own change.
    pub expected: u32,
}

/// What came of the wish to act on a decision.
pub(super) enum Action {
    /// It was to do nothing.
    None,
    /// It was to do nothing, and whether anything may be done was not tried, because nothing is to be changed.
    Untried,
    /// It was to scale, but the autoscaler or the service only observes.
    Observed,
    /// It was to scale, but that is for another replica of the service to do.
    Standby,
    /// Another autoscaler of the cluster scales the workload.
    Blocked { by: String },
    /// It was to scale, but has left the workload to somebody else.
    Yielded,
    /// It was to scale, but what is wanted of the autoscaler has changed.
    ObjectChanged,
    /// The workload was scaled.
    Scaled { at: Timestamp },
    /// The scale could not be read.
    ReadFailed(ClusterError),
    /// The scale could not be changed.
    ChangeFailed(ClusterError),
}

impl Evaluation {
    /// Runs the evaluation.
    pub(super) async fn run(mut self) -> Evaluated {
        let cancel = self.cancel.clone();
        let Some(observed) = cancel.run_until_cancelled(self.observe()).await else { return Evaluated::Cancelled };
        let (uid, mut observation) = match observed {
            Ok((uid, observation)) => (uid, Arc::new(observation)),
            Err(outcome) => return outcome,
        };
        if self.uid.as_ref().is_some_and(|known| *known != uid) && !self.rules.is_hpa() {
            // Deleted and created again meanwhile: nothing that was recommended for the old one holds for the new one.
            // (The HPA remembers by the name.)
            self.state = State::default();
            (self.expected, self.announced) = (None, None);
            self.conflicts.forget();
        }
        let mut made = self.find_out_what_was_made(observation.current_replicas);
        let mut turn = None;
        let Some(intrusion) = cancel.run_until_cancelled(self.notice_others(&mut observation)).await else {
            return Evaluated::Cancelled;
        };
        let mut moved = 0;
        loop {
            // Deciding again starts from the same state: one evaluation leaves one recommendation.
            let decision = self.decide(&mut observation);
            if turn.is_none() && decision.direction().is_some() && self.is_to_act() {
                let Some(taken) = cancel.run_until_cancelled(self.wait_for_turn()).await else {
                    return Evaluated::Cancelled;
                };
                let waited = turn.insert(taken).waited;
                if waited {
                    // What was looked at before is not what there is now.
                    match cancel.run_until_cancelled(self.observe()).await {
                        None => return Evaluated::Cancelled,
                        Some(Err(outcome)) => return outcome,
                        Some(Ok((now, _))) if now != uid => return Evaluated::Cancelled,
                        Some(Ok((_, latest))) => {
                            if latest.current_replicas != observation.current_replicas {
                                self.expected = Some(observation.current_replicas);
                            }
                            observation = Arc::new(latest);
                        }
                    }
                    continue;
                }
            }
            let action = match self.act(&decision, &uid).await {
                Attempt::Cancelled => return Evaluated::Cancelled,
                Attempt::Ended(action) => action,
                Attempt::Moved { replicas } if moved < TRIES => {
                    moved += 1;
                    made = made.or_else(|| self.find_out_what_was_made(replicas));
                    Arc::make_mut(&mut observation).current_replicas = replicas;
                    continue;
                }
                Attempt::Moved { .. } => Action::ChangeFailed(ClusterError::Conflict(
                    "the replicas keep being changed by somebody else".into(),
                )),
            };
            let announced = self.still_open(&action);
            let Self { mut state, conflicts, expected, .. } = self;
            state.remember(&decision);
            let expected = expected.unwrap_or(decision.current);
            let decided = Decided { decision, state, uid, action, conflicts, intrusion, made, announced, expected };
            return Evaluated::Decided(Box::new(decided));
        }
    }

    /// Whether this replica leads as it did when the evaluation began. Who became the leader in the meantime may have begun
    /// without knowing what the last one did.
    fn leads(&self) -> bool {
        self.term.is_some() && self.shared.leadership.term() == self.term
    }

    /// Takes the change into account that was about to be made when it was last heard of, if it was made: by the last leader,
    /// or by this one when no answer came.
    fn find_out_what_was_made(&mut self, replicas: u32) -> Option<Announced> {
        if !self.leads() {
            return None;
        }
        let announced = self.announced.take_if(|announced| announced.to == replicas)?;
        let change = announced.to.abs_diff(announced.from);
        let clock = &self.shared.clock;
        let at = clock.to_steady(announced.at).min(clock.steady());
        let event = ScaleEvent { at, direction: direction(announced.from, announced.to)?, change };
        self.state.events.record(&self.rules, event);
        self.conflicts.scaled(announced.from, announced.to);
        Some(announced)
    }

    /// What may have been made and is not known to have been: a change without an answer, for as long as the watches may take
    /// to tell of it.
    fn still_open(&mut self, action: &Action) -> Option<Announced> {
        let is_open = match action {
            Action::ChangeFailed(ClusterError::Timeout(_) | ClusterError::Unavailable(_)) => true,
            Action::Scaled { .. } => false,
            _ => self.announced.as_ref().is_some_and(|announced| {
                let age = self.shared.clock.now() - announced.at;
                age.to_std().is_ok_and(|age| age < OPEN_FOR)
            }),
        };
        self.announced.take().filter(|_| is_open)
    }

    /// Notices that somebody else has changed the count, and who. The watch may still show a count from before a change
    /// of our own, so the API server is asked.
    async fn notice_others(&mut self, observation: &mut Arc<Observation>) -> Option<(Intrusion, String)> {
        let seen = observation.current_replicas;
        // Who only watches, or leaves the workload to another autoscaler, has nobody in its way.
        let acts = self.leads() && !self.is_observing() && !self.was_blocked;
        let Some(expected) = self.expected.filter(|expected| *expected != seen && acts) else {
            self.expected = None;
            return None;
        };
        // Who it was is found out next time.
        let Written { replicas, by_us, writer } =
            self.shared.cluster.scaler.last_writer(&self.record.workload).await.ok()?;
        self.expected = None;
        if replicas != seen {
            Arc::make_mut(observation).current_replicas = replicas;
        }
        if replicas == expected || by_us {
            return None;
        }
        let rule = if self.rules.is_hpa() { OnConflict::Insist } else { self.rules.on_conflict };
        let intrusion = self.conflicts.intruded(expected, replicas, &writer, rule, self.shared.clock.now());
        Some((intrusion, writer))
    }

    /// The decision. Whether the nodes have room is looked at only when more replicas are wanted.
    fn decide(&self, observation: &mut Arc<Observation>) -> Arc<Decision> {
        let decide = |observation: &Arc<Observation>| {
            let begun = Stopwatch::start();
            let decision = decide(&self.rules, &self.state, observation.clone(), self.shared.clock.steady());
            self.shared.instruments.decided_in(begun.elapsed());
            Arc::new(decision)
        };
        let decision = decide(observation);
        if decision.direction() != Some(Direction::Up) || !self.rules.respects_capacity() {
            return decision;
        }
        let room = self.shared.cluster.index.room(&self.record.workload);
        if room == Room::NotAsked {
            return decision;
        }
        drop(decision);
        Arc::make_mut(observation).room = room;
        decide(observation)
    }

    async fn observe(&self) -> Result<(Arc<str>, Observation), Evaluated> {
        let namespace = &self.record.workload.namespace;
        // First what takes long, so that the picture of the workload is the latest.
        let (usage, gpus) = future::join(self.usage(), self.gpus()).await;
        let (uid, current_replicas, revision, pods) = match self.view().await {
            WorkloadView::Present { uid, replicas, revision, pods } => (uid, replicas, revision, pods),
            WorkloadView::Absent => return Err(Evaluated::WorkloadGone),
            WorkloadView::Unknown { error } => return Err(Evaluated::Blind { error }),
        };
        let usage_of = |pod: &str| usage.as_ref().ok().and_then(|table| table.get(namespace, pod)).cloned();
        let observed = |pod: Arc<Pod>| {
            let PodGpus { usage: gpus, gap: gpu_gap } = match &gpus {
                Ok(table) if pod.requests.gpus > 0 => table.find(namespace, &pod.name, pod.node.as_ref()),
                _ => PodGpus::default(),
            };
            ObservedPod { usage: usage_of(&pod.name), pod, gpus, gpu_gap }
        };
        let observation = Observation {
            at: self.shared.clock.now(),
            current_replicas,
            pods: pods.into_iter().map(observed).collect(),
            revision,
            // Nobody knows whose pods they were.
            strays: Vec::new(),
            resource_source: match &usage {
                Ok(table) => SourceState::Read { name: table.source },
                Err(error) => SourceState::Unavailable { error: error.to_string().into() },
            },
            gpu_source: gpus.map_or_else(|error| SourceState::Unavailable { error }, |table| table.source()),
            fallback: self.shared.fallback,
            room: Room::NotAsked,
            max_age: self.shared.max_age,
        };
        Ok((uid, observation))
    }

    /// What the watches know. They may hear of a workload a moment later than the client who created it, so a new
    /// autoscaler does not take its absence at face value.
    async fn view(&self) -> WorkloadView {
        let selection = if self.rules.is_hpa() { PodSelection::Selected } else { PodSelection::Owned };
        let look = || self.shared.cluster.index.view(&self.record.workload, selection);
        for _ in 0..LOOKS {
            let view = look();
            let is_new = self.shared.clock.now() - self.record.created_at < WATCH_LAG;
            if view != WorkloadView::Absent || !is_new {
                return view;
            }
            self.shared.clock.sleep(LOOK_AGAIN).await;
        }
        look()
    }

    async fn usage(&self) -> UsageResult {
        let Shared { shelf, clock, .. } = &*self.shared;
        if let Some(table) = shelf.get(&self.record.workload.namespace, clock.now()) {
            return Ok(table);
        }
        let ask = GetUsage { namespace: self.record.workload.namespace.clone() };
        match self.shared.usage.send(ask).timeout(USAGE_TIMEOUT).await {
            Ok(result) => result,
            Err(actix::MailboxError::Timeout) => Err(ClusterError::Timeout(USAGE_TIMEOUT)),
            Err(actix::MailboxError::Closed) => {
                Err(ClusterError::Unavailable("the metrics collector has ended".into()))
            }
        }
    }

    /// The exporters' table, or why there is none. Without a target for it nothing is asked.
    async fn gpus(&self) -> Result<Arc<GpuTable>, Arc<str>> {
        if !self.rules.targets.need_gpus() {
            return Err("not collected: neither target_gpu_percent nor target_gpu_memory_percent is set".into());
        }
        let asked = self.shared.gpus.send(GetGpus).timeout(USAGE_TIMEOUT).await;
        asked.map_err(|error| format!("the GPU collector does not answer: {error}").into())
    }
}
