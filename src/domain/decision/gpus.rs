//! What is decided by GPUs, known and unknown, and by the room that is left for them.

use chrono::TimeDelta;
use rstest::rstest;

use super::tests::{decide_once, prompt};
use super::*;
use crate::domain::autoscaler::{CapacityRule, TargetPercent, Targets};
use crate::domain::fixtures::*;
use crate::domain::gpu::{Fallback, GpuReading, GpuUsage};
use crate::domain::observation::*;
use crate::domain::utilization::{MetricError, SIMULATED};

/// A pod of an hour that requests a GPU of 80 GiB, of which so many percent are busy and so many are full.
fn training(name: &str, busy: f64, full: f64) -> ObservedPod {
    let device = GpuReading {
        utilization_percent: Some(busy),
        memory_used_mib: Some(full / 100.0 * 81_920.0),
        memory_total_mib: Some(81_920.0),
        ..GpuReading::new("nvidia0", at(0))
    };
    let gpus = Some(Arc::new(GpuUsage { devices: vec![device], window: Duration::from_secs(30) }));
    ObservedPod { gpus, ..requesting(name) }
}

/// The same without a reading.
fn requesting(name: &str) -> ObservedPod {
    pod(name, 0, 0, at(0)).with_requests(|requests| requests.gpus = 1)
}

fn unread(name: &str, gap: &str) -> ObservedPod {
    ObservedPod { gpu_gap: Some(gap.into()), ..requesting(name) }
}

fn seen(pods: Vec<ObservedPod>) -> Observation {
    let gpu_source = SourceState::Read { name: "dcgm-exporter" };
    Observation { gpu_source, ..observe(u32::try_from(pods.len()).unwrap(), pods) }
}

/// A target for one metric, and no window.
fn target(metric: Metric, percent: i32) -> ScalingRules {
    ScalingRules { targets: Targets::only(metric, TargetPercent::new(percent).unwrap()), ..prompt(1, 100) }
}

fn busy_and_full(busy: f64, full: f64) -> Observation {
    seen(vec![training("a", busy, full), training("b", busy, full)])
}

#[rstest]
#[case::busy(Metric::Gpu, busy_and_full(96.0, 10.0), 3)]
#[case::idle(Metric::Gpu, busy_and_full(20.0, 99.0), 1)]
#[case::full(Metric::GpuMemory, busy_and_full(10.0, 96.0), 3)]
#[case::empty(Metric::GpuMemory, busy_and_full(99.0, 20.0), 1)]
fn each_metric_of_gpus_has_its_own_target(#[case] metric: Metric, #[case] seen: Observation, #[case] desired: u32) {
    let decision = decide_once(&target(metric, 80), seen);
    assert_eq!((decision.desired, &decision.metrics[0].target), (desired, &None));
}

#[test]
fn of_several_devices_the_mean_busy_time_and_the_whole_memory_count() {
    let device = |busy, used, total| GpuReading {
        utilization_percent: Some(busy),
        memory_used_mib: Some(used),
        memory_total_mib: Some(total),
        ..GpuReading::new("nvidia0", at(0))
    };
    let devices = vec![device(100.0, 30.0, 100.0), device(40.0, 10.0, 300.0)];
    let usage = GpuUsage { devices, window: Duration::ZERO };
    let means = (usage.utilization_percent(), usage.memory_percent(), usage.imbalance_percent());
    assert_eq!(means, (Some(70.0), Some(10.0), Some(60.0)));
    let pod = requesting("a").with_requests(|requests| requests.gpus = 2);
    let decision =
        decide_once(&target(Metric::Gpu, 80), seen(vec![ObservedPod { gpus: Some(Arc::new(usage)), ..pod }]));
    let percents: Vec<_> = decision.metrics[2..].iter().map(|report| report.shown_percent()).collect();
    assert_eq!(percents, [Some(70), Some(10)]);
}

#[rstest]
#[case::more_used_than_there_is(Some(101.0), Some(100.0))]
#[case::nothing_there(Some(0.0), Some(0.0))]
#[case::negative(Some(-1.0), Some(100.0))]
#[case::no_number(Some(f64::NAN), Some(100.0))]
#[case::unknown_use(None, Some(100.0))]
#[case::unknown_size(Some(1.0), None)]
fn impossible_memory_is_unknown(#[case] used: Option<f64>, #[case] total: Option<f64>) {
    let device = GpuReading { memory_used_mib: used, memory_total_mib: total, ..GpuReading::new("nvidia0", at(0)) };
    let gpus = Some(Arc::new(GpuUsage { devices: vec![device], window: Duration::ZERO }));
    let decision = decide_once(&target(Metric::GpuMemory, 80), seen(vec![ObservedPod { gpus, ..requesting("a") }]));
    assert_eq!((decision.desired, decision.reason), (1, Reason::FailedGetGpuMetric));
}

#[test]
fn a_share_of_a_device_is_measured_by_the_device() {
    let mut shared = training("a", 90.0, 50.0).with_requests(|requests| requests.gpus = 3);
    let usage = Arc::make_mut(shared.gpus.as_mut().unwrap());
    let alone = usage.clone();
    usage.devices[0].shared = true;
    assert_eq!(decide_once(&target(Metric::Gpu, 45), seen(vec![shared.clone()])).desired, 2);
    shared.gpus = Some(Arc::new(alone));
    assert_eq!(decide_once(&target(Metric::Gpu, 45), seen(vec![shared])).desired, 1, "two devices are missing");
}

#[rstest]
fn a_model_that_is_being_loaded_says_nothing_about_the_load(
    #[values(Metric::Gpu, Metric::GpuMemory)] metric: Metric,
    #[values(29, 31)] ready_for: i64,
) {
    let young = training("young", 100.0, 100.0).with(|pod| {
        pod.started_at = Some(at(-200));
        pod.readiness = Some(Readiness { is_false: false, changed_at: at(-ready_for) });
    });
    let decision = decide_once(&target(metric, 60), seen(vec![training("old", 60.0, 60.0), young]));
    // What the exporter shows may be as old as its interval, 30 s, and so from before the pod was ready.
    let report = decision.metrics.iter().find(|report| report.metric == metric).unwrap();
    let percent = report.utilization.as_ref().unwrap().percent;
    assert_eq!((percent, decision.desired), if ready_for < 30 { (60, 2) } else { (80, 3) });
}

#[test]
fn a_workload_without_gpus_is_told_so_and_may_still_go_up_by_its_other_targets() {
    let rules = ScalingRules { targets: targets(70, 0, 80), ..prompt(1, 100) };
    for gpu_source in [SourceState::Read { name: "x" }, SourceState::Unavailable { error: "no exporter".into() }] {
        let with = |cpu| Observation { gpu_source: gpu_source.clone(), ..observe(2, pods(2, cpu, 0, at(0))) };
        let up = decide_once(&rules, with(140));
        assert_eq!((up.desired, up.metrics[2].utilization.clone()), (4, Err(MetricError::NoGpuRequests)));
        let down = decide_once(&rules, with(10));
        assert_eq!((down.desired, down.reason), (2, Reason::FailedGetGpuMetric));
        let active = down.condition(ConditionKind::ScalingActive);
        assert_eq!(active.message, "gpu is unknown: none of the pods requests a GPU");
    }
}

#[test]
fn an_unknown_gpu_is_explained_by_its_exporter_and_by_what_to_do() {
    let pods = vec![unread("b", "another thing"), unread("a", "the exporter on node-1 cannot be read: refused")];
    let decision = decide_once(&target(Metric::Gpu, 80), seen(pods));
    assert_eq!((decision.outcome, decision.reason), (Outcome::Held, Reason::FailedGetGpuMetric));
    let message = &decision.condition(ConditionKind::ScalingActive).message;
    let why =
        "for any of 2 pods (0 starting or unready, 2 without a fresh reading): the exporter on node-1 cannot be read";
    assert!(message.contains(why), "{message}");
    for check in ["gpu-monitoring", "nvidia.com/gpu=present", "are running", "/api/v1/sources"] {
        assert!(message.contains(check), "{check}: {message}");
    }
}

fn without_exporters(fallback: Fallback) -> Observation {
    let gpu_source = SourceState::Unavailable { error: "no exporter is there".into() };
    Observation { gpu_source, fallback, ..seen(vec![requesting("a"), requesting("b")]) }
}

#[test]
fn what_is_simulated_is_shown_and_nothing_follows_from_it() {
    let rules = target(Metric::Gpu, 1);
    let decision = decide_once(&rules, without_exporters(Fallback::Shown));
    let report = &decision.metrics[2];
    assert!((60..=90).contains(&report.shown_percent().unwrap()), "{report:?}");
    assert!(report.utilization.is_err() && report.proposal.is_none());
    assert_eq!((decision.desired, decision.recommended), (2, None));
    assert!(decision.sentence().contains("is shown and not acted on"), "{}", decision.sentence());
    assert_eq!(decide_once(&rules, without_exporters(Fallback::None)).metrics[2].shown_percent(), None);
}

#[test]
fn what_is_simulated_counts_where_that_is_wanted() {
    let decision = decide_once(&target(Metric::Gpu, 1), without_exporters(Fallback::Acted));
    let report = &decision.metrics[2];
    assert_eq!(report.utilization.as_ref().map(|utilization| utilization.source), Ok(SIMULATED));
    let because = &report.simulated.as_ref().unwrap().because;
    assert_eq!(because.to_string(), "no exporter is there");
    assert_eq!(decision.desired, 100);
    assert!(decision.sentence().contains("simulated gpu "), "{}", decision.sentence());
    // The next minute has another number, and the same minute the same.
    let again = decide_once(&target(Metric::Gpu, 1), without_exporters(Fallback::Acted));
    assert_eq!(again.metrics, decision.metrics);
}

#[rstest]
#[case::one_is_measured(vec![training("a", 40.0, 0.0), requesting("b")])]
#[case::no_gpu_is_requested(pods(2, 70, 0, at(0)))]
#[case::none_has_started(vec![pending("a", at(0)).with_requests(|requests| requests.gpus = 1)])]
fn nothing_is_simulated_unless_gpus_are_requested_and_none_is_measured(#[case] pods: Vec<ObservedPod>) {
    for fallback in [Fallback::Shown, Fallback::Acted] {
        let decision = decide_once(&target(Metric::Gpu, 80), Observation { fallback, ..seen(pods.clone()) });
        assert_eq!(decision.metrics[2].simulated, None, "{:?}", decision.metrics[2]);
    }
    let untargeted = Observation { fallback: Fallback::Acted, ..seen(vec![requesting("a")]) };
    assert_eq!(decide_once(&prompt(1, 100), untargeted).metrics[2].simulated, None);
}

/// Six of eight replicas run, each busy to 100 %, and the nodes have room for so many pods more.
fn crowded(more: u32) -> Observation {
    let mut pods: Vec<_> = (0..6).map(|number| training(&format!("run-{number}"), 100.0, 0.0)).collect();
    pods.extend(
        (0..2).map(|number| pending(&format!("wait-{number}"), at(0)).with_requests(|requests| requests.gpus = 1)),
    );
    Observation { room: Room::Known { more, blocked_by: "Insufficient nvidia.com/gpu".into() }, ..seen(pods) }
}

fn with_capacity(capacity: CapacityRule) -> ScalingRules {
    ScalingRules { capacity, ..target(Metric::Gpu, 50) }
}

#[rstest]
#[case::none_left(0, 8, "wanted 12, 6 can run, 6 blocked: Insufficient nvidia.com/gpu")]
#[case::those_that_wait_fill_it(2, 8, "wanted 12, 8 can run, 4 blocked: Insufficient nvidia.com/gpu")]
#[case::some_left(5, 11, "wanted 12, 11 can run, 1 blocked: Insufficient nvidia.com/gpu")]
fn no_more_replicas_are_wanted_than_can_run(#[case] more: u32, #[case] desired: u32, #[case] message: &str) {
    let decision = decide_once(&with_capacity(CapacityRule::Respect), crowded(more));
    assert_eq!((decision.recommended, decision.desired), (Some(12), desired));
    assert_eq!(decision.reason, Reason::InsufficientCapacity);
    assert_eq!(decision.outcome, if desired == 8 { Outcome::Held } else { Outcome::ScaleUp });
    let limited = decision.condition(ConditionKind::ScalingLimited);
    assert_eq!((limited.holds, &*limited.message), (true, message));
    assert!(decision.sentence().contains(message), "{}", decision.sentence());
    let step = decision.steps.last().unwrap();
    assert_eq!((step.rule, decision.explain(step)), (Rule::Capacity, message.to_owned()));
    assert_eq!(decision.could_act_after, None, "time alone makes no room");
}

#[rstest]
#[case::enough(CapacityRule::Respect, crowded(6))]
#[case::ignored(CapacityRule::Ignore, crowded(0))]
#[case::unknown(CapacityRule::Respect, Observation { room: Room::Unknown { error: "forbidden".into() }, ..crowded(0) })]
#[case::not_asked(CapacityRule::Respect, Observation { room: Room::NotAsked, ..crowded(0) })]
fn otherwise_capacity_limits_nothing(#[case] capacity: CapacityRule, #[case] seen: Observation) {
    let decision = decide_once(&with_capacity(capacity), seen);
    assert_eq!((decision.desired, &decision.blocked), (12, &None));
}

#[test]
fn the_hpa_does_not_look_at_capacity() {
    let decision = decide_once(&as_hpa(&with_capacity(CapacityRule::Respect)), crowded(0));
    assert!(decision.desired > 8 && decision.blocked.is_none(), "{decision:?}");
}

#[test]
fn what_is_wanted_is_what_all_other_rules_allow() {
    let mut rules = with_capacity(CapacityRule::Respect);
    rules.scale_up.max_scale_change = std::num::NonZeroU32::new(2);
    let decision = decide_once(&rules, crowded(3));
    assert_eq!(
        decision.condition(ConditionKind::ScalingLimited).message,
        "wanted 10, 9 can run, 1 blocked: Insufficient nvidia.com/gpu"
    );
    assert_eq!(decision.desired, 9);
}

#[test]
fn a_full_cluster_makes_nobody_smaller() {
    let mut seen = crowded(0);
    for pod in &mut seen.pods {
        *pod = training(&pod.pod.name.clone(), 10.0, 0.0);
    }
    let idle = decide_once(&with_capacity(CapacityRule::Respect), seen);
    assert_eq!((idle.desired, idle.reason), (2, Reason::DesiredWithinRange), "down as always");
    let by_hand = Observation { current_replicas: 200, ..crowded(0) };
    let rules = ScalingRules {
        bounds: crate::domain::autoscaler::ReplicaBounds::new(1, 300).unwrap(),
        ..with_capacity(CapacityRule::Respect)
    };
    let held = decide_once(&rules, by_hand);
    assert!(held.desired >= 200, "{}", held.sentence());
}

#[test]
fn a_reading_from_before_the_pod_is_another_pods() {
    let moved = training("db-0", 100.0, 0.0).with(|pod| pod.started_at = Some(at(0) + TimeDelta::seconds(1)));
    let rules = ScalingRules {
        warm_up: crate::domain::autoscaler::WarmUp {
            cpu_initialization: Duration::ZERO,
            readiness_delay: Duration::ZERO,
        },
        ..target(Metric::Gpu, 50)
    };
    assert_eq!(decide_once(&rules, seen(vec![moved])).desired, 1);
}
