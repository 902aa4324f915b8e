//! Deleted autoscalers, deleted workloads, and a service that is told to stop.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::api::condition;
use super::audit;
use super::cluster::{SERVICE_ACCOUNT, cluster};
use super::service::{Service, shared_service};
use super::workload::{NAME, Namespace};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn deleting_an_autoscaler_stops_a_scaling_that_was_due() {
    let namespace = Namespace::new("deleted-while-due", 140).await;
    let api = shared_service().api();
    let mut ids = Vec::new();
    // The same load and the same window: when the one that was kept has scaled, the deleted one would have.
    for name in ["deleted", "kept"] {
        namespace.create("Deployment", name, 2).await;
        namespace.wait_for_ready("Deployment", name, 2, LIMIT).await;
        let mut request = namespace.request("Deployment", name, 2, 10);
        request["scale_up_policy"] = json!({"stabilization_window_seconds": 30});
        ids.push(api.created(&request).await);
    }
    for id in &ids {
        api.wait_for(id, "the window delays the scaling", LIMIT, |autoscaler| {
            condition(autoscaler, "AbleToScale")["reason"] == "ScaleUpStabilized"
        })
        .await;
    }
    let (status, _) = api.delete(&ids[0]).await;
    assert_eq!(status, StatusCode::OK);

    api.wait_for(&ids[1], "the kept one scales", LIMIT, |a| a["details"]["scale_up_count"] == 1).await;
    assert_eq!(namespace.replicas("Deployment", "deleted").await, 2);
    let changes = audit::requests(|r| r.changes_scale() && r.uri.contains("/deleted-while-due/deployments/deleted/"));
    assert!(changes.is_empty(), "{changes:?}");
    let (status, answer) = api.get(&format!("/api/v1/autoscaling/{}", ids[0])).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
}

#[tokio::test]
async fn a_deleted_workload_fails_its_autoscaler_and_a_new_one_brings_it_back() {
    let namespace = Namespace::new("deleted-workload", 70).await;
    namespace.create("Deployment", NAME, 2).await;
    namespace.wait_for_ready("Deployment", NAME, 2, LIMIT).await;
    let api = shared_service().api();
    let id = api.created(&namespace.request("Deployment", NAME, 2, 4)).await;
    api.wait_for(&id, "it is active", LIMIT, |a| a["details"]["current_cpu_percent"] == 70).await;

    namespace.delete_deployment(NAME).await;
    let failed = api.wait_for(&id, "it failed", LIMIT, |autoscaler| autoscaler["status"] == "failed").await;
    assert_eq!(failed["message"], "Autoscaler failed");
    assert_eq!(failed["details"]["failure"], "deployment \"web\" not found");

    namespace.create("Deployment", NAME, 2).await;
    api.wait_for(&id, "it is active again", LIMIT, |autoscaler| autoscaler["status"] == "active").await;
    namespace.set_cpu(140);
    namespace.wait_for_ready("Deployment", NAME, 4, LIMIT).await;
}

#[tokio::test]
async fn a_service_that_is_told_to_stop_ends_cleanly() {
    let namespace = Namespace::new("stopped-service", 70).await;
    namespace.create("Deployment", NAME, 2).await;
    let service = Service::start(&cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &cluster().server));
    let api = service.api();
    let id = api.created(&namespace.request("Deployment", NAME, 2, 4)).await;
    api.wait_for(&id, "it was evaluated", LIMIT, |autoscaler| autoscaler["details"]["updated_at"].is_string()).await;
    let (status, took) = service.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
}
