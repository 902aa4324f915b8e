//! A Kubernetes cluster, or what speaks like one: the only code that names `kube` and `k8s_openapi`.
//!
//! In steady state it causes five watches, a sixth where autoscalers are kept in it, and the metrics requests that it is
//! asked for. Every short call has a time limit and is made once; whether to try again is for the caller to decide, who
//! knows whether it still makes sense.

mod calls;
pub mod client;
mod container;
mod counted;
pub mod custom_resource;
mod duration;
mod error;
pub mod exporters;
pub mod hpas;
mod index;
mod interned;
mod labelled;
mod metrics;
mod nodes;
mod owned;
mod placement;
mod pod;
mod pod_level;
mod pods;
mod replica_sets;
mod requests;
mod resolve;
mod rivals;
mod scale;
pub mod selector;
mod shape;
mod store;
mod taken;
mod watch;
mod watched;
mod workloads;
mod writers;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::calls::Calls;
use self::client::Clients;
use self::exporters::ExporterDiscovery;
use self::index::Index;
use self::metrics::Metrics;
use self::resolve::Resolver;
use self::scale::Scaler;
use self::store::{KubernetesStore, Watching};
use self::watch::{Watcher, follow};
use crate::clock::Clock;
use crate::instruments::Instruments;
use crate::ports::store::{AutoscalerStore, StoreEvents};
use crate::ports::{Cluster, ExporterDirectory};

/// How long a cluster may take to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time limit of a short call.
    pub call: Duration,
    /// The time limit of reading the metrics, which can be those of all pods of a cluster.
    pub metrics: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { call: Duration::from_secs(5), metrics: Duration::from_secs(10) }
    }
}

/// A cluster that is being watched, until this is dropped or stopped.
pub struct KubernetesCluster {
    cluster: Cluster,
    index: Arc<Index>,
    watcher: Watcher,
    calls: Calls,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl KubernetesCluster {
    /// Starts to watch a cluster; needs a tokio runtime. That the cluster does not answer is no error: the index says so
    /// until it does. Every request is counted.
    pub fn start(clients: Clients, clock: Clock, limits: Limits, instruments: Arc<Instruments>) -> Self {
        let clients = clients.counted(&instruments);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let index = Arc::new(Index::new());
        let watcher = Watcher { client: clients.watches, clock, instruments };
        index.start(&watcher, &tasks, &stop);
        tasks.close();

        let calls = Calls::new(clients.calls.clone(), limits.call);
        let cluster = Cluster {
            resolver: Arc::new(Resolver::new(calls.clone())),
            index: index.clone(),
            scaler: Arc::new(Scaler::new(calls.clone())),
            metrics: Arc::new(Metrics::new(Calls::new(clients.calls, limits.metrics))),
        };
        Self { cluster, index, watcher, calls, tasks, stop: stop.drop_guard() }
    }

    /// The cluster as the actors see it.
    pub fn cluster(&self) -> Cluster {
        self.cluster.clone()
    }

    /// Finds the exporters among the pods that are watched anyway.
    pub fn exporters(&self, discovery: ExporterDiscovery) -> Arc<dyn ExporterDirectory> {
        Arc::new(self.index.exporters(discovery))
    }

    /// Keeps autoscalers as objects of the cluster, which are watched from now on. To be called once: each call has a watch
    /// of its own. Who does not read the events holds the watch up.
    pub fn store(&self) -> (Arc<dyn AutoscalerStore>, StoreEvents) {
        let (watching, events) = Watching::new();
        let store = KubernetesStore::new(self.calls.clone(), watching.watched());
        let watch = follow(Arc::new(watching), self.watcher.clone());
        let stop = self.stop.token().clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(watch).await });
        (Arc::new(store), events)
    }

    /// Ends the watches, and returns when they have ended. The index then shows what it saw last.
    pub async fn stop(self) {
        drop(self.stop);
        self.tasks.wait().await;
    }
}
