//! What a test of GPUs plays on: nodes, exporters, a namespace for workloads, and a service of its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exporters::Exporters;
use super::nodes::{Devices, Nodes};
use crate::api::Api;
use crate::cluster::{SERVICE_ACCOUNT, cluster};
use crate::service::Service;
use crate::workload::Namespace;

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What is different from the defaults, so that nobody waits for long. Readings count for 10 s and are made each second.
const QUICK: [(&str, &str); 4] = [
    ("ORCHESTRATOR__METRICS__MAX_AGE_SECONDS", "10"),
    ("ORCHESTRATOR__GPU__FRESHNESS_SECONDS", "1"),
    ("ORCHESTRATOR__GPU__TIMEOUT_SECONDS", "2"),
    ("ORCHESTRATOR__GPU__COLLECT_INTERVAL_SECONDS", "1"),
];

pub struct Stage {
    pub namespace: Namespace,
    pub nodes: Nodes,
    pub exporters: Exporters,
    pub api: Api,
    /// Stopped with the stage.
    _service: Service,
}

impl Stage {
    /// A stage of this name with such nodes.
    pub async fn new(name: &str, devices: &[Devices]) -> Self {
        Self::with(name, devices, &[]).await
    }

    /// The same with other settings of the service.
    pub async fn with(name: &str, devices: &[Devices], settings: &[(&str, &str)]) -> Self {
        // The pods' CPU does not matter.
        let namespace = Namespace::new(name, 70).await;
        let nodes = Nodes::create(name, devices).await;
        let exporters = Exporters::start(&nodes.names, &namespace).await;
        let service = service(&exporters, settings);
        let api = service.api();
        Self { namespace, nodes, exporters, api, _service: service }
    }

    /// Makes a workload of pods with so many GPUs each, which are busy as given, and waits until it is ready.
    pub async fn workload(&self, kind: &str, name: &str, replicas: u32, pod: Value, percents: &[f64]) {
        self.exporters.set_utilization(name, percents);
        self.namespace.create_with(kind, name, replicas, pod).await;
        self.namespace.wait_for_ready(kind, name, replicas as i32, LIMIT).await;
    }

    /// A request for an autoscaler with one target, which is evaluated each second and knows no window.
    pub fn request(&self, kind: &str, name: &str, target: (&str, u32), min: u32, max: u32) -> Value {
        json!({
            "workload_name": name,
            "workload_namespace": self.namespace.name,
            "workload_type": kind,
            "min_replicas": min,
            "max_replicas": max,
            target.0: target.1,
            "interval_seconds": 1,
            "scale_down_policy": {"stabilization_window_seconds": 0},
            "warm_up": {"cpu_initialization_seconds": 0, "readiness_delay_seconds": 0},
        })
    }

    /// Waits until the autoscaler was evaluated so many times more.
    pub async fn evaluations(&self, id: &str, times: usize) {
        for _ in 0..times {
            let before = self.api.autoscaler(id).await["details"]["updated_at"].clone();
            self.api.wait_for(id, "it is evaluated", LIMIT, |a| a["details"]["updated_at"] != before).await;
        }
    }

    /// Waits until `GET /api/v1/sources` shows the exporters as wanted.
    pub async fn wait_for_sources(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (status, body) = self.api.get("/api/v1/sources").await;
            assert_eq!(status, 200, "{body}");
            let exporters = body["gpu"]["exporters"].as_array().unwrap();
            if wanted(exporters) {
                return exporters.clone();
            }
            assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}; the sources are {body:#}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// A service that reads these exporters, with other settings than the defaults.
pub fn service(exporters: &Exporters, settings: &[(&str, &str)]) -> Service {
    let kubeconfig = cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &cluster().server);
    let namespace = ("ORCHESTRATOR__GPU__NAMESPACE", exporters.namespace.as_str());
    let environment: Vec<_> = QUICK.into_iter().chain([namespace]).chain(settings.iter().copied()).collect();
    Service::start_with(&kubeconfig, &environment)
}

/// A metric in an autoscaler's details.
pub fn metric<'a>(autoscaler: &'a Value, name: &str) -> &'a Value {
    let metrics = autoscaler["details"]["metrics"].as_array();
    metrics.and_then(|all| all.iter().find(|metric| metric["name"] == name)).unwrap_or(&Value::Null)
}

/// The measured percentage of a metric; `None` while it is unknown, or some pods are not in it.
pub fn measured(autoscaler: &Value, name: &str) -> Option<u64> {
    let metric = metric(autoscaler, name);
    let complete = metric["coverage"]["missing_pods"] == 0 && metric["coverage"]["unready_pods"] == 0;
    (metric["state"] == "known" && complete).then(|| metric["utilization_percent"].as_u64())?
}

/// What is shown of one pod's GPUs.
pub fn pod<'a>(autoscaler: &'a Value, name: &str) -> &'a Value {
    let pods = autoscaler["details"]["gpu"]["pods"].as_array();
    pods.and_then(|all| all.iter().find(|pod| pod["pod"] == name)).unwrap_or(&Value::Null)
}
