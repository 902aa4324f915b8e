//! An object as the API server has it, whatever the definition that it was made by.

use std::collections::BTreeMap;
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
use crate::domain::access::CallerName;
use crate::plain_text::shortened;
use crate::ports::store::{NewAutoscaler, ObjectKey, ObjectRef, StoredAutoscaler};

/// The label with the id in the API.
pub const ID: &str = "ai-storage.io/autoscaling-id";

/// The annotation with the time when the autoscaler was last resumed.
pub(super) const RESUMED_AT: &str = "ai-storage.io/resumed-at";

/// The annotation with the name of who made the autoscaler through the API.
pub(super) const CREATED_BY: &str = "ai-storage.io/created-by";

/// The annotation with who changed it last through the API, after the generation that came of it: of another generation,
/// which somebody made by another way, they are not the author.
pub(super) const CHANGED_BY: &str = "ai-storage.io/changed-by";

/// The annotation with who made its rules through the API, after the last generation of which that is known.
pub(super) const RULES_BY: &str = "ai-storage.io/rules-by";

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
            annotations: new.by.as_ref().map(|by| [(CREATED_BY.to_owned(), by.to_string())].into()),
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
            changed_by: author(&annotations, CHANGED_BY, metadata.generation.unwrap_or_default()),
            rules_by: author(&annotations, RULES_BY, metadata.generation.unwrap_or_default()),
            created_by: annotations.get(CREATED_BY).map(|name| name.as_str().into()),
            resumed_at: annotations.get(RESUMED_AT).and_then(|text| time(text)),
            saved: status::saved(status).map(Arc::new),
            object: ObjectRef { key, uid },
        })
    }

    /// Whether somebody has deleted it, and it is only there until others have done something about that (finalizers).
    pub(in super::super) fn is_ending(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// The definition as it is now.
    pub(in super::super) fn spec(&self) -> &Value {
        &self.spec
    }
}

/// Whom an annotation names as the author of this generation.
fn author(annotations: &BTreeMap<String, String>, annotation: &str, generation: i64) -> Option<CallerName> {
    let changed = annotations.get(annotation).and_then(|text| text.split_once(' '));
    match changed {
        Some((of, name)) if of.parse() == Ok(generation) => Some(name.into()),
        // As it was made.
        _ if generation == 1 => annotations.get(CREATED_BY).map(|name| name.as_str().into()),
        _ => None,
    }
}

/// The annotation of a change that makes this generation.
pub(super) fn authorship(by: &str, generation: i64) -> String {
    format!("{generation} {by}")
}

fn moment(at: &k8s_openapi::jiff::Timestamp) -> Option<Timestamp> {
    DateTime::from_timestamp_nanos(i64::try_from(at.as_nanosecond()).ok()?).into()
}
