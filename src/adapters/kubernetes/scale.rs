//! The scale subresource of a workload.

use futures_util::FutureExt;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::calls::Calls;
use super::rivals::Rivals;
use super::workloads::resource;
use super::writers::last_writer;
use crate::domain::autoscaler::WorkloadRef;
use crate::ports::{ClusterError, PortFuture, Scale, WorkloadScaler, Written};

/// Under this name the API server records who changed a field.
pub(super) const FIELD_MANAGER: &str = env!("CARGO_PKG_NAME");

/// Reads and changes scales, one request at a time.
pub(super) struct Scaler {
    calls: Calls,
    rivals: Rivals,
}

impl Scaler {
    pub(super) fn new(calls: Calls) -> Self {
        Self { rivals: Rivals::new(calls.clone()), calls }
    }

    fn of(&self, workload: &WorkloadRef) -> Subresource {
        let api = Api::namespaced_with(self.calls.client(), &workload.namespace, &resource(workload.kind));
        Subresource { calls: self.calls.clone(), api, name: workload.name.clone() }
    }
}

impl WorkloadScaler for Scaler {
    fn read(&self, workload: &WorkloadRef) -> PortFuture<Result<Scale, ClusterError>> {
        let scale = self.of(workload);
        async move { scale.read().await }.boxed()
    }

    fn set(
        &self,
        workload: &WorkloadRef,
        replicas: u32,
        resource_version: String,
    ) -> PortFuture<Result<(), ClusterError>> {
        let scale = self.of(workload);
        let patch = json!({
            "metadata": { "resourceVersion": resource_version },
            "spec": { "replicas": replicas },
        });
        async move { scale.patch(patch, false).await }.boxed()
    }

    fn probe(&self, workload: &WorkloadRef) -> PortFuture<Result<(), ClusterError>> {
        let scale = self.of(workload);
        async move {
            let replicas = scale.read().await?.replicas;
            // Without a version: that somebody else is at work does not mean that we may not be.
            scale.patch(json!({ "spec": { "replicas": replicas } }), true).await
        }
        .boxed()
    }

    fn last_writer(&self, workload: &WorkloadRef) -> PortFuture<Result<Written, ClusterError>> {
        last_writer(self.calls.clone(), self.rivals.clone(), workload.clone()).boxed()
    }
}

/// One workload's scale.
struct Subresource {
    calls: Calls,
    api: Api<DynamicObject>,
    name: String,
}

impl Subresource {
    async fn read(&self) -> Result<Scale, ClusterError> {
        let scale = self.calls.run(self.api.get_scale(&self.name)).await?;
        // Go leaves a zero out of the JSON, so an absent number is none and not the default.
        let spec = scale.spec.ok_or_else(|| senseless("there is no spec".to_owned()))?;
        let replicas = spec.replicas.unwrap_or(0);
        let replicas = u32::try_from(replicas).map_err(|_| senseless(format!("spec.replicas is {replicas}")))?;
        let version = scale.metadata.resource_version.filter(|version| !version.is_empty());
        let resource_version = version.ok_or_else(|| senseless("there is no resourceVersion".to_owned()))?;
        let uid = scale.metadata.uid.ok_or_else(|| senseless("there is no uid".to_owned()))?;
        Ok(Scale { uid: uid.into(), replicas, resource_version })
    }

    async fn patch(&self, patch: Value, dry_run: bool) -> Result<(), ClusterError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run, ..PatchParams::default() };
        self.calls.run(self.api.patch_scale(&self.name, &params, &Patch::Merge(patch))).await.map(|_| ())
    }
}

fn senseless(what: String) -> ClusterError {
    ClusterError::Unavailable(format!("the API server's answer makes no sense: {what}"))
}
