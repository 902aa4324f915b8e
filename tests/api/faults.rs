//! Faults of the API server, as a client of the service sees them.

use std::time::Duration;

use ai_storage_orchestrator::simulation::{Fault, FaultEffect, LoadCurve, WorkloadKind};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::app::{TestApp, condition, deployment, empty_cluster, request};

/// Two pods of `web`, exactly at their target, under autoscaling.
async fn with_web_at_its_target() -> (TestApp, String) {
    let app = TestApp::with_web().await;
    let id = app.created(&request("web")).await;
    app.wait_for(&id, "CPU is measured", |a| a["details"]["current_cpu_percent"] == 50).await;
    (app, id)
}

fn double_the_load(app: &TestApp) {
    app.cluster.set_load(WorkloadKind::Deployment, "default", "web", LoadCurve::constant(1_000.0)).unwrap();
}

fn changes_of_scale(app: &TestApp) -> usize {
    app.cluster.requests().iter().filter(|r| r.method == "PATCH" && r.path.ends_with("/scale")).count()
}

fn metric_is_unknown(autoscaler: &Value) -> bool {
    condition(autoscaler, "ScalingActive")["reason"] == "FailedGetResourceMetric"
}

#[actix_web::test]
async fn without_a_metrics_api_it_holds_and_says_why() {
    let (app, id) = with_web_at_its_target().await;
    app.cluster.set_metrics_available(false);
    let held = app.wait_for(&id, "it says that CPU is unknown", metric_is_unknown).await;
    assert_eq!(held["status"], "active");
    assert_eq!((&held["details"]["current_replicas"], &held["details"]["desired_replicas"]), (&json!(2), &json!(2)));
    let message = condition(&held, "ScalingActive")["message"].as_str().unwrap();
    assert!(message.contains("metrics.k8s.io"), "{message}");
    let (_, figures) = app.get("/api/v1/autoscaling/metrics").await;
    assert_eq!(figures["average_cpu_utilization"], json!(0.0), "unknown is left out of the average");

    app.cluster.set_metrics_available(true);
    app.wait_for(&id, "CPU is known again", |a| a["details"]["current_cpu_percent"] == 50).await;
    assert_eq!(changes_of_scale(&app), 0);
    app.stop().await;
}

#[actix_web::test]
async fn readings_that_grow_old_are_not_used() {
    let (app, id) = with_web_at_its_target().await;
    app.cluster.freeze_metrics(true);
    let held = app.wait_for(&id, "the readings are too old", metric_is_unknown).await;
    assert_eq!(held["details"]["current_cpu_percent"], 0);
    assert_eq!(changes_of_scale(&app), 0);
    app.stop().await;
}

#[actix_web::test]
async fn an_api_server_that_is_overloaded_is_left_alone_for_as_long_as_it_asks() {
    let (app, id) = with_web_at_its_target().await;
    let busy = Fault::status(429, "TooManyRequests", "try later").retry_after(60).address("metrics.k8s.io");
    app.cluster.inject(busy);
    app.wait_for(&id, "it says that CPU is unknown", metric_is_unknown).await;
    app.cluster.forget_requests();
    let at = app.autoscaler(&id).await["details"]["updated_at"].as_str().unwrap().to_owned();
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    app.wait_for(&id, "40 s pass in the cluster", |a| {
        time(a["details"]["updated_at"].as_str().unwrap()) - time(&at) >= chrono::TimeDelta::seconds(40)
    })
    .await;
    let asked = app.cluster.requests().iter().filter(|request| request.path.contains("metrics.k8s.io")).count();
    assert_eq!(asked, 0);
    app.cluster.clear_faults();
    app.wait_for(&id, "CPU is known again", |a| a["details"]["current_cpu_percent"] == 50).await;
    app.stop().await;
}

#[actix_web::test]
async fn a_refused_scaling_fails_the_autoscaler_until_it_is_allowed() {
    let (app, id) = with_web_at_its_target().await;
    let message = "deployments.apps \"web\" is forbidden: User \"x\" cannot patch resource \"deployments/scale\"";
    app.cluster.inject(Fault::status(403, "Forbidden", message).method("PATCH").address("/scale"));
    double_the_load(&app);
    let failed = app.wait_for(&id, "it failed", |a| a["status"] == "failed").await;
    assert_eq!(failed["message"], "Autoscaler failed");
    assert!(failed["details"]["failure"].as_str().unwrap().contains(message), "{failed:#}");
    assert_eq!(condition(&failed, "AbleToScale")["reason"], "FailedUpdateScale");
    app.cluster.clear_faults();
    let active = app.wait_for(&id, "it is active again", |a| a["status"] == "active").await;
    assert_eq!(active["details"]["current_replicas"], 4);
    app.stop().await;
}

#[actix_web::test]
async fn a_conflict_is_tried_again_and_never_written_over() {
    let (app, id) = with_web_at_its_target().await;
    let conflict = Fault::status(409, "Conflict", "the object has been modified");
    app.cluster.inject(conflict.method("PATCH").address("/scale").times(2));
    double_the_load(&app);
    let scaled = app.wait_for(&id, "it scaled", |a| a["details"]["scale_up_count"] == 1).await;
    assert_eq!(scaled["details"]["current_replicas"], 4);
    assert_eq!(changes_of_scale(&app), 3);
    app.stop().await;
}

#[actix_web::test]
async fn a_silent_api_server_holds_up_nothing_but_itself() {
    let (app, id) = with_web_at_its_target().await;
    app.cluster.inject(Fault::new(FaultEffect::Hang).address("metrics.k8s.io"));
    let asked = std::time::Instant::now();
    assert_eq!(app.get(&format!("/api/v1/autoscaling/{id}")).await.0, StatusCode::OK);
    app.wait_for(&id, "it says that CPU is unknown", metric_is_unknown).await;
    assert_eq!(app.delete(&format!("/api/v1/autoscaling/{id}")).await.0, StatusCode::OK);
    assert!(asked.elapsed() < Duration::from_secs(15));
    app.stop().await;
}

#[actix_web::test]
async fn an_api_server_that_is_away_at_the_start_is_waited_for() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
        cluster.inject(Fault::new(FaultEffect::Disconnect));
    })
    .await;
    let (status, refusal) = app.get("/readyz").await;
    assert_eq!((status, &refusal["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("Not ready")));
    assert_eq!(app.get("/healthz").await.0, StatusCode::OK);
    let (status, refusal) = app.create(&request("web")).await;
    assert_eq!((status, &refusal["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("Failed to create autoscaler")));
    app.cluster.clear_faults();
    let app = app.ready().await;
    app.created(&request("web")).await;
    app.stop().await;
}

#[actix_web::test]
async fn watches_that_break_are_begun_again() {
    let (app, id) = with_web_at_its_target().await;
    app.cluster.expire_versions();
    app.cluster.cut_watches();
    // What happens meanwhile must be seen afterwards.
    app.cluster.set_replicas(WorkloadKind::Deployment, "default", "web", 3).unwrap();
    app.wait_for(&id, "it sees the new count", |a| a["details"]["current_replicas"] == 3).await;
    app.stop().await;
}
