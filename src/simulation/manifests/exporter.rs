//! The pods of GPU exporters.

use serde_json::{Value, json};

use super::{pod_spec, timestamp};
use crate::simulation::gpus::{DAEMON_SET, Exporter, PORT};

const IMAGE: &str = "registry.example/dcgm-exporter:4.8.2";

/// The pod of an exporter that has been running and ready since it was made, on the machine `node` with the address
/// `host`.
pub(crate) fn exporter_pod(exporter: &Exporter, node: &str, host: &str, daemon_set_uid: &str) -> Value {
    let since = timestamp(exporter.created);
    let condition =
        |kind: &str| json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": since });
    let mut spec = pod_spec(json!({
        "name": DAEMON_SET,
        "image": IMAGE,
        "ports": [{ "name": "metrics", "containerPort": PORT, "protocol": "TCP" }],
        "env": [{ "name": "DCGM_EXPORTER_KUBERNETES", "value": "true" }],
        "resources": {},
    }));
    spec["nodeName"] = node.into();
    json!({
        "metadata": {
            "name": exporter.key.name,
            "generateName": format!("{DAEMON_SET}-"),
            "namespace": exporter.key.namespace,
            "uid": exporter.uid,
            "creationTimestamp": since,
            "labels": {
                "app": DAEMON_SET,
                "app.kubernetes.io/name": DAEMON_SET,
                "pod-template-generation": "1",
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "name": DAEMON_SET,
                "uid": daemon_set_uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
        "status": {
            "phase": "Running",
            "qosClass": "BestEffort",
            "hostIP": host,
            "hostIPs": [{ "ip": host }],
            "podIP": exporter.ip,
            "podIPs": [{ "ip": exporter.ip }],
            "startTime": since,
            "conditions": [
                condition("PodReadyToStartContainers"),
                condition("Initialized"),
                condition("Ready"),
                condition("ContainersReady"),
                condition("PodScheduled"),
            ],
            "containerStatuses": [{
                "name": DAEMON_SET,
                "image": IMAGE,
                "imageID": "",
                "lastState": {},
                "ready": true,
                "restartCount": 0,
                "started": true,
                "containerID": format!("containerd://{}", exporter.uid.replace('-', "")),
                "state": { "running": { "startedAt": since } },
            }],
        },
    })
}
