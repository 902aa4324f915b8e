//! An object as the API server has it, whatever the definition that it was made by.

use std::sync::Arc;

use chrono::DateTime;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::TypeMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spec::{WorkloadAutoscaler, definition, wanted};
use super::status;
use super::time::time;
use crate::adapters::kubernetes::error::LONGEST;
use crate::domain::Timestamp;
use crate::plain_text::shortened;
use crate::ports::store::{NewAutoscaler, ObjectKey, ObjectRef, StoredAutoscaler};

/// The label with the id in the API.
pub const ID: &str = "ai-storage.io/autoscaling-id";

/// The annotation with the time when the autoscaler was last resumed.
pub(super) const RESUMED_AT: &str = "ai-storage.io/resumed-at";

/// An object. One that makes no sense must not keep the others from being read, so its parts are read one by one.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = WorkloadAutoscaler)]
pub(in super::super) struct Found {
    #[serde(flatten)]
    types: Option<TypeMeta>,
    metadata: ObjectMeta,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    spec: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    status: Value,
}

/// Why an object cannot be told from others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an object makes no sense: {0}")]
pub(in super::super) struct NoAutoscaler(String);

/// The object of a new autoscaler.
pub(in super::super) fn created(new: &NewAutoscaler) -> Found {
    Found {
        types: Some(TypeMeta::resource::<WorkloadAutoscaler>()),
        metadata: ObjectMeta {
            name: Some(new.key.name.clone()),
            namespace: Some(new.key.namespace.clone()),
            labels: Some([(ID.to_owned(), new.id.clone())].into()),
            ..ObjectMeta::default()
        },
        spec: definition(&new.wanted),
        status: Value::Null,
    }
}

impl Found {
    /// The autoscaler that it is.
    pub(in super::super) fn stored(self) -> Result<StoredAutoscaler, NoAutoscaler> {
        let Self { metadata, spec, status, .. } = self;
        let senseless = |what: &str| NoAutoscaler(what.to_owned());
        let name = metadata.name.ok_or_else(|| senseless("there is no name"))?;
        let namespace = metadata.namespace.ok_or_else(|| senseless("there is no namespace"))?;
        let key = ObjectKey { namespace, name };
        let senseless = |what: &str| NoAutoscaler(shortened(format!("{what} in {key}"), LONGEST));
        let uid: Arc<str> = metadata.uid.ok_or_else(|| senseless("there is no uid"))?.into();
        let version = metadata.resource_version.unwrap_or_default();
        // A version that is no number cannot be compared, and Kubernetes promises one.
        let number = version.parse().map_err(|_| senseless(&format!("resourceVersion {version:?} is no number")))?;
        let created_at = metadata.creation_timestamp.and_then(|at| moment(&at.0));
        let annotations = metadata.annotations.unwrap_or_default();
        Ok(StoredAutoscaler {
            version: number,
            generation: metadata.generation.unwrap_or_default(),
            created_at: created_at.ok_or_else(|| senseless("there is no creationTimestamp"))?,
            id: metadata.labels.and_then(|mut labels| labels.remove(ID)).filter(|id| !id.is_empty()),
            wanted: wanted(spec, &key.namespace),
            resumed_at: annotations.get(RESUMED_AT).and_then(|text| time(text)),
            saved: status::saved(status).map(Arc::new),
            object: ObjectRef { key, uid },
        })
    }

    /// The definition as it is now.
    pub(in super::super) fn spec(&self) -> &Value {
        &self.spec
    }
}

fn moment(at: &k8s_openapi::jiff::Timestamp) -> Option<Timestamp> {
    DateTime::from_timestamp_nanos(i64::try_from(at.as_nanosecond()).ok()?).into()
}
