//! A list and a watch of the API server, from its bytes to what the service knows: nothing is left of what was deleted,
//! and an object that makes no sense does no more than end its watch.
//!
//! The first line of the input names the resource, the second is the list; the others are the watch.
#![no_main]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ai_storage_orchestrator::domain::autoscaler::{WorkloadKind, WorkloadRef};
use ai_storage_orchestrator::ports::store::{AutoscalerStore, NewAutoscaler, StoreEvent, StoredAutoscaler};
use ai_storage_orchestrator::ports::{PodSelection, WorkloadIndex, WorkloadView};
use ai_storage_orchestrator_fuzz::api_server::{ApiServer, Script, run};
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::rules::assert_valid;
use ai_storage_orchestrator_fuzz::text::assert_short;
use futures_util::StreamExt;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const RESOURCES: [&str; 7] =
    ["pods", "deployments", "replicasets", "statefulsets", "nodes", "horizontalpodautoscalers", "workloadautoscalers"];

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let resource = lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let (Some(resource), Some(list)) = (RESOURCES.iter().find(|known| **known == resource), lines.next()) else {
        return;
    };
    let watch = [lines.next().unwrap_or_default(), b"\n"].concat();
    let objects = objects(list, &watch);
    let script = Script {
        resource: (*resource).to_owned(),
        list: list.to_vec(),
        watch: vec![watch, deletions(&objects)],
        ..Script::default()
    };
    within((4 << 20) + 512 * input.len(), || run(follow(ApiServer::new(script), &objects)));
});

async fn follow(server: Arc<ApiServer>, objects: &[Value]) {
    let cluster = server.connect();
    let (store, mut events) = cluster.store();
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(60), events.next()).await {
            all.push(event);
        }
        all
    });
    let index = cluster.cluster().index;
    server.has_said().await;
    look(&*index, objects);
    server.go_on.notify_one();
    server.has_said().await;
    if index.fault().is_none() {
        for workload in workloads(objects) {
            assert_eq!(index.view(&workload, PodSelection::Owned), WorkloadView::Absent, "{workload} was deleted");
            assert_eq!(index.rival(&workload), None);
        }
    }
    if let Some(fault) = index.fault() {
        assert_short(&fault, 2_000);
    }
    drop(cluster);
    for event in reading.await.expect("reading events does not panic") {
        match event {
            StoreEvent::Listed(all) => {
                for stored in all {
                    keeps(&*store, stored).await;
                }
            }
            StoreEvent::Changed(stored) => keeps(&*store, *stored).await,
            StoreEvent::Deleted(_) => {}
        }
    }
}

/// Asks for everything that anybody may want to know of the workloads that are named anywhere.
fn look(index: &dyn WorkloadIndex, objects: &[Value]) {
    for workload in workloads(objects) {
        for selection in [PodSelection::Owned, PodSelection::Selected] {
            if let WorkloadView::Present { replicas, .. } = index.view(&workload, selection) {
                assert!(replicas <= i32::MAX as u32);
            }
        }
        let _ = (index.rival(&workload), index.room(&workload), index.capacity_fault());
    }
}

/// An autoscaler that was read is the same when it is kept and read again.
async fn keeps(store: &dyn AutoscalerStore, stored: StoredAutoscaler) {
    let Ok(wanted) = &stored.wanted else { return };
    assert_valid(&wanted.rules);
    let new = NewAutoscaler {
        key: stored.object.key.clone(),
        id: "autoscaler-00000000".to_owned(),
        wanted: wanted.clone(),
        by: None,
    };
    let again = store.create(new).await.expect("what was read can be kept");
    assert_eq!(again.wanted.as_ref(), Ok(wanted));
    if let Some(saved) = &stored.saved {
        let version = store.save(&stored.object, stored.version, saved.clone()).await;
        assert_eq!(version, Ok(2));
    }
}

/// All objects that the input has, as far as it is JSON.
fn objects(list: &[u8], watch: &[u8]) -> Vec<Value> {
    let listed: Value = serde_json::from_slice(list).unwrap_or_default();
    let events = watch.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let listed = listed["items"].as_array().cloned().unwrap_or_default();
    listed.into_iter().chain(events.map(|event| event["object"].clone())).filter(Value::is_object).collect()
}

/// A watch that deletes them.
fn deletions(objects: &[Value]) -> Vec<u8> {
    let lines = objects.iter().map(|object| json!({"type": "DELETED", "object": object}).to_string() + "\n");
    lines.collect::<String>().into_bytes()
}

fn workloads(objects: &[Value]) -> Vec<WorkloadRef> {
    let mut names = BTreeSet::new();
    for object in objects {
        let [namespace, name] =
            ["namespace", "name"].map(|field| object["metadata"][field].as_str().unwrap_or_default());
        names.insert((namespace, name));
    }
    let all = names.into_iter().take(16).flat_map(|(namespace, name)| {
        WorkloadKind::ALL.map(|kind| WorkloadRef { kind, namespace: namespace.to_owned(), name: name.to_owned() })
    });
    all.collect()
}
