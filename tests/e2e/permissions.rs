//! What the service may and may not do in the cluster.

use std::time::Duration;

use serde_json::json;

use super::api::condition;
use super::cluster::cluster;
use super::service::Service;
use super::workload::{NAME, Namespace};

const LIMIT: Duration = Duration::from_secs(120);

/// The rules of the role in `deploy/` without those on scales.
fn role_without_scale() -> serde_json::Value {
    let shipped = cluster().kubectl(&["get", "clusterrole", "ai-storage-orchestrator", "--output", "json"]);
    let shipped: serde_json::Value = serde_json::from_str(&shipped).unwrap();
    let touches_scale = |rule: &serde_json::Value| {
        rule["resources"].as_array().unwrap().iter().any(|resource| resource.as_str().unwrap().ends_with("/scale"))
    };
    let rules: Vec<_> =
        shipped["rules"].as_array().unwrap().iter().filter(|rule| !touches_scale(rule)).cloned().collect();
    assert_ne!(rules.len(), shipped["rules"].as_array().unwrap().len());
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "cannot-scale"},
        "rules": rules,
    })
}

#[tokio::test]
async fn a_service_that_may_not_scale_says_so_and_recovers_when_it_may() {
    let namespace = Namespace::new("may-not-scale", 140).await;
    namespace.create("Deployment", NAME, 2).await;
    namespace.wait_for_ready("Deployment", NAME, 2, LIMIT).await;
    let role = cluster().folder.path().join("cannot-scale.json");
    std::fs::write(&role, role_without_scale().to_string()).unwrap();
    cluster().kubectl(&["apply", "--filename", role.to_str().unwrap()]);
    cluster().kubectl(&["create", "serviceaccount", "limited", "--namespace", &namespace.name]);
    let account = format!("--serviceaccount={}:limited", namespace.name);
    cluster().kubectl(&["create", "clusterrolebinding", "cannot-scale", "--clusterrole=cannot-scale", &account]);

    let service = Service::start(&cluster().kubeconfig_for("limited", &namespace.name, &cluster().server));
    let api = service.api();
    let id = api.created(&namespace.request("Deployment", NAME, 2, 4)).await;
    let failed = api.wait_for(&id, "it failed", LIMIT, |autoscaler| autoscaler["status"] == "failed").await;
    let failure = failed["details"]["failure"].as_str().unwrap();
    let expected = format!(
        "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:{}:limited\" cannot patch \
         resource \"deployments/scale\" in API group \"apps\" in the namespace \"{}\"",
        namespace.name, namespace.name
    );
    assert!(failure.contains(&expected), "{failure}");
    assert_eq!(condition(&failed, "AbleToScale")["reason"], "FailedUpdateScale");
    assert_eq!(namespace.replicas("Deployment", NAME).await, 2);

    let binding = ["create", "clusterrolebinding", "can-scale", "--clusterrole=ai-storage-orchestrator", &account];
    cluster().kubectl(&binding);
    namespace.wait_for_ready("Deployment", NAME, 4, LIMIT).await;
    let active = api.wait_for(&id, "it is active again", LIMIT, |a| a["status"] == "active").await;
    assert!(active["details"]["failure"].is_null());
}
