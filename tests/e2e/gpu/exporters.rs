//! The exporters of a test: pods in a namespace of their own, one on each node, and what listens at their addresses.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::Api;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;
use tokio::task::JoinSet;

use super::exporter::{Behaviour, Exporter};
use super::text::{Load, metrics};
use crate::cluster::cluster;
use crate::workload::Namespace;

/// Another one than the service's default, so that it is found by its name or not at all.
const PORT: u16 = 9_451;

/// How many exporters are started at the same time.
const AT_ONCE: usize = 20;

/// An exporter for each node.
pub struct Exporters {
    /// The namespace of their pods.
    pub namespace: String,
    by_node: BTreeMap<String, Exporter>,
    loads: Arc<Mutex<HashMap<String, Load>>>,
    pods: Store<Pod>,
    _watching: JoinSet<()>,
}

impl Exporters {
    /// Starts one on each of `nodes`; they show the devices of the pods of `workloads`.
    pub async fn start(nodes: &[String], workloads: &Namespace) -> Self {
        let namespace = format!("{}-exporters", workloads.name);
        cluster().kubectl(&["create", "namespace", &namespace]);
        let client = cluster().client().await;
        // Pods are refused until it exists.
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &namespace);
        await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some()).await.unwrap();

        let (pods, watching) = watch(workloads.api()).await;
        let loads = Arc::new(Mutex::new(HashMap::new()));
        let api = Api::namespaced(client, &namespace);
        let start = async |node: &String| {
            let address = create_pod(&api, node).await;
            let (pods, loads, on) = (pods.clone(), loads.clone(), node.clone());
            let shown =
                Arc::new(move |shows_pods| metrics(&on, &running(&pods, &on), &loads.lock().unwrap(), shows_pods));
            let name = format!("{namespace}/{}", pod_name(node));
            (node.clone(), Exporter::start(name, (address, PORT).into(), shown).await)
        };
        let by_node = stream::iter(nodes).map(start).buffer_unordered(AT_ONCE).collect().await;
        Self { namespace, by_node, loads, pods, _watching: watching }
    }

    /// The exporter on a node.
    pub fn on(&self, node: &str) -> &Exporter {
        &self.by_node[node]
    }

    pub fn all(&self) -> impl Iterator<Item = &Exporter> {
        self.by_node.values()
    }

    pub fn set_all(&self, behaviour: Behaviour) {
        self.all().for_each(|exporter| exporter.set(behaviour.clone()));
    }

    /// What the exporter on a node would say now.
    pub fn says(&self, node: &str) -> Arc<str> {
        metrics(node, &running(&self.pods, node), &self.loads.lock().unwrap(), true).into()
    }

    /// Sets the utilisation of each device of the workload's pods, in percent; the last one's is that of all others.
    pub fn set_utilization(&self, workload: &str, percents: &[f64]) {
        self.loads.lock().unwrap().entry(workload.to_owned()).or_default().utilization = percents.to_owned();
    }

    /// Sets how much of their memory is used, in percent.
    pub fn set_memory(&self, workload: &str, percent: f64) {
        self.loads.lock().unwrap().entry(workload.to_owned()).or_default().memory = percent;
    }
}

/// The pods that run on a node.
fn running(pods: &Store<Pod>, node: &str) -> Vec<Arc<Pod>> {
    let runs = |pod: &Arc<Pod>| {
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
            && pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
    };
    let mut running: Vec<_> = pods.state().into_iter().filter(runs).collect();
    running.sort_by_key(|pod| ObjectRef::from_obj(&**pod).to_string());
    running
}

/// Keeps up with the pods of a namespace.
async fn watch(api: Api<Pod>) -> (Store<Pod>, JoinSet<()>) {
    let (store, writer) = reflector::store();
    let mut watching = JoinSet::new();
    watching.spawn(
        reflector::reflector(writer, watcher(api, watcher::Config::default()))
            .default_backoff()
            .for_each(|_| std::future::ready(())),
    );
    store.wait_until_ready().await.unwrap();
    (store, watching)
}

fn pod_name(node: &str) -> String {
    format!("dcgm-exporter-{node}")
}

/// Makes an exporter's pod, and waits for its address.
async fn create_pod(api: &Api<Pod>, node: &str) -> std::net::IpAddr {
    let pod = json!({
        "metadata": {"name": pod_name(node), "labels": {"app": "dcgm-exporter"}},
        "spec": {
            "nodeName": node,
            "containers": [{
                "name": "exporter",
                "image": "none",
                "ports": [
                    {"name": "debug", "containerPort": 1},
                    {"name": "metrics", "containerPort": PORT},
                ],
            }],
        },
    });
    api.create(&Default::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let address = |pod: Option<&Pod>| pod.and_then(|pod| pod.status.as_ref()?.pod_ip.clone());
    let has_address = move |pod: Option<&Pod>| address(pod).is_some();
    let pod = await_condition(api.clone(), &pod_name(node), has_address).await.unwrap();
    address(pod.as_ref()).unwrap().parse().unwrap()
}
