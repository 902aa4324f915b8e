//! GPU nodes of a test's own: only the test's pods land there.

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::cluster::cluster;

/// The label and the taint of a test's nodes.
const KEY: &str = "gpu-test";

/// How many nodes are made at the same time.
const AT_ONCE: usize = 20;

/// What the devices of a node are.
#[derive(Clone, Copy)]
pub enum Devices {
    /// So many whole GPUs.
    Whole(u32),
    /// So many MIG instances of the smallest size.
    Mig(u32),
}

impl Devices {
    fn resource(self) -> (&'static str, String) {
        match self {
            Self::Whole(count) => (WHOLE_GPU, count.to_string()),
            Self::Mig(count) => (MIG_INSTANCE, count.to_string()),
        }
    }
}

/// What a pod requests to get a GPU of its own.
pub const WHOLE_GPU: &str = "nvidia.com/gpu";

/// What it requests to get a MIG instance.
pub const MIG_INSTANCE: &str = "nvidia.com/mig-1g.5gb";

/// The nodes of one test.
pub struct Nodes {
    owner: String,
    pub names: Vec<String>,
    api: Api<Node>,
}

impl Nodes {
    /// Makes a node for each of `devices`, and waits until pods can be placed there. `owner` is the test's namespace.
    pub async fn create(owner: &str, devices: &[Devices]) -> Self {
        let api = Api::all(cluster().client().await);
        let names: Vec<_> = (1..=devices.len()).map(|number| format!("{owner}-{number}")).collect();
        stream::iter(names.iter().zip(devices))
            .map(|(name, devices)| create(&api, owner, name, *devices))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        Self { owner: owner.to_owned(), names, api }
    }

    /// The template of a pod that runs on these nodes only, in one container that requests `count` of `resource`.
    pub fn pod(&self, resource: &str, count: u32) -> Value {
        json!({
            "nodeSelector": {KEY: self.owner},
            "tolerations": [{"key": KEY, "value": self.owner}],
            "containers": [{
                "name": "main",
                "image": "none",
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {resource: count.to_string()},
                },
            }],
        })
    }

    /// Deletes them all: many nodes keep the whole cluster busy.
    pub async fn delete(self) {
        let ours = ListParams::default().labels(&format!("{KEY}={}", self.owner));
        self.api.delete_collection(&DeleteParams::default(), &ours).await.unwrap();
    }
}

async fn create(api: &Api<Node>, owner: &str, name: &str, devices: Devices) {
    let (resource, count) = devices.resource();
    let resources = json!({"cpu": "64", "memory": "512Gi", "pods": "110", resource: count});
    // As the test bed makes its own (testbed/manifests/node.yaml).
    let node = json!({
        "metadata": {
            "name": name,
            "annotations": {"metrics.k8s.io/resource-metrics-path": format!("/metrics/nodes/{name}/metrics/resource")},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok", KEY: owner},
        },
        "spec": {"taints": [{"key": KEY, "value": owner, "effect": "NoSchedule"}]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "capacity": resources,
            "allocatable": resources,
        },
    });
    api.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    await_condition(api.clone(), name, |node: Option<&Node>| node.is_some_and(takes_pods)).await.unwrap();
}

/// Whether a node is ready, and has no taint but its own.
fn takes_pods(node: &Node) -> bool {
    let conditions = node.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    let taints = node.spec.iter().filter_map(|spec| spec.taints.as_ref()).flatten();
    ready.any(|condition| condition.status == "True") && taints.filter(|taint| taint.key != KEY).count() == 0
}
