use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::domain::decision::{State, decide};
use crate::domain::decision_log::Entry;
use crate::domain::fixtures::{at, observe, pending, pod, pods, rules, targets};
use crate::domain::gpu::{GpuReading, GpuUsage};
use crate::domain::observation::{ObservedPod, SourceState};

fn shown(body: &DecisionBody) -> Value {
    serde_json::to_value(body).unwrap()
}

/// Two pods whose load is over (70 %) by half, of which one was measured 12.5 s ago.
fn decision() -> Decision {
    let mut pods = pods(2, 105, 30, at(0));
    pods[1].usage_mut().measured_at = at(0) - TimeDelta::milliseconds(12_500);
    let mut rules = rules(1, 10);
    rules.scale_up.max_scale_change = std::num::NonZeroU32::new(1);
    // What restrains reads a clock of its own.
    decide(&Arc::new(rules), &State::default(), Arc::new(observe(2, pods)), at(5_000))
}

fn entry(decision: &Arc<Decision>) -> Entry {
    Entry::new(decision.clone(), Outcome::Failed, Reason::FailedUpdateScale, Some("it was refused".to_owned()))
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[test]
fn a_what_if_has_no_place_in_time() {
    let body = shown(&DecisionBody::what_if(&decision()));
    assert_eq!(body["version"], 1);
    assert_eq!((&body["at"], &body["earliest_action"], body.get("count")), (&Value::Null, &Value::Null, None));
    assert_eq!((&body["current_replicas"], &body["desired_replicas"]), (&json!(2), &json!(3)));
    assert_eq!((&body["recommended_replicas"], &body["outcome"]), (&json!(3), &json!("scale_up")));
    let names: Vec<_> = body["metrics"].as_array().unwrap().iter().map(|metric| metric["name"].as_str()).collect();
    assert_eq!(names, [Some("cpu"), Some("memory"), Some("gpu"), Some("gpu_memory")]);
    assert_eq!(
        body["metrics"][0],
        json!({
            "name": "cpu", "state": "known", "target_percent": 70, "utilization_percent": 105,
            "effective_utilization_percent": 105, "proposed_replicas": 3, "source": "metrics.k8s.io/v1beta1",
            "age_seconds": 12.5, "coverage": {"measured_pods": 2, "unready_pods": 0, "missing_pods": 0}, "error": null,
        })
    );
    assert_eq!(keys(&body["metrics"][0]), keys(&body["metrics"][2]), "also of a metric that is unknown");
    assert_eq!(body["steps"][0]["rule"], "metrics");
}

#[test]
fn a_logged_decision_tells_when_it_was_made_and_what_came_of_it() {
    let mut entry = entry(&Arc::new(decision()));
    (entry.first_at, entry.count) = (at(-60) + TimeDelta::milliseconds(7), 5);
    let body = shown(&DecisionBody::logged(&entry));
    assert_eq!(body["at"], "2024-10-04T00:00:00.000Z");
    assert_eq!((&body["first_at"], &body["last_at"]), (&json!("2024-10-03T23:59:00.007Z"), &body["at"]));
    assert_eq!((&body["count"], &body["outcome"]), (&json!(5), &json!("failed")));
    assert_eq!((&body["reason"], &body["message"]), (&json!("FailedUpdateScale"), &json!("it was refused")));
}

#[test]
fn the_earliest_action_is_so_long_after_the_decision() {
    let mut decision = decision();
    decision.could_act_after = Some(Duration::from_millis(287_250));
    let body = shown(&DecisionBody::logged(&entry(&Arc::new(decision.clone()))));
    assert_eq!(body["earliest_action"], "2024-10-04T00:04:47.250Z");
    assert_eq!(body["earliest_action_seconds"], 287.25);
    decision.could_act_after = Some(Duration::MAX);
    assert_eq!(shown(&DecisionBody::logged(&entry(&Arc::new(decision))))["earliest_action"], Value::Null);
}

#[test]
fn what_could_not_be_decided_has_the_same_fields() {
    let undecided = Entry::undecided(at(0), Reason::FailedGetPods, "the watch is broken".to_owned());
    let body = shown(&DecisionBody::logged(&undecided));
    let decided = shown(&DecisionBody::logged(&entry(&Arc::new(decision()))));
    assert_eq!((keys(&body), keys(&body["inputs"])), (keys(&decided), keys(&decided["inputs"])));
    assert_eq!((&body["outcome"], &body["reason"]), (&json!("held"), &json!("FailedGetPods")));
    assert_eq!((&body["current_replicas"], &body["metrics"]), (&Value::Null, &json!([])));
    assert_eq!(body["inputs"]["pods"], json!([]));
}

#[test]
fn each_pod_has_its_standing_and_its_readings() {
    let stale = pod("stale", 40, 50, at(-91));
    let mut gpu = pod("gpu", 105, 30, at(0)).with_requests(|requests| requests.gpus = 2);
    let device = |device: &str, percent| GpuReading {
        utilization_percent: Some(percent),
        memory_used_mib: Some(512.0),
        ..GpuReading::new(device, at(-5))
    };
    gpu.gpus = Some(Arc::new(GpuUsage { devices: vec![device("0", 82.5), device("1", 40.0)], window: Duration::ZERO }));
    let waiting = pending("waiting", at(0)).with(|pod| {
        pod.unschedulable = Some("0/3 nodes are available".into());
        pod.revision = Some("new".into());
    });
    let mut observation = observe(4, vec![gpu, stale, waiting]);
    observation.gpu_source = SourceState::Read { name: "dcgm" };
    observation.revision = Some("new".into());
    let mut rules = rules(1, 10);
    rules.targets = targets(70, 0, 50);
    let decision = decide(&Arc::new(rules), &State::default(), Arc::new(observation), at(0));
    let body = shown(&DecisionBody::what_if(&decision));
    let pods = body["inputs"]["pods"].as_array().unwrap();
    assert_eq!(pods[0]["cpu"], json!({"state": "measured", "why": null, "usage": "1050m", "request": "1"}));
    assert_eq!(pods[0]["gpu"], json!({"state": "measured", "why": null, "usage": "1225m", "request": "2"}));
    assert_eq!((&pods[0]["usage_age_seconds"], &pods[0]["window_seconds"]), (&json!(0), &json!(15)));
    let device = json!({
        "device": "0", "uuid": null, "mig_instance": null, "mig_profile": null, "model": null, "container": null,
        "utilization_percent": 82.5, "memory_used_mib": 512, "memory_total_mib": null, "shared": false, "state": "ok",
        "reason": null,
        "age_seconds": 5,
    });
    assert_eq!(pods[0]["devices"][0], device);
    let missing = json!({"state": "missing", "why": "stale reading", "usage": "400m", "request": "1"});
    assert_eq!((&pods[1]["cpu"], &pods[1]["usage_age_seconds"]), (&missing, &json!(91)));
    assert_eq!(pods[1]["gpu"], json!({"state": "ignored", "why": null, "usage": null, "request": null}));
    assert_eq!(pods[2]["cpu"], json!({"state": "unready", "why": "pending", "usage": null, "request": "1"}));
    assert_eq!((&pods[2]["unschedulable"], &pods[2]["phase"]), (&json!("0/3 nodes are available"), &json!("Pending")));
    assert_eq!(
        body["in_flight"],
        json!({
            "pending_pods": 1, "not_created": 1, "unschedulable_pods": 1, "scheduler_message": "0/3 nodes are available",
        })
    );
    assert_eq!(body["inputs"]["revision"], "new");
}

#[test]
fn a_rollout_is_shown_while_it_lasts() {
    let of = |revision: &'static str, pod: ObservedPod| pod.with(|pod| pod.revision = Some(revision.into()));
    let mut observation = observe(2, vec![of("old", pod("a", 70, 0, at(0))), of("new", pod("b", 70, 0, at(0)))]);
    observation.revision = Some("new".into());
    let decision = decide(&Arc::new(rules(1, 10)), &State::default(), Arc::new(observation), at(0));
    let body = shown(&DecisionBody::what_if(&decision));
    assert_eq!((&body["rollout"], &body["in_flight"]), (&json!({"new_pods": 1, "old_pods": 1}), &Value::Null));
}
