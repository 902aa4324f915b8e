use std::sync::Arc;

use rstest::rstest;

use super::super::fixtures::*;
use super::super::utilization::{Coverage, MetricError, MetricReport, evaluate};
use super::*;
use crate::domain::autoscaler::{Compatibility, WarmUp};
use crate::domain::observation::{Readiness, SourceState};

/// A pod of an hour that requests so many GPUs, with these devices: how many seconds ago they were measured, and their
/// percentages.
fn with_gpus(name: &str, requested: u32, devices: &[(i64, Option<f64>)]) -> ObservedPod {
    let device = |(number, (age, utilization_percent)): (usize, &(i64, Option<f64>))| GpuReading {
        utilization_percent: *utilization_percent,
        ..GpuReading::new(format!("gpu-{number}"), at(-age))
    };
    let devices = devices.iter().enumerate().map(device).collect();
    let pod = pod(name, 70, 50, at(0)).with_requests(|requests| requests.gpus = requested);
    ObservedPod { gpus: Some(Arc::new(GpuUsage { devices, window: Duration::ZERO })), ..pod }
}

/// A pod with fresh readings of all its devices.
fn busy_gpus(name: &str, percents: &[f64]) -> ObservedPod {
    let devices: Vec<_> = percents.iter().map(|percent| (0, Some(*percent))).collect();
    with_gpus(name, devices.len() as u32, &devices)
}

fn for_gpus(compatibility: Compatibility) -> ScalingRules {
    ScalingRules { targets: targets(0, 0, 70), compatibility, ..rules(1, 100) }
}

/// What both ways to decide make of the GPUs; they are the same.
fn gpu_report(replicas: u32, pods: Vec<ObservedPod>) -> MetricReport {
    let seen = Observation { gpu_source: SourceState::Read { name: "exporter" }, ..observe(replicas, pods) };
    let [report, hpa] = Compatibility::ALL.map(|compatibility| gpu_report_of(&seen, compatibility));
    assert_eq!(report, hpa);
    report
}

fn gpu_report_of(seen: &Observation, compatibility: Compatibility) -> MetricReport {
    let [report] = evaluate([Metric::Gpu], &Survey::new(&for_gpus(compatibility), seen));
    report
}

/// The measured percentage and the proposed count.
fn gpu_answer(replicas: u32, pods: Vec<ObservedPod>) -> (i32, u32) {
    let report = gpu_report(replicas, pods);
    (report.utilization.unwrap().percent, report.proposal.unwrap().wanted())
}

fn coverage(replicas: u32, pods: Vec<ObservedPod>) -> Coverage {
    gpu_report(replicas, pods).utilization.unwrap().coverage
}

fn gpu_standing(pod: &ObservedPod) -> Standing {
    Survey::new(&for_gpus(Compatibility::Default), &observe(2, vec![])).look(pod).standing(Metric::Gpu)
}

#[rstest]
#[case::one_each(2, vec![busy_gpus("a", &[90.0]), busy_gpus("b", &[100.0])], (95, 3))]
#[case::several_each(2, vec![busy_gpus("a", &[100.0, 80.0]), busy_gpus("b", &[60.0, 40.0])], (70, 2))]
#[case::large_pods_weigh_more(2, vec![busy_gpus("a", &[90.0; 3]), busy_gpus("b", &[10.0])], (70, 2))]
#[case::idle(4, vec![busy_gpus("a", &[0.0]), busy_gpus("b", &[0.0])], (0, 0))]
#[case::only_whole_percent_count(1, vec![busy_gpus("a", &[77.9])], (77, 1))]
#[case::thirds(1, vec![busy_gpus("a", &[100.0, 100.0, 0.0])], (66, 1))]
#[case::more_devices_than_requested(1, vec![with_gpus("a", 1, &[(0, Some(60.0)), (0, Some(100.0))])], (80, 2))]
fn the_utilisation_is_the_mean_of_the_requested_devices(
    #[case] replicas: u32,
    #[case] pods: Vec<ObservedPod>,
    #[case] expected: (i32, u32),
) {
    assert_eq!(gpu_answer(replicas, pods), expected);
}

#[rstest]
#[case::without_devices(with_gpus("odd", 1, &[]), Missing::NoReading)]
#[case::unknown_to_the_source(ObservedPod { gpus: None, ..busy_gpus("odd", &[10.0]) }, Missing::NoReading)]
#[case::stale(with_gpus("odd", 1, &[(91, Some(10.0))]), Missing::Stale)]
#[case::from_far_ahead(with_gpus("odd", 1, &[(-91, Some(10.0))]), Missing::Stale)]
#[case::partly_stale(with_gpus("odd", 2, &[(0, Some(10.0)), (91, Some(10.0))]), Missing::Stale)]
#[case::with_a_device_too_few(with_gpus("odd", 2, &[(0, Some(10.0))]), Missing::Incomplete)]
#[case::with_a_device_not_measured(with_gpus("odd", 2, &[(0, Some(10.0)), (0, None)]), Missing::Incomplete)]
#[case::beyond_the_device(with_gpus("odd", 1, &[(0, Some(100.1))]), Missing::Impossible)]
#[case::negative(with_gpus("odd", 1, &[(0, Some(-0.1))]), Missing::Impossible)]
#[case::no_number(with_gpus("odd", 1, &[(0, Some(f64::NAN))]), Missing::Impossible)]
#[case::infinite(with_gpus("odd", 1, &[(0, Some(f64::INFINITY))]), Missing::Impossible)]
fn a_pod_with_gpus_is_missing(#[case] odd: ObservedPod, #[case] why: Missing) {
    assert_eq!(gpu_standing(&odd), Standing::Missing(why));
    assert_eq!(coverage(2, vec![busy_gpus("a", &[70.0]), odd]), Coverage { measured: 1, unready: 0, missing: 1 });
}

#[test]
fn a_gpu_reading_is_as_old_as_its_oldest_device() {
    let pod = with_gpus("a", 2, &[(10, Some(50.0)), (90, Some(70.0))]);
    assert_eq!(gpu_standing(&pod), Standing::Measured { usage: 2 * 60_000, measured_at: at(-90) });
}

#[test]
fn pods_without_gpus_are_ignored() {
    let without = pod("web", 500, 50, at(0));
    assert_eq!(gpu_standing(&without), Standing::Ignored);
    assert_eq!(gpu_answer(2, vec![busy_gpus("a", &[70.0]), busy_gpus("b", &[70.0]), without]), (70, 2));
}

#[test]
fn without_any_gpu_request_or_reading_nothing_is_known() {
    let error = |pods| gpu_report(2, pods).utilization.unwrap_err();
    assert_eq!(error(pods(2, 70, 50, at(0))), MetricError::NoGpuRequests);
    assert_eq!(error(vec![]), MetricError::NoPods);
    let missing = error(vec![with_gpus("a", 1, &[]), busy_gpus("b", &[700.0])]);
    assert_eq!(missing, MetricError::NoReadings { metric: Metric::Gpu, pods: 2, unready: 0, missing: 2, gap: None });
    let seen = observe(1, vec![busy_gpus("a", &[70.0])]);
    let unavailable = gpu_report_of(&seen, Compatibility::Default);
    assert_eq!(unavailable.utilization.unwrap_err().to_string(), "no exporter");
}

#[test]
fn missing_gpus_are_idle_on_the_way_up_and_busy_on_the_way_down() {
    let odd = || with_gpus("odd", 2, &[]);
    // 100 % of two devices and 0 % of two.
    assert_eq!(gpu_answer(2, vec![busy_gpus("a", &[100.0; 2]), odd()]), (100, 2));
    // 10 % of two devices and 100 % of two.
    assert_eq!(gpu_answer(3, vec![busy_gpus("a", &[10.0; 2]), odd()]), (10, 2));
}

#[test]
fn starting_gpus_do_not_count() {
    let starting = busy_gpus("young", &[100.0]).with(|pod| {
        pod.started_at = Some(at(-200));
        pod.readiness = Some(Readiness { is_false: true, changed_at: at(-200) });
    });
    assert_eq!(gpu_standing(&starting), Standing::Unready(Unready::WarmingUp));
    let ready = |seconds: i64| {
        let readiness = Readiness { is_false: false, changed_at: at(-seconds) };
        gpu_standing(&with_gpus("young", 1, &[(10, Some(50.0))]).with(|pod| {
            pod.started_at = Some(at(-200));
            pod.readiness = Some(readiness);
        }))
    };
    assert_eq!(ready(9), Standing::Unready(Unready::WarmingUp), "measured before it was ready");
    assert!(matches!(ready(10), Standing::Measured { .. }));
}

#[test]
fn a_whole_number_of_thousandths_comes_of_any_number_of_devices() {
    for devices in 1..=16 {
        let Standing::Measured { usage, .. } = gpu_standing(&busy_gpus("a", &vec![33.3; devices])) else {
            panic!("it was measured");
        };
        assert_eq!(usage, devices as i64 * 33_300);
    }
}

/// How the CPU of a pod stands with rules and an observation of one pod.
fn cpu_standing(rules: &ScalingRules, pod: &ObservedPod) -> Standing {
    Survey::new(rules, &observe(1, vec![])).look(pod).standing(Metric::Cpu)
}

#[rstest]
#[case::ignored(pod("a", 70, 50, at(0)).with(|pod| pod.terminating = true), "ignored", None)]
#[case::pending(pending("a", at(0)), "unready", Some("pending"))]
#[case::warming_up(pod("a", 70, 50, at(0)).with(|pod| pod.readiness = None), "unready", Some("warming up"))]
#[case::without_reading(pod("a", 70, 50, at(0)).without_usage(), "missing", Some("no reading"))]
#[case::stale(pod("a", 70, 50, at(-91)), "missing", Some("stale reading"))]
#[case::incomplete(
    pod("a", 70, 50, at(0)).with_usage(|usage| usage.containers[0].cpu = None), "missing", Some("incomplete reading"))]
#[case::impossible(
    pod("a", 70, 50, at(0)).with_usage(|usage| usage.containers[0].cpu = Some("-1".parse().unwrap())),
    "missing", Some("impossible reading"))]
#[case::measured(pod("a", 70, 50, at(0)), "measured", None)]
fn a_standing_has_a_name_and_a_reason(#[case] pod: ObservedPod, #[case] name: &str, #[case] why: Option<&str>) {
    let standing = cpu_standing(&rules(1, 10), &pod);
    assert_eq!((standing.as_str(), standing.why()), (name, why));
}

#[test]
fn a_young_pod_of_a_rollout_has_a_reason_of_its_own() {
    let of = |revision: &str, name: &str| {
        pod(name, 70, 50, at(0)).with(|pod| {
            pod.revision = Some(revision.into());
            pod.started_at = Some(at(-200));
            pod.readiness = Some(Readiness { is_false: false, changed_at: at(-200) });
        })
    };
    let (old, new) = (of("old", "a"), of("new", "b"));
    let seen = Observation { revision: Some("new".into()), ..observe(2, vec![old.clone(), new.clone()]) };
    let rules = rules(1, 10);
    let survey = Survey::new(&rules, &seen);
    assert_eq!(survey.look(&new).standing(Metric::Cpu), Standing::Unready(Unready::NewRevision));
    assert_eq!(survey.look(&new).standing(Metric::Cpu).why(), Some("warming up in a rollout"));
    assert!(matches!(survey.look(&new).standing(Metric::Memory), Standing::Measured { .. }));
    assert!(matches!(survey.look(&old).standing(Metric::Cpu), Standing::Measured { .. }));
    let hpa = as_hpa(&rules);
    assert!(matches!(Survey::new(&hpa, &seen).look(&new).standing(Metric::Cpu), Standing::Measured { .. }));
}

#[test]
fn without_a_warm_up_every_measured_pod_counts_but_one_without_readiness() {
    let mut rules = rules(1, 10);
    rules.warm_up = WarmUp { cpu_initialization: Duration::ZERO, readiness_delay: Duration::ZERO };
    let unready = pod("a", 70, 50, at(0)).with(|pod| {
        pod.started_at = Some(at(0));
        pod.readiness = Some(Readiness { is_false: true, changed_at: at(0) });
    });
    for rules in [as_hpa(&rules), rules] {
        assert!(matches!(cpu_standing(&rules, &unready), Standing::Measured { .. }));
        let unknown = pod("b", 70, 50, at(0)).with(|pod| pod.readiness = None);
        assert_eq!(cpu_standing(&rules, &unknown), Standing::Unready(Unready::WarmingUp));
    }
}
