//! The nodes of the cluster: what is kept of them, which is what the room on them depends on.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Node as KubernetesNode;

use super::placement::{allocatable, taint};
use super::watched::Table;
use crate::domain::capacity::{Node, Taint};

/// The nodes by name.
#[derive(Default)]
pub(super) struct Nodes(HashMap<String, Node>);

impl Nodes {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.0.values()
    }
}

impl Table for Nodes {
    type Object = KubernetesNode;

    fn put(&mut self, object: KubernetesNode) {
        let node = compact(object);
        self.0.insert(node.name.clone(), node);
    }

    fn remove(&mut self, object: KubernetesNode) {
        self.0.remove(&object.metadata.name.unwrap_or_default());
    }
}

fn compact(object: KubernetesNode) -> Node {
    let spec = object.spec.unwrap_or_default();
    let mut taints: Vec<_> = spec.taints.iter().flatten().filter_map(taint).collect();
    // A cordoned node gets this taint a moment later; pods that tolerate it go there all the same.
    if spec.unschedulable == Some(true) && taints.iter().all(|taint| taint.key != Taint::UNSCHEDULABLE) {
        let (key, effect) = (Taint::UNSCHEDULABLE.to_owned(), "NoSchedule".to_owned());
        taints.push(Taint { key, value: String::new(), effect });
    }
    let amounts = object.status.and_then(|status| status.allocatable).unwrap_or_default();
    Node {
        name: object.metadata.name.unwrap_or_default(),
        labels: object.metadata.labels.unwrap_or_default(),
        taints,
        allocatable: allocatable(&amounts),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_keeps_what_its_room_depends_on() {
        let node = serde_json::from_value(json!({
            "metadata": {"name": "a", "labels": {"zone": "x"}},
            "spec": {"unschedulable": true, "taints": [
                {"key": "gpu", "value": "only", "effect": "NoSchedule"},
                {"key": "soft", "effect": "PreferNoSchedule"},
            ]},
            "status": {"capacity": {"cpu": "9"}, "allocatable": {"cpu": "8", "nvidia.com/gpu": "4", "pods": "110", "bad": "?"}},
        }))
        .unwrap();
        let mut nodes = Nodes::default();
        nodes.put(node);
        let node = nodes.iter().next().unwrap();
        assert_eq!((node.name.as_str(), node.labels["zone"].as_str()), ("a", "x"));
        let keys: Vec<_> = node.taints.iter().map(|taint| taint.key.as_str()).collect();
        assert_eq!(keys, ["gpu", Taint::UNSCHEDULABLE]);
        let amounts: Vec<_> = node.allocatable.iter().map(|(name, amount)| (name.as_str(), *amount)).collect();
        assert_eq!(amounts, [("cpu", 8_000), ("nvidia.com/gpu", 4_000), ("pods", 110_000)]);
    }
}
