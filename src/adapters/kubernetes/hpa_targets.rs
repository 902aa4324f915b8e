//! Which workloads the cluster's HorizontalPodAutoscalers scale. KEDA scales through them, too.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt;

use super::rivals;
use super::watched::Table;
use crate::domain::autoscaler::{WorkloadKind, WorkloadRef};

/// The namespace and the name of an autoscaler of the cluster.
type Name = (String, String);

/// The workloads by autoscaler, and the other way round.
#[derive(Default)]
pub(super) struct HpaTargets {
    targets: HashMap<Name, WorkloadRef>,
    scalers: HashMap<WorkloadRef, BTreeMap<Name, String>>,
}

impl HpaTargets {
    /// Who scales a workload, for instance `HorizontalPodAutoscaler default/web`.
    pub(super) fn scaler_of(&self, workload: &WorkloadRef) -> Option<&String> {
        self.scalers.get(workload)?.values().next()
    }

    fn forget(&mut self, name: &Name) {
        let Some(workload) = self.targets.remove(name) else { return };
        if let Some(scalers) = self.scalers.get_mut(&workload) {
            scalers.remove(name);
            if scalers.is_empty() {
                self.scalers.remove(&workload);
            }
        }
    }
}

impl Table for HpaTargets {
    type Object = HorizontalPodAutoscaler;

    fn put(&mut self, object: HorizontalPodAutoscaler) {
        let name = name(&object);
        self.forget(&name);
        let Some(workload) = target(&object) else { return };
        let scaler = rivals::name_of(&object);
        self.scalers.entry(workload.clone()).or_default().insert(name.clone(), scaler);
        self.targets.insert(name, workload);
    }

    fn remove(&mut self, object: HorizontalPodAutoscaler) {
        self.forget(&name(&object));
    }
}

fn name(object: &HorizontalPodAutoscaler) -> Name {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The workload that it scales, if that is of a kind that can be under autoscaling here.
fn target(object: &HorizontalPodAutoscaler) -> Option<WorkloadRef> {
    let target = &object.spec.as_ref()?.scale_target_ref;
    let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.as_str() == target.kind)?;
    let workload = WorkloadRef { kind, namespace: object.namespace()?, name: target.name.clone() };
    rivals::is(&workload, target.api_version.as_deref(), &target.kind, &target.name).then_some(workload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hpa(name: &str, api_version: &str, kind: &str, target: &str) -> HorizontalPodAutoscaler {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": target}},
        }))
        .unwrap()
    }

    fn web() -> WorkloadRef {
        WorkloadRef { kind: WorkloadKind::Deployment, namespace: "default".into(), name: "web".into() }
    }

    #[test]
    fn a_workload_is_scaled_as_long_as_one_of_its_autoscalers_is_there() {
        let mut table = HpaTargets::default();
        table.put(hpa("b", "apps/v1", "Deployment", "web"));
        table.put(hpa("a", "apps/v1", "Deployment", "web"));
        assert_eq!(table.scaler_of(&web()).unwrap(), "HorizontalPodAutoscaler default/a");
        table.remove(hpa("a", "apps/v1", "Deployment", "web"));
        assert_eq!(table.scaler_of(&web()).unwrap(), "HorizontalPodAutoscaler default/b");
        table.put(hpa("b", "apps/v1", "Deployment", "other"));
        assert_eq!(table.scaler_of(&web()), None);
        table.remove(hpa("b", "apps/v1", "Deployment", "other"));
        assert!(table.targets.is_empty() && table.scalers.is_empty());
    }

    #[test]
    fn what_is_no_workload_of_ours_is_nobodys_target() {
        let mut table = HpaTargets::default();
        table.put(hpa("a", "example.com/v1", "Deployment", "web"));
        table.put(hpa("b", "apps/v1", "Rollout", "web"));
        assert_eq!(table.scaler_of(&web()), None);
    }
}
