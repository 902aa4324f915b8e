//! Those who ask.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::stage::{BANK, HOME, SHOP};
use crate::cluster::{Cluster, cluster};

/// Somebody whom the cluster knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Has no role.
    Outsider,
    /// Has Kubernetes' own role `view` in the shop.
    Viewer,
    /// Has Kubernetes' own role `edit` in the shop.
    Editor,
    /// Has our role `editor` in the shop, and so may scale nothing there.
    Writer,
    /// May set the scale of workloads in the shop, and knows nothing of autoscalers.
    Scaler,
    /// Has our role `editor` in the shop, and may set the scale of Deployments there.
    Deployer,
    /// Has our role `operator` in the whole cluster.
    Operator,
    /// Has our role `metrics`, by the token that Kubernetes keeps in a Secret, as Prometheus sends it.
    Scraper,
    /// A person whom an OpenID Connect issuer knows: a viewer in the bank, and in a group of editors in the shop.
    Alice,
    /// The administrator of the cluster.
    Administrator,
}

impl Caller {
    pub const ALL: [Self; 10] = [
        Self::Outsider,
        Self::Viewer,
        Self::Editor,
        Self::Writer,
        Self::Scaler,
        Self::Deployer,
        Self::Operator,
        Self::Scraper,
        Self::Alice,
        Self::Administrator,
    ];

    /// The name, which is also that of the service account, if it is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outsider => "outsider",
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Writer => "writer",
            Self::Scaler => "scaler",
            Self::Deployer => "deployer",
            Self::Operator => "operator",
            Self::Scraper => "ai-storage-orchestrator-scraper",
            Self::Alice => "alice",
            Self::Administrator => "administrator",
        }
    }

    /// The name by which the cluster knows them.
    pub fn user(self) -> String {
        match self {
            Self::Alice => "oidc:alice".to_owned(),
            Self::Administrator => "admin".to_owned(),
            Self::Scraper => format!("system:serviceaccount:kube-system:{}", self.name()),
            _ => format!("system:serviceaccount:{HOME}:{}", self.name()),
        }
    }
}

/// Somebody who is let in nowhere.
#[derive(Clone, Copy, Debug)]
pub enum Stranger {
    Silent,
    Garbage,
    /// An editor whose token was valid once.
    Expired,
    /// The editor, with a token that is meant for somebody else.
    Elsewhere,
    /// An account that was an editor, and is deleted.
    Deleted,
}

/// The accounts, the roles that are for this test alone, and who has which.
pub fn objects() -> Vec<Value> {
    let accounts = ["outsider", "viewer", "editor", "writer", "scaler", "deployer", "operator", "deleted"];
    let mut objects: Vec<Value> = accounts.iter().map(|name| account(HOME, name)).collect();
    objects.extend([
        bound(SHOP, "view", &[service_account("viewer")]),
        bound(SHOP, "edit", &[service_account("editor"), service_account("deleted"), group("oidc:devs")]),
        bound(BANK, "view", &[user("oidc:alice")]),
        bound(SHOP, "ai-storage-orchestrator-editor", &[service_account("writer"), service_account("deployer")]),
        json!({
            "apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "access-scale-all"},
            "rules": [scale(&["deployments/scale", "statefulsets/scale", "replicasets/scale"])],
        }),
        json!({
            "apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "access-scale-deployments"},
            "rules": [scale(&["deployments/scale"])],
        }),
        bound(SHOP, "access-scale-all", &[service_account("scaler")]),
        bound(SHOP, "access-scale-deployments", &[service_account("deployer")]),
        json!({
            "apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": "access-operator"},
            "roleRef": role("ai-storage-orchestrator-operator"), "subjects": [service_account("operator")],
        }),
    ]);
    objects
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

pub fn account(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
}

fn role(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name})
}

pub fn service_account(name: &str) -> Value {
    json!({"kind": "ServiceAccount", "name": name, "namespace": HOME})
}

fn user(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

fn group(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name})
}

/// A role of the cluster that these have in one namespace.
pub fn bound(namespace: &str, role_name: &str, subjects: &[Value]) -> Value {
    json!({
        "apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": role_name, "namespace": namespace},
        "roleRef": role(role_name), "subjects": subjects,
    })
}

fn scale(resources: &[&str]) -> Value {
    json!({"apiGroups": ["apps"], "resources": resources, "verbs": ["update", "patch"]})
}

/// The tokens of all callers.
pub async fn tokens() -> HashMap<Caller, String> {
    let mut tokens = HashMap::new();
    for caller in Caller::ALL {
        let token = match caller {
            Caller::Alice => cluster().persons_token("alice", &["devs"], 3 * 3600),
            Caller::Administrator => cluster().administrators_token(),
            Caller::Scraper => scrapers_token(cluster()),
            _ => cluster().account_token(HOME, caller.name(), None).await,
        };
        tokens.insert(caller, token);
    }
    tokens
}

/// What `deploy/components/monitoring` makes for Prometheus. (Its other objects are of kinds that this cluster does not
/// have.)
fn scrapers_token(cluster: &Cluster) -> String {
    let manifest = crate::cluster::deploy_folder().join("components/monitoring/scraper.yaml");
    cluster.kubectl(&["apply", "--namespace", "kube-system", "--filename", manifest.to_str().unwrap()]);
    let name = format!("secret/{}", Caller::Scraper.name());
    let is_there = "--for=jsonpath={.data.token}";
    cluster.kubectl(&["wait", "--namespace", "kube-system", is_there, "--timeout=60s", &name]);
    let template = "--output=go-template={{.data.token | base64decode}}";
    cluster.kubectl(&["get", "--namespace", "kube-system", &name, template])
}
