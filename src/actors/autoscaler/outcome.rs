//! What became of an evaluation, and whom it is told.

use super::super::evaluation::{Action, Decided};
use super::super::events::EventKind;
use super::super::snapshot::Status;
use super::Autoscaler;
use crate::domain::Timestamp;
use crate::domain::autoscaler::Direction;
use crate::domain::cause::{Cause, ScaleAction};
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::conflict::{Intrusion, Yielded};
use crate::domain::decision::{Decision, Outcome, State};
use crate::domain::decision_log::Entry;
use crate::domain::limits::{ScaleEvent, direction};
use crate::domain::reason::Reason;
use crate::domain::saved::Announced;
use crate::ports::ClusterError;
use crate::ports::announcer::Announcement;

/// What came of a decision, why, and what is to be said instead of what it says of itself.
type Said = (Outcome, Reason, Option<String>);

impl Autoscaler {
    pub(super) fn workload_gone(&mut self, now: Timestamp) {
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

    pub(super) fn blind(&mut self, error: String, now: Timestamp) {
        self.nothing_known(now, Reason::FailedGetPods, error);
    }

    /// Shows that no decision can be made; the count stays the last known one.
    pub(super) fn nothing_known(&mut self, now: Timestamp, reason: Reason, message: String) {
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

    pub(super) fn remember(&self, entry: Entry) {
        let entry = Entry { rules_by: self.record.rules_by(), ..entry };
        self.shared.instruments.decided(entry.outcome, entry.reason);
        self.record.decided(entry);
    }

    pub(super) fn decided(&mut self, decided: Decided, now: Timestamp) {
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
        let (verdict, reason, instead) = match action {
            Action::Untried => (decision.outcome, decision.reason, None),
            Action::None => {
                self.works();
                (decision.outcome, decision.reason, None)
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
        self.remember(Entry::new(decision.clone(), verdict, reason, instead));
        self.snapshot.decision = Some(decision);
    }

    /// Counts a change that was announced before, by the last leader or by this one, and was made without an answer.
    pub(super) fn count_made(&mut self, made: &Announced) {
        let Some(direction) = direction(made.from, made.to) else { return };
        let action = ScaleAction { at: made.at, from: made.from, to: made.to, cause: None };
        self.count(direction, action);
        let sentence = format!("{} -> {}: announced before, and made without an answer", made.from, made.to);
        log::info!("{}: scaled {} {sentence} (decision {})", self.record.id, self.record.workload, made.decision_id);
        self.shared.tell_of_change(&self.record, EventKind::Scaled, Some((made.from, made.to)), sentence);
    }

    /// Counts a change of the workload's replicas wherever such changes are counted.
    fn count(&mut self, direction: Direction, action: ScaleAction) {
        self.snapshot.count_scale(direction, action);
        self.record.timeline().act(action);
        self.shared.totals.add(direction, 1);
    }

    /// Tells that somebody else has changed the count.
    pub(super) fn tell_of_intrusion(&mut self, intrusion: Intrusion, writer: &str, had_yielded: bool) {
        let Intrusion { from, to, reverses } = intrusion;
        let how = if reverses { ", against the last change that was made here" } else { "" };
        let note = format!("{writer} changed the replicas from {from} to {to}{how}");
        log::info!("{}: {}: {note}", self.record.id, self.record.workload);
        self.shared.tell_of_change(&self.record, EventKind::Conflict, Some((from, to)), note.clone());
        self.tell_people(reverses, "ReplicasChanged", note);
        if let Some(yielded) = self.snapshot.conflicts.yielded.as_ref().filter(|_| !had_yielded) {
            self.tell_people(true, "Yielded", yielded.sentence());
        }
    }

    /// The workload is left to somebody else.
    pub(super) fn yielded(&mut self) -> Said {
        let message = self.snapshot.conflicts.yielded.as_ref().map(Yielded::sentence).unwrap_or_default();
        self.leave(Reason::YieldedToAnother, message)
    }

    /// Another autoscaler of the cluster scales the workload.
    pub(super) fn blocked(&mut self, by: &str) -> Said {
        let message = format!("{} is already scaled by {by}; remove that first", self.record.workload);
        self.leave(Reason::ScaledByAnother, message)
    }

    pub(super) fn leave(&mut self, reason: Reason, message: String) -> Said {
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()));
        if reason == Reason::YieldedToAnother && self.judges() {
            // People have been told that it yielded.
            self.reported = Some(message.clone());
        }
        self.fail(message.clone());
        (Outcome::Held, reason, Some(message))
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.snapshot.conditions.iter().any(|condition| condition.reason == Reason::ScaledByAnother)
    }

    /// What was decided is not done, which is no failure.
    pub(super) fn not_done(&mut self, decision: &Decision, reason: Reason, why: &str) -> Said {
        let message = format!("{why}: {}", decision.sentence());
        self.replace_able(Condition::new(ConditionKind::AbleToScale, false, reason, message.clone()));
        (Outcome::Observed, reason, Some(message))
    }

    pub(super) fn scaled(&mut self, decision: &Decision, at: Timestamp) -> Said {
        let sentence = decision.sentence();
        let verdict = match decision.direction() {
            Some(direction) => {
                let change = decision.desired.abs_diff(decision.current);
                let event = ScaleEvent { at: self.dated(), direction, change };
                self.snapshot.state.events.record(&decision.rules, event);
                let (from, to) = (decision.current, decision.desired);
                let action = ScaleAction { at, from, to, cause: Cause::of(decision) };
                self.count(direction, action);
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
        self.tell_people(false, "SuccessfulRescale", sentence);
        let is_free = decision.reason == Reason::DesiredWithinRange;
        (verdict, if is_free { Reason::SucceededRescale } else { decision.reason }, None)
    }

    /// The time of a change that has just been made. It is that of its tick, so that a period of as many seconds as the
    /// interval is over at the next one; unless the change took so long that the next one is near.
    pub(super) fn dated(&self) -> Timestamp {
        let now = self.shared.clock.steady();
        let took_long = (now - self.due).to_std().is_ok_and(|took| took > self.rules.interval.length() / 2);
        if took_long { now } else { self.due }
    }

    pub(super) fn could_not_scale(&mut self, reason: Reason, error: &ClusterError) -> Said {
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
        (Outcome::Failed, reason, Some(message))
    }

    pub(super) fn replace_able(&mut self, able: Condition) {
        self.snapshot.conditions.retain(|condition| condition.kind != ConditionKind::AbleToScale);
        self.snapshot.conditions.insert(0, able);
    }

    pub(super) fn fail(&mut self, message: String) {
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
    pub(super) fn report(&mut self, message: &str) {
        if self.reported.as_deref() != Some(message) {
            log::warn!("{}: {}: {message}", self.record.id, self.record.workload);
            self.reported = Some(message.to_owned());
            self.tell_people(true, "FailedRescale", message.to_owned());
        }
    }

    /// Nothing stands in the way of scaling.
    pub(super) fn works(&mut self) {
        if self.reported.take().is_some() {
            log::info!("{}: {} can be scaled again", self.record.id, self.record.workload);
            self.tell_people(false, "Recovered", "the workload can be scaled again".to_owned());
        }
        self.recover();
    }

    pub(super) fn recover(&mut self) {
        self.snapshot.forbidden = false;
        self.succeed();
    }

    /// Its failure, if there was one, is over.
    pub(super) fn succeed(&mut self) {
        if !self.judges() {
            return;
        }
        if self.snapshot.status == Status::Failed {
            self.shared.tell(&self.record, EventKind::Recovered, "the workload is scaled again");
        }
        self.snapshot.failure = None;
        self.snapshot.status = Status::Active;
    }

    /// Tells the cluster's people, at the workload and at the autoscaler's object.
    fn tell_people(&self, warning: bool, reason: &'static str, note: String) {
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
}
