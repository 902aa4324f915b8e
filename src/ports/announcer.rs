//! Tells the cluster's people what happens, where they look: in the Events of the objects that it happens to.

use crate::domain::autoscaler::WorkloadRef;
use crate::ports::store::ObjectRef;

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The workload that it is about, and its uid when that is known.
    pub workload: (WorkloadRef, Option<std::sync::Arc<str>>),
    /// The autoscaler's object, where autoscalers are objects.
    pub object: Option<ObjectRef>,
    /// Whether something is wrong.
    pub warning: bool,
    /// In one word, for instance `SuccessfulRescale`.
    pub reason: &'static str,
    /// What was done, in one word, for instance `Scale`.
    pub action: &'static str,
    /// What happened, as a sentence.
    pub note: String,
}

/// Tells people. It never waits: what cannot be told in time is dropped and counted.
pub trait Announcer: Send + Sync {
    /// Tells.
    fn announce(&self, announcement: Announcement);
}

/// Tells nobody.
#[derive(Debug)]
pub struct Silent;

impl Announcer for Silent {
    fn announce(&self, _: Announcement) {}
}
