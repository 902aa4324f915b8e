//! Pausing one autoscaler, and resuming it.

use ai_storage_orchestrator::simulation::{LoadCurve, WorkloadKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{TestApp, answer, condition, deployment, empty_cluster, request};

async fn post(app: &TestApp, id: &str, verb: &str) -> (StatusCode, Value) {
    answer(app.request(Method::POST, &format!("/api/v1/autoscaling/{id}/{verb}"))).await
}

#[actix_web::test]
async fn a_paused_autoscaler_scales_nothing_until_it_is_resumed() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let id = app.created(&request("web")).await;
    app.wait_for(&id, "CPU is measured", |a| a["details"]["current_cpu_percent"] == 50).await;

    let (status, paused) = post(&app, &id, "pause").await;
    assert_eq!((status, &paused["status"]), (StatusCode::OK, &json!("inactive")));
    assert_eq!((&paused["message"], &paused["autoscaling_id"]), (&json!("Autoscaler is inactive"), &json!(id)));
    assert_eq!(condition(&paused, "AbleToScale")["reason"], "Paused");
    assert_eq!(post(&app, &id, "pause").await.0, StatusCode::OK, "once more does no harm");
    app.cluster.set_load(WorkloadKind::Deployment, "default", "web", LoadCurve::constant(1_000.0)).unwrap();
    app.cluster.forget_requests();
    // A minute of the cluster's time.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(app.cluster.requests().iter().all(|request| request.method != "PATCH"));
    let still = app.autoscaler(&id).await;
    assert_eq!(still["details"]["updated_at"], paused["details"]["updated_at"]);
    let (_, list) = app.get("/api/v1/autoscaling?status=inactive").await;
    assert_eq!(list["count"], 1);
    let (_, figures) = app.get("/api/v1/autoscaling/metrics").await;
    assert_eq!((&figures["total_autoscalers"], &figures["active_autoscalers"]), (&json!(1), &json!(0)));

    let (status, resumed) = post(&app, &id, "resume").await;
    assert_eq!((status, &resumed["status"]), (StatusCode::OK, &json!("active")));
    assert_eq!(post(&app, &id, "resume").await.1["status"], "active");
    app.wait_for(&id, "it goes up", |a| a["details"]["scale_up_count"] == 1).await;
    app.stop().await;
}

#[actix_web::test]
async fn a_body_is_not_needed_and_what_does_not_exist_is_not_paused() {
    let app = TestApp::start().await.ready().await;
    for verb in ["pause", "resume"] {
        let (status, refusal) = post(&app, "autoscaler-xyz123", verb).await;
        assert_eq!((status, refusal["error"].as_str()), (StatusCode::NOT_FOUND, Some("Autoscaler not found")));
    }
    let body = json!({
        "workload_name": "web-frontend", "workload_namespace": "production", "workload_type": "Deployment",
        "min_replicas": 2, "max_replicas": 10, "target_cpu_percent": 70,
    });
    let id = app.created(&body).await;
    let request = app.request(Method::POST, &format!("/api/v1/autoscaling/{id}/pause")).body("not json");
    let (status, paused) = answer(request).await;
    assert_eq!((status, &paused["status"]), (StatusCode::OK, &json!("inactive")), "any body is ignored");
    app.stop().await;
}
