//! What a whole pod requests when it has pod-level requests, as the HPA counts it (`resourcehelpers.PodRequests`).

use k8s_openapi::api::core::v1::PodSpec;

use super::container::{is_sidecar, listed, requested};
use crate::domain::observation::ResourceRequests;
use crate::domain::quantity::Amount;

/// The pod's requests, if some are set at pod level: those, the containers' where the pod has none of its own, and the
/// overhead of its runtime.
pub(super) fn pod_level(spec: &PodSpec) -> Option<ResourceRequests> {
    let own = spec.resources.as_ref()?.requests.as_ref()?;
    let counts = |name: &String| matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-");
    if !own.keys().any(counts) {
        return None;
    }
    let total = |resource| {
        let requested = listed(Some(own), resource).or_else(|| of_containers(spec, resource));
        sum(requested, listed(spec.overhead.as_ref(), resource))
    };
    Some(ResourceRequests { cpu: total("cpu"), memory: total("memory") })
}

/// What the containers request together: all that last, or more while an init container runs beside the sidecars that
/// were started before it.
fn of_containers(spec: &PodSpec, resource: &str) -> Option<Amount> {
    let mut lasting = spec.containers.iter().fold(None, |total, container| sum(total, requested(container, resource)));
    let (mut sidecars, mut starting) = (None, None);
    for container in spec.init_containers.iter().flatten() {
        let request = requested(container, resource);
        if is_sidecar(container) {
            lasting = sum(lasting, request);
            sidecars = sum(sidecars, request);
        } else {
            starting = greater(starting, sum(sidecars, request));
        }
    }
    greater(lasting, starting)
}

/// An absent amount adds nothing.
fn sum(one: Option<Amount>, other: Option<Amount>) -> Option<Amount> {
    both(one, other, Amount::plus)
}

/// An impossible amount is greater than all others.
fn greater(one: Option<Amount>, other: Option<Amount>) -> Option<Amount> {
    both(one, other, |one, other| match (one.thousandths(), other.thousandths()) {
        (Some(some), Some(more)) if some < more => other,
        (Some(_), None) => other,
        _ => one,
    })
}

fn both(one: Option<Amount>, other: Option<Amount>, join: impl Fn(Amount, Amount) -> Amount) -> Option<Amount> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// A pod with these pod-level requests.
    fn read(own: Value, mut spec: Value) -> Option<ResourceRequests> {
        spec["resources"] = json!({"requests": own});
        pod_level(&serde_json::from_value(spec).unwrap())
    }

    /// Containers with these CPU requests; one that starts with `sidecar ` is a sidecar, and `-` requests nothing.
    fn containers(requests: &[&str]) -> Vec<Value> {
        let containers = requests.iter().enumerate().map(|(number, text)| {
            let cpu = text.trim_start_matches("sidecar ");
            let requests = if cpu == "-" { json!({}) } else { json!({"cpu": cpu}) };
            let policy = text.starts_with("sidecar ").then_some("Always");
            json!({"name": format!("c{number}"), "restartPolicy": policy, "resources": {"requests": requests}})
        });
        containers.collect()
    }

    fn amount(text: &str) -> Option<Amount> {
        Some(text.parse().unwrap())
    }

    #[rstest]
    #[case::none(json!({}), false)]
    #[case::cpu(json!({"cpu": "1"}), true)]
    #[case::memory(json!({"memory": "1Gi"}), true)]
    #[case::huge_pages(json!({"hugepages-2Mi": "64Mi"}), true)]
    #[case::what_cannot_be_requested_for_a_pod(json!({"nvidia.com/gpu": "1"}), false)]
    fn some_requests_make_it_pod_level(#[case] own: Value, #[case] is_pod_level: bool) {
        assert_eq!(read(own, json!({"containers": []})).is_some(), is_pod_level);
    }

    #[test]
    fn limits_and_nothing_at_all_do_not() {
        for spec in [json!({"containers": []}), json!({"containers": [], "resources": {"limits": {"cpu": "1"}}})] {
            assert_eq!(pod_level(&serde_json::from_value(spec).unwrap()), None);
        }
    }

    #[test]
    fn the_pods_own_request_wins_over_the_containers() {
        let spec = json!({"containers": containers(&["3"]), "initContainers": containers(&["5"])});
        let expected = ResourceRequests { cpu: amount("1"), memory: None };
        assert_eq!(read(json!({"cpu": "1"}), spec), Some(expected));
    }

    #[rstest]
    #[case::nobody(&["-"], &[], None)]
    #[case::the_sum(&["100m", "200m"], &[], Some("300m"))]
    #[case::of_those_that_request(&["100m", "-"], &[], Some("100m"))]
    #[case::a_small_init_container(&["100m"], &["50m"], Some("100m"))]
    #[case::a_large_one(&["100m"], &["50m", "400m", "30m"], Some("400m"))]
    #[case::only_an_init_container(&["-"], &["50m"], Some("50m"))]
    #[case::a_sidecar(&["100m"], &["sidecar 20m"], Some("120m"))]
    #[case::a_sidecar_before(&["100m"], &["sidecar 20m", "400m"], Some("420m"))]
    #[case::a_sidecar_after(&["100m"], &["400m", "sidecar 20m"], Some("400m"))]
    #[case::sidecars_around(&["100m"], &["sidecar 20m", "400m", "sidecar 900m"], Some("1020m"))]
    #[case::an_init_container_that_requests_nothing(&["-"], &["sidecar 20m", "-"], Some("20m"))]
    #[case::an_impossible_one(&["100m", "-1"], &[], Some("-900m"))]
    #[case::an_impossible_one_at_the_start(&["100m"], &["-1"], Some("-1"))]
    fn what_the_pod_does_not_request_its_containers_do(
        #[case] ordinary: &[&str],
        #[case] init: &[&str],
        #[case] cpu: Option<&str>,
    ) {
        let spec = json!({"containers": containers(ordinary), "initContainers": containers(init)});
        let expected = ResourceRequests { cpu: cpu.and_then(amount), memory: amount("1Gi") };
        assert_eq!(read(json!({"memory": "1Gi"}), spec), Some(expected));
    }

    #[test]
    fn the_overhead_comes_on_top() {
        let spec = json!({"containers": containers(&["100m"]), "overhead": {"cpu": "10m", "memory": "1Mi"}});
        let of_containers = ResourceRequests { cpu: amount("110m"), memory: amount("1Mi") };
        assert_eq!(read(json!({"hugepages-2Mi": "2Mi"}), spec.clone()), Some(of_containers));
        let of_the_pod = ResourceRequests { cpu: amount("2010m"), memory: amount("1Mi") };
        assert_eq!(read(json!({"cpu": "2"}), spec), Some(of_the_pod));
    }

    #[test]
    fn what_is_too_much_is_impossible() {
        let most = "9223372036854775807m";
        let spec = json!({"containers": containers(&[most, most])});
        let requests = read(json!({"memory": "1Gi"}), spec).unwrap();
        assert_eq!(requests.cpu.unwrap().thousandths(), None);
    }
}
