//! How workloads come into being and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Counts, Deployment, Holds, ReplicaSet, StatefulSet, Workload, WorkloadRef};
use crate::simulation::load::{Load, LoadCurve};
use crate::simulation::manifests;
use crate::simulation::resource::Resource;
use crate::simulation::settings::{WorkloadKind, WorkloadSettings};
use crate::simulation::store::ObjectKey;
use crate::simulation::template::Template;
use crate::simulation::world::{World, span};

/// Since when a new workload has been there.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulation) enum Birth {
    /// It is made now; its controller takes it from here.
    Now,
    /// It has been running since then.
    Past(DateTime<Utc>),
}

impl World {
    /// Makes a workload, unless there is one of this kind and name.
    pub(in crate::simulation) fn add_workload(&mut self, settings: WorkloadSettings, birth: Birth) -> bool {
        let key = ObjectKey::new(&settings.namespace, &settings.name);
        let workload = WorkloadRef::new(settings.kind, key);
        if self.store.get(settings.kind.resource(), &workload.key).is_some() {
            return false;
        }
        let created = match birth {
            Birth::Now => self.now,
            Birth::Past(born) => born,
        };
        self.ensure_namespace(&settings.namespace, created);
        let settings = Arc::new(settings);
        // A cluster's own workloads follow their curves from its start, not from the hour before.
        let load = Load::new(settings.load.clone(), self.now);
        let gpu_load = Load::new(settings.gpu_load.clone(), self.now);
        self.workloads.insert(workload.clone(), Workload { settings: settings.clone(), load, gpu_load });
        let born = match birth {
            Birth::Now => None,
            Birth::Past(born) => Some(born),
        };
        match workload.kind {
            WorkloadKind::Deployment => self.add_deployment(&workload.key, &settings, created, born),
            WorkloadKind::ReplicaSet => self.add_replica_set(&workload.key, &settings, created, born),
            WorkloadKind::StatefulSet => self.add_stateful_set(&workload.key, &settings, created, born),
        }
        if born.is_none() {
            self.plan_sync(workload);
        }
        true
    }

    /// Deletes a workload and everything that it owns, unless there is none.
    pub(in crate::simulation) fn remove_workload(&mut self, workload: &WorkloadRef) -> bool {
        if self.workloads.remove(workload).is_none() {
            return false;
        }
        let now = self.now;
        self.store.delete(workload.kind.resource(), &workload.key, now);
        let mut pods = BTreeSet::new();
        match workload.kind {
            WorkloadKind::Deployment => {
                let sets = self.deployments.remove(&workload.key).map(|deployment| deployment.sets);
                for key in sets.unwrap_or_default() {
                    self.store.delete(Resource::ReplicaSet, &key, now);
                    pods.extend(self.replica_sets.remove(&key).into_iter().flat_map(|set| set.pods));
                }
            }
            WorkloadKind::ReplicaSet => {
                pods.extend(self.replica_sets.remove(&workload.key).into_iter().flat_map(|set| set.pods));
            }
            WorkloadKind::StatefulSet => {
                pods.extend(self.stateful_sets.remove(&workload.key).into_iter().flat_map(|set| set.pods));
            }
        }
        for pod in pods {
            self.delete_pod(&pod);
        }
        true
    }

    /// Changes what a workload's clients ask of it, from now on. Tells whether there is such a workload.
    pub(in crate::simulation) fn set_load(&mut self, workload: &WorkloadRef, load: LoadCurve) -> bool {
        let Some(workload) = self.workloads.get_mut(workload) else { return false };
        workload.load = Load::new(load, self.now);
        true
    }

    /// Changes what the clients of those workloads ask for which `load` has something, from now on.
    pub(in crate::simulation) fn set_loads(&mut self, load: impl Fn(&WorkloadSettings) -> Option<LoadCurve>) {
        for workload in self.workloads.values_mut() {
            if let Some(load) = load(&workload.settings) {
                workload.load = Load::new(load, self.now);
            }
        }
    }

    /// Changes what a workload's clients ask of its GPUs, from now on. Tells whether there is such a workload.
    pub(in crate::simulation) fn set_gpu_load(&mut self, workload: &WorkloadRef, load: LoadCurve) -> bool {
        let Some(workload) = self.workloads.get_mut(workload) else { return false };
        workload.gpu_load = Load::new(load, self.now);
        true
    }

    fn add_deployment(
        &mut self,
        key: &ObjectKey,
        settings: &WorkloadSettings,
        created: DateTime<Utc>,
        born: Option<DateTime<Utc>>,
    ) {
        let template = manifests::pod_template(settings);
        let deployment = Deployment {
            uid: self.new_uid("Deployment", key),
            replicas: settings.replicas,
            template: Template::parse(&template),
            sets: Vec::new(),
            revision: 0,
            available: Holds { holds: false, since: created },
            complete: Holds { holds: false, since: created },
        };
        let mut value = manifests::deployment(key, &deployment, template, created);
        let set_key = ObjectKey::new(&key.namespace, format!("{}-{}", key.name, deployment.template.hash));
        self.deployments.insert(key.clone(), deployment);
        if let Some(born) = born
            && let Some(set) = self.new_set_of_deployment(key, &set_key, settings.replicas)
        {
            let counts = self.store_running_set(&set_key, set, born);
            if let Some(deployment) = self.deployments.get_mut(key) {
                let since = born + span(settings.start) + span(settings.ready_after);
                let all = counts.ready == settings.replicas;
                deployment.available = Holds { holds: all, since };
                deployment.complete = Holds { holds: all, since };
                value["metadata"]["annotations"] = serde_json::json!({ (manifests::REVISION): "1" });
                value["status"] = manifests::deployment_status(deployment, &counts, counts.replicas, 1);
            }
        }
        self.store.put(Resource::Deployment, key.clone(), value, self.now);
    }

    fn add_replica_set(
        &mut self,
        key: &ObjectKey,
        settings: &WorkloadSettings,
        created: DateTime<Utc>,
        born: Option<DateTime<Utc>>,
    ) {
        let template = Template::parse(&manifests::pod_template(settings));
        let set = ReplicaSet {
            uid: self.new_uid("ReplicaSet", key),
            owner: None,
            workload: Arc::new(WorkloadRef::new(WorkloadKind::ReplicaSet, key.clone())),
            replicas: settings.replicas,
            labels: Arc::new(template.labels.clone()),
            template,
            pods: BTreeSet::new(),
            made: 0,
            reported: Counts::default(),
        };
        if let Some(born) = born {
            self.store_running_set(key, set, born);
        } else {
            self.store.put(Resource::ReplicaSet, key.clone(), manifests::replica_set(key, &set, created), self.now);
            self.replica_sets.insert(key.clone(), set);
        }
    }

    /// Stores a ReplicaSet all of whose pods have been running since `born`.
    fn store_running_set(&mut self, key: &ObjectKey, set: ReplicaSet, born: DateTime<Utc>) -> Counts {
        let mut value: Value = manifests::replica_set(key, &set, born);
        let replicas = set.replicas;
        self.replica_sets.insert(key.clone(), set);
        for _ in 0..replicas {
            self.create_pod_of_set(key, |world, new| world.create_running_pod(new, born));
        }
        let Some(set) = self.replica_sets.get(key) else { return Counts::default() };
        let counts = self.count(&set.pods);
        value["status"] = manifests::replica_set_status(&counts, 1);
        if let Some(set) = self.replica_sets.get_mut(key) {
            set.reported = counts;
        }
        self.store.put(Resource::ReplicaSet, key.clone(), value, self.now);
        counts
    }

    fn add_stateful_set(
        &mut self,
        key: &ObjectKey,
        settings: &WorkloadSettings,
        created: DateTime<Utc>,
        born: Option<DateTime<Utc>>,
    ) {
        let pod_template = manifests::pod_template(settings);
        let template = Template::parse(&pod_template);
        let set = StatefulSet {
            uid: self.new_uid("StatefulSet", key),
            replicas: settings.replicas,
            current: template.clone(),
            template: template.clone(),
            pods: BTreeSet::new(),
            made: 0,
        };
        let mut value = manifests::stateful_set(key, &set, pod_template, settings.pod_management, created);
        self.stateful_sets.insert(key.clone(), set);
        if let Some(born) = born {
            for ordinal in 0..settings.replicas {
                self.create_pod_of_stateful_set(key, ordinal, |world, new| world.create_running_pod(new, born));
            }
            let counts = self.stateful_sets.get(key).map_or_else(Counts::default, |set| self.count(&set.pods));
            let status = manifests::stateful_set_status(key, &counts, counts.replicas, (&template, &template), 1);
            value["status"] = status;
        }
        self.store.put(Resource::StatefulSet, key.clone(), value, self.now);
    }
}
