//! Who did what is told wherever it can be looked up.

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use reqwest::Method;
use serde_json::{Value, json};

use super::callers::Caller;
use super::questions::ok;
use super::stage::{SHOP, created, request, stage};
use super::waiting::eventually;
use crate::cluster::cluster;
use crate::definitions::objects;

#[tokio::test]
async fn who_made_and_who_changed_an_autoscaler_is_written_down() {
    let stage = stage().await;
    let (alice, editor) = (stage.client(Caller::Alice), stage.client(Caller::Editor));
    let mut events = stage.client(Caller::Viewer).follow("/api/v1/events").await;
    let made = created(&alice, request(SHOP, "Deployment", "authored")).await;
    let path = format!("/api/v1/autoscaling/{}", made.id);
    ok(editor.ask(Method::PATCH, &path, Some(&json!({"max_replicas": 4}))).await);
    let (first, second) = (json!(Caller::Alice.user()), json!(Caller::Editor.user()));

    let shown = ok(editor.get(&path).await);
    assert_eq!((&shown["details"]["created_by"], &shown["details"]["changed_by"]), (&first, &second), "{shown:#}");
    let object = objects(cluster().client().await, SHOP).get(&made.object).await.unwrap();
    let annotations = object.metadata.annotations.unwrap();
    assert_eq!(annotations["ai-storage.io/created-by"], Caller::Alice.user());
    assert_eq!(annotations["ai-storage.io/changed-by"], format!("2 {}", Caller::Editor.user()));

    ok(editor.ask(Method::DELETE, &path, None).await);
    let mut told = Vec::new();
    while told.last().is_none_or(|(kind, _): &(Value, Value)| kind != "deleted") {
        let event = events.next().await.unwrap();
        if event.name == "action" && event.data["autoscaling_id"] == made.id {
            told.push((event.data["kind"].clone(), event.data["by"].clone()));
        }
    }
    let by = |kind: &str| told.iter().find(|(told, _)| told == kind).map(|(_, by)| by.clone());
    assert_eq!(
        (by("created"), by("updated"), by("deleted")),
        (Some(first), Some(second.clone()), Some(second)),
        "{told:?}"
    );

    let client = cluster().client().await;
    let notes = async |reason: &str| {
        let fields = ListParams::default().fields(&format!("reason={reason},regarding.name=authored"));
        let found = Api::<Event>::namespaced(client.clone(), SHOP).list(&fields).await.unwrap();
        found.items.into_iter().filter_map(|event| event.note).collect::<Vec<_>>()
    };
    for (reason, caller) in [
        ("AutoscalerCreated", Caller::Alice),
        ("AutoscalerUpdated", Caller::Editor),
        ("AutoscalerDeleted", Caller::Editor),
    ] {
        let by = format!("by {}", caller.user());
        eventually(reason, async || {
            notes(reason).await.iter().any(|note| note.contains(&by) && note.contains(&made.id))
        })
        .await;
    }
    for (what, caller) in [
        ("is under autoscaling from now on", Caller::Alice),
        ("is scaled by other rules from now on", Caller::Editor),
        ("is not under autoscaling any more", Caller::Editor),
    ] {
        let lines = stage.service.logged(&made.id);
        let told = format!("{what} (by {})", caller.user());
        assert!(lines.iter().any(|line| line.contains(&told)), "{told}: {lines:#?}");
    }
}
