//! A pod template as the controllers and the scheduler read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::quantity::{Cpu, Memory};
use super::random;

/// The resource name of NVIDIA's GPUs.
pub(super) const GPU: &str = "nvidia.com/gpu";

pub(super) type Labels = BTreeMap<String, String>;

/// What a pod is made from.
#[derive(Debug)]
pub(super) struct Template {
    pub labels: Labels,
    /// The pod's `spec`.
    pub spec: Value,
    pub containers: Vec<Container>,
    /// Tells templates apart, in the names of ReplicaSets and in labels.
    pub hash: String,
}

/// What one container asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Container {
    pub name: String,
    pub image: String,
    pub requests: Amounts,
    pub limits: Amounts,
}

/// Amounts of the resources that count when a pod is placed; absent ones are unknown, not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub cpu: Option<Cpu>,
    pub memory: Option<Memory>,
    pub gpus: Option<u64>,
}

impl Template {
    /// Reads the `template` of a workload's spec.
    pub fn parse(template: &Value) -> Arc<Self> {
        let labels = template["metadata"]["labels"].as_object().into_iter().flatten();
        let labels = labels.map(|(name, value)| (name.clone(), text(value))).collect();
        let containers = template["spec"]["containers"].as_array().into_iter().flatten().map(container).collect();
        Arc::new(Self {
            labels,
            spec: template["spec"].clone(),
            containers,
            hash: random::template_hash(&template.to_string()),
        })
    }
}

fn container(value: &Value) -> Container {
    Container {
        name: text(&value["name"]),
        image: text(&value["image"]),
        requests: amounts(&value["resources"]["requests"]),
        limits: amounts(&value["resources"]["limits"]),
    }
}

fn amounts(value: &Value) -> Amounts {
    let quantity = |name: &str| value.get(name).map(text);
    Amounts {
        cpu: quantity("cpu").and_then(|text| text.parse().ok()),
        memory: quantity("memory").and_then(|text| text.parse().ok()),
        gpus: quantity(GPU).and_then(|text| text.parse().ok()),
    }
}

/// A text, or a number as text: clients may write quantities either way.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
