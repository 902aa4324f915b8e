//! An index that watches the scripted API server.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;

use super::super::client::Clients;
use super::super::{KubernetesCluster, Limits};
use super::objects::{owned_by, pod, scalable};
use super::scripted::{Log, Objects};
use crate::clock::Clock;
use crate::domain::autoscaler::WorkloadRef;
use crate::domain::observation::Pod;
use crate::ports::{PodSelection, WorkloadView};

pub(super) struct Watching {
    pub(super) objects: Objects,
    pub(super) cluster: KubernetesCluster,
    pub(super) log: Log,
    pub(super) clock: Clock,
}

impl Watching {
    pub(super) fn start(objects: Objects) -> Self {
        let (client, log) = objects.client();
        Self::start_with(objects, client, log)
    }

    /// On an API server that can do more than show these objects.
    pub(super) fn start_with(objects: Objects, client: Client, log: Log) -> Self {
        let clock = Clock::scaled(chrono::DateTime::UNIX_EPOCH, 1.0);
        let cluster = KubernetesCluster::start(Clients::shared(client), clock, Limits::default(), Arc::default());
        Self { objects, cluster, log, clock }
    }

    /// The web Deployment in the middle of a rollout: two ReplicaSets with pods, and one that is retired.
    pub(super) async fn a_rollout() -> Self {
        let objects = Objects::default();
        objects.put("deployments", scalable("web", "d", 3));
        objects.put("replicasets", owned_by(scalable("web-old", "old", 1), "Deployment", "web", "d"));
        objects.put("replicasets", owned_by(scalable("web-new", "new", 3), "Deployment", "web", "d"));
        objects.put("replicasets", owned_by(scalable("web-retired", "retired", 0), "Deployment", "web", "d"));
        objects.put("pods", owned_by(pod("web-old-1"), "ReplicaSet", "web-old", "old"));
        objects.put("pods", owned_by(pod("web-new-1"), "ReplicaSet", "web-new", "new"));
        objects.put("pods", owned_by(pod("web-new-2"), "ReplicaSet", "web-new", "new"));
        let watching = Self::start(objects);
        watching.settle().await;
        watching
    }

    /// Lets everything happen that needs no time.
    pub(super) async fn settle(&self) {
        self.clock.sleep(Duration::from_millis(1)).await;
    }

    pub(super) fn view(&self, workload: &WorkloadRef) -> WorkloadView {
        self.cluster.cluster().index.view(workload, PodSelection::Owned)
    }

    /// The names of the pods that the workload's selector matches, in order.
    pub(super) fn selected(&self, workload: &WorkloadRef) -> Vec<String> {
        match self.cluster.cluster().index.view(workload, PodSelection::Selected) {
            WorkloadView::Present { pods, .. } => names(pods),
            other => panic!("{workload} is {other:?}"),
        }
    }

    /// The revision that the workload's pods are to have.
    pub(super) fn revision(&self, workload: &WorkloadRef) -> Option<String> {
        match self.view(workload) {
            WorkloadView::Present { revision, .. } => revision.map(|revision| revision.to_string()),
            other => panic!("{workload} is {other:?}"),
        }
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.cluster.cluster().index.fault()
    }

    /// The replicas and the names of the pods, in order.
    pub(super) fn present(&self, workload: &WorkloadRef) -> (u32, Vec<String>) {
        match self.view(workload) {
            WorkloadView::Present { replicas, pods, .. } => (replicas, names(pods)),
            other => panic!("{workload} is {other:?}"),
        }
    }

    pub(super) fn unknown(&self, workload: &WorkloadRef) -> String {
        let WorkloadView::Unknown { error } = self.view(workload) else {
            panic!("{workload} is {:?}", self.view(workload))
        };
        error
    }

    pub(super) fn requests(&self, resource: &str, watch: bool) -> usize {
        let asked = self.log.all();
        asked.iter().filter(|it| it.path.ends_with(resource) && it.query.contains("watch=true") == watch).count()
    }
}

fn names(pods: Vec<Arc<Pod>>) -> Vec<String> {
    let mut names: Vec<String> = pods.into_iter().map(|pod| pod.name.clone()).collect();
    names.sort();
    names
}
