//! Bodies that are refused, and what they are told.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::app::{TestApp, request};

#[actix_web::test]
async fn a_body_of_the_wrong_form_is_refused_as_such() {
    let app = TestApp::start().await.ready().await;
    for (body, expected) in [
        ("", "empty"),
        ("{", "EOF"),
        ("not json", "expected"),
        ("[]", "a JSON object"),
        (r#"{"workload_name": 7}"#, "workload_name"),
        (r#"{"min_replicas": "two"}"#, "min_replicas"),
        (r#"{"max_replicas": 99999999999}"#, "max_replicas"),
        (r#"{"max_replica": 2}"#, "max_replica"),
        (r#"{"scale_up_policy": {"max_scale_chang": 2}}"#, "scale_up_policy.max_scale_chang"),
    ] {
        let (status, refusal) = app.post_text(body).await;
        assert_eq!((status, refusal["error"].as_str()), (StatusCode::BAD_REQUEST, Some("Invalid request format")));
        assert!(refusal["details"].as_str().unwrap().contains(expected), "{body}: {refusal}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn a_value_that_is_not_allowed_is_refused_with_its_rule() {
    let app = TestApp::start().await.ready().await;
    let with = |field: &str, value: Value| {
        let mut body = request("web");
        body[field] = value;
        body
    };
    for (body, details) in [
        (with("min_replicas", json!(0)), "min_replicas must be at least 1"),
        (with("min_replicas", json!(-1)), "min_replicas must be at least 1"),
        (with("min_replicas", json!(11)), "max_replicas must be greater than or equal to min_replicas"),
        (with("target_cpu_percent", json!(101)), "target_cpu_percent must be between 0 and 100"),
        (with("target_cpu_percent", json!(-5)), "target_cpu_percent must be between 0 and 100"),
        (with("workload_name", json!("")), "workload_name is required"),
        (with("workload_namespace", json!(null)), "workload_namespace is required"),
        (with("workload_name", json!("../../etc")), "workload_name must be a valid RFC 1123 subdomain"),
        (with("workload_namespace", json!("Default")), "workload_namespace must be a valid RFC 1123 label"),
        (with("workload_type", json!("DaemonSet")), "workload_type must be one of"),
        (with("target_cpu_percent", json!(0)), "at least one of"),
    ] {
        let (status, refusal) = app.create(&body).await;
        assert_eq!((status, refusal["error"].as_str()), (StatusCode::BAD_REQUEST, Some("Validation failed")), "{body}");
        assert!(refusal["details"].as_str().unwrap().starts_with(details), "{body}: {refusal}");
    }
    assert_eq!(app.cluster.requests().iter().filter(|request| request.path.contains("/web")).count(), 0);
    app.stop().await;
}

#[actix_web::test]
async fn all_faults_are_told_at_once() {
    let app = TestApp::start().await.ready().await;
    let (_, refusal) = app.create(&json!({"min_replicas": 0, "target_gpu_percent": 101})).await;
    assert_eq!(
        refusal["details"],
        "workload_name is required; workload_namespace is required; workload_type is required; min_replicas must be at \
         least 1; max_replicas is required; target_gpu_percent must be between 0 and 100"
    );
    app.stop().await;
}

#[actix_web::test]
async fn system_namespaces_are_closed() {
    let app = TestApp::start().await.ready().await;
    let mut body = request("coredns");
    body["workload_namespace"] = "kube-system".into();
    let (status, refusal) = app.create(&body).await;
    assert_eq!((status, refusal["error"].as_str()), (StatusCode::FORBIDDEN, Some("Namespace not allowed")));
    app.stop().await;
}
