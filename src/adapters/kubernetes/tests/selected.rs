//! The pods that a workload's selector matches, whoever owns them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::objects::{labelled, owned_by, pod, scalable, workload};
use super::scripted::Objects;
use super::watching::Watching;
use crate::domain::autoscaler::WorkloadKind::{Deployment, ReplicaSet, StatefulSet};
use crate::ports::{PodSelection, WorkloadView};

/// A pod labelled `app=web`, and `more`.
fn web_pod(name: &str, more: (&str, &str)) -> Value {
    labelled(pod(name), [("app", "web"), more])
}

/// The web Deployment with two pods of its own, strangers that its selector matches, and some that it does not.
async fn with_strangers() -> Watching {
    let objects = Objects::default();
    objects.put("deployments", scalable("web", "d", 2));
    objects.put("replicasets", owned_by(scalable("web-1", "r", 2), "Deployment", "web", "d"));
    for name in ["web-1-a", "web-1-b"] {
        objects.put("pods", owned_by(web_pod(name, ("pod-template-hash", "1")), "ReplicaSet", "web-1", "r"));
    }
    objects.put("pods", web_pod("bare", ("tier", "test")));
    objects.put("pods", owned_by(web_pod("of-a-job", ("job-name", "migrate")), "Job", "migrate", "j"));
    objects.put("pods", owned_by(web_pod("of-a-daemon-set", ("tier", "node")), "DaemonSet", "agent", "a"));
    objects.put("pods", owned_by(web_pod("of-another", ("tier", "old")), "ReplicaSet", "other", "o"));
    objects.put("pods", labelled(pod("api"), [("app", "api")]));
    objects.put("pods", pod("without-labels"));
    let mut elsewhere = web_pod("elsewhere", ("tier", "test"));
    elsewhere["metadata"]["namespace"] = json!("other");
    objects.put("pods", elsewhere);
    let watching = Watching::start(objects);
    watching.settle().await;
    watching
}

#[tokio::test(start_paused = true)]
async fn whoever_owns_a_pod_the_selector_counts() {
    let watching = with_strangers().await;
    let web = workload(Deployment, "web");
    let all = ["bare", "of-a-daemon-set", "of-a-job", "of-another", "web-1-a", "web-1-b"];
    assert_eq!(watching.selected(&web), all);
    assert_eq!(watching.present(&web), (2, vec!["web-1-a".into(), "web-1-b".into()]), "owned");
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_selected_by_the_labels_that_it_has_now() {
    let watching = with_strangers().await;
    let web = workload(Deployment, "web");
    watching.objects.put("pods", labelled(pod("bare"), [("app", "retired")]));
    watching.objects.put("pods", web_pod("api", ("tier", "new")));
    // It stays the ReplicaSet's until that has released it.
    let relabelled = labelled(pod("web-1-a"), [("app", "debug")]);
    watching.objects.put("pods", owned_by(relabelled, "ReplicaSet", "web-1", "r"));
    watching.settle().await;
    assert_eq!(watching.selected(&web), ["api", "of-a-daemon-set", "of-a-job", "of-another", "web-1-b"]);
    assert_eq!(watching.present(&web).1, ["web-1-a", "web-1-b"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_is_not_selected() {
    let watching = with_strangers().await;
    for name in ["bare", "of-a-job", "web-1-b"] {
        watching.objects.delete("pods", &format!("uid-of-{name}"));
    }
    watching.settle().await;
    let left = ["of-a-daemon-set", "of-another", "web-1-a"];
    assert_eq!(watching.selected(&workload(Deployment, "web")), left);
}

#[tokio::test(start_paused = true)]
async fn a_changed_selector_selects_others() {
    let watching = with_strangers().await;
    let mut changed = scalable("web", "d", 2);
    changed["spec"]["selector"] = json!({"matchLabels": {"app": "api"}});
    watching.objects.put("deployments", changed);
    watching.settle().await;
    assert_eq!(watching.selected(&workload(Deployment, "web")), ["api"]);
}

#[tokio::test(start_paused = true)]
async fn selectors_of_all_forms_are_understood() {
    let expression = |key, operator, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
    let tier_is = |values| expression("tier", "In", values);
    let cases = [
        (json!({"matchExpressions": [tier_is(&["test", "old"])]}), vec!["bare", "of-another"]),
        (
            json!({"matchLabels": {"app": "web"}, "matchExpressions": [expression("tier", "NotIn", &["test", "node"])]}),
            vec!["of-a-job", "of-another", "web-1-a", "web-1-b"],
        ),
        (json!({"matchExpressions": [expression("job-name", "Exists", &[])]}), vec!["of-a-job"]),
        (
            json!({"matchLabels": {"app": "web"}, "matchExpressions": [expression("tier", "DoesNotExist", &[])]}),
            vec!["of-a-job", "web-1-a", "web-1-b"],
        ),
        (json!({"matchLabels": {"app": "web", "tier": "node"}}), vec!["of-a-daemon-set"]),
        // Never all pods of the namespace.
        (json!({}), vec![]),
        (json!({"matchLabels": {}, "matchExpressions": []}), vec![]),
        (json!({"matchExpressions": [expression("app", "Like", &["web"])]}), vec![]),
    ];
    let watching = with_strangers().await;
    for (selector, expected) in cases {
        for (plural, kind) in [("deployments", Deployment), ("statefulsets", StatefulSet), ("replicasets", ReplicaSet)]
        {
            let mut object = scalable("picky", &format!("uid-of-{plural}"), 1);
            object["spec"]["selector"] = selector.clone();
            watching.objects.put(plural, object);
            watching.settle().await;
            assert_eq!(watching.selected(&workload(kind, "picky")), expected, "{kind} {selector}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_kept_once_however_it_is_found() {
    let watching = with_strangers().await;
    let pods = |selection| match watching.cluster.cluster().index.view(&workload(Deployment, "web"), selection) {
        WorkloadView::Present { pods, .. } => pods,
        other => panic!("{other:?}"),
    };
    let (owned, selected) = (pods(PodSelection::Owned), pods(PodSelection::Selected));
    for pod in owned {
        assert!(selected.iter().any(|other| Arc::ptr_eq(&pod, other)), "{}", pod.name);
    }
}
