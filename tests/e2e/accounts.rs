//! Accounts that services of a test's own run under.

use serde_json::{Value, json};

use super::cluster::{Cluster, SERVICE_ACCOUNT};

/// What makes an account with the roles of `deploy/`, rule by rule. The Lease that it may hold is in its own namespace.
pub fn with_the_shipped_roles(cluster: &Cluster, namespace: &str, account: &str) -> Vec<Value> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let leases = format!("{SERVICE_ACCOUNT}-leader-election");
    let role = cluster.kubectl(&["get", "role", &leases, "--namespace", "kube-system", "--output", "json"]);
    let role: Value = serde_json::from_str(&role).unwrap();
    let binding = |kind: &str, name: &str, role_kind: &str, role: &str| {
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        })
    };
    let everywhere = |role: &str| {
        let mut binding = binding("ClusterRoleBinding", &format!("{role}-{namespace}"), "ClusterRole", role);
        binding["metadata"].as_object_mut().unwrap().remove("namespace");
        binding
    };
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}),
        everywhere(SERVICE_ACCOUNT),
        everywhere(&format!("{SERVICE_ACCOUNT}-store")),
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "Role",
            "metadata": {"name": leases, "namespace": namespace},
            "rules": role["rules"],
        }),
        binding("RoleBinding", &leases, "Role", &leases),
    ]
}
