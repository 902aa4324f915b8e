//! What an autoscaler decided of late.

use ai_storage_orchestrator::simulation::{LoadCurve, WorkloadKind};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::app::{TestApp, deployment, empty_cluster, request};

async fn decisions(app: &TestApp, id: &str, query: &str) -> Vec<Value> {
    let (status, answer) = app.get(&format!("/api/v1/autoscaling/{id}/decisions{query}")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let decisions = answer["decisions"].as_array().unwrap();
    assert_eq!(answer["count"], decisions.len());
    decisions.clone()
}

#[actix_web::test]
async fn the_same_decision_again_and_again_is_one_and_a_change_another() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let id = app.created(&request("web")).await;
    let steady = |a: &Value| {
        a["details"]["last_decision"]["outcome"] == "no_change"
            && a["details"]["last_decision"]["count"].as_u64() >= Some(5)
    };
    let seen = app.wait_for(&id, "nothing changes for a while", steady).await;
    let last = &seen["details"]["last_decision"];
    assert_eq!(last["version"], 1);
    assert!(last["first_at"].as_str() < last["last_at"].as_str());
    assert_eq!(last["at"], last["last_at"]);
    assert_eq!(last["at"].as_str().unwrap().len(), "2026-11-24T22:56:05.123Z".len());
    assert_eq!((&last["current_replicas"], &last["desired_replicas"]), (&json!(2), &json!(2)));
    let pods = last["inputs"]["pods"].as_array().unwrap();
    assert_eq!(
        (pods.len(), &pods[0]["cpu"]["state"], &pods[0]["cpu"]["usage"]),
        (2, &json!("measured"), &json!("250m"))
    );

    app.cluster.set_load(WorkloadKind::Deployment, "default", "web", LoadCurve::constant(1_000.0)).unwrap();
    app.wait_for(&id, "it goes up", |a| a["details"]["scale_up_count"] == 1).await;
    let all = decisions(&app, &id, "").await;
    let times: Vec<_> = all.iter().map(|decision| decision["last_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first: {times:?}");
    let ups = decisions(&app, &id, "?outcome=scale_up").await;
    assert_eq!((ups.len(), &ups[0]["current_replicas"], &ups[0]["desired_replicas"]), (1, &json!(2), &json!(4)));
    assert_eq!((&ups[0]["count"], &ups[0]["steps"][0]["rule"]), (&json!(1), &json!("metrics")));
    assert_eq!(decisions(&app, &id, "?limit=1").await.len(), 1);
    let since = format!("?since={}", ups[0]["last_at"].as_str().unwrap());
    assert!(decisions(&app, &id, &since).await.len() < all.len().max(2));
    assert!(decisions(&app, &id, &format!("{since}&outcome=scale_up")).await.len() == 1, "that moment included");
    assert_eq!(decisions(&app, &id, "?since=2999-01-01T00:00:00Z").await, Vec::<Value>::new());
    app.stop().await;
}

#[actix_web::test]
async fn what_cannot_be_decided_is_told_in_the_same_form() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let id = app.created(&request("web")).await;
    app.wait_for(&id, "it was evaluated", |a| a["details"]["last_decision"].is_object()).await;
    app.cluster.remove_workload(WorkloadKind::Deployment, "default", "web").unwrap();
    app.wait_for(&id, "it failed", |a| a["status"] == "failed").await;
    let newest = &decisions(&app, &id, "?limit=1").await[0];
    assert_eq!((&newest["outcome"], &newest["message"]), (&json!("held"), &json!("deployment \"web\" not found")));
    assert_eq!((&newest["current_replicas"], &newest["metrics"]), (&Value::Null, &json!([])));
    app.stop().await;
}

#[actix_web::test]
async fn before_the_first_evaluation_there_is_no_decision() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let (_, created) = app.create(&request("web")).await;
    assert!(created["details"].get("last_decision").is_none());
    let id = created["autoscaling_id"].as_str().unwrap();
    assert!(decisions(&app, id, "").await.len() <= 1);
    app.stop().await;
}

#[actix_web::test]
async fn a_wrong_filter_is_refused_and_named() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
    })
    .await
    .ready()
    .await;
    let id = app.created(&request("web")).await;
    for (query, expected) in [
        ("limit=0", "limit must be"),
        ("limit=x", "limit must be"),
        ("outcome=up", "outcome must be one of scale_up, scale_down, no_change, held, observed, failed"),
        ("since=yesterday", "since must be"),
        ("since=2026-11-24", "since must be"),
        ("until=x", "unknown field `until`"),
    ] {
        let (status, refusal) = app.get(&format!("/api/v1/autoscaling/{id}/decisions?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(refusal["details"].as_str().unwrap().contains(expected), "{query}: {refusal}");
    }
    let (status, refusal) = app.get("/api/v1/autoscaling/autoscaler-xyz123/decisions").await;
    assert_eq!((status, &refusal["error"]), (StatusCode::NOT_FOUND, &json!("Autoscaler not found")));
    app.stop().await;
}
