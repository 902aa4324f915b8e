//! What a pod requests.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::container::{amount, is_sidecar, requested};
use super::pod_level::pod_level;
use crate::domain::gpu::is_gpu_resource;
use crate::domain::observation::{ContainerRequests, PodRequests, ResourceRequests};

/// The requests of the containers that run as long as the pod does, and of the pod itself.
pub(super) fn requests(spec: &PodSpec) -> PodRequests {
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    let lasting = || spec.containers.iter().chain(sidecars.clone());
    let containers = lasting().map(|container| ContainerRequests {
        name: container.name.clone(),
        resources: ResourceRequests { cpu: requested(container, "cpu"), memory: requested(container, "memory") },
    });
    PodRequests {
        containers: containers.collect(),
        pod_level: pod_level(spec),
        gpus: lasting().map(|container| gpus(container.resources.as_ref())).fold(0, u32::saturating_add),
    }
}

/// The number of GPUs, whole ones and MIG slices. For devices a request equals its limit, and either may be left out.
fn gpus(resources: Option<&ResourceRequirements>) -> u32 {
    let Some(resources) = resources else { return 0 };
    let mut devices: BTreeMap<&String, &Quantity> = resources.limits.iter().flatten().collect();
    devices.extend(resources.requests.iter().flatten());
    let of_gpus = devices.into_iter().filter(|(name, _)| is_gpu_resource(name));
    of_gpus
        .filter_map(|(name, quantity)| amount(name, quantity)?.thousandths())
        .map(|thousandths| u32::try_from(thousandths / 1_000).unwrap_or(u32::MAX))
        .fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: Value) -> PodRequests {
        requests(&serde_json::from_value(spec).unwrap())
    }

    #[rstest]
    #[case::a_request_and_its_equal_limit(json!({"requests": {"nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "2"}}), 2)]
    #[case::only_a_limit(json!({"limits": {"nvidia.com/gpu": "4"}}), 4)]
    #[case::only_a_request(json!({"requests": {"nvidia.com/gpu": 1}}), 1)]
    #[case::slices(json!({"limits": {"nvidia.com/mig-1g.5gb": "2", "nvidia.com/mig-3g.20gb": "1"}}), 3)]
    #[case::other_devices(json!({"limits": {"amd.com/gpu": "1", "nvidia.com/gpumem": "9"}}), 0)]
    #[case::an_impossible_number(json!({"limits": {"nvidia.com/gpu": "-1"}}), 0)]
    fn gpus_are_counted(#[case] resources: Value, #[case] gpus: u32) {
        // A quantity is written as text, but a number is allowed.
        let container = |name: &str, resources: Value| json!({"name": name, "resources": resources});
        let requests = read(json!({
            "containers": [container("main", resources), container("helper", json!({}))],
            "initContainers": [container("prepare", json!({"limits": {"nvidia.com/gpu": "8"}}))],
        }));
        assert_eq!(requests.gpus, gpus);
    }

    #[test]
    fn more_gpus_than_can_be_counted_are_as_many_as_can() {
        let container = json!({"name": "main", "resources": {"limits": {"nvidia.com/gpu": "4294967295"}}});
        assert_eq!(read(json!({"containers": [container, container]})).gpus, u32::MAX);
    }

    #[test]
    fn what_is_malformed_is_not_there_and_what_is_impossible_stays() {
        let resources = json!({"requests": {"cpu": "much", "memory": "-1Gi"}});
        let requests = read(json!({"containers": [{"name": "main", "resources": resources}]}));
        let ResourceRequests { cpu, memory } = requests.containers[0].resources;
        assert_eq!((cpu, memory), (None, Some("-1Gi".parse().unwrap())));
    }
}
