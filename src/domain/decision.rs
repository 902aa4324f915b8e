//! The decision: how many replicas a workload should have now, and the whole reason for it.

use std::fmt;

use super::Timestamp;
use super::autoscaler::{Direction, Metric, ScalingRules};
use super::limits::{self, ScaleEvents};
use super::observation::Observation;
use super::stabilization::{History, Stabilized};
use super::utilization::{self, MetricReport};

/// What an autoscaler remembers from one decision to the next.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    /// Its recommendations.
    pub history: History,
    /// The changes that it made.
    pub events: ScaleEvents,
}

/// Why something is as it is, in the HPA's vocabulary where the HPA has a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The count is as recommended; a change would be possible.
    ReadyForNewScale,
    /// The count was changed.
    SucceededRescale,
    /// The scale-up window does not agree yet.
    ScaleUpStabilized,
    /// A higher recommendation is still in the scale-down window.
    ScaleDownStabilized,
    /// At least one metric is known.
    ValidMetricFound,
    /// CPU or memory is unknown.
    FailedGetResourceMetric,
    /// GPU utilisation is unknown.
    FailedGetGpuMetric,
    /// The workload is scaled to zero by hand.
    ScalingDisabled,
    /// More replicas are recommended than allowed.
    TooManyReplicas,
    /// Fewer replicas are recommended than allowed.
    TooFewReplicas,
    /// One operation may not add as many.
    ScaleUpLimit,
    /// One operation may not remove as many.
    ScaleDownLimit,
    /// Nothing limits the recommendation.
    DesiredWithinRange,
    /// The workload's pods are not known at present.
    FailedGetPods,
    /// The workload's scale could not be read.
    FailedGetScale,
    /// The workload's scale could not be changed.
    FailedUpdateScale,
}

impl Reason {
    /// The reason's name in the API and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadyForNewScale => "ReadyForNewScale",
            Self::SucceededRescale => "SucceededRescale",
            Self::ScaleUpStabilized => "ScaleUpStabilized",
            Self::ScaleDownStabilized => "ScaleDownStabilized",
            Self::ValidMetricFound => "ValidMetricFound",
            Self::FailedGetResourceMetric => "FailedGetResourceMetric",
            Self::FailedGetGpuMetric => "FailedGetGpuMetric",
            Self::ScalingDisabled => "ScalingDisabled",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::TooFewReplicas => "TooFewReplicas",
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
            Self::DesiredWithinRange => "DesiredWithinRange",
            Self::FailedGetPods => "FailedGetPods",
            Self::FailedGetScale => "FailedGetScale",
            Self::FailedUpdateScale => "FailedUpdateScale",
        }
    }

    /// The reason for an unknown metric.
    pub fn failed_to_get(metric: Metric) -> Self {
        match metric {
            Metric::Cpu | Metric::Memory => Self::FailedGetResourceMetric,
            Metric::Gpu => Self::FailedGetGpuMetric,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The HPA's three conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionKind {
    /// Whether the count could be changed now.
    AbleToScale,
    /// Whether a recommendation can be made.
    ScalingActive,
    /// Whether the recommendation is more or less than what is allowed.
    ScalingLimited,
}

impl ConditionKind {
    /// The condition's `type` in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbleToScale => "AbleToScale",
            Self::ScalingActive => "ScalingActive",
            Self::ScalingLimited => "ScalingLimited",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which one.
    pub kind: ConditionKind,
    /// Whether it holds.
    pub holds: bool,
    /// Why.
    pub reason: Reason,
    /// Why, as a sentence for people.
    pub message: String,
}

impl Condition {
    /// A condition with its reason.
    pub fn new(kind: ConditionKind, holds: bool, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, holds, reason, message: message.into() }
    }
}

/// A rule that can change the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The metrics' greatest proposal.
    Metrics,
    /// The stabilisation windows.
    Stabilization,
    /// `max_scale_change`.
    StepLimit,
    /// `min_replicas` and `max_replicas`.
    Bounds,
}

impl Rule {
    /// The rule's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Stabilization => "stabilization",
            Self::StepLimit => "step_limit",
            Self::Bounds => "bounds",
        }
    }
}

/// A rule that changed the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub rule: Rule,
    /// The number before.
    pub from: u32,
    /// The number after.
    pub to: u32,
    /// Why.
    pub reason: Reason,
}

/// How many replicas a workload should have, and why. This is what the API, the log and the scaling itself use.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When it was made.
    pub at: Timestamp,
    /// The replicas that the workload had.
    pub current: u32,
    /// What the metrics asked for, before windows and limits; `None` when they could not say.
    pub recommended: Option<u32>,
    /// The replicas that it should have.
    pub desired: u32,
    /// Each metric, in the guide's order.
    pub metrics: Vec<MetricReport>,
    /// The rules that changed the number, in their order.
    pub steps: Vec<Step>,
    /// The three conditions.
    pub conditions: [Condition; 3],
}

impl Decision {
    /// The direction of the change; `None` when nothing is to change.
    pub fn direction(&self) -> Option<Direction> {
        match self.desired.cmp(&self.current) {
            std::cmp::Ordering::Greater => Some(Direction::Up),
            std::cmp::Ordering::Less => Some(Direction::Down),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// One condition.
    pub fn condition(&self, kind: ConditionKind) -> &Condition {
        let [able, active, limited] = &self.conditions;
        match kind {
            ConditionKind::AbleToScale => able,
            ConditionKind::ScalingActive => active,
            ConditionKind::ScalingLimited => limited,
        }
    }

    /// The decision as a sentence.
    pub fn sentence(&self) -> String {
        let mut parts: Vec<String> = self.metrics.iter().filter_map(describe_metric).collect();
        parts.extend(
            self.steps
                .iter()
                .filter(|step| step.rule != Rule::Metrics)
                .map(|step| format!("{} {} -> {} ({})", step.rule.as_str(), step.from, step.to, step.reason)),
        );
        let change = match self.direction() {
            Some(_) => format!("{} -> {}", self.current, self.desired),
            None => format!("stays at {}", self.current),
        };
        if parts.is_empty() { change } else { format!("{change}: {}", parts.join("; ")) }
    }
}

fn describe_metric(report: &MetricReport) -> Option<String> {
    let target = report.target?.get();
    Some(match (&report.utilization, &report.proposal) {
        (Ok(utilization), Some(proposal)) => {
            format!("{} {} % (target {target} %) proposes {}", report.metric, utilization.percent, proposal.replicas)
        }
        (Err(error), _) => format!("{} unknown ({error})", report.metric),
        (Ok(utilization), None) => format!("{} {} %", report.metric, utilization.percent),
    })
}

/// Decides how many replicas a workload should have. Returns the decision and the state for the next one.
///
/// A change is recorded among the state's scale events by the caller, once it has really happened.
pub fn decide(rules: &ScalingRules, state: &State, observation: &Observation, now: Timestamp) -> (Decision, State) {
    let current = observation.current_replicas;
    let metrics: Vec<_> =
        Metric::ALL.into_iter().map(|metric| utilization::evaluate(metric, rules, observation, now)).collect();
    let mut state = state.clone();
    let mut trail = Trail::new(current);
    if current == 0 {
        trail.disable();
    } else if rules.bounds.clamp(current) != current {
        trail.activate(&metrics);
        trail.go_to_bound(rules);
    } else if let Some(recommended) = recommend(current, &metrics, &mut trail) {
        state.history.record(rules, current, recommended, now);
        trail.change(Rule::Metrics, recommended, Reason::ValidMetricFound);
        trail.stabilize(state.history.stabilize(rules, current, now));
        trail.limit(rules, &state.events, now);
    }
    (trail.finish(now, metrics), state)
}

/// The greatest proposal. An unknown metric might have asked for more, so without it nothing goes down.
fn recommend(current: u32, metrics: &[MetricReport], trail: &mut Trail) -> Option<u32> {
    trail.activate(metrics);
    let greatest = metrics.iter().filter_map(|report| report.proposal.as_ref()).map(|p| p.replicas).max()?;
    let unknown = first_unknown(metrics);
    match unknown {
        Some(unknown) if greatest < current => {
            trail.deactivate(&unknown);
            None
        }
        _ => Some(greatest),
    }
}

struct UnknownMetric {
    reason: Reason,
    message: String,
}

/// The first metric with a target whose utilisation is unknown.
fn first_unknown(metrics: &[MetricReport]) -> Option<UnknownMetric> {
    metrics.iter().filter(|report| report.target.is_some()).find_map(|report| {
        let error = report.utilization.as_ref().err()?;
        Some(UnknownMetric {
            reason: Reason::failed_to_get(report.metric),
            message: format!("{} is unknown: {error}", report.metric),
        })
    })
}

/// The number on its way through the rules, and what happened to it.
struct Trail {
    current: u32,
    number: u32,
    recommended: Option<u32>,
    steps: Vec<Step>,
    able: Condition,
    active: Condition,
    limited: Condition,
}

impl Trail {
    fn new(current: u32) -> Self {
        Self {
            current,
            number: current,
            recommended: None,
            steps: Vec::new(),
            able: Condition::new(
                ConditionKind::AbleToScale,
                true,
                Reason::ReadyForNewScale,
                "the recommended size matches the current size",
            ),
            active: Condition::new(
                ConditionKind::ScalingActive,
                true,
                Reason::ValidMetricFound,
                "a recommendation can be made from the metrics",
            ),
            limited: Condition::new(
                ConditionKind::ScalingLimited,
                false,
                Reason::DesiredWithinRange,
                "the desired count is within the allowed range",
            ),
        }
    }

    fn change(&mut self, rule: Rule, to: u32, reason: Reason) {
        if rule == Rule::Metrics {
            self.recommended = Some(to);
        }
        if to != self.number {
            self.steps.push(Step { rule, from: self.number, to, reason });
            self.number = to;
        }
    }

    fn limited(&mut self, reason: Reason, message: String) {
        self.limited = Condition::new(ConditionKind::ScalingLimited, true, reason, message);
    }

    /// The HPA's meaning of 0 replicas.
    fn disable(&mut self) {
        self.active = Condition::new(
            ConditionKind::ScalingActive,
            false,
            Reason::ScalingDisabled,
            "the workload is scaled to zero by hand; give it at least one replica to have it scaled again",
        );
    }

    fn activate(&mut self, metrics: &[MetricReport]) {
        let any_known = metrics.iter().any(|report| report.proposal.is_some());
        if let (false, Some(unknown)) = (any_known, first_unknown(metrics)) {
            self.deactivate(&unknown);
        }
    }

    fn deactivate(&mut self, unknown: &UnknownMetric) {
        self.active = Condition::new(ConditionKind::ScalingActive, false, unknown.reason, unknown.message.clone());
    }

    /// A count outside the bounds goes to the nearer one at once: no window, no step limit, no metric (as in the HPA).
    fn go_to_bound(&mut self, rules: &ScalingRules) {
        let (min, max) = (rules.bounds.min(), rules.bounds.max());
        if self.current > max {
            self.limited(Reason::TooManyReplicas, format!("the current count is above max_replicas {max}"));
            self.change(Rule::Bounds, max, Reason::TooManyReplicas);
        } else {
            self.limited(Reason::TooFewReplicas, format!("the current count is below min_replicas {min}"));
            self.change(Rule::Bounds, min, Reason::TooFewReplicas);
        }
    }

    fn stabilize(&mut self, stabilized: Stabilized) {
        let (reason, message) = match stabilized {
            Stabilized::Keep => return,
            Stabilized::Act { replicas } if replicas == self.number => return,
            Stabilized::Act { replicas } if replicas < self.current => {
                self.change(Rule::Stabilization, replicas, Reason::ScaleDownStabilized);
                (Reason::ScaleDownStabilized, "the highest recommendation of the scale-down window is used")
            }
            Stabilized::Act { replicas } => {
                self.change(Rule::Stabilization, replicas, Reason::ScaleUpStabilized);
                (Reason::ScaleUpStabilized, "another recommendation of the scale-up window is used")
            }
            Stabilized::Hold { direction: Direction::Up } => {
                self.change(Rule::Stabilization, self.current, Reason::ScaleUpStabilized);
                (Reason::ScaleUpStabilized, "the load must stay high for the whole scale-up window")
            }
            Stabilized::Hold { direction: Direction::Down } => {
                self.change(Rule::Stabilization, self.current, Reason::ScaleDownStabilized);
                (Reason::ScaleDownStabilized, "a higher recommendation is still in the scale-down window")
            }
        };
        self.able = Condition::new(ConditionKind::AbleToScale, true, reason, message);
    }

    fn limit(&mut self, rules: &ScalingRules, events: &ScaleEvents, now: Timestamp) {
        let bounded = rules.bounds.clamp(self.number);
        if bounded < self.number {
            self.limited(
                Reason::TooManyReplicas,
                format!("{} replicas are wanted, max_replicas is {bounded}", self.number),
            );
        } else if bounded > self.number {
            self.limited(
                Reason::TooFewReplicas,
                format!("{} replicas are wanted, min_replicas is {bounded}", self.number),
            );
        }
        let bound_reason = self.limited.reason;
        let step = limits::limit_step(rules, events, self.current, bounded, now);
        if step == bounded {
            return self.change(Rule::Bounds, bounded, bound_reason);
        }
        let reason = if step < bounded { Reason::ScaleUpLimit } else { Reason::ScaleDownLimit };
        self.limited(reason, format!("{bounded} replicas are wanted, max_scale_change stops this operation at {step}"));
        self.change(Rule::StepLimit, step, reason);
    }

    fn finish(mut self, now: Timestamp, metrics: Vec<MetricReport>) -> Decision {
        if self.able.reason == Reason::ReadyForNewScale {
            if self.number != self.current {
                self.able.message = format!("the workload can go from {} to {}", self.current, self.number);
            } else if self.recommended.is_none() {
                "the workload could be scaled, but there is no recommendation".clone_into(&mut self.able.message);
            }
        }
        Decision {
            at: now,
            current: self.current,
            recommended: self.recommended,
            desired: self.number,
            metrics,
            steps: self.steps,
            conditions: [self.able, self.active, self.limited],
        }
    }
}

#[cfg(test)]
pub(crate) mod properties;
#[cfg(test)]
pub(crate) mod tests;
