//! A decision with its whole reason: one shape for the log of an autoscaler, its last decision, and a what-if.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::Number;

use super::inputs::InputsBody;
use super::metric::MetricBody;
use super::scalar::{rfc3339_millis, seconds};
use crate::domain::Timestamp;
use crate::domain::capacity::Room;
use crate::domain::condition::Condition;
use crate::domain::decision::{Blocked, Decision, Outcome, Step};
use crate::domain::decision_log::Entry;
use crate::domain::reason::Reason;
use crate::domain::standing::{InFlight, Rollout, Survey};

/// The version of the shape; it changes when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// A decision. What does not apply is null, so that the fields are always the same.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionBody {
    version: u32,
    at: Option<String>,
    /// Only a decision of an autoscaler has a run.
    #[serde(flatten)]
    run: Option<RunBody>,
    current_replicas: Option<u32>,
    desired_replicas: Option<u32>,
    recommended_replicas: Option<u32>,
    outcome: &'static str,
    reason: &'static str,
    message: String,
    metrics: Vec<MetricBody>,
    steps: Vec<StepBody>,
    conditions: Vec<ConditionBody>,
    earliest_action: Option<String>,
    earliest_action_seconds: Option<Number>,
    rollout: Option<RolloutBody>,
    in_flight: Option<InFlightBody>,
    capacity: Option<CapacityBody>,
    inputs: InputsBody,
}

/// How often the same was decided in a row.
#[derive(Clone, Debug, Serialize)]
struct RunBody {
    first_at: String,
    last_at: String,
    count: u64,
}

#[derive(Clone, Debug, Serialize)]
struct StepBody {
    rule: &'static str,
    from: u32,
    to: u32,
    reason: &'static str,
    message: String,
}

#[derive(Clone, Debug, Serialize)]
struct RolloutBody {
    new_pods: usize,
    old_pods: usize,
}

/// Whether the nodes have room for what is wanted.
#[derive(Clone, Debug, Serialize)]
struct CapacityBody {
    state: &'static str,
    /// Replicas that have a node, and those for which there is room.
    can_run: Option<u32>,
    /// Replicas that were wanted and would find no room.
    blocked: Option<u32>,
    blocked_by: Option<String>,
    error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct InFlightBody {
    pending_pods: usize,
    not_created: usize,
    unschedulable_pods: usize,
    scheduler_message: Option<String>,
}

impl DecisionBody {
    /// A decision of an autoscaler, or an evaluation that could not decide.
    pub fn logged(entry: &Entry) -> Self {
        let body = match &entry.decision {
            Some(decision) => Self::of(decision, Some(decision.at)),
            None => Self::undecided(entry.last_at),
        };
        let mut body = body;
        if entry.outcome == Outcome::Observed {
            // Be it by the autoscaler's mode or by the service's.
            body.inputs.observed();
        }
        let run = RunBody {
            first_at: rfc3339_millis(entry.first_at),
            last_at: rfc3339_millis(entry.last_at),
            count: entry.count,
        };
        Self { run: Some(run), ..body.with(entry.outcome, entry.reason, entry.message.clone()) }
    }

    /// A decision that nothing comes of. Its clock is not the world's, so only spans are shown.
    pub fn what_if(decision: &Decision) -> Self {
        Self::of(decision, None)
    }

    fn of(decision: &Decision, at: Option<Timestamp>) -> Self {
        let body = Self {
            at: at.map(rfc3339_millis),
            current_replicas: Some(decision.current),
            desired_replicas: Some(decision.desired),
            recommended_replicas: decision.recommended,
            metrics: decision.metrics.iter().map(|report| MetricBody::new(report, decision.at)).collect(),
            steps: decision.steps.iter().map(|step| StepBody::new(decision, step)).collect(),
            conditions: decision.conditions.iter().map(ConditionBody::from).collect(),
            earliest_action: at.zip(decision.could_act_after).and_then(|(at, after)| later(at, after)),
            earliest_action_seconds: decision.could_act_after.map(seconds),
            rollout: decision.rollout.map(RolloutBody::from),
            in_flight: InFlightBody::new(&decision.in_flight),
            capacity: CapacityBody::new(decision),
            inputs: InputsBody::new(decision),
            ..Self::empty()
        };
        body.with(decision.outcome, decision.reason, decision.sentence())
    }

    fn undecided(at: Timestamp) -> Self {
        Self { at: Some(rfc3339_millis(at)), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            version: VERSION,
            at: None,
            run: None,
            current_replicas: None,
            desired_replicas: None,
            recommended_replicas: None,
            outcome: "",
            reason: "",
            message: String::new(),
            metrics: Vec::new(),
            steps: Vec::new(),
            conditions: Vec::new(),
            earliest_action: None,
            earliest_action_seconds: None,
            rollout: None,
            in_flight: None,
            capacity: None,
            inputs: InputsBody::default(),
        }
    }

    fn with(self, outcome: Outcome, reason: Reason, message: String) -> Self {
        Self { outcome: outcome.as_str(), reason: reason.as_str(), message, ..self }
    }
}

fn later(at: Timestamp, after: Duration) -> Option<String> {
    at.checked_add_signed(TimeDelta::from_std(after).ok()?).map(rfc3339_millis)
}

impl StepBody {
    fn new(decision: &Decision, step: &Step) -> Self {
        Self {
            rule: step.rule.as_str(),
            from: step.from,
            to: step.to,
            reason: step.reason.as_str(),
            message: decision.explain(step),
        }
    }
}

impl From<Rollout> for RolloutBody {
    fn from(rollout: Rollout) -> Self {
        Self { new_pods: rollout.new, old_pods: rollout.old }
    }
}

impl CapacityBody {
    /// `None` when it was not looked at.
    fn new(decision: &Decision) -> Option<Self> {
        let unknown = Self { state: "unknown", can_run: None, blocked: None, blocked_by: None, error: None };
        match &decision.observation.room {
            Room::NotAsked => None,
            Room::Unknown { error } => Some(Self { error: Some(error.to_string()), ..unknown }),
            Room::Known { more, blocked_by } => {
                let survey = Survey::new(&decision.rules, &decision.observation);
                let blocked = decision.blocked.as_ref();
                Some(Self {
                    state: "known",
                    can_run: Some(survey.can_run(*more)),
                    blocked: Some(blocked.map_or(0, Blocked::count)),
                    blocked_by: blocked.map(|_| blocked_by.to_string()),
                    ..unknown
                })
            }
        }
    }
}

impl InFlightBody {
    /// `None` when every replica runs.
    fn new(in_flight: &InFlight) -> Option<Self> {
        (in_flight.pending > 0 || in_flight.not_created > 0).then(|| Self {
            pending_pods: in_flight.pending,
            not_created: in_flight.not_created,
            unschedulable_pods: in_flight.unschedulable,
            scheduler_message: in_flight.scheduler.as_deref().map(str::to_owned),
        })
    }
}

/// One of the HPA's conditions.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionBody {
    r#type: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl From<&Condition> for ConditionBody {
    fn from(condition: &Condition) -> Self {
        Self {
            r#type: condition.kind.as_str(),
            status: if condition.holds { "True" } else { "False" },
            reason: condition.reason.as_str(),
            message: condition.message.clone().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
