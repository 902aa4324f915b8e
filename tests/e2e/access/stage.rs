//! A service that asks the cluster who callers are, two namespaces with workloads, and the callers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use kube::api::{DynamicObject, PostParams};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use super::callers::{self, Caller, Stranger};
use super::client::Client;
use super::waiting::{LIMIT, eventually};
use crate::accounts::with_the_shipped_roles;
use crate::cluster::{SERVICE_ACCOUNT, cluster};
use crate::definitions::objects;
use crate::service::Service;

/// Where the service and its callers have their accounts.
pub const HOME: &str = "access-home";
/// The two namespaces whose autoscalers the service looks after.
pub const SHOP: &str = "access-shop";
pub const BANK: &str = "access-bank";

/// The workload of each that is under autoscaling all the time. No test changes its autoscaler's bounds.
pub const WEB: &str = "web";

/// Tests that run side by side are one caller.
const UNHURRIED: (&str, &str) = ("ORCHESTRATOR__HTTP__REQUESTS_PER_SECOND", "0");

/// Deployments of tests that put them under autoscaling themselves; nobody does that with `spare`.
pub const DEPLOYMENTS: [&str; 9] =
    ["spare", "authored", "streamed", "renamed", "forged", "taken", "mine", "theirs", "collected"];

/// What the tests share.
pub struct Stage {
    pub service: Service,
    tokens: HashMap<Caller, String>,
    /// The ids of the autoscalers of [`WEB`], and the names of their objects.
    pub shop: Autoscaler,
    pub bank: Autoscaler,
    /// Held by who switches the mode of the service.
    pub brake: Mutex<()>,
}

#[derive(Clone)]
pub struct Autoscaler {
    pub id: String,
    pub object: String,
}

/// The stage, which the first that asks for it sets up.
pub async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE.get_or_init(set_up).await
}

async fn set_up() -> Stage {
    let mut made: Vec<Value> = [HOME, SHOP, BANK]
        .iter()
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .collect();
    made.extend(callers::objects());
    made.extend(with_the_shipped_roles(cluster(), HOME, SERVICE_ACCOUNT));
    made.extend([SHOP, BANK].iter().flat_map(|namespace| workloads(namespace)));
    cluster().apply(&made);
    let tokens = callers::tokens().await;
    let settings = [
        ("ORCHESTRATOR__STORE__KIND", "kubernetes"),
        ("ORCHESTRATOR__LEADER_ELECTION__NAMESPACE", HOME),
        ("ORCHESTRATOR__NAMESPACES__ALLOW", "access-shop,access-bank"),
        ("ORCHESTRATOR__AUTH__MODE", "kubernetes"),
        UNHURRIED,
    ];
    let service = Service::start_with(&service_kubeconfig(&cluster().server), &settings);
    let administrator = Client::new(&service.url(), Some(&tokens[&Caller::Administrator]));
    eventually("the service is ready", async || administrator.get("/readyz").await.status == StatusCode::OK).await;
    service.wait_until_logged("leads from now on", LIMIT);
    let [shop, bank] = [SHOP, BANK].map(|namespace| created(&administrator, request(namespace, "Deployment", WEB)));
    let (shop, bank) = tokio::join!(shop, bank);
    let stage = Stage { service, tokens, shop, bank, brake: Mutex::new(()) };
    stage.await_roles().await;
    stage
}

/// A kubeconfig of an account with the roles that the service needs.
pub fn service_kubeconfig(server: &str) -> PathBuf {
    cluster().kubeconfig_for(SERVICE_ACCOUNT, HOME, server)
}

/// Nothing has pods: it is never about scaling here.
fn workloads(namespace: &str) -> Vec<Value> {
    let workload = |kind: &str, name: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": name}},
                "serviceName": (kind == "StatefulSet").then_some(name),
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "main", "image": "none"}]},
                },
            },
        })
    };
    let mut workloads = vec![workload("Deployment", WEB)];
    workloads.extend(DEPLOYMENTS.iter().map(|name| workload("Deployment", name)));
    for caller in Caller::ALL {
        let name = caller.name();
        for kind in ["Deployment", "StatefulSet", "ReplicaSet"] {
            workloads.push(workload(kind, &format!("{}-{name}", kind.to_lowercase())));
        }
    }
    workloads
}

/// A request to put a workload under autoscaling that only observes, and hardly ever.
pub fn request(namespace: &str, kind: &str, name: &str) -> Value {
    json!({
        "workload_name": name, "workload_namespace": namespace, "workload_type": kind,
        "min_replicas": 1, "max_replicas": 3, "target_cpu_percent": 70, "interval_seconds": 3600, "mode": "observe",
    })
}

/// The same as an object.
pub fn object(name: &str, kind: &str, workload: &str) -> DynamicObject {
    let mut spec = request("", kind, workload);
    spec.as_object_mut().unwrap().remove("workload_namespace");
    let object = json!({
        "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler", "metadata": {"name": name}, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// Puts a workload under autoscaling, which must succeed.
pub async fn created(client: &Client, request: Value) -> Autoscaler {
    let answer = client.ask(Method::POST, "/api/v1/autoscaling", Some(&request)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let body = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Autoscaler { id: text(&body["autoscaling_id"]), object: text(&body["details"]["hpa_name"]) }
}

impl Stage {
    /// A client of the service for somebody.
    pub fn client(&self, caller: Caller) -> Client {
        self.client_of(self.token(caller))
    }

    pub fn client_of(&self, token: &str) -> Client {
        Client::new(&self.service.url(), Some(token))
    }

    pub fn token(&self, caller: Caller) -> &str {
        &self.tokens[&caller]
    }

    /// A client of the API server for somebody.
    pub async fn kubernetes(&self, caller: Caller) -> kube::Client {
        cluster().client_of(self.token(caller)).await
    }

    pub fn autoscaler(&self, namespace: &str) -> &Autoscaler {
        if namespace == SHOP { &self.shop } else { &self.bank }
    }

    /// A client of the service for somebody who is nobody.
    pub async fn stranger(&self, stranger: Stranger) -> Client {
        let token = match stranger {
            Stranger::Silent => return Client::new(&self.service.url(), None),
            Stranger::Garbage => "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.".to_owned(),
            Stranger::Expired => cluster().persons_token("alice", &["devs"], -1),
            Stranger::Elsewhere => cluster().account_token(HOME, Caller::Editor.name(), Some("somebody-else")).await,
            Stranger::Deleted => {
                let token = cluster().account_token(HOME, "deleted", None).await;
                cluster().kubectl(&["delete", "serviceaccount", "deleted", "--namespace", HOME]);
                token
            }
        };
        self.client_of(&token)
    }

    /// Waits until the API server has made our roles a part of its own, and asks our policy.
    async fn await_roles(&self) {
        let trying = PostParams { dry_run: true, ..PostParams::default() };
        let new = object("tried", "Deployment", "spare");
        let editor = objects(self.kubernetes(Caller::Editor).await, SHOP);
        eventually("an editor may make autoscalers", async || editor.create(&trying, &new).await.is_ok()).await;
        let writer = objects(self.kubernetes(Caller::Writer).await, SHOP);
        eventually("the admission policy is asked", async || writer.create(&trying, &new).await.is_err()).await;
    }
}

/// A service of a test's own for the same callers, which keeps its autoscalers to itself and remembers what the cluster
/// says for so long.
pub fn another_service(server: &str, cache_seconds: u32, settings: &[(&str, &str)]) -> Service {
    let seconds = cache_seconds.to_string();
    let mut all = vec![
        ("ORCHESTRATOR__AUTH__MODE", "kubernetes"),
        ("ORCHESTRATOR__AUTH__CACHE_SECONDS", seconds.as_str()),
        ("ORCHESTRATOR__NAMESPACES__ALLOW", "access-shop,access-bank"),
        UNHURRIED,
    ];
    all.extend(settings);
    let service = Service::start_with(&service_kubeconfig(server), &all);
    service.wait_until_logged("open http://", Duration::from_secs(30));
    service
}
