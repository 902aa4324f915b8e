//! The definition of the custom resource, as it is installed in a cluster.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::{Map, Value};

use super::rules::{limit_rules, rules};
use super::spec::{WorkloadAutoscaler, definition};
use crate::domain::autoscaler::{RatePolicy, ReplicaBounds, ScalingRules, Targets, WorkloadKind, WorkloadRef};
use crate::ports::store::Wanted;

/// No text of a definition is longer than this: the API server has to know what a rule may cost at most.
const LONGEST_TEXT: i64 = 1024;

/// The definition of the custom resource: the derived one with what no derivation knows.
pub(super) fn custom_resource_definition() -> CustomResourceDefinition {
    let mut definition = WorkloadAutoscaler::crd();
    let versions = definition.spec.versions.iter_mut();
    for schema in versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut()) {
        if let Some(spec) = property(schema, "spec") {
            each(spec, &mut plain);
            each(spec, &mut |schema| limit(schema));
            fill_in(spec, &defaults());
            spec.x_kubernetes_validations = Some(rules());
            for policy in ["scale_up_policy", "scale_down_policy"] {
                let policies = property(spec, policy).and_then(|policy| property(policy, "policies"));
                if let Some(limit) = policies.and_then(items) {
                    limit.x_kubernetes_validations = Some(limit_rules());
                }
            }
        }
        if let Some(status) = property(schema, "status") {
            each(status, &mut plain);
            key_conditions(status);
            // It has one author. To note of each of its parts who wrote it costs the API server a fifth of a write, and is
            // a quarter of the object.
            status.x_kubernetes_map_type = Some("atomic".to_owned());
        }
    }
    definition
}

fn property<'a>(schema: &'a mut JSONSchemaProps, name: &str) -> Option<&'a mut JSONSchemaProps> {
    schema.properties.as_mut()?.get_mut(name)
}

fn items(schema: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        _ => None,
    }
}

/// Changes a schema and all that are in it.
fn each(schema: &mut JSONSchemaProps, change: &mut dyn FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        each(property, change);
    }
    if let Some(items) = items(schema) {
        each(items, change);
    }
}

/// Nothing is required but by a rule with a sentence of its own; null is not absent; and of the formats, only those that
/// Kubernetes knows.
fn plain(schema: &mut JSONSchemaProps) {
    (schema.required, schema.nullable, schema.default) = (None, None, None);
    match schema.format.as_deref() {
        Some("uint32" | "uint64") => schema.format = Some("int64".to_owned()),
        Some("double") => schema.format = None,
        _ => {}
    }
}

/// Bounds what is checked by rules.
fn limit(schema: &mut JSONSchemaProps) {
    match schema.type_.as_deref() {
        Some("string") => schema.max_length = Some(LONGEST_TEXT),
        Some("array") => schema.max_items = i64::try_from(RatePolicy::MOST).ok(),
        _ => {}
    }
}

/// There is one condition of each type.
fn key_conditions(status: &mut JSONSchemaProps) {
    let Some(conditions) = property(status, "conditions") else { return };
    conditions.x_kubernetes_list_type = Some("map".to_owned());
    conditions.x_kubernetes_list_map_keys = Some(vec!["type".to_owned()]);
    if let Some(items) = items(conditions) {
        items.required = Some(vec!["type".to_owned()]);
    }
}

/// Every default, which is what the domain makes of a definition that names nothing.
fn defaults() -> Value {
    let Some(bounds) = ReplicaBounds::new(1, 1) else { return Value::Null };
    let workload = WorkloadRef { kind: WorkloadKind::Deployment, namespace: String::new(), name: String::new() };
    let rules = ScalingRules::new(bounds, Targets::none());
    let mut defaults = definition(&Wanted { workload, rules, paused: false });
    if let Some(fields) = defaults.as_object_mut() {
        for without in ["workload_name", "workload_type", "min_replicas", "max_replicas"] {
            fields.remove(without);
        }
    }
    defaults
}

/// Gives every property its default; that of an object is made of those of its own properties.
fn fill_in(schema: &mut JSONSchemaProps, defaults: &Value) {
    for (name, value) in defaults.as_object().into_iter().flatten() {
        let Some(property) = property(schema, name) else { continue };
        property.default = Some(JSON(if value.is_object() { Value::Object(Map::new()) } else { value.clone() }));
        fill_in(property, value);
    }
}
