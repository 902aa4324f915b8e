//! The admission policy is in nobody's way who changes nothing of what is scaled.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::callers::Caller;
use super::stage::{SHOP, object, stage};
use super::waiting::eventually;
use crate::cluster::cluster;
use crate::definitions::objects;

async fn owner(name: &str) -> OwnerReference {
    let owners = Api::<ConfigMap>::namespaced(cluster().client().await, SHOP);
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let owner = ConfigMap { metadata, ..ConfigMap::default() };
    let owner = owners.create(&PostParams::default(), &owner).await.unwrap();
    OwnerReference { block_owner_deletion: Some(true), ..owner.owner_ref(&()).unwrap() }
}

/// Makes an object that has an owner.
async fn owned(name: &str, owner: OwnerReference) {
    let mut new = object(name, "Deployment", "collected");
    new.metadata.owner_references = Some(vec![owner]);
    objects(cluster().client().await, SHOP).create(&PostParams::default(), &new).await.unwrap();
}

#[tokio::test]
async fn the_garbage_collector_takes_owners_away_and_what_they_own() {
    stage().await;
    let client = cluster().client().await;
    let (all, owners) = (objects(client.clone(), SHOP), Api::<ConfigMap>::namespaced(client, SHOP));
    let is_gone = async |name: &str| all.get_opt(name).await.unwrap().is_none();
    owned("orphaned", owner("orphaned").await).await;
    owned("inherited", owner("inherited").await).await;
    // The collector looks for new kinds now and then only. It knows the two when it has seen one that came after them: that
    // one's owner does not exist.
    let nobody = OwnerReference { uid: "0".to_owned(), name: "nobody".to_owned(), ..owner("somebody").await };
    owned("left-over", nobody).await;
    eventually("what has no owner is gone", async || is_gone("left-over").await).await;

    let orphaning = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    owners.delete("orphaned", &orphaning).await.unwrap();
    owners.delete("inherited", &DeleteParams::foreground()).await.unwrap();
    eventually("what it owned is gone", async || is_gone("inherited").await).await;
    eventually("the other has no owner any more", async || {
        all.get("orphaned").await.unwrap().owner_references().is_empty()
    })
    .await;
    all.delete("orphaned", &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_namespace_with_autoscalers_in_it_can_be_deleted() {
    stage().await;
    let client = cluster().client().await;
    let name = "access-gone";
    cluster().kubectl(&["create", "namespace", name]);
    let mut kept = object("kept", "Deployment", "web");
    // Something has to be done before it may go.
    kept.metadata.finalizers = Some(vec!["example.com/backup".to_owned()]);
    let all = objects(client.clone(), name);
    all.create(&PostParams::default(), &kept).await.unwrap();
    let namespaces = Api::<Namespace>::all(client);
    namespaces.delete(name, &DeleteParams::default()).await.unwrap();
    eventually("it is to be deleted", async || all.get("kept").await.unwrap().metadata.deletion_timestamp.is_some())
        .await;
    let done = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    all.patch("kept", &PatchParams::default(), &done).await.unwrap();
    eventually("the namespace is gone", async || namespaces.get_opt(name).await.unwrap().is_none()).await;
}

#[tokio::test]
async fn a_tool_that_applies_manifests_again_and_again_is_let_through() {
    let stage = stage().await;
    let all = objects(stage.kubernetes(Caller::Editor).await, SHOP);
    let mut manifest = object("applied", "Deployment", "collected");
    let applying = PatchParams::apply("gitops").force();
    for round in 0..3 {
        manifest.metadata.labels = Some([("round".to_owned(), round.to_string())].into());
        manifest.data["spec"]["max_replicas"] = json!(3 + round);
        all.patch("applied", &applying, &Patch::Apply(&manifest)).await.unwrap();
    }
    // Somebody who may not scale may still say to whom it belongs, and end it.
    let writer = objects(stage.kubernetes(Caller::Writer).await, SHOP);
    let label = Patch::Merge(json!({"metadata": {"labels": {"round": "last"}}}));
    writer.patch("applied", &PatchParams::default(), &label).await.unwrap();
    let change = Patch::Merge(json!({"spec": {"max_replicas": 9}}));
    let refused = writer.patch("applied", &PatchParams::default(), &change).await.unwrap_err().to_string();
    let user = Caller::Writer.user();
    let says = format!("{user} may not update deployments/scale \"collected\" in namespace \"{SHOP}\"");
    assert!(refused.contains(&says) && refused.contains("the role \"edit\" has"), "{refused}");
    writer.delete("applied", &DeleteParams::default()).await.unwrap();
    let left = all.list(&ListParams::default()).await.unwrap();
    assert!(left.iter().all(|object| object.name_any() != "applied"));
}
