use std::time::Duration;

use chrono::TimeDelta;
use rstest::rstest;

use super::super::fixtures::*;
use super::*;
use crate::domain::autoscaler::TolerancePercent;
use crate::domain::observation::{
    ContainerRequests, ContainerUsage, PodPhase, PodRequests, Readiness, ResourceRequests,
};

/// When the tests' pods are looked at.
fn now() -> Timestamp {
    at(0)
}

fn evaluate_with(metric: Metric, rules: &ScalingRules, observation: &Observation) -> MetricReport {
    let [report] = evaluate([metric], &Survey::new(rules, observation));
    report
}

fn evaluate_cpu(replicas: u32, pods: Vec<ObservedPod>) -> MetricReport {
    evaluate_with(Metric::Cpu, &rules(1, 1000), &observe(replicas, pods))
}

/// What the CPU target of 70 % proposes.
fn proposed(replicas: u32, pods: Vec<ObservedPod>) -> u32 {
    evaluate_cpu(replicas, pods).proposal.unwrap().wanted()
}

fn measured(report: &MetricReport) -> &Utilization {
    report.utilization.as_ref().unwrap()
}

fn error(replicas: u32, pods: Vec<ObservedPod>) -> MetricError {
    evaluate_cpu(replicas, pods).utilization.unwrap_err()
}

/// A pod that uses so many percent of its CPU.
fn busy(name: &str, percent: u64) -> ObservedPod {
    pod(name, percent, 50, now())
}

fn waiting(name: &str) -> ObservedPod {
    pending(name, now())
}

fn unmeasured(name: &str) -> ObservedPod {
    busy(name, 0).without_usage()
}

fn ended(phase: PodPhase, pod: ObservedPod) -> ObservedPod {
    pod.with(|pod| pod.phase = phase)
}

fn terminating(pod: ObservedPod) -> ObservedPod {
    pod.with(|pod| pod.terminating = true)
}

fn container(name: &str, cpu: Option<u64>) -> ContainerRequests {
    let resources = ResourceRequests { cpu: cpu.map(amount), memory: None };
    ContainerRequests { name: name.to_owned(), resources }
}

fn used_by(name: &str, cpu: Option<u64>) -> ContainerUsage {
    ContainerUsage { name: name.into(), cpu: cpu.map(amount), memory: None }
}

/// A pod of these containers: name, requested and used CPU.
fn pod_of(name: &str, containers: &[(&str, Option<u64>, u64)]) -> ObservedPod {
    let usage = containers.iter().map(|(name, _, used)| used_by(name, Some(*used))).collect();
    let requested = containers.iter().map(|(name, request, _)| container(name, *request)).collect();
    busy(name, 0).with_requests(|requests| requests.containers = requested).with_usage(|seen| seen.containers = usage)
}

#[rstest]
#[case::the_guides_example_up(2, 85, 3)]
#[case::the_guides_example_down(3, 40, 2)]
#[case::at_the_target(2, 70, 2)]
#[case::doubled(4, 140, 8)]
#[case::rounded_up(10, 101, 15)]
#[case::nearly_idle(10, 7, 1)]
#[case::idle(10, 0, 0)]
fn pods_that_are_all_measured_follow_the_formula_of_the_guide(
    #[case] replicas: u32,
    #[case] percent: u64,
    #[case] expected: u32,
) {
    assert_eq!(proposed(replicas, pods(replicas, percent, 50, now())), expected);
}

#[rstest]
#[case::lowest_inside(63, 100)]
#[case::highest_inside(77, 100)]
#[case::just_below(62, 89)]
#[case::just_above(78, 112)]
fn a_deviation_of_10_percent_changes_nothing(#[case] percent: u64, #[case] expected: u32) {
    assert_eq!(proposed(100, pods(100, percent, 50, now())), expected);
}

#[rstest]
#[case::up_inside(20.0, 5.0, 84, 100)]
#[case::up_outside(20.0, 5.0, 85, 122)]
#[case::down_inside(20.0, 5.0, 67, 100)]
#[case::down_outside(20.0, 5.0, 66, 95)]
#[case::none_at_the_target(0.0, 0.0, 70, 100)]
#[case::none_above(0.0, 0.0, 71, 102)]
#[case::none_below(0.0, 0.0, 69, 99)]
#[case::everything_down(10.0, 100.0, 0, 100)]
fn each_direction_has_its_own_tolerance(
    #[case] up: f64,
    #[case] down: f64,
    #[case] percent: u64,
    #[case] expected: u32,
) {
    let mut rules = rules(1, 1000);
    rules.scale_up.tolerance = TolerancePercent::new(up).unwrap();
    rules.scale_down.tolerance = TolerancePercent::new(down).unwrap();
    let report = evaluate_with(Metric::Cpu, &rules, &observe(100, pods(100, percent, 50, now())));
    assert_eq!(report.proposal.unwrap().wanted(), expected);
}

#[test]
fn only_whole_percent_count() {
    let almost_78 = vec![pod_of("a", &[("app", Some(1000), 779)])];
    let report = evaluate_cpu(1, almost_78);
    assert_eq!(measured(&report).percent, 77);
    assert_eq!(report.proposal.unwrap().wanted(), 1);
}

#[test]
fn large_pods_weigh_more_than_small_ones() {
    let large = pod_of("large", &[("app", Some(1000), 900)]);
    let small = pod_of("small", &[("app", Some(100), 10)]);
    let report = evaluate_cpu(2, vec![large, small]);
    assert_eq!(measured(&report).percent, 82, "910 of 1100; the mean of the pods would be 50");
}

#[rstest]
#[case::failed(ended(PodPhase::Failed, busy("ended", 500)))]
#[case::succeeded(ended(PodPhase::Succeeded, busy("ended", 500)))]
#[case::terminating(terminating(busy("ending", 500)))]
#[case::succeeded_without_reading(ended(PodPhase::Succeeded, unmeasured("ended")))]
#[case::failed_without_request(ended(PodPhase::Failed, pod_of("ended", &[("app", None, 5)])))]
#[case::terminating_and_pending(terminating(waiting("ending")))]
fn ended_and_ending_pods_are_ignored(#[case] ignored: ObservedPod) {
    let report = evaluate_cpu(2, vec![busy("a", 85), ignored, busy("b", 85)]);
    assert_eq!(measured(&report).coverage, Coverage { measured: 2, unready: 0, missing: 0 });
    assert_eq!((measured(&report).percent, report.proposal.unwrap().wanted()), (85, 3));
}

#[test]
fn a_pod_on_a_silent_node_counts_as_long_as_its_reading_is_fresh() {
    let silent = ended(PodPhase::Unknown, busy("silent", 85));
    assert_eq!(measured(&evaluate_cpu(2, vec![silent, busy("a", 85)])).coverage.measured, 2);
}

#[rstest]
#[case::idle_on_the_way_up(3, &[140, 140], 4)]
#[case::left_out_on_the_way_down(3, &[35, 35], 1)]
#[case::within_the_tolerance_when_filled(2, &[140], 2)]
#[case::turned_when_filled(3, &[130], 3)]
fn a_pending_pod_is(#[case] replicas: u32, #[case] loads: &[u64], #[case] expected: u32) {
    let mut pods: Vec<_> = loads.iter().map(|percent| busy(&format!("p{percent}"), *percent)).collect();
    let unready = (replicas as usize) - pods.len();
    pods.extend((0..unready).map(|index| waiting(&format!("pending-{index}"))));
    let report = evaluate_cpu(replicas, pods);
    assert_eq!(measured(&report).coverage.unready, unready);
    assert_eq!(report.proposal.unwrap().wanted(), expected);
}

#[rstest]
#[case::idle_on_the_way_up(3, &[140, 140], 4)]
#[case::fully_used_on_the_way_down(4, &[20, 20, 20], 3)]
#[case::within_the_tolerance_when_filled_up(2, &[140], 2)]
#[case::within_the_tolerance_when_filled_down(2, &[50], 2)]
#[case::turned_from_up(3, &[130], 3)]
#[case::turned_from_down(4, &[60], 4)]
#[case::without_effect_at_the_target(4, &[70, 70, 70], 4)]
fn a_pod_without_a_reading_is(#[case] replicas: u32, #[case] loads: &[u64], #[case] expected: u32) {
    let mut pods: Vec<_> = loads.iter().map(|percent| busy(&format!("p{percent}"), *percent)).collect();
    let missing = (replicas as usize) - pods.len();
    pods.extend((0..missing).map(|index| unmeasured(&format!("missing-{index}"))));
    let report = evaluate_cpu(replicas, pods);
    assert_eq!(measured(&report).coverage.missing, missing);
    assert_eq!(report.proposal.unwrap().wanted(), expected);
}

#[test]
fn starting_and_missing_pods_are_both_idle_on_the_way_up() {
    let report = evaluate_cpu(4, vec![busy("a", 300), busy("b", 300), waiting("c"), unmeasured("d")]);
    let proposal = report.proposal.clone().unwrap();
    assert_eq!((measured(&report).percent, proposal.effective_percent, proposal.wanted()), (300, 150, 9));
    assert_eq!(measured(&report).coverage, Coverage { measured: 2, unready: 1, missing: 1 });
}

#[test]
fn missing_pods_are_filled_by_their_own_request() {
    let missing = pod_of("large", &[("app", Some(3000), 0)]).without_usage();
    let report = evaluate_cpu(2, vec![busy("small", 20), missing]);
    // 200 + 3000 of 4000 is 80 %: more than the target, though the measured pod is below it.
    assert_eq!(report.proposal, Some(Proposal { target: target(70), effective_percent: 80, replicas: 2 }));
}

#[test]
fn a_target_of_100_percent_fills_missing_pods_with_100_percent() {
    let mut rules = rules(1, 1000);
    rules.targets = targets(100, 0, 0);
    let pods = vec![busy("a", 50), busy("b", 50), unmeasured("c"), unmeasured("d")];
    let report = evaluate_with(Metric::Cpu, &rules, &observe(4, pods));
    assert_eq!(report.proposal, Some(Proposal { target: target(100), effective_percent: 75, replicas: 3 }));
}

#[test]
fn a_target_above_100_percent_fills_missing_pods_with_the_target() {
    let mut rules = rules(1, 1000);
    rules.targets = targets(150, 0, 0);
    let pods = vec![busy("a", 60), busy("b", 60), unmeasured("c")];
    for rules in [as_hpa(&rules), rules] {
        let report = evaluate_with(Metric::Cpu, &rules, &observe(3, pods.clone()));
        assert_eq!(report.proposal, Some(Proposal { target: target(150), effective_percent: 90, replicas: 2 }));
    }
}

fn target(percent: i32) -> TargetPercent {
    TargetPercent::unbounded(percent).unwrap()
}

/// A pod of this age whose readiness changed and that was measured so many seconds ago, over a window of 30 s.
fn started(age: i64, is_false: bool, changed: i64, measured: i64) -> ObservedPod {
    let ago = |seconds| now() - TimeDelta::seconds(seconds);
    let young = pod("young", 500, 500, now()).with(|pod| {
        pod.started_at = Some(ago(age));
        pod.readiness = Some(Readiness { is_false, changed_at: ago(changed) });
    });
    young.with_usage(|usage| {
        usage.measured_at = ago(measured);
        usage.window = Duration::from_secs(30);
    })
}

#[rstest]
#[case::young_and_measured_a_window_after_it_became_ready(started(200, false, 100, 10), true)]
#[case::young_and_measured_exactly_a_window_after_it_became_ready(started(200, false, 40, 10), true)]
#[case::young_and_measured_too_soon_after_it_became_ready(started(200, false, 39, 10), false)]
#[case::young_and_not_ready(started(200, true, 100, 10), false)]
#[case::almost_300_s_old_and_measured_too_soon(started(299, false, 5, 10), false)]
#[case::exactly_300_s_old_whenever_measured(started(300, false, 5, 10), true)]
#[case::old_and_never_ready(started(400, true, 371, 10), false)]
#[case::old_and_unready_since_exactly_30_s_after_its_start(started(400, true, 370, 10), true)]
#[case::old_and_unready_since_recently(started(400, true, 20, 10), true)]
#[case::exactly_300_s_old_and_never_ready(started(300, true, 300, 10), false)]
#[case::without_readiness(started(400, false, 100, 10).with(|pod| pod.readiness = None), false)]
#[case::without_start(started(400, false, 100, 10).with(|pod| pod.started_at = None), false)]
#[case::started_in_the_future(started(-20, false, -10, 10), false)]
fn the_warm_up_leaves_out_a_pod_that_is(#[case] young: ObservedPod, #[case] counts: bool) {
    let observation = observe(2, vec![busy("settled", 70), young]);
    let cpu = evaluate_with(Metric::Cpu, &rules(1, 1000), &observation);
    assert_eq!(measured(&cpu).coverage.measured == 2, counts);
    assert_eq!(measured(&cpu).coverage.unready == 1, !counts);
    let memory = evaluate_with(Metric::Memory, &rules(1, 1000), &observation);
    assert_eq!(measured(&memory).coverage.unready, 0, "memory has no warm-up");
}

#[test]
fn a_reading_that_is_older_than_the_pod_is_its_predecessors() {
    let mut again = pod("web-0", 85, 300, now() - TimeDelta::seconds(60));
    again = again.with(|pod| {
        pod.started_at = Some(now() - TimeDelta::seconds(10));
        pod.readiness = Some(Readiness { is_false: false, changed_at: now() - TimeDelta::seconds(5) });
    });
    let observation = observe(2, vec![busy("web-1", 70), again]);
    let coverage = |rules: &ScalingRules| measured(&evaluate_with(Metric::Memory, rules, &observation)).coverage;
    assert_eq!(coverage(&rules(1, 10)), Coverage { measured: 1, unready: 0, missing: 1 });
    assert_eq!(coverage(&as_hpa(&rules(1, 10))), Coverage { measured: 2, unready: 0, missing: 0 });
}

#[test]
fn a_storm_of_starting_pods_does_not_drive_the_count_up() {
    let starting = (0..8).map(|index| started(60, true, 60, 5).with(|pod| pod.name = format!("new-{index}")));
    let pods: Vec<_> = pods(2, 85, 50, now()).into_iter().chain(starting).collect();
    assert_eq!(proposed(10, pods), 10);
}

#[rstest]
#[case::without_usage(|pod: &mut ObservedPod| pod.usage = None)]
#[case::with_a_reading_of_91_s(|pod: &mut ObservedPod| pod.usage_mut().measured_at = at(-91))]
#[case::with_a_reading_slightly_too_old(
    |pod: &mut ObservedPod| pod.usage_mut().measured_at = now() - TimeDelta::milliseconds(90_001))]
#[case::with_no_container_measured(|pod: &mut ObservedPod| pod.usage_mut().containers.clear())]
#[case::with_one_container_not_measured(
    |pod: &mut ObservedPod| pod.requests_mut().containers.push(container("sidecar", Some(10))))]
#[case::with_one_container_without_this_metric(
    |pod: &mut ObservedPod| pod.usage_mut().containers.push(used_by("debug", None)))]
fn a_pod_is_missing(#[case] change: fn(&mut ObservedPod)) {
    let mut odd = busy("odd", 500);
    change(&mut odd);
    let report = evaluate_cpu(2, vec![busy("a", 85), odd]);
    assert_eq!(measured(&report).coverage, Coverage { measured: 1, unready: 0, missing: 1 });
}

#[test]
fn a_reading_of_exactly_the_greatest_age_is_fresh() {
    let old = busy("old", 500).with_usage(|usage| usage.measured_at = at(-90));
    let ahead = busy("ahead", 85).with_usage(|usage| usage.measured_at = at(5));
    let report = evaluate_cpu(2, vec![ahead, old]);
    assert_eq!(measured(&report).coverage.measured, 2);
    assert_eq!(measured(&report).measured_at, at(-90), "the oldest reading of the sum");
}

#[test]
fn a_reading_from_far_ahead_would_never_grow_old_and_is_missing() {
    let ahead = busy("ahead", 10).with_usage(|usage| usage.measured_at = at(91));
    let report = evaluate_cpu(2, vec![busy("a", 70), ahead]);
    assert_eq!(measured(&report).coverage, Coverage { measured: 1, unready: 0, missing: 1 });
}

#[test]
fn a_missing_request_is_an_error_that_names_pod_and_container() {
    let incomplete = pod_of("web-1", &[("app", Some(500), 100), ("log", None, 5)]);
    let found = error(2, vec![busy("web-0", 85), incomplete]);
    assert_eq!(found.to_string(), "missing request for cpu in container log of pod web-1");
}

#[test]
fn the_pod_that_is_named_for_its_missing_request_does_not_depend_on_the_order() {
    let incomplete = |name| pod_of(name, &[("app", None, 5)]);
    let pods = vec![incomplete("web-2"), busy("web-0", 85), incomplete("web-1")];
    let reversed: Vec<_> = pods.iter().rev().cloned().collect();
    assert_eq!(error(3, pods.clone()), error(3, reversed));
    assert_eq!(error(3, pods).to_string(), "missing request for cpu in container app of pod web-1");
}

#[test]
fn a_pod_that_starts_without_request_makes_the_metric_unknown_as_well() {
    let starting = ended(PodPhase::Pending, pod_of("new", &[("app", None, 5)])).without_usage();
    assert!(matches!(error(2, vec![busy("a", 85), starting]), MetricError::MissingRequest { .. }));
}

#[test]
fn requests_that_add_up_to_nothing_are_an_error() {
    let nothing = pod_of("a", &[("app", Some(0), 100)]);
    assert_eq!(error(1, vec![nothing.clone()]), MetricError::ZeroRequests { metric: Metric::Cpu });
    assert_eq!(measured(&evaluate_cpu(2, vec![nothing, busy("b", 60)])).percent, 70, "beside others it only adds use");
}

#[test]
fn a_request_for_the_pod_wins_over_those_of_its_containers() {
    let of_the_pod = |cpu, memory| {
        let level = ResourceRequests { cpu, memory };
        pod_of("a", &[("app", Some(100), 700), ("log", None, 100)])
            .with_requests(|requests| requests.pod_level = Some(level))
    };
    assert_eq!(measured(&evaluate_cpu(1, vec![of_the_pod(Some(amount(2000)), None)])).percent, 40);
    let found = error(1, vec![of_the_pod(None, Some(amount(2000)))]);
    assert_eq!(found.to_string(), "missing pod-level request for cpu in pod a");
}

#[test]
fn native_sidecars_count_in_use_and_requests() {
    let pod = pod_of("a", &[("app", Some(1000), 600), ("proxy", Some(500), 300)]);
    assert_eq!(measured(&evaluate_cpu(1, vec![pod])).percent, 60);
}

#[test]
fn without_pods_or_without_source_nothing_is_known() {
    assert_eq!(error(2, vec![]), MetricError::NoPods);
    assert_eq!(error(2, vec![terminating(busy("a", 85))]), MetricError::NoPods);
    let observation = Observation {
        resource_source: SourceState::Unavailable { error: "metrics.k8s.io: 503".into() },
        ..observe(2, pods(2, 85, 50, now()))
    };
    for metric in [Metric::Cpu, Metric::Memory] {
        let report = evaluate_with(metric, &rules(1, 10), &observation);
        assert_eq!(report.utilization.unwrap_err().to_string(), "metrics.k8s.io: 503");
        assert_eq!(report.proposal, None);
    }
}

#[test]
fn pods_of_which_none_can_be_used_are_no_zero() {
    let found = error(3, vec![waiting("a"), unmeasured("b"), started(60, true, 60, 5)]);
    assert_eq!(
        found.to_string(),
        "no usable cpu reading for any of 3 pods (2 starting or unready, 1 without a fresh reading)"
    );
}

#[test]
fn a_metric_without_target_is_measured_and_proposes_nothing() {
    let report = evaluate_with(Metric::Memory, &rules(1, 10), &observe(2, pods(2, 85, 50, now())));
    assert_eq!((measured(&report).percent, measured(&report).source), (50, "metrics.k8s.io/v1beta1"));
    assert_eq!((report.target, report.proposal), (None, None));
}

#[test]
fn the_shown_utilisation_is_the_measured_one_and_not_the_filled_one() {
    let report = evaluate_cpu(3, vec![busy("a", 140), busy("b", 140), waiting("c")]);
    assert_eq!(measured(&report).percent, 140);
    assert_eq!(report.proposal.unwrap().effective_percent, 93);
}

#[rstest]
#[case::a_surge_on_the_way_down(4, 5, 60, 4)]
#[case::a_large_surge_on_the_way_down(4, 8, 62, 4)]
#[case::a_surge_that_still_leaves_less(4, 5, 35, 3)]
#[case::too_few_pods_on_the_way_up(4, 2, 100, 4)]
#[case::too_few_pods_that_still_want_more(4, 2, 280, 8)]
#[case::a_surge_at_the_target(4, 8, 70, 4)]
#[case::too_few_pods_at_the_target(4, 2, 70, 4)]
fn another_number_of_pods_than_replicas_never_moves_the_count_against_the_load(
    #[case] replicas: u32,
    #[case] count: u32,
    #[case] percent: u64,
    #[case] expected: u32,
) {
    assert_eq!(proposed(replicas, pods(count, percent, 50, now())), expected);
}

#[test]
fn absurd_amounts_give_the_greatest_count_and_no_overflow() {
    const MOST: u64 = i64::MAX as u64;
    let huge = || pod_of("a", &[("app", Some(1), MOST), ("log", Some(1), MOST)]);
    assert_eq!(measured(&evaluate_cpu(1, vec![huge()])).percent, i32::MAX);
    assert_eq!(proposed(100, vec![huge(); 100]), i32::MAX.unsigned_abs());
    let greedy = pod_of("a", &[("app", Some(MOST), REQUEST), ("log", Some(MOST), REQUEST)]);
    assert_eq!(proposed(1, vec![greedy]), 0);
}

#[test]
fn what_a_missing_pod_requests_never_overflows() {
    let greedy = pod_of("a", &[("app", Some(i64::MAX as u64), 0)]).without_usage();
    let report = evaluate_cpu(2, vec![busy("b", 10), greedy]);
    assert_eq!(report.proposal, Some(Proposal { target: target(70), effective_percent: 99, replicas: 2 }));
}

#[test]
fn moments_at_the_end_of_the_calendar_do_not_overflow() {
    let endless = |started_at| {
        let pod = busy("a", 85).with_usage(|usage| usage.window = Duration::MAX);
        vec![busy("b", 85), pod.with(|pod| pod.started_at = Some(started_at))]
    };
    assert_eq!(measured(&evaluate_cpu(2, endless(Timestamp::MAX_UTC))).coverage.unready, 1);
    assert_eq!(measured(&evaluate_cpu(2, endless(Timestamp::MIN_UTC))).coverage.measured, 2);
}

#[test]
fn a_pod_without_containers_is_missing() {
    let empty = busy("empty", 0).with(|pod| pod.requests = Arc::default()).with_usage(|usage| usage.containers.clear());
    assert_eq!(measured(&evaluate_cpu(2, vec![busy("a", 85), empty])).coverage.missing, 1);
}

mod hpa;
