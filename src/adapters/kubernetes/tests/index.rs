use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::super::watch::{Watcher, follow};
use super::super::watched::{Table, Watched};
use super::objects::{owned_by, pod, scalable, workload};
use super::scripted::Objects;
use super::watching::Watching;
use crate::clock::Clock;
use crate::domain::autoscaler::WorkloadKind::{Deployment, ReplicaSet, StatefulSet};
use crate::ports::{Scale, WorkloadView};

#[tokio::test(start_paused = true)]
async fn a_deployment_in_a_rollout_has_the_pods_of_all_its_replica_sets() {
    let watching = Watching::a_rollout().await;
    let web = workload(Deployment, "web");
    assert_eq!(watching.fault(), None);
    assert_eq!(watching.present(&web), (3, vec!["web-new-1".into(), "web-new-2".into(), "web-old-1".into()]));
    assert_eq!(watching.view(&workload(Deployment, "api")), WorkloadView::Absent);
    assert_eq!(watching.view(&workload(StatefulSet, "web")), WorkloadView::Absent);
}

#[tokio::test(start_paused = true)]
async fn strangers_are_not_counted() {
    let watching = Watching::a_rollout().await;
    let mut labelled = pod("stranger");
    labelled["metadata"]["labels"] = json!({"app": "web"});
    watching.objects.put("pods", labelled);
    watching.objects.put("pods", owned_by(pod("of-a-job"), "Job", "web", "d"));
    watching.objects.put("pods", owned_by(pod("of-another"), "ReplicaSet", "web-new", "a-uid-of-before"));
    let mut only_an_owner = owned_by(pod("not-controlled"), "ReplicaSet", "web-new", "new");
    only_an_owner["metadata"]["ownerReferences"][0]["controller"] = json!(false);
    watching.objects.put("pods", only_an_owner);
    watching.settle().await;
    assert_eq!(watching.present(&workload(Deployment, "web")).1.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_scale_is_known_with_its_version_as_long_as_the_watch_is_current() {
    let watching = Watching::a_rollout().await;
    watching.objects.put("statefulsets", scalable("db", "s", 2));
    watching.objects.put("replicasets", scalable("alone", "r", 4));
    watching.objects.put("deployments", scalable("web", "d", 5));
    watching.settle().await;
    let index = watching.cluster.cluster().index;
    let known = |kind, name| index.scale(&workload(kind, name));
    let scale = |uid: &str, replicas, version: &str| {
        Some(Scale { uid: uid.into(), replicas, resource_version: version.to_owned() })
    };
    assert_eq!(known(Deployment, "web"), scale("d", 5, "12"));
    assert_eq!(known(StatefulSet, "db"), scale("s", 2, "11"));
    assert_eq!(known(ReplicaSet, "alone"), scale("r", 4, "14"));
    assert_eq!(known(Deployment, "api"), None);
    watching.objects.refuse("deployments", 500, "no");
    watching.settle().await;
    assert_eq!((known(Deployment, "web"), known(StatefulSet, "db")), (None, scale("s", 2, "11")));
}

#[tokio::test(start_paused = true)]
async fn changes_are_followed() {
    let watching = Watching::a_rollout().await;
    let web = workload(Deployment, "web");
    watching.objects.put("deployments", scalable("web", "d", 5));
    watching.objects.put("pods", owned_by(pod("web-new-3"), "ReplicaSet", "web-new", "new"));
    watching.objects.delete("pods", "uid-of-web-old-1");
    // Released: it lives on, but the ReplicaSet does not control it any more.
    watching.objects.put("pods", pod("web-new-1"));
    watching.settle().await;
    assert_eq!(watching.present(&web), (5, vec!["web-new-2".into(), "web-new-3".into()]));

    // A rollback: the retired ReplicaSet comes back to life.
    watching.objects.put("replicasets", owned_by(scalable("web-retired", "retired", 2), "Deployment", "web", "d"));
    watching.objects.put("pods", owned_by(pod("web-retired-1"), "ReplicaSet", "web-retired", "retired"));
    watching.settle().await;
    assert_eq!(watching.present(&web).1, ["web-new-2", "web-new-3", "web-retired-1"]);

    watching.objects.delete("deployments", "d");
    watching.settle().await;
    assert_eq!(watching.view(&web), WorkloadView::Absent);
    assert_eq!(watching.requests("/pods", false), 1, "changes come by the watch");
}

#[tokio::test(start_paused = true)]
async fn a_workload_of_the_same_name_is_another_one() {
    let watching = Watching::a_rollout().await;
    watching.objects.delete("deployments", "d");
    watching.objects.put("deployments", scalable("web", "e", 1));
    watching.settle().await;
    assert_eq!(watching.present(&workload(Deployment, "web")), (1, vec![]));
}

#[tokio::test(start_paused = true)]
async fn stateful_sets_and_replica_sets_own_their_pods_themselves() {
    let objects = Objects::default();
    objects.put("statefulsets", scalable("db", "s", 2));
    objects.put("pods", owned_by(pod("db-0"), "StatefulSet", "db", "s"));
    objects.put("replicasets", scalable("lone", "r", 1));
    objects.put("pods", owned_by(pod("lone-1"), "ReplicaSet", "lone", "r"));
    objects.put("replicasets", owned_by(scalable("web-1", "w", 1), "Deployment", "web", "d"));
    let watching = Watching::start(objects);
    watching.settle().await;
    assert_eq!(watching.present(&workload(StatefulSet, "db")), (2, vec!["db-0".into()]));
    assert_eq!(watching.present(&workload(ReplicaSet, "lone")), (1, vec!["lone-1".into()]));
    assert_eq!(watching.view(&workload(ReplicaSet, "web-1")), WorkloadView::Absent, "it is the Deployment's");

    watching.objects.put("replicasets", owned_by(scalable("lone", "r", 1), "Deployment", "web", "d"));
    watching.settle().await;
    assert_eq!(watching.view(&workload(ReplicaSet, "lone")), WorkloadView::Absent, "it has been adopted");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_before_the_lists_are_complete() {
    let objects = Objects::default();
    objects.put("deployments", scalable("web", "d", 3));
    objects.refuse("pods", 403, "pods is forbidden: User \"me\" cannot list resource \"pods\"");
    let watching = Watching::start(objects);
    let web = workload(Deployment, "web");
    assert_eq!(watching.unknown(&web), "the deployments of the cluster have not been read yet");

    let all = "the deployments, statefulsets, replicasets, pods of the cluster have not been read yet";
    assert_eq!(watching.fault().as_deref(), Some(all));

    watching.settle().await;
    let error = "the pods of the cluster cannot be watched since 1970-01-01T00:00:00Z: \
                 pods is forbidden: User \"me\" cannot list resource \"pods\"";
    assert_eq!(watching.unknown(&web), error);
    assert_eq!(watching.unknown(&workload(Deployment, "api")), error, "not Absent");
    assert_eq!(watching.fault().as_deref(), Some(error));
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_makes_unknown_until_a_new_list_is_complete() {
    let watching = Watching::a_rollout().await;
    let web = workload(Deployment, "web");
    watching.objects.refuse("replicasets", 503, "etcd is down");
    watching.settle().await;
    assert!(watching.unknown(&web).contains("the connection broke"), "{}", watching.unknown(&web));
    watching.clock.sleep(Duration::from_secs(40)).await;
    assert!(watching.unknown(&web).ends_with("the API server answers 503: etcd is down"));
    assert_eq!(watching.view(&workload(StatefulSet, "db")), WorkloadView::Absent, "it needs no ReplicaSets");
    // After 1, 2, 4, 8 and 15 s, each with a jitter of a quarter.
    let tries = watching.requests("/replicasets", false) - 1;
    assert!((4..=6).contains(&tries), "{tries} tries in 40 s");

    // Meanwhile the old ReplicaSet has gone, which no watch has told.
    watching.objects.delete("replicasets", "old");
    watching.objects.allow("replicasets");
    watching.clock.sleep(Duration::from_secs(20)).await;
    assert_eq!(watching.fault(), None);
    assert_eq!(watching.present(&web), (3, vec!["web-new-1".into(), "web-new-2".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_changes_may_not_be_watched_is_not_trusted() {
    let objects = Objects::default();
    objects.put("deployments", scalable("web", "d", 3));
    objects.refuse_watches("deployments", 403, "cannot watch resource \"deployments\"");
    let watching = Watching::start(objects);
    for _ in 0..600 {
        watching.clock.sleep(Duration::from_millis(100)).await;
        let error = watching.unknown(&workload(Deployment, "web"));
        assert!(error.ends_with("since 1970-01-01T00:00:00Z: cannot watch resource \"deployments\""), "{error}");
    }
    let lists = watching.requests("/deployments", false);
    assert!((6..=9).contains(&lists), "{lists} lists in a minute");
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_leads_to_a_new_list() {
    let watching = Watching::a_rollout().await;
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
    watching.objects.tell("pods", json!({"type": "ERROR", "object": gone}));
    let _lost = watching.objects.forget_watches("pods");
    watching.objects.delete("pods", "uid-of-web-old-1");
    watching.settle().await;
    assert!(watching.fault().unwrap().contains("too old resource version"));
    watching.clock.sleep(Duration::from_secs(2)).await;
    assert_eq!(watching.fault(), None);
    assert_eq!(watching.present(&workload(Deployment, "web")).1.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_in_time_goes_on_without_a_list() {
    let watching = Watching::a_rollout().await;
    watching.clock.sleep(Duration::from_secs(60)).await;
    watching.objects.end_watches("pods");
    watching.clock.sleep(Duration::from_millis(10)).await;
    watching.objects.delete("pods", "uid-of-web-old-1");
    watching.settle().await;
    assert_eq!(watching.present(&workload(Deployment, "web")).1.len(), 2);
    assert_eq!((watching.requests("/pods", false), watching.requests("/pods", true)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_not_repeated_without_a_pause() {
    let watching = Watching::a_rollout().await;
    for _ in 0..100 {
        watching.objects.end_watches("pods");
        watching.clock.sleep(Duration::from_millis(100)).await;
    }
    let watches = watching.requests("/pods", true);
    assert!((9..=12).contains(&watches), "{watches} watches in 10 s");
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_noticed() {
    let watching = Watching::a_rollout().await;
    // Nobody closes the connection, but nothing comes any more; and a new watch gets no answer.
    let _dead = watching.objects.forget_watches("pods");
    watching.objects.be_silent("pods");
    watching.clock.sleep(Duration::from_secs(64)).await;
    assert_eq!(watching.requests("/pods", true), 1);
    watching.clock.sleep(Duration::from_secs(2)).await;
    assert_eq!(watching.requests("/pods", true), 2, "the server should have ended it after 60 s");
    watching.clock.sleep(Duration::from_secs(31)).await;
    let fault = watching.fault().unwrap();
    assert!(fault.ends_with(": no answer from the API server within 30 s"), "{fault}");
}

/// A table that cannot take a certain object.
#[derive(Default)]
struct Brittle;

impl Table for Brittle {
    type Object = Pod;

    fn put(&mut self, pod: Pod) {
        assert_ne!(pod.metadata.name.as_deref(), Some("brittle"), "scripted panic");
    }

    fn remove(&mut self, _: Pod) {}
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_panics_does_not_pass_for_current() {
    let objects = Objects::default();
    let (client, _) = objects.client();
    let clock = Clock::scaled(chrono::DateTime::UNIX_EPOCH, 1.0);
    let watched = Arc::new(Watched::<Brittle>::new());
    let following = tokio::spawn(follow(watched.clone(), Watcher { client, clock, instruments: Arc::default() }));
    clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(watched.fault(), None);
    objects.put("pods", pod("brittle"));
    clock.sleep(Duration::from_millis(1)).await;
    let fault = watched.fault().expect("it is known that nothing is known");
    assert!(fault.1.contains("panicked"), "{fault:?}");
    assert!(!following.is_finished(), "it is tried again");
    following.abort();
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_the_watches() {
    let watching = Watching::a_rollout().await;
    let index = watching.cluster.cluster().index;
    let Watching { objects, cluster, log, clock } = watching;
    cluster.stop().await;
    let before = log.all().len();
    objects.refuse("pods", 503, "down");
    clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(log.all().len(), before);
    assert_eq!(index.fault(), None);
}
