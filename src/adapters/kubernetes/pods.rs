//! The pods of the cluster, by what a workload finds its own by: who controls them, and their labels.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as KubernetesPod;
use kube::core::Selector;

use super::labelled::Labelled;
use super::owned::{Owned, Uid};
use super::pod::compact;
use super::watched::Table;
use super::workloads::controller;
use crate::domain::observation::Pod;

/// Each pod is kept once, however it is found.
#[derive(Default)]
pub(super) struct Pods {
    /// Those that a ReplicaSet or a StatefulSet controls.
    controlled: Owned<Arc<Pod>>,
    labelled: Labelled<Arc<Pod>>,
}

impl Pods {
    /// The pods of one controller.
    pub(super) fn of(&self, controller: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.controlled.of(controller).map(|(_, pod)| pod)
    }

    /// The pods of a namespace that a selector matches, whoever controls them.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector) -> impl Iterator<Item = &Arc<Pod>> {
        self.labelled.selected(namespace, selector)
    }
}

impl Table for Pods {
    type Object = KubernetesPod;

    fn put(&mut self, mut object: KubernetesPod) {
        let Some(uid) = object.metadata.uid.take() else { return };
        let uid = Uid::from(uid);
        let namespace = object.metadata.namespace.take().unwrap_or_default();
        let controller = scaled_controller(&object);
        let mut pod = compact(&object);
        // Almost all pods of a controller are of the same revision, whose name is then kept once.
        let sibling = controller.as_deref().and_then(|controller| self.of(controller).next());
        if let Some(sibling) = sibling.filter(|sibling| sibling.revision == pod.revision) {
            pod.revision.clone_from(&sibling.revision);
        }
        let pod = Arc::new(pod);
        match controller {
            Some(controller) => self.controlled.put(uid.clone(), &controller, pod.clone()),
            // Released by its controller, or never a workload's: a DaemonSet's, a Job's, a bare one.
            None => self.controlled.remove(&uid),
        }
        self.labelled.put(uid, &namespace, object.metadata.labels.unwrap_or_default(), pod);
    }

    fn remove(&mut self, pod: KubernetesPod) {
        if let Some(uid) = &pod.metadata.uid {
            self.controlled.remove(uid);
            self.labelled.remove(uid);
        }
    }
}

/// The uid of the ReplicaSet or StatefulSet that controls the pod.
fn scaled_controller(pod: &KubernetesPod) -> Option<Uid> {
    let owner = controller(pod)?;
    let scaled = matches!(owner.kind.as_str(), "ReplicaSet" | "StatefulSet") && owner.api_version.starts_with("apps/");
    scaled.then(|| owner.uid.as_str().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, revision: &str) -> KubernetesPod {
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s", "controller": true});
        let labels = json!({"app": "db", "pod": uid, "controller-revision-hash": revision});
        let metadata = json!({"namespace": "default", "uid": uid, "labels": labels, "ownerReferences": [owner]});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn the_pods_of_a_controller_share_the_name_of_their_revision() {
        let mut pods = Pods::default();
        for (uid, revision) in [("a", "old"), ("b", "old"), ("c", "new")] {
            pods.put(pod(uid, revision));
        }
        let revisions: Vec<Arc<str>> = pods.of("s").filter_map(|pod| pod.revision.clone()).collect();
        assert_eq!(revisions, ["old".into(), "old".into(), "new".into()]);
        assert!(Arc::ptr_eq(&revisions[0], &revisions[1]));
    }
}
