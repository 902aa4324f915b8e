use std::num::NonZeroU32;

use rstest::rstest;

use super::*;
use crate::domain::fixtures::*;
use crate::domain::limits::ScaleEvent;
use crate::domain::observation::SourceState;

/// The same without any metrics.
fn observe_nothing(current_replicas: u32) -> Observation {
    Observation {
        resource_source: SourceState::Unavailable { error: "metrics.k8s.io does not answer".into() },
        ..observe(current_replicas, pods(current_replicas, 85, 50, at(0)))
    }
}

/// An autoscaler and its workload: decides, acts, and lets time pass.
pub(super) struct Run {
    pub(super) rules: Arc<ScalingRules>,
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) replicas: u32,
}

impl Run {
    pub(super) fn start(rules: ScalingRules, replicas: u32) -> Self {
        Self { rules: Arc::new(rules), state: State::default(), now: at(0), replicas }
    }

    /// Decides on `observation`, acts, and waits for the next tick.
    pub(super) fn tick(&mut self, observation: Observation) -> Decision {
        assert_eq!(observation.current_replicas, self.replicas);
        let decision = decide(&self.rules, &self.state, Arc::new(observation), self.now);
        self.state.remember(&decision);
        if let Some(direction) = decision.direction() {
            let change = decision.desired.abs_diff(decision.current);
            self.state.events.record(&self.rules, ScaleEvent { at: self.now, direction, change });
        }
        self.replicas = decision.desired;
        self.now += self.rules.interval.length();
        decision
    }

    /// A tick in which every pod uses so many percent of its CPU.
    pub(super) fn at_cpu(&mut self, percent: u64) -> Decision {
        self.tick(observe_at(self.now, self.replicas, pods(self.replicas, percent, 50, self.now)))
    }

    /// A tick in which all pods together use so many percent of one pod's request.
    fn at_total_cpu(&mut self, percent: u64) -> Decision {
        self.at_cpu(percent / u64::from(self.replicas))
    }
}

/// The first decision of an autoscaler.
pub(super) fn decide_once(rules: &ScalingRules, observation: Observation) -> Decision {
    decide(&Arc::new(rules.clone()), &State::default(), Arc::new(observation), at(0))
}

/// What is remembered after it.
fn remembered(decision: &Decision) -> Vec<u32> {
    let mut state = State::default();
    state.remember(decision);
    assert_eq!(state.events, ScaleEvents::default(), "deciding is not acting");
    state.history.unwrap().runs().map(|run| run.replicas).collect()
}

/// Rules without windows.
pub(super) fn prompt(min: u32, max: u32) -> ScalingRules {
    let mut rules = rules(min, max);
    rules.scale_down.window = window(0);
    rules
}

pub(super) fn reason(decision: &Decision, kind: ConditionKind) -> (bool, Reason) {
    let condition = decision.condition(kind);
    assert_eq!(condition.kind, kind);
    (condition.holds, condition.reason)
}

pub(super) fn step(rule: Rule, from: u32, to: u32, reason: Reason) -> Step {
    Step { rule, from, to, reason }
}

#[test]
fn a_workload_scaled_to_zero_by_hand_stays_there() {
    for observation in [observe(0, pods(3, 100, 50, at(0))), observe_nothing(0)] {
        let decision = decide_once(&rules(2, 10), observation);
        assert_eq!((decision.desired, decision.recommended, decision.direction()), (0, None, None));
        assert_eq!(reason(&decision, ConditionKind::ScalingActive), (false, Reason::ScalingDisabled));
        assert_eq!((decision.outcome, decision.reason), (Outcome::Held, Reason::ScalingDisabled));
        assert_eq!(decision.steps, []);
        assert_eq!(remembered(&decision), [0], "the count of the beginning, as the HPA does");
    }
}

#[rstest]
#[case::above_the_maximum(12, 10, Reason::TooManyReplicas)]
#[case::below_the_minimum(1, 3, Reason::TooFewReplicas)]
fn a_count_outside_the_bounds_goes_to_the_bound_at_once_without_metric_window_or_limit(
    #[case] current: u32,
    #[case] bound: u32,
    #[case] why: Reason,
) {
    let mut rules = rules(3, 10);
    rules.scale_up.window = window(3600);
    rules.scale_up.max_scale_change = NonZeroU32::new(1);
    rules.scale_down.max_scale_change = NonZeroU32::new(1);
    for observation in
        [observe_nothing(current), observe(current, vec![]), observe(current, pods(current, 70, 50, at(0)))]
    {
        let decision = decide_once(&rules, observation);
        assert_eq!((decision.desired, decision.recommended, decision.reason), (bound, None, why));
        assert_eq!(decision.steps, [step(Rule::Bounds, current, bound, why)]);
        assert_eq!(reason(&decision, ConditionKind::ScalingLimited), (true, why));
        assert_eq!(remembered(&decision), [current], "the window learns nothing from it");
    }
}

#[test]
fn the_greatest_proposal_is_the_recommendation() {
    let mut rules = prompt(1, 10);
    rules.targets = targets(70, 80, 0);
    let with = |cpu, memory| decide_once(&rules, observe(4, pods(4, cpu, memory, at(0)))).recommended;
    assert_eq!(with(35, 120), Some(6), "memory asks for more");
    assert_eq!(with(140, 40), Some(8), "CPU asks for more");
    assert_eq!(with(35, 60), Some(3), "both ask for less, memory for more than CPU");
    assert_eq!(with(35, 80), Some(4), "memory asks to stay");
}

#[test]
fn beside_an_unknown_metric_the_others_may_scale_up() {
    let mut rules = prompt(1, 10);
    rules.targets = targets(70, 0, 80);
    let decision = decide_once(&rules, observe(2, pods(2, 85, 50, at(0))));
    assert_eq!((decision.recommended, decision.desired), (Some(3), 3));
    assert_eq!(reason(&decision, ConditionKind::ScalingActive), (true, Reason::ValidMetricFound));
}

#[test]
fn beside_an_unknown_metric_the_others_may_not_scale_down() {
    let mut rules = prompt(1, 10);
    rules.targets = targets(70, 0, 80);
    let decision = decide_once(&rules, observe(3, pods(3, 40, 50, at(0))));
    assert_eq!((decision.outcome, decision.reason), (Outcome::Held, Reason::FailedGetGpuMetric));
    assert_eq!((decision.recommended, decision.desired), (None, 3));
    assert_eq!(reason(&decision, ConditionKind::ScalingActive), (false, Reason::FailedGetGpuMetric));
    assert_eq!(decision.condition(ConditionKind::ScalingActive).message, "gpu is unknown: no exporter");
    assert_eq!(remembered(&decision), [3], "the count of the beginning, and no recommendation");
    rules.targets = targets(70, 0, 0);
    assert_eq!(decide_once(&rules, observe(3, pods(3, 40, 50, at(0)))).desired, 2, "an unknown GPU without target");
}

#[test]
fn without_any_known_metric_the_count_stays_and_the_first_unknown_one_says_why() {
    let mut rules = prompt(1, 10);
    rules.targets = targets(70, 80, 80);
    let decision = decide_once(&rules, observe_nothing(4));
    assert_eq!((decision.outcome, decision.reason), (Outcome::Held, Reason::FailedGetResourceMetric));
    assert_eq!((decision.recommended, decision.desired), (None, 4));
    assert_eq!(reason(&decision, ConditionKind::ScalingActive), (false, Reason::FailedGetResourceMetric));
    let message = &decision.condition(ConditionKind::ScalingActive).message;
    assert_eq!(message, "cpu is unknown: metrics.k8s.io does not answer");
    assert_eq!(reason(&decision, ConditionKind::AbleToScale), (true, Reason::ReadyForNewScale));
    assert!(!decision.condition(ConditionKind::AbleToScale).message.contains("matches"), "there is nothing to match");
    assert_eq!(remembered(&decision), [4]);
}

#[test]
fn an_outage_in_the_middle_of_a_window_causes_no_action() {
    let mut run = Run::start(rules(1, 10), 4);
    for _ in 0..10 {
        assert_eq!(run.at_cpu(10).desired, 4);
    }
    for _ in 0..20 {
        let decision = run.tick(observe_nothing(4));
        assert_eq!(decision.desired, 4);
    }
    for tick in 0..20 {
        assert_eq!(run.at_cpu(10).desired, 4, "tick {tick} after the outage: the window starts anew");
    }
    assert_eq!(run.at_cpu(10).desired, 1);
}

#[test]
fn a_short_outage_does_not_restart_the_window() {
    let mut run = Run::start(rules(1, 10), 4);
    for _ in 0..10 {
        run.at_cpu(10);
    }
    for _ in 0..2 {
        run.tick(observe_nothing(4));
    }
    for _ in 12..20 {
        assert_eq!(run.at_cpu(10).desired, 4);
    }
    assert_eq!(run.at_cpu(10).desired, 1, "300 s after the start");
}

#[test]
fn the_step_limit_comes_after_the_window() {
    let mut rules = rules(1, 20);
    rules.scale_up.window = window(60);
    rules.scale_up.max_scale_change = NonZeroU32::new(3);
    let mut run = Run::start(rules, 4);
    for _ in 0..4 {
        let decision = run.at_cpu(210);
        assert_eq!((decision.recommended, decision.desired), (Some(12), 4));
        assert_eq!(decision.steps[1], step(Rule::Stabilization, 12, 4, Reason::ScaleUpStabilized));
        assert_eq!(reason(&decision, ConditionKind::AbleToScale), (true, Reason::ScaleUpStabilized));
        assert_eq!(reason(&decision, ConditionKind::ScalingLimited), (false, Reason::DesiredWithinRange));
    }
    let decision = run.at_cpu(210);
    assert_eq!((decision.recommended, decision.desired), (Some(12), 7));
    assert_eq!(
        decision.steps,
        [step(Rule::Metrics, 4, 12, Reason::ValidMetricFound), step(Rule::StepLimit, 12, 7, Reason::ScaleUpLimit)]
    );
    assert_eq!(reason(&decision, ConditionKind::ScalingLimited), (true, Reason::ScaleUpLimit));
    assert_eq!(run.at_total_cpu(840).desired, 10, "the recommendations of 12 still stand");
}

#[test]
fn a_fleet_goes_down_one_step_per_tick_once_its_window_is_over() {
    let mut rules = rules(1, 100);
    rules.scale_down.max_scale_change = NonZeroU32::new(2);
    let mut run = Run::start(rules, 40);
    let counts: Vec<_> = (0..40).map(|_| run.at_total_cpu(700).desired).collect();
    let expected: Vec<_> = std::iter::repeat_n(40, 20).chain((5..20).rev().map(|half| 2 * half)).collect();
    assert_eq!(counts[..35], expected);
    assert!(counts[35..].iter().all(|&count| count == 10), "{counts:?}");
}

#[test]
fn a_fleet_goes_up_one_step_per_tick() {
    let mut rules = rules(1, 100);
    rules.scale_up.max_scale_change = NonZeroU32::new(3);
    let mut run = Run::start(rules, 2);
    let counts: Vec<_> = (0..5).map(|_| run.at_total_cpu(700).desired).collect();
    assert_eq!(counts, [5, 8, 10, 10, 10]);
}

#[test]
fn ticks_that_follow_each_other_quickly_share_one_step() {
    let mut rules = prompt(1, 100);
    rules.scale_up.max_scale_change = NonZeroU32::new(3);
    let mut run = Run::start(rules, 2);
    assert_eq!(run.at_cpu(700).desired, 5);
    run.now = at(5);
    let decision = run.at_cpu(700);
    assert_eq!(decision.desired, 5);
    assert_eq!(reason(&decision, ConditionKind::ScalingLimited), (true, Reason::ScaleUpLimit));
    run.now = at(14);
    assert_eq!(run.at_cpu(700).desired, 8);
}

#[rstest]
#[case::nothing_to_do(4, 70, 4, &[], (true, Reason::ReadyForNewScale), (false, Reason::DesiredWithinRange))]
#[case::up(4, 105, 6, &[step(Rule::Metrics, 4, 6, Reason::ValidMetricFound)],
    (true, Reason::ReadyForNewScale), (false, Reason::DesiredWithinRange))]
#[case::down(4, 35, 2, &[step(Rule::Metrics, 4, 2, Reason::ValidMetricFound)],
    (true, Reason::ReadyForNewScale), (false, Reason::DesiredWithinRange))]
#[case::up_to_the_maximum(4, 700, 6,
    &[step(Rule::Metrics, 4, 40, Reason::ValidMetricFound), step(Rule::Bounds, 40, 6, Reason::TooManyReplicas)],
    (true, Reason::ReadyForNewScale), (true, Reason::TooManyReplicas))]
#[case::down_to_the_minimum(4, 0, 2,
    &[step(Rule::Metrics, 4, 0, Reason::ValidMetricFound), step(Rule::Bounds, 0, 2, Reason::TooFewReplicas)],
    (true, Reason::ReadyForNewScale), (true, Reason::TooFewReplicas))]
#[case::at_the_maximum_already(6, 700, 6,
    &[step(Rule::Metrics, 6, 60, Reason::ValidMetricFound), step(Rule::Bounds, 60, 6, Reason::TooManyReplicas)],
    (true, Reason::ReadyForNewScale), (true, Reason::TooManyReplicas))]
fn each_rule_that_changes_the_number_leaves_a_step_and_a_condition(
    #[case] current: u32,
    #[case] cpu: u64,
    #[case] desired: u32,
    #[case] steps: &[Step],
    #[case] able: (bool, Reason),
    #[case] limited: (bool, Reason),
) {
    let decision = decide_once(&prompt(2, 6), observe(current, pods(current, cpu, 50, at(0))));
    assert_eq!(decision.desired, desired);
    assert_eq!(decision.steps, steps);
    assert_eq!(reason(&decision, ConditionKind::AbleToScale), able);
    assert_eq!(reason(&decision, ConditionKind::ScalingActive), (true, Reason::ValidMetricFound));
    assert_eq!(reason(&decision, ConditionKind::ScalingLimited), limited);
}

#[test]
fn a_scale_down_that_waits_says_so() {
    let decision = decide_once(&rules(1, 10), observe(3, pods(3, 40, 50, at(0))));
    assert_eq!((decision.recommended, decision.desired), (Some(2), 3));
    assert_eq!(
        decision.steps,
        [
            step(Rule::Metrics, 3, 2, Reason::ValidMetricFound),
            step(Rule::Stabilization, 2, 3, Reason::ScaleDownStabilized)
        ]
    );
    assert_eq!(reason(&decision, ConditionKind::AbleToScale), (true, Reason::ScaleDownStabilized));
}

#[test]
fn a_step_limit_is_named_before_the_bound_that_lies_behind_it() {
    let mut rules = prompt(1, 10);
    rules.scale_down.max_scale_change = NonZeroU32::new(2);
    let decision = decide_once(&rules, observe(8, pods(8, 0, 50, at(0))));
    assert_eq!(decision.desired, 6);
    assert_eq!(decision.steps[1..], [step(Rule::StepLimit, 0, 6, Reason::ScaleDownLimit)]);
    assert_eq!(
        decision.condition(ConditionKind::ScalingLimited).message,
        "0 replicas are wanted, max_scale_change allows 6 at present"
    );
}

#[test]
fn every_metric_is_reported_in_the_order_of_the_guide_with_and_without_target() {
    let decision = decide_once(&rules(1, 10), observe(2, pods(2, 85, 50, at(0))));
    let metrics: Vec<_> = decision.metrics.iter().map(|report| report.metric).collect();
    assert_eq!(metrics, Metric::ALL);
    assert!(decision.metrics[1].proposal.is_none() && decision.metrics[1].utilization.is_ok());
    assert_eq!(decision.at, at(0));
}

#[test]
fn a_restart_waits_for_the_whole_window_again() {
    let mut rules = rules(1, 10);
    rules.scale_up.window = window(60);
    for cpu in [10, 140] {
        let mut run = Run::start(rules.clone(), 4);
        for _ in 0..3 {
            assert_eq!(run.at_cpu(cpu).desired, 4);
        }
        run.state = State::default();
        let waits = if cpu == 10 { 20 } else { 4 };
        for tick in 0..waits {
            assert_eq!(run.at_cpu(cpu).desired, 4, "tick {tick} after the restart");
        }
        assert_ne!(run.at_cpu(cpu).desired, 4);
    }
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let all = [
        Reason::ReadyForNewScale,
        Reason::SucceededRescale,
        Reason::ScaleUpStabilized,
        Reason::ScaleDownStabilized,
        Reason::ValidMetricFound,
        Reason::FailedGetResourceMetric,
        Reason::FailedGetGpuMetric,
        Reason::ScalingDisabled,
        Reason::TooManyReplicas,
        Reason::TooFewReplicas,
        Reason::ScaleUpLimit,
        Reason::ScaleDownLimit,
        Reason::DesiredWithinRange,
        Reason::FailedGetPods,
        Reason::FailedGetScale,
        Reason::FailedUpdateScale,
        Reason::ObserveOnly,
        Reason::Paused,
    ];
    for reason in all {
        assert_eq!(format!("{reason:?}"), reason.to_string(), "the name in the API is the variant's");
    }
}
