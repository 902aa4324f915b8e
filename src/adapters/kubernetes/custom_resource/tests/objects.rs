//! Objects as the API server has them.

use serde_json::{Value, json};

use super::super::object::{Found, created};
use crate::ports::store::{NewAutoscaler, ObjectKey, StoredAutoscaler};

pub(super) fn object() -> Value {
    json!({
        "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler",
        "metadata": {
            "name": "hpa-web-0a1b2c", "namespace": "shop", "uid": "u-1", "resourceVersion": "42", "generation": 3,
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"ai-storage.io/autoscaling-id": "autoscaler-12345678"},
            "annotations": {"ai-storage.io/resumed-at": "2026-01-02T03:04:06.789Z"},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "workload_name": "web", "workload_type": "Deployment", "min_replicas": 1, "max_replicas": 5,
            "target_cpu_percent": 70, "paused": true,
        },
    })
}

pub(super) fn found(object: Value) -> Found {
    serde_json::from_value(object).unwrap()
}

fn stored(change: Value) -> Result<StoredAutoscaler, String> {
    let mut object = object();
    json_patch::merge(&mut object, &change);
    found(object).stored().map_err(|error| error.to_string())
}

#[test]
fn an_object_is_an_autoscaler() {
    let stored = stored(json!({})).unwrap();
    assert_eq!(stored.object.key.to_string(), "shop/hpa-web-0a1b2c");
    assert_eq!((&*stored.object.uid, stored.version, stored.generation), ("u-1", 42, 3));
    assert_eq!(stored.created_at.to_rfc3339(), "2026-01-02T03:04:05+00:00");
    assert_eq!(stored.id.as_deref(), Some("autoscaler-12345678"));
    assert_eq!(stored.resumed_at.unwrap().to_rfc3339(), "2026-01-02T03:04:06.789+00:00");
    assert_eq!(stored.saved, None);
    let wanted = stored.wanted.unwrap();
    assert_eq!((wanted.workload.to_string().as_str(), wanted.paused), ("Deployment shop/web", true));
}

#[test]
fn an_object_that_somebody_made_by_hand_has_no_id() {
    let by_hand = stored(json!({"metadata": {"labels": null, "annotations": null}})).unwrap();
    assert_eq!((by_hand.id, by_hand.resumed_at), (None, None));
    let nonsense = json!({"metadata": {
        "labels": {"ai-storage.io/autoscaling-id": ""}, "annotations": {"ai-storage.io/resumed-at": "yesterday"},
    }});
    let nonsense = stored(nonsense).unwrap();
    assert_eq!((nonsense.id, nonsense.resumed_at), (None, None));
}

#[test]
fn an_object_of_an_older_definition_says_what_is_wrong_with_it() {
    let fault = |change| stored(change).unwrap().wanted.unwrap_err();
    assert_eq!(fault(json!({"spec": {"min_replicas": 0}})), "min_replicas must be at least 1");
    let wrong_type = fault(json!({"spec": {"min_replicas": "two"}}));
    assert!(wrong_type.starts_with("spec.min_replicas: invalid type"), "{wrong_type}");
    assert!(fault(json!({"spec": null})).contains("invalid type"), "{}", fault(json!({"spec": null})));
}

#[test]
fn what_cannot_be_told_from_others_is_no_autoscaler() {
    let error = |change| stored(change).unwrap_err();
    let no_number = error(json!({"metadata": {"resourceVersion": "abc"}}));
    assert_eq!(no_number, "an object makes no sense: resourceVersion \"abc\" is no number in shop/hpa-web-0a1b2c");
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        assert!(error(json!({"metadata": {field: null}})).contains(field), "{field}");
    }
}

#[test]
fn a_new_object_says_all_there_is() {
    let wanted = found(object()).stored().unwrap().wanted.unwrap();
    let key = ObjectKey { namespace: "shop".to_owned(), name: "hpa-web-0a1b2c".to_owned() };
    let new = NewAutoscaler { key, id: "autoscaler-1".to_owned(), wanted: wanted.clone(), by: None };
    let mut sent = serde_json::to_value(created(&new)).unwrap();
    assert_eq!(
        sent["metadata"],
        json!({
            "name": "hpa-web-0a1b2c", "namespace": "shop", "labels": {"ai-storage.io/autoscaling-id": "autoscaler-1"},
        })
    );
    assert_eq!((&sent["apiVersion"], &sent["kind"]), (&object()["apiVersion"], &object()["kind"]));
    assert_eq!((&sent["spec"]["paused"], &sent["spec"]["mode"]), (&json!(true), &json!("active")));
    assert_eq!(sent.get("status"), None);
    sent["metadata"] = object()["metadata"].clone();
    assert_eq!(found(sent).stored().unwrap().wanted, Ok(wanted));
}
