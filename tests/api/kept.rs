//! Answers that are kept for a moment: a client never misses what it has done itself.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{TestApp, deployment, empty_cluster, request};

async fn with(workloads: usize) -> TestApp {
    TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads((0..workloads).map(|n| deployment(&format!("web-{n}"), 1, 250.0))).unwrap();
    })
    .await
    .ready()
    .await
}

/// How many there are, by the list, by the figures and by those of the active ones, and how many are listed as active.
async fn counts(app: &TestApp) -> [u64; 4] {
    let count = async |path: &str, name: &str| app.get(path).await.1[name].as_u64().unwrap();
    [
        count("/api/v1/autoscaling", "count").await,
        count("/api/v1/autoscaling/metrics", "total_autoscalers").await,
        count("/api/v1/autoscaling/metrics", "active_autoscalers").await,
        count("/api/v1/autoscaling?status=active", "count").await,
    ]
}

#[actix_web::test]
async fn what_a_client_has_done_is_in_the_next_answer() {
    let app = with(8).await;
    for number in 0..8 {
        let id = app.created(&request(&format!("web-{number}"))).await;
        assert_eq!(counts(&app).await, [1; 4], "it is there");
        let path = format!("/api/v1/autoscaling/{id}");
        assert_eq!(app.autoscaler(&id).await["details"]["spec"]["max_replicas"], 10);
        app.patch(&id, &json!({"max_replicas": 7})).await;
        assert_eq!(app.autoscaler(&id).await["details"]["spec"]["max_replicas"], 7);
        app.send(Method::POST, &format!("{path}/pause"), &Value::Null).await;
        assert_eq!(counts(&app).await, [1, 1, 0, 0], "it is paused");
        assert_eq!(app.autoscaler(&id).await["status"], "inactive");
        app.send(Method::POST, &format!("{path}/resume"), &Value::Null).await;
        assert_eq!(counts(&app).await, [1; 4], "it is resumed");
        app.delete(&path).await;
        assert_eq!(counts(&app).await, [0; 4], "it is gone");
        assert_eq!(app.get(&path).await.0, StatusCode::NOT_FOUND);
    }
    app.stop().await;
}

#[actix_web::test]
async fn the_brake_is_seen_at_once() {
    let app = with(1).await;
    let id = app.created(&request("web-0")).await;
    let modes = async || {
        let (_, list) = app.get("/api/v1/autoscaling").await;
        let one = app.autoscaler(&id).await;
        [list["autoscalers"][0]["details"]["mode"].clone(), one["details"]["mode"].clone()]
    };
    assert_eq!(modes().await, ["active", "active"]);
    app.send(Method::PUT, "/api/v1/mode", &json!({"mode": "observe"})).await;
    assert_eq!(modes().await, ["observe", "observe"]);
    app.send(Method::PUT, "/api/v1/mode", &json!({"mode": "active"})).await;
    assert_eq!(modes().await, ["active", "active"]);
    app.stop().await;
}

#[actix_web::test]
async fn readings_are_as_new_in_the_list_as_by_id_a_moment_later() {
    let app = with(1).await;
    let id = app.created(&request("web-0")).await;
    let one = app.wait_for(&id, "it is measured", |one| one["details"]["current_cpu_percent"] == 50).await;
    let since = one["details"]["updated_at"].as_str().unwrap().to_owned();
    app.eventually("the list is no older", async || {
        let (_, list) = app.get("/api/v1/autoscaling").await;
        let details = &list["autoscalers"][0]["details"];
        let is_new = details["updated_at"].as_str().is_some_and(|at| at >= since.as_str());
        (is_new && details["current_cpu_percent"] == 50).then_some(())
    })
    .await;
    app.stop().await;
}

#[actix_web::test]
async fn a_list_is_the_same_whether_it_is_written_in_part_or_as_a_whole() {
    let app = with(30).await;
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.push(app.created(&request(&format!("web-{number}"))).await);
        app.get("/api/v1/autoscaling").await;
    }
    for id in ids.drain(1..20) {
        app.delete(&format!("/api/v1/autoscaling/{id}")).await;
    }
    for id in &ids {
        // So that nothing more is evaluated.
        app.send(Method::POST, &format!("/api/v1/autoscaling/{id}/pause"), &Value::Null).await;
        app.get("/api/v1/autoscaling").await;
    }
    // What is of one namespace is not kept.
    let whole = app
        .eventually("all say that they are paused, and nothing changes any more", async || {
            let (_, whole) = app.get("/api/v1/autoscaling?namespace=default").await;
            let is_paused = |one: &Value| one["details"]["conditions"][0]["reason"] == "Paused";
            whole["autoscalers"].as_array()?.iter().all(is_paused).then_some(whole)
        })
        .await;
    // What is kept may be older for a moment, but of every part.
    app.eventually("what is kept is the same", async || {
        let (_, in_part) = app.get("/api/v1/autoscaling").await;
        (in_part == whole).then_some(())
    })
    .await;
    assert_eq!(whole["count"], 11);
    let (_, first) = app.get("/api/v1/autoscaling?limit=3").await;
    assert_eq!(first["autoscalers"].as_array().unwrap(), &whole["autoscalers"].as_array().unwrap()[..3]);
    assert!(first["continue"].is_string());
    app.stop().await;
}
