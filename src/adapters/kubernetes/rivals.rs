//! Who else scales a workload: HorizontalPodAutoscalers, and KEDA's ScaledObjects. Two scalers on one workload would
//! pull it to and fro without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, ResourceExt};

use super::calls::Calls;
use super::workloads::controller;
use crate::domain::autoscaler::{WorkloadKind, WorkloadRef};
use crate::ports::ClusterError;

const SCALED_OBJECT: &str = "ScaledObject";

/// Looks for other scalers.
#[derive(Clone)]
pub(super) struct Rivals {
    calls: Calls,
    /// Whether it has been said that ScaledObjects may not be read.
    warned: Arc<AtomicBool>,
}

impl Rivals {
    pub(super) fn new(calls: Calls) -> Self {
        Self { calls, warned: Arc::new(AtomicBool::new(false)) }
    }

    /// Who else scales `workload`, for instance `HorizontalPodAutoscaler default/web`.
    pub(super) async fn of(&self, workload: &WorkloadRef) -> Result<Option<String>, ClusterError> {
        let (autoscaler, scaled_object) = join(self.autoscaler(workload), self.scaled_object(workload)).await;
        // KEDA scales through an autoscaler that it makes; to remove that one would be of no use.
        Ok(scaled_object?.or(autoscaler?))
    }

    async fn autoscaler(&self, workload: &WorkloadRef) -> Result<Option<String>, ClusterError> {
        let api = Api::<HorizontalPodAutoscaler>::namespaced(self.calls.client(), &workload.namespace);
        let autoscalers = self.calls.run(api.list(&ListParams::default())).await?;
        let rival = autoscalers.into_iter().find(|autoscaler| {
            autoscaler.spec.as_ref().is_some_and(|spec| {
                let target = &spec.scale_target_ref;
                is(workload, target.api_version.as_deref(), &target.kind, &target.name)
            })
        });
        Ok(rival.map(|autoscaler| name_of(&autoscaler)))
    }

    async fn scaled_object(&self, workload: &WorkloadRef) -> Result<Option<String>, ClusterError> {
        let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", SCALED_OBJECT);
        let resource = ApiResource::from_gvk(&kind);
        let api = Api::<DynamicObject>::namespaced_with(self.calls.client(), &workload.namespace, &resource);
        let objects = match self.calls.run(api.list(&ListParams::default())).await {
            Ok(objects) => objects,
            // The cluster has no KEDA.
            Err(ClusterError::NotFound(_)) => return Ok(None),
            Err(ClusterError::Forbidden(message)) => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    log::warn!("cannot see whether KEDA scales a workload as well: {message}");
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let rival = objects.into_iter().find(|object| {
            let target = &object.data["spec"]["scaleTargetRef"];
            let kind = target["kind"].as_str().unwrap_or(WorkloadKind::Deployment.as_str());
            is(workload, target["apiVersion"].as_str(), kind, target["name"].as_str().unwrap_or_default())
        });
        Ok(rival.map(|object| name(SCALED_OBJECT, &workload.namespace, &object.name_any())))
    }
}

/// Who scales through `autoscaler`: KEDA's object, where that made it.
pub(super) fn name_of(autoscaler: &HorizontalPodAutoscaler) -> String {
    let namespace = autoscaler.namespace().unwrap_or_default();
    match controller(autoscaler) {
        Some(owner) if owner.kind == SCALED_OBJECT => name(SCALED_OBJECT, &namespace, &owner.name),
        _ => name("HorizontalPodAutoscaler", &namespace, &autoscaler.name_any()),
    }
}

fn name(kind: &str, namespace: &str, name: &str) -> String {
    format!("{kind} {namespace}/{name}")
}

/// Whether a reference means `workload`. The API group may be left out, or be that of a time before `apps`.
pub(super) fn is(workload: &WorkloadRef, api_version: Option<&str>, kind: &str, name: &str) -> bool {
    let group = api_version.and_then(|version| version.split_once('/')).map_or("apps", |(group, _)| group);
    matches!(group, "apps" | "extensions") && kind == workload.kind.as_str() && name == workload.name
}
