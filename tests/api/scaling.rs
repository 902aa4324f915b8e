//! The service at work on the simulated cluster.

use ai_storage_orchestrator::simulation::{LoadCurve, SimulationSettings, WorkloadKind};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::app::{TestApp, condition, deployment, empty_cluster, request};

#[actix_web::test]
async fn the_demonstration_goes_up_and_later_down() {
    // At this speed the twelve minutes of the demonstration's load take 24 s.
    let app = TestApp::start_with(&SimulationSettings::default(), 30.0, |_| {}).await.ready().await;
    let id = app
        .created(&json!({
            "workload_name": "web-frontend",
            "workload_namespace": "production",
            "workload_type": "Deployment",
            "min_replicas": 2,
            "max_replicas": 10,
            "target_cpu_percent": 70,
        }))
        .await;
    let up = app.wait_for(&id, "it goes up", |a| a["details"]["scale_up_count"] != 0).await;
    assert!(up["details"]["current_replicas"].as_u64().unwrap() > 2);
    let down = app.wait_for(&id, "it goes down again", |a| a["details"]["scale_down_count"] != 0).await;
    assert!(down["details"]["current_replicas"].as_u64() < up["details"]["current_replicas"].as_u64());
    let (_, figures) = app.get("/api/v1/autoscaling/metrics").await;
    assert!(figures["total_scale_ups"].as_u64() >= Some(1) && figures["total_scale_downs"].as_u64() >= Some(1));
    // What was deleted still counts.
    app.delete(&format!("/api/v1/autoscaling/{id}")).await;
    let (_, after) = app.get("/api/v1/autoscaling/metrics").await;
    assert_eq!(after["total_scale_ups"], figures["total_scale_ups"]);
    assert_eq!(after["total_autoscalers"], 0);
    app.stop().await;
}

#[actix_web::test]
async fn the_kind_is_found_by_name_and_the_creation_can_be_repeated() {
    let app = TestApp::start().await.ready().await;
    let body = json!({
        "workload_name": "model-training",
        "workload_namespace": "research",
        "workload_type": "auto",
        "min_replicas": 1,
        "max_replicas": 4,
        "target_cpu_percent": 85,
    });
    let (status, created) = app.create(&body).await;
    assert_eq!((status, &created["details"]["workload_type"]), (StatusCode::CREATED, &json!("StatefulSet")));
    let mut explicit = body.clone();
    explicit["workload_type"] = "statefulset".into();
    // The defaults spelt out are the same definition.
    explicit["scale_down_policy"] = json!({"stabilization_window_seconds": 300, "max_scale_change": 0});
    let (status, again) = app.create(&explicit).await;
    assert_eq!((status, &again["autoscaling_id"]), (StatusCode::OK, &created["autoscaling_id"]));
    explicit["max_replicas"] = 5.into();
    let (status, refusal) = app.create(&explicit).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refusal["details"].as_str().unwrap().contains(created["autoscaling_id"].as_str().unwrap()));
    app.stop().await;
}

#[actix_web::test]
async fn workloads_that_others_scale_are_refused() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads(["a", "b"].map(|name| deployment(name, 1, 250.0))).unwrap();
        cluster.add_horizontal_pod_autoscaler("default", "a-hpa", WorkloadKind::Deployment, "a").unwrap();
        cluster.add_scaled_object("default", "b-so", WorkloadKind::Deployment, "b").unwrap();
    })
    .await
    .ready()
    .await;
    for (name, scaler) in [("a", "HorizontalPodAutoscaler default/a-hpa"), ("b", "ScaledObject default/b-so")] {
        let (status, refusal) = app.create(&request(name)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
        assert!(refusal["details"].as_str().unwrap().contains(scaler), "{refusal}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn beside_another_scaler_an_autoscaler_may_observe_but_not_act() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 2_000.0)]).unwrap();
        cluster.add_horizontal_pod_autoscaler("default", "web", WorkloadKind::Deployment, "web").unwrap();
    })
    .await
    .ready()
    .await;
    let mut observing = request("web");
    observing["mode"] = "observe".into();
    let id = app.created(&observing).await;
    app.wait_for(&id, "it decides", |a| a["details"]["last_decision"]["outcome"] == "observed").await;
    let (status, refusal) = app.patch(&id, &json!({"mode": "active"})).await;
    assert_eq!((status, &refusal["error"]), (StatusCode::CONFLICT, &json!("Autoscaler cannot be activated")));
    assert!(refusal["details"].as_str().unwrap().contains("HorizontalPodAutoscaler default/web"), "{refusal}");
    // Any other change is allowed.
    let (status, changed) = app.patch(&id, &json!({"max_replicas": 12})).await;
    assert_eq!((status, &changed["details"]["mode"]), (StatusCode::OK, &json!("observe")), "{changed}");
    assert_eq!(changes_of_scale(&app), 0);
    app.stop().await;
}

fn changes_of_scale(app: &TestApp) -> usize {
    app.cluster.requests().iter().filter(|r| r.method == "PATCH" && r.path.ends_with("/scale")).count()
}

#[actix_web::test]
async fn in_steady_state_an_autoscaler_causes_no_request_of_its_own() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        cluster.add_running_workloads((0..30).map(|n| deployment(&format!("web-{n}"), 4, 1_000.0))).unwrap();
    })
    .await
    .ready()
    .await;
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(app.created(&request(&format!("web-{n}"))).await);
    }
    for id in &ids {
        app.wait_for(id, "CPU is at its target", |a| a["details"]["current_cpu_percent"] == 50).await;
    }
    let before = app.cluster.requests().len();
    let evaluated = app.autoscaler(&ids[0]).await["details"]["updated_at"].as_str().unwrap().to_owned();
    let minute_later = |a: &Value| {
        let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
        time(a["details"]["updated_at"].as_str().unwrap()) - time(&evaluated) >= chrono::TimeDelta::seconds(60)
    };
    app.wait_for(&ids[0], "a minute passes in the cluster", minute_later).await;
    let requests = app.cluster.requests();
    let asked: Vec<_> = requests[before..].iter().map(|request| request.path.as_str()).collect();
    // 30 autoscalers were evaluated 60 times each: one reading per 5 s, and watches that begin anew each minute.
    assert!(asked.len() <= 25, "{asked:?}");
    assert!(asked.iter().all(|path| path.contains("metrics.k8s.io") || !path.contains("/namespaces/")), "{asked:?}");
    assert_eq!(changes_of_scale(&app), 0);
    app.stop().await;
}

#[actix_web::test]
async fn a_workload_scaled_to_zero_by_hand_stays_there() {
    let app = TestApp::with_web().await;
    let id = app.created(&request("web")).await;
    app.cluster.set_replicas(WorkloadKind::Deployment, "default", "web", 0).unwrap();
    let held =
        app.wait_for(&id, "it is left alone", |a| condition(a, "ScalingActive")["reason"] == "ScalingDisabled").await;
    assert_eq!((&held["status"], &held["details"]["current_replicas"]), (&json!("active"), &json!(0)));
    assert_eq!(changes_of_scale(&app), 0);
    app.cluster.set_load(WorkloadKind::Deployment, "default", "web", LoadCurve::constant(2_000.0)).unwrap();
    app.cluster.set_replicas(WorkloadKind::Deployment, "default", "web", 1).unwrap();
    app.wait_for(&id, "it is scaled again", |a| a["details"]["scale_up_count"] != 0).await;
    app.stop().await;
}
