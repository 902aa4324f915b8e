//! One autoscaler: its timer, its state, and what it shows of itself.

mod changes;
mod outcome;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::prelude::*;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::evaluation::{Evaluated, Evaluation};
use super::later::Later;
use super::messages::{Followed, IntentChanged, Lead, Settle, Stop};
use super::shared::Shared;
use super::snapshot::{AutoscalerRecord, Snapshot};
use super::subscribers::Subscription;
use super::supervision::DeathNotice;
use super::timer::Timer;
use crate::clock::Stopwatch;
use crate::domain::Timestamp;
use crate::domain::autoscaler::ScalingRules;
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::decision::Decision;
use crate::domain::reason::Reason;
use crate::instruments::LivingActor;

/// The actor.
pub(super) struct Autoscaler {
    record: Arc<AutoscalerRecord>,
    shared: Arc<Shared>,
    timer: Timer,
    /// The next tick, when one is to come.
    next_tick: Option<Later>,
    /// When the latest evaluation was due, by the clock that never jumps.
    due: Timestamp,
    /// Has the collectors tell it when its readings change.
    subscription: Option<Subscription>,
    /// When it was last evaluated because they had, by the clock that never jumps.
    changed_at: Option<Timestamp>,
    /// Will evaluate because they have, when that may be.
    changed_later: Option<Later>,
    /// Whether the evaluation in hand began because they had, and no tick has fallen into it yet.
    by_change: bool,
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
    /// Since when it is not written because others act.
    put_off_at: Option<Timestamp>,
    /// Whether it writes its status, or waits to try that again.
    saving: bool,
    /// Will write its status, if nothing is more urgent before.
    saving_later: Option<Later>,
    /// Cancels the evaluation in hand, if there is one.
    evaluating: Option<CancellationToken>,
    /// Whether the evaluation in hand waits for its turn to change something.
    queued: Arc<AtomicBool>,
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
    pub(super) fn new(record: Arc<AutoscalerRecord>, shared: Arc<Shared>, notice: DeathNotice) -> Self {
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
            subscription: None,
            changed_at: None,
            changed_later: None,
            by_change: false,
            rules,
            snapshot,
            crashed,
            reported: None,
            generation: 0,
            expected: None,
            left_to_leader: None,
            saved_at: None,
            put_off_at: None,
            saving: false,
            saving_later: None,
            evaluating: None,
            queued: Arc::default(),
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
        let next_tick = Later::after(self.shared.clock.real(wait), context, move |autoscaler: &mut Self, context| {
            autoscaler.tick(next, context);
        });
        if let Some(superseded) = self.next_tick.replace(next_tick) {
            superseded.cancel(context);
        }
        if self.evaluating.is_some() && self.by_change {
            // It looks at what this one would.
            self.by_change = false;
            return;
        }
        if self.evaluating.is_some() {
            self.shared.instruments.left_out();
            if self.queued.load(Ordering::Relaxed) {
                return;
            }
            log::warn!("{}: the last evaluation is still under way, so this one is left out", self.record.id);
            return;
        }
        self.evaluate(due, context);
    }

    /// Looks at the workload now, which was due at `due`. No evaluation may be in hand.
    fn evaluate(&mut self, due: Timestamp, context: &mut Context<Self>) {
        self.has_seen_changes(context);
        self.by_change = false;
        self.due = due;
        let rules = self.record.rules();
        if !self.rules.recommend_like(&rules) {
            // What other rules recommended is no measure for these.
            self.snapshot.state.history = None;
        }
        self.rules = rules.clone();
        let cancel = self.record.deleted.child_token();
        self.evaluating = Some(cancel.clone());
        self.queued.store(false, Ordering::Relaxed);
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
            queued: self.queued.clone(),
        };
        let begun = Stopwatch::start();
        // Boxed before it is handed on: it is large.
        context.spawn(Box::pin(evaluation.run()).into_actor(self).map(move |evaluated, autoscaler, context| {
            autoscaler.shared.instruments.evaluated(begun.elapsed());
            Self::finish(evaluated, autoscaler, context);
        }));
    }

    /// Evaluates now, and by the timer from then on; or not at all while paused.
    fn start_ticking(&mut self, context: &mut Context<Self>) {
        if let Some(next_tick) = self.next_tick.take() {
            next_tick.cancel(context);
        }
        self.generation = self.record.generation();
        self.expected = None;
        self.timer = Timer::new(self.record.rules().interval.length(), phase_seed(&self.record.id));
        self.subscription = None;
        self.has_seen_changes(context);
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
        self.subscribe_to_readings(context);
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
