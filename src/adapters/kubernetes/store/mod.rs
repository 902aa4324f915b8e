//! Autoscalers as objects of a cluster.

mod failure;
mod watching;

use std::sync::Arc;

use futures_util::FutureExt;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};

use self::failure::{Sent, store_error};
pub(super) use self::watching::Watching;
use super::calls::Calls;
use super::custom_resource::{Found, NoAutoscaler, changed, created, written};
use super::scale::FIELD_MANAGER;
use super::watched::Watched;
use crate::domain::saved::SavedStatus;
use crate::ports::store::{AutoscalerStore, Change, NewAutoscaler, ObjectKey, ObjectRef, StoreError, StoredAutoscaler};
use crate::ports::{ClusterError, PortFuture};

/// How often a change is tried at most when the object's status is written at the same time.
const TRIES: usize = 5;

/// Keeps autoscalers as objects.
pub(super) struct KubernetesStore {
    calls: Calls,
    watched: Arc<Watched<()>>,
}

impl KubernetesStore {
    pub(super) fn new(calls: Calls, watched: Arc<Watched<()>>) -> Self {
        Self { calls, watched }
    }

    fn objects(&self, namespace: &str) -> Objects {
        Objects { calls: self.calls.clone(), api: Api::namespaced(self.calls.client(), namespace) }
    }
}

impl AutoscalerStore for KubernetesStore {
    fn create(&self, new: NewAutoscaler) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        let objects = self.objects(&new.key.namespace);
        async move { objects.create(&created(&new)).await }.boxed()
    }

    fn get(&self, key: &ObjectKey) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        let (objects, name) = (self.objects(&key.namespace), key.name.clone());
        async move { stored(objects.calls.limited(objects.get(&name)).await?) }.boxed()
    }

    fn change(
        &self,
        object: &ObjectRef,
        generation: i64,
        change: Change,
    ) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        let (objects, object) = (self.objects(&object.key.namespace), object.clone());
        async move { objects.calls.limited(objects.change(&object, generation, &change)).await }.boxed()
    }

    fn delete(&self, object: &ObjectRef) -> PortFuture<Result<(), StoreError>> {
        let (objects, object) = (self.objects(&object.key.namespace), object.clone());
        async move { objects.calls.limited(objects.delete(&object)).await }.boxed()
    }

    fn save(&self, object: &ObjectRef, version: u64, status: Arc<SavedStatus>) -> PortFuture<Result<u64, StoreError>> {
        let (objects, object) = (self.objects(&object.key.namespace), object.clone());
        async move { objects.calls.limited(objects.save(&object, version, &status)).await }.boxed()
    }

    fn keeps_status(&self) -> bool {
        true
    }

    fn fault(&self) -> Option<String> {
        self.watched.fault().map(|(resource, why)| format!("the {resource} of the cluster {why}"))
    }
}

/// The objects of one namespace.
struct Objects {
    calls: Calls,
    api: Api<Found>,
}

fn stored(found: Found) -> Result<StoredAutoscaler, StoreError> {
    found.stored().map_err(senseless)
}

fn senseless(why: NoAutoscaler) -> StoreError {
    ClusterError::Unavailable(format!("the API server's answer makes no sense: {why}")).into()
}

fn patching() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

impl Objects {
    async fn create(&self, object: &Found) -> Result<StoredAutoscaler, StoreError> {
        let creating = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let call = async { self.api.create(&creating, object).await.map_err(|error| store_error(error, Sent::New)) };
        stored(self.calls.limited(call).await?)
    }

    async fn get(&self, name: &str) -> Result<Found, StoreError> {
        let found: Found = self.api.get(name).await.map_err(|error| store_error(error, Sent::Name))?;
        // Nobody wants it any more, whatever still keeps it.
        if found.is_ending() { Err(StoreError::Gone) } else { Ok(found) }
    }

    /// What is wanted may only be changed by who has seen it; that its status is written meanwhile does not matter.
    async fn change(
        &self,
        object: &ObjectRef,
        generation: i64,
        change: &Change,
    ) -> Result<StoredAutoscaler, StoreError> {
        for _ in 0..TRIES {
            let found = self.get(&object.key.name).await?;
            let spec = found.spec().clone();
            let now = stored(found)?;
            if now.object.uid != object.uid {
                return Err(StoreError::Gone);
            }
            if now.generation != generation {
                return Err(StoreError::Changed);
            }
            let Some(patch) = changed(&spec, &now, change) else { return Ok(now) };
            let patch = Patch::Merge(seen(patch, object, now.version));
            match self.api.patch(&object.key.name, &patching(), &patch).await {
                Ok(found) => return stored(found),
                Err(error) => match store_error(error, Sent::Name) {
                    StoreError::Changed => {}
                    error => return Err(error),
                },
            }
        }
        Err(StoreError::Changed)
    }

    async fn delete(&self, object: &ObjectRef) -> Result<(), StoreError> {
        let preconditions = Preconditions { uid: Some(object.uid.to_string()), resource_version: None };
        let deleting = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.api.delete(&object.key.name, &deleting).await {
            Ok(_) => Ok(()),
            // The only precondition is that it is this object.
            Err(error) => Err(match store_error(error, Sent::Name) {
                StoreError::Changed => StoreError::Gone,
                error => error,
            }),
        }
    }

    async fn save(&self, object: &ObjectRef, version: u64, status: &SavedStatus) -> Result<u64, StoreError> {
        let patch = Patch::Merge(seen(json!({ "status": written(status) }), object, version));
        let saved = self.api.patch_status(&object.key.name, &patching(), &patch).await;
        Ok(stored(saved.map_err(|error| store_error(error, Sent::Name))?)?.version)
    }
}

/// A patch of the object that was seen, and of no other version of it.
fn seen(mut patch: Value, object: &ObjectRef, version: u64) -> Value {
    patch["metadata"]["uid"] = (*object.uid).into();
    patch["metadata"]["resourceVersion"] = version.to_string().into();
    patch
}
