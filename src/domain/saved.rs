//! What an autoscaler's object says of it: what people see, and what a restarted service goes on from.
//!
//! Writing it costs a request, so it is written only when a person would see a difference, or when a restart would
//! otherwise forget something that matters.

use std::sync::Arc;
use std::time::Duration;

use super::Timestamp;
use super::autoscaler::{Metric, ScalingRules, SelectPolicy, TargetPercent};
use super::cause::ScaleAction;
use super::condition::Condition;
use super::conflict::Conflicts;
use super::decision::{Outcome, State};
use super::limits::{ScaleEvent, ScaleEvents, direction};
use super::reason::Reason;
use super::stabilization::{History, Run};
use super::status::Status;

/// The status of an autoscaler's object. All times are those of the wall clock.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedStatus {
    /// The generation of the object's spec that it follows.
    pub observed_generation: i64,
    /// What people see.
    pub shown: Shown,
    /// What the next decisions build on.
    pub memory: Memory,
}

/// What people see of an autoscaler.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its status.
    pub status: Status,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// The workload's `spec.replicas`.
    pub current_replicas: u32,
    /// Where the last decision wanted to go.
    pub desired_replicas: u32,
    /// The metrics that have a target.
    pub metrics: Vec<ShownMetric>,
    /// The conditions, each with the time since when it has been as it is.
    pub conditions: Vec<(Condition, Timestamp)>,
    /// How often it scaled up.
    pub scale_up_count: u64,
    /// How often it scaled down.
    pub scale_down_count: u64,
    /// How it last scaled its workload.
    pub last_action: Option<ScaleAction>,
    /// What it decided last.
    pub last_decision: Option<LastDecision>,
}

/// A metric with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownMetric {
    /// Which one.
    pub metric: Metric,
    /// The wanted utilisation.
    pub target: TargetPercent,
    /// The measured one in percent; `None` when it is unknown.
    pub percent: Option<u32>,
}

/// A decision in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastDecision {
    /// When it was made.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The reason that decided.
    pub reason: Reason,
    /// The whole as a sentence.
    pub message: String,
}

/// What the next decisions build on.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Memory {
    /// The process that wrote this.
    pub holder: String,
    /// The uid of the workload that the rest is about.
    pub workload_uid: Option<Arc<str>>,
    /// The window of recommendations, oldest first.
    pub runs: Vec<Run>,
    /// The changes that still matter to the limits.
    pub events: Vec<ScaleEvent>,
    /// The change that was about to be made; nobody has seen yet whether it was.
    pub announced: Option<Announced>,
    /// What is known of other writers.
    pub conflicts: Conflicts,
}

/// A change of replicas that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Tells this decision from every other one.
    pub decision_id: String,
    /// When it was announced.
    pub at: Timestamp,
    /// The replicas before.
    pub from: u32,
    /// The replicas after.
    pub to: u32,
}

impl Memory {
    /// What decisions go on from at `now`. What seems to come from the future (a clock was set back) is not taken at its
    /// word: such recommendations are forgotten, so that the window begins anew, and such changes have just been made.
    pub fn state(&self, now: Timestamp) -> State {
        let known = !self.runs.is_empty() && self.runs.iter().all(|run| run.first <= run.last && run.last <= now);
        let history = known.then(|| self.runs.iter().copied().collect::<History>());
        let events = self.events.iter().map(|event| ScaleEvent { at: event.at.min(now), ..*event });
        State { history, events: events.collect::<ScaleEvents>() }
    }

    /// Whether a restart would forget something that matters: a recommendation that is to change the count once its
    /// window agrees, or that there is none any more. A workload that stays as it is has nothing to forget.
    fn differs(&self, next: &Self, current: u32, acts: Option<&ScalingRules>) -> bool {
        let waits = |memory: &Self| {
            let (Some(rules), Some(last)) = (acts, memory.runs.last()) else { return false };
            let way = direction(current, rules.bounds.clamp(last.replicas));
            way.is_some_and(|way| rules.policy(way).select_policy != SelectPolicy::Disabled)
        };
        if waits(next) { self.runs.last() != next.runs.last() } else { waits(self) }
    }
}

/// How soon a status has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Once [`Urgency::spacing`] has passed since the last writing, as the two others.
    Eventually,
    /// A person looks at it.
    Soon,
    /// As soon as nothing more urgent has to be done: it must not be lost, but the announcement of it says enough.
    Announced,
    /// Somebody waits for it, or it must not be lost.
    AtOnce,
}

impl Urgency {
    /// How long after the last writing it may be written.
    pub fn spacing(self) -> Duration {
        match self {
            Self::Eventually => Duration::from_secs(30),
            Self::Soon => Duration::from_secs(5),
            Self::Announced | Self::AtOnce => Duration::ZERO,
        }
    }
}

/// By so many points a utilisation must differ from the written one to be worth a request.
const VISIBLE_POINTS: u32 = 10;

/// How soon `next` has to be written where `last` stands; `None` when it is not worth a request. `acts` are the rules of an
/// autoscaler that may act.
pub fn urgency(last: Option<&SavedStatus>, next: &SavedStatus, acts: Option<&ScalingRules>) -> Option<Urgency> {
    let Some(last) = last else { return Some(Urgency::Soon) };
    let (seen, now) = (&last.shown, &next.shown);
    let counts = |shown: &Shown| (shown.scale_up_count, shown.scale_down_count);
    if last.observed_generation != next.observed_generation
        || last.memory.conflicts.yielded != next.memory.conflicts.yielded
    {
        return Some(Urgency::AtOnce);
    }
    if counts(seen) != counts(now) {
        return Some(if last.memory.announced.is_some() { Urgency::Announced } else { Urgency::AtOnce });
    }
    let reason = |(condition, _): &(Condition, Timestamp)| (condition.kind, condition.holds, condition.reason);
    let same_reasons = seen.conditions.iter().map(reason).eq(now.conditions.iter().map(reason));
    let replicas = |shown: &Shown| (shown.current_replicas, shown.desired_replicas);
    if (seen.status, &seen.failure) != (now.status, &now.failure)
        || replicas(seen) != replicas(now)
        || !same_reasons
        || (last.memory.announced.is_some() && next.memory.announced.is_none())
    {
        return Some(Urgency::Soon);
    }
    let differs = last.memory.differs(&next.memory, now.current_replicas, acts)
        || last.memory.conflicts != next.memory.conflicts
        || differ(&seen.metrics, &now.metrics);
    differs.then_some(Urgency::Eventually)
}

/// Whether a person would say that these are other utilisations.
fn differ(seen: &[ShownMetric], now: &[ShownMetric]) -> bool {
    seen.len() != now.len()
        || seen.iter().zip(now).any(|(seen, now)| {
            (seen.metric, seen.target) != (now.metric, now.target)
                || match (seen.percent, now.percent) {
                    (Some(seen), Some(now)) => seen.abs_diff(now) >= VISIBLE_POINTS,
                    (seen, now) => seen != now,
                }
        })
}

#[cfg(test)]
mod tests;
