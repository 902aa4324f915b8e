//! Lists: order, filters, pages.

use reqwest::StatusCode;
use serde_json::Value;

use super::app::{TestApp, deployment, empty_cluster, request};

async fn with_five() -> (TestApp, Vec<String>) {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads((0..5).map(|n| deployment(&format!("web-{n}"), 1, 250.0))).unwrap();
    })
    .await
    .ready()
    .await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(app.created(&request(&format!("web-{n}"))).await);
    }
    (app, ids)
}

fn ids(list: &Value) -> Vec<&str> {
    list["autoscalers"].as_array().unwrap().iter().map(|a| a["autoscaling_id"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let (app, all) = with_five().await;
    let (_, first) = app.get("/api/v1/autoscaling?limit=2").await;
    assert_eq!((ids(&first), &first["count"]), (vec![all[0].as_str(), &all[1]], &2.into()));
    // Deleting what has been seen does not disturb the pages that follow.
    app.delete(&format!("/api/v1/autoscaling/{}", all[1])).await;
    let next = |list: &Value| format!("/api/v1/autoscaling?limit=2&continue={}", list["continue"].as_str().unwrap());
    let (_, second) = app.get(&next(&first)).await;
    assert_eq!(ids(&second), [all[2].as_str(), &all[3]]);
    let (_, third) = app.get(&next(&second)).await;
    assert_eq!(ids(&third), [all[4].as_str()]);
    assert!(third.get("continue").is_none());
    app.stop().await;
}

#[actix_web::test]
async fn filters_narrow_the_list() {
    let (app, all) = with_five().await;
    let count = async |query: &str| {
        let (status, list) = app.get(&format!("/api/v1/autoscaling?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        list["count"].as_u64().unwrap()
    };
    assert_eq!(count("namespace=default").await, 5);
    assert_eq!(count("namespace=elsewhere").await, 0);
    assert_eq!(count("status=inactive").await, 0);
    app.cluster
        .remove_workload(ai_storage_orchestrator::simulation::WorkloadKind::Deployment, "default", "web-3")
        .unwrap();
    app.wait_for(&all[3], "it failed", |autoscaler| autoscaler["status"] == "failed").await;
    assert_eq!(count("status=failed").await, 1);
    assert_eq!(count("status=active&namespace=default").await, 4);
    app.stop().await;
}

#[actix_web::test]
async fn a_wrong_filter_is_refused_and_named() {
    let app = TestApp::start().await;
    for (query, expected) in [
        ("status=paused", "status must be one of active, inactive or failed"),
        ("limit=0", "limit must be"),
        ("limit=-1", "limit must be"),
        ("limit=many", "limit must be"),
        ("continue=x", "continue must be"),
        ("namespace=A_B", "namespace must be"),
        ("namepace=default", "unknown field `namepace`"),
    ] {
        let (status, refusal) = app.get(&format!("/api/v1/autoscaling?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(refusal["details"].as_str().unwrap().contains(expected), "{query}: {refusal}");
    }
    app.stop().await;
}
