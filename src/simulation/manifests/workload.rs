//! Deployments, ReplicaSets and StatefulSets.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{metadata, pod_spec, timestamp};
use crate::simulation::controllers::{Counts, Deployment, ReplicaSet, StatefulSet};
use crate::simulation::gpus;
use crate::simulation::quantity::{Cpu, Memory};
use crate::simulation::settings::{PodManagement, WorkloadSettings};
use crate::simulation::store::ObjectKey;
use crate::simulation::template::Template;

/// The annotation with the number of a Deployment's template.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";

/// The pod template of a workload, with one container named after it.
pub(crate) fn pod_template(settings: &WorkloadSettings) -> Value {
    let amounts = |cpu: Option<Cpu>, memory: Option<Memory>| {
        let mut amounts = serde_json::Map::new();
        if let Some(cpu) = cpu {
            amounts.insert("cpu".to_owned(), cpu.to_string().into());
        }
        if let Some(memory) = memory {
            amounts.insert("memory".to_owned(), memory.to_string().into());
        }
        if settings.gpus > 0 {
            amounts.insert(gpus::resource(settings.mig), settings.gpus.to_string().into());
        }
        amounts
    };
    let mut resources = serde_json::Map::new();
    for (name, amounts) in [
        ("requests", amounts(settings.cpu_request, settings.memory_request)),
        ("limits", amounts(settings.cpu_limit, settings.memory_limit)),
    ] {
        if !amounts.is_empty() {
            resources.insert(name.to_owned(), amounts.into());
        }
    }
    json!({
        "metadata": { "creationTimestamp": null, "labels": { "app": settings.app.as_ref().unwrap_or(&settings.name) } },
        "spec": pod_spec(json!({
            "name": settings.name,
            "image": format!("registry.example/{}:1.0.0", settings.name),
            "resources": resources,
        })),
    })
}

/// A Deployment as it is before its controller has seen it.
pub(crate) fn deployment(key: &ObjectKey, state: &Deployment, template: Value, created: DateTime<Utc>) -> Value {
    let mut metadata = metadata(key, &state.uid, created);
    metadata["labels"] = json!({ "app": key.name });
    json!({
        "metadata": metadata,
        "spec": {
            "progressDeadlineSeconds": 600,
            "replicas": state.replicas,
            "revisionHistoryLimit": 10,
            "selector": { "matchLabels": { "app": state.template.labels.get("app") } },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
            "template": template,
        },
        "status": {},
    })
}

/// What a Deployment's controller reports.
pub(crate) fn deployment_status(state: &Deployment, counts: &Counts, updated: u32, generation: i64) -> Value {
    let mut status = counted(counts, generation);
    if updated > 0 {
        status["updatedReplicas"] = updated.into();
    }
    let unavailable = counts.replicas.max(state.replicas).saturating_sub(counts.ready);
    if unavailable > 0 {
        status["unavailableReplicas"] = unavailable.into();
    }
    let condition = |kind: &str, holds: bool, reason: &str, message: String, since: DateTime<Utc>| {
        json!({
            "type": kind,
            "status": if holds { "True" } else { "False" },
            "reason": reason,
            "message": message,
            "lastUpdateTime": timestamp(since),
            "lastTransitionTime": timestamp(since),
        })
    };
    let (reason, message) = if state.available.holds {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let available = condition("Available", state.available.holds, reason, message.to_owned(), state.available.since);
    let newest = state.sets.last().map_or("", |set| set.name.as_str());
    let (reason, message) = if state.complete.holds {
        ("NewReplicaSetAvailable", format!("ReplicaSet \"{newest}\" has successfully progressed."))
    } else {
        ("ReplicaSetUpdated", format!("ReplicaSet \"{newest}\" is progressing."))
    };
    let progressing = condition("Progressing", true, reason, message, state.complete.since);
    status["conditions"] = json!([available, progressing]);
    status
}

/// A ReplicaSet, alone or of a Deployment.
pub(crate) fn replica_set(key: &ObjectKey, state: &ReplicaSet, created: DateTime<Utc>) -> Value {
    let mut metadata = metadata(key, &state.uid, created);
    metadata["labels"] = json!(*state.labels);
    let mut selector = json!({ "app": state.labels.get("app") });
    if let Some(owner) = &state.owner {
        selector["pod-template-hash"] = json!(state.template.hash);
        metadata["annotations"] = json!({ (REVISION): owner.revision.to_string() });
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": owner.key.name,
            "uid": owner.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    json!({
        "metadata": metadata,
        "spec": {
            "replicas": state.replicas,
            "selector": { "matchLabels": selector },
            "template": {
                "metadata": { "creationTimestamp": null, "labels": *state.labels },
                "spec": state.template.spec,
            },
        },
        "status": { "replicas": 0 },
    })
}

/// What a ReplicaSet's controller reports.
pub(crate) fn replica_set_status(counts: &Counts, generation: i64) -> Value {
    let mut status = counted(counts, generation);
    status["replicas"] = counts.replicas.into();
    if counts.replicas > 0 {
        status["fullyLabeledReplicas"] = counts.replicas.into();
    }
    status
}

/// A StatefulSet as it is before its controller has seen it.
pub(crate) fn stateful_set(
    key: &ObjectKey,
    state: &StatefulSet,
    template: Value,
    management: PodManagement,
    created: DateTime<Utc>,
) -> Value {
    let mut metadata = metadata(key, &state.uid, created);
    metadata["labels"] = json!({ "app": key.name });
    let management = match management {
        PodManagement::OrderedReady => "OrderedReady",
        PodManagement::Parallel => "Parallel",
    };
    json!({
        "metadata": metadata,
        "spec": {
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
            "podManagementPolicy": management,
            "replicas": state.replicas,
            "revisionHistoryLimit": 10,
            "selector": { "matchLabels": { "app": state.template.labels.get("app") } },
            "serviceName": key.name,
            "template": template,
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
        },
        "status": { "replicas": 0, "availableReplicas": 0 },
    })
}

/// What a StatefulSet's controller reports.
pub(crate) fn stateful_set_status(
    key: &ObjectKey,
    counts: &Counts,
    updated: u32,
    (current, update): (&Template, &Template),
    generation: i64,
) -> Value {
    let mut status = counted(counts, generation);
    status["replicas"] = counts.replicas.into();
    status["availableReplicas"] = counts.ready.into();
    status["currentRevision"] = format!("{}-{}", key.name, current.hash).into();
    status["updateRevision"] = format!("{}-{}", key.name, update.hash).into();
    status["collisionCount"] = 0.into();
    if updated > 0 {
        status["updatedReplicas"] = updated.into();
    }
    let outdated = counts.replicas.saturating_sub(updated);
    let current = if current.hash == update.hash { counts.replicas } else { outdated };
    if current > 0 {
        status["currentReplicas"] = current.into();
    }
    status
}

/// The counts that all three report, zeroes left out as the API server leaves them out.
fn counted(counts: &Counts, generation: i64) -> Value {
    let mut status = json!({ "observedGeneration": generation });
    for (name, count) in
        [("replicas", counts.replicas), ("readyReplicas", counts.ready), ("availableReplicas", counts.ready)]
    {
        if count > 0 {
            status[name] = count.into();
        }
    }
    status
}
