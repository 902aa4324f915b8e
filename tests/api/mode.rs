//! The emergency brake.

use ai_storage_orchestrator::simulation::{LoadCurve, WorkloadKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{TestApp, deployment, empty_cluster, request};

#[actix_web::test]
async fn with_the_brake_on_everything_is_decided_and_nothing_scaled() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let id = app.created(&request("web")).await;
    let before = app.wait_for(&id, "CPU is measured", |a| a["details"]["current_cpu_percent"] == 50).await;
    assert_eq!((&before["details"]["mode"], before["details"].get("service_mode")), (&json!("active"), None));
    assert_eq!(app.get("/api/v1/mode").await, (StatusCode::OK, json!({"mode": "active"})));
    let shown = async |app: &TestApp| {
        let mut shown = Vec::new();
        for path in ["/health", "/readyz", "/api/v1/autoscaling/metrics"] {
            shown.push(app.get(path).await.1.get("mode").cloned());
        }
        shown
    };
    assert_eq!(shown(&app).await, [None, None, None], "who reads nothing but the guide never notices");

    let on = app.send(Method::PUT, "/api/v1/mode", &json!({"mode": "observe"})).await;
    assert_eq!(on, (StatusCode::OK, json!({"mode": "observe"})));
    assert_eq!(app.get("/api/v1/mode").await.1, json!({"mode": "observe"}));
    assert_eq!(shown(&app).await, [Some(json!("observe")), Some(json!("observe")), Some(json!("observe"))]);
    app.cluster.forget_requests();
    app.cluster.set_load(WorkloadKind::Deployment, "default", "web", LoadCurve::constant(1_000.0)).unwrap();
    let seen = |a: &Value| a["details"]["last_decision"]["outcome"] == "observed";
    let observed = app.wait_for(&id, "it would scale", seen).await;
    let details = &observed["details"];
    assert_eq!((&details["mode"], &details["service_mode"]), (&json!("observe"), &json!("observe")));
    assert_eq!(details["spec"]["mode"], "active", "its own mode is another thing");
    assert_eq!((&details["current_replicas"], &details["desired_replicas"]), (&json!(2), &json!(4)));
    assert!(app.cluster.requests().iter().all(|request| request.method != "PATCH"));

    app.send(Method::PUT, "/api/v1/mode", &json!({"mode": "active"})).await;
    let scaled = app.wait_for(&id, "it scales", |a| a["details"]["scale_up_count"] == 1).await;
    assert_eq!(scaled["details"].get("service_mode"), None);
    app.stop().await;
}

#[actix_web::test]
async fn another_mode_is_refused() {
    let app = TestApp::start().await;
    for (body, error, details) in [
        (json!({"mode": "off"}), "Validation failed", "mode must be one of active, observe"),
        (json!({}), "Validation failed", "mode is required"),
        (json!({"mode": 1}), "Invalid request format", "mode: invalid type"),
        (json!({"mode": "active", "for": 1}), "Invalid request format", "for: unknown field"),
        (json!("observe"), "Invalid request format", "invalid type: string \"observe\", expected a JSON object"),
    ] {
        let (status, refusal) = app.send(Method::PUT, "/api/v1/mode", &body).await;
        assert_eq!((status, refusal["error"].as_str()), (StatusCode::BAD_REQUEST, Some(error)), "{body}");
        assert!(refusal["details"].as_str().unwrap().starts_with(details), "{body}: {refusal}");
    }
    assert_eq!(app.get("/api/v1/mode").await.1, json!({"mode": "active"}));
    app.stop().await;
}
