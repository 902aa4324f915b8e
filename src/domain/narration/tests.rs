use std::sync::Arc;

use rstest::rstest;

use super::super::autoscaler::ScalingRules;
use super::super::decision::{State, decide, decide_with};
use super::super::fixtures::*;
use super::super::observation::{Observation, SourceState};
use super::*;

fn decide_once(rules: &ScalingRules, seen: Observation) -> Decision {
    decide(&Arc::new(rules.clone()), &State::default(), Arc::new(seen), at(0))
}

#[rstest]
#[case::no_change(4, 70, "stays at 4: cpu 70 % (target 70 %) proposes 4")]
#[case::up(4, 105, "4 -> 6: cpu 105 % (target 70 %) proposes 6")]
#[case::limited(4, 700, "4 -> 6: cpu 700 % (target 70 %) proposes 40; bounds 40 -> 6 (TooManyReplicas)")]
#[case::waits(4, 35, "stays at 4: cpu 35 % (target 70 %) proposes 2; stabilization 2 -> 4 (ScaleDownStabilized)")]
#[case::out_of_bounds(7, 70, "7 -> 6: cpu 70 % (target 70 %) proposes 7; bounds 7 -> 6 (TooManyReplicas)")]
#[case::disabled(0, 70, "stays at 0: cpu unknown (the workload has no running pods); scaled to zero by hand")]
fn the_sentence_tells_what_happens_and_why(#[case] current: u32, #[case] cpu: u64, #[case] sentence: &str) {
    let decision = decide_once(&rules(2, 6), observe(current, pods(current, cpu, 50, at(0))));
    assert_eq!(decision.sentence(), sentence);
}

#[test]
fn the_sentence_names_each_metric_with_a_target_and_why_it_is_unknown() {
    let mut rules = rules(1, 10);
    rules.targets = targets(70, 80, 90);
    let with_gpus = pods(2, 85, 160, at(0)).into_iter().map(|pod| pod.with_requests(|requests| requests.gpus = 1));
    let decision = decide_once(&rules, observe(2, with_gpus.collect()));
    assert_eq!(
        decision.sentence(),
        "2 -> 4: cpu 85 % (target 70 %) proposes 3; memory 160 % (target 80 %) proposes 4; gpu unknown (no exporter)"
    );
}

#[test]
fn the_sentence_shows_what_was_filled_in() {
    let mut all = pods(2, 140, 50, at(0));
    all.push(pending("pending", at(0)));
    assert_eq!(
        decide_once(&rules(1, 10), observe(3, all)).sentence(),
        "3 -> 4: cpu 140 % (target 70 %, 93 % with what is missing filled in) proposes 4; \
         replicas on their way: 1 pending"
    );
}

#[test]
fn the_sentence_of_a_count_that_nothing_is_known_of_says_so() {
    let unavailable = SourceState::Unavailable { error: "metrics.k8s.io: 503".into() };
    let seen = Observation { resource_source: unavailable, ..observe(2, pods(2, 85, 50, at(0))) };
    assert_eq!(decide_once(&rules(1, 10), seen).sentence(), "stays at 2: cpu unknown (metrics.k8s.io: 503)");
}

#[test]
fn the_sentence_of_a_given_number_without_targets_is_the_change_alone() {
    let mut rules = rules(1, 10);
    rules.targets = super::super::autoscaler::Targets::none();
    let seen = Arc::new(observe(2, pods(2, 85, 50, at(0))));
    let given = |number| decide_with(&Arc::new(rules.clone()), &State::default(), seen.clone(), Some(number), at(0));
    assert_eq!(given(5).sentence(), "2 -> 5");
    assert_eq!(given(2).sentence(), "stays at 2");
}

fn explain(step: Step) -> String {
    decide_once(&rules(1, 10), observe(2, pods(2, 70, 50, at(0)))).explain(&step)
}

#[rstest]
#[case::metrics(Rule::Metrics, Reason::ValidMetricFound, "the metrics ask for 4 replicas instead of 9")]
#[case::up(
    Rule::Stabilization,
    Reason::ScaleUpStabilized,
    "the scale-up window makes 4 of 9: the load must stay high for all of it"
)]
#[case::down(
    Rule::Stabilization,
    Reason::ScaleDownStabilized,
    "the scale-down window makes 4 of 9: its highest recommendation counts"
)]
#[case::step(Rule::StepLimit, Reason::ScaleUpLimit, "max_scale_change allows 4 instead of 9 in this operation")]
#[case::rate(Rule::RateLimit, Reason::ScaleUpLimit, "the policies allow 4 instead of 9 at present")]
#[case::most(Rule::Bounds, Reason::TooManyReplicas, "max_replicas allows 4 instead of 9")]
#[case::least(Rule::Bounds, Reason::TooFewReplicas, "min_replicas demands 4 instead of 9")]
fn each_step_has_a_sentence(#[case] rule: Rule, #[case] reason: Reason, #[case] sentence: &str) {
    assert_eq!(explain(Step { rule, from: 9, to: 4, reason }), sentence);
}

#[rstest]
#[case::nothing(InFlight::default(), None)]
#[case::pending(InFlight { pending: 2, ..InFlight::default() }, Some("replicas on their way: 2 pending"))]
#[case::not_created(
    InFlight { not_created: 1, ..InFlight::default() }, Some("replicas on their way: 1 not created yet"))]
#[case::unschedulable(
    InFlight { pending: 3, not_created: 1, unschedulable: 2, scheduler: Some("no node".into()) },
    Some("replicas on their way: 3 pending, 1 not created yet, 2 unschedulable: no node"))]
fn what_is_on_its_way_is_told_as_far_as_there_is_any(#[case] in_flight: InFlight, #[case] expected: Option<&str>) {
    assert_eq!(describe_in_flight(&in_flight).as_deref(), expected);
}

#[test]
fn a_window_up_that_makes_more_of_a_number_says_so() {
    let step = Step { rule: Rule::Stabilization, from: 4, to: 9, reason: Reason::ScaleUpStabilized };
    assert_eq!(explain(step), "the scale-up window makes 9 of 4: its highest recommendation counts");
}

#[test]
fn everything_else_comes_after_the_numbers() {
    let of = |revision: &str, name: &str| pod(name, 84, 50, at(0)).with(|pod| pod.revision = Some(revision.into()));
    let all = vec![of("old", "a"), of("new", "b")];
    let seen = Observation { revision: Some("new".into()), ..observe(3, all) };
    assert_eq!(
        decide_once(&rules(1, 10), seen).sentence(),
        "stays at 3: cpu 84 % (target 70 %, 56 % with what is missing filled in) proposes 3; \
         replicas on their way: 1 not created yet; a rollout is in progress: 1 new and 1 old pods"
    );
}
