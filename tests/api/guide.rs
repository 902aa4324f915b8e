//! The guide's examples, as printed there.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{TestApp, answer};

/// The bodies of the guide's create requests: section 1, its curl, and the three configuration examples.
fn requests() -> Vec<Value> {
    vec![
        json!({
            "workload_name": "nginx-deployment",
            "workload_namespace": "default",
            "workload_type": "Deployment",
            "min_replicas": 2,
            "max_replicas": 10,
            "target_cpu_percent": 70,
            "target_memory_percent": 80,
            "target_gpu_percent": 75,
            "scale_up_policy": {"stabilization_window_seconds": 60, "max_scale_change": 3},
            "scale_down_policy": {"stabilization_window_seconds": 300, "max_scale_change": 2},
        }),
        json!({
            "workload_name": "ai-training-job",
            "workload_namespace": "ml-workloads",
            "workload_type": "Deployment",
            "min_replicas": 1,
            "max_replicas": 5,
            "target_cpu_percent": 70,
            "target_gpu_percent": 80,
            "scale_up_policy": {"stabilization_window_seconds": 60, "max_scale_change": 2},
            "scale_down_policy": {"stabilization_window_seconds": 300, "max_scale_change": 1},
        }),
        json!({
            "workload_name": "web-frontend",
            "workload_namespace": "production",
            "workload_type": "Deployment",
            "min_replicas": 2,
            "max_replicas": 10,
            "target_cpu_percent": 70,
        }),
        json!({
            "workload_name": "ai-inference",
            "workload_namespace": "ml",
            "workload_type": "Deployment",
            "min_replicas": 1,
            "max_replicas": 8,
            "target_cpu_percent": 60,
            "target_memory_percent": 75,
            "target_gpu_percent": 80,
            "scale_up_policy": {"stabilization_window_seconds": 30, "max_scale_change": 3},
            "scale_down_policy": {"stabilization_window_seconds": 600, "max_scale_change": 1},
        }),
        json!({
            "workload_name": "model-training",
            "workload_namespace": "research",
            "workload_type": "StatefulSet",
            "min_replicas": 1,
            "max_replicas": 4,
            "target_gpu_percent": 85,
            "scale_down_policy": {"stabilization_window_seconds": 900, "max_scale_change": 1},
        }),
    ]
}

/// A field's name, what its value must be, and whether it is always there.
type Field = (&'static str, fn(&Value) -> bool, bool);

/// The fields of `details`.
const DETAILS: [Field; 11] = [
    ("created_at", is_time, true),
    ("updated_at", is_time, false),
    ("current_replicas", Value::is_u64, true),
    ("desired_replicas", Value::is_u64, true),
    ("current_cpu_percent", Value::is_u64, true),
    ("current_memory_percent", Value::is_u64, true),
    ("current_gpu_percent", Value::is_u64, true),
    ("last_scale_time", is_time, false),
    ("scale_up_count", Value::is_u64, true),
    ("scale_down_count", Value::is_u64, true),
    ("hpa_name", Value::is_string, true),
];

/// As in the guide: `2025-12-15T10:30:00Z`.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 20 && text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
    })
}

fn assert_shape(autoscaler: &Value, message: &str) {
    let id = autoscaler["autoscaling_id"].as_str().unwrap();
    let hex = id.strip_prefix("autoscaler-").unwrap();
    assert!(hex.len() == 8 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
    assert_eq!(autoscaler["status"], "active");
    assert_eq!(autoscaler["message"], message);
    for (field, is_right, always) in DETAILS {
        match autoscaler["details"].get(field) {
            Some(value) => assert!(is_right(value), "{field}: {value}"),
            None => assert!(!always, "{field} is missing in {autoscaler:#}"),
        }
    }
}

#[actix_web::test]
async fn every_example_of_the_guide_works_as_printed() {
    let app = TestApp::start().await.ready().await;
    let mut ids = Vec::new();
    for request in requests() {
        let (status, created) = app.create(&request).await;
        assert_eq!(status, StatusCode::CREATED, "{created:#}");
        assert_shape(&created, "Autoscaler created successfully");
        let details = &created["details"];
        assert_eq!(details["current_replicas"], 2, "the workload's real count");
        assert_eq!((&details["scale_up_count"], &details["scale_down_count"]), (&json!(0), &json!(0)));
        assert!(details.get("last_scale_time").is_none() && details.get("updated_at").is_none());
        let name = request["workload_name"].as_str().unwrap();
        let hpa_name = details["hpa_name"].as_str().unwrap();
        let hex = hpa_name.strip_prefix(&format!("hpa-{name}-")).unwrap();
        assert!(hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()), "{hpa_name}");
        ids.push(created["autoscaling_id"].as_str().unwrap().to_owned());
    }

    for id in &ids {
        let evaluated = app.wait_for(id, "it was evaluated", |a| a["details"]["updated_at"].is_string()).await;
        assert_shape(&evaluated, "Autoscaler is active");
        assert_eq!(evaluated["autoscaling_id"], id.as_str());
    }
    let (status, list) = app.get("/api/v1/autoscaling").await;
    assert_eq!((status, &list["count"]), (StatusCode::OK, &json!(5)));
    let listed: Vec<_> = list["autoscalers"].as_array().unwrap().iter().map(|a| a["autoscaling_id"].clone()).collect();
    assert_eq!(listed, ids, "by creation time");
    assert!(list.get("continue").is_none());

    let (status, figures) = app.get("/api/v1/autoscaling/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&figures["total_autoscalers"], &figures["active_autoscalers"]), (&json!(5), &json!(5)));
    assert!(figures["total_scale_ups"].is_u64() && figures["total_scale_downs"].is_u64());
    assert!(figures["average_cpu_utilization"].as_f64().unwrap() > 0.0 && figures["average_cpu_utilization"].is_f64());

    let (status, deleted) = app.delete(&format!("/api/v1/autoscaling/{}", ids[0])).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(deleted, json!({"message": "Autoscaler deleted successfully", "autoscaler_id": ids[0]}));
    app.stop().await;
}

#[actix_web::test]
async fn the_errors_of_the_guide_are_as_printed() {
    let app = TestApp::start().await.ready().await;
    let mut request = requests().remove(0);
    request["min_replicas"] = 0.into();
    let expected = json!({"error": "Validation failed", "details": "min_replicas must be at least 1"});
    assert_eq!(app.create(&request).await, (StatusCode::BAD_REQUEST, expected));

    let expected = json!({"error": "Autoscaler not found", "details": "autoscaler autoscaler-xyz123 not found"});
    let path = "/api/v1/autoscaling/autoscaler-xyz123";
    assert_eq!(app.get(path).await, (StatusCode::NOT_FOUND, expected.clone()));
    assert_eq!(app.delete(path).await, (StatusCode::NOT_FOUND, expected));

    let mut request = requests().remove(0);
    request["workload_name"] = "nginx".into();
    let expected = json!({
        "error": "Failed to create autoscaler",
        "details": "failed to get workload: deployment \"nginx\" not found",
    });
    assert_eq!(app.create(&request).await, (StatusCode::INTERNAL_SERVER_ERROR, expected));
    app.stop().await;
}

#[actix_web::test]
async fn without_autoscalers_the_figures_are_zero_and_the_average_is_a_float() {
    let app = TestApp::start().await.ready().await;
    let (_, list) = app.get("/api/v1/autoscaling").await;
    assert_eq!(list, json!({"autoscalers": [], "count": 0}));
    let text = app.request(Method::GET, "/api/v1/autoscaling/metrics").send().await.unwrap().text().await.unwrap();
    assert_eq!(
        text,
        r#"{"total_autoscalers":0,"active_autoscalers":0,"total_scale_ups":0,"total_scale_downs":0,"average_cpu_utilization":0.0}"#
    );
    app.stop().await;
}

#[actix_web::test]
async fn the_gpu_workloads_of_the_guide_are_measured_by_their_exporters() {
    let app = TestApp::start().await.ready().await;
    let id = app.created(&requests()[4]).await;
    let seen = app.wait_for(&id, "it was measured", |a| metric(a, "gpu")["state"] == "known").await;
    assert_eq!(seen["details"]["current_gpu_percent"], metric(&seen, "gpu")["utilization_percent"]);
    assert_eq!(metric(&seen, "gpu")["source"], "dcgm-exporter");
    assert_eq!(super::app::condition(&seen, "ScalingActive")["status"], "True");
    app.stop().await;
}

fn metric(autoscaler: &Value, name: &str) -> Value {
    let metrics = autoscaler["details"]["metrics"].as_array();
    metrics.and_then(|all| all.iter().find(|metric| metric["name"] == name)).cloned().unwrap_or_default()
}

#[actix_web::test]
async fn health_is_as_in_the_first_implementation() {
    let app = TestApp::start().await.ready().await;
    let (status, health) = app.get("/health").await;
    assert_eq!(status, StatusCode::OK);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(health, json!({"status": "healthy", "service": "ai-storage-orchestrator", "version": version}));
    assert_eq!(app.get("/healthz").await.0, StatusCode::OK);
    let head = app.request(Method::HEAD, "/healthz").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(answer(app.request(Method::GET, "/api/v1")).await.1["service"], "ai-storage-orchestrator");
    app.stop().await;
}
