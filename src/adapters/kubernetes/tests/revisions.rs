//! Which revision a workload's pods are to have, and which one each has.

use std::sync::Arc;

use serde_json::{Value, json};

use super::objects::{labelled, owned_by, pod, scalable, workload};
use super::scripted::Objects;
use super::watching::Watching;
use crate::domain::autoscaler::WorkloadKind::{Deployment, ReplicaSet, StatefulSet};
use crate::domain::autoscaler::WorkloadRef;
use crate::domain::observation::Pod;
use crate::ports::WorkloadView;

/// A ReplicaSet of the web Deployment, whose template has this hash.
fn set(hash: &str, number: u32, replicas: u32) -> Value {
    let mut set = scalable(&format!("web-{hash}"), &format!("uid-of-{hash}"), replicas);
    set["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": number.to_string()});
    owned_by(labelled(set, [("app", "web"), ("pod-template-hash", hash)]), "Deployment", "web", "d")
}

fn pod_of(hash: &str, name: &str) -> Value {
    let pod = labelled(pod(name), [("app", "web"), ("pod-template-hash", hash)]);
    owned_by(pod, "ReplicaSet", &format!("web-{hash}"), &format!("uid-of-{hash}"))
}

/// A Deployment whose ninth revision runs.
async fn the_ninth() -> Watching {
    let objects = Objects::default();
    objects.put("deployments", scalable("web", "d", 2));
    objects.put("replicasets", set("nine", 9, 2));
    objects.put("replicasets", set("eight", 8, 0));
    objects.put("pods", pod_of("nine", "a"));
    objects.put("pods", pod_of("nine", "b"));
    let watching = Watching::start(objects);
    watching.settle().await;
    watching
}

fn web() -> WorkloadRef {
    workload(Deployment, "web")
}

fn pods(watching: &Watching, workload: &WorkloadRef) -> Vec<Arc<Pod>> {
    match watching.view(workload) {
        WorkloadView::Present { pods, .. } => pods,
        other => panic!("{workload} is {other:?}"),
    }
}

/// The revision of each pod, in the order of their names.
fn of_pods(watching: &Watching) -> Vec<String> {
    let mut pods = pods(watching, &web());
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    pods.iter().map(|pod| format!("{} {}", pod.name, pod.revision.as_deref().unwrap_or("-"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rollout_is_to_the_newest_replica_set() {
    let watching = the_ninth().await;
    assert_eq!(watching.revision(&web()).as_deref(), Some("nine"));
    assert_eq!(of_pods(&watching), ["a nine", "b nine"]);

    // Ten is more than nine, though not as text. Without surge it has no pods until an old one has ended.
    watching.objects.put("replicasets", set("ten", 10, 0));
    watching.settle().await;
    assert_eq!(watching.revision(&web()).as_deref(), Some("ten"));
    watching.objects.put("replicasets", set("ten", 10, 1));
    watching.objects.put("replicasets", set("nine", 9, 1));
    watching.objects.put("pods", pod_of("ten", "c"));
    watching.objects.delete("pods", "uid-of-a");
    watching.settle().await;
    assert_eq!(watching.revision(&web()).as_deref(), Some("ten"));
    assert_eq!(of_pods(&watching), ["b nine", "c ten"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_makes_an_old_replica_set_the_newest() {
    let watching = the_ninth().await;
    watching.objects.put("replicasets", set("eight", 10, 1));
    watching.objects.put("pods", pod_of("eight", "c"));
    watching.settle().await;
    assert_eq!(watching.revision(&web()).as_deref(), Some("eight"));
    assert_eq!(of_pods(&watching), ["a nine", "b nine", "c eight"]);

    watching.objects.put("replicasets", set("nine", 9, 0));
    watching.objects.delete("pods", "uid-of-a");
    watching.objects.delete("pods", "uid-of-b");
    watching.settle().await;
    assert_eq!((watching.revision(&web()).as_deref(), of_pods(&watching)), (Some("eight"), vec!["c eight".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_without_pods_has_its_revision_all_the_same() {
    let watching = the_ninth().await;
    watching.objects.put("replicasets", set("nine", 9, 0));
    watching.settle().await;
    assert_eq!(watching.revision(&web()).as_deref(), Some("nine"));
    watching.objects.delete("replicasets", "uid-of-nine");
    watching.settle().await;
    assert_eq!(watching.revision(&web()), None);
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_says_itself_which_revision_it_updates_to() {
    let stateful = |revision: Value| {
        let mut set = scalable("db", "s", 2);
        set["status"]["currentRevision"] = json!("db-old");
        set["status"]["updateRevision"] = revision;
        set
    };
    let member = |name, revision| {
        owned_by(labelled(pod(name), [("controller-revision-hash", revision)]), "StatefulSet", "db", "s")
    };
    let objects = Objects::default();
    objects.put("statefulsets", stateful(json!(null)));
    objects.put("pods", member("db-0", "db-old"));
    let watching = Watching::start(objects);
    watching.settle().await;
    let db = workload(StatefulSet, "db");
    assert_eq!(watching.revision(&db), None, "its controller has not seen it yet");

    watching.objects.put("statefulsets", stateful(json!("db-new")));
    watching.objects.put("pods", member("db-1", "db-new"));
    watching.settle().await;
    assert_eq!(watching.revision(&db).as_deref(), Some("db-new"));
    let revisions: Vec<_> = pods(&watching, &db).iter().map(|pod| pod.revision.clone()).collect();
    assert_eq!(revisions, [Some("db-old".into()), Some("db-new".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_of_its_own_has_no_revisions() {
    let objects = Objects::default();
    objects.put("replicasets", labelled(scalable("lone", "r", 1), [("pod-template-hash", "once")]));
    let watching = Watching::start(objects);
    watching.settle().await;
    assert_eq!(watching.revision(&workload(ReplicaSet, "lone")), None);
}

#[tokio::test(start_paused = true)]
async fn what_the_scheduler_says_comes_and_goes() {
    let watching = the_ninth().await;
    let waiting = |conditions: Value| {
        let mut pod = pod_of("nine", "c");
        pod["status"] = json!({"phase": "Pending", "conditions": conditions});
        pod
    };
    let said = || {
        let pods = pods(&watching, &web());
        let pod = pods.iter().find(|pod| pod.name == "c").expect("it is there");
        pod.unschedulable.as_deref().map(str::to_owned)
    };
    watching.objects.put("pods", waiting(json!([])));
    watching.settle().await;
    assert_eq!(said(), None);

    let message = "0/3 nodes are available: 3 Insufficient cpu.";
    let refused = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
    watching.objects.put("pods", waiting(json!([refused])));
    watching.settle().await;
    assert_eq!(said().as_deref(), Some(message));

    watching.objects.put("pods", waiting(json!([{"type": "PodScheduled", "status": "True"}])));
    watching.settle().await;
    assert_eq!(said(), None);
}
