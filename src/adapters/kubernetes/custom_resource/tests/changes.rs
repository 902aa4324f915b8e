//! Changes as patches.

use serde_json::{Value, json};

use super::super::change::changed;
use super::objects::{found, object};
use crate::domain::autoscaler::{Metric, Mode, ReplicaBounds, ScalingRules, TargetPercent, Targets};
use crate::ports::store::{Change, StoredAutoscaler};

fn patch(object: Value, change: Change) -> Option<Value> {
    let found = found(object);
    let spec = found.spec().clone();
    changed(&spec, &found.stored().unwrap(), &change)
}

fn rules() -> ScalingRules {
    stored().wanted.unwrap().rules
}

fn stored() -> StoredAutoscaler {
    found(object()).stored().unwrap()
}

#[test]
fn only_what_differs_is_written() {
    let other = ScalingRules { mode: Mode::Observe, bounds: ReplicaBounds::new(1, 9).unwrap(), ..rules() };
    let change = Change { rules: Some(other), ..Change::default() };
    assert_eq!(patch(object(), change), Some(json!({"spec": {"max_replicas": 9, "mode": "observe"}})));
}

#[test]
fn what_stays_as_it_is_is_not_written() {
    let same = Change {
        rules: Some(rules()),
        paused: Some(true),
        resumed_at: stored().resumed_at,
        id: stored().id,
        by: Some("alice".into()),
    };
    assert_eq!(patch(object(), same.clone()), None);
    assert_eq!(patch(object(), Change::default()), None);
    // Another way to say the same.
    let mut zero = object();
    zero["spec"]["target_gpu_percent"] = json!(0);
    zero["spec"]["scale_up_policy"] = json!({"policies": []});
    assert_eq!(patch(zero, same), None);
}

#[test]
fn whoever_changes_it_is_written_with_the_generation_that_comes_of_it() {
    let mut third = object();
    third["metadata"]["generation"] = json!(3);
    let by = || Some("alice".into());
    let pause = Change { paused: Some(!stored().wanted.unwrap().paused), by: by(), ..Change::default() };
    let patched = patch(third.clone(), pause).unwrap();
    assert_eq!(patched["metadata"]["annotations"], json!({"ai-storage.io/changed-by": "4 alice"}));
    let resumed = Change { resumed_at: chrono::DateTime::from_timestamp(1, 0), by: by(), ..Change::default() };
    let patched = patch(third.clone(), resumed).unwrap();
    let annotations = patched["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.contains_key("ai-storage.io/changed-by"), "it is no other definition: {annotations:?}");
    let other = ScalingRules { mode: Mode::Observe, ..rules() };
    let patched = patch(third.clone(), Change { rules: Some(other), by: by(), ..Change::default() }).unwrap();
    let annotations = json!({"ai-storage.io/changed-by": "4 alice", "ai-storage.io/rules-by": "4 alice"});
    assert_eq!(patched["metadata"]["annotations"], annotations);
    third["metadata"]["annotations"] = json!({"ai-storage.io/rules-by": "3 bob"});
    let pause = Change { paused: Some(!stored().wanted.unwrap().paused), by: by(), ..Change::default() };
    let patched = patch(third.clone(), pause).unwrap();
    let annotations = json!({"ai-storage.io/changed-by": "4 alice", "ai-storage.io/rules-by": "4 bob"});
    assert_eq!(patched["metadata"]["annotations"], annotations, "a pause makes no rules");
    third["metadata"]["annotations"] = json!({"ai-storage.io/rules-by": "2 bob"});
    let nameless = Change { paused: Some(!stored().wanted.unwrap().paused), ..Change::default() };
    assert_eq!(patch(third, nameless).unwrap()["metadata"], json!(null));
}

#[test]
fn only_who_made_this_generation_is_its_author() {
    let author = |generation: i64, annotations: Value| {
        let mut object = object();
        object["metadata"]["generation"] = json!(generation);
        object["metadata"]["annotations"] = annotations;
        let stored = found(object).stored().unwrap();
        (stored.created_by.map(|name| name.to_string()), stored.changed_by.map(|name| name.to_string()))
    };
    let (alice, bob) = (|| Some("alice".to_owned()), || Some("bob the builder".to_owned()));
    let created = json!({"ai-storage.io/created-by": "alice"});
    assert_eq!(author(1, json!({})), (None, None));
    assert_eq!(author(1, created.clone()), (alice(), alice()));
    assert_eq!(author(2, created), (alice(), None), "kubectl says nothing of who used it");
    let changed = json!({"ai-storage.io/created-by": "alice", "ai-storage.io/changed-by": "2 bob the builder"});
    assert_eq!(author(2, changed.clone()), (alice(), bob()));
    assert_eq!(author(3, changed), (alice(), None));
    assert_eq!(author(2, json!({"ai-storage.io/changed-by": "nonsense"})), (None, None));
}

#[test]
fn a_target_that_is_not_wanted_any_more_is_removed() {
    let gpu = Targets::only(Metric::Gpu, TargetPercent::new(60).unwrap());
    let change = Change { rules: Some(ScalingRules { targets: gpu, ..rules() }), ..Change::default() };
    let expected = json!({"spec": {"target_cpu_percent": null, "target_gpu_percent": 60}});
    assert_eq!(patch(object(), change), Some(expected));
}

#[test]
fn pausing_and_resuming_leave_the_rules_alone() {
    let resumed = Change {
        paused: Some(false),
        resumed_at: stored().resumed_at.map(|at| at + chrono::TimeDelta::milliseconds(1)),
        ..Change::default()
    };
    assert_eq!(
        patch(object(), resumed),
        Some(json!({
            "spec": {"paused": false},
            "metadata": {"annotations": {"ai-storage.io/resumed-at": "2026-01-02T03:04:06.790Z"}},
        }))
    );
    let named = Change { id: Some("autoscaler-2".to_owned()), ..Change::default() };
    let expected = json!({"metadata": {"labels": {"ai-storage.io/autoscaling-id": "autoscaler-2"}}});
    assert_eq!(patch(object(), named), Some(expected));
}

#[test]
fn an_invalid_definition_can_be_put_right() {
    let mut invalid = object();
    invalid["spec"]["min_replicas"] = json!(0);
    invalid["spec"]["target_memory_percent"] = json!(500);
    let change = Change { rules: Some(rules()), ..Change::default() };
    let patch = patch(invalid.clone(), change).unwrap();
    json_patch::merge(&mut invalid, &patch);
    let stored = found(invalid).stored().unwrap();
    assert_eq!(stored.wanted, self::stored().wanted, "{patch}");
    let paused = Change { paused: Some(false), ..Change::default() };
    let mut invalid = object();
    invalid["spec"]["min_replicas"] = json!(0);
    assert_eq!(self::patch(invalid, paused), Some(json!({"spec": {"paused": false}})));
}
