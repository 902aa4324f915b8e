//! What the store tells of its own accord.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};

use super::scripted::Objects;
use super::store::object;
use super::watching::Watching;
use crate::ports::store::{AutoscalerStore, StoreEvent, StoreEvents};

const PLURAL: &str = "workloadautoscalers";

struct Store {
    watching: Watching,
    store: std::sync::Arc<dyn AutoscalerStore>,
    events: StoreEvents,
}

fn named(name: &str) -> Value {
    let mut object = object();
    json_patch::merge(&mut object, &json!({"metadata": {"name": name, "uid": name}}));
    object
}

impl Store {
    async fn start(objects: Objects) -> Self {
        let watching = Watching::start(objects);
        let (store, events) = watching.cluster.store();
        watching.settle().await;
        Self { watching, store, events }
    }

    /// What has been told since the last time, in short.
    async fn told(&mut self) -> Vec<String> {
        self.watching.settle().await;
        let mut told = Vec::new();
        while let Some(Some(event)) = self.events.next().now_or_never() {
            told.push(match event {
                StoreEvent::Listed(all) => {
                    let names: Vec<_> = all.into_iter().map(|stored| stored.object.key.name).collect();
                    format!("listed {}", names.join(" "))
                }
                StoreEvent::Changed(stored) => format!("changed {} {}", stored.object.key, stored.version),
                StoreEvent::Deleted(object) => format!("deleted {} {}", object.key, object.uid),
            });
        }
        told
    }

    async fn after(&self, seconds: u64) {
        self.watching.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_change_is_told_in_order() {
    let objects = Objects::default();
    objects.put(PLURAL, named("a"));
    objects.put(PLURAL, named("b"));
    let mut store = Store::start(objects.clone()).await;
    assert_eq!((store.told().await, store.store.fault()), (vec!["listed a b".to_owned()], None));
    objects.put(PLURAL, named("c"));
    objects.put(PLURAL, named("a"));
    objects.delete(PLURAL, "b");
    assert_eq!(store.told().await, ["changed shop/c 13", "changed shop/a 14", "deleted shop/b b"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_break_everything_is_told_again() {
    let objects = Objects::default();
    objects.put(PLURAL, named("a"));
    let mut store = Store::start(objects.clone()).await;
    assert_eq!(store.told().await, ["listed a"]);
    objects.refuse(PLURAL, 500, "etcd is down");
    store.after(5).await;
    let fault = store.store.fault().unwrap();
    assert!(fault.starts_with("the workloadautoscalers of the cluster cannot be watched since "), "{fault}");
    assert!(fault.ends_with("the API server answers 500: etcd is down"), "{fault}");
    objects.put(PLURAL, named("b"));
    objects.allow(PLURAL);
    store.after(20).await;
    assert_eq!((store.told().await, store.store.fault()), (vec!["listed a b".to_owned()], None));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_custom_resource_is_told_what_to_do() {
    let objects = Objects::default();
    objects.refuse(PLURAL, 404, "404 page not found");
    let mut store = Store::start(objects.clone()).await;
    assert_eq!(store.told().await, Vec::<String>::new());
    let fault = store.store.fault().unwrap();
    assert!(
        fault.ends_with(
            "install the custom resource (`ai-storage-orchestrator crd | kubectl apply -f -`) or set store.kind to memory"
        ),
        "{fault}"
    );
    objects.allow(PLURAL);
    store.after(20).await;
    assert_eq!((store.told().await, store.store.fault()), (vec!["listed ".to_owned()], None));
}

#[tokio::test(start_paused = true)]
async fn one_object_that_cannot_be_read_does_not_hide_the_others() {
    let objects = Objects::default();
    let mut strange = named("strange");
    strange["spec"] = json!("nothing");
    strange["status"] = json!(["nothing"]);
    objects.put(PLURAL, strange);
    objects.put(PLURAL, named("a"));
    let mut store = Store::start(objects).await;
    assert_eq!(store.told().await, ["listed strange a"]);
}

#[tokio::test(start_paused = true)]
async fn versions_that_are_no_numbers_are_a_fault() {
    let objects = Objects::default();
    let mut store = Store::start(objects.clone()).await;
    assert_eq!(store.told().await, ["listed "]);
    let mut strange = named("a");
    strange["metadata"]["resourceVersion"] = json!("abc");
    objects.tell(PLURAL, json!({"type": "ADDED", "object": strange}));
    assert_eq!(store.told().await, Vec::<String>::new());
    let fault = store.store.fault().unwrap();
    assert!(fault.ends_with("resourceVersion \"abc\" is no number in shop/a"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_the_events_holds_the_watch_up_and_misses_nothing() {
    let objects = Objects::default();
    let mut store = Store::start(objects.clone()).await;
    for _ in 0..500 {
        objects.put(PLURAL, named("a"));
    }
    let mut told = Vec::new();
    loop {
        let more = store.told().await;
        if more.is_empty() {
            break;
        }
        told.extend(more);
    }
    assert_eq!(told.len(), 501);
}

#[tokio::test(start_paused = true)]
async fn the_events_end_with_the_service() {
    let Store { watching, events, store: _store } = Store::start(Objects::default()).await;
    watching.cluster.stop().await;
    assert_eq!(events.count().await, 1);
}
