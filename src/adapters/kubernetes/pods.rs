//! The pods of the cluster, by what a workload finds its own by: who controls them, and their labels.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as KubernetesPod;
use kube::core::Selector;

use super::interned::Interned;
use super::labelled::Labelled;
use super::owned::{Owned, Uid};
use super::pod::{compact, ip};
use super::shape::Shape;
use super::taken::Taken;
use super::watched::Table;
use super::workloads::controller;
use crate::domain::capacity::Amounts;
use crate::domain::observation::{Pod, PodPhase};

/// Each pod is kept once, however it is found.
#[derive(Default)]
pub(super) struct Pods {
    /// Those that a ReplicaSet or a StatefulSet controls.
    controlled: Owned<Arc<Kept>>,
    labelled: Labelled<Arc<Kept>>,
    shapes: Interned<Shape>,
    taken: Taken,
}

/// What is kept of a pod.
pub(super) struct Kept {
    /// What decisions look at.
    pub(super) pod: Arc<Pod>,
    /// Its address, once it has one.
    pub(super) ip: Option<IpAddr>,
    /// What it has in common with the other pods of its template.
    pub(super) shape: Arc<Shape>,
}

impl Pods {
    /// The pods of one controller.
    pub(super) fn of(&self, controller: &str) -> impl Iterator<Item = &Kept> {
        self.controlled.of(controller).map(|(_, kept)| &**kept)
    }

    /// What the pods of a node request in all.
    pub(super) fn taken(&self, node: &str) -> Option<&Amounts> {
        self.taken.of(node)
    }

    /// The pods of a namespace that a selector matches, whoever controls them.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector) -> impl Iterator<Item = &Kept> {
        self.labelled.selected(namespace, selector).map(|kept| &**kept)
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
        // Almost all pods of a controller are of the same revision, and request the same.
        if let Some(sibling) = controller.as_deref().and_then(|controller| self.of(controller).next()) {
            share(&mut pod.revision, &sibling.pod.revision);
            share(&mut pod.requests, &sibling.pod.requests);
        }
        let shape = object.spec.as_ref().map(Shape::of).unwrap_or_default();
        let shape = self.shapes.share(shape);
        // What has ended holds nothing any more; what is still ending does.
        let has_ended = matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed);
        self.taken.put(&uid, pod.node.as_ref().filter(|_| !has_ended), &shape);
        let kept = Arc::new(Kept { pod: Arc::new(pod), ip: ip(&object), shape });
        match controller {
            Some(controller) => self.controlled.put(uid.clone(), &controller, kept.clone()),
            // Released by its controller, or never a workload's: a DaemonSet's, a Job's, a bare one.
            None => self.controlled.remove(&uid),
        }
        self.labelled.put(uid, &namespace, object.metadata.labels.unwrap_or_default(), kept);
    }

    fn remove(&mut self, pod: KubernetesPod) {
        if let Some(uid) = &pod.metadata.uid {
            self.controlled.remove(uid);
            self.labelled.remove(uid);
            self.taken.remove(uid);
        }
    }
}

/// Keeps equal values once.
fn share<T: Clone + PartialEq>(own: &mut T, others: &T) {
    if own == others {
        own.clone_from(others);
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

    fn pod(uid: &str, revision: &str, cpu: &str) -> KubernetesPod {
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s", "controller": true});
        let labels = json!({"app": "db", "pod": uid, "controller-revision-hash": revision});
        let metadata = json!({"namespace": "default", "uid": uid, "labels": labels, "ownerReferences": [owner]});
        let container = json!({"name": "main", "resources": {"requests": {"cpu": cpu}}});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"containers": [container]}})).unwrap()
    }

    #[test]
    fn the_pods_of_a_controller_share_what_is_equal() {
        let mut pods = Pods::default();
        for (uid, revision, cpu) in [("a", "old", "1"), ("b", "old", "1000m"), ("c", "new", "2")] {
            pods.put(pod(uid, revision, cpu));
        }
        let revisions: Vec<Arc<str>> = pods.of("s").filter_map(|kept| kept.pod.revision.clone()).collect();
        assert_eq!(revisions, ["old".into(), "old".into(), "new".into()]);
        assert!(Arc::ptr_eq(&revisions[0], &revisions[1]));
        let requests: Vec<_> = pods.of("s").map(|kept| &kept.pod.requests).collect();
        assert!(Arc::ptr_eq(requests[0], requests[1]));
        let cpus: Vec<_> = requests.iter().map(|requests| requests.containers[0].resources.cpu).collect();
        assert_eq!(cpus, ["1", "1", "2"].map(|cpu| Some(cpu.parse().unwrap())));
    }
}
