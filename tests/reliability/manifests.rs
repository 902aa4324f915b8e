//! Autoscalers as people write them.

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::workload::Namespace;

/// The kind of the custom resource.
pub const KIND: &str = "WorkloadAutoscaler";

/// The label with the id in the API.
pub const ID: &str = "ai-storage.io/autoscaling-id";

/// An autoscaler of this name for a Deployment, by its memory: unlike CPU it has no values in between when it changes.
pub fn autoscaler(namespace: &Namespace, name: &str, deployment: &str, min: u32, max: u32) -> Value {
    let mut spec = by_memory(namespace, deployment, min, max);
    spec.as_object_mut().unwrap().remove("workload_namespace");
    json!({
        "apiVersion": "ai-storage.io/v1alpha1",
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace.name},
        "spec": spec,
    })
}

/// The same as a request to the API.
pub fn by_memory(namespace: &Namespace, deployment: &str, min: u32, max: u32) -> Value {
    let mut request = namespace.request("Deployment", deployment, min, max);
    let fields = request.as_object_mut().unwrap();
    fields.remove("target_cpu_percent");
    fields.insert("target_memory_percent".to_owned(), json!(70));
    request
}

/// The autoscalers' objects of a namespace.
fn objects(namespace: &Namespace) -> Api<DynamicObject> {
    Api::namespaced_with(namespace.client.clone(), &namespace.name, &resource())
}

/// All of them.
pub async fn list(namespace: &Namespace) -> Vec<DynamicObject> {
    objects(namespace).list(&ListParams::default()).await.unwrap().items
}

/// One of them, which must exist.
pub async fn get(namespace: &Namespace, name: &str) -> DynamicObject {
    objects(namespace).get(name).await.unwrap()
}

/// Its condition of this type.
pub fn condition<'a>(object: &'a DynamicObject, kind: &str) -> &'a Value {
    let conditions = object.data["status"]["conditions"].as_array();
    conditions.and_then(|all| all.iter().find(|condition| condition["type"] == kind)).unwrap_or(&Value::Null)
}

/// Its id in the API, once it has one.
pub fn id(object: &DynamicObject) -> Option<String> {
    object.labels().get(ID).cloned()
}

fn resource() -> ApiResource {
    ApiResource {
        group: "ai-storage.io".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "ai-storage.io/v1alpha1".to_owned(),
        kind: KIND.to_owned(),
        plural: "workloadautoscalers".to_owned(),
    }
}
