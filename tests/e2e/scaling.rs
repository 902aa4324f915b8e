//! Up with the load, down with the load.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use super::audit;
use super::cluster::SERVICE_ACCOUNT;
use super::service::shared_service;
use super::workload::{NAME, Namespace};

/// metrics-server reads every 10 s and shows a new pod after its second reading.
const SLOW: Duration = Duration::from_secs(90);

#[rstest]
#[case("Deployment", "up-and-down-deployment")]
#[case("StatefulSet", "up-and-down-statefulset")]
#[case("ReplicaSet", "up-and-down-replicaset")]
#[tokio::test]
async fn a_workload_goes_up_with_its_load_and_comes_down_again(#[case] kind: &str, #[case] namespace: &str) {
    let service = shared_service();
    let namespace = Namespace::new(namespace, 70).await;
    namespace.create(kind, NAME, 2).await;
    namespace.wait_for_ready(kind, NAME, 2, SLOW).await;
    let api = service.api();
    let id = api.created(&namespace.request(kind, NAME, 2, 5)).await;
    let at_target = api.wait_for(&id, "CPU is measured", SLOW, |a| cpu(a) == 70).await;
    assert_eq!(at_target["details"]["scale_up_count"], 0);

    namespace.set_cpu(140);
    // 140 % of 70 % doubles 2 to 4; the load per pod stays, so it goes on to the maximum.
    namespace.wait_for_ready(kind, NAME, 5, SLOW).await;
    let up = api.wait_for(&id, "all 5 are counted", SLOW, |a| a["details"]["current_replicas"] == 5).await;
    assert_eq!(up["status"], "active");
    assert!(up["details"]["scale_up_count"].as_u64().unwrap() >= 1);
    assert!(up["details"]["last_scale_time"].is_string());

    namespace.set_cpu(10);
    namespace.wait_for_ready(kind, NAME, 2, SLOW).await;
    let down = api.wait_for(&id, "it is down again", SLOW, |a| a["details"]["scale_down_count"] != 0).await;
    assert_eq!(down["details"]["current_replicas"], 2);
    assert_eq!(down["details"]["desired_replicas"], 2);

    let path = format!("/namespaces/{}/", namespace.name);
    let changes = audit::requests(|request| request.changes_scale() && request.uri.contains(&path));
    let counted = count(&down, "scale_up_count") + count(&down, "scale_down_count");
    assert_eq!(changes.len() as u64, counted, "each change is counted once: {changes:?}");
    let account = format!("system:serviceaccount:kube-system:{SERVICE_ACCOUNT}");
    assert!(changes.iter().all(|request| request.user.username == account));
    assert_eq!(service.logged(&format!("{id}: scaled")).len() as u64, counted, "and has one line in the log");
}

#[tokio::test]
async fn one_operation_adds_no_more_than_allowed() {
    let namespace = Namespace::new("step-limit", 140).await;
    namespace.create("Deployment", NAME, 3).await;
    namespace.wait_for_ready("Deployment", NAME, 3, SLOW).await;
    let mut request = namespace.request("Deployment", NAME, 1, 20);
    request["scale_up_policy"] = serde_json::json!({"max_scale_change": 1});
    let api = shared_service().api();
    let id = api.created(&request).await;
    let limited = api.wait_for(&id, "the first step is made", SLOW, |a| count(a, "scale_up_count") == 1).await;
    assert_eq!(limited["details"]["current_replicas"], 4);
    api.delete(&id).await;
}

fn cpu(autoscaler: &Value) -> u64 {
    autoscaler["details"]["current_cpu_percent"].as_u64().unwrap()
}

fn count(autoscaler: &Value, name: &str) -> u64 {
    autoscaler["details"][name].as_u64().unwrap()
}
