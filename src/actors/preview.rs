//! What other rules would make of an autoscaler's workload, now and over the last hour.

use std::sync::Arc;

use chrono::TimeDelta;

use super::snapshot::AutoscalerRecord;
use crate::domain::Timestamp;
use crate::domain::autoscaler::ScalingRules;
use crate::domain::decision::{Decision, decide};
use crate::domain::observation::Observation;
use crate::domain::replay::Past;
use crate::domain::timeline::FINE_STEP;

/// How far back the load is replayed.
const PAST: TimeDelta = TimeDelta::hours(1);

/// Of less than so many seconds nothing can be said.
const LEAST_PAST: i64 = 60;

/// What other rules would make of a workload.
#[derive(Debug)]
pub struct Preview {
    /// The workload's replicas.
    pub current_replicas: u32,
    /// Both decisions; `None` while nothing is known about the workload.
    pub now: Option<Compared<Decision>>,
    /// Both sums of replica-minutes over the load of the last hour; `None` when hardly anything is known of it.
    pub past: Option<(Stretch, Compared<f64>)>,
}

/// Something by the present rules, and by the other ones.
#[derive(Clone, Copy, Debug)]
pub struct Compared<T> {
    /// By the present rules.
    pub as_is: T,
    /// By the other rules.
    pub with_change: T,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Preview {
    /// What `rules` would make of the autoscaler's workload. `now` is the present time, and `steady` the same by the
    /// clock that never jumps.
    pub fn new(record: &AutoscalerRecord, rules: ScalingRules, now: Timestamp, steady: Timestamp) -> Self {
        let rules = Compared { as_is: record.rules(), with_change: Arc::new(rules) };
        let past = past(record, now);
        let snapshot = record.snapshot();
        Self {
            current_replicas: snapshot.current_replicas,
            now: snapshot.decision.as_ref().map(|last| {
                let current_replicas = snapshot.current_replicas;
                let seen = Arc::new(Observation { current_replicas, ..Observation::clone(&last.observation) });
                rules.map(|rules| {
                    let mut state = snapshot.state.clone();
                    if !last.rules.recommend_like(rules) {
                        // As when the rules are really changed.
                        state.history = None;
                    }
                    decide(rules, &state, seen.clone(), steady)
                })
            }),
            past: past.and_then(|past| {
                let seconds = i64::try_from(past.known_seconds()).ok().filter(|seconds| *seconds >= LEAST_PAST)?;
                let as_is = past.replica_minutes(&rules.as_is)?;
                let with_change = past.replica_minutes(&rules.with_change)?;
                let stretch = Stretch { from: now - TimeDelta::seconds(seconds), to: now };
                Some((stretch, Compared { as_is, with_change }))
            }),
        }
    }
}

impl<T> Compared<T> {
    fn map<U>(&self, of: impl Fn(&T) -> U) -> Compared<U> {
        Compared { as_is: of(&self.as_is), with_change: of(&self.with_change) }
    }
}

fn past(record: &AutoscalerRecord, now: Timestamp) -> Option<Past> {
    let from = now.checked_sub_signed(PAST)?;
    let points = record.timeline().points(from, now, FINE_STEP);
    Some(Past { from, step_seconds: FINE_STEP, points })
}
