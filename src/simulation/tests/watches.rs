//! Watches, directly and through kube's watcher.

use futures_util::{Stream, StreamExt, TryStreamExt};
use kube::api::{WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};

use super::*;

/// The next event in short: what happened to which pod, or the error's code.
async fn next(events: &mut (impl Stream<Item = kube::Result<WatchEvent<Pod>>> + Unpin)) -> Option<String> {
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap();
    Some(match events.next().await?.unwrap() {
        WatchEvent::Added(pod) => format!("added {}", name(&pod)),
        WatchEvent::Modified(pod) => format!("modified {}", name(&pod)),
        WatchEvent::Deleted(pod) => format!("deleted {}", name(&pod)),
        WatchEvent::Bookmark(_) => "bookmark".to_owned(),
        WatchEvent::Error(status) => format!("error {}", status.code),
    })
}

fn stateful(replicas: u32) -> WorkloadSettings {
    WorkloadSettings { replicas, ..WorkloadSettings::new(WorkloadKind::StatefulSet, "default", "db") }
}

fn scale(cluster: &SimulatedCluster, replicas: u32) {
    cluster.set_replicas(WorkloadKind::StatefulSet, "default", "db", replicas).unwrap();
}

async fn version(api: &Api<Pod>) -> String {
    api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_a_pods_life_in_order() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let from = version(&api).await;
    let mut events = api.watch(&WatchParams::default(), &from).await.unwrap().boxed();
    scale(&cluster, 2);
    for expected in ["added db-1", "modified db-1", "modified db-1", "modified db-1"] {
        assert_eq!(next(&mut events).await.unwrap(), expected, "made, placed, running, ready");
    }
    scale(&cluster, 1);
    for expected in ["modified db-1", "deleted db-1", "bookmark"] {
        assert_eq!(next(&mut events).await.unwrap(), expected);
    }
    // Another watch from the same version sees the same again.
    let again = api.watch(&WatchParams::default(), &from).await.unwrap();
    let again: Vec<_> = again.try_collect().await.unwrap();
    let pods = again.iter().filter(|event| !matches!(event, WatchEvent::Bookmark(_)));
    assert_eq!(pods.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over_and_can_be_resumed() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let params = WatchParams::default().timeout(90);
    let events: Vec<_> = api.watch(&params, &version(&api).await).await.unwrap().try_collect().await.unwrap();
    let [WatchEvent::Bookmark(bookmark)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((cluster.shared.clock.now() - epoch()).num_seconds(), 90);
    scale(&cluster, 2);
    let mut events = api.watch(&params, &bookmark.metadata.resource_version).await.unwrap().boxed();
    assert_eq!(next(&mut events).await.unwrap(), "added db-1");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_forgotten_is_gone() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let old = version(&api).await;
    cluster.expire_versions();
    let mut events = api.watch(&WatchParams::default(), &old).await.unwrap().boxed();
    assert_eq!(next(&mut events).await.unwrap(), "error 410");
    assert_eq!(next(&mut events).await, None);
    let mut events = api.watch(&WatchParams::default(), &version(&api).await).await.unwrap().boxed();
    scale(&cluster, 2);
    assert_eq!(next(&mut events).await.unwrap(), "added db-1");
    let status = refusal(api.watch(&WatchParams::default(), "99999999").await.map(|_| ()));
    assert_eq!(status.code, 504);
}

#[tokio::test(start_paused = true)]
async fn history_is_bounded_by_number_and_age() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let old = version(&api).await;
    for _ in 0..300 {
        scale(&cluster, 2);
        pass(30).await;
        scale(&cluster, 1);
        pass(30).await;
    }
    let mut events = api.watch(&WatchParams::default(), &old).await.unwrap().boxed();
    assert_eq!(next(&mut events).await.unwrap(), "error 410");
}

#[tokio::test(start_paused = true)]
async fn a_watch_under_way_outlives_the_history() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let mut events = api.watch(&WatchParams::default(), &version(&api).await).await.unwrap().boxed();
    pass(5).await;
    cluster.expire_versions();
    scale(&cluster, 2);
    assert_eq!(next(&mut events).await.unwrap(), "added db-1");
}

#[tokio::test(start_paused = true)]
async fn metrics_cannot_be_watched() {
    let cluster = cluster([]);
    assert_eq!(refusal(get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/pods?watch=true").await).code, 405);
}

#[tokio::test(start_paused = true)]
async fn cut_watches_end_with_an_error() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let mut events = api.watch(&WatchParams::default(), &version(&api).await).await.unwrap().boxed();
    cluster.cut_watches();
    assert!(events.next().await.unwrap().is_err());
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_selector_makes_objects_come_and_go() {
    let cluster = cluster([stateful(1)]);
    let api: Api<Pod> = Api::all(cluster.client());
    let params = WatchParams::default().fields("status.phase=Pending");
    let mut events = api.watch(&params, &version(&api).await).await.unwrap().boxed();
    scale(&cluster, 2);
    for expected in ["added db-1", "modified db-1", "deleted db-1"] {
        assert_eq!(next(&mut events).await.unwrap(), expected, "it is no longer pending");
    }
    let other = WatchParams::default();
    let elsewhere: Api<Pod> = Api::namespaced(cluster.client(), "elsewhere");
    let mut events = elsewhere.watch(&other, &version(&api).await).await.unwrap().boxed();
    scale(&cluster, 3);
    assert_eq!(next(&mut events).await.unwrap(), "bookmark");
}

#[tokio::test(start_paused = true)]
async fn kubes_watcher_follows_by_list_and_by_stream_through_every_fault() {
    for config in [
        watcher::Config::default(),
        watcher::Config::default().page_size(2),
        watcher::Config::default().streaming_lists(),
        watcher::Config::default().any_semantic(),
    ] {
        let cluster = cluster([web(5, 0.0)]);
        let mut events = watcher(Api::<Pod>::all(cluster.client()), config.clone()).boxed();
        let mut known = std::collections::BTreeSet::new();
        let mut errors = 0;
        let mut step = 0;
        while step < 4 {
            let name = |pod: &Pod| pod.metadata.name.clone().unwrap();
            match tokio::time::timeout(Duration::from_secs(100), events.next()).await {
                Ok(Some(Ok(Event::Init))) => known.clear(),
                Ok(Some(Ok(Event::InitApply(pod) | Event::Apply(pod)))) => drop(known.insert(name(&pod))),
                Ok(Some(Ok(Event::Delete(pod)))) => drop(known.remove(&name(&pod))),
                Ok(Some(Ok(Event::InitDone))) => {}
                Ok(Some(Err(_))) => errors += 1,
                Ok(None) => panic!("the watcher has ended"),
                Err(_) => {
                    let expected = pods(&cluster).await.iter().map(name).collect();
                    assert_eq!(known, expected, "step {step} of {config:?}");
                    step += 1;
                    match step {
                        1 => scale_web(&cluster, 8).await,
                        2 => {
                            cluster.cut_watches();
                            scale_web(&cluster, 3).await;
                        }
                        3 => {
                            cluster.cut_watches();
                            cluster.expire_versions();
                            scale_web(&cluster, 6).await;
                        }
                        _ => {}
                    }
                }
            }
        }
        assert!(errors >= 2, "{errors} errors: the faults have been felt");
    }
}
