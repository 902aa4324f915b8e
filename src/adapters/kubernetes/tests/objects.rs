//! Kubernetes objects for the tests.

use serde_json::{Value, json};

use crate::domain::autoscaler::{WorkloadKind, WorkloadRef};

pub(super) fn workload(kind: WorkloadKind, name: &str) -> WorkloadRef {
    WorkloadRef { kind, namespace: "default".to_owned(), name: name.to_owned() }
}

/// A Deployment, a StatefulSet or a ReplicaSet.
pub(super) fn scalable(name: &str, uid: &str, replicas: u32) -> Value {
    json!({
        "metadata": {"namespace": "default", "name": name, "uid": uid},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "serviceName": "", "template": {}},
        "status": {"replicas": replicas},
    })
}

/// `object`, controlled by another one.
pub(super) fn owned_by(mut object: Value, kind: &str, name: &str, uid: &str) -> Value {
    object["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    object
}

/// A ready pod that requests 100m of CPU.
pub(super) fn pod(name: &str) -> Value {
    json!({
        "metadata": {
            "namespace": "default", "name": name, "uid": format!("uid-of-{name}"),
            "managedFields": [{"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": {}}}],
        },
        "spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "100m"}}}]},
        "status": {
            "phase": "Running",
            "startTime": "2026-01-05T10:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-05T10:00:07Z"}],
        },
    })
}

/// `object` with these labels.
pub(super) fn labelled<const N: usize>(mut object: Value, labels: [(&str, &str); N]) -> Value {
    object["metadata"]["labels"] = labels.into_iter().collect();
    object
}
