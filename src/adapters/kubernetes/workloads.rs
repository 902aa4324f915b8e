//! Deployments, StatefulSets and ReplicaSets: what the index keeps of them.

use std::collections::HashMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use kube::api::ApiResource;
use kube::core::Selector;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::owned::Uid;
use super::placement::demand;
use super::watched::Table;
use crate::domain::autoscaler::WorkloadKind;
use crate::domain::capacity::PodDemand;

/// A Kubernetes type that can be under autoscaling.
pub(super) trait Scalable:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static
{
    /// `spec.replicas`.
    fn spec_replicas(&self) -> Option<i32>;

    /// `spec.selector`.
    fn selector(&self) -> Option<&LabelSelector>;

    /// `spec.template.spec`.
    fn template(&self) -> Option<&PodSpec>;

    /// The revision that its pods are to have, where its status says so.
    fn revision(&self) -> Option<&str> {
        None
    }

    /// How many replicas are wanted: one unless the workload says otherwise, as the API server fills in.
    fn replicas(&self) -> u32 {
        self.spec_replicas().map_or(1, |replicas| u32::try_from(replicas).unwrap_or(0))
    }
}

impl Scalable for Deployment {
    fn spec_replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }

    fn selector(&self) -> Option<&LabelSelector> {
        Some(&self.spec.as_ref()?.selector)
    }

    fn template(&self) -> Option<&PodSpec> {
        self.spec.as_ref()?.template.spec.as_ref()
    }
}

impl Scalable for StatefulSet {
    fn spec_replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }

    fn selector(&self) -> Option<&LabelSelector> {
        Some(&self.spec.as_ref()?.selector)
    }

    fn template(&self) -> Option<&PodSpec> {
        self.spec.as_ref()?.template.spec.as_ref()
    }

    fn revision(&self) -> Option<&str> {
        self.status.as_ref()?.update_revision.as_deref()
    }
}

impl Scalable for ReplicaSet {
    fn spec_replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }

    fn selector(&self) -> Option<&LabelSelector> {
        Some(&self.spec.as_ref()?.selector)
    }

    fn template(&self) -> Option<&PodSpec> {
        self.spec.as_ref()?.template.as_ref()?.spec.as_ref()
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
    /// The version of the object, which is that of its scale as well.
    pub(super) version: Option<Arc<str>>,
    /// The revision that its pods are to have. Of a Deployment only its ReplicaSets know it.
    pub(super) revision: Option<Arc<str>>,
    /// What its pods are selected by; `None` when that would be all pods, or cannot be told.
    pub(super) selector: Option<Arc<Selector>>,
    /// What its pods ask of their nodes, if they request GPUs.
    pub(super) demand: Option<Arc<PodDemand>>,
}

/// A workload's selector. An empty one selects nothing for the HPA, which refuses it.
fn selector(object: &impl Scalable) -> Option<Arc<Selector>> {
    let selector = Selector::try_from(object.selector()?.clone());
    let selector = selector.inspect_err(|error| log::debug!("ignoring the selector of {}: {error}", object.name_any()));
    selector.ok().filter(|selector| !selector.selects_all()).map(Arc::new)
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
        let meta = object.meta();
        if let (Some(namespace), Some(name), Some(uid)) = (&meta.namespace, &meta.name, &meta.uid) {
            let workload = Workload {
                uid: uid.as_str().into(),
                replicas: object.replicas(),
                version: meta.resource_version.as_deref().filter(|version| !version.is_empty()).map(Arc::from),
                revision: object.revision().map(Arc::from),
                selector: selector(&object),
                demand: object.template().map(demand).filter(PodDemand::has_gpus).map(Arc::new),
            };
            self.namespaces.entry(namespace.clone()).or_default().insert(name.clone(), workload);
        }
    }

    fn remove(&mut self, object: K) {
        if let (Some(namespace), Some(name)) = (&object.meta().namespace, &object.meta().name) {
            self.forget(namespace, name);
        }
    }
}
