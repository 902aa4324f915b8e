//! What a pod asks of its node: what the scheduler adds up, and where it lets the pod go.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Container, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint as KubernetesTaint,
    Toleration as KubernetesToleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::container::{amount, is_sidecar};
use crate::domain::capacity::{Amounts, Operator, PODS, PodDemand, Requirement, Taint, Term, Toleration};

/// What a pod requests, its place included, as the scheduler reckons it (`PodRequests` of Kubernetes' resource helpers).
pub(super) fn requests(spec: &PodSpec) -> Amounts {
    let own = spec.resources.as_ref();
    let names: BTreeSet<&String> = containers(spec)
        .filter_map(|container| container.resources.as_ref())
        .chain(own)
        .flat_map(|resources| resources.requests.iter().chain(&resources.limits).flatten())
        .map(|(name, _)| name)
        .chain(spec.overhead.iter().flatten().map(|(name, _)| name))
        .collect();
    let requested = names.into_iter().map(|name| {
        let of_pod = own.and_then(|own| thousandths(own.requests.as_ref()?, name));
        let overhead = spec.overhead.as_ref().and_then(|overhead| thousandths(overhead, name)).unwrap_or(0);
        (name.clone(), of_pod.unwrap_or_else(|| of_containers(spec, name)).saturating_add(overhead))
    });
    requested.chain([(PODS.to_owned(), 1_000)]).collect()
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.containers.iter().chain(spec.init_containers.iter().flatten())
}

/// What the containers request that run at the same time, at most.
fn of_containers(spec: &PodSpec, name: &str) -> u64 {
    let mut sidecars = 0u64;
    let mut most_at_start = 0u64;
    for container in spec.init_containers.iter().flatten() {
        let requested = of_container(container, name);
        if is_sidecar(container) {
            sidecars = sidecars.saturating_add(requested);
        } else {
            most_at_start = most_at_start.max(sidecars.saturating_add(requested));
        }
    }
    let lasting = spec.containers.iter().map(|container| of_container(container, name));
    lasting.fold(sidecars, u64::saturating_add).max(most_at_start)
}

/// Where only a limit is set, it is the request as well.
fn of_container(container: &Container, name: &str) -> u64 {
    let Some(resources) = &container.resources else { return 0 };
    let listed = |list: &Option<BTreeMap<String, Quantity>>| thousandths(list.as_ref()?, name);
    listed(&resources.requests).or_else(|| listed(&resources.limits)).unwrap_or(0)
}

/// A request that cannot be is more than any node has.
fn thousandths(amounts: &BTreeMap<String, Quantity>, name: &str) -> Option<u64> {
    Some(amount(name, amounts.get(name)?)?.thousandths().unwrap_or(u64::MAX))
}

/// What can be requested of a node.
pub(super) fn allocatable(amounts: &BTreeMap<String, Quantity>) -> Amounts {
    let possible = |name: &String| amount(name, amounts.get(name)?)?.thousandths();
    amounts.keys().filter_map(|name| Some((name.clone(), possible(name)?))).collect()
}

/// What the pods of a template ask of their nodes.
pub(super) fn demand(spec: &PodSpec) -> PodDemand {
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    PodDemand {
        requests: requests(spec),
        node_selector: spec.node_selector.clone().unwrap_or_default(),
        affinity: required.map(|required| required.node_selector_terms.iter().map(term).collect()),
        tolerations: spec.tolerations.iter().flatten().map(toleration).collect(),
        node_name: spec.node_name.clone().filter(|name| !name.is_empty()),
    }
}

fn term(term: &NodeSelectorTerm) -> Term {
    let requirements = |list: &Option<Vec<NodeSelectorRequirement>>| list.iter().flatten().map(requirement).collect();
    Term { labels: requirements(&term.match_expressions), name: requirements(&term.match_fields) }
}

fn requirement(requirement: &NodeSelectorRequirement) -> Requirement {
    let operator = match requirement.operator.as_str() {
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        // There are no others; of one that is new nothing is known to hold, as nothing is in an empty list.
        _ => Operator::In,
    };
    Requirement { key: requirement.key.clone(), operator, values: requirement.values.clone().unwrap_or_default() }
}

fn toleration(toleration: &KubernetesToleration) -> Toleration {
    let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let is_any_value = toleration.operator.as_deref() == Some("Exists");
    Toleration {
        key: non_empty(&toleration.key),
        value: if is_any_value { None } else { Some(toleration.value.clone().unwrap_or_default()) },
        effect: non_empty(&toleration.effect),
    }
}

/// The taint, if it concerns pods that have no place yet.
pub(super) fn taint(taint: &KubernetesTaint) -> Option<Taint> {
    matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute").then(|| Taint {
        key: taint.key.clone(),
        value: taint.value.clone().unwrap_or_default(),
        effect: taint.effect.clone(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: Value) -> PodDemand {
        demand(&serde_json::from_value(spec).unwrap())
    }

    fn container(requests: Value) -> Value {
        json!({"name": "c", "resources": {"requests": requests}})
    }

    #[rstest]
    #[case::a_sum(json!({"containers": [container(json!({"cpu": "1"})), container(json!({"cpu": "500m"}))]}), 1_500)]
    #[case::a_limit(json!({"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]}), 2_000)]
    #[case::a_start_that_needs_more(
        json!({"containers": [container(json!({"cpu": "1"}))], "initContainers": [container(json!({"cpu": "3"}))]}), 3_000)]
    #[case::a_sidecar(
        json!({"containers": [container(json!({"cpu": "1"}))], "initContainers": [
            {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "2"}}}]}), 3_000)]
    #[case::the_pods_own(
        json!({"containers": [container(json!({"cpu": "1"}))], "resources": {"requests": {"cpu": "5"}}}), 5_000)]
    #[case::overhead(
        json!({"containers": [container(json!({"cpu": "1"}))], "overhead": {"cpu": "250m"}}), 1_250)]
    #[case::impossible(json!({"containers": [container(json!({"cpu": "-1"}))]}), u64::MAX)]
    #[case::nothing(json!({"containers": [{"name": "c"}]}), 0)]
    fn what_is_requested_is_what_the_scheduler_reckons(#[case] spec: Value, #[case] cpu: u64) {
        let requests = read(spec).requests;
        assert_eq!((requests.get("cpu").copied().unwrap_or(0), requests.get(PODS)), (cpu, Some(&1_000)));
    }

    #[test]
    fn gpus_are_requested_by_their_limits() {
        let limits = json!({"nvidia.com/gpu": "2", "nvidia.com/mig-1g.5gb": 1});
        let demand = read(json!({"containers": [{"name": "c", "resources": {"limits": limits}}]}));
        assert!(demand.has_gpus());
        assert_eq!(demand.requests["nvidia.com/gpu"], 2_000);
        assert_eq!(demand.requests["nvidia.com/mig-1g.5gb"], 1_000);
    }

    #[test]
    fn where_it_may_go_is_read() {
        let required = json!({"nodeSelectorTerms": [{
            "matchExpressions": [{"key": "gpu", "operator": "In", "values": ["h100"]}],
            "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["a"]}],
        }]});
        let demand = read(json!({
            "containers": [],
            "nodeSelector": {"zone": "a"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
            "tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "x", "value": "y", "effect": "NoSchedule"}],
        }));
        assert_eq!(demand.node_selector["zone"], "a");
        let terms = demand.affinity.unwrap();
        assert_eq!((terms[0].labels[0].operator, terms[0].name[0].operator), (Operator::In, Operator::NotIn));
        let any = Toleration { key: Some("gpu".into()), ..Toleration::default() };
        let one = Toleration { key: Some("x".into()), value: Some("y".into()), effect: Some("NoSchedule".into()) };
        assert_eq!(demand.tolerations, [any, one]);
    }
}
