//! Changes of an autoscaler's definition.

use ai_storage_orchestrator::simulation::{SimulationSettings, WorkloadKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{TestApp, answer, deployment, empty_cluster, request};

/// Two pods of `web`, exactly at their target, under autoscaling.
async fn with_web() -> (TestApp, String) {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let id = app.created(&request("web")).await;
    app.wait_for(&id, "CPU is measured", |a| a["details"]["current_cpu_percent"] == 50).await;
    (app, id)
}

#[actix_web::test]
async fn an_autoscaler_shows_its_definition_and_takes_it_back() {
    let (app, id) = with_web().await;
    let spec = app.autoscaler(&id).await["details"]["spec"].clone();
    assert_eq!((&spec["target_cpu_percent"], &spec["mode"]), (&json!(50), &json!("active")));
    assert_eq!(spec["scale_down_policy"]["stabilization_window_seconds"], 300, "the defaults are filled in");
    let (status, same) = app.create(&spec).await;
    assert_eq!((status, &same["autoscaling_id"]), (StatusCode::OK, &json!(id)), "it is a request for the same");
    let (status, same) = app.patch(&id, &spec).await;
    assert_eq!((status, &same["details"]["spec"]), (StatusCode::OK, &spec), "and a change that changes nothing");
    let (_, list) = app.get("/api/v1/autoscaling").await;
    let item = &list["autoscalers"][0]["details"];
    assert!(item["conditions"].is_array(), "a list has most of it");
    assert!(item.get("spec").is_none() && item.get("last_decision").is_none(), "but not what is long: {item}");
    app.stop().await;
}

#[actix_web::test]
async fn a_change_is_decided_by_at_once() {
    let (app, id) = with_web().await;
    let (status, changed) = app.patch(&id, &json!({"target_cpu_percent": 25, "interval_seconds": 3600})).await;
    assert_eq!((status, &changed["message"]), (StatusCode::OK, &json!("Autoscaler updated successfully")));
    assert_eq!(changed["autoscaling_id"], id.as_str());
    assert_eq!(changed["details"]["spec"]["target_cpu_percent"], 25);
    assert_eq!(changed["details"]["spec"]["max_replicas"], 10, "what is not named stays");
    let up = app.wait_for(&id, "it goes up", |a| a["details"]["scale_up_count"] == 1).await;
    assert_eq!(up["details"]["current_replicas"], 4);
    app.stop().await;
}

#[actix_web::test]
async fn a_null_has_its_default_again() {
    let (app, id) = with_web().await;
    let policies = json!([{"type": "Pods", "value": 1, "period_seconds": 60}]);
    let patch = json!({"target_memory_percent": 80, "scale_up_policy": {"policies": policies, "max_scale_change": 3}});
    let (_, changed) = app.patch(&id, &patch).await;
    assert_eq!(changed["details"]["spec"]["scale_up_policy"]["policies"], policies);
    let patch = json!({"target_memory_percent": null, "scale_up_policy": {"policies": null}});
    let (_, changed) = app.patch(&id, &patch).await;
    let spec = &changed["details"]["spec"];
    assert!(spec.get("target_memory_percent").is_none() && spec["scale_up_policy"].get("policies").is_none());
    assert_eq!(spec["scale_up_policy"]["max_scale_change"], 3);
    app.stop().await;
}

#[actix_web::test]
async fn a_change_that_is_not_allowed_is_refused_and_changes_nothing() {
    let (app, id) = with_web().await;
    let before = app.autoscaler(&id).await["details"]["spec"].clone();
    let fixed = "cannot be changed; delete the autoscaler and create another";
    for (patch, error, details) in [
        (json!({"min_replicas": 0}), "Validation failed", "min_replicas must be at least 1"),
        (json!({"min_replicas": null}), "Validation failed", "min_replicas is required"),
        (
            json!({"min_replicas": 11}),
            "Validation failed",
            "max_replicas must be greater than or equal to min_replicas",
        ),
        (json!({"target_cpu_percent": 0}), "Validation failed", "at least one of target_cpu_percent"),
        (json!({"mode": "passive"}), "Validation failed", "mode must be one of active, observe"),
        (json!({"workload_name": "api"}), "Validation failed", &format!("workload_name {fixed}")),
        (json!({"workload_namespace": "kube-system"}), "Validation failed", &format!("workload_namespace {fixed}")),
        (json!({"workload_type": "StatefulSet"}), "Validation failed", &format!("workload_type {fixed}")),
        (json!({"workload_type": "DaemonSet"}), "Validation failed", "workload_type must be one of"),
        (json!({"max_replica": 5}), "Invalid request format", "max_replica: unknown field `max_replica`"),
        (json!({"max_replica": null}), "Invalid request format", "max_replica: unknown field `max_replica`"),
        (json!({"scale_up_policy": {"max": 1}}), "Invalid request format", "scale_up_policy.max: unknown field"),
        (json!({"scale_up_policy": 3}), "Invalid request format", "scale_up_policy: invalid type"),
        (json!({"max_replicas": "5"}), "Invalid request format", "max_replicas: invalid type"),
        (json!([]), "Invalid request format", "invalid type: sequence, expected a JSON object"),
        (json!(null), "Invalid request format", "invalid type: null, expected a JSON object"),
    ] {
        let (status, refusal) = app.patch(&id, &patch).await;
        assert_eq!((status, refusal["error"].as_str()), (StatusCode::BAD_REQUEST, Some(error)), "{patch}");
        assert!(refusal["details"].as_str().unwrap().starts_with(details), "{patch}: {refusal}");
    }
    assert_eq!(app.autoscaler(&id).await["details"]["spec"], before);
    let (status, same) = app.patch(&id, &json!({"workload_name": "web", "workload_type": "deployment"})).await;
    assert_eq!(status, StatusCode::OK, "the same workload may be named again: {same}");
    app.stop().await;
}

#[actix_web::test]
async fn a_merge_patch_has_a_media_type_of_its_own() {
    let (app, id) = with_web().await;
    let path = format!("/api/v1/autoscaling/{id}");
    let patch = |media_type: &str| {
        let patch = app.request(Method::PATCH, &path).header("Content-Type", media_type);
        answer(patch.body(json!({"max_replicas": 7}).to_string()))
    };
    let (status, changed) = patch("application/merge-patch+json").await;
    assert_eq!((status, &changed["details"]["spec"]["max_replicas"]), (StatusCode::OK, &json!(7)));
    for media_type in ["application/json-patch+json", "text/plain"] {
        let (status, refusal) = patch(media_type).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(refusal["details"].as_str().unwrap().contains("application/merge-patch+json"), "{refusal}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn what_does_not_exist_cannot_be_changed() {
    let app = TestApp::start_with(&SimulationSettings::default(), 1.0, |_| {}).await.ready().await;
    let expected = json!({"error": "Autoscaler not found", "details": "autoscaler autoscaler-xyz123 not found"});
    let (status, refusal) = app.patch("autoscaler-xyz123", &json!({"max_replicas": 3})).await;
    assert_eq!((status, refusal), (StatusCode::NOT_FOUND, expected));
    app.stop().await;
}

#[actix_web::test]
async fn changes_at_the_same_time_are_all_kept_or_refused() {
    let (app, id) = with_web().await;
    let patches = [
        json!({"max_replicas": 20}),
        json!({"target_memory_percent": 90}),
        json!({"scale_up_policy": {"max_scale_change": 2}}),
        json!({"scale_down_policy": {"tolerance_percent": 5}}),
    ];
    let answers = futures_util::future::join_all(patches.iter().map(|patch| app.patch(&id, patch))).await;
    let spec = app.autoscaler(&id).await["details"]["spec"].clone();
    let is_kept = |patch: &Value| {
        let mut patched = spec.clone();
        json_patch::merge(&mut patched, patch);
        patched == spec
    };
    for (patch, (status, answer)) in patches.iter().zip(&answers) {
        match *status {
            StatusCode::OK => assert!(is_kept(patch), "{patch} is lost in {spec}"),
            StatusCode::CONFLICT => assert_eq!(answer["error"], "Autoscaler was changed meanwhile"),
            other => panic!("{other}: {answer}"),
        }
    }
    assert!(answers.iter().any(|(status, _)| *status == StatusCode::OK));
    app.stop().await;
}

#[actix_web::test]
async fn an_autoscaler_of_its_own_mode_only_observes() {
    let (app, id) = with_web().await;
    let (_, changed) = app.patch(&id, &json!({"mode": "observe"})).await;
    let details = &changed["details"];
    assert_eq!((&details["mode"], details.get("service_mode")), (&json!("observe"), None));
    app.cluster.forget_requests();
    app.cluster
        .set_load(
            WorkloadKind::Deployment,
            "default",
            "web",
            ai_storage_orchestrator::simulation::LoadCurve::constant(1_000.0),
        )
        .unwrap();
    let seen = |a: &Value| a["details"]["last_decision"]["outcome"] == "observed";
    let observed = app.wait_for(&id, "it would scale", seen).await;
    assert_eq!(
        (&observed["details"]["current_replicas"], &observed["details"]["desired_replicas"]),
        (&json!(2), &json!(4))
    );
    assert!(app.cluster.requests().iter().all(|request| request.method != "PATCH"));
    app.patch(&id, &json!({"mode": null})).await;
    app.wait_for(&id, "it scales", |a| a["details"]["scale_up_count"] == 1).await;
    app.stop().await;
}
