//! A pod template as the controllers and the scheduler read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::quantity::{Cpu, Memory};
use super::random;

/// How the names of NVIDIA's resources begin: whole GPUs and MIG instances.
const DEVICE_PREFIX: &str = "nvidia.com/";

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub cpu: Option<Cpu>,
    pub memory: Option<Memory>,
    /// How many devices of each of NVIDIA's resources.
    pub devices: BTreeMap<String, u64>,
}

impl Container {
    /// The CPU that it requests. A limit without a request is the request, as the API server's defaults have it.
    pub fn requested_cpu(&self) -> Cpu {
        self.requests.cpu.or(self.limits.cpu).unwrap_or_default()
    }

    /// The memory that it requests, by the same rule.
    pub fn requested_memory(&self) -> Memory {
        self.requests.memory.or(self.limits.memory).unwrap_or_default()
    }

    /// The devices that it requests, by the same rule.
    pub fn requested_devices(&self) -> impl Iterator<Item = (&str, u64)> {
        let only_limited = self.limits.devices.iter().filter(|(name, _)| !self.requests.devices.contains_key(*name));
        self.requests.devices.iter().chain(only_limited).map(|(name, count)| (name.as_str(), *count))
    }
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
    let amounts = value.as_object().into_iter().flatten();
    let devices = amounts.filter(|(name, _)| name.starts_with(DEVICE_PREFIX));
    Amounts {
        cpu: quantity("cpu").and_then(|text| text.parse().ok()),
        memory: quantity("memory").and_then(|text| text.parse().ok()),
        devices: devices.filter_map(|(name, count)| Some((name.clone(), text(count).parse().ok()?))).collect(),
    }
}

/// A text, or a number as text: clients may write quantities either way.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
