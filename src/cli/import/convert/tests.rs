use rstest::rstest;

use super::*;
use crate::domain::autoscaler::{Compatibility, SelectPolicy};
use crate::domain::validation::validate;
use crate::http::json::read_value;
use crate::http::wire::CreateRequest;

/// A manifest whose `spec` has more than the least.
fn hpa(more: Value) -> Value {
    let mut spec =
        json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10});
    json_patch::merge(&mut spec, &more);
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web-hpa", "namespace": "shop"}, "spec": spec})
}

fn resource(name: &str, percent: i32) -> Value {
    json!({"type": "Resource", "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": percent}}})
}

fn container(name: &str, container: &str) -> Value {
    json!({"type": "ContainerResource", "containerResource":
        {"name": name, "container": container, "target": {"type": "Utilization", "averageUtilization": 60}}})
}

fn converted(more: Value) -> Value {
    let converted = convert(&hpa(more), "default").unwrap().request;
    // What comes out is a request that the service takes.
    let request: CreateRequest = read_value(converted.clone()).unwrap();
    let rules = validate(&request.into()).unwrap().rules;
    assert_eq!(rules.compatibility, Compatibility::Hpa);
    converted
}

#[test]
fn an_hpa_without_behavior_has_the_controllers_own_limits() {
    let expected = json!({
        "workload_name": "web", "workload_namespace": "shop", "workload_type": "Deployment",
        "min_replicas": 2, "max_replicas": 10, "target_cpu_percent": 70, "compatibility": "hpa",
        "scale_up_policy": {"stabilization_window_seconds": 0, "select_policy": "Max",
            "policies": [{"type": "Percent", "value": 100, "period_seconds": 15}]},
        "scale_down_policy": {"stabilization_window_seconds": 300},
    });
    assert_eq!(converted(json!({"minReplicas": 2, "metrics": [resource("cpu", 70)]})), expected);
    assert_eq!(convert(&hpa(json!({"minReplicas": 2})), "default").unwrap().notes, Vec::<String>::new());
}

#[test]
fn what_is_left_out_has_the_hpas_defaults() {
    let request = converted(json!({}));
    assert_eq!((&request["min_replicas"], &request["target_cpu_percent"]), (&json!(1), &json!(80)));
    let pods = json!({"type": "Pods", "value": 3, "period_seconds": 15});
    assert_eq!(request["scale_up_policy"]["policies"][1], pods, "to 4 from 1");
    assert_eq!(convert(&hpa(json!({})), "default").unwrap().notes.len(), 1);
    assert_eq!(convert(&hpa(json!({"maxReplicas": 4})), "default").unwrap().notes.len(), 0);

    // An empty behavior is one: the API server fills it in.
    let request = converted(json!({"behavior": {}}));
    assert_eq!(
        request["scale_up_policy"],
        json!({"stabilization_window_seconds": 0, "select_policy": "Max", "policies": [
            {"type": "Pods", "value": 4, "period_seconds": 15}, {"type": "Percent", "value": 100, "period_seconds": 15}]})
    );
    assert_eq!(
        request["scale_down_policy"],
        json!({"stabilization_window_seconds": 300, "select_policy": "Max", "policies": [
            {"type": "Percent", "value": 100, "period_seconds": 15}]})
    );
}

#[test]
fn a_behavior_is_taken_as_it_is() {
    let request = converted(json!({
        "metrics": [container("cpu", "main"), container("memory", "main")],
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 60, "selectPolicy": "Min", "tolerance": "0.05",
                "policies": [{"type": "Pods", "value": 2, "periodSeconds": 30}]},
            "scaleDown": {"selectPolicy": "Disabled", "tolerance": "200m"},
        },
    }));
    assert_eq!(
        request["scale_up_policy"],
        json!({"stabilization_window_seconds": 60, "select_policy": "Min", "tolerance_percent": 5.0,
            "policies": [{"type": "Pods", "value": 2, "period_seconds": 30}]})
    );
    assert_eq!(request["scale_down_policy"]["select_policy"], SelectPolicy::Disabled.as_str());
    assert_eq!(request["scale_down_policy"]["tolerance_percent"], 20.0);
    assert_eq!((&request["container_name"], &request["target_memory_percent"]), (&json!("main"), &json!(60)));
}

#[test]
fn the_first_version_is_understood() {
    let mut manifest = hpa(json!({"targetCPUUtilizationPercentage": 55}));
    manifest["apiVersion"] = "autoscaling/v1".into();
    assert_eq!(convert(&manifest, "default").unwrap().request["target_cpu_percent"], 55);
    manifest["spec"].as_object_mut().unwrap().remove("targetCPUUtilizationPercentage");
    assert_eq!(convert(&manifest, "default").unwrap().request["target_cpu_percent"], 80);
    manifest["metadata"] = json!({"name": "x", "annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[]"}});
    let reasons = convert(&manifest, "default").unwrap_err();
    assert!(reasons[0].contains("kubectl get hpa.v2.autoscaling"), "{reasons:?}");
}

#[test]
fn a_manifest_without_a_namespace_has_the_one_that_is_given() {
    let mut manifest = hpa(json!({}));
    manifest["metadata"] = json!({"name": "web-hpa"});
    assert_eq!(convert(&manifest, "ml").unwrap().request["workload_namespace"], "ml");
    assert_eq!(name(&manifest, "ml"), "ml/web-hpa");
}

#[rstest]
#[case(json!({"minReplicas": 0}), "minReplicas is 0")]
#[case(json!({"metrics": [resource("cpu", 150)]}), "is 150 % of what is requested; here it is 1 to 100")]
#[case(json!({"metrics": [resource("cpu", 70), resource("cpu", 80)]}), "target_cpu_percent would have two targets")]
#[case(json!({"metrics": [resource("ephemeral-storage", 70)]}), "the resource ephemeral-storage")]
#[case(
    json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "500m"}}}]}),
    "its target for cpu is an amount (AverageValue)"
)]
#[case(json!({"metrics": [{"type": "Pods", "pods": {"metric": {"name": "qps"}}}]}), "a metric of type Pods")]
#[case(json!({"metrics": [{"type": "Object", "object": {}}]}), "a metric of type Object")]
#[case(json!({"metrics": [{"type": "External", "external": {}}]}), "a metric of type External")]
#[case(json!({"metrics": [container("cpu", "a"), container("memory", "b")]}), "of different containers")]
#[case(json!({"metrics": [container("cpu", "a"), resource("memory", 70)]}), "of different containers")]
#[case(json!({"scaleTargetRef": {"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1"}}), "it scales a Rollout of argoproj.io/v1alpha1")]
#[case(json!({"scaleTargetRef": {"apiVersion": "example.com/v1"}}), "it scales a Deployment of example.com/v1")]
#[case(json!({"behavior": {"scaleUp": {"tolerance": "0.0333"}}}), "behavior.scaleUp.tolerance \"0.0333\" cannot be expressed")]
#[case(json!({"behaviour": {}}), "unknown field `behaviour`")]
#[case(json!({"maxReplicas": null}), "missing field `maxReplicas`")]
fn what_cannot_be_expressed_is_refused_with_its_reason(#[case] more: Value, #[case] reason: &str) {
    let reasons = convert(&hpa(more), "default").unwrap_err();
    assert!(reasons.len() == 1 && reasons[0].contains(reason), "{reasons:?}");
}

#[test]
fn every_reason_is_named_at_once() {
    let more = json!({"minReplicas": 0, "metrics": [resource("cpu", 150), {"type": "Pods", "pods": {}}], "scaleTargetRef": {"kind": "Job"}});
    assert_eq!(convert(&hpa(more), "default").unwrap_err().len(), 4);
    assert_eq!(convert(&json!({"kind": "Deployment"}), "default").unwrap_err().len(), 1);
    assert_eq!(convert(&json!("text"), "default").unwrap_err().len(), 1);
}
