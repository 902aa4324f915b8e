//! Where most tests begin: a namespace with a Deployment of two pods whose memory the metrics API knows.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::cluster::{Cluster, cluster};
use super::waiting::{LIMIT, eventually};
use super::workload::{NAME, Namespace};

/// How much memory each pod uses, in MiB, where it requests 128: far above the target, at it, far below it. With these, a
/// reading of some pods before and some after a change leads where the later ones do, if that is one of the bounds.
pub const HIGH: u32 = 1280;
pub const EVEN: u32 = 90;
pub const LOW: u32 = 4;

static MACHINE: RwLock<()> = RwLock::new(());

/// A share of the machine. Each test has a thread of its own, so it may be held over everything that the test waits for.
pub enum Machine {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Whole { _guard: RwLockWriteGuard<'static, ()> },
}

/// Held by tests that wait most of the time, and may do so side by side.
pub fn beside_others() -> Machine {
    Machine::Shared { _guard: MACHINE.read().unwrap_or_else(PoisonError::into_inner) }
}

/// Held by a test that needs the whole machine.
pub fn alone() -> Machine {
    Machine::Whole { _guard: MACHINE.write().unwrap_or_else(PoisonError::into_inner) }
}

/// A namespace with a Deployment of two pods that use so much memory.
pub async fn workload(name: &str, memory: u32) -> Namespace {
    workload_on(cluster(), name, memory).await
}

/// The same on this control plane.
pub async fn workload_on(cluster: &'static Cluster, name: &str, memory: u32) -> Namespace {
    let namespace = Namespace::on(cluster, name, 10).await;
    namespace.set_memory(memory);
    namespace.create("Deployment", NAME, 2).await;
    namespace.wait_for_ready("Deployment", NAME, 2, LIMIT).await;
    await_measured(&namespace, 2).await;
    namespace
}

/// Waits until the metrics API knows so many pods of the namespace.
pub async fn await_measured(namespace: &Namespace, pods: usize) {
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods", namespace.name);
    eventually("all pods are measured", LIMIT, async || {
        let Ok(metrics) = namespace.cluster.try_kubectl(&["get", "--raw", &path]).await else { return false };
        let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
        metrics["items"].as_array().is_some_and(|items| items.len() == pods)
    })
    .await;
}

/// How many replicas its Deployment is to have.
pub async fn replicas(namespace: &Namespace) -> i32 {
    namespace.replicas("Deployment", NAME).await
}

/// Waits until that is so many.
pub async fn await_replicas(namespace: &Namespace, count: i32) -> std::time::Duration {
    eventually(&format!("{} has {count} replicas", namespace.name), LIMIT, async || replicas(namespace).await == count)
        .await
}
