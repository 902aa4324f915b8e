//! The messages of the actor system, by receiver.

use std::sync::Arc;

use actix::Message;

use super::collectors::gpu_table::GpuTable;
use super::snapshot::AutoscalerRecord;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{RequestedAutoscaler, ScalingRules};
use crate::ports::store::{ObjectKey, ObjectRef, StoreError, StoreEvent};
use crate::ports::{ClusterError, ResolveError, UsageTable};

/// To the registry, from a client: put a workload under autoscaling.
#[derive(Debug, Message)]
#[rtype(result = "Result<Created, CreateError>")]
pub struct Create {
    /// What is asked for.
    pub requested: RequestedAutoscaler,
    /// Who asks, if that is known; so in what follows.
    pub by: Option<CallerName>,
}

/// The answer to [`Create`].
#[derive(Clone, Debug)]
pub enum Created {
    /// There is a new autoscaler.
    New(Arc<AutoscalerRecord>),
    /// The same one existed already: a retry does no harm.
    Existing(Arc<AutoscalerRecord>),
}

/// Why there is no new autoscaler.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CreateError {
    /// The workload cannot be put under autoscaling.
    #[error(transparent)]
    Workload(#[from] ResolveError),
    /// The workload has an autoscaler with another definition.
    #[error(
        "{workload} already has the autoscaler {id} with another definition; change that with PATCH, or delete it first"
    )]
    Exists {
        /// The existing one.
        id: String,
        /// The workload.
        workload: String,
    },
    /// The settings keep this service out of the namespace.
    #[error("namespace \"{0}\" is not open to autoscaling: see namespaces.allow and namespaces.deny in the settings")]
    NamespaceDenied(String),
    /// The service is stopping.
    #[error("the service is stopping; try again in a moment")]
    Stopping,
    /// An object of the name exists already, and is about another workload.
    #[error(
        "the object {0}, whose name this autoscaler would have, exists already and is no autoscaler of the workload"
    )]
    NameTaken(ObjectKey),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// To the registry, from a client: scale by other rules from now on. Once this is answered, nothing is scaled by the old
/// ones any more.
#[derive(Debug, Message)]
#[rtype(result = "Result<Arc<AutoscalerRecord>, UpdateError>")]
pub struct Update {
    /// Which autoscaler.
    pub id: String,
    /// The rules that the new ones were made from.
    pub expected: Arc<ScalingRules>,
    /// The new rules.
    pub rules: ScalingRules,
    /// Who asks.
    pub by: Option<CallerName>,
}

/// Why an autoscaler keeps its rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// It does not exist.
    #[error("there is no such autoscaler")]
    NotFound,
    /// Its rules are not the expected ones any more.
    #[error("the autoscaler was changed by somebody else meanwhile; try again")]
    Changed,
    /// It only observes, and is not to scale, because somebody else does or nobody knows.
    #[error(transparent)]
    Workload(#[from] ResolveError),
    /// They could not be kept.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for UpdateError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone => Self::NotFound,
            StoreError::Changed => Self::Changed,
            error => Self::Store(error),
        }
    }
}

/// To the registry, from a client: pause an autoscaler, or resume it. Once a pause is answered, it scales no more. The
/// answer is `None` when it does not exist.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<Arc<AutoscalerRecord>>, StoreError>")]
pub struct SetPaused {
    /// Which autoscaler.
    pub id: String,
    /// Its object: what has the id may be another one by now.
    pub object: ObjectRef,
    /// Whether it is to be paused.
    pub paused: bool,
    /// Who asks.
    pub by: Option<CallerName>,
}

/// To the registry, from a client: stop an autoscaler and forget it. Once this is answered, it scales no more.
/// The answer is whether it existed.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, StoreError>")]
pub struct Delete {
    /// Which autoscaler.
    pub id: String,
    /// Its object: what has the id may be another one by now.
    pub object: ObjectRef,
    /// Who asks.
    pub by: Option<CallerName>,
}

/// To the registry, from whoever wants to know how long messages wait for it: answered at once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Probe;

/// To the registry, from the application: finish the evaluations in hand and start nothing more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// To the registry, from an autoscaler's death notice.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct ActorGone {
    pub id: String,
    pub generation: u64,
    pub panicked: bool,
}

/// To the registry, from the store: what there is, or what has changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct StoreSays(pub StoreEvent);

/// To an autoscaler, from the registry: this replica acts from now on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Lead;

/// To an autoscaler, from the registry: the leader has written how it stands.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Followed;

/// To an autoscaler, from the registry: end as soon as the evaluation in hand is over.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

/// To an autoscaler, from the registry: something else is wanted of it. Answered when nothing happens by the old will any
/// more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct IntentChanged;

/// To an autoscaler, from the registry: answered when nothing happens by an earlier will any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Settle;

/// To an autoscaler: on the latest readings its last decision would be another one.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(super) struct ReadingsChanged;

/// The answer to [`GetUsage`].
pub type UsageResult = Result<Arc<UsageTable>, ClusterError>;

/// To the resource collector, from an autoscaler: what the pods of a namespace use.
#[derive(Clone, Debug, Message)]
#[rtype(result = "UsageResult")]
pub struct GetUsage {
    /// The namespace.
    pub namespace: String,
}

/// To the GPU collector, from an autoscaler: the GPUs of all nodes.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Arc<GpuTable>")]
pub struct GetGpus;
