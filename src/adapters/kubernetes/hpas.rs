//! HorizontalPodAutoscalers of a cluster, read and deleted as the user of a kubeconfig: only `import hpa` does so. The
//! service itself may neither get nor delete them.

use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Preconditions};
use serde_json::Value;

use super::Limits;
use super::calls::Calls;
use super::client::{AccessError, Clients, ClusterAccess};
use crate::ports::ClusterError;

/// The HPAs of one cluster.
pub struct Hpas {
    calls: Calls,
    server: String,
    namespace: String,
}

/// An HPA that exists, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveHpa {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The whole manifest with its status.
    pub manifest: Value,
    uid: String,
    resource_version: String,
}

impl LiveHpa {
    /// Whether the other one is the same object with the same definition, whatever its status.
    pub fn is_as(&self, other: &Self) -> bool {
        self.uid == other.uid && self.manifest["spec"] == other.manifest["spec"]
    }

    /// Whether the other one is the same object, and not another of its name.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.uid == other.uid
    }
}

impl Hpas {
    /// The way to the HPAs of a cluster, which is not asked yet.
    pub async fn new(access: &ClusterAccess) -> Result<Self, AccessError> {
        let config = access.config().await?;
        let (server, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
        let clients = Clients::new(config)?;
        Ok(Self { calls: Calls::new(clients.calls, Limits::default().metrics), server, namespace })
    }

    #[cfg(test)]
    pub(super) fn over(calls: Calls) -> Self {
        Self { calls, server: String::new(), namespace: String::new() }
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The kubeconfig's own namespace.
    pub fn default_namespace(&self) -> &str {
        &self.namespace
    }

    fn api(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        // Not a type of this version of the API: what is newer than that would be lost.
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler"));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.calls.client(), namespace, &resource),
            None => Api::all_with(self.calls.client(), &resource),
        }
    }

    /// Those of a namespace, or of all.
    pub async fn list(&self, namespace: Option<&str>) -> Result<Vec<LiveHpa>, ClusterError> {
        let listed = self.calls.run(self.api(namespace).list(&ListParams::default())).await?;
        listed.into_iter().map(live).collect()
    }

    /// One of them; `None` when it does not exist.
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Option<LiveHpa>, ClusterError> {
        match self.calls.run(self.api(Some(namespace)).get(name)).await {
            Ok(object) => live(object).map(Some),
            Err(ClusterError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes exactly the one that was read: not another of its name, and not in another version.
    pub async fn delete(&self, hpa: &LiveHpa) -> Result<(), ClusterError> {
        let preconditions =
            Preconditions { uid: Some(hpa.uid.clone()), resource_version: Some(hpa.resource_version.clone()) };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        self.calls.run(self.api(Some(&hpa.namespace)).delete(&hpa.name, &parameters)).await.map(|_| ())
    }
}

fn live(object: DynamicObject) -> Result<LiveHpa, ClusterError> {
    let senseless = |what: String| ClusterError::Unavailable(format!("the API server's answer makes no sense: {what}"));
    let metadata = &object.metadata;
    let part = |part: &Option<String>, name: &str| part.clone().ok_or_else(|| senseless(format!("there is no {name}")));
    let (namespace, name) = (part(&metadata.namespace, "namespace")?, part(&metadata.name, "name")?);
    let (uid, resource_version) = (part(&metadata.uid, "uid")?, part(&metadata.resource_version, "resourceVersion")?);
    let mut manifest = serde_json::to_value(&object).map_err(|error| senseless(error.to_string()))?;
    // Items of a list do not say what they are.
    manifest["apiVersion"] = "autoscaling/v2".into();
    manifest["kind"] = "HorizontalPodAutoscaler".into();
    Ok(LiveHpa { namespace, name, manifest, uid, resource_version })
}
