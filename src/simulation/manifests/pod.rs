//! Pods.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::timestamp;
use crate::simulation::controllers::Pod;
use crate::simulation::template::{Amounts, Template};

/// How long Kubernetes lets a pod end by itself, as `deletionTimestamp` promises it.
const GRACE: TimeDelta = TimeDelta::seconds(30);

/// A pod as it is at present. `node` is the name and the address of its machine, when it has one.
pub(crate) fn pod(pod: &Pod, node: Option<(&str, &str)>) -> Value {
    let mut metadata = json!({
        "name": pod.key.name,
        "generateName": format!("{}-", pod.owner.key.name),
        "namespace": pod.key.namespace,
        "uid": pod.uid,
        "creationTimestamp": timestamp(pod.created),
        "labels": *pod.labels,
        "ownerReferences": [{
            "apiVersion": "apps/v1",
            "kind": pod.owner.kind.as_str(),
            "name": pod.owner.key.name,
            "uid": pod.owner_uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    });
    if let Some(deleted) = pod.deleted {
        metadata["deletionTimestamp"] = timestamp(deleted + GRACE).into();
        metadata["deletionGracePeriodSeconds"] = GRACE.num_seconds().into();
    }
    let mut spec = pod.template.spec.clone();
    if let Some((name, _)) = node {
        spec["nodeName"] = name.into();
    }
    if pod.ordinal.is_some() {
        spec["hostname"] = pod.key.name.as_str().into();
        spec["subdomain"] = pod.owner.key.name.as_str().into();
    }
    json!({ "metadata": metadata, "spec": spec, "status": status(pod, node) })
}

fn status(pod: &Pod, node: Option<(&str, &str)>) -> Value {
    let mut status = json!({
        "phase": if pod.started.is_some() { "Running" } else { "Pending" },
        "qosClass": quality_of_service(&pod.template),
    });
    let (Some(scheduled), Some((_, host))) = (pod.scheduled, node) else {
        status["conditions"] = pod.unschedulable.as_ref().map_or_else(
            || json!([]),
            |(since, message)| {
                json!([{
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": message,
                    "lastProbeTime": null,
                    "lastTransitionTime": timestamp(*since),
                }])
            },
        );
        return status;
    };
    status["hostIP"] = host.into();
    status["hostIPs"] = json!([{ "ip": host }]);
    status["startTime"] = timestamp(scheduled).into();
    if pod.started.is_some() {
        status["podIP"] = pod.ip.as_str().into();
        status["podIPs"] = json!([{ "ip": pod.ip }]);
    }
    status["conditions"] = conditions(pod, scheduled);
    status["containerStatuses"] = container_statuses(pod);
    status
}

fn conditions(pod: &Pod, scheduled: DateTime<Utc>) -> Value {
    let condition = |kind: &str, since: Option<DateTime<Utc>>, otherwise: DateTime<Utc>| {
        let mut condition = json!({
            "type": kind,
            "status": if since.is_some() { "True" } else { "False" },
            "lastProbeTime": null,
            "lastTransitionTime": timestamp(since.unwrap_or(otherwise)),
        });
        if since.is_none() && kind != "PodReadyToStartContainers" {
            let names: Vec<_> = pod.template.containers.iter().map(|container| container.name.as_str()).collect();
            condition["reason"] = "ContainersNotReady".into();
            condition["message"] = format!("containers with unready status: [{}]", names.join(" ")).into();
        }
        condition
    };
    json!([
        condition("PodReadyToStartContainers", pod.started, scheduled),
        condition("Initialized", Some(scheduled), scheduled),
        condition("Ready", pod.ready, scheduled),
        condition("ContainersReady", pod.ready, scheduled),
        condition("PodScheduled", Some(scheduled), scheduled),
    ])
}

fn container_statuses(pod: &Pod) -> Value {
    let statuses = pod.template.containers.iter().map(|container| {
        let mut status = json!({
            "name": container.name,
            "image": container.image,
            "imageID": "",
            "lastState": {},
            "ready": pod.ready.is_some(),
            "restartCount": 0,
            "started": pod.started.is_some(),
        });
        match pod.started {
            Some(started) => {
                status["containerID"] = format!("containerd://{}", pod.uid.replace('-', "")).into();
                status["state"] = json!({ "running": { "startedAt": timestamp(started) } });
            }
            None => status["state"] = json!({ "waiting": { "reason": "ContainerCreating" } }),
        }
        status
    });
    statuses.collect()
}

fn quality_of_service(template: &Template) -> &'static str {
    let absent = |amounts: &Amounts| amounts.cpu.is_none() && amounts.memory.is_none();
    let guaranteed = |limits: &Amounts, requests: &Amounts| {
        limits.cpu.is_some()
            && limits.memory.is_some()
            && limits.cpu == requests.cpu
            && limits.memory == requests.memory
    };
    let containers = &template.containers;
    if containers.iter().all(|container| absent(&container.requests) && absent(&container.limits)) {
        "BestEffort"
    } else if containers.iter().all(|container| guaranteed(&container.limits, &container.requests)) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
