//! The Deployment controller: one ReplicaSet per pod template, and the way from one to the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Counts, DeploymentRef, ReplicaSet, WorkloadRef, generation};
use crate::simulation::manifests;
use crate::simulation::resource::Resource;
use crate::simulation::settings::WorkloadKind;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

impl World {
    pub(super) fn sync_deployment(&mut self, key: &ObjectKey) {
        let Some((newest, is_first)) = self.ensure_newest_set(key) else { return };
        let Some(deployment) = self.deployments.get(key) else { return };
        let replicas = deployment.replicas;
        let older: Vec<_> = deployment.sets.iter().filter(|set| **set != newest).cloned().collect();
        if is_first || older.iter().all(|set| self.set_size(set) == 0) {
            self.resize_set(&newest, replicas);
        } else {
            self.roll(replicas, &newest, &older);
        }
        self.report_deployment(key, &newest);
    }

    /// Makes the ReplicaSet of the present template if there is none. Tells whether it is the only one ever.
    fn ensure_newest_set(&mut self, key: &ObjectKey) -> Option<(ObjectKey, bool)> {
        let deployment = self.deployments.get(key)?;
        let newest = ObjectKey::new(&key.namespace, format!("{}-{}", key.name, deployment.template.hash));
        let is_first = deployment.sets.iter().all(|set| *set == newest);
        if deployment.sets.last() == Some(&newest) {
            return Some((newest, is_first));
        }
        if self.replica_sets.contains_key(&newest) {
            self.renew_set(key, &newest);
        } else {
            let set = self.new_set_of_deployment(key, &newest, 0)?;
            let value = manifests::replica_set(&newest, &set, self.now);
            self.store.put(Resource::ReplicaSet, newest.clone(), value, self.now);
            self.replica_sets.insert(newest.clone(), set);
        }
        Some((newest, is_first))
    }

    /// A template that comes back, as after `kubectl rollout undo`, becomes the newest again.
    fn renew_set(&mut self, key: &ObjectKey, set: &ObjectKey) {
        let Some(deployment) = self.deployments.get_mut(key) else { return };
        deployment.sets.retain(|other| other != set);
        deployment.sets.push(set.clone());
        deployment.revision += 1;
        let revision = deployment.revision;
        if let Some(owner) = self.replica_sets.get_mut(set).and_then(|set| set.owner.as_mut()) {
            owner.revision = revision;
        }
        self.store.update(Resource::ReplicaSet, set, self.now, |object| {
            object["metadata"]["annotations"][manifests::REVISION] = revision.to_string().into();
        });
    }

    /// The next ReplicaSet of a Deployment, which learns of it.
    pub(super) fn new_set_of_deployment(
        &mut self,
        key: &ObjectKey,
        set: &ObjectKey,
        replicas: u32,
    ) -> Option<ReplicaSet> {
        let uid = self.new_uid("ReplicaSet", set);
        let deployment = self.deployments.get_mut(key)?;
        deployment.sets.push(set.clone());
        deployment.revision += 1;
        let mut labels = deployment.template.labels.clone();
        labels.insert("pod-template-hash".to_owned(), deployment.template.hash.clone());
        Some(ReplicaSet {
            uid,
            owner: Some(DeploymentRef { key: key.clone(), uid: deployment.uid.clone(), revision: deployment.revision }),
            workload: Arc::new(WorkloadRef::new(WorkloadKind::Deployment, key.clone())),
            replicas,
            template: deployment.template.clone(),
            labels: Arc::new(labels),
            pods: BTreeSet::new(),
            made: 0,
            reported: Counts::default(),
        })
    }

    /// A step of a rolling update: as many new pods as the surge allows, as few old ones as availability allows.
    fn roll(&mut self, replicas: u32, newest: &ObjectKey, older: &[ObjectKey]) {
        // 25 % each, the surge rounded up and the unavailable rounded down, as the API server's defaults have it.
        let surge = replicas.div_ceil(4);
        let may_be_unavailable = replicas / 4;

        let total = older.iter().map(|set| self.set_size(set)).sum::<u32>() + self.set_size(newest);
        let room = (replicas + surge).saturating_sub(total);
        let size = self.set_size(newest);
        self.resize_set(newest, (size + room).min(replicas));

        let reported = |world: &Self, set| world.replica_sets.get(set).map_or_else(Counts::default, |set| set.reported);
        let mut may_end = 0;
        for set in older.iter().chain([newest]) {
            may_end += reported(self, set).ready;
        }
        may_end = may_end.saturating_sub(replicas.saturating_sub(may_be_unavailable));
        for set in older {
            let size = self.set_size(set);
            // Pods that are not ready are no loss.
            let unready = size.saturating_sub(reported(self, set).ready);
            let ending = (size - unready).min(may_end);
            may_end -= ending;
            self.resize_set(set, size - unready - ending);
        }
    }

    fn set_size(&self, set: &ObjectKey) -> u32 {
        self.replica_sets.get(set).map_or(0, |set| set.replicas)
    }

    fn resize_set(&mut self, key: &ObjectKey, replicas: u32) {
        let Some(set) = self.replica_sets.get_mut(key).filter(|set| set.replicas != replicas) else { return };
        set.replicas = replicas;
        self.store.update(Resource::ReplicaSet, key, self.now, |object| {
            object["spec"]["replicas"] = replicas.into();
            object["metadata"]["generation"] = (generation(object) + 1).into();
        });
        self.plan_sync(WorkloadRef::new(WorkloadKind::ReplicaSet, key.clone()));
    }

    fn report_deployment(&mut self, key: &ObjectKey, newest: &ObjectKey) {
        let now = self.now;
        let updated = self.replica_sets.get(newest).map_or(0, |set| set.reported.replicas);
        let Some(deployment) = self.deployments.get_mut(key) else { return };
        let mut counts = Counts::default();
        for set in deployment.sets.iter().filter_map(|set| self.replica_sets.get(set)) {
            counts.replicas += set.reported.replicas;
            counts.ready += set.reported.ready;
        }
        let replicas = deployment.replicas;
        deployment.available.set(counts.ready >= replicas.saturating_sub(replicas / 4), now);
        deployment.complete.set(updated == replicas && counts.replicas == replicas && counts.ready == replicas, now);
        self.store.update(Resource::Deployment, key, now, |object| {
            object["metadata"]["annotations"][manifests::REVISION] = deployment.revision.to_string().into();
            object["status"] = manifests::deployment_status(deployment, &counts, updated, generation(object));
        });
    }
}
