//! The decision: how many replicas a workload should have now, and the whole reason for it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::Timestamp;
use super::autoscaler::{Direction, Metric, Mode, ScalingRules};
use super::capacity::Room;
use super::condition::{Condition, ConditionKind};
use super::limits::{self, Limits, ScaleEvents};
use super::observation::Observation;
use super::reason::Reason;
use super::stabilization::{History, Stabilized};
use super::standing::{InFlight, Rollout, Survey};
use super::utilization::{self, MetricReport, Proposal};

/// What an autoscaler remembers from one decision to the next.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    /// Its recommendations; `None` before the first one, which begins them with the current count.
    pub history: Option<History>,
    /// The changes that it made.
    pub events: ScaleEvents,
}

impl State {
    /// Takes a decision into the memory. A change is recorded among the scale events by the caller, once it has really
    /// happened.
    pub fn remember(&mut self, decision: &Decision) {
        let Decision { rules, now, current, recommended, .. } = decision;
        // What is looked at without being seen is not watched; only the HPA begins then, too.
        if recommended.is_none() && !rules.is_hpa() {
            return;
        }
        let begins = self.history.as_ref().is_none_or(|history| !history.is_continued(rules, *now));
        let known = self.history.take().filter(|_| !begins);
        let history = self.history.insert(known.unwrap_or_else(|| History::begin(*current, *now)));
        if let Some(recommended) = recommended {
            history.record(rules, *recommended, *now);
        }
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
    /// `policies` and `select_policy`.
    RateLimit,
    /// `min_replicas` and `max_replicas`.
    Bounds,
    /// The free places on the nodes.
    Capacity,
}

impl Rule {
    /// Every rule, in the order in which they apply.
    pub const ALL: [Self; 6] =
        [Self::Metrics, Self::Stabilization, Self::StepLimit, Self::RateLimit, Self::Bounds, Self::Capacity];

    /// The rule's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Stabilization => "stabilization",
            Self::StepLimit => "step_limit",
            Self::RateLimit => "rate_limit",
            Self::Bounds => "bounds",
            Self::Capacity => "capacity",
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

/// More replicas are wanted than can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The replicas that are wanted.
    pub wanted: u32,
    /// The replicas that can run: those that have a node, and those for which there is room.
    pub can_run: u32,
    /// What the next one would lack, in the scheduler's words.
    pub by: Arc<str>,
}

impl Blocked {
    /// How many replicas find no place.
    pub fn count(&self) -> u32 {
        self.wanted.saturating_sub(self.can_run)
    }
}

/// What comes of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The count goes up.
    ScaleUp,
    /// The count goes down.
    ScaleDown,
    /// The count is as recommended.
    NoChange,
    /// Another count is recommended, or might be if more were known, but the count stays.
    Held,
    /// The count would change, but the autoscaler only observes.
    Observed,
    /// The count was to change, but could not be changed.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::ScaleUp, Self::ScaleDown, Self::NoChange, Self::Held, Self::Observed, Self::Failed];

    /// The outcome's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale_up",
            Self::ScaleDown => "scale_down",
            Self::NoChange => "no_change",
            Self::Held => "held",
            Self::Observed => "observed",
            Self::Failed => "failed",
        }
    }
}

/// How many replicas a workload should have, and why. This is what the API, the log and the scaling itself use.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When it was made, by the clock that readings are dated by.
    pub at: Timestamp,
    /// When it was made, by a clock that never jumps.
    pub now: Timestamp,
    /// The rules that were applied.
    pub rules: Arc<ScalingRules>,
    /// Everything that was looked at.
    pub observation: Arc<Observation>,
    /// The replicas that the workload had.
    pub current: u32,
    /// What the metrics asked for, before windows and limits; `None` when they could not say.
    pub recommended: Option<u32>,
    /// The replicas that it should have.
    pub desired: u32,
    /// What is to come of it.
    pub outcome: Outcome,
    /// The reason that decided.
    pub reason: Reason,
    /// Each metric, in the guide's order.
    pub metrics: [MetricReport; 4],
    /// The rules that changed the number, in their order.
    pub steps: Vec<Step>,
    /// The three conditions.
    pub conditions: [Condition; 3],
    /// When held by windows and limits: after which time the count could change, if all else stays as it is.
    pub could_act_after: Option<Duration>,
    /// The rolling update in progress, if there is one.
    pub rollout: Option<Rollout>,
    /// Replicas that do not run yet.
    pub in_flight: InFlight,
    /// Replicas that would find no place.
    pub blocked: Option<Blocked>,
}

impl Decision {
    /// The direction of the change; `None` when nothing is to change.
    pub fn direction(&self) -> Option<Direction> {
        limits::direction(self.current, self.desired)
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
}

/// Decides how many replicas a workload should have.
///
/// `now` is read from a clock that never jumps, so that windows and limits do not jump either; the observation carries
/// the time that readings are compared with. The state for the next decision is what [`State::remember`] makes of this
/// one.
pub fn decide(rules: &Arc<ScalingRules>, state: &State, observation: Arc<Observation>, now: Timestamp) -> Decision {
    decide_with(rules, state, observation, None, now)
}

/// The same, with a given number in the place of what the metrics recommend.
pub fn decide_with(
    rules: &Arc<ScalingRules>,
    state: &State,
    observation: Arc<Observation>,
    given: Option<u32>,
    now: Timestamp,
) -> Decision {
    let survey = Survey::new(rules, &observation);
    let metrics = utilization::evaluate(Metric::ALL, &survey);
    let (rollout, in_flight) = (survey.rollout(), survey.in_flight());
    let current = observation.current_replicas;
    let mut trail = Trail::new(current);
    if current == 0 {
        trail.disable();
    } else if rules.bounds.clamp(current) != current {
        trail.activate(&metrics);
        trail.go_to_bound(rules);
    } else if let Some(recommended) = given.or_else(|| recommend(current, &metrics, &mut trail)) {
        trail.recommend(recommended);
        let until = trail.stabilize(rules, state, recommended, now);
        trail.limit(rules, &state.events, recommended, until, now);
        trail.fit(&survey);
    }
    trail.finish(rules.clone(), observation, metrics, now, rollout, in_flight)
}

/// The greatest proposal. An unknown metric might have asked for more, so without it nothing goes down.
fn recommend(current: u32, metrics: &[MetricReport], trail: &mut Trail) -> Option<u32> {
    let greatest = metrics.iter().filter_map(|report| report.proposal.as_ref()).map(Proposal::wanted).max();
    let unknown = first_unknown(metrics);
    trail.unknown = unknown.as_ref().map(|unknown| unknown.reason);
    match unknown {
        Some(unknown) if greatest.is_none_or(|greatest| greatest < current) => {
            trail.deactivate(unknown);
            None
        }
        _ => greatest,
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
            message: match error.advice(report.metric) {
                Some(advice) => format!("{} is unknown: {error}; {advice}", report.metric),
                None => format!("{} is unknown: {error}", report.metric),
            },
        })
    })
}

/// The number on its way through the rules, and what happened to it.
struct Trail {
    current: u32,
    number: u32,
    recommended: Option<u32>,
    steps: Vec<Step>,
    could_act_after: Option<Duration>,
    blocked: Option<Blocked>,
    /// Why one of the metrics that are to recommend cannot.
    unknown: Option<Reason>,
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
            could_act_after: None,
            blocked: None,
            unknown: None,
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
            self.deactivate(unknown);
        }
    }

    fn deactivate(&mut self, unknown: UnknownMetric) {
        self.active = Condition::new(ConditionKind::ScalingActive, false, unknown.reason, unknown.message);
    }

    fn recommend(&mut self, recommended: u32) {
        self.recommended = Some(recommended);
        self.change(Rule::Metrics, recommended, Reason::ValidMetricFound);
    }

    /// A count outside the bounds goes to the nearer one at once: no window, no limit, no metric (as in the HPA).
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

    /// Applies the windows; returns until when they hold the number.
    fn stabilize(
        &mut self,
        rules: &ScalingRules,
        state: &State,
        recommended: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let history = match &state.history {
            Some(history) if history.is_continued(rules, now) => Cow::Borrowed(history),
            _ => Cow::Owned(History::begin(self.current, now)),
        };
        match history.stabilize(rules, self.current, recommended, now) {
            Stabilized::Act { replicas } if replicas != self.number => {
                let (reason, message) = if replicas < self.current {
                    (Reason::ScaleDownStabilized, "the highest recommendation of the scale-down window is used")
                } else {
                    (Reason::ScaleUpStabilized, "another recommendation of the scale-up window is used")
                };
                self.change(Rule::Stabilization, replicas, reason);
                self.able = Condition::new(ConditionKind::AbleToScale, true, reason, message);
                None
            }
            Stabilized::Keep | Stabilized::Act { .. } => None,
            Stabilized::Hold { direction, until } => {
                let reason = Reason::stabilized(direction);
                let message = match direction {
                    Direction::Up => "the load must stay high for the whole scale-up window",
                    Direction::Down => "a higher recommendation is still in the scale-down window",
                };
                self.change(Rule::Stabilization, self.current, reason);
                self.able = Condition::new(ConditionKind::AbleToScale, true, reason, message);
                until
            }
        }
    }

    fn limit(
        &mut self,
        rules: &ScalingRules,
        events: &ScaleEvents,
        recommended: u32,
        until: Option<Timestamp>,
        now: Timestamp,
    ) {
        let limits = Limits::new(rules, events, self.current);
        let wanted = self.number;
        self.limit_to(Rule::StepLimit, wanted, limits.step(self.number, now), "max_scale_change allows");
        let allowed = limits.rate(self.number, now);
        // Where the policies reach just as far as the bound, the bound is named (as in the HPA).
        if allowed != rules.bounds.clamp(self.number) {
            self.limit_to(Rule::RateLimit, wanted, allowed, "the policies allow");
        }
        let bounded = rules.bounds.clamp(self.number);
        if bounded < self.number {
            self.limited(Reason::TooManyReplicas, format!("{wanted} replicas are wanted, max_replicas is {bounded}"));
            self.change(Rule::Bounds, bounded, Reason::TooManyReplicas);
        } else if bounded > self.number {
            self.limited(Reason::TooFewReplicas, format!("{wanted} replicas are wanted, min_replicas is {bounded}"));
            self.change(Rule::Bounds, bounded, Reason::TooFewReplicas);
        }
        if self.number == self.current && recommended != self.current {
            let free_at = limits.free_at(rules.bounds.clamp(recommended), until.unwrap_or(now));
            self.could_act_after = free_at.and_then(|at| (at - now).to_std().ok()).filter(|after| !after.is_zero());
        }
    }

    /// No more replicas than the nodes can hold, but never fewer than there are: those that wait for a place harm nobody.
    fn fit(&mut self, survey: &Survey) {
        let Survey { rules, observation, .. } = survey;
        let Room::Known { more, blocked_by } = &observation.room else { return };
        let can_run = survey.can_run(*more);
        if !rules.respects_capacity() || self.number <= self.current.max(can_run) {
            return;
        }
        let blocked = Blocked { wanted: self.number, can_run, by: blocked_by.clone() };
        self.limited(Reason::InsufficientCapacity, blocked.to_string());
        self.blocked = Some(blocked);
        self.change(Rule::Capacity, self.current.max(can_run), Reason::InsufficientCapacity);
    }

    fn limit_to(&mut self, rule: Rule, wanted: u32, allowed: u32, who: &str) {
        if let Some(direction) = limits::direction(allowed, self.number) {
            let reason = Reason::limited(direction);
            let now = if allowed == self.current { "no change".to_owned() } else { allowed.to_string() };
            self.limited(reason, format!("{wanted} replicas are wanted, {who} {now} at present"));
            self.change(rule, allowed, reason);
        }
    }

    fn finish(
        mut self,
        rules: Arc<ScalingRules>,
        observation: Arc<Observation>,
        metrics: [MetricReport; 4],
        now: Timestamp,
        rollout: Option<Rollout>,
        in_flight: InFlight,
    ) -> Decision {
        if self.able.reason == Reason::ReadyForNewScale {
            if self.number != self.current {
                self.able.message = format!("the workload can go from {} to {}", self.current, self.number).into();
            } else if self.recommended.is_none() {
                self.able.message = "the workload could be scaled, but there is no recommendation".into();
            }
        }
        let unknown = self.unknown;
        let outcome = match limits::direction(self.current, self.number) {
            Some(_) if rules.mode == Mode::Observe => Outcome::Observed,
            Some(Direction::Up) => Outcome::ScaleUp,
            Some(Direction::Down) => Outcome::ScaleDown,
            None if self.recommended == Some(self.current) && unknown.is_none() => Outcome::NoChange,
            None => Outcome::Held,
        };
        let last_restraint = self.steps.iter().rev().find(|step| step.rule != Rule::Metrics);
        let reason = match last_restraint {
            Some(step) => step.reason,
            None if self.recommended.is_none() => self.active.reason,
            // More might be recommended if that were known.
            None if outcome == Outcome::Held => unknown.unwrap_or(Reason::DesiredWithinRange),
            None => Reason::DesiredWithinRange,
        };
        Decision {
            at: observation.at,
            now,
            rules,
            observation,
            current: self.current,
            recommended: self.recommended,
            desired: self.number,
            outcome,
            reason,
            metrics,
            steps: self.steps,
            conditions: [self.able, self.active, self.limited],
            could_act_after: self.could_act_after,
            rollout,
            in_flight,
            blocked: self.blocked,
        }
    }
}

#[cfg(test)]
mod departures;
#[cfg(test)]
mod gpus;
#[cfg(test)]
mod hpa;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
