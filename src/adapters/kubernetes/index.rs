//! The workloads of the cluster and their pods, in memory.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::exporters::{ExporterDiscovery, Exporters};
use super::hpa_targets::HpaTargets;
use super::nodes::Nodes;
use super::owned::Uid;
use super::pods::{Kept, Pods};
use super::replica_sets::ReplicaSets;
use super::watch::{Watcher, follow};
use super::watched::{Table, Watched};
use super::workloads::{Workload, Workloads};
use crate::domain::autoscaler::{WorkloadKind, WorkloadRef};
use crate::domain::capacity::{Amounts, PodDemand, Room, room};
use crate::ports::{PodSelection, Scale, WorkloadIndex, WorkloadView};

/// One table for each resource, each with a watch of its own.
pub(super) struct Index {
    pods: Arc<Watched<Pods>>,
    replica_sets: Arc<Watched<ReplicaSets>>,
    deployments: Arc<Watched<Workloads<Deployment>>>,
    stateful_sets: Arc<Watched<Workloads<StatefulSet>>>,
    nodes: Arc<Watched<Nodes>>,
    hpas: Arc<Watched<HpaTargets>>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            pods: Arc::new(Watched::new()),
            replica_sets: Arc::new(Watched::new()),
            deployments: Arc::new(Watched::new()),
            stateful_sets: Arc::new(Watched::new()),
            nodes: Arc::new(Watched::new()),
            hpas: Arc::new(Watched::new()),
        }
    }

    /// Starts the watches. They end with `stop`.
    pub(super) fn start(&self, watcher: &Watcher, tasks: &TaskTracker, stop: &CancellationToken) {
        start(&self.pods, watcher, tasks, stop);
        start(&self.replica_sets, watcher, tasks, stop);
        start(&self.deployments, watcher, tasks, stop);
        start(&self.stateful_sets, watcher, tasks, stop);
        start(&self.nodes, watcher, tasks, stop);
        start(&self.hpas, watcher, tasks, stop);
    }

    /// The exporters among the pods.
    pub(super) fn exporters(&self, discovery: ExporterDiscovery) -> Exporters {
        Exporters::new(self.pods.clone(), discovery)
    }

    /// Looks at a workload, if the table that tells is current.
    fn look<R>(&self, workload: &WorkloadRef, look: impl FnOnce(Option<&Workload>) -> R) -> Result<R, String> {
        let (namespace, name) = (&workload.namespace, &workload.name);
        match workload.kind {
            WorkloadKind::Deployment => self.deployments.read(|table| look(table.get(namespace, name))),
            WorkloadKind::StatefulSet => self.stateful_sets.read(|table| look(table.get(namespace, name))),
            WorkloadKind::ReplicaSet => self.replica_sets.read(|table| look(table.standalone(namespace, name))),
        }
    }

    /// What the pods of a workload ask of their nodes, if they request GPUs.
    fn demand(&self, workload: &WorkloadRef) -> Result<Option<Arc<PodDemand>>, String> {
        self.look(workload, |found| found.and_then(|workload| workload.demand.clone()))
    }

    fn find_room(&self, workload: &WorkloadRef) -> Result<Room, String> {
        let Some(demand) = self.demand(workload)? else { return Ok(Room::NotAsked) };
        let nothing = Amounts::new();
        let on = |nodes: &Nodes, pods: &Pods| {
            room(&demand, nodes.iter().map(|node| (node, pods.taken(&node.name).unwrap_or(&nothing))))
        };
        self.nodes.read(|nodes| self.pods.read(|pods| on(nodes, pods)))?
    }

    /// The workload and its pods, if it exists; an error if one of the tables that tell is not current.
    fn find(&self, workload: &WorkloadRef, selection: PodSelection) -> Result<WorkloadView, String> {
        let found = self.look(workload, |found| found.cloned())?;
        let (found, owners) = match workload.kind {
            WorkloadKind::Deployment => self.replica_sets.read(|table| with_replica_sets(found, table))?,
            WorkloadKind::StatefulSet | WorkloadKind::ReplicaSet => with_itself_as_owner(found),
        };
        let pod = |kept: &Kept| kept.pod.clone();
        let selector = found.as_ref().and_then(|workload| workload.selector.as_deref());
        let pods = self.pods.read(|table| match (selection, selector) {
            (PodSelection::Owned, _) => owners.iter().flat_map(|owner| table.of(owner)).map(pod).collect(),
            (PodSelection::Selected, Some(selector)) => {
                table.selected(&workload.namespace, selector).map(pod).collect()
            }
            (PodSelection::Selected, None) => Vec::new(),
        })?;
        Ok(match found {
            Some(Workload { uid, replicas, revision, .. }) => WorkloadView::Present { uid, replicas, revision, pods },
            None => WorkloadView::Absent,
        })
    }
}

/// A Deployment's pods belong to its ReplicaSets, which also know its revision.
fn with_replica_sets(found: Option<Workload>, table: &ReplicaSets) -> (Option<Workload>, Vec<Uid>) {
    let Some(mut workload) = found else { return (None, Vec::new()) };
    workload.revision = table.newest_revision(&workload.uid);
    let owners = table.of_deployment(&workload.uid);
    (Some(workload), owners)
}

/// The workload's pods are its own.
fn with_itself_as_owner(found: Option<Workload>) -> (Option<Workload>, Vec<Uid>) {
    let owners = found.iter().map(|workload| workload.uid.clone()).collect();
    (found, owners)
}

fn start<T: Table>(watched: &Arc<Watched<T>>, watcher: &Watcher, tasks: &TaskTracker, stop: &CancellationToken) {
    let watch = follow(watched.clone(), watcher.clone());
    let stop = stop.clone();
    tasks.spawn(async move { stop.run_until_cancelled(watch).await });
}

impl WorkloadIndex for Index {
    fn view(&self, workload: &WorkloadRef, selection: PodSelection) -> WorkloadView {
        self.find(workload, selection).unwrap_or_else(|error| WorkloadView::Unknown { error })
    }

    fn scale(&self, workload: &WorkloadRef) -> Option<Scale> {
        let scale = |known: &Workload| {
            let resource_version = known.version.as_deref()?.to_owned();
            Some(Scale { uid: known.uid.clone(), replicas: known.replicas, resource_version })
        };
        self.look(workload, |found| found.and_then(scale)).ok().flatten()
    }

    fn rival(&self, workload: &WorkloadRef) -> Option<String> {
        self.hpas.read(|hpas| hpas.scaler_of(workload).cloned()).ok().flatten()
    }

    fn rivals_fault(&self) -> Option<String> {
        self.hpas.fault().map(|(resource, fault)| format!("the {resource} of the cluster {fault}"))
    }

    fn room(&self, workload: &WorkloadRef) -> Room {
        self.find_room(workload).unwrap_or_else(|error| Room::Unknown { error: error.into() })
    }

    fn capacity_fault(&self) -> Option<String> {
        self.nodes.fault().map(|(resource, fault)| format!("the {resource} of the cluster {fault}"))
    }

    fn fault(&self) -> Option<String> {
        let faults =
            [self.deployments.fault(), self.stateful_sets.fault(), self.replica_sets.fault(), self.pods.fault()];
        // When the API server is down all have the same fault; it is named once.
        let mut resources_by_fault: Vec<(String, Vec<&str>)> = Vec::new();
        for (resource, fault) in faults.into_iter().flatten() {
            match resources_by_fault.iter_mut().find(|(known, _)| *known == fault) {
                Some((_, resources)) => resources.push(resource),
                None => resources_by_fault.push((fault, vec![resource])),
            }
        }
        let texts = resources_by_fault.into_iter();
        let texts = texts.map(|(fault, resources)| format!("the {} of the cluster {fault}", resources.join(", ")));
        texts.reduce(|all, text| format!("{all}; {text}"))
    }
}
