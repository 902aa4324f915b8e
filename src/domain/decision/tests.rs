use std::num::NonZeroU32;

use rstest::rstest;

use super::*;
use crate::domain::autoscaler::{
    Compatibility, RatePolicy, RateUnit, ReplicaBounds, SelectPolicy, Stabilization, Targets,
};
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

const NOTHING: [u32; 0] = [];

/// What is remembered after it.
fn remembered(decision: &Decision) -> Vec<u32> {
    let mut state = State::default();
    state.remember(decision);
    assert_eq!(state.events, ScaleEvents::default(), "deciding is not acting");
    state.history.iter().flat_map(History::runs).map(|run| run.replicas).collect()
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
        assert_eq!(remembered(&decision), NOTHING, "no recommendation is no record");
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
        assert_eq!(remembered(&decision), NOTHING, "the window learns nothing from it");
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
    assert_eq!(
        decision.condition(ConditionKind::ScalingActive).message,
        "gpu is unknown: none of the pods requests a GPU"
    );
    assert_eq!(remembered(&decision), NOTHING, "no recommendation is no record");
    rules.compatibility = Compatibility::Hpa;
    let decision = decide_once(&rules, observe(3, pods(3, 40, 50, at(0))));
    assert_eq!(remembered(&decision), [3], "but the HPA begins with the count at its first look");
    rules.compatibility = Compatibility::Default;
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
    assert_eq!(remembered(&decision), NOTHING);
}

#[test]
fn a_metric_that_is_not_known_yet_is_not_watched() {
    let mut rules = rules(1, 10);
    rules.scale_up.window = window(60);
    let mut run = Run::start(rules, 4);
    for _ in 0..2 {
        run.tick(observe_nothing(4));
    }
    for tick in 0..4 {
        assert_eq!(run.at_cpu(140).desired, 4, "tick {tick} after the first reading");
    }
    assert_eq!(run.at_cpu(140).desired, 8, "60 s after the first reading, not after the start");
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

fn paced(rules: &mut ScalingRules, select: SelectPolicy, unit: RateUnit, value: i32, period: i32) {
    for policy in [&mut rules.scale_up, &mut rules.scale_down] {
        policy.policies = vec![RatePolicy::new(unit, value, period).unwrap()];
        policy.select_policy = select;
    }
}

#[test]
fn the_step_limit_and_the_policies_leave_a_step_each() {
    let mut rules = prompt(1, 100);
    rules.scale_up.max_scale_change = NonZeroU32::new(3);
    rules.scale_down.max_scale_change = NonZeroU32::new(3);
    paced(&mut rules, SelectPolicy::Max, RateUnit::Pods, 1, 60);
    for rules in [as_hpa(&rules), rules] {
        let decision = decide_once(&rules, observe(4, pods(4, 210, 50, at(0))));
        assert_eq!(
            decision.steps,
            [
                step(Rule::Metrics, 4, 12, Reason::ValidMetricFound),
                step(Rule::StepLimit, 12, 7, Reason::ScaleUpLimit),
                step(Rule::RateLimit, 7, 5, Reason::ScaleUpLimit),
            ]
        );
        let message = &decision.condition(ConditionKind::ScalingLimited).message;
        assert_eq!(message, "12 replicas are wanted, the policies allow 5 at present");
        assert_eq!((decision.outcome, decision.reason), (Outcome::ScaleUp, Reason::ScaleUpLimit));
        let decision = decide_once(&rules, observe(9, pods(9, 14, 50, at(0))));
        assert_eq!(
            decision.steps[1..],
            [step(Rule::StepLimit, 2, 6, Reason::ScaleDownLimit), step(Rule::RateLimit, 6, 8, Reason::ScaleDownLimit),]
        );
        assert_eq!((decision.outcome, decision.reason), (Outcome::ScaleDown, Reason::ScaleDownLimit));
    }
}

#[test]
fn a_limit_that_allows_nothing_says_so() {
    let mut rules = prompt(1, 100);
    paced(&mut rules, SelectPolicy::Disabled, RateUnit::Pods, 1, 60);
    let decision = decide_once(&rules, observe(4, pods(4, 210, 50, at(0))));
    assert_eq!((decision.desired, decision.outcome), (4, Outcome::Held));
    let message = &decision.condition(ConditionKind::ScalingLimited).message;
    assert_eq!(message, "12 replicas are wanted, the policies allow no change at present");
}

#[test]
fn the_policies_restrain_a_whole_life() {
    let mut rules = prompt(1, 100);
    paced(&mut rules, SelectPolicy::Max, RateUnit::Pods, 4, 60);
    for rules in [as_hpa(&rules), rules] {
        let mut run = Run::start(rules, 2);
        let up: Vec<_> = (0..9).map(|_| run.at_cpu(700).desired).collect();
        assert_eq!(up, [6, 6, 6, 6, 10, 10, 10, 10, 14], "4 in each minute");
        let down: Vec<_> = (0..5).map(|_| run.at_cpu(7).desired).collect();
        assert_eq!(down, [6, 6, 6, 6, 2], "4 below the count of a minute ago, from which it came up by 4");
    }
}

/// What may hold a count, the load with which it does, and how long it does.
#[rstest]
#[case::a_window_down(|rules: &mut ScalingRules| rules.scale_down.window = window(300), 10, Some(300_000))]
#[case::a_gate_up(|rules: &mut ScalingRules| rules.scale_up.window = window(60), 140, Some(60_000))]
#[case::the_least_of_a_window_up(|rules: &mut ScalingRules| {
    rules.scale_up.window = window(60);
    rules.scale_up.stabilization = Stabilization::Hpa;
}, 140, Some(60_000))]
#[case::a_step_limit(|rules: &mut ScalingRules| rules.scale_up.max_scale_change = NonZeroU32::new(2), 140, Some(8_500))]
#[case::a_policy(
    |rules: &mut ScalingRules| paced(rules, SelectPolicy::Max, RateUnit::Pods, 2, 60), 140, Some(55_000))]
#[case::a_policy_in_percent(
    |rules: &mut ScalingRules| paced(rules, SelectPolicy::Min, RateUnit::Percent, 50, 120), 140, Some(115_000))]
#[case::a_gate_and_a_longer_policy(|rules: &mut ScalingRules| {
    rules.scale_up.window = window(60);
    paced(rules, SelectPolicy::Max, RateUnit::Pods, 2, 120);
}, 140, Some(115_000))]
#[case::a_gate_and_a_shorter_policy(|rules: &mut ScalingRules| {
    rules.scale_up.window = window(60);
    paced(rules, SelectPolicy::Max, RateUnit::Pods, 2, 30);
}, 140, Some(60_000))]
#[case::a_direction_that_is_switched_off(
    |rules: &mut ScalingRules| paced(rules, SelectPolicy::Disabled, RateUnit::Pods, 2, 30), 140, None)]
#[case::the_greatest_count(|rules: &mut ScalingRules| rules.bounds = ReplicaBounds::new(1, 4).unwrap(), 140, None)]
#[case::the_least_count(|rules: &mut ScalingRules| rules.bounds = ReplicaBounds::new(4, 9).unwrap(), 10, None)]
#[case::nothing_but_the_load(|_: &mut ScalingRules| {}, 70, None)]
fn a_held_count_could_change_after_a_time(
    #[case] change: fn(&mut ScalingRules),
    #[case] cpu: u64,
    #[case] expected: Option<i64>,
) {
    let mut rules = prompt(1, 100);
    change(&mut rules);
    for rules in [as_hpa(&rules), rules] {
        // It has gone from 2 to 4 five seconds ago.
        let event = ScaleEvent { at: at(-5), direction: Direction::Up, change: 2 };
        let state = State { history: None, events: [event].into_iter().collect() };
        let decision = decide(&Arc::new(rules), &state, Arc::new(observe(4, pods(4, cpu, 50, at(0)))), at(0));
        assert_eq!(decision.desired, 4);
        assert_eq!(decision.could_act_after.map(|after| after.as_millis() as i64), expected);
        let outcome = if cpu == 70 { Outcome::NoChange } else { Outcome::Held };
        assert_eq!(decision.outcome, outcome);
    }
}

#[test]
fn the_time_until_a_held_count_could_change_runs_out() {
    for (cpu, waits) in [(140, vec![60, 45, 30, 15]), (10, (1..=20).rev().map(|tick| tick * 15).collect())] {
        let mut rules = rules(1, 10);
        rules.scale_up.window = window(60);
        let mut run = Run::start(rules, 4);
        for seconds in waits {
            let decision = run.at_cpu(cpu);
            assert_eq!(decision.could_act_after, Some(Duration::from_secs(seconds)));
        }
        let decision = run.at_cpu(cpu);
        assert!(decision.direction().is_some());
        assert_eq!(decision.could_act_after, None);
    }
}

#[test]
fn nobody_knows_when_a_count_could_change_of_which_no_metric_is_known() {
    let mut run = Run::start(rules(1, 10), 4);
    run.at_cpu(10);
    let decision = run.tick(Observation { at: run.now, ..observe_nothing(4) });
    assert_eq!((decision.outcome, decision.could_act_after), (Outcome::Held, None));
}

#[rstest]
#[case::up(Some(9), 9)]
#[case::down(Some(2), 2)]
#[case::nothing(Some(4), 4)]
#[case::beyond_the_bounds(Some(1000), 10)]
#[case::zero(Some(0), 1)]
#[case::not_at_all(None, 8)]
fn a_given_number_takes_the_place_of_what_the_metrics_recommend(#[case] given: Option<u32>, #[case] desired: u32) {
    for rules in [as_hpa(&prompt(1, 10)), prompt(1, 10)] {
        let seen = Arc::new(observe(4, pods(4, 140, 50, at(0))));
        let decision = decide_with(&Arc::new(rules), &State::default(), seen, given, at(0));
        assert_eq!((decision.desired, decision.recommended), (desired, given.or(Some(8))));
        assert_eq!(decision.metrics[0].proposal.as_ref().unwrap().wanted(), 8, "the metrics are shown as they are");
    }
}

#[test]
fn a_given_number_needs_no_metric_but_a_count_within_the_bounds() {
    let mut rules = prompt(2, 10);
    rules.targets = Targets::none();
    let rules = Arc::new(rules);
    let given = |current| {
        let decision = decide_with(&rules, &State::default(), Arc::new(observe_nothing(current)), Some(5), at(0));
        (decision.desired, decision.recommended, decision.condition(ConditionKind::ScalingActive).holds)
    };
    assert_eq!(given(4), (5, Some(5), true));
    assert_eq!(given(0), (0, None, false), "scaled to zero by hand");
    assert_eq!(given(1), (2, None, true));
    assert_eq!(given(12), (10, None, true));
}

#[test]
fn a_given_number_is_stabilized_and_limited_like_any_other() {
    let mut rules = rules(1, 10);
    rules.scale_up.max_scale_change = NonZeroU32::new(2);
    let rules = Arc::new(rules);
    let given = |number| {
        let seen = Arc::new(observe(4, pods(4, 70, 50, at(0))));
        decide_with(&rules, &State::default(), seen, Some(number), at(0)).desired
    };
    assert_eq!((given(9), given(1)), (6, 4));
}

#[test]
fn who_only_observes_decides_the_same_and_changes_nothing() {
    let mut rules = prompt(1, 10);
    rules.mode = Mode::Observe;
    let decide = |cpu| decide_once(&rules, observe(4, pods(4, cpu, 50, at(0))));
    assert_eq!((decide(140).desired, decide(140).outcome), (8, Outcome::Observed));
    assert_eq!((decide(35).desired, decide(35).outcome), (2, Outcome::Observed));
    assert_eq!(decide(70).outcome, Outcome::NoChange);
}

#[test]
fn the_moments_of_both_clocks_are_recorded() {
    let observation = observe_at(at(1000), 4, pods(4, 70, 50, at(1000)));
    let decision = decide(&Arc::new(rules(1, 10)), &State::default(), Arc::new(observation), at(7));
    assert_eq!((decision.at, decision.now), (at(1000), at(7)));
}

#[test]
fn a_metric_with_a_target_beside_an_unknown_one_is_still_measured() {
    let mut rules = prompt(1, 10);
    rules.targets = targets(70, 0, 80);
    for rules in [as_hpa(&rules), rules] {
        let decision = decide_once(&rules, observe(4, pods(4, 70, 50, at(0))));
        assert_eq!((decision.outcome, decision.recommended), (Outcome::Held, Some(4)), "no less than the count");
        assert_eq!(decision.reason, Reason::FailedGetGpuMetric, "more might be recommended if that were known");
        assert!(decision.condition(ConditionKind::ScalingActive).holds);
    }
}

#[rstest]
#[case::that_reaches_less_far(3, 7, &[Rule::RateLimit])]
#[case::that_reaches_as_far(4, 8, &[Rule::Bounds])]
#[case::that_reaches_further(5, 8, &[Rule::RateLimit, Rule::Bounds])]
fn beside_a_bound_a_policy_is_named(#[case] pods_a_minute: i32, #[case] desired: u32, #[case] named: &[Rule]) {
    let mut rules = prompt(1, 8);
    paced(&mut rules, SelectPolicy::Max, RateUnit::Pods, pods_a_minute, 60);
    for rules in [as_hpa(&rules), rules] {
        let decision = decide_once(&rules, observe(4, pods(4, 700, 50, at(0))));
        let steps: Vec<_> = decision.steps[1..].iter().map(|step| step.rule).collect();
        assert_eq!((decision.desired, &*steps), (desired, named));
    }
}

#[test]
fn every_outcome_and_every_rule_has_a_name() {
    let outcomes = ["scale_up", "scale_down", "no_change", "held", "observed", "failed"];
    assert_eq!(Outcome::ALL.map(Outcome::as_str), outcomes);
    let rules = [Rule::Metrics, Rule::Stabilization, Rule::StepLimit, Rule::RateLimit, Rule::Bounds];
    let names = ["metrics", "stabilization", "step_limit", "rate_limit", "bounds"];
    assert_eq!(rules.map(Rule::as_str), names);
}

#[test]
fn a_window_that_acts_with_another_size_says_so() {
    let mut rules = prompt(1, 20);
    rules.scale_up.window = window(60);
    rules.scale_down.window = window(60);
    for rules in [as_hpa(&rules), rules] {
        let is_hpa = rules.is_hpa();
        let mut run = Run::start(rules.clone(), 10);
        for cpu in [42, 42, 42, 42] {
            assert_eq!(run.at_cpu(cpu).desired, 10);
        }
        let decision = run.at_cpu(14);
        assert_eq!(decision.steps[1..], [step(Rule::Stabilization, 2, 6, Reason::ScaleDownStabilized)]);
        assert_eq!(reason(&decision, ConditionKind::AbleToScale), (true, Reason::ScaleDownStabilized));
        assert_eq!((decision.outcome, decision.reason), (Outcome::ScaleDown, Reason::ScaleDownStabilized));
        let message = &decision.condition(ConditionKind::AbleToScale).message;
        assert_eq!(message, "the highest recommendation of the scale-down window is used");
        let mut run = Run::start(rules, 2);
        for cpu in [210, 210, 140, 140] {
            assert_eq!(run.at_cpu(cpu).desired, 2);
        }
        let decision = run.at_cpu(175);
        let expected = if is_hpa { 4 } else { 6 };
        assert_eq!(decision.steps[1..], [step(Rule::Stabilization, 5, expected, Reason::ScaleUpStabilized)]);
        assert_eq!(reason(&decision, ConditionKind::AbleToScale), (true, Reason::ScaleUpStabilized));
        let message = &decision.condition(ConditionKind::AbleToScale).message;
        assert_eq!(message, "another recommendation of the scale-up window is used");
    }
}

#[test]
fn what_nothing_restrains_has_the_reason_of_the_free() {
    let decide = |cpu| decide_once(&prompt(1, 10), observe(4, pods(4, cpu, 50, at(0))));
    let message = |decision: &Decision| decision.condition(ConditionKind::AbleToScale).message.clone();
    for (cpu, expected) in [
        (70, "the recommended size matches the current size"),
        (105, "the workload can go from 4 to 6"),
        (35, "the workload can go from 4 to 2"),
    ] {
        let decision = decide(cpu);
        assert_eq!((decision.reason, &*message(&decision)), (Reason::DesiredWithinRange, expected));
    }
    let decision = decide_once(&prompt(1, 10), observe(12, pods(12, 70, 50, at(0))));
    assert_eq!(message(&decision), "the workload can go from 12 to 10");
}
