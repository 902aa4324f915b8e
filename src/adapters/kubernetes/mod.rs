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
mod discretion;
mod duration;
mod error;
mod events;
pub mod exporters;
mod hpa_targets;
pub mod hpas;
mod index;
mod interned;
mod labelled;
pub mod lease;
mod metrics;
mod micro_time;
mod nodes;
mod outage;
mod owned;
mod placement;
mod pod;
mod pod_level;
mod pod_metrics;
mod pods;
mod replica_sets;
mod requests;
mod resolve;
mod reviews;
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

use kube::Client;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::calls::Calls;
use self::client::Clients;
use self::events::EventAnnouncer;
use self::exporters::ExporterDiscovery;
use self::index::Index;
use self::lease::{LeaseElection, LeaseSettings};
use self::metrics::Metrics;
use self::resolve::Resolver;
use self::reviews::Reviews;
use self::scale::Scaler;
use self::store::{KubernetesStore, Watching};
use self::watch::{Watcher, follow};
use crate::clock::Clock;
use crate::instruments::Instruments;
use crate::ports::announcer::Announcer;
use crate::ports::election::Election;
use crate::ports::reviewer::AccessReviewer;
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
    client: Client,
    limits: Limits,
    tasks: TaskTracker,
    stop: CancellationToken,
    stopped_when_dropped: DropGuard,
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

        let client = clients.calls;
        let calls = Calls::new(client.clone(), limits.call);
        let cluster = Cluster {
            resolver: Arc::new(Resolver::new(calls.clone())),
            index: index.clone(),
            scaler: Arc::new(Scaler::new(calls)),
            metrics: Arc::new(Metrics::new(Calls::new(client.clone(), limits.metrics))),
        };
        Self { cluster, index, watcher, client, limits, tasks, stopped_when_dropped: stop.clone().drop_guard(), stop }
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
        let calls = Calls::new(self.client.clone(), self.limits.call);
        let store = KubernetesStore::new(calls, watching.watched());
        self.spawn(follow(Arc::new(watching), self.watcher.clone()));
        (Arc::new(store), events)
    }

    /// Becomes a candidate for the leadership, which it does not take before [`Election::stand`] is called; needs a tokio
    /// runtime. It ends with the cluster, without giving the
    /// leadership up: that is for whoever knows that nothing is under way any more.
    pub fn election(&self, settings: LeaseSettings) -> Arc<dyn Election> {
        let calls = Calls::new(self.client.clone(), settings.call_limit(self.limits.call));
        let election = LeaseElection::new(calls, self.watcher.clock, settings);
        election.stand(false);
        self.spawn(election.run());
        self.spawn(election.watch(self.watcher.clone()));
        Arc::new(election)
    }

    /// Announces what happens by Events, under the name of this process; needs a tokio runtime. What still waits when
    /// the cluster is stopped is not told.
    pub fn announcer(&self, identity: &str) -> Arc<dyn Announcer> {
        let calls = Calls::new(self.client.clone(), self.limits.call);
        let Watcher { clock, instruments, .. } = &self.watcher;
        let (announcer, work) = EventAnnouncer::new(calls, self.index.clone(), *clock, instruments.clone(), identity);
        self.spawn(work);
        Arc::new(announcer)
    }

    /// Says whose a token is that is meant for one of `audiences`, and what they may do.
    pub fn reviewer(&self, audiences: Vec<String>) -> Arc<dyn AccessReviewer> {
        Arc::new(Reviews::new(Calls::new(self.client.clone(), self.limits.call), audiences))
    }

    /// The namespace that is meant where none is named.
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(work));
    }

    /// Ends the watches and what else was started, and returns when they have ended. The index then shows what it saw last.
    pub async fn stop(self) {
        drop(self.stopped_when_dropped);
        self.tasks.wait().await;
    }
}
