//! Where autoscalers are kept: as objects in Kubernetes, or in memory.

use std::sync::Arc;

use futures_util::stream::BoxStream;

use super::{ClusterError, PortFuture};
use crate::domain::Timestamp;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{ScalingRules, WorkloadRef};
use crate::domain::saved::SavedStatus;

/// The name of an autoscaler's object. The namespace is the workload's, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The namespace.
    pub namespace: String,
    /// The name; `hpa_name` in the API.
    pub name: String,
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One object, and no other of the same name before or after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// Its name.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: Arc<str>,
}

/// An autoscaler as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAutoscaler {
    /// Which object.
    pub object: ObjectRef,
    /// Grows with every change of the object.
    pub version: u64,
    /// Grows with every change of what is wanted.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its id in the API; `None` for an object that somebody made by hand.
    pub id: Option<String>,
    /// What is wanted; or why that is not valid, in the API's sentences.
    pub wanted: Result<Wanted, String>,
    /// Who made it; `None` when nobody knows.
    pub created_by: Option<CallerName>,
    /// Who made of it what it is now; `None` when nobody knows.
    pub changed_by: Option<CallerName>,
    /// Who made its rules; `None` when nobody knows.
    pub rules_by: Option<CallerName>,
    /// When it was last resumed, if that was asked for: whoever it has yielded to is forgotten then.
    pub resumed_at: Option<Timestamp>,
    /// What was written of it last; `None` before the first time, or when that makes no sense.
    pub saved: Option<Arc<SavedStatus>>,
}

/// What is wanted of an autoscaler.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The workload.
    pub workload: WorkloadRef,
    /// How it is to be scaled.
    pub rules: ScalingRules,
    /// Whether it is paused.
    pub paused: bool,
}

/// An autoscaler that is to be kept from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAutoscaler {
    /// The name of its object.
    pub key: ObjectKey,
    /// Its id in the API.
    pub id: String,
    /// What is wanted.
    pub wanted: Wanted,
    /// Who wants it, if that is known.
    pub by: Option<CallerName>,
}

/// A change of what is kept; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Other rules.
    pub rules: Option<ScalingRules>,
    /// Whether it is paused.
    pub paused: Option<bool>,
    /// It is resumed now.
    pub resumed_at: Option<Timestamp>,
    /// Its id in the API.
    pub id: Option<String>,
    /// Who wants the change, if that is known.
    pub by: Option<CallerName>,
}

/// Why something was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is an object of this name already.
    #[error("the object exists already")]
    AlreadyExists,
    /// It was changed by somebody else meanwhile.
    #[error("the object was changed by somebody else meanwhile")]
    Changed,
    /// It does not exist any more.
    #[error("the object does not exist any more")]
    Gone,
    /// It is not allowed, by the schema or by an admission policy; the message is the API server's own.
    #[error("{0}")]
    Refused(String),
    /// The store does not answer as it should.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// Keeps autoscalers. What it has acknowledged is not lost.
pub trait AutoscalerStore: Send + Sync {
    /// Keeps a new one.
    fn create(&self, new: NewAutoscaler) -> PortFuture<Result<StoredAutoscaler, StoreError>>;

    /// Reads one as it is now, not as a watch saw it last.
    fn get(&self, key: &ObjectKey) -> PortFuture<Result<StoredAutoscaler, StoreError>>;

    /// Changes one, provided that what is wanted of it is still of `generation`. Changes of its status in between do not
    /// matter.
    fn change(
        &self,
        object: &ObjectRef,
        generation: i64,
        change: Change,
    ) -> PortFuture<Result<StoredAutoscaler, StoreError>>;

    /// Forgets one.
    fn delete(&self, object: &ObjectRef) -> PortFuture<Result<(), StoreError>>;

    /// Writes the status of one, provided that nothing of it was changed since `version`. Returns its new version.
    fn save(&self, object: &ObjectRef, version: u64, status: Arc<SavedStatus>) -> PortFuture<Result<u64, StoreError>>;

    /// Whether statuses are kept. Where they are not, nobody needs to write any.
    fn keeps_status(&self) -> bool;

    /// Why what is kept is not known at present, if it is not.
    fn fault(&self) -> Option<String>;
}

/// What a store tells of its own accord, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreEvent {
    /// All that there are: what is not among them does not exist any more.
    Listed(Vec<StoredAutoscaler>),
    /// One was made or changed.
    Changed(Box<StoredAutoscaler>),
    /// One does not exist any more.
    Deleted(ObjectRef),
}

/// What a store tells; it ends with the service.
pub type StoreEvents = BoxStream<'static, StoreEvent>;
