//! The StatefulSet controller: numbered pods, made from the bottom and ended from the top.

use std::sync::Arc;

use super::pods::NewPod;
use super::{Pod, WorkloadRef, generation};
use crate::simulation::manifests;
use crate::simulation::resource::Resource;
use crate::simulation::settings::{PodManagement, WorkloadKind};
use crate::simulation::store::ObjectKey;
use crate::simulation::template::Template;
use crate::simulation::world::World;

impl World {
    pub(super) fn sync_stateful_set(&mut self, key: &ObjectKey) {
        self.step_stateful_set(key);
        self.report_stateful_set(key);
    }

    /// The next step: pods that are missing are made from the bottom, surplus ones are ended from the top, and those
    /// of an outdated template are ended from the top when all others are ready. In order, one step waits for the
    /// other.
    fn step_stateful_set(&mut self, key: &ObjectKey) {
        let owner = WorkloadRef::new(WorkloadKind::StatefulSet, key.clone());
        let (Some(set), Some(workload)) = (self.stateful_sets.get(key), self.workloads.get(&owner)) else { return };
        let in_order = workload.settings.pod_management == PodManagement::OrderedReady;
        let (replicas, hash) = (set.replicas, set.template.hash.clone());

        for ordinal in 0..replicas {
            match self.pods.get(&pod_key(key, ordinal)) {
                None => {
                    self.create_pod_of_stateful_set(key, ordinal, |world, new| world.create_pod(new));
                    if in_order {
                        return;
                    }
                }
                Some(pod) if in_order && !pod.is_serving() => return,
                Some(_) => {}
            }
        }
        let Some(set) = self.stateful_sets.get(key) else { return };
        let of_set = |pod: &&Pod| pod.owner_uid == set.uid;
        let mut pods: Vec<_> = set.pods.iter().filter_map(|pod| self.pods.get(pod)).filter(of_set).collect();
        pods.sort_by_key(|pod| pod.ordinal);

        let surplus: Vec<_> = pods.iter().rev().filter(|pod| pod.ordinal >= Some(replicas)).collect();
        let ending: Vec<_> = if in_order {
            surplus.first().map(|pod| pod.key.clone()).into_iter().collect()
        } else {
            surplus.iter().map(|pod| pod.key.clone()).collect()
        };
        if !ending.is_empty() {
            // A pod that is ending already is left alone, and the next one waits for it.
            for pod in ending {
                self.delete_pod(&pod);
            }
            return;
        }
        if pods.iter().all(|pod| pod.is_serving()) {
            match pods.iter().rev().find(|pod| pod.template.hash != hash).map(|pod| pod.key.clone()) {
                Some(outdated) => self.delete_pod(&outdated),
                None => self.finish_update(key),
            }
        }
    }

    /// Makes the pod of a number in the way that `create` does it.
    pub(super) fn create_pod_of_stateful_set(
        &mut self,
        key: &ObjectKey,
        ordinal: u32,
        create: impl FnOnce(&mut Self, NewPod) -> ObjectKey,
    ) {
        let owner = WorkloadRef::new(WorkloadKind::StatefulSet, key.clone());
        let (Some(set), Some(workload)) = (self.stateful_sets.get_mut(key), self.workloads.get(&owner)) else { return };
        let number = set.made;
        set.made += 1;
        let name = pod_key(key, ordinal).name;
        let mut labels = set.template.labels.clone();
        labels.insert("apps.kubernetes.io/pod-index".to_owned(), ordinal.to_string());
        labels.insert("controller-revision-hash".to_owned(), format!("{}-{}", key.name, set.template.hash));
        labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), name.clone());
        let new = NewPod {
            name,
            number,
            ordinal: Some(ordinal),
            owner_uid: set.uid.clone(),
            workload: Arc::new(owner.clone()),
            owner,
            settings: workload.settings.clone(),
            template: set.template.clone(),
            labels: Arc::new(labels),
        };
        let pod = create(self, new);
        if let Some(set) = self.stateful_sets.get_mut(key) {
            set.pods.insert(pod);
        }
    }

    fn finish_update(&mut self, key: &ObjectKey) {
        if let Some(set) = self.stateful_sets.get_mut(key) {
            set.current = Arc::clone(&set.template);
        }
    }

    fn report_stateful_set(&mut self, key: &ObjectKey) {
        let Some(set) = self.stateful_sets.get(key) else { return };
        let counts = self.count(&set.pods);
        let updated = self.count_of_template(set.pods.iter(), &set.template);
        let templates = (&*set.current, &*set.template);
        self.store.update(Resource::StatefulSet, key, self.now, |object| {
            object["status"] = manifests::stateful_set_status(key, &counts, updated, templates, generation(object));
        });
    }

    fn count_of_template<'a>(&self, pods: impl Iterator<Item = &'a ObjectKey>, template: &Template) -> u32 {
        let pods = pods.filter_map(|key| self.pods.get(key));
        pods.map(|pod| u32::from(pod.is_active() && pod.template.hash == template.hash)).sum()
    }
}

fn pod_key(set: &ObjectKey, ordinal: u32) -> ObjectKey {
    ObjectKey::new(&set.namespace, format!("{}-{ordinal}", set.name))
}
