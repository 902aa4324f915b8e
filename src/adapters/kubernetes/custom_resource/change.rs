//! A change of an object as a merge patch.

use serde_json::{Map, Value, json};

use super::object::{CHANGED_BY, ID, RESUMED_AT, RULES_BY, authorship};
use super::spec::definition;
use super::time::text;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{ScalingRules, WorkloadKind, WorkloadRef};
use crate::ports::store::{Change, StoredAutoscaler, Wanted};

/// The merge patch that makes `change` of the object that is `now` and has this definition. It leaves out whatever stays
/// as it is: who applies the same manifest again and again (a GitOps tool) goes on owning that. `None` when nothing
/// changes.
pub(in super::super) fn changed(spec: &Value, now: &StoredAutoscaler, change: &Change) -> Option<Value> {
    let (mut patch, mut metadata, mut annotations) = (Map::new(), Map::new(), Map::new());
    if let Some(id) = change.id.as_ref().filter(|id| now.id.as_ref() != Some(*id)) {
        metadata.insert("labels".to_owned(), json!({ ID: id }));
    }
    if let Some(at) = change.resumed_at.filter(|at| now.resumed_at != Some(*at)) {
        annotations.insert(RESUMED_AT.to_owned(), text(at).into());
    }
    // Of two definitions that mean the same, neither is written over the other. One that means nothing is taken literally.
    let before = now.wanted.as_ref().map_or_else(|_| spec.clone(), definition);
    if let Some(differences) = differences(&before, &after(&before, change)) {
        // A change of the definition makes a new generation. Of those whose author is not known nobody is named.
        let author = |by: &Option<CallerName>| by.as_ref().map(|by| authorship(by, now.generation + 1).into());
        let rules_by = if change.rules.is_some() { &change.by } else { &now.rules_by };
        annotations.extend(author(&change.by).map(|author| (CHANGED_BY.to_owned(), author)));
        annotations.extend(author(rules_by).map(|author| (RULES_BY.to_owned(), author)));
        patch.insert("spec".to_owned(), differences);
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), Value::Object(annotations));
    }
    if !metadata.is_empty() {
        patch.insert("metadata".to_owned(), Value::Object(metadata));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// The definition after a change.
fn after(before: &Value, change: &Change) -> Value {
    let mut after = change.rules.as_ref().map_or_else(|| before.clone(), complete);
    if let Some(fields) = after.as_object_mut() {
        for kept in ["workload_name", "workload_type", "paused"] {
            match before.get(kept) {
                Some(value) => fields.insert(kept.to_owned(), value.clone()),
                None => fields.remove(kept),
            };
        }
        if let Some(paused) = change.paused {
            fields.insert("paused".to_owned(), paused.into());
        }
    }
    after
}

/// A definition with these rules, of no workload.
fn complete(rules: &ScalingRules) -> Value {
    let workload = WorkloadRef { kind: WorkloadKind::Deployment, namespace: String::new(), name: String::new() };
    definition(&Wanted { workload, rules: rules.clone(), paused: false })
}

/// The merge patch that makes `after` of `before`; `None` when they are the same.
fn differences(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return (before != after).then(|| after.clone());
    };
    let mut patch = Map::new();
    for field in old.keys().filter(|field| !new.contains_key(*field)) {
        patch.insert(field.clone(), Value::Null);
    }
    for (field, value) in new {
        let difference = match old.get(field) {
            Some(known) => differences(known, value),
            None => Some(value.clone()),
        };
        if let Some(difference) = difference {
            patch.insert(field.clone(), difference);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}
