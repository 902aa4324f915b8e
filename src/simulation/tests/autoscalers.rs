//! What the service needs of a production cluster besides workloads: its own objects, a Lease, and Events.

use futures_util::StreamExt;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, DynamicObject, PostParams, Preconditions, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind, ObjectMeta};

use super::*;

fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("ai-storage.io", "v1alpha1", "WorkloadAutoscaler"))
}

fn autoscalers(cluster: &SimulatedCluster) -> Api<DynamicObject> {
    Api::namespaced_with(cluster.client(), "default", &resource())
}

fn autoscaler(name: &str) -> DynamicObject {
    let spec = json!({ "spec": { "workload_name": name, "min_replicas": 1 }, "status": { "status": "invented" } });
    DynamicObject::new(name, &resource()).data(spec)
}

/// A cluster that knows autoscalers, and has one.
async fn with_one() -> (SimulatedCluster, DynamicObject) {
    let cluster = cluster([]);
    cluster.install_autoscalers();
    let made = autoscalers(&cluster).create(&PostParams::default(), &autoscaler("web")).await.unwrap();
    (cluster, made)
}

fn merge(patch: Value) -> Patch<Value> {
    Patch::Merge(patch)
}

fn version(object: &DynamicObject) -> String {
    object.metadata.resource_version.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn autoscalers_are_unknown_until_they_are_installed() {
    let cluster = cluster([]);
    assert_eq!(refusal(autoscalers(&cluster).list(&ListParams::default()).await).message, "404 page not found");
    cluster.install_autoscalers();
    assert!(autoscalers(&cluster).list(&ListParams::default()).await.unwrap().items.is_empty());
    let group = cluster.client().list_api_group_resources("ai-storage.io/v1alpha1").await.unwrap().resources;
    let names: Vec<_> = group.iter().map(|resource| resource.name.as_str()).collect();
    assert_eq!(names, ["workloadautoscalers", "workloadautoscalers/status"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_is_made_with_what_only_the_server_knows_and_without_a_status() {
    let (cluster, made) = with_one().await;
    assert_eq!(made.metadata.generation, Some(1));
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());
    assert_eq!((&made.data["spec"]["workload_name"], &made.data["status"]), (&json!("web"), &Value::Null));
    assert_eq!(made.types.as_ref().unwrap().kind, "WorkloadAutoscaler");
    let listed = autoscalers(&cluster).list(&ListParams::default()).await.unwrap().items;
    assert_eq!(listed, [made]);

    let api = autoscalers(&cluster);
    let again = refusal(api.create(&PostParams::default(), &autoscaler("web")).await);
    assert_eq!((again.code, again.reason.as_str()), (409, "AlreadyExists"));
    assert_eq!(again.message, "workloadautoscalers.ai-storage.io \"web\" already exists");
    let nowhere: Api<DynamicObject> = Api::namespaced_with(cluster.client(), "nowhere", &resource());
    let nowhere = refusal(nowhere.create(&PostParams::default(), &autoscaler("web")).await);
    assert_eq!((nowhere.code, nowhere.message.as_str()), (404, "namespaces \"nowhere\" not found"));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    api.create(&dry, &autoscaler("other")).await.unwrap();
    assert_eq!(refusal(api.get("other").await).code, 404);
}

#[tokio::test(start_paused = true)]
async fn spec_and_status_are_changed_apart_and_only_the_spec_makes_a_generation() {
    let (cluster, made) = with_one().await;
    let (api, params) = (autoscalers(&cluster), PatchParams::default());
    let patch = merge(json!({ "spec": { "min_replicas": 2 }, "status": { "status": "active" } }));
    let changed = api.patch("web", &params, &patch).await.unwrap();
    assert_eq!((changed.metadata.generation, &changed.data["status"]), (Some(2), &Value::Null));

    let seen = json!({ "uid": made.metadata.uid, "resourceVersion": version(&changed), "labels": { "a": "b" } });
    let patch = json!({ "metadata": seen, "spec": { "min_replicas": 9 }, "status": { "status": "active" } });
    let told = api.patch_status("web", &params, &merge(patch.clone())).await.unwrap();
    assert_eq!((told.metadata.generation, &told.metadata.labels), (Some(2), &None));
    assert_eq!((&told.data["spec"]["min_replicas"], &told.data["status"]["status"]), (&json!(2), &json!("active")));
    assert_ne!(version(&told), version(&changed));

    let late = refusal(api.patch_status("web", &params, &merge(patch)).await);
    assert_eq!((late.code, late.reason.as_str()), (409, "Conflict"), "the version is that of before");
    let other = json!({ "metadata": { "uid": "another" }, "status": { "status": "failed" } });
    assert_eq!(refusal(api.patch_status("web", &params, &merge(other.clone())).await).code, 409);
    assert_eq!(refusal(api.patch_status("absent", &params, &merge(other)).await).code, 404);
    let nothing = api.patch("web", &params, &merge(json!({ "spec": { "min_replicas": 2 } }))).await.unwrap();
    assert_eq!(version(&nothing), version(&told), "what changes nothing makes no version");
}

#[tokio::test(start_paused = true)]
async fn an_object_is_deleted_only_if_it_is_the_one_that_is_meant() {
    let (cluster, made) = with_one().await;
    let api = autoscalers(&cluster);
    let meant = |uid: Option<String>| DeleteParams {
        preconditions: Some(Preconditions { uid, resource_version: None }),
        ..DeleteParams::default()
    };
    assert_eq!(refusal(api.delete("web", &meant(Some("another".to_owned()))).await).code, 409);
    let deleted = api.delete("web", &meant(made.metadata.uid)).await.unwrap().right().unwrap();
    assert_eq!(deleted.details.unwrap().name, "web");
    assert_eq!(refusal(api.delete("web", &DeleteParams::default()).await).code, 404);
}

#[tokio::test(start_paused = true)]
async fn objects_are_watched() {
    let (cluster, made) = with_one().await;
    let api: Api<DynamicObject> = Api::all_with(cluster.client(), &resource());
    let mut events = api.watch(&WatchParams::default(), &version(&made)).await.unwrap().boxed();
    let patch = merge(json!({ "status": { "status": "active" } }));
    autoscalers(&cluster).patch_status("web", &PatchParams::default(), &patch).await.unwrap();
    let Some(Ok(WatchEvent::Modified(changed))) = events.next().await else { panic!("it was changed") };
    assert_eq!(changed.data["status"]["status"], "active");
    autoscalers(&cluster).delete("web", &DeleteParams::default()).await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(WatchEvent::Deleted(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_made_once_and_replaced_only_by_who_has_seen_it() {
    let cluster = cluster([]);
    let api: Api<Lease> = Api::namespaced(cluster.client(), "kube-system");
    assert!(api.get_opt("leader").await.unwrap().is_none());
    let held_by = |holder: &str| LeaseSpec { holder_identity: Some(holder.to_owned()), ..LeaseSpec::default() };
    let new = Lease {
        metadata: ObjectMeta { name: Some("leader".to_owned()), ..ObjectMeta::default() },
        spec: Some(held_by("one")),
    };
    let made = api.create(&PostParams::default(), &new).await.unwrap();
    assert_eq!(made.metadata.generation, None, "Leases have none");
    assert_eq!(refusal(api.create(&PostParams::default(), &new).await).reason, "AlreadyExists");

    let taken = Lease { spec: Some(held_by("two")), ..made.clone() };
    let replaced = api.replace("leader", &PostParams::default(), &taken).await.unwrap();
    assert_eq!(replaced.spec, taken.spec);
    assert_ne!(replaced.metadata.resource_version, made.metadata.resource_version);
    assert_eq!(refusal(api.replace("leader", &PostParams::default(), &made).await).code, 409);
    assert_eq!(api.get("leader").await.unwrap(), replaced);
}

#[tokio::test(start_paused = true)]
async fn events_are_accepted_and_forgotten() {
    let cluster = cluster([]);
    let api: Api<Event> = Api::namespaced(cluster.client(), "default");
    let named = ObjectMeta { name: Some("web.1".to_owned()), ..ObjectMeta::default() };
    let event = Event { metadata: named, note: Some("scaled".to_owned()), ..Event::default() };
    let made = api.create(&PostParams::default(), &event).await.unwrap();
    assert_eq!((made.note.as_deref(), made.metadata.uid.is_some()), (Some("scaled"), true));
    let again = merge(json!({ "series": { "count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z" } }));
    let again = api.patch("web.1", &PatchParams::default(), &again).await.unwrap();
    assert_eq!(again.series.unwrap().count, 2);
    assert_eq!(refusal(api.list(&ListParams::default()).await).code, 405);
}
