//! The ReplicaSet controller: as many pods as `spec.replicas` says.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::pods::NewPod;
use super::{Pod, WorkloadRef, generation};
use crate::simulation::manifests;
use crate::simulation::random;
use crate::simulation::resource::Resource;
use crate::simulation::settings::WorkloadKind;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

impl World {
    pub(super) fn sync_replica_set(&mut self, key: &ObjectKey) {
        let Some(set) = self.replica_sets.get(key) else { return };
        let wanted = set.replicas as usize;
        let active: Vec<_> =
            set.pods.iter().filter_map(|pod| self.pods.get(pod)).filter(|pod| pod.is_active()).collect();
        if active.len() > wanted {
            let surplus = surplus(active, wanted);
            for pod in surplus {
                self.delete_pod(&pod);
            }
        } else {
            for _ in active.len()..wanted {
                self.create_pod_of_set(key, |world, new| world.create_pod(new));
            }
        }
        self.report_replica_set(key);
    }

    /// Makes the next pod of a ReplicaSet in the way that `create` does it.
    pub(super) fn create_pod_of_set(&mut self, key: &ObjectKey, create: impl FnOnce(&mut Self, NewPod) -> ObjectKey) {
        let seed = self.seed;
        let Some(set) = self.replica_sets.get_mut(key) else { return };
        let Some(workload) = self.workloads.get(&set.workload) else { return };
        let number = set.made;
        set.made += 1;
        let suffix = random::name_suffix(&mut seed.stream(&[&set.uid, "pod name"], number), 5);
        let new = NewPod {
            name: format!("{}-{suffix}", key.name),
            number,
            ordinal: None,
            owner: WorkloadRef::new(WorkloadKind::ReplicaSet, key.clone()),
            owner_uid: set.uid.clone(),
            workload: set.workload.clone(),
            settings: workload.settings.clone(),
            template: set.template.clone(),
            labels: set.labels.clone(),
        };
        let pod = create(self, new);
        if let Some(set) = self.replica_sets.get_mut(key) {
            set.pods.insert(pod);
        }
    }

    fn report_replica_set(&mut self, key: &ObjectKey) {
        let Some(set) = self.replica_sets.get(key) else { return };
        let counts = self.count(&set.pods);
        self.store.update(Resource::ReplicaSet, key, self.now, |object| {
            object["status"] = manifests::replica_set_status(&counts, generation(object));
        });
        let Some(set) = self.replica_sets.get_mut(key) else { return };
        let changed = set.reported != counts;
        set.reported = counts;
        if let Some(owner) = set.owner.as_ref().filter(|_| changed) {
            let owner = WorkloadRef::new(WorkloadKind::Deployment, owner.key.clone());
            self.plan_sync(owner);
        }
    }
}

/// Which pods to end so that `wanted` remain, by the ReplicaSet controller's order: first those that no machine has,
/// then those not running, then those not ready, then those that share a machine with more of their kind, then those
/// ready for the shortest time, then the youngest.
fn surplus(mut active: Vec<&Pod>, wanted: usize) -> Vec<ObjectKey> {
    let mut neighbours: HashMap<Option<usize>, usize> = HashMap::new();
    for pod in &active {
        *neighbours.entry(pod.node).or_default() += 1;
    }
    active.sort_by_cached_key(|pod| {
        (
            pod.node.is_some(),
            pod.started.is_some(),
            pod.ready.is_some(),
            Reverse(neighbours.get(&pod.node).copied()),
            Reverse(pod.ready),
            Reverse(pod.created),
            pod.uid.clone(),
        )
    });
    let surplus = active.len() - wanted;
    active.into_iter().take(surplus).map(|pod| pod.key.clone()).collect()
}
