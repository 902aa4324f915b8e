//! What is refused when an autoscaler is created, and why.

use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::ResourceExt;
use kube::api::ListParams;
use reqwest::StatusCode;
use serde_json::json;

use super::cluster::cluster;
use super::service::shared_service;
use super::workload::{NAME, Namespace};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_second_autoscaler_for_a_workload_is_refused_and_a_retry_is_not() {
    let namespace = Namespace::new("second-autoscaler", 70).await;
    namespace.create("Deployment", NAME, 2).await;
    let api = shared_service().api();
    let request = namespace.request("Deployment", NAME, 2, 5);
    let id = api.created(&request).await;

    let (status, again) = api.create(&request).await;
    assert_eq!((status, again["autoscaling_id"].as_str()), (StatusCode::OK, Some(id.as_str())), "{again}");

    let mut as_auto = request.clone();
    as_auto["workload_type"] = "auto".into();
    let (status, again) = api.create(&as_auto).await;
    assert_eq!((status, again["autoscaling_id"].as_str()), (StatusCode::OK, Some(id.as_str())), "{again}");

    let mut different = request.clone();
    different["max_replicas"] = 6.into();
    let (status, refusal) = api.create(&different).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
    assert!(refusal["details"].as_str().unwrap().contains(&id), "{refusal}");
}

#[tokio::test]
async fn a_workload_that_is_not_there_is_named() {
    let api = shared_service().api();
    let namespace = Namespace::new("nothing-here", 70).await;
    let (status, refusal) = api.create(&namespace.request("Deployment", "nginx", 1, 2)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        refusal,
        json!({"error": "Failed to create autoscaler", "details": "failed to get workload: deployment \"nginx\" not found"})
    );
    let mut elsewhere = namespace.request("Deployment", "nginx", 1, 2);
    elsewhere["workload_namespace"] = "no-such-namespace".into();
    let (_, refusal) = api.create(&elsewhere).await;
    let details = refusal["details"].as_str().unwrap();
    assert!(details.contains("namespace \"no-such-namespace\" does not exist"), "{details}");
}

#[tokio::test]
async fn replicas_that_belong_to_somebody_else_are_left_alone() {
    let api = shared_service().api();
    let namespace = Namespace::new("somebody-elses", 70).await;
    namespace.create("Deployment", NAME, 2).await;
    namespace.wait_for_ready("Deployment", NAME, 2, LIMIT).await;

    let owned = namespace.api::<ReplicaSet>().list(&ListParams::default()).await.unwrap().items[0].name_any();
    let (status, refusal) = api.create(&namespace.request("ReplicaSet", &owned, 1, 2)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
    assert!(refusal["details"].as_str().unwrap().contains("Deployment web"), "{refusal}");

    cluster().kubectl(&[
        "autoscale",
        "deployment",
        NAME,
        "--namespace",
        &namespace.name,
        "--min=1",
        "--max=3",
        "--cpu=70%",
    ]);
    let (status, refusal) = api.create(&namespace.request("Deployment", NAME, 1, 2)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
    let details = refusal["details"].as_str().unwrap();
    assert!(details.contains("HorizontalPodAutoscaler somebody-elses/web"), "{details}");
}

#[tokio::test]
async fn auto_does_not_guess_between_two_workloads_of_one_name() {
    let api = shared_service().api();
    let namespace = Namespace::new("ambiguous", 70).await;
    namespace.create("Deployment", NAME, 1).await;
    namespace.create("StatefulSet", NAME, 1).await;
    let (status, refusal) = api.create(&namespace.request("auto", NAME, 1, 2)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
    assert!(refusal["details"].as_str().unwrap().contains("Deployment and StatefulSet"), "{refusal}");
}
