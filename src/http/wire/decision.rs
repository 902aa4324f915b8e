//! A decision with its whole reason: one shape for the log of an autoscaler, its last decision, and a what-if.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::inputs::InputsBody;
use super::metric::MetricBody;
use super::scalar::{rfc3339_millis, seconds};
use crate::domain::Timestamp;
use crate::domain::capacity::Room;
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::decision::{Blocked, Decision, Outcome, Rule, Step};
use crate::domain::decision_log::Entry;
use crate::domain::reason::Reason;
use crate::domain::standing::{InFlight, Rollout, Survey};

/// The version of the shape; it changes when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// A decision. What does not apply is null, so that the fields are always the same.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionBody {
    /// The version of this shape; it changes when a field changes its meaning or goes.
    #[schema(minimum = 1, maximum = 1)]
    version: u32,
    /// When it was decided; null for a what-if.
    #[schema(required, format = DateTime)]
    at: Option<String>,
    /// When the same was decided first; only a decision of an autoscaler has this and the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    first_at: Option<String>,
    /// When the same was decided last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    last_at: Option<String>,
    /// How often the same was decided in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    count: Option<u64>,
    /// Who made the rules that it was made by; absent when nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rules_by: Option<String>,
    /// What the workload had.
    #[schema(required)]
    current_replicas: Option<u32>,
    /// What it should have.
    #[schema(required)]
    desired_replicas: Option<u32>,
    /// What the metrics asked for; null when they could not say.
    #[schema(required)]
    recommended_replicas: Option<u32>,
    #[schema(value_type = Outcome)]
    outcome: &'static str,
    #[schema(value_type = Reason)]
    reason: &'static str,
    /// All of it as a sentence.
    message: String,
    /// cpu, memory, gpu and gpu_memory, in this order; empty where nothing could be decided.
    metrics: Vec<MetricBody>,
    /// The rules that changed the number, in their order.
    steps: Vec<StepBody>,
    conditions: Vec<ConditionBody>,
    /// When windows and limits hold the count: from when on they would let it change if all else stays as it is.
    #[schema(required, format = DateTime)]
    earliest_action: Option<String>,
    /// The same in seconds from then on.
    #[schema(required, value_type = Option<f64>, minimum = 0)]
    earliest_action_seconds: Option<Number>,
    /// A rolling update in progress.
    #[schema(required)]
    rollout: Option<RolloutBody>,
    /// Replicas that do not run yet; null when every one does.
    #[schema(required)]
    in_flight: Option<InFlightBody>,
    /// Room on the nodes; null when it was not looked at.
    #[schema(required)]
    capacity: Option<CapacityBody>,
    /// What was looked at.
    inputs: InputsBody,
}

/// A rule that changed the number.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Step)]
struct StepBody {
    #[schema(value_type = Rule)]
    rule: &'static str,
    /// The number before.
    from: u32,
    /// The number after.
    to: u32,
    #[schema(value_type = Reason)]
    reason: &'static str,
    message: String,
}

/// Pods of the new revision and of the old ones.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Rollout)]
struct RolloutBody {
    new_pods: usize,
    old_pods: usize,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CapacityState {
    Known,
    Unknown,
}

/// Whether the nodes have room for what is wanted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Capacity)]
struct CapacityBody {
    state: CapacityState,
    /// Replicas that have a node, and those for which there is room.
    #[schema(required)]
    can_run: Option<u32>,
    /// Replicas that were wanted and would find no room.
    #[schema(required)]
    blocked: Option<u32>,
    /// What keeps more pods off the nodes.
    #[schema(required)]
    blocked_by: Option<String>,
    /// Why it is unknown.
    #[schema(required)]
    error: Option<String>,
}

/// Replicas that do not run yet.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InFlight)]
struct InFlightBody {
    /// Pods that do not run yet.
    pending_pods: usize,
    /// Pods that there should be and that are not.
    not_created: usize,
    /// Pods for which the scheduler finds no node.
    unschedulable_pods: usize,
    /// The scheduler's words.
    #[schema(required)]
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
        Self {
            first_at: Some(rfc3339_millis(entry.first_at)),
            last_at: Some(rfc3339_millis(entry.last_at)),
            count: Some(entry.count),
            rules_by: entry.rules_by.as_deref().map(str::to_owned),
            ..body.with(entry.outcome, entry.reason, entry.message().into_owned())
        }
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
            first_at: None,
            last_at: None,
            count: None,
            rules_by: None,
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
        let unknown =
            Self { state: CapacityState::Unknown, can_run: None, blocked: None, blocked_by: None, error: None };
        match &decision.observation.room {
            Room::NotAsked => None,
            Room::Unknown { error } => Some(Self { error: Some(error.to_string()), ..unknown }),
            Room::Known { more, blocked_by } => {
                let survey = Survey::new(&decision.rules, &decision.observation);
                let blocked = decision.blocked.as_ref();
                Some(Self {
                    state: CapacityState::Known,
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

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
enum ConditionStatus {
    True,
    False,
}

/// One of the HPA's conditions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Condition)]
pub struct ConditionBody {
    #[schema(value_type = ConditionKind)]
    r#type: &'static str,
    status: ConditionStatus,
    #[schema(value_type = Reason)]
    reason: &'static str,
    message: String,
}

impl From<&Condition> for ConditionBody {
    fn from(condition: &Condition) -> Self {
        Self {
            r#type: condition.kind.as_str(),
            status: if condition.holds { ConditionStatus::True } else { ConditionStatus::False },
            reason: condition.reason.as_str(),
            message: condition.message.clone().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
