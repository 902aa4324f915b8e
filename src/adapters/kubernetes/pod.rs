//! A pod: what the index keeps of it, which is what a decision looks at and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::DateTime;
use k8s_openapi::api::core::v1::{Pod as KubernetesPod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::requests::requests;
use crate::domain::Timestamp;
use crate::domain::observation::{Pod, PodPhase, Readiness};

/// Keeps what a decision looks at.
pub(super) fn compact(pod: &KubernetesPod) -> Pod {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let condition = |kind| conditions.into_iter().flatten().find(|condition| condition.type_ == kind);
    Pod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).map(Arc::from),
        phase: phase(status.and_then(|status| status.phase.as_deref())),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        readiness: condition("Ready").map(readiness),
        started_at: status.and_then(|status| timestamp(status.start_time.as_ref()?)),
        requests: pod.spec.as_ref().map(|spec| Arc::new(requests(spec))).unwrap_or_default(),
        revision: pod.metadata.labels.as_ref().and_then(revision).map(Arc::from),
        unschedulable: condition("PodScheduled").and_then(unschedulable).map(Arc::from),
    }
}

/// The pod's address, once it has one.
pub(super) fn ip(pod: &KubernetesPod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

/// The template that the pod was made from, by the label that a Deployment or a StatefulSet puts on its pods.
fn revision(labels: &BTreeMap<String, String>) -> Option<&str> {
    let label = labels.get("pod-template-hash").or_else(|| labels.get("controller-revision-hash"));
    label.map(String::as_str)
}

/// Why the scheduler finds no node; `None` when it has found one, or has not tried.
fn unschedulable(scheduled: &PodCondition) -> Option<&str> {
    let reason = scheduled.reason.as_deref().filter(|reason| *reason == "Unschedulable")?;
    let message = scheduled.message.as_deref().filter(|message| !message.is_empty());
    (scheduled.status == "False").then_some(message.unwrap_or(reason))
}

fn phase(phase: Option<&str>) -> PodPhase {
    match phase {
        None | Some("" | "Pending") => PodPhase::Pending,
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        Some(_) => PodPhase::Unknown,
    }
}

fn readiness(condition: &PodCondition) -> Readiness {
    // A condition that does not say since when has held since ever, as Go's zero time makes it for the HPA.
    let changed_at = condition.last_transition_time.as_ref().and_then(timestamp);
    Readiness { is_false: condition.status == "False", changed_at: changed_at.unwrap_or(DateTime::UNIX_EPOCH) }
}

fn timestamp(time: &Time) -> Option<Timestamp> {
    DateTime::from_timestamp(time.0.as_second(), u32::try_from(time.0.subsec_nanosecond()).ok()?)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::observation::{ContainerRequests, PodRequests, ResourceRequests};
    use crate::domain::quantity::Amount;

    fn read(pod: Value) -> Pod {
        compact(&serde_json::from_value(pod).unwrap())
    }

    fn amount(text: &str) -> Option<Amount> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_pod_keeps_what_a_decision_needs() {
        let pod = read(json!({
            "metadata": {"name": "web-1", "deletionTimestamp": "2026-01-05T11:00:00Z", "labels": {"app": "web", "pod-template-hash": "5d9f"}},
            "spec": {
                "nodeName": "node-7",
                "containers": [
                    {"name": "main", "image": "nginx", "resources": {
                        "requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"},
                    }},
                    {"name": "proxy"},
                ],
                "initContainers": [
                    {"name": "prepare", "resources": {"requests": {"cpu": "4"}}},
                    {"name": "mesh", "restartPolicy": "Always", "resources": {"requests": {"cpu": "0.1"}}},
                ],
                "resources": {"requests": {"cpu": "1"}},
            },
            "status": {
                "phase": "Running",
                "startTime": "2026-01-05T10:00:00Z",
                "conditions": [
                    {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-05T09:59:59Z"},
                    {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-05T10:00:07Z"},
                ],
            },
        }));
        let container = |name: &str, cpu, memory| ContainerRequests {
            name: name.to_owned(),
            resources: ResourceRequests { cpu, memory },
        };
        let expected = Pod {
            name: "web-1".to_owned(),
            node: Some("node-7".into()),
            phase: PodPhase::Running,
            terminating: true,
            readiness: Some(Readiness {
                is_false: true,
                changed_at: Utc.with_ymd_and_hms(2026, 1, 5, 10, 0, 7).unwrap(),
            }),
            started_at: Some(Utc.with_ymd_and_hms(2026, 1, 5, 10, 0, 0).unwrap()),
            requests: Arc::new(PodRequests {
                containers: vec![
                    container("main", amount("250m"), amount("64Mi")),
                    container("proxy", None, None),
                    container("mesh", amount("100m"), None),
                ],
                // The containers' memory, as the pod requests none itself.
                pod_level: Some(ResourceRequests { cpu: amount("1"), memory: amount("64Mi") }),
                gpus: 0,
            }),
            revision: Some("5d9f".into()),
            unschedulable: None,
        };
        assert_eq!(pod, expected);
    }

    #[test]
    fn a_pod_that_nobody_has_seen_yet_is_pending() {
        let pod = read(json!({"metadata": {"name": "new"}}));
        assert_eq!((pod.phase, pod.terminating, pod.readiness, pod.started_at), (PodPhase::Pending, false, None, None));
        assert_eq!(read(json!({"status": {"phase": "Lost"}})).phase, PodPhase::Unknown);
    }

    #[rstest]
    #[case("True", false)]
    #[case("False", true)]
    #[case("Unknown", false)]
    fn only_false_is_false(#[case] status: &str, #[case] is_false: bool) {
        let pod = read(json!({"status": {"conditions": [{"type": "Ready", "status": status}]}}));
        assert_eq!(pod.readiness, Some(Readiness { is_false, changed_at: DateTime::UNIX_EPOCH }));
    }

    #[rstest]
    #[case::of_a_deployment(json!({"app": "web", "pod-template-hash": "5d9f"}), Some("5d9f"))]
    #[case::of_a_stateful_set(json!({"app": "db", "controller-revision-hash": "db-77c"}), Some("db-77c"))]
    #[case::both(json!({"controller-revision-hash": "db-77c", "pod-template-hash": "5d9f"}), Some("5d9f"))]
    #[case::neither(json!({"app": "web"}), None)]
    #[case::no_labels(json!(null), None)]
    fn the_revision_is_a_label(#[case] labels: Value, #[case] revision: Option<&str>) {
        assert_eq!(read(json!({"metadata": {"labels": labels}})).revision.as_deref(), revision);
    }

    const NO_NODE: &str = "0/3 nodes are available: 3 Insufficient cpu.";

    #[rstest]
    #[case::no_node("PodScheduled", "False", "Unschedulable", NO_NODE, Some(NO_NODE))]
    #[case::no_words("PodScheduled", "False", "Unschedulable", "", Some("Unschedulable"))]
    #[case::held_back("PodScheduled", "False", "SchedulingGated", "Scheduling is blocked", None)]
    #[case::scheduled("PodScheduled", "True", "Unschedulable", NO_NODE, None)]
    #[case::another_condition("Ready", "False", "Unschedulable", NO_NODE, None)]
    fn the_scheduler_says_why_there_is_no_node(
        #[case] kind: &str,
        #[case] status: &str,
        #[case] reason: &str,
        #[case] message: &str,
        #[case] unschedulable: Option<&str>,
    ) {
        let condition = json!({"type": kind, "status": status, "reason": reason, "message": message});
        let pod = read(json!({"status": {"phase": "Pending", "conditions": [condition]}}));
        assert_eq!(pod.unschedulable.as_deref(), unschedulable);
    }
}
