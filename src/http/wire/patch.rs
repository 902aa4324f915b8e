//! Changes of a definition: JSON merge patches (RFC 7396).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::spec::{CreateRequest, SpecBody};
use crate::domain::autoscaler::{RequestedAutoscaler, RequestedKind, ScalingRules, WorkloadRef};
use crate::domain::validation::{ValidationErrors, validate};
use crate::http::json::{MalformedJson, read_value};

/// `PATCH /autoscaling/:id`: the request as it came. An absent field stays as it is, a null has its default again.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct MergePatch(Map<String, Value>);

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// A field has the wrong form.
    #[error(transparent)]
    Malformed(#[from] MalformedJson),
    /// A value is not allowed.
    #[error(transparent)]
    Rules(#[from] ValidationErrors),
    /// Another workload is asked for.
    #[error("{} cannot be changed; delete the autoscaler and create another", .0.join(" and "))]
    OtherWorkload(Vec<&'static str>),
}

/// The rules of a workload's autoscaler after a patch, which are as strict as those of a new one.
pub fn patched_rules(
    workload: &WorkloadRef,
    rules: &ScalingRules,
    patch: &MergePatch,
) -> Result<ScalingRules, PatchError> {
    // A definition is plain strings, numbers, lists and objects: it has a JSON form.
    let mut definition = serde_json::to_value(SpecBody::new(workload, rules)).unwrap_or_default();
    json_patch::merge(&mut definition, &Value::Object(patch.0.clone()));
    let request: CreateRequest = read_value(definition)?;
    let requested = validate(&request.into())?;
    let others = other_than(workload, &requested);
    if others.is_empty() { Ok(requested.rules) } else { Err(PatchError::OtherWorkload(others)) }
}

/// The fields that name another workload.
fn other_than(workload: &WorkloadRef, requested: &RequestedAutoscaler) -> Vec<&'static str> {
    let is_other_kind = match requested.kind {
        RequestedKind::Auto => false,
        RequestedKind::Exactly(kind) => kind != workload.kind,
    };
    let fields = [
        ("workload_name", requested.name != workload.name),
        ("workload_namespace", requested.namespace != workload.namespace),
        ("workload_type", is_other_kind),
    ];
    fields.into_iter().filter(|(_, is_other)| *is_other).map(|(field, _)| field).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::domain::autoscaler::{Metric, WorkloadKind};
    use crate::domain::validation::RawAutoscaler;

    fn workload() -> WorkloadRef {
        WorkloadRef { kind: WorkloadKind::Deployment, namespace: "default".into(), name: "web".into() }
    }

    fn rules_of(request: Value) -> ScalingRules {
        let request: CreateRequest = read_value(request).unwrap();
        validate(&RawAutoscaler::from(request)).unwrap().rules
    }

    /// Rules in which nothing has its default.
    fn rules() -> ScalingRules {
        rules_of(json!({
            "workload_name": "web", "workload_namespace": "default", "workload_type": "Deployment",
            "min_replicas": 2, "max_replicas": 9, "target_cpu_percent": 60, "target_gpu_percent": 80,
            "scale_up_policy": {
                "stabilization_window_seconds": 60, "max_scale_change": 3, "tolerance_percent": 5.5,
                "stabilization": "hpa", "select_policy": "Min",
                "policies": [
                    {"type": "Pods", "value": 4, "period_seconds": 60},
                    {"type": "Percent", "value": 50, "period_seconds": 30},
                ],
            },
            "scale_down_policy": {"select_policy": "Disabled"},
            "interval_seconds": 30, "mode": "observe", "compatibility": "hpa", "container_name": "main",
            "warm_up": {"cpu_initialization_seconds": 90.5, "readiness_delay_seconds": 0},
        }))
    }

    fn patched(patch: Value) -> Result<ScalingRules, PatchError> {
        patched_rules(&workload(), &rules(), &serde_json::from_value(patch).unwrap())
    }

    #[test]
    fn a_definition_is_a_request_for_itself() {
        assert_eq!(patched(json!({})).unwrap(), rules());
        let few = rules_of(json!({
            "workload_name": "web", "workload_namespace": "default", "workload_type": "auto",
            "min_replicas": 1, "max_replicas": 1, "target_memory_percent": 100,
        }));
        assert_eq!(patched_rules(&workload(), &few, &MergePatch(Map::new())).unwrap(), few);
    }

    #[test]
    fn only_what_is_named_changes() {
        let rules = ScalingRules { container: None, ..patched(json!({"max_replicas": 20})).unwrap() };
        assert_eq!((rules.bounds.min(), rules.bounds.max()), (2, 20));
        let up = patched(json!({"scale_up_policy": {"tolerance_percent": 7}})).unwrap().scale_up;
        assert_eq!((up.tolerance.get(), up.policies.len()), (7.0, 2));
        assert_eq!(patched(json!({"scale_up_policy": {"policies": []}})).unwrap().scale_up.policies, []);
    }

    #[test]
    fn a_null_has_its_default_again() {
        let rules = patched(json!({
            "target_gpu_percent": null, "scale_up_policy": {"max_scale_change": null, "policies": null},
            "mode": null, "container_name": null, "warm_up": null, "scale_down_policy": null,
        }))
        .unwrap();
        let defaults = ScalingRules::new(rules.bounds, rules.targets);
        assert_eq!(rules.targets.get(Metric::Gpu), None);
        assert_eq!((rules.scale_up.max_scale_change, rules.scale_up.policies.len()), (None, 0));
        assert_eq!(rules.scale_up.window.length().as_secs(), 60, "not named");
        assert_eq!((rules.mode, &rules.container, rules.warm_up), (defaults.mode, &None, defaults.warm_up));
        assert_eq!(rules.scale_down, defaults.scale_down);
    }

    #[rstest]
    #[case(json!({"min_replicas": 0}), "min_replicas must be at least 1")]
    #[case(json!({"min_replicas": null}), "min_replicas is required")]
    #[case(json!({"min_replicas": 10}), "max_replicas must be greater than or equal to min_replicas")]
    #[case(json!({"workload_name": null}), "workload_name is required")]
    #[case(json!({"workload_name": "api"}), "workload_name cannot be changed; delete the autoscaler and create another")]
    #[case(
        json!({"workload_name": "api", "workload_type": "statefulset"}),
        "workload_name and workload_type cannot be changed; delete the autoscaler and create another"
    )]
    #[case(json!({"max_replicas": "9"}), "max_replicas: invalid type: string \"9\", expected i32")]
    fn a_patch_is_as_strict_as_a_request(#[case] patch: Value, #[case] fault: &str) {
        assert_eq!(patched(patch).unwrap_err().to_string(), fault);
    }

    #[rstest]
    fn the_same_workload_may_be_named_again(#[values("Deployment", "deployment", "auto")] kind: &str) {
        let patch = json!({"workload_name": "web", "workload_namespace": "default", "workload_type": kind});
        assert_eq!(patched(patch).unwrap(), rules());
    }
}
