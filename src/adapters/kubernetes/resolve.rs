//! Looks a workload up when it is to be put under autoscaling, and who else scales it.

use futures_util::FutureExt;
use futures_util::future::join3;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::calls::Calls;
use super::rivals::Rivals;
use super::workloads::{Scalable, controller};
use crate::domain::autoscaler::{RequestedKind, WorkloadKind, WorkloadRef};
use crate::ports::{ClusterError, PortFuture, ResolveError, ResolvedWorkload, WorkloadResolver};

/// Asks the API server for the workload itself, not the index: that may be a moment behind.
#[derive(Clone)]
pub(super) struct Resolver {
    calls: Calls,
    rivals: Rivals,
}

/// A workload that exists.
struct Found {
    kind: WorkloadKind,
    replicas: u32,
    /// Who controls it, for instance `Deployment web`.
    owner: Option<String>,
}

impl Resolver {
    pub(super) fn new(calls: Calls) -> Self {
        Self { rivals: Rivals::new(calls.clone()), calls }
    }

    async fn resolve(
        &self,
        namespace: String,
        name: String,
        kind: RequestedKind,
    ) -> Result<ResolvedWorkload, ResolveError> {
        let Found { kind, replicas, owner } = match self.find(&namespace, &name, kind).await? {
            Some(found) => found,
            None => return Err(self.not_found(&namespace, name, kind).await),
        };
        if let (WorkloadKind::ReplicaSet, Some(owner)) = (kind, owner) {
            return Err(ResolveError::Owned { name, owner });
        }
        let workload = WorkloadRef { kind, namespace, name };
        let scaled_by = self.rivals.of(&workload).await?;
        Ok(ResolvedWorkload { workload, replicas, scaled_by })
    }

    async fn find(&self, namespace: &str, name: &str, kind: RequestedKind) -> Result<Option<Found>, ResolveError> {
        match kind {
            RequestedKind::Exactly(kind) => Ok(self.get(namespace, name, kind).await?),
            RequestedKind::Auto => {
                let [first, second, third] = WorkloadKind::ALL.map(|kind| self.get(namespace, name, kind));
                let (first, second, third) = join3(first, second, third).await;
                let mut found: Vec<Found> = [first?, second?, third?].into_iter().flatten().collect();
                if found.len() > 1 {
                    let kinds = found.iter().map(|found| found.kind).collect();
                    return Err(ResolveError::Ambiguous { name: name.to_owned(), kinds });
                }
                Ok(found.pop())
            }
        }
    }

    async fn get(&self, namespace: &str, name: &str, kind: WorkloadKind) -> Result<Option<Found>, ClusterError> {
        match kind {
            WorkloadKind::Deployment => self.get_as::<Deployment>(namespace, name, kind).await,
            WorkloadKind::StatefulSet => self.get_as::<StatefulSet>(namespace, name, kind).await,
            WorkloadKind::ReplicaSet => self.get_as::<ReplicaSet>(namespace, name, kind).await,
        }
    }

    async fn get_as<K: Scalable>(
        &self,
        namespace: &str,
        name: &str,
        kind: WorkloadKind,
    ) -> Result<Option<Found>, ClusterError> {
        let api = Api::<K>::namespaced(self.calls.client(), namespace);
        match self.calls.run(api.get(name)).await {
            Ok(object) => {
                let owner = controller(&object).map(|owner| format!("{} {}", owner.kind, owner.name));
                Ok(Some(Found { kind, replicas: object.replicas(), owner }))
            }
            Err(ClusterError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says that the workload does not exist, and whether its namespace does.
    async fn not_found(&self, namespace: &str, name: String, kind: RequestedKind) -> ResolveError {
        let kind = match kind {
            RequestedKind::Auto => "workload",
            RequestedKind::Exactly(kind) => kind.lowercase(),
        };
        let namespaces = Api::<Namespace>::all(self.calls.client());
        // The hint is a courtesy: without the right to read namespaces there is none.
        let hint = match self.calls.run(namespaces.get_metadata(namespace)).await {
            Err(ClusterError::NotFound(_)) => format!(" (namespace \"{namespace}\" does not exist)"),
            _ => String::new(),
        };
        ResolveError::NotFound { kind, name, hint }
    }
}

impl WorkloadResolver for Resolver {
    fn resolve(
        &self,
        namespace: String,
        name: String,
        kind: RequestedKind,
    ) -> PortFuture<Result<ResolvedWorkload, ResolveError>> {
        let resolver = self.clone();
        async move { resolver.resolve(namespace, name, kind).await }.boxed()
    }
}
