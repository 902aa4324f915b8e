//! Deployments, StatefulSets and ReplicaSets: what the index keeps of them.

use std::collections::HashMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use kube::api::ApiResource;
use serde::de::DeserializeOwned;

use super::owned::{Owned, Uid};
use super::watched::Table;
use crate::domain::autoscaler::WorkloadKind;

/// A Kubernetes type that can be under autoscaling.
pub(super) trait Scalable:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static
{
    /// `spec.replicas`.
    fn spec_replicas(&self) -> Option<i32>;

    /// How many replicas are wanted: one unless the workload says otherwise, as the API server fills in.
    fn replicas(&self) -> u32 {
        self.spec_replicas().map_or(1, |replicas| u32::try_from(replicas).unwrap_or(0))
    }
}

impl Scalable for Deployment {
    fn spec_replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }
}

impl Scalable for StatefulSet {
    fn spec_replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }
}

impl Scalable for ReplicaSet {
    fn spec_replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }
}

/// The API resource of a kind.
pub(super) fn resource(kind: WorkloadKind) -> ApiResource {
    match kind {
        WorkloadKind::Deployment => ApiResource::erase::<Deployment>(&()),
        WorkloadKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        WorkloadKind::ReplicaSet => ApiResource::erase::<ReplicaSet>(&()),
    }
}

/// Who controls an object, if somebody does.
pub(super) fn controller(object: &impl Resource) -> Option<&OwnerReference> {
    object.meta().owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// What is kept of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Workload {
    pub(super) uid: Uid,
    pub(super) replicas: u32,
}

/// The workloads of one kind, by namespace and name.
pub(super) struct Workloads<K> {
    namespaces: HashMap<String, HashMap<String, Workload>>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Default for Workloads<K> {
    fn default() -> Self {
        Self { namespaces: HashMap::new(), kind: PhantomData }
    }
}

impl<K> Workloads<K> {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Workload> {
        self.namespaces.get(namespace)?.get(name)
    }

    fn forget(&mut self, namespace: &str, name: &str) {
        if let Some(names) = self.namespaces.get_mut(namespace) {
            names.remove(name);
            if names.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }
}

impl<K: Scalable> Table for Workloads<K> {
    type Object = K;

    fn put(&mut self, object: K) {
        let replicas = object.replicas();
        let meta = object.meta();
        if let (Some(namespace), Some(name), Some(uid)) = (&meta.namespace, &meta.name, &meta.uid) {
            let workload = Workload { uid: uid.as_str().into(), replicas };
            self.namespaces.entry(namespace.clone()).or_default().insert(name.clone(), workload);
        }
    }

    fn remove(&mut self, object: K) {
        if let (Some(namespace), Some(name)) = (&object.meta().namespace, &object.meta().name) {
            self.forget(namespace, name);
        }
    }
}

/// All ReplicaSets: those of Deployments by their owner, the others as workloads of their own.
#[derive(Default)]
pub(super) struct ReplicaSets {
    of_deployments: Owned<()>,
    standalone: Workloads<ReplicaSet>,
}

impl ReplicaSets {
    /// A ReplicaSet that nobody controls.
    pub(super) fn standalone(&self, namespace: &str, name: &str) -> Option<&Workload> {
        self.standalone.get(namespace, name)
    }

    /// The ReplicaSets that a Deployment controls.
    pub(super) fn of_deployment(&self, deployment: &str) -> Vec<Uid> {
        self.of_deployments.of(deployment).map(|(uid, ())| uid.clone()).collect()
    }
}

impl Table for ReplicaSets {
    type Object = ReplicaSet;

    fn put(&mut self, set: ReplicaSet) {
        let Some(owner) = controller(&set) else {
            if let Some(uid) = &set.metadata.uid {
                self.of_deployments.remove(uid);
            }
            return self.standalone.put(set);
        };
        // A Deployment keeps up to ten retired ReplicaSets for a rollback. They have no pods, so they are not kept:
        // in a large cluster they are most of the ReplicaSets.
        let retired = set.replicas() == 0 && set.status.as_ref().is_none_or(|status| status.replicas == 0);
        if let Some(uid) = &set.metadata.uid {
            if retired || owner.kind != "Deployment" {
                self.of_deployments.remove(uid);
            } else {
                self.of_deployments.put(uid.as_str().into(), &owner.uid, ());
            }
        }
        self.standalone.remove(set);
    }

    fn remove(&mut self, set: ReplicaSet) {
        if let Some(uid) = &set.metadata.uid {
            self.of_deployments.remove(uid);
        }
        self.standalone.remove(set);
    }
}
