//! One autoscaler: its timer, its state, and what it shows of itself.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::evaluation::{Action, Evaluation, Outcome};
use super::messages::{GetUsage, Stop};
use super::snapshot::{AutoscalerRecord, ScaleTotals, Snapshot, Status};
use super::supervision::DeathNotice;
use super::timer::Timer;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::decision::{Condition, ConditionKind, Decision, Reason, State};
use crate::domain::limits::ScaleEvent;
use crate::ports::{Cluster, ClusterError};

/// What all autoscalers share.
#[derive(Clone)]
pub struct Shared {
    /// The cluster.
    pub cluster: Cluster,
    /// The collector for CPU and memory.
    pub usage: Recipient<GetUsage>,
    /// The clock.
    pub clock: Clock,
    /// A reading older than this is unknown.
    pub max_age: Duration,
    /// Counts every scale operation.
    pub totals: Arc<ScaleTotals>,
}

/// The actor.
pub(super) struct Autoscaler {
    record: Arc<AutoscalerRecord>,
    shared: Shared,
    timer: Timer,
    /// What the actor shows; the published one is a copy.
    snapshot: Snapshot,
    /// Whether its predecessor crashed and nothing has been evaluated since.
    crashed: bool,
    /// The failure that the log already tells of.
    reported: Option<String>,
    evaluating: bool,
    /// When the latest evaluation began.
    began_at: Timestamp,
    /// Whom to tell when the evaluation in hand is finished.
    stopping: Vec<oneshot::Sender<()>>,
    /// Dropped with the actor.
    _notice: DeathNotice,
}

impl Autoscaler {
    pub(super) fn new(record: Arc<AutoscalerRecord>, shared: Shared, notice: DeathNotice) -> Self {
        let timer = Timer::new(record.spec.rules.interval.length(), phase_seed(&record.id));
        let snapshot = Snapshot::clone(&record.snapshot());
        let crashed = record.restarts() > 0;
        let began_at = shared.clock.now();
        Self {
            record,
            shared,
            timer,
            snapshot,
            crashed,
            reported: None,
            evaluating: false,
            began_at,
            stopping: Vec::new(),
            _notice: notice,
        }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let now = self.shared.clock.now();
        let wait = self.timer.next_after(now);
        context.run_later(self.shared.clock.real(wait), Self::tick);
        if self.evaluating {
            log::warn!("{}: the last evaluation is still under way, so this one is left out", self.record.id);
            return;
        }
        self.evaluating = true;
        self.began_at = now;
        let evaluation = Evaluation {
            record: self.record.clone(),
            state: self.snapshot.state.clone(),
            uid: self.snapshot.uid.clone(),
            cluster: self.shared.cluster.clone(),
            usage: self.shared.usage.clone(),
            clock: self.shared.clock,
            max_age: self.shared.max_age,
            was_forbidden: self.snapshot.forbidden,
        };
        context.spawn(evaluation.run().into_actor(self).map(Self::finish));
    }

    fn finish(outcome: Outcome, autoscaler: &mut Self, context: &mut Context<Self>) {
        autoscaler.evaluating = false;
        let now = autoscaler.shared.clock.now();
        if !matches!(outcome, Outcome::Cancelled) && std::mem::take(&mut autoscaler.crashed) {
            autoscaler.snapshot.status = Status::Active;
            autoscaler.snapshot.failure = None;
        }
        match outcome {
            Outcome::Cancelled => {}
            Outcome::WorkloadGone => autoscaler.workload_gone(now),
            Outcome::Blind { error } => autoscaler.blind(&error, now),
            Outcome::Decided { decision, state, uid, action } => {
                autoscaler.snapshot.uid = Some(uid);
                autoscaler.decided(decision, state, action, now);
            }
        }
        autoscaler.record.publish(autoscaler.snapshot.clone());
        if !autoscaler.stopping.is_empty() {
            autoscaler.confirm_stop(context);
        }
    }

    fn workload_gone(&mut self, now: Timestamp) {
        let workload = &self.record.spec.workload;
        // A workload that comes back is another one: nothing that was recommended for this one holds for it.
        self.snapshot.state = State::default();
        let message = format!("{} \"{}\" not found", workload.kind.lowercase(), workload.name);
        self.nothing_known(now, Reason::FailedGetScale, &message);
        self.fail(message);
    }

    fn blind(&mut self, error: &str, now: Timestamp) {
        self.nothing_known(now, Reason::FailedGetPods, error);
    }

    /// Shows that no decision can be made; the count stays the last known one.
    fn nothing_known(&mut self, now: Timestamp, reason: Reason, message: &str) {
        let snapshot = &mut self.snapshot;
        snapshot.updated_at = Some(now);
        snapshot.decision = None;
        snapshot.desired_replicas = snapshot.current_replicas;
        snapshot.conditions = vec![
            Condition::new(ConditionKind::AbleToScale, false, reason, message),
            Condition::new(ConditionKind::ScalingActive, false, reason, message),
        ];
    }

    fn decided(&mut self, decision: Arc<Decision>, state: State, action: Action, now: Timestamp) {
        self.snapshot.updated_at = Some(now);
        self.snapshot.state = state;
        self.snapshot.current_replicas = decision.current;
        self.snapshot.desired_replicas = decision.desired;
        self.snapshot.conditions = decision.conditions.to_vec();
        match action {
            Action::None => self.works(),
            Action::Scaled { at } => {
                self.works();
                self.scaled(&decision, at);
            }
            Action::ReadFailed(error) => self.could_not_scale(Reason::FailedGetScale, &error),
            Action::ChangeFailed(error) => self.could_not_scale(Reason::FailedUpdateScale, &error),
        }
        self.snapshot.decision = Some(decision);
    }

    fn scaled(&mut self, decision: &Decision, at: Timestamp) {
        let Some(direction) = decision.direction() else { return };
        let change = decision.desired.abs_diff(decision.current);
        // Dated by the beginning of its evaluation: however slow the cluster is, the next decision is an interval away.
        self.snapshot.state.events.record(ScaleEvent { at: self.began_at, direction, change });
        self.snapshot.count_scale(direction, at);
        self.shared.totals.count(direction);
        self.snapshot.current_replicas = decision.desired;
        self.replace_able(Condition::new(
            ConditionKind::AbleToScale,
            true,
            Reason::SucceededRescale,
            format!("the workload was scaled from {} to {}", decision.current, decision.desired),
        ));
        log::info!("{}: scaled {} {}", self.record.id, self.record.spec.workload, decision.sentence());
    }

    fn could_not_scale(&mut self, reason: Reason, error: &ClusterError) {
        let workload = &self.record.spec.workload;
        let verb = if reason == Reason::FailedGetScale { "read" } else { "change" };
        let message = format!("failed to {verb} the scale of {workload}: {error}");
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()));
        self.report(&message);
        match error {
            ClusterError::Forbidden(_) => {
                self.snapshot.forbidden = true;
                self.fail(message);
            }
            ClusterError::NotFound(_) => self.fail(message),
            // Passes by itself. The workload exists, and unless scaling it was forbidden, nothing is known against it.
            _ if self.snapshot.forbidden => {}
            _ => self.recover(),
        }
    }

    fn replace_able(&mut self, able: Condition) {
        self.snapshot.conditions.retain(|condition| condition.kind != ConditionKind::AbleToScale);
        self.snapshot.conditions.insert(0, able);
    }

    fn fail(&mut self, message: String) {
        self.report(&message);
        self.snapshot.status = Status::Failed;
        self.snapshot.failure = Some(message);
    }

    /// Logs a failure once, and not at each evaluation while it lasts.
    fn report(&mut self, message: &str) {
        if self.reported.as_deref() != Some(message) {
            log::warn!("{}: {}: {message}", self.record.id, self.record.spec.workload);
            self.reported = Some(message.to_owned());
        }
    }

    /// Nothing stands in the way of scaling.
    fn works(&mut self) {
        if self.reported.take().is_some() {
            log::info!("{}: {} can be scaled again", self.record.id, self.record.spec.workload);
        }
        self.recover();
    }

    fn recover(&mut self) {
        self.snapshot.forbidden = false;
        self.snapshot.failure = None;
        self.snapshot.status = Status::Active;
    }

    fn confirm_stop(&mut self, context: &mut Context<Self>) {
        for waiting in self.stopping.drain(..) {
            // Who has stopped waiting needs no answer.
            let _ = waiting.send(());
        }
        context.stop();
    }
}

impl Actor for Autoscaler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.tick(context);
    }
}

impl Handler<Stop> for Autoscaler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, context: &mut Self::Context) -> Self::Result {
        let (confirm, confirmed) = oneshot::channel();
        self.stopping.push(confirm);
        if !self.evaluating {
            self.confirm_stop(context);
        }
        Box::pin(async move {
            // An actor that dies instead of confirming does nothing more either.
            let _ = confirmed.await;
        })
    }
}

/// The same for the same id, different for different ones.
fn phase_seed(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
