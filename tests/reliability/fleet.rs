//! Replicas of the service that share a Lease and look after some namespaces. Each has an account of its own, so that the
//! audit log tells them apart.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::{Value, json};

use super::cluster::{Cluster, SERVICE_ACCOUNT};
use super::service::{Service, binary};
use super::waiting::{LIMIT, eventually};
use super::workload::Namespace;

/// The name of the Lease.
const LEASE: &str = "elected";

/// Replicas of the service.
pub struct Fleet {
    cluster: &'static Cluster,
    client: kube::Client,
    /// The namespace of the Lease and of the accounts.
    pub home: String,
    settings: Vec<(String, String)>,
    /// Where the replicas reach the API server, if not directly.
    server: Option<String>,
    kubeconfigs: Mutex<HashMap<String, PathBuf>>,
}

impl Fleet {
    /// Replicas that look after these namespaces, at least one. The first is also that of the Lease.
    pub fn new(namespaces: &[&Namespace]) -> Self {
        let names: Vec<&str> = namespaces.iter().map(|namespace| namespace.name.as_str()).collect();
        let settings = [
            ("STORE__KIND", "kubernetes"),
            ("LEADER_ELECTION__LEASE_NAME", LEASE),
            ("LEADER_ELECTION__NAMESPACE", names[0]),
            ("NAMESPACES__ALLOW", &names.join(",")),
            ("METRICS__FRESHNESS_SECONDS", "1"),
        ];
        let settings = settings.into_iter().map(|(key, value)| setting(key, value)).collect();
        Self {
            cluster: namespaces[0].cluster,
            client: namespaces[0].client.clone(),
            home: names[0].to_owned(),
            settings,
            server: None,
            kubeconfigs: Mutex::default(),
        }
    }

    /// With a Lease of so many seconds.
    pub fn lease_seconds(mut self, seconds: u64) -> Self {
        self.settings.push(setting("LEADER_ELECTION__LEASE_SECONDS", &seconds.to_string()));
        self
    }

    /// With the API server at this address.
    pub fn through(mut self, server: String) -> Self {
        self.server = Some(server);
        self
    }

    /// The user as whom a replica acts.
    pub fn user(&self, replica: &str) -> String {
        format!("system:serviceaccount:{}:{replica}", self.home)
    }

    /// The kubeconfig of a replica, whose account is made at the first call.
    pub fn kubeconfig(&self, replica: &str) -> PathBuf {
        let mut kubeconfigs = self.kubeconfigs.lock().unwrap();
        let make = || {
            self.cluster.apply(&account(&self.home, replica));
            let server = self.server.as_ref().unwrap_or(&self.cluster.server);
            self.cluster.kubeconfig_for(replica, &self.home, server)
        };
        kubeconfigs.entry(replica.to_owned()).or_insert_with(make).clone()
    }

    /// Starts a replica of this name, and waits until it listens.
    pub fn start(&self, replica: &str) -> Service {
        self.start_as(Command::new(binary()), replica, &[])
    }

    /// The same with a command that ends in the service's own, and other settings.
    pub fn start_as(&self, command: Command, replica: &str, settings: &[(&str, &str)]) -> Service {
        let mut all: Vec<(&str, &str)> =
            self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        all.extend(settings);
        Service::run(command, &self.kubeconfig(replica), &all)
    }

    /// What runs a replica of this name, but for its port.
    pub fn command(&self, replica: &str) -> Command {
        let mut command = Command::new(binary());
        command.arg("--kubeconfig").arg(self.kubeconfig(replica)).envs(self.settings.iter().cloned());
        command
    }

    /// Starts replicas of these names, of which the first leads and all know the autoscalers.
    pub async fn start_led<const N: usize>(&self, replicas: [&str; N]) -> [Service; N] {
        let services = replicas.map(|replica| {
            let service = self.start(replica);
            (replica, service)
        });
        // The others would be as good a leader; the tests' messages are better when it is always the first.
        let mut all = Vec::new();
        for (number, (replica, service)) in services.into_iter().enumerate() {
            if number > 0 {
                all.push(service);
                continue;
            }
            eventually(&format!("{replica} leads"), LIMIT, async || leads(&service)).await;
            all.push(service);
        }
        for service in &all {
            service.api().wait_until_readyz(reqwest::StatusCode::OK, LIMIT).await;
        }
        all.try_into().unwrap_or_else(|_| unreachable!())
    }

    /// The Lease.
    pub async fn lease(&self) -> Option<Lease> {
        Api::<Lease>::namespaced(self.client.clone(), &self.home).get_opt(LEASE).await.unwrap()
    }

    /// Who holds the Lease.
    pub async fn holder(&self) -> Option<String> {
        self.lease().await?.spec?.holder_identity.filter(|holder| !holder.is_empty())
    }

    /// Waits until one of these replicas leads, as it says itself; returns its number and how long that took.
    pub async fn await_leader(&self, replicas: &[&Service], limit: Duration) -> (usize, Duration) {
        let mut leader = 0;
        let took = eventually("a replica leads", limit, async || {
            let Some(holder) = self.holder().await else { return false };
            let found = replicas.iter().position(|replica| identity(replica) == holder && leads(replica));
            leader = found.unwrap_or(leader);
            found.is_some()
        })
        .await;
        (leader, took)
    }
}

/// A replica's name in the Lease.
pub fn identity(replica: &Service) -> String {
    let line = replica.logged("this replica is ").into_iter().next().expect("it says its name");
    let (_, rest) = line.split_once("this replica is ").unwrap();
    rest.split(';').next().unwrap().to_owned()
}

/// Whether a replica says that it leads.
pub fn leads(replica: &Service) -> bool {
    let named = identity(replica);
    let said = replica.logged(&format!("{named} "));
    said.iter().rfind(|line| line.contains("lead")).is_some_and(|line| line.contains("leads from now on"))
}

fn setting(key: &str, value: &str) -> (String, String) {
    (format!("ORCHESTRATOR__{key}"), value.to_owned())
}

/// An account with the roles of `deploy/`, and with that on the Lease here.
fn account(namespace: &str, name: &str) -> Vec<Value> {
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
    let rbac = "rbac.authorization.k8s.io";
    let cluster_wide = |role: String| {
        json!({
            "apiVersion": format!("{rbac}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{role}-{namespace}-{name}")},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        })
    };
    let leases = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]});
    let with = |more: Value| {
        let mut rule = leases.clone();
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}),
        cluster_wide(SERVICE_ACCOUNT.to_owned()),
        cluster_wide(format!("{SERVICE_ACCOUNT}-store")),
        json!({
            "apiVersion": format!("{rbac}/v1"),
            "kind": "Role",
            "metadata": {"name": "leader-election", "namespace": namespace},
            "rules": [
                with(json!({"verbs": ["create"]})),
                with(json!({"verbs": ["get", "list", "watch", "update"], "resourceNames": [LEASE]})),
            ],
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"),
            "kind": "RoleBinding",
            "metadata": {"name": format!("leader-election-{name}"), "namespace": namespace},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "leader-election"},
            "subjects": subjects,
        }),
    ]
}
