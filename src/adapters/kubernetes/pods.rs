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
        gpus: lasting.iter().map(|container| gpus(container.resources.as_ref())).sum(),
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
