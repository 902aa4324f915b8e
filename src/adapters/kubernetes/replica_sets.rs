//! ReplicaSets: those of Deployments, and those that are workloads themselves.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::owned::{Owned, Uid};
use super::watched::Table;
use super::workloads::{Scalable, Workload, Workloads, controller};

/// All ReplicaSets: those of Deployments by their owner, the others as workloads of their own.
#[derive(Default)]
pub(super) struct ReplicaSets {
    of_deployments: Owned<Generation>,
    standalone: Workloads<ReplicaSet>,
}

/// What is kept of a Deployment's ReplicaSet.
struct Generation {
    /// Its place among the Deployment's ReplicaSets; the newest has the greatest.
    number: u64,
    /// The revision of its pods.
    revision: Option<Arc<str>>,
    /// Whether it has no pods and wants none.
    is_retired: bool,
}

impl Generation {
    fn of(set: &ReplicaSet) -> Self {
        let annotation = set.metadata.annotations.as_ref().and_then(|all| all.get("deployment.kubernetes.io/revision"));
        let hash = set.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
        Self {
            number: annotation.and_then(|number| number.parse().ok()).unwrap_or(0),
            revision: hash.map(|hash| hash.as_str().into()),
            is_retired: set.replicas() == 0 && set.status.as_ref().is_none_or(|status| status.replicas == 0),
        }
    }
}

impl ReplicaSets {
    /// A ReplicaSet that nobody controls.
    pub(super) fn standalone(&self, namespace: &str, name: &str) -> Option<&Workload> {
        self.standalone.get(namespace, name)
    }

    /// The ReplicaSets that a Deployment controls, those without pods left out.
    pub(super) fn of_deployment(&self, deployment: &str) -> Vec<Uid> {
        let sets = self.of_deployments.of(deployment).filter(|(_, set)| !set.is_retired);
        sets.map(|(uid, _)| uid.clone()).collect()
    }

    /// The revision of a Deployment's newest ReplicaSet.
    pub(super) fn newest_revision(&self, deployment: &str) -> Option<Arc<str>> {
        let sets = self.of_deployments.of(deployment);
        sets.max_by_key(|(_, set)| set.number).and_then(|(_, set)| set.revision.clone())
    }

    /// A Deployment keeps up to ten retired ReplicaSets for a rollback. In a large cluster they are most of the
    /// ReplicaSets, so only one that is the newest is kept: it says which revision the Deployment has.
    fn forget_retired(&mut self, deployment: &str) {
        let sets = || self.of_deployments.of(deployment);
        let newest = sets().map(|(_, set)| set.number).max();
        let is_past = |set: &Generation| set.is_retired && Some(set.number) < newest;
        let past: Vec<Uid> = sets().filter(|(_, set)| is_past(set)).map(|(uid, _)| uid.clone()).collect();
        for uid in past {
            self.of_deployments.remove(&uid);
        }
    }
}

impl Table for ReplicaSets {
    type Object = ReplicaSet;

    fn put(&mut self, set: ReplicaSet) {
        let Some(owner) = controller(&set) else {
            if let Some(uid) = &set.metadata.uid {
                self.of_deployments.remove(uid);
            }
            return self.standalone.put(set);
        };
        if let Some(uid) = &set.metadata.uid {
            if owner.kind == "Deployment" {
                self.of_deployments.put(uid.as_str().into(), &owner.uid, Generation::of(&set));
                self.forget_retired(&owner.uid);
            } else {
                self.of_deployments.remove(uid);
            }
        }
        self.standalone.remove(set);
    }

    fn remove(&mut self, set: ReplicaSet) {
        if let Some(uid) = &set.metadata.uid {
            self.of_deployments.remove(uid);
        }
        self.standalone.remove(set);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(uid: &str, number: u32, replicas: u32) -> ReplicaSet {
        let set = json!({
            "metadata": {
                "namespace": "default", "name": uid, "uid": uid,
                "labels": {"pod-template-hash": uid},
                "annotations": {"deployment.kubernetes.io/revision": number.to_string()},
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": true},
                ],
            },
            "spec": {"replicas": replicas, "selector": {}},
        });
        serde_json::from_value(set).unwrap()
    }

    #[test]
    fn retired_sets_are_forgotten_in_whatever_order_they_come() {
        for numbers in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2]] {
            let mut sets = ReplicaSets::default();
            for number in numbers {
                sets.put(set(&format!("set-{number}"), number, u32::from(number == 2)));
            }
            let kept: Vec<&str> = sets.of_deployments.of("d").map(|(uid, _)| &**uid).collect();
            assert_eq!(kept, ["set-2", "set-4"], "the one with pods, and the newest");
            assert_eq!(sets.of_deployment("d"), ["set-2".into()]);
            assert_eq!(sets.newest_revision("d").as_deref(), Some("set-4"));
        }
    }

    #[test]
    fn a_set_without_a_number_is_the_oldest() {
        let mut sets = ReplicaSets::default();
        let mut unnumbered = set("unnumbered", 0, 1);
        unnumbered.metadata.annotations = None;
        sets.put(set("numbered", 1, 1));
        sets.put(unnumbered);
        assert_eq!(sets.newest_revision("d").as_deref(), Some("numbered"));
        sets.remove(set("numbered", 1, 1));
        assert_eq!(sets.newest_revision("d").as_deref(), Some("unnumbered"));
    }
}
