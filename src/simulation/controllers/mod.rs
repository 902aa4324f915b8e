//! The controllers of the simulated cluster: what `kube-controller-manager`, the scheduler and the kubelets do.
//!
//! As in a real cluster a controller is level-triggered: something that it cares about changes, it is told to look
//! (`World::plan_sync`), and a moment later it compares what is with what ought to be and takes the next step. The
//! structures here are the controllers' caches; the objects in the store are what clients see.

mod birth;
mod deployment;
mod pods;
mod replica_set;
mod stateful_set;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::load::Load;
use super::resource::Resource;
use super::settings::{WorkloadKind, WorkloadSettings};
use super::store::ObjectKey;
use super::template::{Labels, Template};
use super::world::World;

pub(super) use birth::Birth;
pub(super) use pods::pod_ip;

/// Names a workload, or a ReplicaSet that a Deployment owns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct WorkloadRef {
    pub kind: WorkloadKind,
    pub key: ObjectKey,
}

impl WorkloadRef {
    pub fn new(kind: WorkloadKind, key: ObjectKey) -> Self {
        Self { kind, key }
    }
}

impl WorkloadKind {
    pub(super) fn resource(self) -> Resource {
        match self {
            Self::Deployment => Resource::Deployment,
            Self::StatefulSet => Resource::StatefulSet,
            Self::ReplicaSet => Resource::ReplicaSet,
        }
    }
}

/// How a workload's pods behave.
#[derive(Debug)]
pub(super) struct Workload {
    pub settings: Arc<WorkloadSettings>,
    /// What its clients ask of its CPU.
    pub load: Load,
    /// What they ask of its GPUs.
    pub gpu_load: Load,
}

/// How many pods there are, without those that are ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub replicas: u32,
    pub ready: u32,
}

/// A condition and when it last changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holds {
    pub holds: bool,
    pub since: DateTime<Utc>,
}

impl Holds {
    fn set(&mut self, holds: bool, now: DateTime<Utc>) {
        if self.holds != holds {
            *self = Self { holds, since: now };
        }
    }
}

/// What the Deployment controller knows of a Deployment.
#[derive(Debug)]
pub(super) struct Deployment {
    pub uid: String,
    pub replicas: u32,
    pub template: Arc<Template>,
    /// Its ReplicaSets, the newest last.
    pub sets: Vec<ObjectKey>,
    /// The number of the newest, by which clients tell it from the others.
    pub revision: u64,
    pub available: Holds,
    pub complete: Holds,
}

/// What the ReplicaSet controller knows of a ReplicaSet.
#[derive(Debug)]
pub(super) struct ReplicaSet {
    pub uid: String,
    /// The Deployment that owns it.
    pub owner: Option<DeploymentRef>,
    /// Whose load its pods carry.
    pub workload: Arc<WorkloadRef>,
    pub replicas: u32,
    pub template: Arc<Template>,
    pub labels: Arc<Labels>,
    pub pods: BTreeSet<ObjectKey>,
    /// How many pods it has ever made.
    pub made: u64,
    /// What its status says, which is what the Deployment controller goes by.
    pub reported: Counts,
}

/// The Deployment that owns a ReplicaSet.
#[derive(Debug)]
pub(super) struct DeploymentRef {
    pub key: ObjectKey,
    pub uid: String,
    /// Which of the Deployment's templates this is; one that comes back gets the next number.
    pub revision: u64,
}

/// What the StatefulSet controller knows of a StatefulSet.
#[derive(Debug)]
pub(super) struct StatefulSet {
    pub uid: String,
    pub replicas: u32,
    /// The template of the pods before the update that is under way, if one is.
    pub current: Arc<Template>,
    pub template: Arc<Template>,
    pub pods: BTreeSet<ObjectKey>,
    pub made: u64,
}

/// A pod, and how far it has come.
#[derive(Debug)]
pub(super) struct Pod {
    pub key: ObjectKey,
    pub uid: String,
    /// The ReplicaSet or StatefulSet that made it.
    pub owner: WorkloadRef,
    pub owner_uid: String,
    /// Whose load it carries.
    pub workload: Arc<WorkloadRef>,
    pub settings: Arc<WorkloadSettings>,
    pub template: Arc<Template>,
    pub labels: Arc<Labels>,
    /// Its number in a StatefulSet.
    pub ordinal: Option<u32>,
    pub ip: String,
    /// Its machine's place in the list of machines.
    pub node: Option<usize>,
    pub created: DateTime<Utc>,
    pub scheduled: Option<DateTime<Utc>>,
    pub started: Option<DateTime<Utc>>,
    pub ready: Option<DateTime<Utc>>,
    pub deleted: Option<DateTime<Utc>>,
    /// Since when and why it fits nowhere.
    pub unschedulable: Option<(DateTime<Utc>, String)>,
    /// How often the metrics server has seen it running.
    pub scrapes: u32,
}

impl Pod {
    /// Whether it counts as one of its owner's replicas.
    pub fn is_active(&self) -> bool {
        self.deleted.is_none()
    }

    /// Whether it takes its share of the load.
    pub fn is_serving(&self) -> bool {
        self.ready.is_some() && self.deleted.is_none()
    }
}

impl World {
    /// Lets the controller of a workload know that something has changed.
    pub(super) fn plan_sync(&mut self, workload: WorkloadRef) {
        self.plan_once(workload);
    }

    /// Compares a workload with what it ought to be, and takes the next step.
    pub(super) fn sync(&mut self, workload: &WorkloadRef) {
        match workload.kind {
            WorkloadKind::Deployment => self.sync_deployment(&workload.key),
            WorkloadKind::ReplicaSet => self.sync_replica_set(&workload.key),
            WorkloadKind::StatefulSet => self.sync_stateful_set(&workload.key),
        }
    }

    /// Takes note of a new `spec` that a client has written.
    pub(super) fn observe_spec(&mut self, workload: &WorkloadRef, spec: &Value) {
        let replicas = replicas_in(spec);
        let key = &workload.key;
        match workload.kind {
            WorkloadKind::Deployment => {
                let Some(deployment) = self.deployments.get_mut(key) else { return };
                deployment.replicas = replicas;
                deployment.template = Template::parse(&spec["template"]);
            }
            WorkloadKind::StatefulSet => {
                let Some(set) = self.stateful_sets.get_mut(key) else { return };
                set.replicas = replicas;
                set.template = Template::parse(&spec["template"]);
            }
            WorkloadKind::ReplicaSet => {
                let Some(set) = self.replica_sets.get_mut(key) else { return };
                set.replicas = replicas;
                // Its Deployment will want its own number back.
                if let Some(owner) = &set.owner {
                    let owner = WorkloadRef::new(WorkloadKind::Deployment, owner.key.clone());
                    self.plan_sync(owner);
                }
            }
        }
        self.plan_sync(workload.clone());
    }

    /// Changes the `spec` of a workload as a client does. Tells whether there is such a workload.
    pub(super) fn change_spec(&mut self, workload: &WorkloadRef, change: impl FnOnce(&mut Value)) -> bool {
        let stored = self.store.update(workload.kind.resource(), &workload.key, self.now, |object| {
            let before = object["spec"].clone();
            change(&mut object["spec"]);
            if object["spec"] != before {
                object["metadata"]["generation"] = (generation(object) + 1).into();
            }
        });
        let Some(stored) = stored else { return false };
        self.observe_spec(workload, &stored.value()["spec"]);
        true
    }

    /// The number of pods that are not ending, and how many of them are ready.
    fn count<'a>(&self, pods: impl IntoIterator<Item = &'a ObjectKey>) -> Counts {
        let mut counts = Counts::default();
        for pod in pods.into_iter().filter_map(|key| self.pods.get(key)).filter(|pod| pod.is_active()) {
            counts.replicas += 1;
            counts.ready += u32::from(pod.is_serving());
        }
        counts
    }
}

fn replicas_in(spec: &Value) -> u32 {
    // Absent means 1, as the API server's defaults have it.
    spec["replicas"].as_u64().map_or(1, |replicas| u32::try_from(replicas).unwrap_or(u32::MAX))
}

/// `metadata.generation`, for `status.observedGeneration`.
fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_default()
}
