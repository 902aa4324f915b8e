//! What the simulated cluster does, seen through a real `kube::Client`.

mod api;
mod autoscalers;
mod curves;
mod faults;
mod metrics;
mod scale;
mod watches;
mod workloads;

use std::time::Duration;

use chrono::{DateTime, Utc};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::*;

/// A machine that is never full.
fn large_node() -> NodeSettings {
    NodeSettings {
        gpus: 1000,
        pods: 10_000,
        ..NodeSettings::new("node", Cpu::millis(1_000_000), Memory::mebibytes(10_000_000))
    }
}

/// A Deployment `default/web` that requests half a core per pod and serves a constant load.
fn web(replicas: u32, millicores: f64) -> WorkloadSettings {
    WorkloadSettings {
        replicas,
        load: LoadCurve::constant(millicores),
        ..WorkloadSettings::new(WorkloadKind::Deployment, "default", "web")
    }
}

/// The moment at which the tests' clusters start.
fn epoch() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

/// A cluster with one large machine and these workloads, which have been running for an hour.
fn cluster(workloads: impl IntoIterator<Item = WorkloadSettings>) -> SimulatedCluster {
    let settings = SimulationSettings {
        seed: 1,
        nodes: vec![large_node()],
        workloads: workloads.into_iter().collect(),
        ..SimulationSettings::empty()
    };
    SimulatedCluster::start(&settings, Clock::scaled(epoch(), 1.0))
}

fn deployments(cluster: &SimulatedCluster) -> Api<Deployment> {
    Api::namespaced(cluster.client(), "default")
}

async fn pods(cluster: &SimulatedCluster) -> Vec<Pod> {
    Api::<Pod>::all(cluster.client()).list(&ListParams::default()).await.unwrap().items
}

/// Scales `default/web` as the service does it.
async fn scale_web(cluster: &SimulatedCluster, replicas: i32) {
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    deployments(cluster).patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Lets so much of the cluster's time pass.
async fn pass(seconds: u64) {
    #[allow(clippy::disallowed_methods)]
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The answer to a GET, as JSON.
async fn get_json(cluster: &SimulatedCluster, path: &str) -> kube::Result<Value> {
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    cluster.client().request(request).await
}

/// The `Status` of a request that was refused.
fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> kube::core::Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
