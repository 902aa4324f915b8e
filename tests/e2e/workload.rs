//! A namespace with one workload, whose pods' usage a test sets.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use kube::api::{DeleteParams, PostParams};
use kube::runtime::conditions::Condition;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::cluster::{Cluster, cluster};

/// The workload's name, whatever its kind.
pub const NAME: &str = "web";

/// Each pod requests this much CPU, in millicores, so that usage in millicores is a percentage.
const REQUEST: &str = "100m";

/// A namespace of a test's own.
pub struct Namespace {
    pub name: String,
    pub cluster: &'static Cluster,
    pub client: Client,
}

impl Namespace {
    /// A namespace whose pods use `cpu` millicores each.
    pub async fn new(name: &str, cpu: u32) -> Self {
        Self::on(cluster(), name, cpu).await
    }

    /// The same on this control plane.
    pub async fn on(cluster: &'static Cluster, name: &str, cpu: u32) -> Self {
        cluster.kubectl(&["create", "namespace", name]);
        let namespace = Self { name: name.to_owned(), cluster, client: cluster.client().await };
        namespace.set_cpu(cpu);
        namespace
    }

    /// Sets what each pod uses from now on; metrics-server shows it at its next reading.
    pub fn set_cpu(&self, millicores: u32) {
        self.annotate(&format!("kwok.x-k8s.io/usage-cpu={millicores}m"));
    }

    /// The same for its memory.
    pub fn set_memory(&self, mebibytes: u32) {
        self.annotate(&format!("kwok.x-k8s.io/usage-memory={mebibytes}Mi"));
    }

    fn annotate(&self, usage: &str) {
        self.cluster.kubectl(&["annotate", "namespace", &self.name, usage, "--overwrite"]);
    }

    /// Makes a workload of this kind, whose pods have one container.
    pub async fn create(&self, kind: &str, name: &str, replicas: u32) {
        let pod = json!({"containers": [{
            "name": "main",
            "image": "none",
            "resources": {"requests": {"cpu": REQUEST, "memory": "128Mi"}},
        }]});
        self.create_with(kind, name, replicas, pod).await;
    }

    /// Makes a workload of this kind, with such pods.
    pub async fn create_with(&self, kind: &str, name: &str, replicas: u32, pod: Value) {
        let spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "serviceName": (kind == "StatefulSet").then_some(name),
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        });
        let object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let parameters = PostParams::default();
        match kind {
            "Deployment" => {
                let object: Deployment = serde_json::from_value(object).unwrap();
                self.api().create(&parameters, &object).await.unwrap();
            }
            "StatefulSet" => {
                let object: StatefulSet = serde_json::from_value(object).unwrap();
                self.api().create(&parameters, &object).await.unwrap();
            }
            "ReplicaSet" => {
                let object: ReplicaSet = serde_json::from_value(object).unwrap();
                self.api().create(&parameters, &object).await.unwrap();
            }
            other => panic!("no such kind: {other}"),
        }
    }

    /// Deletes the Deployment, and waits until it is gone.
    pub async fn delete_deployment(&self, name: &str) {
        let api = self.api::<Deployment>();
        let uid = api.get(name).await.unwrap().metadata.uid.unwrap();
        api.delete(name, &DeleteParams::foreground()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(60), await_condition(api, name, conditions::is_deleted(&uid)))
            .await
            .expect("the deployment is deleted within a minute")
            .unwrap();
    }

    pub async fn replicas(&self, kind: &str, name: &str) -> i32 {
        match kind {
            "Deployment" => self.api::<Deployment>().get_scale(name).await,
            "StatefulSet" => self.api::<StatefulSet>().get_scale(name).await,
            _ => self.api::<ReplicaSet>().get_scale(name).await,
        }
        .unwrap()
        .spec
        .unwrap()
        .replicas
        .unwrap()
    }

    /// Waits until the workload has that many replicas, all of them ready.
    pub async fn wait_for_ready(&self, kind: &str, name: &str, replicas: i32, limit: Duration) {
        let waiting = async {
            match kind {
                "Deployment" => {
                    wait(self.api::<Deployment>(), name, move |object: Option<&Deployment>| {
                        object.is_some_and(|object| {
                            object.spec.as_ref().and_then(|spec| spec.replicas) == Some(replicas)
                                && object.status.as_ref().and_then(|status| status.ready_replicas) == Some(replicas)
                        })
                    })
                    .await
                }
                "StatefulSet" => {
                    wait(self.api::<StatefulSet>(), name, move |object: Option<&StatefulSet>| {
                        object.is_some_and(|object| {
                            object.spec.as_ref().and_then(|spec| spec.replicas) == Some(replicas)
                                && object.status.as_ref().and_then(|status| status.ready_replicas) == Some(replicas)
                        })
                    })
                    .await
                }
                _ => {
                    wait(self.api::<ReplicaSet>(), name, move |object: Option<&ReplicaSet>| {
                        object.is_some_and(|object| {
                            object.spec.as_ref().and_then(|spec| spec.replicas) == Some(replicas)
                                && object.status.as_ref().and_then(|status| status.ready_replicas) == Some(replicas)
                        })
                    })
                    .await
                }
            }
        };
        if tokio::time::timeout(limit, waiting).await.is_err() {
            let now = self.replicas(kind, name).await;
            panic!("{kind} {}/{name} has {now} replicas and not {replicas} ready ones within {limit:?}", self.name);
        }
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// A request to put the Deployment `name` between `min` and `max` replicas under autoscaling at 70 % CPU, evaluated
    /// each second, with no window.
    pub fn request(&self, kind: &str, name: &str, min: u32, max: u32) -> Value {
        json!({
            "workload_name": name,
            "workload_namespace": self.name,
            "workload_type": kind,
            "min_replicas": min,
            "max_replicas": max,
            "target_cpu_percent": 70,
            "interval_seconds": 1,
            "scale_down_policy": {"stabilization_window_seconds": 0},
        })
    }
}

async fn wait<K>(api: Api<K>, name: &str, condition: impl Condition<K>)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    await_condition(api, name, condition).await.unwrap();
}
