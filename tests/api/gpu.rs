//! GPUs over HTTP: what is read of them, what is said when nothing can be, and what comes of it.

use ai_storage_orchestrator::simulation::{
    Cpu, ExporterFault, LoadCurve, Memory, NodeSettings, SimulationSettings, WorkloadKind, WorkloadSettings,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::app::{TestApp, condition, deployment, request};

const NODE: &str = "gpu-1";

/// One machine with four GPUs, on which the two pods of `train` have one each, both busy to so many percent.
async fn with_train(busy: f64, configuration: &str) -> TestApp {
    let node = NodeSettings { gpus: 4, ..NodeSettings::new("gpu", Cpu::millis(64_000), Memory::mebibytes(512 * 1024)) };
    let simulation = SimulationSettings { nodes: vec![node], gpu_exporters: true, ..SimulationSettings::empty() };
    TestApp::start_configured(&simulation, 20.0, configuration, |cluster| {
        let gpu_load = LoadCurve::constant(2.0 * busy);
        cluster.add_running_workloads([WorkloadSettings { gpus: 1, gpu_load, ..deployment("train", 2, 0.0) }]).unwrap();
    })
    .await
    .ready()
    .await
}

fn by_gpu(target: i32) -> Value {
    let mut body = request("train");
    body.as_object_mut().unwrap().remove("target_cpu_percent");
    body["target_gpu_percent"] = target.into();
    body["warm_up"] = json!({"cpu_initialization_seconds": 0, "readiness_delay_seconds": 0});
    body
}

fn metric<'a>(autoscaler: &'a Value, name: &str) -> &'a Value {
    let metrics = autoscaler["details"]["metrics"].as_array();
    metrics.and_then(|all| all.iter().find(|metric| metric["name"] == name)).unwrap_or(&Value::Null)
}

async fn exporters(app: &TestApp) -> Vec<Value> {
    let (status, sources) = app.get("/api/v1/sources").await;
    assert_eq!(status, StatusCode::OK);
    sources["gpu"]["exporters"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn a_workload_goes_up_by_its_gpus_and_each_device_is_shown() {
    let app = with_train(75.0, "").await;
    let id = app.created(&by_gpu(60)).await;
    let up = app.wait_for(&id, "a third replica", |a| a["details"]["current_replicas"] == 3).await;
    assert_eq!(up["details"]["scale_up_count"], 1);
    let known = app.wait_for(&id, "it is measured", |a| metric(a, "gpu")["state"] == "known").await;
    assert_eq!(metric(&known, "gpu")["source"], "dcgm-exporter");
    let pods = known["details"]["gpu"]["pods"].as_array().unwrap();
    let device = &pods[0]["devices"][0];
    assert!(device["uuid"].as_str().unwrap().starts_with("GPU-") && device["shared"] == false, "{device}");
    assert!(pods[0]["memory_percent"].is_number() && pods[0]["imbalance_percent"].is_number(), "{pods:?}");
    app.stop().await;
}

#[actix_web::test]
async fn the_sources_are_read_only_when_somebody_needs_them_and_say_what_they_saw() {
    let app = with_train(50.0, "").await;
    app.created(&json!({"workload_name": "train", "workload_namespace": "default", "workload_type": "Deployment",
        "min_replicas": 1, "max_replicas": 2, "target_cpu_percent": 50}))
        .await;
    let unread = exporters(&app).await;
    assert_eq!((unread.len(), &unread[0]["state"], &unread[0]["node"]), (1, &json!("unread"), &json!(NODE)));
    let (_, list) = app.get("/api/v1/autoscaling").await;
    let id = list["autoscalers"][0]["autoscaling_id"].as_str().unwrap();
    app.patch(id, &json!({"target_gpu_percent": 50})).await;
    let read = app.eventually("the exporter is read", async || {
        Some(exporters(&app).await.remove(0)).filter(|exporter| exporter["state"] == "ok")
    });
    let read = read.await;
    assert_eq!((&read["devices_seen"], &read["skipped_lines"], &read["error"]), (&json!(4), &json!(0), &Value::Null));
    let owners = read["devices"].as_array().unwrap().iter().filter(|device| device["namespace"] == "default");
    assert_eq!(owners.count(), 2);
    let (_, ready) = app.get("/readyz").await;
    assert_eq!((&ready["gpu"]["devices"], &ready["gpu"]["failing_exporters"]), (&json!(4), &json!(0)));
    app.stop().await;
}

#[actix_web::test]
async fn without_exporters_something_is_simulated_and_nothing_comes_of_it() {
    let app = with_train(50.0, "").await;
    app.cluster.set_exporter(NODE, ExporterFault::Status(500)).unwrap();
    let id = app.created(&by_gpu(1)).await;
    let held = app.wait_for(&id, "it was evaluated", |a| metric(a, "gpu")["state"] == "simulated").await;
    let shown = held["details"]["current_gpu_percent"].as_i64().unwrap();
    assert!((60..=90).contains(&shown), "{shown}");
    let active = condition(&held, "ScalingActive");
    assert_eq!((&active["status"], &active["reason"]), (&json!("False"), &json!("FailedGetGpuMetric")));
    let message = active["message"].as_str().unwrap();
    for said in ["answered with status 500", "nvidia.com/gpu=present", "/api/v1/sources"] {
        assert!(message.contains(said), "{said}: {message}");
    }
    assert_eq!((&held["status"], &held["details"]["current_replicas"]), (&json!("active"), &json!(2)));
    let failing = exporters(&app).await.remove(0);
    assert_eq!((&failing["state"], &failing["error"]), (&json!("failing"), &json!("it answered with status 500")));

    app.cluster.mend_exporter(NODE).unwrap();
    let known = app.wait_for(&id, "it is measured", |a| metric(a, "gpu")["state"] == "known").await;
    assert_eq!(metric(&known, "gpu").get("error"), None);
    app.stop().await;
}

#[actix_web::test]
async fn simulated_utilization_acts_where_the_operator_wants_that() {
    let app = with_train(50.0, "[gpu]\nact_on_simulated = true\n").await;
    app.cluster.set_exporter(NODE, ExporterFault::Down).unwrap();
    let id = app.created(&by_gpu(30)).await;
    let up = app.wait_for(&id, "it acted", |a| a["details"]["current_replicas"] == 4).await;
    assert_eq!(metric(&up, "gpu")["source"], "simulated");
    app.stop().await;
}

#[actix_web::test]
async fn labels_that_vanish_make_a_busy_pod_missing_and_not_idle() {
    let app = with_train(75.0, "").await;
    let id = app.created(&by_gpu(75)).await;
    // The exporter's first values are from before the pods.
    app.wait_for(&id, "it is measured", |a| a["details"]["current_gpu_percent"].as_i64().unwrap() > 65).await;
    app.patch(&id, &json!({"scale_down_policy": {"stabilization_window_seconds": 0}})).await;
    app.cluster.set_exporter(NODE, ExporterFault::NoPodLabels).unwrap();
    let unknown = app.wait_for(&id, "it is not any more", |a| metric(a, "gpu")["state"] == "simulated").await;
    assert!(metric(&unknown, "gpu")["error"].as_str().unwrap().contains("DCGM_EXPORTER_KUBERNETES"), "{unknown:#}");
    let (_, downs) = app.get(&format!("/api/v1/autoscaling/{id}/decisions?outcome=scale_down")).await;
    assert_eq!(downs["count"], 0, "{downs:#}");
    app.stop().await;
}

#[actix_web::test]
async fn no_more_replicas_are_asked_for_than_gpus_can_hold() {
    let app = with_train(100.0, "").await;
    let id = app.created(&by_gpu(20)).await;
    let full = app.wait_for(&id, "the GPUs run out", |a| {
        a["details"]["current_replicas"] == 4 && condition(a, "ScalingLimited")["reason"] == "InsufficientCapacity"
    });
    let full = full.await;
    let message = condition(&full, "ScalingLimited")["message"].as_str().unwrap();
    assert!(message.ends_with("4 can run, 6 blocked: Insufficient nvidia.com/gpu"), "{message}");
    assert_eq!(full["details"]["scale_up_count"], 1);
    app.patch(&id, &json!({"capacity": "ignore"})).await;
    app.wait_for(&id, "it goes on", |a| a["details"]["current_replicas"] == 10).await;
    app.cluster.set_replicas(WorkloadKind::Deployment, "default", "train", 1).unwrap();
    app.stop().await;
}
