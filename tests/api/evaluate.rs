//! What-ifs over HTTP, and what the documentation says of them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::TestApp;

const PATH: &str = "/api/v1/autoscaling/evaluate";
const PAGE: &str = include_str!("../../docs/evaluate.md");

/// The JSON blocks of the page.
fn examples() -> Vec<Value> {
    let blocks = PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"))).collect()
}

/// Whether all that `shown` has is in `full`, too.
fn is_part(shown: &Value, full: &Value) -> bool {
    match (shown, full) {
        (Value::Object(shown), Value::Object(full)) => {
            shown.iter().all(|(key, shown)| full.get(key).is_some_and(|full| is_part(shown, full)))
        }
        (Value::Array(shown), Value::Array(full)) => {
            shown.len() == full.len() && shown.iter().zip(full).all(|(shown, full)| is_part(shown, full))
        }
        (shown, full) => shown == full,
    }
}

#[actix_web::test]
async fn every_documented_example_has_the_documented_answer() {
    let app = TestApp::start().await;
    let examples = examples();
    assert_eq!((examples.len() % 2, examples.len() >= 8), (0, true));
    for (index, pair) in examples.chunks(2).enumerate() {
        let (status, answer) = app.send(Method::POST, PATH, &pair[0]).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(is_part(&pair[1], &answer), "{:#}\nis documented as\n{:#}", answer, pair[1]);
        if index == 0 {
            assert_eq!(answer, pair[1], "the first one is complete");
        }
    }
    app.stop().await;
}

#[actix_web::test]
async fn what_cannot_be_evaluated_is_refused_as_such() {
    let app = TestApp::start().await;
    let spec = json!({"min_replicas": 1, "max_replicas": 9, "target_cpu_percent": 50});
    let with = |field: &str, value: Value| {
        let mut document = json!({"spec": spec, "current_replicas": 2});
        document[field] = value;
        document
    };
    for (body, error, details) in [
        (json!({}), "Invalid request format", "missing field `spec`"),
        (json!({"spec": spec}), "Invalid request format", "missing field `current_replicas`"),
        (with("current_replicas", json!(-1)), "Invalid request format", "current_replicas: must be at least 0"),
        (
            with("pods", json!([{"name": "a", "started_seconds_ago": -1}])),
            "Invalid request format",
            "pods[0].started_seconds_ago: must be at least 0",
        ),
        (with("pod", json!([])), "Invalid request format", "pod: unknown field `pod`"),
        (with("spec", json!({})), "Validation failed", "min_replicas is required"),
        (with("pods", json!([{"name": "a"}, {"name": "a"}])), "Validation failed", "pods has the pod \"a\" twice"),
        (
            with("spec", json!({"min_replicas": 1, "max_replicas": 9, "target_cpu_percent": 101})),
            "Validation failed",
            "target_cpu_percent must be between 0 and 100",
        ),
    ] {
        let (status, refusal) = app.send(Method::POST, PATH, &body).await;
        assert_eq!((status, refusal["error"].as_str()), (StatusCode::BAD_REQUEST, Some(error)), "{body}");
        assert!(refusal["details"].as_str().unwrap().starts_with(details), "{body}: {refusal}");
    }
    let huge = with("revision", json!("x".repeat(70_000)));
    assert_eq!(app.send(Method::POST, PATH, &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let far = with("scale_events", json!([{"seconds_ago": 1e300, "change": 1}]));
    assert_eq!(app.send(Method::POST, PATH, &far).await.0, StatusCode::OK);
    assert!(app.cluster.requests().iter().all(|request| request.method == "GET"), "no workload is touched");
    app.stop().await;
}

#[actix_web::test]
async fn readings_are_as_old_as_the_service_allows() {
    let settings = "[metrics]\nmax_age_seconds = 30\n";
    let simulation = super::app::empty_cluster();
    let app = TestApp::start_configured(&simulation, 1.0, settings, |_| {}).await;
    let mut document = examples().remove(0);
    document["usage"][0]["age_seconds"] = json!(31);
    document["usage"][1]["age_seconds"] = json!(30);
    let (_, answer) = app.send(Method::POST, PATH, &document).await;
    assert_eq!(answer["metrics"][0]["coverage"], json!({"measured_pods": 1, "unready_pods": 0, "missing_pods": 1}));
    assert_eq!(answer["inputs"]["max_age_seconds"], 30);
    app.stop().await;
}
