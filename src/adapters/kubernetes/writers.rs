//! Who set a workload's count last, by the managed fields that the API server keeps.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::Api;
use kube::api::DynamicObject;

use super::calls::Calls;
use super::rivals::Rivals;
use super::scale::FIELD_MANAGER;
use super::workloads::resource;
use crate::domain::autoscaler::WorkloadRef;
use crate::ports::{ClusterError, Written};

/// Under this name the HPA changes scales.
const HPA: &str = "kube-controller-manager";

/// Reads the count of a workload, and who set it.
pub(super) async fn last_writer(calls: Calls, rivals: Rivals, workload: WorkloadRef) -> Result<Written, ClusterError> {
    let api = Api::<DynamicObject>::namespaced_with(calls.client(), &workload.namespace, &resource(workload.kind));
    let object = calls.run(api.get(&workload.name)).await?;
    let replicas = object.data["spec"]["replicas"].as_u64().and_then(|replicas| u32::try_from(replicas).ok());
    let entry = object.metadata.managed_fields.iter().flatten().filter(|entry| owns_replicas(entry)).max_by(by_time);
    let manager = entry.and_then(|entry| entry.manager.as_deref());
    let by_us = manager == Some(FIELD_MANAGER);
    // Of an autoscaler the API server knows only the program that runs it.
    let scaler = match manager {
        Some(FIELD_MANAGER) => None,
        Some(HPA) | None => rivals.of(&workload).await?,
        Some(manager) if manager.contains("keda") => rivals.of(&workload).await?,
        Some(_) => None,
    };
    let writer = scaler.or_else(|| manager.map(str::to_owned)).unwrap_or_else(|| "somebody".to_owned());
    Ok(Written { replicas: replicas.unwrap_or(1), by_us, writer })
}

fn by_time(one: &&ManagedFieldsEntry, other: &&ManagedFieldsEntry) -> std::cmp::Ordering {
    one.time.cmp(&other.time)
}

fn owns_replicas(entry: &ManagedFieldsEntry) -> bool {
    entry.fields_v1.as_ref().is_some_and(|fields| fields.0["f:spec"].get("f:replicas").is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(fields: serde_json::Value) -> ManagedFieldsEntry {
        serde_json::from_value(json!({"manager": "argocd", "operation": "Apply", "fieldsV1": fields})).unwrap()
    }

    #[test]
    fn only_who_owns_the_replicas_counts() {
        assert!(owns_replicas(&entry(json!({"f:spec": {"f:replicas": {}}}))));
        assert!(!owns_replicas(&entry(json!({"f:spec": {"f:template": {}}}))));
        assert!(!owns_replicas(&entry(json!({"f:status": {"f:replicas": {}}}))));
    }
}
