//! The room on the nodes, as the watches tell it.

use serde_json::{Value, json};

use super::objects::{pod, scalable, workload};
use super::scripted::Objects;
use super::watching::Watching;
use crate::domain::autoscaler::WorkloadKind::StatefulSet;
use crate::domain::capacity::Room;
use crate::ports::WorkloadView;

fn spec(gpus: u32) -> Value {
    json!({"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": gpus}}}]})
}

/// A node with eight GPUs.
fn node(name: &str) -> Value {
    let allocatable = json!({"cpu": "64", "pods": "110", "nvidia.com/gpu": "8"});
    json!({"metadata": {"name": name, "uid": name}, "spec": {}, "status": {"allocatable": allocatable}})
}

fn placed(name: &str, node: &str, phase: &str) -> Value {
    let mut pod = pod(name);
    pod["spec"] = spec(2);
    pod["spec"]["nodeName"] = node.into();
    pod["status"]["phase"] = phase.into();
    pod
}

/// Two nodes, and the StatefulSet `train` whose pods have two GPUs each.
fn objects() -> Objects {
    let objects = Objects::default();
    let mut train = scalable("train", "t", 1);
    train["spec"]["template"] = json!({"spec": spec(2)});
    objects.put("statefulsets", train);
    objects.put("statefulsets", scalable("web", "w", 1));
    objects.put("nodes", node("a"));
    objects.put("nodes", node("b"));
    objects
}

impl Watching {
    fn room(&self, name: &str) -> Room {
        self.cluster.cluster().index.room(&workload(StatefulSet, name))
    }

    fn more(&self) -> u32 {
        match self.room("train") {
            Room::Known { more, .. } => more,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pods_take_room_as_long_as_they_hold_it() {
    let watching = Watching::start(objects());
    watching.settle().await;
    assert_eq!((watching.more(), watching.room("web")), (8, Room::NotAsked));
    for (name, node, phase, left) in [
        ("one", "a", "Running", 7),
        ("two", "b", "Pending", 6),
        ("one", "a", "Succeeded", 7),
        ("two", "elsewhere", "Running", 8),
        ("two", "b", "Running", 7),
    ] {
        watching.objects.put("pods", placed(name, node, phase));
        watching.settle().await;
        assert_eq!(watching.more(), left, "{name} on {node} is {phase}");
    }
    watching.objects.delete("pods", "uid-of-two");
    watching.settle().await;
    assert_eq!(watching.more(), 8);
}

#[tokio::test(start_paused = true)]
async fn nodes_come_change_and_go() {
    let watching = Watching::start(objects());
    watching.settle().await;
    let mut cordoned = node("a");
    cordoned["spec"]["unschedulable"] = true.into();
    watching.objects.put("nodes", cordoned);
    watching.settle().await;
    assert_eq!(watching.more(), 4);
    watching.objects.put("nodes", node("c"));
    watching.settle().await;
    assert_eq!(watching.more(), 8);
    for name in ["b", "c"] {
        watching.objects.delete("nodes", name);
    }
    watching.settle().await;
    assert_eq!(watching.room("train"), Room::Known { more: 0, blocked_by: "node(s) were unschedulable".into() });
}

#[tokio::test(start_paused = true)]
async fn without_the_nodes_only_the_room_is_unknown() {
    let objects = objects();
    objects.refuse("nodes", 403, "nodes is forbidden");
    let watching = Watching::start(objects);
    watching.settle().await;
    assert!(matches!(watching.room("train"), Room::Unknown { error } if error.contains("nodes is forbidden")));
    let index = watching.cluster.cluster().index;
    assert!(index.capacity_fault().is_some_and(|fault| fault.contains("nodes is forbidden")));
    assert_eq!(watching.fault(), None);
    assert!(matches!(watching.view(&workload(StatefulSet, "train")), WorkloadView::Present { .. }));
}
