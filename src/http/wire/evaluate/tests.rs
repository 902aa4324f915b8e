use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::domain::autoscaler::{Metric, Mode};
use crate::domain::decision::Decision;
use crate::http::json::read_value;

const MAX_AGE: Duration = Duration::from_secs(90);

/// A document with these fields beside those that must be there.
fn document(fields: Value) -> EvaluateRequest {
    let mut document = json!({
        "spec": {"min_replicas": 1, "max_replicas": 10, "target_cpu_percent": 50},
        "current_replicas": 2,
    });
    json_patch::merge(&mut document, &fields);
    read_value(document).unwrap()
}

fn what_if(fields: Value) -> WhatIf {
    document(fields).what_if(TargetRange::Guide, MAX_AGE).unwrap()
}

fn decision(fields: Value) -> Decision {
    let WhatIf { rules, state, observation, recommended } = what_if(fields);
    decide_with(&rules, &state, observation, recommended, NOW)
}

fn pod(fields: Value) -> Pod {
    let mut pod = json!({"name": "p"});
    json_patch::merge(&mut pod, &fields);
    Pod::clone(&what_if(json!({"pods": [pod]})).observation.pods[0].pod)
}

fn ago(seconds: i64) -> Timestamp {
    NOW - chrono::TimeDelta::seconds(seconds)
}

fn amount(text: &str) -> Option<Amount> {
    Some(text.parse().unwrap())
}

#[test]
fn what_is_left_out_is_not_there() {
    let WhatIf { rules, state, observation, recommended } = what_if(json!({}));
    assert_eq!((state, recommended, rules.mode), (State::default(), None, Mode::Active));
    assert_eq!((observation.current_replicas, observation.pods.len(), observation.strays.len()), (2, 0, 0));
    let SourceState::Unavailable { error } = &observation.resource_source else { panic!("usage was not given") };
    assert_eq!(&**error, "no usage is given");
    assert!(matches!(observation.gpu_source, SourceState::Unavailable { .. }));

    let expected = Pod {
        name: "p".to_owned(),
        node: None,
        phase: PodPhase::Running,
        terminating: false,
        readiness: None,
        started_at: None,
        requests: Arc::default(),
        revision: None,
        unschedulable: None,
    };
    assert_eq!(pod(json!({})), expected);
    let observed = &what_if(json!({"pods": [{"name": "p"}], "usage": [], "gpu": []})).observation;
    assert_eq!((&observed.pods[0].usage, &observed.pods[0].gpus), (&None, &None));
    assert_eq!(observed.resource_source, SourceState::Read { name: "document" });
    assert_eq!(observed.gpu_source, SourceState::Read { name: "document" });
}

#[test]
fn a_null_is_as_good_as_nothing() {
    let nulls = r#"{
        "spec": {"min_replicas": 1, "max_replicas": 10, "target_cpu_percent": 50, "workload_name": null},
        "current_replicas": 2, "pods": null, "usage": null, "gpu": null, "recommended_replicas": null, "history": null,
        "scale_events": null, "revision": null
    }"#;
    let read: EvaluateRequest = serde_json::from_str(nulls).unwrap();
    let read = read.what_if(TargetRange::Guide, MAX_AGE).unwrap();
    let absent = what_if(json!({}));
    assert_eq!(
        (read.state, read.observation, read.recommended),
        (absent.state, absent.observation, absent.recommended)
    );
}

#[test]
fn a_pod_is_read_with_all_that_it_has() {
    let pod = pod(json!({
        "phase": "Pending", "ready": false, "ready_changed_seconds_ago": 20, "started_seconds_ago": 30,
        "terminating": true, "revision": "r2", "unschedulable": "0/3 nodes are available",
        "containers": [
            {"name": "mesh", "sidecar": true, "requests": {"cpu": "100m", "ephemeral-storage": "1Gi"}},
            {"name": "main", "requests": {"cpu": 1, "memory": " 1Gi ", "nvidia.com/gpu": "2", "nvidia.com/mig-1g.5gb": 3}},
        ],
    }));
    let container = |name: &str, cpu, memory| ContainerRequests {
        name: name.to_owned(),
        resources: ResourceRequests { cpu, memory },
    };
    let expected = Pod {
        name: "p".to_owned(),
        node: None,
        phase: PodPhase::Pending,
        terminating: true,
        readiness: Some(Readiness { is_false: true, changed_at: ago(20) }),
        started_at: Some(ago(30)),
        requests: Arc::new(PodRequests {
            // The sidecars last.
            containers: vec![container("main", amount("1"), amount("1Gi")), container("mesh", amount("100m"), None)],
            pod_level: None,
            gpus: 5,
        }),
        revision: Some("r2".into()),
        unschedulable: Some("0/3 nodes are available".into()),
    };
    assert_eq!(pod, expected);
}

#[test]
fn a_readiness_that_changed_nobody_knows_when_changed_long_ago() {
    let readiness = Readiness { is_false: false, changed_at: Timestamp::UNIX_EPOCH };
    assert_eq!(pod(json!({"ready": true})).readiness, Some(readiness));
}

#[rstest]
#[case::none(json!({}), None)]
#[case::of_other_resources(json!({"hugepages-2Mi": "4Mi"}), None)]
#[case::both(json!({"cpu": "2", "memory": "3Gi"}), Some(("2", "3Gi")))]
#[case::the_other_is_the_containers(json!({"cpu": "2"}), Some(("2", "1536Mi")))]
#[case::the_other_is_the_containers(json!({"memory": "3Gi"}), Some(("750m", "3Gi")))]
fn pod_level_requests_win(#[case] own: Value, #[case] expected: Option<(&str, &str)>) {
    let pod = pod(json!({
        "requests": own,
        "containers": [
            {"name": "a", "requests": {"cpu": "500m", "memory": "1Gi"}},
            {"name": "b", "requests": {"cpu": "250m", "memory": "512Mi"}},
        ],
    }));
    let expected = expected.map(|(cpu, memory)| ResourceRequests { cpu: amount(cpu), memory: amount(memory) });
    assert_eq!(pod.requests.pod_level, expected);
}

#[test]
fn readings_come_to_their_pods_and_the_rest_are_strays() {
    let observation = what_if(json!({
        "pods": [{"name": "a"}, {"name": "b"}],
        "usage": [
            {"pod": "gone", "containers": []},
            {"pod": "b", "age_seconds": 10, "window_seconds": 30.5, "containers": [{"name": "main", "cpu": "850m"}]},
        ],
        "gpu": [
            {"pod": "a", "device": "0", "age_seconds": 5, "utilization_percent": 82, "memory_used_mib": 1.5},
            {"pod": "gone", "device": "0"},
            {"pod": "a", "device": "1", "utilization_percent": -1},
        ],
    }))
    .observation;
    let usage = PodUsage {
        measured_at: ago(10),
        window: Duration::from_millis(30_500),
        containers: vec![ContainerUsage { name: "main".into(), cpu: amount("850m"), memory: None }],
    };
    assert_eq!((&observation.pods[0].usage, &observation.pods[1].usage), (&None, &Some(Arc::new(usage))));
    let stray = PodUsage { measured_at: NOW, window: Duration::ZERO, containers: vec![] };
    assert_eq!(observation.strays, [Arc::new(stray)]);
    let devices = &observation.pods[0].gpus.as_ref().unwrap().devices;
    assert_eq!((devices.len(), devices[0].measured_at, devices[1].utilization_percent), (2, ago(5), Some(-1.0)));
    assert_eq!(observation.pods[1].gpus, None);
}

#[test]
fn a_history_that_is_absent_is_not_one_that_is_empty() {
    assert_eq!(what_if(json!({})).state.history, None);
    assert_eq!(what_if(json!({"history": []})).state.history, Some(History::default()));
    let history = json!([{"seconds_ago": 15, "replicas": 5}, {"seconds_ago": 30, "replicas": 4}]);
    let history = what_if(json!({"history": history})).state.history.unwrap();
    let runs: Vec<_> = history.runs().map(|run| (run.first, run.replicas)).collect();
    assert_eq!(runs, [(ago(30), 4), (ago(15), 5)]);
}

#[test]
fn changes_have_a_sign_and_none_is_no_change() {
    let events = json!([
        {"seconds_ago": 20, "change": 2}, {"seconds_ago": 10, "change": 0}, {"seconds_ago": 5, "change": i32::MIN},
    ]);
    let events = what_if(json!({"scale_events": events})).state.events;
    let events: Vec<_> = events.iter().map(|event| (event.at, event.direction, event.change)).collect();
    assert_eq!(events, [(ago(20), Direction::Up, 2), (ago(5), Direction::Down, 1 << 31)]);
}

#[test]
fn a_given_recommendation_needs_no_target() {
    let given = decision(json!({"spec": {"target_cpu_percent": null}, "recommended_replicas": 7}));
    assert_eq!((given.recommended, given.desired), (Some(7), 7));
    let none = document(json!({"spec": {"target_cpu_percent": null}})).what_if(TargetRange::Guide, MAX_AGE);
    assert!(none.unwrap_err().to_string().starts_with("at least one of target_cpu_percent"));
}

#[test]
fn a_reading_is_too_old_only_beyond_the_greatest_age() {
    let at_age = |seconds: f64| {
        decision(json!({
            "pods": [{
                "name": "a", "ready": true, "started_seconds_ago": 4000, "ready_changed_seconds_ago": 3900,
                "containers": [{"name": "main", "requests": {"cpu": 1}}],
            }],
            "usage": [{"pod": "a", "age_seconds": seconds, "containers": [{"name": "main", "cpu": "500m"}]}],
        }))
        .metrics[0]
            .utilization
            .is_ok()
    };
    assert!(at_age(90.0) && !at_age(90.000_000_001));
}

#[rstest]
#[case(json!({"pods": [{"name": "a"}, {"name": "a"}]}), "pods has the pod \"a\" twice")]
#[case(json!({"usage": [{"pod": "a"}, {"pod": "a"}]}), "usage has the pod \"a\" twice")]
#[case(json!({"pods": [{"name": "a", "containers": [{"name": "c"}, {"name": "c"}]}]}),
    "pods has the container \"c\" of the pod \"a\" twice")]
#[case(json!({"usage": [{"pod": "a", "containers": [{"name": "c"}, {"name": "c"}]}]}),
    "usage has the container \"c\" of the pod \"a\" twice")]
#[case(json!({"gpu": [{"pod": "a", "device": "0"}, {"pod": "b", "device": "0"}, {"pod": "a", "device": "0"}]}),
    "gpu has the device \"0\" of the pod \"a\" twice")]
#[case(json!({"spec": {"min_replicas": 0}}), "min_replicas must be at least 1")]
fn what_contradicts_itself_is_refused(#[case] fields: Value, #[case] fault: &str) {
    let error = document(fields).what_if(TargetRange::Guide, MAX_AGE).unwrap_err();
    assert_eq!(error.to_string(), fault);
}

#[rstest]
#[case(json!({"current_replicas": -1}), "current_replicas: must be at least 0")]
#[case(json!({"current_replicas": 2.5}), "current_replicas: invalid type: floating point `2.5`, expected i32")]
#[case(json!({"current_replicas": null}), "missing field `current_replicas`")]
#[case(json!({"recommended_replicas": 3_000_000_000_u32}), "recommended_replicas: invalid value")]
#[case(json!({"history": [{"seconds_ago": -0.5, "replicas": 1}]}), "history[0].seconds_ago: must be at least 0")]
#[case(json!({"history": [{"seconds_ago": 1}]}), "history[0]: missing field `replicas`")]
#[case(json!({"pods": [{"name": "a", "phase": "running"}]}), "pods[0].phase: must be one of Pending, Running")]
#[case(json!({"pods": [["a"]]}), "pods[0]: invalid type: sequence, expected a JSON object")]
#[case(json!({"pods": [{"name": "a", "node": "n"}]}), "pods[0].node: unknown field `node`")]
#[case(json!({"usage": [{"pod": "a", "containers": [{"name": "m", "cpu": "1 m"}]}]}), "usage[0].containers[0].cpu: not a")]
#[case(json!({"spec": {"targets": 1}}), "spec.targets: unknown field `targets`")]
#[case(json!({"spec": {"scale_up_policy": {"policies": [{"kind": 1}]}}}), "spec.scale_up_policy.policies[0].kind: unknown")]
#[case(json!({"now": 1}), "now: unknown field `now`")]
fn a_wrong_form_is_named_with_its_place(#[case] fields: Value, #[case] fault: &str) {
    let mut document = json!({"spec": {"min_replicas": 1, "max_replicas": 2}, "current_replicas": 1});
    json_patch::merge(&mut document, &fields);
    let error = read_value::<EvaluateRequest>(document).unwrap_err().to_string();
    assert!(error.starts_with(fault), "{error}");
}

fn seconds() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1e300), Just(f64::MIN_POSITIVE), 0.0..1e4, 0.0..1e19]
}

fn quantities() -> impl Strategy<Value = Value> {
    let texts = &["0", "1", "250m", "-1", "1Gi", "9E", "1e300", "-9Ei", "37u"];
    prop_oneof![prop::sample::select(&texts[..]).prop_map(Value::from), any::<i64>().prop_map(Value::from)]
}

prop_compose! {
    fn pods()(
        name in "[a-c]", phase in prop::sample::select(&["Pending", "Running", "Failed", "Unknown"][..]),
        ready in any::<Option<bool>>(), changed in prop::option::of(seconds()), started in prop::option::of(seconds()),
        terminating: bool, requests in (quantities(), quantities(), quantities()),
    ) -> Value {
        json!({
            "name": name, "phase": phase, "ready": ready, "ready_changed_seconds_ago": changed,
            "started_seconds_ago": started, "terminating": terminating,
            "containers": [{"name": "m", "requests": {"cpu": requests.0, "memory": requests.1, "nvidia.com/gpu": requests.2}}],
        })
    }
}

prop_compose! {
    fn readings()(pod in "[a-d]", age in seconds(), window in seconds(), cpu in quantities(), memory in quantities()) -> Value {
        json!({
            "pod": pod, "age_seconds": age, "window_seconds": window,
            "containers": [{"name": "m", "cpu": cpu, "memory": memory}],
        })
    }
}

proptest! {
    #[test]
    fn every_document_has_an_answer(
        hpa: bool,
        current in 0..=i32::MAX,
        given in prop::option::of(0..=i32::MAX),
        warm_up in seconds(),
        pods in prop::collection::vec(pods(), 0..3),
        usage in prop::collection::vec(readings(), 0..3),
        history in prop::option::of(prop::collection::vec((seconds(), 0..=i32::MAX), 0..3)),
        events in prop::collection::vec((seconds(), any::<i32>()), 0..3),
    ) {
        let history = history.map(|all| all.iter().map(|(at, n)| json!({"seconds_ago": at, "replicas": n})).collect::<Vec<_>>());
        let events: Vec<_> = events.iter().map(|(at, n)| json!({"seconds_ago": at, "change": n})).collect();
        let read: EvaluateRequest = read_value(json!({
            "spec": {
                "min_replicas": 1, "max_replicas": i32::MAX, "target_cpu_percent": 1, "target_memory_percent": 100,
                "target_gpu_percent": 50, "compatibility": if hpa { "hpa" } else { "default" },
                "warm_up": {"cpu_initialization_seconds": warm_up, "readiness_delay_seconds": warm_up},
                "scale_up_policy": {"tolerance_percent": warm_up, "policies": [{"type": "Percent", "value": i32::MAX, "period_seconds": 1800}]},
                "scale_down_policy": {"policies": [{"type": "Pods", "value": i32::MAX, "period_seconds": 1}]},
            },
            "current_replicas": current, "recommended_replicas": given, "pods": pods, "usage": usage,
            "gpu": [{"pod": "a", "utilization_percent": 50}], "history": history, "scale_events": events,
        })).unwrap();
        if let Ok(what_if) = read.what_if(TargetRange::Guide, MAX_AGE) {
            let desired = serde_json::to_value(what_if.decide()).unwrap()["desired_replicas"].as_i64();
            prop_assert!(desired.is_some_and(|desired| desired <= i64::from(i32::MAX)));
        }
    }
}

#[test]
fn the_gpu_of_a_document_is_measured() {
    let decision = decision(json!({
        "spec": {"target_cpu_percent": null, "target_gpu_percent": 40},
        "current_replicas": 1,
        "pods": [{
            "name": "a", "ready": true, "started_seconds_ago": 4000, "ready_changed_seconds_ago": 3900,
            "containers": [{"name": "m", "requests": {"nvidia.com/gpu": 1}}],
        }],
        "gpu": [{"pod": "a", "device": "0", "utilization_percent": 82}],
    }));
    let gpu = decision.metrics.iter().find(|report| report.metric == Metric::Gpu).unwrap();
    assert_eq!((gpu.utilization.as_ref().unwrap().percent, decision.desired), (82, 3));
}
