//! Autoscalers as manifests: the API server itself refuses what the API refuses, in the same sentences.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Api, ResourceExt};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::cluster::cluster;
use super::service::shared_service;
use super::workload::{NAME, Namespace};

pub fn objects(client: kube::Client, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("ai-storage.io", "v1alpha1", "WorkloadAutoscaler");
    Api::namespaced_with(client, namespace, &ApiResource::from_gvk(&kind))
}

fn manifest(name: &str, spec: &Value) -> DynamicObject {
    let object = json!({
        "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler", "metadata": {"name": name}, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// A definition without anything that has a default.
fn least() -> Value {
    json!({
        "workload_name": "nginx", "workload_type": "Deployment", "min_replicas": 1, "max_replicas": 5,
        "target_cpu_percent": 70,
    })
}

fn with(change: &Value) -> Value {
    let mut spec = least();
    json_patch::merge(&mut spec, change);
    spec
}

/// What the API server says, without the fields and values that it puts before each sentence.
fn sentences(status: &Status) -> Vec<String> {
    let causes = status.details.as_ref().unwrap().causes.iter();
    causes
        .map(|cause| {
            let text = ["Required value: ", "Invalid value: \"object\": ", "Invalid value: "]
                .iter()
                .find_map(|begin| cause.message.strip_prefix(begin))
                .unwrap_or(&cause.message);
            match cause.field.strip_prefix("spec.").filter(|field| field.ends_with(']')) {
                Some(item) => format!("{item}.{text}"),
                None => text.to_owned(),
            }
        })
        .collect()
}

/// Changes of a valid definition that make it invalid.
fn invalid() -> Vec<Value> {
    let mut changes = vec![
        json!({"workload_name": null}),
        json!({"workload_name": ""}),
        json!({"workload_name": "Web"}),
        json!({"workload_name": "a..b"}),
        json!({"workload_name": "-a"}),
        json!({"workload_name": "a\n"}),
        json!({"workload_name": "a".repeat(254)}),
        json!({"workload_type": null}),
        json!({"workload_type": ""}),
        json!({"min_replicas": null}),
        json!({"min_replicas": 0}),
        json!({"min_replicas": -5}),
        json!({"min_replicas": 6}),
        json!({"max_replicas": null}),
        json!({"max_replicas": 0}),
        json!({"min_replicas": null, "max_replicas": null}),
        json!({"min_replicas": null, "max_replicas": 0}),
        json!({"min_replicas": -1, "max_replicas": -2}),
        json!({"target_cpu_percent": null}),
        json!({"target_cpu_percent": 0}),
        json!({"target_cpu_percent": 0, "target_gpu_memory_percent": 0}),
        json!({"target_cpu_percent": null, "target_memory_percent": 101}),
        json!({"interval_seconds": 0}),
        json!({"interval_seconds": 3601}),
        json!({"interval_seconds": -1}),
        json!({"mode": "passive"}),
        json!({"mode": "Active"}),
        json!({"mode": ""}),
        json!({"compatibility": "HPA"}),
        json!({"container_name": ""}),
        json!({"container_name": "App"}),
        json!({"container_name": "a.b"}),
        json!({"container_name": "a".repeat(64)}),
        json!({"warm_up": {"cpu_initialization_seconds": -0.5}}),
        json!({"warm_up": {"readiness_delay_seconds": -1}}),
        json!({"capacity": "none"}),
        json!({"on_conflict": "fight"}),
        json!({"workload_name": "-", "min_replicas": 0, "target_gpu_percent": 200, "mode": "x", "capacity": "y"}),
    ];
    for target in ["cpu", "memory", "gpu", "gpu_memory"] {
        let field = format!("target_{target}_percent");
        changes.extend([json!({&field: 101}), json!({&field: -1}), json!({&field: i32::MIN})]);
    }
    for policy in ["scale_up_policy", "scale_down_policy"] {
        let limit = json!({"type": "Pods", "value": 1, "period_seconds": 15});
        let limits = |bad: Value| {
            let mut second = limit.clone();
            json_patch::merge(&mut second, &bad);
            json!({policy: {"policies": [limit, second]}})
        };
        changes.extend([
            json!({policy: {"stabilization_window_seconds": -1}}),
            json!({policy: {"stabilization_window_seconds": 3601}}),
            json!({policy: {"max_scale_change": -1}}),
            json!({policy: {"tolerance_percent": -0.1}}),
            json!({policy: {"stabilization": "HPA"}}),
            json!({policy: {"select_policy": "max"}}),
            json!({policy: {"policies": [{}, {"type": ""}]}}),
            limits(json!({"type": "pods"})),
            limits(json!({"type": null})),
            limits(json!({"value": 0})),
            limits(json!({"value": null})),
            limits(json!({"period_seconds": 0})),
            limits(json!({"period_seconds": 1801})),
            limits(json!({"period_seconds": null})),
        ]);
    }
    changes
}

/// Changes of a valid definition that leave it valid.
fn valid() -> Vec<Value> {
    let limit = json!({"type": "Percent", "value": i32::MAX, "period_seconds": 1800});
    vec![
        json!({}),
        json!({"workload_name": "web.v1-2"}),
        json!({"workload_name": "a".repeat(253)}),
        json!({"workload_type": "ReplicaSet", "min_replicas": 5}),
        json!({"max_replicas": i32::MAX, "target_cpu_percent": 100, "target_gpu_percent": 0}),
        json!({"target_cpu_percent": null, "target_gpu_memory_percent": 1}),
        json!({"interval_seconds": 1, "mode": "observe", "compatibility": "hpa", "container_name": "a".repeat(63)}),
        json!({"interval_seconds": 3600, "capacity": "ignore", "on_conflict": "insist"}),
        json!({"warm_up": {"cpu_initialization_seconds": 0, "readiness_delay_seconds": 0.25}}),
        json!({"scale_up_policy": {
            "stabilization_window_seconds": 3600, "max_scale_change": 0, "tolerance_percent": 0.5, "stabilization": "hpa",
            "select_policy": "Disabled", "policies": vec![limit; 16],
        }}),
        json!({"scale_down_policy": {"stabilization_window_seconds": 0, "policies": []}}),
        json!({"scale_down_policy": {"tolerance_percent": 1e9, "select_policy": "Min"}}),
    ]
}

/// The API's sentences about a definition; none when it is valid.
async fn api_sentences(spec: &Value, namespace: &str) -> Vec<String> {
    let mut request = spec.clone();
    request["workload_namespace"] = namespace.into();
    let (status, answer) = shared_service().api().create(&request).await;
    let details = answer["details"].as_str().unwrap();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        // There is no such workload; so everything else was as it must be.
        assert!(details.starts_with("failed to get workload"), "{answer}");
        return Vec::new();
    }
    assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &json!("Validation failed")), "{answer}");
    details.split("; ").map(str::to_owned).collect()
}

#[tokio::test]
async fn what_the_api_refuses_the_api_server_refuses_in_the_same_sentences() {
    let namespace = Namespace::new("definitions-refused", 70).await;
    let objects = objects(cluster().client().await, &namespace.name);
    let trying = PostParams { dry_run: true, ..PostParams::default() };
    for change in invalid().iter().chain(&valid()) {
        let spec = with(change);
        let mut tried = match objects.create(&trying, &manifest("tried", &spec)).await {
            Ok(_) => Vec::new(),
            Err(kube::Error::Api(status)) => sentences(&status),
            Err(error) => panic!("{change}: {error}"),
        };
        let mut of_the_api = api_sentences(&spec, &namespace.name).await;
        if tried.iter().any(|sentence| sentence.contains('[')) {
            // What is wrong with the items of a list comes last.
            tried.sort();
            of_the_api.sort();
        }
        assert_eq!(tried, of_the_api, "{change}");
        assert_eq!(tried.is_empty(), valid().contains(change), "{change}: {tried:?}");
    }
}

#[tokio::test]
async fn a_manifest_names_its_kind_as_kubernetes_writes_it() {
    let namespace = Namespace::new("definitions-kinds", 70).await;
    let objects = objects(cluster().client().await, &namespace.name);
    let trying = PostParams { dry_run: true, ..PostParams::default() };
    for kind in ["auto", "deployment", "Job"] {
        let spec = with(&json!({"workload_type": kind}));
        let Err(kube::Error::Api(status)) = objects.create(&trying, &manifest("kind", &spec)).await else {
            panic!("{kind} is taken")
        };
        let expected = "workload_type must be one of Deployment, StatefulSet, ReplicaSet";
        assert_eq!(sentences(&status), vec![expected.to_owned()]);
    }
}

#[tokio::test]
async fn what_has_the_wrong_form_is_refused_by_both() {
    let namespace = Namespace::new("definitions-form", 70).await;
    let objects = objects(cluster().client().await, &namespace.name);
    let trying = PostParams { dry_run: true, ..PostParams::default() };
    let limit = json!({"type": "Pods", "value": 1, "period_seconds": 15});
    for change in [
        json!({"min_replicas": "1"}),
        json!({"min_replicas": 1.5}),
        json!({"max_replicas": 3_000_000_000_u64}),
        json!({"interval_seconds": 15.5}),
        json!({"mode": 1}),
        json!({"scale_up_policy": []}),
        json!({"scale_up_policy": {"policies": {}}}),
        json!({"scale_up_policy": {"policies": vec![limit; 17]}}),
        json!({"warm_up": {"readiness_delay_seconds": "30"}}),
    ] {
        let spec = with(&change);
        let Err(kube::Error::Api(status)) = objects.create(&trying, &manifest("form", &spec)).await else {
            panic!("{change} is taken")
        };
        assert_eq!((status.code, &*status.reason), (422, "Invalid"), "{change}: {}", status.message);
        let mut request = spec;
        request["workload_namespace"] = (*namespace.name).into();
        let (code, answer) = shared_service().api().create(&request).await;
        assert_eq!(code, StatusCode::BAD_REQUEST, "{change}: {answer}");
    }
}

#[tokio::test]
async fn a_manifest_shows_every_default_that_the_api_shows() {
    let namespace = Namespace::new("definitions-defaults", 70).await;
    namespace.create("Deployment", NAME, 2).await;
    let objects = objects(cluster().client().await, &namespace.name);
    let spec = with(&json!({"workload_name": NAME, "scale_up_policy": null, "mode": null}));
    // Without keeping it, or the service would have it already.
    let trying = PostParams { dry_run: true, ..PostParams::default() };
    let made = objects.create(&trying, &manifest("few", &spec)).await.unwrap();
    let mut shown = made.data["spec"].clone();
    assert_eq!(shown.as_object_mut().unwrap().remove("paused"), Some(json!(false)));

    let mut request = spec;
    request["workload_namespace"] = (*namespace.name).into();
    let api = shared_service().api();
    let id = api.created(&request).await;
    let mut of_the_api = api.autoscaler(&id).await["details"]["spec"].clone();
    of_the_api.as_object_mut().unwrap().remove("workload_namespace");
    assert_eq!(shown, of_the_api);
}

#[tokio::test]
async fn the_workload_cannot_be_changed() {
    let namespace = Namespace::new("definitions-change", 70).await;
    let objects = objects(cluster().client().await, &namespace.name);
    objects.create(&PostParams::default(), &manifest("fixed", &least())).await.unwrap();
    let end = "cannot be changed; delete the autoscaler and create another";
    for (change, fields) in [
        (json!({"workload_name": "other"}), "workload_name"),
        (json!({"workload_type": "StatefulSet"}), "workload_type"),
        (json!({"workload_name": "other", "workload_type": "StatefulSet"}), "workload_name and workload_type"),
    ] {
        let patch = Patch::Merge(json!({"spec": change}));
        let Err(kube::Error::Api(status)) = objects.patch("fixed", &PatchParams::default(), &patch).await else {
            panic!("{fields} was changed")
        };
        assert_eq!(sentences(&status), vec![format!("{fields} {end}")]);
    }
    let patch = Patch::Merge(json!({"spec": {"min_replicas": 2, "paused": true}}));
    let changed = objects.patch("fixed", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((changed.metadata.generation, changed.name_any().as_str()), (Some(2), "fixed"));
}

#[tokio::test]
async fn kubectl_shows_what_matters() {
    let namespace = Namespace::new("definitions-columns", 70).await;
    let objects = objects(cluster().client().await, &namespace.name);
    let mut object = manifest("web", &least());
    object.labels_mut().insert("ai-storage.io/autoscaling-id".to_owned(), "autoscaler-1a2b3c4d".to_owned());
    objects.create(&PostParams::default(), &object).await.unwrap();
    let status = json!({"status": {
        "status": "active", "currentReplicas": 3, "desiredReplicas": 4, "cpu": "72%/70%", "gpu": "<unknown>/70%",
        "scaleUpCount": 2, "scaleDownCount": 1, "lastScale": {"time": "2026-01-01T00:00:00.000Z", "from": 2, "to": 3},
    }});
    objects.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let rows = |arguments: &[&str]| {
        let table = cluster().kubectl(&[&["get", "wa", "-n", &namespace.name], arguments].concat());
        let rows = table.lines().map(|line| line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()));
        rows.map(|cells| cells.map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let narrow = rows(&[]);
    let columns =
        ["NAME", "KIND", "WORKLOAD", "MIN", "MAX", "CURRENT", "DESIRED", "CPU", "MEMORY", "GPU", "STATUS", "AGE"];
    assert_eq!(narrow[0], columns);
    let cells = ["web", "Deployment", "nginx", "1", "5", "3", "4", "72%/70%", "<unknown>/70%", "active"];
    assert_eq!(narrow[1][..10], cells, "{narrow:?}");
    let wide = rows(&["-o", "wide"]);
    assert_eq!(wide[0][columns.len()..], ["UPS", "DOWNS", "LAST SCALE", "ID"]);
    assert_eq!(wide[1].last().map(String::as_str), Some("autoscaler-1a2b3c4d"), "{wide:?}");
}
