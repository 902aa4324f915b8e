//! One autoscaler: its timer, its state, and what it shows of itself.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::brake::Brake;
use super::evaluation::{Action, Decided, Evaluated, Evaluation};
use super::events::{Event, EventKind, Journal};
use super::leadership::Leadership;
use super::messages::{Followed, GetGpus, GetUsage, IntentChanged, Lead, Settle, Stop};
use super::saving::{AFTER_CHANGE, AFTER_FAILURE, Saver, follow, status_of};
use super::snapshot::{AutoscalerRecord, ScaleTotals, Snapshot, Status};
use super::supervision::DeathNotice;
use super::timer::Timer;
use crate::clock::{Clock, Stopwatch};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Direction, Mode, ScalingRules};
use crate::domain::cause::{Cause, ScaleAction};
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::conflict::{Intrusion, Yielded};
use crate::domain::decision::{Decision, Outcome, State};
use crate::domain::decision_log::{Entry, LogBounds};
use crate::domain::gpu::Fallback;
use crate::domain::limits::{ScaleEvent, direction};
use crate::domain::reason::Reason;
use crate::domain::saved::{Announced, LastDecision, urgency};
use crate::instruments::{Instruments, LivingActor};
use crate::ports::announcer::{Announcement, Announcer};
use crate::ports::store::{AutoscalerStore, StoreError};
use crate::ports::{Cluster, ClusterError};

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

    fn tell_of_change(&self, record: &AutoscalerRecord, kind: EventKind, change: Option<(u32, u32)>, message: String) {
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

/// The actor.
pub(super) struct Autoscaler {
    record: Arc<AutoscalerRecord>,
    shared: Shared,
    timer: Timer,
    /// The next tick, when one is to come.
    next_tick: Option<SpawnHandle>,
    /// When the latest evaluation was due, by the clock that never jumps.
    due: Timestamp,
    /// The rules of the latest evaluation.
    rules: Arc<ScalingRules>,
    /// What the actor shows; the published one is a copy.
    snapshot: Snapshot,
    /// Whether its predecessor crashed and nothing has been evaluated since.
    crashed: bool,
    /// The failure that the log already tells of.
    reported: Option<String>,
    /// The generation of its object that it follows.
    generation: i64,
    /// The count that its workload has unless somebody else has changed it; `None` when that cannot be said.
    expected: Option<u32>,
    /// What it would do, and the leader has to.
    left_to_leader: Option<Arc<Decision>>,
    /// When its status was last written, by the clock that never jumps.
    saved_at: Option<Timestamp>,
    /// Writes its status, or waits to try that again.
    saving: Option<SpawnHandle>,
    /// Will write its status, if nothing is more urgent before.
    saving_later: Option<SpawnHandle>,
    /// Cancels the evaluation in hand, if there is one.
    evaluating: Option<CancellationToken>,
    /// Whether to evaluate at once when the evaluation in hand is finished.
    afresh: bool,
    /// Whether somebody wants it to try again, whoever it has left the workload to.
    forgiving: bool,
    /// Whether to end when the evaluation in hand is finished.
    stopping: bool,
    /// Whom to tell when the evaluation in hand is finished.
    waiting: Vec<oneshot::Sender<()>>,
    /// Dropped with the actor.
    _notice: DeathNotice,
    _alive: LivingActor,
}

impl Autoscaler {
    pub(super) fn new(record: Arc<AutoscalerRecord>, shared: Shared, notice: DeathNotice) -> Self {
        let timer = Timer::new(record.rules().interval.length(), phase_seed(&record.id));
        let mut snapshot = Snapshot::clone(&record.snapshot());
        if snapshot.announced.is_none() {
            // A predecessor that crashed may have announced a change.
            snapshot.announced = record.saved().and_then(|saved| saved.memory.announced.clone());
        }
        // A predecessor that crashed may have recommended by rules that were changed since.
        let by_last = snapshot.decision.as_ref().map(|decision| decision.rules.clone());
        let rules = by_last.unwrap_or_else(|| record.rules());
        let crashed = record.restarts() > 0;
        let due = shared.clock.steady();
        let alive = shared.instruments.actor();
        Self {
            record,
            shared,
            timer,
            next_tick: None,
            due,
            rules,
            snapshot,
            crashed,
            reported: None,
            generation: 0,
            expected: None,
            left_to_leader: None,
            saved_at: None,
            saving: None,
            saving_later: None,
            evaluating: None,
            afresh: false,
            forgiving: false,
            stopping: false,
            waiting: Vec::new(),
            _notice: notice,
            _alive: alive,
        }
    }

    fn tick(&mut self, due: Timestamp, context: &mut Context<Self>) {
        let now = self.shared.clock.steady();
        self.shared.instruments.ticked(self.shared.clock.real((now - due).to_std().unwrap_or_default()));
        let wait = self.timer.next_after(now);
        let next = now + wait;
        let next_tick =
            context.run_later(self.shared.clock.real(wait), move |autoscaler, context| autoscaler.tick(next, context));
        if let Some(superseded) = self.next_tick.replace(next_tick) {
            context.cancel_future(superseded);
        }
        if self.evaluating.is_some() {
            self.shared.instruments.left_out();
            log::warn!("{}: the last evaluation is still under way, so this one is left out", self.record.id);
            return;
        }
        self.due = due;
        let rules = self.record.rules();
        if !self.rules.recommend_like(&rules) {
            // What other rules recommended is no measure for these.
            self.snapshot.state.history = None;
        }
        self.rules = rules.clone();
        let cancel = self.record.deleted.child_token();
        self.evaluating = Some(cancel.clone());
        let evaluation = Evaluation {
            record: self.record.clone(),
            shared: self.shared.clone(),
            rules,
            generation: self.generation,
            term: self.shared.leadership.term(),
            written_by_others: self.record.written_by_others(),
            cancel,
            state: self.snapshot.state.clone(),
            uid: self.snapshot.uid.clone(),
            was_forbidden: self.snapshot.forbidden,
            was_blocked: self.is_blocked(),
            expected: self.expected,
            conflicts: self.snapshot.conflicts.clone(),
            announced: self.snapshot.announced.clone(),
        };
        let begun = Stopwatch::start();
        context.spawn(evaluation.run().into_actor(self).map(move |evaluated, autoscaler, context| {
            autoscaler.shared.instruments.evaluated(begun.elapsed());
            Self::finish(evaluated, autoscaler, context);
        }));
    }

    /// Evaluates now, and by the timer from then on; or not at all while paused.
    fn start_ticking(&mut self, context: &mut Context<Self>) {
        if let Some(next_tick) = self.next_tick.take() {
            context.cancel_future(next_tick);
        }
        self.generation = self.record.generation();
        self.expected = None;
        self.timer = Timer::new(self.record.rules().interval.length(), phase_seed(&self.record.id));
        if self.record.is_paused() {
            self.show_idle(
                Reason::Paused,
                "the autoscaler is paused; resume it to have the workload scaled again".into(),
            );
            return self.save_if_due(context);
        }
        if let Some(older) = self.record.shadowed_by() {
            let message = format!("the workload is scaled by {older}, which is older; delete one of the two");
            self.fail(message.clone());
            self.show_idle(Reason::ScaledByAnother, message);
            return self.save_if_due(context);
        }
        let is_idle = |condition: &Condition| matches!(condition.reason, Reason::Paused | Reason::ScaledByAnother);
        self.snapshot.conditions.retain(|condition| !is_idle(condition));
        self.record.publish(self.snapshot.clone());
        self.tick(self.shared.clock.steady(), context);
    }

    /// Shows why nothing is evaluated.
    fn show_idle(&mut self, reason: Reason, message: String) {
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message));
        self.record.publish(self.snapshot.clone());
    }

    fn finish(evaluated: Evaluated, autoscaler: &mut Self, context: &mut Context<Self>) {
        autoscaler.evaluating = None;
        let now = autoscaler.shared.clock.now();
        if !matches!(evaluated, Evaluated::Cancelled) && std::mem::take(&mut autoscaler.crashed) {
            autoscaler.succeed();
        }
        match evaluated {
            Evaluated::Cancelled => {}
            Evaluated::WorkloadGone => autoscaler.workload_gone(now),
            Evaluated::Blind { error } => autoscaler.blind(error, now),
            Evaluated::Decided(decided) => autoscaler.decided(*decided, now),
        }
        autoscaler.follow_leader();
        autoscaler.record.publish(autoscaler.snapshot.clone());
        autoscaler.settle(context);
        autoscaler.save_if_due(context);
    }

    /// Whether this replica says how the autoscaler stands. A standby repeats what the leader says, once that has said
    /// anything.
    fn judges(&self) -> bool {
        self.shared.leadership.is_ours() || self.record.saved().is_none()
    }

    /// A standby knows by itself what is to be decided; what was done, and whether it could be done, only the leader knows.
    fn follow_leader(&mut self) {
        if !self.shared.leadership.is_ours() {
            self.follow_saved();
        }
    }

    fn follow_saved(&mut self) {
        let Some(saved) = self.record.saved() else { return };
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
    fn follow_action(&mut self, action: ScaleAction, decided: Option<&LastDecision>) {
        self.record.timeline().act(action);
        self.snapshot.current_replicas = action.to;
        let message = decided.map(|decided| decided.message.clone());
        let message = message.unwrap_or_else(|| format!("{} -> {}", action.from, action.to));
        let change = (action.from, action.to);
        let is_same = |decision: &Arc<Decision>| (decision.current, decision.desired) == change;
        if let (Some(decision), Some(decided)) = (self.left_to_leader.take().filter(is_same), decided) {
            self.remember(Entry::new(decision, decided.outcome, decided.reason, message.clone()));
        }
        self.shared.tell_of_change(&self.record, EventKind::Scaled, Some(change), message);
    }

    /// Writes how the autoscaler stands, if that is worth a request, now or as soon as it may be written again.
    fn save_if_due(&mut self, context: &mut Context<Self>) {
        let Shared { saver, clock, leadership, .. } = &self.shared;
        if !saver.is_needed() || !leadership.is_ours() || self.saving.is_some() || self.record.is_deleted() {
            return;
        }
        if let Some(later) = self.saving_later.take() {
            context.cancel_future(later);
        }
        let next = status_of(&self.record, &self.snapshot, self.generation, clock, leadership.identity());
        let Some(urgency) = urgency(self.record.saved().as_deref(), &next, self.acts().as_deref()) else { return };
        let since = self.saved_at.map_or(Duration::MAX, |at| (clock.steady() - at).to_std().unwrap_or_default());
        let wait = urgency.spacing().saturating_sub(since);
        if !wait.is_zero() {
            self.saving_later = Some(self.save_after(wait, context));
            return;
        }
        self.saved_at = Some(clock.steady());
        let (saver, record) = (saver.clone(), self.record.clone());
        let saving = async move { saver.save(&record, next).await };
        self.saving = Some(context.spawn(saving.into_actor(self).map(|saved, autoscaler, context| {
            autoscaler.saving = None;
            match saved {
                // Something may have happened meanwhile.
                Ok(()) => autoscaler.save_if_due(context),
                Err(StoreError::Gone) => {}
                Err(StoreError::Changed) => autoscaler.saving = Some(autoscaler.save_after(AFTER_CHANGE, context)),
                Err(_) => autoscaler.saving = Some(autoscaler.save_after(AFTER_FAILURE, context)),
            }
        })));
    }

    /// Its rules, if it may act by them.
    fn acts(&self) -> Option<Arc<ScalingRules>> {
        let hindered = self.is_blocked() || self.snapshot.conflicts.yielded.is_some();
        let observes = self.rules.mode == Mode::Observe || self.shared.brake.mode() == Mode::Observe;
        (!hindered && !observes).then(|| self.rules.clone())
    }

    fn save_after(&self, wait: Duration, context: &mut Context<Self>) -> SpawnHandle {
        context.run_later(self.shared.clock.real(wait), |autoscaler, context| {
            autoscaler.saving = None;
            autoscaler.save_if_due(context);
        })
    }

    /// Tells the cluster's people, at the workload and at the autoscaler's object.
    fn announce(&self, warning: bool, reason: &'static str, note: String) {
        if !self.shared.leadership.is_ours() {
            return;
        }
        self.shared.announcer.announce(Announcement {
            workload: (self.record.workload.clone(), self.snapshot.uid.clone()),
            object: self.shared.saver.is_needed().then(|| self.record.object.clone()),
            warning,
            reason,
            action: "Scale",
            note,
        });
    }

    /// Does what had to wait for the evaluation in hand.
    fn settle(&mut self, context: &mut Context<Self>) {
        let waiting = std::mem::take(&mut self.waiting);
        for waiting in waiting {
            // Who has stopped waiting needs no answer.
            let _ = waiting.send(());
        }
        if self.stopping {
            context.stop();
        } else if std::mem::take(&mut self.afresh) {
            if std::mem::take(&mut self.forgiving) {
                self.snapshot.conflicts.forget();
            }
            self.start_ticking(context);
        }
    }

    /// Completes when the evaluation in hand is finished and what follows from that is done.
    fn settled(&mut self, context: &mut Context<Self>) -> ResponseFuture<()> {
        let (confirm, confirmed) = oneshot::channel();
        self.waiting.push(confirm);
        if self.evaluating.is_none() {
            self.settle(context);
        }
        Box::pin(async move {
            // An actor that dies instead of confirming does nothing more either.
            let _ = confirmed.await;
        })
    }

    fn workload_gone(&mut self, now: Timestamp) {
        let workload = &self.record.workload;
        if !self.rules.is_hpa() {
            // A workload that comes back is another one: nothing that was recommended for this one holds for it. (The HPA
            // remembers by the name.)
            self.snapshot.state = State::default();
        }
        let message = format!("{} \"{}\" not found", workload.kind.lowercase(), workload.name);
        self.nothing_known(now, Reason::FailedGetScale, message.clone());
        self.fail(message);
    }

    fn blind(&mut self, error: String, now: Timestamp) {
        self.nothing_known(now, Reason::FailedGetPods, error);
    }

    /// Shows that no decision can be made; the count stays the last known one.
    fn nothing_known(&mut self, now: Timestamp, reason: Reason, message: String) {
        let snapshot = &mut self.snapshot;
        snapshot.updated_at = Some(now);
        snapshot.decision = None;
        snapshot.desired_replicas = snapshot.current_replicas;
        snapshot.conditions = vec![
            Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()),
            Condition::new(ConditionKind::ScalingActive, false, reason, message.clone()),
        ];
        self.remember(Entry::undecided(now, reason, message));
    }

    fn remember(&self, entry: Entry) {
        self.shared.instruments.decided(entry.outcome, entry.reason);
        self.record.decided(entry);
    }

    fn decided(&mut self, decided: Decided, now: Timestamp) {
        let Decided { decision, state, uid, action, conflicts, intrusion, made, announced, expected } = decided;
        self.snapshot.uid = Some(uid);
        self.snapshot.updated_at = Some(now);
        self.snapshot.state = state;
        self.snapshot.current_replicas = decision.current;
        self.snapshot.desired_replicas = decision.desired;
        self.snapshot.conditions = decision.conditions.to_vec();
        let had_yielded = self.snapshot.conflicts.yielded.is_some();
        self.snapshot.conflicts = conflicts;
        self.expected = Some(expected);
        self.snapshot.announced = announced;
        if let Some(made) = made {
            self.count_made(&made);
        }
        if let Some((intrusion, writer)) = intrusion {
            self.tell_of_intrusion(intrusion, &writer, had_yielded);
        }
        let (verdict, reason, message) = match action {
            Action::Untried => (decision.outcome, decision.reason, decision.sentence()),
            Action::None => {
                self.works();
                (decision.outcome, decision.reason, decision.sentence())
            }
            Action::Observed => self.not_done(&decision, Reason::ObserveOnly, "only observed, not done"),
            // The log is to tell what was done, and by whom does not matter.
            Action::Standby if self.shared.leadership.is_led_by_another() => {
                self.record.saw(now, &decision, self.snapshot.current_replicas);
                self.left_to_leader = Some(decision.clone());
                self.snapshot.decision = Some(decision);
                return;
            }
            Action::Standby => {
                let why = self.shared.leadership.why_not();
                self.not_done(&decision, Reason::NotLeading, &format!("not done, because {why}"))
            }
            Action::Yielded => self.yielded(),
            Action::Blocked { by } => self.blocked(&by),
            Action::ObjectChanged => {
                let why = "not done, because the autoscaler's object was changed meanwhile";
                self.not_done(&decision, Reason::ObjectChanged, why)
            }
            Action::Scaled { at } => {
                self.works();
                self.scaled(&decision, at)
            }
            Action::ReadFailed(error) => self.could_not_scale(Reason::FailedGetScale, &error),
            Action::ChangeFailed(error) => self.could_not_scale(Reason::FailedUpdateScale, &error),
        };
        self.record.saw(now, &decision, self.snapshot.current_replicas);
        self.remember(Entry::new(decision.clone(), verdict, reason, message));
        self.snapshot.decision = Some(decision);
    }

    /// Counts the change that the last leader announced, and made before it could say so.
    fn count_made(&mut self, made: &Announced) {
        let Some(direction) = direction(made.from, made.to) else { return };
        let action = ScaleAction { at: made.at, from: made.from, to: made.to, cause: None };
        self.snapshot.count_scale(direction, action);
        self.shared.totals.add(direction, 1);
        self.record.timeline().act(action);
        let sentence = format!("{} -> {}: announced before, and made without an answer", made.from, made.to);
        log::info!("{}: scaled {} {sentence} (decision {})", self.record.id, self.record.workload, made.decision_id);
        self.shared.tell_of_change(&self.record, EventKind::Scaled, Some((made.from, made.to)), sentence);
    }

    /// Tells that somebody else has changed the count.
    fn tell_of_intrusion(&mut self, intrusion: Intrusion, writer: &str, had_yielded: bool) {
        let Intrusion { from, to, reverses } = intrusion;
        let how = if reverses { ", against the last change that was made here" } else { "" };
        let note = format!("{writer} changed the replicas from {from} to {to}{how}");
        log::info!("{}: {}: {note}", self.record.id, self.record.workload);
        self.shared.tell_of_change(&self.record, EventKind::Conflict, Some((from, to)), note.clone());
        self.announce(reverses, "ReplicasChanged", note);
        if let Some(yielded) = self.snapshot.conflicts.yielded.as_ref().filter(|_| !had_yielded) {
            self.announce(true, "Yielded", yielded.sentence());
        }
    }

    /// The workload is left to somebody else.
    fn yielded(&mut self) -> (Outcome, Reason, String) {
        let message = self.snapshot.conflicts.yielded.as_ref().map(Yielded::sentence).unwrap_or_default();
        self.leave(Reason::YieldedToAnother, message)
    }

    /// Another autoscaler of the cluster scales the workload.
    fn blocked(&mut self, by: &str) -> (Outcome, Reason, String) {
        let message = format!("{} is already scaled by {by}; remove that first", self.record.workload);
        self.leave(Reason::ScaledByAnother, message)
    }

    fn leave(&mut self, reason: Reason, message: String) -> (Outcome, Reason, String) {
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()));
        if reason == Reason::YieldedToAnother && self.judges() {
            // People have been told that it yielded.
            self.reported = Some(message.clone());
        }
        self.fail(message.clone());
        (Outcome::Held, reason, message)
    }

    fn is_blocked(&self) -> bool {
        self.snapshot.conditions.iter().any(|condition| condition.reason == Reason::ScaledByAnother)
    }

    /// What was decided is not done, which is no failure.
    fn not_done(&mut self, decision: &Decision, reason: Reason, why: &str) -> (Outcome, Reason, String) {
        let message = format!("{why}: {}", decision.sentence());
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()));
        (Outcome::Observed, reason, message)
    }

    fn scaled(&mut self, decision: &Decision, at: Timestamp) -> (Outcome, Reason, String) {
        let sentence = decision.sentence();
        let verdict = match decision.direction() {
            Some(direction) => {
                let change = decision.desired.abs_diff(decision.current);
                let event = ScaleEvent { at: self.dated(), direction, change };
                self.snapshot.state.events.record(&decision.rules, event);
                let (from, to) = (decision.current, decision.desired);
                let action = ScaleAction { at, from, to, cause: Cause::of(decision) };
                self.snapshot.count_scale(direction, action);
                self.record.timeline().act(action);
                self.shared.totals.add(direction, 1);
                self.snapshot.conflicts.scaled(from, to);
                match direction {
                    Direction::Up => Outcome::ScaleUp,
                    Direction::Down => Outcome::ScaleDown,
                }
            }
            None => Outcome::NoChange,
        };
        self.snapshot.current_replicas = decision.desired;
        self.expected = Some(decision.desired);
        self.replace_able(Condition::new(
            ConditionKind::AbleToScale,
            true,
            Reason::SucceededRescale,
            format!("the workload was scaled from {} to {}", decision.current, decision.desired),
        ));
        log::info!("{}: scaled {} {sentence}", self.record.id, self.record.workload);
        let change = (decision.current, decision.desired);
        self.shared.tell_of_change(&self.record, EventKind::Scaled, Some(change), sentence.clone());
        self.announce(false, "SuccessfulRescale", sentence.clone());
        let is_free = decision.reason == Reason::DesiredWithinRange;
        (verdict, if is_free { Reason::SucceededRescale } else { decision.reason }, sentence)
    }

    /// The time of a change that has just been made. It is that of its tick, so that a period of as many seconds as the
    /// interval is over at the next one; unless the change took so long that the next one is near.
    fn dated(&self) -> Timestamp {
        let now = self.shared.clock.steady();
        let took_long = (now - self.due).to_std().is_ok_and(|took| took > self.rules.interval.length() / 2);
        if took_long { now } else { self.due }
    }

    fn could_not_scale(&mut self, reason: Reason, error: &ClusterError) -> (Outcome, Reason, String) {
        let workload = &self.record.workload;
        let verb = if reason == Reason::FailedGetScale { "read" } else { "change" };
        let message = format!("failed to {verb} the scale of {workload}: {error}");
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()));
        self.report(&message);
        match error {
            ClusterError::Forbidden(_) => {
                self.snapshot.forbidden = true;
                self.fail(message.clone());
            }
            ClusterError::NotFound(_) => self.fail(message.clone()),
            // Passes by itself. The workload exists, and unless scaling it was forbidden, nothing is known against it.
            _ if self.snapshot.forbidden => {}
            _ => self.recover(),
        }
        (Outcome::Failed, reason, message)
    }

    fn replace_able(&mut self, able: Condition) {
        self.snapshot.conditions.retain(|condition| condition.kind != ConditionKind::AbleToScale);
        self.snapshot.conditions.insert(0, able);
    }

    fn fail(&mut self, message: String) {
        if !self.judges() {
            return;
        }
        self.report(&message);
        if self.snapshot.status != Status::Failed {
            self.shared.tell(&self.record, EventKind::Failed, message.clone());
        }
        self.snapshot.status = Status::Failed;
        self.snapshot.failure = Some(message);
    }

    /// Logs a failure once, and not at each evaluation while it lasts.
    fn report(&mut self, message: &str) {
        if self.reported.as_deref() != Some(message) {
            log::warn!("{}: {}: {message}", self.record.id, self.record.workload);
            self.reported = Some(message.to_owned());
            self.announce(true, "FailedRescale", message.to_owned());
        }
    }

    /// Nothing stands in the way of scaling.
    fn works(&mut self) {
        if self.reported.take().is_some() {
            log::info!("{}: {} can be scaled again", self.record.id, self.record.workload);
            self.announce(false, "Recovered", "the workload can be scaled again".to_owned());
        }
        self.recover();
    }

    fn recover(&mut self) {
        self.snapshot.forbidden = false;
        self.succeed();
    }

    /// Its failure, if there was one, is over.
    fn succeed(&mut self) {
        if !self.judges() {
            return;
        }
        if self.snapshot.status == Status::Failed {
            self.shared.tell(&self.record, EventKind::Recovered, "the workload is scaled again");
        }
        self.snapshot.failure = None;
        self.snapshot.status = Status::Active;
    }
}

impl Actor for Autoscaler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.start_ticking(context);
    }
}

impl Handler<Stop> for Autoscaler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, context: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        self.settled(context)
    }
}

impl Handler<IntentChanged> for Autoscaler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: IntentChanged, context: &mut Self::Context) -> Self::Result {
        if let Some(evaluating) = &self.evaluating {
            evaluating.cancel();
        }
        self.afresh = true;
        self.forgiving = true;
        self.settled(context)
    }
}

impl Handler<Lead> for Autoscaler {
    type Result = ();

    fn handle(&mut self, _: Lead, context: &mut Self::Context) {
        self.expected = None;
        // What the last leader wrote last may be news, which an evaluation in hand does not know.
        self.follow_saved();
        if let Some(evaluating) = &self.evaluating {
            evaluating.cancel();
        }
        self.afresh = true;
        if self.evaluating.is_none() {
            self.settle(context);
        }
    }
}

impl Handler<Followed> for Autoscaler {
    type Result = ();

    fn handle(&mut self, _: Followed, _: &mut Self::Context) {
        self.follow_leader();
        if !self.shared.leadership.is_ours() {
            self.record.publish(self.snapshot.clone());
        }
    }
}

impl Handler<Settle> for Autoscaler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Settle, context: &mut Self::Context) -> Self::Result {
        if self.afresh || !Arc::ptr_eq(&self.rules, &self.record.rules()) {
            return self.settled(context);
        }
        Box::pin(async {})
    }
}

/// The same for the same id, different for different ones.
fn phase_seed(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
