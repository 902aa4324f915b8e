//! Pods: what the index keeps of them, which is what a decision looks at and nothing else.

use std::collections::BTreeMap;

use chrono::DateTime;
use k8s_openapi::api::core::v1::{Container, Pod as KubernetesPod, PodCondition, PodStatus, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::owned::{Owned, Uid};
use super::quantity;
use super::watched::Table;
use super::workloads::controller;
use crate::domain::Timestamp;
use crate::domain::observation::{
    ContainerRequests, MilliUnits, Pod, PodPhase, PodRequests, Readiness, ResourceRequests,
};

/// The pods that a ReplicaSet or a StatefulSet controls, by that controller.
#[derive(Default)]
pub(super) struct Pods(Owned<Box<Pod>>);

impl Pods {
    /// The pods of one controller.
    pub(super) fn of(&self, controller: &str) -> impl Iterator<Item = &Pod> {
        self.0.of(controller).map(|(_, pod)| &**pod)
    }
}

impl Table for Pods {
    type Object = KubernetesPod;

    fn put(&mut self, mut pod: KubernetesPod) {
        let Some(uid) = pod.metadata.uid.take() else { return };
        match scaled_controller(&pod) {
            Some(controller) => self.0.put(uid.into(), &controller, Box::new(compact(pod))),
            // Released by its controller, or never of interest: a DaemonSet's, a Job's, a bare one.
            None => self.0.remove(&uid),
        }
    }

    fn remove(&mut self, pod: KubernetesPod) {
        if let Some(uid) = &pod.metadata.uid {
            self.0.remove(uid);
        }
    }
}

/// The uid of the ReplicaSet or StatefulSet that controls the pod.
fn scaled_controller(pod: &KubernetesPod) -> Option<Uid> {
    let owner = controller(pod)?;
    let scaled = matches!(owner.kind.as_str(), "ReplicaSet" | "StatefulSet") && owner.api_version.starts_with("apps/");
    scaled.then(|| owner.uid.as_str().into())
}

fn compact(pod: KubernetesPod) -> Pod {
    let status = pod.status.unwrap_or_default();
    let spec = pod.spec.unwrap_or_default();
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    let lasting: Vec<&Container> = spec.containers.iter().chain(sidecars).collect();
    let containers = lasting.iter().map(|container| ContainerRequests {
        name: container.name.clone(),
        resources: requests(container.resources.as_ref()),
    });
    let requests = PodRequests {
        containers: containers.collect(),
        pod_level: requests(spec.resources.as_ref()),
        gpus: lasting.iter().map(|container| gpus(container.resources.as_ref())).fold(0, u32::saturating_add),
    };
    Pod {
        name: pod.metadata.name.unwrap_or_default(),
        phase: phase(&status),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        readiness: status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready").map(readiness),
        started_at: status.start_time.as_ref().and_then(timestamp),
        requests,
        usage: None,
    }
}

/// A native sidecar: an init container that runs as long as the pod.
fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn phase(status: &PodStatus) -> PodPhase {
    match status.phase.as_deref() {
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

/// The requests for CPU and memory. Where only a limit is set, the API server has made it the request as well.
fn requests(resources: Option<&ResourceRequirements>) -> ResourceRequests {
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let get = |name| requests.and_then(|requests| requests.get(name)).and_then(|quantity| amount(name, quantity));
    ResourceRequests { cpu: get("cpu"), memory: get("memory") }
}

/// The number of GPUs, whole ones and MIG slices. For devices a request equals its limit, and either may be left out.
fn gpus(resources: Option<&ResourceRequirements>) -> u32 {
    let Some(resources) = resources else { return 0 };
    let mut devices: BTreeMap<&String, &Quantity> = resources.limits.iter().flatten().collect();
    devices.extend(resources.requests.iter().flatten());
    let of_gpus =
        devices.into_iter().filter(|(name, _)| *name == "nvidia.com/gpu" || name.starts_with("nvidia.com/mig-"));
    of_gpus
        .filter_map(|(name, quantity)| amount(name, quantity))
        .map(|MilliUnits(thousandths)| u32::try_from(thousandths / 1_000).unwrap_or(0))
        .fold(0, u32::saturating_add)
}

/// An amount that cannot be is unknown, like one that is not there.
fn amount(name: &str, quantity: &Quantity) -> Option<MilliUnits> {
    quantity::parse(&quantity.0)
        .inspect_err(|error| log::debug!("ignoring the amount {:?} of {name}: {error}", quantity.0))
        .ok()
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn read(pod: Value) -> Pod {
        compact(serde_json::from_value(pod).unwrap())
    }

    fn milli(thousandths: u64) -> Option<MilliUnits> {
        Some(MilliUnits(thousandths))
    }

    #[test]
    fn a_pod_keeps_what_a_decision_needs() {
        let pod = read(json!({
            "metadata": {"name": "web-1", "deletionTimestamp": "2026-01-05T11:00:00Z", "labels": {"app": "web"}},
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
            phase: PodPhase::Running,
            terminating: true,
            readiness: Some(Readiness {
                is_false: true,
                changed_at: Utc.with_ymd_and_hms(2026, 1, 5, 10, 0, 7).unwrap(),
            }),
            started_at: Some(Utc.with_ymd_and_hms(2026, 1, 5, 10, 0, 0).unwrap()),
            requests: PodRequests {
                containers: vec![
                    container("main", milli(250), milli(67_108_864_000)),
                    container("proxy", None, None),
                    container("mesh", milli(100), None),
                ],
                pod_level: ResourceRequests { cpu: milli(1_000), memory: None },
                gpus: 0,
            },
            usage: None,
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
    #[case::a_request_and_its_equal_limit(json!({"requests": {"nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "2"}}), 2)]
    #[case::only_a_limit(json!({"limits": {"nvidia.com/gpu": "4"}}), 4)]
    #[case::only_a_request(json!({"requests": {"nvidia.com/gpu": 1}}), 1)]
    #[case::slices(json!({"limits": {"nvidia.com/mig-1g.5gb": "2", "nvidia.com/mig-3g.20gb": "1"}}), 3)]
    #[case::other_devices(json!({"limits": {"amd.com/gpu": "1", "nvidia.com/gpumem": "9"}}), 0)]
    #[case::an_impossible_number(json!({"limits": {"nvidia.com/gpu": "-1"}}), 0)]
    fn gpus_are_counted(#[case] resources: Value, #[case] gpus: u32) {
        // A quantity is written as text, but a number is allowed.
        let container = |name: &str, resources: Value| json!({"name": name, "resources": resources});
        let pod = read(json!({"spec": {
            "containers": [container("main", resources), container("helper", json!({}))],
            "initContainers": [container("prepare", json!({"limits": {"nvidia.com/gpu": "8"}}))],
        }}));
        assert_eq!(pod.requests.gpus, gpus);
    }

    #[test]
    fn more_gpus_than_can_be_counted_are_as_many_as_can() {
        let container = json!({"name": "main", "resources": {"limits": {"nvidia.com/gpu": "4294967295"}}});
        assert_eq!(read(json!({"spec": {"containers": [container, container]}})).requests.gpus, u32::MAX);
    }

    #[test]
    fn an_impossible_request_is_none() {
        let resources = json!({"requests": {"cpu": "much", "memory": "-1Gi"}});
        let pod = read(json!({"spec": {"containers": [{"name": "main", "resources": resources}]}}));
        assert_eq!(pod.requests.containers[0].resources, ResourceRequests::default());
    }
}
