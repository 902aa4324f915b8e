//! The API server is away, at the start and in between.

use std::time::Duration;

use reqwest::StatusCode;

use super::api::condition;
use super::audit;
use super::cluster::{SERVICE_ACCOUNT, cluster};
use super::proxy::Proxy;
use super::service::Service;
use super::workload::{NAME, Namespace};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn an_api_server_that_is_away_at_the_start_is_waited_for() {
    let proxy = Proxy::start(&cluster().server, false).await;
    let service = Service::start(&cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &proxy.server()));
    let api = service.api();
    let (status, answer) = api.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    let (status, _) = api.get("/healthz").await;
    assert_eq!(status, StatusCode::OK);
    let namespace = Namespace::new("away-at-start", 70).await;
    namespace.create("Deployment", NAME, 2).await;
    let (status, answer) = api.create(&namespace.request("Deployment", NAME, 1, 2)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");

    proxy.set_open(true);
    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    api.created(&namespace.request("Deployment", NAME, 1, 2)).await;
}

#[tokio::test]
async fn an_outage_of_a_minute_causes_no_action_and_passes_by_itself() {
    let namespace = Namespace::new("outage", 70).await;
    namespace.create("Deployment", NAME, 3).await;
    namespace.wait_for_ready("Deployment", NAME, 3, LIMIT).await;
    let proxy = Proxy::start(&cluster().server, true).await;
    let service = Service::start(&cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &proxy.server()));
    let api = service.api();
    let mut request = namespace.request("Deployment", NAME, 1, 10);
    request["scale_down_policy"] = serde_json::json!({"stabilization_window_seconds": 300});
    let id = api.created(&request).await;
    api.wait_for(&id, "CPU is measured", LIMIT, |a| a["details"]["current_cpu_percent"] == 70).await;

    proxy.set_open(false);
    api.wait_until_readyz(StatusCode::SERVICE_UNAVAILABLE, LIMIT).await;
    // The load falls meanwhile: an action after the outage would be one down.
    namespace.set_cpu(5);
    let blind = api
        .wait_for(&id, "it knows that it knows nothing", LIMIT, |autoscaler| {
            condition(autoscaler, "ScalingActive")["status"] == "False"
        })
        .await;
    assert_eq!((&blind["status"], &blind["details"]["current_replicas"]), (&"active".into(), &3.into()));
    // This is the outage itself: it has to last.
    tokio::time::sleep(Duration::from_secs(60)).await;
    proxy.set_open(true);

    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    let back = api.wait_for(&id, "CPU is measured again", LIMIT, |a| a["details"]["current_cpu_percent"] == 5).await;
    assert_eq!(condition(&back, "AbleToScale")["reason"], "ScaleDownStabilized", "the window begins anew: {back:#}");
    assert_eq!(namespace.replicas("Deployment", NAME).await, 3);
    let changes = audit::requests(|request| request.changes_scale() && request.uri.contains("/namespaces/outage/"));
    assert!(changes.is_empty(), "{changes:?}");
}
