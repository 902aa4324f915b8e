//! The definition of the custom resource.

use serde_json::{Map, Value};

use super::super::crd::custom_resource_definition;
use super::super::manifest;
use super::super::spec::definition;
use crate::domain::autoscaler::{
    Metric, ReplicaBounds, ScalingRules, TargetPercent, Targets, WorkloadKind, WorkloadRef,
};
use crate::ports::store::Wanted;

fn schema() -> Value {
    let definition = serde_json::to_value(custom_resource_definition()).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// What the API server makes of an absent value.
fn defaulted(schema: &Value, value: Option<Value>) -> Option<Value> {
    let mut value = value.or_else(|| schema.get("default").cloned())?;
    if let (Some(fields), Some(properties)) = (value.as_object_mut(), schema["properties"].as_object()) {
        for (name, property) in properties {
            if let Some(value) = defaulted(property, fields.remove(name)) {
                fields.insert(name.clone(), value);
            }
        }
    }
    Some(value)
}

#[test]
fn the_schema_has_every_default_of_the_api() {
    let targets = Targets::only(Metric::Gpu, TargetPercent::new(70).unwrap());
    let rules = ScalingRules::new(ReplicaBounds::new(2, 9).unwrap(), targets);
    let workload = WorkloadRef { kind: WorkloadKind::StatefulSet, namespace: "shop".into(), name: "db".into() };
    let complete = definition(&Wanted { workload, rules, paused: false });
    let mut few = complete.clone();
    let named = ["workload_name", "workload_type", "min_replicas", "max_replicas", "target_gpu_percent"];
    few.as_object_mut().unwrap().retain(|field, _| named.contains(&&**field));
    assert_eq!(defaulted(&schema()["properties"]["spec"], Some(few)), Some(complete));
    let nothing = defaulted(&schema()["properties"]["spec"], Some(Value::Object(Map::new()))).unwrap();
    assert!(named.iter().all(|field| nothing.get(field).is_none()), "{nothing}");
}

fn each(schema: &Value, look: &mut dyn FnMut(&Value)) {
    look(schema);
    let children = schema["properties"].as_object().into_iter().flat_map(Map::values).chain(schema.get("items"));
    children.for_each(|child| each(child, look));
}

#[test]
fn types_are_fixed_by_the_schema_and_everything_else_by_rules() {
    let schema = schema();
    each(&schema["properties"]["spec"], &mut |part| {
        for rule in ["enum", "minimum", "maximum", "pattern", "minLength", "required", "nullable", "oneOf"] {
            assert!(part.get(rule).is_none(), "{rule} in {part}");
        }
        match part["type"].as_str().unwrap() {
            "string" => assert!(part["maxLength"].is_u64()),
            "array" => assert_eq!(part["maxItems"], 16),
            "integer" => assert_eq!(part["format"], "int32"),
            other => assert!(["object", "number", "boolean"].contains(&other), "{other}"),
        }
        assert!(!part["description"].as_str().unwrap().is_empty());
    });
    each(&schema["properties"]["status"], &mut |part| {
        let known = [None, Some("int32"), Some("int64")];
        assert!(known.contains(&part.get("format").and_then(Value::as_str)), "{part}");
    });
}

#[test]
fn what_is_printed_is_what_is_defined() {
    let text = manifest().unwrap();
    assert!(text.starts_with("# ") && text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
    let printed: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(printed, serde_json::to_value(custom_resource_definition()).unwrap());
}
