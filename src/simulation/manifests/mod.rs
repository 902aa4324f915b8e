//! The objects in Kubernetes' JSON form, as the API server shows them: defaults filled in, without `apiVersion` and
//! `kind`, which are added where an object is served.

mod exporter;
mod pod;
mod workload;

pub(super) use exporter::exporter_pod;
pub(super) use pod::pod;
pub(super) use workload::{
    REVISION, deployment, deployment_status, pod_template, replica_set, replica_set_status, stateful_set,
    stateful_set_status,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::gpus;
use super::settings::NodeSettings;
use super::store::ObjectKey;

/// Makes an object that scales a workload: of which name, for which kind and name, with which uid, and when.
pub(super) type ScalerManifest = fn(&ObjectKey, &str, &str, &str, DateTime<Utc>) -> Value;

/// A point in time as Kubernetes writes it.
pub(super) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A namespace.
pub(super) fn namespace(name: &str, uid: &str, created: DateTime<Utc>) -> Value {
    json!({
        "metadata": {
            "name": name,
            "uid": uid,
            "creationTimestamp": timestamp(created),
            "labels": { "kubernetes.io/metadata.name": name },
        },
        "spec": { "finalizers": ["kubernetes"] },
        "status": { "phase": "Active" },
    })
}

/// A machine.
pub(super) fn node(name: &str, address: &str, uid: &str, settings: &NodeSettings, created: DateTime<Utc>) -> Value {
    let mut labels = json!({
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    });
    let mut capacity = json!({
        "cpu": settings.cpu.to_string(),
        "memory": settings.memory.to_string(),
        "pods": settings.pods.to_string(),
    });
    if settings.gpus > 0 {
        labels["nvidia.com/gpu"] = json!("present");
        capacity[gpus::resource(settings.mig_profile())] = json!(settings.devices().to_string());
    }
    json!({
        "metadata": { "name": name, "uid": uid, "creationTimestamp": timestamp(created), "labels": labels },
        "spec": {},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [{ "type": "InternalIP", "address": address }, { "type": "Hostname", "address": name }],
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastHeartbeatTime": timestamp(created),
                "lastTransitionTime": timestamp(created),
            }],
        },
    })
}

/// A horizontal pod autoscaler that targets a workload by CPU. Nothing in the simulation acts on it.
pub(super) fn horizontal_pod_autoscaler(
    key: &ObjectKey,
    target_kind: &str,
    target_name: &str,
    uid: &str,
    created: DateTime<Utc>,
) -> Value {
    json!({
        "metadata": metadata(key, uid, created),
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": target_kind, "name": target_name },
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [{
                "type": "Resource",
                "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } },
            }],
        },
        "status": { "currentMetrics": null, "desiredReplicas": 0 },
    })
}

/// A KEDA ScaledObject that targets a workload. Nothing in the simulation acts on it.
pub(super) fn scaled_object(
    key: &ObjectKey,
    target_kind: &str,
    target_name: &str,
    uid: &str,
    created: DateTime<Utc>,
) -> Value {
    json!({
        "metadata": metadata(key, uid, created),
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": target_kind, "name": target_name },
            "triggers": [{ "type": "cron", "metadata": { "timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *",
                "desiredReplicas": "3" } }],
        },
    })
}

/// The spec of pods with one container, the API server's defaults filled in.
fn pod_spec(mut container: Value) -> Value {
    container["imagePullPolicy"] = "IfNotPresent".into();
    container["terminationMessagePath"] = "/dev/termination-log".into();
    container["terminationMessagePolicy"] = "File".into();
    json!({
        "containers": [container],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    })
}

fn metadata(key: &ObjectKey, uid: &str, created: DateTime<Utc>) -> Value {
    json!({
        "name": key.name,
        "namespace": key.namespace,
        "uid": uid,
        "generation": 1,
        "creationTimestamp": timestamp(created),
    })
}
