//! What all pods of one template have in common. It is kept once for them.

use k8s_openapi::api::core::v1::PodSpec;

use super::container::is_sidecar;
use super::placement::requests;
use crate::domain::capacity::Amounts;

/// What the index keeps of a pod's spec, beyond what a decision looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The TCP ports that have names.
    ports: Vec<(String, u16)>,
    /// What it takes of its node.
    requests: Amounts,
}

impl Shape {
    pub(super) fn of(spec: &PodSpec) -> Self {
        Self { ports: ports(spec), requests: requests(spec) }
    }

    /// What a pod takes of its node.
    pub(super) fn requests(&self) -> &Amounts {
        &self.requests
    }

    /// The TCP port of this name, if a container declares it.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        self.ports.iter().find(|(known, _)| known == name).map(|(_, port)| *port)
    }
}

fn ports(spec: &PodSpec) -> Vec<(String, u16)> {
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let tcp = ports.filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"));
    tcp.filter_map(|port| Some((port.name.clone()?, u16::try_from(port.container_port).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn port(name: &str, number: i32, protocol: Option<&str>) -> Value {
        json!({"name": name, "containerPort": number, "protocol": protocol})
    }

    #[rstest]
    #[case::of_the_only_container(json!({"containers": [{"name": "a", "ports": [port("metrics", 9400, Some("TCP"))]}]}), Some(9400))]
    #[case::of_the_second(json!({"containers": [{"name": "a"}, {"name": "b", "ports": [port("metrics", 9401, None)]}]}), Some(9401))]
    #[case::beside_others(
        json!({"containers": [{"name": "a", "ports": [port("http", 80, None), {"containerPort": 1}, port("metrics", 9400, None)]}]}),
        Some(9400)
    )]
    #[case::of_a_sidecar(
        json!({"containers": [], "initContainers": [{"name": "a", "restartPolicy": "Always", "ports": [port("metrics", 7, None)]}]}),
        Some(7)
    )]
    #[case::of_an_init_container(
        json!({"containers": [], "initContainers": [{"name": "a", "ports": [port("metrics", 7, None)]}]}),
        None
    )]
    #[case::udp(
        json!({"containers": [{"name": "a", "ports": [port("metrics", 1, Some("UDP")), port("metrics", 2, None)]}]}),
        Some(2)
    )]
    #[case::impossible(json!({"containers": [{"name": "a", "ports": [port("metrics", 70_000, None)]}]}), None)]
    #[case::none(json!({"containers": [{"name": "a"}]}), None)]
    fn a_port_is_found_by_its_name(#[case] spec: Value, #[case] port: Option<u16>) {
        assert_eq!(Shape::of(&serde_json::from_value(spec).unwrap()).port("metrics"), port);
    }
}
